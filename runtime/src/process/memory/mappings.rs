//! The kernel's list of this process's memory, in files that the jail takes away.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The size of a page on x86-64, and on most other processors.
pub(crate) const PAGE_BYTES: usize = 4096;

/// `/proc/self/smaps` and `/proc/self/pagemap`, opened before the jail.
pub(crate) struct Mappings {
    list: File,
    pages: File,
}

/// One mapping of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) range: Range<usize>,
    /// The rights as the kernel writes them, such as `r-xp`; the last letter stands for "private".
    pub(crate) rights: [u8; 4],
    /// Device and inode number of the file; `None` for anonymous memory.
    pub(crate) file: Option<(String, u64)>,
    /// `true` if the mapping has a name: a file's, or one like `[stack]`.
    pub(crate) named: bool,
    /// The bytes in memory that belong to no file.
    pub(crate) anonymous: usize,
    /// The bytes of `anonymous` that are in huge pages.
    pub(crate) huge: usize,
}

impl Mappings {
    /// Opens the files.
    ///
    /// # Errors
    /// Returns an error if there is no `/proc`, or if pages do not have [`PAGE_BYTES`].
    pub(crate) fn open() -> io::Result<Self> {
        if rustix::param::page_size() != PAGE_BYTES {
            return Err(io::Error::other("pages are not of 4 KiB"));
        }
        Ok(Self { list: File::open("/proc/self/smaps")?, pages: File::open("/proc/self/pagemap")? })
    }

    /// Reads all present mappings, in the order of their addresses.
    ///
    /// # Errors
    /// Returns the kernel's error.
    pub(crate) fn read(&self) -> io::Result<Vec<Mapping>> {
        let mut found = Vec::new();
        self.read_each(|mapping| found.push(mapping))?;
        Ok(found)
    }

    /// Calls `each` with the present mappings, in the order of their addresses.
    ///
    /// # Errors
    /// Returns the kernel's error.
    pub(crate) fn read_each(&self, each: impl FnMut(Mapping)) -> io::Result<()> {
        let mut list = &self.list;
        list.rewind()?;
        // Read line by line: a buffer of 100 KB would be 25 more pages that each fork copies.
        parse(BufReader::with_capacity(PAGE_BYTES, list), each)
    }

    /// Reads for each page of `range` whether it is in this process's page table.
    ///
    /// # Errors
    /// Returns the kernel's error.
    pub(crate) fn present(&self, range: &Range<usize>) -> io::Result<Vec<bool>> {
        /// The size of the kernel's entry for a page.
        const ENTRY_BYTES: usize = 8;
        let mut entries = vec![0; range.len() / PAGE_BYTES * ENTRY_BYTES];
        self.pages.read_exact_at(&mut entries, (range.start / PAGE_BYTES * ENTRY_BYTES) as u64)?;
        // The highest of 64 bits, in the last byte of the entry.
        Ok(entries.chunks_exact(ENTRY_BYTES).map(|entry| entry[ENTRY_BYTES - 1] & 0x80 != 0).collect())
    }
}

/// Parses the text of `/proc/self/smaps`. Lines that are not understood are skipped.
fn parse(mut smaps: impl BufRead, mut each: impl FnMut(Mapping)) -> io::Result<()> {
    let mut last: Option<Mapping> = None;
    let mut line = String::new();
    while smaps.read_line(&mut line)? > 0 {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("Anonymous:") => {
                store_bytes(last.as_mut().map(|mapping| &mut mapping.anonymous), words.next())
            }
            Some("AnonHugePages:") => {
                store_bytes(last.as_mut().map(|mapping| &mut mapping.huge), words.next())
            }
            Some(first) if !first.ends_with(':') => {
                if let Some(next) = mapping(first, words) {
                    last.replace(next).into_iter().for_each(&mut each);
                }
            }
            _ => {}
        }
        line.clear();
    }
    last.into_iter().for_each(each);
    Ok(())
}

/// Stores a number of kilobytes as bytes.
fn store_bytes(field: Option<&mut usize>, kilobytes: Option<&str>) {
    if let (Some(field), Some(Ok(kilobytes))) = (field, kilobytes.map(str::parse::<usize>)) {
        *field = kilobytes << 10;
    }
}

/// Parses the first line of a mapping: addresses, rights, offset, device, inode, and possibly a
/// name.
fn mapping<'a>(addresses: &str, mut words: impl Iterator<Item = &'a str>) -> Option<Mapping> {
    let (start, end) = addresses.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let rights = words.next()?.as_bytes().try_into().ok()?;
    let device = words.nth(1)?;
    let number: u64 = words.next()?.parse().ok()?;
    let file = (number != 0).then(|| (device.to_owned(), number));
    let sound = range.start % PAGE_BYTES == 0 && range.end % PAGE_BYTES == 0 && range.start < range.end;
    sound.then(|| Mapping { range, rights, file, named: words.next().is_some(), anonymous: 0, huge: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_smaps_is_parsed() {
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
        let mut found = Vec::new();
        parse(smaps.as_bytes(), |mapping| found.push(mapping)).unwrap();
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
        // SAFETY: the mapping is this test's own and is written to within its bounds.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory = libc::mmap(
                std::ptr::null_mut(),
                4 * PAGE_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED);
            memory.cast::<u8>().add(2 * PAGE_BYTES).write(1);
            memory as usize
        };
        let mappings = Mappings::open().unwrap();
        let range = start..start + 4 * PAGE_BYTES;
        assert_eq!(mappings.present(&range).unwrap(), [false, false, true, false]);
        let all = mappings.read().unwrap();
        let its = all.iter().find(|mapping| mapping.range.contains(&start)).expect("its mapping");
        assert!(its.rights == *b"rw-p" && its.file.is_none() && its.anonymous >= PAGE_BYTES, "{its:?}");
    }
}
