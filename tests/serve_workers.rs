//! `isolet serve --worker`: Workers by host and path beside the API.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::harness::fake_server::FakeServer;
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::processes::Process;
use crate::harness::*;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

/// A Worker that tells its name, its path, and how many requests its process had.
const HONEST: &str = "let requests = 0;
export default { async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/slow') await scheduler.wait(1500);
    return Response.json({ worker: env.NAME, path: pathname, requests: ++requests, env: Object.keys(env) });
} }";

/// A folder with projects: name, further keys of the configuration, code.
fn projects(workers: &[(&str, &str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, keys, code) in workers {
        let config = format!(
            "{{ \"name\": \"{name}\", \"main\": \"worker.js\", \"vars\": {{ \"NAME\": \"{name}\" }} {keys} }}"
        );
        folder.write(&format!("{name}/wrangler.jsonc"), config);
        folder.write(&format!("{name}/worker.js"), code);
    }
    folder
}

/// `isolet serve` with these arguments, and Workers on a port of their own.
fn serve(folder: Folder, args: &[&str]) -> Daemon {
    Daemon::serve_in(folder, &[&["--worker-listen", "127.0.0.1:0"], args].concat())
}

/// Waits for the Workers and returns their address.
fn workers(daemon: &Daemon) -> SocketAddr {
    daemon.wait_for_stderr(&["isolet serves "]);
    let log = daemon.stderr();
    let (_, line) = log.split_once("isolet serves ").unwrap();
    let (_, host) = line.lines().next().unwrap().split_once("http://").unwrap();
    let (_, port) = host.split(' ').next().unwrap().rsplit_once(':').unwrap();
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
}

/// `GET http://host/path`.
async fn get(address: SocketAddr, host: &str, path: &str) -> Answer {
    Connection::open(address).await.send(Request::get(path).header("host", host)).await
}

/// The process of the Worker that has used the most CPU time.
fn busiest(daemon: &Daemon) -> Process {
    let zygotes: Vec<i32> = daemon.zygotes().iter().map(|zygote| zygote.pid).collect();
    let cpu = |process: &Process| {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", process.pid)).unwrap_or_default();
        stat.split_whitespace().next().and_then(|used| used.parse::<u64>().ok()).unwrap_or(0)
    };
    let mut runners = daemon.script_processes();
    runners.retain(|process| zygotes.contains(&process.parent));
    runners.into_iter().max_by_key(cpu).expect("a runner")
}

#[tokio::test]
async fn workers_are_chosen_by_host_and_path() {
    let routes = ", \"routes\": [\"shop.example/*\", { \"pattern\": \"site.example/api/*\", \"zone_name\": \"site.example\" }]";
    let folder = projects(&[("shop", routes, HONEST), ("site", "", HONEST), ("bare", "", HONEST)]);
    let daemon = serve(
        folder,
        &[
            "--worker",
            "shop",
            "--worker",
            "site",
            "--worker",
            "bare",
            "--worker-route",
            "site=*site.example/*",
        ],
    );
    let address = workers(&daemon);
    daemon.wait_for_stderr(&[
        "bare on http://bare.localhost:",
        "shop on ",
        " for shop.example/*, site.example/api/*",
    ]);
    for (host, path, worker) in [
        ("shop.example", "/a", "shop"),
        ("SHOP.example:80", "/a", "shop"),
        ("site.example", "/", "site"),
        ("www.site.example", "/api/x", "site"),
        ("site.example", "/api/x", "shop"),
        ("site.example", "/api/../x", "site"),
        ("site.example", "/%61pi/x", "shop"),
        ("bare.localhost", "/x", "bare"),
    ] {
        let answer = get(address, host, path).await.expect(200).json();
        assert_eq!(answer["worker"], worker, "http://{host}{path}");
    }
    get(address, "localhost", "/").await.expect(404);
    get(address, "rebound.example", "/").await.expect(403);
    // The API has its own address, and no Worker is there.
    daemon.assert_works().await;
    daemon.get("/a").await.expect(404);
    assert_eq!(get(address, "shop.example", "/v1/run").await.expect(200).json()["worker"], "shop");
}

#[tokio::test]
async fn the_only_worker_without_a_route_has_all_names_of_this_machine() {
    let daemon = serve(projects(&[("one", "", HONEST)]), &["--worker", "one"]);
    let address = workers(&daemon);
    for host in ["localhost", "127.0.0.1:1", "[::1]"] {
        assert_eq!(get(address, host, "/").await.expect(200).json()["worker"], "one", "{host}");
    }
    get(address, "one.example", "/").await.expect(403);
}

#[tokio::test]
async fn pages_of_other_origins_reach_routed_hosts_only() {
    let daemon = serve(
        projects(&[
            ("open", ", \"route\": \"open.example/*\"", HONEST),
            ("local", "", HONEST),
            ("wide", ", \"route\": \"*/health\"", HONEST),
        ]),
        &["--worker", "open", "--worker", "local", "--worker", "wide"],
    );
    let address = workers(&daemon);
    let from_page = |host: &'static str, path: &'static str| async move {
        let request = Request::post(path, "text/plain", "x").header("host", host);
        let request = request.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
        Connection::open(address).await.send(request).await
    };
    from_page("open.example", "/").await.expect(200);
    // A route for all hosts makes its path public, and no other path of a local name.
    assert_eq!(from_page("local.localhost", "/health").await.expect(200).json()["worker"], "wide");
    let refused = from_page("local.localhost", "/").await.expect(403);
    assert_says(&refused.text(), &["Web pages of", "--worker-route"]);
    // The Worker would see another host than the route, or none.
    for host in ["xn--a.wild.example", "%6copen.example", "127.1"] {
        assert_says(
            &get(address, host, "/health").await.expect(400).text(),
            &["not a host as URLs have them"],
        );
    }
    for method in ["TRACE", "TRACK", "CONNECT"] {
        let head = format!("{method} /health HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n");
        assert_says(
            &http::exchange(address, head.as_bytes()).await,
            &["HTTP/1.1 501", "not one that a Request can have"],
        );
    }
    let other = from_page("rebound.example", "/").await.expect(404);
    assert!(!other.text().contains("localhost"), "{}", other.text());
    assert_eq!(get(address, "local.localhost", "/").await.expect(200).json()["worker"], "local");
}

#[tokio::test]
async fn a_worker_has_the_mcp_servers_that_it_was_given_under_the_policy() {
    let code = "export default { async fetch(request, env) {
        const { pathname } = new URL(request.url);
        try {
            const result = await env.odd[pathname.slice(1)]({ result: { structuredContent: 7 } });
            return Response.json({ result, servers: Object.keys(env) });
        } catch (error) { return Response.json({ error: error.message }) }
    } }";
    let odd = FakeServer::new();
    let folder =
        projects(&[("shop", ", \"route\": \"shop/*\"", code), ("other", ", \"route\": \"other/*\"", code)]);
    folder.mcp_json(json!({ "odd": odd.entry(&[]), "more": odd.entry(&[]) }));
    folder.write(
        "isolet.toml",
        "[[policy.rule]]\nname = 'no-errors'\naction = 'deny'\ntool = 'isError'\n[audit]\nfile = 'audit.jsonl'\n",
    );
    let daemon = serve(
        folder,
        &[
            "--worker",
            "shop",
            "--worker",
            "other",
            "--worker-mcp-server",
            "shop=odd/give",
            "--worker-mcp-server",
            "shop=odd/isError",
        ],
    );
    let address = workers(&daemon);
    let ask = |host: &'static str, tool: &'static str| async move {
        get(address, host, &format!("/{tool}")).await.expect(200).json()
    };
    let given = ask("shop", "give").await;
    assert_eq!((&given["result"], &given["servers"]), (&json!(7), &json!(["odd", "NAME"])), "{given:#}");
    assert_says(text(&ask("shop", "isError").await["error"]), &["no-errors"]);
    assert_says(text(&ask("shop", "pid").await["error"]), &["has no tool"]);
    // The other Worker was given none.
    assert!(ask("other", "give").await["error"].is_string());
    let audited = eventually("two records", async || {
        let log = daemon.folder().read("audit.jsonl");
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let calls: Vec<Value> = lines.filter(|line| line["event"] == "call").collect();
        (calls.len() >= 2).then_some(calls)
    })
    .await;
    let seen: Vec<_> =
        audited.iter().map(|call| (&call["worker"], &call["tool"], &call["outcome"])).collect();
    assert_eq!(
        seen,
        [
            (&json!("shop"), &json!("give"), &json!("ok")),
            (&json!("shop"), &json!("isError"), &json!("denied"))
        ]
    );
    assert_eq!(audited[0]["run"], audited[1]["run"], "one Worker is one caller");
}

