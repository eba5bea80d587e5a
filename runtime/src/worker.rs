//! A Worker: a long-lived isolate on a thread of its own that answers requests.
//!
//! What passes a limit condemns the isolate, as JavaScript that was stopped in the middle cannot be trusted with the
//! next request. The next request starts a new one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use v8::{Local, PinScope};

use crate::control::{Control, StopReason};
use crate::isolate::FreshIsolate;
use crate::job::WorkerJob;
use crate::modules::{self, ModuleMap};
use crate::outlet::LocalOutlet;
use crate::pool::Pool;
use crate::state::{Names, RunState};
use crate::turns::{self, Inbound};
use crate::{
    Environment, ErrorCode, HttpRequest, HttpResponse, Language, LogLine, RunError, RunEvent, fault, script,
};

/// Where the answer to one request goes.
pub(crate) type Reply = oneshot::Sender<FetchReport>;

/// What a Worker answered to one request.
#[derive(Debug)]
pub struct FetchReport {
    /// The response, or what went wrong.
    pub result: Result<HttpResponse, RunError>,
    /// What was logged since the last answer; with requests in parallel, lines of others can be among them.
    pub logs: Vec<LogLine>,
}

/// A Worker that answers requests in one warm isolate. Dropping it ends the isolate.
pub struct Worker {
    pool: Arc<Pool>,
    tokio: tokio::runtime::Handle,
    job: Arc<WorkerJob>,
    instance: tokio::sync::Mutex<Option<Instance>>,
}

struct Instance {
    inbound: Sender<Inbound>,
    control: Arc<Control>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.control.stop(StopReason::Cancelled);
    }
}

impl Worker {
    pub(crate) async fn start(
        pool: Arc<Pool>,
        tokio: tokio::runtime::Handle,
        job: WorkerJob,
    ) -> Result<Self, RunError> {
        let job = Arc::new(job);
        let instance = Instance::start(&pool, &tokio, &job).await?;
        Ok(Self { pool, tokio, job, instance: tokio::sync::Mutex::new(Some(instance)) })
    }

    /// Sends one request through the Worker's `fetch`.
    pub async fn fetch(&self, request: HttpRequest) -> FetchReport {
        let failed = |error| FetchReport { result: Err(error), logs: Vec::new() };
        let (reply, answer) = oneshot::channel();
        {
            let mut instance = self.instance.lock().await;
            if instance.as_ref().is_none_or(|instance| instance.control.stopped().is_some()) {
                *instance = match Instance::start(&self.pool, &self.tokio, &self.job).await {
                    Ok(instance) => Some(instance),
                    Err(error) => return failed(error),
                };
            }
            let inbound = instance.as_ref().map(|instance| instance.inbound.clone());
            let fetch = Inbound::Fetch { request: Box::new(request), reply };
            if inbound.is_none_or(|inbound| inbound.send(fetch).is_err()) {
                *instance = None;
            }
        }
        answer.await.unwrap_or_else(|_| {
            failed(RunError::new(ErrorCode::Crashed, "CrashedError", "The Worker ended before it answered."))
        })
    }
}

impl Instance {
    async fn start(
        pool: &Arc<Pool>,
        tokio: &tokio::runtime::Handle,
        job: &Arc<WorkerJob>,
    ) -> Result<Self, RunError> {
        let (ready, started) = oneshot::channel();
        let (of_thread, tokio, job) = (pool.clone(), tokio.clone(), job.clone());
        pool.spawn(Box::new(move || serve(&of_thread, tokio, &job, ready)));
        started.await.unwrap_or_else(|_| {
            Err(RunError::new(
                ErrorCode::Crashed,
                "CrashedError",
                "The Worker's thread could not be started.",
            ))
        })
    }
}

