//! The sessions of clients of the older revisions. Each belongs to the token that opened it; their
//! number and their idle time are limited.
//!
//! rmcp holds the sessions; the table here has their owners and counts them. With another token, a
//! session does not exist. When the limit is reached, opening a session closes the least recently
//! used one of the token; its client gets 404 and must open another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use futures_util::Stream;
use parking_lot::Mutex;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio::time::{Instant, timeout};

use crate::service::client::TokenId;

/// The number of sessions. Each has two tasks and some channels; most clients have one.
const MAX_SESSIONS: usize = 1024;

/// The number of sessions of one token. Without tokens, all clients share [`MAX_SESSIONS`].
const MAX_SESSIONS_OF_TOKEN: usize = 256;

/// The idle time after which a session is closed. Many clients do not open another one by
/// themselves, and people leave their windows open for hours.
const IDLE_TIMEOUT: Duration = Duration::from_secs(8 * 3600);

/// The time for closing a session that is evicted.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The token that opened a session; `None` if the server has no tokens.
type Owner = Option<TokenId>;

/// All sessions of one endpoint.
pub struct SessionTable {
    sessions: LocalSessionManager,
    uses: DashMap<SessionId, SessionUse>,
    /// Held while sessions are counted and one is chosen and removed, so that two clients that open
    /// sessions at once do not evict one too many.
    evicting: Mutex<()>,
}

struct SessionUse {
    owner: Owner,
    last: Instant,
    /// The number of times that the client has resumed a stream.
    resumed: u64,
}

impl Default for SessionTable {
    fn default() -> Self {
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(IDLE_TIMEOUT);
        Self { sessions, uses: DashMap::default(), evicting: Mutex::default() }
    }
}

impl SessionTable {
    /// Returns the sessions that `owner` opened.
    pub fn of(self: &Arc<Self>, owner: Owner) -> TokenSessions {
        TokenSessions { all: self.clone(), owner }
    }

    /// Takes a session out of the table, if there are too many: the least recently used one of
    /// `owner`, if that token has too many, else that of the owner with the most sessions, so that
    /// nobody can evict the sessions of others by opening many.
    fn take_excess_session(&self, owner: &Owner) -> Option<SessionId> {
        let _evicting = self.evicting.lock();
        let mut counts: HashMap<Owner, usize> = HashMap::new();
        for session in &self.uses {
            *counts.entry(session.owner.clone()).or_default() += 1;
        }
        let own = counts.get(owner).copied().unwrap_or_default();
        let from = if owner.is_some() && own > MAX_SESSIONS_OF_TOKEN {
            owner.clone()
        } else if counts.values().sum::<usize>() > MAX_SESSIONS {
            counts.into_iter().max_by_key(|(_, count)| *count)?.0
        } else {
            return None;
        };
        let theirs = self.uses.iter().filter(|session| session.owner == from);
        let oldest = theirs.min_by_key(|session| session.last).map(|session| session.key().clone())?;
        self.uses.remove(&oldest);
        Some(oldest)
    }

    async fn close(&self, id: &SessionId) -> Result<(), LocalSessionManagerError> {
        self.uses.remove(id);
        self.sessions.close_session(id).await
    }
}

/// The sessions of one token, as rmcp uses them.
pub struct TokenSessions {
    all: Arc<SessionTable>,
    owner: Owner,
}

impl TokenSessions {
    /// Returns `true` if the token opened this session and it is still open.
    pub fn has(&self, id: &SessionId) -> bool {
        self.all.uses.get(id).is_some_and(|session| session.owner == self.owner)
    }

    /// Returns the number of times that the session's client has resumed a stream.
    pub fn resume_count(&self, id: &SessionId) -> u64 {
        let session = self.all.uses.get(id).filter(|session| session.owner == self.owner);
        session.map_or(0, |session| session.resumed)
    }

    /// Records a use of the session, and how often it was resumed by it.
    fn touch(&self, id: &SessionId, resumed: u64) -> Result<(), LocalSessionManagerError> {
        let not_found = || LocalSessionManagerError::SessionNotFound(id.clone());
        let mut session = self.all.uses.get_mut(id).ok_or_else(not_found)?;
        if session.owner != self.owner {
            return Err(not_found());
        }
        session.last = Instant::now();
        session.resumed += resumed;
        Ok(())
    }
}

