//! The cases of `cases/` with a jailed process for each run, and cases that only processes can
//! have.

mod cases;

use std::time::{Duration, Instant};

use cases::{engine, limits, run_with, value};
use isolet_runtime::{
    Engine, EngineOptions, ErrorCode, FetchBindings, Isolation, JailExceptions, Limits, Module, RunEvent,
    WorkerJob, ZygoteProcesses,
};

const JIT: bool = true;

/// Returns process isolation with the program `zygote`.
fn isolation() -> Isolation {
    let executable = env!("CARGO_BIN_EXE_zygote").into();
    Isolation::Process(ZygoteProcesses { executable, subcommand: "zygote".into(), count: 2 })
}

#[test]
fn the_jail_is_complete_here() {
    let (runtime, engine) = engine();
    assert!(runtime.block_on(engine.ready(Duration::from_secs(20))));
    for zygote in engine.zygotes() {
        let layers = zygote.layers.expect("it is ready");
        assert!(layers.complete(), "{layers:?}");
    }
}

/// The machine may have changed when a zygote is started in place of another one.
#[test]
fn a_later_zygote_is_refused_unless_its_missing_layers_are_allowed() {
    let file = std::env::temp_dir().join(format!("isolet-weak-jail-{}", std::process::id()));
    let Isolation::Process(processes) = isolation() else { unreachable!() };
    for exceptions in [
        JailExceptions { namespaces: false, landlock: true },
        JailExceptions { namespaces: true, landlock: false },
    ] {
        let required = !exceptions.namespaces;
        let _ = std::fs::remove_file(&file);
        let subcommand = format!("weak-jail={}", file.display());
        let isolation = Isolation::Process(ZygoteProcesses { subcommand, count: 1, ..processes.clone() });
        let (runtime, engine) = engine_with(isolation);
        let run = || runtime.block_on(engine.run(cases::job("return 1", limits())).report()).result;
        engine.vet_jails(exceptions);
        assert_eq!(run().as_deref(), Ok("1"));
        assert!(engine.zygotes()[0].layers.as_ref().is_some_and(|layers| layers.complete()));

        std::fs::write(&file, "").unwrap();
        kill(engine.zygotes()[0].pid);
        let until = Instant::now() + Duration::from_secs(20);
        while engine.zygote_restarts() == 0 {
            assert!(Instant::now() < until, "the zygote is gone");
            std::thread::sleep(Duration::from_millis(10));
        }
        if required {
            let error = run().unwrap_err();
            assert!(error.code == ErrorCode::Crashed && error.message.contains("No process"), "{error:?}");
            assert!(engine.zygotes().iter().all(|zygote| zygote.layers.is_none()), "{:?}", engine.zygotes());
            std::fs::remove_file(&file).unwrap();
            assert!(
                runtime.block_on(engine.ready(Duration::from_secs(20))),
                "the jail of the next zygote is complete"
            );
        }
        assert_eq!(run().as_deref(), Ok("1"));
        let complete = engine.zygotes()[0].layers.as_ref().is_some_and(|layers| layers.complete());
        assert_eq!(complete, required);
    }
    let _ = std::fs::remove_file(&file);
}

#[test]
fn code_that_v8_cannot_interrupt_ends_with_its_process_and_reports_its_limit() {
    let (runtime, engine) = own_engine();
    let limits = Limits { cpu: Duration::from_millis(300), ..limits() };
    let code = "let a = 3n ** 4000000n; for (;;) a = a * a % (7n ** 3000000n)";
    let beside = cases::job("await env.demo.wait({ ms: 1000 }); return 'undisturbed'", self::limits());
    let honest = runtime.spawn(engine.run(beside).report());
    let report = runtime.block_on(engine.run(cases::job(code, limits)).report());
    assert_eq!(report.result.unwrap_err().code, ErrorCode::CpuLimit);
    assert!(report.stats.cpu_ms >= 300.0, "{:?}", report.stats);
    assert_eq!(runtime.block_on(honest).unwrap().result.as_deref(), Ok("\"undisturbed\""));
    assert_eq!(engine.zygote_restarts(), 0, "only a runner ended");
}

