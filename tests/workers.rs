//! Projects with npm packages in `isolet dev`: their answers are those of `wrangler dev`, which
//! `tests/workers/record.py` has written.

use std::fs;
use std::path::{Path, PathBuf};

use hyper::Method;

use crate::harness::http::{Answer, Request};
use crate::harness::*;

/// The projects in `tests/workers` that show what isolet itself does.
#[rustfmt::skip]
const PROJECTS: [&str; 14] = [
    "forms", "html-rewriter", "modules", "monorepo", "node", "node-http", "platform", "rpc", "scheduled", "service-worker", "site", "startup",
    "web-streams", "worktop",
];

/// The projects of frameworks: servers, and pages that are rendered.
#[rustfmt::skip]
const FRAMEWORKS: [&str; 15] = [
    "ai", "elysia", "graphql-yoga", "hono", "hono-middleware", "hono-openapi", "itty-router", "mcp", "preact", "react", "solid",
    "svelte", "trpc", "vue", "zod",
];

/// The projects of libraries.
#[rustfmt::skip]
const LIBRARIES: [&str; 13] = [
    "binary", "cheerio", "codemode", "dates", "formats", "images", "keys", "libraries", "node-packages", "query-builders", "rxjs",
    "templates", "validation",
];

/// The environments of `tests/workers/assets`, which differ in the handling of paths.
const ASSET_ENVIRONMENTS: [&str; 8] = ["", "drop", "exact", "first", "force", "page", "routes", "spa"];

/// Copies a project to a folder below the one in which the packages are installed.
pub fn installed(name: &str) -> PathBuf {
    installed_as(name, name)
}

/// Copies a project to a folder of another name there, for a test of its own.
pub fn installed_as(name: &str, folder: &str) -> PathBuf {
    let target = npm::servers().folder().join("workers").join(folder);
    let _ = fs::remove_dir_all(&target);
    copy(&repository().join("tests/workers").join(name), &target);
    target
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder of the repository").flatten() {
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to),
            false => _ = fs::copy(entry.path(), to).expect("a copy"),
        }
    }
}

fn read(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

/// Returns a request. `{etag}` in its headers stands for a tag.
fn request(asked: &Value, etag: &str) -> Request {
    let method = asked["method"].as_str().unwrap_or("GET");
    let mut request =
        Request::new(Method::from_bytes(method.as_bytes()).expect("a method"), text(&asked["path"]));
    // wrangler was asked under this name.
    request = request.header("host", "localhost");
    for (name, value) in asked["headers"].as_object().into_iter().flatten() {
        request = request.header(name, &text(value).replace("{etag}", etag));
    }
    match asked["body"].as_str() {
        Some(body) => request.body(body.to_owned()),
        None => request,
    }
}

/// The headers that `record.py` leaves out.
const LEFT_OUT: [&str; 5] = ["connection", "content-length", "content-type", "date", "transfer-encoding"];

/// Returns the headers of an answer as `record.py` writes them, or null if there are none.
fn headers(answer: &Answer) -> Value {
    let mut found = serde_json::Map::new();
    for name in answer.headers.keys().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
        let values = answer.headers.get_all(name).iter().map(|value| value.to_str().expect("text"));
        let value = values.collect::<Vec<_>>().join(", ");
        let tag = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or_default();
        let is_made = tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        found.insert(name.to_string(), json!(if is_made { "<etag>" } else { &value }));
    }
    if found.is_empty() { Value::Null } else { Value::Object(found) }
}

/// Compares a project's answers with those in a file of its folder.
async fn check(folder: &Path, file: &str, worker: &Daemon) {
    let (requests, answers) = (read(folder, "requests.json"), read(folder, file));
    assert_eq!(requests.len(), answers.len());
    let (mut etag, mut different) = (String::new(), Vec::new());
    for (asked, expected) in requests.iter().zip(&answers) {
        let answer = worker.send(request(asked, &etag)).await;
        etag = answer.header("etag").to_owned();
        let kind = answer.headers.get("content-type").map(|kind| kind.to_str().expect("text"));
        let found = json!({ "status": answer.status, "type": kind, "text": answer.text() });
        let mut expected = expected.clone();
        // The answers of older recordings have no headers.
        let expected_headers = expected.as_object_mut().and_then(|answer| answer.shift_remove("headers"));
        let has_headers = answers.iter().any(|answer| answer.get("headers").is_some());
        let same = !has_headers || headers(&answer) == expected_headers.clone().unwrap_or_default();
        if found != expected || !same {
            let headers = headers(&answer);
            different.push(format!("{asked}\n   {found} {headers}\n   {expected} {expected_headers:?}"));
        }
    }
    assert!(different.is_empty(), "{}: {file}\n{}", folder.display(), different.join("\n"));
}

