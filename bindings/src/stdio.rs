//! The transport over a child's pipes: one JSON-RPC message a line.
//!
//! rmcp's own drops lines over 16 MiB, says nothing of what it skipped and decodes every result; this one has a larger
//! bound, remembers what else was printed, and keeps results as text (see [`wire`](crate::wire)).

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

use crate::handshake::EarlyMessages;
use crate::logs::Logs;
use crate::text::printable;
use crate::wire::{Incoming, Intake, Skim, parse, unusable};

/// Longest message taken from a server. Real ones print tool lists of 2 MB in one line and results of 10 MB; what is
/// longer than this is skipped to its end without being kept.
pub(crate) const MAX_LINE: usize = 64 * 1024 * 1024;

/// How long a message may wait for the server to read what came before it. Without a bound, messages to a server that
/// reads nothing would pile up.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// A line buffer that grew beyond this for one large message is given back.
const KEPT_BUFFER: usize = 256 * 1024;

/// What a server printed that was no message: how much, and the first of it.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    lines: AtomicU64,
    too_long: AtomicU64,
    first: Mutex<Vec<String>>,
}

impl Garbage {
    const SAMPLES: usize = 3;
    const SAMPLE_BYTES: usize = 160;

    fn add(&self, line: &[u8]) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.len() < Self::SAMPLES {
            first.push(printable(line, Self::SAMPLE_BYTES));
        }
    }

    /// How many messages were too long to keep.
    pub(crate) fn too_long(&self) -> u64 {
        self.too_long.load(Ordering::Relaxed)
    }

    /// How many lines there were.
    pub(crate) fn count(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// What to say about them, if there were any.
    pub(crate) fn describe(&self) -> Option<String> {
        let count = self.count();
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        (count > 0).then(|| {
            let lines = if count == 1 { "line" } else { "lines" };
            format!(
                "it printed {count} {lines} on stdout that are no MCP messages, first: {}",
                first.join(" | ")
            )
        })
    }
}

/// A server's stdin and stdout.
pub(crate) struct StdioTransport<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// In the middle of a line that was too long: what can be told of it.
    skipping: Option<Skim>,
    /// The rest of a batch.
    queue: VecDeque<ServerJsonRpcMessage>,
    writer: Arc<tokio::sync::Mutex<Option<W>>>,
    intake: Intake,
    garbage: Arc<Garbage>,
    /// Cancelled when the server's output ends.
    ended: CancellationToken,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> StdioTransport<R, W> {
    pub(crate) fn new(stdout: R, stdin: W, garbage: Arc<Garbage>, ended: CancellationToken) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, stdout),
            line: Vec::new(),
            skipping: None,
            queue: VecDeque::new(),
            writer: Arc::new(tokio::sync::Mutex::new(Some(stdin))),
            intake: Intake::of_pipes(),
            garbage,
            ended,
        }
    }

    /// The same, telling `logs` what the server logs.
    pub(crate) fn telling(mut self, logs: Logs) -> Self {
        self.intake = self.intake.telling(logs);
        self
    }

    /// Ends the wait of whoever waits for the answer that a line was to be.
    fn give_up_on(&mut self, line: Skim, reason: String) {
        if let Some(id) = line.answered().filter(|id| self.intake.is_answer_to(id)) {
            self.queue.push_back(unusable(id, reason));
        }
    }

    /// Reads up to and with the next newline into `self.line`; false at the end of the output. rmcp polls this inside a
    /// `select!`: all state is in `self`, and nothing is awaited between taking bytes and keeping them.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(false);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if self.skipping.is_none() {
                if self.line.len() + taken > MAX_LINE {
                    tracing::warn!(limit = MAX_LINE, "a message is too long and is skipped");
                    self.garbage.too_long.fetch_add(1, Ordering::Relaxed);
                    self.garbage.add(&self.line);
                    let mut skim = Skim::default();
                    skim.read(&self.line);
                    self.skipping = Some(skim);
                    self.line = Vec::new();
                } else {
                    self.line.extend_from_slice(&available[..taken]);
                }
            }
            if let Some(skim) = &mut self.skipping {
                skim.read(&available[..taken]);
            }
            self.reader.consume(taken);
            if newline.is_some() {
                if let Some(skim) = self.skipping.take() {
                    self.give_up_on(skim, format!("it is longer than {MAX_LINE} bytes"));
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
        let sent = self.intake.outgoing(&message);
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
            let written = tokio::time::timeout(WRITE_PATIENCE, write).await;
            // Half a message may be in the pipe: nothing that follows could be understood.
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
            // A server that writes in another encoding says most of it in ASCII.
            let text = String::from_utf8_lossy(&self.line);
            match parse(&text, &self.intake) {
                _ if text.trim().is_empty() => {}
                Incoming::Messages(messages) => self.queue.extend(messages),
                Incoming::Garbage => {
                    self.garbage.add(&self.line);
                    let mut skim = Skim::default();
                    skim.read(&self.line);
                    let wrong = serde_json::from_str::<serde::de::IgnoredAny>(text.trim());
                    let wrong =
                        wrong.err().map_or_else(|| "it is no message".to_owned(), |error| error.to_string());
                    self.give_up_on(skim, format!("it is no JSON-RPC: {wrong}"));
                }
            }
            self.line.clear();
            if self.line.capacity() > KEPT_BUFFER {
                self.line = Vec::new();
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // The end of its input asks the server to leave. A write that hangs on a full pipe holds the lock: then the
        // pipe closes when that write is dropped with the loop.
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

    async fn messages_of(input: &[u8]) -> (usize, Arc<Garbage>) {
        let garbage = Arc::new(Garbage::default());
        let ended = CancellationToken::new();
        let mut transport = StdioTransport::new(input, Vec::new(), garbage.clone(), ended.clone());
        let mut count = 0;
        while transport.receive().await.is_some() {
            count += 1;
        }
        assert!(ended.is_cancelled());
        (count, garbage)
    }

    #[tokio::test]
    async fn messages_are_found_among_garbage() {
        let input = b"Starting server...\n\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n\xff\xfe\n\
                      [{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}},{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}]\nunfinished";
        let (count, garbage) = messages_of(input).await;
        assert_eq!((count, garbage.count()), (3, 2));
        assert!(garbage.describe().unwrap().contains("2 lines on stdout"), "{:?}", garbage.describe());
        assert!(garbage.describe().unwrap().contains("Starting server..."));
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_skipped_and_the_next_is_read() {
        let mut input = vec![b'x'; MAX_LINE + 10];
        input.extend_from_slice(b"\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        let (count, garbage) = messages_of(&input).await;
        assert_eq!((count, garbage.count()), (1, 1));
    }
}
