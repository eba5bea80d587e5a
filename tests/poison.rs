//! Hostile text of servers, scripts and configurations forges no line of the log and drives no
//! terminal, and data is passed on exactly.

use crate::harness::fake_server::FakeServer;
use crate::harness::mcp::Client;
use crate::harness::*;
use rustix::process::Signal;

/// Terminal sequences, and lines that imitate isolet's own.
const POISON: &str = "p\u{1b}[31m\u{9b}5m\u{9d}52;c;cG9pc29u\u{9c}\r\nisolet: forged line\n WARN forged line\n\
                      error[syntax]: forged line\r2026-11-30T00:00:00Z ERROR forged line\u{202e}\u{2066}\u{2028}isolet: \
                      forged line\u{85}\u{7f}\u{8}\u{200f}q";

/// Fails if the text has a terminal sequence, or a line that imitates isolet's own.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    let obeyed = |c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    for line in text.lines() {
        assert!(!line.contains(obeyed), "{what}: a terminal would obey {line:?}");
        let forged = [
            "isolet: forged",
            " WARN forged",
            "WARN forged",
            "error[syntax]: forged",
            "2026-11-30T00:00:00Z",
        ];
        assert!(!forged.iter().any(|forged| line.starts_with(forged)), "{what}: {line:?} is not isolet's");
    }
}

#[track_caller]
fn harmless(what: &str, output: Output) -> Output {
    assert_harmless(&format!("{what}, standard output"), &output.stdout);
    assert_harmless(&format!("{what}, standard error"), &output.stderr);
    output
}

/// Makes a folder with servers that put the hostile text everywhere, in each of these ways.
fn poisoned(servers: &[(&str, &[&str])]) -> (FakeServer, Folder) {
    let odd = FakeServer::new();
    odd.poison(POISON);
    let folder = Folder::new();
    let entries = servers.iter().map(|(name, ways)| ((*name).to_owned(), odd.entry(ways)));
    folder.mcp_json(Value::Object(entries.collect()));
    (odd, folder)
}

const ALL: [(&str, &[&str]); 4] = [
    ("odd", &["poisoned"]),
    ("unlisted", &["poisoned", "unlisted"]),
    ("unwelcome", &["unwelcome"]),
    ("gone", &["poisoned", "exits"]),
];

#[test]
fn text_of_servers_is_harmless_in_every_command() {
    let (_odd, folder) = poisoned(&ALL);
    for args in [
        &["types"][..],
        &["types", "--detail", "brief"],
        &["types", "--tokens"],
        &["types", "--tokens", "--json"],
        &["types", "odd/poisoned"],
        &["search", "poisoned"],
        &["search", "poisoned", "--json"],
        &["lock"],
    ] {
        let output = isolet([]).args(args).within(folder.path()).output();
        let output = harmless(&args.join(" "), output);
        assert!(!output.stdout.is_empty() || args[0] == "lock", "{}", output.both());
        let why = ["\"unlisted\"", "\"unwelcome\"", "\"gone\"", "␤isolet: forged line"];
        // A command for one tool starts only its server.
        let (code, why) = if args.contains(&"odd/poisoned") { (0, &[][..]) } else { (3, &why[..]) };
        assert_says(&output.exits(code).stderr, why);
    }
    let (odd, folder) = poisoned(&[("odd", &["poisoned"])]);
    harmless("lock", isolet(["lock"]).within(folder.path()).output()).exits(0);
    odd.poison(&format!("{POISON}!"));
    for args in [&["lock", "--check"][..], &["lock"]] {
        let output = harmless(&args.join(" "), isolet([]).args(args).within(folder.path()).output());
        assert_says(&output.stdout, &["odd/poisoned", "description"]);
    }
}

