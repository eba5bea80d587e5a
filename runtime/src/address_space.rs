//! Checks the limit on addresses (`RLIMIT_AS`) before memory is allocated.
//!
//! V8's archive has a `malloc` of its own, which reserves addresses at the first call and aborts
//! with a stack trace if the limit is too small. Rust's runtime makes that call before `main`, so
//! this check runs as a constructor of the program.

/// The smallest limit with which the allocator starts; 48 GiB is too small. Scripts need more
/// (`process::zygote::requirements`).
const MIN_ADDRESS_SPACE_BYTES: libc::rlim_t = 64 << 30;

#[used]
#[unsafe(link_section = ".init_array")]
static CHECK: extern "C" fn() = check;

/// Ends the process with a message and exit code 3 if the limit is too small.
extern "C" fn check() {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: writes to a live structure.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    if limit.rlim_cur < MIN_ADDRESS_SPACE_BYTES {
        let mut message = [0; 256];
        let mut rest = &mut message[..];
        let mib = limit.rlim_cur >> 20;
        // The message is written into the array: memory cannot be allocated here.
        let _ = std::io::Write::write_fmt(
            &mut rest,
            format_args!(
                "isolet: RLIMIT_AS (ulimit -v) is {mib} MiB, and V8 reserves up to 1 TiB of addresses, most of which is never \
                 used: raise it\n"
            ),
        );
        let length = 256 - rest.len();
        // SAFETY: a live array; then the process ends without running anything.
        unsafe {
            libc::write(2, message.as_ptr().cast(), length);
            libc::_exit(3);
        }
    }
}

/// Makes the linker keep this file's constructor, which it would drop without a reference.
pub(crate) fn keep() {
    std::hint::black_box(&CHECK);
}
