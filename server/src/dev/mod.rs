//! A wrangler project as an HTTP server, loaded again when it changes.
//!
//! | module | idea |
//! |---|---|
//! | [`project`] | from files to a Worker, and how a change is noticed |
//! | [`server`] | requests to the Worker, its answers back |

pub mod project;
pub mod server;
