//! The runner process: a pool of isolates behind one socket.
//!
//! Its standard input is the socket to the broker; it has no other descriptor, no environment and, once it has said
//! [`FromRunner::Ready`], no way to get one.

use std::any::Any;
use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::frames::{self, Blob, EncodeError, FromRunner, RunFrame, ToRunner, VERSION};
use super::jail;
use crate::engine::Ticket;
use crate::outlet::Outlet;
use crate::pool::{Pool, PoolOptions, Queued, Text};
use crate::state::Names;
use crate::turns::Inbound;
use crate::{
    Catalogue, ErrorCode, Language, Outcome, RunError, RunEvent, ToolFailure, ToolRequest, v8_process,
};

/// What the broker puts on the runner's command line, after the hidden subcommand.
#[derive(Debug, Clone, Copy)]
pub struct RunnerOptions {
    /// Isolates ready before a request comes.
    pub warm: usize,
    /// Isolates alive at once.
    pub live: usize,
    /// Heap and array buffers of each, in bytes.
    pub heap_bytes: usize,
    /// Bound on the private memory of the whole process, in bytes.
    pub memory_bytes: u64,
}

impl RunnerOptions {
    /// What a runner with so many runs may hold before the broker ends it: its own, its warm isolates, and what each run
    /// may reach before V8 acts on its limit. Checked four times a second, as no cgroup can be counted on.
    pub(crate) fn allowed_memory(&self, runs: usize) -> u64 {
        const OWN: u64 = 256 << 20;
        const WARM: u64 = 8 << 20;
        let run = (self.heap_bytes + crate::isolate::GRACE) as u64 + WARM;
        OWN + self.warm as u64 * WARM + (runs as u64 + 1) * run
    }

    /// As command line words.
    pub(crate) fn to_words(self) -> [String; 4] {
        [
            self.warm.to_string(),
            self.live.to_string(),
            self.heap_bytes.to_string(),
            self.memory_bytes.to_string(),
        ]
    }

    fn from_words(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || words.next()?.parse::<u64>().ok();
        Some(Self {
            warm: next()? as usize,
            live: next()? as usize,
            heap_bytes: next()? as usize,
            memory_bytes: next()?,
        })
    }
}

