//! Fetches of Workers from other servers. isolet's own process makes them, by the operator's
//! allow-list; the jailed Worker has no network.
//!
//! ```text
//!   fetch ──► AllowList: scheme, host, port ──► notes: audit log
//!               │ no: the entry that would allow it      │
//!               └─► Worker's error           Client ◄────┘
//!                                              └─ resolver: AllowList: each address
//! ```
//!
//! A redirect is followed by the Worker's side: each hop is a fetch of its own, and judged.
//!
//! | module | content |
//! |---|---|
//! | `allow_list` | the judgement of URLs and addresses |
//! | `addresses` | the addresses that are public |
//! | `resolver` | names to addresses, of which the allowed ones are connected to |
//! | `client` | the HTTP client of one Worker |
//! | `message` | requests and responses, between the Worker and the client |
//! | `websocket` | WebSockets: the handshake, and the connection after it |
//! | `failure` | the texts of errors |
//! | `notes` | the notes on fetches: log, audit log, metrics |

mod addresses;
mod allow_list;
mod client;
mod failure;
mod message;
mod notes;
mod resolver;
mod websocket;

use std::sync::Arc;

use isolet_runtime::{FetchError, FetchFuture, FetchHost, FetchRequest, FetchedResponse};
use url::Url;

pub use self::allow_list::AllowList;
pub use self::client::Client;
use self::failure::Failure;
pub use self::notes::{FetchMetrics, FetchNotes};
use crate::settings::outgoing::Scheme;

/// The answerer of what one Worker fetches from other servers.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    client: Arc<Client>,
    advice: Advice,
    notes: FetchNotes,
}

/// The way in which the operator allows a Worker further hosts.
pub enum Advice {
    /// By an option of `isolet dev`.
    Development,
    /// By an option of `isolet serve`, for the Worker of this name.
    Served(String),
}

impl Advice {
    /// Returns the advice to add an entry to the allow-list.
    fn to_add(&self, entry: &str) -> String {
        match self {
            Self::Development => format!(
                "start isolet dev with --outgoing '{entry}', or set outgoing = [\"{entry}\"] under [workers] in isolet.toml"
            ),
            Self::Served(name) => format!(
                "start isolet serve with --worker-outgoing '{name}={entry}', or set outgoing = [\"{entry}\"] under its \
                 [[workers.worker]] in isolet.toml"
            ),
        }
    }
}

impl Outgoing {
    pub fn new(client: Arc<Client>, advice: Advice, notes: FetchNotes) -> Self {
        Self(Arc::new(Inner { client, advice, notes }))
    }
}

impl FetchHost for Outgoing {
    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        let inner = self.0.clone();
        Box::pin(async move { inner.fetch(request).await.map_err(FetchError::from) })
    }
}

impl Inner {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchedResponse, String> {
        let url =
            Url::parse(&request.head.url).map_err(|_| "The URL of this fetch is not valid.".to_owned())?;
        if Scheme::of(&url).is_none() {
            return Err(format!("Fetch API cannot load `{}:` URLs, but http: and https:.", url.scheme()));
        }
        let request = if websocket::is_asked(&request.head) { websocket::opening(request) } else { request };
        // Before the note, which takes one of the slots that all calls of this isolet share.
        let permit = self.client.permit().await.map_err(|closed| closed.to_string())?;
        let note = self.notes.begin(&request.head.method, &url).await?;
        let answered = match self.client.allow_list().has_url(&url) {
            true => self.client.send(self.notes.worker(), request, &url).await,
            false => Err(Failure::HostNotAllowed),
        };
        match answered {
            Ok(answer) => {
                note.answered(answer.head.status);
                Ok(client::holding(answer, permit))
            }
            Err(failure) => {
                note.failed(&failure);
                Err(failure.text(&url, &self.advice))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use isolet_bindings::Caller;
    use isolet_runtime::{CallChain, RequestBody, RequestHead};
    use prometheus_client::registry::Registry;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::client::MAX_FETCHES;
    use super::*;
    use crate::settings::outgoing::OutgoingEntry;

    fn request(method: &str, url: &str) -> FetchRequest {
        let head =
            RequestHead { method: method.into(), url: url.into(), headers: Vec::new(), cf: String::new() };
        FetchRequest { head, body: RequestBody::Empty, chain: CallChain::default() }
    }

    /// All fetches of a Worker have a bound, also those whose bodies are not read: each takes a
    /// slot of the audit log, which calls of others need too, or a connection.
    #[tokio::test]
    async fn a_fetch_waits_for_the_bodies_of_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client =
            Client::new(AllowList::new([OutgoingEntry::parse(&format!("http://localhost:{port}")).unwrap()]));
        let notes = FetchNotes::new(Caller::run(None).of_worker("shop"), None, &FetchMetrics::default());
        let outgoing = Outgoing::new(client.clone(), Advice::Development, notes);
        let serving = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi").await.unwrap();
            socket
        });
        let mut others = Vec::new();
        for _ in 1..MAX_FETCHES {
            others.push(client.permit().await.unwrap());
        }
        let answer = outgoing.fetch(request("GET", &format!("http://localhost:{port}/"))).await.unwrap();
        let _socket = serving.await.unwrap();
        // It would be refused at once.
        let mut waiting = outgoing.fetch(request("GET", "http://b.example/"));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(answer);
        let refused = waiting.await.err().unwrap().message;
        assert!(refused.contains("may not fetch from http://b.example"), "{refused}");
        assert!(
            outgoing.fetch(request("GET", "http://b.example/")).await.is_err(),
            "a refused one keeps no permit"
        );
    }

    /// The broker judges each request of a Worker's process, whatever its own side has checked.
    #[tokio::test]
    async fn any_request_of_a_process_is_judged_and_counted() {
        let mut registry = Registry::default();
        let metrics = FetchMetrics::register(&mut registry);
        let entries = ["a.example", "http://localhost:1"].map(|entry| OutgoingEntry::parse(entry).unwrap());
        let client = Client::new(AllowList::new(entries));
        let notes = FetchNotes::new(Caller::run(None).of_worker("shop"), None, &metrics);
        let outgoing = Outgoing::new(client, Advice::Served("shop".into()), notes);
        let fetch = async |method: &str, url: &str| {
            outgoing.fetch(request(method, url)).await.err().map(|error| error.message).unwrap_or_default()
        };
        for (url, reason) in [
            ("https://b.example/secret", "--worker-outgoing 'shop=b.example'"),
            ("http://127.0.0.1:1/", "may not fetch from http://127.0.0.1:1"),
            ("ftp://a.example/", "cannot load `ftp:` URLs"),
            ("a.example", "not valid"),
            ("", "not valid"),
            ("http://localhost:1/", "cannot connect"),
        ] {
            let error = fetch("GET", url).await;
            assert!(error.contains(reason) && !error.contains("secret"), "{url}: {error}");
        }
        let error = fetch("CONNECT", "http://localhost:1/").await;
        assert!(error.contains("no request has this method"), "{error}");
        let text = crate::metrics::text(&registry);
        for (outcome, count) in [("denied", 2), ("failed", 2), ("ok", 0), ("timeout", 0), ("cancelled", 0)] {
            let line =
                format!("isolet_worker_fetches_total{{worker=\"shop\",outcome=\"{outcome}\"}} {count}");
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
