//! Starts runners, places runs, carries out their calls, replaces what dies.
//!
//! One task reads from each runner and one writes to it. A run lives in exactly one runner; when that dies, a new runner is
//! started at once, and its runs are placed again if they have done nothing yet ([`placed`](super::placed)) or else end
//! with `crashed`.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

use super::frames::{self, Blob, EncodeError, FromRunner, RunFrame, ToRunner, VERSION};
use super::jail::Layers;
use super::placed::{self, Live, Placed};
use super::runner::RunnerOptions;
use crate::engine::{EngineOptions, RunnerProcesses};
use crate::outlet::AbortOnDrop;
use crate::report::Outcome;
use crate::{Catalogue, Entry, Environment, Job, Language, Limits, RunEvent, ToolFailure, ToolRequest};

/// The engine's options, divided among runners.
#[derive(Debug, Clone)]
pub(crate) struct ProcessOptions {
    executable: PathBuf,
    subcommand: String,
    runners: usize,
    each: RunnerOptions,
}

impl ProcessOptions {
    pub(crate) fn new(processes: &RunnerProcesses, options: &EngineOptions) -> Self {
        let runners = processes.count.max(1);
        let live = options.live.div_ceil(runners).max(1);
        let each = RunnerOptions {
            warm: options.warm.div_ceil(runners).min(live),
            live,
            heap_bytes: options.heap_bytes,
            memory_bytes: memory_bound(live, options.heap_bytes),
        };
        Self {
            executable: processes.executable.clone(),
            subcommand: processes.subcommand.clone(),
            runners,
            each,
        }
    }
}

/// A bound on a runner's private memory: what all its isolates may have, or three quarters of the machine, whichever is
/// less. Isolates are bounded one by one; this is for what escapes their accounts.
fn memory_bound(live: usize, heap_bytes: usize) -> u64 {
    // A runner at rest has 524 MiB of writable mappings, most of them never touched (VmData of the runner of an `isolet run`).
    const OWN: u64 = 1 << 30;
    let run = (heap_bytes + crate::isolate::GRACE) as u64 + (16 << 20);
    let asked = OWN + (live as u64 + 1) * run;
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let total = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        total.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    machine.map_or(asked, |kib| asked.min(kib * 1024 / 4 * 3))
}

/// What is known of the runners, for `GET /v1/runtime`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunnerStatus {
    /// Process id.
    pub pid: u32,
    /// Whether it takes work.
    pub ready: bool,
    /// Runs in it now.
    pub runs: usize,
    /// What its jail is made of, once it is ready.
    pub layers: Option<Layers>,
}

/// How long a run waits while no runner is ready. Starting one takes a fraction of a second; after this long, and some
/// attempts, none will start soon.
const STRANDED: Duration = Duration::from_secs(30);

/// Catalogues that runners are told to keep. One is current; others belong to runs with a filter of their own.
const CATALOGUES: usize = 16;

pub(crate) struct Broker {
    options: ProcessOptions,
    tokio: tokio::runtime::Handle,
    state: Mutex<State>,
    next_run: AtomicU64,
    next_runner: AtomicU64,
    restarts: AtomicUsize,
    /// Runners that became ready, ever.
    started: AtomicUsize,
    ready: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    runners: Vec<Arc<Runner>>,
    /// Runs that wait for a runner with room.
    waiting: VecDeque<(u64, Box<Placed>)>,
    catalogues: VecDeque<(Arc<Catalogue>, u64)>,
    next_catalogue: u64,
    closed: bool,
}

struct Runner {
    id: u64,
    pid: u32,
    frames: mpsc::UnboundedSender<Arc<Vec<u8>>>,
    kill: mpsc::UnboundedSender<()>,
    state: Mutex<RunnerState>,
}

