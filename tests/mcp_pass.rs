//! Pass-through of upstream tools, prompts and resources: names, bounds, errors. Notifications are
//! in `mcp_notifications.rs`. The official suite (`conformance.rs`) tests pass-through with a
//! server that was written for it.

use std::time::{Duration, Instant};

use crate::harness::fake_server::FakeServer;
use crate::harness::mcp::{Client, Session, last_message, modern, text};
use crate::harness::*;

fn servers() -> Value {
    let demo = json!({ "command": ISOLET, "args": ["demo-mcp"] });
    let records = json!({ "command": ISOLET, "args": ["demo-mcp", "--part", "records"] });
    json!({ "demo": demo, "my.crm": records })
}

fn names(tools: &[Value]) -> Vec<&str> {
    tools.iter().map(|tool| crate::harness::text(&tool["name"])).collect()
}

#[test]
fn chosen_tools_are_offered_with_their_servers_name() {
    let folder = Folder::with_servers(servers());
    let mut client =
        Client::legacy(folder.path(), &["--expose-tools", "demo/add", "--expose-tools", "my.crm/get_*"]);
    let tools = client.tools();
    assert_eq!(names(&tools), ["search", "describe", "run", "demo__add", "my_crm__get_record"]);
    let add = &tools[3];
    assert_eq!(add["inputSchema"]["properties"]["a"]["description"], "First summand.");
    assert_eq!(add["outputSchema"]["properties"]["sum"]["type"], "number");

    let sum = client.call("demo__add", json!({ "a": 1, "b": 2 }));
    assert_eq!(sum["structuredContent"], json!({ "sum": 3 }));
    let missing = client.call("my_crm__get_record", json!({ "id": "nobody" }));
    assert_eq!(missing["isError"], true, "the server's own error: {missing:#}");

    // Tools that were not chosen are absent under every name.
    for hidden in ["demo__echo", "demo/add", "echo", "add", "my_crm__list_records"] {
        let answer = client.request("tools/call", json!({ "name": hidden, "arguments": {} }));
        assert_eq!(answer["error"]["code"], -32602, "{hidden}: {answer:#}");
    }
    // Tools alone bring no prompts and resources.
    assert_eq!(client.request("prompts/list", json!({}))["error"]["code"], -32601);
    // Scripts still reach everything.
    let echoed = client.call("run", json!({ "code": "return await env.demo.echo({ text: 'x' })" }));
    assert_eq!(text(&echoed), "x");
}

#[test]
fn plain_names_are_kept_if_they_are_unique() {
    let folder = Folder::with_servers(servers());
    let mut client = Client::legacy(
        folder.path(),
        &["--expose-tools", "*/*_record", "--expose-tools", "*/add", "--plain-names"],
    );
    let tools = client.tools();
    let names = names(&tools);
    assert!(names.contains(&"add"), "{names:?}");
    let records: Vec<_> = names.iter().filter(|name| name.contains("get_record")).collect();
    assert_eq!(records.len(), 2, "{names:?}");
    assert!(records[0].starts_with("demo__get_record_") && records[1].starts_with("my_crm__get_record_"));
}

#[test]
fn whole_servers_bring_their_prompts_and_resources() {
    let folder = Folder::with_servers(servers());
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "demo", "--expose-tools", "my.crm"]);
    client.tools();
    let prompts = client.request("prompts/list", json!({}));
    assert_eq!(prompts["result"]["prompts"][0]["name"], "demo__summarise", "{prompts:#}");
    let resources = client.request("resources/list", json!({}));
    let uri = resources["result"]["resources"][0]["uri"].clone();
    let read = client.request("resources/read", json!({ "uri": uri }));
    assert!(!crate::harness::text(&read["result"]["contents"][0]["text"]).is_empty());
    let id = crate::harness::text(&uri).strip_prefix("document:").expect("a document").to_owned();
    let got = client.request("prompts/get", json!({ "name": "demo__summarise", "arguments": { "id": id } }));
    assert_eq!(got["result"]["messages"].as_array().map(Vec::len), Some(1), "{got:#}");
    let unknown = client.request("resources/read", json!({ "uri": "document:none" }));
    assert_says(crate::harness::text(&unknown["error"]["message"]), &["No resource document:none"]);
}

