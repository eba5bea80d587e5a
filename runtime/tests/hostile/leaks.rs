//! Traces that one run might leave for a later one on the same engine. Each case has two scripts:
//! one that leaves a trace, and one that looks for it.

use super::{Case, EXCEPTION, gives};

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PAIRS
        .iter()
        .map(|(name, leave, look, expected)| {
            gives(name, "1", format!("{leave}; return 1")).then(look, expected)
        })
        .collect();
    cases.push(
        gives(
            "a text that is thrown away",
            "1",
            "const a: any[] = []; for (let i = 0; i < 100; i++) a.push('secret-' + i); return 1",
        )
        .then("return [...new Uint8Array(1 << 20)].every((byte) => byte === 0)", "true")
        .within(|limits| limits.cpu *= 10),
    );
    cases.push(
        gives(
            "an error that is thrown while the run ends",
            "1",
            "setTimeout(() => { throw new Error('late') }, 0); return 1",
        )
        .or(EXCEPTION)
        .then("await new Promise((r) => setTimeout(r, 20)); return 1", "1"),
    );
    cases
}

/// The name, the script that leaves a trace, the script that looks for it, and the value of the
/// latter.
const PAIRS: &[(&str, &str, &str, &str)] = &[
    ("a global", "(globalThis as any).left = 1", "return typeof (globalThis as any).left", "\"undefined\""),
    (
        "a global that cannot be deleted",
        "Object.defineProperty(globalThis, 'left', { value: 1, configurable: false })",
        "return 'left' in globalThis",
        "false",
    ),
    ("a global that is deleted", "delete (globalThis as any).URL", "return typeof URL", "\"function\""),
    (
        "a prototype's property",
        "(Object.prototype as any).left = 1",
        "return (({}) as any).left === undefined",
        "true",
    ),
    ("a prototype's method", "Array.prototype.map = null as any", "return [1].map((x) => x)", "[1]"),
    (
        "a prototype that is frozen",
        "Object.freeze(Array.prototype); Object.freeze(Object.prototype)",
        "(Array.prototype as any).x = 1; return Object.isFrozen(Object.prototype)",
        "false",
    ),
    (
        "a method of the host",
        "console.log = (() => { }) as any; URL.prototype.toString = null as any",
        "return [typeof console.log, String(new URL('https://a.example/'))]",
        "[\"function\",\"https://a.example/\"]",
    ),
    (
        "env",
        "(env as any).left = 1; delete (env as any).GREETING; (env as any).NESTED.list.push(3)",
        "return ['left' in env, env.GREETING, env.NESTED]",
        "[false,\"hello\",{\"list\":[1,2]}]",
    ),
    (
        "a tool's function",
        "(env.demo.add as any).left = 1; Object.setPrototypeOf(env.demo.add, null)",
        "return [(env.demo.add as any).left === undefined, typeof env.demo.add.call]",
        "[true,\"function\"]",
    ),
    (
        "a registered symbol",
        "const s = Symbol.for('left'); (globalThis as any)[s] = 1; (Symbol as any)[s] = 1",
        "return [(globalThis as any)[Symbol.for('left')] === undefined, (Symbol as any)[Symbol.for('left')] === undefined]",
        "[true,true]",
    ),
    (
        "a timer that is left",
        "setTimeout(() => { (globalThis as any).left = 1; console.log('left') }, 5)",
        "await new Promise((r) => setTimeout(r, 30)); return typeof (globalThis as any).left",
        "\"undefined\"",
    ),
    (
        "an interval that is left",
        "setInterval(() => { console.log('left'); (globalThis as any).left = 1 }, 1)",
        "await new Promise((r) => setTimeout(r, 30)); return typeof (globalThis as any).left",
        "\"undefined\"",
    ),
    (
        "the number of a timer",
        "for (let i = 0; i < 100; i++) setTimeout(() => { }, 1e6)",
        "const ids: number[] = []; for (let i = 0; i < 3; i++) ids.push(setTimeout(() => { }, 1) as any); return ids",
        "[1,2,3]",
    ),
    (
        "a promise that waits",
        "(async () => { await new Promise((r) => setTimeout(r, 5)); (globalThis as any).left = 1 })()",
        "await new Promise((r) => setTimeout(r, 30)); return typeof (globalThis as any).left",
        "\"undefined\"",
    ),
    (
        "a call that waits",
        "env.demo.wait({ ms: 20 }).then(() => { (globalThis as any).left = 1 })",
        "await env.demo.wait({ ms: 40 }); return typeof (globalThis as any).left",
        "\"undefined\"",
    ),
    (
        "the number of a call",
        "for (let i = 0; i < 50; i++) env.demo.wait({ ms: 20, i })",
        "return await Promise.all([1, 2, 3].map((i) => env.demo.echo({ i })))",
        "[{\"i\":1},{\"i\":2},{\"i\":3}]",
    ),
    (
        "a microtask",
        "queueMicrotask(() => { (globalThis as any).left = 1 })",
        "await null; return typeof (globalThis as any).left",
        "\"undefined\"",
    ),
    (
        "the last match of a regular expression",
        "/(sec)(ret)/.test('secret')",
        "return ['$1', '$2', '$_', '$&', 'input', 'leftContext'].some((name) => (RegExp as any)[name].includes('sec'))",
        "false",
    ),
    ("the place of a sticky expression", "const r = /a/g; r.test('aa')", "return /a/g.lastIndex", "0"),
    (
        "a template's object",
        "const t = (s: any) => { s.raw; Object.defineProperty(Object.getPrototypeOf(s), 'left', { value: 1 }) }; t`x`",
        "const t = (s: any) => s; return (t`x` as any).left === undefined",
        "true",
    ),
    (
        "Intl's settings",
        "Object.defineProperty(Intl.DateTimeFormat, 'supportedLocalesOf', { value: null }); (Intl as any).left = 1",
        "return [typeof Intl.DateTimeFormat.supportedLocalesOf, (Intl as any).left === undefined]",
        "[\"function\",true]",
    ),
    (
        "stack traces",
        "(Error as any).prepareStackTrace = () => 'left'; Error.stackTraceLimit = 0",
        "return [typeof (Error as any).prepareStackTrace, new Error('a').stack!.includes('script.ts')]",
        "[\"undefined\",true]",
    ),
    (
        "counters and groups of the console",
        "console.count('a'); console.time('b'); console.group(); console.group()",
        "console.count('a'); return 1",
        "1",
    ),
    (
        "the time since the start",
        "await new Promise((r) => setTimeout(r, 50))",
        "return performance.now() < 40",
        "true",
    ),
    ("input", "(globalThis as any).input = 1", "return typeof input", "\"undefined\""),
    (
        "bytes of a buffer",
        "new Uint8Array(8 << 20).fill(0xab)",
        "return new Uint8Array(8 << 20).every((byte) => byte === 0)",
        "true",
    ),
    (
        "bytes of a buffer that grows",
        "const b = new ArrayBuffer(0, { maxByteLength: 4 << 20 }); b.resize(4 << 20); new Uint8Array(b).fill(0xcd)",
        "const b = new ArrayBuffer(0, { maxByteLength: 4 << 20 }); b.resize(4 << 20); return new Uint8Array(b).every((byte) => byte === 0)",
        "true",
    ),
    (
        "a module",
        "await import('cloudflare:workers').then((m) => { (m.env as any).left = 1 })",
        "const m = await import('cloudflare:workers'); return 'left' in m.env",
        "false",
    ),
    (
        "a class that is extended",
        "Object.setPrototypeOf(URL, class { static left = 1 }); Object.setPrototypeOf(Promise, null)",
        "return [(URL as any).left === undefined, Promise.call === Function.prototype.call]",
        "[true,true]",
    ),
    (
        "a weak reference",
        "(globalThis as any).left = new WeakRef({}); new FinalizationRegistry(() => { }).register({}, 1)",
        "return typeof (globalThis as any).left",
        "\"undefined\"",
    ),
    (
        "a random generator that is replaced",
        "Math.random = () => 4; crypto.getRandomValues = ((a: any) => a) as any",
        "return [Math.random() < 1, crypto.getRandomValues(new Uint8Array(64)).some((byte) => byte !== 0)]",
        "[true,true]",
    ),
];
