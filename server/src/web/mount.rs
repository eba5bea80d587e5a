//! An endpoint that the HTTP API serves without knowing it, such as `/mcp`.

use futures_util::future::BoxFuture;
use http::Request;
use hyper::body::Incoming;

use super::problem::Problem;
use super::reply::Reply;

/// An endpoint at one path of the HTTP server.
pub trait Mount: Send + Sync {
    /// Returns the path, such as `/mcp`.
    fn path(&self) -> &'static str;

    /// Answers a request whose sender has been authenticated. The request's extensions have the
    /// [`Client`](crate::service::client::Client).
    fn answer(&self, request: Request<Incoming>) -> BoxFuture<'_, Result<Reply, Problem>>;

    /// Ends all sessions and streams, when the server stops.
    fn stop(&self);
}
