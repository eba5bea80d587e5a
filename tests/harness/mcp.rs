//! Hand-made MCP clients, for messages that no library would send: JSON lines to `isolet mcp`,
//! single requests to `/mcp`.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::{Daemon, ISOLET, WAIT_TIMEOUT, command, processes};

/// The revision with sessions that most clients speak.
pub const LEGACY: &str = "2025-11-25";

/// The revision without sessions.
pub const MODERN: &str = "2026-07-28";

/// A running `isolet mcp` and its messages.
pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Messages that arrived while another was waited for.
    early: VecDeque<Value>,
    last: u64,
    /// The `_meta` of every request.
    meta: Value,
}

impl Client {
    /// Starts it in `folder`, with the configurations in it.
    #[track_caller]
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with_stderr(folder, args, Stdio::inherit())
    }

    /// Starts it in `folder` with this as its standard error.
    #[track_caller]
    pub fn start_with_stderr(folder: &Path, args: &[&str], stderr: impl Into<Stdio>) -> Self {
        let mut command = Command::new(ISOLET);
        command::clean(&mut command);
        command.arg("mcp").args(args).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        command::name_configurations(&mut command, folder);
        let mut child = command.stderr(stderr).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in stdout.lines() {
                let line = line.expect("text on standard output");
                let message = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no message: {line}"));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines, early: VecDeque::new(), last: 0, meta: json!({}) }
    }

    /// Starts it and opens a session of the older kind.
    #[track_caller]
    pub fn legacy(folder: &Path, args: &[&str]) -> Self {
        let mut client = Self::start(folder, args);
        let hello = client.request("initialize", initialize(LEGACY));
        assert_eq!(hello["result"]["protocolVersion"], LEGACY, "{hello:#}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    /// Starts it and speaks the newer revision.
    #[track_caller]
    pub fn modern(folder: &Path, args: &[&str]) -> Self {
        let mut client = Self::start(folder, args);
        client.meta = modern_meta();
        let found = client.request("server/discover", json!({}));
        assert!(
            found["result"]["supportedVersions"].as_array().is_some_and(|all| all.contains(&json!(MODERN)))
        );
        client
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a message.
    #[track_caller]
    pub fn send(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().expect("not closed yet");
        stdin.write_all(format!("{message}\n").as_bytes()).expect("it reads");
    }

    /// Sends a request without waiting and returns its id.
    #[track_caller]
    pub fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.last += 1;
        let meta = self.meta.as_object().expect("an object").clone();
        let fields = params.as_object_mut().expect("an object");
        let own = fields.entry("_meta").or_insert_with(|| json!({}));
        own.as_object_mut().expect("an object").extend(meta);
        self.send(&json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params }));
        self.last
    }

    /// Sends a request and waits for the answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// Sends a request whose parameters are this text, and waits for the answer.
    #[track_caller]
    pub fn request_text(&mut self, method: &str, params: &str) -> Value {
        self.last += 1;
        let line = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"{method}\",\"params\":{params}}}\n",
            self.last
        );
        self.stdin.as_mut().expect("not closed yet").write_all(line.as_bytes()).expect("it reads");
        self.answer(self.last)
    }

    /// Waits for the answer to a request.
    #[track_caller]
    pub fn answer(&mut self, id: u64) -> Value {
        self.wait(&format!("an answer to {id}"), |message| {
            message["id"] == id && message.get("method").is_none()
        })
    }

    /// Waits for a message.
    #[track_caller]
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.early.iter().position(&wanted) {
            return self.early.remove(at).expect("just found");
        }
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(message) if wanted(&message) => return message,
                Ok(message) => self.early.push_back(message),
                Err(_) => panic!("{what}: never came. What did come: {:#?}", self.early),
            }
        }
    }

    /// Returns the messages of this method that have arrived.
    pub fn heard(&mut self, method: &str) -> Vec<Value> {
        while let Ok(message) = self.lines.recv_timeout(Duration::ZERO) {
            self.early.push_back(message);
        }
        self.early.iter().filter(|message| message["method"] == method).cloned().collect()
    }

    /// Closes its input and waits for its end; returns its messages since then.
    pub fn close_and_listen(mut self) -> Vec<Value> {
        while self.lines.recv_timeout(Duration::ZERO).is_ok() {}
        drop(self.stdin.take());
        let mut messages = Vec::new();
        while let Ok(message) = self.lines.recv_timeout(WAIT_TIMEOUT) {
            messages.push(message);
        }
        messages
    }

    /// Calls a tool and returns the result.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.request("tools/call", json!({ "name": tool, "arguments": arguments }));
        answer.get("result").unwrap_or_else(|| panic!("{tool}: {answer:#}")).clone()
    }

    /// Returns the tools when no server is starting any more, or after five seconds.
    #[track_caller]
    pub fn tools(&mut self) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let tools = self.tools_now();
            let starting =
                |tool: &Value| tool["description"].as_str().is_some_and(|text| text.contains("(starting)"));
            if began.elapsed() > Duration::from_secs(5) || !tools.iter().any(starting) {
                return tools;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the tools as they are listed at once.
    #[track_caller]
    pub fn tools_now(&mut self) -> Vec<Value> {
        let answer = self.request("tools/list", json!({}));
        answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer:#}")).clone()
    }

    /// Closes its input and waits for the exit.
    #[track_caller]
    pub fn close(&mut self) -> ExitStatus {
        self.stdin = None;
        processes::wait_for_exit(&mut self.child)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a tool's result, which must be its only content.
#[track_caller]
pub fn text(result: &Value) -> &str {
    assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{result:#}");
    super::text(&result["content"][0]["text"])
}

/// Parameters of `initialize`.
pub fn initialize(revision: &str) -> Value {
    json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } })
}

