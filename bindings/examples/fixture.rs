//! MCP servers that behave well or badly, for the tests of this crate: real processes that speak the line protocol.
//!
//! `fixture MODE…` serves on stdin and stdout; each word changes one thing. Without any it is a decent server.

use std::io::{BufRead, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        // The guard, as isolet's own binary has it.
        Some("guard") => return isolet_bindings::guard::main(std::env::args_os().skip(2)),
        // Stands in for isolet in the tests of the guard: starts a child the way the crate does, then waits to be killed.
        Some("parent") => return parent(&args[1..]),
        _ => {}
    }
    Server { modes: args, changed: false }.serve()
}

struct Server {
    modes: Vec<String>,
    changed: bool,
}

impl Server {
    fn is(&self, mode: &str) -> bool {
        self.modes.iter().any(|one| one == mode)
    }

    fn serve(mut self) -> ExitCode {
        if self.is("exit") {
            eprintln!("cannot open the database");
            return ExitCode::from(3);
        }
        if self.is("grandchild") {
            // Leaves the process group and ignores everything but SIGKILL.
            let script = "trap '' TERM HUP INT; sleep 600 & wait; sleep 600";
            let child = Command::new("setsid")
                .args(["sh", "-c", script])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn();
            drop(child);
        }
        if self.is("garbage") {
            println!("Server v1.2 listening on stdio\n\n{{\"half\":");
            print_bytes(b"\xff\xfe not text\n");
        }
        let stdin = std::io::stdin();
        for line in stdin.lock().lines() {
            let Ok(line) = line else { break };
            let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
            if let Some(code) = self.handle(&message) {
                return code;
            }
        }
        if self.is("stays") {
            std::thread::sleep(Duration::from_secs(600));
        }
        ExitCode::SUCCESS
    }

    fn handle(&mut self, message: &Value) -> Option<ExitCode> {
        let id = &message["id"];
        let method = message["method"].as_str().unwrap_or_default();
        if self.is("silent") {
            return None;
        }
        match method {
            "initialize" if self.is("modern") => {
                self.error(id, -32601, "Method not found: initialize");
            }
            "initialize" => {
                let version = if self.is("old") { "2024-11-05" } else { "2025-11-25" };
                self.answer(
                    id,
                    json!({
                        "protocolVersion": version,
                        "capabilities": {"tools": {"listChanged": true}, "resources": {}},
                        "serverInfo": {"name": "fixture", "version": "1.0"},
                        "instructions": "Be gentle."
                    }),
                );
            }
            "server/discover" => {
                self.answer(
                    id,
                    json!({
                        "resultType": "complete",
                        "supportedVersions": ["2026-07-28"],
                        "capabilities": {"tools": {}},
                        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fixture", "version": "2.0"}},
                        "ttlMs": 0, "cacheScope": "private"
                    }),
                );
            }
            "tools/list" => self.list(id, message["params"]["cursor"].as_str()),
            "resources/list" => self.answer(id, json!({"resources": [{"uri": "x://1", "name": "one"}]})),
            "resources/read" => {
                self.answer(id, json!({"contents": [{"uri": message["params"]["uri"], "text": "hi"}]}));
            }
            "tools/call" => return self.call(id, &message["params"]),
            "notifications/cancelled" => {
                eprintln!("cancelled {}", message["params"]["requestId"]);
                if let Some(file) = self.value("cancel-file=") {
                    let _ = std::fs::write(file, "cancelled");
                }
            }
            _ if id.is_null() => {}
            _ => self.error(id, -32601, &format!("Method not found: {method}")),
        }
        None
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.modes.iter().find_map(|mode| mode.strip_prefix(key))
    }

    fn list(&self, id: &Value, cursor: Option<&str>) {
        if self.is("many") {
            // 500 tools in 5 pages, 2 MB.
            let page: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
            let text = "x".repeat(4_000);
            let tools: Vec<Value> = (page * 100..(page + 1) * 100)
                .map(|n| json!({"name": format!("tool_{n}"), "description": text, "inputSchema": {"type": "object"}}))
                .collect();
            let mut result = json!({"tools": tools});
            if page < 4 {
                result["nextCursor"] = json!((page + 1).to_string());
            }
            return self.answer(id, result);
        }
        if self.is("endless") {
            return self
                .answer(id, json!({"tools": [{"name": "a", "inputSchema": {}}], "nextCursor": "again"}));
        }
        let mut tools = vec![
            json!({"name": "echo", "inputSchema": {"type": "object"}, "x-unknown": {"kept": 1.50}}),
            json!({"name": "die", "inputSchema": {"type": "object"}}),
        ];
        if self.is("malformed") {
            tools.insert(1, json!({"title": "no name"}));
            tools.push(json!("not even an object"));
        }
        if self.changed {
            tools.push(json!({"name": "new", "inputSchema": {"type": "object"}}));
        }
        self.answer(id, json!({"tools": tools}));
    }

    fn call(&mut self, id: &Value, params: &Value) -> Option<ExitCode> {
        let arguments = &params["arguments"];
        match params["name"].as_str().unwrap_or_default() {
            "echo" => self.answer(id, json!({"content": [], "structuredContent": arguments})),
            "env" => {
                let name = arguments["name"].as_str().unwrap_or_default();
                let value = std::env::var(name).unwrap_or_else(|_| "(unset)".into());
                self.answer(id, json!({"content": [{"type": "text", "text": value}]}));
            }
            "big" => {
                let text = "y".repeat(arguments["bytes"].as_u64().unwrap_or(0) as usize);
                self.answer(id, json!({"content": [{"type": "text", "text": text}]}));
            }
            "fail" => {
                self.answer(id, json!({"isError": true, "content": [{"type": "text", "text": "no luck"}]}));
            }
            "never" => {}
            "slow" => {
                std::thread::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap_or(0)));
                self.answer(id, json!({"content": [{"type": "text", "text": "done"}]}));
            }
            "die" => {
                eprintln!(
                    "panic: the disk is on fire, token {}",
                    std::env::var("API_TOKEN").unwrap_or_default()
                );
                return Some(ExitCode::from(9));
            }
            "change" => {
                self.changed = true;
                self.answer(id, json!({"content": []}));
                self.send(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
            }
            _ => self.error(id, -32602, "Invalid arguments: a must be a number"),
        }
        None
    }

    fn answer(&self, id: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn error(&self, id: &Value, code: i32, message: &str) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}));
    }

    fn send(&self, message: &Value) {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        print_bytes(&line);
        if self.is("garbage") {
            print_bytes(b"debug: sent something\n");
        }
    }
}

fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(bytes).and_then(|()| out.flush());
}

fn parent(command: &[String]) -> ExitCode {
    let me = std::env::current_exe().expect("a path to this program");
    let mut guard = Command::new(me)
        .args(["guard", "--parent", &std::process::id().to_string(), "--"])
        .args(command)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the guard starts");
    println!("{}", guard.id());
    let status = guard.wait().expect("the guard can be waited for");
    ExitCode::from(status.code().unwrap_or(1) as u8)
}
