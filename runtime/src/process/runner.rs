//! The runner: a fork of a zygote that runs one script and ends.
//!
//! With a process for each run the kernel can end what V8 cannot interrupt, memory belongs to one
//! run, and code that breaks out of V8 finds no data of other runs. The runner has one socket, from
//! which it gets the run and the answers to calls, and to which it sends calls, logs and the
//! result.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::c_char;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;

use super::frame_sink::FrameSink;
use super::protocol::frames::FrameBuffer;
use super::protocol::messages::{FromRunner, RunRequest, ToRunner};
use super::worker_runner;
use super::zygote::fork;
use crate::blob::Blob;
use crate::execution::{self, ScriptText};
use crate::isolate::FreshIsolate;
use crate::messages::{Inbound, Inbox};
use crate::run_channel::RunChannel;
use crate::state::{RunState, ScriptEnv, milliseconds, to_ms};
use crate::stop::{self, StopReason};
use crate::thread_clock::ThreadClock;
use crate::{CallRecord, Catalogue, Language, Limits, Outcome, RunEvent, Stats, ToolRequest};

/// Waits for the run, executes it, and ends the process.
pub(crate) fn serve(
    fresh: &mut FreshIsolate,
    socket: UnixStream,
    catalogues: &mut HashMap<u64, Arc<Catalogue>>,
) -> ! {
    let mut inbox = SocketInbox { socket: Arc::new(socket), received: FrameBuffer::default() };
    loop {
        match inbox.next(None) {
            Some(ToRunner::Catalogue { id, catalogue }) => {
                catalogues.insert(id, Arc::new(catalogue));
            }
            Some(ToRunner::Run(request)) => {
                let catalogue = catalogues.get(&request.catalogue).cloned().unwrap_or_default();
                run(fresh, inbox, *request, catalogue);
                fork::exit_now();
            }
            Some(ToRunner::Worker(start)) => {
                let catalogue = catalogues.get(&start.catalogue).cloned().unwrap_or_default();
                worker_runner::run(fresh, inbox, *start, catalogue);
            }
            Some(ToRunner::Answer { .. } | ToRunner::Copy { .. } | ToRunner::ToWorker(_)) | None => {}
        }
    }
}

fn run(fresh: &mut FreshIsolate, mut inbox: SocketInbox, request: RunRequest, catalogue: Arc<Catalogue>) {
    let RunRequest { code, typescript, input, vars, limits, .. } = request;
    #[cfg(feature = "testing")]
    if let Some(native_code) = super::NATIVE_CODE.get() {
        native_code(&code);
    }
    let vars = if vars.is_empty() {
        serde_json::Map::new()
    } else {
        serde_json::from_str(&vars).unwrap_or_default()
    };
    let language = if typescript { Language::TypeScript } else { Language::JavaScript };
    let sink = Arc::new(FrameSink::new(inbox.socket.clone()));
    let channel = FrameChannel(sink.clone());
    let _ = STOP_REPORT.set(StopReport {
        sink,
        limits: limits.clone(),
        since: Instant::now(),
        clock: ThreadClock::of_the_reader(),
    });
    let _ = stop::ON_STOP.set(report_stop);
    fresh.isolate.set_oom_error_handler(out_of_memory);
    let names = ScriptEnv { vars, catalogue };
    let state = RunState::new(names, limits, fresh.control.clone(), Box::new(channel), fresh.sender());
    let text = ScriptText { code, language, input };
    // The broker enforces the limits on time, since a script may have taken over this process.
    execution::execute(fresh, Some(&mut inbox), &text, state, 0.0, |_| ());
}

/// The messages that arrive on the socket.
pub(super) struct SocketInbox {
    socket: Arc<UnixStream>,
    received: FrameBuffer,
}

impl SocketInbox {
    pub(super) fn socket(&self) -> &Arc<UnixStream> {
        &self.socket
    }

    /// Frees the memory of messages that were taken.
    pub(super) fn shrink(&mut self) {
        self.received.tail().shrink_to_fit();
    }

    /// Drops what was received for another process: this one is a copy with a socket of its own.
    pub(super) fn forget_received(&mut self) {
        self.received = FrameBuffer::default();
    }

