//! The processes that run scripts: jailed, without secrets, and expendable.

mod harness;

use std::collections::BTreeSet;

use harness::processes::{Process, wait_until_gone};
use harness::*;
use rustix::process::{Pid, Signal, kill_process};

#[tokio::test]
async fn every_layer_of_the_jail_is_reported() {
    let server = Daemon::serve().await_ready().await;
    let runtime = server.get("/v1/runtime").await.expect(200).json();
    let runners = runtime["runners"].as_array().unwrap_or_else(|| panic!("{runtime:#}"));
    let reported: BTreeSet<u64> = runners.iter().filter_map(|runner| runner["pid"].as_u64()).collect();
    let alive: BTreeSet<u64> =
        server.zygotes().iter().map(|zygote| u64::try_from(zygote.pid).unwrap()).collect();
    assert_eq!(reported, alive, "{runtime:#}");
    for runner in runners {
        let layers = runner["jail"].as_object().unwrap_or_else(|| panic!("{runtime:#}"));
        for layer in ["no_new_privs", "landlock", "namespaces", "limits", "seccomp"] {
            assert!(layers.contains_key(layer), "{layer}: {runtime:#}");
        }
        // These need no privilege on any kernel that the tests run on.
        assert_eq!(
            (&layers["no_new_privs"], &layers["limits"]),
            (&json!("set"), &json!("set")),
            "{runtime:#}"
        );
    }
}

#[tokio::test]
async fn runners_have_no_files_no_sockets_and_no_secrets() {
    let folder = Folder::new();
    folder.write("mcp.json", json!({ "mcpServers": {} }).to_string());
    let server = Daemon::serve_in(folder, &["--token", "correct-horse-battery"]);
    eventually("runners", || async { (!server.runners().is_empty()).then_some(()) }).await;
    eventually("/readyz", || async { (server.get("/readyz").await.status == 200).then_some(()) }).await;
    for runner in server.runners() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", runner.pid)).expect("it is alive");
        assert_says(
            &status,
            &["NoNewPrivs:\t1", "Seccomp:\t2", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"],
        );
        // Pipes and sockets without a name only: nothing opened, nothing inherited from the operator.
        for entry in std::fs::read_dir(format!("/proc/{}/fd", runner.pid)).expect("it is alive").flatten() {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            let target = target.to_string_lossy().into_owned();
            let harmless =
                ["socket:", "pipe:", "anon_inode:", "/dev/null"].iter().any(|kind| target.starts_with(kind));
            assert!(harmless, "{target} is open in a runner");
        }
        let environment = std::fs::read(format!("/proc/{}/environ", runner.pid)).expect("it is ours");
        let environment = String::from_utf8_lossy(&environment);
        assert!(!environment.contains("HOME=") && !environment.contains("correct-horse"), "{environment:?}");
        assert!(!runner.command.contains("correct-horse"), "{}", runner.command);
    }
}

#[tokio::test]
async fn a_killed_zygote_takes_its_runs_along_and_is_replaced() {
    let server = Daemon::serve().await_ready().await;
    let before = server.zygotes();
    let waiting = json!({ "code": "console.log('begun'); await env.demo.wait({ ms: 50000 })" });
    let mut connection = server.connect().await;
    let mut events = connection.events(&waiting).await;
    // Before its caller has seen something of it, it would be begun again.
    assert_eq!(events.next().await.expect("a line").name, "log");
    for runner in &before {
        kill_process(Pid::from_raw(runner.pid).expect("a pid"), Signal::KILL).expect("it is alive");
    }
    let report = events.rest().await.pop().expect("a result").data;
    let failure = error(&report, "crashed");
    assert!(failure["hint"].is_string(), "{report:#}");
    wait_until_gone("the killed runners", PATIENCE, || {
        before.iter().filter(|runner| runner.is_alive()).cloned().collect()
    });
    // A runner may be dead whose death nobody has heard of: what is handed to it is placed again.
    server.assert_works().await;
    eventually("as many runners as before, and other ones", || async {
        let now = server.zygotes();
        let replaced = now.iter().all(|runner| before.iter().all(|old| old.pid != runner.pid));
        (now.len() == before.len() && replaced).then_some(())
    })
    .await;
    server.ready().await;
    server.assert_works().await;
    // The tools went nowhere.
    assert_eq!(*result(&server.run("return (await env.demo.add({ a: 1, b: 2 })).sum").await), 3);
}

