//! Objects that other instances may call, and the stubs of one instance.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::super::Exchanges;
use super::super::rules::Broken;
use super::carried::Carried;
use crate::worker::protocol::ToWorker;
use crate::worker::rpc::{GivenValue, MAX_OBJECTS, SentObject, SentValue};

/// An object of an instance. When the last stub of it is gone, the instance is told.
pub(crate) struct RemoteObject {
    owner: Weak<Exchanges>,
    /// The request of its owner that made it.
    context: u32,
    /// Its number there.
    number: u32,
}

impl RemoteObject {
    pub(super) fn owner(&self) -> Option<Arc<Exchanges>> {
        self.owner.upgrade()
    }

    pub(super) fn context(&self) -> u32 {
        self.context
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for RemoteObject {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.calls.objects.fetch_sub(1, Ordering::Relaxed);
            owner.link.send(ToWorker::ObjectReleased { object: self.number });
        }
    }
}

/// The stubs of one instance, by its numbers.
#[derive(Default)]
pub(crate) struct Stubs {
    held: HashMap<u32, Stub>,
    last: u32,
}

struct Stub {
    object: Arc<RemoteObject>,
    /// The request that it ends with.
    context: u32,
}

impl Stubs {
    pub(super) fn object(&self, stub: u32) -> Option<Arc<RemoteObject>> {
        self.held.get(&stub).map(|stub| stub.object.clone())
    }

    pub(super) fn remove(&mut self, stub: u32) -> Option<Arc<RemoteObject>> {
        self.held.remove(&stub).map(|stub| stub.object)
    }

    /// Removes the stubs of a request.
    pub(super) fn take_of(&mut self, context: u32) -> Vec<Arc<RemoteObject>> {
        let of_context = self.held.extract_if(|_, stub| stub.context == context);
        of_context.map(|(_, stub)| stub.object).collect()
    }

    /// Adds a stub that ends with a request. Returns its number.
    fn add(&mut self, object: Arc<RemoteObject>, context: u32) -> u32 {
        loop {
            self.last = self.last % (i32::MAX as u32) + 1;
            if !self.held.contains_key(&self.last) {
                break;
            }
        }
        self.held.insert(self.last, Stub { object, context });
        self.last
    }
}

impl Exchanges {
    /// Takes over a value that this instance sends in the request `context`. Returns the reason for
    /// which it cannot be sent.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(in super::super) fn carry(
        self: &Arc<Self>,
        context: u32,
        value: SentValue,
    ) -> Result<Result<Carried, String>, Broken> {
        if let Ok(request) = self.table().known(context) {
            request.may_be_held = true;
        }
        let mut objects = Vec::with_capacity(value.objects.len());
        for object in &value.objects {
            objects.push(match *object {
                SentObject::Own(number) => {
                    if self.calls.objects.fetch_add(1, Ordering::Relaxed) >= MAX_OBJECTS {
                        self.calls.objects.fetch_sub(1, Ordering::Relaxed);
                        return Err("more objects that others have stubs of than the limit");
                    }
                    Arc::new(RemoteObject { owner: Arc::downgrade(self), context, number })
                }
                SentObject::Held(stub) => {
                    self.calls.stubs.lock().object(stub).ok_or("a stub that it was not given")?
                }
            });
        }
        Carried::new(value, objects, &self.calls.carried_bytes)
    }

    /// Gives a value to this instance, in the request `context`.
    ///
    /// # Errors
    /// Returns the reason for which it cannot have it.
    pub(in super::super) fn give(&self, context: u32, value: Carried) -> Result<GivenValue, String> {
        let mut refused = Vec::new();
        let table = self.table();
        if !table.live.contains_key(&context) {
            return Err("The request has ended.".to_owned());
        }
        self.add_stubs(context, value, &mut refused)
    }

    /// Gives a value to this instance in a request that has not ended. The table is locked. Objects
    /// that it cannot have are put into `refused`, and dropped without the lock: that tells their
    /// owner, and may be its end.
    ///
    /// # Errors
    /// Returns the reason for which it cannot have it.
    pub(super) fn add_stubs(
        &self,
        context: u32,
        value: Carried,
        refused: &mut Vec<Arc<RemoteObject>>,
    ) -> Result<GivenValue, String> {
        let (items, value, objects) = value.into_parts();
        let mut stubs = self.calls.stubs.lock();
        if stubs.held.len() + objects.len() > MAX_OBJECTS {
            *refused = objects;
            return Err(format!("The receiver would have more than {MAX_OBJECTS} RPC stubs at once."));
        }
        let stubs = objects.into_iter().map(|object| stubs.add(object, context)).collect();
        Ok(GivenValue { items, value, stubs })
    }
}
