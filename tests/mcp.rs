//! isolet as an MCP server, from clients made by hand: what a model sees, both eras on both transports, progress,
//! cancellation, bounds. `mcp_clients.rs` has the clients that people use.

mod harness;

use std::time::{Duration, Instant};

use harness::http::Request;
use harness::mcp::{Client, MODERN, Session, last_message, messages, modern, post, text};
use harness::odd::Odd;
use harness::*;
use rustix::process::{Pid, Signal, kill_process};

/// The demo server alone.
fn demo() -> Value {
    json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] } })
}

fn in_folder(servers: Value) -> Folder {
    let folder = Folder::new();
    folder.mcp_json(servers);
    folder
}

fn tool<'a>(tools: &'a [Value], name: &str) -> &'a Value {
    tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("{name} is not in {tools:#?}"))
}

#[test]
fn a_model_sees_three_tools_and_a_catalogue_with_an_example_that_works() {
    let folder = in_folder(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    let tools = client.tools();
    let names: Vec<&str> = tools.iter().map(|tool| harness::text(&tool["name"])).collect();
    assert_eq!(names, ["search", "describe", "run"]);
    for (name, read_only) in [("search", true), ("describe", true), ("run", false)] {
        let tool = tool(&tools, name);
        assert_eq!(tool["annotations"]["readOnlyHint"], read_only, "{tool:#}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
    }
    let run = tool(&tools, "run");
    let description = harness::text(&run["description"]);
    assert_says(
        description,
        &[
            "These are all 11 tools with their types.",
            "add(input: { a: number; b: number })",
            "Limits: 60 s, 500 calls",
        ],
    );
    assert!(description.len() < 8 * 1024, "{} bytes", description.len());
    assert_eq!(run["annotations"]["destructiveHint"], true);

    // The example is a script that runs as it stands.
    let example =
        description.split_once("Example:\n").expect("an example").1.split_once("\n\n").expect("more").0;
    let done = client.call("run", json!({ "code": example }));
    assert_eq!(done["structuredContent"]["ok"], true, "{example}: {done:#}");
}

/// The same conversation, whatever the era.
#[track_caller]
fn converse(client: &mut Client) {
    let found = client.call("search", json!({ "query": "add numbers", "limit": 1 }));
    assert_says(
        text(&found),
        &["env.demo.add(input: { a: number; b: number }): Promise<{ sum: number }>", "\"Adds two numbers.\""],
    );
    let described = client.call("describe", json!({ "tools": ["demo/add", "env.demo.nothing"] }));
    assert_says(
        text(&described),
        &["/** First summand. */", "// Not found: the server `demo` has no tool `nothing`"],
    );

    let code = "const sums = await Promise.all(input.map((n) => env.demo.add({ a: n, b: 1 })));
        console.warn('three calls');
        return sums.map((s) => s.sum);";
    let done = client.call("run", json!({ "code": code, "input": [1, 2, 3] }));
    assert_eq!(text(&done), "[2,3,4]\n\nlogs:\nwarn: three calls");
    assert_eq!(done["structuredContent"]["result"], json!([2, 3, 4]));
    assert_eq!(done["structuredContent"]["calls"], json!([{ "tool": "demo.add", "count": 3 }]));
    assert_eq!(done["isError"], false);

    let failed = client.call("run", json!({ "code": "const a = 1;\nawait env.demo.ad({ a, b: 2 });" }));
    assert_eq!(failed["isError"], true, "{failed:#}");
    assert!(text(&failed).starts_with("hint: Did you mean add?\nerror[exception]: "), "{}", text(&failed));
    assert_says(
        text(&failed),
        &["at line 2, column 1 of the code", "2 | await env.demo.ad({ a, b: 2 });\n  | ^"],
    );
    assert_eq!(failed["structuredContent"]["error"]["line"], 2);

    let wrong = client.call("run", json!({ "script": "1" }));
    assert_eq!(wrong["isError"], true);
    assert_says(text(&wrong), &["`run` takes { code: string", "unknown field `script`"]);
    let unknown = client.request("tools/call", json!({ "name": "walk", "arguments": {} }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown:#}");
    let nameless = client.request("tools/call", json!({ "arguments": {} }));
    assert_eq!(nameless["error"]["code"], -32602, "{nameless:#}");
    assert_says(harness::text(&nameless["error"]["message"]), &["tools/call", "missing field `name`"]);
}

#[test]
fn the_older_revisions_on_standard_input() {
    let folder = in_folder(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    converse(&mut client);
    let children = processes::descendants(Pid::from_raw(client.pid().cast_signed()).expect("a pid"));
    assert!(!children.is_empty());
    assert!(client.close().success(), "the end of its input is an orderly end");
    for child in children {
        assert!(
            processes::Process::read(child.pid).is_none_or(|now| now.started != child.started),
            "{child:?} is left"
        );
    }
}

#[test]
fn the_newer_revision_on_standard_input() {
    let folder = in_folder(demo());
    let mut client = Client::modern(folder.path(), &[]);
    converse(&mut client);
    let listed = client.request("tools/list", json!({}));
    assert_eq!(listed["result"]["resultType"], "complete", "{listed:#}");
}

#[test]
fn a_client_without_structured_content_gets_all_of_the_result_as_text() {
    let folder = in_folder(demo());
    let code = json!({ "code": "return 'x'.repeat(5000)" });
    let mut old = Client::start(folder.path(), &[]);
    old.request("initialize", mcp::initialize("2025-03-26"));
    old.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let done = old.call("run", code.clone());
    assert_eq!((text(&done).len(), done.get("structuredContent")), (5000, None));

    let mut new = Client::legacy(folder.path(), &[]);
    let done = new.call("run", code.clone());
    assert!(text(&done).len() < 600, "{}", text(&done));
    assert_eq!(harness::text(&done["structuredContent"]["result"]).len(), 5000);

    let mut both = Client::legacy(folder.path(), &["--full-text"]);
    let done = both.call("run", code);
    assert_eq!((text(&done).len(), done["structuredContent"]["ok"].clone()), (5000, json!(true)));
}

#[test]
fn progress_is_told_while_a_script_runs_and_never_after() {
    let folder = in_folder(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    let code = "for (let i = 0; i < 3; i++) await env.demo.wait({ ms: 120 });
        for (let i = 0; i < 3000; i++) console.log('flood');";
    let params = json!({ "name": "run", "arguments": { "code": code }, "_meta": { "progressToken": "p" } });
    let id = client.begin("tools/call", params);
    let answer = client.answer(id);
    assert_eq!(answer["result"]["isError"], false, "{answer:#}");
    let told = client.heard("notifications/progress");
    let messages: Vec<&str> = told.iter().filter_map(|told| told["params"]["message"].as_str()).collect();
    let waits = messages.iter().filter(|message| message.starts_with("demo.wait answered after 1")).count();
    assert_eq!(waits, 3, "{messages:?}");
    assert!(messages.len() < 30, "a flood of lines is no flood of messages: {}", messages.len());
    let steps: Vec<f64> = told.iter().filter_map(|told| told["params"]["progress"].as_f64()).collect();
    assert!(steps.is_sorted() && told.iter().all(|told| told["params"]["progressToken"] == "p"), "{told:?}");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(client.heard("notifications/progress").len(), told.len());
}

#[tokio::test]
async fn a_cancelled_request_cancels_its_run_and_the_call_upstream() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&[]) }));
    let mut client = Client::legacy(folder.path(), &[]);
    client.tools();
    let id =
        client.begin("tools/call", json!({ "name": "run", "arguments": { "code": "await env.odd.hang()" } }));
    odd.sees("tools/call").await;
    client.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }),
    );
    odd.sees("notifications/cancelled").await;
    // The place is free again.
    assert_eq!(text(&client.call("run", json!({ "code": "return 1" }))), "1");
}

