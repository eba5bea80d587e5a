//! What is known of the session with one server, in the era that has sessions.
//!
//! rmcp opens a lost session anew by itself and hands on only the answer to the request that found it lost. The server
//! behind the new one may be another: restarted, with other tools. So whoever keeps the list has to be told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use tokio::sync::Notify;

/// A session, from its first greeting on.
#[derive(Clone)]
pub(super) struct Session(Arc<Shared>);

struct Shared {
    greeted: AtomicBool,
    streamed: AtomicBool,
    /// The session in which a request was answered last.
    proven: Mutex<Option<String>>,
    tools_changed: Arc<Notify>,
}

impl Session {
    /// No session yet; `tools_changed` hears of what may have been missed.
    pub(super) fn new(tools_changed: Arc<Notify>) -> Self {
        let (greeted, streamed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Shared { greeted, streamed, proven: Mutex::default(), tools_changed }))
    }

    /// The server has answered a greeting.
    pub(super) fn greeted(&self) {
        self.again(&self.0.greeted);
    }

    /// The server has opened a stream of notifications. What it had to say between two of them, nobody heard.
    pub(super) fn streamed(&self) {
        self.again(&self.0.streamed);
    }

    fn again(&self, before: &AtomicBool) {
        if before.swap(true, Ordering::Relaxed) {
            self.0.tools_changed.notify_one();
        }
    }

    /// A request in session `id` was answered.
    pub(super) fn answered(&self, id: &str) {
        let mut proven = self.0.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if proven.as_deref() != Some(id) {
            *proven = Some(id.to_owned());
        }
    }

    /// Whether a bad request is one because the server does not know session `id` any more: many answer so instead of
    /// with 404, the official TypeScript examples among them. Only a session that was good once can be lost, so a server
    /// that refuses a request for another reason refuses it once more, and then its own words count.
    pub(super) fn is_lost(&self, id: &str, body: &[u8]) -> bool {
        let proven = self.0.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.as_deref() == Some(id) && is_about_a_session(&String::from_utf8_lossy(body))
    }
}

/// Whether a refusal names the session, or did not get so far as to see which request it refuses.
fn is_about_a_session(body: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        id: serde_json::Value,
        error: serde_json::Value,
    }
    match serde_json::from_str::<Refusal>(body) {
        Ok(refusal) if refusal.id.is_null() && !refusal.error.is_null() => true,
        Ok(refusal) => names_a_session(&refusal.error["message"].to_string()),
        Err(_) => names_a_session(body),
    }
}

fn names_a_session(text: &str) -> bool {
    text.to_ascii_lowercase().contains("session")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proven_session_is_lost_and_only_by_its_name() {
        let session = Session::new(Arc::default());
        let refusal = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"Bad Request: No valid Session ID"}}"#;
        assert!(!session.is_lost("a", refusal.as_bytes()));
        session.answered("a");
        assert!(session.is_lost("a", refusal.as_bytes()));
        assert!(!session.is_lost("b", refusal.as_bytes()));
        for (body, about) in [
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Bad Request"}}"#, true),
            ("unknown session", true),
            (r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"a must be a number"}}"#, false),
            ("<html>Bad Request</html>", false),
            ("", false),
        ] {
            assert_eq!(session.is_lost("a", body.as_bytes()), about, "{body}");
        }
    }
}
