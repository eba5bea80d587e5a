//! The cases of `cases/` with a jailed process for each run, and what only processes can do.

mod cases;

use std::time::{Duration, Instant};

use cases::{engine, error, limits, run_with, value};
use isolet_runtime::{Engine, EngineOptions, ErrorCode, Isolation, Limits, RunEvent, RunnerProcesses};

/// The example `runner` is a zygote's whole executable. `cargo test` builds examples beside the tests.
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

/// A zygote that is started in place of another one may come to other circumstances.
#[test]
fn a_later_zygote_without_a_whole_jail_is_refused_where_it_must_be_whole() {
    let file = std::env::temp_dir().join(format!("isolet-patchy-{}", std::process::id()));
    let Isolation::Process(runner) = isolation() else { unreachable!() };
    for required in [true, false] {
        let _ = std::fs::remove_file(&file);
        let subcommand = format!("patchy={}", file.display());
        let isolation = Isolation::Process(RunnerProcesses { subcommand, count: 1, ..runner.clone() });
        let (runtime, engine) = engine_with(isolation);
        let run = || runtime.block_on(engine.run(cases::job("return 1", limits())).report()).result;
        engine.vet_jails(required);
        assert_eq!(run().as_deref(), Ok("1"));
        assert!(engine.runners()[0].layers.as_ref().is_some_and(|layers| layers.complete()));

        std::fs::write(&file, "").unwrap();
        kill(engine.runners()[0].pid);
        let until = Instant::now() + Duration::from_secs(20);
        while engine.runner_restarts() == 0 {
            assert!(Instant::now() < until, "the zygote is gone");
            std::thread::sleep(Duration::from_millis(10));
        }
        if required {
            let error = run().unwrap_err();
            assert!(error.code == ErrorCode::Crashed && error.message.contains("No process"), "{error:?}");
            assert!(engine.runners().iter().all(|zygote| zygote.layers.is_none()), "{:?}", engine.runners());
            std::fs::remove_file(&file).unwrap();
            assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "the next one is whole again");
        }
        assert_eq!(run().as_deref(), Ok("1"));
        let whole = engine.runners()[0].layers.as_ref().is_some_and(|layers| layers.complete());
        assert_eq!(whole, required);
    }
    let _ = std::fs::remove_file(&file);
}

#[test]
fn what_v8_cannot_interrupt_ends_with_its_process_and_keeps_its_code() {
    let (runtime, engine) = own_engine();
    let limits = Limits { cpu: Duration::from_millis(300), ..limits() };
    let code = "let a = 3n ** 4000000n; for (;;) a = a * a % (7n ** 3000000n)";
    let beside = cases::job("await env.demo.wait({ ms: 1000 }); return 'undisturbed'", self::limits());
    let honest = runtime.spawn(engine.run(beside).report());
    let report = runtime.block_on(engine.run(cases::job(code, limits)).report());
    assert_eq!(report.result.unwrap_err().code, ErrorCode::CpuLimit);
    assert!(report.stats.cpu_ms >= 300.0, "{:?}", report.stats);
    assert_eq!(runtime.block_on(honest).unwrap().result.as_deref(), Ok("\"undisturbed\""));
    assert_eq!(engine.runner_restarts(), 0, "only a copy ended");
}