#[tokio::test]
async fn a_killed_runner_costs_one_run() {
    let server = Daemon::serve().await_ready().await;
    let zygotes = server.zygotes();
    let waiting = json!({ "code": "for (const end = Date.now() + 300; Date.now() < end;); \
                  await env.demo.wait({ ms: 5000 }); return 'whole'" });
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    let mut runs = Box::pin(async {
        tokio::join!(one.send(http::Request::run(&waiting)), other.send(http::Request::run(&waiting)))
    });
    let busy = tokio::select! {
        _ = &mut runs => panic!("they cannot end"),
        busy = async {
            server.metric_becomes("isolet_runs_in_flight", 2.0).await;
            // Copies that wait sit in a read; those at work have used the processor for their script.
            let busy = eventually("a runner at work", || async {
                let mut copies = server.runners().into_iter().filter(|runner| !zygotes.contains(runner));
                copies.find(|runner| cpu_ticks(runner) >= 10)
            })
            .await;
            // By now it is at its call, so it cannot be begun again.
            server.metric_becomes("isolet_runs_in_flight", 2.0).await;
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            busy
        } => busy,
    };
    kill_process(Pid::from_raw(busy.pid).expect("a pid"), Signal::KILL).expect("it is alive");
    let (one, other) = runs.await;
    let ends = [one, other].map(|answer| answer.expect(200).json());
    let crashed = ends.iter().filter(|report| report["error"]["code"] == "crashed").count();
    let whole = ends.iter().filter(|report| report["result"] == "whole").count();
    assert_eq!((crashed, whole), (1, 1), "{ends:#?}");
    assert_eq!(server.zygotes(), zygotes, "none was replaced");
    server.assert_works().await;
}

/// CPU that a process has used.
fn cpu_ticks(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>());
    fields.map_or(0, |fields| {
        fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    })
}

#[tokio::test]
async fn a_stopped_runner_does_not_hold_its_runs_for_ever() {
    let server = Daemon::serve_in(Folder::new(), &["--runners", "1"]).await_ready().await;
    // They are alive and do nothing any more: the zygote makes no copies, the copies run nothing.
    // Zygotes first, as they may still be filling the pool.
    let stop = |runner: &Process| {
        kill_process(Pid::from_raw(runner.pid).expect("a pid"), Signal::STOP).expect("it is alive");
    };
    server.zygotes().iter().for_each(stop);
    let stopped = server.runners();
    stopped.iter().for_each(stop);
    let report = server.run_with(json!({ "code": "return 1", "timeout_ms": 1000 })).await;
    assert_eq!(report["ok"], false, "{report:#}");
    assert!(["crashed", "wall_limit"].contains(&text(&report["error"]["code"])), "{report:#}");
    // Only the copy that was given the run is ended; the others are as good as before once they may go on.
    for runner in stopped.iter().filter(|runner| runner.is_alive()) {
        kill_process(Pid::from_raw(runner.pid).expect("a pid"), Signal::CONT).expect("it is alive");
    }
    server.assert_works().await;
}

#[tokio::test]
async fn threads_do_the_same_without_a_jail() {
    let server = Daemon::serve_in(Folder::new(), &["--isolation", "thread"]).await_ready().await;
    assert!(server.runners().is_empty());
    let report = server.run("console.log('x'); return (await env.demo.add({ a: 1, b: 2 })).sum").await;
    assert_eq!(*result(&report), 3);
    let report = server.run_with(json!({ "code": "for (;;) {}", "timeout_ms": 300 })).await;
    assert_eq!(report["ok"], false);
    server.assert_works().await;
    let output = isolet(["run", "-", "--isolation", "thread"]).stdin("return 7").output().exits(0);
    assert_eq!(output.json(), 7);
    isolet(["run", "-", "--isolation", "thread", "--require-jail"]).stdin("1").output().exits(2);
}
