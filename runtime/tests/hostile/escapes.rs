//! Attempts to reach the host's functions, code from strings, modules of the machine, shared
//! memory, the network, or a precise clock.

use super::{Case, EXCEPTION, fails, gives};

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = FROM_STRINGS
        .iter()
        .map(|(name, code)| {
            fails(
                name,
                EXCEPTION,
                format!("globalThis.got = 0; {code}; return 'no code from strings: ' + got"),
            )
        })
        .collect();
    cases.extend(ABSENT.iter().map(|name| {
        let code = format!("return [typeof {name}, Reflect.ownKeys(globalThis).includes('{name}')]");
        gives(name, "[\"undefined\",false]", code)
    }));
    cases.extend(
        IMPORTS.iter().map(|(name, code)| {
            fails(name, EXCEPTION, *code).saying("annot").within(|limits| limits.cpu *= 10)
        }),
    );
    cases.extend(NETWORK.iter().map(|(name, code)| fails(name, EXCEPTION, *code).saying("network")));
    cases.extend([
        gives("every object that can be reached", "[]", WALK).within(|limits| limits.cpu *= 50),
        gives("functions on the stack", "[]", CALL_SITES),
        gives("places of the host's own code", "0", "let text = ''; try { env.nothing } catch (e) { text += e.stack } await env.demo.fail({}).catch((e) => { text += e.message }); return text.split('/home').length - 1"),
        gives("names on globalThis that are enumerable", "[]", "return Object.keys(globalThis)"),
        gives("an iframe's way to another global", "\"undefined\"", "return typeof (globalThis as any).constructor.constructor.prototype.constructor('')"
            ).or(EXCEPTION),
        gives("the environment as an object", "[true,true,\"undefined\",false]", "return [Object.getPrototypeOf(env) === null, Object.isExtensible(env), typeof env.constructor, '__proto__' in env]"),
        gives("a prototype for env", "[false,false,false]", "return [Reflect.setPrototypeOf(env, {}), Reflect.preventExtensions(env), Reflect.defineProperty(env, 'x', { value: 1 })]"),
        gives("a tool replaced", "[false,3]", "return [Reflect.set(env.demo, 'add', () => 7), (await env.demo.add({ a: 1, b: 2 })).sum]"),
        gives("a server replaced for this run only", "1", "(env as any).demo = 1; return env.demo").then("return typeof env.demo.add", "\"function\""),
        fails("a server frozen", EXCEPTION, "Object.freeze(env.demo)"),
        gives("a tool called like what objects have", "[{\"a\":1},{\"a\":2},{\"a\":3}]", "return [await env.demo.constructor({ a: 1 }), await env.demo.then({ a: 2 }), await env.demo['__proto__']({ a: 3 })]"),
        fails("a server that has a tool called then, awaited", EXCEPTION, "await env.demo; return 1"),
        gives("env as JSON", "\"string\"", "return typeof JSON.stringify([env['my-server']])").or(EXCEPTION),
        fails("a name with a null byte", EXCEPTION, "await env.demo['add\\0']({})"),
        fails("a name with half a character", EXCEPTION, "await env.demo['\\ud800']({})"),
        fails("a path as a server", EXCEPTION, "await env['../demo'].add({})"),
        gives("a server's method with another this", "3", "const { add } = env.demo; return (await add.call(null, { a: 1, b: 2 })).sum"),
        fails("a tool as a constructor", EXCEPTION, "return new env.demo.add({ a: 1, b: 2 })"),
        gives("import.meta", "[]", "export default Object.keys(import.meta)"),
        gives("import of the environment", "[true,[\"DurableObject\",\"RpcPromise\",\"RpcProperty\",\"RpcStub\",\"RpcTarget\",\"WorkerEntrypoint\",\"env\"]]", "const m = await import('cloudflare:workers'); return [m.env === env, Object.keys(m)]"),
        gives("a namespace that is written to", "[false,false]", "const m = await import('cloudflare:workers'); return [Reflect.set(m, 'env', 1), Reflect.defineProperty(m, 'x', { value: 1 })]"),
        gives("a module that imports itself", "\"object\"", "export default typeof await import('./script.ts')").or(EXCEPTION),
        gives("a module that imports itself while it runs", "1", "import('./script.ts').catch(() => { }); export default 1").or(EXCEPTION),
        gives("a module that imports itself later", "1", "export default async () => { await import('./script.ts').catch(() => { }); return 1 }"),
        gives("a clock finer than a millisecond", "[]", "const fine: string[] = []; for (let i = 0; i < 2000; i++) { for (const [n, t] of Object.entries({ p: performance.now(), d: Date.now(), e: new Event('a').timeStamp, o: performance.timeOrigin })) if (t % 1 && !fine.includes(n)) fine.push(n) } return fine"),
        gives("a clock of Temporal finer than a millisecond", "false", "const T = (globalThis as any).Temporal; let fine = false; if (T) for (let i = 0; i < 200; i++) fine ||= T.Now.instant().epochNanoseconds % 1000000n !== 0n; return fine"),
        gives("weak references as a clock", "1", "const r = new WeakRef({}); r.deref(); return 1"),
        gives("randomness is not the same in two runs", "true", "return Math.random() !== Math.random() && crypto.randomUUID() !== crypto.randomUUID()"),
        gives("a proxy in the place of the global's prototype", "1", "Object.setPrototypeOf(Object.prototype.constructor, new Proxy(() => { }, { get() { throw 1 } })); return 1"),
        gives("the prototype of the global object", "\"object\"", "return typeof Reflect.getPrototypeOf(globalThis)"),
        gives("globalThis frozen", "{\"sum\":3}", "for (const k of Reflect.ownKeys(globalThis)) try { Object.defineProperty(globalThis, k, { writable: false, configurable: false }) } catch { } Object.preventExtensions(globalThis); return await env.demo.add({ a: 1, b: 2 })").or(EXCEPTION),
        gives("globalThis emptied", "{\"sum\":3}", "const e = env, g = globalThis, { deleteProperty } = Reflect; for (const k of Reflect.ownKeys(g)) deleteProperty(g, k); return await e.demo.add({ a: 1, b: 2 })"),
    ]);
    cases
}

