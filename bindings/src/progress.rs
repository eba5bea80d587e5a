//! What servers report while they work on a call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{ProgressNotificationParam, ProgressToken};

use crate::text::printable;

/// Longest message of a report that is handed on.
const MAX_MESSAGE: usize = 1024;

/// One report of a server about a call that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// How far it is, in the server's own measure.
    pub progress: f64,
    /// How far it has to go, where it knows that.
    pub total: Option<f64>,
    /// In words, cut to a kilobyte and without control characters.
    pub message: Option<String>,
}

/// Takes reports. Called from the task that all calls of a server share, so it must not take long.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Who hears about which call of one session.
#[derive(Clone, Default)]
pub(crate) struct ProgressSinks(Arc<Mutex<HashMap<ProgressToken, ProgressSink>>>);

/// Stops the reports when dropped.
pub(crate) struct Reported {
    sinks: ProgressSinks,
    token: ProgressToken,
}

impl ProgressSinks {
    /// Sends reports with this token to `sink` until the guard is dropped.
    pub(crate) fn add(&self, token: ProgressToken, sink: ProgressSink) -> Reported {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), sink);
        Reported { sinks: self.clone(), token }
    }

    /// Hands a report on, if anybody wants to hear it.
    pub(crate) fn report(&self, params: &ProgressNotificationParam) {
        let sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sink) = sinks.get(&params.progress_token).cloned() else { return };
        drop(sinks);
        sink(Progress {
            progress: params.progress,
            total: params.total,
            message: params.message.as_ref().map(|text| printable(text.as_bytes(), MAX_MESSAGE)),
        });
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        self.sinks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}
