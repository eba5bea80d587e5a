//! The built-in MCP server `demo`. It is started as a child process like every other server, so
//! that examples and tests work offline.
//!
//! | module | content |
//! |---|---|
//! | `tools.json` | the definitions of the tools, as `tools/list` answers them |
//! | [`arguments`] | reads arguments, with errors that a model can act on |
//! | [`documents`], [`transcript`] | texts, one of them long |
//! | [`records`] | customer records that can be changed |
//! | [`trip`] | a tool with nested arguments and results |
//! | [`http`] | the server over Streamable HTTP |

mod arguments;
mod documents;
pub mod http;
mod records;
mod transcript;
mod trip;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, Implementation, ListPromptsResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, Prompt, PromptArgument, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, Role,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

use arguments::{Arguments, DemoError};
use records::Records;

/// All tools, in the order of `tools.json`.
static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let mut list: Value = serde_json::from_str(include_str!("tools.json")).expect("tools.json is JSON");
    serde_json::from_value(list["tools"].take()).expect("tools.json is a list of tools")
});

/// The part of the tools that a demo server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Part {
    /// All tools.
    #[default]
    All,
    /// Only the tools for customer records: the second server of the built-in configuration, so
    /// that examples can move data from one server to another.
    Records,
}

/// The demo server. Clones share their records, so all HTTP sessions have the same state.
#[derive(Clone)]
pub struct DemoServer {
    part: Part,
    records: Arc<Records>,
}

impl DemoServer {
    /// Makes a server with the initial records.
    pub fn new(part: Part) -> Self {
        Self { part, records: Arc::new(Records::new()) }
    }

    fn tools(&self) -> impl Iterator<Item = &'static Tool> {
        let part = self.part;
        TOOLS.iter().filter(move |tool| part == Part::All || tool.name.contains("record"))
    }

    /// Calls a tool that answers at once.
    fn answer(&self, tool: &str, given: rmcp::model::JsonObject) -> Result<Value, DemoError> {
        match tool {
            "add" => {
                let given = Arguments::new("add", given, &["a", "b"])?;
                Ok(json!({ "sum": sum(&given.number("a")?, &given.number("b")?) }))
            }
            "list_documents" => {
                let given = Arguments::new("list_documents", given, &["kind"])?;
                Ok(documents::list(given.choice("kind", &documents::KINDS)?))
            }
            "get_document" => documents::get(Arguments::new("get_document", given, &["id"])?.text("id")?),
            "list_records" => {
                let given = Arguments::new("list_records", given, &["stage"])?;
                Ok(self.records.list(given.choice("stage", &records::STAGES)?))
            }
            "get_record" => self.records.get(Arguments::new("get_record", given, &["id"])?.text("id")?),
            "update_record" => {
                let given = Arguments::new("update_record", given, &["id", "fields"])?;
                self.records.update(given.text("id")?, given.object("fields")?)
            }
            "search_records" => {
                let given = Arguments::new("search_records", given, &["query", "limit"])?;
                Ok(self.records.search(given.text("query")?, given.integer("limit", 1, 100, Some(10))?))
            }
            "plan_trip" => {
                trip::plan(Arguments::new("plan_trip", given, &["stops", "travellers", "preferences"])?)
            }
            "fail" => {
                let given = Arguments::new("fail", given, &["message"])?;
                Err(DemoError(
                    given.optional_text("message")?.unwrap_or("This tool always fails.").to_owned(),
                ))
            }
            _ => Err(DemoError(format!("{tool} is listed but not implemented"))),
        }
    }
}

/// Adds two numbers. The sum of integers is an integer, unless it overflows.
fn sum(a: &serde_json::Number, b: &serde_json::Number) -> Value {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) if a.checked_add(b).is_some() => Value::from(a + b),
        _ => Value::from(a.as_f64().unwrap_or(f64::NAN) + b.as_f64().unwrap_or(f64::NAN)),
    }
}

