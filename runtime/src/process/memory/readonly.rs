//! Moves V8's read-only heap into a file without a name.
//!
//! V8 creates its read-only heap at its start, in anonymous memory and some thirty mappings: gaps
//! without access rights lie between its pages. At each fork the kernel copies the page tables of
//! anonymous memory and records for each mapping that it is shared. A fork and the end of the
//! process took 0.19 ms with 1,100 more anonymous pages, 0.2 ms with 60 more mappings, and 0.1 ms
//! with the same mappings of a file (measured in a program that does nothing else, on 2 cores).
//! Pages of a file are mapped when they are first read, and a run reads few of these.
//!
//! Nothing writes to this memory after V8 has started, so a private mapping of the file has the
//! same content in all processes. Code that makes it writable and writes to it gets its own copy.
//!
//! Pages and gaps become one mapping, in which the gaps are guards (`MADV_GUARD_INSTALL`, Linux
//! 6.15): marks in the page table that make an access fail as missing rights do. A runner cannot
//! remove them, since the jail refuses that advice. An older kernel keeps a mapping for each part,
//! and runners do not get the gaps at all: an unmapped address is as inaccessible. New memory is
//! not placed there, as V8 allocates larger pieces, and the kernel places other mappings elsewhere
//! unless V8 has found no address range of its own.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::mappings::{Mapping, PAGE_BYTES};

/// The size of the file. V8's read-only heap has 1.6 MiB; parts that are not written take no
/// memory.
const FILE_BYTES: usize = 16 << 20;

/// The advice that makes pages inaccessible without a mapping of their own. The crate `libc` does
/// not have it.
pub(crate) const MADV_GUARD_INSTALL: libc::c_int = 102;

/// The file, created before the jail.
pub(crate) struct ReadOnlyFile(OwnedFd);

impl ReadOnlyFile {
    /// Creates the file.
    ///
    /// # Errors
    /// Returns an error if the kernel refuses `memfd_create`.
    pub(crate) fn create() -> io::Result<Self> {
        let memory = memfd_create("isolet-read-only", MemfdFlags::CLOEXEC)?;
        // Set now, as files cannot grow in the jail.
        ftruncate(&memory, FILE_BYTES as u64)?;
        Ok(Self(memory))
    }

    /// Moves the mappings of V8's read-only heap into the file.
    ///
    /// # Errors
    /// Returns the kernel's error. Memory that was not moved stays as it was.
    pub(crate) fn take_over(self, mappings: &[Mapping]) -> io::Result<()> {
        let mut used = 0;
        for part in parts(mappings) {
            if FILE_BYTES - used < part.range.len() {
                break;
            }
            self.replace(&part, used)?;
            used += part.range.len();
        }
        Ok(())
    }

    /// Copies a part to `offset` in the file and maps that part of the file in its place.
    fn replace(&self, part: &Part, offset: usize) -> io::Result<()> {
        let range = &part.range;
        let file = self.0.as_raw_fd();
        let (length, offset) = (range.len(), offset as libc::off_t);
        // SAFETY: a new mapping at an address of the kernel's choice, of a part that lies within
        // the file (`take_over` checks it).
        let copy = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file,
                offset,
            )
        };
        if copy == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let is_readable = |address| !part.gaps.iter().any(|gap| gap.contains(&address));
        for at in (0..length).step_by(PAGE_BYTES).filter(|at| is_readable(range.start + at)) {
            let from = (range.start + at) as *const u8;
            // SAFETY: the kernel has just listed this page as readable, and this process has one
            // thread, which does not change that here. V8 no longer writes to it.
            let page = unsafe { std::slice::from_raw_parts(from, PAGE_BYTES) };
            // The file holds zeros already.
            if page.iter().any(|byte| *byte != 0) {
                // SAFETY: `copy` has `length` bytes, is writable, and is a mapping of its own.
                unsafe { std::ptr::copy_nonoverlapping(from, copy.cast::<u8>().add(at), PAGE_BYTES) };
            }
        }
        // SAFETY: nothing points to the mapping made above, which is unmapped. Then read-only
        // memory is replaced in one step by memory with the same content and rights. (If the kernel
        // unmapped the old memory and failed to map the new, V8 would crash the zygote before it
        // has any runner.)
        let replaced = unsafe {
            libc::munmap(copy, length);
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
            libc::mmap(range.start as *mut libc::c_void, length, libc::PROT_READ, flags, file, offset)
        };
        if replaced == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        part.gaps.iter().try_for_each(close)
    }
}

/// Makes a gap in a mapping inaccessible.
fn close(gap: &Range<usize>) -> io::Result<()> {
    let (start, length) = (gap.start as *mut libc::c_void, gap.len());
    // SAFETY: the gap was inaccessible before, so nothing is read or written there.
    if unsafe { libc::madvise(start, length, MADV_GUARD_INSTALL) } == 0 {
        return Ok(());
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: as above. The advice changes nothing in this process; it is made as a system call,
    // because `zygote::fork` replaces the C library's function with one that ignores it.
    let closed = unsafe { libc::mmap(start, length, libc::PROT_NONE, flags, -1, 0) };
    if closed == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_madvise, start, length, libc::MADV_DONTFORK) };
    Ok(())
}

/// Returns `true` for private read-only memory without a file that has pages in use. The program's
/// relocated constants have a name and are excluded: with them in the file a run was 5% slower, as
/// it reads many of them.
fn is_read_only_heap(mapping: &Mapping) -> bool {
    mapping.rights == *b"r--p" && mapping.file.is_none() && !mapping.named && mapping.anonymous > 0
}

