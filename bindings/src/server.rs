//! The life of one server: connect, list, stay, notice the end, connect again.
//!
//! One task owns the life; calls look at what it last announced. A server that ends is connected again at once, and
//! after a failure with growing pauses; a call that finds it failed wakes the task up and waits for that one attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{ServerConfig, Start, TransportConfig};
use crate::connection::{Connection, RequestError};
use crate::error::CallError;
use crate::handshake::{Approach, Era};
use crate::http::Pools;
use crate::listing::{List, ToolList, fetch};
use crate::oauth::Account;
use crate::redact::Redactor;
use crate::status::{ServerStatus, State};
use crate::text::printable;
use crate::upstreams::{A_DAY, Announcer, UpstreamOptions};
use crate::watching::Watches;

/// Pauses between attempts in the background double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After so many failures in a row only a call makes another attempt: some ten minutes.
const BACKGROUND_ATTEMPTS: u32 = 15;
/// A session that lasted this long was a good one: its end is no failure, and the next attempt comes at once.
const GOOD_SESSION: Duration = Duration::from_secs(10);
/// A call does not make another attempt so soon after one failed; it fails with the same reason.
const ATTEMPT_SPACING: Duration = Duration::from_secs(1);
/// Several changes of a list in a row are fetched once.
const LIST_SETTLES: Duration = Duration::from_millis(100);
/// A server that announces changes without end is listed this often at most.
const LIST_SPACING: Duration = Duration::from_secs(1);
/// A list that could not be fetched is asked for again after this.
const LIST_AGAIN: Duration = Duration::from_secs(10);

/// A list that says how long it stays true is not fetched more often than this for it.
const LIST_AGES: Duration = Duration::from_secs(10);

/// What to connect to, and how.
pub(crate) struct Target {
    pub name: String,
    pub config: ServerConfig,
    pub redactor: Arc<Redactor>,
    pub options: Arc<UpstreamOptions>,
    pub pools: Arc<Pools>,
    /// The way to a token, for a server over HTTP.
    pub account: Option<Account>,
}

/// One server, whatever its state.
pub(crate) struct Server {
    pub target: Target,
    now: watch::Sender<Snapshot>,
    /// A call wants a connection.
    wanted: Notify,
    stop: CancellationToken,
    era: Mutex<EraMemory>,
    /// Its resources that somebody watches.
    pub watches: Watches,
}

/// What is remembered of a server's era from one connection to the next.
#[derive(Default)]
struct EraMemory {
    known: Option<Era>,
    /// Attempts in vain while nothing was known.
    guesses: u32,
}

/// What is known of a server at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub state: State,
    /// Attempts to connect that have ended.
    pub attempts: u32,
    pub failed_at: Option<Instant>,
    pub connection: Option<Arc<Connection>>,
    /// The last list, kept while the server is away: declarations should not flicker.
    pub tools: Option<Arc<Vec<Value>>>,
    pub rejected: Vec<String>,
    pub about: Option<About>,
    pub last_error: Option<String>,
    pub restarts: u32,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    pub protocol_version: String,
    pub era: Era,
    pub name: Option<String>,
    pub title: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    pub instructions: Option<String>,
}

struct Failure {
    reason: String,
    permanent: bool,
}

impl Server {
    pub(crate) fn new(target: Target) -> Self {
        let state = match (target.config.disabled, target.config.start) {
            (true, _) => State::Disabled,
            (false, Start::Eager) => State::Starting,
            (false, Start::Lazy) => State::Idle,
        };
        let snapshot = Snapshot {
            state,
            attempts: 0,
            failed_at: None,
            connection: None,
            tools: None,
            rejected: Vec::new(),
            about: None,
            last_error: None,
            restarts: 0,
        };
        Self {
            target,
            now: watch::Sender::new(snapshot),
            wanted: Notify::new(),
            stop: CancellationToken::new(),
            era: Mutex::default(),
            watches: Watches::default(),
        }
    }

