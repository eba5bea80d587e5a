//! Puts the parts of the program that runs use into huge pages.
//!
//! A new process has an empty page table for its program's file, and a page fault for every stretch of 16 pages that it comes
//! to: 40 of a runner's 111, and 640 pages to take out again at its end. The kernel copies page tables of anonymous memory
//! at a fork, and a huge page is one entry in it for 512 pages. So a zygote copies those 2 MiB of the program that its
//! last run used, code and constants alike, into huge pages, and puts them where the program was: no faults, and an entry
//! each. It is the same memory for all its runners, and some 20 MiB for each zygote.
//!
//! Where the kernel has no huge pages to give (`/sys/kernel/mm/transparent_hugepage/enabled` says `never`, or memory is in
//! pieces) all stays as it was. The linker aligns the program to 2 MiB (`third_party/v8/link-order.rs`), else half of it
//! could not be moved.

use std::io;
use std::ops::Range;

use super::mappings::{Mapping, Mappings};

/// What an entry of the second level stands for.
const HUGE: usize = 2 << 20;

/// A part with fewer pages in use than this stays where it is: one fault brings up to 16.
const FEW: usize = 8;

/// At most so many parts: those with the most pages in use.
const MOST: usize = 16;

/// A stretch of the program that could be in huge pages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// Whole huge pages.
    range: Range<usize>,
    /// Where the program ends in it.
    end: usize,
    rights: libc::c_int,
}

/// Makes the kernel forget which of the program's pages are in use, so that it notes anew which are. Nothing is lost: these
/// are a file's, as they were.
pub(crate) fn forget(all: &[Mapping]) {
    for mapping in program(all).filter(|mapping| mapping.anonymous == 0) {
        let (start, length) = (mapping.range.start as *mut libc::c_void, mapping.range.len());
        // SAFETY: a private mapping of a file that cannot be written to and has no page of its own: what is dropped is read
        // from the file again.
        unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
    }
}

/// Moves what has been in use since [`forget`].
///
/// # Errors
/// The kernel's; what is not moved stays as it was.
pub(crate) fn put(mappings: &Mappings) -> io::Result<()> {
    let all = mappings.read()?;
    let mut used = Vec::new();
    for part in parts(&all).into_iter().flat_map(single) {
        let present = mappings.present(&(part.range.start..part.end))?;
        let pages = present.iter().filter(|present| **present).count();
        if pages >= FEW {
            used.push((pages, part));
        }
    }
    used.sort_by_key(|(pages, _)| std::cmp::Reverse(*pages));
    used.truncate(MOST);
    let mut used: Vec<Part> = used.into_iter().map(|(_, part)| part).collect();
    used.sort_by_key(|part| part.range.start);
    for part in joined(used) {
        if !replace(&part, mappings)? {
            break;
        }
    }
    Ok(())
}

/// The program's own mappings that cannot be written to: those of the file that this function is in.
fn program(all: &[Mapping]) -> impl Iterator<Item = &Mapping> {
    let here = program as *const () as usize;
    let file =
        all.iter().find(|mapping| mapping.range.contains(&here)).and_then(|mapping| mapping.file.as_ref());
    all.iter().filter(move |mapping| {
        file.is_some() && mapping.file.as_ref() == file && matches!(&mapping.rights, b"r--p" | b"r-xp")
    })
}

/// What of the program fills huge pages, or would if it did not end before, with nothing else behind.
fn parts(all: &[Mapping]) -> Vec<Part> {
    program(all)
        .filter_map(|mapping| {
            let start = mapping.range.start.next_multiple_of(HUGE);
            let after = mapping.range.end.next_multiple_of(HUGE);
            let free =
                all.iter().all(|other| other.range.end <= mapping.range.end || after <= other.range.start);
            let end = if free { after } else { mapping.range.end / HUGE * HUGE };
            let execute = if mapping.rights[2] == b'x' { libc::PROT_EXEC } else { 0 };
            let rights = libc::PROT_READ | execute;
            (start < end).then(|| Part { range: start..end, end: mapping.range.end.min(end), rights })
        })
        .collect()
}

/// Its huge pages one by one.
fn single(part: Part) -> impl Iterator<Item = Part> {
    part.range.clone().step_by(HUGE).map(move |start| Part {
        range: start..start + HUGE,
        end: part.end.min(start + HUGE),
        rights: part.rights,
    })
}

/// Neighbours as one: every mapping more has its price at each fork.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
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

