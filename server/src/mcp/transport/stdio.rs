//! Standard input and output: one JSON-RPC message a line, or a batch of them (revision
//! 2025-03-26).
//!
//! rmcp's own transport does not answer a line that is too long, so that the client waits forever,
//! and does not support batches.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isolet_bindings::MessageIdScanner;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use super::batch::MAX_MESSAGES;
use crate::mcp::disconnect::CANCELLED_MESSAGE;
use crate::mcp::wire::big_numbers::restore;
use crate::mcp::wire::surrogates::replace_lone_surrogates;

/// The length of a line.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// The message of the error for JSON that is not a JSON-RPC message.
const INVALID_REQUEST: &str = "Invalid request";

/// The capacity of the line buffer that is kept after a large message.
const MAX_KEPT_BUFFER_BYTES: usize = 256 * 1024;

/// The transport of `isolet mcp`.
pub struct StdioTransport<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Set while the rest of a line that is too long is skipped.
    skipping: Option<MessageIdScanner>,
    /// Messages of the last line that have not been received yet.
    queue: VecDeque<ClientJsonRpcMessage>,
    writer: Arc<Mutex<Option<W>>>,
    /// Set once the client has closed standard input.
    ended: Arc<AtomicBool>,
}

/// A line that is not a message.
#[derive(Debug, PartialEq)]
enum InvalidMessage {
    /// It is JSON, but not a JSON-RPC message. The id is that of the request, if it has one.
    NotJsonRpc(Option<RequestId>),
    /// It is not valid JSON.
    NotJson(Option<RequestId>, String),
}

impl InvalidMessage {
    fn error(self) -> (ErrorData, Option<RequestId>) {
        match self {
            Self::NotJsonRpc(id) => (ErrorData::invalid_request(INVALID_REQUEST, None), id),
            Self::NotJson(id, why) => {
                (ErrorData::parse_error(format!("The line is not valid JSON: {why}"), None), id)
            }
        }
    }
}

/// One line of input.
enum InputLine {
    /// The line is in the buffer.
    Whole,
    /// The line was too long and has been skipped.
    TooLong(MessageIdScanner),
    /// Standard input is closed.
    End,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> StdioTransport<R, W> {
    /// Returns a transport over this pair.
    pub fn new((input, output): (R, W)) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, input),
            line: Vec::new(),
            skipping: None,
            queue: VecDeque::new(),
            writer: Arc::new(Mutex::new(Some(output))),
            ended: Arc::default(),
        }
    }

    /// Reads a line with its newline. Cancel safe, because rmcp polls it inside a `select!`: all
    /// state is in `self`, and there is no await between consuming bytes and storing them.
    async fn read_line(&mut self) -> io::Result<InputLine> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(InputLine::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = &available[..newline.map_or(available.len(), |at| at + 1)];
            match &mut self.skipping {
                Some(scanner) => scanner.read(taken),
                None if self.line.len() + taken.len() > MAX_LINE_BYTES => {
                    let mut scanner = MessageIdScanner::default();
                    scanner.read(&self.line);
                    scanner.read(taken);
                    self.line = Vec::new();
                    self.skipping = Some(scanner);
                }
                None => self.line.extend_from_slice(taken),
            }
            let taken = taken.len();
            self.reader.consume(taken);
            if newline.is_some() {
                return Ok(self.skipping.take().map_or(InputLine::Whole, InputLine::TooLong));
            }
        }
    }

    /// Parses the line in the buffer and queues its messages.
    fn parse_line(&mut self) {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line).trim_ascii();
        let mut refusals = Vec::new();
        let batch = line.starts_with(b"[").then(|| serde_json::from_slice::<Vec<&RawValue>>(line));
        match batch {
            Some(Ok(batch)) if (1..=MAX_MESSAGES).contains(&batch.len()) => {
                for one in batch {
                    match parse_message(one.get().as_bytes()) {
                        Ok(message) => self.queue.extend(message),
                        Err(invalid) => refusals.push(invalid.error()),
                    }
                }
            }
            Some(Ok(_)) => {
                let message = format!("A batch must have 1 to {MAX_MESSAGES} messages.");
                refusals.push((ErrorData::invalid_request(message, None), None));
            }
            Some(Err(error)) => refusals.push(InvalidMessage::NotJson(None, error.to_string()).error()),
            None if line.is_empty() => {}
            None => match parse_message(line) {
                Ok(message) => self.queue.extend(message),
                Err(invalid) => refusals.push(invalid.error()),
            },
        }
        self.line.clear();
        if self.line.capacity() > MAX_KEPT_BUFFER_BYTES {
            self.line = Vec::new();
        }
        for (error, id) in refusals {
            self.refuse(error, id);
        }
    }

    /// Sends an error of the transport itself. Uses a task, because rmcp polls this inside a
    /// `select!`.
    fn refuse(&mut self, error: ErrorData, id: Option<RequestId>) {
        let sent = self.send(ServerJsonRpcMessage::error(error, id));
        tokio::spawn(async move {
            if let Err(error) = sent.await {
                tracing::debug!(%error, "an error response could not be sent");
            }
        });
    }
}

