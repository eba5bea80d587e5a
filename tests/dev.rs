//! `isolet dev`: a wrangler project with variables and MCP bindings, reloaded when it changes.

use crate::harness::http::Request;
use crate::harness::*;
use hyper::Method;

const HELLO: &str =
    "export default { async fetch(request, env, ctx) { return new Response('Hello from ' + env.WHO) } }";

/// A project with this configuration and entry module.
fn project(config_name: &str, config: &str, entry: &str) -> Folder {
    let folder = Folder::new();
    folder.write(config_name, config);
    folder.write("src/index.ts", entry);
    folder
}

const JSONC: &str = "{
  // comments are fine
  \"name\": \"hello\", \"main\": \"src/index.ts\", \"compatibility_date\": \"2026-11-01\",
  \"vars\": { \"WHO\": \"isolet\", \"LIST\": [1, { \"a\": 2 }], \"SECRET\": \"public\" },
}";

#[tokio::test]
async fn hello_world_from_each_kind_of_configuration() {
    let toml = "name = \"hello\"\nmain = \"src/index.ts\"\ncompatibility_date = \"2026-11-01\"\n\n[vars]\nWHO = \"isolet\"\n";
    let json = JSONC.replace("  // comments are fine\n", "").replace(" },\n}", " }\n}");
    for (name, config) in
        [("wrangler.jsonc", JSONC), ("wrangler.json", json.as_str()), ("wrangler.toml", toml)]
    {
        let project = project(name, config, HELLO);
        let worker = Daemon::dev(project.path(), &[]);
        let answer = worker.get("/").await.expect(200);
        assert_eq!(answer.text(), "Hello from isolet", "{name}");
        assert_says(answer.header("content-type"), &["text/plain"]);
        assert_says(&worker.stderr(), &["hello"]);
    }
}

#[tokio::test]
async fn json_in_and_json_out() {
    let entry = "import { total, type Line } from './total.ts';
        interface Order { lines: Line[] }
        export default {
          async fetch(request: Request, env: any): Promise<Response> {
            const url = new URL(request.url);
            if (url.pathname !== '/order') return new Response('no', { status: 404, headers: { 'x-path': url.pathname } });
            const order = (await request.json()) as Order;
            return Response.json(
              { total: total(order.lines), q: url.searchParams.getAll('q'), method: request.method,
                host: url.host, agent: request.headers.get('user-agent') },
              { status: 201, headers: { 'x-a': '1' } });
          },
        };";
    let project = project("wrangler.jsonc", JSONC, entry);
    project.write(
        "src/total.ts",
        "export interface Line { count: number; price: number }
         export const total = (lines: Line[]): number => lines.reduce((sum, l) => sum + l.count * l.price, 0);",
    );
    let worker = Daemon::dev(project.path(), &[]);
    let order =
        json!({ "lines": [{ "count": 2, "price": 10.25 }, { "count": 1, "price": 4 }], "note": "grüße" });
    let request = Request::post("/order?q=a%20b&q=%C3%BC", "application/json", order.to_string());
    let answer = worker.send(request.header("user-agent", "e2e")).await.expect(201);
    let host = worker.address().to_string();
    assert_eq!(
        answer.json(),
        json!({ "total": 24.5, "q": ["a b", "ü"], "method": "POST", "host": host, "agent": "e2e" })
    );
    assert_eq!(answer.header("x-a"), "1");
    assert_eq!(worker.get("/else").await.expect(404).header("x-path"), "/else");

    // An error affects one request only, and is shown.
    let broken = worker.send(Request::post("/order", "application/json", "{")).await.expect(500);
    assert_says(&broken.text(), &["SyntaxError"]);
    worker.wait_for_stderr(&["POST /order", "SyntaxError"]);
    let request = Request::post("/order", "application/json", "{\"lines\": []}");
    assert_eq!(worker.send(request).await.expect(201).json()["total"], 0);
}

