//! The transport over a child's pipes: one JSON-RPC message a line.
//!
//! rmcp's own transport drops lines over 16 MiB without a report and decodes every result. This one
//! has a larger limit, counts the lines that are not messages, and keeps results as text (see
//! [`messages`](crate::transport::messages)).

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

use super::MAX_MESSAGE_BYTES;
use super::message_id::MessageIdScanner;
use super::messages::{Inbox, Incoming, parse, unusable};
use crate::connection::logs::Logs;
use crate::handshake::EarlyMessages;
use crate::text::printable;

/// The time that a message may wait for the server to read earlier ones. Without a limit, messages
/// to a server that does not read would fill the memory.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A line buffer that a large message has made larger than this is freed.
const MAX_IDLE_BUFFER_BYTES: usize = 256 * 1024;

/// The lines on stdout that were not messages: their number, and the first of them.
#[derive(Debug, Default)]
pub(crate) struct StrayOutput {
    lines: AtomicU64,
    too_long: AtomicU64,
    first: Mutex<Vec<String>>,
}

impl StrayOutput {
    const MAX_SAMPLES: usize = 3;
    const MAX_SAMPLE_BYTES: usize = 160;

    fn add(&self, line: &[u8]) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first.lock();
        if first.len() < Self::MAX_SAMPLES {
            first.push(printable(line, Self::MAX_SAMPLE_BYTES));
        }
    }

    /// The number of messages that were too long to be kept.
    pub(crate) fn too_long(&self) -> u64 {
        self.too_long.load(Ordering::Relaxed)
    }

    /// The number of lines.
    pub(crate) fn count(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Describes the number of lines, if there are any.
    pub(crate) fn describe(&self) -> Option<String> {
        let count = self.count();
        (count > 0).then(|| {
            let lines = if count == 1 { "line" } else { "lines" };
            format!("it printed {count} {lines} on stdout that are not MCP messages")
        })
    }

    /// Quotes the first lines. Only for the operator: they may be about anybody's call.
    pub(crate) fn quoted(&self) -> Option<String> {
        let first = self.first.lock();
        (!first.is_empty()).then(|| format!("stdout, first: {}", first.join(" | ")))
    }
}

/// The stdin and stdout of a server.
pub(crate) struct StdioTransport<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Scans the rest of a line that is too long.
    skipping: Option<MessageIdScanner>,
    /// The rest of a batch.
    queue: VecDeque<ServerJsonRpcMessage>,
    writer: Arc<tokio::sync::Mutex<Option<W>>>,
    inbox: Inbox,
    stray_output: Arc<StrayOutput>,
    /// Cancelled when the server's output ends.
    ended: CancellationToken,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> StdioTransport<R, W> {
    pub(crate) fn new(stdout: R, stdin: W, stray_output: Arc<StrayOutput>, ended: CancellationToken) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, stdout),
            line: Vec::new(),
            skipping: None,
            queue: VecDeque::new(),
            writer: Arc::new(tokio::sync::Mutex::new(Some(stdin))),
            inbox: Inbox::of_pipes(),
            stray_output,
            ended,
        }
    }

    /// Passes what the server logs to `logs`.
    pub(crate) fn with_logs(mut self, logs: Logs) -> Self {
        self.inbox = self.inbox.with_logs(logs);
        self
    }

    /// Fails the pending request whose response this line was to be.
    fn give_up_on(&mut self, line: MessageIdScanner, reason: String) {
        if let Some(id) = line.response_id().filter(|id| self.inbox.is_answer_to(id)) {
            self.queue.push_back(unusable(id, reason));
        }
    }

    /// Reads up to and including the next newline into `self.line`. Returns false at the end of the
    /// output. rmcp polls this in a `select!`: all state is in `self`, and nothing is awaited
    /// between taking bytes and keeping them.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(false);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if self.skipping.is_none() {
                if self.line.len() + taken > MAX_MESSAGE_BYTES {
                    tracing::warn!(limit = MAX_MESSAGE_BYTES, "a message is too long and is skipped");
                    self.stray_output.too_long.fetch_add(1, Ordering::Relaxed);
                    self.stray_output.add(&self.line);
                    let mut scanner = MessageIdScanner::default();
                    scanner.read(&self.line);
                    self.skipping = Some(scanner);
                    self.line = Vec::new();
                } else {
                    self.line.extend_from_slice(&available[..taken]);
                }
            }
            if let Some(scanner) = &mut self.skipping {
                scanner.read(&available[..taken]);
            }
            self.reader.consume(taken);
            if newline.is_some() {
                if let Some(scanner) = self.skipping.take() {
                    self.give_up_on(scanner, format!("it is longer than {MAX_MESSAGE_BYTES} bytes"));
                }
                return Ok(true);
            }
        }
    }
}

