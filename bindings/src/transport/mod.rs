//! The transports: how messages reach a server and come back.
//!
//! | module | one idea |
//! |---|---|
//! | [`messages`] | JSON-RPC as servers send it; results stay text |
//! | [`message_id`] | the id of a message that cannot be parsed |
//! | [`stdio`] | a child's pipes |
//! | [`http`] | Streamable HTTP |

pub(crate) mod http;
pub(crate) mod message_id;
pub(crate) mod messages;
pub(crate) mod stdio;

use rmcp::model::RequestId;

/// The longest message taken from a server. Real ones have tool lists of 2 MB and results of 10 MB.
/// Over pipes a longer one is skipped to its end without being kept; over HTTP its request fails.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Returns whether a message answers a request. A server may answer a number with the same number
/// in quotes.
pub(crate) fn same_id(id: &RequestId, expected: &RequestId) -> bool {
    id == expected || matches!(id, RequestId::String(text) if *text.as_ref() == *expected.to_string())
}
