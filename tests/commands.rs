//! The command line around scripts: the servers that a command starts, the time that it waits for
//! them, its messages about those that fail, and the commands that run no script.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::command::{Invocation, program};
use crate::harness::http::Request;
use crate::harness::mcp::Client;
use crate::harness::*;

/// Returns the result of `-e code` with the demo servers.
#[track_caller]
fn eval(code: &str) -> Output {
    isolet(["run", "-q", "-e", code]).output()
}

#[test]
fn the_names_of_tools_are_known_in_the_first_line() {
    let code = "return [Object.keys(env.demo).length > 3, 'add' in env.demo, 'nope' in env.demo]";
    assert_eq!(eval(code).exits(0).json(), json!([true, true, false]));
    let wrong = eval("return await env.demo.ad({})").exits(1);
    assert_says(&wrong.stderr, &["UnknownNameError", "Did you mean add"]);
    // The text does not name servers, so all are started.
    let code = "return Object.keys(env).map((name) => Object.keys(env[name]).length > 0)";
    assert_eq!(eval(code).exits(0).json(), json!([true, true]));
}

#[test]
fn the_first_script_of_a_client_knows_the_names_of_a_slow_server() {
    let folder = Folder::new();
    folder.mcp_json(json!({ "slow": noticed(&folder, "slow", 2.0) }));
    let mut client = Client::legacy(folder.path(), &[]);
    let code = "return [Object.keys(env.slow).length > 3, 'add' in env.slow]";
    let done = client.call("run", json!({ "code": code }));
    assert_eq!(done["structuredContent"]["result"], json!([true, true]), "{done:#}");
}

#[tokio::test]
async fn the_first_run_over_http_knows_the_names_of_a_slow_server() {
    let folder = Folder::new();
    let slow = noticed(&folder, "slow", 2.0);
    let mut lazy = noticed(&folder, "lazy", 0.0);
    lazy["start"] = "lazy".into();
    let server = Daemon::serve_with(json!({ "slow": slow, "lazy": lazy }));
    let done = server.run("return ['add' in env.slow, Object.keys(env.lazy).length > 3]").await;
    assert_eq!(result(&done), &json!([true, true]));
}

#[tokio::test]
async fn a_run_does_not_wait_for_servers_that_it_may_not_use() {
    let folder = Folder::new();
    let (slow, mut lazy) = (noticed(&folder, "slow", 60.0), noticed(&folder, "lazy", 0.0));
    lazy["start"] = "lazy".into();
    let demo = json!({ "command": ISOLET, "args": ["demo-mcp"] });
    let server = Daemon::serve_with(json!({ "slow": slow, "lazy": lazy, "demo": demo }));
    let code = "const all = () => [env.slow.add, env.lazy.add]; return 'add' in env.demo";
    let began = Instant::now();
    let done = server.run_with(json!({ "code": code, "tools": ["demo/*"] })).await;
    assert_eq!(result(&done), &json!(true));
    // An invalid request is refused at once, too.
    let body = json!({ "code": code, "timeout_ms": 0 }).to_string();
    server.send(Request::post("/v1/run", "application/json", body)).await.problem(400);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(!Path::new(&folder.at("lazy.started")).exists());
}

/// A server that leaves a file behind when it is started, and serves the demo after `seconds`.
fn noticed(folder: &Folder, name: &str, seconds: f32) -> Value {
    let mark = folder.at(&format!("{name}.started"));
    let script = format!("touch '{mark}'; sleep {seconds}; exec '{ISOLET}' demo-mcp");
    json!({ "command": "sh", "args": ["-c", script] })
}

#[test]
fn only_the_servers_that_are_needed_are_started() {
    let folder = Folder::new();
    let names = ["a", "my-b", "c"];
    let servers = names.iter().map(|name| ((*name).to_owned(), noticed(&folder, name, 0.0)));
    folder.mcp_json(Value::Object(servers.collect()));
    for (words, started) in [
        (&["run", "-q", "-e", "return 1"][..], &[][..]),
        (&["run", "-q", "-e", "return await env.my_b.add({ a: 1, b: 2 })"], &["my-b"]),
        (&["run", "-q", "-e", "return Object.keys(env)"], &names),
        // The name is made while the script runs; the call starts the server.
        (&["run", "-q", "-e", "(e) => e[String.fromCharCode(97)].add({ a: 1, b: 2 })"], &["a"]),
        (&["types", "a"], &["a"]),
        (&["types", "my_b/add"], &["my-b"]),
        (&["call", "c/add", "a=1", "b=2"], &["c"]),
        (&["servers", "a"], &["a"]),
        (&["search", "add"], &names),
    ] {
        let output = isolet([]).args(words).within(folder.path()).output().exits(0);
        let mark = |name: &str| folder.path().join(format!("{name}.started"));
        let marks: Vec<&str> = names.iter().filter(|name| mark(name).exists()).copied().collect();
        assert_eq!(marks, started, "{words:?}\n{}", output.both());
        marks.iter().for_each(|name| std::fs::remove_file(mark(name)).unwrap());
    }
}