#[derive(Default)]
struct RunnerState {
    layers: Option<Layers>,
    dead: bool,
    runs: HashMap<u64, Live>,
    /// Numbers of the catalogues that it has.
    catalogues: Vec<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker {
    pub(crate) fn start(options: ProcessOptions, tokio: tokio::runtime::Handle) -> Arc<Self> {
        let broker = Arc::new(Self {
            tokio,
            state: Mutex::default(),
            next_run: AtomicU64::new(1),
            next_runner: AtomicU64::new(1),
            restarts: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            ready: watch::Sender::new(0),
            options,
        });
        for _ in 0..broker.options.runners.max(1) {
            broker.clone().add_runner();
        }
        broker.tokio.spawn(overdue(Arc::downgrade(&broker)));
        broker
    }

    /// Queues a job; its number is for [`cancel`](Self::cancel).
    pub(crate) fn push(&self, job: Job, events: mpsc::UnboundedSender<RunEvent>) -> u64 {
        let run = self.next_run.fetch_add(1, Ordering::Relaxed);
        let Job { code, language, entry: Entry::Script { input }, environment, limits } = job;
        let Environment { vars, catalogue, host } = environment;
        let number = lock(&self.state).number(&catalogue);
        let text = code.len() + input.as_ref().map_or(0, String::len);
        let frame = frames::fits(text).and_then(|()| {
            frames::encode(&ToRunner::Run(Box::new(RunFrame {
                run,
                catalogue: number,
                code,
                typescript: language == Language::TypeScript,
                input,
                vars: if vars.is_empty() {
                    String::new()
                } else {
                    serde_json::Value::Object(vars).to_string()
                },
                limits: limits.clone(),
            })))
        });
        let frame = match frame {
            Ok(frame) => Arc::new(frame),
            Err(error) => {
                placed::finish(&events, placed::too_large(&error));
                return run;
            }
        };
        let catalogue = (number, catalogue);
        let (since, placements) = (Instant::now(), 0);
        let placed = Box::new(Placed { frame, catalogue, events, host, limits, since, placements });
        let mut state = lock(&self.state);
        if let Some(placed) = self.place(&mut state, run, placed) {
            state.waiting.push_back((run, placed));
        }
        run
    }

    /// Ends a run whose caller has gone.
    pub(crate) fn cancel(&self, run: u64) {
        let mut state = lock(&self.state);
        state.waiting.retain(|(waiting, _)| *waiting != run);
        for runner in &state.runners {
            if lock(&runner.state).runs.remove(&run).is_some() {
                runner.tell(&ToRunner::Stop { run });
            }
        }
    }

    /// Isolates that are ready, as far as the broker knows: what was asked for, less what runs.
    pub(crate) fn warm(&self) -> usize {
        let state = lock(&self.state);
        let idle = |runner: &Arc<Runner>| {
            let runner = lock(&runner.state);
            if runner.layers.is_some() { self.options.each.warm.saturating_sub(runner.runs.len()) } else { 0 }
        };
        state.runners.iter().map(idle).sum()
    }

    pub(crate) fn statuses(&self) -> Vec<RunnerStatus> {
        let state = lock(&self.state);
        let status = |runner: &Arc<Runner>| {
            let inner = lock(&runner.state);
            RunnerStatus {
                pid: runner.pid,
                ready: inner.layers.is_some(),
                runs: inner.runs.len(),
                layers: inner.layers.clone(),
            }
        };
        state.runners.iter().map(status).collect()
    }

    /// How many runners were replaced.
    pub(crate) fn restarts(&self) -> usize {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Waits until every runner takes work, or the time is up; `true` in the first case.
    pub(crate) async fn settled(&self, within: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        let all = ready.wait_for(|ready| *ready >= self.options.runners.max(1));
        tokio::time::timeout(within, all).await.is_ok_and(|result| result.is_ok())
    }

    /// Takes no more runs and ends the runners.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.waiting.clear();
        for runner in state.runners.drain(..) {
            let _ = runner.kill.send(());
        }
    }

    /// Gives the run to the ready runner with the fewest runs; gives it back if none has room.
    fn place(&self, state: &mut State, run: u64, placed: Box<Placed>) -> Option<Box<Placed>> {
        let load = |runner: &Arc<Runner>| {
            let inner = lock(&runner.state);
            (inner.layers.is_some() && !inner.dead && inner.runs.len() < self.options.each.live)
                .then_some(inner.runs.len())
        };
        let best = state
            .runners
            .iter()
            .filter_map(|runner| Some((load(runner)?, runner.clone())))
            .min_by_key(|(n, _)| *n);
        let Some((_, runner)) = best else { return Some(placed) };

        let mut inner = lock(&runner.state);
        let (id, catalogue) = &placed.catalogue;
        if !inner.catalogues.contains(id) {
            let told = runner.say(&ToRunner::Catalogue { id: *id, catalogue: (**catalogue).clone() });
            if let Err(error) = told {
                placed::finish(&placed.events, placed::too_large(&error));
                return None;
            }
            inner.catalogues.push(*id);
            if inner.catalogues.len() > CATALOGUES {
                let id = inner.catalogues.remove(0);
                runner.tell(&ToRunner::Forget { id });
            }
        }
        let frame = placed.frame.clone();
        inner.runs.insert(run, placed.live());
        let _ = runner.frames.send(frame);
        None
    }

    fn place_waiting(&self) {
        let mut state = lock(&self.state);
        while let Some((run, placed)) = state.waiting.pop_front() {
            if let Some(placed) = self.place(&mut state, run, placed) {
                state.waiting.push_front((run, placed));
                break;
            }
        }
    }

    /// Keeps one runner running: when it ends, the next takes its place at once, unless it died as it started.
    fn add_runner(self: Arc<Self>) {
        const SHORTEST: Duration = Duration::from_millis(200);
        const LONGEST: Duration = Duration::from_secs(10);
        let tokio = self.tokio.clone();
        tokio.spawn(async move {
            let mut pause = SHORTEST;
            loop {
                let ready_before = self.started.load(Ordering::Relaxed);
                if let Err(error) = self.clone().run_runner().await {
                    tracing::error!(%error, "a runner process could not be started");
                }
                if lock(&self.state).closed {
                    return;
                }
                self.restarts.fetch_add(1, Ordering::Relaxed);
                if self.started.load(Ordering::Relaxed) > ready_before {
                    pause = SHORTEST;
                } else {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
            }
        });
    }

    /// One runner from start to end.
    async fn run_runner(self: Arc<Self>) -> io::Result<()> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = tokio::process::Command::new(&self.options.executable)
            .arg(&self.options.subcommand)
            .args(self.options.each.to_words())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(stderr) = child.stderr.take() {
            self.tokio.spawn(log_stderr(stderr, child.id().unwrap_or(0)));
        }
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (frames, outgoing) = mpsc::unbounded_channel();
        let (kill, mut killed) = mpsc::unbounded_channel();
        let runner = Arc::new(Runner {
            id: self.next_runner.fetch_add(1, Ordering::Relaxed),
            pid: child.id().unwrap_or(0),
            frames,
            kill,
            state: Mutex::default(),
        });
        {
            let mut state = lock(&self.state);
            if state.closed {
                return Ok(());
            }
            state.runners.push(runner.clone());
        }
        let writing = AbortOnDrop(self.tokio.spawn(write(writer, outgoing)).abort_handle());
        let ended = tokio::select! {
            ended = self.read(reader, &runner) => ended,
            _ = killed.recv() => Ok(()),
        };
        if let Err(error) = &ended {
            tracing::warn!(pid = runner.pid, %error, "a runner said something wrong; it is replaced");
        }
        let _ = child.start_kill();
        drop(writing);
        self.bury(&runner);
        let _ = child.wait().await;
        Ok(())
    }

    async fn read(&self, reader: OwnedReadHalf, runner: &Arc<Runner>) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(64 << 10, reader);
        let mut bytes = Vec::new();
        loop {
            let mut head = [0; 4];
            match reader.read_exact(&mut head).await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                other => other?,
            };
            let length = frames::announced(head)?;
            bytes.clear();
            if (&mut reader).take(length as u64).read_to_end(&mut bytes).await? < length {
                return Ok(());
            }
            self.hear(runner, frames::decode(&bytes)?)?;
            // One large answer must not keep its memory for the runner's life.
            if bytes.capacity() > 1 << 20 {
                bytes = Vec::new();
            }
        }
    }

    fn hear(&self, runner: &Arc<Runner>, message: FromRunner) -> io::Result<()> {
        match message {
            FromRunner::Ready { version, layers } => {
                if version != VERSION {
                    return Err(io::Error::other("the executable on disk is of another version"));
                }
                if lock(&runner.state).layers.replace(layers).is_some() {
                    return Err(broken("that it is ready, a second time"));
                }
                self.started.fetch_add(1, Ordering::Relaxed);
                self.ready.send_modify(|ready| *ready += 1);
                self.place_waiting();
            }
            FromRunner::Log { run, line } => runner.with(run, |live| {
                live.has_begun();
                live.logged = live.logged.saturating_add(line.text.len()).saturating_add(1);
                if live.logged > live.limits.log_bytes {
                    return Err(broken("more logs than the limit"));
                }
                let _ = live.events.send(RunEvent::Log(line));
                Ok(())
            })?,
            FromRunner::Call { run, call, server, operation } => {
                let weak = Arc::downgrade(runner);
                let tokio = &self.tokio;
                runner.with(run, |live| {
                    live.has_begun();
                    live.called += 1;
                    if live.called > live.limits.calls
                        || live.calls.len() >= live.limits.parallel_calls as usize
                    {
                        return Err(broken("more calls than the limit"));
                    }
                    let request = ToolRequest { server, operation, timeout: live.limits.call };
                    let host = live.host.clone();
                    let task = tokio.spawn(async move {
                        let answer = host.call(request).await;
                        if let Some(runner) = weak.upgrade() {
                            lock(&runner.state).runs.get_mut(&run).map(|live| live.calls.remove(&call));
                            runner.answer(run, call, answer);
                        }
                    });
                    live.calls.insert(call, AbortOnDrop(task.abort_handle()));
                    Ok(())
                })?;
            }
            FromRunner::Cancel { run, call } => runner.with(run, |live| {
                live.calls.remove(&call);
                Ok(())
            })?,
            FromRunner::Called { run, record } => runner.with(run, |live| {
                live.reported += 1;
                if live.reported > live.limits.calls || record.is_longer_than(RECORD) {
                    return Err(broken("more about calls than there can be"));
                }
                let _ = live.events.send(RunEvent::Call(record.into()));
                Ok(())
            })?,
            FromRunner::Condemned { run, error } => {
                runner.with(run, |live| {
                    live.condemned = Some(error);
                    Ok(())
                })?;
                let _ = runner.kill.send(());
            }
            FromRunner::Done { run, mut outcome } => {
                let live = lock(&runner.state).runs.remove(&run);
                if let Some(live) = live {
                    if let Err(wrong) = check(&outcome, &live.limits) {
                        lock(&runner.state).runs.insert(run, live);
                        return Err(broken(wrong));
                    }
                    // Whole microseconds again, as a sum of floats is not.
                    let queued_ms = outcome.stats.queued_ms + live.queued_ms;
                    outcome.stats.queued_ms = (queued_ms * 1000.0).round() / 1000.0;
                    let _ = live.events.send(RunEvent::Done(Box::new(outcome)));
                }
                if !lock(&self.state).waiting.is_empty() {
                    self.place_waiting();
                }
            }
        }
        Ok(())
    }

    /// Places the runs of a dead runner again, or tells their callers.
    fn bury(&self, runner: &Arc<Runner>) {
        // Held throughout: a run that is in no runner and not waiting could not be cancelled.
        let mut state = lock(&self.state);
        state.runners.retain(|other| other.id != runner.id);
        let (runs, was_ready) = {
            let mut inner = lock(&runner.state);
            inner.dead = true;
            (std::mem::take(&mut inner.runs), inner.layers.is_some())
        };
        if was_ready {
            self.ready.send_modify(|ready| *ready = ready.saturating_sub(1));
        }
        for (run, live) in runs {
            let Some(placed) = live.orphaned() else { continue };
            if state.closed {
                placed::finish(&placed.events, placed::crashed());
            } else if let Some(placed) = self.place(&mut state, run, Box::new(placed)) {
                state.waiting.push_front((run, placed));
            }
        }
    }
}

