//! Fetching lists page by page, with bounds, and reading tool definitions one by one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use isolet_tsdefs::parse_tool_json;
use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
    PaginatedRequestParams,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::connection::{Connection, RequestError};
use crate::text::{line, printable, shortened};
use crate::transport::http::param_headers::{ParamHeader, marked};
use crate::upstream::listed_tool::ListedTool;

/// The most pages of one list. Even with one tool a page, this many tools are read.
const MAX_PAGES: usize = 1_000;
/// The most items of one list, far above the largest real server (344 tools).
const MAX_ITEMS: usize = 20_000;
/// The most bytes of one list. Real lists have up to 2 MB.
const MAX_LIST_BYTES: usize = 64 * 1024 * 1024;
/// The most reasons that are kept for unusable tools.
const MAX_REASONS: usize = 20;

/// The lists that a server has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ListKind {
    Tools,
    Resources,
    Templates,
    Prompts,
}

/// The usable tools of a server, in the server's order.
#[derive(Debug, Default)]
pub(crate) struct ToolList {
    pub tools: Vec<ListedTool>,
    /// The headers that repeat arguments, by tool.
    pub params: HashMap<String, Vec<ParamHeader>>,
    /// The reasons why other tools are left out.
    pub rejected: Vec<String>,
}

/// One page of a list. Its other members are not read, so they cannot make it invalid.
#[derive(Debug)]
struct ListPage<'a> {
    items: Vec<&'a RawValue>,
    next_cursor: Option<String>,
    /// The age of the list, from revision 2026-07-28.
    ttl_ms: Option<f64>,
}

impl<'a> ListPage<'a> {
    fn read(text: &'a str, list: ListKind) -> Result<Self, String> {
        let fields: HashMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let key = list.key();
        let items = fields.get(key).ok_or_else(|| format!("missing field `{key}`"))?;
        let items = serde_json::from_str(items.get()).map_err(|error| format!("`{key}`: {error}"))?;
        // A cursor or an age that is not valid is ignored.
        Ok(Self { items, next_cursor: field(&fields, "nextCursor"), ttl_ms: field(&fields, "ttlMs") })
    }
}

fn field<'a, T: Deserialize<'a>>(fields: &HashMap<String, &'a RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// All pages of a list.
#[derive(Debug, Default)]
pub(crate) struct FetchedList {
    pub items: Vec<Box<RawValue>>,
    /// The time that the list stays valid, by the page with the shortest time; `None` if a page has
    /// no time. Zero is outdated at once.
    pub fresh_for: Option<Duration>,
}

/// Fetches all pages of a list within `timeout`. Items over a bound are left out and logged.
pub(crate) async fn fetch(
    connection: &Connection,
    list: ListKind,
    timeout: Duration,
) -> Result<FetchedList, RequestError> {
    let deadline = tokio::time::Instant::now() + timeout;
    let mut items: Vec<Box<RawValue>> = Vec::new();
    let mut fresh_for = Some(Duration::MAX);
    let mut bytes = 0;
    let mut cursors = HashSet::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        // To most servers the empty cursor is a cursor; some send it after the last page.
        let asked_empty = cursor.as_deref() == Some("");
        let raw = match connection.request(list.request(cursor.take()), left, None).await {
            Err(RequestError::Upstream { .. }) if asked_empty => return Ok(FetchedList { items, fresh_for }),
            answer => answer?,
        };
        let page = ListPage::read(raw.get(), list).map_err(|error| {
            RequestError::Malformed(format!("it is not a valid {}: {error}", list.noun()))
        })?;
        // A server that sends the empty cursor after the last page takes it for no cursor, and
        // sends the first page again.
        if asked_empty && page.items.iter().zip(&items).all(|(new, old)| new.get() == old.get()) {
            return Ok(FetchedList { items, fresh_for });
        }
        let of_page = page.ttl_ms.map(|ttl| Duration::from_millis(ttl.clamp(0.0, 1e12) as u64));
        fresh_for = fresh_for.zip(of_page).map(|(all, page)| all.min(page));
        for item in page.items {
            bytes += item.get().len();
            if items.len() == MAX_ITEMS || bytes > MAX_LIST_BYTES {
                tracing::warn!(list = list.noun(), kept = items.len(), "a list is too long and is cut");
                return Ok(FetchedList { items, fresh_for });
            }
            items.push(item.to_owned());
        }
        match page.next_cursor {
            // A cursor that comes again would repeat the pages forever.
            Some(next) if cursors.insert(next.clone()) => cursor = Some(next),
            _ => return Ok(FetchedList { items, fresh_for }),
        }
    }
    tracing::warn!(list = list.noun(), kept = items.len(), "a list has too many pages and is cut");
    Ok(FetchedList { items, fresh_for })
}

