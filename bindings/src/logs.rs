//! What servers log while they work on a request, for whoever made it.
//!
//! A log message says neither of which request it is nor for whom. One session of a server serves all of isolet's clients
//! and runs, so a message is delivered only while a single request is under way, to who made that one; any other is
//! nobody's. After a request that was given up without an answer the server may still be at it, and what it logs then
//! would reach the next: that session delivers nothing any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest message that is handed on, as JSON text.
const LONGEST: usize = 64 * 1024;

/// How much a message matters; the first the least.
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

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogMessage {
    /// How much it matters.
    pub level: LogLevel,
    /// Which part of the server says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
    /// What it says: text, or anything else.
    #[serde(default)]
    pub data: Value,
}

/// Takes messages. Called from the task that reads all of a server's answers, so it must not take long.
pub type LogSink = Arc<dyn Fn(LogMessage) + Send + Sync>;

/// Who wants to hear what the server logs during a request.
#[derive(Clone)]
pub struct LogListener {
    /// What matters less is not delivered.
    pub least: LogLevel,
    /// Takes the rest.
    pub sink: LogSink,
}

/// The requests that are under way in one session, and who listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<UnderWay>>);

#[derive(Default)]
struct UnderWay {
    requests: HashMap<u64, Option<LogListener>>,
    last: u64,
    /// The server may be at work on a request that nobody waits for any more.
    given_up: bool,
    /// The least that the server was asked to log.
    asked: Option<LogLevel>,
}

impl std::fmt::Debug for UnderWay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UnderWay").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

/// A request that is under way, until it is dropped.
#[must_use]
pub(crate) struct Hearing {
    logs: Logs,
    request: u64,
    answered: bool,
}

impl Logs {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a request.
    pub(crate) fn begin(&self, listener: Option<LogListener>) -> Hearing {
        let mut now = self.lock();
        now.last += 1;
        let request = now.last;
        now.requests.insert(request, listener);
        Hearing { logs: self.clone(), request, answered: false }
    }

    /// Whether the server is to be asked to log what is of this level. Once it has been, it goes on.
    pub(crate) fn is_news(&self, level: LogLevel) -> bool {
        let mut now = self.lock();
        let news = now.asked.is_none_or(|asked| level < asked);
        if news {
            now.asked = Some(level);
        }
        news
    }

    /// The server logged something; `params` is what its notification has.
    pub(crate) fn said(&self, params: &str) {
        let listener = {
            let now = self.lock();
            let mut requests = now.requests.values();
            match (requests.next(), requests.next()) {
                (Some(Some(only)), None) if !now.given_up => only.clone(),
                _ => return,
            }
        };
        if params.len() > LONGEST {
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

impl Hearing {
    /// The server has answered, or will not.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for Hearing {
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
        let sink: LogSink = Arc::new(move |message| kept.lock().unwrap().push(message.data));
        (LogListener { least, sink }, heard)
    }

    fn say(logs: &Logs, text: &str) {
        logs.said(&serde_json::json!({ "level": "info", "data": text }).to_string());
    }

    #[test]
    fn a_message_is_for_the_only_request_under_way() {
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
        logs.said(r#"{"level":"debug","data":"too low"}"#);
        logs.said("no message");
        one.answered();
        drop(one);
        say(&logs, "after");
        assert_eq!(*heard.lock().unwrap(), ["one", "again one"]);
    }

    #[test]
    fn after_a_request_that_was_given_up_nothing_is_delivered() {
        let logs = Logs::default();
        drop(logs.begin(None));
        let (next, heard) = listener(LogLevel::Debug);
        let _next = logs.begin(Some(next));
        say(&logs, "of the one before, perhaps");
        assert!(heard.lock().unwrap().is_empty());
    }

    #[test]
    fn a_level_is_asked_for_once_and_only_lowered() {
        let logs = Logs::default();
        let news: Vec<bool> =
            [LogLevel::Error, LogLevel::Info, LogLevel::Warning, LogLevel::Info, LogLevel::Debug]
                .map(|level| logs.is_news(level))
                .to_vec();
        assert_eq!(news, [true, true, false, false, true]);
    }
}
