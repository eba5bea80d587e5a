//! Fetches of Workers from other servers: the allow-list, requests and responses, redirects,
//! bodies.

use crate::harness::http::{Connection, Request};
use crate::harness::origin::Origin;
use crate::harness::*;

/// A Worker whose answer is what the function for its path returns, or the error that it throws.
/// `A` is the origin of the HTTP server, `S` that of the HTTPS server.
const HEADER: &str = "
const paths = {
    async text(url) { return await (await fetch(url)).text(); },
    async head(url, init) {
        const response = await fetch(url, init);
        const { status, statusText, url: from, redirected } = response;
        return { status, statusText, url: from, redirected, headers: Object.fromEntries(response.headers), body: await response.text() };
    },
    async echo(url, init) { return await (await fetch(url, init)).json(); },
";

const FOOTER: &str = "
};
export default { async fetch(request, env, ctx) {
    const { path, args } = await request.json();
    try {
        const result = await paths[path](...args);
        return result instanceof Response ? result : Response.json(result ?? null);
    } catch (error) {
        return Response.json({ error: error.name, message: error.message });
    }
} }";

/// A Worker in `isolet dev` with these functions beside those of [`HEADER`].
pub struct Project {
    pub daemon: Daemon,
    /// The origin of the HTTP server.
    pub http: String,
    /// That of the HTTPS server.
    pub https: String,
    _folder: Folder,
}

impl Project {
    /// Starts it with these hosts; `HTTP` and `HTTPS` in them stand for the ports.
    pub fn start(origin: &Origin, outgoing: &[&str], functions: &str) -> Self {
        let folder = Folder::new();
        folder.write("worker.js", format!("{HEADER}{functions}{FOOTER}"));
        folder.write("audit.toml", "[audit]\nfile = 'audit.jsonl'\n");
        let (http, https) = (origin.http.to_string(), origin.https.to_string());
        let ports = |entry: &&str| entry.replace("HTTPS", &https).replace("HTTP", &http);
        let hosts: Vec<String> = outgoing.iter().map(ports).collect();
        let settings = folder.at("audit.toml");
        let mut args = vec!["--config", &settings];
        hosts.iter().for_each(|host| args.extend(["--outgoing", host]));
        folder.write("wrangler.jsonc", "{ \"name\": \"worker\", \"main\": \"worker.js\" }");
        let daemon = Daemon::dev_as(folder.path(), &args, &[("SSL_CERT_FILE", &Origin::authority())]);
        let (http, https) = (format!("http://localhost:{http}"), format!("https://localhost:{https}"));
        Self { daemon, http, https, _folder: folder }
    }

    pub async fn call(&self, path: &str, args: Value) -> Value {
        let body = json!({ "path": path, "args": args }).to_string();
        self.daemon.send(Request::post("/", "application/json", body)).await.expect(200).json()
    }

    /// Fetches a path of the HTTP server and returns status, headers and body.
    async fn head(&self, path: &str, init: Value) -> Value {
        self.call("head", json!([format!("{}{path}", self.http), init])).await
    }

    /// The records of the audit log.
    pub fn records(&self) -> Vec<Value> {
        let text = self._folder.read("audit.jsonl");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["event"] == "fetch").collect()
    }
}

#[tokio::test]
async fn nothing_is_fetched_without_the_operators_word() {
    let origin = Origin::start();
    let project = Project::start(&origin, &[], "");
    let refused = project.call("text", json!([format!("{}/echo?token=secret", project.http)])).await;
    assert_eq!(refused["error"], "TypeError");
    let entry = format!("localhost:{}", origin.http);
    assert_says(
        text(&refused["message"]),
        &[
            &project.http,
            &format!("--outgoing '{entry}'"),
            &format!("outgoing = [\"{entry}\"] under [workers]"),
        ],
    );
    assert!(!text(&refused["message"]).contains("secret"));
    assert_eq!(origin.seen(), [] as [Value; 0]);
    // It is recorded, and the path is not.
    let records = project.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["origin"], project.http);
    assert_eq!((&records[0]["outcome"], &records[0]["status"]), (&json!("denied"), &Value::Null));
    assert!(!records[0].to_string().contains("secret"));
}

