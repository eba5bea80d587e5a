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
//! Runners do not get the gaps at all: an unmapped address is as inaccessible as one without
//! rights. New memory is not placed there, as V8 allocates larger pieces, and the kernel places
//! other mappings elsewhere unless V8 has found no address range of its own.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::mappings::{Mapping, PAGE_BYTES};

/// The size of the file. V8's read-only heap has 1.6 MiB; parts that are not written take no
/// memory.
const FILE_BYTES: usize = 16 << 20;

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
        for mapping in mappings.iter().filter(|mapping| is_read_only_heap(mapping)) {
            if FILE_BYTES - used < mapping.range.len() {
                break;
            }
            self.replace(&mapping.range, used)?;
            used += mapping.range.len();
        }
        for gap in gaps(mappings) {
            let (start, length) = (gap.start as *mut libc::c_void, gap.len());
            // Made as a system call, because `zygote::fork` replaces the C library's function with
            // one that ignores this advice.
            // SAFETY: the call changes nothing in this process. Runners without this memory do not
            // need it, since it can be neither read nor written.
            unsafe { libc::syscall(libc::SYS_madvise, start, length, libc::MADV_DONTFORK) };
        }
        Ok(())
    }

    /// Copies `range` to `offset` in the file and maps that part of the file in its place.
    fn replace(&self, range: &Range<usize>, offset: usize) -> io::Result<()> {
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
        for at in (0..length).step_by(PAGE_BYTES) {
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
        if replaced == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Returns `true` for private read-only memory without a file that has pages in use. The program's
/// relocated constants have a name and are excluded: with them in the file a run was 5% slower, as
/// it reads many of them.
fn is_read_only_heap(mapping: &Mapping) -> bool {
    mapping.rights == *b"r--p" && mapping.file.is_none() && !mapping.named && mapping.anonymous > 0
}

/// The size of V8's allocations of address space. V8 never places memory in a smaller gap.
const V8_CHUNK_BYTES: usize = 256 << 10;

/// Finds memory without access rights that fills the gap between two mappings of the read-only
/// heap.
fn gaps(mappings: &[Mapping]) -> impl Iterator<Item = &Range<usize>> {
    mappings.windows(3).filter_map(|neighbours| match neighbours {
        [before, gap, after]
            if is_read_only_heap(before)
                && gap.rights == *b"---p"
                && gap.file.is_none()
                && gap.range.len() < V8_CHUNK_BYTES
                && is_read_only_heap(after)
                && before.range.end == gap.range.start
                && gap.range.end == after.range.start =>
        {
            Some(&gap.range)
        }
        _ => None,
    })
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
    fn gaps_lie_between_moved_mappings_and_touch_both() {
        let list = [
            mapping(0x0000..0x1000, b"---p", 0),
            mapping(0x1000..0x3000, b"r--p", PAGE_BYTES),
            mapping(0x3000..0x4000, b"---p", 0),
            mapping(0x4000..0x5000, b"r--p", PAGE_BYTES),
            mapping(0x5000..0x6000, b"---p", 0),
            mapping(0x7000..0x8000, b"r--p", PAGE_BYTES),
            mapping(0x8000..0x9000, b"---p", 0),
            mapping(0x9000..0xa000, b"rw-p", PAGE_BYTES),
            mapping(0x10_0000..0x11_0000, b"r--p", PAGE_BYTES),
            mapping(0x11_0000..0x11_0000 + V8_CHUNK_BYTES, b"---p", 0),
            mapping(0x11_0000 + V8_CHUNK_BYTES..0x20_0000, b"r--p", PAGE_BYTES),
        ];
        assert_eq!(gaps(&list).collect::<Vec<_>>(), [&(0x3000..0x4000)]);
    }

    #[test]
    fn moved_memory_keeps_its_content_and_rights() {
        let file = ReadOnlyFile::create().unwrap();
        let length = 3 * PAGE_BYTES;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping of this test's own.
        let memory = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        assert_ne!(memory, libc::MAP_FAILED);
        let start = memory as usize;
        // SAFETY: the addresses are within that mapping; the middle page stays untouched.
        unsafe {
            memory.cast::<u8>().write_bytes(7, PAGE_BYTES);
            memory.cast::<u8>().add(2 * PAGE_BYTES).write_bytes(9, PAGE_BYTES);
            libc::mprotect(memory, length, libc::PROT_READ);
        }
        file.replace(&(start..start + length), PAGE_BYTES).unwrap();
        // SAFETY: the mapping is still there and readable.
        let bytes = unsafe { std::slice::from_raw_parts(memory.cast::<u8>(), length) };
        let pages: Vec<(u8, u8)> =
            bytes.chunks(PAGE_BYTES).map(|page| (page[0], page[PAGE_BYTES - 1])).collect();
        assert_eq!(pages, [(7, 7), (0, 0), (9, 9)]);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&format!("{start:x}-"))).expect("its mapping");
        assert!(line.contains("r--p") && line.contains("isolet-read-only"), "{line}");
    }
}
