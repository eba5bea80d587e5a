//! An allocator of array buffers that counts their memory and enforces the limit.
//!
//! With V8's sandbox, array buffers must be inside of it, so this allocator counts and delegates to
//! V8's own. The crate `v8` hides its Rust allocator when the sandbox is on, since such an
//! allocator would return memory outside of it. The C++ class is in the archive nevertheless, and
//! can delegate.

use std::ffi::c_void;
use std::sync::Arc;

use crate::stop::{RunControl, StopReason};

/// The functions of an allocator in another language (`RustAllocatorVtable` in `binding.cc`).
#[repr(C)]
struct Vtable {
    allocate: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    allocate_uninitialized: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void, usize),
    drop: unsafe extern "C" fn(*mut c_void),
}

static VTABLE: Vtable = Vtable { allocate, allocate_uninitialized, free, drop: release };

unsafe extern "C" {
    fn v8__ArrayBuffer__Allocator__NewRustAllocator(
        handle: *mut c_void,
        vtable: *const Vtable,
    ) -> *mut v8::Allocator;
}

/// The beginning of the virtual table of `v8::ArrayBuffer::Allocator` in the Itanium ABI: two
/// destructors, then the functions in order of declaration (`v8-array-buffer.h`).
#[repr(C)]
struct CppVtable {
    destructors: [*const c_void; 2],
    allocate: unsafe extern "C" fn(*mut v8::Allocator, usize) -> *mut c_void,
    allocate_uninitialized: unsafe extern "C" fn(*mut v8::Allocator, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut v8::Allocator, *mut c_void, usize),
}

struct Counted {
    inner: *mut v8::Allocator,
    control: Arc<RunControl>,
}

/// Returns an allocator that charges its memory to `control`.
pub(crate) fn counted(control: Arc<RunControl>) -> v8::UniqueRef<v8::Allocator> {
    // `release` frees it.
    let inner = v8::new_default_allocator().into_raw();
    let handle = Box::into_raw(Box::new(Counted { inner, control }));
    // SAFETY: `handle` lives until V8 calls `release`, exactly once; the functions of VTABLE take
    // that very type, may be called from any thread (RunControl is atomic, V8's own allocator is
    // thread-safe) and never call back into V8's heap.
    unsafe { owned(v8__ArrayBuffer__Allocator__NewRustAllocator(handle.cast(), &raw const VTABLE)) }
}

/// Takes ownership of a C++ allocator.
unsafe fn owned(allocator: *mut v8::Allocator) -> v8::UniqueRef<v8::Allocator> {
    // SAFETY: `UniqueRef<T>` is one non-null pointer (the crate asserts that its layout is a
    // unique_ptr's) and has no public constructor; the caller gives up a live object.
    unsafe { std::mem::transmute::<*mut v8::Allocator, v8::UniqueRef<v8::Allocator>>(allocator) }
}

unsafe fn parts<'a>(handle: *mut c_void) -> (&'a Counted, &'a CppVtable) {
    // SAFETY: `handle` is the Box of `counted`, still owned by V8's allocator object; `inner`
    // points to a C++ object whose first word is its virtual table.
    unsafe {
        let counted = &*handle.cast::<Counted>();
        let vtable = &**counted.inner.cast::<*const CppVtable>();
        (counted, vtable)
    }
}

unsafe extern "C" fn allocate(handle: *mut c_void, length: usize) -> *mut c_void {
    // SAFETY: see `parts`; the function and its object belong together.
    unsafe {
        let (counted, vtable) = parts(handle);
        counted.charge(length, || (vtable.allocate)(counted.inner, length))
    }
}

unsafe extern "C" fn allocate_uninitialized(handle: *mut c_void, length: usize) -> *mut c_void {
    // The memory is zeroed even where V8 promises to overwrite it: data of an earlier run must not
    // be visible.
    // SAFETY: as `allocate`.
    unsafe { allocate(handle, length) }
}

unsafe extern "C" fn free(handle: *mut c_void, data: *mut c_void, length: usize) {
    // SAFETY: `data` came from `vtable.allocate` of the same object with the same length.
    unsafe {
        let (counted, vtable) = parts(handle);
        (vtable.free)(counted.inner, data, length);
        counted.control.release_buffers(length);
    }
}

unsafe extern "C" fn release(handle: *mut c_void) {
    // SAFETY: V8 calls this once, from the destructor of the object made in `counted`.
    unsafe {
        let counted = Box::from_raw(handle.cast::<Counted>());
        drop(owned(counted.inner));
    }
}

impl Counted {
    fn charge(&self, length: usize, allocate: impl FnOnce() -> *mut c_void) -> *mut c_void {
        if !self.control.charge_buffers(length) {
            // V8 collects garbage and tries twice more before it throws a RangeError, which a
            // hostile script could catch to continue. So the third refusal in a row ends the run.
            if self.control.refused_buffers() {
                self.control.stop(StopReason::Memory);
            }
            return std::ptr::null_mut();
        }
        let data = allocate();
        if data.is_null() {
            self.control.release_buffers(length);
        }
        data
    }
}
