//! Limits fire whatever a script does, and the next run works.

use std::time::{Duration, Instant};

use crate::harness::*;

/// A small limit, so that the tests are quick, and the slack for a busy machine.
const LIMIT: Duration = Duration::from_millis(500);
const SLACK: Duration = Duration::from_secs(20);

/// A caller's `timeout_ms` lowers both limits; the scheduler decides which is reached first.
const CPU_OR_WALL: &[&str] = &["cpu_limit", "wall_limit"];

/// Runs each script with a small limit; it must fail with one of these codes, in time, and the next
/// run must work.
async fn each_fails_with(codes: &[&str], scripts: &[&str]) {
    let server = Daemon::serve().await_ready().await;
    for script in scripts {
        let started = Instant::now();
        let body = json!({ "code": script, "timeout_ms": u64::try_from(LIMIT.as_millis()).unwrap() });
        let report = server.run_with(body).await;
        let took = started.elapsed();
        let code = report["error"]["code"].as_str().unwrap_or("none");
        assert!(codes.contains(&code), "{script}: {report:#}");
        assert!(took < LIMIT + SLACK, "{script}: a limit of {LIMIT:?} took {took:?}");
        assert!(report["error"]["hint"].is_string(), "a hint says what to do: {report:#}");
        server.assert_works().await;
    }
}

#[tokio::test]
async fn ten_seconds_of_cpu_are_the_default() {
    let server = Daemon::serve().await_ready().await;
    // Calls in between do not restart the count.
    let script = "let until = 0;
        for (;;) { if (performance.now() > until) { await env.demo.wait({ ms: 1 }); until = performance.now() + 500 } }";
    let report = server.run(script).await;
    assert_says(text(&error(&report, "cpu_limit")["message"]), &["10s", "CPU"]);
    let cpu = report["stats"]["cpu_ms"].as_f64().expect("a number");
    assert!((9_900.0..15_000.0).contains(&cpu), "{report:#}");
    assert!(report["calls"].as_array().is_some_and(|calls| calls.len() > 2), "{report:#}");
    server.assert_works().await;
}

#[tokio::test]
async fn endless_loops_are_stopped() {
    each_fails_with(
        CPU_OR_WALL,
        &[
            "for (;;) {}",
            "while (true) { try { for (;;) {} } catch {} finally { for (;;) {} } }",
            "const spin = () => { Promise.resolve().then(spin) }; spin(); await new Promise(() => {})",
            "const spin = () => queueMicrotask(spin); spin(); await new Promise(() => {})",
            "return { toJSON() { for (;;) {} } }",
            "return { get a() { for (;;) {} } }",
            "throw { get message() { for (;;) {} } }",
            "console.log({ get a() { for (;;) {} }, toString() { for (;;) {} } }); for (;;) {}",
            "await env.demo.add({ toJSON() { for (;;) {} } })",
            "export default { then() { for (;;) {} } }",
            "[3, 1, 2].sort(() => { for (;;) {} })",
            "async function* f() { for (;;) yield 1 } for await (const x of f()) {}",
        ],
    )
    .await;
}

#[tokio::test]
async fn time_inside_v8_counts_too() {
    each_fails_with(
        CPU_OR_WALL,
        &[
            "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
            "return /(x+x+)+y/.test('x'.repeat(60))",
            "let a = 7n; for (;;) a = a * a % (1n << 100000n) + 3n",
            "const a = Array.from({ length: 100000 }, (_, i) => i); for (;;) a.sort((x, y) => y - x).reverse()",
            "const s = 'x'.repeat(1 << 20); for (;;) JSON.stringify(JSON.parse(JSON.stringify(s)))",
        ],
    )
    .await;
}

#[tokio::test]
async fn waiting_counts_as_wall_and_not_as_cpu() {
    each_fails_with(
        &["wall_limit"],
        &[
            "await env.demo.wait({ ms: 50000 })",
            "await Promise.all([1, 2, 3].map(() => env.demo.wait({ ms: 50000 })))",
            "await new Promise((resolve) => setTimeout(resolve, 50000))",
            "for (;;) await env.demo.wait({ ms: 20 })",
            "for (;;) await new Promise((resolve) => setTimeout(resolve, 20))",
            "try { await env.demo.wait({ ms: 50000 }) } catch { await env.demo.wait({ ms: 50000 }) }",
        ],
    )
    .await;
    let server = Daemon::serve().await_ready().await;
    let report = server.run("await env.demo.wait({ ms: 400 }); return 1").await;
    let figure = |name: &str| report["stats"][name].as_f64().expect("a number");
    assert!(figure("wall_ms") >= 400.0 && figure("cpu_ms") < 400.0, "{report:#}");
}

