//! `[policy]`: hidden tools are nowhere, denied calls are not sent, and rules cannot be bypassed.

use crate::harness::fake_server::FakeServer;
use crate::harness::http::Request;
use crate::harness::*;

/// A server that echoes its arguments, behind these rules.
async fn guarded(tools: Value, rules: &str) -> (FakeServer, Daemon) {
    let odd = FakeServer::new();
    odd.define(tools);
    let folder = Folder::new();
    folder.mcp_json(json!({ "my-files": odd.entry(&["defined"]) }));
    folder.write("isolet.toml", rules);
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    (odd, server)
}

fn tools(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name, "inputSchema": { "type": "object" } })).collect()
}

/// `POST /mcp` with one request of the latest revision, which needs no session.
fn mcp(method: &str, name: &str, mut params: Value) -> Request {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Request::post("/mcp", "application/json", body.to_string())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
}

/// Waits until the audit log has `count` records and returns them: they are written after the
/// answer.
async fn log(server: &Daemon, lines: usize) -> String {
    eventually("records", async || {
        let text = server.folder().read("audit.jsonl");
        let text: String =
            text.split_inclusive('\n').filter(|line| !line.contains("\"event\":\"config\"")).collect();
        (text.lines().count() >= lines).then_some(text)
    })
    .await
}

/// Returns the tools that were called, as the server received them.
fn called(odd: &FakeServer) -> Vec<String> {
    let seen = odd.seen().into_iter().filter(|message| message["method"] == "tools/call");
    seen.map(|message| text(&message["params"]["name"]).to_owned()).collect()
}

const NO_DELETES: &str = "[[policy.rule]]\nname = 'no-deletes'\naction = 'deny'\ntool = 'delete-*'\n";

#[tokio::test]
async fn a_hidden_tool_is_nowhere_and_a_call_names_the_rule() {
    let (odd, server) = guarded(tools(&["delete-file", "delete_all", "list"]), NO_DELETES).await;
    let types = server.get("/v1/types").await.expect(200).text();
    assert!(types.contains("list") && !types.contains("delete-file"), "{types}");
    server.get("/v1/types/my-files/delete-file").await.problem(404);
    let hits = server.get("/v1/search?q=delete-file").await.expect(200).json();
    assert!(!hits["hits"].to_string().contains("delete-file"), "{hits:#}");
    let report = server.run("return await env['my-files'].$tools()").await;
    assert_eq!(*result(&report), json!(["delete_all", "list"]));

    for call in [
        "env['my-files']['delete-file']({})",
        "env.my_files.delete_file({})",
        "env['my-files'].$raw('delete-file', {})",
        "env.my_files.$raw('delete_file', {})",
    ] {
        let report = server.run(&format!("return await {call}")).await;
        let failure = error(&report, "tool_error");
        assert_says(text(&failure["message"]), &["The rule \"no-deletes\" denies my-files/delete-file"]);
        assert_says(text(&failure["hint"]), &["isolet.toml"]);
    }
    for (call, hint) in [
        ("env.my_files['delete-fil']({})", "delete-file"),
        ("env.my_files['DELETE-FILE']({})", "delete-file"),
        ("env.my_files['delete\u{2010}file']({})", "delete-file"),
        ("env.my_files['__proto__']({})", "delete-file"),
    ] {
        let report = server.run(&format!("return await {call}")).await;
        let failure = &report["error"];
        assert_eq!(report["ok"], false, "{call}");
        assert!(!failure.to_string().replace(call, "").contains(&format!("mean {hint}")), "{failure:#}");
    }
    assert_eq!(called(&odd), [""; 0], "nothing was sent");
    let report =
        server.run("try { await env.my_files.delete_file({}) } catch (e) { return [e.name, e.tool] }").await;
    assert_eq!(*result(&report), json!(["ToolError", "delete_file"]), "it can be caught");
    assert_eq!(
        *result(&server.run("return (await env.my_files.delete_all({ a: 1 })).called").await),
        "delete_all"
    );
}