#[tokio::test]
async fn only_the_named_scheme_host_and_port_are_reached() {
    let origin = Origin::start();
    let project = Project::start(&origin, &["http://localhost:HTTP"], "");
    let (http, https) = (origin.http, origin.https);
    for url in [
        format!("http://127.0.0.1:{http}/echo"),
        format!("http://[::1]:{http}/echo"),
        format!("http://[::ffff:127.0.0.1]:{http}/echo"),
        format!("http://2130706433:{http}/echo"),
        format!("http://a.localhost:{http}/echo"),
        format!("http://localhost.evil.example:{http}/echo"),
        format!("http://localhost:{http}@127.0.0.1:{http}/echo"),
        format!("http://localhost:{https}/echo"),
        format!("https://localhost:{http}/echo"),
        "http://localhost/echo".to_owned(),
    ] {
        let refused = project.call("text", json!([url])).await;
        assert_says(text(&refused["message"]), &["may not fetch from"]);
    }
    for url in ["ftp://localhost/", "blob:null/1", "about:blank", "file:///etc/passwd"] {
        let refused = project.call("text", json!([url])).await;
        assert_says(text(&refused["message"]), &["Fetch API cannot load"]);
    }
    assert_eq!(origin.seen(), [] as [Value; 0]);
    for host in ["localhost", "LOCALHOST.", "user:pass@localhost"] {
        let url = format!("http://{host}:{http}/echo");
        let answer = project.call("echo", json!([url])).await;
        assert_eq!(answer["headers"]["authorization"], Value::Null, "{url}");
        assert_eq!(answer["path"], "/echo", "{url}");
    }
}

#[tokio::test]
async fn every_public_host_does_not_mean_this_machine() {
    let origin = Origin::start();
    let project = Project::start(&origin, &["*:*", "10.0.0.0/8"], "");
    for host in
        ["localhost", "127.0.0.1", "a.localhost", "[::1]", "169.254.169.254", "10.0.0.1", "[64:ff9b::7f00:1]"]
    {
        let refused = project.call("text", json!([format!("http://{host}:{}/echo", origin.http)])).await;
        assert_says(text(&refused["message"]), &["may not fetch from"]);
    }
    assert_eq!(origin.seen(), [] as [Value; 0]);
}

