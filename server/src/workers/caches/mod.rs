//! The caches of Workers: `caches.default` and `caches.open(name)`.
//!
//! They are in the memory of isolet's own process, so that all processes of a Worker share them and
//! a reload keeps them. A Worker has its own, with a bound that it cannot pass.
//!
//! An operation comes as a fetch through the binding [`CACHES`]: `PUT` with a response, `GET` and
//! `DELETE`, with the URL as the key. What is not of the URL is in headers whose names begin with a
//! colon, which no HTTP message has.
//!
//! | module | content |
//! |---|---|
//! | `store` | the responses of one Worker, and their bound |
//! | `budget` | the bytes that they may take |
//! | `policy` | the responses that are kept, and their lifetimes |
//! | `answer` | the answer to a request from a response that was kept |

mod answer;
mod budget;
mod policy;
mod store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::StreamExt as _;
use isolet_runtime::{
    CACHES, FetchBindings, FetchError, FetchFuture, FetchHost, FetchRequest, FetchedBody, FetchedResponse,
};
use isolet_runtime::{RequestBody, RequestHead, ResponseHead};
use parking_lot::Mutex;

use self::budget::Charge;
use self::store::{Kept, Store};

/// The bytes of a Worker's caches where the settings have none.
pub const DEFAULT_BYTES: usize = 64 << 20;

/// Names of headers that belong to an operation and not to the response.
const CACHE_NAME: &str = ":cache";
const STATUS: &str = ":status";
const STATUS_TEXT: &str = ":status-text";
const IS_AUTHORIZED: &str = ":authorized";

/// The caches of all Workers, by the names of the Workers.
#[derive(Default)]
pub struct Caches(Mutex<HashMap<String, WorkerCaches>>);

impl Caches {
    /// Returns the caches of a Worker, which have this bound in bytes when it first asks.
    pub fn of_worker(&self, name: &str, bytes: usize) -> WorkerCaches {
        let mut workers = self.0.lock();
        workers.entry(name.to_owned()).or_insert_with(|| WorkerCaches::new(bytes)).clone()
    }
}

/// The caches of one Worker.
#[derive(Clone)]
pub struct WorkerCaches(Arc<Store>);

impl WorkerCaches {
    /// Returns empty caches with this bound in bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Store::new(bytes)))
    }

    /// Adds the binding through which the Worker uses them.
    pub fn add_to(&self, bindings: &mut FetchBindings) {
        bindings.add(CACHES, Arc::new(self.clone()));
    }
}

impl FetchHost for WorkerCaches {
    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        let store = self.0.clone();
        Box::pin(async move {
            let FetchRequest { head, body, .. } = request;
            let key = format!("{}\0{}", header(&head, CACHE_NAME).unwrap_or_default(), head.url);
            match head.method.as_str() {
                "GET" => Ok(match store.get(&key) {
                    Some(kept) => answer::answer(&head, &kept),
                    None => plain(504),
                }),
                "DELETE" => Ok(plain(if store.remove(&key) { 200 } else { 404 })),
                "PUT" => put(&store, key, &head, body).await.map_err(FetchError::from),
                _ => Ok(plain(405)),
            }
        })
    }
}

/// Keeps a response. The answer is 204 also if it is one that is not kept, and 413 if it is too
/// long.
async fn put(
    store: &Arc<Store>,
    key: String,
    head: &RequestHead,
    body: RequestBody,
) -> Result<FetchedResponse, String> {
    let status = header(head, STATUS).and_then(|status| status.parse().ok()).unwrap_or(200);
    let headers = head.headers.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect();
    let response = ResponseHead {
        status,
        status_text: header(head, STATUS_TEXT).unwrap_or_default().to_owned(),
        headers,
        encoded: true,
    };
    let is_authorized = header(head, IS_AUTHORIZED).is_some();
    let now = SystemTime::now();
    let Some((response, lifetime)) = policy::kept(&head.url, is_authorized, response, now) else {
        // As in other Workers, the body is read to its end.
        return read(body, |_| true).await.map(|_| plain(204));
    };
    let size =
        key.len() + response.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let Some(mut charge) = store.charge(size) else {
        return Ok(plain(413));
    };
    let mut content = Vec::new();
    let complete =
        read(body, |piece| append(&mut content, piece, &mut charge, store.max_entry_bytes())).await?;
    if !complete {
        return Ok(plain(413));
    }
    store.insert(key, Kept::new(response, content, charge, lifetime, now));
    Ok(plain(204))
}

/// Appends a piece, if there is room for it.
fn append(content: &mut Vec<u8>, piece: &[u8], charge: &mut Charge, most: usize) -> bool {
    let needed = content.len() + piece.len();
    if needed > most {
        return false;
    }
    if needed > content.capacity() {
        // Doubled, so that pieces of a byte do not copy it each time.
        let capacity = needed.max(content.capacity() * 2).min(most);
        if !charge.grow(capacity - content.capacity()) {
            return false;
        }
        content.reserve_exact(capacity - content.len());
    }
    content.extend_from_slice(piece);
    true
}

/// Reads a body. Returns `false` if `take` does not take a piece of it.
async fn read(body: RequestBody, mut take: impl FnMut(&[u8]) -> bool) -> Result<bool, String> {
    match body {
        RequestBody::Empty => Ok(true),
        RequestBody::Whole(bytes) => Ok(take(&bytes)),
        RequestBody::Stream(mut pieces) => {
            while let Some(piece) = pieces.next().await {
                if !take(&piece?) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

/// Returns an answer without a body.
fn plain(status: u16) -> FetchedResponse {
    let head = ResponseHead { status, status_text: String::new(), headers: Vec::new(), encoded: true };
    FetchedResponse { head, body: FetchedBody::Empty }
}

/// Returns the first header of a name in lower case.
fn header<'a>(head: &'a RequestHead, name: &str) -> Option<&'a str> {
    head.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests;