    /// Waits for the next message, for at most `timeout`. Ends the process if the broker has closed
    /// the socket or sends an invalid message.
    pub(super) fn next(&mut self, timeout: Option<Duration>) -> Option<ToRunner> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            match self.received.take() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(_) => fork::exit_now(),
            }
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                let left = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() };
                match poll(&mut [PollFd::new(&*self.socket, PollFlags::IN)], Some(&left)) {
                    Ok(0) => return None,
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => fork::exit_now(),
                }
            }
            match self.receive() {
                Ok(0) => fork::exit_now(),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => fork::exit_now(),
            }
        }
    }

    /// Waits for bytes and receives them. Returns their number: 0 at the end of the connection.
    fn receive(&mut self) -> std::io::Result<usize> {
        // Most messages are short, and a large buffer, on the stack or on the heap, is on pages
        // that have to be copied from the zygote.
        let mut part = [0; 2 << 10];
        let length = (&*self.socket).read(&mut part)?;
        let tail = self.received.tail();
        tail.extend_from_slice(&part[..length]);
        if length < part.len() {
            return Ok(length);
        }
        // A long message: the rest that has arrived is received in place.
        tail.reserve(LARGE_READ_BYTES);
        match rustix::net::recv(&*self.socket, spare_capacity(tail), RecvFlags::DONTWAIT) {
            Ok((more, _)) => Ok(length + more),
            Err(_) => Ok(length),
        }
    }
}

/// The number of bytes of a long message that are received at a time.
const LARGE_READ_BYTES: usize = 256 << 10;

impl Inbox for SocketInbox {
    fn wait(&mut self, timeout: Duration) -> Option<Inbound> {
        match self.next(Some(timeout))? {
            ToRunner::Answer { call, answer } => {
                Some(Inbound::Answer { id: call, answer: answer.map(|Blob(bytes)| bytes) })
            }
            ToRunner::Catalogue { .. }
            | ToRunner::Run(_)
            | ToRunner::Worker(_)
            | ToRunner::Copy { .. }
            | ToRunner::ToWorker(_) => None,
        }
    }
}

/// Sends a run's events and calls to the broker.
struct FrameChannel(Arc<FrameSink>);

impl RunChannel for FrameChannel {
    fn event(&self, event: RunEvent) {
        match event {
            RunEvent::Log(line) => self.0.send(&FromRunner::Log { line }),
            // The broker makes the calls and reports them itself.
            RunEvent::CallStart(_) | RunEvent::Call(_) => {}
            RunEvent::Warning(warning) => self.0.send(&FromRunner::Warning { warning: warning.into() }),
            RunEvent::Done(outcome) => self.0.send(&FromRunner::Done { outcome: *outcome }),
        }
    }

    fn unsent(&self, record: CallRecord) {
        self.0.send(&FromRunner::UnsentCall { call: record.into() });
    }

    fn call(&self, id: u32, request: u32, tool: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        let ToolRequest { server, operation, .. } = tool;
        self.0.send(&FromRunner::Call { call: id, request, server, operation });
        // Nothing cancels a call but the end of the run, at which the broker cancels all of them.
        Box::new(())
    }
}

/// The data for the report of a run that is stopped inside of V8, at its limit on memory, calls or
/// logs.
static STOP_REPORT: OnceLock<StopReport> = OnceLock::new();

struct StopReport {
    sink: Arc<FrameSink>,
    limits: Limits,
    since: Instant,
    clock: ThreadClock,
}

/// Reports the run as stopped and ends the process. V8 may be in the middle of anything, such as a
/// garbage collection, and does not go on.
fn report_stop(reason: StopReason) {
    if let Some(StopReport { sink, limits, since, clock }) = STOP_REPORT.get() {
        let stats = Stats {
            wall_ms: milliseconds(*since),
            cpu_ms: to_ms(clock.read().unwrap_or_default()),
            heap_bytes: if reason == StopReason::Memory { limits.memory as u64 } else { 0 },
            ..Stats::default()
        };
        let result = Err(crate::error::stopped(reason, limits));
        sink.try_send(&FromRunner::Done { outcome: Outcome { result, stats } });
    }
    fork::exit_now();
}

/// Handles V8's failure to allocate. V8 would end the process after this call.
unsafe extern "C" fn out_of_memory(_location: *const c_char, _details: &v8::OomDetails) {
    report_stop(StopReason::Memory);
}