async fn check_all(names: &[&str]) {
    for name in names {
        let folder = installed(name);
        let worker = Daemon::dev(&folder, &[]);
        check(&folder, "answers.json", &worker).await;
    }
}

#[tokio::test]
async fn projects_answer_as_in_wrangler() {
    check_all(&PROJECTS).await;
}

#[tokio::test]
async fn frameworks_answer_as_in_wrangler() {
    check_all(&FRAMEWORKS).await;
}

#[tokio::test]
async fn libraries_answer_as_in_wrangler() {
    check_all(&LIBRARIES).await;
}

#[test]
fn every_recorded_project_is_compared() {
    let listed = [&PROJECTS[..], &FRAMEWORKS, &LIBRARIES, &["assets", "websockets"]].concat();
    let folder = fs::read_dir(repository().join("tests/workers")).expect("the projects");
    for entry in folder.flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().into_string().expect("UTF-8");
        assert!(listed.contains(&name.as_str()), "{name} is in no list");
    }
}

#[tokio::test]
async fn static_assets_answer_as_in_wrangler() {
    let folder = installed("assets");
    for environment in ASSET_ENVIRONMENTS {
        let (options, file) = match environment {
            "" => (vec![], "answers.json".to_owned()),
            name => (vec!["--env", name], format!("answers.{name}.json")),
        };
        let worker = Daemon::dev(&folder, &options);
        check(&folder, &file, &worker).await;
    }
}

#[tokio::test]
async fn modules_of_node_answer_as_in_node_where_workerd_differs() {
    let folder = installed("node");
    let worker = Daemon::dev(&folder, &[]);
    let answer = worker.get("/disputed").await.expect(200).json();
    let text = fs::read_to_string(folder.join("disputed.json")).expect("a file");
    let expected: Value = serde_json::from_str(&text).expect("JSON");
    for (name, expected) in expected.as_object().expect("an object") {
        assert_eq!(&answer[name], expected, "{name}");
    }
}

/// workerd 1.20260426 loses what is piped into a response, and breaks off a request that is.
#[tokio::test]
async fn servers_of_node_http_answer_as_in_node_where_workerd_differs() {
    let folder = installed("node-http");
    let worker = Daemon::dev(&folder, &[]);
    for (path, body, expected) in [
        ("/plain/upper", Some("upper case"), "UPPER CASE"),
        ("/plain/pipe", Some("piped"), "piped"),
        ("/plain/readable", None, "abc"),
        ("/plain/events", None, "xtrue false false,false 200 OK"),
        ("/koa/stream", None, "s1 s2"),
        ("/koa/none", None, "Not Found"),
    ] {
        let mut request = Request::new(if body.is_some() { Method::POST } else { Method::GET }, path);
        if let Some(body) = body {
            request = request.body(body);
        }
        assert_eq!(worker.send(request).await.text(), expected, "{path}");
    }
}

