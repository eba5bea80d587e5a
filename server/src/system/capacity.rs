//! The number of runs for which the machine has memory, as the default of `max_running`.

use std::fs::read_to_string;
use std::path::Path;

/// The upper bound for large machines: more processes would only wait for processors.
const MAX_RUNS: u64 = 256;

/// The lower bound for small machines: a run seldom uses all of its memory limit.
const MIN_RUNS: u64 = 8;

/// Returns the number of runs that fit into memory if each uses all of its `heap_bytes`.
pub fn max_running(heap_bytes: usize) -> usize {
    runs_in(available_bytes().unwrap_or(u64::MAX), heap_bytes)
}

fn runs_in(memory_bytes: u64, heap_bytes: usize) -> usize {
    (memory_bytes / heap_bytes.max(1) as u64).clamp(MIN_RUNS, MAX_RUNS) as usize
}

/// Returns the memory that this process and its children may use: that of the machine, or of its
/// control group.
fn available_bytes() -> Option<u64> {
    let group = read_to_string("/proc/self/cgroup").ok();
    let group = group.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::/")));
    let allowed = group.and_then(|group| {
        let folder = Path::new("/sys/fs/cgroup").join(group);
        // A group without a bound has the text "max". The lowest bound of all parents applies.
        folder
            .ancestors()
            .filter_map(|folder| parse_number(&read_to_string(folder.join("memory.max")).ok()?))
            .min()
    });
    [read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text)), allowed]
        .into_iter()
        .flatten()
        .min()
}

fn parse_number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Returns `MemTotal` of `/proc/meminfo` in bytes.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    parse_number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_runs_is_bounded_by_memory() {
        assert_eq!(total_bytes("MemTotal:       24689232 kB\nMemFree: 1 kB\n"), Some(24_689_232 * 1024));
        assert_eq!(total_bytes("MemTotal: much\n"), None);
        assert_eq!(runs_in(24 << 30, 128 << 20), 192);
        assert_eq!(runs_in(512 << 20, 128 << 20), 8);
        assert_eq!(runs_in(1 << 40, 128 << 20), 256);
        assert_eq!(runs_in(0, 0), 8);
        assert!((8..=256).contains(&max_running(128 << 20)));
    }
}
