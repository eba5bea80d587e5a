//! Pass-through: upstream tools, prompts and resources offered as they are. The official suite (`conformance.rs`) sees
//! the same through a server that was written for it; here are names, bounds, errors, and what must not pass.

mod harness;

use std::time::{Duration, Instant};

use harness::mcp::{Client, Session, last_message, modern, text};
use harness::odd::Odd;
use harness::*;

fn servers() -> Value {
    let demo = json!({ "command": ISOLET, "args": ["demo-mcp"] });
    let records = json!({ "command": ISOLET, "args": ["demo-mcp", "--part", "records"] });
    json!({ "demo": demo, "my.crm": records })
}

fn in_folder(servers: Value) -> Folder {
    let folder = Folder::new();
    folder.mcp_json(servers);
    folder
}

fn names(tools: &[Value]) -> Vec<&str> {
    tools.iter().map(|tool| harness::text(&tool["name"])).collect()
}

#[test]
fn chosen_tools_are_offered_under_names_that_say_whose_they_are() {
    let folder = in_folder(servers());
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

    // What was not chosen is not there, whatever it is called.
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
fn plain_names_are_kept_where_no_two_are_the_same() {
    let folder = in_folder(servers());
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
    let folder = in_folder(servers());
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "demo", "--expose-tools", "my.crm"]);
    client.tools();
    let prompts = client.request("prompts/list", json!({}));
    assert_eq!(prompts["result"]["prompts"][0]["name"], "demo__summarise", "{prompts:#}");
    let resources = client.request("resources/list", json!({}));
    let uri = resources["result"]["resources"][0]["uri"].clone();
    let read = client.request("resources/read", json!({ "uri": uri }));
    assert!(!harness::text(&read["result"]["contents"][0]["text"]).is_empty());
    let id = harness::text(&uri).strip_prefix("document:").expect("a document").to_owned();
    let got = client.request("prompts/get", json!({ "name": "demo__summarise", "arguments": { "id": id } }));
    assert_eq!(got["result"]["messages"].as_array().map(Vec::len), Some(1), "{got:#}");
    let unknown = client.request("resources/read", json!({ "uri": "document:none" }));
    assert_says(harness::text(&unknown["error"]["message"]), &["No resource document:none"]);
}

#[tokio::test]
async fn errors_and_cancellation_pass_in_both_directions() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&[]) }));
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
    assert_says(harness::text(&passed["content"][0]["text"]), &["hologram"]);
    assert_eq!(
        (&passed["structuredContent"], &passed["_meta"]),
        (&given["structuredContent"], &given["_meta"])
    );

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
fn results_say_their_type_to_clients_of_the_newer_revision_alone() {
    let odd = Odd::new();
    let mut all = servers();
    all["odd"] = odd.entry(&[]);
    let folder = in_folder(all);
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
        let uri = harness::text(&listed["result"]["resources"][0]["uri"]).to_owned();
        let answer = client.request("resources/read", json!({ "uri": uri }));
        assert_eq!(answer["result"]["resultType"], expected, "{answer:#}");
        let id = uri.strip_prefix("document:").expect("a document");
        let prompt = json!({ "name": "demo__summarise", "arguments": { "id": id } });
        let answer = client.request("prompts/get", prompt);
        assert_eq!(answer["result"]["resultType"], expected, "{answer:#}");
    }
}