#[tokio::test]
async fn hints_do_not_name_tools_that_the_run_may_not_use() {
    let schema = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } } });
    let tools = json!([
        { "name": "delete-file", "description": "secret-words", "inputSchema": schema("secret_of_delete") },
        { "name": "list", "description": "secret-words", "inputSchema": schema("secret_of_list") },
        { "name": "read", "inputSchema": schema("known") },
    ]);
    let (_odd, server) = guarded(tools, NO_DELETES).await;
    // An error names its tool, and a script can make it name another.
    let forged = |server: &str, tool: &str| {
        format!(
            "const e = await env.my_files.read(1).catch((e) => e);\n\
             for (const s of Object.getOwnPropertySymbols(e)) if (String(e[s]).includes('\\n')) e[s] = '{server}\\n{tool}';\n\
             throw e"
        )
    };
    let run = async |code: String| {
        let report = server.run_with(json!({ "code": code, "tools": ["my-files/read"] })).await;
        report["error"].to_string()
    };
    let told = run(forged("my-files", "read")).await;
    assert!(told.contains("env.my-files.read(") || told.contains("known"), "{told}");
    for server in ["my-files", "my_files"] {
        for tool in ["delete-file", "delete_file", "list", "lis", "*", ""] {
            let told = run(forged(server, tool)).await;
            assert!(!told.contains("secret"), "{tool}: {told}");
        }
    }
    for code in [
        "list(1)",
        "lists({})",
        "delete_file(1)",
        "delete_fil({})",
        "$raw('list', 1)",
        "$exact('delete-file', 1)",
    ] {
        let told = run(format!("return await env.my_files.{code}")).await;
        assert!(!told.contains("secret"), "{code}: {told}");
    }
    for code in ["list", "delete_file", "lists", "tools"] {
        let told = run(format!("return {code}")).await;
        assert!(!told.contains("env.my_files.list(") && !told.contains("secret"), "{code}: {told}");
    }
    // The definition for a model's API is made of the same list.
    for query in ["", "&tools=my-files/read", "&tools=my-files", "&tools=*/*", "&tools=my-files/delete*"] {
        let definition = server.get(&format!("/v1/tool?format=mcp{query}")).await.expect(200).text();
        assert!(
            !definition.contains("secret_of_delete") && !definition.contains("delete_file"),
            "{query}: {definition}"
        );
    }
    let narrow = server.get("/v1/tool?format=openai&tools=my-files/read").await.expect(200).text();
    assert!(!narrow.contains("secret") && narrow.contains("read"), "{narrow}");
}

