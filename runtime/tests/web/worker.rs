//! Tests of module Workers: requests, responses, state, failures. `worker_streams.rs` has those of
//! bodies in pieces and of what ends with a request.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use isolet_runtime::*;
use serde_json::{Value, json};

use super::{engine, environment, limits, run, run_with};

pub(super) fn worker(code: &str) -> Result<Worker, RunError> {
    logging_worker(code, Arc::new(|_, _| ()))
}

pub(super) fn logging_worker(code: &str, log: LogSink) -> Result<Worker, RunError> {
    // Far apart, so that on a busy machine one limit is not mistaken for the other.
    start(code, Limits { cpu: Duration::from_millis(500), ..limits() }, log)
}

/// Starts a Worker whose requests have these limits.
fn worker_with(code: &str, limits: Limits) -> Result<Worker, RunError> {
    start(code, limits, Arc::new(|_, _| ()))
}

fn start(code: &str, limits: Limits, log: LogSink) -> Result<Worker, RunError> {
    start_module(Module::es_module("main.js", code), limits, log)
}

/// Starts a Worker with these bindings.
pub(super) fn start_with(code: &str, fetchers: FetchBindings) -> Result<Worker, RunError> {
    start_job([Module::es_module("main.js", code)].into(), limits(), Arc::new(|_, _| ()), fetchers)
}

/// Starts a Worker with these bindings, whose requests have these limits.
pub(super) fn start_limited(code: &str, limits: Limits, fetchers: FetchBindings) -> Result<Worker, RunError> {
    start_job([Module::es_module("main.js", code)].into(), limits, Arc::new(|_, _| ()), fetchers)
}

fn start_module(module: Module, limits: Limits, log: LogSink) -> Result<Worker, RunError> {
    start_job([module].into(), limits, log, FetchBindings::default())
}

fn start_job(
    modules: Arc<[Module]>,
    limits: Limits,
    log: LogSink,
    fetchers: FetchBindings,
) -> Result<Worker, RunError> {
    let (runtime, engine) = engine();
    let has_default = |module: &Module| String::from_utf8_lossy(&module.content).contains("export default");
    let is_service_worker = !modules.iter().any(has_default);
    runtime.block_on(engine.worker(WorkerJob {
        idle_timeout: None,
        isolation: WorkerIsolation::Isolate,
        main: "main.js".into(),
        modules,
        node: NodeFeatures::default(),
        web_sockets: WebSocketFeatures::default(),
        environment: environment(),
        start_limits: Limits { wall: Duration::from_secs(60), ..super::limits() },
        limits,
        log,
        violated: Arc::new(|_| ()),
        instances: 1,
        fetchers,
        is_service_worker,
        has_exports: true,
        allows_eval_at_start: false,
    }))
}

pub(super) fn request(method: &str, url: &str, body: &str) -> HttpRequest {
    let headers = vec![
        ("Content-Type".into(), "application/json".into()),
        ("X-Two".into(), "1".into()),
        ("x-two".into(), "2".into()),
    ];
    let head = RequestHead { method: method.into(), url: url.into(), headers, cf: String::new() };
    let body = if body.is_empty() { RequestBody::Empty } else { RequestBody::Whole(body.to_owned().into()) };
    HttpRequest { id: Worker::next_id(), head, body, origin: RequestOrigin::default() }
}

/// Status, headers and body of an answer, as text.
type Answer = (u16, Vec<(String, String)>, String);

pub(super) fn answer(worker: &Worker, request: HttpRequest) -> Result<Answer, RunError> {
    let HttpResponse { head, body } = engine().0.block_on(worker.fetch(request))?;
    let (body, broken) = engine().0.block_on(whole(body));
    assert!(broken.is_none(), "{broken:?}");
    Ok((head.status, head.headers, String::from_utf8_lossy(&body).into_owned()))
}

