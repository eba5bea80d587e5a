//! Gives a zygote's pages of zeros back to the kernel.
//!
//! A page that was written and then freed or zeroed still counts as memory in use: each runner's
//! page table gets an entry for it, at a quarter of a microsecond. A quarter of a zygote's pages
//! are of this kind. After they are given back they still read as zeros.

use std::io;
use std::ops::Range;

use super::mappings::{Mapping, Mappings, PAGE_BYTES};

/// The free memory that is cleared for each size of blocks, in bytes.
const FREE_BYTES_BY_SIZE: usize = 128 << 10;

/// Gives back all pages of zeros in writable private memory.
///
/// # Errors
/// Returns the kernel's error.
pub(crate) fn give_back(mappings: &Mappings) -> io::Result<()> {
    clear_free_memory();
    for mapping in mappings.read()?.iter().filter(|mapping| is_private_data(mapping)) {
        let present = mappings.present(&mapping.range)?;
        let mut pages = mapping.range.clone().step_by(PAGE_BYTES).zip(present).peekable();
        while let Some((start, present)) = pages.next() {
            if !present || !is_zeros(start) {
                continue;
            }
            let mut end = start + PAGE_BYTES;
            while pages.next_if(|(page, present)| *present && is_zeros(*page)).is_some() {
                end += PAGE_BYTES;
            }
            discard(&(start..end));
        }
    }
    Ok(())
}

/// Writes zeros into free memory of the allocator: the parser and V8's compiler have left their
/// text there, which no runner needs. Blocks are taken by size, as the allocator keeps them, and
/// freed again.
fn clear_free_memory() {
    for size in (12..=15).map(|power| 1_usize << power) {
        let blocks: Vec<Vec<u8>> = (0..FREE_BYTES_BY_SIZE / size).map(|_| vec![0; size]).collect();
        std::hint::black_box(blocks);
    }
}

/// Returns `true` for writable private memory without a file and with pages in use. The stack is
/// excluded by its name: it changes meanwhile.
fn is_private_data(mapping: &Mapping) -> bool {
    mapping.rights == *b"rw-p" && mapping.file.is_none() && !mapping.named && mapping.anonymous > 0
}

/// Returns `true` if the page at this address holds only zeros.
fn is_zeros(page: usize) -> bool {
    // SAFETY: the kernel has just listed this page as readable, and this process has one thread,
    // which does not change that here. Every bit pattern is a valid `u64`.
    let words = unsafe { std::slice::from_raw_parts(page as *const u64, PAGE_BYTES / size_of::<u64>()) };
    words.iter().all(|word| *word == 0)
}

/// Gives pages of zeros back.
fn discard(zeros: &Range<usize>) {
    // SAFETY: private memory without a file reads as zeros after this call, which is what it held:
    // since it was looked at, this thread, the only one, has written to its stack only.
    unsafe { libc::madvise(zeros.start as *mut libc::c_void, zeros.len(), libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_zeros_are_given_back_and_they_stay_zeros() {
        let length = 5 * PAGE_BYTES;
        // SAFETY: the mapping is this test's own and is written to within its bounds.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory =
                libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            memory.cast::<u8>().write_bytes(0, length);
            memory.cast::<u8>().add(PAGE_BYTES + 17).write(1);
            memory.cast::<u8>().add(4 * PAGE_BYTES - 1).write(1);
            memory as usize
        };
        let mappings = Mappings::open().unwrap();
        let range = start..start + length;
        for page in range.clone().step_by(PAGE_BYTES) {
            if is_zeros(page) {
                discard(&(page..page + PAGE_BYTES));
            }
        }
        assert_eq!(mappings.present(&range).unwrap(), [false, true, false, true, false]);
        let zeros: Vec<bool> = range.step_by(PAGE_BYTES).map(is_zeros).collect();
        assert_eq!(zeros, [true, false, true, false, true]);
    }
}
