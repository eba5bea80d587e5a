//! `isolet dev`: static assets beyond their answers, which `tests/workers` has: large files,
//! changes, links, errors.

use std::fs;

use hyper::Method;

use crate::harness::http::Request;
use crate::harness::*;

const WORKER: &str = "export default { async fetch(request, env) {
    const url = new URL(request.url);
    const get = (path) => env.ASSETS.fetch(new URL(path, url));
    switch (url.pathname) {
        case '/through': return get('/large.bin');
        case '/length': return new Response((await (await get('/large.bin')).arrayBuffer()).byteLength);
        case '/some': { const { body } = await get('/large.bin'); for await (const chunk of body) return new Response(chunk.length > 0); }
        case '/many': {
            const all = await Promise.all(Array.from({ length: 200 }, () => get('/small.txt')));
            return new Response((await Promise.all(all.map((answer) => answer.text()))).join('').length);
        }
        case '/too-many':
            try { for (;;) await get('/small.txt') } catch (error) { return new Response(`${error}`) }
        case '/out': return new Response((await get('/out.txt')).status);
        case '/aborted': return get('/small.txt').then(() => fetchAborted(env, url));
    }
    return new Response('worker', { status: 404 });
} };
const fetchAborted = (env, url) => env.ASSETS.fetch(new URL('/small.txt', url), { signal: AbortSignal.abort('enough') })
    .then(() => new Response('?'), (reason) => new Response(reason));";

/// A project with a Worker and assets.
fn project(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    folder.write(
        "wrangler.jsonc",
        r#"{ "main": "worker.js", "assets": { "directory": "public", "binding": "ASSETS" } }"#,
    );
    folder.write("worker.js", WORKER);
    for (name, text) in files {
        folder.write(&format!("public/{name}"), *text);
    }
    folder
}

#[tokio::test]
async fn a_large_file_is_whole_on_every_way() {
    const LENGTH: usize = 3 << 20;
    let project = project(&[("small.txt", "small")]);
    let content: Vec<u8> = (0..LENGTH).map(|index| (index % 251) as u8).collect();
    fs::write(project.path().join("public/large.bin"), &content).unwrap();
    let worker = Daemon::dev(project.path(), &[]);
    let direct = worker.get("/large.bin").await.expect(200);
    assert_eq!((direct.header("content-length"), direct.body == content), ("3145728", true));
    let head = worker.send(Request::new(Method::HEAD, "/large.bin")).await.expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("3145728", 0));
    assert!(worker.get("/through").await.expect(200).body == content);
    assert_eq!(worker.get("/length").await.expect(200).text(), LENGTH.to_string());
    assert_eq!(worker.get("/some").await.expect(200).text(), "true");
    assert_eq!(worker.get("/many").await.expect(200).text(), "1000");
    assert_says(&worker.get("/too-many").await.expect(200).text(), &["more than 500 calls"]);
    assert_eq!(worker.get("/aborted").await.expect(200).text(), "enough");
    worker.wait_for_stderr(&["GET /large.bin 200"]);
}

#[tokio::test]
async fn files_change_at_once_and_rules_by_a_reload() {
    let project = project(&[("index.html", "one")]);
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/").await.expect(200).text(), "one");
    project.write("public/index.html", "two");
    project.write("public/new.txt", "new");
    assert_eq!(worker.get("/").await.expect(200).text(), "two");
    assert_eq!(worker.get("/new.txt").await.expect(200).text(), "new");
    fs::remove_file(project.path().join("public/new.txt")).unwrap();
    assert_eq!(worker.get("/new.txt").await.expect(404).text(), "worker");

    project.write("public/_headers", "/*\n  X-Own: yes\n");
    project.write("public/_redirects", "/old /new.txt 301\n");
    project.write("public/.assetsignore", "*.key\n");
    project.write("public/a.key", "secret");
    eventually("the rules", || async {
        let answer = worker.get("/old").await;
        (answer.status == 301 && answer.header("x-own") == "yes").then_some(())
    })
    .await;
    eventually("the pattern", || async { (worker.get("/a.key").await.status == 404).then_some(()) }).await;

    project.write("public/_headers", "X-Own: yes\n");
    worker.wait_for_stderr(&["_headers:1:1: has no path above it"]);
}

