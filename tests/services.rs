//! Service bindings: Workers that call each other, under `isolet dev` and `isolet serve`.

use crate::harness::http::{Answer, Connection, Request};
use crate::harness::*;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A Worker that HTTP reaches. `read` gives a response as status and text, and an error as text.
const SITE: &str = "
const read = async (call) => {
    try { const answer = await call(); return [answer.status, await answer.text()] }
    catch (error) { return `${error.name}: ${error.message}` }
};
export default { async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/pass') return env.API.fetch(request);
    if (pathname === '/loop') return env.SELF.fetch(request);
    if (pathname === '/absent') return new Response(await env.NONE.add(1).catch((error) => error.message));
    if (pathname === '/self') return new Response(`self of ${env.NAME}`);
    if (pathname !== '/') return Response.json(await read(() => env.API.fetch(request)));
    const post = { method: 'POST', body: 'hé', headers: { 'x-a': '1' } };
    return Response.json({
        plain: await read(() => env.API.fetch('http://x.example/plain?q', post)),
        admin: await read(() => env.ADMIN.fetch('http://x.example/admin')),
        object: await read(() => env.OBJECT.fetch('http://x.example/object')),
        none: await read(() => env.NONE.fetch('http://x.example/')),
        nameless: await read(() => env.NAMELESS.fetch('http://x.example/')),
        self: await read(() => env.SELF.fetch('http://x.example/self')),
        thrown: await read(() => env.API.fetch('http://x.example/throw')),
        redirect: await read(() => env.API.fetch('http://x.example/redirect')),
        kind: `${env.API}`,
        keys: Object.keys(env).sort(),
    });
} };";

const SITE_KEYS: &str = r#", "services": [ { "binding": "API", "service": "api" },
    { "binding": "ADMIN", "service": "api", "entrypoint": "Admin", "props": { "level": [3] } },
    { "binding": "OBJECT", "service": "api", "entrypoint": "object" }, { "binding": "SELF", "service": "site" },
    { "binding": "NONE", "service": "nobody" }, { "binding": "NAMELESS", "service": "api", "entrypoint": "Nobody" } ]"#;

/// A Worker that only the other one reaches.
const API: &str = "
import { WorkerEntrypoint } from 'cloudflare:workers';
export class Admin extends WorkerEntrypoint {
    fetch(request) { return Response.json([request.url, this.ctx.props, this.env.NAME]); }
}
export const object = { fetch: (request, env, ctx) => Response.json([request.url, ctx.props]) };
export default { async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/throw') throw new RangeError('too far');
    if (pathname === '/redirect') return Response.redirect('http://x.example/target', 302);
    if (pathname === '/spin') for (;;) {}
    if (pathname === '/slow') {
        request.signal.addEventListener('abort', () => console.log('the callee knows'));
        console.log('the callee has it');
        await scheduler.wait(60000);
    }
    if (pathname === '/count') return new Response(`${globalThis.count = (globalThis.count ?? 0) + 1}`);
    if (pathname === '/tools') return new Response(`${env.demo && (await env.demo.add({ a: 1, b: 2 })).sum}`);
    if (pathname === '/pass') return new Response(request.body, { headers: { 'x-api': env.NAME } });
    const { method, url, headers } = request;
    return Response.json([env.NAME, method, url, headers.get('x-a'), await request.text()]);
} };";

fn project(folder: &Folder, name: &str, keys: &str, code: &str) {
    let config = format!(
        "{{ \"name\": \"{name}\", \"main\": \"worker.js\", \"vars\": {{ \"NAME\": \"{name}\" }} {keys} }}"
    );
    folder.write(&format!("{name}/wrangler.jsonc"), config);
    folder.write(&format!("{name}/worker.js"), code);
}

fn site_and_api() -> Folder {
    let folder = Folder::new();
    project(&folder, "site", SITE_KEYS, SITE);
    project(&folder, "api", "", API);
    folder
}

fn dev(folder: &Folder, args: &[&str]) -> Daemon {
    let two = ["-c", &folder.at("site/wrangler.jsonc"), "-c", &folder.at("api/wrangler.jsonc")];
    Daemon::dev(folder.path(), &[&two, args].concat())
}

