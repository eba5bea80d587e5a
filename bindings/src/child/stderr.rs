//! A child's stderr: logged at a limited rate, and its last lines kept for messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use crate::redact::Redactor;
use crate::text::printable;

/// The longest line that is kept. The rest up to the newline is dropped.
const MAX_LINE_BYTES: usize = 1024;
/// The number of last lines that are kept.
const MAX_KEPT_LINES: usize = 12;
/// The most lines that are logged each second, so that a server in a loop does not fill the disk.
const MAX_LOGGED_LINES_PER_SECOND: u32 = 50;

/// The number of earlier lines with errors that are kept: Node and Java print the reason first, and
/// then a long trace.
const MAX_KEPT_ERRORS: usize = 2;

/// The last lines of a child's stderr.
#[derive(Debug, Default)]
pub(crate) struct StderrTail {
    kept: Mutex<KeptLines>,
    finished: CancellationToken,
}

#[derive(Debug, Default)]
struct KeptLines {
    /// The last lines.
    lines: VecDeque<String>,
    /// The last earlier lines that mention an error.
    errors: VecDeque<String>,
}

impl KeptLines {
    fn push(&mut self, line: String) {
        if self.lines.len() == MAX_KEPT_LINES
            && let Some(gone) = self.lines.pop_front().filter(|line| is_error(line))
        {
            if self.errors.len() == MAX_KEPT_ERRORS {
                self.errors.pop_front();
            }
            self.errors.push_back(gone);
        }
        self.lines.push_back(line);
    }
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

    /// Returns the last line and, of those before it, lines that mention an error first. They are
    /// in order, separated by newlines. `None` if nothing was printed.
    pub(crate) fn last_lines(&self, most: usize) -> Option<String> {
        let kept = self.kept.lock();
        let lines: Vec<&String> = kept.errors.iter().chain(&kept.lines).collect();
        let last = lines.len().saturating_sub(1);
        let mut chosen: Vec<(usize, &String)> = lines.into_iter().enumerate().collect();
        chosen.sort_by_key(|(at, line)| std::cmp::Reverse((*at == last, is_error(line), *at)));
        chosen.truncate(most);
        chosen.sort_unstable();
        let shown: Vec<_> = chosen.into_iter().map(|(_, line)| line.as_str()).collect();
        (!shown.is_empty()).then(|| shown.join("\n"))
    }

    /// Waits until everything is read, at most for `timeout`: a descendant may keep the stream
    /// open.
    pub(crate) async fn finished(&self, timeout: Duration) {
        let _late = tokio::time::timeout(timeout, self.finished.cancelled()).await;
    }

    async fn read(
        self: Arc<Self>,
        server: String,
        redactor: Arc<Redactor>,
        mut stream: impl AsyncRead + Unpin,
    ) {
        let mut buffer = vec![0; 8 * 1024];
        let mut line = Vec::new();
        let mut rate = LineRate::new();
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            for byte in &buffer[..count] {
                match byte {
                    b'\n' => {
                        self.add(&server, &redactor, &line, &mut rate);
                        line.clear();
                    }
                    _ if line.len() <= MAX_LINE_BYTES => line.push(*byte),
                    _ => {}
                }
            }
        }
        self.add(&server, &redactor, &line, &mut rate);
        self.finished.cancel();
    }

    fn add(&self, server: &str, redactor: &Redactor, line: &[u8], rate: &mut LineRate) {
        let line = redactor.redact(printable(line, MAX_LINE_BYTES));
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
        // `npm` prints these after the reason of its failure.
        if line.starts_with("npm notice") {
            return;
        }
        self.kept.lock().push(line);
    }
}

fn is_error(line: &str) -> bool {
    line.to_ascii_lowercase().contains("error")
}

/// Counts lines per second.
struct LineRate {
    since: Instant,
    lines: u32,
}

impl LineRate {
    fn new() -> Self {
        Self { since: Instant::now(), lines: 0 }
    }

    /// Returns whether this line may be logged, and the number of lines that were not logged in the
    /// second before.
    fn take(&mut self) -> (bool, u32) {
        let mut suppressed = 0;
        if self.since.elapsed() >= Duration::from_secs(1) {
            suppressed = self.lines.saturating_sub(MAX_LOGGED_LINES_PER_SECOND);
            *self = Self::new();
        }
        self.lines = self.lines.saturating_add(1);
        (self.lines <= MAX_LOGGED_LINES_PER_SECOND, suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_shortened() {
        let tail = Arc::new(StderrTail::default());
        let mut text: Vec<u8> = (0..100).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        text.extend_from_slice(&vec![b'x'; 1_000_000]);
        tail.clone().read("s".into(), Arc::default(), text.as_slice()).await;
        assert!(tail.last_lines(2).unwrap().starts_with("line 99\nxxx"));
        assert!(tail.last_lines(100).unwrap().len() < MAX_LINE_BYTES + MAX_KEPT_LINES * 12);
        assert_eq!(StderrTail::default().last_lines(3), None);
    }

    #[tokio::test]
    async fn the_cause_stays_when_more_is_printed() {
        let tail = Arc::new(StderrTail::default());
        let printed = "starting\nnpm error code E404\nnpm error 404 Not Found\none\ntwo\nthree\nfour\nfive\nnpm notice\n\
                       npm notice New major version of npm available!\nnpm notice\n";
        tail.clone().read("s".into(), Arc::default(), printed.as_bytes()).await;
        assert_eq!(tail.last_lines(4).unwrap(), "npm error code E404\nnpm error 404 Not Found\nfour\nfive");

        // The last line stays if there are more errors than room.
        let tail = Arc::new(StderrTail::default());
        let printed = "ERROR: 1\nError: 2\nerror: 3\nkilled\n";
        tail.clone().read("s".into(), Arc::default(), printed.as_bytes()).await;
        assert_eq!(tail.last_lines(3).unwrap(), "Error: 2\nerror: 3\nkilled");
    }

    #[tokio::test]
    async fn the_reason_before_a_long_trace_is_kept() {
        let tail = Arc::new(StderrTail::default());
        let trace: String = (0..30).map(|n| format!("    at step {n}\n")).collect();
        let printed = format!(
            "node:internal/loader:1\nError: Cannot find module 'x'\n{trace}  requireStack: [\n  ]\n}}\nNode.js v20\n"
        );
        tail.clone().read("s".into(), Arc::default(), printed.as_bytes()).await;
        let words = tail.last_lines(3).unwrap();
        assert!(words.starts_with("Error: Cannot find module 'x'\n"), "{words}");
        assert!(words.ends_with("Node.js v20"), "{words}");
    }

    #[test]
    fn logging_has_a_rate_limit() {
        let mut rate = LineRate::new();
        let shown = (0..1_000).filter(|_| rate.take().0).count();
        assert_eq!(shown, MAX_LOGGED_LINES_PER_SECOND as usize);
    }
}
