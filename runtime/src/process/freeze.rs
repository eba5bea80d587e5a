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

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

const PAGE: usize = 4096;

/// Room for V8's read-only heap, which takes 1.6 MiB. Not more than is written to takes memory.
const ROOM: usize = 16 << 20;

/// What freezing needs and cannot be had in the jail any more.
pub(crate) struct Shelf {
    /// The kernel's account of this process's mappings.
    mappings: File,
    memory: OwnedFd,
}

impl Shelf {
    /// Before the jail: opens what is needed.
    ///
    /// # Errors
    /// Where there is no `/proc` or no such file. Nothing depends on it but speed.
    pub(crate) fn open() -> io::Result<Self> {
        let mappings = File::open("/proc/self/smaps")?;
        let memory = memfd_create("isolet-read-only", MemfdFlags::CLOEXEC)?;
        // Now, as no file can grow in the jail.
        ftruncate(&memory, ROOM as u64)?;
        Ok(Self { mappings, memory })
    }

    /// Freezes memory that has no file, is read-only and holds something. The number of mappings frozen.
    ///
    /// # Errors
    /// When the kernel refuses; what is not frozen stays as it was.
    pub(crate) fn freeze(mut self) -> io::Result<usize> {
        let mut text = String::new();
        self.mappings.read_to_string(&mut text)?;
        let mut used = 0;
        let mut frozen = 0;
        for range in read_only(&text) {
            if ROOM - used < range.len() {
                break;
            }
            self.replace(&range, used)?;
            used += range.len();
            frozen += 1;
        }
        Ok(frozen)
    }

    /// Puts a mapping of the file at `offset`, with the same content, in place of `range`.
    fn replace(&self, range: &Range<usize>, offset: usize) -> io::Result<()> {
        let file = self.memory.as_raw_fd();
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
        // memory with the same content and the same rights, in one step.
        let there = unsafe {
            libc::munmap(copy, length);
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
            libc::mmap(range.start as *mut libc::c_void, length, libc::PROT_READ, flags, file, offset)
        };
        if there == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// The mappings in `/proc/PID/smaps` that are private, read-only, of no file, and have pages of their own.
fn read_only(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if first == "Anonymous:" {
            let holds = words.next().is_some_and(|kilobytes| kilobytes != "0");
            found.extend(mapping.take().filter(|_| holds));
        } else if !first.ends_with(':') {
            // Addresses, rights, offset, device, inode, and a name if it has one.
            let fields: Vec<&str> = words.collect();
            mapping = match fields[..] {
                ["r--p", _, _, "0"] => addresses(first),
                _ => None,
            };
        }
    }
    found
}

fn addresses(text: &str) -> Option<Range<usize>> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (start % PAGE == 0 && end % PAGE == 0 && start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_read_only_memory_without_a_file_is_taken() {
        let smaps = "\
1000-3000 r--p 00000000 00:00 0 
Size:                  8 kB
Anonymous:             8 kB
VmFlags: rd mr mw me ac sd 
3000-4000 r--p 00000000 00:00 0 
Anonymous:             0 kB
4000-5000 rw-p 00000000 00:00 0 
Anonymous:             4 kB
5000-6000 r--p 00000000 fe:00 4711                       /usr/bin/isolet
Anonymous:             4 kB
6000-7000 r--p 00000000 00:00 0                          [vvar]
Anonymous:             4 kB
1f5200200000-1f520020b000 r--p 00000000 00:00 0 
Anonymous:            44 kB
";
        assert_eq!(read_only(smaps), [0x1000..0x3000, 0x1f52_0020_0000..0x1f52_0020_b000]);
        assert!(read_only("nonsense\nAnonymous: 4 kB\n12-zz r--p 0 0 0\nAnonymous: 4").is_empty());
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
