//! Web pages against isolet in a real browser: pages of other origins, DNS rebinding, links, and
//! pages of the server itself. Needs Chromium.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::harness::*;
use rustix::process::{Pid, Signal, kill_process_group};

/// A headless browser with an empty profile.
struct Chromium {
    child: Child,
    _profile: Folder,
}

impl Chromium {
    /// Opens `url`; names under `rebound.example` resolve to this machine.
    fn open(url: &str) -> Self {
        let profile = Folder::new();
        let child = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--host-resolver-rules=MAP *.rebound.example 127.0.0.1"])
            // Without this option a browser that shows nothing ends at once.
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.at("profile")))
            .arg(url)
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`chromium` does not start: {error}. This test drives a web browser: apt-get install -y chromium")
            });
        Self { child, _profile: profile }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A web site on a port of its own: one page, and the values that the page reports.
struct Site {
    port: u16,
    page: Sender<String>,
    reports: Receiver<String>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (page, pages) = channel::<String>();
        let (reporter, reports) = channel();
        thread::spawn(move || {
            let page = pages.recv().expect("a page");
            for socket in listener.incoming().flatten() {
                let (page, reporter) = (page.clone(), reporter.clone());
                // Browsers open connections in advance.
                thread::spawn(move || answer(socket, &page, &reporter));
            }
        });
        Self { port, page, reports }
    }

    /// Shows a page with this script; `report(value)` in it ends the wait. The browser stays open
    /// with the page, as requests that the page does not wait for may arrive after the report.
    fn visit(&self, host: &str, script: &str) -> (Value, Chromium) {
        let page = format!(
            "<!doctype html><meta charset=utf-8><body><script>
             const report = (value) => fetch('/report', {{ method: 'POST', body: JSON.stringify(value) }});
             (async () => {{ {script} }})().catch((error) => report(String(error)));
             </script>"
        );
        self.page.send(page).expect("the site is there");
        let browser = Chromium::open(&format!("http://{host}:{}/", self.port));
        let report = self.reports.recv_timeout(WAIT_TIMEOUT).expect("the page reports");
        (serde_json::from_str(&report).expect("a report in JSON"), browser)
    }
}

fn answer(mut socket: TcpStream, page: &str, reporter: &Sender<String>) {
    let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    if first.starts_with("POST /report") {
        drop(reporter.send(String::from_utf8(body).expect("a text")));
    }
    let page = if first.starts_with("GET / ") { page } else { "" };
    let length = page.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
    drop(socket.write_all(format!("{head} {length}\r\n\r\n{page}").as_bytes()));
}

/// Sends every kind of request to `TARGET` that a page can send without a preflight, and reports
/// the answers that it can read.
const ATTACKS: &str = r#"
    const text = JSON.stringify({ code: "return (await env.demo.add({ a: 1, b: 2 })).sum" });
    const bytes = new TextEncoder().encode(text);
    const post = (path, init) => fetch(TARGET + path, { method: "POST", mode: "no-cors", ...init });
    const element = (name, fields) => new Promise((done) => {
        const one = Object.assign(document.createElement(name), fields);
        one.onload = () => done("loaded");
        one.onerror = () => done("failed");
        document.body.append(one);
    });
    const form = (name, path) => new Promise((done) => {
        document.body.insertAdjacentHTML("beforeend",
            `<iframe name=${name}></iframe><form method=post enctype=text/plain target=${name}><input name=x></form>`);
        const form = document.querySelector("form:last-of-type");
        form.action = TARGET + path;
        [form[0].name, form[0].value] = [text.slice(0, -1) + ', "input": "', '"}'];
        document.querySelector(`iframe[name=${name}]`).onload = () => done("sent");
        form.submit();
    });
    const within = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 20000, "slow"))]);
    const seen = {};
    const attempt = async (name, what) => {
        try { seen[name] = String(await within(what())) } catch (error) { seen[name] = "threw " + error }
    };
    await attempt("bytes", () => post("/v1/run", { body: bytes }));
    await attempt("text", () => post("/v1/run", { body: text }));
    await attempt("json", () => post("/v1/run",
        { mode: "cors", body: text, headers: { "content-type": "application/json" } }));
    await attempt("beacon", () => navigator.sendBeacon(TARGET + "/v1/run", new Blob([bytes])));
    await attempt("form", () => form("f", "/v1/run"));
    await attempt("mcp", () => post("/mcp", { body: bytes }));
    await attempt("image", () => element("img", { src: TARGET + "/v1/types/sleepy" }));
    await attempt("script", () => element("script", { src: TARGET + "/v1/types/sleepy" }));
    await attempt("health", () => element("img", { src: TARGET + "/readyz" }));
