//! The pool's part in app zygotes: which zygote forks one, and the room for its copies.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::copies::CopySupervisor;
use super::runner_handle::RunnerHandle;
use super::runner_pool::RunnerPool;

impl RunnerPool {
    /// Requests a process that may become an app zygote, from the zygote with the fewest runners.
    /// Returns `None` if no zygote can have its runners supervised.
    pub(super) fn request_app_zygote(
        &self,
    ) -> Option<(oneshot::Receiver<RunnerHandle>, Arc<CopySupervisor>)> {
        self.replace_unresponsive_zygotes();
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        // Where memory cannot be watched, that of copies could not be told from the zygote's.
        let able = state.zygotes.iter_mut().filter(|zygote| zygote.makes_runners());
        let able = able.filter(|zygote| zygote.supervisor.is_some() && zygote.private_bytes.is_some());
        let zygote = able.min_by_key(|zygote| zygote.live_runners)?;
        let supervisor = zygote.supervisor.clone()?;
        zygote.spawn_app_zygote(sender);
        Some((receiver, supervisor))
    }

    /// Counts a copy that is about to be made, as a runner of this zygote. Returns `false` if there
    /// are too many runners or the zygote has ended.
    pub(super) fn reserve_copy(&self, zygote: u64) -> bool {
        let mut state = self.state();
        let live: usize =
            state.zygotes.iter().map(|zygote| zygote.live_runners + zygote.pending_spawns).sum();
        let has_room = live < self.options.live * self.options.zygotes;
        match state.zygote(zygote) {
            Some(zygote) if has_room => zygote.live_runners += 1,
            _ => return false,
        }
        true
    }

    /// Gives an app zygote that has arrived to the Worker that has waited longest.
    pub(super) fn add_app_zygote(&self, mut runner: RunnerHandle) {
        let mut state = self.state();
        let Some(zygote) = state.zygote(runner.zygote()) else { return };
        zygote.runner_arrived(runner.process().pid());
        runner.set_inherited_bytes(zygote.private_bytes.unwrap_or_default());
        let waiting = zygote.waiting_workers.pop_front();
        self.refill(&mut state);
        // Without the lock, which a runner takes when it is dropped.
        drop(state);
        let _ = waiting.map(|waiting| waiting.send(runner));
    }
}
