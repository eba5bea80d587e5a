//! Tests of Workers: named entrypoints, their properties, and `ctx.exports`.

use isolet_runtime::*;
use serde_json::{Value, json};

use super::engine;
use super::worker::{answer, get, request, whole, worker};

const ENTRYPOINTS: &str = "
    import { WorkerEntrypoint } from 'cloudflare:workers';
    const read = async (call) => { try { return await call() } catch (error) { return `${error.name}: ${error.message}` } };
    export class Admin extends WorkerEntrypoint {
        async fetch(request) {
            const { method, url, headers, cf } = request;
            const body = await request.text();
            return Response.json([method, url, [...headers], body, this.ctx.props, typeof cf, 'GREETING' in this.env]);
        }
    }
    export const api = { async fetch(request, env, ctx) { return Response.json(['api', ctx.props]) } };
    export const config = { a: 1 };
    export const number = 5;
    ";

fn started(code: &str) -> Worker {
    worker(&format!("{ENTRYPOINTS}{code}")).unwrap()
}

fn ask(worker: &Worker, name: &str, props: &str) -> Result<Value, RunError> {
    let entrypoint = Entrypoint { name: name.into(), props: props.into() };
    let origin = RequestOrigin { entrypoint, chain: None };
    let asked = HttpRequest { origin, ..request("GET", "http://a/x", "") };
    answer(worker, asked).map(|(_, _, body)| serde_json::from_str(&body).unwrap())
}

