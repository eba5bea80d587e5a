//! Libraries: packages of npm that scripts import.

use std::net::SocketAddr;

use crate::harness::http::{Connection, Request};
use crate::harness::*;

/// A folder with `isolet.toml`, and packages of one file each in `node_modules`.
fn folder(toml: &str, packages: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    folder.write("isolet.toml", toml);
    for (name, code) in packages {
        folder.write(
            &format!("node_modules/{name}/package.json"),
            json!({ "name": name, "version": "1.2.3", "type": "module", "exports": "./index.js" })
                .to_string(),
        );
        folder.write(&format!("node_modules/{name}/index.js"), code);
    }
    folder
}

/// Settings with libraries that are installed for the tests.
fn installed() -> String {
    let packages = npm::servers().folder().display().to_string();
    format!(
        "[libraries]\nfolder = {packages:?}\nnames = ['zod', 'lodash', 'zod/mini', 'preact-render-to-string']\n"
    )
}

const SCRIPT: &str = r#"import { z } from "zod";
import _, { groupBy } from "lodash";
import * as mini from "zod/mini";

const Order = z.object({ id: z.number().int(), lines: z.array(z.string()).min(1), at: z.iso.date() });
const bad = Order.safeParse({ id: 1.5, lines: [], at: "soon" });
const { renderToString } = await import("preact-render-to-string");
export default async () => ({
  order: Order.parse({ id: 1, lines: ["a"], at: "2026-12-01" }),
  paths: bad.error?.issues.map((issue) => issue.path.join(".")),
  groups: groupBy(_.range(5), (n) => (n % 2 ? "odd" : "even")),
  mini: mini.parse(mini.string(), "x"),
  html: renderToString(null),
  sum: (await env.demo.add({ a: 1, b: 2 })).sum,
});
"#;

#[tokio::test]
async fn scripts_use_packages_of_npm() {
    for isolation in ["process", "thread"] {
        let server =
            Daemon::serve_in(folder(&installed(), &[]), &["--isolation", isolation]).await_ready().await;
        for _ in 0..3 {
            assert_eq!(
                *result(&server.run(SCRIPT).await),
                json!({
                    "order": { "id": 1, "lines": ["a"], "at": "2026-12-01" },
                    "paths": ["id", "lines", "at"],
                    "groups": { "even": [0, 2, 4], "odd": [1, 3] },
                    "mini": "x", "html": "", "sum": 3
                })
            );
        }
        let report = server.run("import { z } from 'zod';\n\nz.string().parse(1)").await;
        let error = error(&report, "exception");
        assert_eq!((text(&error["name"]), &error["line"]), ("ZodError", &json!(3)), "{report:#}");
        let report = server.run("import moment from 'moment'; moment()").await;
        assert_says(text(&error_of(&report)["hint"]), &["\"zod\", \"lodash\", \"zod/mini\""]);
        let report = server.run("import { z } from 'zod';\nreturn z.string()").await;
        assert_says(text(&error_of(&report)["hint"]), &["await import(\"zod\")"]);
        assert_eq!(
            *result(&server.run("const { z } = await import('zod'); return z.string().parse('a')").await),
            "a"
        );
        server.assert_works().await;
    }
}

fn error_of(report: &Value) -> &Value {
    error(report, "syntax")
}

#[tokio::test]
async fn libraries_are_named_wherever_a_model_or_an_operator_looks() {
    let server = Daemon::serve_in(
        folder("[libraries]\nnames = ['shop']\n", &[("shop", "export const rate = 3;")]),
        &[],
    )
    .await_ready()
    .await;
    let runtime = server.get("/v1/runtime").await.expect(200).json();
    assert_eq!(runtime["libraries"], json!([{ "name": "shop", "version": "1.2.3" }]));
    let types = server.get("/v1/types").await.expect(200);
    assert_says(&types.text(), &["// Libraries", "//   \"shop\" 1.2.3\n", "add("]);
    let tag = types.header("etag").to_owned();
    let again = server.send(Request::get("/v1/types").header("if-none-match", &tag)).await;
    assert_eq!(again.expect(304).text(), "");
    assert!(!server.get("/v1/types/demo").await.expect(200).text().contains("Libraries"));
    let tool = server.get("/v1/tool?format=mcp").await.expect(200).json();
    assert_says(text(&tool["description"]), &["`await import(\"…\")` has shop 1.2.3, and nothing else."]);

    let folder = server.folder().path();
    let output = isolet(["serve", "--check"]).within(folder).output().exits(0);
    assert_says(&output.stdout, &["libraries: shop 1.2.3, modules: 1\n"]);
    assert_says(&isolet(["types"]).within(folder).output().exits(0).stdout, &["//   \"shop\" 1.2.3\n"]);
    let plain = Daemon::serve().await_ready().await;
    assert_ne!(plain.get("/v1/types").await.expect(200).header("etag"), tag);
    assert_eq!(plain.get("/v1/runtime").await.expect(200).json()["libraries"], json!([]));
}