    /// What is known now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.now.borrow().clone()
    }

    /// Waits until nothing is under way.
    pub(crate) async fn settled(&self) {
        let mut watch = self.now.subscribe();
        let _stopped = watch.wait_for(|now| now.state.is_settled()).await;
    }

    /// Starts a server that waits for somebody to need it.
    pub(crate) fn wake(&self) {
        if self.now.borrow().state == State::Idle {
            self.wanted.notify_one();
        }
    }

    /// Ends the life of this server, soon.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn status(&self) -> ServerStatus {
        let now = self.now.borrow();
        let about = now.about.as_ref();
        ServerStatus {
            name: self.target.name.clone(),
            transport: self.target.config.transport.kind(),
            state: now.state,
            protocol_version: about.map(|about| about.protocol_version.clone()),
            era: about.map(|about| about.era),
            server_name: about.and_then(|about| about.name.clone()),
            server_version: about.and_then(|about| about.version.clone()),
            tools: now.tools.as_ref().map(|tools| tools.len()),
            rejected_tools: now.rejected.clone(),
            last_error: now.last_error.clone(),
            pid: now.connection.as_ref().and_then(|connection| connection.pid()),
            restarts: now.restarts,
            garbage_lines: now.connection.as_ref().map_or(0, |connection| connection.garbage_lines()),
        }
    }

    /// A live connection, waiting for one until `deadline` if there is reason to.
    pub(crate) async fn connection(&self, deadline: Instant) -> Result<Arc<Connection>, CallError> {
        let mut watch = self.now.subscribe();
        let mut asked_at = None;
        loop {
            let now = {
                let now = watch.borrow_and_update();
                // On the way of every call: what else is known of the server, its own long words among it, is not copied.
                if let (State::Ready, Some(connection)) = (now.state, &now.connection)
                    && !connection.has_ended()
                {
                    return Ok(connection.clone());
                }
                now.clone()
            };
            match (now.state, now.connection) {
                // Its end is known but not yet announced, or a first or another attempt is under way.
                (State::Ready | State::Starting | State::Restarting, _) => {}
                (State::Idle, _) => {
                    if asked_at.is_none() {
                        asked_at = Some(now.attempts);
                        self.wanted.notify_one();
                    }
                }
                (State::Failed, _) => {
                    let just_failed = now.failed_at.is_some_and(|at| at.elapsed() < ATTEMPT_SPACING);
                    let attempted = asked_at.is_some_and(|attempts| now.attempts > attempts);
                    if attempted || just_failed {
                        return Err(self.not_ready(State::Failed, now.last_error));
                    }
                    if asked_at.is_none() {
                        asked_at = Some(now.attempts);
                        self.wanted.notify_one();
                    }
                }
                (state @ (State::Stopped | State::Disabled), _) => {
                    return Err(self.not_ready(state, None));
                }
            }
            match tokio::time::timeout_at(deadline, watch.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(self.not_ready(State::Stopped, None)),
                Err(_) => {
                    let now = self.snapshot();
                    return Err(self.not_ready(now.state, now.last_error));
                }
            }
        }
    }

    fn not_ready(&self, state: State, last_error: Option<String>) -> CallError {
        let reason = last_error.unwrap_or_else(|| match state {
            State::Starting => "it has not answered the handshake yet".to_owned(),
            State::Disabled => "its configuration says \"disabled\": true".to_owned(),
            State::Stopped => "isolet is shutting down".to_owned(),
            _ => "it is not connected".to_owned(),
        });
        CallError::NotReady { server: self.target.name.clone(), state, reason }
    }

    /// Runs the life to its end.
    pub(crate) async fn live(self: Arc<Self>, announcer: Arc<Announcer>) {
        if self.target.config.disabled {
            return;
        }
        if self.target.config.start == Start::Lazy {
            tokio::select! {
                () = self.wanted.notified() => self.now.send_modify(|now| now.state = State::Starting),
                () = self.stop.cancelled() => {
                    self.now.send_modify(|now| now.state = State::Stopped);
                    return;
                }
            }
        }
        let mut failures = 0u32;
        loop {
            let tools_changed = Arc::new(Notify::new());
            let attempt = tokio::select! {
                attempt = self.attempt(&tools_changed, &announcer) => attempt,
                () = self.stop.cancelled() => break,
            };
            let began = Instant::now();
            let failure = match attempt {
                Ok((connection, fresh_for)) => {
                    let stopped = self.stay(&connection, &tools_changed, &announcer, fresh_for).await;
                    if stopped {
                        connection.close().await;
                        break;
                    }
                    let reason = connection.obituary().await;
                    // What is left of the process goes too, before another one takes its place.
                    connection.close().await;
                    Failure { reason, permanent: false }
                }
                Err(failure) => failure,
            };
            let was_ready = self.now.borrow().state == State::Ready;
            let reason = self.target.redactor.redact(failure.reason);
            tracing::warn!(target: "isolet::upstream", server = self.target.name, "{reason}");
            failures = if was_ready && began.elapsed() >= GOOD_SESSION { 0 } else { failures + 1 };
            let at_once = was_ready && failures == 0;
            self.now.send_modify(|now| {
                now.state = if at_once { State::Restarting } else { State::Failed };
                now.failed_at = (!was_ready).then(Instant::now);
                now.attempts += u32::from(!was_ready);
                now.connection = None;
                now.last_error = Some(reason);
                now.restarts += u32::from(was_ready);
            });
            if !at_once && !self.pause(failures, failure.permanent).await {
                break;
            }
            self.now.send_modify(|now| now.state = State::Restarting);
        }
        self.now.send_modify(|now| {
            now.state = State::Stopped;
            now.connection = None;
        });
    }

    /// Waits before the next attempt; false if there is to be none.
    async fn pause(&self, failures: u32, permanent: bool) -> bool {
        let background = !permanent && failures <= BACKGROUND_ATTEMPTS;
        tokio::select! {
            () = tokio::time::sleep(pause_after(failures)), if background => true,
            () = self.wanted.notified() => true,
            () = self.stop.cancelled() => false,
        }
    }

    /// Connects and lists.
    async fn attempt(
        &self,
        tools_changed: &Arc<Notify>,
        announcer: &Announcer,
    ) -> Result<(Arc<Connection>, Option<Duration>), Failure> {
        let connection = self.open(tools_changed).await?;
        let about = About::of(&connection);
        let list = self.list_tools(&connection).await;
        let (tools, rejected, problem, fresh_for) = match list {
            Ok((list, fresh_for)) => (Some(list.tools), list.rejected, None, fresh_for),
            Err(problem) if connection.has_ended() => {
                let reason = format!("{problem}; {}", connection.obituary().await);
                return Err(Failure { reason, permanent: false });
            }
            // A server that answers, but not this: its tools can still be called by those who know them.
            Err(problem) => {
                let problem = self.target.redactor.redact(problem);
                tracing::warn!(target: "isolet::upstream", server = self.target.name, "{problem}");
                (None, Vec::new(), Some(problem), None)
            }
        };
        for reason in &rejected {
            tracing::warn!(target: "isolet::upstream", server = self.target.name, "left out: {reason}");
        }
        let connection = Arc::new(connection);
        self.now.send_modify(|now| {
            now.about = Some(about);
            now.rejected = rejected;
            if problem.is_some() {
                now.last_error = problem;
            }
            replace_if_different(&mut now.tools, tools);
        });
        announcer.announce();
        self.now.send_modify(|now| {
            now.state = State::Ready;
            now.attempts += 1;
            now.failed_at = None;
            now.connection = Some(connection.clone());
        });
        Ok((connection, fresh_for))
    }

    /// Opens a session in the era that the server speaks. Where that is not known, `server/discover` comes first, as the
    /// protocol recommends; a child that ends over it is started again and greeted with `initialize` alone.
    async fn open(&self, tools_changed: &Arc<Notify>) -> Result<Connection, Failure> {
        let is_http = matches!(self.target.config.transport, TransportConfig::Http(_));
        let approach = self.approach();
        let open = |approach| Connection::open(&self.target, approach, tools_changed.clone());
        let error = match open(approach).await {
            Ok(connection) => return Ok(self.remembered(connection)),
            Err(error) => error,
        };
        // A child that keeps ending is started once an attempt, with another greeting each time.
        let first_guess = !approach.known && self.era().guesses == 0;
        self.era().guesses += u32::from(!approach.known);
        if error.wrong_era && !approach.pinned && (is_http || first_guess) {
            let other = Approach { first: approach.first.other(), known: true, pinned: is_http };
            match open(other).await {
                Ok(connection) => return Ok(self.remembered(connection)),
                Err(again) if again.reason == error.reason => {}
                Err(again) => {
                    let first = if approach.first == Era::Modern { "server/discover" } else { "initialize" };
                    let reason = format!("{} (to {first}: {})", again.reason, error.reason);
                    return Err(Failure { reason, permanent: again.permanent });
                }
            }
        }
        Err(Failure { reason: error.reason, permanent: error.permanent })
    }

    fn approach(&self) -> Approach {
        if let Some(first) = self.target.config.era {
            return Approach { first, known: true, pinned: true };
        }
        let memory = self.era();
        let guess = if memory.guesses.is_multiple_of(2) { Era::Modern } else { Era::Legacy };
        Approach { first: memory.known.unwrap_or(guess), known: memory.known.is_some(), pinned: false }
    }

    fn remembered(&self, connection: Connection) -> Connection {
        self.era().known = Some(connection.era());
        connection
    }

    fn era(&self) -> MutexGuard<'_, EraMemory> {
        self.era.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stays until the session ends (false) or the server is to stop (true), and follows changes of the list.
    async fn stay(
        &self,
        connection: &Connection,
        tools_changed: &Notify,
        announcer: &Announcer,
        mut fresh_for: Option<Duration>,
    ) -> bool {
        let follow = async {
            loop {
                let is_listed = self.now.borrow().tools.is_some();
                // Who announces changes need not be asked.
                let ages = fresh_for.filter(|_| is_listed && !connection.is_listening());
                let again = if is_listed { ages.map(|ages| ages.max(LIST_AGES)) } else { Some(LIST_AGAIN) };
                tokio::select! {
                    () = tools_changed.notified() => tokio::time::sleep(LIST_SETTLES).await,
                    () = tokio::time::sleep(again.unwrap_or_default().min(A_DAY)), if again.is_some() => {}
                }
                match self.list_tools(connection).await {
                    Ok((list, ages)) => {
                        fresh_for = ages;
                        self.now.send_modify(|now| {
                            now.rejected = list.rejected;
                            replace_if_different(&mut now.tools, Some(list.tools));
                        });
                        announcer.announce();
                    }
                    Err(problem) => {
                        let problem = self.target.redactor.redact(problem);
                        tracing::warn!(target: "isolet::upstream", server = self.target.name, "{problem}");
                        self.now.send_modify(|now| now.last_error = Some(problem));
                    }
                }
                tokio::time::sleep(LIST_SPACING).await;
            }
        };
        tokio::select! {
            () = connection.ended() => false,
            () = self.stop.cancelled() => true,
            () = follow => false,
            () = self.watch_health(connection) => false,
        }
    }

    /// Returns when the server has fallen silent. Only one that has answered a ping before can: some never do. Over HTTP
    /// the later era has no session that could be lost.
    async fn watch_health(&self, connection: &Connection) {
        let is_http = matches!(self.target.config.transport, TransportConfig::Http(_));
        let options = &self.target.options;
        let mut has_answered = false;
        while connection.era() == Era::Legacy || !is_http {
            tokio::time::sleep(options.ping_interval).await;
            if connection.is_busy() {
                continue;
            }
            if connection.ping(options.ping_timeout).await {
                has_answered = true;
            } else if !has_answered {
                break;
            } else if !connection.is_busy() {
                connection.give_up(format!("it did not answer a ping within {:?}", options.ping_timeout));
                return;
            }
        }
        std::future::pending().await
    }

    /// The tools, and how long the server says that they stay so.
    async fn list_tools(&self, connection: &Connection) -> Result<(ToolList, Option<Duration>), String> {
        match fetch(connection, List::Tools, self.target.options.list_timeout).await {
            Ok(fetched) => {
                let is_http = matches!(self.target.config.transport, TransportConfig::Http(_));
                let marks = is_http && connection.era() == Era::Modern;
                let list = ToolList::read(&fetched.items, marks);
                if marks {
                    connection.params().learn(&list.tools);
                }
                Ok((list, fetched.fresh_for))
            }
            // A server of resources and prompts alone may not know the request.
            Err(RequestError::Upstream { code: -32601, .. }) => Ok((ToolList::default(), None)),
            Err(error) => Err(format!(
                "its tools cannot be listed: {}",
                error.describe(self.target.options.list_timeout)
            )),
        }
    }
}

