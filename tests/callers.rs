//! Programs on this machine as callers of `isolet serve`: the token that isolet makes,
//! `--no-token`, UNIX sockets, and tools that reach isolet's own port.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::harness::http::Request;
use crate::harness::*;
use rustix::process::Signal;

/// An MCP server with a tool that sends requests to any address, and a tool that returns its
/// environment.
const POSTER: &str = r#"
import json, os, sys, urllib.error, urllib.request

def post(given):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(given["url"], given["body"].encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return {"status": answer.status, "text": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "text": error.read().decode()}

def answer(method, params):
    if method == "initialize":
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "poster", "version": "1"}}
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("post", "environment")]}
    if method == "tools/call":
        done = post(params["arguments"]) if params["name"] == "post" else dict(os.environ)
        return {"content": [{"type": "text", "text": json.dumps(done)}], "structuredContent": done}

for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = answer(message["method"], message.get("params") or {})
    reply = {"result": result} if result else {"error": {"code": -32601, "message": "no such method"}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
"#;

fn with_poster() -> Folder {
    let folder = Folder::new();
    let script = folder.write("poster.py", POSTER);
    folder.mcp_json(json!({
        "poster": { "command": "python3", "args": [script] },
        "records": { "command": ISOLET, "args": ["demo-mcp"] },
    }));
    folder
}

/// A request for a run that may use `poster` only and asks it to run a script that uses `records`.
fn around_the_filter(server: &Daemon) -> Value {
    let inner = json!({ "code": "return (await env.records.add({ a: 1, b: 2 })).sum" }).to_string();
    let url = format!("http://{}/v1/run", server.address());
    json!({ "code": "return await env.poster.post(input)", "input": { "url": url, "body": inner }, "tools": ["poster"] })
}

/// The path of the token file, from the server's output.
fn token_file(server: &Daemon) -> PathBuf {
    server.wait_for_stderr(&["/v1/run -H 'Content-Type: application/json'"]);
    let said = server.stderr();
    let (_, rest) = said.split_once("the token in ").unwrap_or_else(|| panic!("no token was made:\n{said}"));
    rest.split(';').next().expect("a path").into()
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// The `curl` line that the server prints.
fn pasted(server: &Daemon) -> String {
    server.wait_for_stderr(&["  curl -sS "]);
    let said = server.stderr();
    let line =
        said.lines().find(|line| line.starts_with("  curl ")).expect("a line for pasting").trim().to_owned();
    let output = command::program("sh", ["-c", &line]).output().exits(0);
    assert_eq!(*result(&output.json()), 42, "{line}");
    line
}

#[tokio::test]
async fn a_server_without_a_token_makes_one() {
    let mut server = Daemon::serve_as(Folder::new(), &["--listen", "127.0.0.1:0"], &[]);
    let file = token_file(&server);
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let secret = std::fs::read_to_string(&file).unwrap();
    assert_eq!(secret.trim().len(), 43, "32 bytes");
    assert!(!server.stderr().contains(secret.trim()), "the log has no token");

    for request in [Request::get("/v1/servers"), Request::get("/mcp"), Request::run(&json!({ "code": "1" }))]
    {
        let problem = server.send(request).await.problem(401);
        assert_says(text(&problem["hint"]), &["which file its token is in", "ISOLET_TOKEN"]);
    }
    server.get("/healthz").await.expect(200);
    let bearer = format!("Bearer {}", secret.trim());
    server.send(Request::get("/v1/servers").header("authorization", &bearer)).await.expect(200);
    pasted(&server);

    // Another server has another token.
    let other = Daemon::serve_as(Folder::new(), &["--listen", "127.0.0.1:0"], &[]);
    assert_ne!(token_file(&other), file);
    let problem = other.send(Request::get("/v1/servers").header("authorization", &bearer)).await.problem(401);
    assert_says(text(&problem["hint"]), &["each start makes another one"]);

    assert!(server.end(Signal::TERM).success());
    assert!(!file.exists(), "the token is gone with its server");
    assert!(token_file(&other).exists());
}

#[tokio::test]
async fn without_a_runtime_folder_the_token_is_in_the_state_folder() {
    let home = Folder::new();
    let state = home.at("with blanks");
    let variables = [("XDG_RUNTIME_DIR", "/nowhere/at/all"), ("XDG_STATE_HOME", state.as_str())];
    let server = Daemon::serve_as(Folder::new(), &["--listen", "127.0.0.1:0"], &variables);
    assert_says(&pasted(&server), &["'"]);
    let entries =
        std::fs::read_dir(format!("{state}/isolet")).unwrap().map(|entry| entry.expect("an entry").path());
    assert_eq!(entries.filter(|path| path.is_file()).count(), 1);
}

#[tokio::test]
async fn a_service_without_a_home_has_its_token_in_systemds_folder() {
    let run = Folder::new();
    let nowhere = [("XDG_RUNTIME_DIR", ""), ("XDG_STATE_HOME", ""), ("HOME", "")];
    let variables = [&nowhere[..], &[("RUNTIME_DIRECTORY", run.text())]].concat();
    let server = Daemon::serve_as(Folder::new(), &["--listen", "127.0.0.1:0"], &variables);
    assert_eq!(token_file(&server).parent(), Some(run.path().join("isolet").as_path()));
    let none = isolet(["serve", "--listen", "127.0.0.1:0"]);
    let none = nowhere.iter().fold(none, |none, (name, value)| none.env(name, value));
    let said = none.output().exits(3).stderr;
    assert_says(&said, &["no folder for a token", "Set ISOLET_TOKEN", "--listen unix:PATH", "--no-token"]);
}

#[tokio::test]
async fn a_token_that_a_header_cannot_carry_is_refused() {
    let arguments = ["--listen", "127.0.0.1:0"];
    // Some shells and env files leave a line break at the end.
    let server = Daemon::serve_as(Folder::new(), &arguments, &[("ISOLET_TOKEN", " correct-horse\r\n")]);
    let ask = Request::get("/v1/servers").header("authorization", "Bearer correct-horse");
    server.send(ask).await.expect(200);
    for wrong in ["correct horse", "correct\nhorse", "corréct"] {
        let refused =
            isolet(["serve", "--listen", "127.0.0.1:0"]).env("ISOLET_TOKEN", wrong).output().exits(2);
        assert_says(&refused.stderr, &["ISOLET_TOKEN", "printable ASCII"]);
        assert!(!refused.stderr.contains("horse") && !refused.stderr.contains("corr"), "{}", refused.stderr);
        isolet(["serve", "--listen", "127.0.0.1:0", "--token", wrong]).output().exits(2);
    }
    // An empty variable sets no token, so isolet makes one.
    for empty in ["", " \n"] {
        let server = Daemon::serve_as(Folder::new(), &arguments, &[("ISOLET_TOKEN", empty)]);
        token_file(&server);
        server.send(Request::get("/v1/servers")).await.problem(401);
    }
}

#[tokio::test]
async fn a_configured_token_is_the_only_one() {
    let folder = with_poster();
    let arguments = ["--listen", "127.0.0.1:0"];
    let server = Daemon::serve_as(folder, &arguments, &[("ISOLET_TOKEN", "correct-horse")]);
    server.wait_for_stderr(&["It requires one of the configured tokens"]);
    for bearer in ["Bearer wrong", ""] {
        let problem =
            server.send(Request::get("/v1/types").header("authorization", bearer)).await.problem(401);
        assert_says(text(&problem["hint"]), &["configured with"]);
        assert!(!text(&problem["hint"]).contains("file"), "{problem:#}");
    }
    let ask = |request: Request| server.send(request.header("authorization", "Bearer correct-horse"));
    ask(Request::get("/v1/types")).await.expect(200);
    assert!(!server.stderr().contains("curl"), "{}", server.stderr());
    // Servers do not inherit it.
    let run = Request::run(&json!({ "code": "return await env.poster.environment({})" }));
    let report = ask(run).await.expect(200).json();
    let variables = result(&report);
    assert!(variables.get("PATH").is_some() && variables.get("ISOLET_TOKEN").is_none(), "{variables:#}");
    assert!(!variables.to_string().contains("correct-horse"));
}

/// A run's tools are chosen by its caller, and a tool that can reach this machine does not widen
/// the choice.
#[tokio::test]
async fn a_tool_that_can_post_does_not_get_around_the_filter_of_its_run() {
    let server = Daemon::serve_as(with_poster(), &["--listen", "127.0.0.1:0"], &[]);
    let secret = std::fs::read_to_string(token_file(&server)).unwrap();
    let bearer = format!("Bearer {}", secret.trim());
    let ask = |request: Request| server.send(request.header("authorization", &bearer));
    ask(Request::get("/v1/types")).await.expect(200);
    let report = ask(Request::run(&around_the_filter(&server))).await.expect(200).json();
    assert_eq!(result(&report)["status"], 401, "{report:#}");
    let metrics = ask(Request::get("/metrics")).await.expect(200).text();
    assert_says(&metrics, &["isolet_runs_total{outcome=\"ok\"} 1\n", "isolet_tool_calls_total 1\n"]);

    // `--no-token` allows it and warns of it.
    let server = Daemon::serve_in(with_poster(), &[]).await_ready().await;
    let report = server.run_with(around_the_filter(&server)).await;
    assert_eq!(result(&report)["status"], 200, "{report:#}");
    assert_says(&server.stderr(), &["no token", "tools of runs included"]);
}

#[tokio::test]
async fn a_unix_socket_is_its_owners() {
    let sockets = Folder::new();
    let path = sockets.at("isolet.sock");
    let listen = format!("unix:{path}");
    let mut server = Daemon::serve_as(with_poster(), &["--listen", &listen], &[]);
    assert_eq!(mode(Path::new(&path)), 0o600);
    pasted(&server);
    assert!(!server.stderr().contains("http://127"), "{}", server.stderr());
    // Neither name nor page is checked, as browsers cannot connect.
    let ask = |head: &str| {
        let mut socket = UnixStream::connect(&path).expect("it listens");
        socket.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
        write!(socket, "{head}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    assert_says(&ask("GET /v1/types/records HTTP/1.1\r\nHost: anything"), &["HTTP/1.1 200", "add("]);
    assert_says(&ask("GET /nowhere HTTP/1.0"), &["404"]);
    // A second server does not replace the socket; one that starts after a crash does.
    let second = isolet(["serve", "--listen", &listen]).output().exits(3);
    assert_says(&second.stderr, &["another server"]);
    server.end(Signal::KILL);
    assert!(Path::new(&path).exists());
    let mut third = Daemon::serve_as(Folder::new(), &["--listen", &listen], &[]);
    pasted(&third);
    assert!(third.end(Signal::TERM).success());
    assert!(!Path::new(&path).exists(), "the socket is gone with its server");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = Daemon::serve().await_ready().await;
    let taken = server.address().to_string();
    let project = format!("{}/examples/worker", repository().display());
    let hint = "another isolet may be running there; choose another address with --listen";
    for command in [&["serve"][..], &["dev", &project]] {
        let refused = isolet([]).args(command).args(&["--listen", &taken]).output().exits(3);
        assert_says(&refused.stderr, &[&format!("cannot listen on {taken}: Address already in use"), hint]);
    }
    // In the JSON log it has level ERROR.
    let refused = isolet(["serve", "--listen", &taken, "--log-format", "json"]).output().exits(3);
    let last: Value = serde_json::from_str(refused.stderr.lines().last().expect("a line")).unwrap();
    assert_eq!(last["level"], "ERROR", "{last:#}");
    assert_says(text(&last["message"]), &[hint]);
}

#[test]
fn a_token_is_not_put_where_others_may_write() {
    let home = Folder::new();
    let folder = home.path().join("isolet");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused =
        isolet(["serve", "--listen", "127.0.0.1:0"]).env("XDG_RUNTIME_DIR", home.path()).output().exits(3);
    assert_says(&refused.stderr, &["chmod go-rwx", "--no-token"]);
}