#[tokio::test]
async fn requests_arrive_as_they_were_made() {
    let origin = Origin::start();
    let functions = "
    form: async (url) => {
        const form = new FormData();
        form.set('a', 'b');
        return (await (await fetch(url, { method: 'POST', body: form })).json()).body;
    },
    stream: async (url) => {
        const body = new ReadableStream({ start(c) { c.enqueue(new Uint8Array([104, 105])); c.close(); } });
        return await (await fetch(url, { method: 'POST', body, duplex: 'half' })).json();
    },
    fixed: async (url) => {
        const { readable, writable } = new FixedLengthStream(2);
        const writer = writable.getWriter();
        writer.write(new Uint8Array([104, 105]));
        writer.close();
        return await (await fetch(url, { method: 'PUT', body: readable })).json();
    },
    request: async (url) => {
        const request = new Request(url, { method: 'PUT', body: 'first', headers: { 'x-a': '1' } });
        const answer = await (await fetch(request, { headers: { 'x-b': '2' } })).json();
        return { ...answer, used: request.bodyUsed };
    },
    early: async (url) => {
        let pieces = 50;
        const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(100_000)); if (--pieces === 0) c.close(); } });
        return await (await fetch(url, { method: 'POST', body })).text();
    },
    large: async (url) => (await (await fetch(url, { method: 'POST', body: 'x'.repeat(3_000_000) })).json()).body.length,";
    let project = Project::start(&origin, &["localhost:HTTP"], functions);
    let url = format!("{}/echo?q=1#fragment", project.http);
    let echo = project.call("echo", json!([url])).await;
    assert_eq!((&echo["method"], &echo["path"]), (&json!("GET"), &json!("/echo?q=1")));
    assert_eq!(
        echo["headers"],
        json!({ "host": format!("localhost:{}", origin.http), "accept": "*/*", "accept-encoding": "gzip", "cdn-loop": "isolet; loops=1", "cf-worker": "worker" })
    );
    // What frames the message is isolet's word.
    let headers = json!({
        "host": "evil.example", "connection": "upgrade", "upgrade": "h2c", "content-length": "999", "te": "trailers",
        "transfer-encoding": "gzip", "keep-alive": "1", "expect": "100-continue", "cf-worker": "other", "proxy-authorization": "x",
        "accept": "text/html", "cookie": "a=b", "user-agent": "mine", "x-a": "ä",
    });
    let echo =
        project.call("echo", json!([url, { "method": "POST", "body": "hello", "headers": headers }])).await;
    assert_eq!(
        echo["headers"],
        json!({
            "host": format!("localhost:{}", origin.http), "accept": "text/html", "accept-encoding": "gzip",
            "content-length": "5", "content-type": "text/plain;charset=UTF-8", "cookie": "a=b", "user-agent": "mine",
            "cf-worker": "worker", "cdn-loop": "isolet; loops=1", "x-a": "ä",
        })
    );
    assert_eq!(echo["body"], "hello");
    let empty = project.call("echo", json!([url, { "method": "POST" }])).await;
    assert_eq!((&empty["method"], &empty["headers"]["content-length"]), (&json!("POST"), &json!("0")));
    assert_says(text(&project.call("form", json!([url])).await), &["name=\"a\"", "\r\n\r\nb\r\n"]);
    let stream = project.call("stream", json!([url])).await;
    assert_eq!((&stream["body"], &stream["headers"]["transfer-encoding"]), (&json!("hi"), &json!("chunked")));
    let fixed = project.call("fixed", json!([url])).await;
    let headers = &fixed["headers"];
    assert_eq!(
        (&fixed["body"], &headers["content-length"], &headers["transfer-encoding"]),
        (&json!("hi"), &json!("2"), &Value::Null)
    );
    let request = project.call("request", json!([url])).await;
    assert_eq!(
        (&request["method"], &request["body"], &request["used"]),
        (&json!("PUT"), &json!("first"), &json!(true))
    );
    assert_eq!((&request["headers"]["x-a"], &request["headers"]["x-b"]), (&Value::Null, &json!("2")));
    assert_eq!(project.call("large", json!([url])).await, 3_000_000);
    // An answer that does not wait for the body.
    assert_eq!(project.call("early", json!([format!("{}/early", project.http)])).await, "early");
    for (mode, control, pragma) in
        [("no-store", "no-cache", json!("no-cache")), ("no-cache", "max-age=0", Value::Null)]
    {
        let echo = project.call("echo", json!([url, { "cache": mode }])).await;
        assert_eq!(
            (&echo["headers"]["cache-control"], &echo["headers"]["pragma"]),
            (&json!(control), &pragma)
        );
    }
    for method in ["CONNECT", "TRACE"] {
        assert_eq!(
            project.call("echo", json!([url, { "method": method }])).await["error"],
            "TypeError",
            "{method}"
        );
    }
}

