//! A token for the system calls that a zygote may make and its runners may not.
//!
//! A runner inherits its zygote's filter of system calls. The zygote needs some calls that a runner
//! must not make: forking, and making and sending sockets. A second filter for each runner would
//! take 0.06 ms of CPU, since the kernel compiles it. Instead, the filter allows these calls only
//! with a token: a random number of 64 bits in the sixth argument, which none of the calls has and
//! the kernel ignores. The token is in the filter, which no process can read, and in one variable
//! of the zygote. A runner overwrites that variable before it reads its first byte. From then on it
//! would have to guess.
//!
//! This holds only if the token is nowhere else in memory. So no Rust value holds it: the kernel
//! writes it to its variable, and the assembly in this module moves it from there to the register
//! of a system call or into the filter. The test `jail_probe` searches the memory of a runner for
//! it.

use std::ffi::c_long;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use seccompiler::{BackendError, BpfProgram, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, sock_filter};

/// The token, or zero before [`draw`] and after [`wipe`].
static TOKEN: AtomicU64 = AtomicU64::new(0);

/// Placeholders for the two halves of the token in the compiled filter. No other number in the
/// filter has these values, which [`set_filter`] checks.
const PLACEHOLDERS: [u32; 2] = [0x5f50_4153, 0x535f_4c4f];

/// Draws the token. A zygote calls this once, before it sets its filter.
///
/// # Errors
/// Returns an error if the kernel gives no random bytes.
pub(crate) fn draw() -> io::Result<()> {
    // SAFETY: these are the eight bytes of the atomic, and this process has one thread.
    let bytes = unsafe { std::slice::from_raw_parts_mut(TOKEN.as_ptr().cast::<u8>(), 8) };
    getrandom::fill(bytes).map_err(io::Error::other)
}

/// Returns the condition that a call has the token (in the compiled filter: the placeholders).
pub(crate) fn condition() -> Result<SeccompCondition, BackendError> {
    let [high, low] = PLACEHOLDERS.map(u64::from);
    SeccompCondition::new(5, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, high << 32 | low)
}

/// Replaces the placeholders in a compiled filter by the token, passes the filter to `set`, and
/// removes the token again.
///
/// # Errors
/// Returns an error if the filter does not have `calls` conditions with the token, and the error of
/// `set`.
pub(crate) fn set_filter(
    program: &mut BpfProgram,
    calls: usize,
    set: impl FnOnce(&BpfProgram) -> Result<(), String>,
) -> Result<(), String> {
    let places = PLACEHOLDERS.map(|half| {
        let is = |instruction: &sock_filter| instruction.k == half;
        program.iter().enumerate().filter(|(_, is_it)| is(is_it)).map(|(at, _)| at).collect::<Vec<_>>()
    });
    if places.iter().any(|places| places.len() != calls) {
        return Err("the filter of system calls does not check the token where it should".into());
    }
    for (half, places) in places.iter().enumerate() {
        places.iter().for_each(|at| copy_half(&mut program[*at].k, half == 0));
    }
    let set = set(program);
    for (placeholder, places) in PLACEHOLDERS.iter().zip(&places) {
        for at in places {
            // SAFETY: the number is live. The write is volatile, since the token must not stay in
            // memory.
            unsafe { std::ptr::write_volatile(&raw mut program[*at].k, *placeholder) };
        }
    }
    set
}

/// Copies one half of the token.
#[cfg(target_arch = "x86_64")]
fn copy_half(to: &mut u32, high: bool) {
    let from = TOKEN.as_ptr().cast::<u32>().wrapping_add(usize::from(high));
    // SAFETY: the code reads four bytes of the atomic, writes them to a live number, and clears the
    // register that held them.
    unsafe {
        std::arch::asm!(
            "mov {half:e}, dword ptr [{from}]",
            "mov dword ptr [{to}], {half:e}",
            "xor {half:e}, {half:e}",
            half = out(reg) _, from = in(reg) from, to = in(reg) to,
            options(nostack),
        );
    }
}

/// Makes a system call of at most five arguments, with the token.
///
/// # Safety
/// The requirements are those of the system call.
///
/// # Errors
/// Returns the kernel's error.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn syscall(number: c_long, arguments: [usize; 5]) -> io::Result<usize> {
    let [first, second, third, fourth, fifth] = arguments;
    let result: isize;
    // SAFETY: the caller answers for the call. The kernel ignores the sixth argument, and its
    // register is cleared.
    unsafe {
        std::arch::asm!(
            "mov r9, qword ptr [{token}]",
            "syscall",
            "xor r9d, r9d",
            token = in(reg) TOKEN.as_ptr(),
            inlateout("rax") number as isize => result,
            in("rdi") first, in("rsi") second, in("rdx") third, in("r10") fourth, in("r8") fifth,
            out("r9") _, lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    to_result(result)
}

/// Copies one half of the token. On these processors the token is a Rust value and may stay on the
/// stack.
#[cfg(not(target_arch = "x86_64"))]
fn copy_half(to: &mut u32, high: bool) {
    let token = TOKEN.load(Ordering::Relaxed);
    *to = if high { (token >> 32) as u32 } else { token as u32 };
}

/// Makes a system call of at most five arguments, with the token, through the C library.
///
/// # Safety
/// The requirements are those of the system call.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn syscall(number: c_long, arguments: [usize; 5]) -> io::Result<usize> {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: the caller answers for the call.
    let result =
        unsafe { libc::syscall(number, first, second, third, fourth, fifth, TOKEN.load(Ordering::Relaxed)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
}

/// Converts the kernel's return value, in which errors are negative numbers.
#[cfg(target_arch = "x86_64")]
fn to_result(result: isize) -> io::Result<usize> {
    if result < 0 {
        Err(io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EINVAL)))
    } else {
        Ok(result as usize)
    }
}

/// Overwrites the token, in a runner.
pub(crate) fn wipe() {
    TOKEN.store(0, Ordering::Relaxed);
}

/// Returns the token in a form in which a search for the token does not find it.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn obfuscated_token() -> u64 {
    obfuscate(TOKEN.load(Ordering::Relaxed))
}

/// Maps a number to another one, without collisions.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn obfuscate(word: u64) -> u64 {
    word.rotate_left(13).wrapping_add(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_has_the_token_only_while_it_is_set() {
        draw().unwrap();
        let instruction = |k| sock_filter { code: 0x15, jt: 0, jf: 1, k };
        let mut program = vec![instruction(PLACEHOLDERS[0]), instruction(7), instruction(PLACEHOLDERS[1])];
        let before = program.clone();
        let mut seen = 0;
        set_filter(&mut program, 1, |program| {
            seen = u64::from(program[0].k) << 32 | u64::from(program[2].k);
            assert_eq!(program[1].k, 7);
            Ok(())
        })
        .unwrap();
        assert_eq!(obfuscate(seen), obfuscated_token());
        assert!(program.iter().map(|i| i.k).eq(before.iter().map(|i| i.k)));
        assert!(set_filter(&mut program, 2, |_| Ok(())).is_err());
    }

    #[test]
    fn a_call_with_the_token_returns_what_the_kernel_returns() {
        // SAFETY: the call takes no pointers.
        let pid = unsafe { syscall(libc::SYS_getpid, [0; 5]) }.unwrap();
        assert_eq!(pid, std::process::id() as usize);
        // SAFETY: there is no such descriptor.
        let error = unsafe { syscall(libc::SYS_close, [usize::MAX, 0, 0, 0, 0]) }.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }
}
