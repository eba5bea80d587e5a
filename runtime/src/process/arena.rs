//! Where a runner's memory outside of V8's heap comes from: one place, from front to back.
//!
//! The allocator of the process (Chromium's PartitionAlloc, which V8's archive brings and puts in place of the C library's)
//! keeps blocks of each size on pages of their own, with its notes about them elsewhere. That is right for a program that
//! lives. A runner lives for a millisecond, every page is shared with its zygote until it is written to, and a run wrote to
//! 39 pages of the allocator's for a few tens of kilobytes: a tenth of all that it cost.
//!
//! So a runner's blocks lie side by side in memory that the zygote has set aside and not touched. A block that is freed is
//! used again if it was the last one, and else not: most of what a compiler allocates goes in the order opposite to that in
//! which it came. When the place is full, and for large blocks, the allocator does its work as everywhere else. While there
//! is room, what the zygote allocated is not freed at all, as that would write to pages which are shared.
//!
//! The allocator has a list of dispatch tables for such purposes (`partition_alloc/shim/allocator_dispatch.h` in the source
//! of the crate `v8`, whose layout [`Dispatch`] has); Chromium itself puts one there whose `free` does nothing, to end
//! faster. This is for the archive in `third_party/v8`; what other platforms' archives have in them is not known here, and
//! they do without.

use std::cell::UnsafeCell;
use std::ffi::{c_uint, c_void};
use std::ptr;

use super::mappings::PAGE;

/// How much is set aside. `return 1 + 1` uses 48 KiB of it, with a call 64, and 100 lines with 50 calls 500.
const ROOM: usize = 512 << 10;

/// Blocks above this are the allocator's.
const LARGE: usize = 64 << 10;

/// Alignment of every block, as `malloc` has to give it, and the room before it for its size.
const ALIGN: usize = 16;

type Token = usize;
type Context = *mut c_void;

type Alloc = unsafe extern "C" fn(usize, Token, Context) -> *mut u8;
type AllocZeroed = unsafe extern "C" fn(usize, usize, Token, Context) -> *mut u8;
type AllocAligned = unsafe extern "C" fn(usize, usize, Token, Context) -> *mut u8;
type Realloc = unsafe extern "C" fn(*mut u8, usize, Token, Context) -> *mut u8;
type Free = unsafe extern "C" fn(*mut u8, Context);
type FreeSized = unsafe extern "C" fn(*mut u8, usize, Context);
type FreeSizedAligned = unsafe extern "C" fn(*mut u8, usize, usize, Context);
type Size = unsafe extern "C" fn(*mut u8, Context) -> usize;
type FreeAll = unsafe extern "C" fn(*mut *mut u8, c_uint, Context);

/// `allocator_shim::AllocatorDispatch`. What is `None` when the table is put in place is taken from the next one.
#[repr(C)]
struct Dispatch {
    alloc: Option<Alloc>,
    alloc_unchecked: Option<Alloc>,
    alloc_zeroed: Option<AllocZeroed>,
    alloc_zeroed_unchecked: Option<AllocZeroed>,
    alloc_aligned: Option<AllocAligned>,
    realloc: Option<Realloc>,
    realloc_unchecked: Option<Realloc>,
    free: Option<Free>,
    free_sized: Option<FreeSized>,
    free_aligned: Option<FreeSized>,
    free_sized_aligned: Option<FreeSizedAligned>,
    size: Option<Size>,
    good_size: Option<unsafe extern "C" fn(usize, Context) -> usize>,
    // The rest is for other systems.
    claimed_address: *const c_void,
    batch_malloc: *const c_void,
    batch_free: Option<FreeAll>,
    try_free_default: Option<Free>,
    aligned_malloc: *const c_void,
    aligned_malloc_unchecked: *const c_void,
    aligned_realloc: *const c_void,
    aligned_realloc_unchecked: *const c_void,
    aligned_free: Option<Free>,
    next: *const Dispatch,
}

unsafe extern "C" {
    /// Puts a table in front of all others, for good. `allocator_shim::InsertAllocatorDispatch`.
    #[link_name = "_ZN14allocator_shim23InsertAllocatorDispatchEPNS_17AllocatorDispatchE"]
    fn insert(table: *mut Dispatch);
}

/// One thread's at a time: there is only one in a zygote and in a runner.
struct Alone<T>(UnsafeCell<T>);

// SAFETY: `lay_out` and `open` are called in processes of one thread, and before `lay_out` nobody looks at these.
unsafe impl<T> Sync for Alone<T> {}

