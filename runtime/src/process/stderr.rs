//! What zygotes and runners print: some lines of it go to the log.

use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// A runner that dies says why on stderr; what V8 prints when it aborts is worth some lines in the log, not a megabyte.
/// The pipe is the zygote's and that of all its copies, so each minute has lines of its own. What is more is read and
/// dropped, so that no runner waits for it to be taken.
pub(crate) async fn log(stderr: tokio::process::ChildStderr, pid: u32) {
    const LINES: usize = 40;
    const LONGEST: u64 = 1000;
    const WINDOW: Duration = Duration::from_secs(60);
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    let (mut since, mut lines) = (Instant::now(), 0);
    loop {
        line.clear();
        match (&mut stderr).take(LONGEST).read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {
                if since.elapsed() >= WINDOW {
                    (since, lines) = (Instant::now(), 0);
                }
                lines += 1;
                if lines <= LINES {
                    tracing::warn!(
                        pid,
                        "runner: {}",
                        String::from_utf8_lossy(&line).trim_end().escape_debug()
                    );
                }
            }
            _ => return,
        }
    }
}
