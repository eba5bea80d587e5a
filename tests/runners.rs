//! Zygotes and runners: jailed, without secrets, replaceable.

use std::collections::BTreeSet;

use crate::harness::processes::{Process, wait_until_gone};
use crate::harness::*;
use rustix::process::{Pid, Signal, kill_process};

#[tokio::test]
async fn every_layer_of_the_jail_is_reported() {
    let server = Daemon::serve().await_ready().await;
    let runtime = server.get("/v1/runtime").await.expect(200).json();
    let zygotes = runtime["zygotes"].as_array().unwrap_or_else(|| panic!("{runtime:#}"));
    let reported: BTreeSet<u64> = zygotes.iter().filter_map(|zygote| zygote["pid"].as_u64()).collect();
    let alive: BTreeSet<u64> =
        server.zygotes().iter().map(|zygote| u64::try_from(zygote.pid).unwrap()).collect();
    assert_eq!(reported, alive, "{runtime:#}");
    let engine = &runtime["engine"];
    assert_eq!(engine["version"].as_str().map(|version| version.split('.').count()), Some(4), "{engine:#}");
    assert!(engine["age_days"].as_u64().is_some() && engine["released"].is_string(), "{engine:#}");
    assert_eq!((&engine["jit"], engine["patches"].is_array()), (&json!(true), true), "{engine:#}");
    for zygote in zygotes {
        let layers = zygote["jail"].as_object().unwrap_or_else(|| panic!("{runtime:#}"));
        assert_eq!(zygote["memory_watched"], true, "{runtime:#}");
        for layer in ["no_new_privs", "landlock", "namespaces", "limits", "seccomp"] {
            assert!(layers.contains_key(layer), "{layer}: {runtime:#}");
        }
        // These layers need no privilege on any kernel that the tests run on.
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
    eventually("runners", || async { (!server.script_processes().is_empty()).then_some(()) }).await;
    eventually("/readyz", || async { (server.get("/readyz").await.status == 200).then_some(()) }).await;
    for runner in server.script_processes() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", runner.pid)).expect("it is alive");
        assert_says(
            &status,
            &["NoNewPrivs:\t1", "Seccomp:\t2", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"],
        );
        // Pipes and unnamed sockets only: nothing opened, nothing inherited.
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

/// Returns the value of a line in a `/proc` file, after the colon or the column.
fn line(process: &Process, file: &str, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", process.pid)).expect("it is alive");
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    let found = found.unwrap_or_else(|| panic!("{name} is not in {text}"));
    found.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn runners_have_no_rights_and_are_ended_first() {
    let server = Daemon::serve().await_ready().await;
    let zygotes = server.zygotes();
    let runners = server.script_processes();
    assert!(runners.len() > zygotes.len(), "{runners:?}");
    for runner in &runners {
        let none = "0000000000000000";
        for rights in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(line(runner, "status", rights), [none], "{rights}");
        }
        if rustix::process::geteuid().is_root() {
            assert_eq!(line(runner, "status", "Uid:"), ["65534"; 4]);
            assert_eq!(line(runner, "status", "Gid:"), ["65534"; 4]);
            assert_eq!(line(runner, "status", "Groups:"), [""; 0]);
        }
        let score =
            std::fs::read_to_string(format!("/proc/{}/oom_score_adj", runner.pid)).expect("it is alive");
        assert_eq!(score.trim(), "500");
    }
}

#[tokio::test]
async fn runners_have_limits_on_every_resource() {
    let server = Daemon::serve().await_ready().await;
    let zygotes = server.zygotes();
    let runners: Vec<_> =
        server.script_processes().into_iter().filter(|runner| !zygotes.contains(runner)).collect();
    assert!(!runners.is_empty());
    for runner in &runners {
        let most = |name: &str, most: u64| {
            for limit in &line(runner, "limits", name)[..2] {
                assert!(limit.parse().is_ok_and(|limit: u64| limit <= most), "{name}: {limit}");
            }
        };
        most("Max core file size", 0);
        most("Max file size", 0);
        most("Max processes", 0);
        most("Max open files", 16);
        most("Max locked memory", 0);
        most("Max pending signals", 0);
        most("Max msgqueue size", 0);
        most("Max stack size", 8 << 20);
        most("Max data size", 2 << 30);
        // At most as much above its present size as it may write to.
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", runner.pid)).expect("it is alive");
        let pages: u64 = pages.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
        most("Max address space", pages * 4096 + (2 << 30));
    }
}

/// Smaller limits of the environment stay, and the jail is complete.
#[test]
fn a_stricter_environment_does_not_weaken_the_jail() {
    let folder = Folder::new();
    folder.write("a.ts", "return 40 + 2");
    for limits in ["ulimit -n 256", "ulimit -d 786432", "ulimit -s 1024", "ulimit -l 0", "ulimit -f 100000"] {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("{limits} && exec \"$0\" run a.ts --require-jail -q"), ISOLET])
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .output()
            .expect("a shell");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{limits}: {errors}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{limits}: {errors}");
    }
}

#[tokio::test]
async fn a_killed_zygote_ends_its_runs_and_is_replaced() {
    let server = Daemon::serve().await_ready().await;
    let before = server.zygotes();
    let waiting = json!({ "code": "console.log('begun'); await env.demo.wait({ ms: 50000 })" });
    let mut connection = server.connect().await;
    let mut events = connection.events(&waiting).await;
    // A log line makes sure that the run is not started again in another runner.
    assert_eq!(events.next().await.expect("a line").name, "log");
    for runner in &before {
        kill_process(Pid::from_raw(runner.pid).expect("a pid"), Signal::KILL).expect("it is alive");
    }
    let report = events.rest().await.pop().expect("a result").data;
    let failure = error(&report, "crashed");
    assert!(failure["hint"].is_string(), "{report:#}");
    wait_until_gone("the killed runners", WAIT_TIMEOUT, || {
        before.iter().filter(|runner| runner.is_alive()).cloned().collect()
    });
    // The broker may not have noticed a runner's death yet: a run that is given to it is placed
    // again.
    server.assert_works().await;
    eventually("as many runners as before, and other ones", || async {
        let now = server.zygotes();
        let replaced = now.iter().all(|runner| before.iter().all(|old| old.pid != runner.pid));
        (now.len() == before.len() && replaced).then_some(())
    })
    .await;
    server.metric_becomes("isolet_zygote_restarts_total", before.len() as f64).await;
    server.ready().await;
    server.assert_works().await;
    // The tools still work.
    assert_eq!(*result(&server.run("return (await env.demo.add({ a: 1, b: 2 })).sum").await), 3);
}

#[tokio::test]
async fn a_killed_runner_costs_one_run() {
    let server = Daemon::serve().await_ready().await;
    let zygotes = server.zygotes();
    // The script works instead of waiting: on a busy machine a loop of 300 ms may have had little
    // CPU. Its log line keeps it from being started again elsewhere.
    let waiting = json!({ "code": "console.log('begun'); let n = 0; for (let i = 0; i < 3e8; i++) n += i % 7; \
                  await env.demo.wait({ ms: 5000 }); return n > 0 && 'whole'" });
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    let mut runs = Box::pin(async {
        tokio::join!(one.send(http::Request::run(&waiting)), other.send(http::Request::run(&waiting)))
    });
    let busy = tokio::select! {
        _ = &mut runs => panic!("they cannot end"),
        busy = async {
            server.metric_becomes("isolet_runs_in_flight", 2.0).await;
            // Copies that wait are blocked in a read; a busy one has used CPU.
            eventually("a runner at work", || async {
                let mut copies = server.script_processes().into_iter().filter(|runner| !zygotes.contains(runner));
                copies.find(|runner| cpu_ticks(runner) >= 10)
            })
            .await
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

/// Returns the CPU time that a process has used.
fn cpu_ticks(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>());
    fields.map_or(0, |fields| {
        fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    })
}

#[tokio::test]
async fn a_stopped_runner_is_ended_at_its_runs_limit() {
    let server = Daemon::serve_in(Folder::new(), &["--zygotes", "1"]).await_ready().await;
    // Stopped processes live but do nothing: the zygote makes no copies, the copies run nothing.
    // Zygotes first, as they may still be filling the pool.
    let stop = |runner: &Process| {
        kill_process(Pid::from_raw(runner.pid).expect("a pid"), Signal::STOP).expect("it is alive");
    };
    server.zygotes().iter().for_each(stop);
    let stopped = server.script_processes();
    stopped.iter().for_each(stop);
    let report = server.run_with(json!({ "code": "return 1", "timeout_ms": 1000 })).await;
    assert_eq!(report["ok"], false, "{report:#}");
    assert!(["crashed", "wall_limit"].contains(&text(&report["error"]["code"])), "{report:#}");
    // Only the copy with the run is ended; the others continue when they are resumed.
    for runner in stopped.iter().filter(|runner| runner.is_alive()) {
        kill_process(Pid::from_raw(runner.pid).expect("a pid"), Signal::CONT).expect("it is alive");
    }
    server.assert_works().await;
}

#[tokio::test]
async fn threads_run_scripts_without_a_jail() {
    let server = Daemon::serve_in(Folder::new(), &["--isolation", "thread"]).await_ready().await;
    assert!(server.script_processes().is_empty());
    let report = server.run("console.log('x'); return (await env.demo.add({ a: 1, b: 2 })).sum").await;
    assert_eq!(*result(&report), 3);
    let report = server.run_with(json!({ "code": "for (;;) {}", "timeout_ms": 300 })).await;
    assert_eq!(report["ok"], false);
    server.assert_works().await;
    let output = isolet(["run", "-", "--isolation", "thread"]).stdin("return 7").output().exits(0);
    assert_eq!(output.json(), 7);
    isolet(["run", "-", "--isolation", "thread", "--require-jail"]).stdin("1").output().exits(2);
}