#[test]
fn the_startup_timeout_is_configurable() {
    let folder = Folder::new();
    let slow = |key: Option<(&str, u32)>| {
        let mut entry = noticed(&folder, "slow", 3.0);
        if let Some((key, value)) = key {
            entry[key] = value.into();
        }
        folder.mcp_json(json!({ "slow": entry }));
    };
    let late = |run: Invocation| {
        let output = run.within(folder.path()).output().exits(3);
        let said = output.both();
        assert_says(&said, &["slow", "did not answer the handshake within 500ms", "startupTimeout"]);
    };
    slow(None);
    isolet(["types", "slow"]).within(folder.path()).output().exits(0);
    late(isolet(["types", "slow", "--startup-timeout", "500ms"]));
    late(isolet(["types", "slow"]).env("MCP_TIMEOUT", "500"));
    slow(Some(("startupTimeout", 500)));
    late(isolet(["servers"]));
    late(isolet(["call", "slow/add", "a=1", "b=2"]));
    // The command line overrides the file.
    isolet(["types", "slow", "--startup-timeout", "1m"]).within(folder.path()).output().exits(0);
    let output = isolet(["types"]).env("MCP_TIMEOUT", "soon").within(folder.path()).output().exits(2);
    assert_says(&output.stderr, &["MCP_TIMEOUT", "milliseconds"]);
}

#[test]
fn a_failure_is_reported_once_and_readably() {
    let folder = Folder::new();
    let broken =
        "echo 'Traceback (most recent call last):' >&2; echo 'Error: API_KEY is required' >&2; exit 1";
    folder.mcp_json(json!({
        "works": { "command": ISOLET, "args": ["demo-mcp"] },
        "broken": { "command": "sh", "args": ["-c", broken] },
    }));
    let within = |words: &[&str]| isolet([]).args(words).within(folder.path()).output();
    let run = within(&["run", "-e", "return await env.broken.list({})"]).exits(3);
    assert_eq!(run.stderr.matches("API_KEY is required").count(), 1, "{}", run.stderr);
    assert_eq!(run.stderr.matches("exited with status 1").count(), 1, "{}", run.stderr);
    assert_says(&run.stderr, &["\n    Error: API_KEY is required\n"]);
    for word in ["/v1/servers", "WARN", "isolet's log"] {
        assert!(!run.stderr.contains(word), "{}", run.stderr);
    }

    let types = within(&["types"]).exits(3);
    assert_says(&types.stdout, &["works: Works"]);
    assert_eq!(types.stderr.matches("API_KEY is required").count(), 1, "{}", types.stderr);
    let types = within(&["types", "--allow-missing"]).exits(0);
    assert_says(&types.stderr, &["warning: the server \"broken\" is missing", "API_KEY is required"]);

    let servers = within(&["servers"]).exits(3);
    assert_says(&servers.stdout, &["works", "ready", "broken", "failed", "API_KEY is required"]);
    let servers = within(&["servers", "--json"]).exits(3).json();
    let of = |at: usize, field: &str| servers["servers"][at][field].clone();
    assert_eq!((of(0, "name"), of(0, "state")), (json!("works"), json!("ready")));
    assert!(of(0, "seconds").as_f64() > Some(0.0) && of(0, "reason").is_null(), "{servers:#}");
    assert_says(text(&of(1, "reason")), &["exited with status 1"]);
    assert_says(text(&of(1, "printed")), &["API_KEY is required"]);
    assert_says(&within(&["servers", "wrks"]).exits(2).stderr, &["works", "broken"]);
}

