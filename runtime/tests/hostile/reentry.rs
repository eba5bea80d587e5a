//! All places where the host's own JavaScript, or V8 for it, calls the script: results, arguments
//! of calls, log lines, thrown values, option objects. A loop there must end like any other; an
//! exception there is caught or reported.

use super::{CPU, Case, EXCEPTION, OUTPUT, fails, gives};
use isolet_runtime::ErrorCode::{CpuLimit, Exception, WallLimit};

/// A function body that never ends, which replaces `@`.
const LOOP: &str = "for (;;);";

pub fn cases() -> Vec<Case> {
    let looping = LOOPING.iter().map(|(name, code)| fails(name, CPU, code.replace('@', LOOP)));
    let mut cases: Vec<Case> = looping.collect();
    cases.extend([
        fails("a getter in the result that throws", EXCEPTION, "return { get a() { throw new Error('mine') } }").saying("mine"),
        fails("toJSON that throws nothing", EXCEPTION, "return { toJSON() { throw undefined } }"),
        gives("toJSON that gives another", "{\"a\":1}", "return { toJSON() { return new (class { toJSON() { return 2 } a = 1 })() } }"),
        fails("toJSON without end", EXCEPTION, "const f = () => ({ get a() { return f() } }); return f()"),
        fails("a proxy as result that throws in every trap", EXCEPTION, "return new Proxy({}, new Proxy({}, { get() { throw new Error('trap') } }))").saying("trap"),
        fails("a revoked proxy as result", EXCEPTION, "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy"),
        fails("a revoked proxy thrown", EXCEPTION, "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy"),
        fails("a revoked proxy thrown by a timer", EXCEPTION, "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); setTimeout(() => { throw proxy }); await new Promise(() => { })"),
        gives("a revoked proxy logged", "1", "const { proxy, revoke } = Proxy.revocable(() => 1, {}); revoke(); console.log(proxy); return 1"),
        fails("a revoked proxy as arguments", EXCEPTION, "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); await env.demo.echo(proxy)"),
        fails("a thrown value that throws when read", EXCEPTION, "throw { get name() { throw 1 }, get message() { throw 2 }, get stack() { throw 3 }, toString() { throw 4 } }"),
        fails("a thrown value that throws itself", EXCEPTION, "const e = new Proxy(class { }, { get() { throw e } }); throw e"),
        fails("a thrown null", EXCEPTION, "throw null").saying("null"),
        fails("a thrown symbol", EXCEPTION, "throw Symbol('s')"),
        fails("a thrown BigInt", EXCEPTION, "throw 10n"),
        fails("a thrown function", EXCEPTION, "throw () => 1"),
        fails("a thrown env", EXCEPTION, "throw env"),
        fails("a thrown server", EXCEPTION, "throw env.demo"),
        fails("a thrown promise that is rejected with itself", EXCEPTION, "const p = Promise.reject(1); p.catch(() => { }); throw p"),
        fails("a thrown error with a cause that is itself", EXCEPTION, "const e = new Error('a'); e.cause = e; throw e").saying("a"),
        fails("a thrown error of a megabyte", EXCEPTION, "throw new Error('x'.repeat(1 << 20))"),
        fails("a thrown string of 16 MB", EXCEPTION, "throw 'x'.repeat(1 << 24)"),
        fails("a thrown error with a stack of 16 MB", EXCEPTION, "const e = new Error('a'); e.stack = 'at script.ts:1:1\\n'.repeat(1 << 20); throw e"),
        fails("a forged stack", EXCEPTION, "const e = new Error('a'); e.stack = 'at script.ts:99999999999:0\\nat script.ts:4294967295:4294967295'; throw e"),
        fails("a forged name", EXCEPTION, "const e = new Error('a'); e.name = 'CpuLimitError'; e.code = 'cpu_limit'; throw e").saying("a"),
        fails("a forged ToolError", EXCEPTION, "throw { __proto__: { name: 'ToolError' }, message: 'a', server: 'demo' }"),
        fails("a limit's name thrown by hand", EXCEPTION, "class CpuLimitError extends Error { name = 'CpuLimitError' } throw new CpuLimitError('x')"),
        gives("a thenable as result", "7", "return { then(resolve) { resolve(7) } }"),
        gives("a thenable that settles twice", "1", "return { then(resolve, reject) { resolve(1); reject(2); resolve(3); throw 4 } }"),
        fails("a thenable that rejects with a thenable", EXCEPTION, "return { then(_, reject) { reject({ then() { throw 1 } }) } }"),
        fails("a thenable that never settles", EXCEPTION, "return { then() { } }").saying("nothing can settle"),
        fails("a thenable that gives itself", CPU, "const t = { then(resolve) { resolve(t) } }; return t"),
        fails("a promise that is its own result", EXCEPTION, "const p = (async () => { await 1; return p })(); return p"),
        gives("Promise.prototype.constructor replaced", "2", "Object.defineProperty(Promise.prototype, 'constructor', { get() { return class { } } }); return (await env.demo.add({ a: 1, b: 1 })).sum"),
        fails("prepareStackTrace that throws", EXCEPTION, "Error.prepareStackTrace = () => { throw new Error('again') }; null.x"),
        fails("prepareStackTrace that gives a proxy", EXCEPTION, "Error.prepareStackTrace = () => new Proxy({}, { get() { throw 1 } }); null.x"),
        fails("a stack trace limit that is a getter", EXCEPTION, "Object.defineProperty(Error, 'stackTraceLimit', { get() { throw 1 } }); null.x"),
        fails("a stack trace limit past every size", EXCEPTION, "Error.stackTraceLimit = Infinity; const f = (n) => n ? f(n - 1) : null.x; f(2000)"),
        gives("logging while logging", "1", "let n = 0; const o = new Error('a'); Object.defineProperty(o, 'stack', { get() { if (n++ < 50) console.log(o); return 's' } }); console.log(o); return 1"),
        gives("a call in toJSON of a call's arguments", "{\"a\":1}", "let n = 0; const o = { toJSON() { if (n++ < 3) env.demo.echo(o); return { a: 1 } } }; return await env.demo.echo(o)"),
        gives("an argument that changes while it is read", "{\"b\":2}", "const o = { get a() { delete o.c; return undefined }, b: 2, c: 3 }; return await env.demo.echo(o)"),
        fails("timers that arm themselves again", &[CpuLimit, WallLimit], "const f = () => setTimeout(f, 0); f(); await new Promise(() => { })")
            .within(|limits| limits.wall = std::time::Duration::from_millis(700)),
        fails("an interval that makes intervals", &[CpuLimit, WallLimit, Exception], "const f = () => setInterval(f, 0); f(); await new Promise(() => { })")
            .within(|limits| limits.wall = std::time::Duration::from_millis(700)),
        gives("a timer that clears itself and all others", "[1]", "const l = []; const ids = []; for (let i = 0; i < 5; i++) ids.push(setTimeout(() => { l.push(1); ids.forEach(clearTimeout) }, 1)); await new Promise((r) => setTimeout(r, 30)); return l"),
        fails("log lines from a getter of the result, past the limit", OUTPUT, "return { get a() { for (;;) console.log('x'.repeat(999)) } }"),
        gives("a finalizer that loops is never called", "1", "const r = new FinalizationRegistry(() => { for (;;); }); for (let i = 0; i < 1e4; i++) r.register({}, 1); await new Promise((r) => setTimeout(r, 20)); return 1"),
    ]);
    cases
}