/// Clients refuse a whole list over one tool whose schema is not as they want it; that they take this one is in
/// `mcp_clients.rs`.
#[test]
fn odd_definitions_are_made_fit() {
    let odd = Odd::new();
    odd.define(json!([
        { "name": "empty", "inputSchema": {} },
        { "name": "nullable", "inputSchema": { "type": ["object", "null"], "properties": { "x": true } } },
        { "name": "unrequired", "inputSchema": { "type": "object", "required": null }, "title": 5, "description": "Kept." },
    ]));
    let folder = in_folder(json!({ "odd": odd.entry(&["defined"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/*"]);
    let tools = client.tools();
    assert_eq!(names(&tools)[3..], ["odd__empty", "odd__nullable", "odd__unrequired"]);
    assert_eq!(tools[3]["inputSchema"], json!({ "type": "object" }));
    assert_eq!(tools[4]["inputSchema"], json!({ "type": "object", "properties": { "x": {} } }));
    assert_eq!(tools[5]["inputSchema"], json!({ "type": "object" }));
    assert_eq!((&tools[5]["description"], tools[5].get("title")), (&json!("Kept."), None));
}

#[test]
fn servers_that_say_nothing_keep_no_list_back() {
    let (first, second) = (Odd::new(), Odd::new());
    let mut all = servers();
    for (name, odd) in [("mute", &first), ("deaf", &second)] {
        all[name] = odd.entry(&["mute"]);
    }
    let folder = in_folder(all);
    let args = ["demo", "mute", "deaf"].map(|server| ["--expose-tools", server]).concat();
    let mut client = Client::legacy(folder.path(), &args);
    let began = Instant::now();
    let prompts = client.request("prompts/list", json!({}));
    assert_eq!(prompts["result"]["prompts"][0]["name"], "demo__summarise", "{prompts:#}");
    let resources = client.request("resources/list", json!({}));
    let uri = resources["result"]["resources"][0]["uri"].clone();
    // The first that has it is not kept waiting by those that come after it.
    let read = client.request("resources/read", json!({ "uri": uri }));
    assert!(read["result"]["contents"].is_array(), "{read:#}");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[test]
fn a_server_that_waits_for_its_first_use_is_started_by_who_lists_or_describes_it() {
    let odd = Odd::new();
    let mut lazy = odd.entry(&[]);
    lazy["start"] = "lazy".into();
    let gone = json!({ "command": "./no-such-program", "start": "lazy" });
    let folder = in_folder(json!({ "odd": lazy, "gone": gone }));
    let mut client = Client::legacy(folder.path(), &[]);
    let tools = client.tools();
    let run = tools.iter().find(|tool| tool["name"] == "run").expect("it is there");
    assert_says(
        harness::text(&run["description"]),
        &["Started when first used, or by `describe`: env.odd, env.gone."],
    );
    assert!(odd.seen().is_empty(), "looking at all tools starts no such server");
    let described = client.call("describe", json!({ "tools": ["odd/pid"] }));
    assert_says(text(&described), &["Answers with its process id"]);
    let described = client.call("describe", json!({ "tools": ["gone"] }));
    assert_eq!(described["isError"], true, "{described:#}");
    assert_says(text(&described), &["the server `gone` has not listed its tools: ", "no-such-program"]);

    // What is passed through cannot be called before it is listed.
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/pid"]);
    assert_eq!(names(&client.tools())[3..], ["odd__pid"]);
    client.call("odd__pid", json!({}));
}

fn logged(client: &mut Client) -> Vec<Value> {
    client.heard("notifications/message").iter().map(|told| told["params"].clone()).collect()
}

#[tokio::test]
async fn what_a_server_logs_is_heard_by_who_asked_and_by_nobody_else() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&["logs"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/*"]);
    client.tools();
    let log = |level: &str, says: &[&str]| json!({ "level": level, "says": says });
    client.call("odd__log", log("info", &["not asked for"]));
    assert_eq!(client.request("logging/setLevel", json!({ "level": "notice" }))["result"], json!({}));
    client.call("odd__log", log("warning", &["one", "two"]));
    client.call("odd__log", log("info", &["too low"]));
    let line = |data: &str| json!({ "level": "warning", "logger": "odd", "data": data });
    assert_eq!(logged(&mut client), [line("one"), line("two")]);
    let asked = odd.seen().into_iter().filter(|message| message["method"] == "logging/setLevel");
    assert_eq!(asked.map(|message| message["params"]["level"].clone()).collect::<Vec<_>>(), ["notice"]);
    let wrong = client.request("logging/setLevel", json!({ "level": "loud" }));
    assert_eq!(wrong["error"]["code"], -32602, "{wrong:#}");

    // Of two requests at once nobody can tell whose a message is, and a script's is as good as any.
    let script = json!({ "name": "run", "arguments": { "code": "return await env.odd.late({ ms: 4000 })" } });
    let run = client.begin("tools/call", script);
    eventually("the script's call arrives", || async {
        odd.seen().iter().any(|message| message["params"]["name"] == "late").then_some(())
    })
    .await;
    client.call("odd__log", log("error", &["whose?"]));
    assert_eq!(text(&client.answer(run)["result"]), "late");
    client.call("odd__log", log("warning", &["three"]));
    assert_eq!(logged(&mut client).len(), 3);

    // A server may be at work on what was given up.
    let hang = client.begin("tools/call", json!({ "name": "odd__hang", "arguments": {} }));
    eventually("the call arrives", || async {
        odd.seen().iter().any(|message| message["params"]["name"] == "hang").then_some(())
    })
    .await;
    client.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": hang } }),
    );
    odd.sees("notifications/cancelled").await;
    client.call("odd__log", log("error", &["perhaps of the call before"]));
    assert_eq!(logged(&mut client).len(), 3);
}

#[test]
fn clients_of_the_newer_revision_ask_for_log_messages_with_each_request() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&["logs"]) }));
    let mut client = Client::modern(folder.path(), &["--expose-tools", "odd/*"]);
    client.tools();
    let mut call = |meta: Value| {
        let arguments = json!({ "level": "info", "says": ["heard"] });
        client.request("tools/call", json!({ "name": "odd__log", "arguments": arguments, "_meta": meta }));
        logged(&mut client).len()
    };
    assert_eq!(call(json!({})), 0);
    assert_eq!(call(json!({ "io.modelcontextprotocol/logLevel": "info" })), 1);
    let removed = client.request("logging/setLevel", json!({ "level": "info" }));
    assert_eq!(removed["error"]["code"], -32601, "{removed:#}");
}

/// Waits until the client hears that a resource has changed.
fn updated(client: &mut Client) -> Value {
    let told = client.wait("an update", |message| message["method"] == "notifications/resources/updated");
    told["params"].clone()
}

#[test]
fn subscribers_hear_of_changes_and_still_do_after_the_server_was_gone() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&["watched"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd"]);
    client.tools();
    let touch = |uri: &str| json!({ "uri": uri });
    let page = json!({ "uri": "odd://page" });
    client.call("odd__touch", touch("odd://page"));
    assert_eq!(client.request("resources/subscribe", page.clone())["result"], json!({}));
    client.call("odd__touch", touch("odd://other"));
    client.call("odd__touch", touch("odd://page/part"));
    assert_eq!(updated(&mut client), page);

    client.call("odd__die", json!({}));
    // There may have been a change meanwhile, so the new subscription begins with an update.
    assert_eq!(updated(&mut client), page);
    client.call("odd__touch", touch("odd://page"));
    assert_eq!(updated(&mut client), page);

    assert_eq!(client.request("resources/unsubscribe", page.clone())["result"], json!({}));
    client.call("odd__touch", touch("odd://page"));
    let refused = client.request("resources/subscribe", json!({ "uri": "odd://none" }));
    assert_eq!(refused["error"]["message"], "there is no such page", "{refused:#}");
    assert!(client.heard("notifications/resources/updated").is_empty());
}

#[test]
fn clients_of_the_newer_revision_listen_to_resources() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&["watched"]) }));
    let mut client = Client::modern(folder.path(), &["--expose-tools", "odd"]);
    client.tools();
    let wanted = json!({ "notifications": { "resourceSubscriptions": ["odd://page"] } });
    let listening = client.begin("subscriptions/listen", wanted);
    let told = client.wait("it", |message| message["method"] == "notifications/subscriptions/acknowledged");
    assert_eq!(told["params"]["notifications"]["resourceSubscriptions"], json!(["odd://page"]), "{told:#}");
    let told = loop {
        // Acknowledged is not yet subscribed.
        client.call("odd__touch", json!({ "uri": "odd://page" }));
        if let Some(told) = client.heard("notifications/resources/updated").pop() {
            break told;
        }
    };
    assert_eq!(told["params"]["uri"], "odd://page", "{told:#}");
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], listening);

    let wanted = json!({ "notifications": { "resourceSubscriptions": ["odd://none"] } });
    let refused = client.request("subscriptions/listen", wanted);
    assert_eq!(refused["error"]["message"], "there is no such page", "{refused:#}");
}

#[tokio::test]
async fn one_subscription_upstream_serves_all_sessions() {
    let odd = Odd::new();
    let folder = in_folder(json!({ "odd": odd.entry(&["watched"]) }));
    let server = Daemon::serve_in(folder, &["--expose-tools", "odd"]).await_ready().await;
    let page = json!({ "uri": "odd://page" });
    let count = |method: &str| odd.seen().iter().filter(|message| message["method"] == method).count();
    let (one, other) = (Session::open(&server).await, Session::open(&server).await);
    for session in [&one, &one, &other] {
        assert_eq!(session.request("resources/subscribe", page.clone()).await["result"], json!({}));
    }
    assert_eq!(count("resources/subscribe"), 1);
    one.request("resources/unsubscribe", page.clone()).await;
    one.request("resources/unsubscribe", page.clone()).await;
    // A subscription that another session still has is left alone.
    other.request("tools/call", json!({ "name": "odd__touch", "arguments": page })).await;
    assert_eq!(count("resources/unsubscribe"), 0);
    let close = http::Request::new(::http::Method::DELETE, "/mcp");
    assert!(server.send(other.within(close)).await.status < 300);
    odd.sees("resources/unsubscribe").await;
}

#[test]
fn patterns_for_servers_that_there_are_not_are_told() {
    let folder = in_folder(servers());
    let mcp = isolet(["mcp", "--expose-tools", "nosuch", "--expose-tools", "demo/add"]);
    let said = mcp.within(folder.path()).stdin("").output().both();
    assert_says(&said, &["--expose-tools nosuch: there is no such server"]);
    assert!(!said.contains("demo/add"), "{said}");
}

#[tokio::test]
async fn over_http_in_both_eras() {
    let odd = Odd::new();
    let mut all = servers();
    all["odd"] = odd.entry(&["big"]);
    let exposed = ["--expose-tools", "demo/*", "--expose-tools", "odd/*"];
    let server = Daemon::serve_in(in_folder(all), &exposed).await_ready().await;
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

    // Numbers that neither 64 bits nor a double hold, in events and in a document.
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
