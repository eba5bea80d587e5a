//! Calls of tools: errors, bounds, and the calls in the report.

use std::time::Duration;

use isolet_runtime::*;
use serde_json::json;

use super::{error, limits, run, run_with, value};

#[test]
fn calls_run_in_parallel_and_are_recorded() {
    let report = run("await Promise.all([1,2,3,4].map(() => env.demo.wait({ ms: 100 }))); return 'done'");
    assert_eq!(report.result.unwrap(), r#""done""#);
    assert_eq!(report.calls.len(), 4);
    assert!(report.stats.wall_ms < 350.0, "four waits of 100 ms took {} ms", report.stats.wall_ms);
    assert!(report.stats.cpu_ms < 90.0);
}

#[test]
fn a_tool_error_can_be_caught() {
    let caught = value(
        "try { await env.demo.fail({}) } catch (e) {
           return [e instanceof ToolError, e.name, e.server, e.tool, e.message, e.result.isError] }",
    );
    assert_eq!(caught, json!([true, "ToolError", "demo", "fail", "it failed", true]));
}

#[test]
fn an_uncaught_tool_error_names_the_awaiting_line() {
    let error = error("const x = 1;\n  await env.demo.fail({});\nreturn x");
    assert_eq!(error.code, ErrorCode::ToolError);
    assert_eq!((error.line, error.column), (Some(2), Some(3)), "{error:?}");
    assert_eq!(error.hint.as_deref(), Some("try again"));
    assert_eq!(error.frame.as_deref(), Some("2 |   await env.demo.fail({});\n  |   ^"));
}

#[test]
fn a_failed_call_that_was_not_awaited_has_its_position() {
    let error = error("const x = 1;\nreturn env.demo.fail({});");
    assert_eq!((error.line, error.column), (Some(2), Some(17)), "{error:?}");
}

#[test]
fn arguments_that_are_not_a_json_object_throw_before_the_call_is_sent() {
    for code in [
        "env.demo.add(1)",
        "env.demo.add([1])",
        "env.demo.add(null)",
        "env.demo.add({ a: () => 1 })",
        "env.demo.add({ a: env.demo.add({a:1,b:1}) })",
    ] {
        let report = run(&format!("return await {code}"));
        let error = report.result.unwrap_err();
        assert_eq!(error.name, "TypeError", "{code}: {error:?}");
        // One of them makes another, valid call.
        assert!(report.calls.len() <= code.matches("{a:1").count(), "{code}: {:?}", report.calls);
    }
}

#[test]
fn unawaited_calls_are_cancelled_and_reported() {
    let report = run("env.demo.wait({ ms: 5000 }); return 1");
    assert_eq!(report.result.unwrap(), "1");
    assert_eq!(report.calls.len(), 1);
    assert!(!report.calls[0].ok && report.calls[0].error.as_ref().unwrap().contains("cancelled"));
}

/// Runs a script that fails, and returns its error code and its calls.
fn calls_of(code: &str, limits: Limits) -> (ErrorCode, Vec<CallRecord>) {
    let report = run_with(code, None, limits);
    (report.result.unwrap_err().code, report.calls)
}

#[test]
fn sent_calls_are_reported_however_the_run_ends() {
    let (code, calls) = calls_of(
        "for (let i = 0; i < 3; i++) await env.demo.add({ a: 1, b: 2 }); for (;;);",
        Limits { cpu: Duration::from_millis(300), ..limits() },
    );
    assert_eq!((code, calls.len()), (ErrorCode::CpuLimit, 3), "{calls:?}");
    assert!(calls.iter().all(|call| call.ok && call.tool == "add" && call.ms > 0.0), "{calls:?}");

    let (code, calls) =
        calls_of("await env.demo.add({ a: 1, b: 2 }); for (;;) console.log('x'.repeat(10000))", limits());
    assert_eq!((code, calls.len()), (ErrorCode::OutputLimit, 1), "{calls:?}");
    let (code, calls) = calls_of(
        "await env.demo.add({ a: 1, b: 2 }); const a = []; for (;;) a.push(new Uint8Array(1 << 20))",
        limits(),
    );
    assert!(calls.len() == 1 && calls[0].ok, "{code:?}: {calls:?}");
    let (code, calls) = calls_of(
        "for (let i = 0; ; i++) await env.demo.add({ a: i, b: 2 })",
        Limits { calls: 5, ..limits() },
    );
    assert_eq!((code, calls.len()), (ErrorCode::CallLimit, 5), "{calls:?}");
    assert!(calls.iter().all(|call| call.ok), "{calls:?}");
}

#[test]
fn a_call_in_flight_at_the_end_is_reported() {
    // Its own timeout ends together with the run's.
    for _ in 0..20 {
        let (code, calls) = calls_of(
            "return await env.demo.wait({ ms: 60000 })",
            limits().with_timeout(Duration::from_millis(60)),
        );
        assert_eq!(code, ErrorCode::WallLimit);
        assert!(calls.len() == 1 && !calls[0].ok, "{calls:?}");
    }
}

#[test]
fn an_answer_that_arrives_while_the_script_is_busy_is_not_a_cancelled_call() {
    let code =
        "env.demo.add({ a: 1, b: 2 }); for (const end = Date.now() + 200; Date.now() < end;); return 1";
    let report = run(code);
    assert_eq!(report.result.as_deref(), Ok("1"));
    assert!(report.calls.len() == 1 && report.calls[0].ok, "{:?}", report.calls);
}

#[test]
fn arguments_of_calls_are_bounded_and_the_script_goes_on() {
    let code = "const told = []; const tell = (error) => told.push(`${error.name}: ${error.message}`); \
                await env.demo.$readResource('x'.repeat(70000)).catch(tell); \
                await env.demo.add({ a: 1, b: 2, c: 'x'.repeat(9 << 20) }).catch(tell); \
                return [...told, (await env.demo.add({ a: 1, b: 2 })).sum]";
    assert_eq!(
        value(code),
        json!([
            "RangeError: The name of this call has 68.4 KiB; a call can carry 64.0 KiB.",
            "RangeError: The input of this call has 9.0 MiB; a call can carry 8.0 MiB.",
            3
        ])
    );
    // Together they are more than the broker holds at once, so some of them wait.
    let code = "const c = 'x'.repeat(600_000); const numbers = [...Array(30).keys()]; \
                const sums = await Promise.all(numbers.map((a) => env.demo.add({ a, b: 1, c }))); \
                return sums.every(({ sum }, at) => sum === at + 1)";
    let roomy = Limits { cpu: Duration::from_secs(20), wall: Duration::from_secs(60), ..limits() };
    let report = run_with(code, None, roomy);
    assert_eq!(report.result.as_deref(), Ok("true"));
}
