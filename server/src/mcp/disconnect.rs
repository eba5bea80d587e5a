//! Requests whose client has cancelled them or is gone. How each kind of client disconnects:
//! [`web::disconnect`](crate::web::disconnect).
//!
//! rmcp cancels a request that the client cancels, and a request without a session whose connection
//! ends. Within a session it lets the request go on, because the client may resume the stream. A
//! run takes a permit that others wait for, so isolet cancels it as well, unless the client resumes
//! soon.

use http::request::Parts;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};

use crate::web::disconnect::ClientGone;

/// The message of the error that answers a cancelled request.
pub const CANCELLED_MESSAGE: &str = "The request was cancelled.";

/// Waits until the client has cancelled the request or is gone.
pub async fn abandoned(context: &RequestContext<RoleServer>) {
    let gone = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<ClientGone>());
    match gone {
        Some(ClientGone(gone)) => tokio::select! {
            () = context.ct.cancelled() => {}
            () = gone.cancelled() => {}
        },
        None => context.ct.cancelled().await,
    }
}

/// Works on an answer until the client abandons the request.
pub async fn unless_abandoned<T>(
    context: &RequestContext<RoleServer>,
    answer: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        biased;
        () = abandoned(context) => Err(ErrorData::internal_error(CANCELLED_MESSAGE, None)),
        answer = answer => answer,
    }
}
