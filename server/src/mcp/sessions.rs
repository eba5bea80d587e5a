//! Sessions of clients that speak the older revisions, bounded in number and in idle time.
//!
//! rmcp keeps them; this counts them. Who opens one too many closes the one that was unused longest: its client, if
//! there still is one, is told that it is gone (404) and opens another.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio::time::{Instant, timeout};

/// Sessions at once. Each has two tasks and some channels; a client has one, and most have no others.
const MOST: usize = 1024;

/// A session that nobody used for so long is forgotten. Many clients do not open another by themselves, and people
/// leave their windows open over lunch.
const IDLE: Duration = Duration::from_secs(8 * 3600);

/// How long a session that has to go may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// All sessions.
pub struct Sessions {
    kept: LocalSessionManager,
    used: Mutex<HashMap<SessionId, Use>>,
}

#[derive(Clone, Copy)]
struct Use {
    last: Instant,
    /// How often a client came back for the rest of an answer.
    resumed: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        let mut kept = LocalSessionManager::default();
        kept.session_config.keep_alive = Some(IDLE);
        Self { kept, used: Mutex::default() }
    }
}

impl Sessions {
    /// How often the session's client came back for the rest of an answer.
    pub fn resumed(&self, id: &str) -> u64 {
        self.used().get(id).map_or(0, |used| used.resumed)
    }

    fn used(&self) -> MutexGuard<'_, HashMap<SessionId, Use>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, id: &SessionId, resumed: u64) {
        if let Some(used) = self.used().get_mut(id) {
            used.last = Instant::now();
            used.resumed += resumed;
        }
    }

    /// The session that has to go for another one.
    fn one_too_many(&self) -> Option<SessionId> {
        let used = self.used();
        if used.len() < MOST {
            return None;
        }
        used.iter().min_by_key(|(_, used)| used.last).map(|(id, _)| id.clone())
    }
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        while let Some(oldest) = self.one_too_many() {
            // One that is stuck in a client's full socket does not answer; it is out of the list all the same.
            let _stuck = timeout(FAREWELL, self.close_session(&oldest)).await;
        }
        let (id, transport) = self.kept.create_session().await?;
        self.used().insert(id.clone(), Use { last: Instant::now(), resumed: 0 });
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.kept.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.kept.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.used().remove(id);
        self.kept.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.touch(id, 0);
        self.kept.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.touch(id, 0);
        self.kept.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.touch(id, 0);
        self.kept.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.touch(id, 1);
        self.kept.resume(id, last_event_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_too_many_closes_the_one_unused_longest() {
        let sessions = Sessions::default();
        let mut open = Vec::new();
        for _ in 0..MOST {
            open.push(sessions.create_session().await.unwrap());
        }
        let (first, second) = (open[0].0.clone(), open[1].0.clone());
        sessions.touch(&first, 0);
        let (last, _transport) = sessions.create_session().await.unwrap();
        assert!(sessions.has_session(&first).await.unwrap() && sessions.has_session(&last).await.unwrap());
        assert!(!sessions.has_session(&second).await.unwrap());
        assert_eq!(sessions.used().len(), MOST);
    }
}