#[test]
fn clients_hear_of_tools_that_come_later() {
    let slow = json!({ "command": "sh", "args": ["-c", format!("sleep 1; exec {ISOLET} demo-mcp")] });
    let folder = in_folder(json!({ "slow": slow.clone() }));
    let mut client = Client::legacy(folder.path(), &[]);
    client.wait("list_changed", |message| message["method"] == "notifications/tools/list_changed");
    assert_says(harness::text(&tool(&client.tools(), "run")["description"]), &["These are all 11 tools"]);

    let folder = in_folder(json!({ "slow": slow }));
    let mut client = Client::modern(folder.path(), &[]);
    let listening =
        client.begin("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }));
    let changed =
        client.wait("list_changed", |message| message["method"] == "notifications/tools/list_changed");
    assert_eq!(
        changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], listening,
        "{changed:#}"
    );
}

#[test]
fn a_list_does_not_wait_for_ever_for_a_server_that_never_answers() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "mute": odd.entry(&["mute"]), "demo": demo()["demo"].clone() }));
    let mut client = Client::legacy(folder.path(), &[]);
    let started = Instant::now();
    let tools = client.tools();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let description = harness::text(&tool(&tools, "run")["description"]);
    assert_says(description, &["These are all 11 tools", "Not available or still starting: env.mute."]);
}