#[tokio::test]
async fn arguments_are_judged_by_all_possible_readings() {
    let rules = "[[policy.rule]]\nname = 'no-etc'\naction = 'deny'\nserver = 'my-files'\ntool = 'read'\n\
                 when = [{ argument = '/path', matches = '/etc/*' }]\n\
                 [[policy.rule]]\nname = 'small'\naction = 'deny'\ntool = 'list'\n\
                 unless = [{ argument = '/depth', in = [1, 2] }]\n\
                 [[policy.rule]]\nname = 'ours'\naction = 'deny'\ntool = 'ours'\n\
                 unless = [{ argument = '/path', matches = '/srv/data/*' }]\n\
                 [[policy.rule]]\nname = 'no-prod'\naction = 'deny'\ntool = 'word'\n\
                 when = [{ argument = '/text', equals = 'prod' }]\n\
                 [[policy.rule]]\nname = 'not-one'\naction = 'deny'\ntool = 'number'\n\
                 when = [{ argument = '/text', equals = 1 }]\n";
    let (odd, server) = guarded(tools(&["read", "list", "ours", "word", "number"]), rules).await;
    for arguments in [
        "{ path: '/etc/passwd' }",
        "{ PATH: '/etc/passwd' }",
        "{ path: '/tmp', Path: '/etc/passwd' }",
        "{ path: ['/etc/passwd'] }",
        "{ path: [['/etc/passwd']] }",
        "{ path: { toString: 1 } }",
        "{ path: '/tmp/../etc/passwd' }",
        "{ path: '/tmp/%2E%2E/etc' }",
        "{ path: '//etc/passwd' }",
        "{ path: '/./etc/passwd' }",
        "{ path: ' /etc/passwd' }",
        "{ path: 'file:///etc/passwd' }",
        "{ path: '/ETC/passwd' }",
        "{ path: '/etc' }",
        "{ path: '/%65tc/passwd' }",
        "{ path: '/\u{ff45}tc/passwd' }",
        "{ path: '/srv/\u{ff0e}\u{ff0e}/etc/x' }",
        "{ path: '/srv/\u{2025}/etc/x' }",
        "{ path: '\\ufeff/etc/x' }",
        "{ path: '/etc\\u200b/x' }",
        "{ path: '/srv/%25252e%25252e/etc/x' }",
        "JSON.parse('{\"__proto__\": {\"path\": \"/etc/passwd\"}}')",
        "{ toJSON: () => ({ path: '/etc/passwd' }) }",
        "{ get path() { return '/etc/' + (globalThis.n = (globalThis.n ?? 0) + 1) } }",
        "new Proxy({}, { ownKeys: () => ['path'], get: () => '/etc/x', \
         getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) })",
    ] {
        for call in ["read(ARGS)", "$raw('read', ARGS)"] {
            let call = call.replace("ARGS", arguments);
            let report = server.run(&format!("return await env.my_files.{call}")).await;
            assert_eq!(report["ok"], false, "{call} {report:#}");
            let message = text(&report["error"]["message"]);
            assert!(message.contains("no-etc") || message.contains("path"), "{call}: {message}");
        }
    }
    for (rule, tool, key, values) in [
        (
            "ours",
            "ours",
            "path",
            vec![
                "'/srv/data/\u{ff0e}\u{ff0e}/x'",
                "'/srv/data/\u{2025}/x'",
                "'/srv/data/.\\u200b./x'",
                "'/srv/data/.\\t./x'",
                "'/srv/data/%25252e%25252e/x'",
            ],
        ),
        (
            "no-prod",
            "word",
            "text",
            vec!["'\\ufeffprod'", "'prod\\ufeff'", "'prod\\u200b'", "'prod\\u00ad'", "'\\u2060prod'"],
        ),
        ("not-one", "number", "text", vec!["true", "'01'", "'+1'", "'1.0'", "'1e0'", "'0x1'"]),
    ] {
        for value in values {
            let report = server.run(&format!("return await env.my_files.{tool}({{ {key}: {value} }})")).await;
            let failure = error(&report, "tool_error");
            assert_says(text(&failure["message"]), &[&format!("\"{rule}\""), &format!("/{key}")]);
        }
    }
    for depth in ["3", "'1'", "[1]", "1.5", "null", "undefined"] {
        let report = server.run(&format!("return await env.my_files.list({{ depth: {depth} }})")).await;
        assert_says(text(&error(&report, "tool_error")["message"]), &["\"small\"", "/depth"]);
    }
    assert_eq!(called(&odd), [""; 0], "nothing was sent");
    for depth in ["1", "1.0", "2e0"] {
        let report =
            server.run(&format!("return (await env.my_files.list({{ depth: {depth} }})).called")).await;
        assert_eq!(*result(&report), "list");
    }
    let report = server.run("return (await env.my_files.read({ path: '/tmp/etc' })).with.path").await;
    assert_eq!(*result(&report), "/tmp/etc");
}