#[test]
fn a_bad_entry_is_reported_once() {
    let folder = Folder::new();
    folder.mcp_json(json!({
        "works": { "command": ISOLET, "args": ["demo-mcp"] },
        "wrong": { "comand": "x" },
    }));
    for words in
        [&["types", "--detail", "brief"][..], &["search", "add"], &["lock", "wrong"], &["call", "wrong/x"]]
    {
        let output = isolet([]).args(words).within(folder.path()).output().exits(3);
        assert_eq!(output.stderr.matches("did you mean").count(), 1, "{words:?}\n{}", output.stderr);
        assert_says(&output.stderr, &["mcp.json:", "\"wrong\"", "see the warning about its entry above"]);
    }
}

#[test]
fn a_line_of_a_server_stays_one_line() {
    let folder = Folder::new();
    let broken = "echo 'Error: a | b' >&2; echo last >&2; exit 1";
    folder.mcp_json(json!({ "broken": { "command": "sh", "args": ["-c", broken] } }));
    let within = |words: &[&str]| isolet([]).args(words).within(folder.path()).output().exits(3);
    assert_says(&within(&["types"]).stderr, &["\n    Error: a | b\n    last\n"]);
    assert_says(&within(&["servers"]).stdout, &["    Error: a | b\n", "    last\n"]);
    assert_eq!(within(&["servers", "--json"]).json()["servers"][0]["printed"], "stderr: Error: a | b\nlast");
}

#[test]
fn a_timeout_over_the_limit_is_a_warning() {
    let output = isolet(["run", "--timeout", "10m", "-e", "return 1"]).output().exits(0);
    assert_says(
        &output.stderr,
        &["warning: --timeout is 600s, but the limit of a run is 60s", "limits.wall"],
    );
    let report = isolet(["run", "--timeout", "10m", "--json", "-e", "return 1"]).output().exits(0).json();
    assert_eq!(report["warnings"][0]["code"], "timeout_lowered");
    let output = isolet(["run", "--timeout", "10s", "-e", "return 1"]).output().exits(0);
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
}

#[test]
fn each_command_shows_examples() {
    for words in [
        &["run"][..],
        &["call"],
        &["servers"],
        &["types"],
        &["search"],
        &["serve"],
        &["mcp"],
        &["mcp", "install"],
        &["dev"],
        &["lock"],
        &["trust"],
        &["auth"],
        &["auth", "login"],
        &["completions"],
        &["man"],
    ] {
        let help = isolet([]).args(words).args(&["--help"]).output().exits(0).stdout;
        let command = format!("\n  isolet {}", words[0]);
        assert!(help.contains("\nExamples:") && help.contains(&command), "{words:?}\n{help}");
    }
}

#[test]
fn a_login_is_advised_with_the_configuration_as_it_was_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 64 * 1024]);
                let _ = stream.write_all(refusal);
            });
        }
    });
    let folder = Folder::new();
    let servers = json!({ "mcpServers": { "vault": { "url": format!("http://{address}/mcp") } } });
    folder.write("my servers.json", servers.to_string());
    let run = isolet(["run", "-e", "return await env.vault.x({})", "--mcp-config", "my servers.json"]);
    let output = run.within(folder.path()).output().exits(3);
    assert_says(&output.stderr, &["isolet auth login vault --mcp-config 'my servers.json'"]);
}

