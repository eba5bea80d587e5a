//! `[limits]`: how much a run may use, and how many may wait.

use isolet_runtime::Limits;

use super::error::SettingsError;
use super::table::Table;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Script and input travel to a runner in one frame, and a result comes back in one; frames end at 80 MiB.
const MOST_CODE: usize = 16 * MIB;
const MOST_INPUT: usize = 48 * MIB;
const MOST_RESULT: usize = 64 * MIB;
const MOST_LOGS: usize = 16 * MIB;

/// With less, V8 gets into trouble before a script does anything.
const LEAST_MEMORY: usize = 16 * MIB;
/// V8's pointer compression gives all isolates of a process 4 GiB.
const MOST_MEMORY: usize = 3 * 1024 * MIB;

/// Reads the table into `limits` and `queue`.
pub fn read(
    mut table: Table<'_>,
    limits: &mut Limits,
    queue: &mut Option<usize>,
) -> Result<(), SettingsError> {
    table.set("cpu", &mut limits.cpu, |cpu| cpu.duration())?;
    table.set("wall", &mut limits.wall, |wall| wall.duration())?;
    table.set("memory", &mut limits.heap_bytes, |memory| memory.size(LEAST_MEMORY..=MOST_MEMORY))?;
    table.set("calls", &mut limits.calls, |calls| Ok(calls.number(0..=1_000_000)? as u32))?;
    table.set(
        "concurrent_calls",
        &mut limits.parallel_calls,
        |calls| Ok(calls.number(1..=10_000)? as u32),
    )?;
    table.set("call_timeout", &mut limits.call, |call| call.duration())?;
    table.set("code", &mut limits.code_bytes, |code| code.size(KIB..=MOST_CODE))?;
    table.set("input", &mut limits.input_bytes, |input| input.size(0..=MOST_INPUT))?;
    table.set("result", &mut limits.result_bytes, |result| result.size(KIB..=MOST_RESULT))?;
    table.set("logs", &mut limits.log_bytes, |logs| logs.size(0..=MOST_LOGS))?;
    *queue = table.read("queue", |queue| Ok(queue.number(0..=100_000)? as usize))?;
    table.finish()
}
