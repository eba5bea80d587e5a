//! A fresh isolate with its context, ready for one run.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::js_interface::EntryFunctions;
use crate::messages::Inbound;
use crate::modules::BuiltInExports;
use crate::state::RunState;
use crate::stop::{RunControl, StopReason};
use crate::{array_buffers, v8_process};

/// The memory that V8 may still allocate past the limit, so that it reaches its next check for
/// termination instead of aborting the process. A single allocation can be larger, and then the
/// process aborts; this is one reason to run hostile code in a process of its own.
pub(crate) const HEAP_GRACE_BYTES: usize = 64 * 1024 * 1024;

/// The size of the young generation. V8's default of up to 32 MiB counts towards the limit and
/// makes every isolate larger.
const MAX_YOUNG_GENERATION_BYTES: usize = 8 * 1024 * 1024;

/// An isolate that has run no script yet. It belongs to the thread that made it.
pub(crate) struct FreshIsolate {
    // V8's globals must be dropped before their isolate.
    pub(crate) entries: EntryFunctions,
    pub(crate) context: v8::Global<v8::Context>,
    pub(crate) isolate: v8::OwnedIsolate,
    pub(crate) control: Arc<RunControl>,
    /// The receiver of messages to the isolate's thread.
    pub(crate) inbound: Receiver<Inbound>,
    sender: Sender<Inbound>,
}

impl FreshIsolate {
    /// Makes an isolate and its context, with `heap_limit` bytes for heap and array buffers
    /// together.
    pub(crate) fn new(heap_limit: usize) -> Self {
        BareIsolate::new(heap_limit, heap_limit).with_context()
    }

    /// Replaces the context by a new one. Only for isolet's own code: scripts in the old context
    /// may have left traces in the isolate.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn renew(&mut self) {
        self.settle();
        (self.context, self.entries) = new_context(&mut self.isolate);
        // There is no garbage collection here: it leaves pages to be swept later, which every
        // runner would repeat (11% of its time), and an empty new space, for which every runner
        // would map a page.
    }

    /// Drops Rust's state of the run that was in the context.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn settle(&mut self) {
        self.isolate.remove_slot::<RunState>();
        self.isolate.remove_slot::<crate::modules::ModuleMap>();
    }

    /// Runs a text of isolet's own in the context. Returns `None` if it throws or is stopped.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn evaluate(&mut self, text: &str) -> Option<()> {
        let Self { isolate, context, .. } = self;
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &*context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let source = v8::String::new(scope, text)?;
        v8::Script::compile(scope, source, None)?.run(scope).map(|_| ())
    }

    /// Returns the sender of messages to the isolate's thread.
    pub(crate) fn sender(&self) -> Sender<Inbound> {
        self.sender.clone()
    }

    /// Returns the size of the used heap and the array buffers, in bytes.
    pub(crate) fn memory(&mut self) -> usize {
        let statistics = self.isolate.get_heap_statistics();
        statistics.used_heap_size() + statistics.external_memory().max(self.control.buffers())
    }
}

/// An isolate without a context: the first half of a [`FreshIsolate`], separate for measurements.
pub(crate) struct BareIsolate {
    isolate: v8::OwnedIsolate,
    control: Arc<RunControl>,
    inbound: Receiver<Inbound>,
    sender: Sender<Inbound>,
}

