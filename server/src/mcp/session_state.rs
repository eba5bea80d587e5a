//! The state of one session.

use isolet_bindings::LogLevel;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::resource_subscriptions::ResourceSubscriptions;

/// The state of one session. Dropping it ends the tasks of the session.
#[derive(Default)]
pub struct SessionState {
    ended: CancellationToken,
    log_level: Mutex<Option<LogLevel>>,
    /// The resources that the client is subscribed to.
    pub subscriptions: ResourceSubscriptions,
}

impl SessionState {
    /// Returns the least level of upstream log messages that the client wants; `None` until it has
    /// set one.
    pub fn log_level(&self) -> Option<LogLevel> {
        *self.log_level.lock()
    }

    /// Sets the least level of upstream log messages that the client wants.
    pub fn set_log_level(&self, level: LogLevel) {
        *self.log_level.lock() = Some(level);
    }

    /// Returns a token that is cancelled when the session ends.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for SessionState {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}
