//! Libraries: what scripts import of them, and what they may do while they are evaluated.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::*;
use serde_json::{Value, json};

use super::{job, limits};

fn module(name: &str, kind: ModuleKind, text: &str) -> Module {
    Module { kind, ..Module::es_module(format!("node_modules/{name}"), text) }
}

fn library(specifier: &str, module: &str) -> Library {
    Library {
        specifier: specifier.into(),
        module: format!("node_modules/{module}"),
        version: Some("1.2.3".into()),
    }
}

/// An engine with one library of this text.
fn engine_with(libraries: Libraries) -> (tokio::runtime::Runtime, Engine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = EngineOptions {
        warm: 2,
        live: 8,
        memory: 32 << 20,
        isolation: super::super::isolation(),
        jit: super::super::JIT,
        libraries: Some(Arc::new(libraries)),
    };
    let engine = Engine::new(options, runtime.handle().clone());
    (runtime, engine)
}

fn one(kind: ModuleKind, text: &str) -> Libraries {
    Libraries {
        libraries: [library("lib", "lib/index.js")].into(),
        modules: [module("lib/index.js", kind, text)].into(),
    }
}

const SHOP: &str = r#"
import { rate } from "./rate.js";
export let count = 0;
export const state = { seen: [] };
export function total(amount) { count++; return amount * rate; }
export function fail(text) {
  throw new TypeError(text);
}
export const drawn = Math.random();
export const draw = () => Math.random();
export const said = [];
// The keys of RFC 7515, appendix A.3, and RFC 7517, appendix A.1.
const ecKey = await crypto.subtle.importKey("jwk", { kty: "EC", crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI" }, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
const rsaKey = await crypto.subtle.importKey("jwk", { kty: "RSA", e: "AQAB", n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps\
2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN\
5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQF\
h6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" },
  { name: "RSA-OAEP", hash: "SHA-256" }, false, ["encrypt"]);
export const origin = performance.timeOrigin;
performance.mark("library");
const attempts = {
  randomUUID: () => crypto.randomUUID(), bytes: () => crypto.getRandomValues(new Uint8Array(4)),
  timer: () => setTimeout(() => {}, 1),
  form: () => new Response(new FormData()),
  sign: () => crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, ecKey, new Uint8Array(1)),
  oaep: () => crypto.subtle.encrypt("RSA-OAEP", rsaKey, new Uint8Array(1)),
  call: () => env.demo.add({ a: 1, b: 2 }),
};
for (const [name, attempt] of Object.entries(attempts)) {
  try { await attempt(); said.push([name, "ok"]); } catch (error) { said.push([name, error.message]); }
}
Array.prototype.last = function () { return this[this.length - 1]; };
export const later = () => import("./rate.js");
export const uuid = () => crypto.randomUUID();
"#;

fn shop() -> Libraries {
    let import = |specifier: &str, target: &str| ModuleImport {
        specifier: specifier.into(),
        attribute: None,
        require: false,
        target: Ok(format!("node_modules/{target}")),
    };
    let index = Module {
        imports: vec![import("./rate.js", "shop/rate.js")],
        ..module("shop/index.js", ModuleKind::EsModule, SHOP)
    };
    Libraries {
        libraries: [
            library("shop", "shop/index.js"),
            library("old", "old/index.js"),
            library("old/data.json", "old/data.json"),
        ]
        .into(),
        modules: [
            index,
            module("shop/rate.js", ModuleKind::EsModule, "export const rate = 3;"),
            module(
                "old/index.js",
                ModuleKind::CommonJs,
                "const all = { twice: (x) => 2 * x }; all.self = all; module.exports = all; all['odd name'] = 1;",
            ),
            module("old/data.json", ModuleKind::Json, r#"{ "a": [1, 2] }"#),
        ]
        .into(),
    }
}

fn engine() -> &'static (tokio::runtime::Runtime, Engine) {
    static ENGINE: std::sync::OnceLock<(tokio::runtime::Runtime, Engine)> = std::sync::OnceLock::new();
    ENGINE.get_or_init(|| {
        let (runtime, engine) = engine_with(shop());
        let ready = runtime.block_on(engine.ready(Duration::from_secs(20)));
        assert!(ready, "{:?}", engine.start_failure());
        (runtime, engine)
    })
}

fn report(code: &str) -> Report {
    let (runtime, engine) = engine();
    runtime.block_on(engine.run(job(code, limits())).report())
}

fn value(code: &str) -> Value {
    let result = report(code).result;
    serde_json::from_str(&result.unwrap_or_else(|error| panic!("{code}: {error:?}"))).unwrap()
}

fn error(code: &str) -> RunError {
    report(code).result.expect_err(code)
}

#[test]
fn scripts_import_libraries() {
    assert_eq!(value("import { total } from 'shop'; total(2)"), 6);
    assert_eq!(value("import * as shop from 'shop'; export default () => shop.total(1) + shop.count"), 4);
    assert_eq!(value("const { total } = await import('shop'); return total(5)"), 15);
    assert_eq!(value("import old, { twice, self } from 'old'; [twice(4), self === old]"), json!([8, true]));
    assert_eq!(value("import { 'odd name' as odd } from 'old'; odd"), 1);
    assert_eq!(value("(await import('old')).default.twice(3)"), 6);
    assert_eq!(value("import data from 'old/data.json'; data.a"), json!([1, 2]));
    assert_eq!(value("(await (await import('shop')).later()).rate"), 3);
    assert_eq!(
        value(
            "import { env as e } from 'cloudflare:workers'; import 'shop'; (await e.demo.add({a: 1, b: 1})).sum"
        ),
        2.0
    );
    assert_eq!(value("const a = await import('shop'), b = await import('shop'); return a === b"), true);
}

#[test]
fn what_is_not_a_library_is_refused_with_the_list() {
    let list = "\"shop\", \"old\", \"old/data.json\"";
    for code in [
        "import x from 'shopp'; x",
        "import x from 'shop/rate.js'; x",
        "import x from './node_modules/shop/rate.js'; x",
        "import x from 'node:fs'; x",
    ] {
        let error = error(code);
        assert_eq!((error.name.as_str(), error.line), ("ImportError", Some(1)), "{code}");
        assert!(error.hint.clone().unwrap().contains(list), "{error:?}");
    }
    for specifier in ["shopp", "./node_modules/shop/rate.js", "library:old"] {
        let error = error(&format!("await import('{specifier}')"));
        assert!(error.message.contains(list) && error.line == Some(1), "{error:?}");
    }
    let hint = error("return _.map([1], String)").hint.unwrap();
    assert!(hint.contains("await import(\"shop\")") && hint.contains(list), "{hint}");
    let missing = error("import { nothing } from 'shop'; nothing");
    assert!(missing.message.contains("nothing") && missing.line == Some(1), "{missing:?}");
}

#[test]
fn no_run_sees_what_another_has_left_in_a_library() {
    let leave = "import { state, total } from 'shop'; state.seen.push('me'); total(1); state.total = total;
        Object.prototype.polluted = 1; Array.prototype.last = () => 'mine'; state.seen.length";
    let look =
        "import { state, count } from 'shop'; [state.seen, count, ({}).polluted ?? null, [1, 2].last()]";
    for _ in 0..12 {
        assert_eq!(value(leave), 1);
        assert_eq!(value(look), json!([[], 0, null, 2]));
    }
}

#[test]
fn nothing_secret_or_later_is_evaluated_once_for_all_runs() {
    let said = value("import { said } from 'shop'; said");
    for (name, message) in said.as_array().unwrap().iter().map(|pair| (&pair[0], &pair[1])) {
        let message = message.as_str().unwrap();
        let expected = if name == "call" { "demo" } else { "not available while a library is evaluated" };
        assert!(message.contains(expected), "{name}: {message}");
    }
    let draws = |code: &str| {
        let values: Vec<String> = (0..8).map(|_| value(code).to_string()).collect();
        let different: std::collections::HashSet<&String> = values.iter().collect();
        (values.len(), different.len())
    };
    // Random numbers of a run are its own, also where a library has drawn before.
    assert_eq!(draws("import { draw } from 'shop'; draw()"), (8, 8));
    assert_eq!(draws("import { uuid } from 'shop'; uuid()"), (8, 8));
    assert_eq!(draws("Math.random()"), (8, 8));
    assert_eq!(
        value("import { uuid } from 'shop'; await new Promise((done) => setTimeout(done, 1)); uuid().length"),
        36
    );
}

#[test]
fn a_run_has_its_own_clock_and_marks() {
    // The libraries are evaluated before the wait.
    assert_eq!(value("import 'shop'; 1"), 1);
    std::thread::sleep(Duration::from_secs(1));
    let off = value("import 'shop'; Math.abs(performance.timeOrigin + performance.now() - Date.now())");
    assert!(off.as_f64().unwrap() < 500.0, "{off}");
    assert_eq!(value("import 'shop'; performance.getEntries()"), json!([]));
}

#[test]
fn an_error_in_a_library_has_the_line_of_the_script_and_the_place_in_the_library() {
    let error = error("import { fail } from 'shop';\n\nexport default () => fail('broken');");
    assert_eq!((error.message.as_str(), error.line, error.column), ("broken", Some(3), Some(22)));
    let hint = error.hint.unwrap();
    assert!(hint.contains("at fail (node_modules/shop/index.js:7:9)"), "{hint}");
}

#[test]
fn a_run_without_libraries_sees_the_language_as_the_libraries_left_it() {
    // They are evaluated in the context of every run.
    assert_eq!(value("[1, 2].last()"), 2);
    assert_eq!(value("RegExp.lastMatch"), "");
}

#[test]
fn a_library_that_cannot_be_used_ends_the_start_with_its_reason() {
    let (esm, cjs) = (ModuleKind::EsModule, ModuleKind::CommonJs);
    for (kind, text, reason) in [
        (esm, "export const a = 1;\nnull.x;", "the library \"lib\" cannot be used: TypeError: Cannot read"),
        (cjs, "throw new RangeError('no')", "RangeError: no"),
        (esm, "export const = 1;", "SyntaxError"),
        (esm, "await new Promise(() => {});", "top-level await"),
        (esm, "const all = []; for (;;) all.push(new Array(1000).fill({}));", "memory"),
        (esm, "await env.demo.add({});", "demo"),
    ] {
        let (runtime, engine) = engine_with(one(kind, text));
        assert!(!runtime.block_on(engine.ready(Duration::from_secs(20))), "{reason}");
        let failure = engine.start_failure().unwrap();
        assert!(failure.contains("\"lib\"") && failure.contains(reason), "{failure}");
    }
}

/// isolet runs code of its own after the libraries, in the zygote, and it logs.
#[test]
fn what_a_library_replaces_leaves_nothing_for_all_runs() {
    let replaced = |text: &str| {
        let text = format!("const log = console.log; console.log = (...all) => {{ {text}; log(...all); }};");
        let (runtime, engine) = engine_with(one(ModuleKind::EsModule, &text));
        let ready = runtime.block_on(engine.ready(Duration::from_secs(20)));
        (runtime, engine, ready)
    };
    let (runtime, engine, ready) = replaced("globalThis.drawn = Math.random()");
    assert!(ready, "{:?}", engine.start_failure());
    let value = |code: &str| runtime.block_on(engine.run(job(code, limits())).report()).result.unwrap();
    let draws: std::collections::HashSet<String> = (0..6).map(|_| value("Math.random()")).collect();
    assert_eq!(draws.len(), 6);
    for text in ["setTimeout(() => {}, 60_000)", "globalThis.id = crypto.randomUUID()"] {
        let (runtime, engine, ready) = replaced(text);
        if ready {
            let code = "console.log(1); await new Promise((done) => setTimeout(done, 1)); return 1";
            let report = runtime.block_on(engine.run(job(code, limits())).report());
            assert_eq!(report.result.unwrap(), "1", "{text}");
        }
        let is_refused = engine.start_failure().is_some_and(|failure| {
            failure.contains("after the libraries") && failure.contains("not available while a library")
        });
        let has_zygotes = matches!(super::super::isolation(), Isolation::Process(_));
        assert_eq!((ready, is_refused), (!has_zygotes, has_zygotes), "{text}: {:?}", engine.start_failure());
    }
}

#[test]
fn a_library_that_loops_ends_the_start_when_its_time_is_over() {
    let (runtime, engine) = engine_with(one(ModuleKind::EsModule, "for (;;);"));
    assert!(!runtime.block_on(engine.ready(Duration::from_secs(40))));
    let failure = engine.start_failure().unwrap();
    assert!(failure.contains("\"lib\"") && failure.contains("10"), "{failure}");
}
