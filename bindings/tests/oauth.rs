//! Logins: a real authorization server, a browser that follows redirects, tokens that end.

mod common;

use std::path::Path;
use std::time::Duration;

use common::start_with;
use common::web::Web;
use isolet_bindings::config::{Grant, OAuthConfig, Secret, TransportConfig};
use isolet_bindings::{
    CallError, Login, LoginError, ServerConfig, State, TokenFolder, UpstreamOptions, Upstreams,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

struct Set {
    web: Web,
    folder: tempfile::TempDir,
}

impl Set {
    fn new(modes: &[&str]) -> Self {
        let modes: Vec<&str> = modes.iter().copied().chain(["oauth"]).collect();
        Self { web: Web::start(&modes), folder: tempfile::tempdir().unwrap() }
    }

    fn tokens(&self) -> TokenFolder {
        TokenFolder::at(self.folder.path().join("auth"))
    }

    async fn upstreams(&self, config: ServerConfig) -> Upstreams {
        let options = UpstreamOptions { token_folder: self.tokens(), ..common::options() };
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

/// What a browser does: it follows redirects.
async fn login_of(login: Login) -> Result<isolet_bindings::StoredLogin, LoginError> {
    let url = login.url.clone();
    let (finished, visited) = tokio::join!(login.finish(PATIENCE), async {
        let browser = reqwest::Client::builder().no_proxy().build().unwrap();
        browser.get(url).send().await.unwrap().status()
    });
    assert!(visited.is_success(), "{visited}");
    finished
}

async fn seen(upstreams: &Upstreams, what: &str) -> u64 {
    let result = upstreams.call_tool("web", "authority", "{}", PATIENCE).await.unwrap();
    let seen: Value = serde_json::from_slice(&result.value_json()).unwrap();
    seen[what].as_u64().unwrap_or(0)
}

async fn assert_echoes(upstreams: &Upstreams) {
    let result = upstreams.call_tool("web", "echo", r#"{"a":1}"#, PATIENCE).await.unwrap();
    assert_eq!(result.value_json(), br#"{"a":1}"#);
}

#[tokio::test]
async fn a_login_opens_the_server_for_this_process_and_the_next() {
    for modes in [&[][..], &["secret"], &["modern"], &["session", "sse"]] {
        let set = Set::new(modes);
        // Without a login it says what to do.
        let upstreams = set.upstreams(set.web.config()).await;
        let status = &upstreams.statuses()[0];
        assert_eq!(status.state, State::Failed);
        let error = status.last_error.clone().unwrap();
        assert!(error.contains("HTTP 401") && error.contains("isolet auth login web"), "{error}");

        set.log_in().await;
        // One that was running finds it with the next attempt.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
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
async fn a_token_that_ends_is_renewed_once_for_all() {
    // Renewed at half of it, by a clock of whole seconds: with 2 s the next renewal could be due at once.
    for modes in [&["lifetime=6"][..], &["lifetime=6", "secret"]] {
        let set = Set::new(modes);
        set.log_in().await;
        let upstreams = set.upstreams(set.web.config()).await;
        assert_echoes(&upstreams).await;
        let before = set.file();
        // rmcp looks for metadata without a token first.
        let (refusals, renewals) = (seen(&upstreams, "refusals").await, seen(&upstreams, "renewals").await);
        tokio::time::sleep(Duration::from_millis(3_600)).await;
        let calls = (0..10).map(|_| upstreams.call_tool("web", "echo", "{}", PATIENCE));
        let results = futures_util::future::join_all(calls).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(seen(&upstreams, "renewals").await, renewals + 1);
        assert_eq!(seen(&upstreams, "refusals").await, refusals + 1, "the look for metadata, no call");
        assert_ne!(set.file(), before, "the new tokens are kept");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_and_the_call_repeated() {
    let set = Set::new(&[]);
    set.log_in().await;
    // Two processes share the login; what one has renewed the other takes from the file.
    let (one, two) = (set.upstreams(set.web.config()).await, set.upstreams(set.web.config()).await);
    one.call_tool("web", "revoke", "{}", PATIENCE).await.unwrap();
    let (first, second) = tokio::join!(
        one.call_tool("web", "echo", "{}", PATIENCE),
        two.call_tool("web", "echo", "{}", PATIENCE)
    );
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(seen(&one, "renewals").await, 1);
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_says_so() {
    let set = Set::new(&["echoes"]);
    set.log_in().await;
    let upstreams = set.upstreams(set.web.config()).await;
    upstreams.call_tool("web", "revoke", r#"{"all":true}"#, PATIENCE).await.unwrap();
    let error = upstreams.call_tool("web", "echo", "{}", PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains("login has ended"), "{error}");
    assert!(error.to_string().contains("isolet auth login web"), "{error}");
    // The authorization server repeated the refresh token.
    assert!(!error.to_string().contains("0123456789abcdef"), "{error}");
    assert!(error.to_string().contains("[redacted]"), "{error}");

    let set = Set::new(&["lifetime=1", "no-refresh"]);
    let login = Login::begin("web", &set.web.config(), &set.tokens()).await.unwrap();
    assert!(!login_of(login).await.unwrap().renewable);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
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
        let text = match upstreams.call_tool("web", "leak", &arguments, PATIENCE).await {
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
    // Nor has what is printed of a configuration or a login.
    assert!(!format!("{:?}", set.tokens().logins()).contains(&token));
}

#[tokio::test]
async fn isolet_logs_in_by_itself_with_client_credentials() {
    let set = Set::new(&["lifetime=2"]);
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
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_echoes(&upstreams).await;
    assert_eq!(seen(&upstreams, "client_credentials").await, 2);
    upstreams.call_tool("web", "revoke", "{}", PATIENCE).await.unwrap();
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
async fn logins_that_come_to_nothing_say_why() {
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
async fn a_configured_header_comes_before_any_login() {
    let set = Set::new(&[]);
    set.log_in().await;
    let mut config = set.web.config();
    let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
    http.headers.insert(http::header::AUTHORIZATION, Secret::new("Bearer mine-0123456789"));
    let upstreams = set.upstreams(config).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("HTTP 401") && !error.contains("mine-0123456789"), "{error}");
    let error = upstreams.call_tool("web", "echo", "{}", PATIENCE).await.unwrap_err();
    assert!(matches!(error, CallError::NotReady { .. }), "{error:?}");
}

#[tokio::test]
async fn metadata_is_found_where_only_the_refusal_of_a_request_says_it_is() {
    let set = Set::new(&["hidden", "lifetime=2"]);
    set.log_in().await;
    let login = set.tokens().logins().remove(0);
    assert_eq!(login.scopes, ["read"], "what the challenge says, not all that there is");
    let upstreams = set.upstreams(set.web.config()).await;
    assert_echoes(&upstreams).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_echoes(&upstreams).await;
    assert!(seen(&upstreams, "renewals").await > 0);
}

#[tokio::test]
async fn what_a_login_lacks_is_asked_for_with_the_next() {
    let set = Set::new(&["step"]);
    set.log_in().await;
    let upstreams = set.upstreams(set.web.config()).await;
    let refused = async || upstreams.call_tool("web", "echo", "{}", PATIENCE).await.unwrap_err().to_string();
    let error = refused().await;
    let advice = "its login lacks the scope \"write\": log in again with: isolet auth login web";
    assert!(error.contains(advice), "{error}");
    // The operator's own list is the operator's to change.
    let listing = OAuthConfig { scopes: vec!["read".to_owned()], ..OAuthConfig::default() };
    let own = set.upstreams(with_oauth(&set, listing.clone())).await;
    let error = own.call_tool("web", "echo", "{}", PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains("\"write\": put it into \"scopes\""), "{error}");
    let login = Login::begin("web", &with_oauth(&set, listing), &set.tokens()).await.unwrap();
    assert!(login.url.query_pairs().any(|(name, value)| name == "scope" && value == "read"), "{}", login.url);
    drop(login);

    set.log_in().await;
    let login = set.tokens().logins().remove(0);
    assert_eq!(login.scopes, ["read", "write"]);
    // Who runs already finds it.
    assert_echoes(&upstreams).await;
    assert!(!set.file().contains("lacking"));
}

#[tokio::test]
async fn a_document_is_a_client_where_the_authorization_server_reads_it() {
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
