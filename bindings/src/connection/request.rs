//! Requests in a session: the answer, the timeout, the cancellation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientRequest, RequestId, RequestMetaObject,
};
use rmcp::service::{PeerRequestOptions, ServiceError};

use super::Connection;
use super::logs::LogListener;
use super::progress::ProgressSink;
use crate::text::{MAX_UPSTREAM_TEXT_BYTES, joined, shortened};
use crate::transport::MAX_MESSAGE_BYTES;
use crate::transport::http::{CONNECTION_BROKE, transport_error_text};
use crate::transport::messages::{RawText, raw_result};

/// Why a request has no result, before server and operation are added to the message.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The session ended.
    Ended,
    /// No answer in time. `printed` describes the lines on stdout meanwhile that were not messages.
    Timeout { printed: Option<String> },
    /// A JSON-RPC error.
    Upstream { code: i32, message: String, data: Option<serde_json::Value> },
    /// The request was not delivered, or the transport brought no usable answer.
    Transport(String),
    /// The answer is not valid.
    Malformed(String),
}

impl Connection {
    /// Sends a request and waits for its result. Dropping the future cancels the request upstream.
    pub(crate) async fn request(
        &self,
        request: ClientRequest,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<RawText, RequestError> {
        self.request_with(request, timeout, progress, None, None).await
    }

    /// Does the same as [`request`](Self::request) with more metadata (`_meta`), and passes to
    /// `listener` what the server logs meanwhile.
    pub(crate) async fn request_with(
        &self,
        request: ClientRequest,
        timeout: Duration,
        progress: Option<ProgressSink>,
        meta: Option<RequestMetaObject>,
        listener: Option<LogListener>,
    ) -> Result<RawText, RequestError> {
        let _in_flight = InFlight::new(&self.in_flight);
        let mut log_guard = self.logs.begin(listener);
        let (too_long, stray_output) = (self.stray_output.too_long(), self.stray_output.count());
        let answer = async {
            let mut options = PeerRequestOptions::no_options();
            options.meta = meta;
            let mut handle = self
                .peer
                .send_request_with_option(request, options)
                .await
                .map_err(|_| RequestError::Ended)?;
            let mut cancel = CancelOnDrop { connection: self, id: Some(handle.id.clone()) };
            let _reported = progress.map(|sink| self.progress.add(handle.progress_token.clone(), sink));
            let answer = (&mut handle.rx).await;
            cancel.id = None;
            if let Ok(Ok(_) | Err(ServiceError::McpError(_))) = &answer {
                log_guard.answered();
            }
            match answer {
                Ok(Ok(result)) => raw_result(result).map_err(RequestError::Malformed),
                Ok(Err(error)) => {
                    let error = match error {
                        // Over HTTP, rmcp also reports this when only the stream of this answer
                        // ended.
                        ServiceError::TransportClosed if self.child.is_none() && !self.has_ended() => {
                            RequestError::Transport(CONNECTION_BROKE.to_owned())
                        }
                        error => request_error(error),
                    };
                    let undelivered = matches!(error, RequestError::Transport(_));
                    // Nothing listens there: the session is over, and the server is connected
                    // again.
                    if undelivered && (self.child.is_some() || self.unreachable.load(Ordering::Relaxed)) {
                        self.ended.cancel();
                        self.stop.cancel();
                    }
                    Err(if self.child.is_some() && undelivered { RequestError::Ended } else { error })
                }
                Err(_) => Err(RequestError::Ended),
            }
        };
        tokio::select! {
            biased;
            answer = tokio::time::timeout(timeout, answer) => answer.unwrap_or_else(|_| {
                // The discarded message may have answered another call, but nothing else explains
                // this timeout.
                if self.stray_output.too_long() > too_long {
                    return Err(RequestError::Malformed(format!("it is longer than {MAX_MESSAGE_BYTES} bytes")));
                }
                let printed = self.stray_output.describe().filter(|_| self.stray_output.count() > stray_output);
                Err(RequestError::Timeout { printed })
            }),
            () = self.ended.cancelled() => Err(RequestError::Ended),
        }
    }
}

/// Sends `notifications/cancelled` for a request whose caller stopped waiting: the run ended, or
/// its time was up.
struct CancelOnDrop<'a> {
    connection: &'a Connection,
    id: Option<RequestId>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        if self.connection.has_ended() {
            return;
        }
        let peer = self.connection.peer.clone();
        let reason = "the caller no longer waits for the answer".to_owned();
        self.connection.runtime.spawn(async move {
            let params = CancelledNotificationParam::new(Some(id), Some(reason));
            let _unsent = peer.send_notification(CancelledNotification::new(params).into()).await;
        });
    }
}

/// Counts a request while it is under way.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RequestError {
    /// Describes the error for a message about the server as a whole. `timeout` is the time that
    /// the request had.
    pub(crate) fn describe(&self, timeout: Duration) -> String {
        match self {
            Self::Ended => "it went away".to_owned(),
            Self::Timeout { printed } => {
                joined([Some(format!("no answer within {timeout:?}")), printed.clone(), None])
                    .unwrap_or_default()
            }
            Self::Upstream { code, message, .. } => format!("{message} (error {code})"),
            Self::Transport(reason) => reason.clone(),
            Self::Malformed(reason) => format!("the answer cannot be used: {reason}"),
        }
    }
}

/// Converts an error of rmcp.
pub(crate) fn request_error(error: ServiceError) -> RequestError {
    match error {
        ServiceError::McpError(error) => RequestError::Upstream {
            code: error.code.0,
            message: shortened(&error.message, MAX_UPSTREAM_TEXT_BYTES).into_owned(),
            data: error.data,
        },
        ServiceError::TransportClosed => RequestError::Ended,
        ServiceError::TransportSend(error) => {
            RequestError::Transport(transport_error_text(error.error.as_ref()))
        }
        other => RequestError::Transport(other.to_string()),
    }
}