/// All bytes of a body, and the reason for which it broke off.
pub(super) async fn whole(body: ResponseBody) -> (Vec<u8>, Option<String>) {
    match body {
        ResponseBody::Empty => (Vec::new(), None),
        ResponseBody::Whole(bytes) => (bytes.to_vec(), None),
        ResponseBody::Socket(socket) => (Vec::new(), Some(format!("{socket:?}"))),
        ResponseBody::Stream(mut stream) => {
            let mut bytes = Vec::new();
            while let Some(part) = stream.next().await {
                match part {
                    Ok(part) => bytes.extend_from_slice(&part),
                    Err(BrokenBody(reason)) => return (bytes, Some(reason)),
                }
            }
            (bytes, None)
        }
    }
}

pub(super) fn get(worker: &Worker, url: &str) -> String {
    answer(worker, request("GET", url, "")).unwrap_or_else(|error| panic!("{url}: {error:#?}")).2
}

#[test]
fn a_worker_says_hello() {
    let worker = worker("export default { async fetch(request, env, ctx) { ctx.waitUntil(Promise.resolve()); return new Response('Hello World!'); } }").unwrap();
    let (status, headers, body) = answer(&worker, request("GET", "http://localhost/", "")).unwrap();
    assert_eq!((status, body.as_str()), (200, "Hello World!"));
    assert_eq!(headers, [("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned())]);
}

#[test]
fn a_worker_can_be_a_class() {
    let code = "import { WorkerEntrypoint } from 'cloudflare:workers';
        export default class extends WorkerEntrypoint {
            fetch(request) { return new Response(`${typeof this.env} ${typeof this.ctx.waitUntil} ${request.method}`) }
        }";
    assert_eq!(get(&worker(code).unwrap(), "https://example.com/"), "object function GET");
}

#[test]
fn a_worker_reads_and_sends_json() {
    let worker = worker(
        "export default { async fetch(request, env) {
            const url = new URL(request.url);
            const { n } = await request.json();
            const called = await env.demo.echo({ n });
            return Response.json({
                method: request.method, path: url.pathname, q: url.searchParams.get('q'), n: n + 1, called,
                two: request.headers.get('X-Two'), greeting: env.GREETING, list: env.LIST, missing: env.NOPE === undefined,
            }, { status: 201, headers: [['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']] });
        } }",
    )
    .unwrap();
    let (status, headers, body) =
        answer(&worker, request("POST", "http://localhost/a%20b?q=%C3%A4", r#"{"n":1}"#)).unwrap();
    assert_eq!(status, 201);
    let expected = json!({ "method": "POST", "path": "/a%20b", "q": "ä", "n": 2, "called": { "n": 1 }, "two": "1, 2",
        "greeting": "hello", "list": [1, 2], "missing": true });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["set-cookie", "set-cookie", "content-type"]);
}

#[test]
fn a_worker_sends_bytes_streams_and_nothing() {
    let worker = worker(
        "export default { async fetch(request) { switch (new URL(request.url).pathname) {
            case '/bytes': return new Response(new Uint8Array([0, 255, 10]).subarray(1));
            case '/stream': return new Response(new ReadableStream({ async pull(c) { c.enqueue(new TextEncoder().encode('ab')); await scheduler.wait(1); c.close(); } }));
            case '/echo': return new Response(request.body, { headers: request.headers });
            case '/empty': return new Response(null, { status: 204 });
            case '/redirect': return Response.redirect(new URL('/x', request.url));
            case '/immutable': request.headers.set('a', 'b'); break;
            case '/copy': { const h = new Headers(request.headers); h.set('a', 'b'); return new Response(h.get('a')); }
            case '/form': return new Response(new FormData());
        } } }",
    )
    .unwrap();
    let at = |path: &str| answer(&worker, request("GET", &format!("http://localhost{path}"), ""));
    let bytes = engine().0.block_on(async {
        whole(worker.fetch(request("GET", "http://localhost/bytes", "")).await.unwrap().body).await.0
    });
    assert_eq!(bytes, [255, 10]);
    assert_eq!(at("/stream").unwrap().2, "ab");
    assert_eq!(answer(&worker, request("POST", "http://localhost/echo", "bödy")).unwrap().2, "bödy");
    assert_eq!((at("/empty").unwrap().0, at("/empty").unwrap().2.len()), (204, 0));
    let (status, headers, _) = at("/redirect").unwrap();
    assert_eq!((status, headers[0].1.as_str()), (302, "http://localhost/x"));
    assert_eq!(at("/copy").unwrap().2, "b");
    assert!(at("/form").unwrap().1[0].1.starts_with("multipart/form-data; boundary="));
    assert!(at("/immutable").unwrap_err().message.contains("immutable"));
    let nothing = at("/other").unwrap_err();
    assert!(
        nothing.message.starts_with("fetch must return a Response, but returned nothing."),
        "{nothing:?}"
    );
    assert!(nothing.hint.unwrap().contains("new Response"));
}

