//! Serves wrangler projects over HTTP. `isolet serve` has any number of them behind one listener;
//! in `isolet dev` ([`dev`](crate::dev)) HTTP reaches one, and that one the others.
//!
//! ```text
//!   ProjectSource ── read ──► Project ──► PreparedWorker ── start ──► WorkerVersion
//!   (files)                   (wrangler)  (modules)                     │
//!                                                                 ServedWorker ◄── newer versions
//!   request ──► server ──► Site: host, path, web page ──────────► exchange ──► RequestLog
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`project_source`] | the place of a project: reads its files |
//! | [`prepared`] | a project that can be started |
//! | `worker_module` | modules of a project as modules of a Worker |
//! | [`loaders`] | Workers whose code another Worker gives |
//! | [`limits`] | the limits of a request: the operator's, lowered by the project |
//! | [`deployment`] | the Workers of `isolet serve`: read, named, routed |
//! | [`serving`] | starts a deployment, and serves it until the server stops |
//! | [`server`] | connections, and the orderly stop |
//! | [`site`] | which Worker answers a request, and who may send it |
//! | [`routes`], [`route_pattern`] | hosts and paths |
//! | [`version`] | a project that was started: its Worker, its assets |
//! | [`exchange`] | one request: to the Worker and back |
//! | [`sockets`] | WebSockets of clients |
//! | [`assets`] | static files as answers, and for the Worker's own fetches |
//! | [`outgoing`] | what a Worker fetches from other servers |
//! | [`caches`] | `caches` of Workers, in memory |
//! | [`services`] | what Workers fetch from each other |
//! | [`triggers`] | addresses that call `scheduled` |
//! | [`heads`] | the heads of requests and responses |
//! | [`responses`] | responses of isolet's own |
//! | [`request_log`] | what is noted about requests |
//! | [`request_events`], [`metrics`] | the notes of `isolet serve`: in its log and its metrics |

pub mod assets;
pub mod caches;
pub mod deployment;
pub mod exchange;
pub mod heads;
pub mod limits;
pub mod loaders;
pub mod metrics;
pub mod outgoing;
pub mod prepared;
pub mod project_source;
pub mod request_events;
pub mod request_log;
pub mod responses;
pub mod route_pattern;
pub mod routes;
pub mod server;
pub mod services;
pub mod serving;
pub mod site;
pub mod sockets;
pub mod triggers;
pub mod version;
pub mod worker_module;

/// The target of events about Workers in the log.
pub const LOG_TARGET: &str = "isolet::worker";
