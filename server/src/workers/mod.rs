//! Serves a wrangler project over HTTP, and reloads it when it changes.
//!
//! | module | content |
//! |---|---|
//! | [`limits`] | the limits of a request: the operator's, lowered by the project |
//! | [`project`] | builds a Worker from files, and notices changes |
//! | `worker_module` | modules of a project as modules of a Worker |
//! | [`server`] | connections, and the names and pages that may reach the Worker |
//! | [`exchange`] | one request: to the Worker and back |
//! | [`assets`] | static files as answers, and for the Worker's own fetches |
//! | `request_line` | the line about a request on standard error |
//! | [`heads`] | the heads of requests and responses |
//! | [`responses`] | responses of isolet's own |

pub mod assets;
pub mod exchange;
pub mod heads;
pub mod limits;
pub mod project;
mod request_line;
pub mod responses;
pub mod server;
mod worker_module;
