//! The kernel's account of this process's memory, from files that the jail takes away.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The kernel's smallest unit of memory on x86-64, and on most others.
pub(crate) const PAGE: usize = 4096;

/// What must be opened before the jail closes.
pub(crate) struct Mappings {
    list: File,
    pages: File,
}

/// One mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) range: Range<usize>,
    /// As the kernel writes them: `r-xp`, the last letter for private memory.
    pub(crate) rights: [u8; 4],
    /// Device and number of the file, which anonymous memory has not.
    pub(crate) file: Option<(String, u64)>,
    /// Whether the kernel has a name for it: a file's, or one like `[stack]`.
    pub(crate) named: bool,
    /// Bytes of it that are in memory and no file's.
    pub(crate) anonymous: usize,
    /// Bytes of those that are in huge pages.
    pub(crate) huge: usize,
}

impl Mappings {
    /// # Errors
    /// Where there is no `/proc`, and where pages have another size: what was found out about a part of one would not hold for all
    /// of it.
    pub(crate) fn open() -> io::Result<Self> {
        if rustix::param::page_size() != PAGE {
            return Err(io::Error::other("pages are not of 4 KiB"));
        }
        Ok(Self { list: File::open("/proc/self/smaps")?, pages: File::open("/proc/self/pagemap")? })
    }

    /// All mappings as they are now, by address.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn read(&self) -> io::Result<Vec<Mapping>> {
        let mut list = &self.list;
        list.rewind()?;
        // Line by line: a text of 100 KB would stay behind as 25 pages to copy for each runner.
        parse(BufReader::with_capacity(PAGE, list))
    }

    /// Which pages of `range` are in this process's page table, one after the other.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn present(&self, range: &Range<usize>) -> io::Result<Vec<bool>> {
        /// What the kernel has for each page, in bytes.
        const ENTRY: usize = 8;
        let mut entries = vec![0; range.len() / PAGE * ENTRY];
        self.pages.read_exact_at(&mut entries, (range.start / PAGE * ENTRY) as u64)?;
        // The highest bit of 64, with the lowest byte first.
        Ok(entries.chunks_exact(ENTRY).map(|entry| entry[ENTRY - 1] & 0x80 != 0).collect())
    }
}

fn parse(mut smaps: impl BufRead) -> io::Result<Vec<Mapping>> {
    let mut found: Vec<Mapping> = Vec::new();
    let mut line = String::new();
    while smaps.read_line(&mut line)? > 0 {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("Anonymous:") => note(found.last_mut().map(|mapping| &mut mapping.anonymous), words.next()),
            Some("AnonHugePages:") => note(found.last_mut().map(|mapping| &mut mapping.huge), words.next()),
            Some(first) if !first.ends_with(':') => found.extend(mapping(first, words)),
            _ => {}
        }
        line.clear();
    }
    Ok(found)
}

fn note(place: Option<&mut usize>, kilobytes: Option<&str>) {
    if let (Some(place), Some(Ok(kilobytes))) = (place, kilobytes.map(str::parse::<usize>)) {
        *place = kilobytes << 10;
    }
}

/// Addresses, rights, offset, device, inode, and a name if it has one.
fn mapping<'a>(addresses: &str, mut words: impl Iterator<Item = &'a str>) -> Option<Mapping> {
    let (start, end) = addresses.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let rights = words.next()?.as_bytes().try_into().ok()?;
    let device = words.nth(1)?;
    let number: u64 = words.next()?.parse().ok()?;
    let file = (number != 0).then(|| (device.to_owned(), number));
    let sound = range.start % PAGE == 0 && range.end % PAGE == 0 && range.start < range.end;
    sound.then(|| Mapping { range, rights, file, named: words.next().is_some(), anonymous: 0, huge: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text_is_understood() {
        let smaps = "\
1000-3000 r--p 00000000 00:00 0 
Size:                  8 kB
Anonymous:             8 kB
AnonHugePages:      2048 kB
VmFlags: rd mr mw me ac sd 
5000-6000 r-xp 00000000 fe:00 4711                       /usr/bin/isolet
Anonymous:             0 kB
6000-7000 rw-p 00000000 00:00 0                          [stack]
nonsense
12-zz r--p 0 0 0
9000-8000 r--p 0 0 0
";
        let found = parse(smaps.as_bytes()).unwrap();
        let plain = Mapping {
            range: 0x1000..0x3000,
            rights: *b"r--p",
            file: None,
            named: false,
            anonymous: 8 << 10,
            huge: 2 << 20,
        };
        assert_eq!(found[0], plain);
        assert_eq!((&found[1].rights, found[1].anonymous, found[1].named), (b"r-xp", 0, true));
        assert_eq!(found[1].file, Some(("fe:00".to_owned(), 4711)));
        assert_eq!((&found[2].file, found[2].named, found.len()), (&None, true, 3));
    }

    #[test]
    fn pages_that_were_written_to_are_present() {
        // SAFETY: memory of this test's own, written to within its bounds.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory =
                libc::mmap(std::ptr::null_mut(), 4 * PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            memory.cast::<u8>().add(2 * PAGE).write(1);
            memory as usize
        };
        let mappings = Mappings::open().unwrap();
        let range = start..start + 4 * PAGE;
        assert_eq!(mappings.present(&range).unwrap(), [false, false, true, false]);
        let all = mappings.read().unwrap();
        let its = all.iter().find(|mapping| mapping.range.contains(&start)).expect("its mapping");
        assert!(its.rights == *b"rw-p" && its.file.is_none() && its.anonymous >= PAGE, "{its:?}");
    }
}
