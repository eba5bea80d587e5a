//! Bad input: each mistake gives its documented error with its position in the caller's text, and
//! the next run works.

use crate::harness::http::Request;
use crate::harness::*;
use hyper::Method;

/// Fails unless the error has this position.
#[track_caller]
fn assert_at(report: &Value, code: &str, line: u32, column: u32) {
    let error = error(report, code);
    assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(column)), "{report:#}");
    assert_says(text(&error["frame"]), &["^"]);
}

#[tokio::test]
async fn what_is_not_utf8_is_400_and_exit_2() {
    let server = Daemon::serve();
    for content_type in ["text/typescript", "application/javascript", "application/json"] {
        let body = b"return 'caf\xe9'".as_slice();
        let problem = server.send(Request::post("/v1/run", content_type, body)).await.problem(400);
        assert_says(text(&problem["detail"]), &["UTF-8", "11"]);
    }
    server.assert_works().await;
    let output = isolet(["run", "-"]).stdin(b"const a = 1;\nreturn '\xff'".as_slice()).output().exits(2);
    assert_says(&output.stderr, &["UTF-8", "line 2"]);
}

#[tokio::test]
async fn an_empty_script_is_400_and_exit_2() {
    let server = Daemon::serve();
    for empty in ["", "  \n\t\n"] {
        server.send(Request::post("/v1/run", "text/typescript", empty)).await.problem(400);
        let problem = server.send(Request::run(&json!({ "code": empty }))).await.problem(400);
        assert_says(text(&problem["detail"]), &["empty"]);
        let output = isolet(["run", "-"]).stdin(empty).output().exits(2);
        assert_says(&output.stderr, &["empty"]);
    }
    // Comments alone are a script without a result.
    assert_eq!(*result(&server.run("// nothing yet").await), Value::Null);
}

#[tokio::test]
async fn syntax_errors_have_the_place_in_the_callers_text() {
    let server = Daemon::serve();
    for (code, line, column) in [
        ("const a = 1;\nconst = 2;", 2, 7),
        ("const a: number = ;", 1, 19),
        ("interface A { b: string }\nreturn (1 +;", 2, 12),
        ("async () => {\n  const x: Array<number> = [1, 2;\n}", 2, 33),
        ("export default {\n  fetch( { }\n}", 3, 1),
        ("return 'ü😀' +;", 1, 15),
    ] {
        let report = server.run(code).await;
        assert_at(&report, "syntax", line, column);
        assert_eq!(report["calls"], json!([]), "nothing ran");
    }
    // In JavaScript types are a syntax error.
    let bare = Request::post("/v1/run", "application/javascript", "let a = 1;\nlet b: number = 2;");
    assert_at(&server.send(bare).await.expect(200).json(), "syntax", 2, 6);
    // Fences and the prose around one belong to the caller's text and count for positions.
    let fenced = "\n```ts\nconst a = 1;\nreturn a +;\n```\n";
    assert_at(&server.run(fenced).await, "syntax", 4, 11);
    let prose = "Sure! Here is the script:\n\n```ts\nreturn a +;\n```\nIt returns 1.";
    assert_at(&server.run(prose).await, "syntax", 4, 11);
    for prose in ["I'll list it first.\n\n```ts\nreturn 1\n```", "```ts\nreturn 1\n```\nThis returns 1."] {
        assert_eq!(*result(&server.run(prose).await), json!(1), "{prose}");
    }
    let several = "First:\n```ts\nreturn 1\n```\nThen:\n```ts\nreturn 2\n```";
    let report = server.run(several).await;
    assert_at(&report, "syntax", 6, 1);
    assert_says(text(&error(&report, "syntax")["message"]), &["several", "fences"]);
    server.assert_works().await;
}

