//! The lines that zygotes and runners print on standard error.
//!
//! They go to the log. The first ones are also kept, as they show why a zygote did not start.
//!
//! A zygote and all its runners share one pipe, and native code of an attacker can write to it
//! without end. So the broker reads a bounded number of lines each minute, and then nothing until
//! the minute is over. The pipe does not block: writes to a full pipe fail.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::unix::pipe;
use tokio::time::Instant;

/// The bound on the lines that are read in each [`WINDOW`].
const MAX_LINES: usize = 40;

/// The bound on a line. A longer line is split.
const MAX_LINE_BYTES: usize = 1000;

/// The time in which [`MAX_LINES`] are read.
const WINDOW: Duration = Duration::from_secs(60);

/// The capacity of a pipe by default.
const PIPE_BYTES: usize = 64 << 10;

/// Makes a pipe: the end that is read here, and the end for a zygote, which does not block.
pub(crate) fn pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&writer, true)?;
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, writer.into()))
}

/// The lines that a zygote has printed before it was ready.
#[derive(Clone, Default)]
pub(crate) struct StartupOutput(Arc<Mutex<StartupLines>>);

#[derive(Default)]
struct StartupLines {
    lines: Vec<String>,
    ready: bool,
}

impl StartupOutput {
    /// Logs the lines so far. Later lines are logged at once, as the zygote is ready.
    pub(crate) fn zygote_ready(&self, pid: u32) {
        let mut kept = self.0.lock();
        kept.ready = true;
        kept.lines.drain(..).for_each(|line| tracing::warn!(pid, "runner: {line}"));
    }

    /// Logs a line, or keeps it while the zygote is not ready.
    fn add_line(&self, pid: u32, line: String) {
        let mut kept = self.0.lock();
        if kept.ready {
            tracing::warn!(pid, "runner: {line}");
        } else {
            kept.lines.push(line);
        }
    }

    /// Logs that no more lines are read in this window. Before the zygote is ready the lines are
    /// most likely a stack trace, of which no more is needed.
    fn warn_of_pause(&self, pid: u32) {
        if self.0.lock().ready {
            tracing::warn!(pid, "runners print too much: no more lines are read for the rest of a minute");
        }
    }

    /// Returns the first lines, which name the reason for a failed start. V8's decoration and stack
    /// traces are left out.
    pub(crate) fn failure_reason(&self) -> Option<String> {
        const MAX_REASON_LINES: usize = 3;
        let kept = self.0.lock();
        let lines = kept.lines.iter().map(|line| line.trim_start_matches("# ").trim());
        let is_reason = |line: &&str| {
            !matches!(*line, "" | "#")
                && !line.starts_with("====")
                && !line.starts_with('/')
                && !line.starts_with("#0")
                && !line.starts_with("note: run with")
        };
        let reason: Vec<&str> = lines.filter(is_reason).take(MAX_REASON_LINES).collect();
        (!reason.is_empty()).then(|| reason.join("; "))
    }
}

/// Reads lines until the zygote and all its runners have ended.
pub(crate) async fn log(from: pipe::Receiver, pid: u32, output: StartupOutput) {
    log_with_window(WINDOW, from, pid, output).await;
}

async fn log_with_window(window: Duration, mut from: pipe::Receiver, pid: u32, output: StartupOutput) {
    let mut bytes = Vec::with_capacity(MAX_LINE_BYTES);
    let (mut since, mut lines) = (Instant::now(), 0);
    loop {
        match read_some(&mut from, &mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        while let Some(line) = take_line(&mut bytes) {
            if since.elapsed() >= window {
                (since, lines) = (Instant::now(), 0);
            }
            lines += 1;
            if lines <= MAX_LINES {
                output.add_line(pid, line);
            }
        }
        if lines >= MAX_LINES && since.elapsed() < window {
            output.warn_of_pause(pid);
            tokio::time::sleep_until(since + window).await;
            // What has waited in the pipe belongs to the window that is over. No more than a pipe
            // holds is discarded, since processes may go on printing.
            bytes.clear();
            let (mut discarded, mut part) = (0, [0; 4 << 10]);
            while let Ok(read @ 1..) = from.try_read(&mut part) {
                discarded += read;
                if discarded >= PIPE_BYTES {
                    break;
                }
            }
        }
    }
    if !bytes.is_empty() && lines < MAX_LINES {
        output.add_line(pid, escape_line(&bytes));
    }
}

/// Waits for bytes, and reads up to [`MAX_LINE_BYTES`] of them.
async fn read_some(from: &mut pipe::Receiver, bytes: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        from.readable().await?;
        let mut part = [0; MAX_LINE_BYTES];
        match from.try_read(&mut part) {
            Ok(read) => {
                bytes.extend_from_slice(&part[..read]);
                return Ok(read);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Takes the first line, or its first [`MAX_LINE_BYTES`].
fn take_line(bytes: &mut Vec<u8>) -> Option<String> {
    let (end, taken) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) if end <= MAX_LINE_BYTES => (end, end + 1),
        _ if bytes.len() >= MAX_LINE_BYTES => (MAX_LINE_BYTES, MAX_LINE_BYTES),
        _ => return None,
    };
    let line = escape_line(&bytes[..end]);
    bytes.drain(..taken);
    Some(line)
}

/// Returns a line as text, with control characters escaped.
fn escape_line(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn the_reason_of_a_failed_start_has_no_stack_trace() {
        let (from, to) = pipe().unwrap();
        let output = StartupOutput::default();
        let reading = tokio::spawn(log(from, 1, output.clone()));
        let mut to = File::from(to);
        to.write_all(b"\n\n#\n# Fatal error in , line 0\n# Check failed: 12 == errno.\n==== C stack trace ====\n    /isolet(+0x1)\nthe end")
            .unwrap();
        drop(to);
        reading.await.unwrap();
        assert_eq!(
            output.failure_reason().unwrap(),
            "Fatal error in , line 0; Check failed: 12 == errno.; the end"
        );
    }

    #[tokio::test]
    async fn endless_output_is_not_read_and_does_not_block() {
        const WINDOW: Duration = Duration::from_secs(3);
        let (from, to) = pipe().unwrap();
        let output = StartupOutput::default();
        let reading = tokio::spawn(log_with_window(WINDOW, from, 1, output.clone()));
        let mut to = File::from(to);
        let fill = |to: &mut File| {
            let mut written = 0;
            // The loop ends: the pipe is not read, and writing to it fails when it is full.
            while to.write_all(b"0123456789\n").is_ok() {
                written += 11;
                assert!(written < 100 * PIPE_BYTES, "it is read without end");
            }
            written
        };
        assert!(fill(&mut to) >= PIPE_BYTES / 2);
        let last = |output: &StartupOutput| {
            let kept = output.0.lock();
            (kept.lines.len(), kept.lines.last().cloned().unwrap_or_default())
        };
        while last(&output).0 < MAX_LINES {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(WINDOW / 10).await;
        fill(&mut to);
        tokio::time::sleep(WINDOW / 10).await;
        assert!(to.write(b"0123456789\n").is_err(), "nothing is read in the rest of the window");
        // In the next window new lines are read, and none of the old ones.
        let until = Instant::now() + WINDOW * 10;
        while last(&output).1 != "news" {
            assert!(Instant::now() < until, "{:?}", last(&output));
            let _ = to.write(b"news\n");
            tokio::time::sleep(WINDOW / 30).await;
        }
        assert!(last(&output).0 <= MAX_LINES * 2);
        drop(to);
        reading.abort();
    }
}
