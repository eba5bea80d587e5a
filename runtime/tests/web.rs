//! Tests of the Web APIs, in real isolates. `web/*.js` has the tests in JavaScript, a file for each
//! group of APIs, `web/worker.rs` the tests of Workers, `web/wpt.rs` those of the data of the
//! web-platform-tests. This file has the tests of log lines and poisoned prototypes.

#[path = "web/worker.rs"]
mod worker;
#[path = "web/worker_exports.rs"]
mod worker_exports;
#[path = "web/worker_fetches.rs"]
mod worker_fetches;
#[path = "web/worker_loaders.rs"]
mod worker_loaders;
#[path = "web/worker_rpc.rs"]
mod worker_rpc;
#[path = "web/worker_streams.rs"]
mod worker_streams;
#[path = "web/wpt.rs"]
mod wpt;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use isolet_runtime::*;
use serde_json::{Map, Value, json};

struct Host;

impl ToolHost for Host {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        Box::pin(async move {
            match request.operation {
                Operation::Call { arguments, .. } => Ok(arguments.into_bytes()),
                _ => Ok(b"[]".to_vec()),
            }
        })
    }
}

fn environment() -> Environment {
    let mut catalogue = Catalogue::default();
    catalogue.insert("demo", "demo", ServerTools::new([("echo", "echo".to_owned())]));
    catalogue.insert("my-server", "my_server", ServerTools::unknown());
    let vars = json!({ "GREETING": "hello", "LIST": [1, 2] });
    let vars = vars.as_object().cloned().unwrap_or_else(Map::new);
    Environment { vars, catalogue: Arc::new(catalogue), host: Arc::new(Host) }
}

fn engine() -> &'static (tokio::runtime::Runtime, Engine) {
    static ENGINE: OnceLock<(tokio::runtime::Runtime, Engine)> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = EngineOptions { warm: 2, live: 64, memory: 64 << 20, ..EngineOptions::default() };
        let engine = Engine::new(options, runtime.handle().clone());
        (runtime, engine)
    })
}

fn limits() -> Limits {
    Limits {
        cpu: Duration::from_secs(2),
        wall: Duration::from_secs(5),
        memory: 64 << 20,
        ..Limits::default()
    }
}

fn run(code: &str) -> Report {
    run_with(code, None)
}

fn run_with(code: &str, input: Option<Value>) -> Report {
    run_limited(code, input, limits())
}

fn run_limited(code: &str, input: Option<Value>, limits: Limits) -> Report {
    let (runtime, engine) = engine();
    let job = Job {
        code: code.into(),
        language: Language::JavaScript,
        entry: Entry::Script { input: input.map(|input| input.to_string()) },
        environment: environment(),
        limits,
    };
    runtime.block_on(engine.run(job).report())
}

fn value(code: &str) -> Value {
    let report = run(code);
    serde_json::from_str(&report.result.unwrap_or_else(|error| panic!("{code}: {error:#?}"))).unwrap()
}

/// Returns the lines that a script logs.
fn logged(code: &str) -> Vec<String> {
    let report = run(code);
    report.result.unwrap_or_else(|error| panic!("{code}: {error:#?}"));
    report.logs.into_iter().map(|line| line.text).collect()
}

/// Returns the failures of a file of tests, and the number of its tests.
fn failures(tests: &str) -> (Vec<Value>, u64) {
    let code = format!("{}\n{tests}\nreturn await finish();", include_str!("web/harness.js"));
    // A whole file of tests, perhaps on a busy machine.
    let limits = Limits { cpu: Duration::from_secs(10), wall: Duration::from_secs(60), ..limits() };
    let report = run_limited(&code, None, limits);
    let outcome: Value =
        serde_json::from_str(&report.result.unwrap_or_else(|error| panic!("{error:#?}"))).unwrap();
    (outcome["failures"].as_array().unwrap().clone(), outcome["count"].as_u64().unwrap())
}

fn pass(tests: &str) {
    let (failures, count) = failures(tests);
    assert!(count >= 10, "only {count} tests were found");
    assert!(
        failures.is_empty(),
        "{} of {count} failed:\n{}",
        failures.len(),
        failures.iter().map(|f| format!("  {f}\n")).collect::<String>()
    );
}

