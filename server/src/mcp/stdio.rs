//! Standard input and output: one JSON-RPC message a line, or a batch of them (revision 2025-03-26).
//!
//! rmcp's own transport says nothing of a line that is too long, so the client waits for an answer that never comes, and
//! knows no batches.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use super::batch::MOST;
use super::numbers::restored;
use super::outline::Outline;

/// Longest line.
const LONGEST: usize = 16 * 1024 * 1024;

/// What is said of JSON that is no message.
const INVALID: &str = "Invalid request";

/// A line buffer that grew beyond this for one large message is given back.
const KEPT_BUFFER: usize = 256 * 1024;

/// What a client reads and writes.
pub struct Stdio<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// What is known of a line that is too long to be kept, until its end.
    skipping: Option<Outline>,
    /// The rest of a batch.
    queue: VecDeque<ClientJsonRpcMessage>,
    writer: Arc<Mutex<Option<W>>>,
}

/// One line of input.
enum Line {
    /// It is in the buffer.
    Whole,
    TooLong(Outline),
    End,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> Stdio<R, W> {
    /// Speaks over this pair.
    pub fn new((input, output): (R, W)) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, input),
            line: Vec::new(),
            skipping: None,
            queue: VecDeque::new(),
            writer: Arc::new(Mutex::new(Some(output))),
        }
    }

    /// Reads up to and with the next newline. rmcp polls this inside a `select!`: all state is in `self`, and nothing is
    /// awaited between taking bytes and keeping them.
    async fn read_line(&mut self) -> io::Result<Line> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(Line::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = &available[..newline.map_or(available.len(), |at| at + 1)];
            match &mut self.skipping {
                Some(outline) => outline.read(taken),
                None if self.line.len() + taken.len() > LONGEST => {
                    let mut outline = Outline::default();
                    outline.read(&self.line);
                    outline.read(taken);
                    self.line = Vec::new();
                    self.skipping = Some(outline);
                }
                None => self.line.extend_from_slice(taken),
            }
            let taken = taken.len();
            self.reader.consume(taken);
            if newline.is_some() {
                return Ok(self.skipping.take().map_or(Line::Whole, Line::TooLong));
            }
        }
    }

    /// Takes the messages of the line in the buffer into the queue.
    fn take_line(&mut self) {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line).trim_ascii();
        let mut refusals = Vec::new();
        if line.starts_with(b"[") {
            match serde_json::from_slice::<Vec<&RawValue>>(line) {
                Ok(batch) if (1..=MOST).contains(&batch.len()) => {
                    for one in batch {
                        match message(one.get().as_bytes()) {
                            Ok(message) => self.queue.extend(message),
                            Err(id) => refusals.push((INVALID.to_owned(), id)),
                        }
                    }
                }
                Ok(_) => {
                    refusals.push((format!("A batch has from 1 to {MOST} messages."), None));
                }
                Err(error) => tracing::debug!(%error, "a line that is no JSON is skipped"),
            }
        } else if !line.is_empty() {
            match message(line) {
                Ok(message) => self.queue.extend(message),
                Err(id) => refusals.push((INVALID.to_owned(), id)),
            }
        }
        self.line.clear();
        if self.line.capacity() > KEPT_BUFFER {
            self.line = Vec::new();
        }
        for (words, id) in refusals {
            self.refuse(words, id);
        }
    }

    /// Sends an error of the transport's own. In a task: this is polled inside a `select!`.
    fn refuse(&mut self, words: String, id: Option<RequestId>) {
        let sent = self.send(ServerJsonRpcMessage::error(ErrorData::invalid_request(words, None), id));
        tokio::spawn(async move {
            if let Err(error) = sent.await {
                tracing::debug!(%error, "a refusal could not be sent");
            }
        });
    }
}

impl<R, W> Transport<RoleServer> for Stdio<R, W>
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
        async move {
            let mut line = restored(serde_json::to_vec(&message)?);
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
                Ok(Line::Whole) => self.take_line(),
                Ok(Line::TooLong(outline)) => {
                    tracing::warn!(limit = LONGEST, "a message is too long and is skipped");
                    if let Some(id) = outline.request() {
                        self.refuse(format!("The message is longer than {LONGEST} bytes."), Some(id));
                    }
                }
                Ok(Line::End) => return None,
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

/// One message, `None` where nothing is to be said of what came in its place; of what is no message but JSON, its id.
fn message(text: &[u8]) -> Result<Option<ClientJsonRpcMessage>, Option<RequestId>> {
    let error = match serde_json::from_slice(text) {
        Ok(message) => return Ok(Some(message)),
        Err(error) => error,
    };
    // Whoever writes what is no JSON would not understand an answer either.
    let Ok(value) = serde_json::from_slice::<Value>(text) else {
        tracing::debug!(%error, "a line that is no JSON is skipped");
        return Ok(None);
    };
    let id = value.get("id").and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
    if id.is_none() && value.get("method").is_some_and(Value::is_string) {
        tracing::debug!(%error, "a notification that cannot be read is skipped");
        return Ok(None);
    }
    Err(id)
}

#[cfg(test)]
mod tests {
    use rmcp::model::JsonRpcMessage;
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, DuplexStream};

    use super::*;

    /// What is received of `input`: the methods; and what was answered by the transport itself.
    async fn exchange(input: &[u8]) -> (Vec<String>, Vec<Value>) {
        let (output, mut answered): (DuplexStream, DuplexStream) = tokio::io::duplex(1024 * 1024);
        let mut stdio = Stdio::new((input, output));
        let mut methods = Vec::new();
        while let Some(message) = stdio.receive().await {
            if let JsonRpcMessage::Request(request) = message {
                methods.push(request.request.method().to_owned());
            }
        }
        // Refusals are sent by tasks that hold the writer.
        while Arc::strong_count(&stdio.writer) > 1 {
            tokio::task::yield_now().await;
        }
        stdio.close().await.unwrap();
        let mut text = String::new();
        answered.read_to_string(&mut text).await.unwrap();
        (methods, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[tokio::test]
    async fn batches_are_messages_one_after_the_other() {
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
        let padding = "x".repeat(LONGEST);
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
    async fn what_is_no_message_is_answered_if_it_is_json() {
        let (methods, answered) = exchange(
            b"hello\n\n{\"id\":3}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n{\"unfinished",
        )
        .await;
        assert_eq!(methods, ["ping"]);
        assert_eq!((answered.len(), &answered[0]["id"]), (1, &json!(3)));
    }
}
