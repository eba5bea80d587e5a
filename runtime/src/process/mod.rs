//! Process isolation: all JavaScript runs in jailed runner processes, everything of value stays with the broker.
//!
//! | module | one idea |
//! |---|---|
//! | [`frames`] | what broker and runner say to each other, and how it is cut into frames |
//! | `broker` | starts runners, places runs, carries out their calls, replaces what dies |
//! | [`runner`] | the process: a pool of isolates behind one socket |
//! | [`jail`] | what a runner gives up before it takes work |

pub(crate) mod broker;
pub mod frames;
pub mod jail;
pub mod runner;
