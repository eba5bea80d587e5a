//! Keeps zygotes running and runners ready, and hands runners to runs.
//!
//! One task reads from each zygote and one writes to it. Runners arrive from zygotes ahead of demand and wait here; a run
//! takes one and talks to it alone ([`remote`](super::remote)). When a zygote dies its runners die with it, and a new one
//! is started at once.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

use super::frames::{self, Arrived, FromZygote, RunFrame, ToRunner, ToZygote, VERSION};
use super::jail::Layers;
use super::remote::{Errand, RemoteRun, too_large};
use super::sentry::{Process, Sentry, private_memory};
use super::zygote::ZygoteOptions;
use super::{channel, stderr};
use crate::engine::{EngineOptions, RunnerProcesses};
use crate::outlet::AbortOnDrop;
use crate::watchdog::{Watch, Watchdog};
use crate::{Catalogue, Entry, Environment, Job, Language, Limits};

/// The engine's options, divided among zygotes.
#[derive(Debug, Clone)]
pub(crate) struct ProcessOptions {
    executable: PathBuf,
    subcommand: String,
    zygotes: usize,
    /// Runners ready, of each zygote.
    warm: usize,
    /// Runners alive, of each zygote.
    live: usize,
    zygote: ZygoteOptions,
}

impl ProcessOptions {
    pub(crate) fn new(processes: &RunnerProcesses, options: &EngineOptions) -> Self {
        let zygotes = processes.count.max(1);
        let live = options.live.div_ceil(zygotes).max(1);
        Self {
            executable: processes.executable.clone(),
            subcommand: processes.subcommand.clone(),
            zygotes,
            warm: options.warm.div_ceil(zygotes).clamp(1, live),
            live,
            zygote: ZygoteOptions {
                heap_bytes: options.heap_bytes,
                memory_bytes: memory_bound(options.heap_bytes),
                copies: live,
            },
        }
    }
}

/// A bound on a process's writable private mappings, touched or not, set by the kernel. The sentry's account of what is
/// touched is stricter; this is for what grows faster than it looks.
fn memory_bound(heap_bytes: usize) -> u64 {
    // A zygote at rest has 524 MiB of writable mappings, most of them never touched.
    const OWN: u64 = 1 << 30;
    OWN + 2 * (heap_bytes + crate::isolate::GRACE) as u64
}

/// What is known of the zygotes, for `GET /v1/runtime`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunnerStatus {
    /// Process id of the zygote.
    pub pid: u32,
    /// Whether it makes runners.
    pub ready: bool,
    /// Runners of it that run something now.
    pub runs: usize,
    /// Runners of it that wait for a run.
    pub warm: usize,
    /// What its jail is made of, once it is ready.
    pub layers: Option<Layers>,
}

/// Catalogues that zygotes are told to keep. One is current; others belong to runs with a filter of their own.
const CATALOGUES: usize = 16;

/// Whoever started the engine looks at the first zygotes itself.
const SILENT: u8 = 0;
const WARN: u8 = 1;
const REFUSE: u8 = 2;

pub(crate) struct Broker {
    options: ProcessOptions,
    tokio: tokio::runtime::Handle,
    state: Mutex<State>,
    watchdog: Watchdog,
    /// What becomes of zygotes whose jail is not complete: [`SILENT`], [`WARN`] or [`REFUSE`].
    vetting: AtomicU8,
    restarts: AtomicUsize,
    /// Zygotes that became ready, ever.
    started: AtomicUsize,
    ready: watch::Sender<usize>,
    this: Weak<Self>,
}

#[derive(Default)]
struct State {
    next_zygote: u64,
    zygotes: Vec<Zygote>,
    /// Runs that wait for a runner.
    waiting: VecDeque<oneshot::Sender<Runner>>,
    catalogues: VecDeque<Known>,
    next_catalogue: u64,
    closed: bool,
}

/// A catalogue that runs refer to by number.
struct Known {
    id: u64,
    catalogue: Arc<Catalogue>,
    /// Whether zygotes have it. They get it with its second run: a filter that is used once goes to one runner only.
    announced: bool,
}

struct Zygote {
    id: u64,
    pid: u32,
    frames: mpsc::UnboundedSender<Vec<u8>>,
    kill: mpsc::UnboundedSender<()>,
    layers: Option<Layers>,
    /// Bytes of memory that are its own, as they were when it was ready.
    held: u64,
    idle: Vec<Runner>,
    /// Runners that were asked for and have not arrived.
    spawning: usize,
    /// Runners that are alive, idle ones included.
    live: usize,
}

