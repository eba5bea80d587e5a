//! How a run reaches tools.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What one run may ask of the outside. There is one value for each run, so an implementation can hold the run's
/// tenant, its tool filter and its audit context.
///
/// Dropping the future cancels the call upstream: a run that ends takes its calls with it.
pub trait ToolHost: Send + Sync + 'static {
    /// Starts `request`; the future is driven on the engine's tokio runtime.
    fn call(&self, request: ToolRequest) -> ToolFuture;
}

/// The answer to a [`ToolRequest`]: JSON text, or why there is none.
pub type ToolFuture = Pin<Box<dyn Future<Output = Result<Vec<u8>, ToolFailure>> + Send>>;

/// One request of a script to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    /// The server's exact name, as in [`Catalogue`](crate::Catalogue); aliases are resolved before.
    pub server: String,
    /// What is asked.
    pub operation: Operation,
    /// When to give up, counted from sending.
    pub timeout: Duration,
}

/// What is asked of a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Operation {
    /// `env.server.tool(args)`: the answer is the unwrapped value (structured content, else text), as JSON.
    Call {
        /// Exact name of the tool.
        tool: String,
        /// A JSON object, serialised.
        arguments: String,
    },
    /// `env.server.$raw(tool, args)`: the answer is the whole MCP result, as JSON, `isError` included.
    RawCall {
        /// Exact name of the tool.
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
        /// A JSON object of strings, serialised.
        arguments: String,
    },
}

impl Operation {
    /// What the script chose: a name, and JSON text or nothing.
    pub(crate) fn carries(&self) -> (&str, &str) {
        match self {
            Self::Call { tool: name, arguments }
            | Self::RawCall { tool: name, arguments }
            | Self::GetPrompt { name, arguments } => (name, arguments),
            Self::ReadResource { uri } => (uri, ""),
            Self::ListTools | Self::ListResources | Self::ListPrompts => ("", ""),
        }
    }

    /// The name under which the call is recorded: the tool's, or the `$` method's.
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

/// Why a call has no answer. The script sees it as `ToolError`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ToolFailure {
    /// For the reader of the script: the upstream's own words, or what happened to the upstream.
    pub message: String,
    /// What to do next, where there is something to say.
    pub hint: Option<String>,
    /// The whole MCP result as JSON, when the tool answered with `isError`.
    pub result: Option<Vec<u8>>,
}

impl ToolFailure {
    /// A failure with a message and nothing else.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, result: None }
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
