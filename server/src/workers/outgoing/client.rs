//! The HTTP client of one Worker, which does not share its connections with others.
//!
//! Unused connections are kept for a bounded number of origins. A Worker that fetches from more has
//! a new connection for each further request, so that it does not use up the descriptors of isolet.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use http::Method;
use isolet_runtime::{FetchRequest, FetchedBody, FetchedResponse};
use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::allow_list::AllowList;
use super::failure::Failure;
use super::resolver::{Lookup, Resolver, system_lookup};
use super::{message, websocket};
use crate::web::websocket::handshake;

/// The time in which a connection must be made, with its lookup and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time in which a server must begin to answer, as at Cloudflare.
const HEAD_TIMEOUT: Duration = Duration::from_secs(100);

/// The time after which an unused connection is closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The unused connections to one origin that are kept, and the origins of which they are kept.
const MAX_IDLE_CONNECTIONS: usize = 16;
const MAX_POOLED_ORIGINS: usize = 64;

/// The fetches of one Worker at once, in all its processes and with those whose bodies are being
/// read. It is far below the number of slots of the audit log, of which each takes one.
pub const MAX_FETCHES: usize = 256;

/// The number of headers of a response.
const MAX_HEADERS: usize = 512;

/// The bound on the headers of a response over HTTP/2, in bytes.
const MAX_HEADER_BYTES: u32 = 128 << 10;

/// The bytes that may arrive over HTTP/2 before they are read: of a response, and of all that share
/// a connection. Fetches that are not read do not stop others.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 64 * STREAM_WINDOW;

/// A client with its allow-list. The certificates of the system are read at the first fetch.
pub struct Client {
    list: Arc<AllowList>,
    lookup: Lookup,
    /// Keeps connections.
    pooled: OnceLock<reqwest::Client>,
    /// Keeps none.
    unpooled: OnceLock<reqwest::Client>,
    /// The origins of which connections are kept, with the times of their last requests.
    origins: Mutex<HashMap<String, Instant>>,
    fetches: Arc<Semaphore>,
}

impl Client {
    pub fn new(list: AllowList) -> Arc<Self> {
        Self::with_lookup(list, system_lookup)
    }

    fn with_lookup(list: AllowList, lookup: Lookup) -> Arc<Self> {
        let (pooled, unpooled, origins) = Default::default();
        let fetches = Arc::new(Semaphore::new(MAX_FETCHES));
        Arc::new(Self { list: Arc::new(list), lookup, pooled, unpooled, origins, fetches })
    }

    pub fn allow_list(&self) -> &AllowList {
        &self.list
    }

    /// Waits until the Worker may make one more fetch. The permit is held until the body of the
    /// answer has been read.
    ///
    /// # Errors
    /// None: the semaphore is not closed.
    pub async fn permit(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.fetches.clone().acquire_owned().await
    }

    /// Returns the client that keeps connections, or the one that keeps none.
    fn client(&self, is_pooled: bool) -> Result<&reqwest::Client, Failure> {
        let place = if is_pooled { &self.pooled } else { &self.unpooled };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let builder = reqwest::Client::builder()
            // A proxy would resolve the names, and its addresses would not be judged.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .dns_resolver(Arc::new(Resolver::new(self.list.clone(), self.lookup)))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(if is_pooled { MAX_IDLE_CONNECTIONS } else { 0 })
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_nodelay(true);
        // A connection of HTTP/2 is kept in any case.
        let builder = if is_pooled { builder } else { builder.http1_only() };
        let client = builder.build().map_err(|error| Failure::of(&error))?;
        Ok(place.get_or_init(|| client))
    }

    /// Notes a request to an origin. Returns `true` if its connection is kept afterwards.
    fn keeps_connections(&self, origin: String) -> bool {
        let (mut origins, now) = (self.origins.lock(), Instant::now());
        if origins.len() >= MAX_POOLED_ORIGINS && !origins.contains_key(&origin) {
            origins.retain(|_, last| now.duration_since(*last) < 2 * POOL_IDLE_TIMEOUT);
            if origins.len() >= MAX_POOLED_ORIGINS {
                return false;
            }
        }
        origins.insert(origin, now);
        true
    }

    /// Sends a request of the Worker of this name, to a URL that the allow-list has.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(
        &self,
        worker: &str,
        request: FetchRequest,
        url: &Url,
    ) -> Result<FetchedResponse, Failure> {
        let asks_socket = websocket::is_asked(&request.head);
        let mut request = message::request(worker, request, url)?;
        // A WebSocket takes its connection with it, which must not be one of HTTP/2.
        let accept = asks_socket.then(|| handshake::ask(request.headers_mut()));
        let is_pooled = accept.is_none() && self.keeps_connections(url.origin().ascii_serialization());
        let may_be = is_pooled && may_be_sent_again(&request);
        let again = may_be.then(|| request.try_clone()).flatten();
        let mut sent = execute(self.client(is_pooled)?, request).await?;
        // A server may close a kept connection at any time, and so as the request is on its way.
        if let (Err(error), Some(again)) = (&sent, again)
            && !error.is_connect()
            && !error.is_timeout()
        {
            sent = execute(self.client(false)?, again).await?;
        }
        let response = sent.map_err(|error| match error.is_timeout() {
            true => Failure::Timeout(CONNECT_TIMEOUT),
            false => Failure::of(&error),
        })?;
        match accept {
            Some(accept) => websocket::response(response, &accept).await,
            None => message::response(response).await,
        }
    }
}