/// A runner: a process that waits for one run. It ends when this is dropped.
pub(crate) struct Runner {
    process: Arc<Process>,
    stream: UnixStream,
    catalogues: Vec<u64>,
    zygote: u64,
    /// Bytes of memory that it has from its zygote.
    held: u64,
    broker: Weak<Broker>,
}

impl Runner {
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Whether it has the catalogue of this number.
    pub(crate) fn knows(&self, catalogue: u64) -> bool {
        self.catalogues.contains(&catalogue)
    }
}

#[cfg(test)]
impl Runner {
    /// One that no zygote made.
    pub(crate) fn alone(process: Arc<Process>, stream: UnixStream) -> Self {
        Self { process, stream, catalogues: Vec::new(), zygote: 0, held: 0, broker: Weak::new() }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // A script that has taken over its process may not mean to end with its run.
        self.process.end();
        if let Some(broker) = self.broker.upgrade() {
            broker.ended(self.zygote);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker {
    /// Starts the zygotes in the background.
    pub(crate) fn start(options: ProcessOptions, tokio: tokio::runtime::Handle) -> Arc<Self> {
        let broker = Arc::new_cyclic(|this| Self {
            tokio,
            state: Mutex::default(),
            watchdog: Watchdog::start(),
            vetting: AtomicU8::new(SILENT),
            restarts: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            ready: watch::Sender::new(0),
            options,
            this: this.clone(),
        });
        for _ in 0..broker.options.zygotes {
            broker.clone().add_zygote();
        }
        broker
    }

    /// A job on its way to a runner.
    pub(crate) fn push(self: &Arc<Self>, job: Job) -> RemoteRun {
        let Job { code, language, entry: Entry::Script { input }, environment, limits } = job;
        let Environment { vars, catalogue, host } = environment;
        let catalogue_id = lock(&self.state).number(&catalogue);
        let frame = frames::fits(code.len() + input.as_ref().map_or(0, String::len)).and_then(|()| {
            frames::encode(&ToRunner::Run(Box::new(RunFrame {
                catalogue: catalogue_id,
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
        let errand = frame
            .map(|frame| Errand { frame, catalogue, catalogue_id, host, limits })
            .map_err(|error| too_large(&error));
        RemoteRun::new(self.clone(), errand)
    }

    /// A runner, now or when one is ready.
    pub(crate) fn request(&self) -> oneshot::Receiver<Runner> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.state);
        let fullest = state.zygotes.iter_mut().max_by_key(|zygote| zygote.idle.len());
        match fullest.and_then(|zygote| zygote.idle.pop()) {
            Some(runner) => _ = sender.send(runner),
            None if state.closed => {}
            None => state.waiting.push_back(sender),
        }
        self.refill(&mut state);
        receiver
    }

    /// Whether no zygote is there to make runners.
    pub(crate) fn is_barren(&self) -> bool {
        lock(&self.state).zygotes.iter().all(|zygote| zygote.layers.is_none())
    }

    /// For a run that has waited long: what was asked for may have been lost on its way.
    pub(crate) fn ask_again(&self) {
        self.refill(&mut lock(&self.state));
    }

    /// Looks after a run's limits until what is returned is dropped.
    pub(crate) fn watch(&self, runner: &Runner, limits: &Limits) -> Watch {
        let heap_bytes = self.options.zygote.heap_bytes;
        let (sentry, first) = Sentry::over(runner.process.clone(), limits, heap_bytes, runner.held);
        self.watchdog.watch(sentry, first)
    }

    /// Runners that are ready.
    pub(crate) fn warm(&self) -> usize {
        lock(&self.state).zygotes.iter().map(|zygote| zygote.idle.len()).sum()
    }

    pub(crate) fn statuses(&self) -> Vec<RunnerStatus> {
        let status = |zygote: &Zygote| RunnerStatus {
            pid: zygote.pid,
            ready: zygote.layers.is_some(),
            runs: zygote.live - zygote.idle.len(),
            warm: zygote.idle.len(),
            layers: zygote.layers.clone(),
        };
        lock(&self.state).zygotes.iter().map(status).collect()
    }

    /// From now on a zygote whose jail is not complete is warned of, or not used if a complete jail is required.
    pub(crate) fn vet(&self, required: bool) {
        self.vetting.store(if required { REFUSE } else { WARN }, Ordering::SeqCst);
    }

    /// How many zygotes were replaced.
    pub(crate) fn restarts(&self) -> usize {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Waits until every zygote makes runners, or the time is up; `true` in the first case.
    pub(crate) async fn settled(&self, within: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        let all = ready.wait_for(|ready| *ready >= self.options.zygotes);
        tokio::time::timeout(within, all).await.is_ok_and(|result| result.is_ok())
    }

    /// Takes no more runs and ends all processes.
    pub(crate) fn close(&self) {
        let (zygotes, waiting) = {
            let mut state = lock(&self.state);
            state.closed = true;
            (std::mem::take(&mut state.zygotes), std::mem::take(&mut state.waiting))
        };
        // Not under the lock: runners that are dropped take it.
        for zygote in &zygotes {
            let _ = zygote.kill.send(());
        }
        drop((zygotes, waiting));
    }

    /// Asks zygotes for as many runners as are wanted ahead of demand, and for those that runs wait for.
    fn refill(&self, state: &mut State) {
        // Callers that have gone wait for nothing.
        state.waiting.retain(|waiting| !waiting.is_closed());
        let mut short = state.waiting.len();
        for zygote in state.zygotes.iter_mut().filter(|zygote| zygote.layers.is_some()) {
            let coming = zygote.idle.len() + zygote.spawning;
            let wanted = (self.options.warm + short).saturating_sub(coming);
            let count = wanted.min(self.options.live.saturating_sub(zygote.live + zygote.spawning));
            short = short.saturating_sub((coming + count).saturating_sub(self.options.warm));
            if count > 0 {
                zygote.spawning += count;
                zygote.say(&ToZygote::Spawn { count: count as u32 });
            }
        }
    }

    /// A runner is there: for the run that waits longest, or for the next one.
    fn arrived(&self, zygote: u64, mut runner: Runner) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let Some(home) = state.zygotes.iter_mut().find(|known| known.id == zygote) else { return };
        home.spawning = home.spawning.saturating_sub(1);
        home.live += 1;
        runner.held = home.held;
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(runner) {
                Ok(()) => return,
                // Its caller has gone.
                Err(back) => runner = back,
            }
        }
        home.idle.push(runner);
    }

    /// A runner that was asked for does not come.
    fn lost(&self, zygote: u64) {
        let mut state = lock(&self.state);
        if let Some(home) = state.zygotes.iter_mut().find(|known| known.id == zygote) {
            home.spawning = home.spawning.saturating_sub(1);
        }
    }

    /// A runner has ended.
    fn ended(&self, zygote: u64) {
        let mut state = lock(&self.state);
        if let Some(home) = state.zygotes.iter_mut().find(|known| known.id == zygote) {
            home.live = home.live.saturating_sub(1);
            self.refill(&mut state);
        }
    }

    /// Keeps one zygote running: when it ends, the next takes its place at once, unless it died as it started.
    fn add_zygote(self: Arc<Self>) {
        const SHORTEST: Duration = Duration::from_millis(200);
        const LONGEST: Duration = Duration::from_secs(10);
        let tokio = self.tokio.clone();
        tokio.spawn(async move {
            let mut pause = SHORTEST;
            loop {
                let ready_before = self.started.load(Ordering::Relaxed);
                if let Err(error) = self.run_zygote().await {
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

    /// One zygote from start to end.
    async fn run_zygote(&self) -> io::Result<()> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = tokio::process::Command::new(&self.options.executable)
            .arg(&self.options.subcommand)
            .args(self.options.zygote.to_words())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or(0);
        // When the machine runs out of memory, runners are to go, and not what started them. Copies inherit it.
        #[cfg(target_os = "linux")]
        let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "500");
        if let Some(printed) = child.stderr.take() {
            self.tokio.spawn(stderr::log(printed, pid));
        }
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (frames, outgoing) = mpsc::unbounded_channel();
        let (kill, mut killed) = mpsc::unbounded_channel();
        let id = {
            let mut state = lock(&self.state);
            if state.closed {
                return Ok(());
            }
            let id = state.next_zygote;
            state.next_zygote += 1;
            state.zygotes.push(Zygote {
                id,
                pid,
                frames,
                kill,
                layers: None,
                held: 0,
                idle: Vec::new(),
                spawning: 0,
                live: 0,
            });
            id
        };
        let writing = AbortOnDrop(self.tokio.spawn(write(writer, outgoing)).abort_handle());
        let ended = tokio::select! {
            ended = self.read(reader, id) => ended,
            _ = killed.recv() => Ok(()),
        };
        if let Err(error) = &ended {
            tracing::warn!(pid, %error, "the connection to a zygote broke; it is replaced");
        }
        let _ = child.start_kill();
        drop(writing);
        self.bury(id);
        let _ = child.wait().await;
        Ok(())
    }

    async fn read(&self, reader: OwnedReadHalf, id: u64) -> io::Result<()> {
        let stream: &UnixStream = reader.as_ref();
        let (mut arrived, mut descriptors) = (Arrived::default(), VecDeque::new());
        loop {
            stream.readable().await?;
            let received = stream
                .try_io(Interest::READABLE, || channel::receive(stream, arrived.room(), &mut descriptors));
            match received {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
            while let Some(message) = arrived.take()? {
                match message {
                    FromZygote::Ready { version, layers } => self.is_ready(id, version, layers)?,
                    FromZygote::Runner { pid, catalogues } => {
                        let (Some(stream), Some(process)) =
                            (descriptors.pop_front(), descriptors.pop_front())
                        else {
                            // This process has too many open. The runner ends, as its socket has.
                            tracing::error!(
                                "no descriptor is left for a runner: raise the limit on open files"
                            );
                            descriptors.clear();
                            self.lost(id);
                            continue;
                        };
                        let stream = std::os::unix::net::UnixStream::from(stream);
                        stream.set_nonblocking(true)?;
                        let runner = Runner {
                            process: Arc::new(Process::new(process, pid)),
                            stream: UnixStream::from_std(stream)?,
                            catalogues,
                            zygote: id,
                            held: 0,
                            broker: self.this.clone(),
                        };
                        self.arrived(id, runner);
                    }
                }
            }
        }
    }

    fn is_ready(&self, id: u64, version: u32, layers: Layers) -> io::Result<()> {
        if version != VERSION {
            return Err(io::Error::other("the executable on disk is of another version"));
        }
        let mut state = lock(&self.state);
        // Under the lock, so that who has asked for this and then looks at the zygotes misses none.
        match (self.vetting.load(Ordering::SeqCst), layers.missing()) {
            (REFUSE, Some(missing)) => {
                return Err(io::Error::other(format!("its jail is not complete, and must be ({missing})")));
            }
            (WARN, Some(missing)) => {
                tracing::warn!(%missing, "the jail of a replaced zygote is not complete")
            }
            _ => {}
        }
        let announced: Vec<(u64, Arc<Catalogue>)> = state
            .catalogues
            .iter()
            .filter(|known| known.announced)
            .map(|known| (known.id, known.catalogue.clone()))
            .collect();
        if let Some(zygote) = state.zygotes.iter_mut().find(|known| known.id == id) {
            zygote.layers = Some(layers);
            zygote.held = private_memory(zygote.pid).unwrap_or_default();
            for (id, catalogue) in announced {
                zygote.say(&ToZygote::Catalogue { id, catalogue: (*catalogue).clone() });
            }
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        self.ready.send_modify(|ready| *ready += 1);
        self.refill(&mut state);
        Ok(())
    }

    /// A zygote has ended, and its runners with it.
    fn bury(&self, id: u64) {
        let buried = {
            let mut state = lock(&self.state);
            let at = state.zygotes.iter().position(|known| known.id == id);
            at.map(|at| state.zygotes.remove(at))
        };
        if buried.is_some_and(|zygote| zygote.layers.is_some()) {
            self.ready.send_modify(|ready| *ready = ready.saturating_sub(1));
        }
    }
}

impl State {
    /// The number of a catalogue; the same `Arc` has the same number for as long as it is remembered.
    fn number(&mut self, catalogue: &Arc<Catalogue>) -> u64 {
        if let Some(known) = self.catalogues.iter_mut().find(|known| Arc::ptr_eq(&known.catalogue, catalogue))
        {
            if !std::mem::replace(&mut known.announced, true) {
                let message = ToZygote::Catalogue { id: known.id, catalogue: (*known.catalogue).clone() };
                self.zygotes.iter().for_each(|zygote| zygote.say(&message));
            }
            return known.id;
        }
        self.next_catalogue += 1;
        let id = self.next_catalogue;
        self.catalogues.push_back(Known { id, catalogue: catalogue.clone(), announced: false });
        if self.catalogues.len() > CATALOGUES
            && let Some(Known { id, announced: true, .. }) = self.catalogues.pop_front()
        {
            self.zygotes.iter().for_each(|zygote| zygote.say(&ToZygote::Forget { id }));
        }
        id
    }
}

impl Zygote {
    fn say(&self, message: &ToZygote) {
        match frames::encode(message) {
            Ok(frame) => _ = self.frames.send(frame),
            // A catalogue that does not fit goes with none of its runs either, which then say so.
            Err(error) => tracing::warn!(%error, "a message to a zygote was not sent"),
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut outgoing: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = outgoing.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}