impl State {
    /// Tells the callers of runs that have waited too long with no runner to wait for.
    fn abandon_stranded(&mut self, now: Instant) {
        let ready = |runner: &Arc<Runner>| lock(&runner.state).layers.is_some();
        if self.waiting.is_empty() || self.runners.iter().any(ready) {
            return;
        }
        let stranded = |placed: &Placed| placed.since + STRANDED <= now;
        while self.waiting.front().is_some_and(|(_, placed)| stranded(placed)) {
            if let Some((_, placed)) = self.waiting.pop_front() {
                placed::finish(&placed.events, placed::nowhere());
            }
        }
    }

    /// The number of a catalogue; the same `Arc` has the same number for as long as it is remembered.
    fn number(&mut self, catalogue: &Arc<Catalogue>) -> u64 {
        if let Some((_, id)) = self.catalogues.iter().find(|(known, _)| Arc::ptr_eq(known, catalogue)) {
            return *id;
        }
        self.next_catalogue += 1;
        self.catalogues.push_back((catalogue.clone(), self.next_catalogue));
        if self.catalogues.len() > CATALOGUES {
            self.catalogues.pop_front();
        }
        self.next_catalogue
    }
}

impl Runner {
    fn say(&self, message: &ToRunner) -> Result<(), EncodeError> {
        let frame = frames::encode(message)?;
        // To a runner that is dead; whoever reads from it knows by now, or soon.
        let _ = self.frames.send(Arc::new(frame));
        Ok(())
    }