"#;

fn servers() -> Value {
    let demo = json!({ "command": ISOLET, "args": ["demo-mcp"] });
    json!({ "demo": demo, "sleepy": { "command": ISOLET, "args": ["demo-mcp"], "start": "lazy" } })
}

async fn assert_untouched(server: &Daemon, seen: &Value) {
    // All arrived: the preflight of the JSON request stands for it. Browsers repeat a request whose
    // connection they took for a lost one.
    server.metric_reaches("isolet_requests_refused_total", 9.0).await;
    assert_eq!(server.metric("isolet_run_duration_seconds_count").await, 0.0, "{seen:#}");
    assert_eq!(server.metric("isolet_tool_calls_total").await, 0.0, "{seen:#}");
    assert_eq!(server.server("sleepy").await["state"], "idle", "{seen:#}");
    for (attack, outcome) in [("image", "failed"), ("script", "failed"), ("health", "failed")] {
        assert_eq!(seen[attack], outcome, "{seen:#}");
    }
    assert_says(text(&seen["json"]), &["threw"]);
    server.assert_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_another_port_runs_nothing() {
    let server = Daemon::serve_with(servers()).await_ready().await;
    let site = Site::start();
    let target = format!("const TARGET = 'http://{}';", server.address());
    let (seen, _browser) = site.visit("127.0.0.1", &format!("{target} {ATTACKS} report(seen);"));
    assert_untouched(&server, &seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_another_name_runs_nothing() {
    let server = Daemon::serve_with(servers()).await_ready().await;
    let site = Site::start();
    let target = format!("const TARGET = 'http://{}';", server.address());
    let (seen, _browser) = site.visit("localhost", &format!("{target} {ATTACKS} report(seen);"));
    assert_untouched(&server, &seen).await;
}

/// The browser treats the server as the page's own origin: only `Host` tells them apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebound_name_is_refused() {
    let server = Daemon::serve_with(servers()).await_ready().await;
    let site = Site::start();
    let port = server.address().port();
    let code = format!(
        "const frame = document.createElement('iframe');
         frame.src = 'http://a.rebound.example:{port}/v1/types/sleepy';
         await new Promise((done) => {{ frame.onload = done; document.body.append(frame); }});
         report('loaded');"
    );
    // The request comes from the name itself, so that rules for other sites do not refuse it.
    site.visit("a.rebound.example", &code);
    let refused = server.metric("isolet_requests_refused_total").await;
    assert!(refused >= 1.0, "{refused} requests were refused");
    assert_eq!(server.server("sleepy").await["state"], "idle");
}

/// The same requests are answered if the operator allowed the page's origin, so it is the rules
/// that refuse them.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_runs_scripts_and_reads_results() {
    let site = Site::start();
    let folder = Folder::new();
    folder.mcp_json(servers());
    let origin = format!("http://127.0.0.1:{}", site.port);
    let server = Daemon::serve_in(folder, &["--allow-origin", &origin]).await_ready().await;
    let target = format!("const TARGET = 'http://{}';", server.address());
    let (seen, _browser) = site.visit(
        "127.0.0.1",
        &(target
            + r#"
            const run = (type) => fetch(TARGET + "/v1/run", {
                method: "POST", headers: type ? { "content-type": type } : {},
                body: new TextEncoder().encode('{"code": "return (await env.demo.add({ a: 1, b: 2 })).sum"}'),
            });
            const allowed = await run("application/json");
            report({ untyped: (await run()).status, result: (await allowed.json()).result });"#),
    );
    assert_eq!(seen, json!({ "untyped": 415, "result": 3 }));
    assert_eq!(server.metric("isolet_tool_calls_total").await, 1.0);
}

/// A Worker's own pages can send everything; other pages can only link to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_used_by_its_own_pages() {
    let folder = Folder::new();
    folder.write("wrangler.jsonc", r#"{ "main": "index.js" }"#);
    folder.write(
        "index.js",
        r#"const seen = [];
        const page = `<!doctype html><body><iframe name=f></iframe>
            <form method=post action="/own-form" target=f><input name=a value=b></form>
            <script>
                fetch("/own-fetch", { method: "POST", body: new Uint8Array([1, 2]) });
                document.querySelector("form").submit();
            </script>`;
        const headers = { "content-type": "text/html", "referrer-policy": "no-referrer" };
        export default { fetch(request) {
            const { pathname } = new URL(request.url);
            if (pathname === "/seen") return Response.json(seen.sort());
            if (pathname !== "/favicon.ico") seen.push(request.method + " " + pathname);
            return pathname === "/page" ? new Response(page, { headers }) : new Response("ok");
        } }"#,
    );
    let worker = Daemon::dev(folder.path(), &[]);
    let site = Site::start();
    // The page leaves only after the test has checked.
    let last = format!("location = 'http://{}/page'; await new Promise(() => {{}});", worker.address());
    let attacks = ATTACKS.replace("/v1/run", "/attack").replace("/v1/types/sleepy", "/attack");
    let script = format!("const TARGET = 'http://{}'; {attacks} {last}", worker.address());
    let page = format!("<!doctype html><body><script>(async () => {{ {script} }})()</script>");
    site.page.send(page).expect("the site is there");
    let _browser = Chromium::open(&format!("http://page.rebound.example:{}/", site.port));
    eventually("the Worker's page did its part", || async {
        let seen = worker.get("/seen").await.json();
        let seen: Vec<&str> = seen.as_array().unwrap().iter().map(text).collect();
        assert!(!seen.iter().any(|request| request.contains("attack")), "{seen:?}");
        (seen == ["GET /page", "POST /own-fetch", "POST /own-form"]).then_some(())
    })
    .await;
}

/// A front end under development has a port of its own. The Worker decides what it may read.
#[tokio::test(flavor = "multi_thread")]
async fn a_front_end_on_another_port_uses_a_worker() {
    let folder = Folder::new();
    folder.write("wrangler.jsonc", r#"{ "main": "index.js" }"#);
    folder.write(
        "index.js",
        r#"const seen = [];
        const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "content-type" };
        export default { async fetch(request) {
            const { pathname } = new URL(request.url);
            if (pathname === "/seen") return Response.json(seen);
            seen.push(request.method + " " + pathname + " " + await request.text());
            return Response.json("read", { headers: pathname === "/open" ? headers : {} });
        } }"#,
    );
    let worker = Daemon::dev(folder.path(), &[]);
    let site = Site::start();
    let code = format!(
        "const ask = (path) => fetch('http://{}' + path, {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: '1' }})
            .then((answer) => answer.json(), () => 'closed');
         report(await ask('/open') + ' ' + await ask('/closed'));",
        worker.address()
    );
    let (report, _browser) = site.visit("localhost", &code);
    assert_eq!(report, "read closed");
    let seen = worker.get("/seen").await.json();
    assert_eq!(seen, json!(["OPTIONS /open ", "POST /open 1", "OPTIONS /closed "]));
}