#[test]
fn a_worker_keeps_its_state_between_requests() {
    let worker = worker("let n = 0; const seen = new Map(); export default { fetch(r) { seen.set(r.url, 1); return new Response(`${++n} ${seen.size}`); } }").unwrap();
    assert_eq!(get(&worker, "http://a/"), "1 1");
    assert_eq!(get(&worker, "http://a/"), "2 1");
    assert_eq!(get(&worker, "http://b/"), "3 2");
}

#[test]
fn a_worker_that_throws_or_runs_away_answers_the_next_request() {
    let worker = worker(
        "let n = 0; export default { async fetch(request) { n++; switch (new URL(request.url).pathname) {
            case '/throw': throw new RangeError('broken');
            case '/loop': for (;;);
            case '/hang': return new Promise(() => {});
            case '/object': return { status: 200 };
            case '/heap': { const a = []; for (;;) a.push(new Array(1000).fill(n)); }
            case '/error': return Response.error();
        } return new Response(`${n}`); } }",
    )
    .unwrap();
    let error =
        |path: &str| answer(&worker, request("GET", &format!("http://localhost{path}"), "")).unwrap_err();
    let thrown = error("/throw");
    assert_eq!((thrown.code, thrown.name.as_str()), (ErrorCode::Exception, "RangeError"));
    assert_eq!(error("/object").name, "TypeError");
    assert_eq!(error("/error").name, "TypeError");
    // A thrown error keeps the isolate and its state; a limit does not.
    assert_eq!(get(&worker, "http://localhost/"), "4");
    assert_eq!(error("/loop").code, ErrorCode::CpuLimit);
    assert_eq!(get(&worker, "http://localhost/"), "1");
    assert_eq!(error("/heap").code, ErrorCode::MemoryLimit);
    assert_eq!(get(&worker, "http://localhost/"), "1");
    assert_eq!(error("/hang").name, "DeadlockError");
}

/// The script computes for a time that it measures itself, in turns that each stay far below the
/// limit.
const COMPUTES_IN_TURNS: &str = "
    const compute = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
    compute(400);
    export default { async fetch(request) {
        const turns = Number(new URL(request.url).searchParams.get('turns'));
        for (let turn = 0; turn < turns; turn++) { compute(50); await scheduler.wait(1); }
        return new Response('done');
    } }";

#[test]
fn the_cpu_time_of_a_request_is_added_up_over_its_turns() {
    let limits = Limits { cpu: Duration::from_millis(300), wall: Duration::from_secs(60), ..limits() };
    // The start takes longer, and has limits of its own.
    let worker = worker_with(COMPUTES_IN_TURNS, limits).unwrap();
    for _ in 0..5 {
        assert_eq!(get(&worker, "http://localhost/?turns=2"), "done", "each request starts anew");
    }
    let error = answer(&worker, request("GET", "http://localhost/?turns=500", "")).unwrap_err();
    assert_eq!(error.code, ErrorCode::CpuLimit);
    assert!(error.message.contains("300ms"), "{error:?}");
}

#[test]
fn a_start_has_its_own_limits() {
    let error = worker("for (;;);").err().expect("the start ends");
    assert_eq!(error.code, ErrorCode::CpuLimit);
    assert!(!error.message.contains("500ms"), "the limit of requests: {error:?}");
}

#[test]
fn a_worker_whose_start_fails_says_so() {
    for (code, expected) in [
        ("export default 5", "default export with a fetch function"),
        ("throw new Error('at the top')", "at the top"),
        ("export default { fetch( }", "main.js"),
    ] {
        let Err(error) = worker(code) else { panic!("{code}") };
        assert!(error.message.contains(expected), "{code}: {error:?}");
    }
}

