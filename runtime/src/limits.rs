//! The limits of a run, in one table.
//!
//! A row of `limits!` is everything that is known of a limit but its enforcement: the name (the
//! field's name, the key in `isolet.toml` under `[limits]`, the name in the documents), the
//! default, the allowed range, and the effect of reaching it. The reasons to stop a run and their
//! error codes are in [`StopReason`](crate::StopReason), the texts of the errors in `error`.

use std::ops::RangeInclusive;
use std::time::Duration;

#[cfg(test)]
use crate::{ErrorCode, StopReason};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The size of the arguments of one call, in bytes. MCP servers on stdio read lines of up to 16
/// MiB, and JSON escapes can double the length of a text.
pub(crate) const MAX_ARGUMENTS_BYTES: usize = 8 * MIB;

/// The length of the name of a tool, server or prompt, and of a URI, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 64 * KIB;

/// The arguments of all calls in flight together, in bytes; further calls wait inside the run. The
/// broker holds these arguments, and no limit of the run's own process bounds the broker.
pub(crate) const MAX_IN_FLIGHT_BYTES: usize = 2 * MAX_ARGUMENTS_BYTES;

/// The length by which a JSON text may exceed the limits before its making stops. Shorter texts are
/// measured, so that their errors say by how much they are too long.
const TEXT_MARGIN_BYTES: usize = 16 * MIB;

/// The allowed range of every limit in time.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);

/// The allowed range of `memory`. V8 fails before a script runs with less; its pointer compression
/// gives all isolates of one process 4 GiB.
const MEMORY: RangeInclusive<usize> = 16 * MIB..=3 * 1024 * MIB;

/// The effect of reaching a limit. Tests compare it with the documents.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LimitEffect {
    /// The run stops, wherever it is.
    StopsRun(StopReason),
    /// The run fails at its end with this code.
    FailsRun(ErrorCode),
    /// The call fails with an error that the script can catch.
    FailsCall,
    /// Further calls wait inside the run.
    DelaysCalls,
    /// The request is refused, and no run starts.
    RefusesRequest,
}

/// The value of one limit, for code that sets limits by name.
#[derive(Debug, PartialEq, Eq)]
pub enum LimitValue<'a> {
    /// A time and the range that an operator can choose from.
    Time(&'a mut Duration, RangeInclusive<Duration>),
    /// A number of bytes and its range.
    Bytes(&'a mut usize, RangeInclusive<usize>),
    /// A number of things and its range.
    Count(&'a mut u32, RangeInclusive<u32>),
}

/// Makes [`Limits`] from one table: `name: variant of LimitValue (type) = default, allowed range,
/// effect`.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty) = $default:expr, $allowed:expr, $effect:expr;)*) => {
        /// The limits of one run. The defaults are the product's.
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct Limits {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// The effect of each limit, in the order of the table.
            #[cfg(test)]
            const EFFECTS: &[LimitEffect] = &[$($effect,)*];

            /// Returns each limit's name and value, in the order of the documents.
            pub fn values(&mut self) -> Vec<(&'static str, LimitValue<'_>)> {
                vec![$((stringify!($name), LimitValue::$variant(&mut self.$name, $allowed)),)*]
            }
        }
    };
}

// Script and input travel to a runner in one frame of at most 80 MiB, and a result comes back in
// one: hence the upper bounds.
limits! {
    /// CPU time of the run's process or thread: JavaScript, garbage collection and compilation, not
    /// waiting.
    cpu: Time(Duration) = Duration::from_secs(10), TIMES, LimitEffect::StopsRun(StopReason::Cpu);

    /// Elapsed time from the first instruction. Waiting for tools counts, waiting in the queue does
    /// not.
    wall: Time(Duration) = Duration::from_secs(60), TIMES, LimitEffect::StopsRun(StopReason::Wall);

    /// V8 heap and array buffers together, in bytes.
    memory: Bytes(usize) = 128 * MIB, MEMORY, LimitEffect::StopsRun(StopReason::Memory);

    /// Tool calls that a run may start.
    calls: Count(u32) = 500, 0..=1_000_000, LimitEffect::StopsRun(StopReason::Calls);

    /// Tool calls in flight at once.
    concurrent_calls: Count(u32) = 32, 1..=10_000, LimitEffect::DelaysCalls;

    /// Time from sending one tool call to its answer.
    call_timeout: Time(Duration) = Duration::from_secs(30), TIMES, LimitEffect::FailsCall;

    /// The script's text, in bytes.
    code: Bytes(usize) = MIB, KIB..=16 * MIB, LimitEffect::RefusesRequest;

    /// The input's JSON text, in bytes.
    input: Bytes(usize) = 8 * MIB, 0..=48 * MIB, LimitEffect::RefusesRequest;

    /// The result's JSON text, in bytes.
    result: Bytes(usize) = MIB, KIB..=64 * MIB, LimitEffect::FailsRun(ErrorCode::OutputLimit);

    /// All log lines together, in bytes.
    logs: Bytes(usize) = 256 * KIB, 0..=16 * MIB, LimitEffect::StopsRun(StopReason::Logs);
}