#[test]
fn a_tool_is_called_from_the_command_line() {
    let call = |words: &[&str]| isolet(["call", "-q"]).args(words);
    let sum = |words: &[&str]| call(words).output().exits(0).json()["sum"].clone();
    assert_eq!(sum(&["demo/add", "a=1", "b:=2"]), 3);
    assert_eq!(sum(&["demo/add", "--input", r#"{"a": 1, "b": 2}"#, "b=5"]), 6);
    let piped = call(&["demo/add", "a=1", "--input", "-"]).stdin(r#"{"b": 2}"#).output().exits(0);
    assert_eq!(piped.json()["sum"], 3);
    assert_eq!(piped.stderr, "");
    let folder = Folder::new();
    folder.write("in.json", r#"{"a": 20, "b": 22}"#);
    let output = call(&["demo/add", "--input", "@in.json"]).within(folder.path()).output().exits(0);
    assert_eq!(output.json()["sum"], 42);
    let raw = call(&["demo/add", "a=1", "b=2", "--raw"]).output().exits(0).json();
    assert_eq!(raw["structuredContent"]["sum"], 3, "{raw:#}");

    let failed = call(&["demo/fail", "message=on purpose"]).output().exits(1);
    assert_says(&failed.stderr, &["error[tool_error]", "on purpose", "isolet types demo/fail"]);
    assert_eq!(failed.stdout, "");
    for (words, said) in [
        (&["demo/ad"][..], &["no tool \"ad\"", "did you mean add"][..]),
        (&["dmo/add"], &["unknown server \"dmo\"", "did you mean demo"]),
        (&["demo"], &["is a server"]),
        (&["demo/add", "a"], &["NAME=VALUE"]),
        (&["demo/add", "a:=["], &["not JSON"]),
        (&["demo/add", "--input", "[1]"], &["object"]),
    ] {
        assert_says(&call(words).output().exits(2).stderr, said);
    }
}

#[test]
fn a_call_passes_the_gate() {
    let folder = Folder::new();
    let rules = "[audit]\nfile = \"audit.jsonl\"\n[[policy.rule]]\nname = \"sums\"\nserver = \"demo\"\ntool = \"add\"\naction = \"deny\"\n\
                 reason = \"no sums today\"\n";
    folder.write("isolet.toml", rules);
    let output = isolet(["call", "demo/add", "a=1", "b=2", "--config", "isolet.toml"]);
    let output = output.within(folder.path()).output().exits(1);
    assert_says(&output.stderr, &["no sums today"]);
    let audit = std::fs::read_to_string(folder.path().join("audit.jsonl")).expect("an audit log");
    assert_says(&audit, &["\"add\"", "denied", "sums"]);
}

#[test]
fn a_script_is_given_in_several_ways() {
    let folder = Folder::new();
    folder.write("in.json", r#"{"n": 1}"#);
    let run = |words: &[&str]| isolet(["run", "-q"]).args(words).within(folder.path());
    assert_eq!(run(&["-e", "input.n", "--input", "@in.json"]).output().exits(0).json(), 1);
    assert_eq!(run(&["-e", "input.n", "--input", "-"]).stdin("{\"n\": 2}").output().exits(0).json(), 2);
    let both = run(&["-", "--input", "-"]).stdin("1").output().exits(2);
    assert_says(&both.stderr, &["standard input"]);
    let vars = run(&["-e", "return [env.A, env.B]", "--env", "A=1=2", "--env", "B="]).output().exits(0);
    assert_eq!(vars.json(), json!(["1=2", ""]));
    assert_says(&run(&["-e", "1", "--env", "demo=1"]).output().exits(2).stderr, &["--env demo", "server"]);
    assert_says(&run(&["-e", " "]).output().exits(2).stderr, &["empty"]);
    let error = run(&["-e", "throw new Error('x')"]).output().exits(1);
    assert_says(&error.stderr, &["at -e:1"]);
    run(&[]).output().exits(2);
}

#[test]
fn token_figures_are_printed_on_request() {
    let folder = Folder::with_servers(demo());
    let run = isolet(["run", "-e", "return await env.demo.add({ a: 1, b: 2 })"]).within(folder.path());
    assert!(!run.output().exits(0).stderr.contains("tokens"), "not asked for");
    let run = isolet(["run", "--tokens", "-e", "return await env.demo.add({ a: 1, b: 2 })"]);
    assert_says(&run.within(folder.path()).output().exits(0).stderr, &["tokens through the model"]);
}

#[test]
fn colours_are_for_terminals_and_on_request() {
    let run = || isolet(["run", "-e", "throw new Error('x')"]);
    let plain = |output: Output| assert!(!output.exits(1).stderr.contains('\u{1b}'), "colours");
    plain(run().output());
    plain(run().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output());
    let coloured = run().env("CLICOLOR_FORCE", "1").output().exits(1);
    assert_says(&coloured.stderr, &["\u{1b}[", "error[exception]:\u{1b}[0m"]);
}

#[test]
fn completions_and_man_pages_are_printed() {
    for (shell, part) in [("bash", "_isolet()"), ("zsh", "#compdef isolet"), ("fish", "complete -c isolet")] {
        assert_says(&isolet(["completions", shell]).output().exits(0).stdout, &[part, "startup-timeout"]);
    }
    assert_says(&isolet(["man"]).output().exits(0).stdout, &[".TH isolet 1", "isolet\\-run(1)"]);
    assert_says(&isolet(["man", "call"]).output().exits(0).stdout, &[".TH isolet-call 1"]);
    isolet(["man", "nope"]).output().exits(2);
    let folder = Folder::new();
    isolet(["man", "--dir", "pages"]).within(folder.path()).output().exits(0);
    assert!(folder.path().join("pages/isolet-auth-login.1").exists());
    let version = isolet(["version"]).output().exits(0).stdout;
    assert_eq!(version, isolet(["--version"]).output().exits(0).stdout);
    assert_says(&isolet(["version", "-v"]).output().exits(0).stdout, &["v8: "]);
}

#[test]
fn a_configuration_is_checked_without_starting_anything() {
    let folder = Folder::new();
    folder.mcp_json(json!({ "a": noticed(&folder, "a", 0.0), "b": { "command": "x", "disabled": true } }));
    folder.write("isolet.toml", "[server]\nlisten = \"127.0.0.1:9999\"\n");
    let check = |words: &[&str]| isolet(["serve", "--check"]).args(words).within(folder.path()).output();
    let good = check(&[]).exits(0);
    assert_says(&good.stdout, &["isolet.toml\n", "1 of 2 enabled", "listen: 127.0.0.1:9999"]);
    assert_says(&check(&["--port", "1234"]).exits(0).stdout, &["listen: 127.0.0.1:1234"]);
    assert_says(&check(&["--host", "::1"]).exits(0).stdout, &["listen: [::1]:9999"]);
    check(&["--host", "0.0.0.0"]).exits(3);
    check(&["--port", "1", "--listen", "127.0.0.1:1"]).exits(2);
    assert!(!folder.path().join("a.started").exists());
    folder.mcp_json(json!({ "a": noticed(&folder, "a", 0.0), "typing": { "comand": "x" } }));
    let output = check(&[]).exits(3);
    assert_says(&output.stderr, &["the server \"typing\" cannot be used", "command"]);
    // A bad entry does not affect a command about another server.
    isolet(["types", "a"]).within(folder.path()).output().exits(0);
    std::fs::remove_file(folder.path().join("a.started")).expect("it was started");
    folder.write("isolet.toml", "[limits]\ncpu = \"10x\"\n");
    assert_says(&check(&[]).exits(3).stderr, &["isolet.toml:2:7"]);
    folder.write("isolet.toml", "");
    folder.write("mcp.json", "{");
    assert_says(&check(&[]).exits(3).stderr, &["mcp.json"]);
}

#[test]
fn help_that_cannot_be_printed_fails() {
    for words in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["version"],
        &["completions", "bash"],
        &["man"],
    ] {
        let script = "exec \"$0\" \"$@\" >/dev/full";
        let output = program("sh", ["-c", script, ISOLET]).args(words).output().exits(3);
        assert_says(&output.stderr, &["standard output"]);
    }
}

#[test]
fn a_result_does_not_depend_on_standard_error() {
    let folder = Folder::new();
    folder.mcp_json(json!({
        "demo": { "command": ISOLET, "args": ["demo-mcp"] },
        "broken": { "command": "/nowhere/x" },
    }));
    for (words, code, printed) in [
        (&["call", "demo/add", "a=1", "b=2"][..], 0, "\"sum\": 3"),
        (&["call", "demo/fail", "message=x"], 1, ""),
        (
            &["run", "--tokens", "-e", "console.log(1); return (await env.demo.add({ a: 1, b: 2 })).sum"],
            0,
            "3",
        ),
        (&["types"], 3, "interface Env"),
        (&["search", "add"], 3, "add("),
        (&["servers"], 3, "broken"),
    ] {
        let script = "exec \"$0\" \"$@\" --mcp-config mcp.json 2>/dev/full";
        let output = program("sh", ["-c", script, ISOLET]).args(words);
        let output = output.within(folder.path()).output().exits(code);
        assert_says(&output.stdout, &[printed]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_exits_with_130() {
    let script = "\"$0\" run -q -e 'while (true) await new Promise((done) => setTimeout(done, 1000))' & \
                  sleep 2; kill -INT $!; wait $!; echo code $?";
    // Shells let background commands ignore SIGINT; with job control they do not.
    let output = program("bash", ["-mc", script, ISOLET]).output();
    assert_says(&output.stdout, &["code 130"]);
    assert_says(&output.stderr, &["A signal stopped the run"]);
}