#[tokio::test]
async fn variables_and_mcp_servers_are_in_env() {
    let entry = "export default { async fetch(request: Request, env: any) {
        const { sum } = await env.demo.add({ a: 20, b: 22 });
        return Response.json({ who: env.WHO, list: env.LIST, secret: env.SECRET, sum, keys: typeof env.nothing });
    } }";
    let project = project("wrangler.jsonc", JSONC, entry);
    project.write(".dev.vars", "SECRET=\"hunter2\"\n# a comment\nWHO=you\n");
    let worker = Daemon::dev(project.path(), &["--demo"]);
    let value = worker.get("/").await.expect(200).json();
    assert_eq!(
        (&value["who"], &value["secret"], &value["list"], &value["sum"]),
        (&json!("you"), &json!("hunter2"), &json!([1, { "a": 2 }]), &json!(42)),
        "{value:#}"
    );

    // The project's own servers.
    project.mcp_json(json!({ "mine": { "command": ISOLET, "args": ["demo-mcp"] } }));
    project.write("src/index.ts", entry.replace("env.demo", "env.mine"));
    let worker = Daemon::dev(project.path(), &[]);
    assert_eq!(worker.get("/").await.expect(200).json()["sum"], 42);
}

#[tokio::test]
async fn an_environment_is_chosen() {
    let config = JSONC
        .replace("\"vars\"", "\"env\": { \"staging\": { \"vars\": { \"WHO\": \"staging\" } } }, \"vars\"");
    let project = project("wrangler.jsonc", &config, HELLO);
    let worker = Daemon::dev(project.path(), &["--env", "staging"]);
    assert_eq!(worker.get("/").await.expect(200).text(), "Hello from staging");
    assert_says(&worker.stderr(), &["hello-staging"]);

    let other = isolet(["dev", project.text(), "-e", "live", "--port", "0"]).output().exits(3).stderr;
    assert_says(&other, &["wrangler.jsonc", "\"live\" not found", "staging"]);
}

#[tokio::test]
async fn the_isolate_stays_warm_between_requests() {
    let entry = "let count = 0; export default { fetch: () => Response.json({ count: ++count }) }";
    let project = project("wrangler.jsonc", JSONC, entry);
    let worker = Daemon::dev(project.path(), &[]);
    for expected in 1..=3 {
        assert_eq!(worker.get("/").await.expect(200).json()["count"], expected);
    }
}