#[tokio::test]
async fn memory_is_bounded() {
    let server = Daemon::serve().await_ready().await;
    for script in [
        "const a = []; for (;;) a.push(new Array(1000).fill(1.5))",
        "const a = []; for (;;) { try { a.push(new Array(10000).fill({})) } catch {} }",
        "let s = 'x'; const a = []; for (;;) { a.push(s + a.length); s = a.join('') }",
        "const a = []; for (;;) a.push(new Uint8Array(1 << 20))",
        "const a = []; for (;;) { try { a.push(new ArrayBuffer(1 << 20)) } catch {} }",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })",
        "return new ArrayBuffer(8 * 2 ** 30).byteLength",
        "return new Uint8Array(2 ** 31).length",
        "const w = new Uint8Array(64 << 20); return [structuredClone(w), structuredClone(w)].length",
    ] {
        let report = server.run(script).await;
        // A string may reach V8's maximum length first, which is an exception in the script.
        let code = text(&report["error"]["code"]);
        let expected =
            if script.contains("join") { &["memory_limit", "exception"][..] } else { &["memory_limit"] };
        assert!(expected.contains(&code), "{script}: {report:#}");
        server.assert_works().await;
    }
    for process in server.script_processes().iter().chain([&server.process()]) {
        let peak = process.peak_mib();
        assert!(peak < 1024, "{peak} MiB for runs of 128 MiB, one at a time: {}", process.command);
    }
}

/// V8 ends its process if it needs memory in a place from which it cannot throw. That may cost the
/// run, but not another run or the server.
#[tokio::test]
async fn memory_that_v8_cannot_refuse_does_not_end_the_server() {
    let server = Daemon::serve().await_ready().await;
    for script in [
        "return new Array(2 ** 26).fill(0).length",
        "return new Array(2 ** 32 - 1).fill(0).length",
        "const a = []; for (let i = 0; ; i++) a[i * 1000] = { i }",
        "return 'x'.repeat(2 ** 28).split('').length",
    ] {
        let report = server.run(script).await;
        let code = report["error"]["code"].as_str().unwrap_or("none");
        assert!(["memory_limit", "crashed", "exception"].contains(&code), "{script}: {report:#}");
        assert!(report["error"]["hint"].is_string(), "{report:#}");
        server.assert_works().await;
    }
}

#[tokio::test]
async fn calls_are_counted_and_bounded() {
    let server = Daemon::serve().await_ready().await;
    let report = server
        .run("for (let i = 0; i < 500; i++) await env.demo.add({ a: i, b: 1 }); return 'five hundred'")
        .await;
    assert_eq!(*result(&report), "five hundred");
    for script in [
        "for (;;) await env.demo.add({ a: 1, b: 1 })",
        "for (;;) { try { await env.demo.add({ a: 1, b: 1 }) } catch {} }",
        "await Promise.all(Array.from({ length: 501 }, () => env.demo.add({ a: 1, b: 1 })))",
    ] {
        let report = server.run(script).await;
        assert_says(text(&error(&report, "call_limit")["message"]), &["500"]);
        assert!(report["calls"].as_array().unwrap().len() <= 501, "{script}");
        server.assert_works().await;
    }
}

#[tokio::test]
async fn at_most_32_calls_are_in_flight() {
    let odd = fake_server::FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    server.server_in("odd", "ready").await;
    let code =
        "Array.from({ length: 100 }, () => env.odd.hang({}).catch(() => {})); await new Promise(() => {})";
    let report = server.run_with(json!({ "code": code, "timeout_ms": 2000 })).await;
    error(&report, "wall_limit");
    let sent = odd.seen().iter().filter(|message| message["method"] == "tools/call").count();
    assert_eq!(sent, 32);
}

#[tokio::test]
async fn output_over_the_limit_fails_with_its_size() {
    let server = Daemon::serve().await_ready().await;
    let report = server.run("return 'x'.repeat(1024 * 1024 - 2)").await;
    assert_eq!(
        result(&report).as_str().map(str::len),
        Some(1024 * 1024 - 2),
        "exactly a mebibyte of JSON fits"
    );
    let report = server.run("return 'x'.repeat(3 * 1024 * 1024)").await;
    let message = text(&error(&report, "output_limit")["message"]).to_owned();
    assert_says(&message, &["3.0 MiB", "2.0 MiB", "1.0 MiB"]);
    // The bytes of the text that would be sent count, not its characters.
    error(&server.run("return '\\u0000'.repeat(300 * 1024)").await, "output_limit");
    error(&server.run("return 'ü'.repeat(600 * 1024)").await, "output_limit");
    for script in
        ["for (;;) console.log('x'.repeat(1000))", "for (;;) { try { console.error('x') } catch {} }"]
    {
        let report = server.run(script).await;
        error(&report, "output_limit");
        let logged: usize =
            report["logs"].as_array().unwrap().iter().map(|line| text(&line["text"]).len()).sum();
        assert!(logged <= 256 * 1024, "{script}: {logged} bytes of logs");
        server.assert_works().await;
    }
}