/// The size of V8's allocations of address space. V8 never places memory in a smaller gap.
const V8_CHUNK_BYTES: usize = 256 << 10;

/// Memory of the read-only heap that becomes one mapping.
#[derive(Debug, PartialEq)]
struct Part {
    range: Range<usize>,
    /// The memory in `range` that is inaccessible.
    gaps: Vec<Range<usize>>,
}

/// Returns the parts of the read-only heap: its mappings, joined where a small gap without access
/// rights is all that lies between two of them.
fn parts(mappings: &[Mapping]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut gap = None;
    for mapping in mappings {
        let range = &mapping.range;
        if !is_read_only_heap(mapping) {
            gap = is_gap(mapping).then(|| range.clone());
            continue;
        }
        match (parts.last_mut(), gap.take()) {
            (Some(last), Some(gap)) if last.range.end == gap.start && gap.end == range.start => {
                last.range.end = range.end;
                last.gaps.push(gap);
            }
            (Some(last), None) if last.range.end == range.start => last.range.end = range.end,
            _ => parts.push(Part { range: range.clone(), gaps: Vec::new() }),
        }
    }
    parts
}

fn is_gap(mapping: &Mapping) -> bool {
    mapping.rights == *b"---p" && mapping.file.is_none() && mapping.range.len() < V8_CHUNK_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(range: Range<usize>, rights: &[u8; 4], anonymous: usize) -> Mapping {
        Mapping { range, rights: *rights, file: None, named: false, anonymous, huge: 0 }
    }

    #[test]
    fn only_read_only_memory_without_a_file_is_moved() {
        let moved = mapping(0x1000..0x3000, b"r--p", PAGE_BYTES);
        assert!(is_read_only_heap(&moved));
        assert!(!is_read_only_heap(&Mapping {
            file: Some(("fe:00".into(), 4711)),
            named: true,
            ..moved.clone()
        }));
        assert!(!is_read_only_heap(&Mapping { named: true, ..moved.clone() }));
        assert!(!is_read_only_heap(&mapping(0x1000..0x3000, b"r--p", 0)));
        assert!(!is_read_only_heap(&mapping(0x1000..0x3000, b"rw-p", PAGE_BYTES)));
    }

    #[test]
    fn mappings_and_the_gaps_between_them_are_one_part() {
        let list = [
            mapping(0x0000..0x1000, b"---p", 0),
            mapping(0x1000..0x3000, b"r--p", PAGE_BYTES),
            mapping(0x3000..0x4000, b"---p", 0),
            mapping(0x4000..0x5000, b"r--p", PAGE_BYTES),
            mapping(0x5000..0x6000, b"---p", 0),
            mapping(0x6000..0x8000, b"r--p", PAGE_BYTES),
            mapping(0x8000..0x9000, b"---p", 0),
            mapping(0x9000..0xa000, b"rw-p", PAGE_BYTES),
            mapping(0x10_0000..0x11_0000, b"r--p", PAGE_BYTES),
            mapping(0x11_0000..0x11_0000 + V8_CHUNK_BYTES, b"---p", 0),
            mapping(0x11_0000 + V8_CHUNK_BYTES..0x20_0000, b"r--p", PAGE_BYTES),
        ];
        let alone = |range: Range<usize>| Part { range, gaps: Vec::new() };
        assert_eq!(
            parts(&list),
            [
                Part { range: 0x1000..0x8000, gaps: vec![0x3000..0x4000, 0x5000..0x6000] },
                alone(0x10_0000..0x11_0000),
                alone(0x11_0000 + V8_CHUNK_BYTES..0x20_0000),
            ]
        );
    }

    /// Returns `true` if the kernel can read a byte of this process. Unlike a read by the process
    /// it does not end it.
    fn is_readable(address: usize) -> bool {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let byte = 1;
        // SAFETY: the kernel reads at most one byte, and fails where there is none.
        let written = unsafe { libc::write(write.as_raw_fd(), address as *const libc::c_void, byte) };
        drop(read);
        written == byte as isize
    }

    #[test]
    fn moved_memory_keeps_its_content_and_rights() {
        let file = ReadOnlyFile::create().unwrap();
        let length = 4 * PAGE_BYTES;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping of this test's own.
        let memory = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        assert_ne!(memory, libc::MAP_FAILED);
        let start = memory as usize;
        let gap = start + 2 * PAGE_BYTES..start + 3 * PAGE_BYTES;
        // SAFETY: the addresses are within that mapping; the second page stays untouched, and the
        // third is the gap.
        unsafe {
            memory.cast::<u8>().write_bytes(7, PAGE_BYTES);
            memory.cast::<u8>().add(3 * PAGE_BYTES).write_bytes(9, PAGE_BYTES);
            libc::mprotect(memory, length, libc::PROT_READ);
            libc::mprotect(gap.start as *mut libc::c_void, gap.len(), libc::PROT_NONE);
        }
        let part = Part { range: start..start + length, gaps: vec![gap.clone()] };
        file.replace(&part, PAGE_BYTES).unwrap();
        let page = |number: usize| {
            let from = (start + number * PAGE_BYTES) as *const u8;
            // SAFETY: the page is still there and readable.
            let bytes = unsafe { std::slice::from_raw_parts(from, PAGE_BYTES) };
            (bytes[0], bytes[PAGE_BYTES - 1])
        };
        assert_eq!([page(0), page(1), page(3)], [(7, 7), (0, 0), (9, 9)]);
        assert!(is_readable(start) && !is_readable(gap.start));
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&format!("{start:x}-"))).expect("its mapping");
        assert!(line.contains("r--p") && line.contains("isolet-read-only"), "{line}");
    }
}