/// Code from strings. Each case must throw.
const FROM_STRINGS: &[(&str, &str)] = &[
    ("eval", "got = eval('1')"),
    ("indirect eval", "got = (0, eval)('1')"),
    ("eval of globalThis", "got = globalThis.eval.call(null, '1')"),
    ("eval of a template", "got = Reflect.apply(eval, null, [`1`])"),
    ("Function", "got = new Function('return 1')()"),
    ("Function without new", "got = Function('return 1')()"),
    ("Function through a prototype", "got = (() => { }).constructor('return 1')()"),
    ("Function through Reflect", "got = Reflect.construct(Function, ['return 1'])()"),
    ("Function through bind", "got = Function.bind(null, 'return 1')()()"),
    ("Function through a class", "got = new (class extends Function { })('return 1')()"),
    ("the constructor of async functions", "got = await (async () => { }).constructor('return 1')()"),
    ("the constructor of generators", "got = (function* () { }).constructor('yield 1')().next().value"),
    (
        "the constructor of async generators",
        "got = (await (async function* () { }).constructor('yield 1')().next()).value",
    ),
    ("Function of the host's functions", "got = (console.log as any).constructor('return 1')()"),
    ("Function of a tool", "got = (env.demo.add as any).constructor('return 1')()"),
    ("Function of a bound function", "got = (() => { }).bind(null).constructor('return 1')()"),
    ("a timer of a string", "got = setTimeout('1' as any, 0)"),
    ("an interval of a string", "got = setInterval('1' as any, 0)"),
    ("code from an object", "got = new Function({ toString: () => 'return 1' } as any)()"),
    ("code from parameters", "got = new Function('a = 1', '')()"),
];

/// Globals that must not exist.
const ABSENT: &[&str] = &[
    "SharedArrayBuffer",
    "Atomics",
    "WebAssembly",
    "ShadowRealm",
    "Worker",
    "BroadcastChannel",
    "require",
    "process",
    "module",
    "exports",
    "Deno",
    "Bun",
    "isolet",
    "natives",
    "primordials",
    "gc",
    "print",
    "load",
    "d8",
    "Realm",
    "importScripts",
    "window",
    "document",
    "global",
    "__dirname",
];

const IMPORTS: &[(&str, &str)] = &[
    ("import() of a module of Node", "await import('node:fs')"),
    ("import() of a file", "await import('file:///etc/passwd')"),
    ("import() of a path", "await import('/etc/passwd')"),
    ("import() of a path above", "await import('../../../../etc/passwd')"),
    ("import() of data", "await import('data:text/javascript,export default 1')"),
    ("import() of a URL", "await import('https://example.com/a.js')"),
    ("import() of nothing", "await import('')"),
    ("import() of a null byte", "await import('cloudflare:workers\\0.js')"),
    ("import() of a prefix", "await import('cloudflare:workers/../x')"),
    ("import() of isolet's own", "await import('isolet:drive.js')"),
    ("import() of a megabyte", "await import('./' + 'x/'.repeat(1 << 19))"),
    ("import() of JSON", "await import('./a.json', { with: { type: 'json' } })"),
    ("import() of what is built in, in capitals", "await import('CLOUDFLARE:WORKERS')"),
    ("import() in a function", "const f = (s) => import(s); await f('x')"),
    ("import() in a timer", "await new Promise((_, reject) => setTimeout(() => import('x').catch(reject)))"),
];

const NETWORK: &[(&str, &str)] = &[
    ("fetch", "await fetch('https://example.com')"),
    ("fetch of a file", "await fetch('file:///etc/passwd')"),
    ("fetch of data", "await fetch('data:,x')"),
    ("fetch of metadata", "await fetch('http://169.254.169.254/latest/')"),
    ("fetch of a request", "await fetch(new Request('https://example.com'))"),
    ("WebSocket", "new WebSocket('wss://example.com')"),
    ("XMLHttpRequest", "new XMLHttpRequest()"),
    ("fetch with a poisoned Promise", "Promise.reject = () => 1 as any; await fetch('https://example.com')"),
];

