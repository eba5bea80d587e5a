//! A language model that follows a script, in the wire formats of OpenAI (chat completions and
//! responses) and Anthropic (messages), without streaming.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use serde_json::{Value, json};

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;

/// A model that listens on an address of this machine until the process ends.
pub struct Model {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Model {
    /// Calls the tool `run` with each of `codes` in turn, then ends with `The tool said: ` and the
    /// last result.
    pub fn running(codes: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("an address");
        let address = listener.local_addr().expect("bound");
        let heard = Arc::<Mutex<Vec<Value>>>::default();
        let (codes, all): (Arc<[String]>, _) =
            (codes.iter().map(|code| (*code).to_owned()).collect(), heard.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (codes, heard) = (codes.clone(), all.clone());
                // A client that sends an invalid request gets no answer, and its own error is in
                // the test's output.
                thread::spawn(move || serve(&stream, &codes, &heard));
            }
        });
        Self { address, heard }
    }

    /// Its address, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The results of tools that it received, from the first to the last.
    pub fn read(&self) -> Vec<String> {
        let heard = self.heard.lock();
        heard.last().map(results).unwrap_or_default()
    }

    /// The tools that it was offered.
    pub fn offered(&self) -> Vec<Value> {
        let heard = self.heard.lock();
        heard.first().and_then(|request| request["tools"].as_array().cloned()).unwrap_or_default()
    }
}

/// Answers requests of one connection.
fn serve(mut stream: &TcpStream, codes: &[String], heard: &Mutex<Vec<Value>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let path = head.split(' ').nth(1)?.to_owned();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 2)?;
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<usize>().ok().filter(|length| *length <= MAX_BODY_BYTES)?;
            }
            if reader.buffer().starts_with(b"\r\n") {
                reader.consume(2);
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request: Value = serde_json::from_slice(&body).ok()?;
        let (status, answer) = answer(&path, &request, codes);
        heard.lock().push(request);
        let body = answer.to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}

fn answer(path: &str, request: &Value, codes: &[String]) -> (&'static str, Value) {
    let read = results(request);
    let done = format!("The tool said: {}", read.last().map_or("nothing", String::as_str));
    let call = codes.get(read.len()).map(|code| (tool(request), json!({ "code": code })));
    let id = format!("call_{}", read.len());
    if request["stream"] == true {
        return ("400 Bad Request", json!({ "error": { "message": "this model does not stream" } }));
    }
    let answer = match path.split('?').next().unwrap_or_default() {
        "/v1/chat/completions" => {
            let message = match &call {
                Some((name, arguments)) => json!({ "role": "assistant", "content": null, "tool_calls": [
                    { "id": id, "type": "function", "function": { "name": name, "arguments": arguments.to_string() } }
                ] }),
                None => json!({ "role": "assistant", "content": done }),
            };
            let reason = if call.is_some() { "tool_calls" } else { "stop" };
            json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "scripted",
                "choices": [{ "index": 0, "finish_reason": reason, "message": message }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 }
            })
        }
        "/v1/responses" => {
            let output = match &call {
                Some((name, arguments)) => json!({
                    "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name,
                    "arguments": arguments.to_string(), "status": "completed"
                }),
                None => json!({
                    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                    "content": [{ "type": "output_text", "text": done, "annotations": [] }]
                }),
            };
            json!({
                "id": format!("resp_{}", read.len()), "object": "response", "created_at": 0, "status": "completed",
                "model": "scripted", "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
                "output": [output], "parallel_tool_calls": true, "temperature": 1, "tool_choice": "auto", "tools": [],
                "top_p": 1, "usage": {
                    "input_tokens": 1, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 1,
                    "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 2
                }
            })
        }
        "/v1/messages" => {
            let (reason, block) = match &call {
                Some((name, input)) => {
                    ("tool_use", json!({ "type": "tool_use", "id": id, "name": name, "input": input }))
                }
                None => ("end_turn", json!({ "type": "text", "text": done })),
            };
            json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [block],
                "stop_reason": reason, "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 }
            })
        }
        _ => {
            return (
                "404 Not Found",
                json!({ "error": { "message": format!("there is nothing at {path}") } }),
            );
        }
    };
    ("200 OK", answer)
}

/// The name under which the client offers isolet's tool `run`.
fn tool(request: &Value) -> Value {
    let tools = request["tools"].as_array().into_iter().flatten();
    let names = tools
        .map(|tool| if tool["function"].is_object() { &tool["function"]["name"] } else { &tool["name"] });
    names
        .into_iter()
        .find(|name| name.as_str().is_some_and(|name| name.ends_with("run")))
        .cloned()
        .unwrap_or_default()
}

/// The results of tools so far, in any of the wire formats.
fn results(request: &Value) -> Vec<String> {
    let of = |field: &str| request[field].as_array().cloned().unwrap_or_default();
    let mut results = Vec::new();
    for message in of("messages").iter().chain(&of("input")) {
        if message["role"] == "tool" {
            results.push(flat(&message["content"]));
        } else if message["type"] == "function_call_output" {
            results.push(flat(&message["output"]));
        }
        for block in message["content"].as_array().into_iter().flatten() {
            if block["type"] == "tool_result" {
                results.push(flat(&block["content"]));
            }
        }
    }
    results
}

/// The text of a content: one string, or the texts of its blocks.
fn flat(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}
