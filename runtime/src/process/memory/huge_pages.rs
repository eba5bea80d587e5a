//! Moves the parts of the program that runs use into huge pages.
//!
//! A new process has an empty page table for its program's file and a page fault for each stretch
//! of 16 pages that it uses: 40 of a runner's 111 faults, and 640 pages to unmap at its end. The
//! page tables of anonymous memory, however, are copied at a fork, and a huge page is one entry for
//! 512 pages. So a zygote copies those 2 MiB blocks of the program that its last run used, code and
//! constants, into huge pages, and maps them in place of the program. Its runners share them.
//!
//! Without huge pages (`never` in `/sys/kernel/mm/transparent_hugepage/enabled`, or fragmented
//! memory) the program stays as it was. The linker aligns the program to 2 MiB
//! (`third_party/v8/link-order.rs`); otherwise half of it could not be moved.

use std::io;
use std::ops::Range;

use super::mappings::{Mapping, Mappings};

/// The size of a huge page.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// The number of used pages from which a block is moved. One page fault maps up to 16 pages.
const MIN_USED_PAGES: usize = 8;

/// The bound on the number of blocks that are moved: those with the most used pages.
const MAX_HUGE_PAGES: usize = 16;

/// A part of the program that can be moved into huge pages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProgramPart {
    /// The addresses, a multiple of huge pages.
    range: Range<usize>,
    /// The end of the program in `range`.
    end: usize,
    /// `PROT_READ`, and for code `PROT_EXEC`.
    rights: libc::c_int,
}

/// Unmaps the program's pages, so that the kernel maps again those that are used from now on. Their
/// content is not lost: they are unchanged pages of a file.
pub(crate) fn reset_used_pages(all: &[Mapping]) {
    for mapping in program_mappings(all).filter(|mapping| mapping.anonymous == 0) {
        let (start, length) = (mapping.range.start as *mut libc::c_void, mapping.range.len());
        // SAFETY: a private read-only mapping of a file, without anonymous pages: the kernel reads
        // the pages from the file again.
        unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
    }
}

/// Moves the blocks that have been used since [`reset_used_pages`].
///
/// # Errors
/// Returns the kernel's error. Blocks that were not moved stay as they were.
pub(crate) fn move_used_pages(mappings: &Mappings) -> io::Result<()> {
    let all = mappings.read()?;
    let mut used = Vec::new();
    for part in movable_parts(&all).into_iter().flat_map(into_blocks) {
        let present = mappings.present(&(part.range.start..part.end))?;
        let pages = present.iter().filter(|present| **present).count();
        if pages >= MIN_USED_PAGES {
            used.push((pages, part));
        }
    }
    used.sort_by_key(|(pages, _)| std::cmp::Reverse(*pages));
    used.truncate(MAX_HUGE_PAGES);
    let mut used: Vec<ProgramPart> = used.into_iter().map(|(_, part)| part).collect();
    used.sort_by_key(|part| part.range.start);
    for part in join_neighbours(used) {
        if !replace(&part, mappings)? {
            break;
        }
    }
    Ok(())
}

/// Returns the read-only mappings of the program: those of the file that this function is in.
fn program_mappings(all: &[Mapping]) -> impl Iterator<Item = &Mapping> {
    let here = program_mappings as *const () as usize;
    let file =
        all.iter().find(|mapping| mapping.range.contains(&here)).and_then(|mapping| mapping.file.as_ref());
    all.iter().filter(move |mapping| {
        file.is_some() && mapping.file.as_ref() == file && matches!(&mapping.rights, b"r--p" | b"r-xp")
    })
}

/// Returns the parts of the program that fill huge pages. The last huge page of a mapping may be
/// filled in part, if nothing else is mapped behind it.
fn movable_parts(all: &[Mapping]) -> Vec<ProgramPart> {
    program_mappings(all)
        .filter_map(|mapping| {
            let start = mapping.range.start.next_multiple_of(HUGE_PAGE_BYTES);
            let after = mapping.range.end.next_multiple_of(HUGE_PAGE_BYTES);
            let free =
                all.iter().all(|other| other.range.end <= mapping.range.end || after <= other.range.start);
            let end = if free { after } else { mapping.range.end / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES };
            let execute = if mapping.rights[2] == b'x' { libc::PROT_EXEC } else { 0 };
            let rights = libc::PROT_READ | execute;
            (start < end).then(|| ProgramPart { range: start..end, end: mapping.range.end.min(end), rights })
        })
        .collect()
}

/// Splits a part into its huge pages.
fn into_blocks(part: ProgramPart) -> impl Iterator<Item = ProgramPart> {
    part.range.clone().step_by(HUGE_PAGE_BYTES).map(move |start| ProgramPart {
        range: start..start + HUGE_PAGE_BYTES,
        end: part.end.min(start + HUGE_PAGE_BYTES),
        rights: part.rights,
    })
}

/// Joins neighbouring parts, since each mapping costs time at every fork.
fn join_neighbours(parts: Vec<ProgramPart>) -> Vec<ProgramPart> {
    let mut joined: Vec<ProgramPart> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last) if last.range.end == part.range.start && last.rights == part.rights => {
                last.range.end = part.range.end;
                last.end = part.end;
            }
            _ => joined.push(part),
        }
    }
    joined
}

