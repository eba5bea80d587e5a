//! Configurations as people write them: a bad entry beside good ones, and the files of other
//! clients.

use crate::harness::*;

/// The demo server, and invalid entries.
fn with_bad_entries() -> Value {
    json!({
        "demo": { "command": ISOLET, "args": ["demo-mcp"] },
        "old": { "type": "sse", "url": "https://example.com/sse" },
        "unset": { "command": "x", "args": ["${SURELY_NOT_SET}"] },
        "typo": { "comand": "npx" },
        "asks": { "command": "x", "env": { "KEY": "${input:api-key}" } },
        "off": { "type": "sse", "url": "https://example.com/sse", "disabled": true },
    })
}

/// The invalid entries and the messages about them.
const BAD: [(&str, &str); 4] = [
    ("old", "HTTP+SSE transport"),
    ("unset", "SURELY_NOT_SET is not set"),
    ("typo", "did you mean \"command\"?"),
    ("asks", "write \"${API_KEY}\""),
];

#[test]
fn one_bad_entry_leaves_the_rest_in_every_command() {
    let folder = Folder::new();
    folder.mcp_json(with_bad_entries());
    let script = "return (await env.demo.add({ a: 1, b: 2 })).sum";
    let run = isolet(["run", "-"]).within(folder.path()).stdin(script).output().exits(0);
    assert_eq!(run.json(), 3);
    for (name, reason) in BAD {
        assert_says(&run.stderr, &[&format!("server \"{name}\" cannot be used: "), reason]);
        let script = format!("return await env.{name}.anything({{}})");
        let called = isolet(["run", "-", "--json"]).within(folder.path()).stdin(script).output().exits(3);
        let report = called.json();
        let error = error(&report, "tool_error");
        assert_says(text(&error["message"]), &[name, reason, "(mcp.json, line "]);
        assert_says(text(&error["hint"]), &["configuration"]);
        // Scripts do not learn the path of the file.
        assert!(!report.to_string().contains(folder.text()), "{report:#}");
    }
    assert!(!run.stderr.contains("\"off\""), "{}", run.stderr);
    let types = isolet(["types", "demo"]).within(folder.path()).output().exits(0);
    assert_says(&types.stdout, &["add"]);
    let types = isolet(["types"]).within(folder.path()).output();
    assert_says(&types.stdout, &["add"]);
    for (_, reason) in BAD {
        assert_says(&types.stderr, &[reason]);
    }
    assert_says(&isolet(["search", "add numbers"]).within(folder.path()).output().stdout, &["demo"]);
    isolet(["lock", "demo"]).within(folder.path()).output().exits(0);
}

#[tokio::test]
async fn bad_entries_are_failed_servers() {
    let server = Daemon::serve_with(with_bad_entries());
    for (name, reason) in BAD {
        let status = server.server_in(name, "failed").await;
        assert_says(text(&status["last_error"]), &[reason]);
        assert_eq!(status["transport"], "none");
        let report = server.run(&format!("return await env.{name}.anything({{}})")).await;
        assert_says(text(&error(&report, "tool_error")["message"]), &[name, reason]);
    }
    assert_eq!(server.server("off").await["state"], "disabled");
    let report = server.run("return (await env.demo.add({ a: 20, b: 22 })).sum").await;
    assert_eq!(*result(&report), 42);
}

/// A folder with only this configuration and a script.
fn run_in(folder: &Folder, config: &str, script: &str) -> Output {
    isolet(["run", "-", "--json", "--mcp-config", config]).within(folder.path()).stdin(script).output()
}

#[test]
fn tools_that_a_file_excludes_are_hidden_and_refused() {
    let folder = Folder::new();
    let demo = |more: Value| {
        let mut server = json!({ "command": ISOLET, "args": ["demo-mcp"] });
        server.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "mcpServers": { "demo": server } }).to_string()
    };
    folder.write("only.json", demo(json!({ "includeTools": ["add", "echo"], "excludeTools": ["echo"] })));
    folder.write("without.json", demo(json!({ "disabledTools": ["add"] })));
    let script = "const names = await env.demo.$tools();
        let message; try { await env.demo.echo({ text: 'x' }) } catch (error) { message = error.message }
        let raw; try { await env.demo.$raw('echo', { text: 'x' }) } catch (error) { raw = error.message }
        return { names, message, raw, sum: (await env.demo.add({ a: 1, b: 2 })).sum, documents: (await env.demo.$resources()).length }";
    let report = run_in(&folder, "only.json", script).exits(0).json();
    let value = result(&report);
    assert_eq!(value["names"], json!(["add"]));
    assert_eq!(value["sum"], 3);
    assert!(value["documents"].as_u64() > Some(0), "{value:#}");
    for how in ["message", "raw"] {
        assert_says(text(&value[how]), &["demo/echo is not offered", "configuration"]);
    }
    let types = isolet(["types", "--mcp-config", "only.json"]).within(folder.path()).output().exits(0);
    assert_says(&types.stdout, &["add("]);
    assert!(!types.stdout.contains("echo("), "{}", types.stdout);

    let script = "return (await env.demo.$tools()).includes('add')";
    let report = run_in(&folder, "without.json", script).exits(0).json();
    assert_eq!(*result(&report), false);
}

#[test]
fn files_of_other_clients_start_servers() {
    let folder = Folder::new();
    folder.write(
        "config.toml",
        format!("model = \"x\"\n[mcp_servers.demo]\ncommand = {ISOLET:?}\nargs = [\"demo-mcp\"]\nenabled_tools = [\"add\"]\n"),
    );
    folder.write(
        "config.yaml",
        format!("extensions:\n  demo:\n    type: stdio\n    enabled: true\n    cmd: {ISOLET}\n    args: [demo-mcp]\n"),
    );
    folder.write(
        "opencode.json",
        json!({ "mcp": { "demo": { "type": "local", "command": [ISOLET, "demo-mcp"] } } }).to_string(),
    );
    folder.write("settings.json", json!({ "context_servers": { "demo": { "source": "custom", "command": ISOLET, "args": ["demo-mcp"] } } }).to_string());
    folder.write("bare.json", json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] } }).to_string());
    for file in ["config.toml", "config.yaml", "opencode.json", "settings.json", "bare.json"] {
        let report = run_in(&folder, file, "return (await env.demo.add({ a: 1, b: 2 })).sum").exits(0).json();
        assert_eq!(*result(&report), 3, "{file}");
    }
}

#[test]
fn a_file_that_is_not_a_configuration_ends_the_command() {
    let folder = Folder::new();
    for (name, content, expected) in [
        ("a.json", "{", "not valid JSON"),
        ("a.toml", "a = ", "not valid TOML"),
        ("a.yaml", "a: [", "not valid YAML"),
        ("b.json", "{\"mcpServer\": {}}", "did you mean \"mcpServers\"?"),
        ("b.toml", "model = \"x\"", "no servers here"),
    ] {
        folder.write(name, content);
        let output = run_in(&folder, name, "1").exits(3);
        assert_says(&output.stderr, &[name, expected]);
    }
}