/// The thread of one instance.
fn serve(
    pool: &Arc<Pool>,
    tokio: tokio::runtime::Handle,
    job: &WorkerJob,
    ready: oneshot::Sender<Result<Instance, RunError>>,
) {
    let mut fresh = FreshIsolate::new(pool.heap_bytes());
    let (events, mut logs) = mpsc::unbounded_channel();
    let Environment { vars, catalogue, host } = job.environment.clone();
    let outlet = LocalOutlet { events, host, tokio };
    let names = Names { vars, catalogue };
    let state =
        RunState::new(names, job.limits.clone(), fresh.control.clone(), Box::new(outlet), fresh.sender());
    fresh.isolate.set_slot(state);
    let instance = Instance { inbound: fresh.sender(), control: fresh.control.clone() };

    let FreshIsolate { isolate, context, entries, control, inbound, .. } = &mut fresh;
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);

    let loading_until = Instant::now() + job.limits.wall;
    let watch = pool.watch_this_thread(control, &job.limits, loading_until);
    let loaded = turns::prepare(scope, entries, None, false).and_then(|()| load(scope, entries, job));
    drop(watch);
    if let Err(error) = loaded {
        // The instance must not outlive this: its drop would stop a control that nobody listens to, which is harmless.
        let _ = ready.send(Err(error));
        return;
    }
    if ready.send(Ok(instance)).is_err() {
        return;
    }

    let mut next_id = 0;
    let mut deadlines: HashMap<u32, Instant> = HashMap::new();
    loop {
        if let Some(reason) = control.stopped() {
            let error = turns::stopped(scope, reason);
            let replies = scope.get_slot_mut::<RunState>().map(|state| std::mem::take(&mut state.replies));
            for (_, reply) in replies.unwrap_or_default() {
                let _ = reply.send(FetchReport { result: Err(error.clone()), logs: drain(&mut logs) });
            }
            return;
        }
        let Some(state) = scope.get_slot_mut::<RunState>() else { return };
        // An error outside of any request (a timer's callback) is only logged, as in Workers.
        if let Some(Err(error)) = state.take_outcome() {
            state.log(crate::LogLevel::Error, error.to_string());
        }
        deadlines.retain(|id, _| state.replies.contains_key(id));
        let now = Instant::now();
        for (id, _) in deadlines.extract_if(|_, deadline| *deadline <= now).collect::<Vec<_>>() {
            if let Some(reply) = state.replies.remove(&id) {
                let result = Err(fault::stopped(StopReason::Wall, &job.limits));
                let _ = reply.send(FetchReport { result, logs: drain(&mut logs) });
            }
        }
        let due = state.wake_at.map(|at| state.started() + Duration::from_secs_f64(at / 1000.0));
        let until = deadlines.values().copied().chain(due).min().unwrap_or(now + Duration::from_secs(3600));
        let received = if due.is_some_and(|due| due <= now) {
            None
        } else {
            match inbound.recv_timeout(until.saturating_duration_since(now)) {
                Ok(received) => Some(received),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        };
        let wall_until = Instant::now() + job.limits.wall;
        let watch = pool.watch_this_thread(control, &job.limits, wall_until);
        match received {
            None => turns::tick(scope, entries),
            Some(Inbound::Answer { id, answer }) => turns::deliver(scope, entries, id, &answer),
            Some(Inbound::Stopped) => {}
            Some(Inbound::Fetch { request, reply }) => {
                next_id += 1;
                deadlines.insert(next_id, Instant::now() + job.limits.wall);
                if let Some(state) = scope.get_slot_mut::<RunState>() {
                    state.begin_request(next_id, reply);
                }
                fetch(scope, entries, next_id, &request);
            }
        }
        drop(watch);
        settle_responses(scope, &mut logs);
    }
}

/// Sends answers that the turn produced, with the lines logged so far.
fn settle_responses(scope: &mut PinScope, logs: &mut mpsc::UnboundedReceiver<RunEvent>) {
    let Some(state) = scope.get_slot_mut::<RunState>() else { return };
    for (id, result) in std::mem::take(&mut state.responses) {
        if let Some(reply) = state.replies.remove(&id) {
            let _ = reply.send(FetchReport { result, logs: drain(logs) });
        }
    }
}

fn drain(logs: &mut mpsc::UnboundedReceiver<RunEvent>) -> Vec<LogLine> {
    let mut lines = Vec::new();
    while let Ok(event) = logs.try_recv() {
        if let RunEvent::Log(line) = event {
            lines.push(line);
        }
    }
    lines
}

