//! Starting zygotes, reading their messages, and starting them again.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf, pipe};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::backoff::Backoff;
use super::copies::CopySupervisor;
use super::pool_options::PoolOptions;
use super::pooled_zygote::PooledZygote;
use super::runner_handle::RunnerHandle;
use super::runner_pool::RunnerPool;
use super::runner_process::{RunnerProcess, private_memory};
use super::stderr::{self, StartupOutput};
use super::zygote_starts::StartError;
use crate::libraries::EVALUATION_TIMEOUT;
use crate::process::jail::JailReport;
use crate::process::protocol::descriptors::receive_with_descriptors;
use crate::process::protocol::frames::FrameBuffer;
use crate::process::protocol::messages::{FromZygote, PROTOCOL_VERSION, RunnerKind, ToZygote};
use crate::process::zygote::requirements;
use crate::run_channel::AbortOnDrop;

/// The time for which the broker waits for the exit status and the last output of a zygote that has
/// closed its socket.
const EXIT_TIMEOUT: Duration = Duration::from_millis(300);

impl StartError {
    /// Creates an error of the operating system while a zygote is started.
    fn new(step: &str, error: io::Error) -> Self {
        let reason = format!("{step}: {error}{}", requirements::process_limit(&error));
        Self { reason, permanent: true }
    }
}

/// A zygote's process as it was started.
struct StartedProcess {
    child: Child,
    socket: UnixStream,
    stderr: pipe::Receiver,
}

/// Starts the executable of a zygote, with a socket as its standard input.
fn start_process(options: &PoolOptions) -> Result<StartedProcess, StartError> {
    let (broker_end, zygote_end) = std::os::unix::net::UnixStream::pair()
        .and_then(|(broker, zygote)| broker.set_nonblocking(true).map(|()| (broker, zygote)))
        .map_err(|error| StartError::new("cannot make a pair of Unix sockets", error))?;
    let (stderr, stderr_end) =
        stderr::pipe().map_err(|error| StartError::new("cannot make a pipe", error))?;
    let null_device = std::fs::File::options()
        .write(true)
        .open("/dev/null")
        .map_err(|error| StartError::new("cannot open /dev/null", error))?;
    let child = Command::new(&options.executable)
        .arg(&options.subcommand)
        .args(options.zygote.to_words())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(zygote_end)))
        .stdout(Stdio::from(null_device))
        .stderr(Stdio::from(stderr_end))
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| StartError::new(&format!("cannot start {}", options.executable.display()), error))?;
    let socket =
        UnixStream::from_std(broker_end).map_err(|error| StartError::new("cannot watch a socket", error))?;
    Ok(StartedProcess { child, socket, stderr })
}

impl RunnerPool {
    /// Keeps one zygote running, in the background. When it ends, another one is started: at once,
    /// or after a pause if no zygote has become ready meanwhile.
    pub(super) fn keep_zygote_running(self: Arc<Self>) {
        let tokio = self.tokio.clone();
        tokio.spawn(async move {
            let mut backoff = Backoff::new();
            loop {
                let started_before = self.starts.started();
                let (replace, replaced) = oneshot::channel();
                let mut running = self.tokio.spawn(self.clone().run_zygote(replace));
                let ended = tokio::select! {
                    biased;
                    ended = &mut running => ended,
                    // The zygote goes on beside its replacement, until its runs have ended.
                    Ok(()) = replaced => Ok(Ok(())),
                };
                if self.state().is_closed() {
                    return;
                }
                if let Ok(Err(error)) = ended {
                    self.starts.count_failure(error);
                }
                self.starts.count_restart();
                if self.starts.started() > started_before {
                    backoff.reset();
                } else {
                    tokio::time::sleep(backoff.next_pause()).await;
                }
            }
        });
    }