#[test]
fn a_body_that_does_not_fit_in_memory_ends_the_isolate_and_not_the_process() {
    let worker = worker(
        "const kept = [];
         export default { async fetch(request) {
            if (request.method === 'GET') kept.push(new ArrayBuffer(50 << 20));
            return new Response(String((await request.arrayBuffer()).byteLength));
         } }",
    )
    .unwrap();
    assert_eq!(get(&worker, "http://a/"), "0");
    let body = "x".repeat(20 << 20);
    let error = answer(&worker, request("POST", "http://a/", &body)).unwrap_err();
    assert_eq!(error.code, ErrorCode::MemoryLimit, "{error:?}");
    assert_eq!(answer(&worker, request("POST", "http://a/", &body)).unwrap().2, body.len().to_string());
}

#[test]
fn data_that_does_not_fit_in_memory_fails_the_start() {
    let data = |name: &str| Module {
        kind: ModuleKind::Data,
        content: vec![1; 40 << 20],
        ..Module::es_module(name, "")
    };
    let import = |name: &str| ModuleImport {
        specifier: name.into(),
        attribute: None,
        require: false,
        target: Ok(name.into()),
    };
    let main = Module {
        imports: vec![import("a.bin"), import("b.bin")],
        ..Module::es_module(
            "main.js",
            "import a from 'a.bin'; import b from 'b.bin'; export default { a, b };",
        )
    };
    let modules = [main, data("a.bin"), data("b.bin")].into();
    let started = start_job(modules, limits(), Arc::new(|_, _| ()), FetchBindings::default());
    assert_eq!(started.err().map(|error| error.code), Some(ErrorCode::MemoryLimit));
}

#[test]
fn a_worker_with_poisoned_prototypes_answers_right() {
    let worker = worker(
        "const classes = [Promise, RegExp, Map, String, Array];
         for (let i = 0; i < 5; i++) {
            const { prototype } = classes[i];
            const keys = Reflect.ownKeys(prototype);
            for (let j = 0; j < keys.length; j++) {
                const { value } = Reflect.getOwnPropertyDescriptor(prototype, keys[j]);
                if (typeof value === 'function' && keys[j] !== 'constructor') prototype[keys[j]] = () => { throw 'poison' };
            }
         }
         Array.prototype.toJSON = () => 'poison'; JSON.stringify = () => 'poison';
         export default { async fetch(request) { return new Response(await request.text(), { headers: { a: 'b' } }); } }",
    )
    .unwrap();
    let (_, headers, body) = answer(&worker, request("POST", "http://a/", "fine")).unwrap();
    assert_eq!(body, "fine");
    assert_eq!(headers[0], ("a".to_owned(), "b".to_owned()));
}

#[test]
fn a_module_worker_as_a_script_gives_its_response_as_the_result() {
    for (body, input, expected) in [
        (
            "Response.json({ a: [1] }, { status: 201 })",
            json!(null),
            json!({ "status": 201, "headers": { "content-type": "application/json" }, "body": { "a": [1] } }),
        ),
        (
            "new Response('text')",
            json!(null),
            json!({ "status": 200, "headers": { "content-type": "text/plain;charset=UTF-8" }, "body": "text" }),
        ),
        (
            "new Response('{', { headers: { 'content-type': 'a/b+json', 'set-cookie': 'x' } })",
            json!(null),
            json!({ "status": 200, "headers": { "content-type": "a/b+json", "set-cookie": ["x"] }, "body": "{" }),
        ),
        (
            "new Response(new Uint8Array([255, 0]))",
            json!(null),
            json!({ "status": 200, "headers": {}, "body": "/wA=", "encoding": "base64" }),
        ),
        (
            "new Response(null, { status: 204 })",
            json!(null),
            json!({ "status": 204, "headers": {}, "body": null }),
        ),
        (
            "new Response(`${request.method} ${request.url} ${await request.text()}`)",
            json!({ "url": "http://a/b", "method": "POST", "body": { "x": 1 } }),
            json!({ "status": 200, "headers": { "content-type": "text/plain;charset=UTF-8" }, "body": "POST http://a/b {\"x\":1}" }),
        ),
    ] {
        let report = run_with(
            &format!("export default {{ async fetch(request, env, ctx) {{ return {body}; }} }}"),
            Some(input),
        );
        let result = report.result.unwrap_or_else(|error| panic!("{body}: {error:#?}"));
        assert_eq!(serde_json::from_str::<Value>(&result).unwrap(), expected, "{body}");
    }
    let error = run("export default { fetch() { return 'text'; } }").result.unwrap_err();
    assert_eq!(error.name, "TypeError");
    assert!(error.message.contains("returned 'text'"), "{error:?}");
}

