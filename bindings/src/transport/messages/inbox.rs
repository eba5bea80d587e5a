//! The state of a session that decides how its messages are read.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
    ServerNotification,
};

use crate::connection::logs::Logs;

/// The most requests of a server that wait for isolet's answer. rmcp starts a task for each, so a
/// server that sends faster than it reads would fill the memory. Further requests are dropped.
/// isolet answers only pings and elicitation.
pub(super) const MAX_UNANSWERED: usize = 64;

/// The state of a session that decides how its messages are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox {
    ids: Arc<Mutex<Ids>>,
    /// Log notifications are passed on here, in their order: rmcp starts a task for each
    /// notification.
    pub(super) logs: Logs,
}

#[derive(Debug, Default)]
pub(super) struct Ids {
    /// The requests of the handshake that are under way. Their results are decoded; all others stay
    /// text.
    pub(super) handshake: HashSet<RequestId>,
    /// The server's requests that are not answered yet.
    unanswered: HashSet<RequestId>,
    /// Over pipes, the requests that wait for an answer. Over HTTP the answer belongs to its
    /// response.
    waiting: Option<HashSet<RequestId>>,
}

/// An outgoing message, until it is sent or abandoned.
#[must_use]
pub(crate) struct Outgoing {
    inbox: Inbox,
    answers: Option<RequestId>,
}

impl Inbox {
    /// For a session over pipes, where only the id tells which request a message answers.
    pub(crate) fn of_pipes() -> Self {
        let ids = Ids { waiting: Some(HashSet::new()), ..Ids::default() };
        Self { ids: Arc::new(Mutex::new(ids)), logs: Logs::default() }
    }

    /// Passes what the server logs to `logs`.
    pub(crate) fn with_logs(self, logs: Logs) -> Self {
        Self { logs, ..self }
    }

    /// Notes an outgoing message.
    pub(crate) fn outgoing(&self, message: &ClientJsonRpcMessage) -> Outgoing {
        let answers = match message {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.is_answer_to(id);
                }
                None
            }
            JsonRpcMessage::Request(request) => {
                let kind = &request.request;
                let mut ids = self.ids();
                if matches!(kind, ClientRequest::InitializeRequest(_) | ClientRequest::DiscoverRequest(_)) {
                    ids.handshake.insert(request.id.clone());
                }
                // A subscription is answered only when it ends.
                if !matches!(kind, ClientRequest::SubscriptionsListenRequest(_))
                    && let Some(waiting) = &mut ids.waiting
                {
                    waiting.insert(request.id.clone());
                }
                None
            }
        };
        Outgoing { inbox: self.clone(), answers }
    }

    pub(super) fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock()
    }

    /// Returns whether `id` is of the handshake, the first time that it is answered.
    pub(super) fn is_of_handshake(&self, id: &RequestId) -> bool {
        take(&mut self.ids().handshake, id)
    }

    /// Returns whether a request waits for an answer with this `id`, the first time that it is
    /// answered.
    pub(crate) fn is_answer_to(&self, id: &RequestId) -> bool {
        self.ids().waiting.as_mut().is_some_and(|waiting| take(waiting, id))
    }

    /// Returns the request that waits for an answer, if there is exactly one. An error without an
    /// id belongs to it.
    pub(super) fn only_one_waiting(&self) -> Option<RequestId> {
        let ids = self.ids();
        let waiting = ids.waiting.as_ref()?;
        waiting.iter().next().filter(|_| waiting.len() == 1).cloned()
    }

    /// Returns whether to handle a request or notification of the server.
    pub(super) fn admits(&self, message: &ServerJsonRpcMessage) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                let unanswered = &mut self.ids().unanswered;
                unanswered.len() < MAX_UNANSWERED && unanswered.insert(request.id.clone())
            }
            JsonRpcMessage::Notification(notification) => {
                if let ServerNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.ids().unanswered.remove(id);
                }
                true
            }
            _ => true,
        }
    }
}

/// Removes `id`. A server may answer id 0 with "0", which rmcp accepts too.
fn take(ids: &mut HashSet<RequestId>, id: &RequestId) -> bool {
    let numeric = match id {
        RequestId::String(text) => text.parse().ok().map(RequestId::Number),
        RequestId::Number(_) => None,
    };
    ids.remove(id) || numeric.is_some_and(|id| ids.remove(&id))
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(id) = &self.answers {
            self.inbox.ids().unanswered.remove(id);
        }
    }
}