const LOOPING: &[(&str, &str)] = &[
    ("a getter in the result", "return { get a() { @ } }"),
    ("a getter deep in the result", "return [{ a: [{ get b() { @ } }] }]"),
    ("toJSON", "return { toJSON() { @ } }"),
    ("toJSON on a prototype", "Object.prototype.toJSON = () => { @ }; return {}"),
    ("toJSON of a BigInt", "BigInt.prototype.toJSON = () => { @ }; return [1n]"),
    (
        "valueOf of a boxed number in the result",
        "const n = new Number(1); n.valueOf = () => { @ }; return [n]",
    ),
    ("ownKeys of a proxy as result", "return new Proxy({}, { ownKeys() { @ } })"),
    ("get of a proxy as result", "return new Proxy({ a: 1 }, { get() { @ } })"),
    (
        "getOwnPropertyDescriptor of a proxy as result",
        "return new Proxy({ a: 1 }, { getOwnPropertyDescriptor() { @ } })",
    ),
    ("getPrototypeOf of a proxy as result", "return new Proxy({}, { getPrototypeOf() { @ } })"),
    (
        "the length of a proxy of an array",
        "return new Proxy([], { get(_, name) { if (name === 'length') { @ } } })",
    ),
    ("then of the result", "return { get then() { @ } }"),
    ("then called on the result", "return { then() { @ } }"),
    ("then of every object, called", "Object.prototype.then = () => { @ }; return {}"),
    (
        "hasInstance of what the result is compared with",
        "Object.defineProperty(Map, Symbol.hasInstance, { value() { @ } }); return {}",
    ),
    (
        "hasInstance of ToolError",
        "Object.defineProperty(ToolError, Symbol.hasInstance, { value() { @ } }); throw {}",
    ),
    (
        "the constructor of a promise",
        "Object.defineProperty(Promise.prototype, 'constructor', { get() { @ } }); return 1",
    ),
    ("a getter in arguments", "await env.demo.echo({ get a() { @ } })"),
    ("toJSON of arguments", "await env.demo.echo({ toJSON() { @ } })"),
    ("a proxy as arguments", "await env.demo.echo(new Proxy({}, { ownKeys() { @ } }))"),
    ("a name of a tool", "await env.demo[{ toString() { @ } }]({})"),
    ("a name of a server", "await env[{ [Symbol.toPrimitive]() { @ } }].x({})"),
    ("the message of a thrown value", "throw { get message() { @ } }"),
    ("the name of a thrown value", "throw { get name() { @ } }"),
    ("the stack of a thrown value", "throw { get stack() { @ } }"),
    ("get of a proxy that is thrown", "throw new Proxy({}, { get() { @ } })"),
    ("getPrototypeOf of a proxy that is thrown", "throw new Proxy({}, { getPrototypeOf() { @ } })"),
    (
        "what a timer throws",
        "setTimeout(() => { throw { get message() { @ } } }); await new Promise(() => { })",
    ),
    ("what a module throws", "export default 1; throw { get message() { @ } }"),
    ("what a promise is rejected with", "await Promise.reject({ get message() { @ } })"),
    ("prepareStackTrace", "Error.prepareStackTrace = () => { @ }; null.x"),
    (
        "prepareStackTrace of an error of the host",
        "Error.prepareStackTrace = () => { @ }; (await env.demo.fail({}))",
    ),
    (
        "the stack of a logged error",
        "const e = new Error(); Object.defineProperty(e, 'stack', { get() { @ } }); console.log(e)",
    ),
    (
        "the name of a logged error",
        "const e = new Error(); Object.defineProperty(e, 'name', { get() { @ } }); console.log(e)",
    ),
    ("toStringTag of a logged proxy", "console.log(new Proxy({}, { get() { @ } }))"),
    ("ownKeys of a logged proxy", "console.log(new Proxy({}, { ownKeys() { @ } }))"),
    ("a label of console.count", "console.count({ toString() { @ } })"),
    ("a label of console.time", "console.time({ [Symbol.toPrimitive]() { @ } })"),
    ("rows of console.table", "console.table(new Proxy([1], { get() { @ }, ownKeys() { @ } }))"),
    (
        "columns of console.table",
        "console.table([{ a: 1 }], { [Symbol.iterator]() { @ }, get length() { @ }, get 0() { @ } })",
    ),
    ("toJSON of a %j", "console.log('%j', { toJSON() { @ } })"),
    ("a delay of a timer", "setTimeout(() => { }, { valueOf() { @ } })"),
    ("an id of clearTimeout", "clearTimeout({ valueOf() { @ } })"),
    ("an argument of a microtask", "queueMicrotask(() => { @ }); await null"),
    (
        "a handler of an event",
        "const t = new EventTarget(); t.addEventListener('a', { get handleEvent() { @ } }); t.dispatchEvent(new Event('a'))",
    ),
    ("a reason of an abort", "AbortSignal.abort({ get message() { @ } }).throwIfAborted()"),
    ("entries of URLSearchParams", "new URLSearchParams({ *[Symbol.iterator]() { yield ['a', 'b']; @ } })"),
    ("the text of a URL", "new URL({ toString() { @ } })"),
    ("entries of Headers", "new Headers({ get a() { @ } })"),
    ("options of Request", "new Request('https://a.example/', { get method() { @ } })"),
    ("options of Response", "new Response('', { get status() { @ } })"),
    ("parts of a Blob", "new Blob({ [Symbol.iterator]() { @ } })"),
    ("a value of FormData", "new FormData().append('a', { toString() { @ } })"),
    ("options of TextDecoder", "new TextDecoder('utf-8', { get fatal() { @ } })"),
    ("a getter in what is cloned", "structuredClone({ get a() { @ } })"),
    ("the source of a stream", "await new ReadableStream({ pull() { @ } }).getReader().read()"),
    ("the size of a chunk", "new ReadableStream({ start(c) { c.enqueue(1) } }, { size() { @ } })"),
    (
        "a transformer",
        "const t = new TransformStream({ transform() { @ } }); t.writable.getWriter().write(1); await t.readable.getReader().read()",
    ),
    ("a sink", "await new WritableStream({ write() { @ } }).getWriter().write(1)"),
    (
        "the status of the response that is the result",
        "export default { fetch() { return new Response('', { get status() { @ } }) } }",
    ),
    (
        "the body of the response that is the result",
        "export default { fetch() { return new Response(new ReadableStream({ pull() { @ } })) } }",
    ),
    ("the default export", "export { x as default }; const x = { get fetch() { @ } }"),
    (
        "input as the script replaces it",
        "Object.defineProperty(globalThis, 'input', { get() { @ } }); export default (env, input) => input",
    ),
    ("a specifier of import()", "await import({ toString() { @ } } as any)"),
    ("attributes of import()", "await import('x', { get with() { @ } })"),
    ("a setter for the result of a destructuring", "[{ set a(_) { @ } }.a] = [1]"),
    (
        "an array's setter that the host could meet",
        "Object.defineProperty(Array.prototype, 0, { set() { @ } }); const a: any[] = []; a[0] = 1",
    ),
    (
        "a species of promises that the host chains",
        "class P extends Promise<any> { constructor(f) { super(f); @ } } Object.defineProperty(Promise, Symbol.species, { get: () => P }); Promise.resolve().then(() => 1)",
    ),
];