#[tokio::test]
async fn responses_arrive_as_they_were_made() {
    let origin = Origin::start();
    let functions = "
    immutable: async (url) => { (await fetch(url)).headers.set('a', 'b'); },
    cookies: async (url) => (await fetch(url)).headers.getSetCookie(),
    raw: async (url) => await fetch(url),
    changed: async (url) => { const r = await fetch(url); return new Response(r.body, { headers: { 'x-type': r.headers.get('content-type') } }); },
    clone: async (url) => { const r = await fetch(url); return [await r.clone().text(), await r.text()]; },";
    let project = Project::start(&origin, &["localhost:HTTP"], functions);
    let at = |path: &str| json!([format!("{}{path}", project.http)]);
    let found = project.head("/status?code=418", json!(null)).await;
    assert_eq!(
        (&found["status"], &found["statusText"], &found["body"]),
        (&json!(418), &json!("I'm a Teapot"), &json!("status"))
    );
    assert_eq!(
        (&found["url"], &found["redirected"]),
        (&json!(format!("{}/status?code=418", project.http)), &json!(false))
    );
    assert_eq!(
        (&found["headers"]["content-length"], &found["headers"]["connection"]),
        (&json!("6"), &Value::Null)
    );
    let head = project.head("/status?code=200", json!({ "method": "HEAD" })).await;
    assert_eq!((&head["status"], &head["body"]), (&json!(200), &json!("")));
    assert_eq!(project.call("cookies", at("/cookies")).await, json!(["a=1", "b=2"]));
    assert_eq!(project.call("immutable", at("/cookies")).await["error"], "TypeError");

    // Compression: undone for code, kept for a response that is passed on.
    let read = project.head("/gzip", json!(null)).await;
    assert_eq!((&read["body"], &read["headers"]["content-encoding"]), (&json!("compressed"), &json!("gzip")));
    assert_eq!(project.call("clone", at("/gzip")).await, json!(["compressed", "compressed"]));
    let ask = |path: &str| {
        Request::post("/", "application/json", json!({ "path": path, "args": at("/gzip") }).to_string())
    };
    let raw = project.daemon.send(ask("raw")).await.expect(200);
    assert_eq!((raw.header("content-encoding"), &raw.body[..2]), ("gzip", &b"\x1f\x8b"[..]));
    let changed = project.daemon.send(ask("changed")).await.expect(200);
    assert_eq!((changed.text().as_str(), changed.header("x-type")), ("compressed", "text/plain"));
    let broken = project.call("text", at("/not-gzip")).await;
    assert_says(text(&broken["message"]), &["not valid gzip"]);

    // What no Response can be.
    for path in ["/many-headers", "/long-header"] {
        assert_says(text(&project.call("text", at(path)).await["message"]), &["failed"]);
    }
    let broken = project.call("text", at("/breaks")).await;
    assert_eq!(broken["error"], "TypeError");
    let nowhere = project.call("text", json!(["http://localhost:1/"])).await;
    assert_says(text(&nowhere["message"]), &["may not fetch"]);
}

#[tokio::test]
async fn https_needs_a_valid_certificate_and_speaks_http_2() {
    let origin = Origin::start();
    let project = Project::start(
        &origin,
        &["https://*.localhost:HTTPS", "https://localhost:HTTPS", "127.0.0.1:HTTPS"],
        "",
    );
    let echo = project
        .call("echo", json!([format!("{}/echo", project.https), { "method": "POST", "body": "hi" }]))
        .await;
    assert_eq!(
        (&echo["httpVersion"], &echo["method"], &echo["body"]),
        (&json!("2.0"), &json!("POST"), &json!("hi"))
    );
    let below = project.call("echo", json!([format!("https://a.localhost:{}/echo", origin.https)])).await;
    assert_eq!(below["headers"][":authority"], format!("a.localhost:{}", origin.https));
    // Names that the certificate does not have.
    for host in ["127.0.0.1", "b.localhost"] {
        let refused = project.call("text", json!([format!("https://{host}:{}/echo", origin.https)])).await;
        assert_says(text(&refused["message"]), &["cannot connect", "certificate"]);
    }
    // Without the authority of the test nothing is trusted.
    let folder = Folder::new();
    folder.write("worker.js", format!("{HEADER}{FOOTER}"));
    let entry = format!("localhost:{}", origin.https);
    let strict = Daemon::dev(&folder.path().join("worker.js"), &["--outgoing", &entry]);
    let body = json!({ "path": "text", "args": [format!("{}/echo", project.https)] }).to_string();
    let refused = strict.send(Request::post("/", "application/json", body)).await.expect(200).json();
    assert_says(text(&refused["message"]), &["certificate"]);
}

