//! Tests of Workers: those that they load.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use isolet_runtime::*;
use serde_json::{Value, json};

use super::worker::{get, start_with};
use super::{engine, environment, limits};

/// Starts loaded Workers on threads.
struct Loader;

impl WorkerLoader for Loader {
    fn load(&self, code: LoadedCode) -> BoxFuture<'static, Result<Worker, RunError>> {
        let Environment { host, .. } = environment();
        let cpu = Duration::from_millis(code.cpu_ms.unwrap_or(500).into());
        let job = WorkerJob {
            allows_eval_at_start: false,
            main: code.main,
            modules: code.modules.into(),
            node: NodeFeatures::default(),
            web_sockets: WebSocketFeatures::default(),
            environment: Environment { vars: code.vars, catalogue: Arc::default(), host },
            start_limits: Limits { wall: Duration::from_secs(60), ..limits() },
            limits: Limits { cpu, ..limits() },
            log: Arc::new(|_, _| ()),
            violated: Arc::new(|_| ()),
            instances: 1,
            isolation: WorkerIsolation::Isolate,
            idle_timeout: None,
            fetchers: code.bindings,
            is_service_worker: false,
            has_exports: code.compatibility_flags.contains(&"enable_ctx_exports".to_owned()),
        };
        async { engine().1.worker(job).await }.boxed()
    }
}

/// Runs code of a Worker that has a loader. `tried` gives a response's text, and an error as text.
fn run(code: &str) -> Value {
    serde_json::from_str(&get(&start(code), "http://a/")).unwrap()
}

fn start(code: &str) -> Worker {
    let code = format!(
        "import {{ WorkerEntrypoint }} from 'cloudflare:workers';
         const tried = async (call) => {{ try {{ const value = await call();
             return value instanceof Response ? await value.text() : value }}
             catch (error) {{ return `${{error.name}}: ${{error.message}}` }} }};
         const date = {{ compatibilityDate: '2026-01-01' }};
         const one = (text, more) => ({{ ...date, mainModule: 'main.js', modules: {{ 'main.js': text }}, ...more }});
         const hello = (text) => one(`export default {{ fetch: () => new Response('${{text}}') }}`);
         export class Own extends WorkerEntrypoint {{
             fetch(request) {{ return new Response(`own ${{request.url}} ${{JSON.stringify(this.ctx.props)}}`) }} }}
         export default {{ async fetch(request, env, ctx) {{
             const ask = (stub, url = 'http://x/', init) => tried(() => stub.getEntrypoint().fetch(url, init));
             {code} }} }}"
    );
    let mut bindings = FetchBindings::default();
    bindings.set_loader(vec!["LOADER".into()], Arc::new(Loader));
    start_with(&code, bindings).unwrap()
}