static TABLE: Alone<Dispatch> = Alone(UnsafeCell::new(Dispatch {
    alloc: Some(alloc),
    alloc_unchecked: Some(alloc_unchecked),
    alloc_zeroed: Some(alloc_zeroed),
    alloc_zeroed_unchecked: Some(alloc_zeroed_unchecked),
    alloc_aligned: Some(alloc_aligned),
    realloc: Some(realloc),
    realloc_unchecked: Some(realloc_unchecked),
    free: Some(free),
    free_sized: Some(free_sized),
    free_aligned: Some(free_aligned),
    free_sized_aligned: Some(free_sized_aligned),
    size: Some(size),
    good_size: None,
    claimed_address: ptr::null(),
    batch_malloc: ptr::null(),
    batch_free: None,
    try_free_default: Some(free),
    aligned_malloc: ptr::null(),
    aligned_malloc_unchecked: ptr::null(),
    aligned_realloc: ptr::null(),
    aligned_realloc_unchecked: ptr::null(),
    aligned_free: Some(free),
    next: ptr::null(),
}));

/// The place and how much of it is taken.
struct Arena {
    start: usize,
    end: usize,
    /// Where the next block's header goes; `end` while the arena is closed, so that nothing fits.
    next: usize,
    /// Nothing above this was ever written to.
    touched: usize,
    /// Whether all that is not in the arena is the zygote's.
    pristine: bool,
}

static ARENA: Alone<Arena> = Alone(UnsafeCell::new(Arena::new(0, 0)));

/// Sets the place aside. In a zygote, once; nothing changes before a copy [`open`]s it.
///
/// # Errors
/// When there is no memory.
pub(crate) fn lay_out() -> std::io::Result<()> {
    // SAFETY: new memory at an address of the kernel's choice; then its last page is taken away, so that what is written past
    // the end meets nothing.
    let start = unsafe {
        let (flags, length) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, ROOM + PAGE);
        let start = libc::mmap(ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        libc::munmap(start.cast::<u8>().add(ROOM).cast(), PAGE);
        start
    };
    let start = start as usize;
    let end = start + ROOM;
    // SAFETY: this process has one thread, and nobody else looks at the two before the table is in place. The table lives
    // for as long as the process and has the layout that the allocator expects.
    unsafe {
        *ARENA.0.get() = Arena::new(start, end);
        insert(TABLE.0.get());
    }
    Ok(())
}

/// From now on blocks come from here. In a runner, before it allocates anything.
pub(crate) fn open() {
    // SAFETY: one thread, and no reference to it outlives a function here.
    let arena = unsafe { &mut *ARENA.0.get() };
    arena.next = arena.start;
    arena.pristine = arena.start != 0;
}

impl Arena {
    /// For `start..end`, which is aligned, writable and zeros. Closed.
    const fn new(start: usize, end: usize) -> Self {
        Self { start, end, next: end, touched: start, pristine: false }
    }

    /// A block, or `None` if it is not for the arena.
    #[inline]
    fn take(&mut self, size: usize, align: usize) -> Option<*mut u8> {
        if size > LARGE || align > LARGE {
            return None;
        }
        let block = (self.next + ALIGN).next_multiple_of(align.max(ALIGN));
        let after = block + room(size);
        if after > self.end {
            return None;
        }
        // SAFETY: the word before the block is behind all other blocks and in the arena, which is writable.
        unsafe { ((block - ALIGN) as *mut usize).write(size) };
        self.next = after;
        Some(block as *mut u8)
    }

    /// A block of zeros, or `None` if it is not for the arena.
    fn take_zeros(&mut self, count: usize, size: usize) -> Option<*mut u8> {
        let length = count.checked_mul(size)?;
        let block = self.take(length, ALIGN)?;
        // What was never written to is zeros as it is.
        let dirty = self.touched.saturating_sub(block as usize).min(length);
        // SAFETY: the block is as long as that.
        unsafe { block.write_bytes(0, dirty) };
        Some(block)
    }

    fn holds(&self, block: *mut u8) -> bool {
        (self.start..self.end).contains(&(block as usize))
    }

    /// The size that a block was asked for.
    ///
    /// # Safety
    /// It must be one of [`take`](Self::take)'s that was not given back.
    unsafe fn size(&self, block: *mut u8) -> usize {
        // SAFETY: every block has it before it.
        unsafe { ((block as usize - ALIGN) as *const usize).read() }
    }

    /// Gives a block another size where it is; `false` if it cannot grow there.
    ///
    /// # Safety
    /// As [`size`](Self::size).
    unsafe fn resize(&mut self, block: *mut u8, size: usize) -> bool {
        // SAFETY: the caller's.
        let old = unsafe { self.size(block) };
        if size <= old {
            return true;
        }
        let is_last = block as usize + room(old) == self.next;
        if !is_last || size > LARGE || block as usize + room(size) > self.end {
            return false;
        }
        self.next = block as usize + room(size);
        // SAFETY: where its size is, as above.
        unsafe { ((block as usize - ALIGN) as *mut usize).write(size) };
        true
    }