#[test]
fn it_does_not_start_itself_from_its_clients_list() {
    let folder = in_folder(
        json!({ "isolet": { "command": ISOLET, "args": ["mcp"] }, "demo": demo()["demo"].clone() }),
    );
    let mut client = Client::legacy(folder.path(), &[]);
    assert_says(harness::text(&tool(&client.tools(), "run")["description"]), &["These are all 11 tools"]);
    let children = processes::descendants(Pid::from_raw(client.pid().cast_signed()).expect("a pid"));
    assert!(children.iter().all(|child| !child.command.contains("isolet mcp")), "{children:?}");
}

#[test]
fn a_signal_ends_it() {
    let folder = in_folder(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    client.tools();
    kill_process(Pid::from_raw(client.pid().cast_signed()).expect("a pid"), Signal::TERM).expect("our child");
    let started = Instant::now();
    assert!(client.close().success());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn sessions_over_http() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let session = Session::open(&server).await;
    let listed = session.request("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"].as_array().map(Vec::len), Some(3), "{listed:#}");
    let params =
        json!({ "name": "run", "arguments": { "code": "return (await env.demo.add({ a: 1, b: 2 })).sum" } });
    let done = session.request("tools/call", params).await;
    assert_eq!(done["result"]["structuredContent"]["result"], 3, "{done:#}");
    // The same figures as any other run.
    server.metric_becomes("isolet_runs_total{outcome=\"ok\"}", 1.0).await;

    let gone = session.within(Request::new(::http::Method::DELETE, "/mcp"));
    server.send(gone).await.expect(202);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    server.send(session.within(post(&ping))).await.expect(404);
    server.send(post(&ping)).await.expect(400);
}

#[tokio::test]
async fn requests_without_a_session_over_http() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let answer = server.send(modern("server/discover", json!({}))).await.expect(200);
    assert_eq!(
        last_message(&answer)["result"]["supportedVersions"]
            .as_array()
            .map(|all| all.contains(&json!(MODERN))),
        Some(true)
    );
    assert_eq!(answer.header("mcp-session-id"), "");
    let params = json!({ "name": "run", "arguments": { "code": "return 1 + 1" } });
    let answer = server.send(modern("tools/call", params)).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(last_message(&answer)["result"]["structuredContent"]["result"], 2);

    // Progress comes on the answer's own stream.
    let mut params = json!({ "name": "run", "arguments": { "code": "await env.demo.wait({ ms: 10 })" } });
    params["_meta"] = mcp::modern_meta();
    params["_meta"]["progressToken"] = json!(7);
    let request = post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "run");
    let told = messages(&server.send(request).await.expect(200));
    assert_eq!((told.len(), &told[0]["params"]["progressToken"]), (2, &json!(7)), "{told:#?}");
}

#[tokio::test]
async fn who_may_ask_is_checked_as_for_the_rest() {
    let folder = in_folder(demo());
    let server = Daemon::serve_in(folder, &["--token", "secret"]);
    let hello = || modern("server/discover", json!({}));
    server.send(hello()).await.problem(401);
    server.send(hello().header("authorization", "Bearer wrong")).await.problem(401);
    let with_token = || hello().header("authorization", "Bearer secret");
    server.send(with_token()).await.expect(200);
    server.send(with_token().header("host", "evil.example")).await.problem(403);
    server.send(with_token().header("origin", "https://evil.example")).await.problem(403);
    server.send(with_token().header("origin", "http://localhost:6274")).await.expect(200);
    let put = Request::new(::http::Method::PUT, "/mcp").header("authorization", "Bearer secret");
    server.send(put).await.problem(405);
}