impl<R, W> Transport<RoleClient> for StdioTransport<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let sent = self.inbox.outgoing(&message);
        let line = serde_json::to_vec(&message);
        let (writer, ended) = (self.writer.clone(), self.ended.clone());
        async move {
            let _sent = sent;
            let mut line = line?;
            line.push(b'\n');
            let write = async {
                let mut writer = writer.lock().await;
                let writer = writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
                writer.write_all(&line).await?;
                writer.flush().await
            };
            let written = tokio::time::timeout(WRITE_TIMEOUT, write).await;
            // A part of the message may be in the pipe, so the server could not parse what follows.
            written.unwrap_or_else(|_| {
                ended.cancel();
                Err(io::Error::new(io::ErrorKind::TimedOut, "the server does not read its input"))
            })
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Some(message);
            }
            if !matches!(self.read_line().await, Ok(true)) {
                self.ended.cancel();
                return None;
            }
            // In another encoding, the ASCII part of the text is still readable.
            let text = String::from_utf8_lossy(&self.line);
            match parse(&text, &self.inbox) {
                _ if text.trim().is_empty() => {}
                Incoming::Messages(messages) => self.queue.extend(messages),
                Incoming::Invalid => {
                    self.stray_output.add(&self.line);
                    let mut scanner = MessageIdScanner::default();
                    scanner.read(&self.line);
                    let wrong = serde_json::from_str::<serde::de::IgnoredAny>(text.trim());
                    let wrong = wrong
                        .err()
                        .map_or_else(|| "it is not a message".to_owned(), |error| error.to_string());
                    self.give_up_on(scanner, format!("it is not JSON-RPC: {wrong}"));
                }
            }
            self.line.clear();
            if self.line.capacity() > MAX_IDLE_BUFFER_BYTES {
                self.line = Vec::new();
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // The end of its input asks the server to exit. A write that hangs on a full pipe holds the
        // lock; then the pipe closes when that write is dropped with the loop.
        if let Ok(mut writer) = self.writer.try_lock() {
            writer.take();
        }
        self.ended.cancel();
        Ok(())
    }
}

impl<R, W> EarlyMessages for StdioTransport<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    fn put_back(&mut self, messages: Vec<ServerJsonRpcMessage>) {
        for message in messages.into_iter().rev() {
            self.queue.push_front(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn messages_of(input: &[u8]) -> (usize, Arc<StrayOutput>) {
        let stray_output = Arc::new(StrayOutput::default());
        let ended = CancellationToken::new();
        let mut transport = StdioTransport::new(input, Vec::new(), stray_output.clone(), ended.clone());
        let mut count = 0;
        while transport.receive().await.is_some() {
            count += 1;
        }
        assert!(ended.is_cancelled());
        (count, stray_output)
    }

    #[tokio::test]
    async fn messages_are_found_among_other_lines() {
        let input = b"Starting server...\n\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n\xff\xfe\n\
                      [{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}},{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}]\nunfinished";
        let (count, stray_output) = messages_of(input).await;
        assert_eq!((count, stray_output.count()), (3, 2));
        assert!(
            stray_output.describe().unwrap().contains("2 lines on stdout"),
            "{:?}",
            stray_output.describe()
        );
        assert!(stray_output.quoted().unwrap().contains("Starting server..."));
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_skipped_and_the_next_is_read() {
        let mut input = vec![b'x'; MAX_MESSAGE_BYTES + 10];
        input.extend_from_slice(b"\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        let (count, stray_output) = messages_of(&input).await;
        assert_eq!((count, stray_output.count()), (1, 1));
    }
}