#[tokio::test]
async fn a_worker_is_started_again_when_its_tools_change() {
    let code = "let requests = 0; export default { async fetch(request, env) {
        requests++;
        try { return Response.json({ requests, result: await env.odd.added({ result: { structuredContent: 1 } }) }) }
        catch (error) { return Response.json({ requests, error: error.message }) }
    } }";
    let odd = FakeServer::new();
    odd.define(json!([{ "name": "first", "inputSchema": { "type": "object" } }]));
    let folder = projects(&[("shop", "", code)]);
    folder.mcp_json(json!({ "odd": odd.entry(&["defined"]) }));
    let daemon = serve(folder, &["--worker", "shop", "--worker-mcp-server", "odd"]);
    let address = workers(&daemon);
    assert_says(text(&get(address, "localhost", "/").await.expect(200).json()["error"]), &["has no tool"]);
    odd.define(json!([{ "name": "added", "inputSchema": { "type": "object" } }]));
    eventually("the new tool", || async {
        let answer = get(address, "localhost", "/").await.expect(200).json();
        let is_known = !answer["error"].as_str().is_some_and(|error| error.contains("has no tool"));
        is_known.then_some(())
    })
    .await;
    daemon.wait_for_stderr(&["started again, as its tools changed"]);
}

const HOSTILE: &str = "export default { async fetch(request) {
    switch (new URL(request.url).pathname) {
        case '/loop': for (;;);
        case '/heap': { const kept = []; for (;;) kept.push(new Array(1000).fill(1.5)); }
        case '/uninterruptible': return new Response(`${(1n << (1n << 26n)) * 3n ** (1n << 22n)}`.slice(0, 1));
        case '/never': return new Promise(() => {});
        case '/logs': for (let i = 0; i < 10000; i++) console.log('isolet: forged\\n\\u001b[31m' + 'x'.repeat(1000)); break;
        case '/throw': throw new Error('the secret of the source');
    }
    return new Response('done');
} }";

