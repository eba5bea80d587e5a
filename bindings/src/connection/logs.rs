//! Log notifications of a server, for the client whose request is under way.
//!
//! A log notification has no request id, and all of isolet's clients and runs share one session of
//! a server. So a notification is passed on only while exactly one request is under way; otherwise
//! it is dropped. A request that was abandoned may still be running in the server, and its
//! notifications would reach the next client, so after one the session passes on nothing.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest notification that is passed on, as JSON text.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The level of a message; the first is the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the protocol's, after syslog's")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// One log message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogMessage {
    /// The level.
    pub level: LogLevel,
    /// The part of the server that logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
    /// The message: text or any other JSON.
    #[serde(default)]
    pub data: Value,
}

/// Receives log messages. Called from the task that reads all messages of a server, so it must
/// return quickly.
pub type LogSink = Arc<dyn Fn(LogMessage) + Send + Sync>;

/// A receiver of what the server logs during a request.
#[derive(Clone)]
pub struct LogListener {
    /// The lowest level that is passed on.
    pub least: LogLevel,
    /// Receives the messages.
    pub sink: LogSink,
}

/// The requests under way in one session, and their receivers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<SessionLog>>);

#[derive(Default)]
struct SessionLog {
    requests: HashMap<u64, Option<LogListener>>,
    last: u64,
    /// An abandoned request may still be running in the server.
    given_up: bool,
    /// The lowest level that the server was asked for.
    asked: Option<LogLevel>,
}

impl std::fmt::Debug for SessionLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionLog").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

/// A request that is under way until this is dropped.
#[must_use]
pub(crate) struct RequestLogGuard {
    logs: Logs,
    request: u64,
    answered: bool,
}

impl Logs {
    fn lock(&self) -> MutexGuard<'_, SessionLog> {
        self.0.lock()
    }

    /// Registers a request.
    pub(crate) fn begin(&self, listener: Option<LogListener>) -> RequestLogGuard {
        let mut now = self.lock();
        now.last += 1;
        let request = now.last;
        now.requests.insert(request, listener);
        RequestLogGuard { logs: self.clone(), request, answered: false }
    }

    /// Returns whether the server has to be asked for messages of this level. It is asked once for
    /// each lower level.
    pub(crate) fn needs_level(&self, level: LogLevel) -> bool {
        let mut now = self.lock();
        let news = now.asked.is_none_or(|asked| level < asked);
        if news {
            now.asked = Some(level);
        }
        news
    }

    /// Passes on a log notification with these `params`.
    pub(crate) fn deliver(&self, params: &str) {
        let listener = {
            let now = self.lock();
            let mut requests = now.requests.values();
            match (requests.next(), requests.next()) {
                (Some(Some(only)), None) if !now.given_up => only.clone(),
                _ => return,
            }
        };
        if params.len() > MAX_MESSAGE_BYTES {
            tracing::debug!(bytes = params.len(), "a log message is too long and is skipped");
            return;
        }
        match serde_json::from_str::<LogMessage>(params) {
            Ok(message) if message.level >= listener.least => (listener.sink)(message),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a log message cannot be read"),
        }
    }
}

impl RequestLogGuard {
    /// Notes that the server has answered the request.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for RequestLogGuard {
    fn drop(&mut self) {
        let mut now = self.logs.lock();
        now.requests.remove(&self.request);
        now.given_up |= !self.answered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(least: LogLevel) -> (LogListener, Arc<Mutex<Vec<Value>>>) {
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = heard.clone();
        let sink: LogSink = Arc::new(move |message| kept.lock().push(message.data));
        (LogListener { least, sink }, heard)
    }

    fn say(logs: &Logs, text: &str) {
        logs.deliver(&serde_json::json!({ "level": "info", "data": text }).to_string());
    }

    #[test]
    fn a_message_goes_to_the_only_request_under_way() {
        let logs = Logs::default();
        let (first, heard) = listener(LogLevel::Info);
        say(&logs, "before");
        let mut one = logs.begin(Some(first));
        say(&logs, "one");
        {
            let mut other = logs.begin(None);
            say(&logs, "whose?");
            other.answered();
        }
        say(&logs, "again one");
        logs.deliver(r#"{"level":"debug","data":"too low"}"#);
        logs.deliver("no message");
        one.answered();
        drop(one);
        say(&logs, "after");
        assert_eq!(*heard.lock(), ["one", "again one"]);
    }

    #[test]
    fn an_abandoned_request_stops_delivery() {
        let logs = Logs::default();
        drop(logs.begin(None));
        let (next, heard) = listener(LogLevel::Debug);
        let _next = logs.begin(Some(next));
        say(&logs, "of the one before, perhaps");
        assert!(heard.lock().is_empty());
    }

    #[test]
    fn the_server_is_asked_only_for_lower_levels() {
        let logs = Logs::default();
        let news: Vec<bool> =
            [LogLevel::Error, LogLevel::Info, LogLevel::Warning, LogLevel::Info, LogLevel::Debug]
                .map(|level| logs.needs_level(level))
                .to_vec();
        assert_eq!(news, [true, true, false, false, true]);
    }
}
