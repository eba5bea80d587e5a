//! A fresh isolate with its context, ready for one run.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::control::{Control, StopReason};
use crate::state::RunState;
use crate::turns::Inbound;
use crate::{array_buffers, natives};

static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/isolet.snapshot"));

/// What V8 may still allocate after the limit, so that it reaches the point where a termination takes effect instead of
/// aborting the process. A single allocation of V8 can be larger than this; then the process does abort, which is why
/// hostile code belongs into a process of its own.
pub(crate) const GRACE: usize = 64 * 1024 * 1024;

/// Young generation: V8's default of up to 32 MiB counts towards the limit and makes every isolate larger.
const YOUNG: usize = 8 * 1024 * 1024;

/// Parameters that every isolate needs to understand the snapshot.
pub(crate) fn parameters() -> v8::CreateParams {
    v8::Isolate::create_params()
        .snapshot_blob(v8::StartupData::from(SNAPSHOT))
        .external_references(natives::references().into())
        .allow_atomics_wait(false)
}

/// The functions of the snapshot that Rust calls, in the order in which build.rs adds them.
pub(crate) struct Entries {
    pub(crate) prepare: v8::Global<v8::Function>,
    pub(crate) start: v8::Global<v8::Function>,
    pub(crate) deliver: v8::Global<v8::Function>,
    pub(crate) tick: v8::Global<v8::Function>,
    pub(crate) uncaught: v8::Global<v8::Function>,
    pub(crate) worker: v8::Global<v8::Function>,
    pub(crate) fetch: v8::Global<v8::Function>,
}

/// An isolate that has run nothing yet. Bound to the thread that made it.
pub(crate) struct FreshIsolate {
    // Globals go before the isolate that they live in.
    pub(crate) entries: Entries,
    pub(crate) context: v8::Global<v8::Context>,
    pub(crate) isolate: v8::OwnedIsolate,
    pub(crate) control: Arc<Control>,
    /// Taken by whoever runs something in it.
    pub(crate) inbound: Receiver<Inbound>,
    sender: Sender<Inbound>,
}

impl FreshIsolate {
    /// An isolate and its context under `heap_limit` bytes of heap and array buffers together.
    pub(crate) fn new(heap_limit: usize) -> Self {
        Bare::new(heap_limit, heap_limit).with_context()
    }

    /// Throws the context away, with all that was done in it, for a new one. For isolet's own code only: what ran in the
    /// old context may have left traces in the isolate.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn renew(&mut self) {
        self.settle();
        (self.context, self.entries) = new_context(&mut self.isolate);
        // No garbage collection: it leaves pages to be swept later, which every runner would do anew (11% of its time),
        // and an empty new space, for which every runner would map a page.
    }

    /// Forgets the run that was in the context, as far as Rust remembers it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn settle(&mut self) {
        self.isolate.remove_slot::<RunState>();
        self.isolate.remove_slot::<crate::modules::ModuleMap>();
    }

    /// Runs a text of isolet's own in the context; `None` when it throws or is stopped.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn evaluate(&mut self, text: &str) -> Option<()> {
        let Self { isolate, context, .. } = self;
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &*context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let source = v8::String::new(scope, text)?;
        v8::Script::compile(scope, source, None)?.run(scope).map(|_| ())
    }

    /// Where answers and requests for this isolate go.
    pub(crate) fn sender(&self) -> Sender<Inbound> {
        self.sender.clone()
    }

    /// V8 heap in use and array buffers, in bytes.
    pub(crate) fn memory(&mut self) -> usize {
        let statistics = self.isolate.get_heap_statistics();
        statistics.used_heap_size() + statistics.external_memory().max(self.control.buffers())
    }
}

/// An isolate without a context: the first half of making a [`FreshIsolate`], apart so that it can be timed.
pub(crate) struct Bare {
    isolate: v8::OwnedIsolate,
    control: Arc<Control>,
    inbound: Receiver<Inbound>,
    sender: Sender<Inbound>,
}

impl Bare {
    /// With `heap_limit` bytes for heap and array buffers, and V8's own limit on the heap at `heap_full` bytes. Where V8's is
    /// higher, a run ends with the first full collection that leaves it past its limit. Where it is not, V8 collects again
    /// and again before it says that the heap is full.
    pub(crate) fn new(heap_limit: usize, heap_full: usize) -> Self {
        let (sender, inbound) = channel();
        let control = Arc::new(Control::new(heap_limit, sender.clone()));
        let parameters = parameters()
            .heap_limits(0, heap_full)
            .set_max_young_generation_size_in_bytes(YOUNG.min(heap_limit / 4))
            .array_buffer_allocator(array_buffers::counted(control.clone()));
        let mut isolate = v8::Isolate::new(parameters);
        control.attach(isolate.thread_safe_handle());
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        isolate.set_host_import_module_dynamically_callback(crate::modules::import_dynamically);

        // The callbacks' view of the control: an Arc kept in a slot, so it lives exactly as long as the isolate.
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

/// A context from the snapshot.
fn new_context(isolate: &mut v8::OwnedIsolate) -> (v8::Global<v8::Context>, Entries) {
    v8::scope!(let scope, isolate);
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    context.set_allow_generation_from_strings(false);
    let scope = &mut v8::ContextScope::new(scope, context);
    let entry = |index| -> v8::Global<v8::Function> {
        let function = scope
            .get_context_data_from_snapshot_once::<v8::Function>(index)
            .expect("build.rs put the entry functions into the snapshot");
        v8::Global::new(scope, function)
    };
    let entries = Entries {
        prepare: entry(0),
        start: entry(1),
        deliver: entry(2),
        tick: entry(3),
        uncaught: entry(4),
        worker: entry(5),
        fetch: entry(6),
    };
    let settle = entry(7);
    let undefined = v8::undefined(scope).into();
    v8::Local::new(scope, settle).call(scope, undefined, &[]).expect("isolet's own function does not throw");
    (v8::Global::new(scope, context), entries)
}

/// V8 is about to abort the process for want of heap: end the run instead, and let V8 get as far as its next check.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: `data` points into the Arc that the isolate's slot keeps alive; V8 calls this on the isolate's thread.
    let control = unsafe { &*data.cast::<Control>() };
    control.stop(StopReason::Memory);
    current + GRACE
}

/// Tells the control what the heap holds, for the limit that heap and array buffers share.
unsafe extern "C" fn after_garbage_collection(
    mut isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `near_heap_limit`; V8 passes the live isolate that has just collected.
    let (control, isolate) = unsafe {
        (&*data.cast::<Control>(), v8::Isolate::ref_from_raw_isolate_ptr_mut_unchecked(&mut isolate))
    };
    let statistics = isolate.get_heap_statistics();
    // Resizable buffers reserve pages of their own instead of asking the allocator; V8 counts them with all others.
    let elsewhere = statistics.external_memory().saturating_sub(control.buffers());
    control.heap_is(statistics.used_heap_size() + elsewhere);
}
