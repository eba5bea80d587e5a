//! `caches` of Workers. The answers are those of `wrangler dev` 4.86 where nothing else is said.

use crate::harness::http::{Connection, Request};
use crate::harness::*;

/// A Worker that does one operation for each request: `[name, ...args]`. A response is described as
/// `[status, { headers }, body]`.
const WORKER: &str = "
const make = ([status, headers, body]) => new Response(body, { status, headers });
const show = async (response) => response === undefined ? null : {
    status: response.status, headers: Object.fromEntries(response.headers), body: await response.text(), url: response.url,
};
const cache = (name) => name ? caches.open(name) : caches.default;
const request = ({ url, ...init }) => new Request(url, init);
const operations = {
    put: async (key, response, name) => { await (await cache(name)).put(request(key), make(response)); },
    match: async (key, options, name) => await show(await (await cache(name)).match(request(key), options ?? undefined)),
    delete: async (key, options) => await caches.default.delete(request(key), options ?? undefined),
    stream: async (key, bytes) => {
        let left = bytes;
        const body = new ReadableStream({ pull(c) {
            const piece = Math.min(left, 100_000);
            c.enqueue(new Uint8Array(piece).fill(120));
            if ((left -= piece) === 0) c.close();
        } });
        const response = new Response(body, { headers: { 'cache-control': 'max-age=60' } });
        await caches.default.put(request(key), response);
        return response.bodyUsed;
    },
    length: async (key) => (await (await caches.default.match(request(key)))?.arrayBuffer())?.byteLength ?? null,
    broken: async (key) => {
        const body = new ReadableStream({ pull(c) { c.error(new Error('boom')); } });
        await caches.default.put(request(key), new Response(body, { headers: { 'cache-control': 'max-age=60' } }));
    },
    gzip: async (key) => {
        const headers = { 'cache-control': 'max-age=60', 'content-encoding': 'gzip' };
        await caches.default.put(request(key), new Response('plain', { headers }));
        return await (await caches.default.match(request(key))).text();
    },
    used: async (key) => {
        const response = new Response('x', { headers: { 'cache-control': 'max-age=60' } });
        await response.text();
        await caches.default.put(request(key), response);
    },
    other: async () => {
        const thrown = async (operation) => { try { return typeof await operation(); } catch (error) { return error.name; } };
        return [
            Object.prototype.toString.call(caches), Object.prototype.toString.call(caches.default), caches.default === caches.default,
            await thrown(() => caches.match('http://a.example/')), await thrown(() => caches.default.keys()), await thrown(() => new Cache()),
            await thrown(() => caches.open('x'.repeat(2000))), await thrown(() => caches.default.put('http://a.example/', {})),
            await thrown(() => caches.default.match('/relative')), await thrown(() => Cache.prototype.match.call({}, 'http://a.example/')),
        ];
    },
    immutable: async (key) => { (await caches.default.match(request(key))).headers.set('a', 'b'); },
};
export default { async fetch(asked) {
    const [name, ...args] = await asked.json();
    try {
        return Response.json(await operations[name](...args) ?? null);
    } catch (error) {
        return Response.json({ error: error.name, message: error.message });
    }
} }";

fn project() -> Folder {
    let folder = Folder::new();
    folder.write("worker.js", WORKER);
    folder
}

async fn ask(worker: &Daemon, operation: Value) -> Value {
    worker.send(Request::post("/", "application/json", operation.to_string())).await.expect(200).json()
}

fn key(path: &str) -> Value {
    json!({ "url": format!("http://k.example/{path}") })
}

