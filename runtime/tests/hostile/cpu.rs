//! Endless loops, in the language and in its library. All must end with `cpu_limit`, even if the
//! script catches errors.

use super::{CPU, Case, EXCEPTION, fails, gives};
use isolet_runtime::ErrorCode::{CpuLimit, Exception, MemoryLimit};

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = LOOPS.iter().map(|(name, code)| fails(name, CPU, *code)).collect();
    cases.extend(LIBRARY.iter().map(|(name, code)| fails(name, &[CpuLimit, MemoryLimit], *code)));
    cases.extend([
        // These fail at once, with an exception and not at a limit.
        fails("recursion without end", EXCEPTION, "const f = () => f(); f()").saying("Maximum call stack"),
        fails("a BigInt past every size", EXCEPTION, "return 2n ** (2n ** 62n)").saying("BigInt"),
        fails("a string past every length", EXCEPTION, "let s = 'x'; for (;;) s += s").saying("string length"),
        fails("an array past every length", EXCEPTION, "const a = []; a.length = 2 ** 32; return a"),
        fails("the arguments of a call past the stack", EXCEPTION, "return Math.max(...new Array(5e6).fill(1))"),
        gives("a stack overflow that is caught", "true", "const f = () => f(); try { f() } catch (e) { return e instanceof RangeError }"),
        gives("a deep chain of promises", "100000", "let p = Promise.resolve(0); for (let i = 0; i < 1e5; i++) p = p.then((n) => n + 1); return await p")
            .within(|limits| limits.cpu *= 10),
        gives("JSON as deep as the parser goes", "1", "let v = JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)); while (v.length) v = v[0]; return 1")
            .within(|limits| limits.cpu *= 10),
        fails("flat of what holds itself", EXCEPTION, "const a: any[] = [1]; a.push(a, a); a.flat(Infinity)").saying("call stack"),
        fails("JSON deeper than it can be written", &[Exception], "let v = []; for (let i = 0; i < 2e5; i++) v = [v]; return v").saying("call stack"),
    ]);
    cases
}

