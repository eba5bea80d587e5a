//! The HTTP API.
//!
//! | module | idea |
//! |---|---|
//! | [`server`] | what requests share; connections; the orderly stop |
//! | `socket`, `impatient` | clients that hang up, and that do not read |
//! | [`router`] | which request goes where |
//! | [`access`] | tokens, and protection from web pages |
//! | [`admission`] | how many at once, how many wait |
//! | [`body`] | reading bodies within bounds |
//! | [`run`] | `POST /v1/run` |
//! | [`going`] | a run on its way, whoever asked for it |
//! | [`declarations`] | `GET /v1/types` |
//! | [`search`] | `GET /v1/search` |
//! | [`metrics`] | figures for Prometheus |
//! | [`reply`], [`problem`] | answers, and refusals |

pub mod access;
pub mod admission;
pub mod body;
mod declarations;
pub mod going;
mod impatient;
mod metrics;
pub mod problem;
pub mod reply;
mod router;
pub mod run;
mod search;
pub mod server;
pub mod socket;

pub use search::HITS;
