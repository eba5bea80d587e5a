//! `isolet mcp`, from hand-made clients: the three tools, all revisions, progress, cancellation.
//! `mcp_endpoint.rs` has the same over HTTP, `mcp_clients.rs` the clients that people use.

use std::time::{Duration, Instant};

use crate::harness::fake_server::FakeServer;
use crate::harness::mcp::{Client, text};
use crate::harness::*;
use rustix::process::{Pid, Signal, kill_process};

fn tool<'a>(tools: &'a [Value], name: &str) -> &'a Value {
    tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("{name} is not in {tools:#?}"))
}

#[test]
fn a_model_gets_three_tools_and_a_catalogue_with_a_working_example() {
    let folder = Folder::with_servers(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    let tools = client.tools();
    let names: Vec<&str> = tools.iter().map(|tool| crate::harness::text(&tool["name"])).collect();
    assert_eq!(names, ["search", "describe", "run"]);
    for (name, read_only) in [("search", true), ("describe", true), ("run", false)] {
        let tool = tool(&tools, name);
        assert_eq!(tool["annotations"]["readOnlyHint"], read_only, "{tool:#}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
    }
    let run = tool(&tools, "run");
    let description = crate::harness::text(&run["description"]);
    assert_says(description, &["These are all 11 tools with", "env.demo", "Limits: 60 s, 500 calls"]);
    // Claude Code cuts longer texts without notice.
    for tool in &tools {
        assert!(crate::harness::text(&tool["description"]).len() <= 2000, "{tool:#}");
        // Some models' APIs refuse schemas with alternatives, or a list without `items`.
        assert!(!tool["inputSchema"].to_string().contains("anyOf"), "{tool:#}");
    }
    // Every session pays for these: some 700 tokens of 4 bytes each.
    let paid =
        tools.iter().map(|tool| json!([tool["name"], tool["description"], tool["inputSchema"]]).to_string());
    let paid: usize = paid.map(|text| text.len()).sum();
    assert!(paid < 3_500, "{paid} bytes");
    assert_says(description, &["never {content: […]}", "Await every call"]);
    assert_eq!(run["annotations"]["destructiveHint"], true);

    // The example is a script whose calls the servers accept.
    let example =
        description.split_once("Example:\n").expect("an example").1.split_once("\n\n").expect("more").0;
    let done = client.call("run", json!({ "code": example }));
    let error = &done["structuredContent"]["error"]["code"];
    assert!(error.is_null() || error == "tool_error", "{example}: {done:#}");
    assert!(example.matches("env.demo.").count() == 2 && example.contains(".filter("), "{example}");
}

/// The same conversation in every revision.
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
        &[
            "/** First summand. */",
            "declare const env: { demo: Demo };",
            "// Not found: the server `demo` has no tool `nothing`",
        ],
    );
    let boilerplate = ["McpServer", "interface Env", "$raw", "$tools"];
    assert!(!boilerplate.iter().any(|words| text(&described).contains(words)), "{}", text(&described));

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
    assert!(text(&failed).starts_with("hint: Did you mean add? It is called as `env.demo.add(input: { a: number; b: number })`.\nerror[exception]: "), "{}", text(&failed));
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
    assert_says(crate::harness::text(&nameless["error"]["message"]), &["tools/call", "missing field `name`"]);
}

