//! WebSockets of Workers to other servers and to other Workers. Expected events are those that
//! `wrangler dev` 4.86 gives.

use std::time::Duration;

use crate::dev_requests::worker;
use crate::harness::http::Request;
use crate::harness::origin::Origin;
use crate::harness::websocket::{Got, WebSocket};
use crate::harness::*;
use crate::outgoing::Project;

/// Functions of a Worker. `talk` opens a WebSocket and notes its events: by `fetch`, or with
/// `options.new` by `new WebSocket`; `options.then` tells what it does once that is open.
const FUNCTIONS: &str = "
    async talk(url, options = {}) {
        const log = [];
        const step = (what) => { try { log.push(`${what()}`); } catch (error) { log.push(`${error.name}: ${error.message}`); } };
        let socket, head;
        if (options.new) {
            socket = new WebSocket(url.replace('http', 'ws'), options.protocols);
            head = [socket.url.replace(/:[0-9]+/, ''), socket.protocol, socket.extensions, socket.readyState];
            step(() => socket.send('early'));
            step(() => socket.accept());
        } else {
            const headers = { Upgrade: 'WebSocket', ...options.headers };
            const response = await fetch(url, { method: options.method, headers });
            socket = response.webSocket;
            head = [response.status, response.headers.get('x-own'), response.headers.get('sec-websocket-protocol')];
            if (socket === null) return { head, text: await response.text() };
            head.push(socket.url, socket.protocol, socket.readyState);
            step(() => socket.send('early'));
        }
        const closed = new Promise((resolve) => {
            socket.addEventListener('message', ({ data }) => log.push(['message', typeof data === 'string' ? data.slice(0, 20) : data.constructor.name, data.length ?? data.byteLength ?? data.size]));
            socket.addEventListener('error', ({ message }) => log.push(['error', message]));
            socket.addEventListener('close', ({ code, reason, wasClean }) => { log.push(['close', code, reason, wasClean]); resolve(); });
        });
        const then = () => {
            for (const data of options.send ?? []) socket.send(typeof data === 'string' ? data : data.text ? 'é'.repeat(data.text) : new Uint8Array(data.bytes));
            if (options.close) setTimeout(() => socket.close(...options.close), 300);
        };
        socket.addEventListener('open', () => { log.push(['open', socket.protocol, socket.extensions, socket.readyState]); then(); });
        if (!options.new) { socket.accept(); step(() => socket.accept()); then(); }
        if (options.closeAtOnce) socket.close();
        await closed;
        log.push(socket.readyState);
        return { head, log };
    },
    construct(url, protocols) {
        try { return String(new WebSocket(url, protocols)); } catch (error) { return `${error.name}: ${error.message}`; }
    },
    async abandon(url) {
        const { status } = await fetch(url, { headers: { Upgrade: 'websocket' } });
        return status;
    },
    async spin(url) {
        const { webSocket } = await fetch(url, { headers: { Upgrade: 'websocket' } });
        webSocket.accept();
        webSocket.send('hello');
        await new Promise((resolve) => webSocket.addEventListener('message', resolve));
        for (;;);
    },
";

/// Waits until the server has noted this number of ends, and returns them.
async fn closed(origin: &Origin, count: usize) -> Vec<Value> {
    eventually("the end of a WebSocket", async || {
        let ends: Vec<_> = origin.seen().into_iter().filter(|line| line["closed"].is_string()).collect();
        (ends.len() >= count).then_some(ends)
    })
    .await
}

fn started(origin: &Origin) -> Project {
    Project::start(origin, &["http://localhost:HTTP", "https://localhost:HTTPS"], FUNCTIONS)
}