impl ListKind {
    fn request(self, cursor: Option<String>) -> ClientRequest {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        match self {
            Self::Tools => ListToolsRequest::with_param(params).into(),
            Self::Resources => ListResourcesRequest::with_param(params).into(),
            Self::Templates => ListResourceTemplatesRequest::with_param(params).into(),
            Self::Prompts => ListPromptsRequest::with_param(params).into(),
        }
    }

    /// The method of the request.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of the page that has the items.
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
    /// Reads definitions one by one, so that an invalid one does not cost the others. With `marks`,
    /// tools with invalid [headers](crate::transport::http::param_headers) are left out too.
    pub(crate) fn read(items: &[Box<RawValue>], marks: bool) -> Self {
        let mut list = Self::default();
        let mut names = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            match tool(item, &mut names, marks) {
                Ok((tool, params)) => {
                    if !params.is_empty() {
                        list.params.insert(tool.name().to_owned(), params);
                    }
                    list.tools.push(tool);
                }
                Err(why) if list.rejected.len() < MAX_REASONS => {
                    list.rejected.push(format!("tool {} of the list: {why}", index + 1));
                }
                Err(_) => {}
            }
        }
        list
    }
}

fn tool(
    item: &RawValue,
    names: &mut HashSet<String>,
    marks: bool,
) -> Result<(ListedTool, Vec<ParamHeader>), String> {
    let value = parse_tool_json(item.get()).ok_or("it cannot be read")?;
    let excerpt = || printable(item.get().as_bytes(), 80);
    let Some(name) = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return Err(format!("it has no name: {}", excerpt()));
    };
    let shown = shortened(name, 80);
    let shown = line(&shown);
    if name.len() > 512 {
        return Err(format!("its name is too long: {shown}"));
    }
    let mut params = Vec::new();
    match value.get("inputSchema") {
        Some(Value::Object(schema)) if marks => {
            params = marked(schema).map_err(|why| format!("{shown} cannot be called over HTTP: {why}"))?;
        }
        None | Some(Value::Object(_) | Value::Null) => {}
        Some(_) => return Err(format!("the inputSchema of {shown} is not an object")),
    }
    if value.pointer("/execution/taskSupport").and_then(Value::as_str) == Some("required") {
        return Err(format!("{shown} can only be run as a task, and isolet runs no tasks"));
    }
    if !names.insert(name.to_owned()) {
        return Err(format!("there is a tool {shown} already"));
    }
    let listed = ListedTool::new(&value).ok_or("it has no name")?;
    Ok((listed, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_tool_does_not_cost_the_others() {
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
            r#"{"name":"task","execution":{"taskSupport":"required"}}"#,
            r#"{"name":"may","execution":{"taskSupport":"optional"}}"#,
        ];
        let items: Vec<_> =
            definitions.iter().map(|text| RawValue::from_string((*text).to_owned()).unwrap()).collect();
        let list = ToolList::read(&items, false);
        let names: Vec<_> = list.tools.iter().map(ListedTool::name).collect();
        assert_eq!(names, ["a", "deep", "half", "no-schema", "may"]);
        assert_eq!(list.tools[2].read()["description"], "\u{fffd}");
        assert_eq!(list.rejected.len(), 6, "{:?}", list.rejected);
        assert!(list.rejected[5].contains("only be run as a task"), "{:?}", list.rejected);
        assert!(list.rejected[0].starts_with("tool 2 of the list: it has no name"), "{:?}", list.rejected);
        assert_eq!(list.tools[0].json(), r#"{"name":"a","inputSchema":{"type":"object"},"extra":1.0}"#);
    }

    #[test]
    fn other_members_of_a_page_may_be_invalid() {
        let page = |text: &str| {
            let page = ListPage::read(text, ListKind::Tools)?;
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
