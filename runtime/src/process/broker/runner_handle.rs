//! The broker's handle on one runner.

use std::sync::{Arc, Weak};

use tokio::net::UnixStream;

use super::copies::{self, Family};
use super::runner_process::RunnerProcess;

/// The owner of runners, which counts those of each zygote.
pub(super) trait RunnerOwner: Send + Sync {
    /// Records that a runner of this zygote has ended.
    fn runner_ended(&self, zygote: u64);

    /// Records that a copy of an app zygote has ended, whose parent is this zygote.
    fn copy_ended(&self, zygote: u64);
}

/// A runner that waits for a run or has one. Dropping the handle ends the process.
pub(crate) struct RunnerHandle {
    process: Arc<RunnerProcess>,
    stream: UnixStream,
    /// The numbers of the catalogues that the runner has from its zygote.
    catalogues: Vec<u64>,
    zygote: u64,
    /// The private memory of its zygote, in bytes, which counts as the runner's too.
    inherited_bytes: u64,
    owner: Weak<dyn RunnerOwner>,
    /// The processes that have evaluated the same modules, if it is a copy or may be copied.
    family: Option<Family>,
}

impl RunnerHandle {
    /// Creates a handle on a runner of the zygote with this id.
    pub(super) fn new(
        process: RunnerProcess,
        stream: UnixStream,
        catalogues: Vec<u64>,
        zygote: u64,
        owner: Weak<dyn RunnerOwner>,
    ) -> Self {
        let (process, inherited_bytes, family) = (Arc::new(process), 0, None);
        Self { process, stream, catalogues, zygote, inherited_bytes, owner, family }
    }

    /// Creates a handle on a copy of this app zygote.
    pub(super) fn of_copy(&self, process: Arc<RunnerProcess>, stream: UnixStream, family: Family) -> Self {
        Self {
            process,
            stream,
            catalogues: self.catalogues.clone(),
            zygote: self.zygote,
            inherited_bytes: self.inherited_bytes,
            owner: self.owner.clone(),
            family: Some(family),
        }
    }

    /// Creates a handle on a process that no zygote has forked.
    #[cfg(test)]
    pub(super) fn without_zygote(process: Arc<RunnerProcess>, stream: UnixStream) -> Self {
        struct NoOwner;
        impl RunnerOwner for NoOwner {
            fn runner_ended(&self, _: u64) {}
            fn copy_ended(&self, _: u64) {}
        }
        let owner = Weak::<NoOwner>::new();
        let (catalogues, family) = (Vec::new(), None);
        Self { process, stream, catalogues, zygote: 0, inherited_bytes: 0, owner, family }
    }

    pub(super) fn process(&self) -> &Arc<RunnerProcess> {
        &self.process
    }

    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Returns the id of its zygote in the pool.
    pub(super) fn zygote(&self) -> u64 {
        self.zygote
    }

    /// Returns `true` if the runner has the catalogue with this number.
    pub(super) fn has_catalogue(&self, catalogue: u64) -> bool {
        self.catalogues.contains(&catalogue)
    }

    pub(super) fn inherited_bytes(&self) -> u64 {
        self.inherited_bytes
    }

    pub(super) fn set_inherited_bytes(&mut self, bytes: u64) {
        self.inherited_bytes = bytes;
    }
}

impl Drop for RunnerHandle {
    fn drop(&mut self) {
        // A script that has taken over its process might not end it.
        self.process.kill();
        if let Some(family) = &self.family {
            copies::forget_ended(family);
        }
        if let Some(owner) = self.owner.upgrade() {
            owner.runner_ended(self.zygote);
            if self.family.is_some() {
                owner.copy_ended(self.zygote);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    #[tokio::test]
    async fn a_family_has_a_process_until_it_has_ended() {
        let family = Family::default();
        let stream = || UnixStream::pair().unwrap().0;
        let start = || {
            let child = Command::new("sleep").arg("60").spawn().unwrap();
            let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
            (Arc::new(RunnerProcess::new(pidfd, child.id())), child)
        };
        let (process, mut leader) = start();
        let app_zygote = RunnerHandle::without_zygote(process, stream());
        let copy = || -> (RunnerHandle, Child) {
            let (process, child) = start();
            family.lock().insert(child.id(), process.clone());
            (app_zygote.of_copy(process, stream(), family.clone()), child)
        };
        let ((first, mut first_child), (second, mut second_child)) = (copy(), copy());
        drop(first);
        assert!(family.lock().contains_key(&first_child.id()), "it may live still");
        first_child.wait().unwrap();
        drop(second);
        let left: Vec<u32> = family.lock().keys().copied().collect();
        assert_eq!(left, [second_child.id()]);
        second_child.wait().unwrap();
        drop(app_zygote);
        leader.wait().unwrap();
    }
}
