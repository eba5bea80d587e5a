//! An MCP server that misbehaves in chosen ways.

use serde_json::{Value, json};

use super::{Folder, eventually};

/// The text of the server, a program for Node.js without dependencies.
const SCRIPT: &str = include_str!("fake_server.mjs");

/// The server, in a folder of its own. Its processes are found by that folder's path among their
/// arguments.
pub struct FakeServer {
    folder: Folder,
}

impl FakeServer {
    /// Writes the program.
    pub fn new() -> Self {
        let folder = Folder::new();
        folder.write("fake_server.mjs", SCRIPT);
        Self { folder }
    }

    /// Its entry in an `mcp.json`. `fake_server.mjs` describes the `ways`.
    pub fn entry(&self, ways: &[&str]) -> Value {
        let mut args = vec![self.folder.at("fake_server.mjs"), self.folder.text().to_owned()];
        args.extend(ways.iter().map(|way| (*way).to_owned()));
        json!({ "command": "node", "args": args })
    }

    /// Sets the tools of a server that is `defined`. Before, it has none.
    pub fn define(&self, tools: Value) {
        self.folder.write("tools.json", tools.to_string());
    }

    /// Sets its `prompts`, `resources` or `templates`.
    pub fn define_beside(&self, what: &str, items: Value) {
        self.folder.write(&format!("{what}.json"), items.to_string());
    }

    /// Sets the text that a server that is `poisoned` puts everywhere.
    pub fn poison(&self, text: &str) {
        self.folder.write("poison", text);
    }

    /// The path that names its processes.
    pub fn mark(&self) -> &str {
        self.folder.text()
    }

    /// Every message that reached it.
    pub fn seen(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("seen.jsonl")).unwrap_or_default();
        // The last line may be incomplete.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).expect("isolet sends JSON")).collect()
    }

    /// Waits until a message of this method has reached it.
    pub async fn sees(&self, method: &str) -> Value {
        eventually(&format!("{method} reaches the server"), || async {
            self.seen().into_iter().find(|message| message["method"] == method)
        })
        .await
    }
}