/// If the list changes between two pages, the next page continues behind the last tool of the page
/// before, as long as that tool exists.
#[test]
fn a_page_follows_the_one_before_it() {
    let odd = FakeServer::new();
    let define = |from: usize| {
        odd.define((from..1_500).map(|at| json!({ "name": format!("t{at}"), "inputSchema": {} })).collect());
    };
    define(0);
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["defined"]) }));
    let args = ["--expose-tools", "odd/t*", "--plain-names", "--list-wait", "30s"];
    let mut client = Client::legacy(folder.path(), &args);
    let first = client.request("tools/list", json!({ "cursor": "" }))["result"].clone();
    assert_eq!(first["tools"].as_array().map(Vec::len), Some(1_003));
    let second = client.request("tools/list", json!({ "cursor": first["nextCursor"] }))["result"].clone();
    assert_eq!(second["tools"].as_array().map(Vec::len), Some(500));
    assert_eq!((&second["tools"][0]["name"], second.get("nextCursor")), (&json!("t1000"), None));
    let mut redefine = |from: usize| {
        client.heard("notifications/tools/list_changed");
        define(from);
        client.wait("list_changed", |message| message["method"] == "notifications/tools/list_changed");
        client.request("tools/list", json!({ "cursor": first["nextCursor"] }))
    };
    let shorter = redefine(900);
    assert_eq!(shorter["result"]["tools"][0]["name"], "t1000");
    let gone = redefine(1_200);
    assert_eq!(gone["error"]["code"], -32602, "{gone:#}");
    assert_says(gone["error"]["message"].as_str().unwrap(), &["List the tools again from the start"]);
}

/// Some clients start isolet for each call, with names that they know from before.
#[test]
fn a_tool_can_be_called_before_its_server_has_started() {
    let slow = json!({ "command": "sh", "args": ["-c", format!("sleep 1; exec {ISOLET} demo-mcp")] });
    let folder = Folder::with_servers(json!({ "slow": slow }));
    for (args, name) in
        [(&["--expose-tools", "slow"][..], "slow__add"), (&["--expose-tools", "*", "--plain-names"], "add")]
    {
        let mut client = Client::legacy(folder.path(), args);
        assert_eq!(client.call(name, json!({ "a": 1, "b": 2 }))["structuredContent"], json!({ "sum": 3 }));
        let unknown = client.request("tools/call", json!({ "name": "slow__no_such", "arguments": {} }));
        assert_eq!(unknown["error"]["code"], -32602, "{unknown:#}");
    }
}

