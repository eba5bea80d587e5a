//! Scripts that replace built-in objects and then use the host. Their own values may be wrong then,
//! but log lines, calls and the result must be right.

use super::{Case, EXCEPTION, fails, gives};

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = POISONS.iter().map(|(name, poison)| poisoned(name, poison)).collect();
    // All replacements at once that do not change the script's own result.
    let all: Vec<&str> = POISONS.iter().map(|(_, poison)| *poison).collect();
    cases.push(poisoned("everything at once", &all.join("\n")));
    cases.extend([
        fails("an error with every prototype poisoned", EXCEPTION, format!("{TOOLS}\n{}\nnull.x", all.join("\n"))).saying("null"),
        fails("an unknown server with every prototype poisoned", EXCEPTION, format!("{TOOLS}\n{}\nenv.nothing", all.join("\n"))).saying("nothing"),
        fails("a result that JSON cannot carry with every prototype poisoned", EXCEPTION, format!("{TOOLS}\n{}\nreturn () => 1", all.join("\n"))).saying("a function"),
        fails("arguments that JSON cannot carry with every prototype poisoned", EXCEPTION, format!("{TOOLS}\n{}\nawait env.demo.echo({{ a: () => 1 }})", all.join("\n"))).saying("a function at .a"),
        fails("a failed call with every prototype poisoned", &[isolet_runtime::ErrorCode::ToolError], format!("{TOOLS}\n{}\nawait env.demo.fail({{ message: 'm' }})", all.join("\n"))).saying("m"),
        fails("too deep with every prototype poisoned", EXCEPTION, format!("{TOOLS}\n{}\nconst f = () => f(); f()", all.join("\n"))).saying("call stack"),
        gives("then on every object", "\"poison\"", "Object.prototype.then = function (resolve) { resolve('poison') }; return { a: 1 }"),
        fails("then that throws on every object", EXCEPTION, "Object.prototype.then = () => { throw new Error('mine') }; return { a: 1 }").saying("mine"),
        gives("toJSON on every object", "\"poison\"", "Object.prototype.toJSON = () => 'poison'; return { a: 1 }"),
        gives("a getter for each field that the host reads", "{\"sum\":3}",
            "for (const name of ['ok', 'unknown', 'text', 'site', 'hint', 'message', 'kind', 'stack', 'name', 'get', 'set', 'value', 'writable', 'due', 'id', 'callback', 'args', 'every', 'open', 'label', 'fill', 'left', 'path', 'code', 'server', 'tool', 'line', 'status', 'fetch', 'default'])
                Object.defineProperty(Object.prototype, name, { __proto__: null, get() { throw 'poison' }, set() { throw 'poison' }, configurable: true } as any);
             console.log({ a: 1 });
             const r = await env.demo.add({ a: 1, b: 2 });
             await new Promise((resolve) => setTimeout(resolve, 1));
             return r").logging(&["{ a: 1 }"]),
        gives("setters on the indices of arrays", "[{\"sum\":3},\"1,2\"]",
            "for (let i = 0; i < 40; i++) Object.defineProperty(Array.prototype, i, { get() { throw 'poison' }, set() { throw 'poison' }, configurable: true });
             console.log('%s', 'a', [1, 2], new Set([3]));
             const r = await env.demo.add({ a: 1, b: 2 });
             const ids = JSON.stringify(new URL('https://a.example/?a=1,2').searchParams.get('a'));
             for (let i = 0; i < 40; i++) delete Array.prototype[i];
             return [r, JSON.parse(ids)]").logging(&["a [ 1, 2 ] Set(1) { 3 }"]),
        fails("setters on the indices of arrays, and a result that JSON cannot carry", EXCEPTION,
            "for (let i = 0; i < 9; i++) Object.defineProperty(Array.prototype, i, { get() { throw 'poison' }, set() { throw 'poison' } });
             return { a: new Map(), b: () => 1 }").saying("a Map at .a and a function at .b"),
        gives("a value that is not a result, with every iterator poisoned", "null", format!("{TOOLS}\n{}\n({{ f() {{}} }})", all.join("\n"))),
        fails("a bare string as Error", EXCEPTION, "globalThis.Error = 'poison' as any; globalThis.TypeError = 1 as any; null.x").saying("null"),
        fails("a ToolError that is replaced", &[isolet_runtime::ErrorCode::ToolError], "globalThis.ToolError = class { } as any; await env.demo.fail({ message: 'm' })").saying("m"),
        fails("a ToolError whose prototype is replaced", &[isolet_runtime::ErrorCode::ToolError, isolet_runtime::ErrorCode::Exception], "Object.setPrototypeOf(ToolError.prototype, null); await env.demo.fail({ message: 'm' })").saying("m"),
        gives("frozen intrinsics", "[{\"sum\":3},\"2,3\"]",
            "for (const f of [Object, Array, Function, Promise, Map, Set, Error, TypeError, String, Number, RegExp, URL, Headers, ToolError, Response]) { Object.freeze(f); Object.freeze(f.prototype) }
             console.log(new Map([[1, new URL('https://a.example/')]]).size);
             return [await env.demo.add({ a: 1, b: 2 }), await new Response('2,3').text()]").logging(&["1"]),
    ]);
    cases
}

/// Functions that replace one property, or all functions and accessors. They are created before any
/// replacement.
const TOOLS: &str = "
    const P = Promise, { defineProperty, ownKeys, getPrototypeOf, setPrototypeOf, getOwnPropertyDescriptor } = Reflect;
    const iterators = [[][Symbol.iterator](), ''[Symbol.iterator](), new Map().keys(), (function* () { })(), (async function* () { })()]
        .flatMap((iterator) => [getPrototypeOf(iterator)!, getPrototypeOf(getPrototypeOf(iterator)!)!]);
    const evil: any = function () { throw 'poison' };
    const put = (object, name) => { defineProperty(object, name, { __proto__: null, value: evil, writable: true, configurable: true } as any) };
    const hide = (object, name) => { defineProperty(object, name, { __proto__: null, get: evil, set: evil, configurable: true } as any) };
    const all = (object, but = '') => {
        const names = ownKeys(object);
        for (let i = 0; i < names.length; i++) {
            const name: any = names[i], found: any = getOwnPropertyDescriptor(object, name);
            setPrototypeOf(found, null);
            if (name === 'constructor' || name === 'prototype' || name === but) continue;
            if (typeof found.value === 'function') put(object, name);
            else if (found.get) hide(object, name);
        }
    };";

/// A script that uses the host after a replacement.
fn poisoned(name: &'static str, poison: &str) -> Case {
    let code = format!(
        "{TOOLS}
         {poison}
         console.log('logged %s', 'well', {{ a: {{ b: 'c' }} }}, [1, , 3]);
         const answer = await env.demo.echo({{ text: 'ä' }});
         const url = new URL('http://a/b?x=1'); url.searchParams.set('y', 'z w');
         const body = await new Response('body').text();
         await new P((resolve) => setTimeout(resolve, 1));
         return {{ answer, href: url.href, body }};"
    );
    gives(name, r#"{"answer":{"text":"ä"},"href":"http://a/b?x=1&y=z+w","body":"body"}"#, code)
        .logging(&["logged well { a: { b: 'c' } } [ 1, <1 empty item>, 3 ]"])
}

const POISONS: &[(&str, &str)] = &[
    ("Array.prototype", "all(Array.prototype);"),
    ("String.prototype", "all(String.prototype);"),
    ("RegExp.prototype", "all(RegExp.prototype);"),
    ("Map.prototype and Set.prototype", "all(Map.prototype); all(Set.prototype); all(WeakMap.prototype); all(WeakSet.prototype);"),
    (
        "iterators",
        "for (let i = 0; i < iterators.length; i++) all(iterators[i]);",
    ),
    ("Promise", "all(Promise);"),
    ("Promise.prototype", "all(Promise.prototype);"),
    ("JSON", "all(JSON);"),
    ("Reflect", "all(Reflect);"),
    ("Object", "all(Object);"),
    ("Object.prototype", "all(Object.prototype);"),
    ("fields of descriptors", "put(Object.prototype, 'get'); put(Object.prototype, 'set'); put(Object.prototype, 'value');"),
    ("Function.prototype", "all(Function.prototype, Symbol.hasInstance as any);"),
    ("primitives", "all(Symbol.prototype); all(Number.prototype); all(BigInt.prototype); all(Boolean.prototype);"),
    ("Symbol.toPrimitive", "hide(Object.prototype, Symbol.toPrimitive);"),
    ("Symbol.toStringTag", "hide(Object.prototype, Symbol.toStringTag);"),
    ("Math and Number", "all(Math); all(Number); all(BigInt);"),
    ("Date", "all(Date); all(Date.prototype);"),
    ("typed arrays", "{ const T: any = getPrototypeOf(Uint8Array); all(T); all(T.prototype); all(ArrayBuffer); all(ArrayBuffer.prototype); all(DataView.prototype); }"),
    ("species", "hide(Array, Symbol.species); hide(Map, Symbol.species); hide(ArrayBuffer, Symbol.species); hide(RegExp, Symbol.species); hide(Promise, Symbol.species);"),
    ("errors", "all(Error); all(Error.prototype); put(Error, 'prepareStackTrace'); hide(Error, 'stackTraceLimit');"),
    (
        "classes of the host",
        "all(Headers.prototype); all(URLSearchParams.prototype, 'set'); all(ReadableStream.prototype); all(TextEncoder.prototype);
         all(TextDecoder.prototype); all(Event.prototype); all(EventTarget.prototype); all(AbortSignal.prototype); all(Blob.prototype);",
    ),
    (
        "names of globals",
        "{ const names = ['Uint8Array', 'Map', 'Error', 'TypeError', 'Promise', 'Headers', 'URLSearchParams', 'TextEncoder', 'ReadableStream', 'DOMException', 'queueMicrotask', 'clearTimeout', 'structuredClone', 'input', 'performance', 'crypto'];
           for (let i = 0; i < names.length; i++) put(globalThis, names[i]); }",
    ),
];