#[test]
fn the_harness_notices_failures() {
    let (failures, count) =
        failures("test('right', () => 1, 1); test('wrong', () => 1, 2); test('throws', () => x, 1);");
    assert_eq!(count, 3);
    assert_eq!(failures.len(), 2, "{failures:?}");
}

/// Makes a test of each file of tests.
macro_rules! files {
    ($($file:ident)*) => {
        $(#[test]
        fn $file() {
            pass(include_str!(concat!("web/", stringify!($file), ".js")));
        })*
    };
}

files! {
    byob
    bytes
    clones
    compression
    crypto
    encoding
    events
    fetch
    forms
    html
    keys
    pattern
    pipes
    platform
    requests
    streams
    url
}

/// Code of the host calls none of the language's functions that a script has replaced.
#[test]
fn replaced_functions_are_not_called() {
    let (failures, count) = failures(include_str!("web/replaced.js"));
    assert_eq!(count, 1);
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The classes below are loaded after the script has replaced methods of those that they use.
#[test]
fn classes_that_are_loaded_late_use_no_replaced_methods() {
    let code = r#"
        const asked = [];
        for (const [of, name] of [[EventTarget, "dispatchEvent"], [EventTarget, "addEventListener"], [TextDecoder, "decode"]])
            of.prototype[name] = () => { asked.push(name); };
        const heard = [];
        const controller = new AbortController();
        controller.signal.onabort = (event) => heard.push(event.type);
        controller.abort();
        const { port1, port2 } = new MessageChannel();
        const message = new Promise((resolve) => { port2.onmessage = (event) => resolve(event.data); });
        port1.postMessage("message");
        heard.push(await message);
        for await (const text of new Blob(["text"]).stream().pipeThrough(new TextDecoderStream())) heard.push(text);
        return [heard, asked];"#;
    assert_eq!(value(code), json!([["abort", "message", "text"], []]));
}

#[test]
fn a_global_object_that_cannot_change_keeps_its_apis() {
    for change in [
        "Object.freeze(globalThis)",
        "Object.seal(globalThis)",
        "Object.preventExtensions(globalThis)",
        "Object.defineProperty(globalThis, 'Headers', { configurable: false })",
        "delete globalThis.Headers; delete globalThis.ReadableStream",
        "Object.defineProperty(globalThis, 'Headers', { get: () => 1 }); Object.freeze(globalThis)",
    ] {
        let code = format!(
            "{change}; const response = new Response('text', {{ headers: {{ a: 'b' }} }});
             const {{ constructor }} = response.headers;
             return [response.headers.get('a'), new constructor([['c', 'd']]).get('c'), new URL('http://x').host, await response.text()]"
        );
        assert_eq!(value(&code), json!(["b", "d", "x", "text"]), "{change}");
    }
    let same =
        "Object.freeze(globalThis); return [Headers === new Response().headers.constructor, typeof URL]";
    assert_eq!(value(same), json!([true, "function"]));
}

#[test]
fn values_are_logged_readably() {
    for (expression, expected) in [
        ("'text'", "text"),
        (
            "['text', 1, -0, null, undefined, true, 10n, Symbol('s')]",
            "[ 'text', 1, -0, null, undefined, true, 10n, Symbol(s) ]",
        ),
        ("['text', -0, 10n]", "[ 'text', -0, 10n ]"),
        (
            "({ a: 1, 'b-c': \"it's\", [Symbol('k')]: 'a\\nb' })",
            "{ a: 1, 'b-c': \"it's\", [Symbol(k)]: 'a\\nb' }",
        ),
        (
            "({ get g() { throw 1 }, set s(v) {}, get b() {}, set b(v) {} })",
            "{ g: [Getter], s: [Setter], b: [Getter/Setter] }",
        ),
        ("({ a: { b: { c: { d: { e: { f: 1 } } } } } })", "{ a: { b: { c: { d: { e: [Object] } } } } }"),
        ("new Map([[1, { a: 2 }]])", "Map(1) { 1 => { a: 2 } }"),
        ("new Set(['a', [1]])", "Set(2) { 'a', [ 1 ] }"),
        ("[1, , , 4]", "[ 1, <2 empty items>, 4 ]"),
        ("new Array(4e9)", "[ <4000000000 empty items> ]"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("new Date(NaN)", "Invalid Date"),
        ("/a/g", "/a/g"),
        ("class A {}", "[class A]"),
        ("class A extends Map {}", "[class A extends Map]"),
        ("function f() {}", "[Function: f]"),
        ("(() => {})", "[Function (anonymous)]"),
        ("async function* g() {}", "[AsyncGeneratorFunction: g]"),
        ("new (class Point { x = 1 })()", "Point { x: 1 }"),
        ("Object.create(null)", "[Object: null prototype] {}"),
        ("new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
        ("new ArrayBuffer(3)", "ArrayBuffer { byteLength: 3 }"),
        ("Promise.resolve(1)", "Promise {}"),
        ("[Object(1), Object('s')]", "[ [Number: 1], [String: 's'] ]"),
        ("new Proxy({ a: 1 }, {})", "Object { a: 1 }"),
        (
            "new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 1 } })",
            "[an object that cannot be shown]",
        ),
        ("env", "[env]"),
        ("env.demo", "[server demo: echo]"),
        ("({ s: env.demo })", "{ s: [server demo: echo] }"),
        ("new URL('http://a/b')", "URL 'http://a/b'"),
        ("new Headers({ a: 'b' })", "Headers { a: 'b' }"),
        ("new URLSearchParams('a=b')", "URLSearchParams { a: 'b' }"),
        ("new Request('http://a')", "Request { method: 'GET', url: 'http://a/', headers: Headers {} }"),
        ("(() => { const a = { n: 1 }; a.a = a; return a })()", "{ n: 1, a: [Circular] }"),
        ("Object.assign(() => {}, { x: 1 })", "[Function (anonymous)] { x: 1 }"),
        ("(function () { return arguments })(1)", "{ '0': 1 }"),
        ("'\\ud800'.length", "1"),
        ("['\\ud800', '\\u2028', '\\x07']", "[ '\\ud800', '\\u2028', '\\x07' ]"),
    ] {
        assert_eq!(logged(&format!("console.log({expression});return 1")), [expected], "{expression}");
    }
}

#[test]
fn errors_are_shown_with_the_frames_of_the_script_only() {
    let lines = logged(
        "const e = new TypeError('bad', { cause: new Error('inner') }); e.code = 'E';\nconsole.log(e);return 1",
    );
    assert!(lines[0].starts_with("TypeError: bad\n    at script.ts:1:11"), "{lines:?}");
    assert!(lines[0].contains("[cause]: Error: inner") && lines[0].contains("code: 'E'"), "{lines:?}");
    assert!(!lines[0].contains("isolet:"), "{lines:?}");
    let lines = logged("try { new URL('x') } catch (e) { console.log(e) }\nreturn 1");
    assert!(
        lines[0].starts_with("TypeError: Invalid URL: 'x'.") && !lines[0].contains("isolet:"),
        "{lines:?}"
    );
    let lines = logged("const e = new Error('old'); e.message = 'new'; console.log(e);return 1");
    assert!(lines[0].starts_with("Error: new\n    at script.ts"), "{lines:?}");
}

#[test]
fn console_methods_and_formats() {
    for (code, expected) in [
        (
            "console.log('%s is %d, %i, %f', 'Bob', 42.5, 42.9, '1.5', { a: 1 })",
            vec!["Bob is 42.5, 42, 1.5 { a: 1 }"],
        ),
        (
            "console.log('%j %o %O %% %x %c.', { a: 1 }, [1], { b: 2 }, 'css')",
            vec!["{\"a\":1} [ 1 ] { b: 2 } % %x ."],
        ),
        ("console.log('%s'); console.log('100%'); console.log('%d', 5n)", vec!["%s", "100%", "5n"]),
        ("console.log(); console.log('')", vec!["", ""]),
        (
            "console.group('a'); console.log('b\\nc'); console.group(); console.log('d'); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log('e')",
            vec!["a", "  b\n  c", "    d", "e"],
        ),
        (
            "console.count(); console.count('x'); console.count(); console.countReset(); console.count(); console.countReset('no')",
            vec!["default: 1", "x: 1", "default: 2", "default: 1", "There is no count \"no\"."],
        ),
        (
            "console.assert(true, 'no'); console.assert(false); console.assert(0, 'x %s', 'y'); console.assert(0, { a: 1 })",
            vec!["Assertion failed", "Assertion failed: x y", "Assertion failed: { a: 1 }"],
        ),
        (
            "console.table([{ a: 1, b: 'x' }, { a: 2, c: true }])",
            vec!["(index) | a | b | c\n--------|---|---|-----\n0       | 1 | x |\n1       | 2 |   | true"],
        ),
        (
            "console.table([{ a: 1, b: 2 }], ['b']); console.table(5)",
            vec!["(index) | b\n--------|--\n0       | 2", "5"],
        ),
        (
            "const { log } = console; log('free'); console.dir({ a: 1 }); console.clear()",
            vec!["free", "{ a: 1 }"],
        ),
        ("reportError(new RangeError('r').message)", vec!["Uncaught 'r'"]),
        (
            "const t = new EventTarget(); t.addEventListener('x', () => { throw 5 }); t.addEventListener('x', () => console.log('next')); t.dispatchEvent(new Event('x'))",
            vec!["Uncaught 5", "next"],
        ),
    ] {
        assert_eq!(logged(&format!("{code};return 1")), expected, "{code}");
    }
    let report = run(
        "console.debug(1); console.log(1); console.info(1); console.warn(1); console.error(1); console.trace('t');return 1",
    );
    let levels: Vec<LogLevel> = report.logs.iter().map(|line| line.level).collect();
    assert_eq!(
        levels,
        [LogLevel::Debug, LogLevel::Log, LogLevel::Info, LogLevel::Warn, LogLevel::Error, LogLevel::Debug]
    );
    assert!(report.logs[5].text.starts_with("Trace: t\n    at script.ts:1:"), "{:?}", report.logs[5]);
    assert_eq!(
        logged("console.time('t'); console.timeEnd('t'); console.timeEnd('t');return 1")[1],
        "There is no timer \"t\": start it with console.time."
    );
}

#[test]
fn logs_are_bounded() {
    for (value, most) in [
        ("'x'.repeat(1e6)", 17_000),
        ("({ a: 'x'.repeat(1e6) })", 17_000),
        ("Array.from({ length: 1e5 }, (_, i) => i)", 2_000),
        ("Object.fromEntries(Array.from({ length: 1e4 }, (_, i) => ['k' + i, i]))", 4_000),
        ("new Map(Array.from({ length: 1e5 }, (_, i) => [i, i]))", 4_000),
        ("new Set(Array.from({ length: 5000 }, (_, i) => 'x'.repeat(1000) + i))", 20_000),
        ("(() => { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o })()", 200),
        (
            "(() => { const a = () => Array.from({ length: 50 }, (_, i) => i); return [a(), a(), a()].map(() => [a(), a(), a()].map(() => [a(), a(), [a()]])) })()",
            20_000,
        ),
        ("10n ** 20000n", 17_000),
        ("new Error('x'.repeat(1e6))", 40_000),
        ("Object.assign([], { length: 4e9, 3999999999: 1 })", 200),
    ] {
        let lines = logged(&format!("console.log({value});return 1"));
        assert!(lines[0].len() < most, "{value}: {}", lines[0].len());
    }
}

/// Replaces functions that isolet's JavaScript could use, then uses the host. The script may get
/// wrong values of its own functions, but logs, calls and the result must be right.
#[test]
fn poisoned_prototypes_do_not_affect_the_host() {
    const POISONS: &[&str] = &[
        "{ const keys = Reflect.ownKeys(Array.prototype); for (let i = 0; i < keys.length; i++) if (typeof Array.prototype[keys[i]] === 'function') Array.prototype[keys[i]] = () => { throw 'poison' }; }",
        "Object.defineProperty(Array.prototype, 0, { set() { throw 'poison' }, get() { return 'poison' }, configurable: true });",
        "{ const keys = Reflect.ownKeys(String.prototype); for (let i = 0; i < keys.length; i++) if (typeof String.prototype[keys[i]] === 'function') String.prototype[keys[i]] = () => { throw 'poison' }; }",
        "{ const keys = Reflect.ownKeys(RegExp.prototype); for (let i = 0; i < keys.length; i++) if (keys[i] !== 'constructor') Reflect.defineProperty(RegExp.prototype, keys[i], { value() { throw 'poison' } }); }",
        "Map.prototype.get = Map.prototype.set = Map.prototype.has = Map.prototype.forEach = () => { throw 'poison' };",
        "Promise.prototype.then = () => { throw 'poison' }; Promise.resolve = Promise.all = () => { throw 'poison' };",
        "JSON.stringify = JSON.parse = () => 'poison'; Object.keys = Reflect.ownKeys = Object.defineProperty = () => { throw 'poison' };",
        "Object.prototype.toJSON = () => 'poison'; Array.prototype.toJSON = () => 'poison'; String.prototype.toJSON = () => 'poison';",
        "Object.prototype.get = Object.prototype.set = () => { throw 'poison' };",
        "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw 'poison' };",
        "globalThis.Uint8Array = globalThis.Map = globalThis.Error = globalThis.TypeError = globalThis.Promise = globalThis.Headers = class { constructor() { throw 'poison' } };",
        "Object.getPrototypeOf(Uint8Array.prototype).set = () => { throw 'poison' };",
        "Error.prepareStackTrace = () => { throw 'poison' };",
        "Symbol.prototype.toString = Number.prototype.toString = () => { throw 'poison' };",
    ];
    // All at once, except for those that change the script's own values.
    let poison: Vec<&str> = POISONS.iter().copied().filter(|poison| !poison.contains("toJSON")).collect();
    let poison = poison.join("\n");
    for poison in POISONS.iter().copied().chain([poison.as_str()]) {
        // The checks below use only functions that were taken before.
        let report = run(&format!(
            "const {{ stringify }} = JSON; const S = Symbol.iterator; const next = [][S];
             {poison}
             console.log('logged %s', 'well', {{ a: {{ b: 'c' }} }});
             const answer = await env.demo.echo({{ text: 'ä' }});
             const url = new URL('http://a/b?x=1'); url.searchParams.set('y', 'z w');
             const response = new Response('body', {{ status: 201, headers: {{ a: 'b' }} }});
             const text = await response.text();
             return {{ answer, href: url.href, text, status: response.status, type: response.headers.get('content-type') }};"
        ));
        assert_eq!(
            report.logs.first().map(|line| line.text.as_str()),
            Some("logged well { a: { b: 'c' } }"),
            "{poison}: {report:#?}"
        );
        // The script may change the JSON of its own objects.
        if poison.contains("toJSON") {
            continue;
        }
        let result = report.result.unwrap_or_else(|error| panic!("{poison}: {error:#?}"));
        let expected = json!({ "answer": { "text": "ä" }, "href": "http://a/b?x=1&y=z+w", "text": "body", "status": 201,
            "type": "text/plain;charset=UTF-8" });
        assert_eq!(serde_json::from_str::<Value>(&result).unwrap(), expected, "{poison}");
    }
}

/// Checks that scripts cannot observe that APIs are loaded on demand.
#[test]
fn loading_on_demand_cannot_be_observed() {
    for (code, expected) in [
        ("URL = 5; return [URL, globalThis.URL]", json!([5, 5])),
        ("globalThis.TextEncoder = 5; return [new TextDecoder().encoding, TextEncoder]", json!(["utf-8", 5])),
        ("delete globalThis.URL; return [typeof URL, 'URL' in globalThis, new Request('http://a').url]", json!(["undefined", false, "http://a/"])),
        ("const o = Object.create(globalThis); o.URL = 1; return [o.URL, typeof URL]", json!([1, "function"])),
        ("return [URL === URL, URL === globalThis.URL, Object.getOwnPropertyDescriptor(globalThis, 'URL').writable]", json!([true, true, true])),
        ("return Object.keys(globalThis).filter((name) => name !== 'env' && name !== 'input')", json!([])),
        // Reading an API without stack left is an error; reading it again gives the API.
        ("let errors = 0; const deep = () => { try { deep(); } catch (e) { try { new Response('x'); new URL('http://a'); } catch { errors++; } } };
          deep(); return [await new Response('x').text(), new URL('http://a').href, await new Response(new Blob(['y'])).text()]", json!(["x", "http://a/", "y"])),
    ] {
        assert_eq!(value(code), expected, "{code}");
    }
}

#[test]
fn a_then_on_every_object_does_not_hang_the_run() {
    let report = run(
        "Object.prototype.then = function (resolve) { resolve('poison') }; console.log('x'); return { a: 1 };",
    );
    assert_eq!(report.logs[0].text, "x");
    // The script's own promise was resolved with a thenable, which decides its result.
    assert_eq!(report.result.unwrap(), "\"poison\"");
}
