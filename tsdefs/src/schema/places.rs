//! Sets and maps whose keys are places in memory: what a schema is, is where it lies.
//!
//! The standard hasher took a quarter of the time of a declaration. Its defence against chosen keys is not needed here:
//! nobody who writes a schema chooses addresses, and all these sets are bounded. Maps with keys that are text keep it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A set of places.
pub(crate) type Places<K> = HashSet<K, BuildHasherDefault<PlaceHasher>>;

/// What is known, by place.
pub(crate) type ByPlace<K, V> = HashMap<K, V, BuildHasherDefault<PlaceHasher>>;

/// A multiplication for each number.
#[derive(Default)]
pub(crate) struct PlaceHasher(u64);

impl PlaceHasher {
    fn add(&mut self, number: u64) {
        // The constant of Fibonacci hashing: 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for PlaceHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(u64::from(*byte)));
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, which multiplication leaves poor.
        self.0 ^ (self.0 >> 32)
    }
}
