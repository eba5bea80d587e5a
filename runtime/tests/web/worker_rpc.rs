//! Tests of Workers: calls of methods of another Worker. `tests/workers/rpc` compares the answers
//! with those of workerd.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::*;
use serde_json::{Value, json};

use super::worker::{get, start_limited, start_with};

/// A binding to an entrypoint of a Worker.
struct Service {
    worker: Worker,
    entrypoint: &'static str,
}

impl FetchHost for Service {
    fn fetch(&self, _: FetchRequest) -> FetchFuture {
        Box::pin(async { Err("this binding is for calls".into()) })
    }

    fn destination(&self) -> Result<Destination, String> {
        let entrypoint = Entrypoint { name: self.entrypoint.into(), props: String::new() };
        Ok(Destination { worker: self.worker.clone(), entrypoint })
    }
}

/// The Worker that is called. Its default export tells what its objects have seen.
const CALLEE: &str = r#"
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
let disposed = 0;
let running = 0;
class Counter extends RpcTarget {
    #value = 0;
    increment(by = 1) { return this.#value += by; }
    listen(callback) { this.callback = callback.dup(); }
    notify(x) { return this.callback(x); }
    spin() { for (;;) {} }
    [Symbol.dispose]() { disposed++; this.callback?.[Symbol.dispose](); }
}
export class Service extends WorkerEntrypoint {
    add(a, b) { return a + b; }
    counter() { return new Counter(); }
    counters(count) { return Array.from({ length: count }, () => new Counter()); }
    echo(value) { return value; }
    async wait(ms) { running++; try { await scheduler.wait(ms); } finally { running--; } }
    never() { return new Promise(() => {}); }
    background(ms) { this.ctx.waitUntil(scheduler.wait(ms).then(() => { disposed += 100; })); }
    fail() { return this.inner(); }
    inner() { throw new RangeError("deep"); }
    failing() { return () => this.inner(); }
    async back(callback, depth) { return await callback(depth); }
}
export default { fetch: () => Response.json({ disposed, running }) };
"#;

struct Pair {
    caller: Worker,
    callee: Worker,
}

impl Pair {
    /// Starts a Worker whose `fetch` has this body, with the binding SERVICE to `CALLEE`.
    fn new(code: &str) -> Self {
        // The limits are far apart, so that one is not mistaken for the other on a busy machine.
        let wall = Duration::from_secs(60);
        let of_callee = Limits { cpu: Duration::from_millis(500), wall, ..super::limits() };
        let callee = start_limited(CALLEE, of_callee, FetchBindings::default()).unwrap();
        let mut bindings = FetchBindings::default();
        bindings.add("SERVICE", Arc::new(Service { worker: callee.clone(), entrypoint: "Service" }));
        let code = format!(
            "import {{ RpcStub, RpcTarget }} from 'cloudflare:workers';
             const read = async (call) => {{ try {{ return await call() }} catch (error) {{ return `${{error}}` }} }};
             export const zipped = {{ fetch: () => new Response('plain', {{ headers: {{ 'content-encoding': 'gzip' }} }}) }};
             export default {{ async fetch(request, {{ SERVICE }}, ctx) {{ {code} }} }}"
        );
        let of_caller = Limits { wall, ..super::limits() };
        Self { caller: start_limited(&code, of_caller, bindings).unwrap(), callee }
    }

    fn json(&self) -> Value {
        json_of(&self.caller)
    }

