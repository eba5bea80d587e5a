//! isolet as an MCP server, from the clients that people use: both generations of the official
//! TypeScript SDK, the official Python SDK, and the command line of the MCP Inspector, each on
//! standard input and over HTTP. They validate answers against the protocol and the tools' schemas.

use crate::harness::fake_server::FakeServer;
use crate::harness::*;

/// Runs a conversation of `talk.mjs` or `python.py` over both transports.
async fn talks(client: impl Fn(&[&str]) -> command::Invocation) {
    let folder = Folder::with_servers(demo());
    let server = Daemon::serve_in(folder, &["--expose-tools", "demo/add"]).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    let folder = server.folder().path();
    let over_stdio =
        [ISOLET, "mcp", "--mcp-config", "mcp.json", "--list-wait", "10s", "--expose-tools", "demo/add"];
    for target in [&over_stdio[..], &[url.as_str()]] {
        let talked = client(target).within(folder).output().exits(0).json();
        assert_eq!(talked["tools"], json!(["search", "describe", "run", "demo__add"]), "{talked:#}");
        assert_eq!(talked["server"], "isolet");
        assert_says(text(&talked["search"]), &["env.demo.add(input: { a: number; b: number })"]);
        assert_says(text(&talked["describe"]), &["/** First summand. */"]);
        assert_eq!(talked["run"]["result"], json!({ "sum": 42 }), "{talked:#}");
        assert_eq!(talked["run"]["logs"], json!(["adding"]));
        assert!(
            talked["told"].as_array().is_some_and(|told| told.contains(&json!("adding"))),
            "progress: {talked:#}"
        );
        assert_eq!(
            (&talked["failed"]["isError"], &talked["failed"]["code"]),
            (&json!(true), &json!("tool_error"))
        );
        assert_says(text(&talked["failed"]["text"]), &["error[tool_error]: ToolError: as asked\nat line 1"]);
        assert_eq!(talked["passed"], json!({ "sum": 3 }));
    }
}

fn typescript(name: &str) -> impl Fn(&[&str]) -> command::Invocation {
    let script = repository().join("tests/clients").join(name).display().to_string();
    move |target| {
        let clients = npm::clients();
        let node = command::program(clients.node(), [script.as_str()]);
        node.args(target).env("MODULES", clients.folder())
    }
}

#[tokio::test]
async fn the_typescript_sdk_of_the_older_revisions() {
    talks(typescript("typescript-1.mjs")).await;
}

#[tokio::test]
async fn the_typescript_sdk_of_the_newer_revision() {
    talks(typescript("typescript-2.mjs")).await;
}