#[test]
fn siblings_share_no_chance_and_no_traces() {
    let code = "globalThis.trace = 1; Array.prototype.trace = 1; \
                return [Math.random(), crypto.randomUUID(), String(crypto.getRandomValues(new Uint8Array(16)))]";
    let mut seen = std::collections::HashSet::new();
    for _ in 0..40 {
        for chance in value(code).as_array().expect("three") {
            assert!(seen.insert(chance.to_string()), "{chance} twice");
        }
    }
    assert_eq!(value("return [typeof trace, [].trace === undefined]").to_string(), r#"["undefined",true]"#);
}

#[test]
fn what_isolet_ran_before_a_copy_was_made_is_not_to_be_seen() {
    let code = r#"
const matches = [RegExp.lastMatch, RegExp.$_, RegExp.leftContext, RegExp.$1];
const seen = { timer: setTimeout(() => {}, 0), own: Reflect.ownKeys(globalThis).map(String), env: Object.keys(env), matches };
// Of a global that was used and made when it was first asked for, this tells. The console was.
seen.kinds = seen.own.filter((name) => name !== "console")
  .map((name) => Object.keys(Object.getOwnPropertyDescriptor(globalThis, name) ?? {}).join());
try { env.warm } catch (error) { seen.unknown = [error.name, error.message, error.stack] }
seen.has = ["warm" in env, typeof input, typeof globalThis.answers, typeof globalThis.warm];
console.count(); console.count("warm");
seen.sum = (await env.demo.add({ a: 1, b: 2 })).sum;
const key = Object.getOwnPropertyDescriptor(globalThis, "input") ?? {};
return { ...seen, input: [key.writable, key.enumerable, key.configurable, key.value === undefined] };
"#;
    let report = run_with(code, None, limits());
    let (runtime, _) = engine();
    let options = EngineOptions { warm: 1, live: 4, heap_bytes: 32 << 20, isolation: Isolation::Thread };
    // A thread's isolate runs nothing before its script.
    let cold = Engine::new(options, runtime.handle().clone());
    let expected = runtime.block_on(cold.run(cases::job(code, limits())).report());
    assert!(expected.result.is_ok(), "{:?}", expected.result);
    assert_eq!(report.result, expected.result);
    let texts = |report: &isolet_runtime::Report| {
        report.logs.iter().map(|line| line.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&report), texts(&expected));
}

/// The zygote's own warm-up is stopped like a run; what is stopped once stays so, and must not be copied.
#[test]
fn a_heap_too_small_to_warm_up_in_is_copied_cold() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // The first is too small, the second just large enough.
    for heap_bytes in [300 << 10, 1 << 20] {
        let options = EngineOptions { warm: 1, live: 4, heap_bytes, isolation: isolation() };
        let engine = Engine::new(options, runtime.handle().clone());
        assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "{heap_bytes}");
        let limits = Limits { heap_bytes, ..limits() };
        for _ in 0..3 {
            let report = runtime.block_on(engine.run(cases::job("return 1", limits.clone())).report());
            assert_eq!(report.result.as_deref(), Ok("1"), "{heap_bytes}");
        }
        assert_eq!(engine.runner_restarts(), 0);
    }
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
        // Driven at once, as their callers do: a run goes on while somebody waits for it.
        let runs: Vec<_> = (0..8)
            .map(|_| engine.run(cases::job("await env.demo.wait({ ms: 1000 }); return 1", limits())))
            .map(|run| tokio::spawn(run.report()))
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill(victim);
        let mut reports = Vec::new();
        for run in runs {
            reports.push(
                tokio::time::timeout(Duration::from_secs(20), run)
                    .await
                    .expect("an answer")
                    .expect("no panic"),
            );
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

#[test]
fn a_run_that_had_done_nothing_begins_again_in_another_runner() {
    let (runtime, engine) = own_engine();
    let idle = idle_runners(&engine);
    // Stopped, they are handed runs and begin none.
    idle.iter().for_each(|pid| signal(*pid, "STOP"));
    let runs: Vec<_> = (0..2).map(|n| engine.run(cases::job(&format!("return {n}"), limits()))).collect();
    runtime.block_on(async {
        let runs: Vec<_> = runs.into_iter().map(|run| tokio::spawn(run.report())).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        idle.iter().for_each(|pid| kill(*pid));
        for (n, run) in runs.into_iter().enumerate() {
            let report =
                tokio::time::timeout(Duration::from_secs(20), run).await.expect("an answer").unwrap();
            assert_eq!(report.result.expect("placed again"), n.to_string());
        }
    });
}

#[test]
fn runs_survive_the_death_of_all_zygotes_at_once_if_they_did_nothing() {
    let (runtime, engine) = own_engine();
    idle_runners(&engine).iter().for_each(|pid| signal(*pid, "STOP"));
    let zygotes: Vec<u32> = engine.runners().iter().map(|zygote| zygote.pid).collect();
    let runs = ["1", "2"].map(|n| engine.run(cases::job(&format!("return {n}"), limits())));
    zygotes.iter().for_each(|pid| kill(*pid));
    runtime.block_on(async {
        for (run, expected) in runs.into_iter().zip(["1", "2"]) {
            let report =
                tokio::time::timeout(Duration::from_secs(20), run.report()).await.expect("an answer");
            assert_eq!(report.result.expect("placed again"), expected);
        }
    });
}

#[test]
fn a_run_that_logged_or_called_is_not_begun_again() {
    let (runtime, engine) = own_engine();
    let limits = Limits { wall: Duration::from_secs(20), ..limits() };
    for code in ["console.log('begun')", "await env.demo.add({ a: 1, b: 2 })"] {
        let code = format!("{code}; await env.demo.wait({{ ms: 19000 }})");
        let mut run = engine.run(cases::job(&code, limits.clone()));
        let error = runtime.block_on(async {
            assert!(matches!(run.next().await, Some(RunEvent::Log(_) | RunEvent::Call(_))));
            let zygotes = engine.runners();
            kill(zygotes.iter().find(|zygote| zygote.runs > 0).expect("it runs").pid);
            let report =
                tokio::time::timeout(Duration::from_secs(10), run.report()).await.expect("an answer");
            assert!(engine.ready(Duration::from_secs(20)).await);
            report.result.expect_err("it was killed")
        });
        assert_eq!(error.code, ErrorCode::Crashed, "{code}: {error:?}");
    }
}

#[test]
fn an_answer_that_finds_the_runner_gone_does_not_hide_what_it_said_before() {
    // The call keeps the broker from listening until the script has ended, and is answered before the broker hears of that.
    let code = "env.demo.stall({ ms: 400 }); \
                const until = performance.now() + 100; while (performance.now() < until); return 'said'";
    assert_eq!(value(code), "said");
}

#[test]
fn an_answer_too_long_for_a_frame_fails_the_call_and_nothing_else() {
    let code = "try { await env.demo.big({}) } catch (e) { return [e.name, e.message, e.hint] }";
    let told = value(code);
    assert_eq!(told[0], "ToolError", "{told}");
    assert!(told[1].as_str().is_some_and(|text| text.contains("81 MiB are more than the 80 MiB")), "{told}");
    assert_eq!(value("return (await env.demo.add({ a: 1, b: 2 })).sum"), 3);
}

#[test]
fn an_input_too_long_for_a_frame_fails_the_run_at_once() {
    let started = Instant::now();
    let input = format!("\"{}\"", "x".repeat(81 << 20));
    let error = run_with("return 1", Some(&input), limits()).result.unwrap_err();
    assert_eq!(error.code, ErrorCode::MemoryLimit, "{error:?}");
    assert!(error.message.contains("82 MiB are more than the 80 MiB"), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// An engine that no other test uses.
fn own_engine() -> (tokio::runtime::Runtime, Engine) {
    engine_with(isolation())
}

fn engine_with(isolation: Isolation) -> (tokio::runtime::Runtime, Engine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = EngineOptions { warm: 4, live: 64, heap_bytes: 32 << 20, isolation };
    let engine = Engine::new(options, runtime.handle().clone());
    assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "runners start");
    (runtime, engine)
}

/// Processes that wait for a run: the copies of the engine's zygotes, once all are there.
fn idle_runners(engine: &Engine) -> Vec<u32> {
    let until = Instant::now() + Duration::from_secs(20);
    while engine.warm() < 4 {
        assert!(Instant::now() < until, "{:?}", engine.runners());
        std::thread::sleep(Duration::from_millis(10));
    }
    let zygotes: Vec<u32> = engine.runners().iter().map(|zygote| zygote.pid).collect();
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent(*pid).is_some_and(|parent| zygotes.contains(&parent))).collect()
}

fn kill(pid: u32) {
    signal(pid, "KILL");
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(status.expect("kill").success());
}
