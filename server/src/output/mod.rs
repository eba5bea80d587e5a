//! Standard output and standard error: texts for people, JSON for programs, and the log.
//!
//! | module | content |
//! |---|---|
//! | [`stdout`] | writes results to standard output |
//! | [`stderr`] | writes messages to standard error, as text or as JSON, with macros for the crate |
//! | [`logging`] | sets up the log on standard error |
//! | [`colours`] | colours for messages at a terminal |
//! | [`diagnostic`] | a script's error, warnings and log lines as text |
//! | [`excerpt`] | the line of a file that an error is about |
//! | [`styles`] | removes colours from texts of scripts |
//! | [`report_json`] | the JSON report of a run |
//! | [`pretty`] | indents JSON, groups digits |

// First: its macros are in scope from here on.
#[macro_use]
pub mod stderr;

mod colours;
pub mod diagnostic;
pub mod excerpt;
pub mod logging;
pub mod pretty;
pub mod report_json;
pub mod stdout;
pub mod styles;