/// The `_meta` of requests of the newer revision.
pub fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// `POST /mcp` of a message.
pub fn post(message: &Value) -> Request {
    Request::post("/mcp", "application/json", message.to_string())
        .header("accept", "application/json, text/event-stream")
}

/// `POST /mcp` of a request of the newer revision.
pub fn modern(method: &str, mut params: Value) -> Request {
    let name = params["name"].as_str().map(str::to_owned);
    params["_meta"] = modern_meta();
    let request = post(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method);
    match name {
        Some(name) => request.header("mcp-name", &name),
        None => request,
    }
}

/// A session of the older kind over HTTP.
pub struct Session<'a> {
    server: &'a Daemon,
    /// Its id.
    pub id: String,
}

impl<'a> Session<'a> {
    /// Opens a session.
    pub async fn open(server: &'a Daemon) -> Self {
        let hello =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": initialize(LEGACY) });
        let answer = server.send(post(&hello)).await.expect(200);
        let id = answer.header("mcp-session-id").to_owned();
        assert!(!id.is_empty(), "{answer:?}");
        let session = Self { server, id };
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        server.send(session.within(post(&ready))).await.expect(202);
        session
    }

    /// Adds the session's headers to the request.
    pub fn within(&self, request: Request) -> Request {
        request.header("mcp-session-id", &self.id).header("mcp-protocol-version", LEGACY)
    }

    /// Sends a request and returns its answer.
    pub async fn request(&self, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.server.send(self.within(post(&message))).await.expect(200);
        last_message(&answer)
    }
}

/// The last message of an answer, which is a document or a stream of events.
#[track_caller]
pub fn last_message(answer: &Answer) -> Value {
    messages(answer).pop().unwrap_or_else(|| panic!("no message in {answer:?}"))
}

/// All messages of an answer.
#[track_caller]
pub fn messages(answer: &Answer) -> Vec<Value> {
    if answer.header("content-type") == "application/json" {
        return vec![answer.json()];
    }
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).expect("JSON")).collect()
}
