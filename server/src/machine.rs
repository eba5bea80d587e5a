//! How many runs the machine has memory for, where the operator does not say.

use std::fs::read_to_string;
use std::path::Path;

/// However large the machine: more processes at once than cores can serve only wait.
const MOST: u64 = 256;

/// However small: a run seldom uses what it may.
const FEWEST: u64 = 8;

/// As many runs as fit if each uses `each` bytes, all that it may.
pub fn runs(each: usize) -> usize {
    fitting(memory().unwrap_or(u64::MAX), each)
}

fn fitting(memory: u64, each: usize) -> usize {
    (memory / each.max(1) as u64).clamp(FEWEST, MOST) as usize
}

/// Bytes of memory that this process and its children may use: the machine's, or what its control group has.
fn memory() -> Option<u64> {
    let group = read_to_string("/proc/self/cgroup").ok();
    let group = group.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::/")));
    let allowed = group.and_then(|group| {
        let folder = Path::new("/sys/fs/cgroup").join(group);
        // "max" where there is no bound; one of a group above may be the one that counts.
        folder.ancestors().filter_map(|folder| number(&read_to_string(folder.join("memory.max")).ok()?)).min()
    });
    [read_to_string("/proc/meminfo").ok().and_then(|text| total(&text)), allowed].into_iter().flatten().min()
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// `MemTotal` of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_fit_within_reason() {
        assert_eq!(total("MemTotal:       24689232 kB\nMemFree: 1 kB\n"), Some(24_689_232 * 1024));
        assert_eq!(total("MemTotal: much\n"), None);
        assert_eq!(fitting(24 << 30, 128 << 20), 192);
        assert_eq!(fitting(512 << 20, 128 << 20), 8);
        assert_eq!(fitting(1 << 40, 128 << 20), 256);
        assert_eq!(fitting(0, 0), 8);
        assert!((8..=256).contains(&runs(128 << 20)));
    }
}
