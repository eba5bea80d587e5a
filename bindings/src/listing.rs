//! Lists of a server, page by page, bounded, item by item.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use isolet_tsdefs::lenient::tool_from_text;
use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
    PaginatedRequestParams,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::connection::{Connection, RequestError};
use crate::params::marked;
use crate::text::{printable, shortened};

/// A server that gives every tool a page of its own is still readable to this many tools.
const MAX_PAGES: usize = 1_000;
/// The most items of one list, far above the largest real server (344 tools).
const MAX_ITEMS: usize = 20_000;
/// The most text of one list. Real lists have up to 2 MB.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many reasons for unusable tools are kept.
const MAX_REASONS: usize = 20;

/// What can be listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List {
    Tools,
    Resources,
    Templates,
    Prompts,
}

/// The usable tools of a server, as it sent them and in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ToolList {
    pub tools: Vec<Value>,
    /// Why others are left out.
    pub rejected: Vec<String>,
}

/// One page. Of what else is in it nothing is asked, so nothing else can spoil it.
#[derive(Debug)]
struct Page<'a> {
    items: Vec<&'a RawValue>,
    next_cursor: Option<String>,
    /// From revision 2026-07-28.
    ttl_ms: Option<f64>,
}

impl<'a> Page<'a> {
    fn read(text: &'a str, list: List) -> Result<Self, String> {
        let fields: HashMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let key = list.key();
        let items = fields.get(key).ok_or_else(|| format!("missing field `{key}`"))?;
        let items = serde_json::from_str(items.get()).map_err(|error| format!("`{key}`: {error}"))?;
        // A cursor or a hint that cannot be read is none.
        Ok(Self { items, next_cursor: field(&fields, "nextCursor"), ttl_ms: field(&fields, "ttlMs") })
    }
}

fn field<'a, T: Deserialize<'a>>(fields: &HashMap<String, &'a RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// All pages of a list.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub items: Vec<Box<RawValue>>,
    /// How long the server says that this stays true: of the page that ages first, `None` if one says nothing.
    pub fresh_for: Option<Duration>,
}

/// Fetches all pages of a list within `timeout`. What is over a bound is left out, and the log says so.
pub(crate) async fn fetch(
    connection: &Connection,
    list: List,
    timeout: Duration,
) -> Result<Fetched, RequestError> {
    let deadline = tokio::time::Instant::now() + timeout;
    let mut items: Vec<Box<RawValue>> = Vec::new();
    let mut fresh_for = Some(Duration::MAX);
    let mut bytes = 0;
    let mut cursors = HashSet::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let raw = connection.request(list.request(cursor.take()), left, None).await?;
        let page = Page::read(raw.get(), list)
            .map_err(|error| RequestError::Malformed(format!("it is no {}: {error}", list.noun())))?;
        let of_page =
            page.ttl_ms.filter(|ttl| *ttl >= 1.0).map(|ttl| Duration::from_millis(ttl.min(1e12) as u64));
        fresh_for = fresh_for.zip(of_page).map(|(all, page)| all.min(page));
        for item in page.items {
            bytes += item.get().len();
            if items.len() == MAX_ITEMS || bytes > MAX_BYTES {
                tracing::warn!(list = list.noun(), kept = items.len(), "a list is too long and is cut");
                return Ok(Fetched { items, fresh_for });
            }
            items.push(item.to_owned());
        }
        match page.next_cursor {
            // A cursor that comes again would lead in circles.
            Some(next) if !next.is_empty() && cursors.insert(next.clone()) => cursor = Some(next),
            _ => return Ok(Fetched { items, fresh_for }),
        }
    }
    tracing::warn!(list = list.noun(), kept = items.len(), "a list has too many pages and is cut");
    Ok(Fetched { items, fresh_for })
}

impl List {
    fn request(self, cursor: Option<String>) -> ClientRequest {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        match self {
            Self::Tools => ListToolsRequest::with_param(params).into(),
            Self::Resources => ListResourcesRequest::with_param(params).into(),
            Self::Templates => ListResourceTemplatesRequest::with_param(params).into(),
            Self::Prompts => ListPromptsRequest::with_param(params).into(),
        }
    }

