//! The token of one server: found, renewed in time, replaced when it is refused.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::RwLock;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, ClientCredentialsConfig, CredentialStore, OAuthClientConfig,
    StoredCredentials,
};
use tokio::sync::Mutex;

use super::challenge;
use super::store::{CredentialFile, LoginRecord, TokenFile, TokenFolder};
use crate::config::{Grant, HttpConfig};
use crate::redact::Redactor;
use crate::text::{error_chain, shortened};
use crate::transport::http::pools::is_here;

/// A token is renewed this long before it expires, or at half of its lifetime if that is later.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30);
/// The time for discovery and one token request.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest message of an authorization server that is shown.
const MAX_REASON_BYTES: usize = 1024;

/// The most scopes that are kept for the next login.
const MAX_MISSING_SCOPES: usize = 64;

/// The source of a server's tokens. Clones share it.
#[derive(Clone)]
pub(crate) struct Account(Arc<AccountInner>);

struct AccountInner {
    server: String,
    /// The command that logs in to the server.
    login: String,
    url: url::Url,
    http: HttpConfig,
    file: Option<TokenFile>,
    clock: fn() -> SystemTime,
    redactor: Arc<Redactor>,
    token: RwLock<CachedToken>,
    /// Scopes that the server has missed in the token.
    lacking: RwLock<Vec<String>>,
    /// Held while a token is being renewed, so that all requests wait for the same one.
    renewing: Mutex<()>,
}

/// The last token, or what is known about it.
#[derive(Clone)]
enum CachedToken {
    /// The token file has not been read yet.
    Unknown,
    /// There is no login. The file is read again when the server refuses a request.
    NoLogin,
    Token(Token),
}

#[derive(Clone)]
struct Token {
    text: String,
    /// In seconds since 1970.
    renew_at: Option<u64>,
}

impl Account {
    /// Creates the account for a server over HTTP. Returns `None` if the configuration has an
    /// `authorization` header.
    pub(crate) fn new(
        server: &str,
        config: &HttpConfig,
        folder: &TokenFolder,
        clock: fn() -> SystemTime,
        redactor: &Arc<Redactor>,
        options: &str,
    ) -> Option<Self> {
        if config.headers.contains_key(&http::header::AUTHORIZATION) {
            return None;
        }
        // A token is not sent over an unencrypted network.
        if config.url.scheme() != "https" && !is_here(&config.url) {
            return None;
        }
        Some(Self(Arc::new(AccountInner {
            server: server.to_owned(),
            login: format!("isolet auth login {server}{options}"),
            url: config.url.clone(),
            http: config.clone(),
            lacking: RwLock::default(),
            file: folder.file(server, &config.url),
            clock,
            redactor: redactor.clone(),
            token: RwLock::new(CachedToken::Unknown),
            renewing: Mutex::new(()),
        })))
    }

    /// Returns the token for the next request, renewed if it expires soon. `None` if there is no
    /// login, which many servers do not need.
    ///
    /// # Errors
    /// The reason why the login yields no token, for people.
    pub(crate) async fn token(&self) -> Result<Option<String>, String> {
        match self.kept() {
            CachedToken::Token(token) if !self.is_due(&token) => Ok(Some(token.text)),
            CachedToken::NoLogin => Ok(None),
            _ => self.get(None).await,
        }
    }

    /// Returns another token after the server has refused this one (or a request without one).
    /// `None` if there is none.
    ///
    /// # Errors
    /// The same as [`token`](Self::token).
    pub(crate) async fn another(&self, refused: Option<&str>) -> Result<Option<String>, String> {
        Ok(self.get(Some(refused.unwrap_or_default())).await?.filter(|token| Some(token.as_str()) != refused))
    }

