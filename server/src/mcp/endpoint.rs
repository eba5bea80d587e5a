//! `/mcp`: Streamable HTTP, for clients of all revisions.
//!
//! rmcp speaks the protocol. This puts isolet's own rules around it: who may ask is checked before (`http::access`),
//! bodies are read within isolet's bounds of size, time and memory, sessions are counted, and a client that hangs up
//! ends its request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, BodyStream, Full};
use hyper::body::{Body as _, Frame, Incoming};
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::batch;
use super::gateway::{Gateway, Options};
use super::hang_up::HangUp;
use super::numbers::restored_bytes;
use super::sessions::Sessions;
use crate::http::admission::BodyShare;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::reply::{Frames, Reply, full, growing};
use crate::http::server::Server;
use crate::http::socket::HungUp;

/// How long a client that lost its connection within a session may take to come back for the answer. Clients of the
/// official SDKs try again after a second, then wait longer each time.
const COME_BACK: Duration = Duration::from_secs(5);

/// The endpoint of one server.
pub struct Endpoint {
    service: StreamableHttpService<Gateway, Sessions>,
    sessions: Arc<Sessions>,
    stop: CancellationToken,
}

impl Endpoint {
    /// An endpoint before `server`'s tools.
    pub fn new(server: &Arc<Server>, options: Options) -> Self {
        let gateway = Gateway::new(server.clone(), options);
        let sessions = Arc::new(Sessions::default());
        let stop = CancellationToken::new();
        let config = StreamableHttpServerConfig::default()
            .with_cancellation_token(stop.clone())
            // A document where nothing came before the result, else events.
            .with_json_response(true)
            .with_max_request_body_bytes(server.largest_body(false))
            // `Host` and `Origin` have been checked, by the same rules as for the rest of the API.
            .disable_allowed_hosts();
        let service = StreamableHttpService::new(move || Ok(gateway.for_session()), sessions.clone(), config);
        Self { service, sessions, stop }
    }

    /// Ends all sessions and streams.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    async fn is_open(&self, session: Option<&str>) -> bool {
        match session {
            Some(session) => self.sessions.has_session(&session.into()).await.unwrap_or(false),
            None => false,
        }
    }

    /// Answers one request.
    pub async fn answer(&self, server: &Arc<Server>, request: Request<Incoming>) -> Result<Reply, Problem> {
        if !matches!(*request.method(), Method::POST | Method::GET | Method::DELETE) {
            return Err(Problem::method_not_allowed("GET, POST, DELETE"));
        }
        let most = server.largest_body(false);
        let announced =
            usize::try_from(request.body().size_hint().upper().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let share = server.admission.body(announced.min(most))?;
        let (mut head, incoming) = request.into_parts();
        let body = body::read(incoming, most).await?;
        let batch = batch::read(&head, &body)?;

        let gone = HangUp::default();
        let watch = Watch {
            guard: Some(gone.0.clone().drop_guard()),
            session: head.headers.get("mcp-session-id").and_then(|id| id.to_str().ok()).map(str::to_owned),
            sessions: self.sessions.clone(),
            share: Some(share),
        };
        head.extensions.insert(gone);
        let response = match batch {
            Some(messages) if self.is_open(watch.session.as_deref()).await => {
                batch::answer(&self.service, &head, messages).await
            }
            _ => {
                let response = self.service.handle(Request::from_parts(head, Full::new(body))).await;
                response.map(|body| body.boxed_unsync())
            }
        };
        let (head, body) = response.into_parts();
        if body.size_hint().exact().is_some() {
            watch.done();
            let whole = match body.collect().await {
                Ok(whole) => whole.to_bytes(),
                Err(never) => match never {},
            };
            return Ok(Response::from_parts(head, full(restored_bytes(whole))));
        }
        let frames: Frames = Box::pin(Watched { frames: BodyStream::new(body), watch: Some(watch) });
        Ok(Response::from_parts(head, growing(frames)))
    }
}

/// Notices when an answer is dropped before its end.
struct Watch {
    guard: Option<DropGuard>,
    /// The session, in which the client may come back for the rest of the answer.
    session: Option<String>,
    sessions: Arc<Sessions>,
    share: Option<BodyShare>,
}

impl Watch {
    /// The answer has been given.
    fn done(mut self) {
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (Some(guard), Some(session)) = (self.guard.take(), self.session.take()) else { return };
        let (sessions, share) = (self.sessions.clone(), self.share.take());
        let before = sessions.resumed(&session);
        tokio::spawn(async move {
            tokio::time::sleep(COME_BACK).await;
            if sessions.resumed(&session) > before {
                guard.disarm();
            }
            drop(share);
        });
    }
}

/// An answer on its way to the client.
struct Watched<B> {
    frames: BodyStream<B>,
    watch: Option<Watch>,
}

impl<B> Stream for Watched<B>
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Unpin,
{
    type Item = Result<Frame<Bytes>, HungUp>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.frames).poll_next(context);
        if matches!(polled, Poll::Ready(None))
            && let Some(watch) = self.watch.take()
        {
            watch.done();
        }
        // rmcp makes a frame of each event.
        polled.map(|polled| polled.map(|Ok(frame)| Ok(frame.map_data(restored_bytes))))
    }
}