/// Loops in the language itself.
const LOOPS: &[(&str, &str)] = &[
    ("for", "for (;;);"),
    ("while", "while (true) { }"),
    ("do while with continue", "do { continue } while (true)"),
    ("a labelled loop", "a: for (;;) { for (;;) continue a }"),
    ("a loop in a try that is caught", "for (;;) { try { for (;;); } catch { } finally { continue } }"),
    ("a loop in finally", "try { for (;;); } catch { for (;;); } finally { for (;;); }"),
    (
        "finally that takes back a return",
        "const f = () => { for (;;) { try { return 1 } finally { continue } } }; return f()",
    ),
    ("recursion in catch", "const f = () => { try { f() } catch { f() } }; f()"),
    ("recursion in finally", "const f = () => { try { f() } finally { f() } }; f()"),
    ("a loop at the bottom of the stack", "const f = () => { try { f() } catch { for (;;); } }; f()"),
    ("a generator", "function* g() { for (;;) yield 1 } for (const _ of g());"),
    (
        "a generator that will not return",
        "function* g() { try { yield 1 } finally { for (;;) yield 2 } } for (;;) for (const x of g()) break",
    ),
    ("delegation between generators", "function* g() { yield* g() } for (;;) { try { [...g()] } catch { } }"),
    (
        "an iterator that never ends, spread",
        "const it = { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) }; for (const _ of it);",
    ),
    (
        "an iterator that never ends, destructured",
        "const it = { [Symbol.iterator]: () => ({ next() { for (;;); } }) }; const [a] = it",
    ),
    ("a default value", "const { a = (() => { for (;;); })() } = {}"),
    ("a computed name", "return { [(() => { for (;;); })()]: 1 }"),
    ("a class field", "class A { x = (() => { for (;;); })() } new A()"),
    ("a static block", "class A { static { for (;;); } }"),
    ("a tag of a template", "const t = () => { for (;;); }; t`x`"),
    (
        "a getter on the prototype chain",
        "class A { get x() { for (;;); } } return new (class extends A { })().x",
    ),
    ("a microtask loop of await", "for (;;) await null"),
    ("a microtask loop of then", "const f = () => Promise.resolve().then(f); await f()"),
    (
        "a microtask loop of queueMicrotask",
        "const f = () => queueMicrotask(f); f(); await new Promise(() => { })",
    ),
    (
        "a microtask loop of async functions",
        "const f = async () => { await 0; f() }; f(); await new Promise(() => { })",
    ),
    ("a microtask loop after the result", "const f = () => queueMicrotask(f); f(); return 1"),
    ("a loop in a microtask after the result", "queueMicrotask(() => { for (;;); }); return 1"),
    (
        "a loop with microtasks waiting behind it",
        "for (let i = 0; i < 9; i++) queueMicrotask(() => { for (;;); }); for (;;);",
    ),
    (
        "a loop in a microtask with others behind it",
        "for (let i = 0; i < 9; i++) queueMicrotask(() => { for (;;); }); await null; for (;;);",
    ),
    (
        "a loop in a timer, and in each timer behind it",
        "for (let i = 0; i < 9; i++) setTimeout(() => { for (;;); }, 0); await new Promise(() => { })",
    ),
    (
        "a loop with timers waiting behind it",
        "for (let i = 0; i < 9; i++) setTimeout(() => { for (;;); }, 0); for (;;);",
    ),
    ("a loop with an answer on its way", "env.demo.echo({ a: 1 }).then(() => { for (;;); }); for (;;);"),
    ("a loop when an answer comes", "await env.demo.echo({ a: 1 }); for (;;);"),
    (
        "a loop behind many answers",
        "for (let i = 0; i < 20; i++) env.demo.echo({ i }).then(() => { for (;;); }); await new Promise(() => { })",
    ),
    (
        "an async iterator",
        "const it = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false }) }) }; for await (const _ of it);",
    ),
    ("a loop at the top of a module", "export default 1; for (;;);"),
    ("a loop in a module's function", "export default async () => { for (;;); }"),
    ("a loop in fetch", "export default { fetch() { for (;;); } }"),
    (
        "a loop in an enum that is blanked",
        "type A = 1; interface B { } ; (function f(): void { for (;;) ; })() as void",
    ),
];

