//! Processes are killed at bad moments: every request gets an answer or a closed connection,
//! nothing hangs, and no process is left.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::http::{Request, attempt};
use crate::harness::processes::{Process, wait_until_gone};
use crate::harness::*;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;

/// The time for a run with its retries, two starts of a zygote that fail, and a slow machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);

/// Typical runs of agents, with their results: no call, one call, parallel calls, waiting, work.
const TYPICAL_RUNS: [(&str, i64); 5] = [
    ("return 6 * 7", 42),
    ("return (await env.demo.add({ a: 1, b: 2 })).sum", 3),
    (
        "const all = await Promise.all([1, 2, 3].map((n) => env.demo.add({ a: n, b: n }))); \
         return all.reduce((sum, one) => sum + one.sum, 0)",
        12,
    ),
    ("await env.demo.wait({ ms: 50 }); return 5", 5),
    ("let n = 0; for (let i = 0; i < 1e5; i++) n += i % 7; return n", 299_995),
];

/// The outcomes of requests.
#[derive(Debug, Default)]
struct Outcomes {
    good: usize,
    crashed: usize,
    /// Runs that ended as `crashed` before they had called anything.
    crashed_idle: usize,
    closed: usize,
    slowest: Duration,
}

/// Sends typical runs, some in parallel, until it is stopped; each must be right or `crashed`.
struct Load {
    over: Arc<AtomicBool>,
    tasks: JoinSet<Outcomes>,
}

impl Load {
    fn start(server: &Daemon, at_once: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for first in 0..at_once {
            let (over, address) = (over.clone(), server.address());
            tasks.spawn(async move {
                let mut outcomes = Outcomes::default();
                for turn in first.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let (code, expected) = TYPICAL_RUNS[turn % TYPICAL_RUNS.len()];
                    let started = Instant::now();
                    let answer = attempt(address, Request::run(&json!({ "code": code }))).await;
                    outcomes.slowest = outcomes.slowest.max(started.elapsed());
                    let Some(answer) = answer else {
                        outcomes.closed += 1;
                        continue;
                    };
                    let report = answer.expect(200).json();
                    if report["ok"] == true {
                        assert_eq!(report["result"], expected, "{report:#}");
                        outcomes.good += 1;
                    } else {
                        error(&report, "crashed");
                        outcomes.crashed += 1;
                        outcomes.crashed_idle += usize::from(!code.contains("env."));
                    }
                }
                outcomes
            });
        }
        Self { over, tasks }
    }

    /// Lets requests in flight end and returns the sum of the outcomes.
    async fn stop(self) -> Outcomes {
        self.over.store(true, Ordering::Relaxed);
        let mut sum = Outcomes::default();
        for outcomes in self.tasks.join_all().await {
            sum.good += outcomes.good;
            sum.crashed += outcomes.crashed;
            sum.crashed_idle += outcomes.crashed_idle;
            sum.closed += outcomes.closed;
            sum.slowest = sum.slowest.max(outcomes.slowest);
        }
        println!("{sum:?}");
        assert!(sum.slowest < ANSWER_TIMEOUT, "{sum:?}");
        sum
    }
}

