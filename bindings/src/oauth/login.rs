//! The first login: authorization code with PKCE, in the user's browser.

use std::sync::Arc;
use std::time::Duration;

use rmcp::transport::auth::{AuthError, AuthorizationMetadataSource, OAuthClientConfig};

use super::account::{error_text, manager_for};
use super::challenge;
use super::redirect::RedirectListener;
use super::store::{CredentialFile, LoginRecord, StoredLogin, TokenFolder};
use crate::config::{Grant, HttpConfig, ServerConfig, TransportConfig};
use crate::redact::Redactor;
use crate::text::printable;
use crate::transport::http::pools::is_here;

/// The error of a login. Its message is for people and contains no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// This server needs no login, or another kind.
    #[error("{0}")]
    NotThisServer(String),
    /// There is no folder for tokens.
    #[error("no folder for the login: set HOME or XDG_STATE_HOME")]
    NoFolder,
    /// The port of the redirect URI cannot be opened.
    #[error("cannot listen for the browser to come back: {0}")]
    Listen(std::io::Error),
    /// The server has no OAuth metadata.
    #[error("the server does not say where to log in (it has no OAuth metadata)")]
    NoAuthorization,
    /// The user or the authorization server refused the login.
    #[error("the login was refused: {0}")]
    Refused(String),
    /// The browser did not return in time.
    #[error("the browser did not return within {0:?}")]
    Timeout(Duration),
    /// A step of the protocol failed.
    #[error("{step}: {reason}")]
    Protocol {
        /// The step that failed.
        step: &'static str,
        /// The reason, without credentials.
        reason: String,
    },
}

/// A login that has begun: the user opens [`url`](Login::url), and [`finish`](Login::finish) waits
/// for the browser.
pub struct Login {
    /// The URL at which the user logs in.
    pub url: url::Url,
    state: String,
    redirect: RedirectListener,
    manager: rmcp::transport::auth::AuthorizationManager,
    redactor: Arc<Redactor>,
    folder: TokenFolder,
    server: String,
    server_url: url::Url,
}

