//! Processes die at the worst moments: every request gets an answer or a closed connection, nothing hangs, nothing is left.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::http::{Request, attempt};
use harness::processes::{Process, wait_until_gone};
use harness::*;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;

/// Longer than a run that is retried, two starts of a zygote that were waited for in vain, and a slow machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(45);

/// What a service gets from agents: nothing, a call, calls at once, waiting, work.
const HONEST: [(&str, i64); 5] = [
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

/// How requests ended.
#[derive(Debug, Default)]
struct Ends {
    good: usize,
    crashed: usize,
    /// `crashed` of runs that had called nothing.
    crashed_idle: usize,
    closed: usize,
    slowest: Duration,
}

/// Sends honest runs, some at once, until told to stop; each must be right or `crashed`.
struct Load {
    over: Arc<AtomicBool>,
    tasks: JoinSet<Ends>,
}

impl Load {
    fn start(server: &Daemon, at_once: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for first in 0..at_once {
            let (over, address) = (over.clone(), server.address());
            tasks.spawn(async move {
                let mut ends = Ends::default();
                for turn in first.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let (code, expected) = HONEST[turn % HONEST.len()];
                    let started = Instant::now();
                    let answer = attempt(address, Request::run(&json!({ "code": code }))).await;
                    ends.slowest = ends.slowest.max(started.elapsed());
                    let Some(answer) = answer else {
                        ends.closed += 1;
                        continue;
                    };
                    let report = answer.expect(200).json();
                    if report["ok"] == true {
                        assert_eq!(report["result"], expected, "{report:#}");
                        ends.good += 1;
                    } else {
                        error(&report, "crashed");
                        ends.crashed += 1;
                        ends.crashed_idle += usize::from(!code.contains("env."));
                    }
                }
                ends
            });
        }
        Self { over, tasks }
    }

    /// Lets the requests under way end and says how all did.
    async fn stop(self) -> Ends {
        self.over.store(true, Ordering::Relaxed);
        let mut sum = Ends::default();
        for ends in self.tasks.join_all().await {
            sum.good += ends.good;
            sum.crashed += ends.crashed;
            sum.crashed_idle += ends.crashed_idle;
            sum.closed += ends.closed;
            sum.slowest = sum.slowest.max(ends.slowest);
        }
        println!("{sum:?}");
        assert!(sum.slowest < ANSWERED_WITHIN, "{sum:?}");
        sum
    }
}

fn kill(process: &Process) -> bool {
    Pid::from_raw(process.pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Fails unless the service is whole again: as many zygotes as before, none of the killed ones left, nothing running, and
/// scripts run.
async fn assert_recovers(server: &Daemon, zygotes: usize, killed: &[Process]) {
    eventually("all zygotes are back", || async { (server.zygotes().len() == zygotes).then_some(()) }).await;
    server.ready().await;
    for (code, expected) in HONEST {
        assert_eq!(*result(&server.run(code).await), expected, "{code}");
    }
    server.metric_becomes("isolet_runs_in_flight", 0.0).await;
    wait_until_gone("killed runners", PATIENCE, || {
        killed.iter().filter(|process| process.is_alive()).cloned().collect()
    });
    // Not even as something that waits for its parent to take note.
    let zombies = || async {
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid().as_raw_nonzero()));
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
async fn runners_that_are_killed_under_load() {
    let server = Daemon::serve_in(Folder::new(), &["--runners", "2"]).await_ready().await;
    let load = Load::start(&server, 6);
    let mut killed = Vec::new();
    let until = Instant::now() + Duration::from_secs(5);
    for turn in 0.. {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if Instant::now() >= until {
            break;
        }
        // One after the other, whatever state it is in.
        let mut runners = server.runners();
        if !runners.is_empty() {
            let victim = runners.swap_remove(turn % runners.len());
            if kill(&victim) {
                killed.push(victim);
            }
        }
    }
    let ends = load.stop().await;
    println!("{} runners were killed", killed.len());
    assert!(killed.len() > 10, "{killed:#?}");
    assert!(ends.good > 0 && ends.closed == 0, "{ends:?}");
    assert_recovers(&server, 2, &killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zygotes_that_are_killed_one_at_a_time_cost_only_runs_that_had_called() {
    let server = Daemon::serve_in(Folder::new(), &["--runners", "2"]).await_ready().await;
    let load = Load::start(&server, 6);
    let mut killed = Vec::new();
    for _ in 0..8 {
        // The next one dies when the last one's place is taken.
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
    let ends = load.stop().await;
    assert!(ends.good > killed.len(), "{ends:?}");
    assert_eq!((ends.crashed_idle, ends.closed), (0, 0), "{ends:?}");
    assert_recovers(&server, 2, &killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runners_that_are_killed_while_they_start() {
    let server = Daemon::serve_in(Folder::new(), &["--runners", "2"]);
    let load = Load::start(&server, 4);
    let mut killed: Vec<Process> = Vec::new();
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        for runner in server.runners() {
            if !killed.contains(&runner) && kill(&runner) {
                killed.push(runner);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{} runners were killed", killed.len());
    assert!(killed.len() >= 4, "{killed:#?}");
    let ends = load.stop().await;
    assert!(ends.closed == 0, "{ends:?}");
    // Those that waited for a runner were not lost with the ones that never came up.
    assert!(ends.good > 0, "{ends:?}");
    assert_recovers(&server, 2, &killed).await;
}

/// Runs that are in flight when the broker is told to end: calls, waits, loops, and streams of events.
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

/// Sends the signal with runs in flight; gives how they ended. Fails if anything hangs or is left.
async fn ends_with_runs_in_flight(mut server: Daemon, signal: Signal, within: Duration) -> Vec<Option<u16>> {
    let tasks = in_flight(&server);
    eventually("some runs are in flight", || async {
        (server.metric("isolet_runs_in_flight").await >= 4.0).then_some(())
    })
    .await;
    let family = server.descendants();
    assert!(family.iter().any(|process| process.command.contains("demo-mcp")), "{family:#?}");
    assert!(family.iter().any(|process| process.command.contains(" runner ")), "{family:#?}");
    let started = Instant::now();
    let ended = tokio::task::spawn_blocking(move || {
        server.end(signal);
        server
    });
    let ends = tasks.join_all().await;
    let _server = ended.await.expect("it ends");
    let took = started.elapsed();
    assert!(took < within, "{took:?}: {ends:?}");
    wait_until_gone("what isolet had started", Duration::from_secs(10), || {
        family.iter().filter(|process| process.is_alive()).cloned().collect()
    });
    println!("{ends:?} within {took:?}");
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_asked_to_end_with_runs_in_flight() {
    let server = Daemon::serve().await_ready().await;
    // Runs have 20 s to end, then they are cancelled.
    let ends = ends_with_runs_in_flight(server, Signal::TERM, Duration::from_secs(40)).await;
    let answered = ends.iter().filter(|end| **end == Some(200)).count();
    assert!(answered >= 10, "runs that end in time get their answer: {ends:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_with_runs_in_flight() {
    let server = Daemon::serve().await_ready().await;
    ends_with_runs_in_flight(server, Signal::KILL, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_ends_while_its_runners_start() {
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
                // An answer or a closed connection, whichever.
                let _ = task.await.expect("neither panics nor hangs");
            }
            let server = server.await.expect("it ends");
            // What it started between the look and the signal is found by the name of its folder or of its parent.
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
