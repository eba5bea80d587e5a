//! Reads a request's body within limits of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use super::problem::Problem;
use crate::output::pretty::thousands;

/// The time for a body to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The part of a refused body that is read and dropped, so that a client that sends the whole body
/// first gets the response and not a reset connection. 100 MiB over loopback take 50 ms.
const MAX_DRAIN_BYTES: usize = 1024 * 1024 * 1024;

/// The time for reading and dropping a refused body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of at most `max_bytes`. A longer one is refused before it is read if its length is
/// announced, and at the first byte beyond the limit otherwise.
pub async fn read(mut body: Incoming, max_bytes: usize) -> Result<Bytes, Problem> {
    let refused = || Problem::too_large(format!("The body is larger than {} bytes.", thousands(max_bytes)));
    if body.size_hint().lower() > max_bytes as u64 {
        drain(body);
        return Err(refused());
    }
    let mut whole = BytesMut::new();
    let deadline = Instant::now() + READ_TIMEOUT;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => {
                return Err(Problem::too_slow(format!(
                    "The body did not arrive within {} seconds.",
                    READ_TIMEOUT.as_secs()
                )));
            }
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(error))) => {
                return Err(Problem::bad_request(format!("The body is incomplete: {error}.")));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.is_empty() && body.is_end_stream() && data.len() <= max_bytes {
            return Ok(data);
        }
        if whole.len() + data.len() > max_bytes {
            drop(whole);
            drain(body);
            return Err(refused());
        }
        whole.extend_from_slice(&data);
    }
}

/// Reads and drops the rest in the background, while the response is sent.
fn drain(mut body: Incoming) {
    tokio::spawn(timeout(DRAIN_TIMEOUT, async move {
        let mut dropped = 0;
        while let Some(Ok(frame)) = body.frame().await {
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > MAX_DRAIN_BYTES {
                break;
            }
        }
    }));
}
