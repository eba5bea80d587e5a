//! Development of a Worker: it is loaded again when it changes, and each request prints a line.
//!
//! | module | content |
//! |---|---|
//! | [`file_events`] | the kernel's word that a file may have changed |
//! | [`reload`] | notices changes, and loads the project again |
//! | [`request_lines`] | lines about requests and errors on the terminal |
//! | [`source_files`] | the line of a file that an error is about |
//!
//! [`workers`](crate::workers) serves it.

pub mod file_events;
pub mod reload;
pub mod request_lines;
pub mod source_files;