/// Loops in the library, in C++ or generated code. Memory may run out first.
const LIBRARY: &[(&str, &str)] = &[
    ("a regular expression that backtracks", "/(a+)+$/.test('a'.repeat(50) + 'b')"),
    ("a regular expression that backtracks over alternatives", "/^(?:a|a)*$/.test('a'.repeat(60) + 'b')"),
    ("a regular expression with a reference", "/^(a*)*\\1b$/.test('a'.repeat(60))"),
    ("a regular expression that looks behind", "/(?<=^(a+)+)b/.test('c' + 'a'.repeat(50) + 'b')"),
    ("a regular expression over all positions", "'a'.repeat(1e5).replace(/a*a*a*a*b/g, '')"),
    (
        "a regular expression tried again and again",
        "const r = /(x+x+)+y/y; for (;;) { try { r.lastIndex = 0; r.exec('x'.repeat(40)) } catch { } }",
    ),
    (
        "a regular expression of unicode sets",
        "/^(?:[\\p{L}--[a-z]]|[\\p{L}])*$/v.test('ä'.repeat(40) + '1'); for (;;) /^(?:\\p{L}|\\p{L})*$/u.test('ä'.repeat(60) + '1')",
    ),
    ("a split that backtracks", "('x'.repeat(40) + 'y').split(/(?:x+x+)+z/)"),
    ("a replacer", "'aaaa'.replace(/a/g, () => { for (;;); })"),
    ("a multiplication of BigInts, again and again", "let a = 3n; for (;;) a = (a * a) % (1n << 20000n)"),
    ("a power of BigInts", "for (;;) 3n ** 100000n"),
    ("a division of BigInts", "const a = 7n ** 60000n, b = 3n ** 30000n; for (;;) a / b"),
    ("a comparator", "[3, 2, 1].sort(() => { for (;;); })"),
    (
        "a comparator that lies",
        "for (;;) Array.from({ length: 1e4 }, (_, i) => i).sort(() => Math.random() - 0.5)",
    ),
    ("a sort of a typed array", "new Uint8Array(9).sort(() => { for (;;); })"),
    ("a callback of map", "[1].map(() => { for (;;); })"),
    (
        "a species",
        "class A extends Array { static get [Symbol.species]() { for (;;); } } new A(3).map((x) => x)",
    ),
    ("Array.from of an endless iterable", "Array.from({ *[Symbol.iterator]() { for (;;) yield } })"),
    ("Array.from of a length", "Array.from({ length: 1e9 }, () => 0)"),
    ("Array.fromAsync", "await Array.fromAsync({ *[Symbol.iterator]() { for (;;) yield 1 } })"),
    ("an array of holes", "for (;;) new Array(1e6).forEach(() => { })"),
    ("a join of holes", "for (;;) new Array(1e6).join('')"),
    ("Object.fromEntries", "Object.fromEntries({ *[Symbol.iterator]() { for (;;) yield ['a', 1] } })"),
    ("Object.groupBy", "Object.groupBy({ *[Symbol.iterator]() { for (;;) yield 1 } }, () => 'a')"),
    ("a Map of an endless iterable", "new Map({ *[Symbol.iterator]() { for (;;) yield [1, 1] } })"),
    (
        "a Map that grows while it is walked",
        "const m = new Map([[0, 0]]); m.forEach((_, k) => { m.delete(k); m.set(k + 1, 0) })",
    ),
    ("a Set operation", "const s = new Set([1]); for (const x of s) { s.delete(x); s.add(x + 1) }"),
    (
        "Promise.all of an endless iterable",
        "await Promise.all({ *[Symbol.iterator]() { for (;;) yield 1 } })",
    ),
    ("JSON.parse with a reviver", "JSON.parse('[1]', () => { for (;;); })"),
    ("JSON.stringify with a replacer", "JSON.stringify([1], () => { for (;;); })"),
    ("dates", "for (;;) new Date('2020-01-01T00:00:00Z').toISOString()"),
    ("padEnd", "for (;;) ('x'.padEnd(1e6, 'ab') + 1).indexOf('c')"),
    ("replaceAll", "const t = 'ab'.repeat(1e4); for (;;) t.replaceAll('a', 'cc')"),
    (
        "structuredClone",
        "const v = Array.from({ length: 1000 }, (_, i) => ({ i })); for (;;) structuredClone(v)",
    ),
    ("new URL", "for (;;) new URL('https://user:pass@a.example:80/b/../c?d=e#f')"),
    ("URLSearchParams", "for (;;) new URLSearchParams('a=b&'.repeat(1e4)).sort()"),
    (
        "TextEncoder and TextDecoder",
        "const e = new TextEncoder(), d = new TextDecoder(); for (;;) d.decode(e.encode('ä'.repeat(1e5)))",
    ),
    ("atob and btoa", "const t = 'x'.repeat(1e5); for (;;) atob(btoa(t))"),
    ("crypto.randomUUID", "for (;;) crypto.randomUUID()"),
    ("Headers", "for (;;) { const h = new Headers(); for (let i = 0; i < 100; i++) h.append('a' + i, 'b') }"),
    (
        "events that make events",
        "const t = new EventTarget(); t.addEventListener('a', () => t.dispatchEvent(new Event('a'))); for (;;) { try { t.dispatchEvent(new Event('a')) } catch { } }",
    ),
    (
        "a stream that always has more",
        "const s = new ReadableStream({ pull(c) { c.enqueue('x') } }); for await (const _ of s);",
    ),
    (
        "a stream through a transform",
        "const s = new ReadableStream({ pull(c) { c.enqueue('x') } }).pipeThrough(new TransformStream()); for await (const _ of s);",
    ),
];
