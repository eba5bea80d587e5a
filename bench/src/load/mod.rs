//! Puts load on a server.
//!
//! | module | contents |
//! |---|---|
//! | [`request`] | a request, and the check of its answer |
//! | [`mix`] | several requests with their shares |
//! | [`connection`] | one keep-alive connection, one exchange at a time |
//! | [`generator`] | threads that put load on the server until a count or a time is reached |
//! | [`closed_loop`] | the next request of a connection starts when the answer is complete |
//! | [`open_loop`] | requests start at a constant rate, whatever the answers do |
//! | [`arrivals`] | the times at which requests of an open loop start |
//! | [`tally`] | counters of answers: latencies, failures by kind, bytes |

mod arrivals;
mod closed_loop;
pub mod connection;
pub mod generator;
pub mod mix;
mod open_loop;
pub mod request;
pub mod tally;