/// Waits until the Worker answers with this text.
async fn answers(worker: &Daemon, expected: &str) {
    eventually(&format!("the answer `{expected}`"), || async {
        (worker.get("/").await.text() == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_change_is_loaded_and_a_broken_one_is_not() {
    let project = project("wrangler.jsonc", JSONC, HELLO);
    let worker = Daemon::dev(project.path(), &[]);
    answers(&worker, "Hello from isolet").await;

    project.write("src/index.ts", HELLO.replace("Hello", "Goodbye"));
    answers(&worker, "Goodbye from isolet").await;
    worker.wait_for_stderr(&["reloaded "]);

    project.write("src/index.ts", "export default {\n  fetch() { return new Response('x' }\n}");
    worker.wait_for_stderr(&["reload failed", "src/index.ts:2:"]);
    assert_eq!(worker.get("/").await.expect(200).text(), "Goodbye from isolet", "the version before goes on");

    project.write("src/index.ts", HELLO.replace("Hello", "Back"));
    answers(&worker, "Back from isolet").await;

    // Variables and the configuration are watched too.
    project.write(".dev.vars", "WHO=them");
    answers(&worker, "Back from them").await;
    project.write("wrangler.jsonc", "{ \"main\": \"src/index.ts\", ");
    worker.wait_for_stderr(&["wrangler.jsonc:1:"]);
    assert_eq!(worker.get("/").await.expect(200).text(), "Back from them");
}

#[tokio::test]
async fn limits_end_a_request_and_the_next_one_works() {
    let entry = "export default { async fetch(request) {
        const url = new URL(request.url);
        if (url.pathname === '/memory') { const a = []; for (;;) a.push(new Array(1000).fill(1.5)) }
        if (url.pathname === '/throw') throw new Error('on purpose');
        if (url.pathname === '/nothing') return;
        return new Response('fine');
    } }";
    let project = project("wrangler.jsonc", JSONC, entry);
    let worker = Daemon::dev(project.path(), &[]);
    for (path, words) in [("/memory", "memory"), ("/throw", "on purpose"), ("/nothing", "Response")] {
        let answer = worker.get(path).await.expect(500);
        assert_says(&answer.text(), &[words]);
        assert_eq!(worker.get("/").await.expect(200).text(), "fine");
    }
}

#[tokio::test]
async fn an_error_has_its_stack_and_its_line() {
    let entry = "import { fail } from './lib';\nexport default { fetch() {\n  fail();\n} };";
    let project = project("wrangler.jsonc", JSONC, entry);
    project.write("src/lib.ts", "export function fail(): never {\n  const x: any = null;\n  return x.y;\n}");
    let worker = Daemon::dev(project.path(), &[]);
    let error = worker.get("/").await.expect(500).text();
    let expected = [
        "(at fail (src/lib.ts:3:12))\n",
        "at Object.fetch (src/index.ts:3:3)",
        "    3 |   return x.y;\n      |            ^",
    ];
    assert_says(&error, &expected);
    worker.wait_for_stderr(&expected);
    // A log line's colours are dropped, and it drives no terminal.
    let log = "export default { fetch() { console.log('\\u001b[32mgreen\\u001b[39m \\u001b[2Jhome'); return new Response() } }";
    project.write("src/index.ts", log);
    worker.wait_for_stderr(&["reloaded "]);
    worker.get("/").await.expect(200);
    worker.wait_for_stderr(&["]: green \u{fffd}[2Jhome"]);
}

#[tokio::test]
async fn a_project_lowers_the_limits_of_its_requests() {
    let entry = "export default { async fetch(request, env) {
        const url = new URL(request.url);
        if (url.pathname === '/loop') for (;;);
        for (let i = 0; i < 3; i++) await env.demo.add({ a: 1, b: i });
        return new Response('fine');
    } }";
    let config = JSONC.replace("\"vars\"", "\"limits\": { \"cpu_ms\": 300, \"subrequests\": 3 }, \"vars\"");
    let project = project("wrangler.jsonc", &config, entry);
    let worker = Daemon::dev(project.path(), &["--demo"]);
    assert_says(&worker.get("/loop").await.expect(500).text(), &["300ms of CPU time"]);
    assert_eq!(worker.get("/").await.expect(200).text(), "fine");

    project.write("wrangler.jsonc", config.replace("\"subrequests\": 3", "\"subrequests\": 2"));
    worker.wait_for_stderr(&["reloaded "]);
    assert_says(&worker.get("/").await.expect(500).text(), &["more than 2 tool calls"]);

    project.write("wrangler.jsonc", config.replace("300", "300000"));
    worker.wait_for_stderr(&["`limits.cpu_ms` (300000)", "(10 s)"]);
}