#[tokio::test]
async fn headers_decide_what_is_kept_as_in_wrangler() {
    let folder = project();
    let worker = Daemon::dev(&folder.path().join("worker.js"), &[]);
    for (number, (status, headers, is_kept)) in [
        (200, json!({}), false),
        (200, json!({ "cache-control": "max-age=60" }), true),
        (200, json!({ "cache-control": "max-age=0" }), false),
        (200, json!({ "cache-control": "s-maxage=60, max-age=0" }), true),
        (200, json!({ "cache-control": "s-maxage=0, max-age=60" }), false),
        (200, json!({ "cache-control": "private, max-age=60" }), false),
        (200, json!({ "cache-control": "no-store" }), false),
        (200, json!({ "cache-control": "no-cache, max-age=60" }), false),
        (200, json!({ "cache-control": "public" }), false),
        (200, json!({ "cache-control": "max-age=60, immutable" }), true),
        (200, json!({ "expires": "Fri, 01 Jan 2100 00:00:00 GMT" }), true),
        (200, json!({ "expires": "0" }), false),
        (200, json!({ "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT" }), true),
        (200, json!({ "etag": "\"x\"" }), false),
        (200, json!({ "cache-control": "max-age=60", "set-cookie": "a=b" }), false),
        (200, json!({ "cache-control": "max-age=60, private=set-cookie", "set-cookie": "a=b" }), true),
        (200, json!({ "cache-control": "max-age=60", "vary": "accept" }), true),
        (404, json!({ "cache-control": "max-age=60" }), true),
        (404, json!({}), false),
        (302, json!({ "cache-control": "max-age=60", "location": "/x" }), true),
        (500, json!({ "cache-control": "max-age=60" }), false),
        (201, json!({ "cache-control": "max-age=60" }), false),
    ]
    .into_iter()
    .enumerate()
    {
        let key = key(&number.to_string());
        assert_eq!(
            ask(&worker, json!(["put", key, [status, headers, "hello"]])).await,
            Value::Null,
            "{headers}"
        );
        let found = ask(&worker, json!(["match", key])).await;
        assert_eq!(!found.is_null(), is_kept, "{status} {headers}: {found}");
        if is_kept {
            assert_eq!(
                (&found["status"], &found["body"], &found["url"]),
                (&json!(status), &json!("hello"), &json!(""))
            );
            let shown = &found["headers"];
            assert_eq!(
                (&shown["cf-cache-status"], &shown["age"], &shown["content-length"], &shown["set-cookie"]),
                (&json!("HIT"), &json!("0"), &json!("5"), &Value::Null)
            );
        }
    }
    for (asked, response, message) in [
        (
            json!({}),
            json!([206, { "cache-control": "max-age=60", "content-range": "bytes 0-4/10" }, "hello"]),
            "Cannot cache response to a range request (206 Partial Content).",
        ),
        (
            json!({}),
            json!([200, { "cache-control": "max-age=60", "vary": "accept, *" }, "x"]),
            "Cannot cache response with 'Vary: *' header.",
        ),
        (
            json!({ "method": "POST" }),
            json!([200, { "cache-control": "max-age=60" }, "x"]),
            "Cannot cache response to non-GET request.",
        ),
    ] {
        let mut key = key("refused");
        key.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let refused = ask(&worker, json!(["put", key, response])).await;
        assert_eq!(refused, json!({ "error": "TypeError", "message": message }));
    }
    assert_eq!(
        ask(&worker, json!(["put", key("304"), [304, { "cache-control": "max-age=60" }, null]])).await,
        Value::Null
    );
    assert_eq!(ask(&worker, json!(["match", key("304")])).await, Value::Null);
}

#[tokio::test]
async fn requests_find_by_url_and_ask_for_parts() {
    let folder = project();
    let worker = Daemon::dev(&folder.path().join("worker.js"), &[]);
    let headers = json!({ "cache-control": "max-age=60", "etag": "W/\"abc\"", "last-modified": "Thu, 01 Jan 2015 00:00:00 GMT", "x-a": "1", "age": "5" });
    ask(&worker, json!(["put", key("a#one"), [200, headers, "0123456789"]])).await;
    let with =
        |name: &str, value: &str| json!({ "url": "http://k.example/a#two", "headers": { name: value } });
    let all = ask(&worker, json!(["match", with("accept", "x")])).await;
    assert_eq!(
        (&all["body"], &all["headers"]["x-a"], &all["headers"]["age"]),
        (&json!("0123456789"), &json!("1"), &json!("5"))
    );
    assert_eq!(ask(&worker, json!(["match", key("a?b")])).await, Value::Null);
    for (range, status, body, shown) in [
        ("bytes=2-4", 206, "234", json!("bytes 2-4/10")),
        ("bytes=-3", 206, "789", json!("bytes 7-9/10")),
        ("bytes=8-", 206, "89", json!("bytes 8-9/10")),
        ("bytes=20-30", 416, "", json!("bytes */10")),
        // Others are ignored, as HTTP allows. wrangler has 206 and 416 here.
        ("bytes=0-1,4-5", 200, "0123456789", Value::Null),
        ("lines=1-2", 200, "0123456789", Value::Null),
    ] {
        let found = ask(&worker, json!(["match", with("range", range)])).await;
        assert_eq!((&found["status"], &found["body"]), (&json!(status), &json!(body)), "{range}");
        assert_eq!(
            (&found["headers"]["content-range"], &found["headers"]["cf-cache-status"]),
            (&shown, &json!("HIT")),
            "{range}"
        );
    }
    for (name, value, status) in [
        ("if-none-match", "\"abc\"", 304),
        ("if-none-match", "\"q\", W/\"abc\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"other\"", 200),
        ("if-modified-since", "Thu, 01 Jan 2015 00:00:00 GMT", 304),
        ("if-modified-since", "Wed, 31 Dec 2014 00:00:00 GMT", 200),
        ("if-modified-since", "no date", 200),
    ] {
        assert_eq!(
            ask(&worker, json!(["match", with(name, value)])).await["status"],
            status,
            "{name}: {value}"
        );
    }
    let post = json!({ "url": "http://k.example/a", "method": "POST" });
    assert_eq!(ask(&worker, json!(["match", post])).await, Value::Null);
    assert_eq!(ask(&worker, json!(["match", post, { "ignoreMethod": true }])).await["status"], 200);
    assert_eq!(ask(&worker, json!(["immutable", key("a")])).await["error"], "TypeError");
    // Each name is a cache of its own.
    assert_eq!(ask(&worker, json!(["match", key("a"), null, "other"])).await, Value::Null);
    ask(&worker, json!(["put", key("a"), [200, { "cache-control": "max-age=60" }, "of other"], "other"]))
        .await;
    assert_eq!(ask(&worker, json!(["match", key("a"), null, "other"])).await["body"], "of other");
    assert_eq!(ask(&worker, json!(["delete", post])).await, false);
    assert_eq!(ask(&worker, json!(["delete", key("a")])).await, true);
    assert_eq!(ask(&worker, json!(["delete", key("a")])).await, false);
    assert_eq!(ask(&worker, json!(["match", key("a"), null, "other"])).await["body"], "of other");
    // An Authorization keeps a response out of a shared cache, unless it is public.
    let secret = json!({ "url": "http://k.example/secret", "headers": { "authorization": "x" } });
    ask(&worker, json!(["put", secret, [200, { "cache-control": "max-age=60" }, "x"]])).await;
    assert_eq!(ask(&worker, json!(["match", secret])).await, Value::Null);
    ask(&worker, json!(["put", secret, [200, { "cache-control": "public, max-age=60" }, "x"]])).await;
    assert_eq!(ask(&worker, json!(["match", secret])).await["status"], 200);
}