#[tokio::test]
async fn bodies_of_node_http_wait_for_their_readers_and_end_with_their_clients() {
    let entry = r#"
        import http from "node:http";
        import { httpServerHandler } from "cloudflare:node";
        const seen = [];
        const server = http.createServer((request, response) => {
            if (request.url === "/seen") {
                return void response.setHeader("content-type", "application/json").end(JSON.stringify(seen));
            }
            if (request.url === "/count") {
                let bytes = 0;
                request.on("data", (chunk) => { bytes += chunk.length; });
                request.on("end", () => response.end(String(bytes)));
                return;
            }
            if (request.url === "/ignore") return void response.end("ignored");
            if (request.url === "/throws") throw new Error("a handler failed");
            if (request.url === "/destroys") return void response.destroy(new Error("no answer"));
            // A body without end: it is written as long as it is read.
            let written = 0;
            const more = () => {
                while (!response.destroyed && response.write("x".repeat(16384))) written++;
                if (!response.destroyed) response.once("drain", more);
            };
            for (const [name, emitter] of [["request", request], ["response", response]]) {
                emitter.on("close", () => seen.push(`${name} closed ${written < 10_000}`));
            }
            request.on("aborted", () => seen.push("aborted"));
            request.on("error", (error) => seen.push(error.code));
            more();
        });
        export default httpServerHandler(server);
    "#;
    let folder = Folder::new();
    folder.write("index.js", entry);
    folder.write(
        "wrangler.json",
        json!({ "main": "index.js", "compatibility_date": "2026-01-01", "compatibility_flags": ["nodejs_compat"] })
            .to_string(),
    );
    let worker = Daemon::dev(folder.path(), &[]);
    let upload = || Request::new(Method::POST, "/count").chunks(vec![b'u'; 65_536].into(), 64);
    assert_eq!(worker.send(upload()).await.expect(200).text(), (65_536 * 64).to_string());
    let ignored = Request::new(Method::POST, "/ignore").body(vec![b'u'; 300_000]);
    assert_eq!(worker.send(ignored).await.expect(200).text(), "ignored");
    worker.get("/throws").await.expect(500);
    worker.get("/destroys").await.expect(500);
    worker.wait_for_stderr(&["a handler failed", "no answer"]);
    {
        let mut connection = worker.connect().await;
        let response = connection.begin(Request::get("/endless")).await;
        assert_eq!(response.status(), 200);
        drop(response);
    }
    let mut seen = Value::Null;
    for _ in 0..100 {
        seen = worker.get("/seen").await.expect(200).json();
        if seen.as_array().is_some_and(|seen| seen.len() >= 2) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let said = seen.to_string();
    assert!(said.contains("response closed true") && said.contains("request closed true"), "{said}");
}

// Node.js takes any exponent, and does not come to an end with 1.
#[tokio::test]
async fn exponents_of_rsa_are_those_of_subtle_crypto() {
    let entry = r#"
        import { generateKeyPair, generateKeyPairSync } from "node:crypto";
        import { promisify } from "node:util";
        const told = (error) => [error instanceof RangeError, error.code, error.message];
        const made = (type, publicExponent) => {
            try {
                const { publicKey } = generateKeyPairSync(type, { modulusLength: 1024, publicExponent });
                return Number(publicKey.asymmetricKeyDetails.publicExponent);
            } catch (error) {
                return told(error);
            }
        };
        const later = () => promisify(generateKeyPair)("rsa", { modulusLength: 1024, publicExponent: 1 });
        export default {
            fetch: async () => Response.json([
                ...[undefined, 3, 65537, 0, 1, 2, 5].map((exponent) => made("rsa", exponent)),
                made("rsa-pss", 1),
                made("rsa", "3")[1],
                await later().catch(told),
            ]),
        };"#;
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.js", "compatibility_date": "2026-08-04" }"#),
        ("index.js", entry),
    ]);
    let refused = |exponent: u32| {
        let message = format!(
            "The value of \"options.publicExponent\" is out of range. It must be 3 or 65537. Received {exponent}"
        );
        json!([true, "ERR_OUT_OF_RANGE", message])
    };
    let expected = json!([
        65537,
        3,
        65537,
        refused(0),
        refused(1),
        refused(2),
        refused(5),
        refused(1),
        "ERR_INVALID_ARG_TYPE",
        refused(1)
    ]);
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/").await.expect(200).json(), expected);
}

