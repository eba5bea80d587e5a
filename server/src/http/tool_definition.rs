//! `GET /v1/tool?format=…`: the definition of a tool that runs scripts, in the format of a model's
//! API. It is the MCP tool `run`, described for agents that have no other tool of isolet.

use std::ops::RangeInclusive;
use std::sync::Arc;

use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use isolet_tsdefs::{Detail, Frame};
use serde_json::{Value, json};

use super::query::Query;
use crate::prompt::overview::OverviewSource;
use crate::prompt::quote::cut;
use crate::prompt::{run_tool, unavailable};
use crate::registry::{AdvertisedTools, SERVER_START_TIMEOUT, ToolFilter, off_worker, split_patterns};
use crate::service::Service;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// The formats of definitions.
const FORMATS: [&str; 4] = ["openai", "openai-responses", "anthropic", "mcp"];

/// The default length of the description, some 1,800 tokens.
const DEFAULT_DESCRIPTION_BYTES: usize = 6 * 1024;

/// The lengths of the description that can be asked for. A shorter one would have hardly a name of
/// a tool.
const DESCRIPTION_BYTES: RangeInclusive<usize> = 1000..=64 * 1024;

/// Answers one request.
pub async fn answer(service: &Arc<Service>, request: &Request<Incoming>) -> Result<Reply, Problem> {
    let query = Query::parse(request.uri().query().unwrap_or_default(), &["format", "tools", "description"])?;
    let format = query.get("format").filter(|format| FORMATS.contains(format)).ok_or_else(|| {
        Problem::bad_request(format!("`format` must be one of {}.", FORMATS.join(", ")))
            .with_hint("GET /v1/tool?format=openai&tools=github/get_*,files")
    })?;
    let filter = query.get("tools").map(|text| ToolFilter::new(&split_patterns(text))).transpose();
    let filter = filter.map_err(|error| Problem::bad_request(format!("`tools`: {error}.")))?;
    let max_bytes = match query.get("description").map(str::parse::<usize>) {
        None => DEFAULT_DESCRIPTION_BYTES,
        Some(Ok(bytes)) if DESCRIPTION_BYTES.contains(&bytes) => bytes,
        Some(_) => {
            let (min, max) = (DESCRIPTION_BYTES.start(), DESCRIPTION_BYTES.end());
            return Err(Problem::bad_request(format!(
                "`description` must be a number of bytes from {min} to {max}."
            )));
        }
    };
    service.registry.started(SERVER_START_TIMEOUT).await;
    let mut reply = reply::json(definition(service, filter.as_ref(), max_bytes, format).to_string());
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(reply)
}

fn definition(service: &Service, filter: Option<&ToolFilter>, max_bytes: usize, format: &str) -> Value {
    let AdvertisedTools { snapshot: all, picture } = service.registry.advertised();
    let chosen = filter.map(|filter| Arc::new(all.narrowed(filter)));
    // Without inferred types, as over MCP.
    let brief = || match filter {
        Some(filter) => Some(all.declarations_where_in(Frame::Line, filter, Detail::Brief).text),
        None => Some(all.declarations_in(Frame::Line, None, Detail::Brief).ok()?.text),
    };
    let snapshot = chosen.as_ref().unwrap_or(&all);
    let reads_only = |server: &str, tool: &str| picture.reads_only(server, tool);
    let source = OverviewSource {
        snapshot,
        reads_only: &reads_only,
        brief: &brief,
        is_only_tool: true,
        libraries: service.engine.libraries(),
    };
    let unavailable = unavailable::text(&service.registry, snapshot).replace(", or by `describe`", "");
    let (tool, _) = off_worker(|| run_tool::definition(&source, &unavailable, &service.limits, max_bytes));
    // With a short maximum the end of the list of tools is cut.
    let description = cut(tool.description.as_deref().unwrap_or_default(), max_bytes);
    let schema = &*tool.input_schema;
    let name = &*tool.name;
    match format {
        "openai" => json!({
            "type": "function", "function": { "name": name, "description": description, "parameters": schema }
        }),
        // `strict` is the default there, and would refuse an input with arbitrary fields.
        "openai-responses" => json!({
            "type": "function", "name": name, "description": description, "parameters": schema, "strict": false
        }),
        "anthropic" => json!({ "name": name, "description": description, "input_schema": schema }),
        _ => json!({
            "name": name, "title": tool.title, "description": description, "inputSchema": schema,
            "annotations": tool.annotations
        }),
    }
}