#[test]
fn an_event_names_its_entrypoint_and_brings_properties() {
    let worker =
        started("export default { fetch: (request, env, ctx) => Response.json(['default', ctx.props]) };");
    assert_eq!(ask(&worker, "", "").unwrap(), json!(["default", {}]));
    assert_eq!(ask(&worker, "api", r#"{"a":[1]}"#).unwrap(), json!(["api", { "a": [1] }]));
    let admin = ask(&worker, "Admin", r#"{"level":3}"#).unwrap();
    assert_eq!((&admin[0], &admin[4]), (&json!("GET"), &json!({ "level": 3 })));
    for (name, expected) in [
        ("config", "no function `fetch`"),
        ("number", "no entrypoint 'number'"),
        ("Nobody", "no entrypoint 'Nobody'"),
        ("default", "no entrypoint"),
        ("__proto__", "no entrypoint"),
    ] {
        let error = ask(&worker, name, "").unwrap_err();
        assert!(error.message.contains(expected), "{name}: {}", error.message);
    }
}

#[test]
fn exports_are_entrypoints_of_the_same_worker() {
    let worker = started(
        "export default { async fetch(request, env, ctx) {
            const { exports } = ctx;
            const json = async (stub, init) => (await stub.fetch('http://x.example/p?q', init)).json();
            const big = new Uint8Array(1 << 20).fill(65);
            const echoed = await exports.echo.fetch('http://x/', { method: 'POST', body: new Blob([big]).stream() });
            return Response.json([Object.keys(exports).sort(), typeof exports.Admin, `${exports.Admin}`, exports === ctx.exports,
                await json(exports.Admin, { method: 'POST', body: 'hé', headers: { 'x-a': '1' } }),
                await json(exports.Admin({ props: { a: 1 } })), await json(exports.api({})),
                (await echoed.arrayBuffer()).byteLength,
                await read(() => exports.config.fetch('http://x/')), await read(() => exports.Admin()),
                await read(() => exports.Admin({ props: 5 })), await read(() => exports.Admin({ props: { f() {} } })),
                await read(() => exports.thrower.fetch('http://x/')), await read(() => exports.thrower.fetch('ftp://x/')),
                await read(() => exports.thrower.fetch('http://x/own')),
                (await json(exports.Admin, request))[5]]);
         } };
         export const echo = { fetch: (request) => new Response(request.body) };
         export const thrower = { fetch(request) {
             if (request.url.endsWith('own')) throw new (class Own extends Error { name = 'Own' })('mine');
             throw new RangeError('too far') } };",
    );
    let found: Value = serde_json::from_str(&get(&worker, "http://a/")).unwrap();
    let names = json!(["Admin", "api", "config", "default", "echo", "thrower"]);
    assert_eq!(found[0], names);
    assert_eq!(found[1], "function");
    assert_eq!(found[2], "[object LoopbackServiceStub]");
    assert_eq!(found[3], true);
    let headers =
        json!([["content-length", "3"], ["content-type", "text/plain;charset=UTF-8"], ["x-a", "1"]]);
    let admin = json!(["POST", "http://x.example/p?q", headers, "hé", {}, "undefined", true]);
    assert_eq!(found[4], admin);
    assert_eq!(found[5][4], json!({ "a": 1 }));
    assert_eq!(found[6], json!(["api", {}]));
    assert_eq!(found[7], 1 << 20);
    for (index, expected) in [
        (8, "TypeError: The entrypoint 'config' of the Worker has no function `fetch`."),
        (9, "TypeError: The argument of ctx.exports.Admin() must be an object such as { props: { … } }."),
        (10, "TypeError: `props` of ctx.exports.Admin({ props }) must be an object."),
        (12, "RangeError: too far"),
        (13, "TypeError: Fetch API cannot load: ftp://x/"),
        (14, "Error: mine"),
    ] {
        assert_eq!(found[index], expected, "{index}");
    }
    assert!(found[11].as_str().unwrap().contains("`props` of ctx.exports.Admin"), "{}", found[11]);
    assert_eq!(found[15], "undefined", "the test's request has no cf");
}

#[test]
fn a_worker_that_calls_itself_for_ever_is_stopped() {
    let worker = worker(
        "let calls = 0;
         export default { async fetch(request, env, ctx) {
             calls++;
             if (request.url.endsWith('/calls')) return new Response(calls);
             return await ctx.exports.default.fetch(request);
         } };
         export const twice = { async fetch(request, env, ctx) {
             calls++;
             const twice = [1, 2].map(() => ctx.exports.twice.fetch(request));
             return (await Promise.allSettled(twice))[0].value ?? new Response('end');
         } };",
    )
    .unwrap();
    let error = answer(&worker, request("GET", "http://a/", "")).unwrap_err();
    assert!(error.message.contains("more than 32 calls of Workers"), "{}", error.message);
    assert_eq!(get(&worker, "http://a/calls"), "33");
    let entrypoint = Entrypoint { name: "twice".into(), props: String::new() };
    let origin = RequestOrigin { entrypoint, chain: None };
    answer(&worker, HttpRequest { origin, ..request("GET", "http://a/", "") }).unwrap();
    assert_eq!(get(&worker, "http://a/calls"), "66", "32 of them, and the two questions");
}

#[test]
fn what_the_caller_gives_up_ends_in_the_callee() {
    let worker = worker(
        "const seen = [];
         const later = () => new Promise((resolve) => setTimeout(resolve, 20));
         export default { async fetch(request, env, ctx) {
             const controller = new AbortController();
             const slow = ctx.exports.slow.fetch('http://x/', { signal: controller.signal }).catch((error) => error.name);
             await later();
             controller.abort();
             const stream = await ctx.exports.endless.fetch('http://x/');
             const reader = stream.body.getReader();
             await reader.read();
             await reader.cancel();
             const name = await slow;
             await later();
             return Response.json([name, seen.sort()]);
         } };
         export const slow = { async fetch(request) {
             request.signal.addEventListener('abort', () => seen.push('slow: signal'));
             await new Promise(() => setTimeout(() => {}, 60000)); } };
         export const endless = { async fetch(request) {
             request.signal.addEventListener('abort', () => seen.push('endless: signal'));
             return new Response(new ReadableStream({
                 async pull(controller) { await later(); controller.enqueue(new Uint8Array(10)) },
                 cancel() { seen.push('endless: cancel') } })); } };",
    )
    .unwrap();
    let found: Value = serde_json::from_str(&get(&worker, "http://a/")).unwrap();
    assert_eq!(found, json!(["AbortError", ["endless: cancel", "endless: signal", "slow: signal"]]));
}

#[test]
fn a_worker_reads_plain_bytes_of_a_response_that_goes_out_compressed() {
    let worker = worker(
        "export default { async fetch(request, env, ctx) {
             const answer = await ctx.exports.zipped.fetch('http://x/');
             if (request.url.endsWith('/pass')) return answer;
             return new Response(await answer.text()); } };
         export const zipped = { fetch: () => new Response('plain', { headers: { 'content-encoding': 'gzip' } }) };",
    )
    .unwrap();
    assert_eq!(get(&worker, "http://a/"), "plain");
    let answered = engine().0.block_on(worker.fetch(request("GET", "http://a/pass", ""))).unwrap();
    let (bytes, _) = engine().0.block_on(whole(answered.body));
    assert_eq!(bytes[..2], [0x1f, 0x8b], "gzip");
}

#[test]
fn methods_of_exports_may_have_the_names_of_a_functions_properties() {
    let worker = worker(
        "import { WorkerEntrypoint } from 'cloudflare:workers';
         export class Named extends WorkerEntrypoint { name(x) { return `name ${x}` } length() { return 7 } }
         export default { fetch: async (request, env, { exports: { Named } }) =>
             Response.json([await Named.name(1), await Named.length(), await Named({ props: {} }).name(2)]) };",
    )
    .unwrap();
    assert_eq!(get(&worker, "http://a/"), r#"["name 1",7,"name 2"]"#);
}