impl<R, W> Transport<RoleServer> for StdioTransport<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let writer = self.writer.clone();
        // A client that has closed its input expects no more responses, and some of the official
        // SDKs fail if one arrives for a request that they have cancelled.
        let is_unwanted = self.ended.load(Ordering::Relaxed) && is_cancelled(&message);
        async move {
            if is_unwanted {
                return Ok(());
            }
            let mut line = restore(serde_json::to_vec(&message)?);
            line.push(b'\n');
            let mut writer = writer.lock().await;
            let writer = writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            writer.write_all(&line).await?;
            writer.flush().await
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Some(message);
            }
            match self.read_line().await {
                Ok(InputLine::Whole) => self.parse_line(),
                Ok(InputLine::TooLong(scanner)) => {
                    tracing::warn!(limit = MAX_LINE_BYTES, "a message exceeds the size limit and is skipped");
                    if let Some(id) = scanner.request_id() {
                        let message = format!("The message is longer than {MAX_LINE_BYTES} bytes.");
                        self.refuse(ErrorData::invalid_request(message, None), Some(id));
                    }
                }
                Ok(InputLine::End) => {
                    self.ended.store(true, Ordering::Relaxed);
                    return None;
                }
                Err(error) => {
                    tracing::error!(%error, "standard input cannot be read");
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.writer.lock().await.take();
        Ok(())
    }
}

/// Returns `true` if the message is the error of a cancelled request.
fn is_cancelled(message: &ServerJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Error(error) if error.error.message == CANCELLED_MESSAGE)
}

/// Parses one message. Returns `None` for invalid notifications, which have no response.
fn parse_message(text: &[u8]) -> Result<Option<ClientJsonRpcMessage>, InvalidMessage> {
    let error = match serde_json::from_slice(text) {
        Ok(message) => return Ok(Some(message)),
        Err(error) => error,
    };
    let replaced = replace_lone_surrogates(text);
    if let Some(message) = replaced.as_deref().and_then(|text| serde_json::from_slice(text).ok()) {
        return Ok(Some(message));
    }
    let value = match serde_json::from_slice::<Value>(replaced.as_deref().unwrap_or(text)) {
        Ok(value) => value,
        Err(error) => {
            let mut scanner = MessageIdScanner::default();
            scanner.read(text);
            return Err(InvalidMessage::NotJson(scanner.request_id(), error.to_string()));
        }
    };
    let id = value.get("id").and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
    if id.is_none() && value.get("method").is_some_and(Value::is_string) {
        tracing::debug!(%error, "an invalid notification is skipped");
        return Ok(None);
    }
    Err(InvalidMessage::NotJsonRpc(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, DuplexStream};

    use super::*;

    /// Returns the methods of the messages received from `input`, and the responses of the
    /// transport itself.
    async fn exchange(input: &[u8]) -> (Vec<String>, Vec<Value>) {
        let (output, mut answered): (DuplexStream, DuplexStream) = tokio::io::duplex(1024 * 1024);
        let mut stdio = StdioTransport::new((input, output));
        let mut methods = Vec::new();
        while let Some(message) = stdio.receive().await {
            if let JsonRpcMessage::Request(request) = message {
                methods.push(request.request.method().to_owned());
            }
        }
        // The tasks that send errors hold the writer.
        while Arc::strong_count(&stdio.writer) > 1 {
            tokio::task::yield_now().await;
        }
        stdio.close().await.unwrap();
        let mut text = String::new();
        answered.read_to_string(&mut text).await.unwrap();
        (methods, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[tokio::test]
    async fn the_messages_of_a_batch_are_received_in_order() {
        let input = br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}, 7, {"jsonrpc":"2.0","method":"notifications/initialized"},
            {"jsonrpc":"2.0","id":2,"method":"tools/list"}]"#;
        let line =
            [input.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect(), vec![b'\n']];
        let (methods, answered) = exchange(&line.concat()).await;
        assert_eq!(methods, ["ping", "tools/list"]);
        assert_eq!((answered.len(), &answered[0]["error"]["code"]), (1, &json!(-32600)));
        let (methods, answered) = exchange(b"[]\n").await;
        assert_eq!((methods.len(), &answered[0]["error"]["code"]), (0, &json!(-32600)));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_answered_and_the_next_is_read() {
        let padding = "x".repeat(MAX_LINE_BYTES);
        let first = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": padding });
        let last =
            json!({ "method": "tools/call", "params": { "id": 9, "x": padding }, "jsonrpc": "2.0", "id": 7 });
        let answer = json!({ "jsonrpc": "2.0", "id": 8, "result": padding });
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/x", "params": padding });
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let input: String = [first, last, answer, told, ping].map(|line| format!("{line}\n")).concat();
        let (methods, answered) = exchange(input.as_bytes()).await;
        assert_eq!(methods, ["ping"]);
        let mut ids: Vec<&Value> = answered.iter().map(|answer| &answer["id"]).collect();
        ids.sort_by_key(|id| id.is_string());
        assert_eq!(ids, [&json!(7), &json!("a")], "{answered:?}");
        assert!(answered[0]["error"]["message"].as_str().unwrap().contains("longer than 16777216 bytes"));
    }

    #[tokio::test]
    async fn invalid_messages_are_answered_with_errors() {
        let (methods, mut answered) = exchange(
            b"hello\n\n{\"id\":3}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n\
              {\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"ping\",}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"a\\ud83d\"}\n{\"unfinished",
        )
        .await;
        assert_eq!(methods, ["ping", "a\u{fffd}"]);
        answered.sort_by_key(|answer| answer["id"].as_u64());
        let said: Vec<_> =
            answered.iter().map(|answer| (answer["id"].as_u64(), answer["error"]["code"].as_i64())).collect();
        assert_eq!(said, [(None, Some(-32700)), (Some(3), Some(-32600)), (Some(4), Some(-32700))]);
    }
}
