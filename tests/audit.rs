//! `[audit]`, end to end: every call and every run is one line, whatever came of it, and never a secret.

mod harness;

use harness::odd::Odd;
use harness::*;
use rustix::process::Signal;

fn audited(settings: &str) -> (Odd, Folder) {
    let odd = Odd::new();
    let folder = Folder::new();
    folder.mcp_json(json!({ "odd": odd.entry(&[]) }));
    folder.write("isolet.toml", format!("{settings}\n[audit]\nfile = 'audit.jsonl'\n"));
    (odd, folder)
}

fn lines(server: &Daemon) -> Vec<Value> {
    let text = server.folder().read("audit.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The records of this event, once there are as many.
async fn records(server: &Daemon, event: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} records of {event}"), async || {
        let mut lines = lines(server);
        lines.retain(|line| line["event"] == event);
        (lines.len() >= count).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn every_call_and_run_is_a_line_whatever_came_of_it() {
    let rules =
        "[limits]\ncall_timeout = '300ms'\n[[policy.rule]]\nname = 'no-pid'\naction = 'deny'\ntool = 'pid'\n";
    let (_odd, folder) = audited(rules);
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    for call in [
        "give({ result: { structuredContent: 7 } })",
        "isError({})",
        "pid({})",
        "hang({})",
        "refuse({})",
        "die({})",
    ] {
        server.run_with(json!({ "code": format!("await env.odd.{call}"), "tenant": "acme" })).await;
    }
    server.run_with(json!({ "code": "env.odd.hang({}); await new Promise((done) => setTimeout(done, 200)); return 1", "input": 1 })).await;
    let calls = records(&server, "call", 7).await;
    let seen: Vec<(&str, &str)> =
        calls.iter().map(|call| (text(&call["tool"]), text(&call["outcome"]))).collect();
    assert_eq!(
        seen,
        [
            ("give", "ok"),
            ("isError", "tool_error"),
            ("pid", "denied"),
            ("hang", "timeout"),
            ("refuse", "failed"),
            ("die", "failed"),
            ("hang", "cancelled"),
        ]
    );
    assert_eq!(calls[0]["tenant"], "acme");
    assert_eq!(calls[0]["server"], "odd");
    assert_eq!(calls[2]["rule"], "no-pid");
    assert_eq!(calls[6]["tenant"], Value::Null);
    let arguments = br#"{"result":{"structuredContent":7}}"#;
    assert_eq!(calls[0]["arguments"]["bytes"], arguments.len());
    assert_eq!(text(&calls[0]["arguments"]["sha256"]).len(), 64);
    assert!(calls[0]["arguments"].get("value").is_none(), "{}", calls[0]);
    assert!(calls[3]["ms"].as_f64().is_some_and(|ms| ms >= 299.0), "{}", calls[3]);
    for call in &calls {
        let time = text(&call["time"]);
        assert!(time.len() == 27 && time.ends_with('Z') && time.starts_with("20"), "{time}");
    }
    let runs = records(&server, "run", 7).await;
    let outcomes: Vec<&str> = runs.iter().map(|run| text(&run["outcome"])).collect();
    assert_eq!(outcomes, ["ok", "tool_error", "tool_error", "tool_error", "tool_error", "tool_error", "ok"]);
    assert_eq!(runs[0]["run"], calls[0]["run"]);
    assert_eq!(runs[6]["input"]["bytes"], 1);
    let numbers: std::collections::HashSet<&str> = runs.iter().map(|run| text(&run["run"])).collect();
    assert_eq!(numbers.len(), 7, "each run has a number of its own");
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_records() {
    let (odd, folder) = audited("");
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let mut connection = server.connect().await;
    let request = http::Request::run(&json!({ "code": "await env.odd.hang({})" }));
    tokio::select! {
        _ = connection.send(request) => panic!("it hangs"),
        _ = odd.sees("tools/call") => {}
    }
    drop(connection);
    assert_eq!(records(&server, "call", 1).await[0]["outcome"], "cancelled");
    assert_eq!(records(&server, "run", 1).await[0]["outcome"], "cancelled");
}

#[tokio::test]
async fn secrets_and_texts_are_not_recorded_unless_asked_for() {
    let odd = Odd::new();
    for (wanted, extra) in [(false, ""), (true, "arguments = true\n")] {
        let folder = Folder::new();
        let mut entry = odd.entry(&[]);
        entry["env"] = json!({ "API_TOKEN": "s3cret-of-the-server" });
        folder.mcp_json(json!({ "odd": entry }));
        folder.write("isolet.toml", format!("[audit]\nfile = 'audit.jsonl'\n{extra}"));
        let server = Daemon::serve_in(folder, &[]).await_ready().await;
        let code = "await env.odd.give({ result: { content: [{ type: 'text', text: 's3cret-of-the-server' }] }, \
                    password: 'hunter2' })";
        server.run_with(json!({ "code": code, "input": "my input" })).await;
        server.run("throw new Error('s3cret-of-the-server')").await;
        records(&server, "run", 2).await;
        let file = server.folder().read("audit.jsonl");
        assert_eq!(file.contains("hunter2"), wanted, "{file}");
        if !wanted {
            assert!(
                !file.contains("s3cret") && !file.contains("my input") && !file.contains("await"),
                "{file}"
            );
        }
    }
}

#[tokio::test]
async fn the_file_is_private_appended_to_and_complete_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    let (_odd, folder) = audited("");
    folder.write("audit.jsonl", "{\"event\":\"before\"}\n");
    std::fs::set_permissions(folder.at("audit.jsonl"), PermissionsExt::from_mode(0o600)).expect("our file");
    let mut server = Daemon::serve_in(folder, &[]).await_ready().await;
    for _ in 0..50 {
        server.run("await env.odd.give({ result: {} })").await;
    }
    server.end(Signal::TERM);
    let lines = lines(&server);
    assert_eq!(lines[0]["event"], "before");
    assert_eq!(lines.iter().filter(|line| line["event"] == "call").count(), 50);
    assert_eq!(lines.iter().filter(|line| line["event"] == "run").count(), 50);
    let (_odd, fresh) = audited("");
    let server = Daemon::serve_in(fresh, &[]);
    let mode = std::fs::metadata(server.folder().at("audit.jsonl")).expect("the log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn without_a_record_there_is_no_call() {
    let (odd, folder) = audited("");
    folder.write("isolet.toml", "[audit]\nfile = '/dev/full'\n");
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    // The first record finds out.
    server.run("await env.odd.give({ result: {} })").await;
    let before = odd.seen().len();
    let refused = eventually("calls are refused", async || {
        let report = server.run("await env.odd.give({ result: {} })").await;
        (report["ok"] == false).then_some(report)
    })
    .await;
    let failure = error(&refused, "tool_error");
    assert_says(
        text(&failure["message"]),
        &["odd/give was not called", "No space left on device", "\"audit\""],
    );
    assert!(odd.seen().len() <= before + 2);
    server.wait_for_words(&["the audit log cannot be written"]);
    server.assert_works().await;

    let (odd, folder) = audited("");
    folder.write("isolet.toml", "[audit]\nfile = '/dev/full'\nwhen_full = 'drop'\n");
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    for _ in 0..3 {
        result(&server.run("await env.odd.give({ result: {} })").await);
    }
    assert_eq!(odd.seen().iter().filter(|message| message["method"] == "tools/call").count(), 3);
}

#[test]
fn a_single_run_is_recorded_too() {
    let folder = Folder::new();
    folder.write("isolet.toml", "[audit]\nfile = 'log/audit.jsonl'\n");
    let missing = isolet(["run", "-"]).within(folder.path()).stdin("1").output().exits(3);
    assert_says(&missing.stderr, &["cannot write the audit log", "log/audit.jsonl", "No such file"]);
    folder.write("isolet.toml", "[audit]\nfile = 'audit.jsonl'\n");
    isolet(["run", "-"]).within(folder.path()).stdin("await env.demo.add({ a: 1, b: 2 })").output().exits(0);
    let file = folder.read("audit.jsonl");
    let events: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&json!("call"), &json!("run")), "{file}");
    folder.write("isolet.toml", "[audit]\nfile = '-'\n");
    let taken = isolet(["run", "-"]).within(folder.path()).stdin("1").output().exits(2);
    assert_says(&taken.stderr, &["standard output is taken"]);
}