    /// Says what is some bytes long.
    fn tell(&self, message: &ToRunner) {
        if let Err(error) = self.say(message) {
            tracing::error!(%error, "a short message does not fit into a frame");
        }
    }

    /// Hands over the answer to a call; in place of one that is too long, that it is.
    fn answer(&self, run: u64, call: u32, answer: Result<Vec<u8>, ToolFailure>) {
        let fits = frames::fits(answer.as_ref().map_or(0, Vec::len));
        if let Err(error) =
            fits.and_then(|()| self.say(&ToRunner::Answer { run, call, answer: answer.map(Blob) }))
        {
            let failure = ToolFailure::new(format!("The answer is too large: {error}."))
                .with_hint("Ask for less: a page, fewer fields, a filter.");
            self.tell(&ToRunner::Answer { run, call, answer: Err(failure) });
        }
    }

    /// Does something with a run that is there; messages about runs that have ended are late, not wrong.
    fn with(&self, run: u64, act: impl FnOnce(&mut Live) -> io::Result<()>) -> io::Result<()> {
        lock(&self.state).runs.get_mut(&run).map_or(Ok(()), act)
    }
}

/// The most that a record of one call may say: names and a message. A runner's own are far below.
const RECORD: usize = 64 << 10;

/// What a runner says of a run's end goes to the caller as it is, so it must be what it claims to be.
fn check(outcome: &Outcome, limits: &Limits) -> Result<(), &'static str> {
    match &outcome.result {
        Ok(json) if json.len() > limits.result_bytes => Err("a result over the limit"),
        Ok(json) if serde_json::from_str::<&serde_json::value::RawValue>(json).is_err() => {
            Err("a result that is no JSON")
        }
        Ok(_) => Ok(()),
        Err(error) => {
            let texts = [Some(&error.name), Some(&error.message), error.frame.as_ref(), error.hint.as_ref()];
            let length: usize = texts.into_iter().flatten().map(String::len).sum();
            // Each is cut to 16 KiB characters where it is made.
            if length > 512 << 10 { Err("an error longer than errors are") } else { Ok(()) }
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it sent {what}"))
}

async fn write(mut writer: OwnedWriteHalf, mut outgoing: mpsc::UnboundedReceiver<Arc<Vec<u8>>>) {
    while let Some(frame) = outgoing.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// A runner that dies says why on stderr; what V8 prints when it aborts is worth some lines in the log, not a megabyte.
/// The rest is read and dropped, so that no runner waits for it to be taken.
async fn log_stderr(stderr: tokio::process::ChildStderr, pid: u32) {
    const LINES: usize = 40;
    const LONGEST: u64 = 1000;
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    for _ in 0..LINES {
        line.clear();
        match (&mut stderr).take(LONGEST).read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {
                tracing::warn!(pid, "runner: {}", String::from_utf8_lossy(&line).trim_end().escape_debug());
            }
            _ => return,
        }
    }
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
}

/// Ends runners that let a run go on long after its wall limit, or that hold more memory than their runs may.
async fn overdue(broker: Weak<Broker>) {
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let Some(broker) = broker.upgrade() else { return };
        let now = Instant::now();
        let mut state = lock(&broker.state);
        state.abandon_stranded(now);
        for runner in &state.runners {
            let mut inner = lock(&runner.state);
            inner.runs.values_mut().for_each(|live| live.age(now));
            for live in inner.runs.values_mut().filter(|live| live.overdue_at <= now) {
                live.condemned = Some(crate::fault::stopped(crate::control::StopReason::Wall, &live.limits));
                let _ = runner.kill.send(());
            }
            let allowed = broker.options.each.allowed_memory(inner.runs.len());
            if resident_bytes(runner.pid).is_some_and(|resident| resident > allowed) {
                tracing::warn!(
                    pid = runner.pid,
                    "a runner holds more memory than its runs may; it is replaced"
                );
                // With one run there is no doubt whose memory it is; with several, none can be told apart.
                let mut runs = inner.runs.values_mut();
                if let (Some(live), None) = (runs.next(), runs.next()) {
                    let reason = crate::control::StopReason::Memory;
                    live.condemned = Some(crate::fault::stopped(reason, &live.limits));
                }
                let _ = runner.kill.send(());
            }
        }
    }
}

/// Memory of a process that is not shared with files: what its isolates hold. `None` where it cannot be told.
fn resident_bytes(pid: u32) -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map_while(|number| number.parse::<u64>().ok());
    let (resident, shared) = (pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared) * PAGE)
}