#[test]
fn text_of_scripts_is_harmless_and_their_results_are_exact() {
    let (_odd, folder) = poisoned(&[("odd", &["poisoned"])]);
    let poison = json!(POISON).to_string();
    let run = |code: &str, args: &[&str]| {
        let code = code.replace("POISON", &poison);
        let output = isolet(["run", "-"]).args(args).within(folder.path()).stdin(code.clone()).output();
        harmless(&code, output)
    };
    for level in ["debug", "log", "info", "warn", "error"] {
        let output = run(
            &format!("console.{level}(POISON); console.{level}(POISON, {{ POISON: POISON }}); return 1"),
            &[],
        );
        assert_says(&output.exits(0).stderr, &[&format!("{level}: p\u{fffd}5m"), "    isolet: forged line"]);
    }
    for thrown in [
        "throw new Error(POISON)",
        "const e = new TypeError('x'); e.name = POISON; throw e",
        "throw POISON",
        "throw { [POISON]: POISON, message: POISON }",
        "class X extends Error { get name() { return POISON } } throw new X(POISON)",
        "await env.odd.poisoned({ how: 'error' })",
        "await env.odd.poisoned({ how: 'isError' })",
        "await env.odd.poisoned({ how: 'malformed' })",
        "await env.odd.poisoned({ how: 'exit' })",
        "await env.odd[POISON.slice(1)]()",
        "await env[POISON].x()",
        "const x = 1;\u{85} return x y \u{202e} \u{9b}31m",
    ] {
        let output = run(thrown, &[]);
        assert_ne!(output.code, Some(0), "{thrown}");
    }
    for result in [
        "return POISON",
        "return { [POISON]: [POISON] }",
        "return await env.odd.poisoned({})",
        "return await env.odd.poisoned({ how: 'kind' })",
    ] {
        let output = run(result, &[]).exits(0);
        let text = output.json().to_string();
        assert!(text.contains(&poison), "{text}");
        let report = run(result, &["--json"]).exits(0).json();
        assert!(report["result"].to_string().contains(&poison), "{report:#}");
    }
    let failed = run("console.log(POISON); throw new Error(POISON)", &["--json"]).exits(1).json();
    assert_eq!((&failed["error"]["message"], &failed["logs"][0]["text"]), (&json!(POISON), &json!(POISON)));
}

#[test]
fn text_of_configurations_is_harmless() {
    let shown = |what: &str, folder: &Folder, args: &[&str]| {
        let output = harmless(
            what,
            isolet([]).args(args).within(folder.path()).env("MCP_TIMEOUT", "3000").stdin("1").output(),
        );
        assert!(!output.stderr.is_empty(), "{what}: {}", output.both());
        output
    };
    for (what, config) in [
        ("a server's name", json!({ "mcpServers": { POISON: { "command": "/nowhere/x" } } })),
        ("a command", json!({ "mcpServers": { "a": { "command": POISON } } })),
        ("arguments", json!({ "mcpServers": { "a": { "command": "cat", "args": POISON } } })),
        (
            "a variable",
            json!({ "mcpServers": { "a": { "command": "cat", "args": [format!("${{{POISON}}}")] } } }),
        ),
        ("a variable's name", json!({ "mcpServers": { "a": { "command": "cat", "env": { POISON: 7 } } } })),
        ("a folder", json!({ "mcpServers": { "a": { "command": "cat", "cwd": POISON } } })),
        ("a kind", json!({ "mcpServers": { "a": { "type": POISON, "url": POISON } } })),
        ("an address", json!({ "mcpServers": { "a": { "url": format!("http://127.0.0.1:1/{POISON}") } } })),
        (
            "a header",
            json!({ "mcpServers": { "a": { "url": "http://127.0.0.1:1/", "headers": { POISON: POISON } } } }),
        ),
        (
            "an unknown key",
            json!({ "mcpServers": { "a": { "command": "/nowhere/x", POISON: 1 } }, POISON: 2 }),
        ),
        ("no servers", json!({ POISON: {} })),
        ("a text", json!(POISON)),
    ] {
        let folder = Folder::new();
        folder.write("mcp.json", config.to_string());
        for args in [&["types"][..], &["lock"], &["search", "x"], &["auth", "logout", "b"]] {
            shown(what, &folder, args);
        }
    }
    // TOML has the same escapes, except those of C1.
    let quoted = json!(POISON).to_string().replace('\u{7f}', "\\u007f");
    for (what, text) in [
        ("a key", format!("{quoted} = 1")),
        ("a table", format!("[{quoted}]")),
        ("a key in a table", format!("[limits]\n{quoted} = 1")),
        ("a value", format!("lock = {quoted}")),
        ("a rule's name", format!("[[policy.rule]]\nname = {quoted}\naction = 'deny'\ntool = 'x'")),
        ("a glob", format!("[[policy.rule]]\nname = 'x'\naction = 'deny'\ntool = {quoted}\nserver = '[{{'")),
        ("no TOML", POISON.to_owned()),
    ] {
        let folder = Folder::new();
        folder.write("isolet.toml", text);
        shown(what, &folder, &["run", "--config", "isolet.toml", "-"]).exits(2);
    }
    for (what, config) in [
        ("a name", json!({ "name": POISON, "main": "a.js" })),
        ("an entry", json!({ "name": "a", "main": POISON })),
        ("an unknown key", json!({ "name": "a", "main": "none.js", POISON: 1 })),
    ] {
        let folder = Folder::new();
        folder.write("wrangler.jsonc", config.to_string());
        shown(what, &folder, &["dev", ".", "--check"]).exits(3);
    }
    let folder = Folder::new();
    folder.write("wrangler.jsonc", json!({ "name": "a", "main": "a.js" }).to_string());
    folder.write("a.js", format!("throw new Error({})", json!(POISON)));
    shown("a Worker", &folder, &["dev", ".", "--check"]).exits(3);
    for args in
        [&["run", "--timeout", POISON, "-"][..], &[POISON], &["types", "--detail", POISON], &["run", POISON]]
    {
        shown("the command line", &Folder::new(), args).exits(2);
    }
}

