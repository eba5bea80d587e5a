//! Process isolation: each run has a jailed process of its own, and the broker keeps everything of
//! value.
//!
//! ```text
//!  broker ◄── frames ──► zygote: one warm isolate and context; it never runs a script
//!     ▲                     │ fork, ahead of demand
//!     └───── frames ───► runner: a fork of the zygote, with one run and one socket
//! ```
//!
//! | group | side | contents |
//! |---|---|---|
//! | [`broker`] | broker | the pool of runners, runs, limits, zygotes from start to end |
//! | [`protocol`] | both | the messages, frames and descriptors between the processes |
//! | [`zygote`] | zygote | its start, its warm isolate, forking |
//! | [`memory`] | zygote | the arrangement of memory that makes runners cheaper |
//! | [`runner`] | runner | one run, from its message to the end of the process |
//! | [`worker_runner`] | runner | a Worker instead of a run: many requests |
//! | [`app_zygote`] | runner | a Worker that serves no request and is copied |
//! | [`frame_sink`] | runner | the frames of a runner to the broker |
//! | [`jail`] | zygote, runner | the rights that they give up |
//! | [`rlimit`] | all | reading the kernel's limits |
//! | `jail_probe` | tests | attempts to leave the jail (feature `testing`) |
//!
//! The life of a zygote, as the broker sees it:
//!
//! ```text
//!  start_process ──► starting ── Ready ──► ready ──── a runner is overdue ────► replaced
//!                       │                    │  forks runners                      │  forks none
//!              Failed,  │                    │  the socket closes                  │  no run left
//!              or exit  ▼                    ▼                                     ▼
//!                     pause               ended, with its runners               killed
//!                       │                    │
//!                       └─── another one ────┴─── another one, at once
//! ```
//!
//! The life of a runner:
//!
//! ```text
//!  forked ──► idle ── Run ──► running ── Done ──► _exit
//!               │                │
//!               │                ├─ limit on CPU, time, memory ─► killed by the broker
//!               │                ├─ forbidden system call ──────► killed by the kernel (SIGSYS)
//!               │                └─ invalid message ────────────► killed by the broker
//!               └─ the zygote or the broker ends ───────────────► killed, in every state
//! ```
//!
//! A runner that gets `Worker` instead of `Run` serves requests until the broker kills it
//! ([`worker_process`](broker::worker_process)). Where the kernel can supervise it, it evaluates
//! the Worker's modules, serves no request, and is copied for each process that does.

pub(crate) mod app_zygote;
pub(crate) mod broker;
mod frame_sink;
pub(crate) mod jail;
#[cfg(all(feature = "testing", target_os = "linux"))]
pub(crate) mod jail_probe;
mod memory;
pub(crate) mod protocol;
pub mod rlimit;
mod runner;
mod worker_runner;
pub(crate) mod zygote;

/// Native code that a runner executes before its script, with the script's text. Only the
/// executable of a test sets it, to act as a script that has broken out of V8.
#[cfg(feature = "testing")]
pub static NATIVE_CODE: std::sync::OnceLock<fn(&str)> = std::sync::OnceLock::new();

/// Native code of an app zygote that was taken over. It gets the text of its main module and the
/// key of the copy that it is asked for, and returns `true` if it acts in place of a fork.
#[cfg(feature = "testing")]
pub static NATIVE_COPY: std::sync::OnceLock<fn(&str, u64) -> bool> = std::sync::OnceLock::new();

/// Forbids other processes of the same user to read this one: its environment, memory and
/// descriptors in `/proc` belong to root, no process may trace it, and it leaves no core dump.
/// Forked processes inherit this; executed programs do not.
pub fn set_undumpable() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // The call fails for other values only.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