#[tokio::test]
async fn unsupported_typescript_is_a_syntax_error_with_a_hint() {
    let server = Daemon::serve();
    for (code, word) in [
        ("enum Colour { Red }\nreturn Colour.Red", "enum"),
        ("namespace A { export const b = 1 }\nreturn A.b", "namespace"),
        ("class A { constructor(private b: number) {} }\nreturn new A(1)", "parameter"),
    ] {
        let report = server.run(code).await;
        // Either it runs as in TypeScript, or the message names the unsupported syntax.
        if report["ok"] == false {
            let error = error(&report, "syntax");
            let said = format!("{} {}", error["message"], error["hint"]).to_lowercase();
            assert_says(&said, &[word]);
            assert_eq!(error["line"], 1, "{report:#}");
        }
    }
}

#[tokio::test]
async fn exceptions_have_the_place_in_the_callers_text() {
    let server = Daemon::serve();
    for (code, line, column) in [
        ("const a = 1;\nreturn (a as any).b.c;", 2, 21),
        (
            "type A = { b: string };\nconst f = (x: A): never => {\n  throw new Error(x.b);\n};\nf({ b: 'no' })",
            3,
            9,
        ),
        ("async () => {\n  await null;\n  undefinedFunction();\n}", 3, 3),
        ("```ts\nconst a: any = null;\n\na.b()\n```", 4, 3),
        (
            "export default async function (env: Env, input: unknown) {\n    throw new TypeError('x');\n}",
            2,
            11,
        ),
        ("await env.demo.add({ a: 1, b: 2 });\n    await env.demo.fail({});", 2, 5),
    ] {
        let report = server.run(code).await;
        let kind = if code.contains("fail") { "tool_error" } else { "exception" };
        assert_at(&report, kind, line, column);
    }
    for (code, message) in [("throw 'a string'", "a string"), ("throw null", "null"), ("throw { a: 1 }", "")]
    {
        let report = server.run(code).await;
        assert_says(text(&error(&report, "exception")["message"]), &[message]);
    }
}

#[tokio::test]
async fn hostile_exceptions_are_reported() {
    let server = Daemon::serve();
    for code in [
        "throw new Proxy({}, { get() { throw 1 } })",
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw e } }); throw e",
        "const e = new Error('x'); e.stack = 'at script.ts:99999999999:1'; throw e",
        "Error.prepareStackTrace = () => { throw 1 }; throw new Error('x')",
        "Object.prototype.toString = null; String.prototype.split = null; throw new Error('x')",
        "throw new Error('x'.repeat(1 << 20))",
        "await Promise.reject(Symbol('s'))",
    ] {
        let report = server.run(code).await;
        let error = error(&report, "exception");
        assert!(error["message"].is_string(), "{code}: {report:#}");
        assert!(report.to_string().len() < 512 * 1024, "{code}: {} bytes", report.to_string().len());
    }
    server.assert_works().await;
}

#[tokio::test]
async fn unknown_names_come_with_the_nearest() {
    let server = Daemon::serve().await_ready().await;
    for (code, wrong, near) in [
        ("await env.dmo.add({ a: 1, b: 2 })", "dmo", "demo"),
        ("await env.Demo.add({ a: 1, b: 2 })", "Demo", "demo"),
        ("await env.demo.get_documents({})", "get_documents", "get_document"),
        ("await env.demo.getDocument({ id: '' })", "getDocument", "get_document"),
        ("await env.demo.$raw('updaterecord', {})", "updaterecord", "update_record"),
        ("await env.crm.add({ a: 1, b: 2 })", "add", "record"),
    ] {
        let report = server.run(&format!("const a = 1;\n{code}")).await;
        assert_eq!(report["ok"], false, "{code}: {report:#}");
        let error = &report["error"];
        assert_says(text(&error["message"]), &[wrong]);
        assert_says(&format!("{} {}", error["message"], error["hint"]), &[near]);
        assert_eq!(error["line"], 2, "{code}: {report:#}");
        // Nothing was sent.
        assert!(report["calls"].as_array().unwrap().iter().all(|call| call["ok"] == false), "{report:#}");
    }
}