#[tokio::test]
async fn dates_and_flags_decide_about_node() {
    let entry =
        "export default { fetch: () => Response.json([typeof Buffer, typeof process, typeof global]) }";
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.js", "compatibility_date": "2026-08-03" }"#),
        ("index.js", entry),
        (
            "needs.js",
            "import { Buffer } from 'node:buffer'; export default { fetch: () => new Response(Buffer.from('a')) }",
        ),
        ("bare.js", "import fs from 'fs'; export default { fetch: () => new Response(typeof fs.readFile) }"),
        (
            "storage.js",
            "import { AsyncLocalStorage } from 'node:async_hooks'; export default { fetch: () =>
            Response.json([new AsyncLocalStorage().run(1, () => 2), typeof Buffer]) }",
        ),
    ]);
    let configure = |main: &str, date: &str, flags: &str| {
        let text = format!(
            r#"{{ "main": "{main}", "compatibility_date": "{date}", "compatibility_flags": {flags} }}"#
        );
        project.write("wrangler.json", text);
    };
    let none = json!(["undefined", "undefined", "undefined"]);
    let all = json!(["function", "object", "object"]);
    for (date, flags, expected) in [
        ("2026-08-03", "[]", &none),
        ("2026-08-04", "[]", &all),
        ("2026-08-04", r#"["no_nodejs_compat"]"#, &none),
        ("2025-01-01", r#"["nodejs_compat"]"#, &all),
        ("2024-01-01", r#"["nodejs_compat"]"#, &none),
    ] {
        configure("index.js", date, flags);
        let worker = Daemon::dev(project.path(), &[]);
        assert_eq!(&worker.get("/").await.expect(200).json(), expected, "{date} {flags}");
    }
    configure("needs.js", "2024-01-01", r#"["nodejs_compat"]"#);
    assert_eq!(Daemon::dev(project.path(), &[]).get("/").await.expect(200).text(), "a");
    configure("storage.js", "2024-01-01", r#"["nodejs_als"]"#);
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/").await.expect(200).json(), json!([2, "undefined"]));
    for main in ["needs.js", "bare.js"] {
        configure(main, "2026-08-03", "[]");
        let failed = isolet(["dev", "--check"]).within(project.path()).output();
        assert_says(&failed.exits(3).stderr, &[main, "a module of Node.js", "nodejs_compat", "2026-08-04"]);
    }
}

#[tokio::test]
async fn what_no_jail_has_says_what_to_do() {
    let entry = "import fs, { readFileSync } from 'node:fs';
import net from 'net';
import { Agent } from 'node:https';
import worker_threads from 'node:worker_threads';
class Socket extends net.Socket {}
const say = (run) => { try { return run() } catch (error) { return `${error.code}: ${error.message}` } };
export default { fetch: async () => Response.json([
    say(() => readFileSync('/etc/passwd')), say(() => fs.promises.readFile('x')), say(() => new Socket()), say(() => net.connect(80)),
    say(() => require('child_process').execSync('id')), say(() => process.exit(1)), say(() => process.binding('fs')),
    fs.existsSync('/etc/passwd'), typeof new Agent({ keepAlive: true }), worker_threads.isMainThread,
    say(() => require('node:nothing')), require('node:' + 'path').join('a', 'b'), (await import('pat' + 'h')).sep,
]) };
";
    let project = project(&[("wrangler.json", r#"{ "main": "index.js" }"#), ("index.js", entry)]);
    let worker = Daemon::dev(project.path(), &[]);
    let answer = worker.get("/").await.expect(200).json();
    for (index, expected) in [
        "ERR_METHOD_NOT_IMPLEMENTED: node:fs: readFileSync() is not available in a Worker: a Worker has no files: import them",
        "node:fs/promises: readFile() is not available in a Worker",
        "node:net: Socket() is not available in a Worker: a Worker has no sockets.",
        "node:net: connect() is not available",
        "node:child_process: execSync() is not available in a Worker: a Worker starts no processes",
        "process.exit(1) ends no Worker",
        "process.binding() is not available in a Worker",
    ]
    .iter()
    .enumerate()
    {
        assert_says(text(&answer[index]), &[expected]);
    }
    let rest = (&answer[7], &answer[8], &answer[9]);
    assert_eq!(rest, (&json!(false), &json!("object"), &json!(true)));
    assert_says(text(&answer[10]), &["node:nothing"]);
    assert_eq!((&answer[11], &answer[12]), (&json!("a/b"), &json!("/")));
}

#[tokio::test]
async fn a_worker_that_replaces_globals_harms_itself_only() {
    let entry = "const seen = [];
const own = Function.prototype.call.bind(Array.prototype.push);
for (const [object, name] of [[Array.prototype, 'map'], [Object, 'assign'], [Reflect, 'apply'], [Function.prototype, 'bind'], [Map.prototype, 'get']]) {
    const before = object[name];
    object[name] = function (...args) { own(seen, this, ...args); return before.apply(this, args) };
}
export default { fetch: async () => {
    const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const refused = [];
    const { createHmac, KeyObject } = await import('node:crypto');
    for (const run of [() => createHmac('sha256', key), () => KeyObject.from(key)]) {
        try { run(); refused.push('no') } catch (error) { refused.push(error.code) }
    }
    const { join } = await import('node:path');
    const isHost = (value) => typeof value === 'object' && value !== null && 'natives' in value;
    return Response.json([refused, join('a', 'b'), seen.some(isHost)]);
} };
";
    let project = project(&[("wrangler.json", r#"{ "main": "index.js" }"#), ("index.js", entry)]);
    let worker = Daemon::dev(project.path(), &[]);
    let refused = ["ERR_INVALID_ARG_VALUE", "ERR_INVALID_ARG_VALUE"];
    assert_eq!(worker.get("/").await.expect(200).json(), json!([refused, "a/b", false]));
}

#[tokio::test]
async fn inspect_shows_classes_of_the_web() {
    let entry = "import { inspect } from 'node:util';
export default { fetch: () => Response.json([
    inspect({ a: new Headers({ b: 'c' }) }), inspect(new URL('http://a/b')), inspect(new Blob(['a'])), inspect({ a: { b: { c: new Headers() } } }, { depth: 2 }),
]) };
";
    let project = project(&[("wrangler.json", r#"{ "main": "index.js" }"#), ("index.js", entry)]);
    let worker = Daemon::dev(project.path(), &[]);
    let expected = json!([
        "{ a: Headers { b: 'c' } }",
        "URL 'http://a/b'",
        "Blob { size: 1, type: '' }",
        "{ a: { b: { c: [Headers] } } }"
    ]);
    assert_eq!(worker.get("/").await.expect(200).json(), expected);
}

#[tokio::test]
async fn work_of_node_crypto_is_bounded() {
    let entry = "import { generateKeyPairSync, pbkdf2Sync, scryptSync } from 'node:crypto';
const say = (run) => { try { return run().length } catch (error) { return error.code } };
export default { fetch: () => Response.json([
    say(() => pbkdf2Sync('a', 'b', 10_000_000, 32, 'sha256')), say(() => pbkdf2Sync('a', new Uint8Array(2 ** 24), 1, 1e6, 'sha256')),
    say(() => scryptSync('a', 'b', 32, { p: 1000 })),
    say(() => scryptSync('a', 'b', 32, { N: 2 ** 24, maxmem: 2 ** 40 })), say(() => generateKeyPairSync('rsa', { modulusLength: 65536 })),
    say(() => pbkdf2Sync('a', 'b', 1000, 32, 'sha256')), say(() => scryptSync('a', 'b', 32)),
]) };
";
    let project = project(&[("wrangler.json", r#"{ "main": "index.js" }"#), ("index.js", entry)]);
    let worker = Daemon::dev(project.path(), &[]);
    let range = "ERR_OUT_OF_RANGE";
    let expected = json!([range, range, range, range, range, 32, 32]);
    assert_eq!(worker.get("/").await.expect(200).json(), expected);
}

#[tokio::test]
async fn process_env_has_the_variables_of_the_worker_and_nothing_of_isolet() {
    let entry = "const atStart = { ...process.env };
export default { fetch: (request, env) => Response.json([atStart, process.env, Object.keys(process.env), process.argv, process.execPath]) }";
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.js", "vars": { "A": "text", "B": { "c": [1] } } }"#),
        ("index.js", entry),
        (".dev.vars", "SECRET=local"),
    ]);
    let worker = Daemon::dev(project.path(), &[]);
    let env = json!({ "A": "text", "B": "{\"c\":[1]}", "SECRET": "local" });
    let expected = json!([env, env, ["A", "B", "SECRET"], ["isolet"], ""]);
    assert_eq!(worker.get("/").await.expect(200).json(), expected);
    let quiet = r#"["nodejs_compat_do_not_populate_process_env"]"#;
    project.write(
        "wrangler.json",
        format!(r#"{{ "main": "index.js", "vars": {{ "A": "text" }}, "compatibility_flags": {quiet} }}"#),
    );
    worker.wait_for_stderr(&["reloaded"]);
    assert_eq!(worker.get("/").await.expect(200).json()[0], json!({}));
}

#[tokio::test]
async fn values_of_async_local_storage_stay_with_their_request() {
    let entry = "import { AsyncLocalStorage } from 'node:async_hooks';
const storage = new AsyncLocalStorage();
const log = async (value) => { await null; console.log(`${value} ${storage.getStore()}`); };
export default { fetch: (request) => {
    const { pathname } = new URL(request.url);
    return storage.run(pathname, async () => {
        const seen = [storage.getStore()];
        for (let i = 0; i < 5; i++) {
            await new Promise((resolve) => setTimeout(resolve, 10));
            seen.push(storage.getStore());
        }
        await log('at');
        return Response.json(seen);
    });
} };
";
    let project = project(&[("wrangler.json", r#"{ "main": "index.js" }"#), ("index.js", entry)]);
    let worker = Daemon::dev(project.path(), &[]);
    let paths: Vec<String> = (0..8).map(|number| format!("/{number}")).collect();
    let answers = futures_util::future::join_all(paths.iter().map(|path| worker.get(path))).await;
    for (path, answer) in paths.iter().zip(answers) {
        assert_eq!(answer.expect(200).json(), json!(vec![path; 6]));
    }
    // A line has the number of its request, also where values are stored.
    let said: Vec<String> = paths.iter().map(|path| format!("at {path}")).collect();
    worker.wait_for_stderr(&said.iter().map(String::as_str).collect::<Vec<_>>());
    let lines = worker.stderr();
    let numbers: std::collections::HashSet<&str> = lines
        .lines()
        .filter(|line| line.contains(": at /"))
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(numbers.len(), 8, "{lines}");
    assert!(!lines.contains("log: at"), "{lines}");
}

/// A project with a configuration and modules.
fn project(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in files {
        folder.write(name, *text);
    }
    folder
}

#[tokio::test]
async fn positions_are_those_of_the_source() {
    let entry = "/** @jsx h */

interface Props { name: string }
const h = (tag: string, props: object, ...children: unknown[]) => ({ tag, props, children });
const Hello = ({ name }: Props) => <p title={name}>{name.missing()}</p>;
enum Level { Low, High }
export default {
  fetch(request: Request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/jsx') return Response.json(Hello({ name: 'x' }));
    if (pathname === '/cjs') return new Response(require('./mixed').mixed);
    return new Response(String(Level.High));
  },
};
";
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.tsx" }"#),
        ("index.tsx", entry),
        ("old.js", "const level = process.env.NODE_ENV;\n\n  throw new Error(level + ' mode');"),
        ("mixed.js", "exports.mixed = 'mixed';"),
        ("enum.ts", "enum A { B = 1 } namespace C { export const d = A.B } null!.e; export default C;"),
    ]);
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/").await.expect(200).text(), "1");
    assert_eq!(worker.get("/cjs").await.expect(200).text(), "mixed");
    assert_says(&worker.get("/jsx").await.expect(500).text(), &["missing", "index.tsx:5:58"]);

    project.write("wrangler.json", r#"{ "main": "enum.ts" }"#);
    worker.wait_for_stderr(&["reload failed", "enum.ts:1:61"]);
    project.write("enum.ts", "import old from './old.js'; export default { fetch: () => new Response(old) }");
    project.write("wrangler.json", r#"{ "main": "./enum.ts" }"#);
    worker.wait_for_stderr(&["development mode", "old.js:3:9"]);
}

#[tokio::test]
async fn commonjs_fails_with_the_reason() {
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.js" }"#),
        (
            "index.js",
            "import all from './all.cjs';
             export default { fetch: (request) => {
                try { return Response.json(all[new URL(request.url).pathname.slice(1)]()) }
                catch (error) { return new Response(error.message) }
             } }",
        ),
        (
            "all.cjs",
            "module.exports = {
                awaits: () => require('./awaits.mjs'), computed: () => require('./' + 'x'), node: () => require('node:sqlite'),
                missing: () => { try { require('left-pad') } catch (error) { return error.code + error.message } },
                broken: () => require('./broken'), again: () => require('./broken'), number: () => require(1),
                bytes: () => require('./three.bin').byteLength, same: () => require('./all.cjs') === module.exports,
                require: () => [typeof require, module.id, module.loaded, __filename, __dirname],
             }",
        ),
        ("awaits.mjs", "await 1; export default 1;"),
        ("broken.js", "if (!globalThis.tried) { globalThis.tried = true; throw new Error('first') } module.exports = 'second'"),
        ("three.bin", "abc"),
    ]);
    let worker = Daemon::dev(project.path(), &[]);
    for (path, expected) in [
        ("/awaits", "Cannot require \"awaits.mjs\": it, or a module that it imports, has a top-level await."),
        ("/computed", "Cannot require \"./x\" in all.cjs: the name is computed"),
        ("/node", "node:sqlite"),
        ("/missing", "MODULE_NOT_FOUNDCannot require"),
        ("/missing", "the package \\\"left-pad\\\" is not installed"),
        ("/broken", "first"),
        ("/again", "\"second\""),
        ("/number", "require() needs a text"),
        ("/bytes", "3"),
        ("/same", "true"),
        ("/require", "[\"function\",\"all.cjs\",true,\"all.cjs\",\".\"]"),
    ] {
        assert_says(&worker.get(path).await.text(), &[expected]);
    }
}

#[tokio::test]
async fn cycles_of_commonjs_and_ecmascript_modules_work_or_fail_with_the_place() {
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.js" }"#),
        (
            "index.js",
            "import back from './back.cjs';
             export const named = 'index';
             const cases = {
                 back: () => back(), lazy: () => import('./lazy/a.cjs').then((a) => a.default.b),
                 required: () => require('./required/a.cjs').found, cycle: () => import('./cycle/a.cjs'),
                 deep: () => import('./deep/a.cjs'), late: () => import('./late/a.cjs').then((a) => a.default()),
             };
             export default { fetch: async (request) => {
                try { return Response.json(await cases[new URL(request.url).pathname.slice(1)]()) }
                catch (error) { return new Response(error.stack) }
             } }",
        ),
        // It requires a module that is running, whose names have no values yet.
        ("back.cjs", "const index = require('./index.js'); module.exports = () => [Object.keys(index), index.named];"),
        ("lazy/a.cjs", "exports.b = import('./b.js').then((b) => b.default); exports.a = 1;"),
        ("lazy/b.js", "import a from './a.cjs'; export default typeof a.b.then;"),
        ("required/a.cjs", "exports.early = 'early'; exports.found = require('./b.mjs').default;"),
        ("required/b.mjs", "import a, { early } from './a.cjs'; export default [early, Object.keys(a)];"),
        ("cycle/a.cjs", "exports.a = 1;\n  require('./b.js');"),
        ("cycle/b.js", "import './a.cjs'; export default 1;"),
        ("deep/a.cjs", "module.exports = require('./b.js').c;"),
        ("deep/b.js", "export * from './c.js';"),
        ("deep/c.js", "import a from './a.cjs'; export const c = a;"),
        ("late/a.cjs", "module.exports = () => require('./b.mjs').default;"),
        ("late/b.mjs", "import a from './a.cjs'; export default typeof a;"),
    ]);
    let worker = Daemon::dev(project.path(), &[]);
    for (path, expected) in [
        ("/back", "[[\"default\",\"named\"],\"index\"]"),
        ("/lazy", "\"function\""),
        ("/required", "[\"early\",[\"early\"]]"),
        ("/cycle", "Cannot require \"cycle/b.js\" now: it imports \"cycle/a.cjs\", which is running"),
        ("/cycle", "cycle/a.cjs:2:3"),
        ("/deep", "deep/a.cjs:1:18"),
        ("/late", "\"function\""),
    ] {
        assert_says(&worker.get(path).await.text(), &[expected]);
    }
    project.write("index.js", "import './cycle/a.cjs'; import './cycle/b.js'; export default {}");
    worker.wait_for_stderr(&["reload failed", "Cannot require \"cycle/b.js\" now", "cycle/a.cjs:2:3"]);
}

#[tokio::test]
async fn derivations_that_take_too_long_are_refused_whatever_a_worker_replaces() {
    let project = project(&[
        ("wrangler.json", r#"{ "main": "index.mjs", "compatibility_flags": ["nodejs_compat"] }"#),
        (
            "index.mjs",
            "import { pbkdf2Sync } from 'node:crypto';
             // The modules of Node.js use it to find how long a derivation takes.
             Math.ceil = () => 0;
             const long = 'x'.repeat(1 << 20);
             const cases = {
                fine: () => pbkdf2Sync('p', 's', 1000, 64, 'sha512').length,
                iterations: () => pbkdf2Sync('p', 's', 2 ** 31 - 1, 64, 'sha512'),
                salt: () => pbkdf2Sync('p', long, 1, 32_000, 'sha256'),
             };
             export default { fetch: (request) => {
                try { return Response.json(cases[new URL(request.url).pathname.slice(1)]()) }
                catch (error) { return new Response(error.message) }
             } }",
        ),
    ]);
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/fine").await.expect(200).text(), "64");
    for path in ["/iterations", "/salt"] {
        assert_says(&worker.get(path).await.expect(200).text(), &["take more than 2,000,000 rounds"]);
    }
}

#[tokio::test]
async fn the_command_line_chooses_entry_configuration_and_environment() {
    let entry = "export default { fetch: (request, env) => Response.json(env) }";
    let project = project(&[
        ("src/index.ts", entry),
        (
            "wrangler.json",
            r#"{ "main": "src/index.ts", "vars": { "A": "top" }, "env": { "live": { "vars": { "A": "live" } } } }"#,
        ),
        ("other.json", r#"{ "main": "src/index.ts", "vars": { "A": "other" } }"#),
        (".env", "B=env\nC=env"),
        (".env.live", "C=env.live"),
    ]);
    let path = |name: &str| project.path().join(name);
    let all = |a: &str, c: &str| json!({ "A": a, "B": "env", "C": c });
    let worker = Daemon::dev(&path("src"), &[]);
    assert_eq!(worker.get("/").await.expect(200).json(), all("top", "env"));
    let worker = Daemon::dev(project.path(), &["--env", "live"]);
    assert_eq!(worker.get("/").await.expect(200).json(), all("live", "env.live"));
    let other = path("other.json");
    let worker = Daemon::dev(&path("src/index.ts"), &["-c", other.to_str().expect("UTF-8")]);
    assert_eq!(worker.get("/").await.expect(200).json(), all("other", "env"));
    let twice = ["dev", "--port", "0", "-c", "wrangler.json", "-c", "other.json"];
    assert_says(&isolet(twice).within(project.path()).output().exits(3).stderr, &["two Workers are called"]);
    // The built-in servers are not in `env` unless they are asked for.
    let worker = Daemon::dev(project.path(), &["--demo"]);
    assert_says(&worker.get("/").await.text(), &["\"A\":\"top\""]);
    assert!(!worker.stderr().contains("servers from"), "{}", worker.stderr());
}

#[tokio::test]
async fn bundles_of_esbuild_run() {
    let bundle = r#"var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __require = /* @__PURE__ */ ((x) => typeof require !== "undefined" ? require : typeof Proxy !== "undefined" ? new Proxy(x, {
  get: (a, b) => (typeof require !== "undefined" ? require : a)[b]
}) : x)(function(x) {
  if (typeof require !== "undefined") return require.apply(this, arguments);
  throw Error('Dynamic require of "' + x + '" is not supported');
});
var __commonJS = (cb, mod) => function __require2() {
  return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
};
var require_old = __commonJS({
  "old.js"(exports, module) {
    module.exports = function name() { try { return __require("fs") } catch (error) { return error.message } };
  }
});
var import_old = require_old();
var index_default = { fetch: () => new Response(import_old()) };
export {
  index_default as default
};
//# sourceMappingURL=index.js.map
"#;
    let project =
        project(&[("wrangler.json", r#"{ "main": "index.js", "no_bundle": true }"#), ("index.js", bundle)]);
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/").await.expect(200).text(), "Dynamic require of \"fs\" is not supported");
}
