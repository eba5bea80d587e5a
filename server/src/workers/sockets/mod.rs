//! The WebSockets of clients to Workers.
//!
//! ```text
//!   client ── frames ──► reading ── pieces, close ──► Worker
//!          ◄── frames ── writing ◄── pieces, close ──
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`connection`] | one connection: both directions, and its end |
//! | [`open_sockets`] | the WebSockets of a Worker: their number, and their end with the server |

pub mod connection;
pub mod open_sockets;