    /// Returns what the callee has seen once `is_done` says so.
    fn seen(&self, is_done: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1000 {
            let seen = json_of(&self.callee);
            if is_done(&seen) {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        json_of(&self.callee)
    }
}

fn json_of(worker: &Worker) -> Value {
    let text = get(worker, "https://x.example/");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

fn returned(code: &str) -> Value {
    Pair::new(&format!("return Response.json(await (async () => {{ {code} }})())")).json()
}

#[test]
fn methods_are_called_with_values_and_functions() {
    let found = returned(
        "const counter = await SERVICE.counter();
         return [await SERVICE.add(1, 2), await counter.increment(), await SERVICE.counter().increment(5),
             await SERVICE.back(async (x) => (await SERVICE.add(x, 1)) * 2, 4)];",
    );
    assert_eq!(found, json!([3, 1, 5, 10]));
}

#[test]
fn an_error_of_a_callee_has_the_place_of_the_call() {
    let found = returned(
        "const calls = [() => SERVICE.fail(), async () => await SERVICE.fail(), async () => { await scheduler.wait(1); return SERVICE.fail() },
             async () => (await SERVICE.failing())(), async () => new RpcStub(() => { throw new RangeError('deep') })(),
             async () => { const f = SERVICE.fail(); await scheduler.wait(20); return await f }];
         const stacks = [];
         for (const call of calls) try { await call() } catch (error) { stacks.push(error.stack) }
         return stacks;",
    );
    assert_eq!(found.as_array().unwrap().len(), 6);
    for stack in found.as_array().unwrap() {
        let stack = stack.as_str().unwrap();
        assert!(stack.starts_with("RangeError: deep\n    at "), "{stack}");
        assert!(stack.contains("main.js:") && !stack.contains("isolet:"), "{stack}");
        // Of the callee's frames there is nothing.
        assert!(!stack.contains("inner"), "{stack}");
    }
}

#[test]
fn an_object_is_disposed_of_with_its_last_stub() {
    let pair = Pair::new(
        "const counter = await SERVICE.counter(), dup = counter.dup(), kept = await SERVICE.counter();
         counter[Symbol.dispose]();
         await SERVICE.add(1, 2);
         dup[Symbol.dispose]();
         return Response.json(1);",
    );
    pair.json();
    // The stub that was not disposed of ends with the request.
    assert_eq!(pair.seen(|seen| seen["disposed"] == 2), json!({ "disposed": 2, "running": 0 }));
}

#[test]
fn a_callback_is_kept_by_a_dup_and_lives_as_long_as_its_request() {
    let found = returned(
        "const counter = await SERVICE.counter();
         let sum = 0;
         await counter.listen((x) => { sum += x; return sum; });
         return [await counter.notify(2), await counter.notify(3)];",
    );
    assert_eq!(found, json!([2, 5]));
}

#[test]
fn a_call_that_nobody_waits_for_is_cancelled_and_background_work_is_not() {
    let pair = Pair::new("SERVICE.wait(60000); await SERVICE.background(20); return Response.json(1);");
    pair.json();
    let seen = pair.seen(|seen| seen["disposed"] == 100);
    assert_eq!(seen["disposed"], 100, "waitUntil of the callee goes on");
}

#[test]
fn limits_of_the_callee_are_errors_of_the_caller() {
    let pair = Pair::new(
        "const counter = await SERVICE.counter();
         const spins = await read(() => counter.spin());
         return Response.json([spins, await read(() => counter.increment()), await read(() => SERVICE.never()),
             await SERVICE.add(1, 2)]);",
    );
    let found = pair.json();
    assert!(found[0].as_str().unwrap().contains("CPU"), "{found}");
    assert!(found[1].as_str().unwrap().contains("ended"), "{found}");
    assert!(found[2].as_str().unwrap().contains("would never answer"), "{found}");
    assert_eq!(found[3], 3, "another isolate takes the next call");
}

#[test]
fn objects_and_references_are_bounded() {
    let found = returned(
        "const many = (count) => read(async () => (await SERVICE.counters(count)).length);
         const kept = [];
         let failed;
         for (let i = 0; i < 6 && failed === undefined; i++)
             try { kept.push(await SERVICE.counters(1000)); } catch (error) { failed = `${error}`; }
         for (const list of kept) list[Symbol.dispose]();
         return [await many(1000), await many(1001), kept.length, failed, await many(1000)];",
    );
    assert_eq!((&found[0], &found[2], &found[4]), (&json!(1000), &json!(4), &json!(1000)), "{found}");
    assert!(found[1].as_str().unwrap().contains("more than 1000"), "{found}");
    assert!(found[3].as_str().unwrap().contains("4096"), "{found}");
}

#[test]
fn a_long_text_that_is_referred_to_often_takes_no_memory() {
    let found = returned(
        "const text = 'x'.repeat(1 << 20);
         const list = new Array(100000).fill(text), texts = list.map((x) => Object(x));
         const big = 1n << 4000000n;
         return [await read(() => SERVICE.echo(list)), await read(() => SERVICE.echo(texts)),
             await read(() => SERVICE.echo(new Array(1000).fill(big))),
             await read(() => SERVICE.echo(new Array(100).fill(new RegExp('a'.repeat(1 << 20)))))];",
    );
    for error in found.as_array().unwrap().iter().take(3) {
        assert!(error.as_str().unwrap().contains("limited to 32MiB"), "{found}");
    }
}

#[test]
fn streams_are_read_as_they_come_and_cancelled() {
    let pair = Pair::new(
        "let cancelled;
         const endless = new ReadableStream({ type: 'bytes', pull(c) { c.enqueue(new Uint8Array(70000)); },
             cancel(reason) { cancelled = true; } });
         const back = await SERVICE.echo(endless);
         const reader = back.getReader();
         let length = 0;
         while (length < 500000) length += (await reader.read()).value.byteLength;
         await reader.cancel();
         for (let i = 0; i < 100 && !cancelled; i++) await scheduler.wait(5);
         return Response.json([length >= 500000, cancelled,
             await read(async () => new Response(await SERVICE.echo(new ReadableStream({
                 start(c) { c.enqueue('text'); c.close(); } }))).text())]);",
    );
    let found = pair.json();
    assert_eq!((&found[0], &found[1]), (&json!(true), &json!(true)), "{found}");
    assert!(found[2].as_str().unwrap().contains("chunks must be bytes"), "{found}");
}

#[test]
fn stubs_work_when_everything_was_replaced() {
    let pair = Pair::new(
        "const classes = [Array, Object, Map, Promise, Function, WeakMap, Reflect, String];
         const { ownKeys } = Reflect;
         for (let i = 0; i < classes.length; i++) {
             const of = classes[i].prototype ?? classes[i], keys = ownKeys(of);
             for (let j = 0; j < keys.length; j++)
                 if (keys[j] !== 'constructor' && keys[j] !== 'prototype')
                     try { of[keys[j]] = () => { throw new Error('replaced'); }; } catch {}
         }
         return new Response(`[${await SERVICE.add(1, 2)},${await SERVICE.counter().increment()}]`);",
    );
    assert_eq!(pair.json(), json!([3, 1]));
}

#[test]
fn a_call_outside_of_requests_is_refused() {
    let callee = start_with(CALLEE, FetchBindings::default()).unwrap();
    let mut bindings = FetchBindings::default();
    bindings.add("SERVICE", Arc::new(Service { worker: callee, entrypoint: "Service" }));
    let code = "import { env } from 'cloudflare:workers';
        let early;
        env.SERVICE.add(1, 2).catch((error) => { early = `${error}`; });
        export default { fetch: () => Response.json(early) };";
    let found = json_of(&start_with(code, bindings).unwrap());
    assert!(found.as_str().unwrap().contains("only while a request is served"), "{found}");
}

/// Stubs of an isolate's own objects need no Worker.
#[test]
fn scripts_have_stubs_of_their_own_objects() {
    let code = "import { RpcStub, RpcTarget } from 'cloudflare:workers';
        class Target extends RpcTarget { add(x) { return x + 1; } }
        export default async () => [await new RpcStub(new Target()).add(1), await new RpcStub((x) => x * 2)(4)];";
    assert_eq!(super::value(code), json!([2, 8]));
}

#[test]
fn a_name_with_a_lone_surrogate_is_a_name() {
    let found = returned(
        "const called = await SERVICE.echo(() => 'called');
         return [await called(), await read(() => called['\\ud800']()), await read(() => SERVICE['\\ud800'](1))];",
    );
    assert_eq!(found[0], "called");
    for index in [1, 2] {
        let text = found[index].as_str().unwrap();
        assert!(text.contains("does not implement the method \"\u{fffd}\""), "{text}");
    }
}

#[test]
fn responses_keep_their_content_encoding() {
    let found = returned(
        "const headers = { 'content-encoding': 'gzip' };
         const manual = await SERVICE.echo(new Response('as it is', { headers, encodeBody: 'manual' }));
         const again = await SERVICE.echo(await SERVICE.echo(await ctx.exports.zipped.fetch('http://a/')));
         return [await manual.text(), await again.text(), again.headers.get('content-encoding')];",
    );
    assert_eq!(found, json!(["as it is", "plain", "gzip"]));
    for (value, starts) in [
        (
            "new Response('as it is', { headers: { 'content-encoding': 'gzip' }, encodeBody: 'manual' })",
            "as it is",
        ),
        ("await ctx.exports.zipped.fetch('http://a/')", "\u{1f}"),
    ] {
        let pair = Pair::new(&format!("return SERVICE.echo({value});"));
        let body = get(&pair.caller, "https://x.example/");
        assert!(body.starts_with(starts) && body.len() < 60, "{body:?}");
    }
}

#[test]
fn an_empty_chunk_does_not_end_a_stream() {
    let found = returned(
        "const stream = new ReadableStream({ start(c) {
             for (const text of ['', 'a', '', '', 'b', '']) c.enqueue(new TextEncoder().encode(text));
             c.close(); } });
         let step = 0;
         const slow = new ReadableStream({ async pull(c) {
             await scheduler.wait(1);
             c.enqueue(new Uint8Array(step++ % 2));
             if (step === 4) c.close(); } });
         const length = async (stream) => (await new Response(await SERVICE.echo(stream)).bytes()).length;
         return [await length(stream), await length(slow)];",
    );
    assert_eq!(found, json!([2, 2]));
}

