//! isolet as an MCP server, from the clients that people use: both generations of the official TypeScript SDK, the
//! official Python SDK, and the command line of the MCP Inspector; each on standard input and over HTTP. They validate
//! what they get against the protocol and the tools' schemas.

mod harness;

use harness::*;

/// A conversation with `talk.mjs` or `python.py`, over both transports.
async fn talks(client: impl Fn(&[&str]) -> command::Invocation) {
    let folder = Folder::new();
    folder.mcp_json(json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] } }));
    let server = Daemon::serve_in(folder, &["--expose-tools", "demo/add"]).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    let folder = server.folder().path();
    let over_stdio = [ISOLET, "mcp", "--expose-tools", "demo/add"];
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

#[tokio::test]
async fn the_python_sdk() {
    let script = repository().join("tests/clients/python.py").display().to_string();
    let python = pypi::clients().program("python");
    talks(|target| command::program(&python, [script.as_str()]).args(target)).await;
}

#[tokio::test]
async fn the_inspectors_command_line() {
    let clients = npm::clients();
    let folder = Folder::new();
    folder.mcp_json(json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] } }));
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    let folder = server.folder().path();
    for (target, rest) in [(None, &["--", ISOLET, "mcp"][..]), (Some(url.as_str()), &[])] {
        let inspect = |args: &[&str]| {
            let program = clients.program("mcp-inspector");
            let inspector = command::program(clients.node(), [program.as_str(), "--cli"]).env("HOME", folder);
            inspector.args(target.as_slice()).args(args).args(rest).within(folder).output()
        };
        // With --strict it is also a judge of schemas: what not every provider of models takes is an error or a warning.
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
        assert_says(text(&described["content"][0]["text"]), &["interface AddInput"]);
        let ran = call("run", "code=return (await env.demo.add({ a: 1, b: 2 })).sum").exits(0).json();
        assert_eq!(ran["structuredContent"]["result"], 3);
        let failed = call("run", "code=await env.demo.fail({ message: 'as asked' })");
        assert_ne!(failed.code, Some(0), "{}", failed.both());
        assert_says(&failed.both(), &["\"isError\": true", "ToolError: as asked"]);
    }
}
