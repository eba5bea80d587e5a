//! Gives back a zygote's pages that hold nothing but zeros.
//!
//! What was written to and freed, or filled with zeros to begin with, is memory in use to the kernel: each such page is
//! copied into every runner's page table and taken out of it again, for a quarter of a microsecond. One in four of a
//! zygote's is of this kind. Given back, it reads as zeros all the same.

use std::io;
use std::ops::Range;

use super::mappings::{Mapping, Mappings, PAGE};

/// # Errors
/// The kernel's.
pub(crate) fn give_back(mappings: &Mappings) -> io::Result<()> {
    for mapping in mappings.read()?.iter().filter(|mapping| is_plain(mapping)) {
        let present = mappings.present(&mapping.range)?;
        let mut pages = mapping.range.clone().step_by(PAGE).zip(present).peekable();
        while let Some((start, present)) = pages.next() {
            if !present || !is_zeros(start) {
                continue;
            }
            let mut end = start + PAGE;
            while pages.next_if(|(page, present)| *present && is_zeros(*page)).is_some() {
                end += PAGE;
            }
            forget(&(start..end));
        }
    }
    Ok(())
}

/// Writable private memory of no file, with pages in it; not the stack, which changes meanwhile.
fn is_plain(mapping: &Mapping) -> bool {
    mapping.rights == *b"rw-p" && mapping.file.is_none() && !mapping.named && mapping.anonymous > 0
}

fn is_zeros(page: usize) -> bool {
    // SAFETY: the kernel has just said that this page can be read, and this process has one thread, which does not change
    // that here. What it holds is looked at as numbers, of which every value is one.
    let words = unsafe { std::slice::from_raw_parts(page as *const u64, PAGE / size_of::<u64>()) };
    words.iter().all(|word| *word == 0)
}

fn forget(zeros: &Range<usize>) {
    // SAFETY: private memory of no file reads as zeros after this, which is what it has held: between looking at it and
    // here this thread, the only one, has written to its stack and nothing else.
    unsafe { libc::madvise(zeros.start as *mut libc::c_void, zeros.len(), libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zeros_are_given_back_and_stay_zeros() {
        let length = 5 * PAGE;
        // SAFETY: memory of this test's own, written to within its bounds.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory =
                libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            memory.cast::<u8>().write_bytes(0, length);
            memory.cast::<u8>().add(PAGE + 17).write(1);
            memory.cast::<u8>().add(4 * PAGE - 1).write(1);
            memory as usize
        };
        let mappings = Mappings::open().unwrap();
        let range = start..start + length;
        for page in range.clone().step_by(PAGE) {
            if is_zeros(page) {
                forget(&(page..page + PAGE));
            }
        }
        assert_eq!(mappings.present(&range).unwrap(), [false, true, false, true, false]);
        let zeros: Vec<bool> = range.step_by(PAGE).map(is_zeros).collect();
        assert_eq!(zeros, [true, false, true, false, true]);
    }
}