    /// Returns the token of a newer login after the server has refused a request because of missing
    /// scopes. Without one, the scopes are kept for the next login.
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
                && !self.is_due(&token)
            {
                return Ok(Some(token));
            }
            let before = record.lacking.len();
            record.lacking.extend(scopes.iter().cloned());
            record.lacking.sort_unstable();
            record.lacking.dedup();
            record.lacking.truncate(MAX_MISSING_SCOPES);
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
        *self.0.lacking.write() = lacking;
        let token = newer?;
        *self.0.token.write() = CachedToken::Token(token.clone());
        Some(token.text)
    }

    /// The advice after a refusal.
    pub(crate) fn advice(&self) -> String {
        if self.is_client() {
            return "check \"oauth\" in its configuration".to_owned();
        }
        let lacking = self.0.lacking.read().join(" ");
        let login = &self.0.login;
        if lacking.is_empty() {
            return format!("log in with: {login}; or check the headers of its configuration");
        }
        // isolet does not change the operator's own list.
        let listed = self.0.http.oauth.as_ref().is_some_and(|oauth| !oauth.scopes.is_empty());
        let first =
            if listed { "put it into \"scopes\" of its \"oauth\", then log in" } else { "log in again" };
        format!("its login lacks the scope \"{lacking}\": {first} with: {login}")
    }

    /// Returns whether isolet logs in by itself.
    fn is_client(&self) -> bool {
        self.0.http.oauth.as_ref().is_some_and(|oauth| oauth.grant == Grant::ClientCredentials)
    }

    /// Gets a token that is not `refused` and does not expire soon: from the file, or else from the
    /// authorization server.
    async fn get(&self, refused: Option<&str>) -> Result<Option<String>, String> {
        let _turn = self.0.renewing.lock().await;
        let usable =
            |token: &Token| !self.is_due(token) && refused.is_none_or(|refused| refused != token.text);
        // Another task may have renewed it meanwhile.
        match self.kept() {
            CachedToken::Token(token) if usable(&token) => return Ok(Some(token.text)),
            CachedToken::NoLogin if refused.is_none() => return Ok(None),
            _ => {}
        }
        let got = tokio::time::timeout(RENEWAL_TIMEOUT, async {
            if self.is_client() {
                return self.by_client_credentials().await.map(Some);
            }
            self.of_file(usable).await
        });
        let got =
            got.await.unwrap_or_else(|_| Err("its authorization server does not answer in time".to_owned()));
        let token = got.map_err(|reason| self.0.redactor.redact(reason))?;
        let kept = token.clone().map_or(CachedToken::NoLogin, CachedToken::Token);
        *self.0.token.write() = kept;
        Ok(token.map(|token| token.text))
    }

    fn kept(&self) -> CachedToken {
        self.0.token.read().clone()
    }

    async fn of_file(&self, usable: impl Fn(&Token) -> bool) -> Result<Option<Token>, String> {
        let Some(file) = &self.0.file else { return Ok(None) };
        let read = || file.read_of(&self.0.url).map_err(|error| error.to_string());
        let Some(record) = read()? else { return Ok(None) };
        if let Some(token) = self.token_of(&record).filter(&usable) {
            return Ok(Some(token));
        }
        let _lock = file.lock().await.map_err(|error| error.to_string())?;
        // Another process may have renewed it meanwhile.
        let Some(record) = read()? else { return Ok(None) };
        match self.token_of(&record) {
            Some(token) if usable(&token) => return Ok(Some(token)),
            // A token that cannot be renewed is used until it expires.
            token if !record.is_renewable() => {
                return match token {
                    Some(token) if !self.has_ended(&record) => Ok(Some(token)),
                    _ => Err(format!("its login has ended; {}", self.advice())),
                };
            }
            _ => {}
        }
        self.renew(file, record).await.map_err(|error| self.describe(&error))?;
        let record = read()?;
        Ok(record.and_then(|record| self.token_of(&record)))
    }

    async fn renew(&self, file: &TokenFile, record: LoginRecord) -> Result<(), AuthError> {
        let mut manager = self.manager().await?;
        let challenge = challenge::of_server(&self.0.http).await;
        let issuer = manager.resolve_metadata_from_challenge(challenge.as_deref()).await?.metadata;
        if let (Some(expected), Some(received)) = (&record.credentials.issuer, &issuer.issuer)
            && expected != received
        {
            // The refresh token must not go to another issuer.
            return Err(AuthError::AuthorizationServerMismatch {
                expected_issuer: expected.clone(),
                received_issuer: received.clone(),
            });
        }
        manager.set_metadata(issuer);
        // A renewal does not use the redirect URI, but rmcp needs one.
        let redirect =
            if record.redirect_uri.is_empty() { "http://127.0.0.1/" } else { &record.redirect_uri }
                .to_owned();
        let mut client = OAuthClientConfig::new(record.credentials.client_id.clone(), redirect);
        client.client_secret.clone_from(&record.client_secret);
        manager.configure_client(client)?;
        manager.set_credential_store(CredentialFile {
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
            // The token is kept in memory only: the next process gets its own.
            let kept = InMemory::default();
            manager.set_credential_store(kept.clone());
            manager.exchange_client_credentials(&credentials).await?;
            kept.take().ok_or_else(|| AuthError::InternalError("no token".to_owned()))
        };
        let credentials: StoredCredentials = run.await.map_err(|error| self.describe(&error))?;
        let record = LoginRecord {
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

    fn token_of(&self, record: &LoginRecord) -> Option<Token> {
        self.0.redactor.learn(record.secrets());
        let text = record.access_token()?;
        let renew_at = record.expires_at().zip(record.credentials.token_received_at).map(|(end, from)| {
            let before = RENEWAL_MARGIN.as_secs().min(end.saturating_sub(from) / 2);
            end - before
        });
        Some(Token { text, renew_at })
    }

    /// Returns whether a token has to be renewed.
    fn is_due(&self, token: &Token) -> bool {
        token.renew_at.is_some_and(|at| self.now() >= at)
    }

    /// Returns whether the token of a login has expired.
    fn has_ended(&self, record: &LoginRecord) -> bool {
        record.expires_at().is_some_and(|at| self.now() >= at)
    }

    /// The time in seconds since 1970.
    fn now(&self) -> u64 {
        (self.0.clock)().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    fn describe(&self, error: &AuthError) -> String {
        let reason = error_text(error);
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

/// Creates rmcp's authorization manager. Its HTTP client follows metadata to private addresses only
/// if the server itself has one.
pub(super) async fn manager_for(url: &url::Url) -> Result<AuthorizationManager, AuthError> {
    AuthorizationManager::new(url.as_str()).await
}

/// An error with its causes, as one bounded line.
pub(super) fn error_text(error: &AuthError) -> String {
    let text = error_chain(error);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shortened(&text, MAX_REASON_BYTES).into_owned()
}

/// rmcp's in-memory store cannot be read after it was given away.
#[derive(Clone, Default)]
struct InMemory(Arc<parking_lot::Mutex<Option<StoredCredentials>>>);

impl InMemory {
    fn take(&self) -> Option<StoredCredentials> {
        self.0.lock().take()
    }
}

#[async_trait::async_trait]
impl CredentialStore for InMemory {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        Ok(self.0.lock().clone())
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        *self.0.lock() = Some(credentials);
        Ok(())
    }

    async fn clear(&self) -> Result<(), AuthError> {
        self.take();
        Ok(())
    }
}
