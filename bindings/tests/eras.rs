//! The two eras of the protocol: finding out which one a server speaks, and speaking it properly.

mod common;

use std::time::{Duration, Instant};

use common::web::Web;
use common::{eventually, fixture, start, start_with};
use isolet_bindings::config::Elicitation;
use isolet_bindings::{CallError, Era, State, UpstreamOptions, Upstreams};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn assert_era(upstreams: &Upstreams, era: Era, version: &str) {
    let status = &upstreams.statuses()[0];
    let seen = (status.state, status.era, status.protocol_version.as_deref());
    assert_eq!(seen, (State::Ready, Some(era), Some(version)), "{status:?}");
}

async fn assert_echoes(upstreams: &Upstreams) {
    let result = upstreams.call_tool("s", "echo", r#"{"a":1}"#, PATIENCE).await.unwrap();
    assert_eq!(result.value_json(), br#"{"a":1}"#);
}

fn lines(path: &std::path::Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_kind_of_child_is_greeted_as_it_wants() {
    for (modes, era, version, starts) in [
        (&[][..], Era::Legacy, "2025-11-25", 1),
        (&["old"], Era::Legacy, "2024-11-05", 1),
        (&["modern"], Era::Modern, "2026-07-28", 1),
        (&["dual"], Era::Modern, "2026-07-28", 1),
        (&["exits-on-probe"], Era::Legacy, "2025-11-25", 2),
        (&["exits-on-initialize"], Era::Modern, "2026-07-28", 1),
        (&["mute-on-probe"], Era::Legacy, "2025-11-25", 1),
        // It finds both greetings when it begins to read.
        (&["slow-start=1500"], Era::Legacy, "2025-11-25", 1),
        (&["modern", "slow-start=1500"], Era::Modern, "2026-07-28", 1),
        (&["dual", "slow-start=1500"], Era::Modern, "2026-07-28", 1),
        (&["exits-on-probe", "slow-start=1500"], Era::Legacy, "2025-11-25", 2),
        (&["sloppy"], Era::Legacy, "2025-06-18", 1),
        (&["modern", "sloppy"], Era::Modern, "2026-07-28", 1),
        (&["modern", "garbage"], Era::Modern, "2026-07-28", 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("starts");
        let note = format!("starts-file={}", file.display());
        let modes: Vec<&str> = modes.iter().copied().chain([note.as_str()]).collect();
        let upstreams = start("s", fixture(modes.clone())).await;
        assert_era(&upstreams, era, version);
        assert_eq!(upstreams.statuses()[0].tools, Some(2), "{modes:?}");
        assert_echoes(&upstreams).await;
        assert_eq!(lines(&file).len(), starts, "{modes:?}");
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn the_era_is_remembered_for_the_next_connection() {
    for (modes, starts) in [(&["exits-on-probe"][..], 2), (&["modern"], 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (file, seen) = (folder.path().join("starts"), folder.path().join("seen"));
        let notes = [format!("starts-file={}", file.display()), format!("seen-file={}", seen.display())];
        let modes = modes.iter().copied().chain(notes.iter().map(String::as_str));
        let upstreams = start("s", fixture(modes)).await;
        assert_eq!(lines(&file).len(), starts);
        let before = lines(&seen).len();
        upstreams.call_tool("s", "die", "{}", PATIENCE).await.unwrap_err();
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
async fn an_era_that_the_configuration_names_is_the_only_one_tried() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("starts");
    let note = format!("starts-file={}", file.display());
    let mut server = fixture(["exits-on-probe", note.as_str()]);
    server.era = Some(Era::Legacy);
    let upstreams = start("s", server).await;
    assert_era(&upstreams, Era::Legacy, "2025-11-25");
    assert_eq!(lines(&file).len(), 1);

    let mut server = fixture(["dual"]);
    server.era = Some(Era::Legacy);
    assert_era(&start("s", server).await, Era::Legacy, "2025-11-25");

    let mut server = fixture([]);
    server.era = Some(Era::Modern);
    let upstreams = start("s", server).await;
    let error = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(error.contains("Method not found: server/discover"), "{error}");
}

#[tokio::test]
async fn a_child_that_never_speaks_is_started_once_an_attempt() {
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
async fn http_servers_are_greeted_as_they_want() {
    for (modes, era) in [
        (&[][..], Era::Legacy),
        (&["session", "sse"], Era::Legacy),
        (&["modern"], Era::Modern),
        (&["modern", "sse"], Era::Modern),
        (&["dual"], Era::Modern),
        (&["modern", "sloppy"], Era::Modern),
    ] {
        let web = Web::start(modes);
        let upstreams = start("s", web.config()).await;
        let version = if era == Era::Modern { "2026-07-28" } else { "2025-11-25" };
        assert_era(&upstreams, era, version);
        assert_echoes(&upstreams).await;
        // The fixture compares headers and bodies.
        upstreams.read_resource("s", "x://1", PATIENCE).await.unwrap();
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn marked_arguments_travel_in_headers() {
    let web = Web::start(&["modern", "marks"]);
    let upstreams = start("s", web.config()).await;
    let status = &upstreams.statuses()[0];
    // A tool with a wrong mark is left out, and only that.
    assert_eq!(status.tools, Some(3), "{status:?}");
    assert!(status.rejected_tools[0].contains("x-mcp-header"), "{status:?}");
    // The fixture refuses a call whose headers differ from its body; what it answers here comes after that.
    let error = upstreams.call_tool("s", "routed", r#"{"region":"eu"}"#, PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains("Invalid arguments"), "{error}");
    let headers = upstreams.call_tool("s", "headers", "{}", PATIENCE).await.unwrap();
    let headers: Value = serde_json::from_slice(&headers.value_json()).unwrap();
    assert_eq!(headers["mcp-method"], "tools/call");
    assert_eq!(headers["mcp-name"], "headers");
    assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
    assert_eq!(headers.get("mcp-session-id"), None);
    // On stdio there are no headers, so marks are nobody's business.
    let upstreams = start("s", fixture(["modern", "marks"])).await;
    assert_eq!(upstreams.statuses()[0].tools, Some(4));
}

#[tokio::test]
async fn changes_are_heard_in_both_eras_and_touch_one_server_only() {
    let web = Web::start(&["modern"]);
    let mut config = isolet_bindings::McpConfig::default();
    config.servers.insert("legacy".into(), fixture([]));
    config.servers.insert("modern".into(), fixture(["modern"]));
    config.servers.insert("web".into(), web.config());
    let upstreams = Upstreams::start(config, common::options());
    upstreams.settled(PATIENCE).await;
    for (index, server) in ["legacy", "modern", "web"].into_iter().enumerate() {
        if server == "web" {
            let upstreams = &upstreams;
            listening(upstreams, "web", 1).await;
        }
        let before = upstreams.tool_lists();
        assert_eq!(before[index].tools.as_ref().unwrap().len(), 2, "{server}");
        upstreams.call_tool(server, "change", "{}", PATIENCE).await.unwrap();
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
        let result = upstreams.call_tool(server, "listeners", "{}", PATIENCE).await.unwrap();
        if serde_json::from_slice::<u64>(&result.value_json()).unwrap() == count {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "nobody listens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_subscription_that_breaks_is_made_again_and_misses_nothing() {
    let web = Web::start(&["modern"]);
    let upstreams = start("s", web.config()).await;
    listening(&upstreams, "s", 1).await;
    upstreams.call_tool("s", "hang up on listeners", "{}", PATIENCE).await.unwrap();
    // Nobody listens while this changes.
    upstreams.call_tool("s", "change", "{}", PATIENCE).await.unwrap();
    eventually("the change is found", || upstreams.tool_lists()[0].tools.as_ref().unwrap().len() == 3).await;
    assert_eq!(upstreams.statuses()[0].restarts, 0);
}

#[tokio::test]
async fn a_server_that_takes_no_subscriptions_works_all_the_same() {
    for server in [fixture(["modern", "no-listen"]), Web::start(&["modern", "no-listen"]).config()] {
        let upstreams = start("s", server).await;
        if upstreams.statuses()[0].transport == "stdio" {
            assert_echoes(&upstreams).await;
        }
    }
}

#[tokio::test]
async fn a_question_to_the_user_is_a_clear_error() {
    let upstreams = start("s", fixture(["modern"])).await;
    let ask = upstreams.call_tool("s", "ask", "{}", PATIENCE).await.map(drop);
    let read = upstreams.read_resource("s", "x://ask", PATIENCE).await.map(drop);
    let prompt = upstreams.get_prompt("s", "ask", "{}", PATIENCE).await.map(drop);
    for result in [ask, read, prompt] {
        let error = result.unwrap_err();
        assert!(matches!(error, CallError::Malformed { .. }), "{error:?}");
        assert!(error.to_string().contains("something from the user"), "{error}");
    }
    assert_echoes(&upstreams).await;
}

#[tokio::test]
async fn a_child_of_the_later_era_hears_of_cancelled_calls() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cancelled");
    let mode = format!("cancel-file={}", file.display());
    let upstreams = start("s", fixture(["modern", mode.as_str()])).await;
    let call = upstreams.call_tool("s", "never", "{}", PATIENCE);
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    eventually("the server hears of it", || file.exists()).await;
}

#[tokio::test]
async fn an_http_call_that_nobody_awaits_is_cancelled() {
    for modes in [&["modern"][..], &["session"], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let (closed, cancelled) = (folder.path().join("closed"), folder.path().join("cancelled"));
        let notes =
            [format!("closed-file={}", closed.display()), format!("cancel-file={}", cancelled.display())];
        let modes: Vec<&str> = modes.iter().copied().chain(notes.iter().map(String::as_str)).collect();
        let web = Web::start(&modes);
        let upstreams = start("s", web.config()).await;
        let call = upstreams.call_tool("s", "hang", "{}", PATIENCE);
        assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
        // In the later era the end of the stream is the message; before, a notification says it too.
        eventually("the stream is closed", || closed.exists()).await;
        if modes[0] != "modern" {
            eventually("the server is told", || cancelled.exists()).await;
        }
        assert_echoes(&upstreams).await;
    }
}

#[tokio::test]
async fn lists_of_the_later_era_have_everything() {
    let upstreams = start("s", fixture(["modern"])).await;
    let prompts = upstreams.list_prompts("s", PATIENCE).await.unwrap();
    assert_eq!(prompts, br#"[{"name":"greet"}]"#);
    let prompt = upstreams.get_prompt("s", "greet", r#"{"who":"Ada"}"#, PATIENCE).await.unwrap();
    let prompt: Value = serde_json::from_slice(&prompt).unwrap();
    assert_eq!(prompt["messages"][0]["content"]["text"], "Hello Ada");
    let resources = upstreams.list_resources("s", PATIENCE).await.unwrap();
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
        let result = upstreams.call_tool("s", "confirm", "{}", PATIENCE).await.unwrap();
        serde_json::from_slice::<Value>(&result.value_json()).unwrap()
    };
    let accepted = json!({"action": "accept", "content": {"sure": true}});
    let modern = confirmed("modern", Elicitation::None).await;
    assert_eq!(modern, json!({"said": {"action": "decline"}, "state": "as it was"}));
    let modern = confirmed("modern", Elicitation::Defaults).await;
    assert_eq!(modern, json!({"said": accepted, "state": "as it was"}));
    // Who was told that there is nobody gets the answer of somebody who does not know the question.
    assert_eq!(confirmed("legacy", Elicitation::None).await, json!({"said": null, "code": -32601}));
    assert_eq!(confirmed("legacy", Elicitation::Defaults).await, json!({"said": accepted, "code": null}));
}