#[test]
fn code_becomes_a_worker_with_modules_of_all_kinds() {
    let found = run(r#"
        const main = `
            import relative from "./lib/a.js";
            import plain from "lib/a.js";
            import text from "./note.txt";
            import data from "./data.bin";
            import json from "./value.json";
            import common from "./common.cjs";
            export class Named { fetch(request) { return new Response("no entrypoint") } }
            export const named = { fetch: (request, env, ctx) => Response.json([env.NAME, ctx.props]) };
            export default { async fetch(request, env) {
                const dynamic = await import("./lib/b.js");
                return Response.json([relative, plain, text, new Uint8Array(data), json, common.x, dynamic.default,
                    env, typeof env.LOADER, request.method, await request.text()]) } };`;
        const modules = { "main.js": main, "lib/a.js": "import b from './b.js'; export default 'a' + b;",
            "lib/b.js": { js: "export default 'b'" }, "note.txt": { text: "é" },
            "data.bin": { data: new Uint8Array([1, 2]).buffer }, "value.json": { json: { a: [1] } },
            "common.cjs": { cjs: "module.exports = { x: require('./note.txt') }" } };
        const stub = env.LOADER.load({ ...date, mainModule: "main.js", modules, env: { NAME: "n", LIST: [1, null] } });
        const named = stub.getEntrypoint("named", { props: { a: 1 } });
        return Response.json([JSON.parse(await ask(stub, "http://x/", { method: "POST", body: "body" })),
            await tried(() => named.fetch("http://x/")), `${stub}`, `${env.LOADER}`, `${named}`,
            await tried(() => stub.getEntrypoint("nobody").fetch("http://x/"))]);"#);
    let whole = json!([
        "ab", "ab", "é", { "0": 1, "1": 2 }, { "a": [1] }, "é", "b", { "NAME": "n", "LIST": [1, null] }, "undefined",
        "POST", "body"
    ]);
    assert_eq!(found[0], whole);
    assert_eq!(found[1], r#"["n",{"a":1}]"#);
    assert_eq!((&found[2], &found[3]), (&json!("[object WorkerStub]"), &json!("[object WorkerLoader]")));
    assert_eq!(found[4], "[object Fetcher]");
    assert!(found[5].as_str().unwrap().contains("no entrypoint 'nobody'"), "{}", found[5]);
}

#[test]
fn a_loaded_worker_reaches_what_it_was_given() {
    let found = run(
        "const code = one(`export default { async fetch(request, env) {
             const tried = async (call) => { try { return await (await call()).text() } catch (error) { return error.name } };
             return Response.json([await tried(() => env.OWN.fetch('http://y/a')), await tried(() => fetch('http://z/b')),
                 await tried(() => env.NEXT?.fetch('http://y/'))]) } }`,
             { globalOutbound: ctx.exports.Own({ props: { out: 1 } }), env: { OWN: ctx.exports.Own({ props: { in: 1 } }),
                 NEXT: env.LOADER.load(hello('next')).getEntrypoint() } });
         const closed = { ...code, globalOutbound: null, env: {} };
         return Response.json([await ask(env.LOADER.load(code)), await ask(env.LOADER.load(closed))]);",
    );
    let given: Value = serde_json::from_str(found[0].as_str().unwrap()).unwrap();
    assert_eq!((&given[0], &given[2]), (&json!(r#"own http://y/a {"in":1}"#), &json!("next")));
    let closed: Value = serde_json::from_str(found[1].as_str().unwrap()).unwrap();
    assert!(
        closed.as_array().unwrap().iter().all(|name| name.as_str().unwrap().ends_with("Error")),
        "{closed}"
    );
}

/// The Worker which gave the code learns the places in it, and another one that calls it does not.
#[test]
fn errors_in_loaded_code_have_their_places_for_the_loader() {
    let found = run(r#"
        const load = (text, more) => env.LOADER.load(one(text, more));
        const fails = "export default { fetch() {\n  return inner(null); } };\nfunction inner(value) { return value.x }";
        const through = `export default { async fetch(request, env) {
            return new Response(await env.NEXT.fetch("http://y/").catch((error) => error.message + error.stack)) } }`;
        const modules = { "main.js": "import './lib.js';", "lib.js": "\n  import z from 'zod';" };
        return Response.json([await ask(load("\nexport default { fetch: ; }")), await ask(load("\nthrow new RangeError('top')")),
            await ask(load(fails)), await ask(env.LOADER.load({ ...date, mainModule: "main.js", modules })),
            await ask(load(through, { env: { NEXT: load(fails).getEntrypoint() } }))]);"#);
    let found: Vec<_> = found.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for (text, expected) in found.iter().zip([
        &["SyntaxError: main.js:2:25: Unexpected token ';'"][..],
        &["RangeError: top (at main.js:2:7)"],
        &["reading 'x'", "(at inner (main.js:3:38))", "main.js:2:10"],
        &["lib.js:2:17: Cannot import \"zod\"", "which has \"main.js\", \"lib.js\"."],
    ]) {
        for part in expected {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert!(found[4].contains("reading 'x'") && !found[4].contains("inner"), "{}", found[4]);
}

/// A loaded Worker is told why it has no network. One whose loader has none has other words.
#[test]
fn a_worker_without_outbound_says_so() {
    let found = run(
        "const code = (more) => one(`export default { async fetch() {
             return new Response(await fetch('http://z/').catch(String)) } }`, more);
         return Response.json([await ask(env.LOADER.load(code({ globalOutbound: null }))), await ask(env.LOADER.load(code()))]);",
    );
    let closed = found[0].as_str().unwrap();
    assert!(
        closed.contains("loaded with `globalOutbound: null`") && closed.contains("binding in `env`"),
        "{closed}"
    );
    assert!(
        found[1].as_str().unwrap().contains("no network access. No servers are configured"),
        "{}",
        found[1]
    );
}

#[test]
fn workers_are_kept_by_their_ids() {
    let found = run(
        "let asked = 0;
         const counting = (text) => async () => { asked++; return hello(text) };
         const first = await ask(env.LOADER.get('a', counting('a1')));
         const again = await ask(env.LOADER.get('a', counting('a2')));
         const nameless = [await ask(env.LOADER.get(null, counting('x'))), await ask(env.LOADER.get(null, counting('y')))];
         const failed = await ask(env.LOADER.get('b', async () => { throw new RangeError('no code') }));
         const wrong = await ask(env.LOADER.get('b', () => ({})));
         const third = await ask(env.LOADER.get('b', counting('b3')));
         for (let i = 0; i < 20; i++) await ask(env.LOADER.get(`more ${i}`, counting('m')));
         const evicted = await ask(env.LOADER.get('a', counting('a3')));
         return Response.json([first, again, nameless, failed, wrong, third, evicted, asked]);",
    );
    assert_eq!((&found[0], &found[1], &found[2]), (&json!("a1"), &json!("a1"), &json!(["x", "y"])));
    assert_eq!(found[3], "RangeError: no code");
    assert!(found[4].as_str().unwrap().contains("`mainModule` must be the name"), "{}", found[4]);
    assert_eq!((&found[5], &found[6], &found[7]), (&json!("b3"), &json!("a3"), &json!(25)));
}

#[test]
fn a_worker_whose_code_did_not_come_with_its_request_is_loaded_again() {
    let worker = start(
        "if (request.url.endsWith('/first')) {
             env.LOADER.get('a', async () => { await scheduler.wait(60000); return hello('first') });
             return new Response('responded');
         }
         return new Response(await ask(env.LOADER.get('a', () => hello('second'))));",
    );
    assert_eq!(get(&worker, "http://a/first"), "responded");
    assert_eq!(get(&worker, "http://a/"), "second");
}

#[test]
fn code_that_is_wrong_is_refused_with_the_reason() {
    let found = run(
        "const load = (code) => tried(() => env.LOADER.load(code));
         const module = (name, value) => load({ ...date, mainModule: 'm.js', modules: { 'm.js': '', [name]: value } });
         const spin = one('export default { fetch() { for (;;); } }', { limits: { cpuMs: 50 } });
         return Response.json([await load(5), await load({ ...date, mainModule: 'x', modules: {} }),
             await load({ mainModule: 'm.js', modules: { 'm.js': '' } }), await module('a.py', 'x'), await module('a', 'x'),
             await module('a', { py: 'x' }), await module('a', {}), await module('a', { js: '', text: '' }),
             await module('a', { js: 5 }), await load(one('', { tails: [{}] })), await load(one('', { env: { f() {} } })),
             await load(one('', { globalOutbound: 5 })), await load(one('', { limits: { cpuMs: 0 } })),
             await load(one(' '.repeat(9 << 20))),
             await ask(env.LOADER.load(one('export default {'))), await ask(env.LOADER.load(one('throw new RangeError(\"at the top\")'))),
             await ask(env.LOADER.load(one('import \"./none.js\"'))), await ask(env.LOADER.load(spin)),
             await ask(env.LOADER.load(hello('fine')))]);",
    );
    let expected = [
        "must be an object with `mainModule`",
        "there is no such module",
        "`compatibilityDate` must be a date",
        "is Python, which isolet does not run",
        "does not end with \".js\"",
        "is Python",
        "must have one of `js`",
        "both `js` and `text`",
        "must be a text",
        "isolet has no `tails`",
        "`env` of a loaded Worker",
        "`globalOutbound` must be null or a binding",
        "limits.cpuMs",
        "more than 8388608 bytes",
        "SyntaxError",
        "RangeError: at the top",
        "none.js",
        "CPU",
        "fine",
    ];
    for (found, expected) in found.as_array().unwrap().iter().zip(expected) {
        assert!(found.as_str().is_some_and(|text| text.contains(expected)), "{expected}: {found}");
    }
}

#[test]
fn what_isolet_would_not_take_is_an_error_of_the_script() {
    let found = run(
        "const load = (code) => tried(() => env.LOADER.load(code));
         const own = ctx.exports.Own({});
         const entrypoint = (name, options) => env.LOADER.load(hello('x')).getEntrypoint(name, options);
         const many = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}.js`, '']));
         const old = env.LOADER.get('old', () => hello('old')).getEntrypoint();
         const before = await tried(() => old.fetch('http://x/'));
         for (let i = 0; i < 16; i++) env.LOADER.get(`new ${i}`, () => hello('new'));
         return Response.json([
             await load(one('é'.repeat(5 << 20))), await load({ ...date, mainModule: 'm0.js', modules: many(1001) }),
             await load(one('', { compatibilityFlags: Array(101).fill('x') })), await load(one('', { env: { '': own } })),
             await load(one('', { env: { ':x': own } })), await ask(env.LOADER.get(null, () => one('', { env: { '': own } }))),
             await load(one('', { env: { A: 'x'.repeat(1 << 20) } })),
             await tried(() => entrypoint('x'.repeat(1025)).fetch('http://x/')), await tried(() => entrypoint('x'.repeat(1025)).f()),
             await tried(() => entrypoint('x', { props: { long: 'x'.repeat(1 << 20) } }).fetch('http://x/')),
             await tried(() => old.fetch('http://x/')), await tried(() => old.f()), await load(one('', { env: { OLD: old } })),
             await load(one('', { globalOutbound: old })), await load(one('', { compatibilityFlags: ['\\ud800'] })), before, await ask(env.LOADER.load(hello('fine')))]);",
    );
    let expected = [
        "more than 8388608 bytes",
        "1000 modules",
        "100 flags",
        "without a name",
        "begins with a colon",
        "without a name",
        "1 MiB of variables",
        "1024 bytes",
        "1024 bytes",
        "1 MiB",
        "is not loaded any more",
        "is not loaded any more",
        "is not loaded any more",
        "is not loaded any more",
        "not well-formed Unicode",
        "old",
        "fine",
    ];
    for (found, expected) in found.as_array().unwrap().iter().zip(expected) {
        assert!(found.as_str().is_some_and(|text| text.contains(expected)), "{expected}: {found}");
    }
}

#[test]
fn the_number_of_loaded_workers_is_bounded() {
    let found = run("const stubs = [];
         let refused;
         for (let i = 0; i < 40; i++) {
             try { stubs.push(env.LOADER.load(hello(i))) } catch (error) { refused ??= `${error}` }
         }
         return Response.json([stubs.length, refused, await ask(stubs[31])]);");
    assert_eq!((&found[0], &found[2]), (&json!(32), &json!("31")));
    assert!(found[1].as_str().unwrap().contains("32 loaded Workers"), "{}", found[1]);
}
