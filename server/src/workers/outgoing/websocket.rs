//! WebSockets of Workers to other servers: the handshake, and the connection after it.

use isolet_runtime::{FetchRequest, FetchedBody, FetchedResponse, RequestBody, RequestHead, SocketServer};
use tokio::sync::OwnedSemaphorePermit;

use super::failure::Failure;
use super::message;
use crate::web::websocket::{Peer, handshake};
use crate::workers::sockets::connection::{self, Closing, SOCKET_TIMES};

/// Returns `true` if a fetch asks for a WebSocket.
pub fn is_asked(head: &RequestHead) -> bool {
    head.headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("upgrade") && value.eq_ignore_ascii_case("websocket"))
}

/// Returns the fetch as its handshake is made: by `GET`, whatever its method is, as in workerd.
pub fn opening(request: FetchRequest) -> FetchRequest {
    let head = RequestHead { method: "GET".to_owned(), ..request.head };
    FetchRequest { head, body: RequestBody::Empty, ..request }
}

/// Returns the answer to a handshake as the Worker gets it. With another status than 101 it is a
/// response like any other.
///
/// # Errors
/// The answer is not one to this handshake.
pub async fn response(response: reqwest::Response, accept: &str) -> Result<FetchedResponse, Failure> {
    if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        return message::response(response).await;
    }
    handshake::check_answer(response.headers(), accept)
        .map_err(|reason| Failure::Broken(reason.to_owned()))?;
    let head = message::response_head(&response)?;
    let stream = response.upgrade().await.map_err(|error| Failure::of(&error))?;
    let server: SocketServer = Box::new(move |worker| {
        Box::pin(async move {
            // It ends with the request, and not with the server or the version of the Worker.
            connection::serve(stream, Peer::Server, &worker, &Closing::default(), &SOCKET_TIMES).await;
        })
    });
    Ok(FetchedResponse { head, body: FetchedBody::Socket(server) })
}

/// Keeps a permit until a WebSocket has ended.
pub fn holding(server: SocketServer, permit: OwnedSemaphorePermit) -> SocketServer {
    Box::new(|worker| {
        Box::pin(async move {
            server(worker).await;
            drop(permit);
        })
    })
}