/// The answers of a Worker to what it asks the other one.
#[tokio::test]
async fn two_workers_of_one_session_call_each_other() {
    let folder = site_and_api();
    let site = dev(&folder, &[]);
    site.wait_for_stderr(&["isolet serves site on http://", "isolet serves api to service bindings"]);
    let warning =
        "the binding NONE calls the Worker \"nobody\", which is not in this session: name its configuration";
    assert_says(&site.stderr(), &["site/wrangler.jsonc:4:5: ", warning]);
    assert_eq!(site.stderr().matches("not in this session").count(), 1, "the others are");
    let absent = site.get("/absent").await.expect(200).text();
    assert_says(&absent, &["Worker \"nobody\" not found", "with a further -c"]);
    let found = site.get("/").await.expect(200).json();
    let expected = json!({
        "plain": [200, r#"["api","POST","http://x.example/plain?q","1","hé"]"#],
        "admin": [200, r#"["http://x.example/admin",{"level":[3]},"api"]"#],
        "object": [200, r#"["http://x.example/object",{}]"#],
        "none": [503, "Worker \"nobody\" not found. Make sure it is running locally."],
        "nameless": "TypeError: The Worker has no entrypoint 'Nobody': its main module has no such export.",
        "self": [200, "self of site"],
        "thrown": "RangeError: too far",
        "redirect": [200, r#"["api","GET","http://x.example/target",null,""]"#],
        "kind": "[object Fetcher]",
        "keys": ["ADMIN", "API", "NAME", "NAMELESS", "NONE", "OBJECT", "SELF"],
    });
    assert_eq!(found, expected, "{found:#}");
    // The log tells the Workers apart, and has the place of the error.
    site.wait_for_stderr(&["api: GET /throw failed", "worker.js:9:38", "site: GET / 200"]);

    // A body passes both as it comes, and is larger than all windows on the way.
    let big = "x".repeat(3 << 20);
    let answer = site.send(Request::post("/pass", "text/plain", big.clone())).await.expect(200);
    assert!(answer.text() == big && answer.header("x-api") == "api");

    let looped = site.get("/loop").await.expect(500).text();
    assert_says(&looped, &["more than 32 calls of Workers"]);
    assert_eq!(site.get("/self").await.expect(200).text(), "self of site");
}

#[tokio::test]
async fn each_of_several_workers_is_loaded_again() {
    let folder = site_and_api();
    let site = dev(&folder, &[]);
    assert_eq!(site.get("/count").await.expect(200).json()[1], "1");
    folder.write("api/worker.js", "export default { fetch: () => new Response('changed') };");
    site.wait_for_stderr(&["reloaded api"]);
    assert_eq!(site.get("/count").await.expect(200).json()[1], "changed");
    // A new name is another Worker.
    project(&folder, "api", ", \"compatibility_date\": \"2026-01-01\"", API);
    let config = folder.read("api/wrangler.jsonc").replace("\"api\"", "\"else\"");
    folder.write("api/wrangler.jsonc", config);
    site.wait_for_stderr(&["reloaded else"]);
    assert_eq!(site.get("/count").await.expect(200).json()[0], 503);
    folder.write("site/wrangler.jsonc", folder.read("site/wrangler.jsonc").replace("\"api\"", "\"else\""));
    site.wait_for_stderr(&["reloaded site"]);
    assert_eq!(site.get("/count").await.expect(200).json()[1], "1");
}

#[tokio::test]
async fn a_client_that_goes_is_noticed_by_the_callee() {
    let folder = site_and_api();
    let site = dev(&folder, &[]);
    let mut client = TcpStream::connect(site.address()).await.unwrap();
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    site.wait_for_stderr(&["the callee has it"]);
    drop(client);
    site.wait_for_stderr(&["the callee knows"]);
}

#[test]
fn workers_of_one_session_have_names_of_their_own() {
    let folder = site_and_api();
    let site = folder.at("site/wrangler.jsonc");
    let same = ["dev", folder.text(), "--port", "0", "-c", &site, "-c", &site];
    assert_says(&isolet(same).output().exits(3).stderr, &["two Workers are called \"site\""]);
    let entry = folder.at("api/worker.js");
    let entry = ["dev", &entry, "--port", "0", "-c", &site, "-c", &folder.at("api/wrangler.jsonc")];
    assert_says(&isolet(entry).output().exits(2).stderr, &["an entry module cannot be combined"]);
}

/// `isolet serve` of the two, with these settings.
fn serve(settings: &str, keys: &str, args: &[&str]) -> Daemon {
    let folder = site_and_api();
    project(&folder, "site", keys, SITE);
    folder.write("isolet.toml", settings);
    let settings = folder.at("isolet.toml");
    let fixed = ["--worker-listen", "127.0.0.1:0", "--worker-route", "site=site.example/*"];
    let fixed = [&fixed[..], &["--worker-route", "api=api.example/*", "--config", &settings], args].concat();
    Daemon::serve_in(folder, &fixed.iter().map(|text| &**text).collect::<Vec<_>>())
}

async fn get(daemon: &Daemon, path: &str) -> Answer {
    daemon.wait_for_stderr(&["isolet serves api"]);
    let log = daemon.stderr();
    let (_, line) = log.split_once("isolet serves site on http://").expect("the site is served");
    let address = line.split(' ').next().unwrap().parse().unwrap();
    Connection::open(address).await.send(Request::get(path).header("host", "site.example")).await
}

const ONLY_API: &str = r#", "services": [{ "binding": "API", "service": "api" }]"#;

#[tokio::test]
async fn the_callee_has_its_own_limits_servers_and_processes() {
    let settings = "[limits]\ncpu = \"300ms\"\n[[workers.worker]]\npath = \"site\"\n[[workers.worker]]\npath = \"api\"\nisolation = \"request\"\n";
    let served = serve(settings, ONLY_API, &["--worker-mcp-server", "api=demo"]);
    let answer = get(&served, "/tools").await.expect(200);
    assert_eq!(answer.json(), json!([200, "3"]), "the callee's server; the caller has none");
    // With a process for each request the callee remembers nothing.
    for _ in 0..2 {
        assert_eq!(get(&served, "/count").await.expect(200).json(), json!([200, "1"]));
    }
    // The callee's loop ends the callee's request. The caller goes on.
    let spun = get(&served, "/spin").await.expect(200).text();
    assert_says(&spun, &["CPU"]);
    assert_eq!(get(&served, "/self").await.expect(200).text(), "self of site");
    served.wait_for_stderr(&["worker=\"api\"", "cpu_limit"]);
}

#[tokio::test]
async fn a_service_that_is_not_served_ends_the_start() {
    let folder = site_and_api();
    let (site, api) = (folder.at("site"), folder.at("api"));
    let failed = isolet(["serve", "--no-token", "--listen", "127.0.0.1:0"])
        .args(&["--worker-listen", "127.0.0.1:0", "--worker", &site, "--worker", &api])
        .output()
        .exits(3)
        .stderr;
    assert_says(
        &failed,
        &["\"site\"", "\"nobody\"", "its binding NONE", "wrangler.jsonc:4:5", "site, api", "--worker DIR"],
    );
}
