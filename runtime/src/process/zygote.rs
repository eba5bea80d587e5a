//! The zygote: a process with one isolate and its context made and warmed up, of which every run gets a copy.
//!
//! Its standard input is the socket to the broker; it has no other descriptor, no environment and, once it has said
//! [`FromZygote::Ready`], no way to get one. It never runs a script: it only forks. What it has warmed up (functions of
//! the snapshot compiled, pages there) is what all runners have in common, and it is isolet's own.

use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[cfg(target_arch = "x86_64")]
use super::arena;
use super::fork::{self, Forked};
use super::frames::{self, FromZygote, ToZygote, VERSION};
use super::freeze::Shelf;
use super::mappings::Mappings;
use super::{channel, empty, huge, jail, runner, warm_up};
use crate::Catalogue;
use crate::isolate::{Bare, FreshIsolate};
use crate::v8_process;

/// What the broker puts on the zygote's command line, after the hidden subcommand.
#[derive(Debug, Clone, Copy)]
pub struct ZygoteOptions {
    /// Heap and array buffers of a run, in bytes.
    pub heap_bytes: usize,
    /// Bound on the private memory of each process, in bytes.
    pub memory_bytes: u64,
    /// How many runners there may be at once. What makes each of them cheaper is left out for a single one.
    pub copies: usize,
}

impl ZygoteOptions {
    /// As command line words.
    pub(crate) fn to_words(self) -> [String; 3] {
        [self.heap_bytes.to_string(), self.memory_bytes.to_string(), self.copies.to_string()]
    }

    fn from_words(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || words.next()?.parse::<u64>().ok();
        Some(Self { heap_bytes: next()? as usize, memory_bytes: next()?, copies: next()? as usize })
    }
}

/// The whole life of a zygote; `words` are the command line after the subcommand's name. Returns when the broker hangs
/// up. The binary must call this before it starts any thread of its own.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    let Some(options) = ZygoteOptions::from_words(words) else {
        eprintln!("isolet runner: started by isolet serve, not by hand");
        return ExitCode::from(2);
    };
    match serve(options) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("isolet runner: {error}");
            ExitCode::FAILURE
        }
    }
}

/// V8's own limit on the heap lies this part of a run's limit above it. V8 can end its process there in the middle of an
/// allocation; it says so first, and a runner that runs out of memory has no more to lose than its run.
const ROOM: usize = 8;

fn serve(options: ZygoteOptions) -> io::Result<std::convert::Infallible> {
    // First of all, as namespaces can be left only by a process with one thread.
    jail::close_inherited();
    // The parser asks how much stack is left, and gets itself another one where nobody knows. The C library knows from
    // /proc, which the jail takes away; what it said is remembered for the thread, and so for all its copies.
    let _ = stacker::remaining_stack();
    let memory = Memory::open();
    let mut layers = jail::enter(options.memory_bytes);
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    fork::leave_stdin();
    fork::expect();
    v8_process::start_alone();
    let mut fresh = original(options, memory)?;
    // Copies must not all hand out the same random bytes.
    crate::entropy::forget();
    jail::shut(&mut layers);
    (&socket).write_all(&encode(&FromZygote::Ready { version: VERSION, layers })?)?;

    let mut catalogues: HashMap<u64, Arc<Catalogue>> = HashMap::new();
    let mut reader = BufReader::with_capacity(16 << 10, &socket);
    while let Some(message) = frames::read::<ToZygote>(&mut reader)? {
        match message {
            ToZygote::Catalogue { id, catalogue } => {
                catalogues.insert(id, Arc::new(catalogue));
            }
            ToZygote::Forget { id } => {
                catalogues.remove(&id);
            }
            ToZygote::Spawn { count } => {
                for _ in 0..count {
                    let (theirs, ours) = patiently(fork::socket_pair)?;
                    match patiently(fork::fork)? {
                        Forked::Runner => {
                            #[cfg(target_arch = "x86_64")]
                            arena::open();
                            drop(theirs);
                            // Not freed: that would write to memory which is still the zygote's too.
                            std::mem::forget(reader);
                            drop(socket);
                            runner::live(&mut fresh, ours, &mut catalogues);
                        }
                        Forked::Zygote(pid, process) => {
                            drop(ours);
                            let known = catalogues.keys().copied().collect();
                            let frame = encode(&FromZygote::Runner { pid, catalogues: known })?;
                            channel::send(&socket, &frame, &[theirs.as_fd(), process.as_fd()])?;
                        }
                    }
                }
            }
        }
    }
    // The broker is gone: so are the callers of all runs, and with this process its runners end.
    fork::end()
}

/// What it takes to arrange the process's memory, and cannot be had in the jail any more.
pub(super) struct Memory(Mappings, Shelf);

impl Memory {
    /// # Errors
    /// Where there is no such thing. Nothing depends on it but speed.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self(Mappings::open()?, Shelf::open()?))
    }

    /// Puts away what will not change any more, and has the kernel note anew what is used of the program.
    fn put_away(self) -> io::Result<Mappings> {
        let Self(mappings, shelf) = self;
        let all = mappings.read()?;
        shelf.freeze(&all)?;
        huge::forget(&all);
        Ok(mappings)
    }
}

/// The isolate and context that are copied, and all else as a copy is to find it.
///
/// # Errors
/// When there is no memory, or isolet's own JavaScript failed where it had worked before.
pub(super) fn original(options: ZygoteOptions, memory: io::Result<Memory>) -> io::Result<FreshIsolate> {
    let isolate =
        || Bare::new(options.heap_bytes, options.heap_bytes + options.heap_bytes / ROOM).with_context();
    let mut fresh = isolate();
    if options.copies > 1 {
        match warm_up::warm_up(&mut fresh) {
            Ok(()) => {
                let mappings = memory.and_then(Memory::put_away);
                // A context in which this came to nothing is not one to copy.
                warm_up::again(&mut fresh).map_err(io::Error::other)?;
                let arranged = mappings.and_then(|mappings| {
                    huge::put(&mappings)?;
                    empty::give_back(&mappings)
                });
                if let Err(error) = arranged {
                    eprintln!("isolet runner: its memory stays as it is, which makes runs slower: {error}");
                }
            }
            // The heap that runs may have is too small for it, most likely. What was stopped stays so.
            Err(error) => {
                eprintln!("isolet runner: nothing is warmed up, which makes runs slower: {error}");
                // The crate `v8` wants isolates to go in the opposite order.
                drop(fresh);
                fresh = isolate();
            }
        }
    }
    #[cfg(target_arch = "x86_64")]
    arena::lay_out()?;
    Ok(fresh)
}

/// Tries again while the kernel has no room for another process or socket: others may end, and the zygote's own end would
/// take its runs along.
fn patiently<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    const PAUSE: Duration = Duration::from_millis(10);
    const ATTEMPTS: u32 = 1000;
    for _ in 1..ATTEMPTS {
        if let Ok(got) = attempt() {
            return Ok(got);
        }
        std::thread::sleep(PAUSE);
    }
    attempt()
}

fn encode(message: &FromZygote) -> io::Result<Vec<u8>> {
    frames::encode(message).map_err(io::Error::other)
}
