//! The control of a run: the means to stop it, and its memory account.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::ErrorCode;
use crate::messages::Inbound;

/// Makes [`StopReason`] from one table: `name = number in a byte, error code of the run`.
macro_rules! stop_reasons {
    ($($(#[$doc:meta])* $reason:ident = $number:literal, $code:ident;)*) => {
        /// The reasons to stop a run from outside of its script.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum StopReason {
            $($(#[$doc])* $reason = $number,)*
        }

        impl StopReason {
            /// Returns the reason with this number. Zero stands for a run that has not been
            /// stopped.
            pub(crate) fn from_u8(value: u8) -> Option<Self> {
                match value {
                    $($number => Some(Self::$reason),)*
                    _ => None,
                }
            }

            /// Returns the error code of a run that was stopped for this reason.
            pub fn error_code(self) -> ErrorCode {
                match self {
                    $(Self::$reason => ErrorCode::$code,)*
                }
            }
        }
    };
}

stop_reasons! {
    /// The run used up its CPU time.
    Cpu = 1, CpuLimit;
    /// The run took too long.
    Wall = 2, WallLimit;
    /// The run used too much memory.
    Memory = 3, MemoryLimit;
    /// The run started too many tool calls.
    Calls = 4, CallLimit;
    /// The run logged too much.
    Logs = 5, OutputLimit;
    /// The caller disconnected or cancelled the run.
    Cancelled = 6, Cancelled;
}

/// The function that a runner process calls when its run is stopped: it reports and ends the
/// process, without waiting for V8's next check. Not set where other runs share the process.
pub(crate) static ON_STOP: OnceLock<fn(StopReason)> = OnceLock::new();

/// The request of a Worker for which the present turn of this process runs. Only a process with one
/// isolate reads it.
pub(crate) static TURN: AtomicU32 = AtomicU32::new(0);

/// The means to stop an isolate's run, and its memory account. Made with the isolate, so that V8's
/// callbacks can hold it.
pub(crate) struct RunControl {
    reason: AtomicU8,
    isolate: OnceLock<v8::IsolateHandle>,
    inbound: Sender<Inbound>,
    limit: usize,
    buffers: AtomicUsize,
    heap: AtomicUsize,
    refusals: AtomicUsize,
}

impl RunControl {
    pub(crate) fn new(limit: usize, inbound: Sender<Inbound>) -> Self {
        Self {
            reason: AtomicU8::new(0),
            isolate: OnceLock::new(),
            inbound,
            limit,
            buffers: AtomicUsize::new(0),
            heap: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
        }
    }

    pub(crate) fn attach(&self, isolate: v8::IsolateHandle) {
        let _ = self.isolate.set(isolate);
    }

    /// Stops the run: JavaScript ends at its next loop iteration or call, and a waiting thread
    /// wakes up. The first reason counts. It may be called at any time, also after the isolate has
    /// been disposed of.
    pub(crate) fn stop(&self, reason: StopReason) {
        if self.reason.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            if let Some(on_stop) = ON_STOP.get() {
                on_stop(reason);
            }
            if let Some(isolate) = self.isolate.get() {
                isolate.terminate_execution();
            }
            let _ = self.inbound.send(Inbound::Stopped);
        }
    }

    /// Terminates JavaScript that runs after [`stop`](Self::stop): V8 drops a termination when it
    /// has unwound the stack, and JavaScript that is entered next runs.
    pub(crate) fn terminate_again(&self) {
        if let Some(isolate) = self.isolate.get() {
            isolate.terminate_execution();
        }
    }

    pub(crate) fn stopped(&self) -> Option<StopReason> {
        StopReason::from_u8(self.reason.load(Ordering::Acquire))
    }

    /// Charges `length` bytes of array buffers. Returns `false` if heap and buffers would pass the
    /// limit.
    pub(crate) fn charge_buffers(&self, length: usize) -> bool {
        let before = self.buffers.fetch_add(length, Ordering::Relaxed);
        let heap = self.heap.load(Ordering::Relaxed);
        if before.saturating_add(length).saturating_add(heap) > self.limit {
            self.buffers.fetch_sub(length, Ordering::Relaxed);
            return false;
        }
        self.refusals.store(0, Ordering::Relaxed);
        true
    }

    /// Returns `true` if `length` bytes of array buffers could be charged.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        let used = self.buffers().saturating_add(self.heap.load(Ordering::Relaxed));
        used.saturating_add(length) <= self.limit
    }

    pub(crate) fn release_buffers(&self, length: usize) {
        self.buffers.fetch_sub(length, Ordering::Relaxed);
    }

    /// Notes a refused allocation. Returns `true` for the third in a row.
    pub(crate) fn refused_buffers(&self) -> bool {
        self.refusals.fetch_add(1, Ordering::Relaxed) + 1 >= 3
    }

    pub(crate) fn buffers(&self) -> usize {
        self.buffers.load(Ordering::Relaxed)
    }

    /// Sets the heap's size after a garbage collection, and stops the run if heap and buffers pass
    /// the limit.
    pub(crate) fn heap_is(&self, bytes: usize) {
        self.heap.store(bytes, Ordering::Relaxed);
        if bytes.saturating_add(self.buffers()) > self.limit {
            self.stop(StopReason::Memory);
        }
    }
}

/// Memory outside of V8 that counts towards a run's limit until it is dropped.
pub(crate) struct ChargedMemory {
    control: Arc<RunControl>,
    bytes: usize,
}

impl ChargedMemory {
    /// Charges memory. Returns `None` if the limit has no room for it. As with buffers, the third
    /// refusal in a row ends the run.
    pub(crate) fn new(control: &Arc<RunControl>, bytes: usize) -> Option<Self> {
        if control.charge_buffers(bytes) {
            return Some(Self { control: control.clone(), bytes });
        }
        if control.refused_buffers() {
            control.stop(StopReason::Memory);
        }
        None
    }
}

impl Drop for ChargedMemory {
    fn drop(&mut self) {
        self.control.release_buffers(self.bytes);
    }
}

/// The caller's means to cancel a run, also while it is queued and has no isolate yet.
#[derive(Default)]
pub(crate) struct Cancellation {
    state: Mutex<CancellationState>,
}

#[derive(Default)]
enum CancellationState {
    #[default]
    Queued,
    Running(Arc<RunControl>),
    Cancelled,
}

impl Cancellation {
    /// Connects the run to its isolate. Returns `false` if the run has been cancelled.
    pub(crate) fn attach(&self, control: &Arc<RunControl>) -> bool {
        let mut state = self.state.lock();
        if matches!(*state, CancellationState::Cancelled) {
            return false;
        }
        *state = CancellationState::Running(control.clone());
        true
    }

    /// Returns `true` if the run has been cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(*self.state.lock(), CancellationState::Cancelled)
    }

    /// Cancels the run, and stops it if it is running.
    pub(crate) fn cancel(&self) {
        let mut state = self.state.lock();
        if let CancellationState::Running(control) =
            std::mem::replace(&mut *state, CancellationState::Cancelled)
        {
            control.stop(StopReason::Cancelled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_wins_and_wakes_the_thread() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let control = RunControl::new(100, sender);
        control.stop(StopReason::Wall);
        control.stop(StopReason::Cancelled);
        assert_eq!(control.stopped(), Some(StopReason::Wall));
        assert!(matches!(receiver.try_recv(), Ok(Inbound::Stopped)));
        assert!(receiver.try_recv().is_err(), "woken once");
    }

    #[test]
    fn buffers_and_heap_share_one_limit() {
        let (sender, _receiver) = std::sync::mpsc::channel();
        let control = RunControl::new(100, sender);
        control.heap_is(40);
        assert!(control.charge_buffers(60));
        assert!(!control.charge_buffers(1));
        control.release_buffers(10);
        assert!(control.charge_buffers(10));
        assert_eq!(control.stopped(), None);
        control.heap_is(41);
        assert_eq!(control.stopped(), Some(StopReason::Memory));
    }

    #[test]
    fn charged_memory_counts_until_it_is_dropped() {
        let (sender, _receiver) = std::sync::mpsc::channel();
        let control = Arc::new(RunControl::new(100, sender));
        let first = ChargedMemory::new(&control, 60).expect("room");
        assert!(ChargedMemory::new(&control, 60).is_none());
        assert_eq!(control.buffers(), 60);
        drop(first);
        assert_eq!(control.buffers(), 0);
        let _whole = ChargedMemory::new(&control, 100).expect("room again");
        assert_eq!(control.stopped(), None);
        let refused = || ChargedMemory::new(&control, 1).is_none();
        assert!(refused() && refused() && refused());
        assert_eq!(control.stopped(), Some(StopReason::Memory));
    }
}
