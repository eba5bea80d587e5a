//! Random bytes for V8: hash seeds, address layout, `Math.random`.

use std::cell::RefCell;

/// The number of bytes that are fetched from the kernel at a time. One isolate asks eight times for
/// a few bytes (counted with strace), so one fetch serves many isolates.
const POOL_BYTES: usize = 4096;

thread_local! {
    static POOL: RefCell<(usize, [u8; POOL_BYTES])> = const { RefCell::new((POOL_BYTES, [0; POOL_BYTES])) };
}

/// Fills `buffer` with random bytes of the kernel from a pool of this thread. Bytes are used once
/// and erased.
pub(crate) fn fill(buffer: &mut [u8]) -> bool {
    if buffer.len() > POOL_BYTES {
        return getrandom::fill(buffer).is_ok();
    }
    POOL.try_with(|pool| {
        let (used, bytes) = &mut *pool.borrow_mut();
        if POOL_BYTES - *used < buffer.len() {
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
    // The pool of a thread that is ending no longer exists.
    .unwrap_or_else(|_| getrandom::fill(buffer).is_ok())
}

/// Drops the bytes in the pool: forked processes must not use the same bytes.
pub(crate) fn forget() {
    let _ = POOL.try_with(|pool| *pool.borrow_mut() = (POOL_BYTES, [0; POOL_BYTES]));
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
        let mut large = vec![0; POOL_BYTES * 2];
        assert!(fill(&mut large));
        assert!(large.iter().any(|byte| *byte != 0));
    }
}
