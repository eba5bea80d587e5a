//! Reading a request's body without giving it more memory or time than it may have.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use super::problem::Problem;
use crate::pretty::thousands;

/// How long a body may take to arrive.
const WITHIN: Duration = Duration::from_secs(60);

/// How much of a refused body is read and dropped, and for how long, so that a client which sends everything before it
/// reads finds the answer and not a reset connection. 100 MiB over loopback take 50 ms.
const DRAIN_BYTES: usize = 1024 * 1024 * 1024;
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// The whole body if it has at most `most` bytes. A longer one is refused before it is read where its length is
/// announced, and at the first byte too many where it is not.
pub async fn read(mut body: Incoming, most: usize) -> Result<Bytes, Problem> {
    let refused = || Problem::too_large(format!("The body is larger than {} bytes.", thousands(most)));
    if body.size_hint().lower() > most as u64 {
        drain(body);
        return Err(refused());
    }
    let mut whole = BytesMut::new();
    let deadline = Instant::now() + WITHIN;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => {
                return Err(Problem::too_slow(format!(
                    "The body did not arrive within {} seconds.",
                    WITHIN.as_secs()
                )));
            }
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(error))) => {
                return Err(Problem::bad_request(format!("The body broke off: {error}.")));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.is_empty() && body.is_end_stream() && data.len() <= most {
            return Ok(data);
        }
        if whole.len() + data.len() > most {
            drop(whole);
            drain(body);
            return Err(refused());
        }
        whole.extend_from_slice(&data);
    }
}

/// Reads and drops the rest in the background, while the answer is on its way.
fn drain(mut body: Incoming) {
    tokio::spawn(timeout(DRAIN_WITHIN, async move {
        let mut dropped = 0;
        while let Some(Ok(frame)) = body.frame().await {
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > DRAIN_BYTES {
                break;
            }
        }
    }));
}
