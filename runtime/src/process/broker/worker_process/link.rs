//! The connection to a Worker's runner.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::sync::Notify;

use crate::job::WorkerJob;
use crate::process::broker::runner_handle::RunnerHandle;
use crate::process::broker::send_queue::SendQueue;
use crate::process::protocol::messages::ToRunner;
use crate::worker::link::WorkerLink;
use crate::worker::protocol::{SocketKey, ToWorker};
use crate::{Limits, ToolFailure};

/// The bytes that may wait for a process beside the answers of calls, which have the memory limit.
/// Requests without their bodies would be some tens of thousands.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// The bytes for which there is room before messages are received.
const READ_BYTES: usize = 16 << 10;

/// The bytes that wait for a process above which pieces of bodies wait elsewhere.
const MAX_AHEAD_BYTES: usize = 1 << 20;

/// The time that a process has in addition to the limits to take one of the bytes that wait.
const TAKE_GRACE: Duration = Duration::from_secs(1);

/// The number of requests whose CPU time code outside of requests may use until the next one ends.
const RESERVED_REQUESTS: u64 = 10;

/// The CPU time that a process may use before the watchdog notices, in microseconds.
pub(super) const SLACK_CPU_US: u64 = 1_000_000;

/// The connection to a Worker's runner.
pub(in super::super) struct RunnerLink {
    pub(super) runner: RunnerHandle,
    queue: Mutex<SendQueue>,
    /// The bound on the queue, in bytes.
    max_queued: usize,
    /// The bound on the answers in the queue, in bytes.
    max_answers: usize,
    /// The time within which the process must take some of the queue.
    take_timeout: Duration,
    /// Notified when there are bytes in the queue.
    has_rest: Notify,
    /// Notified when there is room for pieces of bodies.
    has_room: Notify,
    /// Set and notified when the queue passes its bound. Nothing more is sent.
    is_overfull: AtomicBool,
    overfull: Notify,
    /// Set when a message arrives: a turn has ended.
    pub(super) active: AtomicBool,
    /// The CPU time that a turn may use, in microseconds.
    pub(super) turn_cpu: AtomicU64,
    /// The CPU time that the process may have used by the end of all requests that it has, in
    /// microseconds.
    pub(super) total_cpu: AtomicU64,
    /// The CPU time of one request, in microseconds.
    request_cpu: u64,
    /// Set when the process uses much memory: it gets no more requests.
    pub(super) retiring: AtomicBool,
    /// Set when the process is ending.
    pub(super) closed: AtomicBool,
}

impl RunnerLink {
    pub(super) fn new(runner: RunnerHandle, job: &WorkerJob) -> Self {
        Self {
            runner,
            queue: Mutex::default(),
            max_queued: job.limits.memory + MAX_QUEUED_BYTES,
            max_answers: job.limits.memory,
            take_timeout: job.limits.wall.max(job.limits.cpu) + TAKE_GRACE,
            has_rest: Notify::new(),
            has_room: Notify::new(),
            is_overfull: AtomicBool::new(false),
            overfull: Notify::new(),
            active: AtomicBool::new(false),
            turn_cpu: AtomicU64::new(micros(job.start_limits.cpu)),
            total_cpu: AtomicU64::new(micros(job.start_limits.cpu + job.limits.cpu)),
            request_cpu: micros(job.limits.cpu),
            retiring: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Notes that the process is ending: nothing more is sent, and nobody waits until it can be.
    pub(super) fn close(&self) {
        let mut queue = self.queue.lock();
        self.closed.store(true, Ordering::Relaxed);
        queue.clear();
        self.has_room.notify_waiters();
    }

    /// Gives each turn the CPU time of a request, after the start.
    pub(super) fn has_started(&self, limits: &Limits) {
        self.turn_cpu.store(micros(limits.cpu), Ordering::Relaxed);
    }

    /// Sends a message, now or when there is space in the socket. If it is too long, nothing is
    /// sent.
    pub(super) fn send_message(&self, message: &ToRunner) {
        self.add(|queue| _ = queue.push(message));
    }

    /// Sends the answer to a call.
    pub(super) fn send_answer(&self, call: u32, answer: Result<Vec<u8>, ToolFailure>) {
        self.add(|queue| queue.push_answer(call, answer, self.max_answers));
    }

    /// Receives what has arrived, after `bytes`. Returns the number of new bytes: 0 at the end of
    /// the connection.
    pub(super) fn receive(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        bytes.reserve(READ_BYTES);
        let capacity = bytes.capacity() - bytes.len();
        let stream = self.runner.stream();
        let mut received = None;
        let tried = stream.try_io(Interest::READABLE, || {
            let length = received.insert(stream.try_read_buf(bytes)?);
            // A short read has emptied the socket. With `WouldBlock` tokio waits for readiness, and
            // one read is saved.
            if (1..capacity).contains(length) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match received {
            Some(length) => Ok(length),
            None => tried.map(|()| 0),
        }
    }

    fn add(&self, add: impl FnOnce(&mut SendQueue)) {
        let mut queue = self.queue.lock();
        if self.is_overfull.load(Ordering::Relaxed) || self.closed.load(Ordering::Relaxed) {
            return;
        }
        let is_first = queue.is_empty();
        add(&mut queue);
        if is_first {
            queue.write(self.runner.stream());
        }
        if queue.len() > self.max_queued {
            queue.clear();
            self.is_overfull.store(true, Ordering::Relaxed);
            self.overfull.notify_one();
            self.has_room.notify_waiters();
        } else if is_first && !queue.is_empty() {
            self.has_rest.notify_one();
        }
    }

    /// Writes the rest whenever there is some. Returns the reason for which nothing can be written.
    pub(super) async fn write_rest(&self) -> &'static str {
        loop {
            tokio::select! {
                () = self.has_rest.notified() => {}
                () = self.overfull.notified() => return "it takes messages too slowly",
            }
            while self.queued() > 0 {
                tokio::select! {
                    writable = tokio::time::timeout(self.take_timeout, self.runner.stream().writable()) => {
                        if writable.is_err() {
                            return "it takes no messages";
                        }
                    }
                    () = self.overfull.notified() => return "it takes messages too slowly",
                }
                self.queue.lock().write(self.runner.stream());
                if self.queued() < MAX_AHEAD_BYTES {
                    self.has_room.notify_waiters();
                }
            }
        }
    }
}

impl WorkerLink for RunnerLink {
    fn send(&self, message: ToWorker) {
        let is_work = match &message {
            ToWorker::Request { .. } | ToWorker::Scheduled { .. } | ToWorker::Call { .. } => true,
            ToWorker::SocketPiece { socket: SocketKey::Request(_), piece } => piece.is_last,
            _ => false,
        };
        if is_work {
            self.total_cpu.fetch_add(self.request_cpu, Ordering::Relaxed);
        }
        self.send_message(&ToRunner::ToWorker(message));
    }

    fn work_ended(&self, live: usize) {
        let used = micros(self.runner.process().cpu_of_run(Duration::ZERO));
        let left = self.request_cpu.saturating_mul(live as u64 + RESERVED_REQUESTS);
        self.total_cpu.fetch_min(used.saturating_add(left).saturating_add(SLACK_CPU_US), Ordering::Relaxed);
    }

    fn queued(&self) -> usize {
        self.queue.lock().len()
    }

    fn has_room(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                let has_room = self.has_room.notified();
                if self.queued() < MAX_AHEAD_BYTES {
                    return;
                }
                has_room.await;
            }
        })
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4)
}
