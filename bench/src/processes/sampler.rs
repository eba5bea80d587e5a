//! Samples a process tree while the load runs.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::processes::tree::{Memory, ProcessTree};

/// The pause between two samples. A sample reads one small file for each process of the machine,
/// some 10 µs each: below 1% of a CPU for 100 processes.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(200);
/// The pause between two exact readings of memory, for which the kernel walks the target's page
/// tables.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);

/// The resources of a process tree between start and finish.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Usage {
    pub cpu_user_s: f64,
    pub cpu_system_s: f64,
    /// RSS summed over the processes, in bytes; shared pages count once for each process.
    pub rss_start: u64,
    pub rss_peak: u64,
    pub rss_end: u64,
    /// PSS summed: shared pages count once. `None` if a process could not be read.
    pub pss_start: Option<u64>,
    pub pss_peak: Option<u64>,
    pub pss_end: Option<u64>,
    /// The largest number of processes seen at once.
    pub processes: usize,
    /// True if the target still ran at the end.
    pub alive: bool,
}

impl Usage {
    pub fn cpu_s(&self) -> f64 {
        self.cpu_user_s + self.cpu_system_s
    }
}

/// A thread that samples a process tree until it is stopped.
pub struct Sampler {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Usage>,
}

impl Sampler {
    /// Starts the measurement.
    pub fn start(pids: &[u32]) -> Result<Self, BenchError> {
        let tree = ProcessTree::new(pids).map_err(|(pid, source)| BenchError::NoProcess { pid, source })?;
        let first = tree.memory();
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(move || watch(tree, first, &stopped))
            .map_err(BenchError::Runtime)?;
        Ok(Self { stop, thread })
    }

    /// Stops the measurement. Blocks for a last sample of some milliseconds.
    pub fn finish(self) -> Result<Usage, BenchError> {
        drop(self.stop);
        self.thread.join().map_err(|_| BenchError::GeneratorLost)
    }
}

fn watch(mut tree: ProcessTree, first: Memory, stopped: &mpsc::Receiver<()>) -> Usage {
    let mut rss_peak = first.resident;
    let mut pss_peak = first.proportional;
    let mut processes = 0;
    let mut memory_at = Instant::now() + MEMORY_INTERVAL;
    // Dropping the sender stops the thread; nothing is ever sent.
    while stopped.recv_timeout(SAMPLE_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
        let sample = tree.sample();
        processes = processes.max(sample.processes);
        rss_peak = rss_peak.max(sample.resident);
        if Instant::now() >= memory_at {
            pss_peak = pss_peak.max(tree.memory().proportional);
            memory_at = Instant::now() + MEMORY_INTERVAL;
        }
    }
    let last = tree.sample();
    let end = tree.memory();
    Usage {
        cpu_user_s: last.user.as_secs_f64(),
        cpu_system_s: last.system.as_secs_f64(),
        rss_start: first.resident,
        rss_peak: rss_peak.max(end.resident),
        rss_end: end.resident,
        pss_start: first.proportional,
        pss_peak: pss_peak.max(end.proportional),
        pss_end: end.proportional,
        processes: processes.max(last.processes),
        alive: last.alive,
    }
}