/// Walks all objects that the script can reach, and returns those named like a host function or one
/// of the host's own objects.
const WALK: &str = r#"
    const inside = ['natives', 'primordials', 'toJSONText', 'deliver', 'withHint', 'describe', 'setEnvironment',
        'uncaught', 'finish', 'failFetch', 'parseUrl', 'encodeUtf8', 'executionContext', 'isOfHost', 'withoutHostFrames'];
    const seen = new Set(), found: string[] = [];
    const work: [unknown, string][] = [[globalThis, 'globalThis'], [(function* () { })(), 'generator'],
        [(async function* () { })(), 'asyncGenerator'], [[][Symbol.iterator](), 'iterator'], [new Map().entries(), 'map'],
        ['a'.matchAll(/a/g), 'matches'], [arguments, 'arguments'], [env, 'env'], [env.demo, 'demo'], [env.demo.add, 'add'],
        [await env.demo.echo({ a: 1 }), 'echo'], [await env.demo.fail({}).catch((e) => e), 'failure'],
        [(() => { try { env.nothing } catch (e) { return e } })(), 'unknown'], [await fetch('x:').catch((e) => e), 'refused'],
        [new URL('https://a.example/?b=c'), 'url'], [new Headers({ a: 'b' }), 'headers'], [new Request('https://a.example/'), 'request'],
        [new Response('x'), 'response'], [new ReadableStream(), 'stream'], [new TransformStream(), 'transform'],
        [new AbortController(), 'controller'], [new Event('a'), 'event'], [new Blob(['x']), 'blob'], [new FormData(), 'form'],
        [new URLSearchParams('a=b').entries(), 'params'], [new Headers({ a: 'b' }).entries(), 'entries'],
        [new TextDecoder(), 'decoder'], [new DOMException('a'), 'exception'], [crypto.subtle, 'subtle'],
        [new ReadableStream().getReader(), 'reader'], [new WritableStream().getWriter(), 'writer']];
    while (work.length) {
        const [value, path] = work.pop()!;
        if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
        seen.add(value);
        if (path.length > 300) continue;
        work.push([Reflect.getPrototypeOf(value), path + '.[proto]']);
        if (value === env || value === env.demo) continue;
        for (const key of Reflect.ownKeys(value)) {
            const { value: inner, get, set } = Reflect.getOwnPropertyDescriptor(value, key) as any;
            const name = path + '.' + String(key);
            if (inside.includes(String(key)) || (typeof inner === 'function' && inside.includes(Reflect.getOwnPropertyDescriptor(inner, 'name')?.value))) found.push(name);
            work.push([inner, name], [get, name + '[get]'], [set, name + '[set]']);
            if (get) { try { work.push([get.call(value), name + '()']) } catch { } }
        }
    }
    return seen.size > 1000 ? found : ['only ' + seen.size + ' objects'];"#;

/// Looks for frames that do not belong to the script, in call sites of getters that the host calls
/// and of its errors.
const CALL_SITES: &str = r#"
    const found = new Set<string>();
    const mine = new Set<unknown>([undefined, null, globalThis]);
    (Error as any).prepareStackTrace = (_: Error, sites: any[]) => {
        for (const site of sites) {
            for (const method of ['getFunction', 'getThis']) {
                const got = site[method]();
                if (!mine.has(got)) found.add(method + ': ' + String(got).slice(0, 80));
            }
            if (site.isEval() || site.getEvalOrigin()?.includes('/')) found.add('eval: ' + site.getEvalOrigin());
        }
        return 'x';
    };
    const look = () => { try { null!.x } catch (e) { e.stack } return 1 };
    const proxy = new Proxy({}, { get: look, ownKeys() { look(); return [] }, getPrototypeOf() { look(); return null } });
    console.log(proxy, { get a() { return look() } });
    console.count({ toString: () => 'a' + look() } as any);
    setTimeout(look, { valueOf: look } as any);
    await env.demo.echo({ toJSON() { look(); return {} } });
    await { then(resolve: any) { look(); resolve(1) } };
    new URL({ toString() { look(); return 'https://a.example/' } } as any);
    new Headers({ get a() { look(); return 'b' } });
    structuredClone({ get a() { return look() } });
    const target = new EventTarget(); target.addEventListener('a', look); target.dispatchEvent(new Event('a'));
    await new ReadableStream({ pull(c) { look(); c.close() } }).getReader().read();
    Object.defineProperty(Array.prototype, 7, { set: look, get: look, configurable: true });
    console.log([1, , 3], new Map([[1, 2]]));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await env.demo.fail({}).catch((e: any) => e.stack);
    try { (env as any).nothing } catch (e) { e.stack }
    const at: any = {}; Error.captureStackTrace(at); at.stack;
    return [...found];"#;