impl ServerHandler for DemoServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = match self.part {
            Part::All => {
                ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build()
            }
            Part::Records => ServerCapabilities::builder().enable_tools().build(),
        };
        let instructions = match self.part {
            Part::All => {
                "Documents, customer records, a trip planner and a few tools to try things with. Made up."
            }
            Part::Records => "Customer records. Made up.",
        };
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("isolet-demo", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools().cloned().collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = request.arguments.unwrap_or_default();
        let result = match self.tools().find(|tool| tool.name == request.name).map(|tool| &*tool.name) {
            None => {
                return Err(ErrorData::invalid_params(format!("Unknown tool: {}", request.name), None));
            }
            Some("echo") => Arguments::new("echo", given, &["text"])
                .and_then(|given| given.text("text").map(str::to_owned))
                .map(|text| CallToolResult::success(vec![ContentBlock::text(text)])),
            Some("wait") => {
                let milliseconds = Arguments::new("wait", given, &["ms"])
                    .and_then(|given| given.integer("ms", 0, 600_000, None));
                match milliseconds {
                    Err(error) => Err(error),
                    Ok(ms) => tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(ms)) => {
                            Ok(CallToolResult::structured(json!({ "waited_ms": ms })))
                        }
                        () = context.ct.cancelled() => Err(DemoError("The wait was cancelled.".to_owned())),
                    },
                }
            }
            Some(tool) => self.answer(tool, given).map(CallToolResult::structured),
        };
        let result = result.unwrap_or_else(|error| CallToolResult::error(vec![ContentBlock::text(error.0)]));
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resources = documents::all().iter().filter(|_| self.part == Part::All).map(|document| {
            Resource::new(format!("document:{}", document.id), document.id).with_title(document.title)
        });
        Ok(ListResourcesResult::with_all_items(resources.collect()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let document = request
            .uri
            .strip_prefix("document:")
            .filter(|_| self.part == Part::All)
            .and_then(documents::find)
            .ok_or_else(|| ErrorData::resource_not_found(format!("No resource {}", request.uri), None))?;
        Ok(ReadResourceResult::new(vec![ResourceContents::text(&document.text, request.uri)]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let summarise = Prompt::new(
            "summarise",
            Some("Asks for a summary of one document."),
            Some(vec![
                PromptArgument::new("id").with_description("As in list_documents.").with_required(true),
            ]),
        );
        let prompts = if self.part == Part::All { vec![summarise] } else { Vec::new() };
        Ok(ListPromptsResult::with_all_items(prompts))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if self.part != Part::All || request.name != "summarise" {
            return Err(ErrorData::invalid_params(format!("Unknown prompt: {}", request.name), None));
        }
        let id = request.arguments.as_ref().and_then(|given| given.get("id")).and_then(|id| id.as_str());
        let document = id
            .and_then(documents::find)
            .ok_or_else(|| ErrorData::invalid_params("summarise: `id` must name a document", None))?;
        let words = format!("Summarise in five sentences:\n\n{}", document.text);
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, words)]).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tool: &str, given: Value) -> Result<Value, DemoError> {
        DemoServer::new(Part::All).answer(tool, serde_json::from_value(given).unwrap())
    }

    #[test]
    fn add_adds_and_names_a_wrong_argument() {
        assert_eq!(call("add", json!({ "a": 2, "b": 3 })).unwrap(), json!({ "sum": 5 }));
        assert_eq!(call("add", json!({ "a": 0.5, "b": 1 })).unwrap(), json!({ "sum": 1.5 }));
        assert_eq!(
            call("add", json!({ "a": i64::MAX, "b": 1 })).unwrap()["sum"],
            9_223_372_036_854_775_808_f64
        );
        let error = call("add", json!({ "a": "2", "b": 3 })).unwrap_err();
        assert_eq!(error.0, "add: argument `a` must be a number, found \"2\"");
    }

    #[test]
    fn every_listed_tool_is_implemented() {
        for tool in DemoServer::new(Part::All).tools().filter(|tool| !["echo", "wait"].contains(&&*tool.name))
        {
            if let Err(error) = call(&tool.name, json!({})) {
                assert!(!error.0.contains("not implemented"), "{error}");
            }
        }
    }

    #[test]
    fn all_tools_but_one_declare_their_results() {
        let without: Vec<_> =
            TOOLS.iter().filter(|tool| tool.output_schema.is_none()).map(|tool| &*tool.name).collect();
        assert_eq!(without, ["echo"]);
        assert!(TOOLS.iter().all(|tool| tool.description.is_some() && tool.annotations.is_some()));
    }

    #[test]
    fn the_records_part_offers_records_only() {
        let names: Vec<_> = DemoServer::new(Part::Records).tools().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["list_records", "get_record", "update_record", "search_records"]);
    }
}