/// Copies a part into huge pages and puts them in its place. `false` if there are none to be had.
fn replace(part: &Part, mappings: &Mappings) -> io::Result<bool> {
    let length = part.range.len();
    // SAFETY: new memory at an address of the kernel's choice, with room to find an aligned place in it.
    let room = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(std::ptr::null_mut(), length + HUGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    if room == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let room = room as usize..room as usize + length + HUGE;
    let start = room.start.next_multiple_of(HUGE);
    let (from, to) = (part.range.start as *const u8, start as *mut libc::c_void);
    // SAFETY: `start..start + length` lies in the room. The part can be read up to its end, and the two do not overlap.
    unsafe {
        libc::madvise(to, length, libc::MADV_HUGEPAGE);
        std::ptr::copy_nonoverlapping(from, to.cast::<u8>(), part.end - part.range.start);
    }
    let moved = is_huge(&(start..start + length), mappings)?
        // SAFETY: memory with the same content and the same rights comes into the part's place in one step; behind the part's
        // end nothing was mapped (`parts`). (Should the kernel take the old away and have no room for the new, the zygote ends
        // with its program, before it has a copy.)
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
    let left = if moved { vec![room.start..start, start + length..room.end] } else { vec![room] };
    for rest in left.into_iter().filter(|rest| !rest.is_empty()) {
        // SAFETY: what is left of the room, to which nothing points.
        unsafe { libc::munmap(rest.start as *mut libc::c_void, rest.len()) };
    }
    Ok(moved)
}

/// Whether all of it is in huge pages.
fn is_huge(range: &Range<usize>, mappings: &Mappings) -> io::Result<bool> {
    let all = mappings.read()?;
    let within = |mapping: &&Mapping| mapping.range.start < range.end && range.start < mapping.range.end;
    Ok(all.iter().filter(within).map(|mapping| mapping.huge).sum::<usize>() >= range.len())
}

#[cfg(test)]
mod tests {
    use super::super::mappings::PAGE;
    use super::*;

    fn mapping(range: Range<usize>, rights: &[u8; 4], file: Option<u64>) -> Mapping {
        let file = file.map(|number| ("fe:00".to_owned(), number));
        Mapping { range, rights: *rights, named: file.is_some(), file, anonymous: 0, huge: 0 }
    }

    #[test]
    fn parts_are_whole_huge_pages_of_the_program_or_end_where_nothing_follows() {
        let here = program as *const () as usize / HUGE * HUGE;
        let list = [
            mapping(here - 4 * HUGE..here - 3 * HUGE - PAGE, b"r--p", Some(1)),
            mapping(here - 2 * HUGE + PAGE..here - HUGE, b"r--p", Some(1)),
            mapping(here..here + 2 * HUGE + PAGE, b"r-xp", Some(1)),
            mapping(here + 2 * HUGE + PAGE..here + 3 * HUGE, b"rw-p", Some(1)),
            mapping(here + 4 * HUGE..here + 5 * HUGE, b"r-xp", Some(2)),
        ];
        let found = parts(&list);
        let executable = libc::PROT_READ | libc::PROT_EXEC;
        assert_eq!(
            found,
            [
                Part {
                    range: here - 4 * HUGE..here - 3 * HUGE,
                    end: here - 3 * HUGE - PAGE,
                    rights: libc::PROT_READ
                },
                Part { range: here..here + 2 * HUGE, end: here + 2 * HUGE, rights: executable },
            ]
        );
        let pieces: Vec<Part> = found.iter().cloned().flat_map(single).collect();
        assert_eq!(pieces.len(), 3);
        assert_eq!(joined(pieces), found);
    }

    #[test]
    fn a_part_in_huge_pages_is_what_it_was() {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let length = 3 * HUGE;
        // SAFETY: memory of this test's own, written to within its bounds.
        let start = unsafe {
            let memory =
                libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            (memory as usize).next_multiple_of(HUGE)
        };
        let end = start + HUGE + 7 * PAGE;
        for page in (start..end).step_by(PAGE) {
            // SAFETY: as above.
            unsafe { (page as *mut usize).write(page) };
        }
        let part = Part { range: start..start + 2 * HUGE, end, rights: libc::PROT_READ };
        let mappings = Mappings::open().unwrap();
        // Whether there are huge pages is the machine's affair; the content is the same with and without.
        let moved = replace(&part, &mappings).unwrap();
        for page in (start..end).step_by(PAGE) {
            // SAFETY: as above; it can be read.
            assert_eq!(unsafe { (page as *const usize).read() }, page);
        }
        assert_eq!(is_huge(&part.range, &mappings).unwrap(), moved);
    }
}