    /// Starts a zygote, handles its messages until it ends, and waits for its exit status.
    async fn run_zygote(self: Arc<Self>, replace: oneshot::Sender<()>) -> Result<(), StartError> {
        let StartedProcess { mut child, socket, stderr } = start_process(&self.options)?;
        let pid = child.id().unwrap_or(0);
        let output = StartupOutput::default();
        let mut logging = self.tokio.spawn(stderr::log(stderr, pid, output.clone()));
        let (reader, writer) = socket.into_split();
        let (frames, outgoing) = mpsc::unbounded_channel();
        let (kill, mut killed) = mpsc::unbounded_channel();
        if let Some(libraries) = &self.options.libraries {
            let message = ToZygote::Libraries {
                libraries: libraries.libraries.to_vec(),
                modules: libraries.modules.to_vec(),
            };
            let frame = crate::process::protocol::frames::encode(&message)
                .map_err(|error| StartError { reason: format!("the libraries: {error}"), permanent: true })?;
            let _ = frames.send(frame);
        }
        let added = self.add_zygote(|id| PooledZygote::new(id, pid, frames, kill, output.clone(), replace));
        let Some(id) = added else { return Ok(()) };
        let writing = AbortOnDrop(self.tokio.spawn(write_frames(writer, outgoing)).abort_handle());
        let ended = tokio::select! {
            ended = self.read_messages(reader, id) => ended,
            _ = killed.recv() => {
                let _ = child.start_kill();
                Ok(())
            }
            error = self.wait_for_slow_library(id) => Err(error),
        };
        let was_ready = self.remove_zygote(id);
        drop(writing);
        if !was_ready {
            // It has closed its socket and is about to end. The status shows how.
            let _ = tokio::time::timeout(EXIT_TIMEOUT, child.wait()).await;
        }
        let _ = child.start_kill();
        let status = child.wait().await;
        // The last output is in the pipe. Runners that have the pipe are ending too.
        if tokio::time::timeout(EXIT_TIMEOUT, &mut logging).await.is_err() {
            logging.abort();
        }
        match ended {
            Err(error) if was_ready => {
                tracing::warn!(pid, %error, "the connection to a zygote broke; it is replaced");
                Ok(())
            }
            Ok(()) if was_ready => Ok(()),
            Err(error) => Err(StartError { reason: error.to_string(), permanent: true }),
            Ok(()) => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                let output = output.failure_reason().map_or_else(String::new, |reason| format!(": {reason}"));
                let limits = requirements::small_limits();
                let reason = format!("the process ended as it started ({status}){output}{limits}");
                Err(StartError { reason, permanent: false })
            }
        }
    }

    /// Handles a zygote's messages until it closes the socket.
    async fn read_messages(&self, reader: OwnedReadHalf, id: u64) -> io::Result<()> {
        let stream: &UnixStream = reader.as_ref();
        let (mut received, mut descriptors) = (FrameBuffer::default(), VecDeque::new());
        loop {
            stream.readable().await?;
            let result = stream.try_io(Interest::READABLE, || {
                receive_with_descriptors(stream, received.tail(), &mut descriptors)
            });
            match result {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
            while let Some(message) = received.take()? {
                self.handle_message(id, message, &mut descriptors)?;
            }
        }
    }

    /// Returns when the libraries have not been evaluated in time, with the reason.
    async fn wait_for_slow_library(&self, id: u64) -> io::Error {
        const POLL_INTERVAL: Duration = Duration::from_millis(100);
        let Some(libraries) = &self.options.libraries else { return std::future::pending().await };
        let mut since = None;
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let (evaluating, is_ready) = match self.state().zygote(id) {
                Some(zygote) => (zygote.evaluating, zygote.jail.is_some()),
                None => (None, true),
            };
            if is_ready {
                return std::future::pending().await;
            }
            let Some(index) = evaluating else { continue };
            if since.get_or_insert_with(Instant::now).elapsed() > EVALUATION_TIMEOUT {
                let name = libraries.libraries.get(index as usize).map(|library| &library.specifier);
                return io::Error::other(format!(
                    "the library {:?} was not evaluated within {} s: its modules loop, or do too much when they are imported",
                    name.map_or("?", String::as_str),
                    EVALUATION_TIMEOUT.as_secs()
                ));
            }
        }
    }

    fn handle_message(
        &self,
        id: u64,
        message: FromZygote,
        descriptors: &mut VecDeque<OwnedFd>,
    ) -> io::Result<()> {
        match message {
            FromZygote::Ready { version, jail, supervised } => {
                let listener = if supervised { descriptors.pop_front() } else { None };
                self.zygote_ready(id, version, jail, listener)
            }
            FromZygote::Evaluating { library } => {
                if let Some(zygote) = self.state().zygote(id) {
                    zygote.evaluating = Some(library);
                }
                Ok(())
            }
            FromZygote::Failed { reason } => Err(io::Error::other(reason)),
            FromZygote::RunnerExit { pid, forbidden_call } => {
                let query = self.state().zygote(id).and_then(|zygote| zygote.exit_queries.remove(&pid));
                // The run may have been dropped meanwhile.
                let _ = query.map(|query| query.send(forbidden_call));
                Ok(())
            }
            FromZygote::Runner { pid, kind, catalogues } => {
                let (Some(socket), Some(pidfd)) = (descriptors.pop_front(), descriptors.pop_front()) else {
                    // This process has too many descriptors open. The runner ends, as its socket is
                    // closed.
                    tracing::error!("no descriptor is left for a runner: raise the limit on open files");
                    descriptors.clear();
                    self.runner_lost(id, kind);
                    return Ok(());
                };
                let socket = std::os::unix::net::UnixStream::from(socket);
                socket.set_nonblocking(true)?;
                let (process, stream) = (RunnerProcess::new(pidfd, pid), UnixStream::from_std(socket)?);
                let runner = RunnerHandle::new(process, stream, catalogues, id, self.this.clone());
                match kind {
                    RunnerKind::Runner => self.add_runner(runner),
                    RunnerKind::AppZygote => self.add_app_zygote(runner),
                }
                Ok(())
            }
        }
    }

    /// Checks the version and the jail of a zygote that is ready, and starts to use it.
    pub(super) fn zygote_ready(
        &self,
        id: u64,
        version: u32,
        jail: JailReport,
        listener: Option<OwnedFd>,
    ) -> io::Result<()> {
        if version != PROTOCOL_VERSION {
            return Err(io::Error::other("the executable on disk is of another version"));
        }
        // Under one lock: a caller that sets exceptions and then checks all zygotes misses none.
        let mut state = self.state();
        if let (Some(exceptions), Some(missing)) = (state.jail_exceptions(), jail.missing()) {
            if !exceptions.refused(&jail).is_empty() {
                return Err(io::Error::other(format!("its jail is not complete, and must be ({missing})")));
            }
            tracing::warn!(%missing, "the jail of a replaced zygote is not complete");
        }
        if let Some(zygote) = state.zygote(id) {
            zygote.jail = Some(jail);
            zygote.supervisor = listener.and_then(CopySupervisor::start);
            zygote.private_bytes = private_memory(zygote.pid);
            zygote.startup_output.zygote_ready(zygote.pid);
            if zygote.private_bytes.is_none() {
                tracing::warn!(
                    "the memory of runners cannot be watched, as /proc/{}/status cannot be read (hidepid?): only the \
                     kernel's bound on what they map holds, which is higher",
                    zygote.pid
                );
            }
        }
        self.zygote_started(&mut state, id);
        Ok(())
    }
}

/// Writes queued frames until the socket or the queue is closed.
async fn write_frames(mut writer: OwnedWriteHalf, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}
