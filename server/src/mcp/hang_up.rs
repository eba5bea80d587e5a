//! Noticing that nobody waits for an answer any more.
//!
//! rmcp cancels a request that the client cancels, and one without a session whose connection ends. Within a session
//! it lets the request go on, as the client may come back for the answer. A run costs a place that others wait for, so
//! here it ends as well, unless the client does come back soon.

use http::request::Parts;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tokio_util::sync::CancellationToken;

/// Travels with an HTTP request to whoever answers it; cancelled when its client is gone.
#[derive(Clone, Default)]
pub struct HangUp(pub CancellationToken);

/// Waits until the client has cancelled the request or is gone.
pub async fn given_up(context: &RequestContext<RoleServer>) {
    let hang_up = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<HangUp>());
    match hang_up {
        Some(HangUp(gone)) => tokio::select! {
            () = context.ct.cancelled() => {}
            () = gone.cancelled() => {}
        },
        None => context.ct.cancelled().await,
    }
}
