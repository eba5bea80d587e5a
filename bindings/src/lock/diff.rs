//! The changes of a definition, line by line, for a terminal. All of the text is the server's.

use std::collections::BTreeSet;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::entry::Members;
use crate::text::visible;

/// The unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Returns the changed members: the name of each, then its lines, with `-` before approved lines
/// and `+` before new ones. Nothing is shortened, since hidden text would be approved unseen.
pub(super) fn lines(before: &Members, now: &Members) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut out = Vec::new();
    for name in names {
        let (old, new) = (before.get(name), now.get(name));
        if old == new {
            continue;
        }
        out.push(format!("{}:", visible(name)));
        let (old, new) = (text(old), text(new));
        let (old, new): (Vec<&str>, Vec<&str>) =
            (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
        let diff = TextDiff::from_slices(&old, &new);
        for (index, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
            if index > 0 {
                out.push("  …".to_owned());
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let sign = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                out.push(format!("{sign} {}", change.value()));
            }
        }
    }
    out
}

/// The lines of a member: a string as it is, other values as JSON.
fn text(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::String(text)) => text.split('\n').map(visible).collect(),
        Some(other) => {
            let json = serde_json::to_string_pretty(other).unwrap_or_default();
            json.lines().map(visible).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Members {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_changes_are_shown_with_their_context() {
        let schema = |last: &str| {
            let fields: serde_json::Map<String, Value> = (0..9)
                .map(|at| (format!("f{at}"), json!({ "type": if at == 8 { last } else { "string" } })))
                .collect();
            json!({ "description": "One.\nTwo.", "inputSchema": { "properties": fields }, "same": 1 })
        };
        let mut now = schema("number");
        now["description"] = json!("One.\nTwo, and more.");
        now["icons"] = json!([{ "src": "https://x.example/i.png" }]);
        assert_eq!(
            lines(&members(schema("string")), &members(now)),
            [
                "description:",
                "  One.",
                "- Two.",
                "+ Two, and more.",
                "icons:",
                "+ [",
                "+   {",
                "+     \"src\": \"https://x.example/i.png\"",
                "+   }",
                "+ ]",
                "inputSchema:",
                "        \"type\": \"string\"",
                "      },",
                "      \"f8\": {",
                "-       \"type\": \"string\"",
                "+       \"type\": \"number\"",
                "      }",
                "    }",
                "  }",
            ]
        );
    }

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        let now =
            members(json!({ "a\u{1b}[2J": "x\u{200b}\u{e0041}\u{202e}\r\u{9b}é", "b": ["\u{7f}\u{feff}"] }));
        assert_eq!(
            lines(&Members::new(), &now),
            [
                "a\\u{1b}[2J:",
                "+ x\\u{200b}\\u{e0041}\\u{202e}\\u{d}\\u{9b}é",
                "b:",
                "+ [",
                "+   \"\\u{7f}\\u{feff}\"",
                "+ ]",
            ]
        );
    }
}