#[tokio::test]
async fn errors_and_cancellation_pass_in_both_directions() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["halves"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/*"]);
    client.tools();
    let refused = client.request("tools/call", json!({ "name": "odd__refuse", "arguments": {} }));
    assert_eq!(refused["error"]["code"], -32602, "{refused:#}");
    assert_eq!(refused["error"]["message"], "`when` must be a date, not a mood");
    assert_eq!(refused["error"]["data"], json!({ "field": "when" }));
    let failed = client.call("odd__isError", json!({}));
    assert_eq!((failed["isError"].clone(), text(&failed)), (json!(true), "the ledger is closed on Sundays"));

    let given = json!({
        "content": [{ "type": "hologram", "data": [1, 2] }, { "type": "text", "text": "kept" }],
        "structuredContent": { "big": 9007199254740991_i64 }, "_meta": { "own": true },
    });
    let passed = client.call("odd__give", json!({ "result": given }));
    assert_eq!(passed["content"][1]["text"], "kept", "{passed:#}");
    assert_says(crate::harness::text(&passed["content"][0]["text"]), &["hologram"]);
    assert_eq!(
        (&passed["structuredContent"], &passed["_meta"]),
        (&given["structuredContent"], &given["_meta"])
    );

    // A text that was cut inside an emoji, and a field that the server does not have.
    let passed = client.request_text("tools/call", r#"{"name":"odd__half","arguments":{"cut":"y\ud83d"}}"#);
    assert_eq!(text(&passed["result"]), "x\u{fffd}", "{passed:#}");
    assert_eq!(passed["result"].get("structuredContent"), None, "{passed:#}");

    let id = client.begin("tools/call", json!({ "name": "odd__hang", "arguments": {} }));
    eventually("the call arrives", || async {
        odd.seen().iter().any(|message| message["params"]["name"] == "hang").then_some(())
    })
    .await;
    client.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }),
    );
    odd.sees("notifications/cancelled").await;

    let died = client.call("odd__die", json!({}));
    assert_eq!(died["isError"], true, "{died:#}");
    assert_says(text(&died), &["hint: ", "went away during die"]);
}

#[test]
fn results_have_their_type_for_clients_of_the_newer_revision_only() {
    let odd = FakeServer::new();
    let mut all = servers();
    all["odd"] = odd.entry(&[]);
    let folder = Folder::with_servers(all);
    let args = ["--expose-tools", "demo", "--expose-tools", "odd"];
    for (modern, expected) in [(true, json!("complete")), (false, Value::Null)] {
        let start = if modern { Client::modern } else { Client::legacy };
        let mut client = start(folder.path(), &args);
        client.tools();
        let result = json!({ "content": [{ "type": "text", "text": "x" }] });
        let arguments = json!({ "result": result });
        let answer = client.request("tools/call", json!({ "name": "odd__give", "arguments": arguments }));
        assert_eq!(answer["result"]["resultType"], expected, "{answer:#}");
        let listed = client.request("resources/list", json!({}));
        let uri = crate::harness::text(&listed["result"]["resources"][0]["uri"]).to_owned();
        let answer = client.request("resources/read", json!({ "uri": uri }));
        assert_eq!(answer["result"]["resultType"], expected, "{answer:#}");
        let id = uri.strip_prefix("document:").expect("a document");
        let prompt = json!({ "name": "demo__summarise", "arguments": { "id": id } });
        let answer = client.request("prompts/get", prompt);
        assert_eq!(answer["result"]["resultType"], expected, "{answer:#}");
    }
}

/// Clients refuse a whole list for one unusual schema; `mcp_clients.rs` tests that they accept this
/// one.
#[test]
fn unusual_definitions_are_adapted_for_clients() {
    let odd = FakeServer::new();
    odd.define(json!([
        { "name": "empty", "inputSchema": {} },
        { "name": "nullable", "inputSchema": { "type": ["object", "null"], "properties": { "x": true } } },
        { "name": "unrequired", "inputSchema": { "type": "object", "required": null }, "title": 5, "description": "Kept." },
    ]));
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["defined"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/*"]);
    let tools = client.tools();
    assert_eq!(names(&tools)[3..], ["odd__empty", "odd__nullable", "odd__unrequired"]);
    assert_eq!(tools[3]["inputSchema"], json!({ "type": "object" }));
    assert_eq!(tools[4]["inputSchema"], json!({ "type": "object", "properties": { "x": {} } }));
    assert_eq!(tools[5]["inputSchema"], json!({ "type": "object" }));
    assert_eq!((&tools[5]["description"], tools[5].get("title")), (&json!("Kept."), None));
}

#[test]
fn silent_servers_do_not_delay_lists() {
    let (first, second) = (FakeServer::new(), FakeServer::new());
    let mut all = servers();
    for (name, odd) in [("mute", &first), ("deaf", &second)] {
        all[name] = odd.entry(&["mute"]);
    }
    let folder = Folder::with_servers(all);
    let args = ["demo", "mute", "deaf"].map(|server| ["--expose-tools", server]).concat();
    let mut client = Client::legacy(folder.path(), &args);
    let began = Instant::now();
    let prompts = client.request("prompts/list", json!({}));
    assert_eq!(prompts["result"]["prompts"][0]["name"], "demo__summarise", "{prompts:#}");
    let resources = client.request("resources/list", json!({}));
    let uri = resources["result"]["resources"][0]["uri"].clone();
    // The first server with the address does not wait for later ones.
    let read = client.request("resources/read", json!({ "uri": uri }));
    assert!(read["result"]["contents"].is_array(), "{read:#}");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[test]
fn listing_or_describing_starts_a_lazy_server() {
    let odd = FakeServer::new();
    let mut lazy = odd.entry(&[]);
    lazy["start"] = "lazy".into();
    let gone = json!({ "command": "./no-such-program", "start": "lazy" });
    let folder = Folder::with_servers(json!({ "odd": lazy, "gone": gone }));
    let mut client = Client::legacy(folder.path(), &[]);
    let tools = client.tools();
    let run = tools.iter().find(|tool| tool["name"] == "run").expect("it is there");
    assert_says(
        crate::harness::text(&run["description"]),
        &["Started when first used, or by `describe`: env.odd, env.gone."],
    );
    assert!(odd.seen().is_empty(), "looking at all tools starts no such server");
    let described = client.call("describe", json!({ "tools": ["odd/pid"] }));
    assert_says(text(&described), &["Answers with its process id"]);
    let described = client.call("describe", json!({ "tools": ["gone"] }));
    assert_eq!(described["isError"], true, "{described:#}");
    assert_says(text(&described), &["the server `gone` has not listed its tools: ", "no-such-program"]);

    // A tool that is passed through must be listed before it can be called.
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/pid"]);
    assert_eq!(names(&client.tools())[3..], ["odd__pid"]);
    client.call("odd__pid", json!({}));
}

#[test]
fn metadata_opaque_addresses_and_tools_called_like_members_pass() {
    let odd = FakeServer::new();
    let meta = json!({ "ui": { "resourceUri": "ui://odd/page" } });
    let plain = json!({ "type": "object" });
    odd.define(json!([
        { "name": "shown", "inputSchema": plain, "_meta": meta },
        { "name": "$tools", "inputSchema": plain },
        { "name": "$raw", "inputSchema": plain },
    ]));
    odd.define_beside("resources", json!([{ "uri": "memo:insights", "name": "insights" }]));
    let giving = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["defined"]), "giving": giving.entry(&[]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd", "--list-wait", "10s"]);
    let tools = client.tools();
    let shown = tools.iter().find(|tool| tool["name"] == "odd__shown").expect("shown");
    assert_eq!(shown["_meta"], meta, "{shown:#}");
    let read = client.request("resources/read", json!({ "uri": "memo:insights" }));
    assert_eq!(read["result"]["contents"][0]["text"], "content", "{read:#}");

    // As the declarations say. A whole result keeps its metadata.
    let code = "const named = await Promise.all([env.odd.$tools({ a: 1 }), env.odd.$raw({ b: 2 })]);
        const whole = await env.giving.$raw('give', { result: { content: [], _meta: { own: true } } });
        return [named.map((one) => [one.called, one.with]), whole._meta];";
    let done = client.call("run", json!({ "code": code }));
    assert_eq!(
        done["structuredContent"]["result"],
        json!([[["$tools", { "a": 1 }], ["$raw", { "b": 2 }]], { "own": true }]),
        "{done:#}"
    );
}

#[test]
fn patterns_without_a_server_are_reported() {
    let folder = Folder::with_servers(servers());
    let mcp = isolet([
        "mcp",
        "--expose-tools",
        "nosuch",
        "--expose-tools",
        "demmo/add",
        "--expose-tools",
        "demo/add",
    ]);
    let said = mcp.within(folder.path()).stdin("").output().both();
    assert_says(&said, &["--expose-tools: there is no server for the pattern `nosuch`."]);
    assert_says(
        &said,
        &["--expose-tools: there is no server for the pattern `demmo/add`. Did you mean `demo/add`?"],
    );
    assert!(!said.contains("pattern `demo/add`"), "{said}");
}

#[tokio::test]
async fn over_http_in_both_eras() {
    let odd = FakeServer::new();
    let mut all = servers();
    all["odd"] = odd.entry(&["big"]);
    let exposed = ["--expose-tools", "demo/*", "--expose-tools", "odd/*"];
    let server = Daemon::serve_in(Folder::with_servers(all), &exposed).await_ready().await;
    let session = Session::open(&server).await;
    let params = json!({ "name": "demo__add", "arguments": { "a": 20, "b": 22 } });
    let done = session.request("tools/call", params.clone()).await;
    assert_eq!(done["result"]["structuredContent"]["sum"], 42, "{done:#}");
    let done = last_message(&server.send(modern("tools/call", params)).await.expect(200));
    assert_eq!(done["result"]["structuredContent"]["sum"], 42, "{done:#}");

    // A client that hangs up cancels the call upstream.
    let mut connection = server.connect().await;
    let hang = modern("tools/call", json!({ "name": "odd__hang", "arguments": {} }));
    tokio::select! {
        _ = connection.send(hang) => panic!("it hangs"),
        _ = odd.sees("tools/call") => {}
    }
    drop(connection);
    odd.sees("notifications/cancelled").await;

    // Numbers that neither 64 bits nor a double can hold, in events and in a document.
    let params = json!({ "name": "odd__big", "arguments": {}, "_meta": { "progressToken": 1 } });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let in_events = session.within(mcp::post(&message));
    for (request, kind) in
        [(in_events, "text/event-stream"), (modern("tools/call", params), "application/json")]
    {
        let answer = server.send(request).await.expect(200);
        assert_eq!(answer.header("content-type"), kind);
        assert_says(&answer.text(), &["{\"n\":[123456789012345678901234567890,-1e999,0.1]}"]);
    }
    server.assert_works().await;
}

#[test]
fn patterns_are_checked_at_the_start() {
    isolet(["mcp", "--expose-tools", "["]).output().exits(2);
    isolet(["mcp", "--plain-names"]).output().exits(2);
}

#[test]
fn an_address_goes_only_to_the_server_that_lists_it() {
    let (greedy, notes, plain) = (FakeServer::new(), FakeServer::new(), FakeServer::new());
    for odd in [&greedy, &notes, &plain] {
        odd.define(json!([]));
    }
    // Without a scheme before the first brace a template would match every address.
    greedy.define_beside(
        "templates",
        json!([
            { "uriTemplate": "{+uri}", "name": "all" }, { "uriTemplate": "{scheme}:{+rest}", "name": "all" },
            { "uriTemplate": "n{rest}", "name": "some" }, { "uriTemplate": "greedy:{id}", "name": "own" }
        ]),
    );
    notes.define_beside("templates", json!([{ "uriTemplate": "notes:{id}", "name": "note" }]));
    plain.define_beside("resources", json!([{ "uri": "notes:listed", "name": "listed" }]));
    let folder = Folder::with_servers(json!({
        "greedy": greedy.entry(&["defined"]), "notes": notes.entry(&["defined"]), "plain": plain.entry(&["defined"])
    }));
    let mut client = Client::legacy(
        folder.path(),
        &["--expose-tools", "greedy", "--expose-tools", "notes", "--expose-tools", "plain"],
    );
    let reads = |odd: &FakeServer| -> Vec<String> {
        let seen = odd.seen().into_iter().filter(|message| message["method"] == "resources/read");
        seen.map(|message| crate::harness::text(&message["params"]["uri"]).to_owned()).collect()
    };
    for uri in ["notes:1", "notes:listed", "greedy:1"] {
        let read = client.request("resources/read", json!({ "uri": uri }));
        assert_eq!(read["result"]["contents"][0]["uri"], uri, "{read:#}");
    }
    for uri in ["secret:token", "", "none", "{+uri}"] {
        let read = client.request("resources/read", json!({ "uri": uri }));
        assert_eq!(read["error"]["code"], -32002, "{uri}: {read:#}");
    }
    assert_eq!(reads(&greedy), ["greedy:1"]);
    assert_eq!(reads(&notes), ["notes:1"]);
    assert_eq!(reads(&plain), ["notes:listed"]);
}