#[tokio::test]
async fn fetch_with_an_upgrade_gives_a_websocket() {
    let origin = Origin::start();
    let project = started(&origin);
    for (count, base) in [&project.http, &project.https].into_iter().enumerate() {
        let options = json!({
            "method": "POST",
            "headers": { "sec-websocket-protocol": "chat, other", "sec-websocket-key": "mine", "x-a": "1" },
            "send": ["hé", { "bytes": 2 }],
            "close": [1000, "bye"],
        });
        let answer = project.call("talk", json!([format!("{base}/socket/echo"), options])).await;
        assert_eq!(answer["head"], json!([101, "yes", "chat", null, "", 1]));
        let must_accept = "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";
        assert_eq!(
            answer["log"],
            json!([
                must_accept,
                "undefined",
                ["message", "hé", 2],
                ["message", "Blob", 2],
                ["close", 1000, "bye", true],
                3
            ])
        );
        let asked = origin.seen().into_iter().rfind(|line| line["socket"].is_string()).expect("a handshake");
        assert_eq!(asked["method"], "GET");
        let headers = &asked["headers"];
        assert_eq!((&headers["x-a"], &headers["cf-worker"]), (&json!("1"), &json!("worker")));
        assert_eq!(headers["sec-websocket-version"], "13");
        assert_ne!(headers["sec-websocket-key"], "mine");
        let ends = closed(&origin, count + 1).await;
        assert_eq!(ends[count], json!({ "closed": "/socket/echo", "code": 1000, "masked": true }));
    }
    let records = project.records();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!((&record["outcome"], &record["status"]), (&json!("ok"), &json!(101)), "{record}");
        assert_eq!(record["method"], "GET");
    }
}

#[tokio::test]
async fn new_websocket_connects_and_opens() {
    let origin = Origin::start();
    let project = started(&origin);
    let early = [
        "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.",
        "TypeError: Websockets obtained from the 'new WebSocket()' constructor cannot call accept",
    ];
    let talk = async |base: &str, path: &str, mut options: Value| {
        options["new"] = json!(true);
        let answer = project.call("talk", json!([format!("{base}{path}"), options])).await;
        let scheme = if base.starts_with("https") { "wss" } else { "ws" };
        assert_eq!(answer["head"], json!([format!("{scheme}://localhost{path}"), "", "", 0]), "{answer}");
        let log = answer["log"].as_array().expect("a list");
        assert_eq!(log[..2], early.map(Value::from), "{path}");
        log[2..].to_vec()
    };
    for base in [&project.http, &project.https] {
        let options = json!({ "protocols": ["a", "b"], "send": ["hi"], "close": [3001, "bye"] });
        assert_eq!(
            json!(talk(base, "/socket/echo", options).await),
            json!([["open", "a", null, 1], ["message", "hi", 2], ["close", 3001, "bye", true], 3])
        );
    }
    let refused = |message: &str| {
        json!([
            ["error", format!("Uncaught {message}")],
            ["close", 1006, "Failed to establish websocket connection", false],
            3
        ])
    };
    for (path, status) in [("/socket/refuse", 403), ("/socket/moved", 302)] {
        let message = format!(
            "TypeError: Failed to establish the WebSocket connection: expected server to reply with HTTP status code \
             101 (switching protocols), but received {status} instead."
        );
        assert_eq!(json!(talk(&project.http, path, json!({})).await), refused(&message), "{path}");
    }
    let at_once = talk(&project.http, "/socket/echo", json!({ "closeAtOnce": true })).await;
    assert_eq!(json!(at_once), refused("Error: Network connection lost."));
    assert_eq!(
        json!(talk(&project.http, "/socket/cut", json!({ "send": ["x"] })).await),
        json!([
            ["open", null, null, 1],
            ["close", 1006, "WebSocket disconnected without sending Close frame.", false],
            2
        ])
    );
    assert_eq!(
        json!(talk(&project.http, "/socket/close", json!({ "send": ["x"] })).await),
        json!([["open", null, null, 1], ["close", 4000, "enough", true], 3])
    );
}

