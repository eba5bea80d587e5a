//! Moves a zygote's read-only memory into a file that has no name.
//!
//! V8 makes its read-only heap when it starts, as anonymous memory, and in some thirty mappings, since what must never be
//! touched ("holes") lies between its pages. For anonymous memory the kernel copies page tables at each fork and keeps
//! account of who shares what, mapping by mapping: a fork and its end took 0.19 ms with 1,100 anonymous pages more and 0.2 ms
//! with 60 mappings more, and 0.1 ms with the same mappings of a file (measured with a program that does nothing else,
//! 2 cores, in one minute). Pages of a file come when they are first touched, and most of these never are.
//!
//! Nothing writes to this memory any more, so a private mapping of the file is the same memory to everybody. Whoever writes
//! all the same, having made it writable, writes to a copy.
//!
//! What lies between the pages is not copied at all: nothing is as far out of reach as something without rights. No memory
//! comes to lie there in its place: V8 gives out larger pieces, and the kernel puts memory far away from V8's unless it is told
//! to, or V8 found no place for itself but the kernel's.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::mappings::{Mapping, PAGE};

/// Room for V8's read-only heap, which takes 1.6 MiB. Not more than is written to takes memory.
const ROOM: usize = 16 << 20;

/// The file, made before the jail.
pub(crate) struct Shelf(OwnedFd);

impl Shelf {
    /// # Errors
    /// Where there is no such file. Nothing depends on it but speed.
    pub(crate) fn open() -> io::Result<Self> {
        let memory = memfd_create("isolet-read-only", MemfdFlags::CLOEXEC)?;
        // Now, as no file can grow in the jail.
        ftruncate(&memory, ROOM as u64)?;
        Ok(Self(memory))
    }

    /// Freezes memory that has no file, is read-only and holds something.
    ///
    /// # Errors
    /// When the kernel refuses; what is not frozen stays as it was.
    pub(crate) fn freeze(self, mappings: &[Mapping]) -> io::Result<()> {
        let mut used = 0;
        for mapping in mappings.iter().filter(|mapping| is_frozen(mapping)) {
            if ROOM - used < mapping.range.len() {
                break;
            }
            self.replace(&mapping.range, used)?;
            used += mapping.range.len();
        }
        for hole in holes(mappings) {
            let (start, length) = (hole.start as *mut libc::c_void, hole.len());
            // The system call: `fork` stands before the C library's function and drops just this.
            // SAFETY: changes nothing here. A copy without this memory has nothing that refers to it, since nobody can read
            // or write it.
            unsafe { libc::syscall(libc::SYS_madvise, start, length, libc::MADV_DONTFORK) };
        }
        Ok(())
    }

