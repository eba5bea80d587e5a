//! The tokens that tools cost in a prompt: at each level of detail, and as JSON definitions.

use isolet_bindings::text::line;
use isolet_tsdefs::tokens::{Costs, TokenCounts};
use serde_json::{Map, Value, json};

use crate::output::pretty::thousands;
use crate::registry::{LookupError, PromptCosts, Selection, ToolSnapshot};

/// Returns the counts as a document: each server by itself, and all together.
///
/// A server counts as `GET /v1/types/{server}` would send it, so the sum is a little more than all
/// together, where common declarations occur once.
pub fn document(snapshot: &ToolSnapshot, selection: &Selection) -> Result<Value, LookupError> {
    let PromptCosts { servers, together } = snapshot.costs_of(selection)?;
    let servers: Vec<Value> = servers
        .into_iter()
        .map(|(server, costs)| {
            let mut members = Map::from_iter([("server".to_owned(), json!(server))]);
            members.extend(json!(costs).as_object().cloned().unwrap_or_default());
            members.into()
        })
        .collect();
    Ok(json!({ "servers": servers, "total": together }))
}

/// Returns the counts as a table.
pub fn table(snapshot: &ToolSnapshot, selection: &Selection) -> Result<String, LookupError> {
    let PromptCosts { servers, together } = snapshot.costs_of(selection)?;
    let row = |name: &str, costs: &Costs| {
        let tokens = [costs.names, costs.brief, costs.full, costs.raw];
        let cells = tokens.map(|TokenCounts { o200k, cl100k }| [thousands(o200k), thousands(cl100k)]);
        [line(name).into_owned(), thousands(costs.tools)]
            .into_iter()
            .chain(cells.into_iter().flatten())
            .collect()
    };
    let mut rows: Vec<Vec<String>> = vec![
        ["", "", "names", "", "brief", "", "full", "", "raw JSON", ""].map(str::to_owned).into(),
        ["server", "tools", "o200k", "cl100k", "o200k", "cl100k", "o200k", "cl100k", "o200k", "cl100k"]
            .map(str::to_owned)
            .into(),
    ];
    rows.extend(servers.iter().map(|(server, costs)| row(server, costs)));
    if servers.len() != 1 {
        rows.push(row("together", &together));
    }
    Ok(aligned(&rows))
}

/// Aligns the first column to the left and the numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use isolet_tsdefs::{ServerDefinition, ToolDefinition};

    use super::*;

    fn snapshot() -> ToolSnapshot {
        let server = |name: &str| {
            let mut tool = ToolDefinition::new("get-user", json!({ "type": "object" }));
            tool.description = Some("Gets a user, with all that is known of them.".to_owned());
            (name.to_owned(), Some(Arc::new(ServerDefinition::new(name, vec![tool]))))
        };
        ToolSnapshot::of_definitions(vec![server("a"), server("b")])
    }

    #[test]
    fn common_declarations_count_once_in_the_total() {
        let document = document(&snapshot(), &Selection::All).unwrap();
        let of = |path: &str| document.pointer(path).unwrap().as_u64().unwrap();
        assert_eq!(document["servers"][1]["server"], "b");
        assert_eq!(of("/total/tools"), 2);
        assert_eq!(of("/total/raw/o200k"), 2 * of("/servers/0/raw/o200k"));
        let sum = of("/servers/0/full/o200k") + of("/servers/1/full/o200k");
        assert!(of("/total/full/o200k") < sum && of("/total/full/o200k") > sum / 2);
    }

    #[test]
    fn one_tool_can_be_counted_by_itself() {
        let tool = Selection::Tool { server: "a".to_owned(), tool: "get_user".to_owned() };
        assert_eq!(document(&snapshot(), &tool).unwrap()["total"]["tools"], 1);
        let none = Selection::Tool { server: "a".to_owned(), tool: "x".to_owned() };
        assert!(document(&snapshot(), &none).is_err());
    }

    #[test]
    fn a_table_has_a_line_for_each_server() {
        let text = table(&snapshot(), &Selection::All).unwrap();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.lines().last().unwrap().starts_with("together"), "{text}");
        let one = table(&snapshot(), &Selection::Servers(vec!["b".to_owned()])).unwrap();
        assert_eq!(one.lines().count(), 3, "{one}");
    }
}