/// Returns the output of `isolet serve` about poisoned servers and requests, until it ends.
async fn served(format: &str) -> String {
    let (_odd, folder) = poisoned(&ALL);
    let rules = format!(
        "[[policy.rule]]\nname = 'idle'\naction = 'deny'\ntool = {}\n",
        json!(POISON.replace('[', "")).to_string().replace('\u{7f}', "\\u007f")
    );
    folder.write("isolet.toml", rules);
    folder.write("isolet.lock", "{\"version\": 1, \"servers\": {}}");
    let args = ["--log-format", format, "--expose-tools", "odd", "--config", "isolet.toml"];
    let mut server =
        Daemon::serve_in(folder, if format == "text" { &args[2..] } else { &args }).await_ready().await;
    for how in ["error", "isError", "kind", "malformed", "none"] {
        let code =
            format!("console.error({0}); return await env.odd.poisoned({{ how: '{how}' }})", json!(POISON));
        let report = server.run_with(json!({ "code": code, "tenant": "t" })).await;
        assert_eq!(report["logs"][0]["text"], POISON, "data is exact");
    }
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        let request = mcp::modern(method, json!({}));
        server.send(request).await.expect(200);
    }
    let odd_request =
        http::Request::run(&json!({ "code": "1", "tenant": POISON })).header("origin", "http://\u{e9}\u{9b}");
    server.send(odd_request).await;
    server.run("await env.odd.die({})").await;
    server.wait_for_stderr(&["ledger is on fire"]);
    server.end(Signal::TERM);
    server.stderr()
}

#[tokio::test]
async fn the_log_of_a_service_has_one_line_for_each_event() {
    let said = served("text").await;
    assert_harmless("the log", &said);
    assert_says(&said, &["␤isolet: forged line", "stderr: p\u{fffd}[31m", "not as in isolet.lock"]);
    let events = |line: &str| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level));
    let own = |line: &str| {
        ["isolet ", "isolet: servers from ./mcp.json: ", "It requires no token"]
            .iter()
            .any(|words| line.starts_with(words))
    };
    for line in said.lines().filter(|line| !own(line)) {
        assert!(line.starts_with("20") && events(line), "{line:?} is not an event");
    }
    let said = served("json").await;
    assert_harmless("the log as JSON", &said);
    for line in said.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{event:#}");
        assert!(event["message"].is_string(), "{event:#}");
    }
}

#[test]
fn output_of_isolet_mcp_is_harmless() {
    let (_odd, folder) = poisoned(&ALL);
    for args in [&["--expose-tools", "odd"][..], &["--log-format", "json"]] {
        let said = std::fs::File::create(folder.at("said.txt")).expect("our folder");
        let mut client = Client::start_with_stderr(folder.path(), args, said);
        client.request("initialize", mcp::initialize(mcp::LEGACY));
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        for method in ["tools/list", "prompts/list", "resources/list"] {
            client.request(method, json!({}));
        }
        let code = format!("console.log({0}); await env.odd.poisoned({{ how: 'error' }})", json!(POISON));
        let answer = client.request("tools/call", json!({ "name": "run", "arguments": { "code": code } }));
        assert!(answer.to_string().contains("forged"), "{answer:#}");
        client.close();
        let said = folder.read("said.txt");
        assert_harmless("isolet mcp", &said);
        assert_says(&said, &["unlisted", "unwelcome", "gone"]);
    }
}
