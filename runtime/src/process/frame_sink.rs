//! The frames of a runner to the broker.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::protocol::frames;
use super::protocol::messages::FromRunner;
use super::zygote::fork;

/// The length of collected frames above which they are sent, in bytes.
const MAX_COLLECTED_BYTES: usize = 256 << 10;

/// Sends messages to the broker, at once or collected. The process ends if a message cannot be
/// sent: it is too long, or the broker has closed the socket.
pub(super) struct FrameSink {
    socket: Arc<UnixStream>,
    collected: Mutex<Vec<u8>>,
    /// `true` while frames are being written.
    is_writing: AtomicBool,
}

impl FrameSink {
    pub(super) fn new(socket: Arc<UnixStream>) -> Self {
        Self { socket, collected: Mutex::default(), is_writing: AtomicBool::new(false) }
    }

    /// Sends a message, after those that were collected.
    pub(super) fn send(&self, message: &FromRunner) {
        let mut collected = self.collected.lock();
        Self::append(message, &mut collected);
        self.write(&mut collected);
    }

    /// Collects a message. Many of them are sent.
    pub(super) fn collect(&self, message: &FromRunner) {
        let mut collected = self.collected.lock();
        Self::append(message, &mut collected);
        if collected.len() > MAX_COLLECTED_BYTES {
            self.write(&mut collected);
        }
    }

    /// Sends what was collected.
    pub(super) fn flush(&self) {
        self.write(&mut self.collected.lock());
    }

    /// Sends the last message, unless V8 has stopped the process while a message was being
    /// collected.
    pub(super) fn try_send(&self, message: &FromRunner) {
        if let Some(mut collected) = self.collected.try_lock() {
            Self::append(message, &mut collected);
            self.write(&mut collected);
        }
    }

    /// Returns `true` while a frame may have been written in part, after which no other one can
    /// follow.
    pub(super) fn is_writing(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed)
    }

    fn append(message: &FromRunner, collected: &mut Vec<u8>) {
        if frames::append(message, collected).is_err() {
            fork::exit_now();
        }
    }

    fn write(&self, collected: &mut Vec<u8>) {
        if collected.is_empty() {
            return;
        }
        // While the broker does not read, this waits (back-pressure). The time counts towards the
        // wall limit.
        self.is_writing.store(true, Ordering::Relaxed);
        if (&*self.socket).write_all(collected).is_err() {
            fork::exit_now();
        }
        self.is_writing.store(false, Ordering::Relaxed);
        collected.clear();
        collected.shrink_to(MAX_COLLECTED_BYTES);
    }
}
