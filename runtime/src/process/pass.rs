//! System calls that a zygote may make and its runners may not, under one filter for both.
//!
//! A runner inherits its zygote's filter. To take from it what the zygote alone needs (making processes, sockets and
//! descriptors) each runner used to set a second filter: the kernel compiled it, for each run anew, and threw it away, which
//! took 0.06 ms of CPU by itself (measured beside a fork without it, 2 cores). Now the zygote's filter lets these calls through
//! only with a pass: a random number of 64 bits in the sixth argument, which none of them has and the kernel does not look
//! at. The number is in the filter, which nobody can read, and in one place of the zygote's memory. A runner wipes that
//! place before it reads its first byte, and from then on has no way to make these calls but to guess.
//!
//! That holds only if the number is nowhere else in memory. So Rust never has it: it goes from the kernel into its place,
//! and from there by instructions written here into the register of a system call, or into the filter.
//! `escape` searches a runner's memory for it.

use std::ffi::c_long;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use seccompiler::{BackendError, BpfProgram, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, sock_filter};

/// The place. Zero is no pass: a filter is made only after it was filled.
static PASS: AtomicU64 = AtomicU64::new(0);

/// What stands for the two halves of the pass while the filter is compiled; both are no other number in it, which
/// [`into_filter`] checks.
const STAND_INS: [u32; 2] = [0x5f50_4153, 0x535f_4c4f];

/// Draws the number. Once in a zygote, before its filter is made.
///
/// # Errors
/// When the kernel gives no random bytes.
pub(crate) fn draw() -> io::Result<()> {
    // SAFETY: the eight bytes of the atomic, and this process has one thread.
    let place = unsafe { std::slice::from_raw_parts_mut(PASS.as_ptr().cast::<u8>(), 8) };
    getrandom::fill(place).map_err(io::Error::other)
}

/// The condition of a rule under which a call is the zygote's.
pub(crate) fn condition() -> Result<SeccompCondition, BackendError> {
    let [high, low] = STAND_INS.map(u64::from);
    SeccompCondition::new(5, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, high << 32 | low)
}

/// Puts the number into a compiled filter in place of what stands for it, hands that to `set`, and takes it out again.
///
/// # Errors
/// When the filter has not `calls` conditions with it, and what `set` says.
pub(crate) fn into_filter(
    program: &mut BpfProgram,
    calls: usize,
    set: impl FnOnce(&BpfProgram) -> Result<(), String>,
) -> Result<(), String> {
    let places = STAND_INS.map(|half| {
        let is = |instruction: &sock_filter| instruction.k == half;
        program.iter().enumerate().filter(|(_, is_it)| is(is_it)).map(|(at, _)| at).collect::<Vec<_>>()
    });
    if places.iter().any(|places| places.len() != calls) {
        return Err("the filter does not ask for a pass where it should".into());
    }
    for (half, places) in places.iter().enumerate() {
        places.iter().for_each(|at| fill_in(&mut program[*at].k, half == 0));
    }
    let set = set(program);
    for (stand_in, places) in STAND_INS.iter().zip(&places) {
        for at in places {
            // SAFETY: a live number of the program's. Volatile, as the number that was there is not to stay in memory.
            unsafe { std::ptr::write_volatile(&raw mut program[*at].k, *stand_in) };
        }
    }
    set
}

/// Copies one half of the number.
#[cfg(target_arch = "x86_64")]
fn fill_in(to: &mut u32, high: bool) {
    let from = PASS.as_ptr().cast::<u32>().wrapping_add(usize::from(high));
    // SAFETY: reads four bytes of the atomic and writes them to a live number. The register is cleared.
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

/// Makes a system call of at most five arguments, and shows the pass.
///
/// # Safety
/// As the system call.
///
/// # Errors
/// The kernel's.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn call(number: c_long, arguments: [usize; 5]) -> io::Result<usize> {
    let [first, second, third, fourth, fifth] = arguments;
    let result: isize;
    // SAFETY: the caller's. The sixth argument means nothing to the kernel; its register is cleared.
    unsafe {
        std::arch::asm!(
            "mov r9, qword ptr [{pass}]",
            "syscall",
            "xor r9d, r9d",
            pass = in(reg) PASS.as_ptr(),
            inlateout("rax") number as isize => result,
            in("rdi") first, in("rsi") second, in("rdx") third, in("r10") fourth, in("r8") fifth,
            out("r9") _, lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    answer(result)
}

/// Elsewhere the number goes through the C library, and may leave traces on the stack.
#[cfg(not(target_arch = "x86_64"))]
fn fill_in(to: &mut u32, high: bool) {
    let pass = PASS.load(Ordering::Relaxed);
    *to = if high { (pass >> 32) as u32 } else { pass as u32 };
}

/// # Safety
/// As the system call.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn call(number: c_long, arguments: [usize; 5]) -> io::Result<usize> {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: the caller's.
    let result =
        unsafe { libc::syscall(number, first, second, third, fourth, fifth, PASS.load(Ordering::Relaxed)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
}

/// What the kernel returned: errors are small negative numbers.
#[cfg(target_arch = "x86_64")]
fn answer(result: isize) -> io::Result<usize> {
    if result < 0 {
        Err(io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EINVAL)))
    } else {
        Ok(result as usize)
    }
}

/// Wipes the number: the first thing that a runner does.
pub(crate) fn forget() {
    PASS.store(0, Ordering::Relaxed);
}

/// The number in a form in which it cannot be mistaken for itself, for the test that searches for it.
pub(crate) fn disguised() -> u64 {
    disguise(PASS.load(Ordering::Relaxed))
}

pub(crate) fn disguise(word: u64) -> u64 {
    word.rotate_left(13).wrapping_add(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_has_the_number_only_while_it_is_set() {
        draw().unwrap();
        let instruction = |k| sock_filter { code: 0x15, jt: 0, jf: 1, k };
        let mut program = vec![instruction(STAND_INS[0]), instruction(7), instruction(STAND_INS[1])];
        let before = program.clone();
        let mut seen = 0;
        into_filter(&mut program, 1, |program| {
            seen = u64::from(program[0].k) << 32 | u64::from(program[2].k);
            assert_eq!(program[1].k, 7);
            Ok(())
        })
        .unwrap();
        assert_eq!(disguise(seen), disguised());
        assert!(program.iter().map(|i| i.k).eq(before.iter().map(|i| i.k)));
        assert!(into_filter(&mut program, 2, |_| Ok(())).is_err());
    }

    #[test]
    fn calls_with_a_pass_are_calls() {
        // SAFETY: takes no pointers.
        let pid = unsafe { call(libc::SYS_getpid, [0; 5]) }.unwrap();
        assert_eq!(pid, std::process::id() as usize);
        // SAFETY: as above; there is no such descriptor.
        let error = unsafe { call(libc::SYS_close, [usize::MAX, 0, 0, 0, 0]) }.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }
}