#[test]
fn logged_stacks_have_the_positions_of_the_file() {
    let code = "export default { fetch() {\nconsole.error(new Error('seen'));\nreturn new Response('') } }";
    let mut module = Module::es_module("main.js", code);
    let mark = SourcePosition { line: 2, column: 1, source_line: 70, source_column: 10, fixed: false };
    module.positions = vec![SourcePositions { marks: vec![mark] }];
    let (sender, lines) = std::sync::mpsc::channel();
    let log: LogSink = Arc::new(move |_, line| drop(sender.send(line.text)));
    let worker = start_module(module, limits(), log).expect("it starts");
    get(&worker, "http://a/");
    let line = lines.try_recv().expect("a line was logged");
    assert!(line.contains("main.js:70:24"), "{line}");
}

#[test]
fn rejections_have_the_positions_of_the_file() {
    let code = "const fails = async (f) => f();
async function late() { await scheduler.wait(1); throw new Error('late'); }
export default { async fetch(request, env, ctx) {
Promise.reject(new Error('lost'));
Promise.reject('a text');
fails(() => { throw new Error('within') });
ctx.waitUntil(late().then((x) => x, () => { Promise.reject(new Error('again')) }));
late();
await scheduler.wait(50);
return new Response('') } }";
    let mut module = Module::es_module("main.js", code);
    let mark =
        |line| SourcePosition { line, column: 1, source_line: 70 + line, source_column: 10, fixed: false };
    module.positions = vec![SourcePositions { marks: (1..=8).map(mark).collect() }];
    let (sender, lines) = std::sync::mpsc::channel();
    let log: LogSink = Arc::new(move |_, line| drop(sender.send(line.text)));
    let worker = start_module(module, limits(), log).expect("it starts");
    get(&worker, "http://a/");
    drop(worker);
    let lines: Vec<String> = lines.iter().collect();
    for expected in [
        "Error: lost (main.js:74:18)",
        "a text (main.js:75:18)",
        "Error: within (main.js:71:40)",
        "Error: again (main.js:77:62)",
        "Error: late (main.js:72:59)",
    ] {
        assert!(lines.iter().any(|line| line.ends_with(expected)), "{expected}: {lines:#?}");
    }
}

#[test]
fn a_head_over_its_bound_is_an_error_of_its_request() {
    let worker = worker(
        "export default { fetch(request) {
            const [count, length] = new URL(request.url).pathname.slice(1).split('/').map(Number);
            const headers = Array.from({ length: count }, (_, n) => [`x-${n}`, 'é'.repeat(length)]);
            return new Response(new ReadableStream({ start(c) { c.close(); } }), { headers });
        } }",
    )
    .unwrap();
    for (path, count) in [("/3000/1", 3000), ("/1/130000", 1)] {
        let (_, headers, _) = answer(&worker, request("GET", &format!("http://a{path}"), "")).unwrap();
        assert_eq!(headers.len(), count);
    }
    for path in ["/40000/1", "/1/140000", "/2/70000"] {
        let error = answer(&worker, request("GET", &format!("http://a{path}"), "")).unwrap_err();
        assert_eq!(error.name, "RangeError");
        assert!(error.message.contains("at most 131072 can be sent"), "{error:?}");
        assert!(error.hint.is_some(), "{error:?}");
    }
}