#[tokio::test]
async fn redirects_are_judged_again_and_keep_the_rules_of_fetch() {
    let origin = Origin::start();
    let other = Origin::start();
    let functions = "
    stream: async (url) => await (await fetch(url, { method: 'POST', body: new Blob(['x']).stream() })).json(),";
    let allowed = format!("localhost:{}", other.http);
    let project = Project::start(&origin, &["localhost:HTTP", &allowed], functions);
    let to = |status: u16, target: &str| format!("/redirect?status={status}&to={target}");
    let followed =
        project.head(&to(302, "/echo%23new"), json!({ "headers": { "authorization": "secret" } })).await;
    assert_eq!(
        (&followed["redirected"], &followed["url"]),
        (&json!(true), &json!(format!("{}/echo", project.http)))
    );
    let echo = |answer: &Value| -> Value { serde_json::from_str(text(&answer["body"])).expect("an echo") };
    assert_eq!(echo(&followed)["headers"]["authorization"], "secret");
    // To another origin: no credentials.
    let elsewhere = to(302, &format!("http://localhost:{}/echo", other.http));
    let followed =
        project.head(&elsewhere, json!({ "headers": { "authorization": "secret", "x-a": "1" } })).await;
    let headers = &echo(&followed)["headers"];
    assert_eq!((&headers["authorization"], &headers["x-a"]), (&Value::Null, &json!("1")));
    // Methods and bodies.
    for (status, method, arrives, body) in [
        (301, "POST", "GET", ""),
        (302, "PUT", "PUT", "x"),
        (303, "PUT", "GET", ""),
        (307, "POST", "POST", "x"),
        (308, "POST", "POST", "x"),
    ] {
        let answer = project.head(&to(status, "/echo"), json!({ "method": method, "body": "x" })).await;
        let echo = echo(&answer);
        assert_eq!((&echo["method"], &echo["body"]), (&json!(arrives), &json!(body)), "{status}");
        let kind = &echo["headers"]["content-type"];
        assert_eq!(kind.is_null(), body.is_empty(), "{status}: {kind}");
    }
    let again = project.call("stream", json!([format!("{}{}", project.http, to(307, "/echo"))])).await;
    assert_says(text(&again["message"]), &["stream", "cannot be sent again"]);
    let manual = project.head(&to(302, "/echo"), json!({ "redirect": "manual" })).await;
    assert_eq!((&manual["status"], &manual["headers"]["location"]), (&json!(302), &json!("/echo")));
    let error = project.head(&to(302, "/echo"), json!({ "redirect": "error" })).await;
    assert_eq!(error["error"], "TypeError");
    // Each hop is judged.
    let seen = origin.seen().len();
    for target in [
        format!("http://127.0.0.1:{}/echo", origin.http),
        "http://169.254.169.254/".into(),
        "ftp://localhost/".into(),
    ] {
        let refused = project.head(&to(302, &target), json!(null)).await;
        assert_eq!(refused["error"], "TypeError", "{target}");
    }
    assert_eq!(origin.seen().len(), seen + 3);
    let around = project.head("/loop", json!(null)).await;
    assert_says(text(&around["message"]), &["more than 20 redirects"]);
}