#[test]
fn the_command_line_names_libraries_too() {
    let folder = folder(
        "",
        &[("shop", "export const rate = 3;"), ("loud", "console.log('start'); export default 1;")],
    );
    let script = "import { rate } from 'shop'; import one from 'loud'; rate + one";
    let output =
        isolet(["run", "-e", script, "--library", "shop,loud"]).within(folder.path()).output().exits(0);
    assert_eq!(output.stdout.trim(), "4");
    assert!(!output.stderr.contains("start"), "{}", output.stderr);
    let elsewhere = Folder::new();
    let output =
        isolet(["run", "-e", script, "--library=shop", "--library=loud", "--library-folder", folder.text()])
            .within(elsewhere.path())
            .output()
            .exits(0);
    assert_eq!(output.stdout.trim(), "4");
    let output = isolet(["run", "-e", "1", "--library", "absent"]).within(folder.path()).output().exits(3);
    assert_says(
        &output.stderr,
        &["the libraries of scripts: ", "\"absent\" is not installed", "npm install absent"],
    );
    let output = isolet(["run", "-e", script]).within(folder.path()).output().exits(1);
    assert_says(&output.stderr, &["Cannot import \"shop\".", "`--library NAME` of `isolet run`"]);
}

#[test]
fn libraries_that_cannot_be_used_end_the_start_with_the_reason() {
    let packages = [
        ("throws", "export const a = 1;\nthrow new Error('no such thing');"),
        ("waits", "await new Promise(() => {});"),
        ("node", "import 'node:fs';"),
        ("invalid", "export const = 1;"),
        ("large", "export const all = []; for (;;) all.push(new Array(1000).fill({}));"),
    ];
    for (name, reasons) in [
        ("throws", ["Error: no such thing", "node_modules/throws/index.js:2:7"].as_slice()),
        ("waits", &["top-level await"]),
        ("node", &["node_modules/node/index.js:1:8", "scripts have none"]),
        ("invalid", &["node_modules/invalid/index.js:1:14"]),
        ("large", &["memory"]),
    ] {
        let folder =
            folder(&format!("[limits]\nmemory = '32MiB'\n[libraries]\nnames = ['{name}']\n"), &packages);
        let output = isolet(["serve", "--port", "0", "--no-token"]).within(folder.path()).output().exits(3);
        assert_says(&output.stderr, reasons);
        assert_says(&output.stderr, &[name]);
    }
    let folder = folder("[libraries]\nnames = ['a', 1]\n", &[]);
    let output = isolet(["serve", "--check"]).within(folder.path()).output().exits(3);
    assert_says(&output.stderr, &["isolet.toml:2:", "libraries.names"]);
}

#[tokio::test]
async fn a_library_is_jailed_and_has_no_secrets_while_it_is_evaluated() {
    // It tells what it finds of its surroundings.
    let code = "const tried = {};
        const probe = (name, look) => { try { tried[name] = String(look()); } catch (error) { tried[name] = error.name; } };
        probe('servers', () => Object.keys(env).length);
        probe('process', () => typeof process);
        probe('require', () => typeof require);
        probe('code', () => new Function('return 1')());
        probe('wasm', () => typeof WebAssembly);
        probe('input', () => input);
        let fetched = 'pending';
        fetch('http://127.0.0.1:1/').catch((error) => { fetched = error.message; });
        export { tried };
        export const network = () => fetched;";
    let folder = folder("[libraries]\nnames = ['probe']\n", &[("probe", code)]);
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let report = server.run("import { tried, network } from 'probe'; [tried, network()]").await;
    let found = result(&report);
    assert_eq!(
        found[0],
        json!({ "servers": "0", "process": "undefined", "require": "undefined", "code": "EvalError",
                "wasm": "undefined", "input": "undefined" })
    );
    assert_says(text(&found[1]), &["no network access"]);
    let jail = &server.get("/v1/runtime").await.expect(200).json()["zygotes"][0]["jail"];
    assert_eq!(jail["seccomp"], "set", "{jail}");
}

#[tokio::test]
async fn workers_have_neither_the_libraries_nor_what_these_have_changed() {
    let folder = folder(
        "[libraries]\nnames = ['changes']\n",
        &[("changes", "Array.prototype.last = () => 'changed'; globalThis.left = 1; export default 1;")],
    );
    folder.write("shop/wrangler.jsonc", "{ \"name\": \"shop\", \"main\": \"worker.js\" }");
    folder.write(
        "shop/worker.js",
        "export default { async fetch() {
            const imported = await import(String('changes')).then(() => 'imported', () => 'refused');
            return Response.json([typeof [].last, typeof left, imported]);
        } }",
    );
    let server = Daemon::serve_in(folder, &["--worker-listen", "127.0.0.1:0", "--worker", "shop"]);
    server.wait_for_stderr(&["isolet serves "]);
    let log = server.stderr();
    let (_, line) = log.split_once("isolet serves ").unwrap();
    let (_, host) = line.lines().next().unwrap().split_once("http://").unwrap();
    let port = host.split(['/', ' ', '\n']).next().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let request = Request::get("/").header("host", "localhost");
    let answer = Connection::open(address).await.send(request).await.expect(200).json();
    assert_eq!(answer, json!(["undefined", "undefined", "refused"]));
    assert_eq!(
        *result(&server.run("import one from 'changes'; [one, [].last(), left]").await),
        json!([1, "changed", 1])
    );
}

#[test]
fn the_example_runs() {
    let folder = Folder::new();
    for name in ["isolet.toml", "record.ts"] {
        folder
            .write(name, std::fs::read(repository().join("examples/libraries").join(name)).expect("a file"));
    }
    let packages = npm::servers().folder().display().to_string();
    let output =
        isolet(["run", "record.ts", "--library-folder", &packages]).within(folder.path()).output().exits(0);
    assert_says(&output.stdout, &["Halden"]);
}
