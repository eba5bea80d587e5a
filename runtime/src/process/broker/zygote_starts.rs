//! Counts of zygotes that started or failed to, and the wait for the first ones.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// The reason for which a zygote ended before it was ready.
#[derive(Debug)]
pub(super) struct StartError {
    pub(super) reason: String,
    /// `true` if the next zygote would fail too.
    pub(super) permanent: bool,
}

/// The counts of a pool's zygotes.
#[derive(Debug, Default)]
pub(super) struct ZygoteStarts {
    /// The number of zygotes that have become ready.
    started: AtomicUsize,
    /// The number of zygotes that ended before they were ready, while no zygote had become ready.
    failed: AtomicUsize,
    /// The number of zygotes that another one has replaced.
    restarts: AtomicUsize,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of zygotes that make runners.
    ready: usize,
    /// The reason for which no zygote will become ready, as far as is known.
    failure: Option<String>,
}

impl ZygoteStarts {
    /// Counts a zygote that has become ready.
    pub(super) fn count_ready(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
        self.progress.send_modify(|progress| (progress.ready, progress.failure) = (progress.ready + 1, None));
    }

    /// Counts a zygote that was ready and does not make runners any more.
    pub(super) fn count_not_ready(&self) {
        self.progress.send_modify(|progress| progress.ready = progress.ready.saturating_sub(1));
    }

    /// Counts a zygote that another one replaces.
    pub(super) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs and counts a zygote that ended before it was ready. If none ever was, this may end
    /// [`wait`](Self::wait).
    pub(super) fn count_failure(&self, StartError { reason, permanent }: StartError) {
        if self.started() > 0 {
            tracing::error!("a zygote did not start: {reason}");
            return;
        }
        tracing::debug!("a zygote did not start: {reason}");
        // A single zygote may have been killed by somebody; two failures have a common reason.
        if self.failed.fetch_add(1, Ordering::Relaxed) > 0 || permanent {
            self.progress.send_modify(|progress| progress.failure = Some(reason));
        }
    }

    /// Returns the number of zygotes that have become ready.
    pub(super) fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// Returns the number of zygotes that another one has replaced.
    pub(super) fn restarts(&self) -> usize {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Returns the reason for which no zygote has become ready, once it is known.
    pub(super) fn failure(&self) -> Option<String> {
        self.progress.borrow().failure.clone()
    }

    /// Waits until `zygotes` zygotes make runners, it is known that none will, or `timeout` has
    /// passed. Returns `true` in the first case.
    pub(super) async fn wait(&self, zygotes: usize, timeout: Duration) -> bool {
        let mut progress = self.progress.subscribe();
        let all = |progress: &Progress| progress.ready >= zygotes;
        let known = progress.wait_for(|progress| all(progress) || progress.failure.is_some());
        tokio::time::timeout(timeout, known)
            .await
            .is_ok_and(|progress| progress.is_ok_and(|progress| all(&progress)))
    }
}
