//! Process isolation: every script runs in a jailed process of its own, everything of value stays with the broker.
//!
//! ```text
//!  broker ◄── frames ──► zygote: one isolate and context, warmed up, never runs a script
//!     ▲                     │ fork, ahead of demand
//!     └────── frames ──► runner: one copy, one run, one socket
//! ```
//!
//! | module | one idea |
//! |---|---|
//! | [`frames`] | what they say to each other, and how it is cut into frames |
//! | `channel` | the socket between broker and zygote, which carries descriptors too |
//! | `broker` | keeps zygotes running and runners ready |
//! | `remote` | a run, from the broker's side: its calls, its events, its end |
//! | `sentry` | what ends a runner that uses too much |
//! | `stderr` | what zygotes and runners print |
//! | [`zygote`] | the process that is copied |
//! | `warm_up` | what it runs before |
//! | `freeze` | its read-only memory, out of the way of copying |
//! | `huge` | what runs use of the program, in few pieces |
//! | `empty` | its memory that holds nothing, given back |
//! | `mappings` | the kernel's account of its memory |
//! | `arena` | its copies' memory outside of V8's heap |
//! | `fork` | the copying |
//! | `pass` | what a zygote may do and its copies may not |
//! | `runner` | the copy: one script, then the end |
//! | [`jail`] | what zygotes and runners give up before they take work |
//! | `escape` | tests of the jail from inside |

#[cfg(target_arch = "x86_64")]
mod arena;
pub(crate) mod broker;
mod channel;
mod empty;
#[doc(hidden)]
pub mod escape;
mod fork;
pub mod frames;
mod freeze;
mod huge;
pub mod jail;
mod mappings;
mod pass;
pub(crate) mod remote;
mod runner;
mod sentry;
mod stderr;
mod warm_up;
pub mod zygote;