#[tokio::test]
async fn errors_about_arguments_have_the_upstreams_message() {
    let npm = npm::servers();
    let odd = fake_server::FakeServer::new();
    let server = Daemon::serve_with(json!({
        "demo": { "command": ISOLET, "args": ["demo-mcp"] },
        "everything": { "command": npm.program("mcp-server-everything") },
        "odd": odd.entry(&[]),
    }));
    let caught =
        "catch (e) { return { is: e instanceof ToolError, name: e.name, server: e.server, tool: e.tool,
        message: e.message, isError: e.result?.isError, text: e.result?.content?.[0]?.text } }";
    for (call, server_name, tool, words) in [
        ("env.demo.add({ a: 'one', b: 2 })", "demo", "add", "argument `a` must be a number, found \"one\""),
        ("env.everything['get-sum']({ a: 'one' })", "everything", "get-sum", "expected number"),
        ("env.odd.isError({})", "odd", "isError", "the ledger is closed on Sundays"),
        ("env.odd.refuse({})", "odd", "refuse", "`when` must be a date, not a mood"),
    ] {
        let report = server.run(&format!("try {{ await {call}; return 'no error' }} {caught}")).await;
        let value = result(&report);
        assert_eq!((&value["is"], &value["name"]), (&json!(true), &json!("ToolError")), "{call}: {value:#}");
        assert_eq!(
            (&value["server"], &value["tool"]),
            (&json!(server_name), &json!(tool)),
            "{call}: {value:#}"
        );
        assert_says(text(&value["message"]), &[words]);
        if value["isError"] == true {
            assert_says(text(&value["text"]), &[words]);
        }
        // If it is not caught, the message is the run's error.
        let report = server.run(&format!("await {call}")).await;
        assert_says(text(&error(&report, "tool_error")["message"]), &[words]);
    }
    // `$raw` gives the whole result, failed or not.
    let report = server.run("return await env.odd.$raw('isError', {})").await;
    assert_eq!(result(&report)["isError"], true);
}

#[tokio::test]
async fn arguments_that_are_not_a_json_object_are_not_sent() {
    let odd = fake_server::FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    server.server_in("odd", "ready").await;
    for args in [
        "1",
        "'text'",
        "[1]",
        "null",
        "{ a: new Map() }",
        "{ a: () => 1 }",
        "(() => { const a = {}; a.a = a; return a })()",
    ] {
        let report = server.run(&format!("await env.odd.pid({args})")).await;
        assert_eq!(error(&report, "exception")["name"], "TypeError", "{args}: {report:#}");
    }
    let deep = "let deep = 1; for (let i = 0; i < 127; i++) deep = [deep]; await env.odd.pid({ deep })";
    let report = server.run(deep).await;
    let error = error(&report, "tool_error");
    assert_says(
        text(&error["message"]),
        &["the arguments of pid of server \"odd\"", "deeper than 127 levels"],
    );
    assert_says(text(&error["hint"]), &["flatter"]);
    assert!(odd.seen().iter().all(|message| message["method"] != "tools/call"), "{:#?}", odd.seen());
    let report = server.run(&deep.replace("127", "126")).await;
    assert_eq!(report["ok"], true, "{report:#}");
    // A call without arguments sends an empty object.
    assert_eq!(*result(&server.run("return (await env.odd.pid()).calls").await), 2);
}

/// serde_json's default reading of doubles is off by one in the last place for one number in five;
/// 0.1 + 0.2 is such a number.
#[tokio::test]
async fn numbers_arrive_as_they_were_sent() {
    let odd = fake_server::FakeServer::new();
    let server = Daemon::serve_with(
        json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] }, "odd": odd.entry(&[]) }),
    );
    let numbers =
        [995881.0809438403, 8.713064197655708e-17, 4.7038748894414545e-7, 9729743006.022343, 5e-324];
    let code = "await env.odd.pid({ input });
        const sums = await Promise.all(input.map((a: number) => env.demo.add({ a, b: 0 })));
        return [input, sums.map(({ sum }) => sum)]";
    let report = server.run_with(json!({ "code": code, "input": numbers })).await;
    assert_eq!(*result(&report), json!([numbers, numbers]), "{report:#}");
    let seen = odd.seen();
    let call = seen.iter().find(|message| message["method"] == "tools/call").expect("it was called");
    assert_eq!(call["params"]["arguments"]["input"], json!(numbers));
}

