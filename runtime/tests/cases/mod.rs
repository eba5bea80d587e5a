//! Cases that hold with every isolation: scripts in real isolates, with tools written in Rust. Each
//! test target that includes this module sets where isolates live and whether V8 may compile.

mod calls;
mod libraries;

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::*;
use serde_json::{Value, json};

/// The tools of all cases.
struct DemoTools;

impl ToolHost for DemoTools {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        Box::pin(async move {
            let Operation::Call { tool, arguments } = request.operation else {
                return Ok(b"[]".to_vec());
            };
            let arguments: Value = serde_json::from_str(&arguments).unwrap();
            match tool.as_str() {
                "add" => {
                    let sum = arguments["a"].as_f64().unwrap() + arguments["b"].as_f64().unwrap();
                    Ok(json!({ "sum": sum }).to_string().into_bytes())
                }
                "wait" => {
                    tokio::time::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap())).await;
                    Ok(b"{}".to_vec())
                }
                // Blocks the thread that waits for the run.
                "stall" => {
                    std::thread::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap()));
                    Ok(b"{}".to_vec())
                }
                // Longer than a frame between broker and runner.
                "big" => Ok(vec![b' '; 81 << 20]),
                "fail" => Err(ToolFailure {
                    message: "it failed".into(),
                    hint: Some("try again".into()),
                    result: Some(br#"{"isError":true}"#.to_vec()),
                    error: None,
                }),
                _ => Ok(b"null".to_vec()),
            }
        })
    }
}

fn environment() -> Environment {
    let mut catalogue = Catalogue::default();
    let tools =
        ["add", "wait", "stall", "fail", "big", "get-user"].map(|name| (name, name.replace('-', "_")));
    catalogue.insert("demo", "demo", ServerTools::new(tools));
    catalogue.insert("my-server", "my_server", ServerTools::unknown());
    Environment { vars: serde_json::Map::new(), catalogue: Arc::new(catalogue), host: Arc::new(DemoTools) }
}

pub fn engine() -> &'static (tokio::runtime::Runtime, Engine) {
    static ENGINE: std::sync::OnceLock<(tokio::runtime::Runtime, Engine)> = std::sync::OnceLock::new();
    ENGINE.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = EngineOptions {
            warm: 4,
            live: 64,
            memory: 32 << 20,
            isolation: super::isolation(),
            jit: super::JIT,
            libraries: None,
        };
        let engine = Engine::new(options, runtime.handle().clone());
        assert!(runtime.block_on(engine.ready(Duration::from_secs(20))), "the engine starts");
        (runtime, engine)
    })
}

pub fn limits() -> Limits {
    Limits {
        cpu: Duration::from_millis(500),
        wall: Duration::from_secs(2),
        memory: 32 << 20,
        ..Limits::default()
    }
}

pub fn run_with(code: &str, input: Option<&str>, limits: Limits) -> Report {
    let (runtime, engine) = engine();
    let job = Job { entry: Entry::Script { input: input.map(Into::into) }, ..job(code, limits) };
    runtime.block_on(engine.run(job).report())
}

pub fn job(code: &str, limits: Limits) -> Job {
    Job {
        code: code.into(),
        language: Language::TypeScript,
        entry: Entry::Script { input: None },
        environment: environment(),
        limits,
    }
}

fn run(code: &str) -> Report {
    run_with(code, None, limits())
}

pub fn value(code: &str) -> Value {
    let report = run(code);
    serde_json::from_str(&report.result.unwrap_or_else(|error| panic!("{code}: {error:?}"))).unwrap()
}

pub fn error(code: &str) -> RunError {
    match run(code).result {
        Ok(value) => panic!("{code} gave {value}"),
        Err(error) => error,
    }
}

#[test]
fn every_shape_of_a_script_returns_its_result() {
    assert_eq!(value("return 1 + 1"), 2);
    assert_eq!(value("1 + 1"), 2);
    assert_eq!(value("async () => (await env.demo.add({ a: 1, b: 2 })).sum"), 3.0);
    assert_eq!(
        value(
            "export default async function (env, input) { return (await env.demo.add({ a: 1, b: 2 })).sum }"
        ),
        3.0
    );
    assert_eq!(value("const { sum } = await env.demo.add({ a: 1, b: 2 });\nreturn sum;"), 3.0);
    assert_eq!(
        value(
            "import { env as e } from 'cloudflare:workers'; export default (await e.demo.add({a: 1, b: 1})).sum"
        ),
        2.0
    );
    assert_eq!(
        value(
            "import { WorkerEntrypoint } from 'cloudflare:workers'; class Entry extends WorkerEntrypoint {} \
             export default () => new Entry('ctx', 'env').env"
        ),
        "env"
    );
    assert_eq!(value("const x = 1;"), Value::Null);
}