    /// Takes a block back, which means something only if it is the last one.
    ///
    /// # Safety
    /// As [`size`](Self::size).
    unsafe fn give_back(&mut self, block: *mut u8) {
        // SAFETY: the caller's.
        let after = block as usize + room(unsafe { self.size(block) });
        self.touched = self.touched.max(after);
        if after == self.next {
            self.next = block as usize - ALIGN;
        }
    }
}

/// What a block of this size takes, besides what is before it.
#[inline]
fn room(size: usize) -> usize {
    size.next_multiple_of(ALIGN).max(ALIGN)
}

/// The arena. No two of these references exist at a time: the functions below call nothing while they have one.
#[inline]
fn arena<'a>() -> &'a mut Arena {
    // SAFETY: one thread.
    unsafe { &mut *ARENA.0.get() }
}

/// The table behind ours.
#[inline]
fn next() -> &'static Dispatch {
    // SAFETY: the allocator fills it in before anybody calls a function of ours, and it is never taken out.
    unsafe { &*(*TABLE.0.get()).next }
}

/// From here on blocks outside of the arena may be the runner's own, and are freed.
#[inline]
fn elsewhere() -> &'static Dispatch {
    arena().pristine = false;
    next()
}

unsafe extern "C" fn alloc(size: usize, token: Token, context: Context) -> *mut u8 {
    match arena().take(size, ALIGN) {
        Some(block) => block,
        // SAFETY: what we were called with; the table's functions are all there.
        None => unsafe { elsewhere().alloc.unwrap_unchecked()(size, token, context) },
    }
}

unsafe extern "C" fn alloc_unchecked(size: usize, token: Token, context: Context) -> *mut u8 {
    match arena().take(size, ALIGN) {
        Some(block) => block,
        // SAFETY: as in `alloc`.
        None => unsafe { elsewhere().alloc_unchecked.unwrap_unchecked()(size, token, context) },
    }
}

unsafe extern "C" fn alloc_zeroed(count: usize, size: usize, token: Token, context: Context) -> *mut u8 {
    arena().take_zeros(count, size).unwrap_or_else(|| {
        // SAFETY: as in `alloc`.
        unsafe { elsewhere().alloc_zeroed.unwrap_unchecked()(count, size, token, context) }
    })
}

unsafe extern "C" fn alloc_zeroed_unchecked(
    count: usize,
    size: usize,
    token: Token,
    context: Context,
) -> *mut u8 {
    arena().take_zeros(count, size).unwrap_or_else(|| {
        // SAFETY: as in `alloc`.
        unsafe { elsewhere().alloc_zeroed_unchecked.unwrap_unchecked()(count, size, token, context) }
    })
}

unsafe extern "C" fn alloc_aligned(align: usize, size: usize, token: Token, context: Context) -> *mut u8 {
    match arena().take(size, align) {
        Some(block) => block,
        // SAFETY: as in `alloc`.
        None => unsafe { elsewhere().alloc_aligned.unwrap_unchecked()(align, size, token, context) },
    }
}

/// `realloc`: `alloc` makes a new block where one is needed, `behind` names the function for blocks that are not the arena's.
///
/// # Safety
/// As the C library's: the block is null, or whoever calls this has it.
unsafe fn another_size(
    block: *mut u8,
    size: usize,
    (token, context): (Token, Context),
    alloc: Alloc,
    behind: impl FnOnce(&Dispatch) -> Option<Realloc>,
) -> *mut u8 {
    // SAFETY: the caller's, and what we were called with; the table's functions are all there. What is allocated is another
    // block, of more bytes than are copied.
    unsafe {
        if block.is_null() {
            return alloc(size, token, context);
        }
        if !arena().holds(block) {
            return behind(elsewhere()).unwrap_unchecked()(block, size, token, context);
        }
        if size == 0 {
            arena().give_back(block);
            return ptr::null_mut();
        }
        if arena().resize(block, size) {
            return block;
        }
        let new = alloc(size, token, context);
        if !new.is_null() {
            ptr::copy_nonoverlapping(block, new, arena().size(block));
            arena().give_back(block);
        }
        new
    }
}

unsafe extern "C" fn realloc(block: *mut u8, size: usize, token: Token, context: Context) -> *mut u8 {
    // SAFETY: what we were called with.
    unsafe { another_size(block, size, (token, context), alloc, |table| table.realloc) }
}

