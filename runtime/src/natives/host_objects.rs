//! Objects of the host that a script holds by a number, such as parsers with a state.
//!
//! Each lives until it is closed, or until V8 collects the JavaScript object that was given with
//! it, its handle.

use std::collections::HashMap;

use super::*;
use crate::stop::ChargedMemory;

/// The open objects of one kind.
pub(crate) struct HostObjects<T> {
    last_number: u32,
    open: HashMap<u32, HostObject<T>>,
}

struct HostObject<T> {
    object: T,
    _handle: v8::Weak<v8::Object>,
    _memory: ChargedMemory,
}

impl<T> Default for HostObjects<T> {
    fn default() -> Self {
        Self { last_number: 0, open: HashMap::new() }
    }
}

/// The bounds of one kind of objects, and where they are.
pub(super) struct Kind<T> {
    /// The number that may be open at once.
    pub max_open: usize,
    /// The memory of one object. It counts towards the run's limit, and V8 is told about it, so
    /// that it collects what nobody uses any more.
    pub bytes: usize,
    /// Returns the objects of a run.
    pub table: fn(&mut RunState) -> &mut HostObjects<T>,
}

impl<T: 'static> Kind<T> {
    /// Returns the number of a new object, from 1 on, or `None` if too many are open or the memory
    /// limit has no room for it.
    pub fn open(
        &'static self,
        scope: &mut PinScope,
        handle: v8::Local<v8::Object>,
        object: T,
    ) -> Option<u32> {
        let is_full = |state: &mut RunState| (self.table)(state).open.len() >= self.max_open;
        if is_full(state(scope)?) {
            // Most of them may be garbage: V8 does not collect old objects as long as it has room.
            scope.low_memory_notification();
            if is_full(state(scope)?) {
                return None;
            }
        }
        let control = state(scope)?.control.clone();
        let table = (self.table)(state(scope)?);
        let memory = ChargedMemory::new(&control, self.bytes)?;
        table.last_number = table.last_number.checked_add(1)?;
        let number = table.last_number;
        let close = Box::new(move |isolate: &mut v8::Isolate| self.close(isolate, number));
        let weak = v8::Weak::with_finalizer(scope, handle, close);
        scope.adjust_amount_of_external_allocated_memory(self.bytes as i64);
        let object = HostObject { object, _handle: weak, _memory: memory };
        (self.table)(state(scope)?).open.insert(number, object);
        Some(number)
    }

    /// Returns the object that an argument names.
    pub fn get<'a>(&self, scope: &'a mut PinScope, arguments: &Arguments, index: i32) -> Option<&'a mut T> {
        let number = number(scope, arguments, index) as u32;
        Some(&mut (self.table)(state(scope)?).open.get_mut(&number)?.object)
    }

    /// Drops an object.
    pub fn close(&self, isolate: &mut v8::Isolate, number: u32) {
        let state = isolate.get_slot_mut::<RunState>();
        let object = state.and_then(|state| (self.table)(state).open.remove(&number));
        if object.is_some() {
            isolate.adjust_amount_of_external_allocated_memory(-(self.bytes as i64));
        }
    }
}