#[test]
fn input_is_a_global_and_an_argument() {
    let report = run_with("return input.id + globalThis.input.id", Some(r#"{"id":21}"#), limits());
    assert_eq!(report.result.unwrap(), "42");
}

#[test]
fn the_cost_of_a_run_is_reported_however_it_ends() {
    let spin = "const until = Date.now() + 20; while (Date.now() < until);";
    for end in ["return 1", "throw 1", "for (;;) {}", "console.log('x'.repeat(1e6))"] {
        let report = run(&format!("{spin} {end}"));
        let Stats { cpu_ms, wall_ms, .. } = report.stats;
        // On a busy machine it had a processor only part of the time.
        assert!(cpu_ms > 0.1 && wall_ms >= 19.0, "{end}: {report:?}");
    }
}

#[test]
fn exceptions_have_the_callers_position() {
    let error = error("const a = undefined;\nreturn a.b;");
    assert_eq!(error.code, ErrorCode::Exception);
    assert_eq!(error.name, "TypeError");
    assert_eq!((error.line, error.column), (Some(2), Some(10)));
}

#[test]
fn unknown_names_name_the_nearest() {
    let server = error("return await env.dmo.add({})");
    assert!(
        server.message.contains("\"dmo\"") && server.hint.clone().unwrap().contains("demo"),
        "{server:?}"
    );
    let tool = error("return await env.demo.ad({})");
    assert!(tool.hint.clone().unwrap().contains("Did you mean add"), "{tool:?}");
    assert_eq!(tool.code, ErrorCode::Exception);
    assert_eq!(tool.line, Some(1));
}

#[test]
fn results_that_json_cannot_carry_are_an_exception() {
    for code in [
        "return () => 1",
        "return { f() {} }",
        "return Symbol('x')",
        "const a = {}; a.a = a; return a",
        "return new Map([[1, 2]])",
        "return { p: env.demo.add({a:1,b:1}) }",
        "return { r: /x/ }",
        "return env.demo",
        "return { e: env }",
    ] {
        let error = error(code);
        assert_eq!(error.code, ErrorCode::Exception, "{code}");
        assert_eq!(error.name, "TypeError", "{code}: {error:?}");
        assert!(error.hint.is_some(), "{code}");
    }
}

#[test]
fn errors_and_broken_text_in_results_stay_readable() {
    let settled = value("return await Promise.allSettled([env.demo.fail({})])");
    assert_eq!(
        settled[0]["reason"],
        json!({ "name": "ToolError", "message": "it failed", "server": "demo", "tool": "fail" })
    );
    assert_eq!(value("return ['a\\ud800b'.slice(0, 2)]"), json!(["a\u{fffd}"]));
    let empty = value(
        "class P { constructor() { this.x = 1 } } return [new P(), {}, [], Object.create(null), new Date(0)]",
    );
    assert_eq!(empty, json!([{ "x": 1 }, {}, [], {}, "1970-01-01T00:00:00.000Z"]));
}

#[test]
fn numbers_and_dates_are_formatted() {
    // With ICU data that does not fit the archive this never returns; see
    // third_party/v8/patch-icu.py.
    assert_eq!(
        value(
            "return [(1234.5).toLocaleString('en-US'), new Intl.DateTimeFormat('de', { timeZone: 'UTC' }).format(new Date(0))]"
        ),
        json!(["1,234.5", "1.1.1970"])
    );
}

#[test]
fn limits_fire_and_name_themselves() {
    let cases = [
        ("for (;;) {}", ErrorCode::CpuLimit),
        (
            "const f = () => { Promise.resolve().then(f) }; f(); await new Promise(() => {})",
            ErrorCode::CpuLimit,
        ),
        ("try { for (;;) {} } catch {} finally { for (;;) {} }", ErrorCode::CpuLimit),
        ("return { toJSON() { for (;;) {} } }", ErrorCode::CpuLimit),
        ("/(a+)+$/.test('a'.repeat(50) + 'b')", ErrorCode::CpuLimit),
        ("await env.demo.wait({ ms: 60000 })", ErrorCode::WallLimit),
        ("await new Promise((r) => setTimeout(r, 60000))", ErrorCode::WallLimit),
        ("const a = []; for (;;) a.push(new Array(1000).fill(1.5))", ErrorCode::MemoryLimit),
        (
            "const a = []; for (;;) { try { a.push(new Uint8Array(1 << 20)) } catch {} }",
            ErrorCode::MemoryLimit,
        ),
        ("for (let i = 0; i < 600; i++) await env.demo.add({ a: 1, b: i })", ErrorCode::CallLimit),
        ("return 'x'.repeat(2 << 20)", ErrorCode::OutputLimit),
        ("for (;;) console.log('x'.repeat(1000))", ErrorCode::OutputLimit),
        ("await new Promise(() => {})", ErrorCode::Exception),
    ];
    for (code, expected) in cases {
        // On a busy machine half a second of CPU time can take more than two seconds.
        let wall = if expected == ErrorCode::CpuLimit { 20 } else { 2 };
        let report = run_with(code, None, Limits { wall: Duration::from_secs(wall), ..limits() });
        let error = report.result.expect_err(code);
        assert_eq!(error.code, expected, "{code}: {error:?}");
        assert!(error.hint.is_some(), "{code}: {error:?}");
        assert_eq!(value("return 'still here'"), "still here");
    }
}

#[test]
fn runs_share_nothing() {
    assert_eq!(
        value("globalThis.leak = 1; Object.prototype.leak = 2; Array.prototype.map = null; return 1"),
        1
    );
    assert_eq!(
        value("return [typeof leak, ({}).leak, typeof [].map]"),
        json!(["undefined", null, "function"])
    );
}

/// The library of `crypto.subtle` asks the system for random bytes of its own.
#[test]
fn keys_are_made_and_used_and_are_others_in_each_run() {
    let code = r#"
        const { subtle } = crypto;
        const data = new Uint8Array([1, 2, 3]);
        const made = [crypto.randomUUID()];
        for (const algorithm of [
            { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
            { name: "Ed25519" },
            { name: "RSA-PSS", hash: "SHA-256", saltLength: 32, modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
        ]) {
            const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
            const signature = await subtle.sign(algorithm, privateKey, data);
            if (!(await subtle.verify(algorithm, publicKey, signature, data))) throw new Error(algorithm.name);
            made.push(new Uint8Array(await subtle.exportKey("spki", publicKey)).join());
            if (algorithm.name === "ECDSA") made.push(new Uint8Array(signature).join());
        }
        return made;
    "#;
    let runs: Vec<Value> = (0..3).map(|_| value(code)).collect();
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        for (a, b) in runs[first].as_array().unwrap().iter().zip(runs[second].as_array().unwrap()) {
            assert_ne!(a, b);
        }
    }
}

#[test]
fn timers_and_microtasks_run_in_order() {
    assert_eq!(
        value(
            "const order = []; setTimeout(() => order.push('t2'), 20); setTimeout(() => order.push('t1'), 5);
             Promise.resolve().then(() => order.push('m')); const i = setInterval(() => order.push('i'), 8);
             await new Promise((r) => setTimeout(r, 30)); clearInterval(i); return order.join()",
        )
        .as_str()
        .map(|text| text.starts_with("m,t1,i")),
        Some(true)
    );
}

/// Searches everything that a script can reach through names, symbols, prototypes, accessors and
/// results of calls.
#[test]
fn webassembly_is_not_reachable() {
    let code = r#"
        const seen = new Set(), found = [], queue = [[globalThis, "globalThis"], [env, "env"]];
        const add = (value, path) => { if (Object(value) === value) queue.push([value, path]) };
        const nameOf = (value) => String(Object.getOwnPropertyDescriptor(value, "name")?.value ?? "");
        async function* numbers() {}
        for (const value of [numbers(), [][Symbol.iterator](), /a/g[Symbol.matchAll]("a"), new Map().entries(), Promise.resolve(1),
                             (async () => {})(), new Intl.NumberFormat("en"), new Error("x"), structuredClone({ a: 1 }),
                             new Response("x"), new Proxy({}, {}), Iterator.from([])]) add(value, String(value));
        while (queue.length > 0) {
            const [value, path] = queue.pop();
            if (seen.has(value)) continue;
            seen.add(value);
            let tag = "";
            try { tag = String(value[Symbol.toStringTag] ?? "") } catch {}
            if (/^WebAssembly/.test(tag) || /wasm|WebAssembly/i.test(nameOf(value))) found.push(path);
            add(Object.getPrototypeOf(value), path + ".__proto__");
            for (const key of Reflect.ownKeys(value)) {
                if (/wasm|WebAssembly/i.test(String(key))) found.push(path + "." + String(key));
                const property = Object.getOwnPropertyDescriptor(value, key);
                const place = path + "." + String(key);
                for (const part of ["value", "get", "set"]) add(property?.[part], place);
                if (property?.get) try { add(value[key], place) } catch {}
            }
        }
        return { found, enough: seen.size > 500, name: typeof WebAssembly, own: Reflect.has(globalThis, "WebAssembly") }"#;
    assert_eq!(value(code), json!({ "found": [], "enough": true, "name": "undefined", "own": false }));
}

#[test]
fn code_from_strings_is_off() {
    for code in [
        "return eval('1')",
        "return new Function('return 1')()",
        "return (async () => {}).constructor('return 1')()",
        "return setTimeout('1', 0)",
        "return typeof WebAssembly === 'undefined' && typeof SharedArrayBuffer === 'undefined' ? never() : 1",
    ] {
        assert_eq!(error(code).code, ErrorCode::Exception, "{code}");
    }
}

#[test]
fn a_dropped_run_is_cancelled() {
    let (runtime, engine) = engine();
    let long = Duration::from_secs(60);
    let job = job("for (;;) {}", Limits { cpu: long, wall: long, ..limits() });
    let run = engine.run(job);
    std::thread::sleep(Duration::from_millis(100));
    drop(run);
    runtime.block_on(async {
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let used = process_cpu_ms();
            tokio::time::sleep(Duration::from_millis(100)).await;
            if process_cpu_ms() - used < 60.0 {
                return;
            }
        }
        panic!("the loop goes on");
    });
}

/// Returns the CPU time of this process and of its living children, in milliseconds.
fn process_cpu_ms() -> f64 {
    let own = std::process::id();
    let ticks = |pid: u32| -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<f64>().ok()).sum()
    };
    let children: f64 = engine().1.zygotes().iter().map(|zygote| ticks(zygote.pid)).sum();
    (ticks(own) + children) * 10.0
}

