//! Progress notifications, by request.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rmcp::model::{ProgressNotificationParam, ProgressToken};

use crate::text::printable;

/// The longest message of a progress notification that is passed on.
const MAX_MESSAGE_BYTES: usize = 1024;

/// A progress notification of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The progress, in the server's own unit.
    pub progress: f64,
    /// The progress at the end, if the server knows it.
    pub total: Option<f64>,
    /// The message, cut to a kilobyte and without control characters.
    pub message: Option<String>,
}

/// Receives progress notifications. Called from the task that all calls of a server share, so it
/// must return quickly.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// The receivers of progress notifications in one session.
#[derive(Clone, Default)]
pub(crate) struct ProgressSinks(Arc<Mutex<HashMap<ProgressToken, ProgressSink>>>);

/// Removes the receiver when dropped.
pub(crate) struct ProgressGuard {
    sinks: ProgressSinks,
    token: ProgressToken,
}

impl ProgressSinks {
    /// Sends notifications with this token to `sink` until the guard is dropped.
    pub(crate) fn add(&self, token: ProgressToken, sink: ProgressSink) -> ProgressGuard {
        self.0.lock().insert(token.clone(), sink);
        ProgressGuard { sinks: self.clone(), token }
    }

    /// Passes a notification on, if its token has a receiver.
    pub(crate) fn report(&self, params: &ProgressNotificationParam) {
        let sinks = self.0.lock();
        let Some(sink) = sinks.get(&params.progress_token).cloned() else { return };
        drop(sinks);
        sink(Progress {
            progress: params.progress,
            total: params.total,
            message: params.message.as_ref().map(|text| printable(text.as_bytes(), MAX_MESSAGE_BYTES)),
        });
    }
}

impl Drop for ProgressGuard {
    fn drop(&mut self) {
        self.sinks.0.lock().remove(&self.token);
    }
}
