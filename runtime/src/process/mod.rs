//! Process isolation: all JavaScript runs in jailed runner processes, everything of value stays with the broker.
//!
//! | module | one idea |
//! |---|---|
//! | [`frames`] | what broker and runner say to each other, and how it is cut into frames |
//! | `broker` | starts runners, places runs, carries out their calls, replaces what dies |
//! | `placed` | a run as the broker sees it, and whether it can be begun again |
//! | [`runner`] | the process: a pool of isolates behind one socket |
//! | [`jail`] | what a runner gives up before it takes work |
//! | `escape` | tests of the jail from inside |

pub(crate) mod broker;
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub mod escape;
pub mod frames;
pub mod jail;
mod placed;
pub mod runner;