impl Limits {
    /// Returns these limits with all times lowered to `timeout`. A caller may ask for less time,
    /// never for more.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.wall = self.wall.min(timeout);
        self.cpu = self.cpu.min(timeout);
        self.call_timeout = self.call_timeout.min(timeout);
        self
    }

    /// Returns the length at which the making of a JSON text stops, above the limits of a result
    /// and of arguments.
    pub(crate) fn max_text_length(&self) -> usize {
        self.result.max(MAX_ARGUMENTS_BYTES) + TEXT_MARGIN_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURATION: &str = include_str!("../../docs/configuration.md");

    #[test]
    fn a_caller_lowers_limits_but_never_raises_them() {
        let asked = Limits::default().with_timeout(Duration::from_secs(5));
        assert_eq!(asked.wall, Duration::from_secs(5));
        assert_eq!(asked.cpu, Duration::from_secs(5));
        let greedy = Limits::default().with_timeout(Duration::from_secs(5000));
        assert_eq!(greedy, Limits::default());
    }

    /// Returns a value and its range, as the documents show them.
    fn documented(value: &LimitValue<'_>) -> (String, String) {
        match value {
            LimitValue::Time(value, allowed) => {
                (time(**value), format!("{} to {}", time(*allowed.start()), time(*allowed.end())))
            }
            LimitValue::Bytes(value, allowed) => {
                (size(**value), format!("{} to {}", size(*allowed.start()), size(*allowed.end())))
            }
            LimitValue::Count(value, allowed) => (
                thousands(**value),
                format!("{} to {}", thousands(*allowed.start()), thousands(*allowed.end())),
            ),
        }
    }

    /// Returns a value as `isolet.toml` has it.
    fn in_settings(value: &LimitValue<'_>) -> String {
        match value {
            LimitValue::Count(value, _) => value.to_string(),
            LimitValue::Time(..) | LimitValue::Bytes(..) => {
                format!("\"{}\"", documented(value).0.replace(' ', ""))
            }
        }
    }

    fn time(time: Duration) -> String {
        match time.as_secs() {
            0 => format!("{} ms", time.as_millis()),
            seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
            seconds => format!("{seconds} s"),
        }
    }

    fn size(bytes: usize) -> String {
        [("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", KIB)]
            .into_iter()
            .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit))
            .map_or_else(|| bytes.to_string(), |(name, unit)| format!("{} {name}", bytes / unit))
    }

    fn thousands(count: u32) -> String {
        let digits = count.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        groups.join(",")
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let (_, example) =
            CONFIGURATION.split_once("\n[limits]").expect("docs/configuration.md shows [limits]");
        let lines: Vec<_> = example.lines().skip(1).take_while(|line| !line.starts_with('[')).collect();
        for (name, value) in Limits::default().values() {
            let wanted = format!("{name} = {}", in_settings(&value));
            assert!(
                lines.iter().any(|line| line.split('#').next().unwrap_or_default().trim() == wanted),
                "the example of [limits] in docs/configuration.md lacks the line `{wanted}`"
            );
        }
        let page = include_str!("../../docs/scripts.md");
        for (name, value) in Limits::default().values() {
            let (start, end) = (format!("| `{name}` | "), format!(" | {} |", documented(&value).0));
            assert!(
                page.lines().any(|line| line.starts_with(&start) && line.ends_with(&end)),
                "the table of limits in docs/scripts.md lacks a row {start}…{end}"
            );
        }
    }

    #[test]
    fn the_documented_limits_are_the_limits() {
        let (_, section) = CONFIGURATION
            .split_once("\n## [limits]\n")
            .expect("docs/configuration.md has a section [limits]");
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let mut limits = Limits::default();
        // The last row, `queue`, is a limit of the engine and not of a run.
        assert_eq!(
            rows.len(),
            Limits::EFFECTS.len() + 1,
            "rows of the table of limits in docs/configuration.md"
        );
        for (((name, value), effect), row) in limits.values().iter().zip(Limits::EFFECTS).zip(rows) {
            let (_, allowed) = documented(value);
            let code = match effect {
                LimitEffect::StopsRun(reason) => Some(reason.error_code()),
                LimitEffect::FailsRun(code) => Some(*code),
                LimitEffect::FailsCall | LimitEffect::DelaysCalls | LimitEffect::RefusesRequest => None,
            };
            let code = code.map_or_else(|| "-".to_owned(), |code| format!("`{}`", code.as_str()));
            assert_eq!(
                (row[0], row[2], row[3]),
                (&*format!("`{name}`"), &*allowed, &*code),
                "the row of `{name}` in docs/configuration.md: name, range, error code"
            );
        }
    }
}