    /// Puts a mapping of the file at `offset`, with the same content, in place of `range`.
    fn replace(&self, range: &Range<usize>, offset: usize) -> io::Result<()> {
        let file = self.0.as_raw_fd();
        let (length, offset) = (range.len(), offset as libc::off_t);
        // SAFETY: a new mapping at an address of the kernel's choice, for the part of the file after `offset`, which is as
        // long as that (`freeze` checks it).
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
        for at in (0..length).step_by(PAGE) {
            let from = (range.start + at) as *const u8;
            // SAFETY: the kernel has just said that these pages can be read, and this process has one thread, which does
            // not change that here. They are V8's, which writes to them no more.
            let page = unsafe { std::slice::from_raw_parts(from, PAGE) };
            // The file is zeros as it is.
            if page.iter().any(|byte| *byte != 0) {
                // SAFETY: `copy` is `length` bytes long, writable, and overlaps nothing.
                unsafe { std::ptr::copy_nonoverlapping(from, copy.cast::<u8>().add(at), PAGE) };
            }
        }
        // SAFETY: the mapping made above, to which nothing points any more. Then memory that is read-only is replaced by
        // memory with the same content and the same rights, in one step. (Should the kernel take the old away and have no room for
        // the new, V8 reads what is not there, and the zygote ends before it has a copy.)
        let there = unsafe {
            libc::munmap(copy, length);
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
            libc::mmap(range.start as *mut libc::c_void, length, libc::PROT_READ, flags, file, offset)
        };
        if there == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Private, read-only, of no file, and with pages of its own. The program's relocated constants are not among them: in a
/// file as well, a run was 5% slower, as it needs many of them.
fn is_frozen(mapping: &Mapping) -> bool {
    mapping.rights == *b"r--p" && mapping.file.is_none() && !mapping.named && mapping.anonymous > 0
}

/// V8 gives out its memory in pieces of this size: a gap that is smaller is never given out.
const PIECE: usize = 256 << 10;

/// Memory without rights that fills the place between two frozen mappings.
fn holes(mappings: &[Mapping]) -> impl Iterator<Item = &Range<usize>> {
    mappings.windows(3).filter_map(|neighbours| match neighbours {
        [before, hole, after]
            if is_frozen(before)
                && hole.rights == *b"---p"
                && hole.file.is_none()
                && hole.range.len() < PIECE
                && is_frozen(after)
                && before.range.end == hole.range.start
                && hole.range.end == after.range.start =>
        {
            Some(&hole.range)
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
    fn only_read_only_memory_without_a_file_is_taken() {
        let frozen = mapping(0x1000..0x3000, b"r--p", PAGE);
        assert!(is_frozen(&frozen));
        assert!(!is_frozen(&Mapping { file: Some(("fe:00".into(), 4711)), named: true, ..frozen.clone() }));
        assert!(!is_frozen(&Mapping { named: true, ..frozen.clone() }));
        assert!(!is_frozen(&mapping(0x1000..0x3000, b"r--p", 0)));
        assert!(!is_frozen(&mapping(0x1000..0x3000, b"rw-p", PAGE)));
    }

    #[test]
    fn holes_lie_between_frozen_mappings_and_touch_both() {
        let list = [
            mapping(0x0000..0x1000, b"---p", 0),
            mapping(0x1000..0x3000, b"r--p", PAGE),
            mapping(0x3000..0x4000, b"---p", 0),
            mapping(0x4000..0x5000, b"r--p", PAGE),
            mapping(0x5000..0x6000, b"---p", 0),
            mapping(0x7000..0x8000, b"r--p", PAGE),
            mapping(0x8000..0x9000, b"---p", 0),
            mapping(0x9000..0xa000, b"rw-p", PAGE),
            mapping(0x10_0000..0x11_0000, b"r--p", PAGE),
            mapping(0x11_0000..0x11_0000 + PIECE, b"---p", 0),
            mapping(0x11_0000 + PIECE..0x20_0000, b"r--p", PAGE),
        ];
        assert_eq!(holes(&list).collect::<Vec<_>>(), [&(0x3000..0x4000)]);
    }

    #[test]
    fn frozen_memory_is_what_it_was() {
        let shelf = Shelf::open().unwrap();
        let length = 3 * PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: memory of this test's own.
        let memory = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        assert_ne!(memory, libc::MAP_FAILED);
        let start = memory as usize;
        // SAFETY: within the mapping made above; the middle page is left untouched.
        unsafe {
            memory.cast::<u8>().write_bytes(7, PAGE);
            memory.cast::<u8>().add(2 * PAGE).write_bytes(9, PAGE);
            libc::mprotect(memory, length, libc::PROT_READ);
        }
        shelf.replace(&(start..start + length), PAGE).unwrap();
        // SAFETY: as above; it can be read.
        let bytes = unsafe { std::slice::from_raw_parts(memory.cast::<u8>(), length) };
        let pages: Vec<(u8, u8)> = bytes.chunks(PAGE).map(|page| (page[0], page[PAGE - 1])).collect();
        assert_eq!(pages, [(7, 7), (0, 0), (9, 9)]);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&format!("{start:x}-"))).expect("its mapping");
        assert!(line.contains("r--p") && line.contains("isolet-read-only"), "{line}");
    }
}
