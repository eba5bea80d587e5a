//! Moves the memory that libraries have taken into a file without a name.
//!
//! Libraries are evaluated in the zygote, and each fork copies the page tables of anonymous memory:
//! 0.19 ms for 1,100 pages, and zod, date-fns and lodash-es take 10 MiB. A fork copies none of a
//! page of a file that is not in use. Afterwards one more run of isolet's own brings back into use
//! what every run uses, such as V8's table of strings; the rest is mapped by the runs that read it,
//! sixteen pages at a time, and copied by those that write to it.
//!
//! Only memory that is new since the libraries were received is moved: what isolet itself has
//! warmed up is used by every run. The memory with the zygote's token for system calls is older.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::mappings::{Mapping, Mappings, PAGE_BYTES};

/// The size of the file. Parts that are not written take no memory.
const FILE_BYTES: usize = 256 << 20;

/// Shorter pieces of memory stay: a mapping costs a fork as much as a dozen pages.
const MIN_PIECE_BYTES: usize = 64 << 10;

/// The bound on the number of pieces of memory that are noted. The allocator has a list of this
/// size in its heap. A longer one would get a mapping of its own, which would be listed too, and
/// would have moved or gone when the pieces are replaced.
const MAX_PIECES: usize = 4096;

/// The file and the kernel's list of memory, opened before the jail.
pub(crate) struct LibraryPages {
    mappings: Mappings,
    file: OwnedFd,
    /// The whole file, mapped where it can be written. The jail allows no such mapping later.
    window: Range<usize>,
}

/// The memory of the process before the libraries were evaluated.
pub(crate) struct MemoryBefore(Vec<Range<usize>>);

impl LibraryPages {
    /// Opens the files.
    ///
    /// # Errors
    /// Returns an error if the kernel does not have them or does not let this process open them.
    pub(crate) fn open() -> io::Result<Self> {
        let mappings = Mappings::open()?;
        let file = memfd_create("isolet-libraries", MemfdFlags::CLOEXEC)?;
        // Set now, as files cannot grow in the jail.
        ftruncate(&file, FILE_BYTES as u64)?;
        let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let window =
            unsafe { libc::mmap(std::ptr::null_mut(), FILE_BYTES, rights, flags, file.as_raw_fd(), 0) };
        if window == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = window as usize;
        Ok(Self { mappings, file, window: start..start + FILE_BYTES })
    }

    /// Notes the memory that there is.
    ///
    /// # Errors
    /// Returns the kernel's error, or says that the memory is in too many pieces.
    pub(crate) fn before(&self) -> io::Result<MemoryBefore> {
        Ok(MemoryBefore(writable(&self.mappings)?))
    }

    /// Moves memory that is new into the file. Afterwards the process has neither the file nor the
    /// list of its memory.
    ///
    /// # Errors
    /// Returns the kernel's error, or says that the memory is in too many pieces. Memory that was
    /// not moved stays as it was.
    pub(crate) fn take_over(self, before: &MemoryBefore) -> io::Result<()> {
        let pieces = new_pieces(&writable(&self.mappings)?, &before.0);
        let mut used = 0;
        for piece in pieces {
            if FILE_BYTES - used < piece.len() {
                break;
            }
            self.replace(&piece, used)?;
            used += piece.len();
        }
        Ok(())
    }

    /// Copies a piece to `offset` in the file and maps that part of the file in its place.
    fn replace(&self, piece: &Range<usize>, offset: usize) -> io::Result<()> {
        for at in (0..piece.len()).step_by(PAGE_BYTES) {
            let from = (piece.start + at) as *const u8;
            // SAFETY: the kernel has listed this page as readable memory of V8 or the allocator.
            // This process has one thread, which writes to nothing but its stack and the window
            // until the piece is replaced.
            let page = unsafe { std::slice::from_raw_parts(from, PAGE_BYTES) };
            // The file holds zeros already.
            if page.iter().any(|byte| *byte != 0) {
                let to = (self.window.start + offset + at) as *mut u8;
                // SAFETY: the window is a mapping of its own and has this page (`take_over` checks
                // it).
                unsafe { std::ptr::copy_nonoverlapping(from, to, PAGE_BYTES) };
            }
        }
        let (start, rights) = (piece.start as *mut libc::c_void, libc::PROT_READ | libc::PROT_WRITE);
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        // SAFETY: memory is replaced in one step by memory with the same content and rights.
        let replaced = unsafe {
            libc::mmap(start, piece.len(), rights, flags, self.file.as_raw_fd(), offset as libc::off_t)
        };
        if replaced == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let first = piece.start as *mut u8;
        // SAFETY: the page is writable, and its content stays the same. From now on a fork copies
        // the entries of the pages in use.
        unsafe { first.write_volatile(first.read_volatile()) };
        Ok(())
    }
}

