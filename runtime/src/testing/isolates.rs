//! Parts of a run on this thread, for `benches/runs.rs`.

use crate::isolate::FreshIsolate;
use crate::natives::values;
use crate::{Limits, script, v8_process};

/// Starts V8. Call it before the first isolate.
pub fn start() {
    v8_process::start(true);
}

/// Makes an isolate with its context from the snapshot, and drops it.
pub fn make_isolate() {
    drop(FreshIsolate::new(Limits::default().memory));
}

/// Prepares a script, and returns the length of the JavaScript.
///
/// # Panics
/// Panics if the text is not a valid script.
pub fn prepare(source: &str, typescript: bool) -> usize {
    script::prepare(source, typescript).expect("a valid script").wrapped().source.len()
}

/// A value in an isolate, as it is written and read for calls between Workers.
pub struct SerializedValue {
    // V8's globals must be dropped before their isolate.
    value: v8::Global<v8::Value>,
    fresh: FreshIsolate,
}

impl SerializedValue {
    /// Returns the value of a JavaScript expression, in an isolate of its own.
    ///
    /// # Panics
    /// Panics if the expression has no value.
    pub fn of(expression: &str) -> Self {
        let mut fresh = FreshIsolate::new(Limits::default().memory);
        let value = {
            let FreshIsolate { isolate, context, .. } = &mut fresh;
            v8::scope!(let scope, isolate);
            let context = v8::Local::new(scope, &*context);
            let scope = &mut v8::ContextScope::new(scope, context);
            let source = v8::String::new(scope, expression).expect("a text");
            let script = v8::Script::compile(scope, source, None).expect("an expression");
            let value = script.run(scope).expect("a value");
            v8::Global::new(scope, value)
        };
        Self { value, fresh }
    }

    /// Returns the bytes of the value.
    ///
    /// # Panics
    /// Panics if V8 cannot write the value.
    pub fn write(&mut self) -> Vec<u8> {
        let FreshIsolate { isolate, context, .. } = &mut self.fresh;
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &*context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let value = v8::Local::new(scope, &self.value);
        values::write(scope, value).expect("a value that V8 writes")
    }

    /// Makes the value of bytes.
    ///
    /// # Panics
    /// Panics if they are not those of a value.
    pub fn read(&mut self, bytes: &[u8]) {
        let FreshIsolate { isolate, context, .. } = &mut self.fresh;
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &*context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let objects = v8::Array::new(scope, 0);
        values::read(scope, bytes, objects).expect("the bytes of a value");
    }
}
