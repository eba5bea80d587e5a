//! `[audit]`: each call and each run is one line, whatever its outcome, without secrets.

use crate::harness::fake_server::FakeServer;
use crate::harness::*;
use rustix::process::Signal;

fn audited(settings: &str) -> (FakeServer, Folder) {
    let odd = FakeServer::new();
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

/// Waits until the audit log has `count` records of this event and returns them.
async fn records(server: &Daemon, event: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} records of {event}"), async || {
        let mut lines = lines(server);
        lines.retain(|line| line["event"] == event);
        (lines.len() >= count).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn every_call_and_run_is_one_line() {
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
    let odd = FakeServer::new();
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
async fn a_call_without_a_place_for_its_record_is_refused() {
    let (odd, folder) = audited("");
    folder.write("isolet.toml", "[audit]\nfile = '/dev/full'\n");
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    // The first record discovers the failure.
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
    server.wait_for_stderr(&["the audit log cannot be written"]);
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
    let names: Vec<&str> = events.iter().map(|event| text(&event["event"])).collect();
    assert_eq!(names, ["config", "call", "run"], "{file}");
    folder.write("isolet.toml", "[audit]\nfile = '-'\n");
    let taken = isolet(["run", "-"]).within(folder.path()).stdin("1").output().exits(2);
    assert_says(&taken.stderr, &["uses standard output for its result"]);
}

const TOKENS: &str =
    "[server]\ntokens = [{ file = 'acme', tenant = 'acme', label = 'agents of acme' }, { file = 'ops' }]\n";

/// Starts a service with a token of a tenant and one without a tenant.
async fn with_tokens(args: &[&str]) -> (FakeServer, Daemon) {
    let odd = FakeServer::new();
    odd.poison("x");
    let folder = Folder::new();
    folder.mcp_json(json!({ "odd": odd.entry(&["poisoned"]) }));
    folder.write("acme", "acme-token\n");
    folder.write("ops", "ops-token\n");
    folder.write("isolet.toml", format!("{TOKENS}[audit]\nfile = 'audit.jsonl'\n"));
    (odd, Daemon::serve_in(folder, args).await_ready().await)
}

#[tokio::test]
async fn refused_requests_are_recorded_without_credentials_and_within_bounds() {
    let (_odd, server) = with_tokens(&[]).await;
    let ask = |token: &str| {
        http::Request::get("/v1/servers?key=hidden-key").header("authorization", &format!("Bearer {token}"))
    };
    server.get("/v1/servers").await.problem(401);
    for _ in 0..99 {
        server.send(ask("a-guess-of-mine")).await.problem(401);
    }
    server.send(ask("ops-token")).await.expect(200);
    server.get("/v1/nothing").await.problem(401);
    let refused = records(&server, "auth_failed", 60).await;
    for record in &refused {
        assert!(text(&record["peer"]).starts_with("127.0.0.1:"), "{record}");
        assert_eq!(
            (&record["status"], &record["method"], &record["path"]),
            (&json!(401), &json!("GET"), &json!("/v1/servers"))
        );
        assert!(text(&record["why"]).contains("token"), "{record}");
    }
    let (file, said) = (server.folder().read("audit.jsonl"), server.stderr());
    assert_eq!(file.matches("auth_failed").count(), 60, "a flood does not fill the disk");
    assert_eq!(said.matches("a request was refused").count(), 1, "{said}");
    for secret in ["a-guess-of-mine", "hidden-key", "ops-token"] {
        assert!(!file.contains(secret) && !said.contains(secret), "{secret}\n{file}\n{said}");
    }
    // The number of suppressed records is written at the end.
    let mut server = server;
    server.end(Signal::TERM);
    let last = records(&server, "auth_failed", 61).await.pop().expect("records");
    assert_eq!(last["suppressed"], 41);
    assert_says(&server.stderr(), &["100 more requests were refused"]);
}

#[tokio::test]
async fn each_record_has_peer_and_token() {
    let (_odd, server) = with_tokens(&["--expose-tools", "odd"]).await;
    let acme = |request: http::Request| request.header("authorization", "Bearer acme-token");
    let code = "return (await env.odd.pid({})).calls";
    let body = json!({ "code": code });
    server.send(acme(http::Request::run(&body))).await.expect(200);
    let bare = http::Request::post("/v1/run", "text/typescript", code);
    server.send(acme(bare)).await.expect(200);
    let run = json!({ "name": "run", "arguments": body });
    server.send(acme(mcp::modern("tools/call", run))).await.expect(200);
    server
        .send(acme(mcp::modern("tools/call", json!({ "name": "odd__pid", "arguments": {} }))))
        .await
        .expect(200);
    for list in ["prompts/list", "resources/list", "resources/templates/list"] {
        server.send(acme(mcp::modern(list, json!({})))).await.expect(200);
    }
    let calls = records(&server, "call", 7).await;
    let runs = records(&server, "run", 3).await;
    for record in calls.iter().chain(&runs) {
        assert!(text(&record["peer"]).starts_with("127.0.0.1:"), "{record}");
        assert_eq!(
            (&record["token"], &record["tenant"]),
            (&json!("agents of acme"), &json!("acme")),
            "{record}"
        );
    }
    let operations = calls.iter().filter(|call| text(&call["tool"]).starts_with('$')).count();
    assert_eq!(operations, 3, "the lists are the client's calls");
    // A token without a label is named by the first digits of its digest.
    let ops = http::Request::run(&json!({ "code": "1" })).header("authorization", "Bearer ops-token");
    server.send(ops).await.expect(200);
    let last = records(&server, "run", 4).await.pop().expect("records");
    assert_eq!(text(&last["token"]).len(), 8, "{last}");
    assert!(!server.folder().read("audit.jsonl").contains("-token"));
}

#[tokio::test]
async fn the_configuration_and_changed_definitions_are_recorded() {
    let odd = FakeServer::new();
    odd.define(json!([{ "name": "a", "description": "Is good.", "inputSchema": { "type": "object" } }]));
    let folder = Folder::new();
    folder.mcp_json(json!({ "odd": odd.entry(&["defined"]), "other": { "command": "/nowhere/x" } }));
    folder.write("isolet.toml", "[audit]\nfile = 'audit.jsonl'\n");
    isolet(["lock", "odd"]).within(folder.path()).output().exits(0);
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let loaded = &records(&server, "config", 1).await[0];
    assert_eq!(
        (&loaded["what"], &loaded["servers"]),
        (&json!("loaded"), &json!(["odd", "other"])),
        "{loaded:#}"
    );
    let files = loaded["files"].as_array().expect("a list");
    let names: Vec<&str> = files.iter().filter_map(|file| text(&file["path"]).rsplit('/').next()).collect();
    assert_eq!(names, ["mcp.json", "isolet.toml", "isolet.lock"]);
    for (file, name) in files.iter().zip(names) {
        assert!(text(&file["path"]).starts_with('/'), "{file}");
        assert_eq!(file["bytes"], server.folder().read(name).len());
        assert_eq!(text(&file["sha256"]).len(), 64, "{file}");
    }
    odd.define(json!([{ "name": "a", "description": "Is bad.", "inputSchema": { "type": "object" } }]));
    // A list is compared when it is next read.
    let changed = eventually("the change is recorded", async || {
        server.get("/v1/types?detail=names").await.expect(200);
        lines(&server).into_iter().find(|line| line["what"] == "definitions")
    })
    .await;
    assert_eq!((&changed["what"], &changed["lock"]), (&json!("definitions"), &json!("warn")), "{changed:#}");
    assert_says(text(&changed["differences"][0]), &["odd/a", "description"]);
}

#[tokio::test]
async fn a_run_that_the_kernel_ends_for_a_system_call_is_a_violation() {
    let (odd, folder) = audited("");
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let body = json!({ "code": "await env.odd.hang({})", "tenant": "acme" });
    let report = async {
        tokio::join!(server.run_with(body), async {
            odd.sees("tools/call").await;
            // The kernel ends a process for a forbidden system call by SIGSYS.
            let zygotes: Vec<i32> = server.zygotes().iter().map(|zygote| zygote.pid).collect();
            for copy in server.script_processes().iter().filter(|process| !zygotes.contains(&process.pid)) {
                let pid = rustix::process::Pid::from_raw(copy.pid).expect("a process number");
                let _gone = rustix::process::kill_process(pid, Signal::SYS);
            }
        })
        .0
    };
    let report = report.await;
    error(&report, "violation");
    let violation = records(&server, "violation", 1).await.remove(0);
    let run = records(&server, "run", 1).await.remove(0);
    assert_eq!((&violation["run"], &violation["tenant"]), (&run["run"], &json!("acme")), "{violation}");
    assert_eq!(run["outcome"], "violation");
    server.wait_for_stderr(&[&format!("run={:?}", text(&run["run"])), "tenant=\"acme\"", "violation"]);
    // The runners that waited were ended too.
    eventually("a run works again", async || (server.run("return 1").await["ok"] == true).then_some(()))
        .await;
}