#[tokio::test]
async fn bodies_flow_no_faster_than_they_are_read() {
    let origin = Origin::start();
    let functions = "
    some: async (url) => {
        const reader = (await fetch(url)).body.getReader();
        let bytes = 0;
        while (bytes < 1_000_000) bytes += (await reader.read()).value.byteLength;
        await scheduler.wait(500);
        await reader.cancel();
        return bytes;
    },
    abandoned: async (url) => { await fetch(url); },
    aborted: async (url) => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(new Error('enough')), 50);
        const response = await fetch(url, { signal: controller.signal });
        await response.text();
    },
    timeout: async (url) => { await fetch(url, { signal: AbortSignal.timeout(50) }); },
    pass: async (url) => await fetch(url),";
    let project = Project::start(&origin, &["localhost:HTTP"], functions);
    let at = |path: &str| json!([format!("{}{path}", project.http)]);
    let sent = async |count: usize| -> u64 {
        eventually("the server notices that nobody reads", async || {
            let closed: Vec<u64> = origin
                .seen()
                .iter()
                .filter(|seen| seen["path"] == "/huge-closed")
                .filter_map(|seen| seen["sent"].as_u64())
                .collect();
            (closed.len() >= count).then(|| closed[count - 1])
        })
        .await
    };
    assert!(project.call("some", at("/huge")).await.as_u64() >= Some(1_000_000));
    // The buffers of two sockets, and the window.
    assert!(sent(1).await < 64 << 20);
    assert_eq!(project.call("abandoned", at("/huge")).await, Value::Null);
    assert!(sent(2).await < 64 << 20);
    assert_eq!(project.call("aborted", at("/stalls")).await["message"], "enough");
    assert_eq!(project.call("timeout", at("/silent")).await["error"], "TimeoutError");
    // A client that hangs up ends the fetch too.
    let mut connection = project.daemon.connect().await;
    let ask =
        Request::post("/", "application/json", json!({ "path": "pass", "args": at("/huge") }).to_string());
    drop(connection.begin(ask).await);
    drop(connection);
    assert!(sent(3).await < 64 << 20);
}

#[tokio::test]
async fn a_request_has_six_fetches_at_once_that_wait_for_their_answers() {
    let origin = Origin::start();
    let functions = "
    many: async (url) => {
        await Promise.all(Array.from({ length: 20 }, async () => { await (await fetch(url)).text(); }));
        return 'all';
    },
    bodies: async (url) => (await Promise.all(Array.from({ length: 10 }, () => fetch(url)))).length,
    count: async (url) => {
        let made = 0;
        try { for (;;) { await (await fetch(url)).text(); made++; } } catch (error) { return [made, error.message]; }
    },";
    let project = Project::start(&origin, &["localhost:HTTP"], functions);
    let began = std::time::Instant::now();
    assert_eq!(project.call("many", json!([format!("{}/slow?ms=200", project.http)])).await, "all");
    // Four rounds: 6, 6, 6 and 2.
    assert!(began.elapsed().as_millis() >= 800, "{:?}", began.elapsed());
    // Answers whose bodies are not read do not count.
    assert_eq!(project.call("bodies", json!([format!("{}/stalls", project.http)])).await, 10);
    let counted = project.call("count", json!([format!("{}/echo", project.http)])).await;
    assert_eq!(counted[0], 500);
    assert_says(text(&counted[1]), &["500 calls and fetches"]);
}

#[tokio::test]
async fn fetches_are_recorded_without_their_paths() {
    let origin = Origin::start();
    let functions = "
    timeout: async (url) => { await fetch(url, { signal: AbortSignal.timeout(50) }); },";
    let project = Project::start(&origin, &["localhost:HTTP", "localhost:1"], functions);
    project
        .call("head", json!([format!("{}/status?code=404&key=secret", project.http), { "method": "DELETE" }]))
        .await;
    project.call("text", json!(["http://localhost:1/secret"])).await;
    project.call("timeout", json!([format!("{}/silent", project.http)])).await;
    let records = eventually("three records", async || {
        let records = project.records();
        (records.len() >= 3).then_some(records)
    })
    .await;
    let shown: Vec<Value> = records
        .iter()
        .map(|record| {
            json!([record["worker"], record["method"], record["origin"], record["status"], record["outcome"]])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!(["worker", "DELETE", project.http, 404, "ok"]),
            json!(["worker", "GET", "http://localhost:1", null, "failed"]),
            json!(["worker", "GET", project.http, null, "cancelled"]),
        ]
    );
    assert!(
        records
            .iter()
            .all(|record| record["ms"].as_f64() > Some(0.0) && !record.to_string().contains("secret"))
    );
}

