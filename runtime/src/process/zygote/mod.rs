//! The zygote: a process with one warm isolate and context, which is forked for each run.
//!
//! Its standard input is the socket to the broker. It has no other descriptor and no environment,
//! and once it has sent `FromZygote::Ready` its jail is closed. It never runs a script. All its
//! runners have what it has warmed up, which is isolet's own code, and the libraries that the
//! operator has named, which it evaluates in its closed jail.
//!
//! | module | contents |
//! |---|---|
//! | `options` | the zygote's command line |
//! | `start` | from the start of the process to a warm isolate in a closed jail |
//! | [`requirements`] | the limits and rights that V8 needs |
//! | [`warm_up`] | the scripts that warm up the isolate |
//! | [`fork`] | forking a runner |
//! | [`syscall_token`] | the token for the system calls that only the zygote may make |
//! | `libraries` | evaluating the libraries of scripts |
//! | `exit_statuses` | the exit statuses of runners |

mod exit_statuses;
pub(crate) mod fork;
mod libraries;
mod options;
pub(crate) mod requirements;
pub(crate) mod start;
pub(crate) mod syscall_token;
mod warm_up;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use options::ZygoteOptions;

use self::exit_statuses::ExitStatuses;
use self::fork::Forked;
use self::start::Started;
use super::protocol::messages::{FromZygote, PROTOCOL_VERSION, ToZygote};
use super::protocol::{descriptors, frames};
use super::{jail, runner};
use crate::Catalogue;

/// Runs a zygote until the broker closes its socket. `words` is the command line after the
/// subcommand.
///
/// The executable must call this function before it starts a thread.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    let Some(options) = ZygoteOptions::from_words(words) else {
        log_line("this command is started by isolet itself, not by hand");
        return ExitCode::from(2);
    };
    match serve(options) {
        Ok(never) => match never {},
        // The broker closed the socket while the zygote was about to send a message.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            log_line(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Prints a line for the log. The pipe may be full, and the zygote goes on without the line then.
fn log_line(line: &str) {
    let _ = io::stderr().write_all(format!("isolet zygote: {line}\n").as_bytes());
}

/// Starts up, and then handles the broker's messages until the socket is closed.
fn serve(options: ZygoteOptions) -> io::Result<Infallible> {
    jail::close_inherited();
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = BufReader::with_capacity(16 << 10, &socket);
    let started = start::start(options).and_then(|started| {
        let Started { mut fresh, jail, listener, library_pages } = started;
        if options.libraries {
            libraries::receive(&mut fresh, options.heap_bytes, &mut reader, library_pages)?;
        }
        Ok((fresh, jail, listener))
    });
    let (mut fresh, jail, listener) = match started {
        Ok(started) => started,
        Err(error) => {
            (&socket).write_all(&encode(&FromZygote::Failed { reason: error.to_string() })?)?;
            return Err(error);
        }
    };
    let supervised = listener.is_some();
    let ready = encode(&FromZygote::Ready { version: PROTOCOL_VERSION, jail, supervised })?;
    match listener {
        // Dropped here, before there is a runner: only the broker may have it.
        Some(listener) => descriptors::send_with_descriptors(&socket, &ready, &[listener.as_fd()])?,
        None => (&socket).write_all(&ready)?,
    }

    let mut catalogues: HashMap<u64, Arc<Catalogue>> = HashMap::new();
    let mut statuses = ExitStatuses::default();
    while let Some(message) = frames::read::<ToZygote>(&mut reader)? {
        match message {
            ToZygote::Catalogue { id, catalogue } => {
                catalogues.insert(id, Arc::new(catalogue));
            }
            // They come before the zygote is ready.
            ToZygote::Libraries { .. } => {}
            ToZygote::ForgetCatalogue { id } => {
                catalogues.remove(&id);
            }
            ToZygote::QueryExit { pid } => {
                let forbidden_call = statuses.take_forbidden_call(pid);
                (&socket).write_all(&encode(&FromZygote::RunnerExit { pid, forbidden_call })?)?;
            }
            ToZygote::Reap => statuses.reap(),
            ToZygote::Spawn { count, kind } => {
                for _ in 0..count {
                    statuses.reap();
                    let (broker_end, runner_end) = retry(fork::socket_pair)?;
                    match retry(|| fork::fork(kind))? {
                        Forked::Runner => {
                            drop(broker_end);
                            // Not freed: a runner that frees the zygote's memory writes to pages
                            // that it shares with the zygote, and so has to copy them.
                            std::mem::forget(reader);
                            drop(socket);
                            runner::serve(&mut fresh, runner_end, &mut catalogues);
                        }
                        Forked::Zygote(pid, pidfd) => {
                            drop(runner_end);
                            statuses.forget(pid);
                            let known = catalogues.keys().copied().collect();
                            let frame = encode(&FromZygote::Runner { pid, kind, catalogues: known })?;
                            let fds = [broker_end.as_fd(), pidfd.as_fd()];
                            descriptors::send_with_descriptors(&socket, &frame, &fds)?;
                        }
                    }
                }
            }
        }
    }
    // Without the broker nobody waits for any run. The runners end with this process.
    fork::exit_now()
}

/// Repeats `attempt` for up to 10 s while it fails: the kernel may have too many processes or
/// sockets, some of which end soon. If the zygote ended instead, its runs would end too.
fn retry<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    const RETRY_PAUSE: Duration = Duration::from_millis(10);
    const MAX_ATTEMPTS: u32 = 1000;
    for _ in 1..MAX_ATTEMPTS {
        if let Ok(value) = attempt() {
            return Ok(value);
        }
        std::thread::sleep(RETRY_PAUSE);
    }
    attempt()
}

fn encode(message: &FromZygote) -> io::Result<Vec<u8>> {
    frames::encode(message).map_err(io::Error::other)
}
