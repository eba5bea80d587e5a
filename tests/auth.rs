//! `isolet auth` against an authorization server, and the files that it leaves.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use crate::harness::*;

/// The MCP server with its authorization server, killed when dropped.
struct OAuthServer {
    process: Child,
    port: u16,
    folder: Folder,
}

impl OAuthServer {
    fn start() -> Self {
        let folder = Folder::new();
        folder.write("oauth.mjs", include_str!("harness/oauth.mjs"));
        let mut command = Command::new("node");
        let mut process =
            command.arg(folder.at("oauth.mjs")).stdout(Stdio::piped()).spawn().expect("node runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("a port");
        folder
            .mcp_json(json!({ "vault": { "type": "http", "url": format!("http://127.0.0.1:{port}/mcp") } }));
        Self { process, port, folder }
    }

    fn isolet<const N: usize>(&self, args: [&str; N]) -> command::Invocation {
        isolet(args).within(self.folder.path()).env("XDG_STATE_HOME", self.folder.at("state"))
    }

    /// Follows redirects on this machine as a browser does.
    fn browse(&self, address: &str) -> String {
        let mut address = address.to_owned();
        for _ in 0..5 {
            let rest = address.strip_prefix("http://").expect("an address on this machine");
            let (host, path) = rest.split_once('/').expect("a path");
            let mut stream = TcpStream::connect(host).expect("somebody listens");
            write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
                .expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
            match location {
                Some(next) => address = next.trim().to_owned(),
                None => return answer,
            }
        }
        panic!("redirects in a circle");
    }

    fn log_in(&self) -> String {
        let mut command = Command::new(ISOLET);
        command::clean(&mut command);
        command.args(["auth", "login", "vault", "--wait", "30s"]);
        command::name_configurations(&mut command, self.folder.path());
        let mut login = command
            .current_dir(self.folder.path())
            .env("XDG_STATE_HOME", self.folder.at("state"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("isolet runs");
        let mut said = BufReader::new(login.stdout.take().expect("a pipe"));
        let mut text = String::new();
        while !text.lines().any(|line| line.starts_with("http")) {
            assert_ne!(said.read_line(&mut text).expect("text"), 0, "{text}");
        }
        let address = text.lines().find(|line| line.starts_with("http")).expect("an address").to_owned();
        assert_says(&self.browse(&address), &["200 OK", "close this window"]);
        said.read_to_string(&mut text).expect("text");
        assert!(login.wait().expect("an end").success(), "{text}");
        text
    }
}

impl Drop for OAuthServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_user_logs_in_works_and_logs_out() {
    let vault = OAuthServer::start();
    let run = || vault.isolet(["run", "-"]).stdin("return await env.vault.open({})");
    let output = run().output().exits(3);
    assert_says(&output.stderr, &["vault", "401", "isolet auth login vault"]);

    let said = vault.log_in();
    assert_says(&said, &["Logged in", "scopes: read", "renewed automatically"]);
    assert!(!said.contains("0123456789abcdef"), "{said}");
    assert_eq!(run().output().exits(0).json(), "opened");
    let status = vault.isolet(["auth", "status"]).output().exits(0).stdout;
    assert_says(&status, &["vault", &format!("http://127.0.0.1:{}/mcp", vault.port), "scopes: read"]);
    assert!(!status.contains("0123456789abcdef"), "{status}");

    // One file that only its owner can read.
    let folder = vault.folder.path().join("state/isolet/auth");
    let files: Vec<_> = std::fs::read_dir(&folder).expect("a folder").flatten().collect();
    assert!(!files.is_empty());
    for file in files {
        let mode = file.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", file.path());
    }

    // The server ends the token; isolet gets another one, which is in no log at any level.
    vault.browse(&format!("http://127.0.0.1:{}/revoke", vault.port));
    let leak =
        vault.isolet(["run", "-"]).stdin("try { await env.vault.leak({}) } catch (e) { return e.message }");
    let output = leak.env("RUST_LOG", "trace").output().exits(0);
    assert_says(text(&output.json()), &["no access with [redacted]"]);
    assert!(!output.both().contains("0123456789abcdef"), "a token is in the log");

    let output = vault.isolet(["auth", "logout", "vault"]).output().exits(0);
    assert_says(&output.stdout, &["token removed"]);
    run().output().exits(3);
    let output = vault.isolet(["auth", "status"]).output().exits(0);
    assert_says(&output.stderr, &["no logins"]);
}

#[test]
fn mistakes_are_named() {
    let vault = OAuthServer::start();
    let output = vault.isolet(["auth", "login", "valt"]).output().exits(2);
    assert_says(&output.stderr, &["unknown server \"valt\"", "expected one of: vault"]);
    vault.folder.mcp_json(json!({ "child": { "command": "x" } }));
    let output = vault.isolet(["auth", "login", "child"]).output().exits(3);
    assert_says(&output.stderr, &["child process", "\"env\""]);
}
