//! However `isolet` ends, none of its processes stays: neither servers nor their descendants.

use std::time::Duration;

use crate::harness::fake_server::FakeServer;
use crate::harness::processes::{Process, mentioning, wait_for, wait_until_gone};
use crate::harness::*;
use rustix::process::Signal;

/// The time until all are gone. Closing the input, SIGTERM and SIGKILL take two seconds with the
/// default timeouts; slow machines get more.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A server with a grandchild in a session of its own, and the demo beside it.
fn with_family(odd: &FakeServer, ways: &[&str]) -> Value {
    let ways: Vec<&str> = ways.iter().copied().chain(["child"]).collect();
    json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] }, "odd": odd.entry(&ways) })
}

/// Waits until the server and its grandchild run; returns all processes below `isolet`, and the
/// grandchild.
fn family(server: &Daemon, odd: &FakeServer) -> Vec<Process> {
    let grandchild = wait_for("a grandchild", || {
        mentioning(odd.mark()).into_iter().filter(|process| process.command.contains("grandchild")).collect()
    });
    let mut family = server.descendants();
    family.extend(grandchild);
    assert!(family.iter().any(|process| process.command.contains("demo-mcp")), "{family:#?}");
    assert!(family.iter().any(|process| process.command.contains("fake_server.mjs")), "{family:#?}");
    family
}

/// Fails unless all of `family`, and all processes that mention the server's folder, end soon.
#[track_caller]
fn assert_gone(family: &[Process], odd: &FakeServer) {
    wait_until_gone("the family", EXIT_TIMEOUT, || {
        let mut left: Vec<Process> = family.iter().filter(|process| process.is_alive()).cloned().collect();
        left.extend(mentioning(odd.mark()));
        left
    });
}

async fn ends_with(signal: Signal, ways: &[&str]) {
    let odd = FakeServer::new();
    let mut server = Daemon::serve_with(with_family(&odd, ways));
    server.server_in("odd", "ready").await;
    server.server_in("demo", "ready").await;
    let family = family(&server, &odd);
    assert!(family.iter().all(Process::is_alive));
    server.end(signal);
    assert_gone(&family, &odd);
}

#[tokio::test]
async fn nothing_is_left_after_sigterm() {
    ends_with(Signal::TERM, &[]).await;
}

#[tokio::test]
async fn nothing_is_left_after_sigint() {
    ends_with(Signal::INT, &[]).await;
}

#[tokio::test]
async fn nothing_is_left_after_sigkill() {
    ends_with(Signal::KILL, &[]).await;
}

#[tokio::test]
async fn stubborn_servers_are_killed() {
    ends_with(Signal::TERM, &["stubborn"]).await;
}

#[tokio::test]
async fn stubborn_servers_are_killed_after_sigkill_too() {
    ends_with(Signal::KILL, &["stubborn"]).await;
}

#[tokio::test]
async fn nothing_is_left_after_sigkill_in_the_middle_of_a_call() {
    let odd = FakeServer::new();
    let mut server = Daemon::serve_with(with_family(&odd, &[]));
    let mut connection = server.connect().await;
    let request = http::Request::run(&json!({ "code": "await env.odd.hang({})" }));
    let mut answer = Box::pin(connection.begin(request));
    tokio::select! {
        _ = &mut answer => panic!("it cannot end"),
        _ = odd.sees("tools/call") => {}
    }
    server.server_in("demo", "ready").await;
    let family = family(&server, &odd);
    drop(answer);
    server.end(Signal::KILL);
    assert_gone(&family, &odd);
}

#[tokio::test]
async fn nothing_is_left_after_sigkill_during_the_start() {
    let odd = FakeServer::new();
    // The server never answers.
    let mut server = Daemon::serve_with(with_family(&odd, &["mute"]));
    odd.sees("initialize").await;
    server.server_in("demo", "ready").await;
    let family = family(&server, &odd);
    server.end(Signal::KILL);
    assert_gone(&family, &odd);
}

#[test]
fn nothing_is_left_after_a_run() {
    for (ways, code, exit) in [
        (&["child"][..], "return (await env.odd.pid({})).calls", 0),
        (&["child"], "await env.odd.pid({}); throw new Error('no')", 1),
        (&["child", "stubborn"], "return (await env.odd.pid({})).calls", 0),
    ] {
        let odd = FakeServer::new();
        let folder = Folder::new();
        folder.mcp_json(json!({ "odd": odd.entry(ways) }));
        // `output` also checks that no process holds its output open.
        isolet(["run", "-"]).within(folder.path()).stdin(code).output().exits(exit);
        let left = mentioning(odd.mark());
        assert!(left.is_empty(), "after `isolet run` has returned, there are still: {left:#?}");
    }
}

#[tokio::test]
async fn descendants_of_a_dead_server_are_ended() {
    let odd = FakeServer::new();
    let server = Daemon::serve_with(with_family(&odd, &[]));
    server.server_in("odd", "ready").await;
    let before = wait_for("a grandchild", || {
        mentioning(odd.mark()).into_iter().filter(|process| process.command.contains("grandchild")).collect()
    });
    let report = server.run("return await env.odd.die({})").await;
    error(&report, "tool_error");
    wait_until_gone("the grandchild of a dead server", EXIT_TIMEOUT, || {
        before.iter().filter(|process| process.is_alive()).cloned().collect()
    });
    server.server_in("odd", "ready").await;
}
