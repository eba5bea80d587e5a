//! The responses of one Worker.
//!
//! The least used ones give way to new ones. What a Worker still reads, or is about to keep, counts
//! too: the sum is at most one and a half times the bound.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use isolet_runtime::ResponseHead;
use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::budget::{Budget, Charge};

/// The bytes that a response counts in addition to its key, its headers and its body.
const OVERHEAD_BYTES: usize = 1024;

/// The part of the bound that one response may have.
const ENTRY_PART: usize = 4;

/// The responses of one Worker, by name of the cache and URL.
pub struct Store {
    kept: Cache<String, Arc<Kept>>,
    budget: Arc<Budget>,
    max_entry: usize,
}

/// A response that was kept.
pub struct Kept {
    /// The head.
    pub head: ResponseHead,
    /// The body. Its bytes count as long as anyone reads them.
    pub body: Bytes,
    /// The time at which it was kept.
    pub since: SystemTime,
    lifetime: Duration,
    weight: u32,
}

/// A body with the bytes that it counts.
struct Content {
    bytes: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Kept {
    pub fn new(
        head: ResponseHead,
        mut bytes: Vec<u8>,
        mut charge: Charge,
        lifetime: Duration,
        since: SystemTime,
    ) -> Self {
        let spare = bytes.capacity() - bytes.len();
        bytes.shrink_to_fit();
        charge.shrink(charge.bytes() - spare);
        let weight = u32::try_from(charge.bytes()).unwrap_or(u32::MAX);
        let body = Bytes::from_owner(Content { bytes, _charge: charge });
        Self { head, body, since, lifetime, weight }
    }
}

/// Each response has a lifetime of its own.
struct Lifetime;

impl Expiry<String, Arc<Kept>> for Lifetime {
    fn expire_after_create(&self, _: &String, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &String,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.lifetime)
    }
}

impl Store {
    /// Returns a store of at most so many bytes.
    pub fn new(bytes: usize) -> Self {
        let kept = Cache::builder()
            .max_capacity(bytes as u64)
            .weigher(|_: &String, kept: &Arc<Kept>| kept.weight)
            .expire_after(Lifetime)
            // Else a new response may be the one that gives way.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { kept, budget: Budget::new(bytes + bytes / 2), max_entry: bytes / ENTRY_PART }
    }

    /// Returns the bound on the body of one response.
    pub fn max_entry_bytes(&self) -> usize {
        self.max_entry
    }

    /// Returns the charge of a response with so many bytes beside its body, if there is room.
    pub fn charge(&self, bytes: usize) -> Option<Charge> {
        let mut charge = self.budget.charge();
        (bytes <= self.max_entry && charge.grow(bytes + OVERHEAD_BYTES)).then_some(charge)
    }

    pub fn get(&self, key: &str) -> Option<Arc<Kept>> {
        self.kept.get(key)
    }

    /// Keeps a response in place of one before. Others give way at once.
    pub fn insert(&self, key: String, kept: Kept) {
        self.kept.insert(key, Arc::new(kept));
        self.kept.run_pending_tasks();
    }

    /// Returns the number of responses.
    #[cfg(test)]
    pub fn kept_entries(&self) -> u64 {
        self.kept.entry_count()
    }

    /// Removes a response. Returns `false` if there was none.
    pub fn remove(&self, key: &str) -> bool {
        self.kept.remove(key).is_some()
    }
}