/// The whole life of a runner; `words` are the command line after the subcommand's name. Returns when the broker hangs
/// up. The binary must call this before it starts any thread of its own.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    let Some(options) = RunnerOptions::from_words(words) else {
        eprintln!("isolet runner: started by isolet serve, not by hand");
        return ExitCode::from(2);
    };
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("isolet runner: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: RunnerOptions) -> io::Result<()> {
    // Namespaces can be left only while there is one thread, system calls only given up when all threads exist. First of
    // all, as it closes all descriptors but the first three.
    let mut layers = jail::before_threads(options.memory_bytes);
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    v8_process::start();
    let pool =
        Pool::start(PoolOptions { warm: options.warm, live: options.live, heap_bytes: options.heap_bytes });
    pool.wait_until_warm();
    let broker = Arc::new(Broker { socket: Mutex::new(socket.try_clone()?) });
    jail::shut(&mut layers);
    broker.say(&FromRunner::Ready { version: VERSION, layers }).map_err(io::Error::other)?;

    let runs: Arc<Mutex<HashMap<u64, Arc<Ticket>>>> = Arc::default();
    let mut catalogues: HashMap<u64, Arc<Catalogue>> = HashMap::new();
    let mut reader = BufReader::with_capacity(64 << 10, socket);
    while let Some(message) = frames::read::<ToRunner>(&mut reader)? {
        match message {
            ToRunner::Catalogue { id, catalogue } => {
                catalogues.insert(id, Arc::new(catalogue));
            }
            ToRunner::Forget { id } => {
                catalogues.remove(&id);
            }
            ToRunner::Run(frame) => {
                let RunFrame { run, catalogue, code, typescript, input, vars, limits } = *frame;
                let ticket = Arc::new(Ticket::default());
                lock(&runs).insert(run, ticket.clone());
                let names = Names {
                    vars: serde_json::from_str(&vars).unwrap_or_default(),
                    catalogue: catalogues.get(&catalogue).cloned().unwrap_or_default(),
                };
                let language = if typescript { Language::TypeScript } else { Language::JavaScript };
                let outlet = FrameOutlet { run, broker: broker.clone(), runs: runs.clone() };
                pool.push(Queued::new(
                    Text { code, language, input },
                    names,
                    limits,
                    Box::new(outlet),
                    ticket,
                ));
            }
            ToRunner::Answer { run, call, answer } => {
                if let Some(ticket) = lock(&runs).get(&run) {
                    ticket.send(Inbound::Answer { id: call, answer: answer.map(|Blob(json)| json) });
                }
            }
            ToRunner::Stop { run } => {
                if let Some(ticket) = lock(&runs).remove(&run) {
                    ticket.cancel();
                }
            }
        }
    }
    // The broker is gone: so are the callers of all runs.
    std::process::exit(0);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writing end of the socket, shared by all JavaScript threads.
struct Broker {
    socket: Mutex<UnixStream>,
}

impl Broker {
    /// Sends a frame. A thread whose broker does not read waits here; that is the back-pressure. A broker that is gone
    /// ends the process through the reading end.
    fn say<T: Serialize>(&self, message: &T) -> Result<(), EncodeError> {
        let frame = frames::encode(message)?;
        let _ = lock(&self.socket).write_all(&frame);
        Ok(())
    }
}

/// A run's way out: frames with its number.
struct FrameOutlet {
    run: u64,
    broker: Arc<Broker>,
    runs: Arc<Mutex<HashMap<u64, Arc<Ticket>>>>,
}

impl Outlet for FrameOutlet {
    fn event(&self, event: RunEvent) {
        let run = self.run;
        match event {
            // Only an operator who allows more log text than fits into a frame can lose a line here.
            RunEvent::Log(line) => drop(self.broker.say(&FromRunner::Log { run, line })),
            // Names and a message that was cut: far below the bound.
            RunEvent::Call(record) => {
                drop(self.broker.say(&FromRunner::Called { run, record: record.into() }))
            }
            RunEvent::Done(outcome) => {
                lock(&self.runs).remove(&run);
                let stats = outcome.stats;
                if let Err(error) = self.broker.say(&FromRunner::Done { run, outcome: *outcome }) {
                    let message = format!("The result is too large: {error}.");
                    let error = RunError::new(ErrorCode::OutputLimit, "OutputLimitError", message)
                        .with_hint("Return less: a part of it, or a summary.");
                    let _ = self
                        .broker
                        .say(&FromRunner::Done { run, outcome: Outcome { result: Err(error), stats } });
                }
            }
        }
    }

    fn call(&self, id: u32, request: ToolRequest, inbound: &Sender<Inbound>) -> Box<dyn Any + Send> {
        let ToolRequest { server, operation, .. } = request;
        if let Err(error) = self.broker.say(&FromRunner::Call { run: self.run, call: id, server, operation })
        {
            let failure = ToolFailure::new(format!("The arguments are too large: {error}."))
                .with_hint("Send less at once.");
            let _ = inbound.send(Inbound::Answer { id, answer: Err(failure) });
        }
        Box::new(CancelOnDrop { run: self.run, call: id, broker: self.broker.clone() })
    }

    fn condemned(&self) -> Box<dyn FnOnce(RunError) + Send> {
        let (run, broker) = (self.run, self.broker.clone());
        Box::new(move |error| drop(broker.say(&FromRunner::Condemned { run, error })))
    }
}

/// Tells the broker that an answer is not wanted any more. After an answer it is one small frame too many, which the
/// broker ignores; calls are rare enough next to it.
struct CancelOnDrop {
    run: u64,
    call: u32,
    broker: Arc<Broker>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let _ = self.broker.say(&FromRunner::Cancel { run: self.run, call: self.call });
    }
}