    /// The request's name in the protocol.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// Where the items are in a page.
    fn key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Tools => "list of tools",
            Self::Resources => "list of resources",
            Self::Templates => "list of resource templates",
            Self::Prompts => "list of prompts",
        }
    }
}

impl ToolList {
    /// Reads definitions one by one: what cannot be a tool costs itself, never the list. With `marks`, so does a tool
    /// whose marks for [headers](crate::params) are wrong.
    pub(crate) fn read(items: &[Box<RawValue>], marks: bool) -> Self {
        let mut list = Self::default();
        let mut names = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            match tool(item, &mut names, marks) {
                Ok(tool) => list.tools.push(tool),
                Err(why) if list.rejected.len() < MAX_REASONS => {
                    list.rejected.push(format!("tool {} of the list: {why}", index + 1));
                }
                Err(_) => {}
            }
        }
        list
    }
}

fn tool(item: &RawValue, names: &mut HashSet<String>, marks: bool) -> Result<Value, String> {
    let value = tool_from_text(item.get()).ok_or("it cannot be read")?;
    let excerpt = || printable(item.get().as_bytes(), 80);
    let Some(name) = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return Err(format!("it has no name: {}", excerpt()));
    };
    let shown = shortened(name, 80);
    if name.len() > 512 {
        return Err(format!("its name is too long: {shown}"));
    }
    match value.get("inputSchema") {
        Some(Value::Object(schema)) if marks => {
            marked(schema).map_err(|why| format!("{shown} cannot be called over HTTP: {why}"))?;
        }
        None | Some(Value::Object(_) | Value::Null) => {}
        Some(_) => return Err(format!("the inputSchema of {shown} is not an object")),
    }
    if !names.insert(name.to_owned()) {
        return Err(format!("there is a tool {shown} already"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_tool_costs_only_itself() {
        let deep =
            format!(r#"{{"name":"deep","inputSchema":{{"a":{}{}}}}}"#, "[".repeat(300), "]".repeat(300));
        let definitions = [
            r#"{"name":"a","inputSchema":{"type":"object"}, "extra": 1.0}"#,
            r#"{"description":"no name"}"#,
            r#"{"name":7}"#,
            "null",
            r#"{"name":"a","inputSchema":{}}"#,
            r#"{"name":"b","inputSchema":"any"}"#,
            &deep,
            r#"{"name":"half","description":"\ud800"}"#,
            r#"{"name":"no-schema"}"#,
        ];
        let items: Vec<_> =
            definitions.iter().map(|text| RawValue::from_string((*text).to_owned()).unwrap()).collect();
        let list = ToolList::read(&items, false);
        let names: Vec<_> = list.tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["a", "deep", "half", "no-schema"]);
        assert_eq!(list.tools[2]["description"], "\u{fffd}");
        assert_eq!(list.rejected.len(), 5, "{:?}", list.rejected);
        assert!(list.rejected[0].starts_with("tool 2 of the list: it has no name"), "{:?}", list.rejected);
        assert_eq!(list.tools[0].to_string(), r#"{"name":"a","inputSchema":{"type":"object"},"extra":1.0}"#);
    }

    #[test]
    fn only_what_is_needed_of_a_page_has_to_be_right() {
        let page = |text: &str| {
            let page = Page::read(text, List::Tools)?;
            Ok::<_, String>((page.items.len(), page.next_cursor, page.ttl_ms))
        };
        assert_eq!(page(r#"{"tools":[{}],"prompts":[],"items":7}"#), Ok((1, None, None)));
        assert_eq!(page(r#"{"tools":[{}],"nextCursor":7,"ttlMs":"x"}"#), Ok((1, None, None)));
        assert_eq!(
            page(r#"{"tools":[],"nextCursor":"n","ttlMs":5}"#),
            Ok((0, Some("n".to_owned()), Some(5.0)))
        );
        assert_eq!(page(r#"{"prompts":[]}"#), Err("missing field `tools`".to_owned()));
        assert!(page(r#"{"tools":{}}"#).unwrap_err().starts_with("`tools`: "));
        assert!(page("[[], null]").is_err());
    }
}
