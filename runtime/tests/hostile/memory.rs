//! Scripts that use up each kind of memory, and scripts that catch the refusal and go on. The limit
//! is 32 MiB of heap and array buffers together.
//!
//! A single allocation far over the limit ends the process in V8; such cases are in `lethal`.

use super::{Case, EXCEPTION, MEMORY, fails, gives};
use isolet_runtime::ErrorCode::{CpuLimit, MemoryLimit};

pub fn cases() -> Vec<Case> {
    // Enough CPU time that memory runs out first.
    let roomy = |case: Case| case.within(|limits| limits.cpu *= 30);
    let mut cases: Vec<Case> = BOMBS.iter().map(|(name, code)| roomy(fails(name, MEMORY, *code))).collect();
    cases.extend(SLOW.iter().map(|(name, code)| fails(name, &[CpuLimit, MemoryLimit], *code)));
    // Garbage that V8 frees must not end a run, however much of it the CPU can make.
    cases.extend(GARBAGE.iter().map(|(name, code)| fails(name, &[CpuLimit], *code)));
    cases.extend([
        roomy(fails("a buffer of a gigabyte", &[isolet_runtime::ErrorCode::Exception, MemoryLimit], "return new ArrayBuffer(1 << 30).byteLength")),
        roomy(fails("a buffer past every size", EXCEPTION, "return new ArrayBuffer(2 ** 52).byteLength")),
        roomy(fails("a growing buffer past every size", EXCEPTION, "return new ArrayBuffer(1, { maxByteLength: 2 ** 52 }).byteLength")),
        // Sixty states take 18 MiB.
        roomy(fails("the states of compression streams", &[isolet_runtime::ErrorCode::Exception, MemoryLimit],
            "const kept: any[] = [];
             for (let i = 0; i < 60; i++) {
                 const s = new CompressionStream('gzip'); kept.push(s);
                 const writing = s.writable.getWriter().write(new Uint8Array(1));
                 await Promise.all([writing, s.readable.getReader().read()]);
             }
             return new ArrayBuffer(14 << 20).byteLength + kept.length")),
        roomy(gives("buffers that are let go", "200", "let n = 0; for (let i = 0; i < 200; i++) { new Uint8Array(4 << 20)[1] = 1; n++ } return n").or(MEMORY)),
        roomy(gives("a buffer that is given away again and again", "1", "let b = new ArrayBuffer(8 << 20); for (let i = 0; i < 500; i++) b = b.transfer(); return 1")),
        roomy(gives("most of what is allowed", "20", "const a = []; for (let i = 0; i < 20; i++) a.push(new Uint8Array(1 << 20)); return a.length")),
        roomy(fails("code of a regular expression", &[CpuLimit, MemoryLimit], "const a: any[] = []; for (let i = 0; ; i++) { const r = new RegExp('(?:' + 'ab|'.repeat(500) + i + ')+'); r.test('abab'); a.push(r) }")),
    ]);
    cases
}

const BOMBS: &[(&str, &str)] = &[
    ("arrays", "const a: any[] = []; for (;;) a.push(new Array(1000).fill(1.5))"),
    ("objects", "let o: any = null; for (let i = 0; ; i++) o = { o, i }"),
    (
        "a list in a catch-all",
        "const a: any[] = []; for (;;) { try { a.push(new Array(1000).fill({})) } catch { } }",
    ),
    (
        "a list in finally",
        "const a: any[] = []; const f = () => { try { for (;;) a.push([a]) } finally { f() } }; f()",
    ),
    ("a Map", "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })"),
    ("a Set of strings", "const s = new Set(); for (let i = 0; ; i++) s.add('text ' + i)"),
    (
        "a WeakMap whose keys are kept",
        "const w = new WeakMap(), a: any[] = []; for (;;) { const k = {}; a.push(k); w.set(k, [k]) }",
    ),
    ("symbols", "const a: any[] = []; for (let i = 0; ; i++) a.push(Symbol.for('s' + i))"),
    ("closures", "const a: any[] = []; for (let i = 0; ; i++) a.push(() => a[i])"),
    ("classes", "const a: any[] = []; for (let i = 0; ; i++) a.push(class { x = i; m() { } })"),
    (
        "errors with stacks",
        "const a: any[] = []; const f = (n) => n ? f(n - 1) : a.push(new Error('e')); for (;;) f(30)",
    ),
    (
        "generators",
        "const a: any[] = []; function* g() { yield a } for (;;) { const i = g(); i.next(); a.push(i) }",
    ),
    ("promises that wait", "const a: any[] = []; for (;;) a.push(new Promise(() => { }).then(() => a))"),
    (
        "async functions that wait",
        "const a: any[] = []; const f = async () => { await new Promise((r) => a.push(r)) }; for (;;) f()",
    ),
    ("microtasks", "for (;;) queueMicrotask(() => { })"),
    (
        "a microtask that makes two",
        "const f = () => { queueMicrotask(f); queueMicrotask(f) }; f(); await new Promise(() => { })",
    ),
    ("BigInts", "const a: any[] = []; for (let i = 1n; ; i++) a.push(i << 4000n)"),
    (
        "doubled strings, flattened",
        "const a: any[] = []; for (let i = 0; ; i++) a.push(JSON.parse(JSON.stringify('x'.repeat(1 << 18) + i)))",
    ),
    ("split strings", "const a: any[] = []; for (;;) a.push('ab '.repeat(1e4).split(' '))"),
    (
        "parsed JSON",
        "const a: any[] = []; const t = JSON.stringify(Array.from({ length: 1000 }, (_, i) => ({ i }))); for (;;) a.push(JSON.parse(t))",
    ),
    ("array buffers", "const a: any[] = []; for (;;) a.push(new ArrayBuffer(1 << 20))"),
    (
        "array buffers in a catch-all",
        "const a: any[] = []; for (;;) { try { a.push(new Uint8Array(1 << 20)) } catch { } }",
    ),
    ("small array buffers", "const a: any[] = []; for (;;) a.push(new Uint8Array(100))"),
    (
        "one array buffer, asked for again and again",
        "for (;;) { try { new ArrayBuffer(1 << 28) } catch { } }",
    ),
    (
        "resizable buffers",
        "const a: any[] = []; for (;;) { const b = new ArrayBuffer(0, { maxByteLength: 1 << 22 }); b.resize(1 << 22); new Uint8Array(b).fill(1); a.push(b) }",
    ),
    (
        "resizable buffers in a catch-all",
        "const a: any[] = []; for (;;) { try { const b = new ArrayBuffer(1, { maxByteLength: 1 << 22 }); b.resize(1 << 22); a.push(b) } catch { } }",
    ),
    (
        "copies of buffers",
        "const a: any[] = []; const b = new Uint8Array(1 << 20); for (;;) a.push(b.slice())",
    ),
    (
        "clones of buffers",
        "const a: any[] = []; const b = new Uint8Array(1 << 20); for (;;) a.push(structuredClone(b))",
    ),
    (
        "encoded text",
        "const a: any[] = []; const e = new TextEncoder(); for (;;) a.push(e.encode('ä'.repeat(1 << 18)))",
    ),
    (
        "decoded bytes",
        "const a: any[] = []; const d = new TextDecoder(), b = new Uint8Array(1 << 18).fill(65); for (;;) a.push(d.decode(b))",
    ),
    ("base64", "const a: any[] = []; const t = 'x'.repeat(1 << 18); for (;;) a.push(btoa(t))"),
    (
        "blobs of blobs",
        "let b = new Blob(['x'.repeat(1000)]); const a: any[] = []; for (;;) { b = new Blob([b, b]); a.push(b); if (b.size > 1 << 20) b = b.slice(0, 1000) }",
    ),
    ("form data", "const f = new FormData(); for (let i = 0; ; i++) f.append('a' + i, 'x'.repeat(1000) + i)"),
    (
        "headers",
        "const a: any[] = []; for (let i = 0; ; i++) { const h = new Headers(); h.set('a', 'x'.repeat(1000) + i); a.push(h) }",
    ),
    ("search parameters", "const p = new URLSearchParams(); for (let i = 0; ; i++) p.append('a' + i, 'b')"),
    (
        "a queue of a stream",
        "let c: any; new ReadableStream({ start(x) { c = x } }); for (let i = 0; ; i++) c.enqueue('x'.repeat(100) + i)",
    ),
    (
        "a body of a request",
        "const a: any[] = []; for (;;) a.push(await new Response('x'.repeat(1 << 18)).arrayBuffer())",
    ),
    (
        "signals that follow a signal",
        "const c = new AbortController(); const a: any[] = []; for (;;) a.push(AbortSignal.any([c.signal]))",
    ),
    ("matches", "const a: any[] = []; const t = 'ab'.repeat(1e4); for (;;) a.push([...t.matchAll(/a(b)/g)])"),
    (
        "dates of Temporal, if it is there, else dates",
        "const a: any[] = []; const T = (globalThis as any).Temporal; for (;;) a.push(T ? T.Now.zonedDateTimeISO('UTC') : new Date())",
    ),
    (
        "the result, as it is written",
        "const s = 'x'.repeat(1 << 20); return { toJSON() { const a: any[] = []; for (;;) a.push(s + a.length, [...s.slice(0, 1e5)]) } }",
    ),
    (
        "arguments of a call, as they are written",
        "await env.demo.echo({ get a() { const a: any[] = []; for (;;) a.push(new Array(1000)) } })",
    ),
    (
        "the queue of log lines",
        "const a: any[] = []; for (let i = 0; ; i++) { if (i < 2000) console.log(''); a.push(new Array(1000).fill(a)) }",
    ),
];

/// Cases so slow that the CPU limit may end them first.
const SLOW: &[(&str, &str)] = &[
    ("URLs", "const a: any[] = []; for (let i = 0; ; i++) a.push(new URL('https://a.example/' + i))"),
    (
        "branches of a stream",
        "let s = new ReadableStream({ pull(c) { c.enqueue('x'.repeat(1000)) } }); const a: any[] = []; for (;;) { const [x, y] = s.tee(); a.push(x); s = y; await y.tee }",
    ),
    (
        "counters of the console",
        "for (let i = 0; ; i++) { console.time('label '.repeat(200) + i); (globalThis as any)['g' + i] = new Array(100).fill(i) }",
    ),
    (
        "a deep clone, doubled",
        "let v: any = [1, 2, 3]; for (;;) v = structuredClone([v, v.slice(), structuredClone(v)])",
    ),
    (
        "digests",
        "const a: any[] = []; const b = new Uint8Array(1); for (;;) a.push(await crypto.subtle.digest('SHA-512', b))",
    ),
    ("listeners of events", "const t = new EventTarget(); for (;;) t.addEventListener('a', () => { })"),
];

const GARBAGE: &[(&str, &str)] = &[
    ("garbage arrays", "for (;;) new Array(1000).fill(1.5)"),
    ("garbage strings", "for (let i = 0; ; i++) ('x'.repeat(1000) + i).split('x')"),
    ("garbage promises", "for (;;) await Promise.all([1, 2, 3])"),
    ("garbage closures", "let f = () => 0; for (;;) { const n = Math.random(); f = () => n }"),
];
