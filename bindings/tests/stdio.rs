//! Servers as child processes: correct ones, and those that misbehave.

mod common;

use std::time::{Duration, Instant};

use common::{fixture, start, start_with};
use isolet_bindings::{CallError, Forward, ServerState, UpstreamOptions};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_correct_server_is_listed_and_called() {
    let upstreams = start("s", fixture([])).await;
    let status = &upstreams.statuses()[0];
    assert_eq!(status.state, ServerState::Ready, "{status:?}");
    assert_eq!(status.protocol_version.as_deref(), Some("2025-11-25"));
    assert_eq!(status.server_name.as_deref(), Some("fixture"));
    assert_eq!(status.tools, Some(2));
    let lists = upstreams.tool_lists();
    assert_eq!(lists[0].instructions.as_deref(), Some("Be gentle."));
    // Definitions are as the server sent them, with unknown members.
    let echo = &lists[0].tools.as_ref().unwrap()[0];
    assert_eq!(echo.json(), r#"{"name":"echo","inputSchema":{"type":"object"},"x-unknown":{"kept":1.5}}"#);

    let result = upstreams.call_tool("s", "echo", r#"{"b": [1, null], "a": "é"}"#, TIMEOUT).await.unwrap();
    assert_eq!(result.value_json(), r#"{"b":[1,null],"a":"é"}"#.as_bytes());
    let failed = upstreams.call_tool("s", "fail", "{}", TIMEOUT).await.unwrap();
    assert!(failed.is_error());
    assert_eq!(failed.error_text(), "no luck");
    assert_eq!(upstreams.list_resources("s", TIMEOUT).await.unwrap(), br#"[{"uri":"x://1","name":"one"}]"#);
    let read = upstreams.read_resource("s", "x://1", TIMEOUT).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&read).unwrap()["contents"][0]["text"], "hi");
    // It offers no prompts, so isolet does not ask for them.
    assert_eq!(upstreams.list_prompts("s", TIMEOUT).await.unwrap(), b"[]");
    upstreams.shutdown().await;
    assert_eq!(upstreams.statuses()[0].state, ServerState::Stopped);
}

#[tokio::test]
async fn errors_of_a_server_keep_their_message() {
    let upstreams = start("s", fixture([])).await;
    let error = upstreams.call_tool("s", "add", "{}", TIMEOUT).await.unwrap_err();
    let CallError::Upstream { code, message, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*code, message.as_str()), (-32602, "Invalid arguments: a must be a number"));
    assert!(error.to_string().contains("add of server \"s\""), "{error}");
    let error = upstreams.call_tool("s", "echo", "[1]", TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::Arguments { .. }), "{error:?}");
    let error = upstreams.call_tool("t", "echo", "{}", TIMEOUT).await.unwrap_err();
    assert_eq!(error.hint().unwrap(), "servers: s");
}

