//! System calls without the C library.

use std::ffi::CStr;
use std::io;

pub(super) use self::Argument::{Buffer as B, Number as N, Text as T};

/// An argument of a system call. Pointers come from references, which makes [`call`] sound.
pub(super) enum Argument<'a> {
    Number(i64),
    Text(&'a CStr),
    /// A buffer that the kernel may read and write. It is larger than any structure.
    Buffer(&'a mut [u64; 512]),
}

/// Makes a system call by its number, without the C library.
pub(super) fn call<const LENGTH: usize>(
    number: libc::c_long,
    arguments: [Argument; LENGTH],
) -> io::Result<i64> {
    let mut raw = [0_i64; 6];
    for (raw, argument) in raw.iter_mut().zip(arguments) {
        *raw = match argument {
            Argument::Number(number) => number,
            Argument::Text(text) => text.as_ptr() as i64,
            Argument::Buffer(buffer) => buffer.as_mut_ptr() as i64,
        };
    }
    // SAFETY: pointers refer to live C strings and to buffers of 4 KiB, more than any structure of
    // the calls below. Calls that change mappings or make processes get arguments that do not
    // affect this thread's memory.
    let result = unsafe { libc::syscall(number, raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Returns a zeroed buffer for structures.
pub(super) fn buffer() -> [u64; 512] {
    [0; 512]
}

/// Opens a file.
pub(super) fn open(path: &CStr, flags: i32) -> io::Result<i64> {
    call(libc::SYS_openat, [N(libc::AT_FDCWD.into()), T(path), N(flags.into()), N(0o600)])
}

/// Ends the child of a call that makes a process: `result` is 0 in the child.
pub(super) fn end_child(result: io::Result<i64>) -> io::Result<i64> {
    if let Ok(0) = result {
        // SAFETY: the call ends the child without running code of the parent.
        unsafe { libc::_exit(0) }
    }
    result
}
