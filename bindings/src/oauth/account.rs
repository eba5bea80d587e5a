//! One server's token: found, renewed in time, given up.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rmcp::transport::auth::{
    AuthError, AuthorizationManager, ClientCredentialsConfig, CredentialStore, OAuthClientConfig,
    StoredCredentials,
};
use tokio::sync::Mutex;

use super::challenge;
use super::store::{Keeper, Record, TokenFile, TokenFolder};
use crate::config::{Grant, HttpConfig};
use crate::redact::Redactor;
use crate::text::shortened;

/// A token is renewed when less than this is left of it, or half of its life if that is shorter.
const RENEWED_BEFORE: Duration = Duration::from_secs(30);
/// Discovery, and one request for a token.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(60);
/// Longest message of an authorization server that is shown.
const MAX_REASON: usize = 1024;

/// Scopes that are kept for the next login.
const MOST_LACKING: usize = 64;

/// The way to a server's token. Clones share it.
#[derive(Clone)]
pub(crate) struct Account(Arc<Shared>);

struct Shared {
    server: String,
    url: url::Url,
    http: HttpConfig,
    file: Option<TokenFile>,
    redactor: Arc<Redactor>,
    token: RwLock<Kept>,
    /// Scopes without which the server has refused something.
    lacking: RwLock<Vec<String>>,
    /// Held while a token is being got, so that all requests wait for the same one.
    renewing: Mutex<()>,
}

/// What is known of a token without asking anybody.
#[derive(Clone)]
enum Kept {
    /// Nobody has looked yet.
    Unknown,
    /// There is no login. Looked for again when the server refuses a request.
    Nothing,
    Token(Token),
}

#[derive(Clone)]
struct Token {
    text: String,
    /// In seconds since 1970.
    renew_at: Option<u64>,
}

impl Account {
    /// The account for a server over HTTP; `None` where the configuration brings its own `authorization` header.
    pub(crate) fn new(
        server: &str,
        config: &HttpConfig,
        folder: &TokenFolder,
        redactor: &Arc<Redactor>,
    ) -> Option<Self> {
        if config.headers.contains_key(&http::header::AUTHORIZATION) {
            return None;
        }
        // A token on its way over an open network would be everybody's.
        if config.url.scheme() != "https" && !is_here(&config.url) {
            return None;
        }
        Some(Self(Arc::new(Shared {
            server: server.to_owned(),
            url: config.url.clone(),
            http: config.clone(),
            lacking: RwLock::default(),
            file: folder.file(server, &config.url),
            redactor: redactor.clone(),
            token: RwLock::new(Kept::Unknown),
            renewing: Mutex::new(()),
        })))
    }

    /// The token for the next request, renewed if it is about to end. `None` where there is no login: many servers want
    /// none.
    ///
    /// # Errors
    /// For people: why there is a login and no token.
    pub(crate) async fn token(&self) -> Result<Option<String>, String> {
        match self.kept() {
            Kept::Token(token) if !token.is_due() => Ok(Some(token.text)),
            Kept::Nothing => Ok(None),
            _ => self.get(None).await,
        }
    }