#[tokio::test]
async fn the_oldest_and_the_newest_revision_work() {
    for (mode, version) in [("old", "2024-11-05"), ("modern", "2026-07-28")] {
        let upstreams = start("s", fixture([mode])).await;
        let status = &upstreams.statuses()[0];
        assert_eq!(
            (status.state, status.protocol_version.as_deref()),
            (ServerState::Ready, Some(version)),
            "{status:?}"
        );
        let result = upstreams.call_tool("s", "echo", r#"{"a":1}"#, TIMEOUT).await.unwrap();
        assert_eq!(result.value_json(), br#"{"a":1}"#);
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn a_failed_start_is_explained() {
    for (server, expected) in [
        (
            isolet_bindings::config::ServerConfig::stdio("no-such-command", [""; 0]),
            "command not found: no-such-command",
        ),
        (fixture(["exit"]), "it exited with status 3"),
    ] {
        let upstreams = start("s", server).await;
        let status = &upstreams.statuses()[0];
        assert_eq!(status.state, ServerState::Failed);
        assert!(status.last_error.as_ref().unwrap().contains(expected), "{status:?}");
        let asked = Instant::now();
        let error = upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.unwrap_err();
        assert!(
            matches!(&error, CallError::NotReady { reason, .. } if reason.contains(expected)),
            "{error:?}"
        );
        // Its output is only for the operator.
        assert!(!error.to_string().contains("database"), "{error}");
        let words = status.last_output.as_deref().unwrap_or_default();
        assert_eq!(words.contains("cannot open the database"), expected.contains("exited"), "{status:?}");
        assert!(asked.elapsed() < Duration::from_secs(2));
        upstreams.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_that_never_answers_fails() {
    let options = UpstreamOptions { connect_timeout: Duration::from_millis(500), ..common::options() };
    let upstreams = start_with("s", fixture(["silent", "garbage"]), options).await;
    let reason = upstreams.statuses()[0].last_error.clone().unwrap();
    assert!(reason.contains("did not answer the handshake within 500ms"), "{reason}");
    assert!(reason.ends_with("lines on stdout that are not MCP messages"), "{reason}");
    let words = upstreams.statuses()[0].last_output.clone().unwrap();
    assert!(words.contains("first: Server v1.2 listening"), "{words}");
}

#[tokio::test]
async fn a_server_that_needs_longer_than_one_attempt_gets_ready() {
    // Three seconds are longer than the first attempts have, and each has twice the time of the one
    // before.
    let options = UpstreamOptions { connect_timeout: Duration::from_millis(500), ..common::options() };
    let upstreams = start_with("s", fixture(["slow-start=3000"]), options).await;
    assert!(upstreams.statuses()[0].last_error.as_deref().unwrap_or_default().contains("within 500ms"));
    let began = Instant::now();
    while upstreams.statuses()[0].state != ServerState::Ready {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", upstreams.statuses());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A configured timeout is kept.
    let mut server = fixture(["slow-start=3000"]);
    server.startup = Some(Duration::from_millis(500));
    let upstreams = start("s", server).await;
    let error = upstreams.call_tool("s", "echo", "{}", Duration::from_secs(8)).await.unwrap_err();
    assert!(error.to_string().contains("within 500ms"), "{error}");
}

#[tokio::test]
async fn stray_output_is_skipped_and_counted() {
    let upstreams = start("s", fixture(["garbage"])).await;
    let result = upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.unwrap();
    assert_eq!(result.value_json(), b"{}");
    let status = &upstreams.statuses()[0];
    assert!(status.garbage_lines >= 4, "{status:?}");
}

#[tokio::test]
async fn one_malformed_tool_does_not_cost_the_list() {
    let upstreams = start("s", fixture(["malformed"])).await;
    let status = &upstreams.statuses()[0];
    assert_eq!((status.tools, status.rejected_tools.len()), (Some(2), 2), "{status:?}");
}

#[tokio::test]
async fn large_lists_and_results_are_complete() {
    let upstreams = start("s", fixture(["many"])).await;
    assert_eq!(upstreams.statuses()[0].tools, Some(500));
    let lists = upstreams.tool_lists();
    assert_eq!(lists[0].tools.as_ref().unwrap()[499].name(), "tool_499");
    // Longer than the limit of rmcp's own transport.
    let bytes = 20 * 1024 * 1024;
    let arguments = json!({"bytes": bytes}).to_string();
    let result = upstreams.call_tool("s", "big", &arguments, TIMEOUT).await.unwrap();
    assert_eq!(result.value_json().len(), bytes + 2);
}

#[tokio::test]
async fn a_list_with_repeated_cursors_ends() {
    // An empty cursor is a cursor, unless it leads to the first page again.
    for (mode, tools) in [("empty-cursor", 3), ("empty-end", 2)] {
        let upstreams = start("s", fixture([mode])).await;
        let status = &upstreams.statuses()[0];
        assert_eq!((status.tools, status.rejected_tools.len()), (Some(tools), 0), "{mode}: {status:?}");
    }
    let upstreams = start("s", fixture(["endless"])).await;
    let status = &upstreams.statuses()[0];
    assert_eq!((status.state, status.tools), (ServerState::Ready, Some(1)), "{status:?}");
}

#[tokio::test]
async fn failures_contain_no_secrets() {
    let mut server = fixture([]);
    common::set_env(&mut server, "API_TOKEN", "sk-0123456789abcdef");
    let upstreams = start("s", server).await;
    let called = upstreams.call_tool("s", "leak", "{}", TIMEOUT).await.unwrap();
    let Value::Object(params) = json!({ "name": "leak", "arguments": {} }) else { unreachable!() };
    let request = Forward { method: "tools/call", params, capabilities: None, progress: None, logs: None };
    let forwarded = upstreams.forward("s", request, TIMEOUT).await.unwrap();
    for text in [called.raw_json_text(), forwarded.get()] {
        assert!(text.contains("no access with [redacted]") && !text.contains("sk-0123"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_dies_fails_the_call_and_the_next_works() {
    let mut server = fixture([]);
    common::set_env(&mut server, "API_TOKEN", "sk-0123456789abcdef");
    let upstreams = start("s", server).await;
    for round in 0..2 {
        let asked = Instant::now();
        let error = upstreams.call_tool("s", "die", "{}", TIMEOUT).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        let CallError::Died { reason, operation, .. } = &error else { panic!("{error:?}") };
        assert_eq!(operation, "die");
        assert!(reason.contains("exited with status 9"), "{reason}");
        assert!(!reason.contains("the disk is on fire"), "{reason}");
        let words = upstreams.statuses()[0].last_output.clone();
        let words = words.expect("it is known once the server's end is");
        assert!(words.contains("the disk is on fire"), "{words}");
        assert!(words.contains("[redacted]") && !words.contains("sk-0123"), "{words}");
        let result = upstreams.call_tool("s", "echo", r#"{"n":1}"#, TIMEOUT).await.unwrap();
        assert_eq!(result.value_json(), br#"{"n":1}"#);
        assert_eq!(upstreams.statuses()[0].restarts, round + 1);
    }
}

#[tokio::test]
async fn a_call_has_a_timeout_and_is_cancelled_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cancelled");
    let mode = format!("cancel-file={}", file.display());
    let upstreams = start("s", fixture([mode.as_str()])).await;
    let error = upstreams.call_tool("s", "never", "{}", Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("never of server \"s\" did not answer within 200ms"), "{error}");
    common::eventually("the server hears of it", || file.exists()).await;

    // The call is cancelled also when its caller goes away.
    std::fs::remove_file(&file).unwrap();
    let call = upstreams.call_tool("s", "never", "{}", TIMEOUT);
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    common::eventually("the server hears of it", || file.exists()).await;
    // The session goes on.
    assert!(upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.is_ok());
}

#[tokio::test]
async fn an_invalid_answer_fails_its_call_at_once() {
    let upstreams = start("s", fixture([])).await;
    let print = async |line: &str| {
        let arguments = json!({ "line": line }).to_string();
        upstreams.call_tool("s", "print", &arguments, TIMEOUT).await
    };
    let latin =
        print(r#"{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"café"}]}}"#).await;
    assert_eq!(latin.unwrap().value_json(), "\"caf\u{fffd}\"".as_bytes());
    let error = print(r#"{"jsonrpc":"2.0","id":ID,"result":{"content":[],"x":NaN}}"#).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Malformed { reason, .. } if reason.contains("expected value")),
        "{error:?}"
    );
    let error = print(r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"oops"}}"#).await.unwrap_err();
    assert!(matches!(&error, CallError::Upstream { message, .. } if message == "oops"), "{error:?}");
    let error = upstreams.call_tool("s", "flood of text", "{}", TIMEOUT).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Malformed { reason, .. } if reason.contains("longer than")),
        "{error:?}"
    );
    // Lines that are not answers are counted.
    let arguments = json!({"line": "oh dear ID"}).to_string();
    let error = upstreams.call_tool("s", "print", &arguments, Duration::from_millis(500)).await.unwrap_err();
    assert!(error.to_string().contains("was cancelled; it printed"), "{error}");
    assert!(!error.to_string().contains("oh dear"), "{error}");
    assert!(upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.is_ok());
}

#[tokio::test]
async fn a_changed_list_is_fetched_and_announced() {
    let upstreams = start("s", fixture([])).await;
    let before = upstreams.generation();
    let mut lists = upstreams.watch();
    lists.mark_unchanged();
    upstreams.call_tool("s", "change", "{}", TIMEOUT).await.unwrap();
    tokio::time::timeout(TIMEOUT, lists.changed()).await.unwrap().unwrap();
    assert_eq!(upstreams.tool_lists()[0].tools.as_ref().unwrap().len(), 3);
    assert_eq!(upstreams.generation(), before + 1);
}

#[tokio::test]
async fn a_child_gets_only_named_variables() {
    let mut server = fixture([]);
    common::set_env(&mut server, "WANTED", "yes");
    let upstreams = start("s", server).await;
    let ask = async |name: &str| {
        let arguments = json!({"name": name}).to_string();
        let result = upstreams.call_tool("s", "env", &arguments, TIMEOUT).await.unwrap();
        serde_json::from_slice::<String>(&result.value_json()).unwrap()
    };
    assert_eq!(ask("WANTED").await, "yes");
    assert_ne!(ask("PATH").await, "(unset)");
    // Cargo sets this for the test process.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(ask("CARGO_MANIFEST_DIR").await, "(unset)");
}

#[tokio::test]
async fn a_disabled_server_is_listed_and_never_started() {
    let mut server = fixture([]);
    server.disabled = true;
    let upstreams = start("s", server).await;
    assert_eq!(upstreams.statuses()[0].state, ServerState::Disabled);
    let error = upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.unwrap_err();
    assert!(error.hint().unwrap().contains("disabled"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_ignores_the_end_of_its_input_is_stopped() {
    let upstreams = start("s", fixture(["stays"])).await;
    let pid = upstreams.statuses()[0].pid.unwrap();
    assert!(common::is_alive(pid));
    let asked = Instant::now();
    upstreams.shutdown().await;
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(!common::is_alive(pid));
}

#[tokio::test]
async fn a_flood_of_requests_does_not_stop_the_answer() {
    let upstreams = start("s", fixture([])).await;
    let result = upstreams.call_tool("s", "flood", "{}", TIMEOUT).await.unwrap();
    assert_eq!(result.value_json(), br#""flooded""#);
    assert!(upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.is_ok());
}

#[tokio::test]
async fn a_server_that_reads_nothing_only_times_out() {
    let upstreams = start("s", fixture([])).await;
    upstreams.call_tool("s", "shut", "{}", TIMEOUT).await.unwrap();
    // More than a pipe holds.
    let arguments = json!({"text": "x".repeat(200_000)}).to_string();
    let short = Duration::from_millis(300);
    let calls = (0..8).map(|_| upstreams.call_tool("s", "echo", &arguments, short));
    for result in futures_util::future::join_all(calls).await {
        assert!(matches!(result, Err(CallError::Timeout { .. })), "{result:?}");
    }
    let asked = Instant::now();
    upstreams.shutdown().await;
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_guard_the_whole_group_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    // A grandchild in the same group, which ignores SIGTERM; the shell becomes the server.
    let script = r#"sh -c 'trap "" TERM; echo $$ > "$1.new"; mv "$1.new" "$1"; while :; do sleep 1; done' sh "$2" <&- >&- 2>&- & exec "$1""#;
    let program = common::fixture_program();
    let server = isolet_bindings::config::ServerConfig::stdio(
        "sh",
        ["-c", script, "sh", &program.to_string_lossy(), &file.to_string_lossy()],
    );
    let upstreams = start_with("s", server, UpstreamOptions::default()).await;
    assert_eq!(upstreams.statuses()[0].state, ServerState::Ready);
    common::eventually("the grandchild runs", || file.exists()).await;
    let pid: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    assert!(common::is_alive(pid));
    upstreams.shutdown().await;
    common::eventually("the grandchild is gone", || !common::is_alive(pid)).await;
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_servers() {
    let upstreams = start("s", fixture(["stays"])).await;
    let pid = upstreams.statuses()[0].pid.unwrap();
    drop(upstreams);
    common::eventually("the server is gone", || !common::is_alive(pid)).await;
}

#[tokio::test]
async fn an_unbounded_timeout_does_not_panic() {
    let upstreams = start("s", fixture([])).await;
    assert!(upstreams.call_tool("s", "echo", "{}", Duration::MAX).await.is_ok());
}

#[tokio::test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture latency"]
async fn latency_of_a_call() {
    let upstreams = start("s", fixture([])).await;
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let asked = Instant::now();
        upstreams.call_tool("s", "echo", r#"{"a":1}"#, TIMEOUT).await.unwrap();
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    println!("p50 {:?}, p99 {:?}", times[2_500], times[4_950]);
}
