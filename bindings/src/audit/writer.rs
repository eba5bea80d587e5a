//! The thread that writes: whole lines in order, kept until they are written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::Destination;
use super::record::gap;

/// How long to wait after a failure before the next try.
const AGAIN: Duration = Duration::from_millis(500);

/// How often to look whether the file was moved away, as tools that rotate logs do.
const LOOK: Duration = Duration::from_secs(1);

/// Written at once where records come fast.
const BATCH: usize = 64 * 1024;

/// A record on its way.
#[derive(Debug)]
pub(super) struct Line {
    pub text: Vec<u8>,
    /// Free again once the text is written.
    pub _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Message {
    Line(Line),
    Close,
}

/// What the thread and its users know of each other.
#[derive(Debug, Default)]
pub(super) struct State {
    trouble: Mutex<Option<String>>,
    /// Not recorded as a gap yet.
    dropped: AtomicU64,
    pub(super) dropped_ever: AtomicU64,
    closed: Mutex<bool>,
    closing: Condvar,
}

impl State {
    /// Why nothing can be written now.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if self.dropped_ever.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!("the audit log cannot keep up: records are dropped");
        }
    }

    fn set_trouble(&self, now: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
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
    state: Arc<State>,
}

impl Writer {
    pub(super) fn start(destination: Destination) -> io::Result<Self> {
        let output = Output::open(destination)?;
        let (sender, messages) = channel();
        let state = Arc::new(State::default());
        let thread_state = state.clone();
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(output, &messages, &thread_state))?;
        Ok(Self { sender, state })
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn send(&self, line: Line) {
        // The thread ends only when it is told to; what comes after that has missed its time.
        if self.sender.send(Message::Line(line)).is_err() {
            self.state.drop_one();
        }
    }

    pub(super) fn close(&self, within: Duration) -> bool {
        let _ended = self.sender.send(Message::Close);
        let closed = self.state.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.state.closing.wait_timeout_while(closed, within, |closed| !*closed);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn write_all(mut output: Output, messages: &Receiver<Message>, state: &State) {
    let mut open = true;
    while open {
        let first = match messages.recv_timeout(LOOK) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let (mut text, mut places) = (Vec::new(), Vec::new());
        let mut next = first;
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    text.extend_from_slice(&line.text);
                    places.push(line._place);
                }
                Message::Close => open = false,
            }
            next = if text.len() < BATCH { messages.try_recv().ok() } else { None };
        }
        let dropped = state.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            text.extend_from_slice(&gap(dropped));
        }
        // Whoever closes has a limit of its own on how long it waits for this.
        output.write_until_done(&text, state);
    }
    *state.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
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

    /// Writes all of `text`, however long it takes: a line that was half written is finished first.
    fn write_until_done(&mut self, text: &[u8], state: &State) {
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

    fn wait(&self, state: &State, trouble: String) {
        state.set_trouble(Some(trouble));
        thread::sleep(AGAIN);
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

    /// Opens the file again if it is no longer where it was. Between records only: a line is never divided.
    fn follow(&mut self, state: &State) {
        let Self::File { path, file, looked } = self else { return };
        if looked.elapsed() < LOOK {
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
            // Records go on into the file that was moved.
            Err(error) => tracing::warn!(%error, "the audit log was moved and cannot be made again"),
        }
    }
}

/// One write call for whole lines, which the system appends in one piece.
fn append(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &PathBuf) -> bool {
    true
}