    /// Another token, after the server has refused this one (or a request without one). `None` if there is none to get.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub(crate) async fn another(&self, refused: Option<&str>) -> Result<Option<String>, String> {
        Ok(self.get(Some(refused.unwrap_or_default())).await?.filter(|token| Some(token.as_str()) != refused))
    }

    /// A token of a newer login, after the server has refused something because this one `lacks` scopes. Without one, what
    /// it lacks is kept for the next login.
    pub(crate) async fn lacks(&self, scopes: Vec<String>, refused: Option<&str>) -> Option<String> {
        if scopes.is_empty() || self.is_client() {
            return None;
        }
        let file = self.0.file.as_ref()?;
        let _turn = self.0.renewing.lock().await;
        let noted = async {
            let _lock = file.lock().await?;
            let Some(mut record) = file.read_of(&self.0.url)? else { return Ok(None) };
            if let Some(token) = self.token_of(&record)
                && refused != Some(token.text.as_str())
                && !token.is_due()
            {
                return Ok(Some(token));
            }
            let before = record.lacking.len();
            record.lacking.extend(scopes.iter().cloned());
            record.lacking.sort_unstable();
            record.lacking.dedup();
            record.lacking.truncate(MOST_LACKING);
            if record.lacking.len() > before {
                file.write(&record)?;
            }
            Ok::<_, std::io::Error>(None)
        };
        let newer = noted.await.unwrap_or_else(|error| {
            tracing::warn!(server = self.0.server, %error, "the scopes that its login lacks cannot be noted");
            None
        });
        let lacking = if newer.is_some() { Vec::new() } else { scopes };
        *self.0.lacking.write().unwrap_or_else(PoisonError::into_inner) = lacking;
        let token = newer?;
        *self.0.token.write().unwrap_or_else(PoisonError::into_inner) = Kept::Token(token.clone());
        Some(token.text)
    }

    /// What to do about a refusal.
    pub(crate) fn advice(&self) -> String {
        if self.is_client() {
            return "check \"oauth\" in its configuration".to_owned();
        }
        let lacking = self.0.lacking.read().unwrap_or_else(PoisonError::into_inner).join(" ");
        let login = format!("isolet auth login {}", self.0.server);
        if lacking.is_empty() {
            return format!("log in with: {login}; or check the headers of its configuration");
        }
        // The operator's own list is not added to.
        let listed = self.0.http.oauth.as_ref().is_some_and(|oauth| !oauth.scopes.is_empty());
        let first =
            if listed { "put it into \"scopes\" of its \"oauth\", then log in" } else { "log in again" };
        format!("its login lacks the scope \"{lacking}\": {first} with: {login}")
    }

    /// Whether isolet logs in for itself.
    fn is_client(&self) -> bool {
        self.0.http.oauth.as_ref().is_some_and(|oauth| oauth.grant == Grant::ClientCredentials)
    }

    /// Gets a token that is not `refused` and not about to end: from the file, else from the authorization server.
    async fn get(&self, refused: Option<&str>) -> Result<Option<String>, String> {
        let _turn = self.0.renewing.lock().await;
        let usable = |token: &Token| !token.is_due() && refused.is_none_or(|refused| refused != token.text);
        // Whoever had the turn before may have done it.
        match self.kept() {
            Kept::Token(token) if usable(&token) => return Ok(Some(token.text)),
            Kept::Nothing if refused.is_none() => return Ok(None),
            _ => {}
        }
        let got = tokio::time::timeout(RENEWAL_PATIENCE, async {
            if self.is_client() {
                return self.by_client_credentials().await.map(Some);
            }
            self.of_file(usable).await
        });
        let got =
            got.await.unwrap_or_else(|_| Err("its authorization server does not answer in time".to_owned()));
        let token = got.map_err(|reason| self.0.redactor.redact(reason))?;
        let kept = token.clone().map_or(Kept::Nothing, Kept::Token);
        *self.0.token.write().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(token.map(|token| token.text))
    }

    fn kept(&self) -> Kept {
        self.0.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn of_file(&self, usable: impl Fn(&Token) -> bool) -> Result<Option<Token>, String> {
        let Some(file) = &self.0.file else { return Ok(None) };
        let read = || file.read_of(&self.0.url).map_err(|error| error.to_string());
        let Some(record) = read()? else { return Ok(None) };
        if let Some(token) = self.token_of(&record).filter(&usable) {
            return Ok(Some(token));
        }
        let _lock = file.lock().await.map_err(|error| error.to_string())?;
        // Another process may have renewed it while this one waited.
        let Some(record) = read()? else { return Ok(None) };
        match self.token_of(&record) {
            Some(token) if usable(&token) => return Ok(Some(token)),
            // Without a way to renew it, the server may as well say what it thinks of it.
            token if !record.is_renewable() => {
                return match token {
                    Some(token) if !token.has_ended(&record) => Ok(Some(token)),
                    _ => Err(format!("its login has ended; {}", self.advice())),
                };
            }
            _ => {}
        }
        self.renew(file, record).await.map_err(|error| self.describe(&error))?;
        let record = read()?;
        Ok(record.and_then(|record| self.token_of(&record)))
    }

    async fn renew(&self, file: &TokenFile, record: Record) -> Result<(), AuthError> {
        let mut manager = self.manager().await?;
        let challenge = challenge::of_server(&self.0.http).await;
        let issuer = manager.resolve_metadata_from_challenge(challenge.as_deref()).await?.metadata;
        if let (Some(expected), Some(received)) = (&record.credentials.issuer, &issuer.issuer)
            && expected != received
        {
            // The refresh token would go to somebody who did not issue it.
            return Err(AuthError::AuthorizationServerMismatch {
                expected_issuer: expected.clone(),
                received_issuer: received.clone(),
            });
        }
        manager.set_metadata(issuer);
        // The address is not used for a renewal, but rmcp wants one.
        let redirect =
            if record.redirect_uri.is_empty() { "http://127.0.0.1/" } else { &record.redirect_uri }
                .to_owned();
        let mut client = OAuthClientConfig::new(record.credentials.client_id.clone(), redirect);
        client.client_secret.clone_from(&record.client_secret);
        manager.configure_client(client)?;
        manager.set_credential_store(Keeper {
            file: file.clone(),
            template: record,
            redactor: self.0.redactor.clone(),
        });
        manager.refresh_token().await.map(drop)
    }

    async fn by_client_credentials(&self) -> Result<Token, String> {
        let config = self.0.http.oauth.as_ref().expect("checked by the caller");
        let run = async {
            let (Some(client_id), Some(secret)) = (&config.client_id, &config.client_secret) else {
                return Err(AuthError::InternalError("no client".to_owned()));
            };
            let mut manager = self.manager().await?;
            let challenge = challenge::of_server(&self.0.http).await;
            let metadata = manager.resolve_metadata_from_challenge(challenge.as_deref()).await?.metadata;
            manager.set_metadata(metadata);
            let credentials = ClientCredentialsConfig::ClientSecret {
                client_id: client_id.clone(),
                client_secret: secret.expose().to_owned(),
                scopes: config.scopes.clone(),
                resource: Some(self.0.url.to_string()),
            };
            manager.validate_client_credentials_metadata(&credentials)?;
            manager.configure_client_credentials(&credentials)?;
            // Kept in memory: the next process gets its own.
            let kept = InMemory::default();
            manager.set_credential_store(kept.clone());
            manager.exchange_client_credentials(&credentials).await?;
            kept.take().ok_or_else(|| AuthError::InternalError("no token".to_owned()))
        };
        let credentials: StoredCredentials = run.await.map_err(|error| self.describe(&error))?;
        let record = Record {
            server: self.0.server.clone(),
            url: self.0.url.to_string(),
            client_secret: None,
            redirect_uri: String::new(),
            credentials,
            lacking: Vec::new(),
        };
        self.token_of(&record).ok_or_else(|| "its authorization server gave no token".to_owned())
    }

    async fn manager(&self) -> Result<AuthorizationManager, AuthError> {
        manager_for(&self.0.url).await
    }

    fn token_of(&self, record: &Record) -> Option<Token> {
        self.0.redactor.learn(record.secrets());
        let text = record.access_token()?;
        let renew_at = record.expires_at().zip(record.credentials.token_received_at).map(|(end, from)| {
            let before = RENEWED_BEFORE.as_secs().min(end.saturating_sub(from) / 2);
            end - before
        });
        Some(Token { text, renew_at })
    }

    fn describe(&self, error: &AuthError) -> String {
        let reason = chain(error);
        match error {
            AuthError::AuthorizationRequired | AuthError::TokenRefreshRejected(_) => {
                format!("its login has ended ({reason}); {}", self.advice())
            }
            AuthError::AuthorizationServerMismatch { .. } | AuthError::ClientCredentialsError(_) => {
                format!("{reason}; {}", self.advice())
            }
            _ => format!("no token for it: {reason}"),
        }
    }
}

impl Token {
    /// Whether it is time for another one.
    fn is_due(&self) -> bool {
        self.renew_at.is_some_and(|at| now() >= at)
    }

    fn has_ended(&self, record: &Record) -> bool {
        record.expires_at().is_some_and(|at| now() >= at)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether a URL leads to this machine.
pub(crate) fn is_here(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// rmcp's side of it. Its HTTP client lets what a server publishes lead to private addresses only where the server itself
/// is at one.
pub(super) async fn manager_for(url: &url::Url) -> Result<AuthorizationManager, AuthError> {
    AuthorizationManager::new(url.as_str()).await
}

/// An error with its causes, bounded.
pub(super) fn chain(error: &AuthError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shortened(&text, MAX_REASON).into_owned()
}

/// rmcp's own store in memory cannot be read from outside once it is given away.
#[derive(Clone, Default)]
struct InMemory(Arc<std::sync::Mutex<Option<StoredCredentials>>>);

impl InMemory {
    fn take(&self) -> Option<StoredCredentials> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait::async_trait]
impl CredentialStore for InMemory {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
        Ok(())
    }

    async fn clear(&self) -> Result<(), AuthError> {
        self.take();
        Ok(())
    }
}
