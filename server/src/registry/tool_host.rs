//! The host of a run: checks which tools the run may use, calls them, and turns results and errors
//! into what the script gets.

use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::{CallError, Caller, ToolResult};
use isolet_runtime::{Catalogue, Operation, ToolFailure, ToolFuture, ToolHost, ToolRequest};
use tokio::time::Instant;

use super::live::Registry;
use super::run_view::RunView;
use super::tool_filter::AliasedName;
use crate::token_savings::TokenMeter;

/// The length of the `data` of a JSON-RPC error that a script gets.
const MAX_ERROR_DATA_BYTES: usize = 64 * 1024;

/// The host of one run. The filter is enforced here even though the engine shows the script only
/// what the filter allows: a runner that was compromised can send any request.
pub(super) struct RunHost {
    registry: Arc<Registry>,
    view: Arc<RunView>,
    caller: Caller,
    meter: Option<Arc<TokenMeter>>,
}

impl RunHost {
    pub(super) fn new(
        registry: Arc<Registry>,
        view: Arc<RunView>,
        caller: Caller,
        meter: Option<Arc<TokenMeter>>,
    ) -> Self {
        Self { registry, view, caller, meter }
    }
}

impl ToolHost for RunHost {
    fn signature(&self, server: &str, tool: &str) -> Option<String> {
        // A compromised runner may ask about anything; it learns nothing of tools outside its view.
        let (server, tools) = self.view.catalogue.server(server)?;
        let snapshot = self.registry.snapshot();
        let fresh;
        let tools = if tools.lists(tool) {
            tools
        } else {
            fresh = snapshot.catalogue(self.view.filter.as_ref());
            fresh.server(server)?.1
        };
        let exact = tools.resolve(tool)?;
        let definition = snapshot.tool(server, exact)?;
        let alias = self.view.catalogue.alias(server);
        let signature = isolet_tsdefs::signature(alias, tools.alias(exact), definition, 1);
        // The signature explains a call that was refused, for which the result type does not
        // matter.
        let call = signature.split_once("): Promise<").map_or(signature.as_str(), |(call, _)| call);
        Some(format!("`{call})`"))
    }

    fn call(&self, request: ToolRequest) -> ToolFuture {
        let (registry, view, caller) = (self.registry.clone(), self.view.clone(), self.caller.clone());
        let call = HostCall { registry, view, caller };
        let meter = self.meter.clone();
        Box::pin(async move {
            let Some(meter) = meter else { return call.answer(&request).await };
            let answer = call.answer(&request).await;
            let text = match &answer {
                Ok(bytes) => bytes.as_slice(),
                Err(failure) => failure.message.as_bytes(),
            };
            let arguments = match &request.operation {
                Operation::Call { arguments, .. }
                | Operation::RawCall { arguments, .. }
                | Operation::GetPrompt { arguments, .. } => arguments.as_str(),
                Operation::ReadResource { uri } => uri.as_str(),
                Operation::ListTools | Operation::ListResources | Operation::ListPrompts => "",
            };
            meter.record_call(request.operation.label(), arguments, text);
            answer
        })
    }
}

/// One request of the run.
struct HostCall {
    registry: Arc<Registry>,
    view: Arc<RunView>,
    caller: Caller,
}

impl HostCall {
    async fn answer(&self, request: &ToolRequest) -> Result<Vec<u8>, ToolFailure> {
        // A compromised runner may send an alias; from here on only the exact name is used.
        let Some((server, _)) = self.view.catalogue.server(&request.server) else {
            // The name may be as long as a frame.
            let short: String = request.server.chars().take(80).collect();
            return Err(ToolFailure::new(format!("This run may not use the server \"{short}\".")));
        };
        let deadline = Instant::now() + request.timeout;
        let (gate, caller) = (self.registry.gate(), &self.caller);
        match &request.operation {
            Operation::Call { tool, arguments } => {
                let tool = self.resolve(server, tool, deadline).await?;
                let result = gate
                    .call_tool(caller, server, &tool, arguments, left(deadline), None)
                    .await
                    .map_err(call_failure)?;
                if result.is_error() {
                    return Err(tool_failure(&result));
                }
                let value = result.value_json();
                self.registry.observe(caller, server, &tool, arguments, &value);
                Ok(value)
            }
            Operation::RawCall { tool, arguments } => {
                let tool = self.resolve(server, tool, deadline).await?;
                let result = gate
                    .call_tool(caller, server, &tool, arguments, left(deadline), None)
                    .await
                    .map_err(call_failure)?;
                Ok(result.raw_json())
            }
            Operation::ListTools => {
                self.registry.listed(server, left(deadline)).await;
                let names = self.names(server);
                Ok(serde_json::to_vec(&names).expect("strings serialise"))
            }
            Operation::ListResources => {
                self.require_whole_server(server)?;
                gate.list_resources(caller, server, left(deadline)).await.map_err(call_failure)
            }
            Operation::ReadResource { uri } => {
                self.require_whole_server(server)?;
                gate.read_resource(caller, server, uri, left(deadline)).await.map_err(call_failure)
            }
            Operation::ListPrompts => {
                self.require_whole_server(server)?;
                gate.list_prompts(caller, server, left(deadline)).await.map_err(call_failure)
            }
            Operation::GetPrompt { name, arguments } => {
                self.require_whole_server(server)?;
                gate.get_prompt(caller, server, name, arguments, left(deadline)).await.map_err(call_failure)
            }
        }
    }