/// Copies a part into huge pages and maps them in its place. Returns `false` if the kernel gives no
/// huge pages.
fn replace(part: &ProgramPart, mappings: &Mappings) -> io::Result<bool> {
    let length = part.range.len();
    // SAFETY: new memory at an address of the kernel's choice, with room for an aligned range in
    // it.
    let memory = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(
            std::ptr::null_mut(),
            length + HUGE_PAGE_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let memory = memory as usize..memory as usize + length + HUGE_PAGE_BYTES;
    let start = memory.start.next_multiple_of(HUGE_PAGE_BYTES);
    let (from, to) = (part.range.start as *const u8, start as *mut libc::c_void);
    // SAFETY: `start..start + length` lies in the new memory. The part is readable up to its end,
    // and the two do not overlap.
    unsafe {
        libc::madvise(to, length, libc::MADV_HUGEPAGE);
        std::ptr::copy_nonoverlapping(from, to.cast::<u8>(), part.end - part.range.start);
    }
    let moved = is_huge(&(start..start + length), mappings)?
        // SAFETY: the part is replaced in one step by memory with the same content and rights;
        // nothing was mapped behind its end (`movable_parts`). (If the kernel unmapped the old
        // memory and failed to map the new, the zygote would crash before it has any runner.)
        && unsafe {
            libc::mprotect(to, length, part.rights) == 0
                && libc::mremap(
                    to,
                    length,
                    length,
                    libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
                    part.range.start as *mut libc::c_void,
                ) != libc::MAP_FAILED
        };
    let left = if moved { vec![memory.start..start, start + length..memory.end] } else { vec![memory] };
    for rest in left.into_iter().filter(|rest| !rest.is_empty()) {
        // SAFETY: the rest of the new memory, to which nothing points.
        unsafe { libc::munmap(rest.start as *mut libc::c_void, rest.len()) };
    }
    Ok(moved)
}

/// Returns `true` if all of `range` is in huge pages.
fn is_huge(range: &Range<usize>, mappings: &Mappings) -> io::Result<bool> {
    let all = mappings.read()?;
    let within = |mapping: &&Mapping| mapping.range.start < range.end && range.start < mapping.range.end;
    Ok(all.iter().filter(within).map(|mapping| mapping.huge).sum::<usize>() >= range.len())
}

#[cfg(test)]
mod tests {
    use super::super::mappings::PAGE_BYTES;
    use super::*;

    fn mapping(range: Range<usize>, rights: &[u8; 4], file: Option<u64>) -> Mapping {
        let file = file.map(|number| ("fe:00".to_owned(), number));
        Mapping { range, rights: *rights, named: file.is_some(), file, anonymous: 0, huge: 0 }
    }

    #[test]
    fn movable_parts_fill_huge_pages_or_end_where_nothing_follows() {
        let here = program_mappings as *const () as usize / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
        let list = [
            mapping(here - 4 * HUGE_PAGE_BYTES..here - 3 * HUGE_PAGE_BYTES - PAGE_BYTES, b"r--p", Some(1)),
            mapping(here - 2 * HUGE_PAGE_BYTES + PAGE_BYTES..here - HUGE_PAGE_BYTES, b"r--p", Some(1)),
            mapping(here..here + 2 * HUGE_PAGE_BYTES + PAGE_BYTES, b"r-xp", Some(1)),
            mapping(here + 2 * HUGE_PAGE_BYTES + PAGE_BYTES..here + 3 * HUGE_PAGE_BYTES, b"rw-p", Some(1)),
            mapping(here + 4 * HUGE_PAGE_BYTES..here + 5 * HUGE_PAGE_BYTES, b"r-xp", Some(2)),
        ];
        let found = movable_parts(&list);
        let executable = libc::PROT_READ | libc::PROT_EXEC;
        assert_eq!(
            found,
            [
                ProgramPart {
                    range: here - 4 * HUGE_PAGE_BYTES..here - 3 * HUGE_PAGE_BYTES,
                    end: here - 3 * HUGE_PAGE_BYTES - PAGE_BYTES,
                    rights: libc::PROT_READ
                },
                ProgramPart {
                    range: here..here + 2 * HUGE_PAGE_BYTES,
                    end: here + 2 * HUGE_PAGE_BYTES,
                    rights: executable
                },
            ]
        );
        let blocks: Vec<ProgramPart> = found.iter().cloned().flat_map(into_blocks).collect();
        assert_eq!(blocks.len(), 3);
        assert_eq!(join_neighbours(blocks), found);
    }

    #[test]
    fn a_part_in_huge_pages_keeps_its_content() {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let length = 3 * HUGE_PAGE_BYTES;
        // SAFETY: the mapping is this test's own and is written to within its bounds.
        let start = unsafe {
            let memory =
                libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            (memory as usize).next_multiple_of(HUGE_PAGE_BYTES)
        };
        let end = start + HUGE_PAGE_BYTES + 7 * PAGE_BYTES;
        for page in (start..end).step_by(PAGE_BYTES) {
            // SAFETY: as above.
            unsafe { (page as *mut usize).write(page) };
        }
        let part = ProgramPart { range: start..start + 2 * HUGE_PAGE_BYTES, end, rights: libc::PROT_READ };
        let mappings = Mappings::open().unwrap();
        // The machine may have no huge pages; the content is the same with and without.
        let moved = replace(&part, &mappings).unwrap();
        for page in (start..end).step_by(PAGE_BYTES) {
            // SAFETY: the page is within the mapping and readable.
            assert_eq!(unsafe { (page as *const usize).read() }, page);
        }
        assert_eq!(is_huge(&part.range, &mappings).unwrap(), moved);
    }
}
