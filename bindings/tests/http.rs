//! Servers over Streamable HTTP: correct ones, and those that misbehave.

mod common;

use std::time::{Duration, Instant};

use common::log::Log;
use common::start;
use common::web::Web;
use isolet_bindings::config::{Secret, TransportConfig};
use isolet_bindings::{CallError, ServerState, Upstreams};
use serde_json::json;

const TIMEOUT: Duration = Duration::from_secs(20);

async fn number(upstreams: &Upstreams, tool: &str) -> u64 {
    let result = upstreams.call_tool("w", tool, "{}", TIMEOUT).await.unwrap();
    serde_json::from_slice(&result.value_json()).unwrap()
}

async fn why_not(web: &Web) -> String {
    let upstreams = start("w", web.config()).await;
    let status = upstreams.statuses().remove(0);
    assert_eq!(status.state, ServerState::Failed, "{status:?}");
    status.last_error.unwrap()
}

#[tokio::test]
async fn answers_come_as_json_or_as_events() {
    for modes in [&[][..], &["sse"], &["session"], &["session", "sse"], &["modern"], &["old"]] {
        let web = Web::start(modes);
        let upstreams = start("w", web.config()).await;
        let status = &upstreams.statuses()[0];
        assert_eq!((status.state, status.tools), (ServerState::Ready, Some(2)), "{modes:?} {status:?}");
        let lists = upstreams.tool_lists();
        let text = lists[0].tools.as_ref().unwrap()[0].json();
        assert_eq!(text, r#"{"name":"echo","inputSchema":{"type":"object"},"x-unknown":{"kept":1.5}}"#);
        let result = upstreams.call_tool("w", "echo", r#"{"a":[1.50,"\n"]}"#, TIMEOUT).await.unwrap();
        assert_eq!(result.value_json(), br#"{"a":[1.5,"\n"]}"#, "{modes:?}");
        let error = upstreams.call_tool("w", "wrong", "{}", TIMEOUT).await.unwrap_err();
        let CallError::Upstream { code: -32602, message, .. } = error else { panic!("{error:?}") };
        assert_eq!(message, "Invalid arguments: a must be a number");
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn connections_are_kept() {
    let web = Web::start(&[]);
    let upstreams = start("w", web.config()).await;
    let mut times = Vec::new();
    for _ in 0..100 {
        let asked = Instant::now();
        upstreams.call_tool("w", "echo", "{}", TIMEOUT).await.unwrap();
        times.push(asked.elapsed());
    }
    assert!(number(&upstreams, "connections").await <= 3);
    // A wrongly reused connection would wait 40 ms for a delayed acknowledgement. The fastest
    // quarter is used, because the machine may be busy.
    times.sort_unstable();
    assert!(times[25] < Duration::from_millis(35), "{:?}", times[25]);
}

#[tokio::test]
async fn calls_run_side_by_side() {
    let web = Web::start(&[]);
    let upstreams = start("w", web.config()).await;
    let began = Instant::now();
    let slow = json!({"ms": 200}).to_string();
    let calls = (0..40).map(|_| upstreams.call_tool("w", "slow", &slow, TIMEOUT));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let web = Web::start(&["bearer=tok-0123456789"]);
    let with = |token: &str| {
        let mut config = web.config();
        let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
        http.headers.insert(http::header::AUTHORIZATION, Secret::new(format!("Bearer {token}")));
        config
    };
    let upstreams = start("w", with("tok-0123456789")).await;
    assert_eq!(upstreams.statuses()[0].state, ServerState::Ready);

    let log = Log::default();
    let _here = tracing::subscriber::set_default(log.clone());
    let upstreams = start("w", with("tok-wrong-987654321")).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("HTTP 401; check the credentials"), "{error}");
    // The server repeats the header; the message does not.
    assert!(error.contains("who is [redacted]?") && !error.contains("987654321"), "{error}");
    // The log, in which rmcp writes too, does not have it either.
    common::eventually("rmcp logs the refusal too", || {
        log.text().lines().any(|line| line.contains("rmcp") && line.contains("HTTP 401"))
    })
    .await;
    let log = log.text();
    assert!(!log.contains("987654321"), "{log}");
}

#[tokio::test]
async fn a_lost_session_is_opened_again() {
    for modes in [
        &["session"][..],
        &["session", "session-400"],
        &["session", "session-200"],
        &["session", "session-500"],
    ] {
        let web = Web::start(modes);
        let upstreams = start("w", web.config()).await;
        assert_eq!(number(&upstreams, "sessions").await, 1);
        upstreams.call_tool("w", "forget", "{}", TIMEOUT).await.unwrap();
        assert_eq!(number(&upstreams, "sessions").await, 2, "{modes:?}");
        assert_eq!(upstreams.statuses()[0].state, ServerState::Ready);
        // The new server may have other tools.
        common::eventually("the tools are listed anew", || upstreams.statuses()[0].tools == Some(3)).await;
        // An error about the request itself is not taken for a lost session.
        let error = upstreams.call_tool("w", "wrong", "{}", TIMEOUT).await.unwrap_err();
        assert!(matches!(error, CallError::Upstream { code: -32602, .. }), "{error:?}");
        assert_eq!(number(&upstreams, "sessions").await, 2, "{modes:?}");
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn changes_without_an_open_stream_are_found() {
    let web = Web::start(&["session", "streams"]);
    let upstreams = start("w", web.config()).await;
    assert_eq!(upstreams.statuses()[0].tools, Some(2));
    // Waits until the stream exists.
    let began = Instant::now();
    while upstreams.statuses()[0].tools != Some(3) && began.elapsed() < TIMEOUT {
        upstreams.call_tool("w", "break streams", "{}", TIMEOUT).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(upstreams.statuses()[0].tools, Some(3));
}

#[tokio::test]
async fn other_http_servers_are_recognised() {
    let moved = why_not(&Web::start(&["moved=http://127.0.0.1:1/v2"])).await;
    assert!(moved.contains("the server has moved to http://127.0.0.1:1/v2"), "{moved}");
    let html = why_not(&Web::start(&["html"])).await;
    assert!(html.contains("not an MCP message: <h1>Welcome</h1>"), "{html}");
    let mut gone = Web::start(&[]);
    gone.process.kill().unwrap();
    gone.process.wait().unwrap();
    let gone = why_not(&gone).await;
    assert!(gone.contains("cannot connect: Connection refused"), "{gone}");
}

#[tokio::test]
async fn an_unanswered_call_ends() {
    let web = Web::start(&[]);
    let upstreams = start("w", web.config()).await;
    let began = Instant::now();
    let error = upstreams.call_tool("w", "hang", "{}", Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(upstreams.call_tool("w", "echo", "{}", TIMEOUT).await.is_ok());
}

#[tokio::test]
async fn a_truncated_stream_fails_the_call() {
    let web = Web::start(&["cut"]);
    let upstreams = start("w", web.config()).await;
    let error = upstreams.call_tool("w", "echo", "{}", Duration::from_secs(2)).await.unwrap_err();
    assert!(error.to_string().contains("the connection broke before the answer came"), "{error}");
    assert_eq!(upstreams.statuses()[0].state, ServerState::Ready);
}

#[tokio::test]
async fn a_restarted_server_is_connected_again() {
    let web = Web::start(&[]);
    let port = web.port;
    let upstreams = start("w", web.config()).await;
    let began = Instant::now();
    let error = upstreams.call_tool("w", "quit", "{}", TIMEOUT).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(matches!(&error, CallError::Transport { reason, .. } if reason.contains("broke")), "{error:?}");
    // The port may still accept a connection while the server ends.
    let error = upstreams.call_tool("w", "echo", "{}", TIMEOUT).await.unwrap_err().to_string();
    assert!(error.contains("cannot connect") || error.contains("the connection broke"), "{error}");
    // A connection that was still accepted has broken, which tells nothing of the next one: the
    // loss is noticed by a call for which there is no server any more.
    let began = Instant::now();
    while upstreams.statuses()[0].state == ServerState::Ready {
        assert!(began.elapsed() < Duration::from_secs(10), "the loss is not noticed");
        upstreams.call_tool("w", "echo", "{}", TIMEOUT).await.unwrap_err();
    }
    drop(web);
    let _back = Web::start(&[&format!("port={port}")]);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    upstreams.call_tool("w", "echo", "{}", TIMEOUT).await.unwrap();
    assert_eq!(upstreams.statuses()[0].state, ServerState::Ready);
}