#[test]
fn runs_share_neither_random_numbers_nor_globals() {
    let code = "globalThis.trace = 1; Array.prototype.trace = 1; \
                return [Math.random(), crypto.randomUUID(), String(crypto.getRandomValues(new Uint8Array(16)))]";
    let mut seen = std::collections::HashSet::new();
    for _ in 0..40 {
        for number in value(code).as_array().expect("three") {
            assert!(seen.insert(number.to_string()), "{number} twice");
        }
    }
    assert_eq!(value("return [typeof trace, [].trace === undefined]").to_string(), r#"["undefined",true]"#);
}

#[test]
fn a_script_sees_no_traces_of_the_warm_up() {
    let code = r#"
const matches = [RegExp.lastMatch, RegExp.$_, RegExp.leftContext, RegExp.$1];
const seen = { timer: setTimeout(() => {}, 0), own: Reflect.ownKeys(globalThis).map(String), env: Object.keys(env), matches };
// This shows whether a lazy global was used. The console was.
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
    let options = EngineOptions {
        warm: 1,
        live: 4,
        memory: 32 << 20,
        isolation: Isolation::Thread,
        ..EngineOptions::default()
    };
    // On a thread an isolate runs nothing before its script.
    let cold = Engine::new(options, runtime.handle().clone());
    let expected = runtime.block_on(cold.run(cases::job(code, limits())).report());
    assert!(expected.result.is_ok(), "{:?}", expected.result);
    assert_eq!(report.result, expected.result);
    let texts = |report: &isolet_runtime::Report| {
        report.logs.iter().map(|line| line.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&report), texts(&expected));
}

/// The limits hold for the warm-up as for a run, and a stopped isolate must not be forked.
#[test]
fn small_heaps_are_warmed_up_and_forked() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // With less than the first V8 makes no context.
    for memory in [700 << 10, 1 << 20] {
        let options =
            EngineOptions { warm: 1, live: 4, memory, isolation: isolation(), ..EngineOptions::default() };
        let engine = Engine::new(options, runtime.handle().clone());
        assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "{memory}");
        let limits = Limits { memory, ..limits() };
        for _ in 0..3 {
            let report = runtime.block_on(engine.run(cases::job("return 1", limits.clone())).report());
            assert_eq!(report.result.as_deref(), Ok("1"), "{memory}");
        }
        assert_eq!(engine.zygote_restarts(), 0);
    }
}

#[test]
fn a_runner_that_aborts_is_replaced_and_only_its_run_crashes() {
    // One allocation far over the limit, in code of V8 that calls no callback.
    let code = "const a = []; for (let i = 0; ; i++) a.push('x'.repeat(1 << 28) + i, [...a.at(-1) ?? ''])";
    // Only a fast machine gets there within half a second of CPU.
    let long_limits = Limits { cpu: Duration::from_secs(20), wall: Duration::from_secs(40), ..limits() };
    let error = run_with(code, None, long_limits).result.expect_err("no memory is left");
    assert!(
        matches!(error.code, ErrorCode::Crashed | ErrorCode::MemoryLimit | ErrorCode::Exception),
        "{error:?}"
    );
    assert_eq!(value("return 'still here'"), "still here");
}

