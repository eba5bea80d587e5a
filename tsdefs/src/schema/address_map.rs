//! Sets and maps whose keys are addresses in memory. The address of a schema is its identity.
//!
//! The standard hasher took a quarter of the time of a declaration. Its defence against chosen keys
//! is not needed here: the author of a schema does not choose addresses, and all these sets are
//! bounded. Maps with text as keys keep the standard hasher.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A set of addresses.
pub(crate) type AddressSet<K> = HashSet<K, BuildHasherDefault<AddressHasher>>;

/// A map by address.
pub(crate) type AddressMap<K, V> = HashMap<K, V, BuildHasherDefault<AddressHasher>>;

/// A hasher that takes one multiplication for each number.
#[derive(Default)]
pub(crate) struct AddressHasher(u64);

impl AddressHasher {
    fn add(&mut self, number: u64) {
        // The constant of Fibonacci hashing: 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for AddressHasher {
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
        // A table takes the bucket from the low bits, which a multiplication leaves poorly mixed.
        self.0 ^ (self.0 >> 32)
    }
}
