//! The way from a run to the servers: which tools it may use, what their answers become.

use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::{CallError, Caller, ToolResult};
use isolet_runtime::{Catalogue, Operation, ToolFailure, ToolFuture, ToolHost, ToolRequest};
use tokio::time::Instant;

use crate::filter::{Named, ToolFilter};
use crate::tokens::Meter;
use crate::tools::Tools;
use crate::toolset::Toolset;

/// What runs with one filter see. Shared by all of them.
pub struct View {
    /// The names.
    pub catalogue: Arc<Catalogue>,
    filter: Option<ToolFilter>,
}

impl View {
    /// What `filter` leaves of `toolset`.
    pub fn new(toolset: Arc<Toolset>, filter: Option<ToolFilter>) -> Self {
        let catalogue = Arc::new(toolset.catalogue(filter.as_ref()));
        Self { catalogue, filter }
    }
}

/// One run's host. The filter is enforced here a second time: what the engine shows a script is convenience, what this
/// lets through is the rule.
pub struct RunHost {
    tools: Arc<Tools>,
    view: Arc<View>,
    caller: Caller,
    meter: Option<Arc<Meter>>,
}

impl RunHost {
    /// A host for one run.
    pub fn new(tools: Arc<Tools>, view: Arc<View>, caller: Caller, meter: Option<Arc<Meter>>) -> Self {
        Self { tools, view, caller, meter }
    }
}

impl ToolHost for RunHost {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        let call = Call { tools: self.tools.clone(), view: self.view.clone(), caller: self.caller.clone() };
        let meter = self.meter.clone();
        Box::pin(async move {
            let Some(meter) = meter else { return call.answer(&request).await };
            let answer = call.answer(&request).await;
            let heard = match &answer {
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
            meter.call(request.operation.label(), arguments, heard);
            answer
        })
    }
}

/// One request on its way.
struct Call {
    tools: Arc<Tools>,
    view: Arc<View>,
    caller: Caller,
}

impl Call {
    async fn answer(&self, request: &ToolRequest) -> Result<Vec<u8>, ToolFailure> {
        // A runner that was broken into may send an alias; from here on only the exact name counts.
        let Some((server, _)) = self.view.catalogue.server(&request.server) else {
            // It may be as long as a frame.
            let short: String = request.server.chars().take(80).collect();
            return Err(ToolFailure::new(format!("This run may not use the server \"{short}\".")));
        };
        let deadline = Instant::now() + request.timeout;
        let (gate, caller) = (self.tools.gate(), &self.caller);
        match &request.operation {
            Operation::Call { tool, arguments } => {
                let tool = self.resolve(server, tool, deadline).await?;
                let result = gate
                    .call_tool(caller, server, &tool, arguments, left(deadline), None)
                    .await
                    .map_err(failure)?;
                if result.is_error() {
                    return Err(refused(&result));
                }
                let value = result.value_json();
                self.tools.saw(server, &tool, &value);
                Ok(value)
            }
            Operation::RawCall { tool, arguments } => {
                let tool = self.resolve(server, tool, deadline).await?;
                let result = gate
                    .call_tool(caller, server, &tool, arguments, left(deadline), None)
                    .await
                    .map_err(failure)?;
                Ok(result.raw_json())
            }
            Operation::ListTools => {
                self.tools.listed(server, left(deadline)).await;
                let names = self.names(server);
                Ok(serde_json::to_vec(&names).expect("strings serialise"))
            }
            Operation::ListResources => {
                self.whole(server)?;
                gate.list_resources(caller, server, left(deadline)).await.map_err(failure)
            }
            Operation::ReadResource { uri } => {
                self.whole(server)?;
                gate.read_resource(caller, server, uri, left(deadline)).await.map_err(failure)
            }
            Operation::ListPrompts => {
                self.whole(server)?;
                gate.list_prompts(caller, server, left(deadline)).await.map_err(failure)
            }
            Operation::GetPrompt { name, arguments } => {
                self.whole(server)?;
                gate.get_prompt(caller, server, name, arguments, left(deadline)).await.map_err(failure)
            }
        }
    }

    /// The exact name of a tool that this run may call.
    ///
    /// Where the list was known when the run began, its view has the answer. Else the script was let through with any
    /// name, and this waits for the list. A server that has none is called all the same: the attempt may wake it up,
    /// and says best what is wrong with it.
    async fn resolve(&self, server: &str, tool: &str, deadline: Instant) -> Result<String, ToolFailure> {
        let known = |catalogue: &Catalogue| {
            let (_, tools) = catalogue.server(server)?;
            tools.lists(tool).then(|| tools.resolve(tool).map(str::to_owned))?
        };
        if let Some(exact) = known(&self.view.catalogue) {
            return Ok(exact);
        }
        self.tools.listed(server, left(deadline)).await;
        let toolset = self.tools.toolset();
        let fresh = toolset.catalogue(self.view.filter.as_ref());
        if let Some(exact) = known(&fresh) {
            return Ok(exact);
        }
        if toolset.is_listed(server) {
            return Err(unknown_tool(&fresh, server, tool));
        }
        let name = Named { name: tool, alias: tool };
        let allowed = match (&self.view.filter, toolset.server(server)) {
            (None, _) => true,
            (Some(filter), Some(server)) => filter.tool(server, name),
            (Some(_), None) => false,
        };
        if allowed { Ok(tool.to_owned()) } else { Err(unknown_tool(&fresh, server, tool)) }
    }

    fn names(&self, server: &str) -> Vec<String> {
        let fresh = self.tools.toolset().catalogue(self.view.filter.as_ref());
        fresh.server(server).map(|(_, tools)| tools.names().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// Resources and prompts have no tool name that a pattern could allow, so they take the whole server.
    fn whole(&self, server: &str) -> Result<(), ToolFailure> {
        let Some(filter) = &self.view.filter else { return Ok(()) };
        let toolset = self.tools.toolset();
        match toolset.server(server) {
            Some(named) if filter.whole_server(named) => Ok(()),
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
        failure.with_hint(format!("Did you mean {}?", nearest.join(", ")))
    }
}

/// The tool itself says that it failed.
fn refused(result: &ToolResult) -> ToolFailure {
    ToolFailure { message: result.error_text(), hint: None, result: Some(result.raw_json()) }
}

fn failure(error: CallError) -> ToolFailure {
    let hint = error.hint();
    ToolFailure { message: error.to_string(), hint, result: None }
}