#[tokio::test]
async fn a_long_log_line_is_cut_with_a_note() {
    let server = Daemon::serve().await_ready().await;
    let report = server.run("console.log('x'.repeat(1 << 20)); return 1").await;
    // Both are right: a line that names the missing part, or a run that fails.
    if report["ok"] == true {
        let line = text(&report["logs"][0]["text"]);
        assert!(line.len() <= 256 * 1024, "{} bytes", line.len());
        assert_says(line, &["more characters"]);
    } else {
        error(&report, "output_limit");
    }
}

#[tokio::test]
async fn endless_recursion_is_an_exception() {
    let server = Daemon::serve().await_ready().await;
    for script in [
        "const f = () => f() + 1; return f()",
        "const o = { get a() { return this.a } }; return o.a",
        "const f = () => { try { f() } finally { f() } }; f()",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return JSON.stringify(a)",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a",
        "let a = {}; for (let i = 0; i < 1e6; i++) a = { a }; console.log(a); await env.demo.add(a)",
        "return JSON.parse('['.repeat(5e6))",
        "return new RegExp('('.repeat(1e6) + ')'.repeat(1e6)).test('x')",
    ] {
        let report = server.run_with(json!({ "code": script, "timeout_ms": 5000 })).await;
        assert_eq!(report["ok"], false, "{script}: {report:#}");
        let code = text(&report["error"]["code"]);
        assert!(
            ["exception", "tool_error", "memory_limit", "output_limit", "cpu_limit", "wall_limit"]
                .contains(&code),
            "{script}: {report:#}"
        );
        server.assert_works().await;
    }
    let report = server.run("const f = () => f() + 1; return f()").await;
    assert_eq!(error(&report, "exception")["name"], "RangeError");
    let report = server.run("try { const f = () => f() + 1; f() } catch (e) { return e.name }").await;
    assert_eq!(*result(&report), "RangeError");
}

#[tokio::test]
async fn a_run_at_its_limit_does_not_slow_its_neighbours() {
    let server = Daemon::serve().await_ready().await;
    let busy = (0..4).map(|_| server.run_with(json!({ "code": "for (;;) {}", "timeout_ms": 3000 })));
    let quick = (0..20).map(|number| server.run_with(json!({ "code": "return input", "input": number })));
    let (busy, quick) =
        tokio::join!(futures_util::future::join_all(busy), futures_util::future::join_all(quick));
    for (number, report) in quick.iter().enumerate() {
        assert_eq!(*result(report), number);
    }
    for report in &busy {
        let code = text(&report["error"]["code"]);
        assert!(["cpu_limit", "wall_limit"].contains(&code), "{report:#}");
    }
}

#[tokio::test]
async fn code_and_input_are_bounded() {
    let server = Daemon::serve().await_ready().await;
    let long = format!("return 1 // {}", "x".repeat(1 << 20));
    server.send(http::Request::run(&json!({ "code": long }))).await.problem(413);
    let bare = http::Request::post("/v1/run", "text/typescript", long.clone());
    server.send(bare).await.problem(413);
    let body = json!({ "code": "return input.length", "input": "x".repeat(8 << 20) });
    server.send(http::Request::run(&body)).await.problem(413);
    let body = json!({ "code": "return input.length", "input": "x".repeat((8 << 20) - 2) });
    assert_eq!(*result(&server.run_with(body).await), (8 << 20) - 2);

    let output = isolet(["run", "-"]).stdin(long).output().exits(2);
    assert_says(&output.stderr, &["1,048,576"]);
}

#[test]
fn the_command_line_has_the_same_limits() {
    for (script, code) in [
        ("await env.demo.wait({ ms: 50000 })", "wall_limit"),
        ("const a = []; for (;;) a.push(new Array(1000).fill(1.5))", "memory_limit"),
        ("const a = []; for (;;) a.push(new Uint8Array(1 << 20))", "memory_limit"),
        ("return 'x'.repeat(2 << 20)", "output_limit"),
    ] {
        let timeout = if code == "wall_limit" { "1s" } else { "60s" };
        let output = isolet(["run", "-", "--json", "--timeout", timeout]).stdin(script).output().exits(1);
        error(&output.json(), code);
    }
}

#[test]
fn scripts_that_fit_into_the_heap_run_from_the_command_line_too() {
    // 100 of the 128 MiB, as one array and as many small objects.
    for script in [
        "return JSON.parse('[' + '1,'.repeat(1.2e7) + '1]').length",
        "return Array.from({ length: 1e6 }, (_, i) => ({ i, name: 'n' + i })).length",
        "const a = []; for (let i = 0; i < 80; i++) a.push(new Uint8Array(1 << 20).fill(1)); return a.length",
    ] {
        let report = isolet(["run", "-", "--json"]).stdin(script).output().json();
        assert!(result(&report).as_u64() > Some(0), "{script}");
    }
}