    /// Returns the exact name of a tool that this run may call.
    ///
    /// If the server had listed its tools when the run started, the run's view has the name.
    /// Otherwise the script may use any name, and this waits for the list. A server without a list
    /// is called nevertheless: the call may start it, and its error explains best what is wrong.
    async fn resolve(&self, server: &str, tool: &str, deadline: Instant) -> Result<String, ToolFailure> {
        let known = |catalogue: &Catalogue| {
            let (_, tools) = catalogue.server(server)?;
            tools.lists(tool).then(|| tools.resolve(tool).map(str::to_owned))?
        };
        if let Some(exact) = known(&self.view.catalogue) {
            return Ok(exact);
        }
        self.registry.listed(server, left(deadline)).await;
        let snapshot = self.registry.snapshot();
        let fresh = snapshot.catalogue(self.view.filter.as_ref());
        if let Some(exact) = known(&fresh) {
            return Ok(exact);
        }
        if snapshot.is_listed(server) {
            return Err(unknown_tool(&fresh, server, tool));
        }
        let name = AliasedName { name: tool, alias: tool };
        let allowed = match (&self.view.filter, snapshot.server(server)) {
            (None, _) => true,
            (Some(filter), Some(server)) => filter.allows_tool(server, name),
            (Some(_), None) => false,
        };
        if allowed { Ok(tool.to_owned()) } else { Err(unknown_tool(&fresh, server, tool)) }
    }

    fn names(&self, server: &str) -> Vec<String> {
        let fresh = self.registry.snapshot().catalogue(self.view.filter.as_ref());
        fresh.server(server).map(|(_, tools)| tools.names().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// Refuses unless the run may use the whole server: no pattern of tools can allow resources and
    /// prompts.
    fn require_whole_server(&self, server: &str) -> Result<(), ToolFailure> {
        let Some(filter) = &self.view.filter else { return Ok(()) };
        let snapshot = self.registry.snapshot();
        match snapshot.server(server) {
            Some(named) if filter.allows_whole_server(named) => Ok(()),
            _ => Err(ToolFailure::new(format!(
                "This run may use some tools of \"{server}\" only, not its resources and prompts."
            ))),
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn unknown_tool(catalogue: &Catalogue, server: &str, tool: &str) -> ToolFailure {
    let failure = ToolFailure::new(format!("The server \"{server}\" has no tool \"{tool}\"."));
    let Some((_, tools)) = catalogue.server(server) else { return failure };
    let nearest = tools.nearest(tool, 3);
    if nearest.is_empty() {
        failure
    } else {
        let nearest: Vec<&str> = nearest.into_iter().map(|name| tools.alias(name)).collect();
        failure.with_hint(format!("Did you mean {}?", nearest.join(", ")))
    }
}

/// Makes the failure of a tool that answered with `isError`.
fn tool_failure(result: &ToolResult) -> ToolFailure {
    ToolFailure { message: result.error_text(), hint: None, result: Some(result.raw_json()), error: None }
}

/// Makes the failure of a call that got no result.
fn call_failure(error: CallError) -> ToolFailure {
    let hint = error.hint();
    let rpc = match &error {
        CallError::Upstream { code, data, .. } => {
            let data =
                data.as_ref().map(|data| data.to_string()).filter(|data| data.len() <= MAX_ERROR_DATA_BYTES);
            let data = data.map_or_else(String::new, |data| format!(",\"data\":{data}"));
            Some(format!("{{\"code\":{code}{data}}}").into_bytes())
        }
        _ => None,
    };
    ToolFailure { message: error.to_string(), hint, result: None, error: rpc }
}
