use std::path::PathBuf;

use tokio::sync::mpsc;

use super::super::pooled_zygote::{SPAWN_TIMEOUT, SUSPICION_PERIOD};
use super::super::stderr::StartupOutput;
use super::*;
use crate::process::jail::JailReport;
use crate::process::protocol::messages::PROTOCOL_VERSION;
use crate::process::zygote::ZygoteOptions;

/// Creates a pool without zygotes.
fn empty_pool() -> Arc<RunnerPool> {
    let zygote =
        ZygoteOptions { heap_bytes: 1, memory_bytes: 1, max_runners: 1, jit: true, libraries: false };
    let (executable, subcommand) = (PathBuf::new(), String::new());
    let options =
        PoolOptions { executable, subcommand, zygotes: 0, warm: 1, live: 1, zygote, libraries: None };
    RunnerPool::start(options, tokio::runtime::Handle::current())
}

/// Adds a zygote that is ready, with the process `pid`. Returns its id.
fn add_ready_zygote(pool: &RunnerPool, pid: u32) -> u64 {
    let (frames, kill) = (mpsc::unbounded_channel().0, mpsc::unbounded_channel().0);
    let (output, replace) = (StartupOutput::default(), oneshot::channel().0);
    let id = pool.add_zygote(|id| PooledZygote::new(id, pid, frames, kill, output, replace)).unwrap();
    pool.zygote_ready(id, PROTOCOL_VERSION, JailReport::default(), None).unwrap();
    id
}

#[tokio::test]
async fn memory_that_cannot_be_watched_is_reported() {
    let pool = empty_pool();
    // No process has the second id, so its memory cannot be read, as with `hidepid`.
    for (pid, watched) in [(std::process::id(), true), ((1 << 22) - 1, false)] {
        add_ready_zygote(&pool, pid);
        let status = pool.statuses().pop().unwrap();
        assert_eq!((status.pid, status.ready, status.memory_watched), (pid, true, watched));
    }
}

#[tokio::test]
async fn a_zygote_is_unresponsive_only_after_two_looks() {
    let pool = empty_pool();
    let id = add_ready_zygote(&pool, 1);
    let mut state = pool.state();
    let zygote = state.zygote(id).unwrap();
    let now = Instant::now();
    assert_eq!(zygote.pending_spawns, 1, "a runner was requested at once");
    assert!(!zygote.is_unresponsive(now));
    // This process was suspended; messages that arrived meanwhile may not have been read.
    let late = now + SPAWN_TIMEOUT * 10;
    assert!(!zygote.is_unresponsive(late) && !zygote.is_unresponsive(late + SUSPICION_PERIOD / 2));
    assert!(zygote.is_unresponsive(late + SUSPICION_PERIOD));
    zygote.spawn_answered();
    assert!(!zygote.is_unresponsive(late + SUSPICION_PERIOD));
}