#[test]
fn a_killed_zygote_gives_every_caller_an_answer() {
    let (runtime, engine) = engine();
    let victim = engine.zygotes()[0].pid;
    let reports = runtime.block_on(async {
        // As tasks, since a run only makes progress while its events are awaited.
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
    assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "the zygote is replaced");
    assert_eq!(value("return 2"), 2);
}

#[test]
fn a_run_without_effects_begins_again_in_another_runner() {
    let (runtime, engine) = own_engine();
    let idle = idle_runners(&engine);
    // Stopped runners get runs and do not begin them.
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
fn runs_without_effects_survive_the_end_of_all_zygotes() {
    let (runtime, engine) = own_engine();
    idle_runners(&engine).iter().for_each(|pid| signal(*pid, "STOP"));
    let zygotes: Vec<u32> = engine.zygotes().iter().map(|zygote| zygote.pid).collect();
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
fn a_run_that_logged_or_called_does_not_begin_again() {
    let (runtime, engine) = own_engine();
    let limits = Limits { wall: Duration::from_secs(20), ..limits() };
    for code in ["console.log('begun')", "await env.demo.add({ a: 1, b: 2 })"] {
        let code = format!("{code}; await env.demo.wait({{ ms: 19000 }})");
        let mut run = engine.run(cases::job(&code, limits.clone()));
        let error = runtime.block_on(async {
            assert!(matches!(run.next().await, Some(RunEvent::Log(_) | RunEvent::CallStart(_))));
            let zygotes = engine.zygotes();
            kill(zygotes.iter().find(|zygote| zygote.runs > 0).expect("it runs").pid);
            let report =
                tokio::time::timeout(Duration::from_secs(10), run.report()).await.expect("an answer");
            assert!(engine.ready(Duration::from_secs(20)).await);
            report.result.expect_err("it was killed")
        });
        assert_eq!(error.code, ErrorCode::Crashed, "{code}: {error:?}");
    }
}

/// A violation is not taken for a crash, and the run does not begin again.
#[test]
fn a_forbidden_system_call_and_a_broken_rule_are_violations() {
    let Isolation::Process(processes) = isolation() else { unreachable!() };
    let subcommand = "native-code".to_owned();
    let (runtime, engine) =
        engine_with(Isolation::Process(ZygoteProcesses { subcommand, count: 1, ..processes }));
    let limits = Limits { wall: Duration::from_secs(40), ..limits() };
    let ends = |native: &str| {
        let code = format!("//native:{native}\nreturn 1");
        let run = engine.run(cases::job(&code, limits.clone()));
        let report =
            runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), run.report()).await });
        report.expect("an answer").result.map_err(|error| error.code)
    };
    for (native, end) in [
        ("nothing", Ok("1".to_owned())),
        ("socket", Err(ErrorCode::Violation)),
        ("nonsense", Err(ErrorCode::Violation)),
        ("exit", Err(ErrorCode::Crashed)),
        ("abort", Err(ErrorCode::Crashed)),
        ("hang up", Err(ErrorCode::Crashed)),
        ("socket", Err(ErrorCode::Violation)),
        ("nothing", Ok("1".to_owned())),
    ] {
        assert_eq!(ends(native), end, "{native}");
    }
    // A Worker's process does the same.
    let (violated, violations) = std::sync::mpsc::channel();
    let starts = |native: &str| {
        let noted = violated.clone();
        let code = format!("//native:{native}\nexport default {{ fetch: () => new Response('') }}");
        let worker = engine.worker(WorkerJob {
            main: "main.js".into(),
            modules: [Module::es_module("main.js", code)].into(),
            node: isolet_runtime::NodeFeatures::default(),
            web_sockets: isolet_runtime::WebSocketFeatures::default(),
            environment: cases::job("", limits.clone()).environment,
            start_limits: limits.clone(),
            limits: limits.clone(),
            log: std::sync::Arc::new(|_, _| ()),
            violated: std::sync::Arc::new(move |error| _ = noted.send(error.code)),
            instances: 1,
            idle_timeout: None,
            isolation: isolet_runtime::WorkerIsolation::Isolate,
            fetchers: FetchBindings::default(),
            is_service_worker: false,
            has_exports: false,
            allows_eval_at_start: false,
        });
        let started = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), worker).await });
        started.expect("an answer").map(|_| ()).map_err(|error| error.code)
    };
    for (native, end) in [
        ("nothing", Ok(())),
        ("socket", Err(ErrorCode::Violation)),
        ("nonsense", Err(ErrorCode::Violation)),
        ("exit", Err(ErrorCode::Crashed)),
        ("hang up", Err(ErrorCode::Crashed)),
        ("nothing", Ok(())),
    ] {
        assert_eq!(starts(native), end, "{native}");
        let noted: Vec<_> = violations.try_iter().collect();
        assert_eq!(noted, Vec::from_iter(end.err().filter(|code| *code == ErrorCode::Violation)), "{native}");
    }
    assert_eq!(engine.zygote_restarts(), 0, "its zygote goes on");
}

#[test]
fn an_answer_to_a_runner_that_has_ended_does_not_hide_its_result() {
    // The call blocks the broker until the script has ended, and is answered before the broker
    // reads the result.
    let code = "env.demo.stall({ ms: 400 }); \
                const until = performance.now() + 100; while (performance.now() < until); return 'done'";
    assert_eq!(value(code), "done");
}

#[test]
fn an_answer_too_long_for_a_frame_fails_only_its_call() {
    let code = "try { await env.demo.big({}) } catch (e) { return [e.name, e.message, e.hint] }";
    let failure = value(code);
    assert_eq!(failure[0], "ToolError", "{failure}");
    let message = failure[1].as_str().unwrap();
    assert!(message.contains("81 MiB are more than the 80 MiB"), "{failure}");
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

/// Creates an engine that no other test uses.
fn own_engine() -> (tokio::runtime::Runtime, Engine) {
    engine_with(isolation())
}

fn engine_with(isolation: Isolation) -> (tokio::runtime::Runtime, Engine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options =
        EngineOptions { warm: 4, live: 64, memory: 32 << 20, isolation, ..EngineOptions::default() };
    let engine = Engine::new(options, runtime.handle().clone());
    assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "runners start");
    (runtime, engine)
}

/// Waits until all runners are idle, and returns their process ids.
fn idle_runners(engine: &Engine) -> Vec<u32> {
    let until = Instant::now() + Duration::from_secs(20);
    while engine.warm() < 4 {
        assert!(Instant::now() < until, "{:?}", engine.zygotes());
        std::thread::sleep(Duration::from_millis(10));
    }
    let zygotes: Vec<u32> = engine.zygotes().iter().map(|zygote| zygote.pid).collect();
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