impl About {
    fn of(connection: &Connection) -> Self {
        let info = connection.info();
        let server = info.server_info.as_ref();
        Self {
            // A server may answer with whatever text it likes.
            protocol_version: printable(info.protocol_version.as_str().as_bytes(), 40),
            era: connection.era(),
            name: server.map(|server| server.name.clone()),
            title: server.and_then(|server| server.title.clone()),
            version: server.map(|server| server.version.clone()),
            description: server.and_then(|server| server.description.clone()),
            instructions: info.instructions.clone(),
        }
    }
}

/// Keeps the old list where the new one is the same, so that who compares pointers sees no change.
fn replace_if_different(old: &mut Option<Arc<Vec<Value>>>, new: Option<Vec<Value>>) {
    let Some(new) = new else { return };
    if old.as_deref() != Some(&new) {
        *old = Some(Arc::new(new));
    }
}

/// The pause after `failures` in a row: doubled each time, and spread by a quarter so that servers that failed together
/// do not come back together.
fn pause_after(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    let mut random = [0u8; 1];
    // Without randomness the pause is merely regular.
    let _ = getrandom::fill(&mut random);
    doubled.mul_f64(0.75 + f64::from(random[0]) / 255.0 * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let within = |failures, seconds: f64| {
            let pause = pause_after(failures).as_secs_f64();
            assert!((0.74 * seconds..=1.26 * seconds).contains(&pause), "{failures}: {pause}");
        };
        within(1, 0.5);
        within(2, 1.0);
        within(3, 2.0);
        within(9, 60.0);
        within(u32::MAX, 60.0);
    }
}