impl BareIsolate {
    /// Makes an isolate with `heap_limit` bytes for heap and array buffers, and `heap_full` bytes
    /// as V8's own limit on the heap. If V8's limit is higher, a run ends with the first full
    /// garbage collection that leaves it past its limit; else V8 collects repeatedly before it
    /// reports a full heap.
    pub(crate) fn new(heap_limit: usize, heap_full: usize) -> Self {
        let (sender, inbound) = channel();
        let control = Arc::new(RunControl::new(heap_limit, sender.clone()));
        let parameters = v8_process::isolate_parameters()
            .heap_limits(0, heap_full)
            .set_max_young_generation_size_in_bytes(MAX_YOUNG_GENERATION_BYTES.min(heap_limit / 4))
            .array_buffer_allocator(array_buffers::counted(control.clone()));
        let mut isolate = v8::Isolate::new(parameters);
        control.attach(isolate.thread_safe_handle());
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        isolate.set_host_import_module_dynamically_callback(crate::modules::import_dynamically);
        isolate.set_allow_wasm_code_generation_callback(refuse_wasm);

        // The callbacks' pointer to the control. A slot holds the Arc, so that it lives as long as
        // the isolate.
        let data = Arc::as_ptr(&control).cast_mut().cast::<c_void>();
        isolate.set_slot(control.clone());
        isolate.add_near_heap_limit_callback(near_heap_limit, data);
        isolate.add_gc_epilogue_callback(after_garbage_collection, data, v8::GCType::kGCTypeMarkSweepCompact);
        Self { isolate, control, inbound, sender }
    }

    pub(crate) fn with_context(self) -> FreshIsolate {
        let Self { mut isolate, control, inbound, sender } = self;
        let (context, entries) = new_context(&mut isolate);
        FreshIsolate { entries, context, isolate, control, inbound, sender }
    }
}

/// Makes a context from the snapshot.
fn new_context(isolate: &mut v8::OwnedIsolate) -> (v8::Global<v8::Context>, EntryFunctions) {
    v8::scope!(let scope, isolate);
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    context.set_allow_generation_from_strings(false);
    let scope = &mut v8::ContextScope::new(scope, context);
    let entries = EntryFunctions::of_new_context(scope);
    scope.set_slot(BuiltInExports(entries.exported.clone()));
    let undefined = v8::undefined(scope).into();
    v8::Local::new(scope, &entries.settle)
        .call(scope, undefined, &[])
        .expect("isolet's own function does not throw");
    (v8::Global::new(scope, context), entries)
}

/// Refuses to compile WebAssembly. V8 has no flag to remove it. Its name is deleted from each
/// context; a script that gets the object in another way cannot compile.
unsafe extern "C" fn refuse_wasm(_context: v8::Local<v8::Context>, _source: v8::Local<v8::String>) -> bool {
    false
}

/// Stops the run when V8 is about to abort the process for lack of heap, and raises V8's limit
/// until its next check.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: `data` points into the Arc that the isolate's slot keeps alive; V8 calls this on the
    // isolate's thread.
    let control = unsafe { &*data.cast::<RunControl>() };
    control.stop(StopReason::Memory);
    current + HEAP_GRACE_BYTES
}

/// Reports the size of the heap to the control, for the common limit on heap and array buffers.
unsafe extern "C" fn after_garbage_collection(
    mut isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `near_heap_limit`; V8 passes the live isolate that has just collected.
    let (control, isolate) = unsafe {
        (&*data.cast::<RunControl>(), v8::Isolate::ref_from_raw_isolate_ptr_mut_unchecked(&mut isolate))
    };
    let statistics = isolate.get_heap_statistics();
    // Resizable buffers reserve pages without the allocator; V8 counts them with the other buffers.
    let elsewhere = statistics.external_memory().saturating_sub(control.buffers());
    control.heap_is(statistics.used_heap_size() + elsewhere);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses a context as V8 makes it, with its globals.
    #[test]
    fn webassembly_does_not_compile() {
        v8_process::start(true);
        let BareIsolate { mut isolate, .. } = BareIsolate::new(32 << 20, 32 << 20);
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        // The smallest module: a magic number and a version.
        let code = "try { new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); 'compiled' } \
                    catch (error) { error.name + ': ' + error.message }";
        let source = v8::String::new(scope, code).unwrap();
        let result = v8::Script::compile(scope, source, None).and_then(|script| script.run(scope)).unwrap();
        let said = result.to_rust_string_lossy(scope);
        assert!(said.starts_with("CompileError: ") && said.contains("disallowed by embedder"), "{said}");
    }
}
