//! The handshakes of the protocol: finding the one that a server takes, and using it correctly.

mod common;

use std::time::{Duration, Instant};

use common::web::Web;
use common::{eventually, fixture, start, start_with};
use isolet_bindings::config::Elicitation;
use isolet_bindings::{CallError, Handshake, Revision, ServerState, UpstreamOptions, Upstreams};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(20);

fn assert_revision(upstreams: &Upstreams, revision: Revision) {
    let status = &upstreams.statuses()[0];
    let seen = (status.state, status.era, status.protocol_version.as_deref());
    let expected = (ServerState::Ready, Some(revision.handshake()), Some(revision.as_str()));
    assert_eq!(seen, expected, "{status:?}");
}

async fn assert_echoes(upstreams: &Upstreams) {
    let result = upstreams.call_tool("s", "echo", r#"{"a":1}"#, TIMEOUT).await.unwrap();
    assert_eq!(result.value_json(), br#"{"a":1}"#);
}

fn lines(path: &std::path::Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_kind_of_child_gets_its_handshake() {
    for (modes, revision, starts) in [
        (&[][..], Revision::V2025_11_25, 1),
        (&["old"], Revision::V2024_11_05, 1),
        (&["modern"], Revision::V2026_07_28, 1),
        (&["dual"], Revision::V2026_07_28, 1),
        (&["exits-on-probe"], Revision::V2025_11_25, 2),
        (&["exits-on-initialize"], Revision::V2026_07_28, 1),
        (&["mute-on-probe"], Revision::V2025_11_25, 1),
        // The server finds both handshakes when it begins to read.
        (&["slow-start=1500"], Revision::V2025_11_25, 1),
        (&["modern", "slow-start=1500"], Revision::V2026_07_28, 1),
        // A server that takes both has opened a session with `initialize`, as those of the official
        // TypeScript SDK do.
        (&["dual", "slow-start=1500"], Revision::V2025_11_25, 1),
        (&["exits-on-probe", "slow-start=1500"], Revision::V2025_11_25, 2),
        (&["sloppy"], Revision::V2025_06_18, 1),
        (&["modern", "sloppy"], Revision::V2026_07_28, 1),
        (&["modern", "garbage"], Revision::V2026_07_28, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("starts");
        let note = format!("starts-file={}", file.display());
        let modes: Vec<&str> = modes.iter().copied().chain([note.as_str()]).collect();
        let upstreams = start("s", fixture(modes.clone())).await;
        assert_revision(&upstreams, revision);
        assert_eq!(upstreams.statuses()[0].tools, Some(2), "{modes:?}");
        assert_echoes(&upstreams).await;
        assert_eq!(lines(&file).len(), starts, "{modes:?}");
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn the_handshake_is_remembered_for_the_next_connection() {
    for (modes, starts) in [(&["exits-on-probe"][..], 2), (&["modern"], 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (file, seen) = (folder.path().join("starts"), folder.path().join("seen"));
        let notes = [format!("starts-file={}", file.display()), format!("seen-file={}", seen.display())];
        let modes = modes.iter().copied().chain(notes.iter().map(String::as_str));
        let upstreams = start("s", fixture(modes)).await;
        assert_eq!(lines(&file).len(), starts);
        let before = lines(&seen).len();
        upstreams.call_tool("s", "die", "{}", TIMEOUT).await.unwrap_err();
        assert_echoes(&upstreams).await;
        assert_eq!(lines(&file).len(), starts + 1, "one more start and no probe that kills");
        let methods: Vec<String> = lines(&seen)[before..]
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["method"].as_str().unwrap().to_owned())
            .filter(|method| method == "initialize" || method == "server/discover")
            .collect();
        assert_eq!(methods.len(), 1, "{methods:?}");
    }
}

#[tokio::test]
async fn only_a_configured_handshake_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("starts");
    let note = format!("starts-file={}", file.display());
    let mut server = fixture(["exits-on-probe", note.as_str()]);
    server.era = Some(Handshake::Initialize);
    let upstreams = start("s", server).await;
    assert_revision(&upstreams, Revision::V2025_11_25);
    assert_eq!(lines(&file).len(), 1);

    let mut server = fixture(["dual"]);
    server.era = Some(Handshake::Initialize);
    assert_revision(&start("s", server).await, Revision::V2025_11_25);

    let mut server = fixture([]);
    server.era = Some(Handshake::Discover);
    let upstreams = start("s", server).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("Method not found: server/discover"), "{error}");
}

#[tokio::test]
async fn a_silent_child_is_started_once_an_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("starts");
    let note = format!("starts-file={}", file.display());
    let options = UpstreamOptions { connect_timeout: Duration::from_millis(1_500), ..common::options() };
    let upstreams = start_with("s", fixture(["silent", note.as_str()]), options).await;
    let reason = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(reason.contains("did not answer the handshake within 1.5s"), "{reason}");
    assert_eq!(lines(&file).len(), 1);
}

#[tokio::test]
async fn http_servers_get_their_handshake() {
    for (modes, revision) in [
        (&[][..], Revision::V2025_11_25),
        (&["session", "sse"], Revision::V2025_11_25),
        (&["modern"], Revision::V2026_07_28),
        (&["modern", "sse"], Revision::V2026_07_28),
        (&["dual"], Revision::V2026_07_28),
        (&["modern", "sloppy"], Revision::V2026_07_28),
    ] {
        let web = Web::start(modes);
        let upstreams = start("s", web.config()).await;
        assert_revision(&upstreams, revision);
        assert_echoes(&upstreams).await;
        // The fixture compares headers and bodies.
        upstreams.read_resource("s", "x://1", TIMEOUT).await.unwrap();
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn marked_arguments_are_sent_in_headers() {
    let web = Web::start(&["modern", "marks"]);
    let upstreams = start("s", web.config()).await;
    let status = &upstreams.statuses()[0];
    // Only the tool with the invalid mark is left out.
    assert_eq!(status.tools, Some(3), "{status:?}");
    assert!(status.rejected_tools[0].contains("x-mcp-header"), "{status:?}");
    // The fixture refuses a call whose headers differ from its body before it checks the arguments.
    let error = upstreams.call_tool("s", "routed", r#"{"region":"eu"}"#, TIMEOUT).await.unwrap_err();
    assert!(error.to_string().contains("Invalid arguments"), "{error}");
    let headers = upstreams.call_tool("s", "headers", "{}", TIMEOUT).await.unwrap();
    let headers: Value = serde_json::from_slice(&headers.value_json()).unwrap();
    assert_eq!(headers["mcp-method"], "tools/call");
    assert_eq!(headers["mcp-name"], "headers");
    assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
    assert_eq!(headers.get("mcp-session-id"), None);
    // Marks have no meaning on stdio, which has no headers.
    let upstreams = start("s", fixture(["modern", "marks"])).await;
    assert_eq!(upstreams.statuses()[0].tools, Some(4));
}

#[tokio::test]
async fn changes_are_noticed_with_both_handshakes_and_affect_one_server() {
    let web = Web::start(&["modern"]);
    let mut config = isolet_bindings::config::McpConfig::default();
    config.servers.insert("legacy".into(), fixture([]));
    config.servers.insert("modern".into(), fixture(["modern"]));
    config.servers.insert("web".into(), web.config());
    let upstreams = Upstreams::start(config, common::options());
    upstreams.settled(TIMEOUT).await;
    for (index, server) in ["legacy", "modern", "web"].into_iter().enumerate() {
        if server == "web" {
            let upstreams = &upstreams;
            listening(upstreams, "web", 1).await;
        }
        let before = upstreams.tool_lists();
        assert_eq!(before[index].tools.as_ref().unwrap().len(), 2, "{server}");
        upstreams.call_tool(server, "change", "{}", TIMEOUT).await.unwrap();
        eventually(server, || upstreams.tool_lists()[index].tools.as_ref().unwrap().len() == 3).await;
        let after = upstreams.tool_lists();
        for (other, (old, new)) in before.iter().zip(after.iter()).enumerate() {
            let grown = u64::from(other == index);
            assert_eq!(new.generation, old.generation + grown, "{server} changed, looking at {}", new.name);
        }
    }
}

async fn listening(upstreams: &Upstreams, server: &str, count: u64) {
    let began = Instant::now();
    loop {
        let result = upstreams.call_tool(server, "listeners", "{}", TIMEOUT).await.unwrap();
        if serde_json::from_slice::<u64>(&result.value_json()).unwrap() == count {
            return;
        }
        assert!(began.elapsed() < TIMEOUT, "nobody listens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_broken_subscription_is_made_again_and_misses_nothing() {
    let web = Web::start(&["modern"]);
    let upstreams = start("s", web.config()).await;
    listening(&upstreams, "s", 1).await;
    upstreams.call_tool("s", "hang up on listeners", "{}", TIMEOUT).await.unwrap();
    // The list changes while no subscription is open.
    upstreams.call_tool("s", "change", "{}", TIMEOUT).await.unwrap();
    eventually("the change is found", || upstreams.tool_lists()[0].tools.as_ref().unwrap().len() == 3).await;
    assert_eq!(upstreams.statuses()[0].restarts, 0);
}

#[tokio::test]
async fn a_server_without_subscriptions_works() {
    for server in [fixture(["modern", "no-listen"]), Web::start(&["modern", "no-listen"]).config()] {
        let upstreams = start("s", server).await;
        if upstreams.statuses()[0].transport == "stdio" {
            assert_echoes(&upstreams).await;
        }
    }
}

#[tokio::test]
async fn a_question_to_the_user_is_an_error() {
    let upstreams = start("s", fixture(["modern"])).await;
    let ask = upstreams.call_tool("s", "ask", "{}", TIMEOUT).await.map(drop);
    let read = upstreams.read_resource("s", "x://ask", TIMEOUT).await.map(drop);
    let prompt = upstreams.get_prompt("s", "ask", "{}", TIMEOUT).await.map(drop);
    for result in [ask, read, prompt] {
        let error = result.unwrap_err();
        assert!(matches!(error, CallError::Malformed { .. }), "{error:?}");
        assert!(error.to_string().contains("something from the user"), "{error}");
    }
    assert_echoes(&upstreams).await;
}

#[tokio::test]
async fn a_child_without_sessions_is_notified_of_cancelled_calls() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cancelled");
    let mode = format!("cancel-file={}", file.display());
    let upstreams = start("s", fixture(["modern", mode.as_str()])).await;
    let call = upstreams.call_tool("s", "never", "{}", TIMEOUT);
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    eventually("the server hears of it", || file.exists()).await;
}

#[tokio::test]
async fn an_abandoned_http_call_is_cancelled() {
    for modes in [&["modern"][..], &["session"], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let (closed, cancelled) = (folder.path().join("closed"), folder.path().join("cancelled"));
        let notes =
            [format!("closed-file={}", closed.display()), format!("cancel-file={}", cancelled.display())];
        let modes: Vec<&str> = modes.iter().copied().chain(notes.iter().map(String::as_str)).collect();
        let web = Web::start(&modes);
        let upstreams = start("s", web.config()).await;
        let call = upstreams.call_tool("s", "hang", "{}", TIMEOUT);
        assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
        // In revisions without sessions the end of the stream cancels the request; before, there is
        // a notification too.
        eventually("the stream is closed", || closed.exists()).await;
        if modes[0] != "modern" {
            eventually("the server is told", || cancelled.exists()).await;
        }
        assert_echoes(&upstreams).await;
    }
}

#[tokio::test]
async fn lists_without_sessions_are_complete() {
    let upstreams = start("s", fixture(["modern"])).await;
    let prompts = upstreams.list_prompts("s", TIMEOUT).await.unwrap();
    assert_eq!(prompts, br#"[{"name":"greet"}]"#);
    let prompt = upstreams.get_prompt("s", "greet", r#"{"who":"Ada"}"#, TIMEOUT).await.unwrap();
    let prompt: Value = serde_json::from_slice(&prompt).unwrap();
    assert_eq!(prompt["messages"][0]["content"]["text"], "Hello Ada");
    let resources = upstreams.list_resources("s", TIMEOUT).await.unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&resources).unwrap(),
        json!([{"uri": "x://1", "name": "one"}])
    );
}

#[tokio::test]
async fn questions_to_the_user_are_declined_or_answered_with_their_defaults() {
    let confirmed = async |mode: &str, elicitation: Elicitation| {
        let mut server = fixture([mode]);
        server.elicitation = elicitation;
        let upstreams = start("s", server).await;
        let result = upstreams.call_tool("s", "confirm", "{}", TIMEOUT).await.unwrap();
        serde_json::from_slice::<Value>(&result.value_json()).unwrap()
    };
    let accepted = json!({"action": "accept", "content": {"sure": true}});
    let modern = confirmed("modern", Elicitation::None).await;
    assert_eq!(modern, json!({"said": {"action": "decline"}, "state": "as it was"}));
    let modern = confirmed("modern", Elicitation::Defaults).await;
    assert_eq!(modern, json!({"said": accepted, "state": "as it was"}));
    // A server that knows that there is no user gets the error for an unknown request.
    assert_eq!(confirmed("legacy", Elicitation::None).await, json!({"said": null, "code": -32601}));
    assert_eq!(confirmed("legacy", Elicitation::Defaults).await, json!({"said": accepted, "code": null}));
}