fn kill(process: &Process) -> bool {
    Pid::from_raw(process.pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Fails unless the service has recovered: as many zygotes as before, no killed process left,
/// nothing running, and scripts run.
async fn assert_recovers(server: &Daemon, zygotes: usize, killed: &[Process]) {
    eventually("all zygotes are back", || async { (server.zygotes().len() == zygotes).then_some(()) }).await;
    server.ready().await;
    for (code, expected) in TYPICAL_RUNS {
        assert_eq!(*result(&server.run(code).await), expected, "{code}");
    }
    server.metric_becomes("isolet_runs_in_flight", 0.0).await;
    wait_until_gone("killed runners", WAIT_TIMEOUT, || {
        killed.iter().filter(|process| process.is_alive()).cloned().collect()
    });
    // Zombies count as left.
    no_child_is_a_zombie(server.pid().as_raw_nonzero().get()).await;
}

/// Waits until the process has no zombie children.
async fn no_child_is_a_zombie(parent: i32) {
    let zombies = || async {
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.unwrap_or_default();
        let is_zombie = |pid: &&str| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
        };
        (children.split_whitespace().filter(is_zombie).count() == 0).then_some(())
    };
    eventually("no child is a zombie", zombies).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runners_killed_under_load_are_replaced() {
    let server = Daemon::serve_in(Folder::new(), &["--zygotes", "2"]).await_ready().await;
    let load = Load::start(&server, 6);
    let mut killed = Vec::new();
    let until = Instant::now() + Duration::from_secs(5);
    for turn in 0.. {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if Instant::now() >= until {
            break;
        }
        // One after the other, in whatever state each is.
        let mut runners = server.script_processes();
        if !runners.is_empty() {
            let victim = runners.swap_remove(turn % runners.len());
            if kill(&victim) {
                killed.push(victim);
            }
        }
    }
    let outcomes = load.stop().await;
    println!("{} runners were killed", killed.len());
    assert!(killed.len() > 10, "{killed:#?}");
    assert!(outcomes.good > 0 && outcomes.closed == 0, "{outcomes:?}");
    assert_recovers(&server, 2, &killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zygotes_killed_one_at_a_time_cost_only_runs_that_had_called() {
    let server = Daemon::serve_in(Folder::new(), &["--zygotes", "2"]).await_ready().await;
    let load = Load::start(&server, 6);
    let mut killed = Vec::new();
    for _ in 0..8 {
        // The next one is killed once the last one is replaced.
        server.ready().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(victim) = server.zygotes().pop()
            && kill(&victim)
        {
            killed.push(victim);
        }
        eventually("a replacement", || async {
            let zygotes = server.zygotes();
            let replaced = zygotes.iter().all(|zygote| !killed.contains(zygote));
            (zygotes.len() == 2 && replaced).then_some(())
        })
        .await;
    }
    let outcomes = load.stop().await;
    assert!(outcomes.good > killed.len(), "{outcomes:?}");
    assert_eq!((outcomes.crashed_idle, outcomes.closed), (0, 0), "{outcomes:?}");
    assert_recovers(&server, 2, &killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zygote_that_is_stopped_is_replaced_and_its_runs_go_on() {
    let server = Daemon::serve_in(Folder::new(), &["--zygotes", "1"]).await_ready().await;
    let stopped = server.zygotes().pop().expect("a zygote");
    let body = json!({ "code": "await env.demo.wait({ ms: 9000 }); return 1" });
    let long = tokio::spawn(attempt(server.address(), Request::run(&body)));
    server.metric_becomes("isolet_runs_in_flight", 1.0).await;
    let pid = Pid::from_raw(stopped.pid).expect("a process");
    kill_process(pid, Signal::STOP).expect("it is there");
    // More runs than there are ready runners.
    let mut runs = JoinSet::new();
    for _ in 0..30 {
        runs.spawn(attempt(server.address(), Request::run(&json!({ "code": "return 6 * 7" }))));
    }
    for answer in bounded("all runs are answered", runs.join_all()).await {
        let report = answer.expect("an answer").expect(200).json();
        assert_eq!(*result(&report), 42, "{report:#}");
    }
    // `/v1/runtime` shows both: one makes runners, the other has a run.
    let runtime = server.get("/v1/runtime").await.expect(200).json();
    let ready = |zygote: &Value| zygote["ready"] == true;
    let zygotes = runtime["zygotes"].as_array().unwrap_or_else(|| panic!("{runtime:#}"));
    assert_eq!(zygotes.iter().filter(|zygote| ready(zygote)).count(), 1, "{runtime:#}");
    if let Some(old) = zygotes.iter().find(|zygote| zygote["pid"] == stopped.pid) {
        assert_eq!(
            (&old["ready"], &old["runs"], &old["warm"]),
            (&json!(false), &json!(1), &json!(0)),
            "{old}"
        );
        assert!(stopped.is_alive());
    } else {
        assert!(long.is_finished(), "its run is not over: {runtime:#}");
    }
    assert_eq!(runtime["zygote_restarts"], 1, "{runtime:#}");
    let report =
        bounded("the long run", long).await.expect("no panic").expect("an answer").expect(200).json();
    assert_eq!(*result(&report), 1, "{report:#}");
    assert_recovers(&server, 1, &[stopped]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_pid_1_it_reaps_orphans() {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no PID namespace can be made here");
        return;
    }
    let folder = Folder::new();
    let mut command = unshare();
    command.args([ISOLET, "serve", "--listen", "127.0.0.1:0", "--no-token", "--zygotes", "1"]);
    let server = Daemon::start(command, folder.path()).await_ready().await;
    let wrapper = server.pid().as_raw_nonzero().get();
    let below = |parent: i32, what: &'static str| {
        let found = move |process: &Process| process.parent == parent && process.command.contains(what);
        server.descendants().into_iter().find(found)
    };
    let first = below(wrapper, " serve").expect("isolet").pid;
    for _ in 0..3 {
        let zygote = below(first, " zygote ").expect("a zygote");
        assert!(kill(&zygote));
        eventually("a replacement", || async { below(first, " zygote ").filter(|now| *now != zygote) }).await;
        server.ready().await;
    }
    no_child_is_a_zombie(first).await;
    // Children of its own are waited for by number: one that ends is noticed and started again.
    let guard = below(first, "demo-mcp").expect("the guard of the demo server");
    assert!(kill(&guard));
    eventually("a new guard", || async { below(first, "demo-mcp").filter(|now| *now != guard) }).await;
    server.server_in("demo", "ready").await;
    no_child_is_a_zombie(first).await;
    server.assert_works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runners_killed_while_they_start_lose_no_run() {
    let server = Daemon::serve_in(Folder::new(), &["--zygotes", "2"]);
    let load = Load::start(&server, 4);
    let mut killed: Vec<Process> = Vec::new();
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        for runner in server.script_processes() {
            if !killed.contains(&runner) && kill(&runner) {
                killed.push(runner);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{} runners were killed", killed.len());
    assert!(killed.len() >= 4, "{killed:#?}");
    let outcomes = load.stop().await;
    assert!(outcomes.closed == 0, "{outcomes:?}");
    // Runs that waited for a runner were not lost with the ones that were killed at their start.
    assert!(outcomes.good > 0, "{outcomes:?}");
    assert_recovers(&server, 2, &killed).await;
}

/// Runs that are in flight when the broker is stopped: calls, waits, loops, and event streams.
fn in_flight(server: &Daemon) -> JoinSet<Option<u16>> {
    let mut tasks = JoinSet::new();
    for body in [
        json!({ "code": "await env.demo.wait({ ms: 1500 }); return 1" }),
        json!({ "code": "await new Promise((done) => setTimeout(done, 1500)); return 1" }),
        json!({ "code": "for (;;) await env.demo.add({ a: 1, b: 2 })", "timeout_ms": 3000 }),
        json!({ "code": "for (;;);", "timeout_ms": 3000 }),
        json!({ "code": "for (;;) console.log('x')", "timeout_ms": 3000 }),
        json!({ "code": "const a = []; for (;;) a.push([1])", "timeout_ms": 3000 }),
        json!({ "code": "await env.demo.wait({ ms: 60000 })" }),
    ] {
        for accept in ["application/json", "text/event-stream"] {
            let request = Request::run(&body).header("accept", accept);
            let address = server.address();
            tasks.spawn(async move { attempt(address, request).await.map(|answer| answer.status) });
        }
    }
    tasks
}

/// Sends the signal with runs in flight and returns their outcomes. Fails if anything hangs or is
/// left.
async fn ends_with_runs_in_flight(mut server: Daemon, signal: Signal, within: Duration) -> Vec<Option<u16>> {
    let tasks = in_flight(&server);
    eventually("some runs are in flight", || async {
        (server.metric("isolet_runs_in_flight").await >= 4.0).then_some(())
    })
    .await;
    let family = server.descendants();
    assert!(family.iter().any(|process| process.command.contains("demo-mcp")), "{family:#?}");
    assert!(family.iter().any(|process| process.command.contains(" zygote ")), "{family:#?}");
    let started = Instant::now();
    let ended = tokio::task::spawn_blocking(move || {
        server.end(signal);
        server
    });
    let outcomes = tasks.join_all().await;
    let _server = ended.await.expect("it ends");
    let took = started.elapsed();
    assert!(took < within, "{took:?}: {outcomes:?}");
    wait_until_gone("what isolet had started", Duration::from_secs(10), || {
        family.iter().filter(|process| process.is_alive()).cloned().collect()
    });
    println!("{outcomes:?} within {took:?}");
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_answers_or_closes_runs_in_flight() {
    let server = Daemon::serve().await_ready().await;
    // Runs have 20 s to end, then they are cancelled.
    let outcomes = ends_with_runs_in_flight(server, Signal::TERM, Duration::from_secs(40)).await;
    let answered = outcomes.iter().filter(|end| **end == Some(200)).count();
    assert!(answered >= 10, "runs that end in time get their answer: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_leaves_no_process_of_runs_in_flight() {
    let server = Daemon::serve().await_ready().await;
    ends_with_runs_in_flight(server, Signal::KILL, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_ends_while_runners_start_leaves_nothing() {
    for signal in [Signal::TERM, Signal::KILL] {
        for pause in [0, 5, 20, 60] {
            let mut server = Daemon::serve();
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let request = Request::run(&json!({ "code": "return 1" }));
                    tokio::spawn(attempt(server.address(), request))
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let family = server.descendants();
            let server = tokio::task::spawn_blocking(move || {
                server.end(signal);
                server
            });
            for task in tasks {
                // Either an answer or a closed connection is right.
                let _ = task.await.expect("neither panics nor hangs");
            }
            let server = server.await.expect("it ends");
            // Processes that it started between the look and the signal are found by their folder
            // or parent.
            wait_until_gone("what isolet had started", Duration::from_secs(20), || {
                family
                    .iter()
                    .filter(|process| process.is_alive())
                    .cloned()
                    .chain(server.descendants())
                    .collect()
            });
        }
    }
}
