//! Logins: a real authorization server, a browser that follows redirects, tokens that expire. Tests
//! move the clock by which they expire.

mod common;

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use common::start_with;
use common::web::Web;
use isolet_bindings::config::{Grant, OAuthConfig, Secret, ServerConfig, TransportConfig};
use isolet_bindings::{CallError, Login, LoginError, ServerState, TokenFolder, UpstreamOptions, Upstreams};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A lifetime of which [`pass_half`] takes more than half, and less than the whole.
const FIRST_LIFETIME: &str = "first-lifetime=60";

thread_local! {
    /// The time by which the clock of this test is ahead. A test runs on one thread.
    static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn clock() -> SystemTime {
    SystemTime::now() + AHEAD.get()
}

/// Lets time pass for tokens.
fn pass(time: Duration) {
    AHEAD.set(AHEAD.get() + time);
}

/// Lets more than half of the first token's lifetime pass: it has to be renewed.
fn pass_half() {
    pass(Duration::from_secs(40));
}

struct Set {
    web: Web,
    folder: tempfile::TempDir,
}

impl Set {
    fn new(modes: &[&str]) -> Self {
        // Another test may have run on this thread.
        AHEAD.set(Duration::ZERO);
        let modes: Vec<&str> = modes.iter().copied().chain(["oauth"]).collect();
        Self { web: Web::start(&modes), folder: tempfile::tempdir().unwrap() }
    }

    fn tokens(&self) -> TokenFolder {
        TokenFolder::at(self.folder.path().join("auth"))
    }

    async fn upstreams(&self, config: ServerConfig) -> Upstreams {
        let options = UpstreamOptions { token_folder: self.tokens(), clock, ..common::options() };
        start_with("web", config, options).await
    }

    async fn log_in(&self) {
        let login = Login::begin("web", &self.web.config(), &self.tokens()).await.unwrap();
        let (login, ()) = tokio::join!(login_of(login), async {});
        assert!(login.unwrap().renewable);
    }

    /// The text of the file with the login.
    fn file(&self) -> String {
        let file = files(self.tokens().path().unwrap()).remove(0);
        std::fs::read_to_string(file).unwrap()
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

/// Does what a browser does: follows redirects.
async fn login_of(login: Login) -> Result<isolet_bindings::StoredLogin, LoginError> {
    let url = login.url.clone();
    let (finished, visited) = tokio::join!(login.finish(TIMEOUT), async {
        let browser = reqwest::Client::builder().no_proxy().build().unwrap();
        browser.get(url).send().await.unwrap().status()
    });
    assert!(visited.is_success(), "{visited}");
    finished
}

async fn seen(upstreams: &Upstreams, what: &str) -> u64 {
    let result = upstreams.call_tool("web", "authority", "{}", TIMEOUT).await.unwrap();
    let seen: Value = serde_json::from_slice(&result.value_json()).unwrap();
    seen[what].as_u64().unwrap_or(0)
}

async fn assert_echoes(upstreams: &Upstreams) {
    let result = upstreams.call_tool("web", "echo", r#"{"a":1}"#, TIMEOUT).await.unwrap();
    assert_eq!(result.value_json(), br#"{"a":1}"#);
}

#[tokio::test]
async fn a_login_serves_this_process_and_the_next() {
    for modes in [&[][..], &["secret"], &["modern"], &["session", "sse"]] {
        let set = Set::new(modes);
        // Without a login the error contains advice.
        let upstreams = set.upstreams(set.web.config()).await;
        let status = &upstreams.statuses()[0];
        assert_eq!(status.state, ServerState::Failed);
        let error = status.last_error.clone().unwrap();
        assert!(error.contains("HTTP 401") && error.contains("isolet auth login web"), "{error}");

        set.log_in().await;
        // A running isolet finds the login with its next attempt.
        let began = Instant::now();
        while let Err(error) = upstreams.call_tool("web", "echo", "{}", TIMEOUT).await {
            assert!(began.elapsed() < TIMEOUT, "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_echoes(&upstreams).await;
        let next = set.upstreams(set.web.config()).await;
        assert_echoes(&next).await;
        assert_eq!(seen(&next, "registrations").await, 1);
        assert_eq!(seen(&next, "renewals").await, 0);
        let login = set.tokens().logins().remove(0);
        assert_eq!((login.server.as_str(), login.scopes.as_slice()), ("web", &["read".to_owned()][..]));
    }
}

#[tokio::test]
async fn an_expiring_token_is_renewed_once_for_all_calls() {
    for modes in [&[FIRST_LIFETIME][..], &[FIRST_LIFETIME, "secret"]] {
        let set = Set::new(modes);
        set.log_in().await;
        let upstreams = set.upstreams(set.web.config()).await;
        assert_echoes(&upstreams).await;
        let before = set.file();
        // rmcp looks for metadata without a token first.
        let (refusals, renewals) = (seen(&upstreams, "refusals").await, seen(&upstreams, "renewals").await);
        pass_half();
        let calls = (0..10).map(|_| upstreams.call_tool("web", "echo", "{}", TIMEOUT));
        let results = futures_util::future::join_all(calls).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(seen(&upstreams, "renewals").await, renewals + 1);
        assert_eq!(seen(&upstreams, "refusals").await, refusals + 1, "the look for metadata, no call");
        assert_ne!(set.file(), before, "the new tokens are kept");
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_repeated() {
    let set = Set::new(&[]);
    set.log_in().await;
    // Two processes share the login: one renews the token, and the other takes it from the file.
    let (one, two) = (set.upstreams(set.web.config()).await, set.upstreams(set.web.config()).await);
    one.call_tool("web", "revoke", "{}", TIMEOUT).await.unwrap();
    let (first, second) = tokio::join!(
        one.call_tool("web", "echo", "{}", TIMEOUT),
        two.call_tool("web", "echo", "{}", TIMEOUT)
    );
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(seen(&one, "renewals").await, 1);
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_is_reported() {
    let set = Set::new(&["echoes"]);
    set.log_in().await;
    let upstreams = set.upstreams(set.web.config()).await;
    upstreams.call_tool("web", "revoke", r#"{"all":true}"#, TIMEOUT).await.unwrap();
    let error = upstreams.call_tool("web", "echo", "{}", TIMEOUT).await.unwrap_err();
    assert!(error.to_string().contains("login has ended"), "{error}");
    assert!(error.to_string().contains("isolet auth login web"), "{error}");
    // The authorization server repeated the refresh token.
    assert!(!error.to_string().contains("0123456789abcdef"), "{error}");
    assert!(error.to_string().contains("[redacted]"), "{error}");

    let set = Set::new(&[FIRST_LIFETIME, "no-refresh"]);
    let login = Login::begin("web", &set.web.config(), &set.tokens()).await.unwrap();
    assert!(!login_of(login).await.unwrap().renewable);
    pass_half();
    // It cannot be renewed, and is used until it expires.
    assert_echoes(&set.upstreams(set.web.config()).await).await;
    pass_half();
    let upstreams = set.upstreams(set.web.config()).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("login has ended"), "{error}");
}

#[tokio::test]
async fn no_message_has_a_token_in_it() {
    let set = Set::new(&[]);
    set.log_in().await;
    let upstreams = set.upstreams(set.web.config()).await;
    let token: Value = serde_json::from_str(&set.file()).unwrap();
    let token = token["credentials"]["token_response"]["access_token"].as_str().unwrap().to_owned();
    for how in ["result", "error", "http"] {
        let arguments = json!({"how": how}).to_string();
        let text = match upstreams.call_tool("web", "leak", &arguments, TIMEOUT).await {
            Ok(result) => {
                assert!(result.is_error());
                assert!(!String::from_utf8(result.raw_json()).unwrap().contains(&token));
                result.error_text()
            }
            Err(error) => format!("{error} {error:?} {:?}", error.hint()),
        };
        assert!(!text.contains(&token), "{how}: {text}");
        assert!(text.contains("[redacted]"), "{how}: {text}");
    }
    // Debug output of configurations and logins does not have it either.
    assert!(!format!("{:?}", set.tokens().logins()).contains(&token));
}

#[tokio::test]
async fn isolet_logs_in_by_itself_with_client_credentials() {
    let set = Set::new(&[FIRST_LIFETIME]);
    let robot = |secret: &str| {
        let mut config = set.web.config();
        let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
        http.oauth = Some(OAuthConfig {
            client_metadata_url: None,
            client_id: Some("robot".into()),
            client_secret: Some(Secret::new(secret)),
            scopes: vec!["read".into()],
            grant: Grant::ClientCredentials,
            redirect_port: None,
        });
        config
    };
    let upstreams = set.upstreams(robot("robot-secret-0123456789")).await;
    assert_echoes(&upstreams).await;
    assert_eq!(seen(&upstreams, "client_credentials").await, 1);
    pass_half();
    assert_echoes(&upstreams).await;
    assert_eq!(seen(&upstreams, "client_credentials").await, 2);
    upstreams.call_tool("web", "revoke", "{}", TIMEOUT).await.unwrap();
    assert_echoes(&upstreams).await;
    assert!(!set.tokens().path().unwrap().exists(), "nothing is kept");

    let upstreams = set.upstreams(robot("wrong-secret-0123456789")).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("invalid_client") && error.contains("check \"oauth\""), "{error}");
    assert!(!error.contains("wrong-secret") && error.contains("[redacted]"), "{error}");
    let error = Login::begin("web", &robot("robot-secret-0123456789"), &set.tokens()).await.err().unwrap();
    assert!(matches!(error, LoginError::NotThisServer(_)), "{error}");
}

#[tokio::test]
async fn failed_logins_are_explained() {
    let set = Set::new(&["denies"]);
    let login = Login::begin("web", &set.web.config(), &set.tokens()).await.unwrap();
    let error = login_of(login).await.unwrap_err();
    assert!(error.to_string().contains("access_denied: the user said no"), "{error}");
    assert_eq!(set.tokens().logins(), []);

    let login = Login::begin("web", &set.web.config(), &set.tokens()).await.unwrap();
    let error = login.finish(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, LoginError::Timeout(_)), "{error}");

    let plain = Web::start(&[]);
    let error = Login::begin("web", &plain.config(), &set.tokens()).await.err().unwrap();
    assert!(matches!(error, LoginError::NoAuthorization), "{error}");
    let child = ServerConfig::stdio("x", ["y"]);
    assert!(Login::begin("web", &child, &set.tokens()).await.err().unwrap().to_string().contains("\"env\""));
    let open = ServerConfig::http("http://example.com/mcp".parse().unwrap());
    assert!(Login::begin("web", &open, &set.tokens()).await.err().unwrap().to_string().contains("not https"));
}

#[tokio::test]
async fn a_registered_client_and_its_port_are_used() {
    let set = Set::new(&[]);
    let mut config = set.web.config();
    let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    http.oauth = Some(OAuthConfig {
        client_id: Some("known-client".into()),
        redirect_port: Some(port),
        scopes: vec!["write".into()],
        ..OAuthConfig::default()
    });
    let login = Login::begin("web", &config, &set.tokens()).await.unwrap();
    let query: std::collections::HashMap<_, _> = login.url.query_pairs().into_owned().collect();
    assert_eq!(query["client_id"], "known-client");
    assert_eq!(query["scope"], "write");
    assert_eq!(query["redirect_uri"], format!("http://127.0.0.1:{port}/callback"));
    login_of(login).await.unwrap();
    let upstreams = set.upstreams(config).await;
    assert_echoes(&upstreams).await;
    assert_eq!(seen(&upstreams, "registrations").await, 0);
}

#[tokio::test]
async fn a_configured_header_takes_precedence_over_a_login() {
    let set = Set::new(&[]);
    set.log_in().await;
    let mut config = set.web.config();
    let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
    http.headers.insert(http::header::AUTHORIZATION, Secret::new("Bearer mine-0123456789"));
    let upstreams = set.upstreams(config).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("HTTP 401") && !error.contains("mine-0123456789"), "{error}");
    let error = upstreams.call_tool("web", "echo", "{}", TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::NotReady { .. }), "{error:?}");
}

#[tokio::test]
async fn metadata_is_found_through_the_refusal_of_a_request() {
    let set = Set::new(&["hidden", FIRST_LIFETIME]);
    set.log_in().await;
    let login = set.tokens().logins().remove(0);
    assert_eq!(login.scopes, ["read"], "what the challenge says, not all that there is");
    let upstreams = set.upstreams(set.web.config()).await;
    assert_echoes(&upstreams).await;
    pass_half();
    assert_echoes(&upstreams).await;
    assert_eq!(seen(&upstreams, "renewals").await, 1);
}

#[tokio::test]
async fn missing_scopes_are_requested_with_the_next_login() {
    let set = Set::new(&["step"]);
    set.log_in().await;
    let upstreams = set.upstreams(set.web.config()).await;
    let refused = async || upstreams.call_tool("web", "echo", "{}", TIMEOUT).await.unwrap_err().to_string();
    let error = refused().await;
    let advice = "its login lacks the scope \"write\": log in again with: isolet auth login web";
    assert!(error.contains(advice), "{error}");
    // isolet does not add to the operator's own list.
    let listing = OAuthConfig { scopes: vec!["read".to_owned()], ..OAuthConfig::default() };
    let own = set.upstreams(with_oauth(&set, listing.clone())).await;
    let error = own.call_tool("web", "echo", "{}", TIMEOUT).await.unwrap_err().to_string();
    assert!(error.contains("\"write\": put it into \"scopes\""), "{error}");
    let login = Login::begin("web", &with_oauth(&set, listing), &set.tokens()).await.unwrap();
    assert!(login.url.query_pairs().any(|(name, value)| name == "scope" && value == "read"), "{}", login.url);
    drop(login);

    set.log_in().await;
    let login = set.tokens().logins().remove(0);
    assert_eq!(login.scopes, ["read", "write"]);
    // A running isolet finds it.
    assert_echoes(&upstreams).await;
    assert!(!set.file().contains("lacking"));
}

#[tokio::test]
async fn a_metadata_document_is_the_client_id_where_supported() {
    for (modes, registrations) in [(&["documents"][..], 0), (&[], 1)] {
        let set = Set::new(modes);
        let document = Some("https://example.com/isolet.json".to_owned());
        let config =
            with_oauth(&set, OAuthConfig { client_metadata_url: document, ..OAuthConfig::default() });
        let login = Login::begin("web", &config, &set.tokens()).await.unwrap();
        login_of(login).await.unwrap();
        let upstreams = set.upstreams(config).await;
        assert_eq!(seen(&upstreams, "registrations").await, registrations);
    }
}

fn with_oauth(set: &Set, oauth: OAuthConfig) -> ServerConfig {
    let mut config = set.web.config();
    let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
    http.oauth = Some(oauth);
    config
}
