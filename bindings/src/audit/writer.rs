//! The writer thread: it writes whole lines in order, and keeps them until they are written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::OwnedSemaphorePermit;

use super::options::Destination;
use super::record::gap;
use crate::private_files;

/// The time between a failure and the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two checks whether the file was moved, as log rotation does.
const ROTATION_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The most bytes that are written at once.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// A record that is not written yet.
#[derive(Debug)]
pub(super) struct Line {
    pub text: Vec<u8>,
    /// Frees the slot once the text is written.
    pub _slot: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Message {
    Line(Line),
    Close,
}

/// The state that the thread and its users share.
#[derive(Debug, Default)]
pub(super) struct WriterState {
    trouble: Mutex<Option<String>>,
    /// Dropped records that are not recorded as a gap yet.
    dropped: AtomicU64,
    pub(super) dropped_ever: AtomicU64,
    closed: Mutex<bool>,
    closing: Condvar,
}

impl WriterState {
    /// The reason why nothing can be written now.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if self.dropped_ever.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!("the audit log cannot keep up: records are dropped");
        }
    }

    fn set_trouble(&self, now: Option<String>) {
        let mut trouble = self.trouble.lock();
        match (&*trouble, &now) {
            (None, Some(error)) => tracing::error!(error, "the audit log cannot be written"),
            (Some(_), None) => tracing::warn!("the audit log can be written again"),
            _ => {}
        }
        *trouble = now;
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    sender: Sender<Message>,
    state: Arc<WriterState>,
}

impl Writer {
    pub(super) fn start(destination: Destination) -> io::Result<Self> {
        let output = Output::open(destination)?;
        let (sender, messages) = channel();
        let state = Arc::new(WriterState::default());
        let thread_state = state.clone();
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(output, &messages, &thread_state))?;
        Ok(Self { sender, state })
    }

    pub(super) fn state(&self) -> &WriterState {
        &self.state
    }

    pub(super) fn send(&self, line: Line) {
        // The thread ends only on `Close`. A record that comes later is dropped.
        if self.sender.send(Message::Line(line)).is_err() {
            self.state.drop_one();
        }
    }

    pub(super) fn close(&self, within: Duration) -> bool {
        let _ended = self.sender.send(Message::Close);
        let mut closed = self.state.closed.lock();
        let _late = self.state.closing.wait_while_for(&mut closed, |closed| !*closed, within);
        *closed
    }
}

fn write_all(mut output: Output, messages: &Receiver<Message>, state: &WriterState) {
    let mut open = true;
    while open {
        let first = match messages.recv_timeout(ROTATION_CHECK_INTERVAL) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let (mut text, mut slots) = (Vec::new(), Vec::new());
        let mut next = first;
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    text.extend_from_slice(&line.text);
                    slots.push(line._slot);
                }
                Message::Close => open = false,
            }
            next = if text.len() < MAX_BATCH_BYTES { messages.try_recv().ok() } else { None };
        }
        let dropped = state.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            text.extend_from_slice(&gap(dropped));
        }
        // `close` has a timeout of its own.
        output.write_until_done(&text, state);
    }
    *state.closed.lock() = true;
    state.closing.notify_all();
}

enum Output {
    Stdout,
    File { path: PathBuf, file: File, looked: Instant },
}

impl Output {
    fn open(destination: Destination) -> io::Result<Self> {
        match destination {
            Destination::Stdout => Ok(Self::Stdout),
            Destination::File(path) => {
                let file = append(&path)?;
                if let Some(mode) = mode_for_others(&file) {
                    tracing::warn!("others can read the audit log {} (mode {mode:o})", path.display());
                }
                Ok(Self::File { path, file, looked: Instant::now() })
            }
        }
    }

    /// Writes all of `text`, however long that takes. A line that was written in part is completed
    /// first.
    fn write_until_done(&mut self, text: &[u8], state: &WriterState) {
        self.follow(state);
        let mut left = text;
        while !left.is_empty() {
            match self.write(left) {
                Ok(0) => self.wait(state, "nothing more can be written".to_owned()),
                Ok(written) => {
                    left = &left[written..];
                    state.set_trouble(None);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.wait(state, error.to_string()),
            }
        }
        if let Self::Stdout = self {
            let _broken = io::stdout().flush();
        }
    }

    fn wait(&self, state: &WriterState, trouble: String) {
        state.set_trouble(Some(trouble));
        thread::sleep(RETRY_INTERVAL);
    }

    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write(text)?;
                stdout.flush().map(|()| written)
            }
            Self::File { file, .. } => file.write(text),
        }
    }

    /// Opens the file again if it was moved. Called only between records, so that no line is split.
    fn follow(&mut self, state: &WriterState) {
        let Self::File { path, file, looked } = self else { return };
        if looked.elapsed() < ROTATION_CHECK_INTERVAL {
            return;
        }
        *looked = Instant::now();
        if is_at(file, path) {
            return;
        }
        match append(path) {
            Ok(fresh) => {
                *file = fresh;
                state.set_trouble(None);
            }
            // Records are appended to the moved file.
            Err(error) => tracing::warn!(%error, "the audit log was moved and cannot be made again"),
        }
    }
}

/// Opens a file for appending. The system appends the bytes of one write call in one piece.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    private_files::open(&mut options, path)
}

#[cfg(unix)]
fn mode_for_others(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata().ok()?;
    let mode = metadata.mode() & 0o7777;
    (metadata.is_file() && mode & 0o044 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_: &File) -> Option<u32> {
    None
}

#[cfg(unix)]
fn is_at(file: &File, path: &PathBuf) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &PathBuf) -> bool {
    true
}