#[tokio::test]
async fn a_hostile_worker_harms_no_other() {
    let folder =
        projects(&[("bad", ", \"route\": \"bad/*\"", HOSTILE), ("good", ", \"route\": \"good/*\"", HONEST)]);
    folder.write("isolet.toml", "[limits]\ncpu = \"1s\"\nwall = \"20s\"\nmemory = \"64MiB\"\n");
    let daemon = serve(folder, &["--worker", "bad", "--worker", "good"]);
    let address = workers(&daemon);
    let mut requests = 0;
    for (path, status, code) in [
        ("/loop", 500, "cpu_limit"),
        ("/heap", 500, "memory_limit"),
        ("/uninterruptible", 500, "cpu_limit"),
        ("/never", 500, "exception"),
        ("/throw", 500, "exception"),
        ("/logs", 200, "ok"),
    ] {
        let bad = tokio::spawn(get(address, "bad", path));
        while !bad.is_finished() {
            let began = Instant::now();
            requests += 1;
            let answer = get(address, "good", "/").await.expect(200).json();
            assert_eq!(answer["requests"], requests, "after {path}: it keeps its process");
            assert!(began.elapsed() < Duration::from_secs(2), "{:?} beside {path}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer = bad.await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        // What failed is in the log, not in the answer.
        assert!(!answer.text().contains("secret") && !answer.text().contains(code), "{}", answer.text());
        let metric = format!("isolet_worker_requests_total{{worker=\"bad\",outcome=\"{code}\"}}");
        daemon.metric_reaches(&metric, 1.0).await;
    }
    daemon.wait_for_stderr(&["failed worker=\"bad\"", "the secret of the source", "code=\"cpu_limit\""]);
    assert!(!daemon.stderr().lines().any(|line| line.starts_with("isolet: forged")));
    daemon.assert_works().await;
}

#[tokio::test]
async fn a_request_that_loops_holds_up_one_process_only() {
    let folder = projects(&[("one", "", HOSTILE)]);
    folder.write("isolet.toml", "[workers]\nprocesses = 2\n[limits]\ncpu = \"8s\"\nwall = \"30s\"\n");
    let daemon = serve(folder, &["--worker", "one"]);
    let address = workers(&daemon);
    let stuck = tokio::spawn(get(address, "localhost", "/loop"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    // It waits behind the loop, and so another process is started.
    let behind = tokio::spawn(get(address, "localhost", "/"));
    daemon.metric_becomes("isolet_worker_processes{worker=\"one\"}", 2.0).await;
    for _ in 0..10 {
        get(address, "localhost", "/").await.expect(200);
    }
    assert!(!stuck.is_finished(), "the others did not wait for the end of the loop");
    stuck.await.unwrap().expect(500);
    behind.await.unwrap().expect(200);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_an_empty_one() {
    let code = "export default { fetch: (request) => request.text().then(
        (text) => new Response(`whole: ${text}`), () => new Response('it broke off')) }";
    let daemon = serve(projects(&[("one", "", code)]), &["--worker", "one"]);
    let address = workers(&daemon);
    for chunks in ["zz\r\n", "1\r\na\r\nzz\r\n"] {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}"
        );
        let answer = http::exchange(address, request.as_bytes()).await;
        assert!(answer.contains("it broke off") && !answer.contains("whole"), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn the_scheme_of_a_target_changes_no_path() {
    let folder = projects(&[
        ("site", ", \"route\": \"site.example/*\"", HONEST),
        ("api", ", \"route\": \"site.example/api/*\"", HONEST),
    ]);
    let daemon = serve(folder, &["--worker", "site", "--worker", "api"]);
    let address = workers(&daemon);
    for scheme in ["http", "https", "foo", "file"] {
        let request = format!(
            "GET {scheme}://site.example/b\\c/../../api/y HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n\r\n"
        );
        let answer = http::exchange(address, request.as_bytes()).await;
        assert_says(&answer, &["\"worker\":\"api\"", "\"path\":\"/api/y\""]);
    }
}

#[tokio::test]
async fn a_process_that_is_killed_is_replaced_while_it_serves() {
    let folder = projects(&[("one", "", HONEST)]);
    folder.write("isolet.toml", "[workers]\nprocesses = 1\n");
    let daemon = serve(folder, &["--worker", "one"]);
    let address = workers(&daemon);
    for _ in 0..100 {
        get(address, "localhost", "/").await.expect(200);
    }
    daemon.metric_becomes("isolet_worker_processes{worker=\"one\"}", 1.0).await;
    let process = busiest(&daemon);
    // A request that may be repeated is answered by the process that takes its place.
    let slow = tokio::spawn(get(address, "localhost", "/slow"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
    let answer = slow.await.unwrap().expect(200).json();
    assert!(!process.is_alive());
    assert!(answer["requests"].as_u64().unwrap() < 100, "{answer:#}");
    daemon.metric_becomes("isolet_worker_processes{worker=\"one\"}", 1.0).await;
}

#[tokio::test]
async fn an_idle_worker_has_no_process_and_the_next_request_starts_one() {
    let folder = projects(&[("one", "", HONEST)]);
    folder.write("isolet.toml", "[workers]\nidle_timeout = '1s'\n");
    let daemon = serve(folder, &["--worker", "one"]);
    let address = workers(&daemon);
    get(address, "localhost", "/").await.expect(200);
    // A request in progress is not idle.
    let slow = tokio::spawn(get(address, "localhost", "/slow"));
    slow.await.unwrap().expect(200);
    daemon.metric_becomes("isolet_worker_processes{worker=\"one\"}", 0.0).await;
    assert_eq!(get(address, "localhost", "/").await.expect(200).json()["requests"], 1);
    daemon.metric_becomes("isolet_worker_processes{worker=\"one\"}", 1.0).await;
}

#[tokio::test]
async fn with_isolation_by_request_no_request_sees_another() {
    let code = "const seen = []; const chance = Math.random();
        export default { async fetch(request, env, ctx) {
            const { pathname } = new URL(request.url);
            seen.push(pathname);
            globalThis.count = (globalThis.count ?? 0) + 1;
            if (pathname === '/slow') await scheduler.wait(300);
            if (pathname === '/loop') for (;;);
            if (pathname === '/after') {
                ctx.waitUntil(scheduler.wait(500).then(() => console.log('after the response')));
            }
            return Response.json({ seen, count, chance, drawn: [Math.random(), crypto.randomUUID()] });
        } }";
    let folder = projects(&[("one", "", code)]);
    folder.write(
        "isolet.toml",
        "[[workers.worker]]\npath = 'one'\nisolation = 'request'\nprocesses = 3\nlimits = { cpu = '200ms' }\n",
    );
    let mut daemon = serve(folder, &[]);
    let address = workers(&daemon);
    let (mut seen, mut first) = (Vec::new(), None);
    let mut check = |answer: Answer, path: &str| {
        let answer = answer.expect(200).json();
        assert_eq!((&answer["seen"], &answer["count"]), (&json!([path]), &json!(1)), "{answer:#}");
        let drawn = answer["drawn"].as_array().unwrap().iter().map(|value| value.to_string());
        for value in drawn {
            assert!(!seen.contains(&value), "each process draws its own: {answer:#}");
            seen.push(value);
        }
        let chance = answer["chance"].clone();
        assert_eq!(&chance, first.get_or_insert(chance.clone()), "the modules were evaluated once");
    };
    // On one connection too.
    let mut connection = Connection::open(address).await;
    for _ in 0..10 {
        check(connection.send(Request::get("/a").header("host", "localhost")).await, "/a");
    }
    // More than may have a process at once: the others wait.
    let slow: Vec<_> = (0..8).map(|_| tokio::spawn(get(address, "localhost", "/slow"))).collect();
    for answer in slow {
        check(answer.await.unwrap(), "/slow");
    }
    get(address, "localhost", "/loop").await.expect(500);
    check(get(address, "localhost", "/a").await, "/a");
    daemon.metric_becomes("isolet_worker_processes{worker=\"one\"}", 1.0).await;
    check(get(address, "localhost", "/after").await, "/after");
    assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
    daemon.wait_for_stderr(&["after the response"]);
}

#[tokio::test]
async fn requests_end_before_the_server_does_and_new_ones_are_refused() {
    let code = "export default { async fetch(request, env, ctx) {
        if (new URL(request.url).pathname === '/after') {
            ctx.waitUntil((async () => { await scheduler.wait(800); console.log('after the response'); })());
            return new Response('answered');
        }
        await scheduler.wait(1500);
        return new Response('in the end');
    } }";
    let mut daemon = serve(projects(&[("one", "", code)]), &["--worker", "one"]);
    let address = workers(&daemon);
    let mut idle = Connection::open(address).await;
    idle.send(Request::get("/after").header("host", "localhost")).await.expect(200);
    let slow = tokio::spawn(get(address, "localhost", "/slow"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    kill_process(daemon.pid(), Signal::TERM).unwrap();
    eventually("connections are refused", || async {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
    let answer = slow.await.unwrap().expect(200);
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("in the end", "close"));
    assert_eq!(daemon.ended().code(), Some(0));
    daemon.wait_for_stderr(&["after the response"]);
}

#[tokio::test]
async fn the_server_is_ready_when_its_workers_are() {
    let code = "for (const until = performance.now() + 2000; performance.now() < until;);
        export default { fetch: () => new Response('ready') }";
    let daemon = serve(projects(&[("slow", "", code)]), &["--worker", "slow"]);
    let waiting = eventually("/readyz while the Worker loads", || async {
        let answer = daemon.get("/readyz").await;
        answer.text().contains("Workers").then_some(answer)
    })
    .await;
    assert_says(&waiting.expect(503).text(), &["Workers that are still loading: 1."]);
    daemon.ready().await;
    assert_eq!(get(workers(&daemon), "localhost", "/").await.expect(200).text(), "ready");
}

#[tokio::test]
async fn a_worker_that_does_not_load_ends_the_start() {
    let folder = projects(&[
        ("fine", "", HONEST),
        ("syntax", "", "export default {\n  fetch() { return new Response('x' }\n}"),
        ("throws", "", "null.x;"),
        ("same", ", \"route\": \"a.example/*\"", HONEST),
        ("again", ", \"route\": \"http://A.example/*\"", HONEST),
        ("bad-route", ", \"route\": \"a*b.example/*\"", HONEST),
    ]);
    let serve = |args: &[&str]| {
        let all =
            [&["--listen", "127.0.0.1:0", "--no-token", "--worker-listen", "127.0.0.1:0"], args].concat();
        isolet(["serve"]).args(&all).within(folder.path()).output().exits(3).stderr
    };
    for check in [&[][..], &["--check"]] {
        let with = |args: &[&'static str]| serve(&[args, check].concat());
        assert_says(&with(&["--worker", "fine", "--worker", "syntax"]), &["syntax", "worker.js:2:"]);
        assert_says(&with(&["--worker", "missing"]), &["missing"]);
        assert_says(
            &with(&["--worker", "same", "--worker", "again"]),
            &["\"same\" and \"again\" have the same route a.example/*"],
        );
        assert_says(&with(&["--worker", "fine", "--worker", "fine"]), &["two Workers are called \"fine\""]);
        assert_says(&with(&["--worker", "bad-route"]), &["bad-route/wrangler.jsonc:1:", "may only begin"]);
        assert_says(
            &with(&["--worker", "fine", "--worker-route", "fin=a/*"]),
            &["--worker-route fin=a/*", "no such Worker, but: fine"],
        );
    }
    let thrown = serve(&["--worker", "fine", "--worker", "throws"]);
    assert_says(&thrown, &["the Worker \"throws\" does not load", "TypeError", "worker.js:1:6"]);
}

#[tokio::test]
async fn a_check_shows_the_workers_and_starts_nothing() {
    let folder = projects(&[("shop", ", \"route\": \"shop.example/*\"", HONEST), ("site", "", HONEST)]);
    let args = ["--check", "--worker", "shop", "--worker", "site", "--worker-mcp-server", "shop=demo/add"];
    let shown = isolet(["serve"]).args(&args).within(folder.path()).output().exits(0).stdout;
    assert_says(
        &shown,
        &[
            "worker: shop on http://127.0.0.1:8788 for shop.example/*, modules: 1",
            "mcp_servers: demo/add",
            "worker: site on http://site.localhost:8788, modules: 1",
        ],
    );
    let args = ["--check", "--worker", "shop", "--worker-mcp-server", "dem0/add"];
    let said = isolet(["serve"]).args(&args).within(folder.path()).output().exits(3).stderr;
    assert_says(
        &said,
        &["mcp_servers of \"shop\": there is no server for the pattern `dem0/add`. Did you mean `demo/add`?"],
    );
}

#[tokio::test]
async fn settings_describe_workers() {
    let code = "export default { fetch(request, env) {
        if (new URL(request.url).pathname === '/loop') for (;;);
        return Response.json({ name: env.NAME, secret: env.SECRET, mode: process.env.NODE_ENV });
    } }";
    let folder = projects(&[(
        "shop",
        ", \"route\": \"ignored.example/*\", \"env\": { \"live\": { \"vars\": { \"NAME\": \"live\" } } }",
        code,
    )]);
    folder.write("shop/.dev.vars", "SECRET=of development");
    folder.write("secrets.env", "SECRET=of production\n");
    folder.write(
        "isolet.toml",
        "[workers]\nlisten = '127.0.0.1:0'\n[[workers.worker]]\npath = 'shop'\nname = 'store'\nenvironment = 'live'\n\
         vars_file = 'secrets.env'\nroutes = ['store.example/*']\nprocesses = 2\nlimits = { cpu = '100ms' }\n",
    );
    let daemon = Daemon::serve_in(folder, &[]);
    let address = workers(&daemon);
    let answer = get(address, "store.example", "/").await.expect(200).json();
    assert_eq!(answer, json!({ "name": "live", "secret": "of production", "mode": "production" }));
    get(address, "ignored.example", "/").await.expect(403);
    let began = Instant::now();
    get(address, "store.example", "/loop").await.expect(500);
    assert!(began.elapsed() < Duration::from_secs(5));
    daemon.wait_for_stderr(&["cpu_limit", "store"]);
}

#[tokio::test]
async fn workers_run_in_jailed_processes_only() {
    let folder = projects(&[("one", "", HONEST)]);
    let args = ["--isolation", "thread", "--worker", "one", "--listen", "127.0.0.1:0"];
    let refused = isolet(["serve"]).args(&args).within(folder.path()).output().exits(2).stderr;
    assert_says(&refused, &["jailed processes only", "--isolation thread"]);

    let daemon = serve(folder, &["--worker", "one"]);
    let address = workers(&daemon);
    for _ in 0..50 {
        get(address, "localhost", "/").await.expect(200);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", busiest(&daemon).pid)).unwrap();
    assert_says(&status, &["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"]);
}

#[tokio::test]
async fn beyond_this_machine_it_needs_consent_and_routes() {
    let folder = projects(&[("one", "", HONEST)]);
    let refused = |args: &[&str]| {
        let all = [&["--check", "--worker", "one", "--worker-listen", "0.0.0.0:80"], args].concat();
        isolet(["serve"]).args(&all).within(folder.path()).output().exits(3).stderr
    };
    assert_says(&refused(&[]), &["--worker-allow-unauthenticated"]);
    assert_says(
        &refused(&["--worker-allow-unauthenticated"]),
        &["has no route", "--worker-route 'one=HOST/*'"],
    );
}

#[tokio::test]
async fn events_of_requests_are_in_the_log_at_debug() {
    let folder = projects(&[("one", "", HONEST)]);
    let daemon = serve(folder, &["--worker", "one", "--log-level", "debug"]);
    get(workers(&daemon), "localhost", "/path?secret=1").await.expect(200);
    daemon.wait_for_stderr(&["request worker=\"one\"", "path=\"/path\"", "status=200", "outcome=\"ok\""]);
    assert!(!daemon.stderr().contains("secret=1"));

    let quiet = serve(projects(&[("one", "", HONEST)]), &["--worker", "one"]);
    get(workers(&quiet), "localhost", "/path").await.expect(200);
    assert!(!quiet.stderr().contains("/path"), "{}", quiet.stderr());
}

#[tokio::test]
async fn a_unix_socket_has_workers_too() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let code = "export default { fetch: (request) => Response.json({ url: request.url,
        peer: request.headers.get('cf-connecting-ip'), forged: request.headers.get('x-forged') }) }";
    let folder = projects(&[("one", "", code)]);
    let path = folder.at("workers.sock");
    let daemon = Daemon::serve_in(folder, &["--worker", "one", "--worker-listen", &format!("unix:{path}")]);
    daemon.wait_for_stderr(&["isolet serves one on unix:", "workers.sock"]);
    let mut socket = tokio::net::UnixStream::connect(&path).await.unwrap();
    let request = "GET /x HTTP/1.1\r\nhost: any.example\r\ncf-connecting-ip: 6.6.6.6\r\nx-forged: yes\r\nconnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    bounded("the answer", socket.read_to_string(&mut answer)).await.unwrap();
    assert_says(
        &answer,
        &["200 OK", "\"url\":\"http://any.example/x\"", "\"peer\":null", "\"forged\":\"yes\""],
    );
}

#[tokio::test]
async fn no_address_calls_scheduled() {
    let code =
        "export default { fetch: (request) => new Response(new URL(request.url).pathname), scheduled() {} }";
    let folder = projects(&[("timed", ", \"triggers\": { \"crons\": [\"* * * * *\"] }", code)]);
    let daemon = serve(folder, &["--worker", "timed"]);
    let address = workers(&daemon);
    for path in ["/cdn-cgi/handler/scheduled", "/__scheduled"] {
        assert_eq!(get(address, "localhost", path).await.expect(200).text(), path);
    }
    assert_says(&daemon.stderr(), &["timed: cron triggers do not run"]);
}
