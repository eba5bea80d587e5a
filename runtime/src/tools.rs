//! The trait by which a run reaches tools, its requests and failures.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The tools of one run. Each run has a value of its own, which can hold the run's tenant, its tool
/// filter and its audit context.
///
/// Dropping the future cancels the call upstream, so that a run that ends cancels its calls.
pub trait ToolHost: Send + Sync + 'static {
    /// Starts `request`. The future is polled on the engine's tokio runtime.
    fn call(&self, request: ToolRequest) -> ToolFuture;

    /// Returns the signature of a tool on one line, for errors about its name or its arguments:
    /// `` `env.demo.add(input: { a: number })` ``.
    fn signature(&self, _server: &str, _tool: &str) -> Option<String> {
        None
    }
}

/// The answer to a [`ToolRequest`]: JSON text, or the failure.
pub type ToolFuture = Pin<Box<dyn Future<Output = Result<Vec<u8>, ToolFailure>> + Send>>;

/// One request of a script to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    /// The server's exact name, as in [`Catalogue`](crate::Catalogue). Aliases have been resolved.
    pub server: String,
    /// The operation.
    pub operation: Operation,
    /// The timeout of the call.
    pub timeout: Duration,
}

/// An operation on a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Operation {
    /// `env.server.tool(args)`: the answer is the unwrapped value (structured content, else text),
    /// as JSON.
    Call {
        /// The exact name of the tool.
        tool: String,
        /// The arguments, a JSON object as text.
        arguments: String,
    },
    /// `env.server.$raw(tool, args)`: the answer is the whole MCP result, as JSON, `isError`
    /// included.
    RawCall {
        /// The exact name of the tool.
        tool: String,
        /// A JSON object, serialised.
        arguments: String,
    },
    /// `env.server.$tools()`: a JSON array of names.
    ListTools,
    /// `env.server.$resources()`: a JSON array of MCP resources.
    ListResources,
    /// `env.server.$readResource(uri)`: the MCP result.
    ReadResource {
        /// The resource's URI.
        uri: String,
    },
    /// `env.server.$prompts()`: a JSON array of MCP prompts.
    ListPrompts,
    /// `env.server.$getPrompt(name, args)`: the MCP result.
    GetPrompt {
        /// The prompt's name.
        name: String,
        /// The arguments, a JSON object of strings as text.
        arguments: String,
    },
}

impl Operation {
    /// Returns the name and the JSON text that the script chose.
    pub(crate) fn carries(&self) -> (&str, &str) {
        match self {
            Self::Call { tool: name, arguments }
            | Self::RawCall { tool: name, arguments }
            | Self::GetPrompt { name, arguments } => (name, arguments),
            Self::ReadResource { uri } => (uri, ""),
            Self::ListTools | Self::ListResources | Self::ListPrompts => ("", ""),
        }
    }

    /// Returns the name in the record of the call: the tool's, or the `$` method's.
    pub fn label(&self) -> &str {
        match self {
            Self::Call { tool, .. } | Self::RawCall { tool, .. } => tool,
            Self::ListTools => "$tools",
            Self::ListResources => "$resources",
            Self::ReadResource { .. } => "$readResource",
            Self::ListPrompts => "$prompts",
            Self::GetPrompt { .. } => "$getPrompt",
        }
    }
}

/// The failure of a call. The script gets it as a `ToolError`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ToolFailure {
    /// The message: the upstream's own, or a description of the failure.
    pub message: String,
    /// Advice.
    pub hint: Option<String>,
    /// The whole MCP result as JSON, if the tool answered with `isError`.
    pub result: Option<Vec<u8>>,
    /// `code` and, if present, `data` of a JSON-RPC error, as a JSON object.
    pub error: Option<Vec<u8>>,
}

impl ToolFailure {
    /// Returns a failure with a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, result: None, error: None }
    }

    /// Returns the same failure with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