/// Results of servers of older revisions lack fields that clients of the newer one require.
#[tokio::test]
async fn answers_of_older_servers_pass_to_both_generations() {
    let odd = FakeServer::new();
    odd.define(json!([
        { "name": "odd_empty", "inputSchema": {} },
        { "name": "odd_nullable", "inputSchema": { "type": ["object", "null"], "properties": { "x": true } } },
        { "name": "odd_required", "inputSchema": { "type": "object", "required": null }, "title": 5 },
        { "name": "odd_bare" },
        { "name": "odd_output", "outputSchema": { "type": "object", "properties": { "x": { "$ref": "#/$defs/None" } } } },
        { "name": "odd_pattern", "outputSchema": { "type": "object", "properties": { "x": { "type": "string", "pattern": "(?i)^a" } } } },
        { "name": "odd_choice", "inputSchema": { "type": "object", "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] } },
    ]));
    let folder = Folder::new();
    folder.mcp_json(json!({
        "demo": { "command": ISOLET, "args": ["demo-mcp"], "era": "legacy" },
        "odd": odd.entry(&["defined"]),
    }));
    let args = ["--expose-tools", "demo", "--expose-tools", "odd/*", "--plain-names"];
    let server = Daemon::serve_in(folder, &args).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    let folder = server.folder().path();
    let over_stdio = [&[ISOLET, "mcp", "--mcp-config", "mcp.json", "--list-wait", "10s"], &args[..]].concat();
    for script in ["typescript-1.mjs", "typescript-2.mjs"] {
        let client = typescript(script);
        for target in [&over_stdio[..], &[url.as_str()]] {
            let client = client(target).env("CONVERSATION", "pass").within(folder);
            let passed = client.output().exits(0).json();
            let tools = passed["tools"].as_array().expect("a list");
            for name in [
                "add",
                "odd_empty",
                "odd_nullable",
                "odd_required",
                "odd_bare",
                "odd_output",
                "odd_pattern",
                "odd_choice",
            ] {
                assert!(tools.contains(&json!(name)), "{name}: {passed:#}");
            }
            assert_eq!(passed["sum"], json!({ "sum": 3 }), "{script}: {passed:#}");
            assert_says(&passed["echoed"].to_string(), &["as it is"]);
            assert_eq!(passed["failed"]["isError"], true, "{passed:#}");
            assert_says(&passed["failed"]["content"].to_string(), &["as asked"]);
            assert!(passed["read"].as_u64() > Some(0), "{passed:#}");
            assert_eq!((&passed["prompt"], &passed["messages"]), (&json!("summarise"), &json!(1)));
        }
    }
}

fn python() -> impl Fn(&[&str]) -> command::Invocation {
    let script = repository().join("tests/clients/python.py").display().to_string();
    let python = pypi::clients().program("python");
    move |target| command::program(&python, [script.as_str()]).args(target)
}

#[tokio::test]
async fn the_python_sdk() {
    talks(python()).await;
}

/// The server is a Worker, over the SDK's transport for requests and responses of the Fetch API.
#[tokio::test]
async fn a_server_in_a_worker() {
    let worker = Daemon::dev(&crate::workers::installed_as("mcp", "mcp-clients"), &[]);
    let url = format!("http://{}/mcp", worker.address());
    for name in ["typescript-1.mjs", "typescript-2.mjs"] {
        let client = typescript(name)(&[&url]).env("CONVERSATION", "list");
        assert_eq!(client.output().exits(0).json()["tools"], json!(["add", "fail"]), "{name}");
    }
    let folder = Folder::new();
    let clients = npm::clients();
    let program = clients.program("mcp-inspector");
    let called = command::program(clients.node(), [program.as_str(), "--cli", &url])
        .args(&["--method", "tools/call", "--tool-name", "add", "--tool-arg", "a=40", "b=2"])
        .env("HOME", folder.path())
        .within(folder.path())
        .output()
        .exits(0)
        .json();
    assert_eq!(called["content"][0]["text"], "42");
}

/// As many tools as three pages hold.
#[tokio::test]
async fn all_clients_read_a_list_of_several_pages() {
    let odd = FakeServer::new();
    let name = |at: usize| format!("tool_{at}");
    odd.define((0..2_100).map(|at| json!({ "name": name(at), "inputSchema": {} })).collect());
    let folder = Folder::new();
    folder.mcp_json(json!({ "odd": odd.entry(&["defined"]) }));
    let args = ["--expose-tools", "odd/tool_*", "--plain-names"];
    let server = Daemon::serve_in(folder, &args).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    let folder = server.folder().path();
    let over_stdio = [&[ISOLET, "mcp", "--mcp-config", "mcp.json", "--list-wait", "30s"], &args[..]].concat();
    let own = ["search", "describe", "run"].map(str::to_owned);
    let expected: Vec<String> = own.into_iter().chain((0..2_100).map(name)).collect();
    let (older, newer, python) = (typescript("typescript-1.mjs"), typescript("typescript-2.mjs"), python());
    for client in [&older as &dyn Fn(&[&str]) -> command::Invocation, &newer, &python] {
        for target in [&over_stdio[..], &[url.as_str()]] {
            let client = client(target).env("CONVERSATION", "list").within(folder);
            let listed = client.output().exits(0).json();
            assert!(
                listed["tools"] == json!(expected),
                "{} tools",
                listed["tools"].as_array().unwrap().len()
            );
        }
    }
}

#[tokio::test]
async fn the_inspectors_command_line() {
    let clients = npm::clients();
    let folder = Folder::with_servers(demo());
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    let folder = server.folder().path();
    let over_stdio = ["--", ISOLET, "mcp", "--mcp-config", "mcp.json", "--list-wait", "10s"];
    for (target, rest) in [(None, &over_stdio[..]), (Some(url.as_str()), &[])] {
        let inspect = |args: &[&str]| {
            let program = clients.program("mcp-inspector");
            let inspector = command::program(clients.node(), [program.as_str(), "--cli"]).env("HOME", folder);
            inspector.args(target.as_slice()).args(args).args(rest).within(folder).output()
        };
        // With `--strict` it also judges schemas: keywords that some providers of models refuse are
        // errors or warnings.
        let listed = inspect(&["--method", "tools/list", "--strict"]).exits(0);
        let tools = listed.json()["tools"].as_array().map(Vec::len);
        assert_eq!(tools, Some(3), "{}", listed.both());
        assert!(!listed.stderr.contains("Warning"), "{}", listed.both());

        let call = |tool: &str, arg: &str| {
            inspect(&["--method", "tools/call", "--tool-name", tool, "--tool-arg", arg])
        };
        let found = call("search", "query=add numbers").exits(0).json();
        assert_says(text(&found["content"][0]["text"]), &["env.demo.add("]);
        let described = call("describe", "tools=[\"demo/add\"]").exits(0).json();
        assert_says(text(&described["content"][0]["text"]), &["add(input: {"]);
        let ran = call("run", "code=return (await env.demo.add({ a: 1, b: 2 })).sum").exits(0).json();
        assert_eq!(ran["structuredContent"]["result"], 3);
        let failed = call("run", "code=await env.demo.fail({ message: 'as asked' })");
        assert_ne!(failed.code, Some(0), "{}", failed.both());
        assert_says(&failed.both(), &["\"isError\": true", "ToolError: as asked"]);
    }
}