#[tokio::test]
async fn scripts_have_no_network_and_workers_fetch_only_for_a_request() {
    let origin = Origin::start();
    let url = format!("http://localhost:{}/echo", origin.http);
    let server = Daemon::serve();
    let report = server.run(&format!("return (await fetch('{url}')).status")).await;
    assert_says(text(&error(&report, "exception")["message"]), &["This script has no network access"]);
    let folder = Folder::new();
    folder.write("worker.js", format!("let early; try {{ early = await fetch('{url}') }} catch (e) {{ early = e.message }}\nexport default {{ fetch: () => new Response(early) }}"));
    let entry = format!("localhost:{}", origin.http);
    let worker = Daemon::dev(&folder.path().join("worker.js"), &["--outgoing", &entry]);
    assert_says(
        &worker.get("/").await.expect(200).text(),
        &["Disallowed operation called within global scope"],
    );
    assert_eq!(origin.seen(), [] as [Value; 0]);
}

#[tokio::test]
async fn a_worker_that_fetches_from_itself_is_stopped() {
    let folder = Folder::new();
    folder.write(
        "worker.js",
        "export default { async fetch(request) {
            const again = await fetch(request.url);
            return new Response(again.body, again);
        } }",
    );
    let worker = Daemon::dev(&folder.path().join("worker.js"), &["--outgoing", "127.0.0.1:*"]);
    assert_says(&worker.get("/").await.expect(508).text(), &["more often than they may"]);
    // 32 calls, and the one that is refused.
    eventually("all calls are logged", async || {
        let lines = worker.stderr().lines().filter(|line| line.contains("GET / 508")).count();
        (lines == 33).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_served_worker_reaches_the_hosts_that_it_was_given() {
    let origin = Origin::start();
    let entry = format!("localhost:{}", origin.http);
    let code = format!(
        "export default {{ async fetch() {{
            try {{ return await fetch('http://{entry}/status?code=203'); }} catch (error) {{ return new Response(error.message); }}
        }} }}"
    );
    let folder = Folder::new();
    for name in ["one", "two", "three"] {
        folder.write(
            &format!("{name}/wrangler.jsonc"),
            format!("{{ \"name\": \"{name}\", \"main\": \"worker.js\" }}"),
        );
        folder.write(&format!("{name}/worker.js"), &code);
    }
    folder.write("isolet.toml", format!("[[workers.worker]]\npath = 'one'\noutgoing = ['{entry}']\n"));
    let given = format!("two={entry}");
    let args = ["--worker", "two", "--worker", "three", "--worker-outgoing", &given];
    let check = ["--check", "--worker-outgoing", "one=*.example"];
    let shown = isolet(["serve"]).args(&check).within(folder.path()).output().exits(0).stdout;
    assert_says(&shown, &[&format!("outgoing: {entry}, *.example")]);
    let daemon = Daemon::serve_in(folder, &[&["--worker-listen", "127.0.0.1:0"], &args[..]].concat());
    daemon.wait_for_stderr(&["three on http://three.localhost:"]);
    let log = daemon.stderr();
    let (_, rest) = log.split_once("http://three.localhost:").expect("an address");
    let port = rest.split_whitespace().next().and_then(|port| port.parse().ok()).expect("a port");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let get =
        async |host: &str| Connection::open(address).await.send(Request::get("/").header("host", host)).await;
    get("one.localhost").await.expect(203);
    get("two.localhost").await.expect(203);
    let refused = get("three.localhost").await.expect(200).text();
    assert_says(&refused, &[&format!("--worker-outgoing 'three={entry}'"), "[[workers.worker]]"]);
    let metrics = daemon.get("/metrics").await.expect(200).text();
    assert_says(
        &metrics,
        &[
            "isolet_worker_fetches_total{worker=\"one\",outcome=\"ok\"} 1",
            "isolet_worker_fetches_total{worker=\"three\",outcome=\"denied\"} 1",
        ],
    );
}
