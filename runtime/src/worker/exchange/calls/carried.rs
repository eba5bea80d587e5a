//! Values on their way from one instance to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::rules::Broken;
use super::objects::RemoteObject;
use crate::blob::Blob;
use crate::worker::rpc::{MAX_VALUE_BYTES, SentValue};

/// The bytes of values that one instance may have on their way. A Worker that sends more gets
/// errors, so that one which sends to others that take nothing fills no memory.
const MAX_CARRIED_BYTES: usize = 4 * MAX_VALUE_BYTES;

/// A value on its way, with the objects that it refers to.
pub(crate) struct Carried {
    items: Blob,
    value: Blob,
    objects: Vec<Arc<RemoteObject>>,
    charge: Charge,
}

/// The bytes of a value in the account of its sender.
struct Charge {
    account: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Carried {
    /// Takes over a value. Returns the reason for which there is no room for it.
    ///
    /// # Errors
    /// The value is longer than values are.
    pub(in super::super) fn new(
        value: SentValue,
        objects: Vec<Arc<RemoteObject>>,
        account: &Arc<AtomicUsize>,
    ) -> Result<Result<Self, String>, Broken> {
        let bytes = value.size();
        if bytes > MAX_VALUE_BYTES {
            return Err("a value longer than values are");
        }
        account.fetch_add(bytes, Ordering::Relaxed);
        let charge = Charge { account: account.clone(), bytes };
        if account.load(Ordering::Relaxed) > MAX_CARRIED_BYTES {
            return Ok(Err(format!(
                "The Worker has more than {} MiB of RPC values on their way.",
                MAX_CARRIED_BYTES >> 20
            )));
        }
        Ok(Ok(Self { items: value.items, value: value.value, objects, charge }))
    }

    /// Returns the items, the value and the objects, which are no longer in the sender's account.
    pub(super) fn into_parts(self) -> (Blob, Blob, Vec<Arc<RemoteObject>>) {
        drop(self.charge);
        (self.items, self.value, self.objects)
    }

    /// Returns the number of bytes.
    pub(super) fn size(&self) -> usize {
        self.charge.bytes
    }
}