#[tokio::test]
async fn new_websocket_refuses_what_workerd_refuses() {
    let origin = Origin::start();
    let project = started(&origin);
    let refused = |reason: &str| format!("SyntaxError: WebSocket Constructor: {reason}");
    for (url, protocols, reason) in [
        ("nope", json!(null), "The url is invalid."),
        ("/rel", json!(null), "The url is invalid."),
        ("http://localhost/", json!(null), "The url scheme must be ws or wss."),
        ("ftp://x/", json!(null), "The url scheme must be ws or wss."),
        ("ws://localhost/#x", json!(null), "The url fragment must be empty."),
        ("ws://localhost/", json!(""), "The protocol header token is invalid."),
        ("ws://localhost/", json!("a b"), "The protocol header token is invalid."),
        ("ws://localhost/", json!(["a", "a"]), "The protocols header cannot have repeating values."),
        ("ws://localhost/", json!(["a", " "]), "One of the protocol header tokens is invalid."),
    ] {
        let args = if protocols.is_null() { json!([url]) } else { json!([url, protocols]) };
        assert_eq!(project.call("construct", args).await, json!(refused(reason)), "{url} {protocols}");
    }
    assert_eq!(origin.seen(), [] as [Value; 0]);
}

#[tokio::test]
async fn no_websocket_is_opened_without_the_operators_word() {
    let origin = Origin::start();
    let project = Project::start(&origin, &["*:*", "10.0.0.0/8"], FUNCTIONS);
    for host in ["localhost", "127.0.0.1", "[::1]", "169.254.169.254"] {
        let url = format!("http://{host}:{}/socket/echo?secret", origin.http);
        let refused = project.call("talk", json!([url])).await;
        assert_says(text(&refused["message"]), &["may not fetch from"]);
        let refused = project.call("talk", json!([url, { "new": true }])).await;
        assert_says(&refused["log"][2][1].to_string(), &["may not fetch from", "--outgoing"]);
    }
    assert_eq!(origin.seen(), [] as [Value; 0]);
    for record in project.records() {
        assert_eq!((&record["outcome"], &record["method"]), (&json!("denied"), &json!("GET")), "{record}");
        assert!(!record.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn other_answers_are_responses_and_false_ones_errors() {
    let origin = Origin::start();
    let project = started(&origin);
    let talk = async |path: &str| project.call("talk", json!([format!("{}{path}", project.http)])).await;
    assert_eq!(talk("/socket/refuse").await, json!({ "head": [403, null, null], "text": "refused" }));
    let wrong = talk("/socket/wrong").await;
    assert_says(text(&wrong["message"]), &["Sec-WebSocket-Accept is not the one"]);
    // As in the Fetch standard, unlike new WebSocket().
    let moved =
        project.call("talk", json!([format!("{}/socket/moved", project.http), { "close": [1000] }])).await;
    assert_eq!(moved["head"][0], 101, "{moved}");
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_told_the_code() {
    let origin = Origin::start();
    let project = started(&origin);
    let cases = [
        ("a mask", 1002, "818100000000ff"),
        ("a reserved bit", 1002, "f10161"),
        ("a lone continuation", 1002, "800161"),
        ("invalid text", 1007, "8101ff"),
        ("a message within a message", 1002, "010161810162"),
    ];
    for (count, (name, code, bytes)) in cases.into_iter().enumerate() {
        let url = format!("{}/socket/raw?hex={bytes}", project.http);
        let answer = project.call("talk", json!([url])).await;
        let lost = json!(["close", 1006, "WebSocket disconnected without sending Close frame.", false]);
        assert_eq!(answer["log"][2], lost, "{name}: {answer}");
        assert_eq!(closed(&origin, count + 1).await[count]["code"], code, "{name}");
    }
    let url = format!("{}/socket/long?bytes={}", project.http, 17 << 20);
    let answer = project.call("talk", json!([url])).await;
    assert_eq!(answer["log"][2][1], 1006, "{answer}");
    assert_eq!(closed(&origin, cases.len() + 1).await[cases.len()]["code"], 1009);
}

#[tokio::test]
async fn long_messages_come_whole_in_both_directions() {
    let origin = Origin::start();
    let project = started(&origin);
    let options = json!({ "send": [{ "bytes": 3 << 20 }, { "text": 1 << 20 }, "end"], "close": [1000, ""] });
    let answer = project.call("talk", json!([format!("{}/socket/echo", project.http), options])).await;
    let messages: Vec<_> =
        answer["log"].as_array().expect("a list").iter().filter(|entry| entry[0] == "message").collect();
    let expected =
        json!([["message", "Blob", 3 << 20], ["message", "é".repeat(20), 1 << 20], ["message", "end", 3]]);
    assert_eq!(json!(messages), expected);
}

#[tokio::test]
async fn a_websocket_ends_with_its_request_or_its_process() {
    let origin = Origin::start();
    let project = started(&origin);
    assert_eq!(project.call("abandon", json!([format!("{}/socket/echo", project.http)])).await, 101);
    assert_eq!(closed(&origin, 1).await[0]["code"], 1006);
    let body = json!({ "path": "spin", "args": [format!("{}/socket/echo", project.http)] }).to_string();
    let answer = project.daemon.send(Request::post("/", "application/json", body)).await;
    assert_eq!(answer.status, 500);
    assert_eq!(closed(&origin, 2).await[1]["code"], 1006);
}

/// A Worker in front of a server, and Workers behind it.
const PROXY: &str = "
import { WorkerEntrypoint } from 'cloudflare:workers';
const echo = (note) => {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.binaryType = 'arraybuffer';
    server.addEventListener('message', ({ data }) => server.send(data === 'who' ? note : data));
    server.addEventListener('close', ({ code, reason }) => seen.push([note, code, reason]));
    return new Response(null, { status: 101, webSocket: client, headers: { 'x-callee': note } });
};
const seen = [];
export class Echo extends WorkerEntrypoint { fetch() { return echo('export'); } }
export class Forward extends WorkerEntrypoint { fetch(request) { return this.ctx.exports.Echo.fetch(request); } }
export default { async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/seen') return Response.json(seen.splice(0));
    if (pathname.startsWith('/socket/')) return fetch(ORIGIN + pathname, request);
    if (pathname === '/callee') return echo('callee');
    if (pathname === '/binding') return env.SELF.fetch('http://x/callee', request);
    if (pathname === '/export') return ctx.exports.Forward.fetch(request);
    if (pathname === '/plain') {
        const response = await env.SELF.fetch('http://x/seen', { headers: { upgrade: 'websocket' } });
        return Response.json([response.status, response.webSocket]);
    }
    const { webSocket, status, headers } = await ctx.exports.Echo.fetch('http://x/', { headers: { upgrade: 'websocket' } });
    const log = [status, headers.get('x-callee'), webSocket.readyState];
    webSocket.accept();
    const next = () => new Promise((resolve) => webSocket.addEventListener('message', ({ data }) => resolve(data), { once: true }));
    webSocket.send('who');
    log.push(await next());
    webSocket.send('x'.repeat(1e6));
    log.push((await next()).length);
    const closed = new Promise((resolve) => webSocket.addEventListener('close', ({ code, reason, wasClean }) => resolve([code, reason, wasClean])));
    webSocket.close(3001, 'bye');
    log.push(await closed);
    return Response.json(log);
} }";

fn proxy(origin: &Origin) -> (Folder, Daemon) {
    let folder = Folder::new();
    folder.write(
        "wrangler.jsonc",
        r#"{ "name": "proxy", "main": "worker.js", "services": [{ "binding": "SELF", "service": "proxy" }] }"#,
    );
    let url = format!("http://localhost:{}", origin.http);
    folder.write("worker.js", PROXY.replace("ORIGIN", &format!("'{url}'")));
    let daemon = Daemon::dev(folder.path(), &["--outgoing", &url]);
    (folder, daemon)
}

#[tokio::test]
async fn a_websocket_passes_through_a_worker_to_its_client() {
    let origin = Origin::start();
    let (_folder, daemon) = proxy(&origin);
    let mut socket = WebSocket::open(daemon.address(), "localhost", "/socket/echo").await;
    assert_eq!(socket.response.headers()["x-own"], "yes");
    for size in [0, 1, 200, 70_000, 1 << 20] {
        let text = "x".repeat(size);
        assert_eq!(socket.ask(&text).await, Got::Text(text), "{size}");
    }
    // The Worker's request is over: it is another one that its time counts for.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(socket.ask("later").await, Got::Text("later".into()));
    socket.close(Some((3001, "bye"))).await;
    assert_eq!(socket.next().await, Got::Close(3001, "bye".into()));
    let ends = closed(&origin, 1).await;
    assert_eq!((&ends[0]["code"], &ends[0]["masked"]), (&json!(3001), &json!(true)));

    let mut socket = WebSocket::open(daemon.address(), "localhost", "/socket/close").await;
    assert_eq!(socket.ask("x").await, Got::Close(4000, "enough".into()));
    let mut socket = WebSocket::open(daemon.address(), "localhost", "/socket/cut").await;
    assert_eq!(socket.ask("x").await, Got::Lost);
    let socket = WebSocket::open(daemon.address(), "localhost", "/socket/silent").await;
    drop(socket);
    eventually("the server's loss", async || {
        origin.seen().iter().any(|line| line["closed"] == "/socket/silent").then_some(())
    })
    .await;
    let refused = WebSocket::attempt(daemon.address(), "localhost", "/socket/refuse", &[]).await;
    assert_eq!(refused.err(), Some((403, "refused".into())));
}

#[tokio::test]
async fn a_websocket_passes_through_bindings() {
    let origin = Origin::start();
    let (_folder, daemon) = proxy(&origin);
    assert_eq!(
        daemon.get("/").await.expect(200).json(),
        json!([101, "export", 1, "export", 1_000_000, [3001, "bye", true]])
    );
    assert_eq!(daemon.get("/seen").await.expect(200).json(), json!([["export", 3001, "bye"]]));
    assert_eq!(daemon.get("/plain").await.expect(200).json(), json!([200, null]));
    for (path, name) in [("/binding", "callee"), ("/export", "export")] {
        let mut socket = WebSocket::open(daemon.address(), "localhost", path).await;
        assert_eq!(socket.response.headers()["x-callee"], name);
        assert_eq!(socket.ask("who").await, Got::Text(name.into()));
        let long = "y".repeat(1 << 20);
        assert_eq!(socket.ask(&long).await, Got::Text(long));
        socket.close(Some((1000, "done"))).await;
        assert_eq!(socket.next().await, Got::Close(1000, "done".into()));
        let seen = eventually("a close", async || {
            let seen = daemon.get("/seen").await.expect(200).json();
            (seen != json!([])).then_some(seen)
        })
        .await;
        assert_eq!(seen, json!([[name, 1000, "done"]]));
        // A client that is lost.
        drop(WebSocket::open(daemon.address(), "localhost", path).await);
        let seen = eventually("a loss", async || {
            let seen = daemon.get("/seen").await.expect(200).json();
            (seen != json!([])).then_some(seen)
        })
        .await;
        assert_eq!(seen[0][1], 1006);
    }
}

#[tokio::test]
async fn a_new_version_closes_the_websockets_that_its_callers_have() {
    let origin = Origin::start();
    let (folder, daemon) = proxy(&origin);
    let mut socket = WebSocket::open(daemon.address(), "localhost", "/binding").await;
    assert_eq!(socket.ask("who").await, Got::Text("callee".into()));
    folder.write("worker.js", "export default { fetch: () => new Response('new') };");
    assert!(matches!(socket.next().await, Got::Close(1012, _)));
}

#[tokio::test]
async fn workers_without_a_network_open_no_websocket() {
    let (_folder, daemon) = worker(
        "export default { async fetch(request, env) {
            const socket = new WebSocket('ws://localhost:1/');
            return await new Promise((resolve) => socket.addEventListener('error', ({ message }) => resolve(new Response(message))));
        } }",
    );
    assert_says(
        &daemon.get("/").await.expect(200).text(),
        &["may not fetch from", "--outgoing 'localhost:1'"],
    );
    let (_folder, daemon) = worker(
        "let thrown;
        try { new WebSocket('ws://localhost:1/'); } catch (error) { thrown = String(error); }
        export default { fetch: () => new Response(thrown) };",
    );
    assert_says(
        &daemon.get("/").await.expect(200).text(),
        &["Disallowed operation called within global scope"],
    );
}