#[tokio::test]
async fn results_that_json_cannot_carry_are_exceptions() {
    let server = Daemon::serve();
    for code in [
        "return { a: { b: [new Set()] } }",
        "return () => 1",
        "return { f() {} }",
        "return Symbol('x')",
        "const a = {}; a.a = a; return a",
        "return [env.demo.add({ a: 1, b: 2 })]",
        "return new Map([[1, 2]])",
    ] {
        let report = server.run(code).await;
        let error = error(&report, "exception");
        assert!(error["hint"].is_string(), "{code}: {report:#}");
    }
    let kept = server.run("return [new Date(0), undefined, { u: undefined }, 'a\\u2028', -0, NaN]").await;
    assert_eq!(kept["ok"], true, "{kept:#}");
    assert_eq!(kept["result"][0], "1970-01-01T00:00:00.000Z");
    server.assert_works().await;
}

#[tokio::test]
async fn bodies_that_are_no_request_are_400() {
    let server = Daemon::serve();
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"return 1\"",
        "{}",
        "{\"code\": 1}",
        "{\"code\": \"1\"} trailing",
        "{\"code\": \"1\", \"tools\": \"demo\"}",
        "{\"code\": \"1\", \"tools\": [1]}",
        "{\"code\": \"1\", \"timeoutMs\": 5}",
        "{\"code\": \"1\", \"input\": }",
        "{\"code\": \"1\", \"code\": \"2\"}",
    ] {
        let problem = server.send(Request::post("/v1/run", "application/json", body)).await.problem(400);
        assert!(!text(&problem["detail"]).is_empty(), "{body}");
    }
    let deep =
        format!("{{\"code\": \"return 1\", \"input\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = server.send(Request::post("/v1/run", "application/json", deep)).await;
    assert!([200, 400].contains(&answer.status), "{answer:?}");
    server.assert_works().await;
}

#[tokio::test]
async fn wrong_content_types_are_415() {
    let server = Daemon::serve();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/html", "nonsense"]
    {
        let problem = server.send(Request::post("/v1/run", content_type, "return 1")).await.problem(415);
        assert_says(&problem.to_string(), &["text/typescript", "application/json"]);
    }
}

#[tokio::test]
async fn unknown_routes_are_404_and_wrong_methods_405() {
    let server = Daemon::serve();
    for path in ["/", "/v1", "/v1/", "/v1/runs", "/v2/run", "/v1/run/", "/v1/types/", "/%2e%2e/etc/passwd"] {
        server.get(path).await.problem(404);
    }
    let methods = [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];
    for method in methods {
        let answer = server.send(Request::new(method, "/v1/run")).await;
        assert_eq!(answer.header("allow"), "POST");
        answer.problem(405);
    }
    for path in ["/v1/types", "/v1/types/demo", "/v1/servers", "/healthz", "/readyz", "/metrics"] {
        let answer = server.send(Request::post(path, "application/json", "{}")).await;
        assert_says(answer.header("allow"), &["GET"]);
        answer.problem(405);
    }
    let head = server.send(Request::new(Method::HEAD, "/v1/types")).await.expect(200);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn missing_apis_name_the_alternative() {
    let server = Daemon::serve();
    for (code, words) in [
        ("await fetch('https://example.com/')", &["network"][..]),
        ("new WebSocket('wss://example.com/')", &["network"]),
        ("eval('1')", &[]),
        ("new Function('return 1')()", &[]),
        ("require('fs')", &["require"]),
        ("return process.env", &["process"]),
        ("import fs from 'node:fs'; export default 1", &["node:fs"]),
        ("return await import('https://example.com/x.js')", &["https://example.com/x.js"]),
        ("new SharedArrayBuffer(8)", &["SharedArrayBuffer"]),
        ("new WebAssembly.Module(new Uint8Array())", &["WebAssembly"]),
    ] {
        let report = server.run(code).await;
        assert_eq!(report["ok"], false, "{code}: {report:#}");
        assert_says(&report["error"].to_string(), words);
    }
    let report = server.run("await fetch('https://example.com/')").await;
    assert_says(
        text(&error(&report, "exception")["message"]),
        &["This script has no network access. Call a tool on env instead", "demo", "crm"],
    );
}
