//! Evaluating the libraries of scripts, in a zygote whose jail is closed.
//!
//! No run has been in the process, and nothing is in it that a run's process does not have: no
//! server's name, no credential, no file. The broker enforces the time.

use std::io::{self, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use super::{log_line, warm_up};
use crate::isolate::FreshIsolate;
use crate::process::memory::library_pages::LibraryPages;
use crate::process::protocol::frames;
use crate::process::protocol::messages::{FromZygote, ToZygote};
use crate::{Libraries, Limits, libraries};

/// A loop that makes garbage until V8 has collected its young generation several times. What the
/// libraries keep is old then: without it the first collection of each run copies it. A full
/// collection would do the same, and leave pages to sweep to each run.
const AGING_SCRIPT: &str =
    "{ const ring = []; for (let i = 0; i < 500_000; i++) ring[i & 7] = [i, i, i, i]; }";

/// Receives the libraries and evaluates them. Their memory is arranged so that forks cost little.
///
/// # Errors
/// Returns the reason why a library cannot be used.
pub(super) fn receive(
    fresh: &mut FreshIsolate,
    memory: usize,
    reader: &mut BufReader<&UnixStream>,
    pages: Option<io::Result<LibraryPages>>,
) -> io::Result<()> {
    // Before the modules are received: their texts are memory of libraries too.
    let pages = pages.map(|pages| pages.and_then(|pages| pages.before().map(|before| (pages, before))));
    let Some(ToZygote::Libraries { libraries, modules }) = frames::read(reader)? else {
        return Err(io::Error::other("the broker sent no libraries"));
    };
    let libraries = Libraries { libraries: libraries.into(), modules: modules.into() };
    let mut socket: &UnixStream = reader.get_ref();
    let begin = |library: usize| {
        if let Ok(frame) = frames::encode(&FromZygote::Evaluating { library: library as u32 }) {
            let _ = socket.write_all(&frame);
        }
    };
    let limits = Limits { memory, ..Limits::default() };
    libraries::evaluate(fresh, &libraries, limits, begin).map_err(io::Error::other)?;
    drop(libraries);
    if let Some(pages) = pages {
        fresh.evaluate(AGING_SCRIPT).ok_or_else(|| io::Error::other("a loop failed"))?;
        // SAFETY: the call gives free memory of the allocator back to the kernel.
        unsafe { libc::malloc_trim(0) };
        let moved = pages.and_then(|(pages, before)| pages.take_over(&before));
        if let Err(error) = moved {
            log_line(&format!("the memory of libraries could not be arranged, so runs are slower: {error}"));
        }
        // Brings the memory into use that every run uses.
        warm_up::run_traceless(fresh).map_err(|error| {
            io::Error::other(format!("no script can run after the libraries have been evaluated: {error}"))
        })?;
    }
    libraries::end(fresh);
    // All runners would draw the same random bytes from what is left of those that were used.
    crate::entropy::forget();
    Ok(())
}