/// The folder of assets is a stranger's, and so are the links in it.
#[cfg(unix)]
#[tokio::test]
async fn no_asset_is_outside_its_folder() {
    use std::os::unix::fs::symlink;
    let project = project(&[("small.txt", "small")]);
    project.write("outside.txt", "outside");
    project.write(".dev.vars", "SECRET=1");
    project.write("public/.dev.vars", "SECRET=1");
    let public = project.path().join("public");
    symlink("../outside.txt", public.join("out.txt")).unwrap();
    symlink("..", public.join("up")).unwrap();
    symlink("../.dev.vars", public.join("vars.txt")).unwrap();
    symlink(".dev.vars", public.join("own-vars.txt")).unwrap();
    symlink("/etc", public.join("etc")).unwrap();
    let worker = Daemon::dev(project.path(), &[]);
    for path in [
        "/out.txt",
        "/up/outside.txt",
        "/up/.dev.vars",
        "/vars.txt",
        "/own-vars.txt",
        "/.dev.vars",
        "/etc/hostname",
        "/..%2Foutside.txt",
        "/%2e%2e%2foutside.txt",
        "/small.txt%2F..%2F..%2Foutside.txt",
    ] {
        assert_eq!(worker.get(path).await.expect(404).text(), "worker", "{path}");
    }
    assert_eq!(worker.get("/out").await.expect(200).text(), "404");
    assert_says(&worker.stderr(), &["public/out.txt: is a link that leads out of the assets folder"]);
    // A link that is made later leads nowhere either.
    fs::remove_file(public.join("small.txt")).unwrap();
    symlink("../outside.txt", public.join("small.txt")).unwrap();
    worker.get("/small.txt").await.expect(404);
}

#[test]
fn errors_of_assets_have_their_place() {
    let start = |config: &str, more: &[(&str, &str)]| {
        let folder = Folder::new();
        folder.write("wrangler.json", config);
        folder.write("worker.js", "export default {}");
        folder.write("public/a.txt", "a");
        for (name, text) in more {
            folder.write(name, *text);
        }
        isolet(["dev", folder.text(), "--check"]).output().exits(3).stderr
    };
    for (config, expected) in [
        (
            r#"{ "main": "worker.js", "assets": { "directory": "missing" } }"#,
            ":1:49: the assets folder \"missing\" does not exist",
        ),
        (r#"{ "main": "worker.js", "assets": { "directory": "/etc" } }"#, "is outside the project's folder"),
        (r#"{ "main": "worker.js", "assets": { "binding": "A" } }"#, ":1:34: `assets.directory` is missing"),
        (r#"{ "assets": { "directory": "public", "binding": "A" } }"#, "`assets.binding` needs a Worker"),
        (
            r#"{ "assets": { "directory": "public", "run_worker_first": true } }"#,
            "`assets.run_worker_first` needs a Worker",
        ),
        (
            r#"{ "assets": { "directory": "public", "html_handling": "auto" } }"#,
            ":1:55: `assets.html_handling` must be one of auto-trailing-slash",
        ),
        (
            r#"{ "main": "worker.js", "assets": { "directory": "public", "run_worker_first": ["api"] } }"#,
            ":1:79: `assets.run_worker_first` has a pattern that begins neither with / nor with !/",
        ),
        (
            r#"{ "main": "worker.js", "assets": { "directory": "public", "binding": "a b" } }"#,
            "`assets.binding` must be a name such as ASSETS",
        ),
    ] {
        assert_says(&start(config, &[]), &["wrangler.json:1:", expected]);
    }
    let config = r#"{ "main": "worker.js", "assets": { "directory": "public", "binding": "ASSETS" } }"#;
    let early = "await env.ASSETS.fetch('http://a/a.txt'); import { env } from 'cloudflare:workers'; export default {}";
    assert_says(
        &start(config, &[("worker.js", early)]),
        &["Disallowed operation called within global scope", "worker.js:1:"],
    );
}
