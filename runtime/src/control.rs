//! The handle by which other threads stop a run, and what they charge to it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use crate::turns::Inbound;

/// Why a run was stopped from outside of its script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StopReason {
    Cpu = 1,
    Wall,
    Memory,
    Calls,
    Logs,
    Cancelled,
}

impl StopReason {
    pub(crate) fn from_u8(value: u8) -> Option<Self> {
        [Self::Cpu, Self::Wall, Self::Memory, Self::Calls, Self::Logs, Self::Cancelled]
            .into_iter()
            .find(|reason| *reason as u8 == value)
    }
}

/// What a process that holds one run does when that is stopped: it reports and ends, without waiting for V8 to reach a
/// check. Unset where other runs share the process.
pub(crate) static LAST_WORDS: OnceLock<fn(StopReason)> = OnceLock::new();

/// One isolate's stop button and memory account. Made with the isolate, so that its callbacks can hold it.
pub(crate) struct Control {
    reason: AtomicU8,
    isolate: OnceLock<v8::IsolateHandle>,
    inbound: Sender<Inbound>,
    limit: usize,
    buffers: AtomicUsize,
    heap: AtomicUsize,
    refusals: AtomicUsize,
}

impl Control {
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

    /// Stops the run: JavaScript ends at its next loop back-edge or call, a waiting thread wakes up. The first reason
    /// wins. Harmless at any time, also after the isolate is gone.
    pub(crate) fn stop(&self, reason: StopReason) {
        if self.reason.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            if let Some(last_words) = LAST_WORDS.get() {
                last_words(reason);
            }
            if let Some(isolate) = self.isolate.get() {
                isolate.terminate_execution();
            }
            let _ = self.inbound.send(Inbound::Stopped);
        }
    }

    /// Stops JavaScript that goes on after [`stop`](Self::stop): V8 forgets a termination once it has unwound the stack,
    /// and whatever is entered next runs.
    pub(crate) fn insist(&self) {
        if let Some(isolate) = self.isolate.get() {
            isolate.terminate_execution();
        }
    }

    pub(crate) fn stopped(&self) -> Option<StopReason> {
        StopReason::from_u8(self.reason.load(Ordering::Acquire))
    }

    /// Charges `length` bytes of array buffers; `false` if heap and buffers would pass the limit.
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

    pub(crate) fn release_buffers(&self, length: usize) {
        self.buffers.fetch_sub(length, Ordering::Relaxed);
    }

    /// Notes a refusal; `true` at the third in a row.
    pub(crate) fn refused_buffers(&self) -> bool {
        self.refusals.fetch_add(1, Ordering::Relaxed) + 1 >= 3
    }

    pub(crate) fn buffers(&self) -> usize {
        self.buffers.load(Ordering::Relaxed)
    }

    /// Notes the heap's size after a garbage collection and stops the run if heap and buffers pass the limit.
    pub(crate) fn heap_is(&self, bytes: usize) {
        self.heap.store(bytes, Ordering::Relaxed);
        if bytes.saturating_add(self.buffers()) > self.limit {
            self.stop(StopReason::Memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_wins_and_wakes_the_thread() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let control = Control::new(100, sender);
        control.stop(StopReason::Wall);
        control.stop(StopReason::Cancelled);
        assert_eq!(control.stopped(), Some(StopReason::Wall));
        assert!(matches!(receiver.try_recv(), Ok(Inbound::Stopped)));
        assert!(receiver.try_recv().is_err(), "woken once");
    }

    #[test]
    fn buffers_and_heap_share_one_limit() {
        let (sender, _receiver) = std::sync::mpsc::channel();
        let control = Control::new(100, sender);
        control.heap_is(40);
        assert!(control.charge_buffers(60));
        assert!(!control.charge_buffers(1));
        control.release_buffers(10);
        assert!(control.charge_buffers(10));
        assert_eq!(control.stopped(), None);
        control.heap_is(41);
        assert_eq!(control.stopped(), Some(StopReason::Memory));
    }
}
