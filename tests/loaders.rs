//! Worker loaders: Workers whose code another Worker gives, each in a jailed process of its own.

use crate::harness::*;

/// A Worker that loads the code which it is sent. `/kept` keeps one by its id.
const PARENT: &str = "
import { WorkerEntrypoint } from 'cloudflare:workers';
export class Store extends WorkerEntrypoint {
    fetch(request) { return new Response(`${this.ctx.props.user} asks for ${new URL(request.url).pathname}`) }
}
export default { async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/self') return new Response('the parent answers');
    const code = () => ({ compatibilityDate: '2026-01-01', compatibilityFlags: ['nodejs_compat'], mainModule: 'main.js',
        modules: { 'main.js': text }, env: { STORE: ctx.exports.Store({ props: { user: 'ann' } }), NAME: 'loaded' },
        globalOutbound: null, limits: { cpuMs: 300 } });
    const text = await request.text();
    const stub = pathname === '/kept' ? env.LOADER.get('one', code) : env.LOADER.load(code());
    try { return await stub.getEntrypoint().fetch('http://x/in') }
    catch (error) { return new Response(`${error.name}: ${error.message}`, { status: 500 }) }
} };";

fn parent() -> Folder {
    let folder = Folder::new();
    folder.write(
        "wrangler.jsonc",
        r#"{ "name": "parent", "main": "worker.js", "compatibility_date": "2026-01-01", "vars": { "SECRET": "s" },
            "worker_loaders": [{ "binding": "LOADER" }] }"#,
    );
    folder.write("worker.js", PARENT);
    folder
}

async fn load(parent: &Daemon, path: &str, code: &str) -> (u16, String) {
    let answer = parent.send(http::Request::post(path, "text/javascript", code.to_owned())).await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn code_runs_in_a_worker_of_its_own_with_what_it_is_given() {
    let folder = parent();
    let parent = Daemon::dev(folder.path(), &["--demo"]);
    let code = "
        import { Buffer } from 'node:buffer';
        export default { async fetch(request, env) {
            console.log('a line of the loaded one');
            const tried = async (call) => { try { return await call() } catch (error) { return error.name } };
            return Response.json([request.url, await (await env.STORE.fetch('http://store/cart')).text(), Object.keys(env).sort(),
                Buffer.from('hi').toString('hex'), await tried(() => fetch('http://127.0.0.1:1/')),
                await tried(() => env.demo.add({ a: 1, b: 2 })), process.env.SECRET ?? null]) } };";
    let (status, text) = load(&parent, "/", code).await;
    assert_eq!(status, 200, "{text}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&found[0], &found[1]), (&json!("http://x/in"), &json!("ann asks for /cart")));
    assert_eq!((&found[2], &found[3]), (&json!(["NAME", "STORE"]), &json!("6869")));
    for index in [4, 5] {
        assert!(found[index].as_str().unwrap().ends_with("Error"), "{index}: {found}");
    }
    assert_eq!(found[6], Value::Null, "the parent's variable");
    parent.wait_for_stderr(&["a line of the loaded one"]);

    // One that is kept by its id keeps its state, and the code is asked for once.
    let counting = "let count = 0; export default { fetch: () => new Response(`${++count}`) };";
    for expected in ["1", "2", "3"] {
        assert_eq!(load(&parent, "/kept", counting).await, (200, expected.to_owned()));
    }
    let error = load(&parent, "/", "export default {").await.1;
    assert_says(&error, &["SyntaxError"]);
}

#[tokio::test]
async fn hostile_code_harms_neither_its_parent_nor_its_neighbour() {
    let folder = parent();
    folder.write("isolet.toml", "[limits]\nmemory = \"64MiB\"\ncpu = \"500ms\"\n");
    let parent = Daemon::dev(folder.path(), &[]);
    let counting = "let count = 0; export default { fetch: () => new Response(`${++count}`) };";
    assert_eq!(load(&parent, "/kept", counting).await, (200, "1".to_owned()));
    for (code, expected) in [
        ("export default { fetch() { for (;;); } };", "CPU"),
        ("for (;;);", "CPU"),
        (
            "const all = []; export default { fetch() { for (;;) all.push(new Uint8Array(1 << 20).fill(1)); } };",
            "memory",
        ),
        ("export default { async fetch() { await new Promise(() => {}) } };", "never answer"),
        ("export default { fetch: (request, env) => env.LOADER.load({}) };", "TypeError"),
        (
            "export default { fetch() { throw Object.assign(new Error('x'), { code: 'CRASHED' }) } };",
            "Error: x",
        ),
    ] {
        let (status, text) = load(&parent, "/", code).await;
        assert_eq!(status, 500, "{code}: {text}");
        assert_says(&text, &[expected]);
        assert_eq!(parent.get("/self").await.expect(200).text(), "the parent answers", "{code}");
    }
    assert_eq!(load(&parent, "/kept", "not asked for").await, (200, "2".to_owned()), "the neighbour goes on");
}

#[tokio::test]
async fn workers_that_were_loaded_end_with_their_request() {
    let folder = parent();
    let parent = Daemon::dev(folder.path(), &[]);
    for number in 0..50 {
        let code = format!("export default {{ fetch: () => new Response('{number}') }};");
        assert_eq!(load(&parent, "/", &code).await, (200, number.to_string()));
    }
    eventually("few processes", async || (parent.script_processes().len() < 8).then_some(())).await;
}