#[test]
fn the_older_revisions_on_standard_input() {
    let folder = Folder::with_servers(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    converse(&mut client);
    let children = processes::descendants(Pid::from_raw(client.pid().cast_signed()).expect("a pid"));
    assert!(!children.is_empty());
    assert!(client.close().success(), "the end of its input is an orderly end");
    for child in children {
        // The guards end the remaining processes a moment later.
        let began = Instant::now();
        while child.is_alive() {
            assert!(began.elapsed() < WAIT_TIMEOUT, "{child:?} is left");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_newer_revision_on_standard_input() {
    let folder = Folder::with_servers(demo());
    let mut client = Client::modern(folder.path(), &[]);
    converse(&mut client);
    let listed = client.request("tools/list", json!({}));
    assert_eq!(listed["result"]["resultType"], "complete", "{listed:#}");
}

#[test]
fn a_client_without_structured_content_gets_all_of_the_result_as_text() {
    let folder = Folder::with_servers(demo());
    let code = json!({ "code": "return 'x'.repeat(5000)" });
    let mut old = Client::start(folder.path(), &[]);
    old.request("initialize", mcp::initialize("2025-03-26"));
    old.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let done = old.call("run", code.clone());
    assert_eq!((text(&done).len(), done.get("structuredContent")), (5000, None));

    // Half of the newer clients show their model the text alone, so it has the result up to a
    // bound.
    let mut new = Client::legacy(folder.path(), &[]);
    let done = new.call("run", code.clone());
    assert_eq!(
        (text(&done).len(), crate::harness::text(&done["structuredContent"]["result"]).len()),
        (5000, 5000)
    );
    let long = json!({ "code": "return 'x'.repeat(50000)" });
    let done = new.call("run", long.clone());
    assert!(text(&done).len() < 600, "{}", text(&done));

    // These clients are known to show structured content.
    let mut known = Client::start(folder.path(), &[]);
    let mut hello = mcp::initialize(mcp::LEGACY);
    hello["clientInfo"]["name"] = json!("claude-code");
    known.request("initialize", hello);
    known.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let done = known.call("run", code);
    assert!(text(&done).len() < 600, "{}", text(&done));
    assert_eq!(crate::harness::text(&done["structuredContent"]["result"]).len(), 5000);
    assert_eq!(tool(&known.tools(), "run")["_meta"], json!({ "anthropic/alwaysLoad": true }));

    let mut both = Client::legacy(folder.path(), &["--full-text"]);
    let done = both.call("run", long);
    assert_eq!((text(&done).len(), done["structuredContent"]["ok"].clone()), (50000, json!(true)));
}

#[test]
fn arguments_are_read_leniently() {
    let folder = Folder::with_servers(demo());
    for mut client in [Client::legacy(folder.path(), &[]), Client::modern(folder.path(), &[])] {
        // All arguments as the text of a JSON object, as some clients send them.
        let answer =
            client.request("tools/call", json!({ "name": "run", "arguments": "{\"code\":\"return 7\"}" }));
        assert_eq!(text(&answer["result"]), "7", "{answer:#}");
        let answer = client.request("tools/call", json!({ "name": "run", "arguments": "return 7" }));
        assert_eq!(answer["result"]["isError"], true, "{answer:#}");
        assert_says(text(&answer["result"]), &["must be a JSON object", "\"code\": \"return 1\""]);
        // Whole numbers in the notation of some languages, and an argument that a client adds to
        // every call.
        let done = client
            .call("run", json!({ "code": "return 1", "timeout_ms": 5000.0, "task_progress": "- [x] all" }));
        assert_says(text(&done), &["warning: `run` has no argument `task_progress`", "\n1"]);
        assert_eq!(done["structuredContent"]["warnings"][0]["code"], "ignored_argument", "{done:#}");
        let found =
            client.call("search", json!({ "query": "add numbers", "limit": 1.0, "task_progress": "" }));
        assert_says(text(&found), &["warning: `search` has no argument `task_progress`", "env.demo.add("]);
    }
}

#[test]
fn nothing_is_written_to_a_client_that_has_hung_up() {
    let folder = Folder::with_servers(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    let code = "await env.demo.wait({ ms: 20000 })";
    let id = client.begin("tools/call", json!({ "name": "run", "arguments": { "code": code } }));
    std::thread::sleep(Duration::from_millis(500));
    let after = client.close_and_listen();
    assert!(after.iter().all(|message| message["id"] != id), "{after:#?}");
}

#[test]
fn a_search_names_servers_that_it_could_not_search() {
    let odd = FakeServer::new();
    let folder =
        Folder::with_servers(json!({ "mute": odd.entry(&["mute"]), "demo": demo()["demo"].clone() }));
    let mut client = Client::legacy(folder.path(), &[]);
    for query in ["add numbers", "zzzz"] {
        let found = client.call("search", json!({ "query": query }));
        assert_says(text(&found), &["Not searched: Not available now: env.mute (starting)."]);
    }
}

#[test]
fn progress_is_sent_while_a_script_runs_and_never_after() {
    let folder = Folder::with_servers(demo());
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
    assert!(messages.len() < 30, "a flood of lines is not a flood of messages: {}", messages.len());
    let steps: Vec<f64> = told.iter().filter_map(|told| told["params"]["progress"].as_f64()).collect();
    assert!(steps.is_sorted() && told.iter().all(|told| told["params"]["progressToken"] == "p"), "{told:?}");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(client.heard("notifications/progress").len(), told.len());
}

#[tokio::test]
async fn a_cancelled_request_cancels_its_run_and_the_call_upstream() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&[]) }));
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
fn clients_are_notified_of_tools_that_come_later() {
    let slow = json!({ "command": "sh", "args": ["-c", format!("sleep 4; exec {ISOLET} demo-mcp")] });
    let folder = Folder::with_servers(json!({ "slow": slow.clone() }));
    let mut client = Client::legacy(folder.path(), &[]);
    client.wait("list_changed", |message| message["method"] == "notifications/tools/list_changed");
    assert_says(
        crate::harness::text(&tool(&client.tools(), "run")["description"]),
        &["These are all 11 tools"],
    );

    let folder = Folder::with_servers(json!({ "slow": slow }));
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
fn a_list_does_not_wait_for_a_silent_server() {
    let odd = FakeServer::new();
    let folder =
        Folder::with_servers(json!({ "mute": odd.entry(&["mute"]), "demo": demo()["demo"].clone() }));
    let mut client = Client::legacy(folder.path(), &[]);
    let started = Instant::now();
    let mut lists = 0;
    loop {
        let tools = client.tools_now();
        lists += 1;
        let description = crate::harness::text(&tool(&tools, "run")["description"]);
        assert_says(description, &["env.mute (starting)"]);
        if description.contains("These are all 11 tools") {
            break;
        }
        assert!(started.elapsed() < WAIT_TIMEOUT, "{description}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() < Duration::from_secs(5) * lists, "{lists} lists, {:?}", started.elapsed());
}

/// A server that starts quickly until the file `slow` exists, and then in a minute.
fn slows_down(folder: &Folder) -> Value {
    let flag = folder.path().join("slow");
    json!({ "command": "sh", "args": ["-c", format!("[ -e {} ] && sleep 60; exec {ISOLET} demo-mcp", flag.display())] })
}

#[test]
fn the_last_list_of_a_server_is_shown_until_it_has_started() {
    let folder = Folder::new();
    folder.mcp_json(json!({ "slow": slows_down(&folder) }));
    let args = ["--expose-tools", "slow/add"];
    let mut client = Client::legacy(folder.path(), &args);
    let first = client.tools();
    assert_says(crate::harness::text(&tool(&first, "run")["description"]), &["These are all 11 tools"]);
    // The list is kept in the background; wait for the file.
    std::thread::sleep(Duration::from_secs(2));
    assert!(client.close().success());

    folder.write("slow", "");
    let began = Instant::now();
    let mut client = Client::legacy(folder.path(), &args);
    assert_eq!(client.tools_now(), first);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(client);

    // Rules hide tools in the kept list too, and another definition of the server has another list.
    folder.write("isolet.toml", "[[policy.rule]]\nname = 'no-add'\naction = 'deny'\ntool = 'add'\n");
    let listed = Client::legacy(folder.path(), &args).tools_now();
    let description = crate::harness::text(&tool(&listed, "run")["description"]);
    assert_says(description, &["These are all 10 tools"]);
    assert!(!description.contains("add(") && listed.len() == 3, "{listed:#?}");
    folder.write("isolet.toml", "[types]\nremember = false\n");
    let listed = Client::legacy(folder.path(), &args).tools_now();
    assert_says(
        crate::harness::text(&tool(&listed, "run")["description"]),
        &["Not available now: env.slow (starting)."],
    );
}

#[test]
fn it_leaves_itself_out_of_its_clients_list() {
    let folder = Folder::with_servers(
        json!({ "isolet": { "command": ISOLET, "args": ["mcp"] }, "demo": demo()["demo"].clone() }),
    );
    let mut client = Client::legacy(folder.path(), &[]);
    assert_says(
        crate::harness::text(&tool(&client.tools(), "run")["description"]),
        &["These are all 11 tools"],
    );
    let children = processes::descendants(Pid::from_raw(client.pid().cast_signed()).expect("a pid"));
    assert!(children.iter().all(|child| !child.command.contains("isolet mcp")), "{children:?}");
}

#[test]
fn a_signal_ends_it() {
    let folder = Folder::with_servers(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    client.tools();
    kill_process(Pid::from_raw(client.pid().cast_signed()).expect("a pid"), Signal::TERM).expect("our child");
    let started = Instant::now();
    assert!(client.close().success());
    assert!(started.elapsed() < Duration::from_secs(10));
}
