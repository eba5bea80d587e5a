//! A child's stderr: into the log within a rate, and its last lines for the message about its death.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use crate::redact::Redactor;
use crate::text::printable;

/// Longest line that is kept; what follows it up to the newline is dropped.
const MAX_LINE: usize = 1024;
/// How many of the last lines a message about a death can show.
const KEPT_LINES: usize = 12;
/// Lines that go to the log each second; a server in a loop must not fill a disk.
const LINES_PER_SECOND: u32 = 50;

/// The last lines of a child's stderr.
#[derive(Debug, Default)]
pub(crate) struct StderrTail {
    lines: Mutex<VecDeque<String>>,
    finished: CancellationToken,
}

impl StderrTail {
    /// Reads `stream` to its end in the background.
    pub(crate) fn follow(
        server: String,
        redactor: Arc<Redactor>,
        stream: impl AsyncRead + Send + Unpin + 'static,
    ) -> Arc<Self> {
        let tail = Arc::new(Self::default());
        tokio::spawn(tail.clone().read(server, redactor, stream));
        tail
    }

    /// The last lines, oldest first, or `None` if nothing was printed.
    pub(crate) fn last_lines(&self, most: usize) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = lines.len().saturating_sub(most);
        let shown: Vec<_> = lines.iter().skip(skipped).map(String::as_str).collect();
        (!shown.is_empty()).then(|| shown.join(" | "))
    }

    /// Waits until everything is read, at most `patience`: something the child started may keep the stream open.
    pub(crate) async fn finished(&self, patience: Duration) {
        let _late = tokio::time::timeout(patience, self.finished.cancelled()).await;
    }

    async fn read(
        self: Arc<Self>,
        server: String,
        redactor: Arc<Redactor>,
        mut stream: impl AsyncRead + Unpin,
    ) {
        let mut buffer = vec![0; 8 * 1024];
        let mut line = Vec::new();
        let mut rate = Rate::new();
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            for byte in &buffer[..count] {
                match byte {
                    b'\n' => {
                        self.add(&server, &redactor, &line, &mut rate);
                        line.clear();
                    }
                    _ if line.len() <= MAX_LINE => line.push(*byte),
                    _ => {}
                }
            }
        }
        self.add(&server, &redactor, &line, &mut rate);
        self.finished.cancel();
    }

    fn add(&self, server: &str, redactor: &Redactor, line: &[u8], rate: &mut Rate) {
        let line = redactor.redact(printable(line, MAX_LINE));
        if line.trim().is_empty() {
            return;
        }
        let (allowed, suppressed) = rate.take();
        if suppressed > 0 {
            tracing::info!(target: "isolet::upstream", server, suppressed, "stderr: too many lines, some are not shown");
        }
        if allowed {
            tracing::info!(target: "isolet::upstream", server, "stderr: {line}");
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Counts lines a second.
struct Rate {
    since: Instant,
    lines: u32,
}

impl Rate {
    fn new() -> Self {
        Self { since: Instant::now(), lines: 0 }
    }

    /// Whether this line may be shown, and how many were not in the second before, once that second is over.
    fn take(&mut self) -> (bool, u32) {
        let mut suppressed = 0;
        if self.since.elapsed() >= Duration::from_secs(1) {
            suppressed = self.lines.saturating_sub(LINES_PER_SECOND);
            *self = Self::new();
        }
        self.lines = self.lines.saturating_add(1);
        (self.lines <= LINES_PER_SECOND, suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_long_ones_cut() {
        let tail = Arc::new(StderrTail::default());
        let mut text: Vec<u8> = (0..100).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        text.extend_from_slice(&vec![b'x'; 1_000_000]);
        tail.clone().read("s".into(), Arc::default(), text.as_slice()).await;
        assert!(tail.last_lines(2).unwrap().starts_with("line 99 | xxx"));
        assert!(tail.last_lines(100).unwrap().len() < MAX_LINE + KEPT_LINES * 12);
        assert_eq!(StderrTail::default().last_lines(3), None);
    }

    #[test]
    fn the_log_has_a_rate() {
        let mut rate = Rate::new();
        let shown = (0..1_000).filter(|_| rate.take().0).count();
        assert_eq!(shown, LINES_PER_SECOND as usize);
    }
}
