//! Random bytes for V8: hash seeds, address layout, `Math.random`.

use std::cell::RefCell;

/// Bytes fetched from the kernel at a time. An isolate took eight calls of the kernel (counted with strace) for a few
/// bytes each, so one fetch serves many isolates.
const FETCHED: usize = 4096;

thread_local! {
    static POOL: RefCell<(usize, [u8; FETCHED])> = const { RefCell::new((FETCHED, [0; FETCHED])) };
}

/// Fills `buffer` from the kernel's generator through a pool of this thread. Bytes are handed out once and wiped.
pub(crate) fn fill(buffer: &mut [u8]) -> bool {
    if buffer.len() > FETCHED {
        return getrandom::fill(buffer).is_ok();
    }
    POOL.try_with(|pool| {
        let (used, bytes) = &mut *pool.borrow_mut();
        if FETCHED - *used < buffer.len() {
            if getrandom::fill(bytes).is_err() {
                return false;
            }
            *used = 0;
        }
        let taken = &mut bytes[*used..*used + buffer.len()];
        buffer.copy_from_slice(taken);
        taken.fill(0);
        *used += buffer.len();
        true
    })
    // A thread that is ending has no pool any more.
    .unwrap_or_else(|_| getrandom::fill(buffer).is_ok())
}

/// Drops what was fetched: a process that was forked must not hand out the same bytes as its siblings.
pub(crate) fn forget() {
    let _ = POOL.try_with(|pool| *pool.borrow_mut() = (FETCHED, [0; FETCHED]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2000 {
            let mut buffer = [0; 16];
            assert!(fill(&mut buffer));
            assert!(seen.insert(buffer));
        }
        let mut large = vec![0; FETCHED * 2];
        assert!(fill(&mut large));
        assert!(large.iter().any(|byte| *byte != 0));
    }
}