unsafe extern "C" fn realloc_unchecked(
    block: *mut u8,
    size: usize,
    token: Token,
    context: Context,
) -> *mut u8 {
    // SAFETY: what we were called with.
    unsafe { another_size(block, size, (token, context), alloc_unchecked, |table| table.realloc_unchecked) }
}

/// Frees a block if it is for us to free: the arena's, or the zygote's while there is none of the runner's own.
fn ours(block: *mut u8) -> bool {
    let arena = arena();
    if arena.holds(block) {
        // SAFETY: whoever frees a block has it.
        unsafe { arena.give_back(block) };
        return true;
    }
    arena.pristine
}

unsafe extern "C" fn free(block: *mut u8, context: Context) {
    if !ours(block) {
        // SAFETY: as in `alloc`.
        unsafe { next().free.unwrap_unchecked()(block, context) };
    }
}

unsafe extern "C" fn free_sized(block: *mut u8, size: usize, context: Context) {
    if !ours(block) {
        // SAFETY: as in `alloc`.
        unsafe { next().free_sized.unwrap_unchecked()(block, size, context) };
    }
}

unsafe extern "C" fn free_aligned(block: *mut u8, align: usize, context: Context) {
    if !ours(block) {
        // SAFETY: as in `alloc`.
        unsafe { next().free_aligned.unwrap_unchecked()(block, align, context) };
    }
}

unsafe extern "C" fn free_sized_aligned(block: *mut u8, size: usize, align: usize, context: Context) {
    if !ours(block) {
        // SAFETY: as in `alloc`.
        unsafe { next().free_sized_aligned.unwrap_unchecked()(block, size, align, context) };
    }
}

unsafe extern "C" fn size(block: *mut u8, context: Context) -> usize {
    if arena().holds(block) {
        // SAFETY: whoever asks for a block's size has it.
        return unsafe { arena().size(block) };
    }
    // SAFETY: as in `alloc`.
    unsafe { next().size.unwrap_unchecked()(block, context) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An open arena over memory of the test's own.
    fn arena_over(memory: &mut [u128]) -> Arena {
        let start = memory.as_mut_ptr() as usize;
        let mut arena = Arena::new(start, start + size_of_val(memory));
        assert!(arena.take(1, ALIGN).is_none(), "closed until it is opened");
        arena.next = start;
        arena
    }

    #[test]
    fn blocks_lie_side_by_side_and_the_last_one_is_used_again() {
        let mut memory = vec![0_u128; 64];
        let mut arena = arena_over(&mut memory);
        let one = arena.take(5, ALIGN).unwrap();
        let two = arena.take(0, ALIGN).unwrap();
        let three = arena.take(40, 64).unwrap();
        assert_eq!(two as usize - one as usize, 32);
        assert_eq!((three as usize % 64, arena.holds(three)), (0, true));
        // SAFETY: all of these are blocks of this arena's, each given back once.
        unsafe {
            assert_eq!((arena.size(one), arena.size(two), arena.size(three)), (5, 0, 40));
            arena.give_back(one);
            let before = arena.next;
            arena.give_back(three);
            assert!(arena.next < before);
            assert_eq!(arena.take(40, 64), Some(three));
        }
        assert!(arena.take(64 * 16, ALIGN).is_none(), "no room");
        assert!(arena.take(LARGE + 1, ALIGN).is_none() && arena.take(usize::MAX, ALIGN).is_none());
        assert!(arena.take_zeros(usize::MAX, 2).is_none());
        assert!(!arena.holds(ptr::null_mut()) && !arena.holds(arena.end as *mut u8));
    }

    #[test]
    fn zeros_are_zeros_where_something_was_before() {
        let mut memory = vec![0_u128; 64];
        let mut arena = arena_over(&mut memory);
        let first = arena.take(100, ALIGN).unwrap();
        // SAFETY: blocks of this arena's, written to within their sizes, each given back once.
        unsafe {
            first.write_bytes(7, 100);
            arena.give_back(first);
            let zeros = arena.take_zeros(50, 4).unwrap();
            assert_eq!(zeros, first);
            assert!(std::slice::from_raw_parts(zeros, 200).iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn only_the_last_block_grows_where_it_is() {
        let mut memory = vec![0_u128; 64];
        let mut arena = arena_over(&mut memory);
        let (one, two) = (arena.take(20, ALIGN).unwrap(), arena.take(20, ALIGN).unwrap());
        // SAFETY: blocks of this arena's.
        unsafe {
            assert!(arena.resize(one, 10) && !arena.resize(one, 33));
            assert!(arena.resize(two, 100));
            assert_eq!((arena.size(two), arena.next), (100, two as usize + 112));
            assert!(!arena.resize(two, 64 * 16));
        }
    }
}
