//! An MCP server that misbehaves as it is told.

use serde_json::{Value, json};

use super::{Folder, eventually};

/// The text of the server, a program for Node.js without dependencies.
const SCRIPT: &str = include_str!("odd.mjs");

/// The server, in a folder of its own. Its processes are found by that folder's path among their arguments.
pub struct Odd {
    folder: Folder,
}

impl Odd {
    /// Writes the program.
    pub fn new() -> Self {
        let folder = Folder::new();
        folder.write("odd.mjs", SCRIPT);
        Self { folder }
    }

    /// Its entry in an `mcp.json`. `ways` are described in `odd.mjs`.
    pub fn entry(&self, ways: &[&str]) -> Value {
        let mut args = vec![self.folder.at("odd.mjs"), self.folder.text().to_owned()];
        args.extend(ways.iter().map(|way| (*way).to_owned()));
        json!({ "command": "node", "args": args })
    }

    /// What a server that is `defined` lists, from now on. It lists nothing before.
    pub fn define(&self, tools: Value) {
        self.folder.write("tools.json", tools.to_string());
    }

    /// The path that names its processes.
    pub fn mark(&self) -> &str {
        self.folder.text()
    }

    /// Every message that reached it.
    pub fn seen(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("seen.jsonl")).unwrap_or_default();
        // The last line may be half written.
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
