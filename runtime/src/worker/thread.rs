//! A Worker on a thread of isolet's own process.
//!
//! An isolate that passes a limit is not used again, as the state of stopped JavaScript is unknown.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use v8::Local;

use super::bindings::Fetches;
use super::exchange::{Exchanges, ended};
use super::instance::Instance;
use super::link::WorkerLink;
use super::load::load;
use super::protocol::{FromWorker, ToWorker};
use super::turns::{self, TurnTime};
use crate::isolate::FreshIsolate;
use crate::job::WorkerJob;
use crate::messages::Inbound;
use crate::pool::ThreadPool;
use crate::run_channel::{LocalChannel, RunChannel};
use crate::state::{RunState, ScriptEnv};
use crate::stop::{RunControl, StopReason};
use crate::{Environment, ErrorCode, LogLine, RunError, RunEvent, ToolRequest};

/// An isolate on a thread. Dropping it ends the isolate.
pub(crate) struct ThreadInstance {
    exchanges: Arc<Exchanges>,
    control: Arc<RunControl>,
}

impl Drop for ThreadInstance {
    fn drop(&mut self) {
        self.control.stop(StopReason::Cancelled);
    }
}

impl ThreadInstance {
    /// Starts a thread, and loads the Worker in it.
    pub(crate) async fn start(
        pool: &Arc<ThreadPool>,
        tokio: &tokio::runtime::Handle,
        job: &Arc<WorkerJob>,
    ) -> Result<Self, RunError> {
        let (ready, started) = oneshot::channel();
        let (of_thread, tokio, job) = (pool.clone(), tokio.clone(), job.clone());
        pool.spawn(Box::new(move || run(&of_thread, tokio, &job, ready)));
        started.await.unwrap_or_else(|_| {
            let text = "The Worker's thread could not be started.";
            Err(RunError::new(ErrorCode::Crashed, "CrashedError", text))
        })
    }
}

impl Instance for ThreadInstance {
    fn exchanges(&self) -> &Arc<Exchanges> {
        &self.exchanges
    }

    fn takes_requests(&self) -> bool {
        self.control.stopped().is_none()
    }
}

/// Runs the thread of one instance.
fn run(
    pool: &Arc<ThreadPool>,
    tokio: tokio::runtime::Handle,
    job: &WorkerJob,
    ready: oneshot::Sender<Result<ThreadInstance, RunError>>,
) {
    let mut fresh = FreshIsolate::new(pool.memory());
    let link = Arc::new(ThreadLink(fresh.sender()));
    let fetches = Some(Fetches::of(job, tokio.clone()));
    let exchanges = Exchanges::new(link, job.log.clone(), &job.start_limits, &job.limits, fetches);
    let Environment { vars, catalogue, host } = job.environment.clone();
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let calls = LocalChannel { events, host, tokio };
    let channel = ThreadChannel { exchanges: exchanges.clone(), calls };
    let names = ScriptEnv { vars, catalogue };
    let start_limits = job.start_limits.clone();
    let (start_cpu, start_until) = (start_limits.cpu, Instant::now() + start_limits.wall);
    let state = RunState::new(names, start_limits, fresh.control.clone(), Box::new(channel), fresh.sender());
    fresh.isolate.set_slot(state.for_worker());
    fresh.isolate.set_promise_reject_callback(crate::rejections::note);
    let instance = ThreadInstance { exchanges: exchanges.clone(), control: fresh.control.clone() };

    let FreshIsolate { isolate, context, entries, control, inbound, .. } = &mut fresh;
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);

    let loading = pool.watch_this_thread(control, start_cpu, start_until);
    let loaded = crate::event_loop::prepare(scope, entries, None, false)
        .and_then(|()| load(scope, entries, &job.main, &job.modules, &job.features()));
    drop(loading);
    if let Err(error) = loaded {
        // Dropping the instance stops a control without a listener, which has no effect.
        let _ = ready.send(Err(error));
        return;
    }
    if ready.send(Ok(instance)).is_err() {
        return;
    }
    if let Some(state) = scope.get_slot_mut::<RunState>() {
        state.limits = job.limits.clone();
    }
    let watch = |time: TurnTime| pool.watch_this_thread(control, time.left, Instant::now() + job.limits.wall);
    let stopped = turns::serve(scope, entries, control, inbound, watch);
    let culprit = scope.get_slot::<RunState>().map_or(0, RunState::turn);
    let error = match stopped {
        Some(StopReason::Cancelled) | None => ended(),
        Some(reason) => crate::error::stopped_worker(reason, &job.limits),
    };
    exchanges.close(culprit, &error);
}

/// The connection to a Worker on a thread.
struct ThreadLink(Sender<Inbound>);

impl WorkerLink for ThreadLink {
    fn send(&self, message: ToWorker) {
        // The thread may have ended.
        let _ = self.0.send(Inbound::Worker(message));
    }

    /// A turn alone has a limit on a thread.
    fn work_ended(&self, _: usize) {}

    fn has_room(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The channel of a Worker on a thread.
struct ThreadChannel {
    exchanges: Arc<Exchanges>,
    calls: LocalChannel,
}

impl RunChannel for ThreadChannel {
    fn event(&self, _: RunEvent) {}

    fn log(&self, request: u32, line: LogLine) {
        self.worker(FromWorker::Log { request, line });
    }

    fn worker(&self, message: FromWorker) {
        if let Err(rule) = self.exchanges.receive(message) {
            tracing::error!("a Worker sent {rule}");
        }
    }

    fn call(
        &self,
        id: u32,
        request: u32,
        tool: ToolRequest,
        inbound: &Sender<Inbound>,
    ) -> Box<dyn Any + Send> {
        self.calls.call(id, request, tool, inbound)
    }
}
