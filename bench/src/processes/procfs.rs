//! Figures of Linux about one process.

use std::fs;
use std::io;
use std::time::Duration;

/// The units of `/proc`: ticks a second and bytes a page, both from the auxiliary vector.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    ticks_per_second: u64,
    page_size: u64,
}

/// The used parts of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub parent: u32,
    /// `true` if it has ended and its parent has not waited for it yet: it has no memory.
    pub has_ended: bool,
    /// The start time; it distinguishes a process from a later one with the same id.
    pub started: u64,
    /// Own CPU, all threads, in ticks.
    pub user: u64,
    pub system: u64,
    /// CPU of children that ended and were waited for, and of theirs, in ticks.
    pub children_user: u64,
    pub children_system: u64,
    /// Resident pages. Kernels since 6.2 keep them in per-CPU counters, so the value may be wrong
    /// by some hundred kilobytes.
    pub resident_pages: u64,
}

/// The used parts of `/proc/PID/smaps_rollup`, in bytes. Exact, but the kernel walks the page
/// tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rollup {
    pub resident: u64,
    /// Resident memory with each shared page divided among the processes that share it.
    pub proportional: u64,
}

impl Units {
    /// Reads the units of this machine; 100 Hz and 4 KiB if they cannot be read.
    pub fn of_this_machine() -> Self {
        const AT_PAGESZ: u64 = 6;
        const AT_CLKTCK: u64 = 17;
        let mut units = Self { ticks_per_second: 100, page_size: 4096 };
        for pair in fs::read("/proc/self/auxv").unwrap_or_default().chunks_exact(2 * size_of::<usize>()) {
            let (key, value) = pair.split_at(size_of::<usize>());
            match (word(key), word(value)) {
                (AT_PAGESZ, size) if size > 0 => units.page_size = size,
                (AT_CLKTCK, ticks) if ticks > 0 => units.ticks_per_second = ticks,
                _ => {}
            }
        }
        units
    }

    pub fn time(self, ticks: u64) -> Duration {
        Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / self.ticks_per_second))
    }

    pub fn bytes(self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_size)
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, usize::from_ne_bytes) as u64
}

/// Reads `/proc/PID/stat`.
pub fn stat(pid: u32) -> io::Result<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not understood"))
}

fn parse_stat(text: &[u8]) -> Option<Stat> {
    // The second field is the name in parentheses, and a name may contain anything, parentheses and
    // spaces included.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&text[name_end + 1..]).ok()?;
    // The rest begins with field 3 of proc(5).
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        has_ended: matches!(*fields.first()?, "Z" | "X"),
        parent: u32::try_from(field(4)?).ok()?,
        user: field(14)?,
        system: field(15)?,
        children_user: field(16)?,
        children_system: field(17)?,
        started: field(22)?,
        resident_pages: field(24)?,
    })
}

/// Reads `/proc/PID/smaps_rollup`; needs the right to trace the process.
pub fn rollup(pid: u32) -> io::Result<Rollup> {
    Ok(parse_rollup(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?))
}

fn parse_rollup(text: &str) -> Rollup {
    let kibibytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Rollup { resident: kibibytes("Rss:") * 1024, proportional: kibibytes("Pss:") * 1024 }
}

/// Returns the numbers of open descriptors and of threads of a process.
pub fn descriptors_and_threads(pid: u32) -> io::Result<(usize, usize)> {
    let entries = |folder: &str| Ok::<_, io::Error>(fs::read_dir(format!("/proc/{pid}/{folder}"))?.count());
    Ok((entries("fd")?, entries("task")?))
}

/// Returns the command line of a process.
pub fn command_line(pid: u32) -> io::Result<Vec<String>> {
    let text = fs::read(format!("/proc/{pid}/cmdline"))?;
    let words = text.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    Ok(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// Ticks in which any processor of the machine was busy since it started.
pub fn busy_ticks() -> u64 {
    parse_busy(&fs::read_to_string("/proc/stat").unwrap_or_default()).unwrap_or(0)
}

fn parse_busy(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut ticks = line.split_ascii_whitespace().map(|ticks| ticks.parse::<u64>().unwrap_or(0));
    // user nice system idle iowait irq softirq steal; guest time is part of user time.
    let mut next = || ticks.next().unwrap_or(0);
    let (user, nice, system, _idle, _iowait) = (next(), next(), next(), next(), next());
    Some(user + nice + system + next() + next() + next())
}

/// The ids of all processes.
pub fn processes() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_confuse_the_fields() {
        let line =
            b"42 (evil) S 9 (x)) S 7 42 42 0 -1 4194560 1 0 0 0 11 22 33 44 20 0 1 0 555 1000 66 184467 1";
        let expected = Stat {
            parent: 7,
            has_ended: false,
            started: 555,
            user: 11,
            system: 22,
            children_user: 33,
            children_system: 44,
            resident_pages: 66,
        };
        assert_eq!(parse_stat(line), Some(expected));
        let ended = b"42 (x) Z 7 42 42 0 -1 4194560 1 0 0 0 11 22 33 44 20 0 1 0 555 0 0 184467 1";
        assert!(parse_stat(ended).unwrap().has_ended);
        assert_eq!(parse_stat(b"42 (x"), None);
        assert_eq!(parse_stat(b"42 (x) S 7"), None);
    }

    #[test]
    fn reads_rollups() {
        let text = "00400000-7ffe [rollup]\nRss:     1024 kB\nPss:      512 kB\nPss_Anon:  1 kB\n";
        assert_eq!(parse_rollup(text), Rollup { resident: 1024 * 1024, proportional: 512 * 1024 });
        assert_eq!(parse_rollup(""), Rollup::default());
    }

    #[test]
    fn busy_is_everything_but_waiting() {
        assert_eq!(parse_busy("cpu  1 2 4 1000 2000 8 16 32 999 999\ncpu0 1 1 1\n"), Some(63));
        assert_eq!(parse_busy("intr 5"), None);
    }

    #[test]
    fn reads_this_process() {
        let own = stat(std::process::id()).unwrap();
        assert!(own.parent > 0 && own.resident_pages > 0);
        assert!(processes().unwrap().contains(&std::process::id()));
        let units = Units::of_this_machine();
        assert!(units.bytes(own.resident_pages) > 100 * 1024);
        assert!(rollup(std::process::id()).unwrap().proportional > 0);
        let (descriptors, threads) = descriptors_and_threads(std::process::id()).unwrap();
        assert!(descriptors >= 3 && threads >= 1);
        assert!(command_line(std::process::id()).unwrap()[0].contains("isolet_bench"));
    }
}