impl Login {
    /// Finds the authorization server, and registers isolet there if that is needed.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn begin(
        server: &str,
        config: &ServerConfig,
        folder: &TokenFolder,
    ) -> Result<Self, LoginError> {
        let http = applicable(config)?;
        let oauth = http.oauth.clone().unwrap_or_default();
        let redactor = Arc::new(Redactor::new(config));
        let failed = |step| {
            let redactor = redactor.clone();
            move |error: AuthError| LoginError::Protocol { step, reason: redactor.redact(error_text(&error)) }
        };
        let file = folder.file(server, &http.url).ok_or(LoginError::NoFolder)?;
        let redirect = RedirectListener::listen(oauth.redirect_port).await.map_err(LoginError::Listen)?;

        let step = "cannot find out where to log in";
        let mut manager = manager_for(&http.url).await.map_err(failed(step))?;
        let challenge = challenge::of_server(http).await;
        let resolution =
            manager.resolve_metadata_from_challenge(challenge.as_deref()).await.map_err(failed(step))?;
        // From here on rmcp would guess URLs, as revision 2025-03-26 has it.
        if resolution.source == AuthorizationMetadataSource::LegacyEndpointFallback {
            return Err(LoginError::NoAuthorization);
        }
        let described = resolution.metadata.additional_fields.get("client_id_metadata_document_supported");
        let takes_documents = described.and_then(serde_json::Value::as_bool) == Some(true);
        manager.set_metadata(resolution.metadata);
        let scopes = match oauth.scopes.as_slice() {
            [] => {
                let wanted = manager.select_initial_scopes(&[]).await;
                with_lacking(wanted, file.read_of(&http.url).ok().flatten())
            }
            scopes => scopes.to_vec(),
        };
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let document = oauth.client_metadata_url.as_ref().filter(|_| takes_documents);
        let client = match oauth.client_id.as_ref().or(document) {
            Some(id) => {
                let mut client = OAuthClientConfig::new(id, redirect.uri());
                client.client_secret = oauth.client_secret.as_ref().map(|secret| secret.expose().to_owned());
                client
            }
            None => {
                let step = "cannot register isolet there (a client that is registered already goes into \"oauth\": {\"clientId\": …})";
                manager.register_client("isolet", &redirect.uri(), &scopes).await.map_err(failed(step))?
            }
        };
        redactor.learn(client.client_secret.iter().cloned());
        let step = "cannot prepare the login";
        manager.configure_client(client.clone()).map_err(failed(step))?;
        let template = LoginRecord {
            server: server.to_owned(),
            url: http.url.to_string(),
            client_secret: client.client_secret,
            redirect_uri: redirect.uri(),
            credentials: rmcp::transport::auth::StoredCredentials::new(
                client.client_id,
                None,
                Vec::new(),
                None,
            ),
            lacking: Vec::new(),
        };
        manager.set_credential_store(CredentialFile { file, template, redactor: redactor.clone() });
        let url = manager.get_authorization_url(&scopes).await.map_err(failed(step))?;
        let unusable = |reason: String| LoginError::Protocol { step, reason };
        let url: url::Url =
            url.parse().map_err(|error| unusable(format!("its address is not a URL: {error}")))?;
        // A browser opens the URL, so it must be an https URL.
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here(&url)) {
            return Err(unusable(format!("its address is not https: {}", url.scheme())));
        }
        let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
        let state = state.ok_or_else(|| unusable("the address has no state".to_owned()))?;
        Ok(Self {
            url,
            state,
            redirect,
            manager,
            redactor,
            folder: folder.clone(),
            server: server.to_owned(),
            server_url: http.url.clone(),
        })
    }

    /// Waits for the browser to return, and stores the token.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn finish(self, patience: Duration) -> Result<StoredLogin, LoginError> {
        let visited = tokio::time::timeout(patience, self.redirect.visited(&self.state)).await;
        let visited = visited.map_err(|_| LoginError::Timeout(patience))?.map_err(LoginError::Listen)?;
        let value = |wanted: &str| {
            visited.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        if let Some(error) = value("error") {
            let words = value("error_description").map(|words| format!("{error}: {words}")).unwrap_or(error);
            return Err(LoginError::Refused(printable(words.as_bytes(), 500)));
        }
        let protocol = |reason: String| LoginError::Protocol { step: "cannot get a token", reason };
        let code =
            value("code").ok_or_else(|| protocol("the browser came back without a code".to_owned()))?;
        self.redactor.learn([code.clone()]);
        let issuer = value("iss");
        self.manager
            .exchange_code_for_token_with_issuer(&code, &self.state, issuer.as_deref())
            .await
            .map_err(|error| protocol(self.redactor.redact(error_text(&error))))?;
        let login =
            self.folder.login(&self.server, &self.server_url).map_err(|error| protocol(error.to_string()))?;
        login.ok_or_else(|| protocol("the token was not kept".to_owned()))
    }
}

/// Returns the scopes to request: those that the server wants first, and if the last login lacked
/// scopes, those of that login and the missing ones.
fn with_lacking(wanted: Vec<String>, last: Option<LoginRecord>) -> Vec<String> {
    let last = last.filter(|last| !last.lacking.is_empty());
    let more = last
        .into_iter()
        .flat_map(|last| last.credentials.granted_scopes.into_iter().chain(last.lacking).collect::<Vec<_>>());
    let mut scopes: Vec<String> = Vec::new();
    for scope in wanted.into_iter().chain(more) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

/// Returns the part of the configuration that a login needs.
///
/// # Errors
/// The reason why this server has no login.
fn applicable(config: &ServerConfig) -> Result<&HttpConfig, LoginError> {
    let no = |why: &str| Err(LoginError::NotThisServer(why.to_owned()));
    let TransportConfig::Http(http) = &config.transport else {
        return no("it is a child process: its credentials go into \"env\"");
    };
    if http.headers.contains_key(&http::header::AUTHORIZATION) {
        return no("its configuration has an authorization header, which would be used instead of a login");
    }
    if http.oauth.as_ref().is_some_and(|oauth| oauth.grant == Grant::ClientCredentials) {
        return no("its configuration has client credentials: isolet gets tokens by itself");
    }
    if http.url.scheme() != "https" && !is_here(&http.url) {
        return no("its URL is not https: a token would cross the network in the open");
    }
    Ok(http)
}
