//! The events of a response. Results stay text.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use reqwest::Response;
use rmcp::model::{JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::Sse;

use super::sse::EventDecoder;
use crate::transport::messages::{Inbox, Incoming, parse, unusable};
use crate::transport::{MAX_MESSAGE_BYTES, same_id};

/// The error of a request whose stream ended before the answer.
pub(crate) const CONNECTION_BROKE: &str = "the connection broke before the answer came";

pub(super) type Events = BoxStream<'static, Result<Sse, SseError>>;

/// A response that is being read.
struct StreamState {
    chunks: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    decoder: EventDecoder,
    ready: VecDeque<Sse>,
    inbox: Inbox,
    awaited: Option<RequestId>,
}

/// Returns the events of a response. If the stream ends without an answer to `awaited`, and without
/// an event id at which it could be resumed, an event with an error answers `awaited`.
pub(super) fn events_of(response: Response, awaited: Option<RequestId>, inbox: Inbox) -> Events {
    let state = StreamState {
        chunks: response.bytes_stream().boxed(),
        decoder: EventDecoder::new(MAX_MESSAGE_BYTES),
        ready: VecDeque::new(),
        inbox,
        awaited,
    };
    let events = stream::unfold(state, async |mut state| {
        loop {
            if let Some(event) = state.ready.pop_front() {
                return Some((Ok(event), state));
            }
            let chunk = state.chunks.next().await;
            if !matches!(chunk, Some(Ok(_)))
                && let Some(id) = state.awaited.take()
            {
                state.ready.extend(event_of(&unusable(id, CONNECTION_BROKE.to_owned())));
                continue;
            }
            let problem = match chunk? {
                Ok(chunk) => match state.decoder.push(&chunk) {
                    Ok(events) => {
                        for event in events {
                            // A stream with event ids can be resumed.
                            if event.id.as_ref().is_some_and(|id| !id.is_empty()) {
                                state.awaited = None;
                            }
                            rewrite(event, &state.inbox, &mut state.awaited, &mut state.ready);
                        }
                        continue;
                    }
                    Err(too_long) => Box::from(too_long),
                },
                Err(error) => Box::from(error.without_url()),
            };
            return Some((Err(SseError::Body(problem)), state));
        }
    });
    events.boxed()
}

/// Converts an event of the server into events that rmcp reads without loss. Data that is not a
/// message is dropped, but its id and its retry delay stay, because they are needed to resume the
/// stream.
fn rewrite(event: Sse, inbox: &Inbox, awaited: &mut Option<RequestId>, out: &mut VecDeque<Sse>) {
    let data = event.data.as_deref().unwrap_or_default();
    let messages = match parse(data, inbox) {
        Incoming::Messages(messages) => messages,
        Incoming::Invalid => {
            if !data.trim().is_empty() {
                tracing::debug!("an event that is not a message is skipped");
            }
            Vec::new()
        }
    };
    let answers = |message: &ServerJsonRpcMessage| match message {
        JsonRpcMessage::Response(response) => awaited.as_ref().is_some_and(|id| same_id(&response.id, id)),
        // An error without an id may answer the request.
        JsonRpcMessage::Error(error) => error.id.as_ref().is_none_or(|id| awaited.as_ref() == Some(id)),
        _ => false,
    };
    if messages.iter().any(answers) {
        *awaited = None;
    }
    let mut events: Vec<Sse> = messages.iter().filter_map(event_of).collect();
    match events.first_mut() {
        Some(first) => (first.id, first.retry) = (event.id, event.retry),
        None => events.push(Sse { event: event.event, data: None, id: event.id, retry: event.retry }),
    }
    out.extend(events);
}

/// An event with this message.
pub(super) fn event_of(message: &ServerJsonRpcMessage) -> Option<Sse> {
    let data = serde_json::to_string(message).ok()?;
    Some(Sse { event: None, data: Some(data), id: None, retry: None })
}
