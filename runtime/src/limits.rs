//! How much a run may use.

use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// The longest arguments of one call. Servers on stdio read lines of 16 MiB at most, and JSON may double a text.
pub(crate) const ARGUMENTS: usize = 8 * MIB;

/// The longest name of a tool, server or prompt, and the longest URI.
pub(crate) const NAME: usize = 64 * 1024;

/// Arguments of all calls in flight together; further calls wait their turn inside the run. What is in flight is held by
/// the broker, which no limit of the run's own bounds.
pub(crate) const IN_FLIGHT: usize = 2 * ARGUMENTS;

/// The limits of one run. The defaults are the product's (design, section 7).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// CPU time of the run's process or thread: JavaScript, garbage collection and compilation, not waiting.
    pub cpu: Duration,
    /// Time on the clock from the first instruction, waiting for tools included, waiting in the queue not.
    pub wall: Duration,
    /// V8 heap and array buffers together, in bytes.
    pub heap_bytes: usize,
    /// Tool calls that a run may start.
    pub calls: u32,
    /// Tool calls in flight at once; further ones wait their turn inside the run.
    pub parallel_calls: u32,
    /// One tool call, from sending to its answer.
    pub call: Duration,
    /// The script's text, in bytes.
    pub code_bytes: usize,
    /// The input's JSON text, in bytes.
    pub input_bytes: usize,
    /// The result's JSON text, in bytes.
    pub result_bytes: usize,
    /// All log lines together, in bytes.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            heap_bytes: 128 * MIB,
            calls: 500,
            parallel_calls: 32,
            call: Duration::from_secs(30),
            code_bytes: MIB,
            input_bytes: 8 * MIB,
            result_bytes: MIB,
            log_bytes: 256 * 1024,
        }
    }
}

impl Limits {
    /// These limits with `timeout` as wall limit, where it is lower: a caller may ask for less, never for more.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.wall = self.wall.min(timeout);
        self.cpu = self.cpu.min(timeout);
        self.call = self.call.min(timeout);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_lowers_limits_but_never_raises_them() {
        let asked = Limits::default().with_timeout(Duration::from_secs(5));
        assert_eq!(asked.wall, Duration::from_secs(5));
        assert_eq!(asked.cpu, Duration::from_secs(5));
        let greedy = Limits::default().with_timeout(Duration::from_secs(5000));
        assert_eq!(greedy, Limits::default());
    }
}