/// The bindings of a caller leave `fetch` out, but the calls of its runtime need not.
#[test]
fn reserved_names_of_plain_entrypoints_cannot_be_called() {
    let callee =
        "export default { fetch: () => new Response('fetched'), alarm: () => 'alarm', plain: (x) => x };";
    let callee = start_with(callee, FetchBindings::default()).unwrap();
    let mut bindings = FetchBindings::default();
    bindings.add("SERVICE", Arc::new(Service { worker: callee, entrypoint: "" }));
    let code =
        "const read = async (call) => { try { return await call() } catch (error) { return error.message } };
        export default { async fetch(request, { SERVICE }) {
            return Response.json([await read(() => SERVICE.plain(1)), await read(() => SERVICE.alarm(1)),
                await read(() => SERVICE.alarm)]) } };";
    let refused = "'alarm' is a reserved method and cannot be called over RPC.";
    assert_eq!(json_of(&start_with(code, bindings).unwrap()), json!([1, refused, refused]));
}

#[test]
fn an_aggregate_error_that_cannot_be_copied_keeps_its_class_and_message() {
    let found = returned(
        "let asked = 0;
         const { [Symbol.iterator]: iterator } = Array.prototype;
         Array.prototype[Symbol.iterator] = function () { asked++; return iterator.call(this); };
         const thrown = async (make) => { try { await new RpcStub(() => { throw make(); })(); } catch (error) {
             return [error instanceof AggregateError, error.message, error.errors.length]; } };
         const plain = new AggregateError(new Set([1]), 'plain');
         const symbols = Object.assign(new AggregateError(new Set([1]), 'symbols'), { symbol: Symbol() });
         asked = 0;
         const found = [await thrown(() => plain), await thrown(() => symbols)];
         return [found[0], found[1], asked];",
    );
    assert_eq!(found, json!([[true, "plain", 1], [true, "symbols (1)", 0], 0]));
}
