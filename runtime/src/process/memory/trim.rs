//! Gives memory back that a process has used and needs no more, before it waits and is copied.
//!
//! An app zygote lives long and does little: what the compiler and the evaluation of the modules
//! have left behind would stay in memory, and each copy's page table would have it too.

use super::mappings::PAGE_BYTES;

/// Gives back free memory of the allocator, and the stack below the caller.
pub(crate) fn trim() {
    release_free_memory();
    release_stack();
}

/// Gives back pages of free blocks. The allocator has no function for it that can be called here,
/// so blocks are taken by size, as it keeps them, and freed again without what was in them.
fn release_free_memory() {
    /// The free memory that is looked for in each size of blocks, in bytes.
    const FREE_BYTES_BY_SIZE: usize = 512 << 10;
    // The allocator's sizes: each power of two, and three between it and the next.
    for size in (11..=16).flat_map(|power| (4..8).map(move |quarters| quarters << power)) {
        let mut blocks: Vec<Vec<u8>> =
            (0..FREE_BYTES_BY_SIZE / size).map(|_| Vec::with_capacity(size)).collect();
        for block in &mut blocks {
            let start = block.as_ptr() as usize;
            let pages = start.next_multiple_of(PAGE_BYTES)..(start + size) / PAGE_BYTES * PAGE_BYTES;
            // SAFETY: the pages are within a block of this function, whose bytes nobody has
            // written.
            unsafe { discard(pages) };
        }
        std::hint::black_box(&blocks);
    }
}

/// Gives back the stack below this function, of which a compiler may have used much.
#[inline(never)]
fn release_stack() {
    /// The stack that is left alone, for this function and those that it calls.
    const KEPT_BYTES: usize = 16 << 10;
    /// The stack that is given back.
    const BYTES: usize = 1 << 20;
    let here = 0_u8;
    let end = (&raw const here as usize - KEPT_BYTES) / PAGE_BYTES * PAGE_BYTES;
    // SAFETY: the stack below all that is in use. What is called later writes before it reads.
    // Addresses that are not mapped are passed over.
    unsafe { discard(end - BYTES..end) };
}

/// Drops the content of pages: they read as zeros then.
///
/// # Safety
/// The pages are private memory without a file, and nobody relies on their content.
unsafe fn discard(pages: std::ops::Range<usize>) {
    if pages.start < pages.end {
        // SAFETY: the caller's promise.
        unsafe { libc::madvise(pages.start as *mut libc::c_void, pages.len(), libc::MADV_DONTNEED) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::mappings::Mappings;
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_free_blocks_are_given_back() {
        const SIZE: usize = 64 << 10;
        let kept: Vec<Vec<u8>> = (0..8).map(|number| vec![number + 1; SIZE]).collect();
        let freed: Vec<Vec<u8>> = (0..8).map(|_| vec![7; SIZE]).collect();
        let places: Vec<usize> = freed.iter().map(|block| block.as_ptr() as usize).collect();
        drop(freed);
        let mappings = Mappings::open().unwrap();
        let present = |places: &[usize]| -> usize {
            let pages =
                |start: &usize| start.next_multiple_of(PAGE_BYTES)..(start + SIZE) / PAGE_BYTES * PAGE_BYTES;
            let count =
                |start| mappings.present(&pages(start)).map_or(0, |all| all.iter().filter(|it| **it).count());
            places.iter().map(count).sum()
        };
        trim();
        assert!(kept.iter().zip(1..).all(|(block, number)| block.iter().all(|byte| *byte == number)));
        let left = present(&places);
        assert!(left < 8 * SIZE / PAGE_BYTES / 2, "{left} pages");
    }
}
