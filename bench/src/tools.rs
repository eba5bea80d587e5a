//! The MCP tools of the scenarios: `add`, `wait`, `text`, and any number of others.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde_json::{Value, json};

use crate::error::BenchError;

/// The longest wait and the longest text.
const MAX_WAIT_MS: u64 = 60_000;
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// The subjects and verbs of the names of further tools. Names of one pattern only would be
/// found, and shortened, more easily than those of real servers.
const VERBS: [&str; 10] =
    ["get", "list", "create", "update", "delete", "search", "archive", "export", "count", "compare"];
const SUBJECTS: [&str; 12] = [
    "invoice", "customer", "ticket", "branch", "document", "calendar", "message", "order", "build", "metric",
    "contract", "device",
];

/// Serves the tools on standard input and output until the client leaves.
pub async fn serve(count: u32) -> Result<(), BenchError> {
    let failed =
        |error: &dyn std::fmt::Display| BenchError::Runtime(std::io::Error::other(error.to_string()));
    let server = ToolServer { tools: tools(count) };
    let service = server.serve(rmcp::transport::io::stdio()).await.map_err(|error| failed(&error))?;
    service.waiting().await.map_err(|error| failed(&error))?;
    Ok(())
}

struct ToolServer {
    tools: Vec<Tool>,
}

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("isolet-bench-tools", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let number = |name: &str| arguments.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let result = match &*request.name {
            "add" => CallToolResult::structured(json!({ "sum": number("a") + number("b") })),
            "wait" => {
                let ms = (number("ms") as u64).min(MAX_WAIT_MS);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                CallToolResult::structured(json!({ "waited": ms }))
            }
            "text" => {
                let bytes = (number("bytes") as u64).min(MAX_TEXT_BYTES);
                CallToolResult::success(vec![ContentBlock::text("x".repeat(bytes as usize))])
            }
            name if self.tools.iter().any(|tool| tool.name == name) => {
                CallToolResult::structured(json!({ "id": arguments.get("id"), "state": "done" }))
            }
            name => return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None)),
        };
        Ok(result.into())
    }
}

fn tools(count: u32) -> Vec<Tool> {
    let number = |about: &str| json!({ "type": "number", "description": about });
    let mut tools = vec![
        tool("add", "Adds two numbers.", json!({ "a": number("One."), "b": number("The other.") }))
            .with_raw_output_schema(std::sync::Arc::new(object(json!({ "sum": { "type": "number" } })))),
        tool("wait", "Waits for a time.", json!({ "ms": number("The time in milliseconds.") })),
        tool("text", "Returns a text of a length.", json!({ "bytes": number("The length in bytes.") })),
    ];
    for index in 0..count as usize {
        let (verb, subject) = (VERBS[index % VERBS.len()], SUBJECTS[index / VERBS.len() % SUBJECTS.len()]);
        let name = format!("{verb}_{subject}_{}", index / (VERBS.len() * SUBJECTS.len()));
        let about = format!("Does {verb} for one {subject} of the system and returns its state.");
        let input = json!({
            "id": { "type": "string", "description": format!("The id of the {subject}.") },
            "fields": { "type": "array", "items": { "type": "string" }, "description": "The fields to return." },
            "limit": { "type": "integer", "minimum": 1, "maximum": 100 },
        });
        tools.push(tool(name, about, input));
    }
    tools
}

fn tool(name: impl Into<String>, about: impl Into<String>, properties: Value) -> Tool {
    Tool::new(name.into(), about.into(), object(properties))
}

/// Returns a schema of an object whose first property is required.
fn object(properties: Value) -> serde_json::Map<String, Value> {
    let first = properties.as_object().and_then(|properties| properties.keys().next().cloned());
    let schema = json!({ "type": "object", "properties": properties, "required": first.into_iter().collect::<Vec<_>>() });
    schema.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let tools = tools(3000);
        let names: std::collections::HashSet<_> = tools.iter().map(|tool| tool.name.clone()).collect();
        assert_eq!(names.len(), 3003);
    }
}