#[tokio::test]
async fn bodies_and_the_queue_are_bounded() {
    let folder = in_folder(demo());
    let server = Daemon::serve_in(folder, &["--max-running", "1", "--max-waiting", "0"]).await_ready().await;
    let large =
        modern("tools/call", json!({ "name": "run", "arguments": { "code": "x".repeat(12 * 1024 * 1024) } }));
    server.send(large).await.problem(413);
    let code =
        modern("tools/call", json!({ "name": "run", "arguments": { "code": "x".repeat(2 * 1024 * 1024) } }));
    let refused = last_message(&server.send(code).await.expect(200));
    assert_says(text(&refused["result"]), &["hint: Pass data as `input`", "the limit is 1,048,576"]);

    let mut busy = server.connect().await;
    let slow = modern(
        "tools/call",
        json!({ "name": "run", "arguments": { "code": "await env.demo.wait({ ms: 20000 })" } }),
    );
    let mut slow = Box::pin(busy.send(slow));
    tokio::select! {
        _ = &mut slow => panic!("it waits for 20 s"),
        () = server.metric_becomes("isolet_runs_in_flight", 1.0) => {}
    }
    let second = modern("tools/call", json!({ "name": "run", "arguments": { "code": "return 1" } }));
    let refused = last_message(&server.send(second).await.expect(200));
    assert_eq!(refused["result"]["isError"], true);
    assert_says(text(&refused["result"]), &["hint: Try again in a few seconds.", "1 runs are going on"]);

    // Hanging up cancels at once where there is no session to come back to.
    drop(slow);
    drop(busy);
    server.metric_becomes("isolet_runs_in_flight", 0.0).await;
}

#[tokio::test]
async fn a_client_that_leaves_its_session_and_does_not_come_back_cancels_its_run() {
    let odd = Odd::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) })).await_ready().await;
    let session = Session::open(&server).await;
    let hang = |id: u64| {
        let params = json!({ "name": "run", "arguments": { "code": "await env.odd.hang()" } });
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        session.within(post(&message))
    };
    let mut connection = server.connect().await;
    connection.begin(hang(5)).await;
    odd.sees("tools/call").await;
    drop(connection);
    odd.sees("notifications/cancelled").await;
    server.metric_becomes("isolet_runs_in_flight", 0.0).await;
    assert_eq!(
        session.request("tools/list", json!({})).await["result"]["tools"].as_array().map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn an_orderly_stop_does_not_wait_for_open_streams() {
    let mut server = Daemon::serve_with(demo()).await_ready().await;
    let session = Session::open(&server).await;
    let mut connection = server.connect().await;
    let stream = session.within(Request::get("/mcp")).header("accept", "text/event-stream");
    let (head, _body) = connection.begin(stream).await.into_parts();
    assert_eq!(head.status, 200);
    let started = Instant::now();
    assert!(server.end(Signal::TERM).success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_batch_is_answered_in_one_stream_where_the_revision_has_batches() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let hello = mcp::initialize("2025-03-26");
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello });
    let id = server.send(post(&hello)).await.expect(200).header("mcp-session-id").to_owned();
    let within = |message: &Value| post(message).header("mcp-session-id", &id);
    let ready = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }]);
    server.send(within(&ready)).await.expect(202);

    let run = |id: u64, code: &str| {
        let params =
            json!({ "name": "run", "arguments": { "code": code }, "_meta": { "progressToken": id } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let code =
        "for (let i = 0; i < 3; i++) { console.log(i); await env.demo.wait({ ms: 60 }); } return 'slow'";
    let batch = json!([
        run(1, code),
        { "jsonrpc": "2.0", "method": "notifications/roots/list_changed" },
        run(2, "return 'fast'"),
        { "jsonrpc": "2.0", "id": "three", "method": "no/such" },
    ]);
    let answer = server.send(within(&batch)).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let all = messages(&answer);
    let of = |id: Value| {
        all.iter().find(|message| message["id"] == id).unwrap_or_else(|| panic!("{id} is not in {all:#?}"))
    };
    assert_eq!(of(json!(1))["result"]["content"][0]["text"].as_str().map(|text| &text[..4]), Some("slow"));
    assert_eq!(text(&of(json!(2))["result"]), "fast");
    assert_eq!(of(json!("three"))["error"]["code"], -32601);
    let told = |message: &&Value| message["method"] == "notifications/progress";
    assert!(all.iter().filter(told).count() >= 3, "{all:#?}");

    // Not of a session that there is not, not with `initialize`, not in a later revision.
    let gone = post(&batch).header("mcp-session-id", "gone");
    assert!((400..500).contains(&server.send(gone).await.status));
    assert_eq!(server.send(within(&json!([hello]))).await.status, 400);
    assert_eq!(server.send(within(&json!([]))).await.status, 400);
    let session = Session::open(&server).await;
    assert!((400..500).contains(&server.send(session.within(post(&batch))).await.status));
    server.assert_works().await;
}
