//! A runner that has a Worker: it evaluates the project's modules, and it or its copies serve
//! requests until the broker ends them.
//!
//! The messages of a turn are sent together, after it; log lines at once. The broker watches CPU
//! time and memory from outside; the sum of a request's turns is counted here, and the broker's own
//! bound holds if code has broken out of V8.

use std::any::Any;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use v8::Local;

use super::frame_sink::FrameSink;
use super::protocol::frames;
use super::protocol::messages::{FromRunner, ToRunner, WorkerStart};
use super::runner::SocketInbox;
use super::zygote::fork;
use super::{app_zygote, memory};
use crate::blob::Blob;
use crate::isolate::FreshIsolate;
use crate::messages::{Inbound, Inbox};
use crate::modules::ModuleMap;
use crate::run_channel::RunChannel;
use crate::state::{RunState, ScriptEnv};
use crate::stop::{self, StopReason};
use crate::thread_clock::ThreadClock;
use crate::worker::load::load;
use crate::worker::protocol::FromWorker;
use crate::worker::turns;
use crate::{CallRecord, Catalogue, Limits, LogLine, Module, RunEvent, ToolRequest, event_loop, rejections};

/// The signal with which the broker announces that it will kill the process for its CPU time
/// (`announce_cpu_limit`). The runner then names the request at fault.
const CPU_SIGNAL: libc::c_int = libc::SIGUSR1;

/// Evaluates the modules, serves requests, and ends the process.
pub(super) fn run(
    fresh: &mut FreshIsolate,
    mut inbox: SocketInbox,
    start: WorkerStart,
    catalogue: Arc<Catalogue>,
) -> ! {
    #[cfg(feature = "testing")]
    if let (Some(native_code), Some(main)) = (super::NATIVE_CODE.get(), start.modules.first()) {
        native_code(&main.text());
    }
    // A Worker has nothing of the libraries of scripts, nor what they have changed in the context.
    if fresh.isolate.get_slot::<ModuleMap>().is_some() {
        fresh.renew();
    }
    let is_app_zygote = start.is_app_zygote;
    let WorkerStart { main, modules, features, vars, start_limits, limits, .. } = start;
    let modules: Arc<[Module]> = modules.into();
    let vars = serde_json::from_str(&vars).unwrap_or_default();
    let sink = Arc::new(FrameSink::new(inbox.socket().clone()));
    let _ = SINK.set(sink.clone());
    SOCKET.store(inbox.socket().as_raw_fd(), Ordering::Relaxed);
    let _ = stop::ON_STOP.set(report_stop);
    // SAFETY: the handler calls only functions that are safe in a signal handler.
    unsafe { libc::signal(CPU_SIGNAL, report_cpu_limit as *const () as libc::sighandler_t) };
    fresh.isolate.set_oom_error_handler(out_of_memory);
    fresh.isolate.set_promise_reject_callback(rejections::note);
    let names = ScriptEnv { vars, catalogue };
    let channel = Box::new(WorkerChannel(sink.clone()));
    let state = RunState::new(names, start_limits, fresh.control.clone(), channel, fresh.sender());
    fresh.isolate.set_slot(state.for_worker());

    let FreshIsolate { isolate, context, entries, control, .. } = fresh;
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);
    let loaded = event_loop::prepare(scope, entries, None, false)
        .and_then(|()| load(scope, entries, &main, &modules, &features));
    if let Err(error) = loaded {
        sink.send(&FromRunner::WorkerFailed { error });
        fork::exit_now();
    }
    if let Some(state) = scope.get_slot_mut::<RunState>() {
        state.limits = limits.clone();
    }
    sink.collect(&FromRunner::WorkerReady);
    if is_app_zygote {
        sink.flush();
        inbox.shrink();
        memory::trim::trim();
        // It returns in each copy.
        app_zygote::serve(&mut inbox, &modules);
        event_loop::enter(scope, entries, &entries.reseed, &[]);
    }
    let mut inbox = WorkerInbox { inbox, sink: sink.clone() };
    let mut activity = Activity::new(&limits);
    turns::serve(scope, entries, control, &mut inbox, |time| activity.note(time.used, &sink));
    fork::exit_now();
}

