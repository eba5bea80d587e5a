//! The cases of `cases/` with isolates in jailed runner processes, and what only processes can do.

mod cases;

use std::time::{Duration, Instant};

use cases::{engine, error, limits, run_with, value};
use isolet_runtime::{ErrorCode, Isolation, Limits, RunnerProcesses};

/// The example `runner` is a runner's whole executable. `cargo test` builds examples beside the tests.
fn isolation() -> Isolation {
    let test = std::env::current_exe().expect("the path of this test");
    let executable =
        test.parent().and_then(|deps| deps.parent()).expect("target folder").join("examples/runner");
    assert!(
        executable.exists(),
        "{executable:?} is missing: run `cargo test -p isolet-runtime` without --test"
    );
    Isolation::Process(RunnerProcesses { executable, subcommand: "runner".into(), count: 2 })
}

#[test]
fn the_jail_is_complete_here() {
    let (runtime, engine) = engine();
    assert!(runtime.block_on(engine.ready(Duration::from_secs(20))));
    for runner in engine.runners() {
        let layers = runner.layers.expect("a ready runner");
        assert!(layers.complete(), "{layers:?}");
    }
}

#[test]
fn what_v8_cannot_interrupt_costs_the_runner_and_keeps_its_code() {
    let limits = Limits { cpu: Duration::from_millis(300), ..limits() };
    let started = Instant::now();
    let code = "let a = 3n ** 4000000n; for (;;) a = a * a % (7n ** 3000000n)";
    let report = run_with(code, None, limits);
    assert_eq!(report.result.unwrap_err().code, ErrorCode::CpuLimit);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(value("return 'still here'"), "still here");
}

#[test]
fn a_runner_that_aborts_is_replaced_and_only_its_runs_crash() {
    // One allocation far over the limit, in a path of V8 that calls no callback.
    let error =
        error("const a = []; for (let i = 0; ; i++) a.push('x'.repeat(1 << 28) + i, [...a.at(-1) ?? ''])");
    assert!(
        matches!(error.code, ErrorCode::Crashed | ErrorCode::MemoryLimit | ErrorCode::Exception),
        "{error:?}"
    );
    assert_eq!(value("return 'still here'"), "still here");
}

#[test]
fn a_killed_runner_gives_every_caller_an_answer() {
    let (runtime, engine) = engine();
    let victim = engine.runners()[0].pid;
    let reports = runtime.block_on(async {
        let runs: Vec<_> = (0..8)
            .map(|_| engine.run(cases::job("await env.demo.wait({ ms: 1000 }); return 1", limits())))
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill(victim);
        let mut reports = Vec::new();
        for run in runs {
            reports
                .push(tokio::time::timeout(Duration::from_secs(20), run.report()).await.expect("an answer"));
        }
        reports
    });
    for report in &reports {
        match &report.result {
            Ok(json) => assert_eq!(json, "1"),
            Err(error) => assert_eq!(error.code, ErrorCode::Crashed, "{error:?}"),
        }
    }
    assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "the runner is replaced");
    assert_eq!(value("return 2"), 2);
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(status.success());
}