#[tokio::test]
async fn read_only_leaves_tools_with_the_hint() {
    let hinted = |name: &str, annotations: Value| json!({ "name": name, "inputSchema": { "type": "object" }, "annotations": annotations });
    let odd = FakeServer::new();
    odd.define(json!([
        hinted("reads", json!({ "readOnlyHint": true })),
        hinted("both", json!({ "readOnlyHint": true, "destructiveHint": true })),
        hinted("text", json!({ "readOnlyHint": "true" })),
        hinted("vouched", json!({})),
        { "name": "silent", "inputSchema": { "type": "object" } }
    ]));
    let folder = Folder::new();
    folder.mcp_json(json!({ "s": odd.entry(&["defined"]) }));
    folder.write("isolet.toml", "[policy]\nread_only_tools = ['s/vouched']\n");
    let server = Daemon::serve_in(folder, &["--read-only"]).await_ready().await;
    assert_eq!(*result(&server.run("return await env.s.$tools()").await), json!(["reads", "vouched"]));
    for tool in ["both", "text", "silent"] {
        let report = server.run(&format!("await env.s.{tool}({{}})")).await;
        let failure = error(&report, "tool_error");
        assert_says(text(&failure["message"]), &["read-only", "\"read_only\"", &format!("s/{tool}")]);
        assert_says(text(&failure["hint"]), &["read_only_tools"]);
    }
    assert_eq!(*result(&server.run("return (await env.s.vouched({})).called").await), "vouched");
    // A tool that withdraws its hint is removed.
    odd.define(json!([hinted("reads", json!({ "readOnlyHint": false }))]));
    eventually("the list changes", async || {
        let report = server.run("return await env.s.$tools()").await;
        (report["result"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn calls_without_an_allow_rule_are_denied_by_default_deny() {
    let rules = "[policy]\ndefault = 'deny'\n[[policy.rule]]\nname = 'reading'\naction = 'allow'\nserver = 'my-files'\n\
                 tool = ['read', 'list']\n";
    let (_odd, server) = guarded(tools(&["read", "write"]), rules).await;
    assert_eq!(*result(&server.run("return await env.my_files.$tools()").await), json!(["read"]));
    let report = server.run("await env.my_files.write({})").await;
    assert_says(
        text(&error(&report, "tool_error")["message"]),
        &["No rule allows my-files/write", "\"default\""],
    );
}

#[tokio::test]
async fn resources_and_prompts_do_not_bypass_a_rule() {
    let (odd, server) = guarded(tools(&["delete-file", "list"]), NO_DELETES).await;
    for call in ["$resources()", "$readResource('file:///x')", "$prompts()", "$getPrompt('p', {})"] {
        let report = server.run(&format!("await env.my_files.{call}")).await;
        assert_says(text(&error(&report, "tool_error")["message"]), &["no-deletes", "resources and prompts"]);
    }
    assert!(!odd.seen().iter().any(|message| text(&message["method"]).starts_with("resources/")));
    let allowed = format!(
        "{NO_DELETES}[[policy.rule]]\nname = 'resources'\naction = 'allow'\ntool = '$readResource'\n\
         when = [{{ argument = '/uri', matches = 'file:///data/*' }}]\n"
    );
    let (_odd, server) = guarded(tools(&["delete-file"]), &allowed).await;
    let read = |uri: &str| format!("return (await env.my_files.$readResource('{uri}')).contents[0].text");
    assert_eq!(*result(&server.run(&read("file:///data/x")).await), "content");
    for uri in ["file:///etc/x", "file:///data/../x", "file:///data/%2e%2e/x"] {
        error(&server.run(&read(uri)).await, "tool_error");
    }
}

#[tokio::test]
async fn a_denied_server_is_hidden() {
    let rules = "[[policy.rule]]\nname = 'closed'\naction = 'deny'\nserver = 'my_files'\n";
    let (_odd, server) = guarded(tools(&["read"]), rules).await;
    let report = server.run("await env.my_files.read({})").await;
    let failure = report["error"].to_string();
    assert!(report["ok"] == false && !failure.contains("Servers: my"), "{failure}");
    assert!(!server.get("/v1/types").await.expect(200).text().contains("my-files"));
}

#[tokio::test]
async fn rates_are_counted_for_each_tool_and_each_tenant() {
    let rules = "[[policy.rate]]\nname = 'slowly'\ntool = 'read'\nlimit = '2/h'\n\
                 [[policy.rate]]\nname = 'fair'\ntool = 'list'\nlimit = '1/h'\nper = 'tenant'\n";
    let (odd, server) = guarded(tools(&["read", "list"]), rules).await;
    let twice = "await env.my_files.read({}); await env.my_files.$raw('read', {});";
    result(&server.run(twice).await);
    let report = server.run("await env.my_files.read({})").await;
    let failure = error(&report, "tool_error");
    assert_says(text(&failure["message"]), &["\"slowly\"", "2 calls in 3600s"]);
    assert_says(text(&failure["hint"]), &["Wait 1"]);
    let code = "return (await env.my_files.list({})).called";
    for tenant in ["a", "b"] {
        result(&server.run_with(json!({ "code": code, "tenant": tenant })).await);
        let report = server.run_with(json!({ "code": code, "tenant": tenant })).await;
        assert_says(text(&error(&report, "tool_error")["message"]), &["\"fair\""]);
    }
    assert_eq!(called(&odd).len(), 4);
    let long = json!({ "code": code, "tenant": "x".repeat(200) });
    assert_says(text(&server.send(Request::run(&long)).await.problem(400)["detail"]), &["`tenant`"]);
}

#[tokio::test]
async fn rules_apply_to_tools_that_are_passed_through() {
    let odd = FakeServer::new();
    odd.define(tools(&["delete-file", "read"]));
    let folder = Folder::new();
    folder.mcp_json(json!({ "s": odd.entry(&["defined"]) }));
    folder.write(
        "isolet.toml",
        format!(
            "[audit]\nfile = 'audit.jsonl'\n{NO_DELETES}[[policy.rule]]\nname = 'no-etc'\naction = 'deny'\n\
             tool = 'read'\nwhen = [{{ argument = '/path', matches = '/etc/*' }}]\n"
        ),
    );
    let server = Daemon::serve_in(folder, &["--expose-tools", "s"]).await_ready().await;
    let listed = server.send(mcp("tools/list", "", json!({}))).await.expect(200).text();
    assert!(listed.contains("s__read") && !listed.contains("s__delete-file"), "{listed}");
    for (name, arguments, said) in [
        ("s__read", json!({ "path": "/etc/passwd" }), "no-etc"),
        ("s__read", json!({ "PATH": "/etc/passwd" }), "no-etc"),
        ("s__delete-file", json!({}), "s__delete-file"),
    ] {
        let answer =
            server.send(mcp("tools/call", name, json!({ "name": name, "arguments": arguments }))).await;
        assert_says(&answer.text(), &[said]);
    }
    let read = server.send(mcp("resources/read", "file:///x", json!({ "uri": "file:///x" }))).await;
    assert_says(&read.text(), &["no-deletes"]);
    assert_eq!(called(&odd), [""; 0], "nothing was sent");
    let fine = json!({ "name": "s__read", "arguments": { "path": "/tmp" } });
    assert_says(&server.send(mcp("tools/call", "s__read", fine)).await.expect(200).text(), &["/tmp"]);
    assert_eq!(called(&odd), ["read"]);
    let log = log(&server, 4).await;
    assert!(log.contains("\"run\":null") && log.matches("\"rule\":\"no-etc\"").count() == 2, "{log}");
}

#[tokio::test]
async fn a_tenants_token_fixes_the_tenant() {
    let folder = Folder::new();
    folder.write("acme", "acme-token\n");
    folder.write("ops", "ops-token\n");
    folder.write(
        "isolet.toml",
        "[server]\ntokens = [{ file = 'acme', tenant = 'acme' }, { file = 'ops' }]\n[audit]\nfile = 'audit.jsonl'\n\
         [[policy.rate]]\nname = 'fair'\ntool = 'add'\nlimit = '1/h'\nper = 'tenant'\n",
    );
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let send = async |token: &str, tenant: Option<&str>| {
        let mut body = json!({ "code": "return (await env.demo.add({ a: 1, b: 2 })).sum" });
        if let Some(tenant) = tenant {
            body["tenant"] = tenant.into();
        }
        server.send(Request::run(&body).header("authorization", &format!("Bearer {token}"))).await
    };
    let refused = send("acme-token", Some("other")).await.problem(403);
    assert_says(text(&refused["detail"]), &["tenant `acme`"]);
    assert_eq!(send("acme-token", None).await.expect(200).json()["result"], 3);
    let again = send("acme-token", Some("acme")).await.expect(200).json();
    assert_says(text(&error(&again, "tool_error")["message"]), &["\"fair\""]);
    assert_eq!(send("ops-token", Some("other")).await.expect(200).json()["result"], 3);
    // The MCP tool `run` takes the tenant of the same token.
    let call =
        json!({ "name": "run", "arguments": { "code": "return (await env.demo.add({ a: 1, b: 2 })).sum" } });
    let request = mcp("tools/call", "run", call).header("authorization", "Bearer acme-token");
    let answer = server.send(request).await;
    assert_says(&answer.text(), &["fair"]);
    let log = log(&server, 8).await;
    assert_eq!(log.matches("\"tenant\":\"acme\"").count(), log.matches("\"fair\"").count() + 4, "{log}");
    assert!(log.contains("\"tenant\":\"other\"") && !log.contains("-token"), "{log}");
}

#[tokio::test]
async fn a_real_server_keeps_to_its_folder() {
    let data = Folder::new();
    data.write("open/a.txt", "open");
    data.write("closed/b.txt", "closed");
    let program = npm::servers().program("mcp-server-filesystem");
    let folder = Folder::new();
    folder.mcp_json(json!({ "files": { "command": program, "args": [data.text()] } }));
    folder.write(
        "isolet.toml",
        format!(
            "[[policy.rule]]\nname = 'open-only'\naction = 'deny'\nserver = 'files'\ntool = 'read_*'\n\
             unless = [{{ argument = '/path', matches = '{}/open/*' }}]\n\
             [[policy.rule]]\nname = 'read-only'\naction = 'deny'\nserver = 'files'\n\
             tool = ['write_*', 'edit_*', 'move_*', 'create_*']\n",
            data.text()
        ),
    );
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let read = |path: &str| format!("return await env.files.read_text_file({{ path: '{path}' }})");
    assert!(result(&server.run(&read(&data.at("open/a.txt"))).await).to_string().contains("open"));
    for path in [data.at("closed/b.txt"), data.at("open/../closed/b.txt"), data.at("OPEN/a.txt")] {
        let report = server.run(&read(&path)).await;
        assert_says(text(&error(&report, "tool_error")["message"]), &["\"open-only\""]);
    }
    // The tool for many files takes a list under another name: a call without the rule's argument
    // is not exempt.
    let many =
        format!("return await env.files.read_multiple_files({{ paths: ['{}'] }})", data.at("closed/b.txt"));
    error(&server.run(&many).await, "tool_error");
    let types = server.get("/v1/types?detail=names").await.expect(200).text();
    assert!(types.contains("read_text_file") && !types.contains("write_file"), "{types}");
}

#[test]
fn the_example_of_the_documentation_is_accepted() {
    let page = std::fs::read_to_string(repository().join("docs/policy.md")).expect("docs/policy.md");
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 2, "the page has examples");
    for example in examples {
        let folder = Folder::new();
        folder.write("isolet.toml", example.replace("lock = \"enforce\"", "lock = \"off\""));
        isolet(["types", "--detail", "names"]).within(folder.path()).output().exits(0);
    }
}