#[tokio::test]
async fn responses_leave_when_their_time_is_over() {
    let folder = project();
    let worker = Daemon::dev(&folder.path().join("worker.js"), &[]);
    ask(&worker, json!(["put", key("a"), [200, { "cache-control": "max-age=2" }, "x"]])).await;
    assert_eq!(ask(&worker, json!(["match", key("a")])).await["status"], 200);
    eventually("the response has gone", async || {
        ask(&worker, json!(["match", key("a")])).await.is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn bodies_are_streams_within_the_bound() {
    let folder = project();
    folder.write("bound.toml", "[workers]\ncache = '4MiB'\n");
    let settings = folder.at("bound.toml");
    let worker = Daemon::dev(&folder.path().join("worker.js"), &["--config", &settings]);
    assert_eq!(ask(&worker, json!(["stream", key("a"), 900_000])).await, true);
    assert_eq!(ask(&worker, json!(["length", key("a")])).await, 900_000);
    // Over a quarter of the bound: not kept, and a line says so. The one before stays.
    assert_eq!(ask(&worker, json!(["stream", key("a"), 1_100_000])).await, true);
    worker.wait_for_stderr(&["http://k.example/a is too long for the cache"]);
    assert_eq!(ask(&worker, json!(["length", key("a")])).await, 900_000);
    for number in 0..10 {
        ask(&worker, json!(["stream", key(&number.to_string()), 900_000])).await;
    }
    let mut kept = Vec::new();
    for number in 0..10 {
        if !ask(&worker, json!(["length", key(&number.to_string())])).await.is_null() {
            kept.push(number);
        }
    }
    // The newest ones.
    assert_eq!(kept, [6, 7, 8, 9]);
    assert_says(text(&ask(&worker, json!(["broken", key("b")])).await["message"]), &["boom"]);
    assert_eq!(ask(&worker, json!(["match", key("b")])).await, Value::Null);
    assert_eq!(ask(&worker, json!(["used", key("b")])).await["error"], "TypeError");
    // wrangler gives the compressed bytes here.
    assert_eq!(ask(&worker, json!(["gzip", key("g")])).await, "plain");
    assert_eq!(
        ask(&worker, json!(["other"])).await,
        json!([
            "[object CacheStorage]",
            "[object Cache]",
            true,
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError"
        ])
    );
    // A reload keeps what is in the cache.
    folder.write("worker.js", format!("{WORKER}// changed"));
    worker.wait_for_stderr(&["reloaded"]);
    assert_eq!(ask(&worker, json!(["length", key("9")])).await, 900_000);
}

#[tokio::test]
async fn a_served_worker_shares_its_cache_between_its_processes_and_with_no_other_worker() {
    let folder = Folder::new();
    for name in ["one", "two"] {
        folder.write(
            &format!("{name}/wrangler.jsonc"),
            format!("{{ \"name\": \"{name}\", \"main\": \"worker.js\" }}"),
        );
        folder.write(&format!("{name}/worker.js"), WORKER);
    }
    folder.write(
        "isolet.toml",
        "[[workers.worker]]\npath = 'one'\nisolation = 'request'\n[[workers.worker]]\npath = 'two'\n",
    );
    let daemon = Daemon::serve_in(folder, &["--worker-listen", "127.0.0.1:0"]);
    daemon.wait_for_stderr(&["two on http://two.localhost:"]);
    let log = daemon.stderr();
    let (_, rest) = log.split_once("http://two.localhost:").unwrap();
    let port = rest.split_whitespace().next().unwrap().parse().unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let ask = async |host: &str, operation: Value| {
        let request = Request::post("/", "application/json", operation.to_string()).header("host", host);
        Connection::open(address).await.send(request).await.expect(200).json()
    };
    // Each request has a process of its own.
    ask("one.localhost", json!(["put", key("a"), [200, { "cache-control": "max-age=60" }, "x"]])).await;
    assert_eq!(ask("one.localhost", json!(["match", key("a")])).await["body"], "x");
    assert_eq!(ask("two.localhost", json!(["match", key("a")])).await, Value::Null);
}
