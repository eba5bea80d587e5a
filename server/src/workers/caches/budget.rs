//! The bytes that the caches of one Worker may take, with what is under way to and from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes in use of a bound.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    most: usize,
}

impl Budget {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most })
    }

    /// Returns a charge without bytes.
    pub fn charge(self: &Arc<Self>) -> Charge {
        Charge { budget: self.clone(), bytes: 0 }
    }
}

/// Bytes of a budget. They are free again when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    /// Takes more bytes. Returns `false` if there are not so many.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Budget { used, most } = &*self.budget;
        let taken = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| used <= most)
        });
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }

    /// Gives back all but so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        self.budget.used.fetch_sub(self.bytes.saturating_sub(bytes), Ordering::Relaxed);
        self.bytes = self.bytes.min(bytes);
    }

    /// Returns the number of bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_free_again_when_their_charge_is_dropped() {
        let budget = Budget::new(100);
        let (mut one, mut two) = (budget.charge(), budget.charge());
        assert!(one.grow(60) && !two.grow(41) && two.grow(40) && !two.grow(1));
        one.shrink(10);
        assert!(two.grow(50) && !two.grow(usize::MAX));
        drop(two);
        assert!(one.grow(90));
        assert_eq!(one.bytes(), 100);
    }
}
