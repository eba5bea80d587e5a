//! The runner: a copy of a zygote that runs one script and ends.
//!
//! One process for each run: what V8 cannot interrupt is ended by the kernel, memory is the run's own, and code that
//! breaks out of V8 finds nobody else's data. It has one socket, which says what to run and carries calls and their
//! answers.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::c_char;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;
use serde::Serialize;

use super::fork;
use super::frames::{self, Arrived, Blob, FromRunner, RunFrame, ToRunner};
use crate::control::{self, StopReason};
use crate::execution::{self, Text};
use crate::isolate::FreshIsolate;
use crate::outlet::Outlet;
use crate::state::{Names, RunState, milliseconds, to_ms};
use crate::thread_clock::ThreadClock;
use crate::turns::{Inbound, Inbox};
use crate::{CallRecord, Catalogue, Language, Limits, Outcome, RunEvent, Stats, ToolRequest, fault};

/// Waits for its job, does it, ends.
pub(crate) fn live(
    fresh: &mut FreshIsolate,
    socket: UnixStream,
    catalogues: &mut HashMap<u64, Arc<Catalogue>>,
) -> ! {
    let mut channel = Channel { socket: Arc::new(socket), arrived: Arrived::default() };
    loop {
        match channel.next(None) {
            Some(ToRunner::Catalogue { id, catalogue }) => {
                catalogues.insert(id, Arc::new(catalogue));
            }
            Some(ToRunner::Run(frame)) => {
                let catalogue = catalogues.get(&frame.catalogue).cloned().unwrap_or_default();
                run(fresh, channel, *frame, catalogue);
                fork::end();
            }
            Some(ToRunner::Answer { .. }) | None => {}
        }
    }
}

fn run(fresh: &mut FreshIsolate, mut channel: Channel, frame: RunFrame, catalogue: Arc<Catalogue>) {
    let RunFrame { code, typescript, input, vars, limits, .. } = frame;
    let vars = if vars.is_empty() {
        serde_json::Map::new()
    } else {
        serde_json::from_str(&vars).unwrap_or_default()
    };
    let language = if typescript { Language::TypeScript } else { Language::JavaScript };
    let outlet = FrameOutlet { socket: channel.socket.clone() };
    let _ = LAST_WORDS.set(LastWords {
        socket: channel.socket.clone(),
        limits: limits.clone(),
        since: Instant::now(),
        clock: ThreadClock::of_this_thread(),
    });
    let _ = control::LAST_WORDS.set(last_words);
    fresh.isolate.set_oom_error_handler(out_of_memory);
    let names = Names { vars, catalogue };
    let state = RunState::new(names, limits, fresh.control.clone(), Box::new(outlet), fresh.sender());
    let text = Text { code, language, input };
    // Limits on time are the broker's to watch: nothing in here could be trusted to.
    execution::execute(fresh, Some(&mut channel), &text, state, 0.0, |_| ());
}

/// The reading end of the socket.
struct Channel {
    socket: Arc<UnixStream>,
    arrived: Arrived,
}

impl Channel {
    /// The next message, waiting for at most `within`. Ends the process when the broker has hung up or talks nonsense.
    fn next(&mut self, within: Option<Duration>) -> Option<ToRunner> {
        let until = within.map(|within| Instant::now() + within);
        loop {
            match self.arrived.take() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(_) => fork::end(),
            }
            if let Some(until) = until {
                let left = until.saturating_duration_since(Instant::now());
                let left = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() };
                match poll(&mut [PollFd::new(&*self.socket, PollFlags::IN)], Some(&left)) {
                    Ok(0) => return None,
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => fork::end(),
                }
            }
            match self.receive() {
                Ok(0) => fork::end(),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => fork::end(),
            }
        }
    }

    /// Takes what has arrived, waiting for it; the number of bytes, none at the end.
    fn receive(&mut self) -> std::io::Result<usize> {
        // Jobs and answers are short, and a large buffer, on the stack as on the heap, is pages to copy from the zygote.
        let mut part = [0; 2 << 10];
        let length = (&*self.socket).read(&mut part)?;
        let room = self.arrived.room();
        room.extend_from_slice(&part[..length]);
        if length < part.len() {
            return Ok(length);
        }
        // It was not short after all: the rest goes straight to its place, as far as it is there.
        room.reserve(LONG);
        match rustix::net::recv(&*self.socket, spare_capacity(room), RecvFlags::DONTWAIT) {
            Ok((more, _)) => Ok(length + more),
            Err(_) => Ok(length),
        }
    }
}

/// How much of a long message is read at a time.
const LONG: usize = 256 << 10;

impl Inbox for Channel {
    fn wait(&mut self, within: Duration) -> Option<Inbound> {
        match self.next(Some(within))? {
            ToRunner::Answer { call, answer } => {
                Some(Inbound::Answer { id: call, answer: answer.map(|Blob(bytes)| bytes) })
            }
            ToRunner::Catalogue { .. } | ToRunner::Run(_) => None,
        }
    }
}

fn say<T: Serialize>(mut socket: &UnixStream, message: &T) {
    // A broker that does not read makes this wait; that is the back-pressure, and waiting counts towards the wall limit.
    // One that is gone has no use for what is left to do.
    let written = frames::encode(message).is_ok_and(|frame| socket.write_all(&frame).is_ok());
    if !written {
        fork::end();
    }
}

/// The run's way out.
struct FrameOutlet {
    socket: Arc<UnixStream>,
}

impl Outlet for FrameOutlet {
    fn event(&self, event: RunEvent) {
        match event {
            RunEvent::Log(line) => say(&self.socket, &FromRunner::Log { line }),
            // The broker made the call and tells of it itself.
            RunEvent::Call(_) => {}
            RunEvent::Done(outcome) => say(&self.socket, &FromRunner::Done { outcome: *outcome }),
        }
    }

    fn unsent(&self, record: CallRecord) {
        say(&self.socket, &FromRunner::Unsent { record: record.into() });
    }

    fn call(&self, id: u32, request: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        let ToolRequest { server, operation, .. } = request;
        say(&self.socket, &FromRunner::Call { call: id, server, operation });
        // The broker cancels what is in flight when the run ends; nothing else does.
        Box::new(())
    }
}

/// What the process says when its run passes a limit inside of V8: more memory, calls or logs than it may.
static LAST_WORDS: OnceLock<LastWords> = OnceLock::new();

struct LastWords {
    socket: Arc<UnixStream>,
    limits: Limits,
    since: Instant,
    clock: ThreadClock,
}

/// Reports the run as stopped and ends the process. Called in the middle of whatever V8 does, a garbage collection for
/// one, to which nothing returns.
fn last_words(reason: StopReason) {
    if let Some(LastWords { socket, limits, since, clock }) = LAST_WORDS.get() {
        let stats = Stats {
            wall_ms: milliseconds(*since),
            cpu_ms: to_ms(clock.read().unwrap_or_default()),
            heap_bytes: if reason == StopReason::Memory { limits.heap_bytes as u64 } else { 0 },
            ..Stats::default()
        };
        let result = Err(fault::stopped(reason, limits));
        say(socket, &FromRunner::Done { outcome: Outcome { result, stats } });
    }
    fork::end();
}

/// V8's way out when it cannot allocate: it calls this and then ends the process.
unsafe extern "C" fn out_of_memory(_location: *const c_char, _details: &v8::OomDetails) {
    last_words(StopReason::Memory);
}
