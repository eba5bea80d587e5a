//! The calls that callers make through the gate.

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Gate;
use super::admission::Operation;
use crate::audit::Summary;
use crate::caller::Caller;
use crate::connection::progress::ProgressSink;
use crate::error::CallError;
use crate::lock::DefinitionKind;
use crate::results::{Failed, ToolResult};
use crate::upstream::forward::Forward;
use crate::upstream::resource_watch::ResourceWatch;

impl Gate {
    /// Calls a tool. See [`Upstreams::call_tool_reporting`](crate::Upstreams::call_tool_reporting).
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn call_tool(
        &self,
        caller: &Caller,
        server: &str,
        tool: &str,
        arguments: &str,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<ToolResult, CallError> {
        let send =
            async |left| self.upstreams.call_tool_reporting(server, tool, arguments, left, progress).await;
        let ended = |result: &ToolResult| (Summary::of(result.raw_json_text().as_bytes()), result.is_error());
        self.run(caller, server, Operation::Tool(tool), arguments, timeout, send, ended).await
    }

    /// Lists the resources of a server. See
    /// [`Upstreams::list_resources`](crate::Upstreams::list_resources).
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn list_resources(
        &self,
        caller: &Caller,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let send = async |left| self.upstreams.list_resources(server, left).await;
        let listed =
            self.run(caller, server, Operation::Method("$resources"), "{}", timeout, send, bytes).await?;
        Ok(self.approved(server, DefinitionKind::Resource, listed))
    }

    /// Lists the resource templates of a server. See
    /// [`Upstreams::list_resource_templates`](crate::Upstreams::list_resource_templates). Rules
    /// treat them as its resources.
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn list_resource_templates(
        &self,
        caller: &Caller,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let send = async |left| self.upstreams.list_resource_templates(server, left).await;
        let listed =
            self.run(caller, server, Operation::Method("$resources"), "{}", timeout, send, bytes).await?;
        Ok(self.approved(server, DefinitionKind::Template, listed))
    }

    /// Passes a client's request through. See [`Upstreams::forward`](crate::Upstreams::forward).
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn forward(
        &self,
        caller: &Caller,
        server: &str,
        request: Forward,
        timeout: Duration,
    ) -> Result<Box<RawValue>, CallError> {
        let (asked, arguments) = judged(&request);
        let asked = match &asked {
            Ok(tool) => Operation::Tool(tool),
            Err(operation) => Operation::Method(operation),
        };
        let send = async |left| self.upstreams.forward(server, request, left).await;
        self.run(caller, server, asked, &arguments, timeout, send, forwarded).await
    }

    /// Reads a resource. See [`Upstreams::read_resource`](crate::Upstreams::read_resource).
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn read_resource(
        &self,
        caller: &Caller,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let arguments = json!({ "uri": uri }).to_string();
        let send = async |left| self.upstreams.read_resource(server, uri, left).await;
        self.run(caller, server, Operation::Method("$readResource"), &arguments, timeout, send, bytes).await
    }

    /// Subscribes to a resource. See
    /// [`Upstreams::watch_resource`](crate::Upstreams::watch_resource). Rules treat it as reading
    /// the resource, which is what follows a change.
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn watch_resource(
        &self,
        caller: &Caller,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<ResourceWatch, CallError> {
        let arguments = json!({ "uri": uri }).to_string();
        let send = async |left| self.upstreams.watch_resource(server, uri, left).await;
        let ended = |_: &ResourceWatch| (Summary::of(b"{}"), false);
        self.run(caller, server, Operation::Method("$readResource"), &arguments, timeout, send, ended).await
    }

    /// Lists the prompts of a server. See
    /// [`Upstreams::list_prompts`](crate::Upstreams::list_prompts).
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn list_prompts(
        &self,
        caller: &Caller,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let send = async |left| self.upstreams.list_prompts(server, left).await;
        let listed =
            self.run(caller, server, Operation::Method("$prompts"), "{}", timeout, send, bytes).await?;
        Ok(self.approved(server, DefinitionKind::Prompt, listed))
    }

    /// Fills in a prompt. See [`Upstreams::get_prompt`](crate::Upstreams::get_prompt). Rules see
    /// `{"name": …, "arguments": {…}}`.
    ///
    /// # Errors
    /// The same, and [`CallError::Refused`].
    pub async fn get_prompt(
        &self,
        caller: &Caller,
        server: &str,
        name: &str,
        arguments: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        // Text that is not JSON becomes a JSON string, so that it cannot add keys; the upstream
        // refuses it.
        let given = match serde_json::from_str::<&RawValue>(arguments) {
            Ok(_) => arguments.to_owned(),
            Err(_) => Value::from(arguments).to_string(),
        };
        let judged = format!("{{\"name\":{},\"arguments\":{given}}}", Value::from(name));
        let send = async |left| self.upstreams.get_prompt(server, name, arguments, left).await;
        self.run(caller, server, Operation::Method("$getPrompt"), &judged, timeout, send, bytes).await
    }
}

/// Returns the tool that a client's request calls, or else its operation, and the arguments that
/// rules see.
fn judged(request: &Forward) -> (Result<String, String>, String) {
    let params = &request.params;
    let named = || params.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments =
        || params.get("arguments").filter(|given| !given.is_null()).cloned().unwrap_or_else(|| json!({}));
    let (operation, judged) = match request.method {
        "tools/call" => return (Ok(named().to_owned()), arguments().to_string()),
        "prompts/get" => ("$getPrompt".to_owned(), json!({ "name": named(), "arguments": arguments() })),
        "resources/read" => ("$readResource".to_owned(), json!({ "uri": params.get("uri") })),
        other => (format!("${other}"), Value::Object(params.clone())),
    };
    (Err(operation), judged.to_string())
}

#[allow(clippy::borrowed_box, reason = "it is the type that comes back")]
fn forwarded(result: &Box<RawValue>) -> (Summary, bool) {
    let failed = serde_json::from_str::<Failed>(result.get()).is_ok_and(|result| result.is_error);
    (Summary::of(result.get().as_bytes()), failed)
}

/// Lists and resources are JSON without a sign of failure.
fn bytes(answer: &impl AsRef<[u8]>) -> (Summary, bool) {
    (Summary::of(answer.as_ref()), false)
}