/// The Worker's `env` has MCP servers: pages of other sites must not reach it under any name.
#[tokio::test]
async fn a_worker_answers_to_its_own_names_and_pages() {
    let entry = "export default { fetch: (request) => new Response(request.method) }";
    let project = project("wrangler.jsonc", JSONC, entry);
    let worker =
        Daemon::dev(project.path(), &["--allow-host", "app.test", "--allow-origin", "http://localhost:5173"]);
    let own = format!("http://{}", worker.address());
    let ask = |method, headers: &[(&str, &str)]| {
        let request = Request::new(method, "/");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    for host in ["rebound.example", "localhost.", "10.1.2.3", "app.test.rebound.example"] {
        let answer = worker.send(ask(Method::GET, &[("host", host)])).await.expect(403);
        assert_says(&answer.text(), &["--allow-host"]);
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]", "app.test"] {
        worker.send(ask(Method::GET, &[("host", host)])).await.expect(200);
    }
    let site = |site| ("sec-fetch-site", site);
    for origin in ["null", "http://10.0.0.1:3000", "https://evil.example", "http://rebound.example"] {
        let answer =
            worker.send(ask(Method::POST, &[("origin", origin), site("cross-site")])).await.expect(403);
        assert_says(&answer.text(), &["--allow-origin"]);
    }
    worker
        .send(ask(Method::POST, &[("origin", &own), site("same-origin")]).body("no type"))
        .await
        .expect(200);
    worker.send(ask(Method::POST, &[("origin", "null"), site("same-origin")])).await.expect(200);
    worker
        .send(ask(Method::POST, &[("origin", "http://localhost:5173"), site("same-site")]))
        .await
        .expect(200);
    worker.wait_for_stderr(&[
        "POST / refused: Web pages of `https://evil.example`",
        "--allow-origin https://evil.example",
    ]);
    worker.wait_for_stderr(&["refused: `rebound.example` is not a name", "--allow-host NAME"]);
    // A front end on another port, whether it is allowed by name or not.
    for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "https://[::1]:1"] {
        worker.send(ask(Method::POST, &[("origin", origin), site("same-site")])).await.expect(200);
        let to_app = [("host", "app.test"), ("origin", "http://localhost:3000"), site("cross-site")];
        worker.send(ask(Method::POST, &to_app)).await.expect(403);
    }
    // A link to the Worker works, an image of it on another page does not.
    let link = [site("cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    worker.send(ask(Method::GET, &link)).await.expect(200);
    worker.send(ask(Method::POST, &link)).await.expect(403);
    let image = [site("cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    worker.send(ask(Method::GET, &image)).await.expect(403);
}

#[test]
fn it_listens_beyond_this_machine_only_with_both_options() {
    let project = project("wrangler.jsonc", JSONC, HELLO);
    let dev = |args: &[&str]| isolet(["dev", project.text()]).args(args).output().exits(2).stderr;
    for open in ["0.0.0.0:0", "[::]:0"] {
        let said = dev(&["--listen", open]);
        assert_says(&said, &["other machines", "no token", "--allow-unauthenticated"]);
        assert!(!said.contains("ISOLET_TOKEN"), "{said}");
        // A name alone is not a permission.
        dev(&["--listen", open, "--allow-host", "app.test"]);
        assert_says(&dev(&["--listen", open, "--allow-unauthenticated"]), &["--allow-host"]);
        dev(&["--listen", open, "--allow-unauthenticated", "--allow-host", ""]);
    }
    // With both it continues to the project, which does not exist.
    let open = ["--listen", "0.0.0.0:0", "--allow-unauthenticated", "--allow-host", "app.test"];
    let said = isolet(["dev", Folder::new().text()]).args(&open).output().exits(3).stderr;
    assert_says(&said, &["wrangler.jsonc"]);
}

#[test]
fn errors_of_a_project_name_the_place() {
    let start = |folder: &Folder| isolet(["dev", folder.text(), "--check"]).output().exits(3).stderr;
    assert_says(&start(&Folder::new()), &["wrangler.jsonc"]);
    let broken =
        project("wrangler.jsonc", "{\n  \"main\": \"src/index.ts\",\n  \"vars\": { \"A\" 1 }\n}", HELLO);
    assert_says(&start(&broken), &["wrangler.jsonc:3:"]);
    let broken = project("wrangler.toml", "main = \"src/index.ts\"\nname = [\n", HELLO);
    assert_says(&start(&broken), &["wrangler.toml:2:"]);
    let broken = project("wrangler.jsonc", "{\n  \"main\": \"src/gone.ts\"\n}", HELLO);
    assert_says(&start(&broken), &["src/gone.ts"]);
    let broken = project("wrangler.jsonc", JSONC, "const a = 1;\nexport default { fetch( }");
    assert_says(&start(&broken), &["src/index.ts:2:"]);
    let broken = project("wrangler.jsonc", JSONC, "export const a = 1;");
    assert!(!start(&broken).is_empty());
    let broken =
        project("wrangler.jsonc", JSONC, "import { a } from './gone.ts';\nexport default { fetch() { a } }");
    assert_says(&start(&broken), &["gone.ts"]);
    let missing = isolet(["dev", "nowhere", "--check"]).output().exits(3).stderr;
    assert_says(&missing, &["nowhere: there is no such file or folder"]);

    // All of them are told, with their lines, and so are warnings.
    let config = JSONC.replace("\"name\"", "\"kv_namespace\": [], \"name\"");
    let broken = project("wrangler.jsonc", &config, "import './a';\nimport 'nope';\nexport default {};");
    broken.write("src/a.ts", "const a = 1;\nlet 1 = 2;");
    let said = start(&broken);
    assert_says(
        &said,
        &["did you mean `kv_namespaces`", "src/a.ts:2:5", "    2 | let 1 = 2;", "src/index.ts:2:8"],
    );
    // The address may be that of an isolet that serves the project.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let fine = project("wrangler.jsonc", JSONC, HELLO);
    let fine = isolet(["dev", fine.text(), "--check", "--listen", &address]).output().exits(0);
    assert_says(&fine.stderr, &["hello loads"]);
}

#[tokio::test]
async fn a_project_that_does_not_load_is_loaded_when_it_can_be() {
    let entry = "import { word } from './word';\nimport { double } from 'twice';
        export default { fetch: () => new Response(double(word)) };";
    let project = project("wrangler.jsonc", JSONC, entry);
    let worker = Daemon::dev(project.path(), &[]);
    let error = worker.get("/").await.expect(500).text();
    assert_says(&error, &["does not load", "src/index.ts:1:22: \"./word\" not found", "npm install twice"]);
    assert_says(&worker.stderr(), &["src/index.ts:1:22", "npm install twice"]);

    // No file that was read changes: others appear.
    project.write("src/word.ts", "export const word: string = 'so';");
    eventually("one error", || async {
        let text = worker.get("/").await.expect(500).text();
        (!text.contains("./word") && text.contains("twice")).then_some(())
    })
    .await;
    project.write("node_modules/twice/package.json", r#"{ "name": "twice", "main": "main.js" }"#);
    worker.wait_for_stderr(&["has no module \"twice\""]);
    project.write("node_modules/twice/main.js", "export const double = (word) => word + word;");
    answers(&worker, "soso").await;

    // A version that works goes on while a package is missing.
    project.write("src/index.ts", entry.replace("'./word';", "'./word'; import 'other';"));
    worker.wait_for_stderr(&["reload failed", "npm install other"]);
    answers(&worker, "soso").await;
    project.write("node_modules/other/index.js", "globalThis.other = 1;");
    worker.wait_for_stderr(&["reloaded "]);
}

#[tokio::test]
async fn a_project_that_throws_at_its_start_is_loaded_when_it_does_not() {
    let project = project("wrangler.jsonc", JSONC, "throw new Error('on purpose');");
    let worker = Daemon::dev(project.path(), &[]);
    assert_says(&worker.get("/").await.expect(500).text(), &["does not load", "on purpose"]);
    project.write("src/index.ts", "import { a, type B } from './b';\nexport default { fetch: () => a };");
    project.write("src/b.ts", "export type B = 1;");
    eventually("the error of the import", || async {
        let text = worker.get("/").await.expect(500).text();
        (text.contains("'a'") && text.contains("src/index.ts:1:10")).then_some(())
    })
    .await;
    project.write("src/index.ts", HELLO);
    answers(&worker, "Hello from isolet").await;
}

#[tokio::test]
async fn the_example_works() {
    let worker = Daemon::dev(&repository().join("examples/worker"), &["--demo"]);
    assert_says(&worker.get("/").await.expect(200).text(), &["Hello"]);
    assert_eq!(worker.get("/add?a=1&b=2").await.expect(200).json(), json!({ "sum": 3 }));
    let order = json!({ "customer": "Halden", "lines": [{ "item": "scanner", "count": 3, "price": 5 }] });
    let answer =
        worker.send(Request::post("/order", "application/json", order.to_string())).await.expect(200);
    assert_eq!(answer.json()["total"], 15);
}
