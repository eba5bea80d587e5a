//! `isolet dev`: Workers in jailed processes, their limits, and their honest neighbours.

use std::time::Duration;

use crate::dev_requests::{worker, worker_with};
use crate::harness::http::Request;
use crate::harness::processes::Process;
use crate::harness::*;
use hyper::Method;
use rustix::process::{Pid, Signal, kill_process};

const HOSTILE: &str = "let requests = 0;
const compute = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
export default { async fetch(request, env, ctx) {
    requests++;
    switch (new URL(request.url).pathname) {
        case '/loop': for (;;);
        case '/turns': for (;;) { compute(20); await scheduler.wait(0); }
        case '/heap': { const kept = []; for (;;) kept.push(new Array(1000).fill(1.5)); }
        case '/buffers': { const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1)); }
        case '/uninterruptible': return new Response(`${(1n << (1n << 26n)) * 3n ** (1n << 22n)}`.slice(0, 1));
        case '/logs': for (let i = 0; i < 1000; i++) console.log('x'.repeat(1000)); break;
        case '/timers': for (let i = 0; i < 9000; i++) setInterval(() => {}, 0); break;
        case '/stream': return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 20)) } }));
        case '/never': return new Promise(() => {});
        case '/slow': await scheduler.wait(1000);
    }
    return new Response(`${requests}`);
} }";

/// Limits that are soon reached.
const SETTINGS: &str = "[limits]\ncpu = \"1s\"\nwall = \"20s\"\nmemory = \"64MiB\"\n";

fn hostile() -> (Folder, Daemon) {
    let settings = Folder::new();
    settings.write("isolet.toml", SETTINGS);
    let path = settings.path().join("isolet.toml");
    worker_with(HOSTILE, &["--config", path.to_str().unwrap()])
}

/// The runner that has the Worker: the one that has used the most CPU time.
fn process_of_the_worker(daemon: &Daemon) -> Process {
    let zygotes: Vec<i32> = daemon.zygotes().iter().map(|zygote| zygote.pid).collect();
    let cpu = |process: &Process| {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", process.pid)).unwrap_or_default();
        stat.split_whitespace().next().and_then(|used| used.parse::<u64>().ok()).unwrap_or(0)
    };
    let mut runners = daemon.script_processes();
    runners.retain(|process| zygotes.contains(&process.parent));
    runners.into_iter().max_by_key(cpu).expect("a runner")
}

#[tokio::test]
async fn a_worker_is_in_a_jailed_process_without_files_and_secrets() {
    let (_folder, daemon) = worker("export default { fetch: () => new Response('here') }");
    for _ in 0..50 {
        daemon.get("/").await.expect(200);
    }
    let process = process_of_the_worker(&daemon);
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("it is alive");
    assert_says(
        &status,
        &[
            "NoNewPrivs:\t1",
            "Seccomp:\t2",
            "CapPrm:\t0000000000000000",
            "CapEff:\t0000000000000000",
            "Threads:\t1",
        ],
    );
    for entry in std::fs::read_dir(format!("/proc/{}/fd", process.pid)).expect("it is alive").flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned();
        let harmless =
            ["socket:", "pipe:", "anon_inode:", "/dev/null"].iter().any(|kind| target.starts_with(kind));
        assert!(harmless, "{target} is open in the process of a Worker");
    }
}

#[tokio::test]
async fn a_limit_ends_the_request_at_fault_and_its_neighbour_is_answered() {
    let (_folder, daemon) = hostile();
    for (path, code) in [
        ("/loop", "cpu_limit"),
        ("/turns", "cpu_limit"),
        ("/uninterruptible", "cpu_limit"),
        ("/heap", "memory_limit"),
        ("/buffers", "memory_limit"),
    ] {
        let mut neighbour = daemon.connect().await;
        let slow = tokio::spawn(async move { neighbour.send(Request::get("/slow")).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = bounded(path, daemon.get(path)).await.expect(500);
        assert_says(&answer.text(), &[code]);
        // It was repeated in another process.
        slow.await.unwrap().expect(200);
        daemon.get("/").await.expect(200);
    }
}

#[tokio::test]
async fn a_request_that_may_not_be_repeated_is_told_to_try_again() {
    let (_folder, daemon) = hostile();
    let mut neighbour = daemon.connect().await;
    let slow =
        tokio::spawn(async move { neighbour.send(Request::post("/slow", "text/plain", "once")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    daemon.get("/loop").await.expect(500);
    let answer = slow.await.unwrap().expect(503);
    assert_eq!(answer.header("retry-after"), "1");
    daemon.get("/").await.expect(200);
}

#[tokio::test]
async fn floods_harm_nobody_but_their_own_request() {
    let (_folder, daemon) = hostile();
    let mut reader = daemon.connect().await;
    let stream = reader.begin(Request::get("/stream")).await;
    assert_eq!(stream.status(), 200);
    for path in ["/logs", "/timers", "/never"] {
        bounded(path, daemon.get(path)).await;
        assert_eq!(bounded("the neighbour", daemon.get("/")).await.status, 200, "after {path}");
    }
    // Nobody reads the stream: neither process has more of it than the window.
    assert!(daemon.process().peak_mib() < 200, "{} MiB", daemon.process().peak_mib());
    daemon.wait_for_stderr(&["further lines are dropped"]);
}

#[tokio::test]
async fn a_process_that_is_killed_is_replaced() {
    let (_folder, daemon) = hostile();
    daemon.get("/").await.expect(200);
    assert_eq!(daemon.get("/").await.expect(200).text(), "2");
    let process = process_of_the_worker(&daemon);
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
    eventually("another process", || async {
        (daemon.get("/").await.status == 200 && !process.is_alive()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_project_answers_while_the_version_before_ends_its_requests() {
    let version = |text: &str| {
        format!(
            "export default {{ async fetch(request) {{
                if (request.method === 'POST') await request.text();
                if (request.url.endsWith('/slow')) await scheduler.wait(2000);
                return new Response('{text}');
            }} }}"
        )
    };
    let (folder, daemon) = worker(&version("before"));
    let mut slow = daemon.connect().await;
    let slow = tokio::spawn(async move { slow.send(Request::new(Method::POST, "/slow").body("x")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    folder.write("worker.js", version("after"));
    eventually("the new version", || async { (daemon.get("/").await.text() == "after").then_some(()) }).await;
    assert_eq!(slow.await.unwrap().expect(200).text(), "before");
}

#[tokio::test]
async fn an_operator_may_choose_a_thread() {
    let (_folder, daemon) =
        worker_with("export default { fetch: () => new Response('here') }", &["--isolation", "thread"]);
    assert_eq!(daemon.get("/").await.expect(200).text(), "here");
    assert!(daemon.script_processes().is_empty());
}

#[tokio::test]
async fn processes_follow_the_load_up_to_their_bound() {
    let settings = Folder::new();
    settings.write("isolet.toml", "[workers]\nprocesses = 3\n");
    let path = settings.path().join("isolet.toml");
    let code = "let id;
        const compute = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
        export default { fetch() { id ??= crypto.randomUUID(); compute(50); return new Response(id) } }";
    let (_folder, daemon) = worker_with(code, &["--config", path.to_str().unwrap()]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let all = futures_util::future::join_all((0..8).map(|_| daemon.get("/"))).await;
        seen.extend(all.into_iter().map(|answer| answer.expect(200).text()));
    }
    assert!((2..=3).contains(&seen.len()), "{seen:?}");
}