/// Returns `true` for a request that means the same if a server gets it twice (RFC 9110, 9.2.2).
fn may_be_sent_again(request: &reqwest::Request) -> bool {
    request.body().is_none() && matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Sends a request, and waits for the head of its answer.
///
/// # Errors
/// It does not come in time.
async fn execute(
    client: &reqwest::Client,
    request: reqwest::Request,
) -> Result<reqwest::Result<reqwest::Response>, Failure> {
    let sent = tokio::time::timeout(HEAD_TIMEOUT, client.execute(request)).await;
    sent.map_err(|_| Failure::Timeout(HEAD_TIMEOUT))
}

/// Keeps a permit until the body of an answer has ended.
pub fn holding(answer: FetchedResponse, permit: OwnedSemaphorePermit) -> FetchedResponse {
    let FetchedResponse { head, body } = answer;
    let pieces = match body {
        FetchedBody::Stream(pieces) => pieces,
        FetchedBody::Socket(server) => {
            let server = websocket::holding(server, permit);
            return FetchedResponse { head, body: FetchedBody::Socket(server) };
        }
        FetchedBody::Empty | FetchedBody::Whole(_) => return FetchedResponse { head, body },
    };
    let pieces = stream::unfold((pieces, permit), |(mut pieces, permit)| async {
        pieces.next().await.map(|piece| (piece, (pieces, permit)))
    });
    FetchedResponse { head, body: FetchedBody::Stream(pieces.boxed()) }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use isolet_runtime::{CallChain, RequestBody, RequestHead};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::settings::outgoing::OutgoingEntry;

    /// A client for these entries to which every name leads to this machine.
    fn client_here(entries: &[&str]) -> Arc<Client> {
        let entries = entries.iter().map(|entry| OutgoingEntry::parse(entry).unwrap());
        let here: Lookup = |_| async { Ok(vec![([127, 0, 0, 1], 0).into()]) }.boxed();
        Client::with_lookup(AllowList::new(entries), here)
    }

    async fn get(client: &Client, url: &str) -> Result<FetchedResponse, Failure> {
        fetch(client, "GET", url).await
    }

    async fn fetch(client: &Client, method: &str, url: &str) -> Result<FetchedResponse, Failure> {
        let head =
            RequestHead { method: method.into(), url: url.into(), headers: Vec::new(), cf: String::new() };
        let request = FetchRequest { head, body: RequestBody::Empty, chain: CallChain::default() };
        client.send("shop", request, &Url::parse(url).unwrap()).await
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("http://a.example:{port}/");
        for entries in [&["*:*"][..], &["*.example:*", "a.example:*", "10.0.0.0/8"]] {
            let refused = get(&client_here(entries), &url).await.err().unwrap();
            assert!(matches!(refused, Failure::AddressNotAllowed(_)), "{refused:?}");
        }
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "a connection was made");

        // A network that the operator names.
        let served = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let length = socket.read(&mut asked).await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let answer = get(&client_here(&["a.example:*", "127.0.0.0/8"]), &url).await.unwrap();
        assert_eq!(answer.head.status, 200);
        assert!(served.await.unwrap().contains(&format!("host: a.example:{port}\r\n")));
    }

    #[test]
    fn connections_are_kept_for_a_bounded_number_of_origins() {
        let client = Client::new(AllowList::default());
        let kept = |number: usize| client.keeps_connections(format!("https://{number}.example"));
        assert_eq!((0..1000).filter(|number| kept(*number)).count(), MAX_POOLED_ORIGINS);
        assert!(kept(0) && !kept(1000));
        for last in client.origins.lock().values_mut() {
            *last -= 2 * POOL_IDLE_TIMEOUT;
        }
        assert!(kept(1000));
        assert_eq!(client.origins.lock().len(), 1);
    }

    /// A server that answers one request on each connection, and closes it at the next one.
    #[tokio::test]
    async fn a_request_on_a_connection_that_is_closed_is_sent_again_if_it_may_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://a.example:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut asked = vec![0; 4096];
                    assert!(socket.read(&mut asked).await.unwrap() > 0);
                    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
                    let _ = socket.read(&mut asked).await;
                });
            }
        });
        let client = client_here(&["a.example:*", "127.0.0.0/8"]);
        for method in ["GET", "HEAD", "GET", "OPTIONS", "GET"] {
            let answer = fetch(&client, method, &url).await.unwrap();
            if let FetchedBody::Stream(mut pieces) = answer.body {
                while pieces.next().await.is_some() {}
            }
        }
        let broken = loop {
            match fetch(&client, "POST", &url).await {
                // On a new connection, which is kept.
                Ok(FetchedResponse { body: FetchedBody::Stream(mut pieces), .. }) => {
                    while pieces.next().await.is_some() {}
                }
                Ok(_) => {}
                Err(failure) => break failure,
            }
        };
        assert!(matches!(broken, Failure::Broken(_)), "{broken:?}");
    }
}