impl SessionManager for TokenSessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let (id, transport) = self.all.sessions.create_session().await?;
        let session = SessionUse { owner: self.owner.clone(), last: Instant::now(), resumed: 0 };
        self.all.uses.insert(id.clone(), session);
        while let Some(oldest) = self.all.take_excess_session(&self.owner) {
            // A session that is blocked by a client that does not read cannot close in time. It is
            // out of the table nevertheless.
            let _blocked = timeout(CLOSE_TIMEOUT, self.all.sessions.close_session(&oldest)).await;
        }
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.touch(id, 0)?;
        self.all.sessions.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        Ok(self.has(id) && self.all.sessions.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        // The session may have been evicted already.
        if self.has(id) { self.all.close(id).await } else { Ok(()) }
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.touch(id, 0)?;
        self.all.sessions.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.touch(id, 0)?;
        self.all.sessions.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.touch(id, 0)?;
        self.all.sessions.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.touch(id, 1)?;
        self.all.sessions.resume(id, last_event_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(secret: &str) -> Owner {
        Some(TokenId::new(secret, None))
    }

    /// Opens `count` sessions; keeps their transports, without which they end.
    async fn opened(
        sessions: &TokenSessions,
        count: usize,
    ) -> Vec<(SessionId, <TokenSessions as SessionManager>::Transport)> {
        let mut open = Vec::new();
        for _ in 0..count {
            open.push(sessions.create_session().await.unwrap());
        }
        open
    }

    #[tokio::test]
    async fn the_least_recently_used_session_is_evicted() {
        let all = Arc::new(SessionTable::default());
        let sessions = all.of(None);
        let open = opened(&sessions, MAX_SESSIONS).await;
        let (first, second) = (&open[0].0, &open[1].0);
        sessions.touch(first, 0).unwrap();
        let last = opened(&sessions, 1).await;
        assert!(
            sessions.has_session(first).await.unwrap() && sessions.has_session(&last[0].0).await.unwrap()
        );
        assert!(!sessions.has_session(second).await.unwrap());
        assert_eq!(all.uses.len(), MAX_SESSIONS);
    }

    #[tokio::test]
    async fn a_token_that_opens_many_evicts_its_own() {
        let all = Arc::new(SessionTable::default());
        let (few, many) = (all.of(token("few")), all.of(token("many")));
        let kept = opened(&few, 2).await;
        let open = opened(&many, MAX_SESSIONS_OF_TOKEN + 1).await;
        assert!(!many.has(&open[0].0) && many.has(&open[1].0));
        assert!(kept.iter().all(|(id, _)| few.has(id)));
        assert_eq!(all.uses.len(), MAX_SESSIONS_OF_TOKEN + 2);
        // The same holds if all tokens together have too many.
        let mut others = Vec::new();
        for name in ["a", "b", "c"] {
            others.extend(opened(&all.of(token(name)), MAX_SESSIONS_OF_TOKEN).await);
        }
        assert_eq!(all.uses.len(), MAX_SESSIONS);
        assert!(kept.iter().all(|(id, _)| few.has(id)));
    }

    #[tokio::test]
    async fn a_session_does_not_exist_for_another_token() {
        let all = Arc::new(SessionTable::default());
        let (own, other, none) = (all.of(token("own")), all.of(token("other")), all.of(None));
        let (id, _transport) = own.create_session().await.unwrap();
        let ping: ClientJsonRpcMessage =
            serde_json::from_str(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).unwrap();
        for stranger in [other, none] {
            assert!(!stranger.has_session(&id).await.unwrap());
            assert!(stranger.initialize_session(&id, ping.clone()).await.is_err());
            assert!(stranger.create_stream(&id, ping.clone()).await.is_err());
            assert!(stranger.accept_message(&id, ping.clone()).await.is_err());
            assert!(stranger.create_standalone_stream(&id).await.is_err());
            assert!(stranger.resume(&id, "0/0".to_owned()).await.is_err());
            assert_eq!(stranger.resume_count(&id), 0);
            stranger.close_session(&id).await.unwrap();
        }
        assert!(own.has_session(&id).await.unwrap());
        own.close_session(&id).await.unwrap();
        assert!(!own.has_session(&id).await.unwrap());
    }
}