impl Drop for LibraryPages {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing points into it.
        unsafe { libc::munmap(self.window.start as *mut libc::c_void, self.window.len()) };
    }
}

/// Returns writable private memory without a file and without a name, such as V8's heap. The stack
/// and the allocator's heap have names.
///
/// # Errors
/// Returns the kernel's error, or says that there are more than [`MAX_PIECES`].
fn writable(mappings: &Mappings) -> io::Result<Vec<Range<usize>>> {
    let is_ours = |mapping: &Mapping| {
        mapping.rights == *b"rw-p" && mapping.file.is_none() && !mapping.named && mapping.anonymous > 0
    };
    let (mut found, mut count) = (Vec::with_capacity(MAX_PIECES), 0_usize);
    mappings.read_each(|mapping| {
        if is_ours(&mapping) {
            count += 1;
            if count <= MAX_PIECES {
                found.push(mapping.range);
            }
        }
    })?;
    if count > MAX_PIECES {
        return Err(io::Error::other(format!("it is in {count} pieces")));
    }
    Ok(found)
}

/// Returns the parts of `after` that are not in `before`. Both are in the order of their addresses.
fn new_pieces(after: &[Range<usize>], before: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    for range in after {
        let mut start = range.start;
        for old in before.iter().filter(|old| old.start < range.end && old.end > range.start) {
            pieces.push(start..old.start.max(start));
            start = start.max(old.end);
        }
        pieces.push(start..range.end.max(start));
    }
    pieces.retain(|piece| piece.len() >= MIN_PIECE_BYTES);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_memory_is_what_was_not_there_before() {
        let kib = |start: usize, end: usize| start << 10..end << 10;
        let before = [kib(0, 100), kib(300, 400), kib(600, 700)];
        let after = [kib(0, 100), kib(200, 500), kib(500, 520), kib(600, 1000)];
        assert_eq!(new_pieces(&after, &before), [kib(200, 300), kib(400, 500), kib(700, 1000)]);
        assert!(new_pieces(&before, &before).is_empty());
    }

    #[test]
    fn memory_in_too_many_pieces_is_not_noted() {
        let pages = LibraryPages::open().unwrap();
        assert_eq!(pages.before().unwrap().0.capacity(), MAX_PIECES);
        let length = 2 * (MAX_PIECES + 1) * PAGE_BYTES;
        let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping of this test's own.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), length, rights, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        for at in (0..length).step_by(2 * PAGE_BYTES) {
            // SAFETY: both pages are within that mapping. The second one is not used any more.
            unsafe {
                memory.byte_add(at).cast::<u8>().write(1);
                assert_eq!(libc::mprotect(memory.byte_add(at + PAGE_BYTES), PAGE_BYTES, libc::PROT_NONE), 0);
            }
        }
        let noted = pages.before();
        // SAFETY: the mapping is this test's own.
        unsafe { libc::munmap(memory, length) };
        assert!(noted.is_err_and(|error| error.to_string().contains("pieces")));
    }

    #[test]
    fn moved_memory_keeps_its_content_and_can_be_written() {
        let pages = LibraryPages::open().unwrap();
        let length = 64 * PAGE_BYTES;
        let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping of this test's own.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), length, rights, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        let start = memory as usize;
        // SAFETY: the first page and the last one are within that mapping.
        unsafe {
            memory.cast::<u8>().write_bytes(7, PAGE_BYTES);
            memory.cast::<u8>().add(63 * PAGE_BYTES).write_bytes(9, PAGE_BYTES);
        }
        // Other tests run in this process: only the memory of this one may be replaced.
        pages.replace(&(start..start + length), 3 * PAGE_BYTES).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        drop(pages);
        let byte = |at: usize| {
            // SAFETY: the page is still there and readable.
            unsafe { ((start + at) as *const u8).read_volatile() }
        };
        assert_eq!([byte(0), byte(PAGE_BYTES), byte(63 * PAGE_BYTES)], [7, 0, 9]);
        // SAFETY: it is still writable.
        unsafe { ((start + PAGE_BYTES) as *mut u8).write_volatile(5) };
        assert_eq!(byte(PAGE_BYTES), 5);
        let line = maps.lines().find(|line| line.starts_with(&format!("{start:x}-"))).expect("its mapping");
        assert!(line.contains("rw-p") && line.contains("isolet-libraries"), "{line}");
    }
}