#[test]
fn empty_lines_count_towards_the_limit_on_logs() {
    let report = run("for (let i = 0; i < 260000; i++) console.log('')");
    assert_eq!(report.result.unwrap_err().code, ErrorCode::OutputLimit);
    assert!(report.logs.len() <= Limits::default().logs / 64, "{}", report.logs.len());
}

#[test]
fn an_import_with_a_huge_name_is_an_ordinary_error() {
    let report = run_with(
        "return await import('\\x01'.repeat(1 << 24)).catch((error) => error.message)",
        None,
        Limits { wall: Duration::from_secs(20), cpu: Duration::from_secs(20), ..limits() },
    );
    let message = report.result.unwrap();
    assert!(message.starts_with("\"Cannot import \\\"a name of 16777216 characters"), "{message:.200}");
}

#[test]
fn lone_surrogates_become_replacement_characters_in_keys_too() {
    assert_eq!(
        value(r#"return { "\ud800": 1, "a\\ud800": "\udc00", "\ud83d\ude00": 2 }"#),
        json!({
            "\u{fffd}": 1, "a\\ud800": "\u{fffd}", "😀": 2
        })
    );
    assert_eq!(
        value(r#"return [JSON.rawJSON('"\\uD800x"'), JSON.rawJSON('"\\ud83d\\uDE00"')]"#),
        json!(["\u{fffd}x", "😀"])
    );
    assert_eq!(value("return [new Number(5), new Boolean(false), new String('')]"), json!([5, false, ""]));
}

#[test]
fn an_exception_in_a_microtask_ends_the_run() {
    let error =
        error("queueMicrotask(() => { throw new Error('late') }); await scheduler.wait(50); return 1");
    assert_eq!(error.message, "late");
}

#[test]
fn a_replaced_species_breaks_neither_streams_nor_microtasks() {
    let code = "Object.defineProperty(Promise, Symbol.species, { get() { throw 1 } }); \
                let seen = 0; queueMicrotask(() => seen++); \
                const stream = new ReadableStream({ start(c) { c.enqueue('a'); c.enqueue('b'); c.close() } }); \
                const upper = new TransformStream({ transform(text, c) { c.enqueue(text.toUpperCase()) } }); \
                const all = []; for await (const part of stream.pipeThrough(upper)) all.push(part); \
                return [seen, ...all]";
    assert_eq!(value(code), json!([1, "A", "B"]));
}
