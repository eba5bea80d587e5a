//! Recognising a lost session, for revisions that have sessions.
//!
//! rmcp opens a new session by itself when the server answers 404, and passes on only the answer to
//! the request that found the old one lost. The server may have been restarted and have other
//! tools, so the owner of the tool list is notified.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Notify;

/// The known facts about the session with one server. Clones share it.
#[derive(Clone)]
pub(super) struct SessionTracker(Arc<SessionState>);

struct SessionState {
    greeted: AtomicBool,
    streamed: AtomicBool,
    /// The session in which a request was answered last.
    proven: Mutex<Option<String>>,
    tools_changed: Arc<Notify>,
}

impl SessionTracker {
    /// Begins without a session. `tools_changed` is notified when notifications may have been
    /// missed.
    pub(super) fn new(tools_changed: Arc<Notify>) -> Self {
        let (greeted, streamed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(SessionState { greeted, streamed, proven: Mutex::default(), tools_changed }))
    }

    /// Notes that the server has answered `initialize`.
    pub(super) fn greeted(&self) {
        self.again(&self.0.greeted);
    }

    /// Notes that the server has opened a stream of notifications. Those sent before a second
    /// stream was opened are lost.
    pub(super) fn streamed(&self) {
        self.again(&self.0.streamed);
    }

    fn again(&self, before: &AtomicBool) {
        if before.swap(true, Ordering::Relaxed) {
            self.0.tools_changed.notify_one();
        }
    }

    /// Notes that a request in session `id` was answered.
    pub(super) fn answered(&self, id: &str) {
        let mut proven = self.0.proven.lock();
        if proven.as_deref() != Some(id) {
            *proven = Some(id.to_owned());
        }
    }

    /// Returns whether a request was refused because the server does not know session `id` any
    /// more. Many servers do not answer 404 then, but 400 (the official TypeScript examples among
    /// them), 500, or, behind some gateways, 200 with a JSON-RPC error. Only a session that has
    /// worked can be lost. A server that refuses a request for another reason refuses it in the new
    /// session too, and then its own message counts.
    pub(super) fn is_lost(&self, id: &str, status: StatusCode, body: &[u8]) -> bool {
        let proven = {
            let proven = self.0.proven.lock();
            proven.as_deref() == Some(id)
        };
        // Results are long; a refusal is short.
        proven
            && body.len() <= MAX_REFUSAL_BYTES
            && match status {
                StatusCode::BAD_REQUEST => is_about_a_session(&String::from_utf8_lossy(body)),
                _ if status.is_success() => says_in_json_that_it_is_gone(body),
                _ if status.is_server_error() => {
                    says_in_json_that_it_is_gone(body) || says_gone(&String::from_utf8_lossy(body))
                }
                _ => false,
            }
    }
}

/// The longest body that is searched.
const MAX_REFUSAL_BYTES: usize = 4 * 1024;

/// Returns whether a body is a JSON-RPC error with a code reserved for servers whose message says
/// that the session is gone. A tool that has sessions of its own (a browser, a database) may report
/// one, but not with such a code.
fn says_in_json_that_it_is_gone(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: i64,
        message: String,
    }
    serde_json::from_slice::<Answer>(body).is_ok_and(|answer| {
        (-32099..=-32000).contains(&answer.error.code) && says_gone(&answer.error.message)
    })
}

/// Returns whether a text says that a session is gone.
fn says_gone(text: &str) -> bool {
    const GONE_WORDS: [&str; 9] = [
        "not found",
        "unknown",
        "expired",
        "invalid",
        "no valid",
        "no such",
        "not exist",
        "terminated",
        "missing",
    ];
    let text = text.to_ascii_lowercase();
    text.contains("session") && GONE_WORDS.iter().any(|words| text.contains(words))
}

/// Returns whether a refusal names the session, or was sent before the server had parsed the
/// request.
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
    fn only_a_session_that_worked_can_be_lost() {
        let session = SessionTracker::new(Arc::default());
        let refusal = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"Bad Request: No valid Session ID"}}"#;
        assert!(!session.is_lost("a", StatusCode::BAD_REQUEST, refusal.as_bytes()));
        session.answered("a");
        assert!(session.is_lost("a", StatusCode::BAD_REQUEST, refusal.as_bytes()));
        assert!(!session.is_lost("b", StatusCode::BAD_REQUEST, refusal.as_bytes()));
        for (body, about) in [
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Bad Request"}}"#, true),
            ("unknown session", true),
            (r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"a must be a number"}}"#, false),
            ("<html>Bad Request</html>", false),
            ("", false),
        ] {
            assert_eq!(session.is_lost("a", StatusCode::BAD_REQUEST, body.as_bytes()), about, "{body}");
        }
    }

    #[test]
    fn a_lost_session_is_recognised_by_its_message() {
        let session = SessionTracker::new(Arc::default());
        session.answered("a");
        for (status, body, lost) in [
            (200, r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Session not found"}}"#, true),
            (200, r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"Session not found"}}"#, false),
            (200, r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Request timed out"}}"#, false),
            (
                200,
                r#"{"jsonrpc":"2.0","id":7,"result":{"error":{"code":-32001,"message":"Session not found"}}}"#,
                false,
            ),
            (500, "session not found", true),
            (502, "<html>Bad Gateway</html>", false),
            (401, "session expired", false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(session.is_lost("a", status, body.as_bytes()), lost, "{status} {body}");
        }
    }
}
