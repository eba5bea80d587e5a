//! Streamable HTTP: the HTTP client that rmcp's transport uses.
//!
//! rmcp's own client opens a connection for each call, decodes every result and takes 16 MiB. This
//! one keeps connections, passes results on as text (see [`messages`](crate::transport::messages))
//! and takes 64 MiB. It follows no redirects, which would carry credentials elsewhere.
//!
//! | module | one idea |
//! |---|---|
//! | `client` | requests of one server: headers, tokens, responses |
//! | `pools` | the connection pools that all servers share |
//! | `events` | the events of a response |
//! | `sse` | server-sent events from bytes |
//! | `session` | how a lost session is recognised |
//! | `failure` | messages for failed requests, with advice |
//! | `param_headers` | arguments repeated in HTTP headers |

mod client;
mod events;
mod failure;
pub(crate) mod param_headers;
pub(crate) mod pools;
mod session;
mod sse;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderMap;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use tokio::sync::Notify;

use self::client::McpHttpClient;
pub(crate) use self::events::CONNECTION_BROKE;
pub(crate) use self::failure::{status_of, transport_error_text};
use self::param_headers::ParamHeaders;
use self::session::SessionTracker;
use crate::config::HttpConfig;
use crate::transport::MAX_MESSAGE_BYTES;
use crate::transport::messages::Inbox;
use crate::upstream::context::ServerContext;

/// The most bytes of an invalid answer that the error quotes.
const MAX_EXCERPT_BYTES: usize = 512;

/// Calls under way at once over one session. Runs are limited to 32 each; with rmcp's default of
/// 16, 100 calls of 10 ms would take 70 ms.
const MAX_CONCURRENT_POSTS: usize = 256;

/// The delay between attempts to reopen a stream of notifications grows to this.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(60);

/// Creates the transport to a server. `unreachable` becomes true when a request cannot be
/// delivered. `tools_changed` is notified when the tools may have changed without a notification.
pub(crate) fn transport(
    context: &ServerContext,
    config: &HttpConfig,
    params: ParamHeaders,
    tools_changed: Arc<Notify>,
    unreachable: Arc<AtomicBool>,
    inbox: Inbox,
) -> Result<StreamableHttpClientTransport<McpHttpClient>, String> {
    let client = context.pools.for_url(&config.url)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| format!("the value of header \"{name}\" has characters that no header can carry"))?;
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    let (account, redactor) = (context.account.clone(), context.redactor.clone());
    let session = SessionTracker::new(tools_changed);
    let client = McpHttpClient { client, headers, inbox, params, account, redactor, session, unreachable };
    let mut backoff = ExponentialBackoff::default();
    backoff.max_delay = Some(MAX_RECONNECT_DELAY);
    let mut transport = StreamableHttpClientTransportConfig::with_uri(config.url.as_str());
    transport.retry_config = Arc::new(backoff);
    transport.max_concurrent_requests = MAX_CONCURRENT_POSTS;
    transport.max_sse_event_size = MAX_MESSAGE_BYTES;
    transport.max_json_response_size = MAX_MESSAGE_BYTES;
    Ok(StreamableHttpClientTransport::with_client(client, transport))
}
