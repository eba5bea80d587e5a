//! Projects with npm packages in `isolet dev`: their answers are those of `wrangler dev`, which
//! `tests/workers/record.py` has written.

use std::fs;
use std::path::{Path, PathBuf};

use hyper::Method;

use crate::harness::http::{Answer, Request};
use crate::harness::*;

/// The projects in `tests/workers`.
const PROJECTS: [&str; 9] =
    ["hono", "html-rewriter", "itty-router", "libraries", "modules", "preact", "react", "site", "zod"];

/// The environments of `tests/workers/assets`, which differ in the handling of paths.
const ASSET_ENVIRONMENTS: [&str; 8] = ["", "drop", "exact", "first", "force", "page", "routes", "spa"];

/// Copies a project to a folder below the one in which the packages are installed.
fn installed(name: &str) -> PathBuf {
    let target = npm::servers().folder().join("workers").join(name);
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
const LEFT_OUT: [&str; 4] = ["connection", "content-length", "content-type", "date"];

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

#[tokio::test]
async fn projects_answer_as_in_wrangler() {
    for name in PROJECTS {
        let folder = installed(name);
        let worker = Daemon::dev(&folder, &[]);
        check(&folder, "answers.json", &worker).await;
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
                awaits: () => require('./awaits.mjs'), computed: () => require('./' + 'x'), node: () => require('fs'),
                missing: () => { try { require('left-pad') } catch (error) { return error.message } },
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
        ("/node", "Cannot require \"fs\": imports \"fs\", which isolet does not have"),
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
    let twice = ["dev", "-c", "wrangler.json", "-c", "other.json"];
    assert_says(&isolet(twice).within(project.path()).output().exits(2).stderr, &["several Workers"]);
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