/// The descriptor of the socket to the broker.
static SOCKET: AtomicI32 = AtomicI32::new(-1);

/// The messages that are sent when a limit stops the process.
static SINK: OnceLock<Arc<FrameSink>> = OnceLock::new();

/// Collects the messages of a turn.
struct WorkerChannel(Arc<FrameSink>);

impl RunChannel for WorkerChannel {
    /// The broker makes the calls of a Worker and reports them itself.
    fn event(&self, _: RunEvent) {}

    fn unsent(&self, _: CallRecord) {}

    /// A line is sent at once: its turn may take long, or be the last.
    fn log(&self, request: u32, line: LogLine) {
        self.0.send(&FromRunner::FromWorker(FromWorker::Log { request, line }));
    }

    fn worker(&self, message: FromWorker) {
        self.0.collect(&FromRunner::FromWorker(message));
    }

    fn call(&self, id: u32, request: u32, tool: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        let ToolRequest { server, operation, .. } = tool;
        self.0.collect(&FromRunner::Call { call: id, request, server, operation });
        // The broker cancels the calls of a request when the request ends.
        Box::new(())
    }
}

/// The messages from the broker. What was collected is sent before the runner waits, and between
/// two turns: the next one may take long.
struct WorkerInbox {
    inbox: SocketInbox,
    sink: Arc<FrameSink>,
}

impl Inbox for WorkerInbox {
    fn wait(&mut self, timeout: Duration) -> Option<Inbound> {
        self.sink.flush();
        // To wait without an end takes one system call less.
        let timeout = (timeout < turns::MAX_WAIT).then_some(timeout);
        match self.inbox.next(timeout)? {
            ToRunner::ToWorker(message) => Some(Inbound::Worker(message)),
            ToRunner::Answer { call, answer } => {
                Some(Inbound::Answer { id: call, answer: answer.map(|Blob(bytes)| bytes) })
            }
            ToRunner::Catalogue { .. } | ToRunner::Run(_) | ToRunner::Worker(_) | ToRunner::Copy { .. } => {
                None
            }
        }
    }
}

/// Tells the broker from time to time that turns end. The broker kills a process that has used the
/// CPU time of a request without a message.
struct Activity {
    interval: Duration,
    next: Duration,
}

impl Activity {
    fn new(limits: &Limits) -> Self {
        let interval = limits.cpu / 2;
        Self { interval, next: ThreadClock::of_the_reader().read().unwrap_or_default() + interval }
    }

    /// Takes the reading of the CPU clock between two turns.
    fn note(&mut self, used: Duration, sink: &FrameSink) {
        if used >= self.next {
            self.next = used + self.interval;
            sink.send(&FromRunner::Alive);
        }
    }
}

/// Reports the limit that stops the Worker, with the request of the present turn, and ends the
/// process.
fn report_stop(reason: StopReason) {
    if let Some(sink) = SINK.get() {
        sink.try_send(&stop_message(reason));
    }
    fork::exit_now();
}

fn stop_message(reason: StopReason) -> FromRunner {
    FromRunner::Stopped { reason: reason as u8, request: stop::TURN.load(Ordering::Relaxed) }
}

/// Does the same when the broker announces the end. It runs in a signal handler, in the middle of
/// anything, so that it allocates nothing and takes no lock. While another frame is being written
/// it does nothing: the broker ends the process without its word.
extern "C" fn report_cpu_limit(_: libc::c_int) {
    if SINK.get().is_none_or(|sink| sink.is_writing()) {
        return;
    }
    let mut buffer = [0; 16];
    if let Some(frame) = frames::encode_into(&stop_message(StopReason::Cpu), &mut buffer) {
        // SAFETY: the bytes live until the call returns; both calls are safe in a signal handler.
        unsafe {
            libc::write(SOCKET.load(Ordering::Relaxed), frame.as_ptr().cast(), frame.len());
        }
    }
    fork::exit_now();
}

/// Handles V8's failure to allocate. V8 would end the process after this call.
unsafe extern "C" fn out_of_memory(_location: *const std::ffi::c_char, _details: &v8::OomDetails) {
    report_stop(StopReason::Memory);
}