/// Compiles the project and evaluates its main module.
fn load(scope: &mut PinScope, entries: &crate::isolate::Entries, job: &WorkerJob) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let (mut sources, mut imports) = (HashMap::new(), HashMap::new());
    for module in &job.modules {
        let prepared = script::prepare_module(&module.source, module.language == Language::TypeScript)
            .map_err(|fault| in_module(RunError::from(fault), &module.name, &module.source))?;
        sources.insert(module.name.clone(), prepared.text);
        imports.insert(module.name.clone(), module.imports.clone());
    }
    let main = sources.remove(&job.main).ok_or_else(|| {
        RunError::new(ErrorCode::Syntax, "ImportError", format!("There is no module {:?}.", job.main))
    })?;
    scope.set_slot(ModuleMap::new(sources, imports));
    let module = modules::load(scope, &job.main, &main)?;
    let evaluation = {
        v8::tc_scope!(let scope, scope);
        let evaluation = module.evaluate(scope);
        turns::microtasks(scope);
        evaluation
    };
    let stopped = scope.get_slot::<RunState>().and_then(|state| state.control.stopped());
    if let Some(reason) = stopped {
        return Err(turns::stopped(scope, reason));
    }
    let promise = evaluation.and_then(|value| Local::<v8::Promise>::try_from(value).ok());
    let thrown = match promise.map(|promise| (promise.state(), promise)) {
        Some((v8::PromiseState::Fulfilled, _)) => {
            let namespace = module.get_module_namespace();
            turns::enter(scope, entries, &entries.worker, &[namespace]);
            let outcome = scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome);
            return match outcome {
                Some(Err(error)) => Err(error),
                _ => Ok(()),
            };
        }
        Some((v8::PromiseState::Rejected, promise)) => promise.result(scope),
        _ => {
            return Err(RunError::new(
                ErrorCode::Exception,
                "StartUpError",
                format!("{}: top-level await of something that is not ready at start-up.", job.main),
            )
            .with_hint(
                "Move the await into fetch(): a Worker cannot wait for tools or timers while it starts.",
            ));
        }
    };
    turns::enter(scope, entries, &entries.uncaught, &[thrown]);
    let outcome = scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome);
    match outcome {
        Some(Err(error)) => Err(error),
        _ => Err(RunError::new(ErrorCode::Exception, "StartUpError", "The main module failed.")),
    }
}

fn in_module(mut error: RunError, name: &str, source: &str) -> RunError {
    error = fault::framed(error, source);
    error.message = match (error.line, error.column) {
        (Some(line), Some(column)) => format!("{name}:{line}:{column}: {}", error.message),
        _ => format!("{name}: {}", error.message),
    };
    error
}

/// Enters the Worker's `fetch` with a request.
fn fetch(scope: &mut PinScope, entries: &crate::isolate::Entries, id: u32, request: &HttpRequest) {
    v8::scope!(let scope, scope);
    let headers = serde_json::to_string(&request.headers).unwrap_or_else(|_| "[]".into());
    let texts = [&request.method, &request.url, &headers].map(|text| v8::String::new(scope, text));
    let [Some(method), Some(url), Some(headers)] = texts else { return };
    let body: Local<v8::Value> =
        if request.body.is_empty() { v8::undefined(scope).into() } else { bytes(scope, &request.body) };
    let id = v8::Integer::new_from_unsigned(scope, id).into();
    turns::enter(scope, entries, &entries.fetch, &[id, method.into(), url.into(), headers.into(), body]);
}

/// A new ArrayBuffer with a copy of `data`.
pub(crate) fn bytes<'s>(scope: &mut PinScope<'s, '_>, data: &[u8]) -> Local<'s, v8::Value> {
    let buffer = v8::ArrayBuffer::new(scope, data.len());
    let store = buffer.get_backing_store();
    for (cell, byte) in store.iter().zip(data) {
        cell.set(*byte);
    }
    buffer.into()
}
