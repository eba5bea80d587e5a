//! WebSockets of Workers: real clients, hostile ones, and the ends of sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::dev_requests::{worker, worker_with};
use crate::harness::http::{Request, exchange};
use crate::harness::websocket::{Got, WebSocket, close_code, frame, raw};
use crate::harness::*;
use crate::workers::installed;

/// A Worker that sends back what it gets, and tells what it has seen.
const ECHO: &str = "let seen = [], open = 0;
export default { async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/seen') return Response.json({ seen: seen.splice(0), open });
    if (pathname === '/hello') return new Response('hello');
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.binaryType = 'arraybuffer';
    open++;
    server.addEventListener('close', ({ code, reason, wasClean }) => { open--; seen.push([code, reason, wasClean]); });
    server.addEventListener('message', async ({ data }) => {
        if (data === 'spin') for (;;);
        if (data === 'hog') { const all = []; for (;;) all.push(new Array(1e6).fill(1.5)); }
        if (data === 'size') return;
        if (data === 'work') { const end = Date.now() + 1; let n = 0; while (n < 3e7) n++; }
        if (typeof data === 'string' && data.startsWith('flood ')) {
            const [, count, size] = data.split(' ').map(Number);
            for (let i = 0; i < count; i++) server.send(new Uint8Array(size));
            server.send('flooded');
            return;
        }
        server.send(pathname === '/length' ? `${data.length ?? data.byteLength}` : data);
    });
    if (pathname === '/wait') ctx.waitUntil(scheduler.wait(300).then(() => { seen.push('waited'); }));
    return new Response(null, { status: 101, webSocket: client });
} }";

async fn open(daemon: &Daemon, path: &str) -> WebSocket {
    WebSocket::open(daemon.address(), "localhost", path).await
}

fn echoed(text: &str) -> Got {
    Got::Text(text.to_owned())
}

/// Waits until the Worker has seen closes, and returns them.
async fn seen(daemon: &Daemon) -> Value {
    eventually("a close", async || {
        let answer = daemon.get("/seen").await.expect(200).json();
        (answer["seen"] != json!([])).then(|| answer["seen"].clone())
    })
    .await
}

/// Waits until the Worker has noted this number of events, for a while, and returns them.
async fn events_of(daemon: &Daemon, count: usize) -> Vec<Value> {
    let (mut events, began) = (Vec::new(), Instant::now());
    while events.len() < count && began.elapsed() < Duration::from_secs(5) {
        let more = daemon.get("/seen").await.expect(200).json();
        events.extend(more.as_array().expect("a list").iter().cloned());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    events
}

/// Takes one step of `steps.json`: opens a WebSocket at `path`, sends messages, waits for
/// `receive` of them, closes it and reads to the end, or cuts the connection when the Worker has
/// noted the messages.
async fn take(daemon: &Daemon, step: &Value) -> Value {
    let path = step["path"].as_str().expect("a path");
    if step["plain"] == true {
        return json!({ "seen": daemon.get(path).await.expect(200).json() });
    }
    let offered: Vec<&str> =
        step["protocols"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let protocols = offered.join(", ");
    let headers: &[_] =
        if offered.is_empty() { &[] } else { &[("sec-websocket-protocol", protocols.as_str())] };
    let mut socket = match WebSocket::attempt(daemon.address(), "localhost", path, headers).await {
        Ok(socket) => socket,
        Err((status, text)) => return json!({ "status": status, "text": text }),
    };
    let protocol =
        socket.response.headers().get("sec-websocket-protocol").map(|name| name.to_str().expect("text"));
    let mut answer = json!({ "status": 101, "protocol": protocol, "received": [] });
    for message in step["send"].as_array().into_iter().flatten() {
        let data = message[1].as_str().expect("a text");
        match message[0] == "text" {
            true => socket.text(data).await,
            false => socket.bytes(STANDARD.decode(data).expect("base64")).await,
        }
    }
    let received = answer["received"].as_array_mut().expect("a list");
    let mut receive = async |socket: &mut WebSocket| {
        let got = socket.next().await;
        received.push(match &got {
            Got::Text(text) => json!(["text", text]),
            Got::Bytes(bytes) => json!(["bytes", STANDARD.encode(bytes)]),
            Got::Close(code, reason) => json!(["close", code, reason]),
            Got::Lost => json!(["lost"]),
        });
        matches!(got, Got::Close(..) | Got::Lost)
    };
    for _ in 0..step["receive"].as_u64().unwrap_or(0) {
        receive(&mut socket).await;
    }
    if step["cut"] == true {
        let sent = step["send"].as_array().map_or(0, Vec::len);
        answer["seen"] = json!(events_of(daemon, sent).await);
        drop(socket);
    } else {
        if let Some(close) = step["close"].as_array() {
            let code = close.first().map(|code| code.as_u64().expect("a code") as u16);
            socket.close(code.map(|code| (code, close[1].as_str().expect("a reason")))).await;
        }
        while !receive(&mut socket).await {}
        // The answer to a close goes out with this.
        socket.next().await;
    }
    answer
}

#[tokio::test]
async fn sockets_behave_as_in_wrangler() {
    let folder = installed("websockets");
    let daemon = Daemon::dev(&folder, &[]);
    let read = |name: &str| -> Vec<Value> {
        serde_json::from_str(&std::fs::read_to_string(folder.join(name)).expect("a file")).expect("JSON")
    };
    let (steps, answers) = (read("steps.json"), read("answers.json"));
    assert_eq!(steps.len(), answers.len());
    let mut different = Vec::new();
    for (step, expected) in steps.iter().zip(&answers) {
        let mut found = take(&daemon, step).await;
        if let Some(events) = expected["seen"].as_array().filter(|_| step["seen"] == true) {
            let mut seen = found["seen"].as_array().cloned().unwrap_or_default();
            seen.extend(events_of(&daemon, events.len().saturating_sub(seen.len())).await);
            found["seen"] = json!(seen);
        }
        if found != *expected {
            different.push(format!("{step}\n   {found}\n   {expected}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test]
async fn frames_that_break_the_protocol_are_answered_with_their_code() {
    let (_folder, daemon) = worker(ECHO);
    let continued = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    let cases: [(&str, u16, Vec<u8>); 10] = [
        ("no mask", 1002, vec![0x81, 1, b'a']),
        ("a reserved bit", 1002, frame(0xf1, b"a")),
        ("a reserved kind", 1002, frame(0x87, b"a")),
        ("a lone continuation", 1002, frame(0x80, b"a")),
        ("a message within a message", 1002, continued),
        ("a long ping", 1002, frame(0x89, &[0; 126])),
        ("a fragmented ping", 1002, frame(0x09, b"")),
        ("a reserved code", 1002, frame(0x88, &1005_u16.to_be_bytes())),
        ("invalid text", 1007, frame(0x81, b"a\xff")),
        (
            "a long message",
            1009,
            [vec![0x82, 0xff], (1_u64 << 40).to_be_bytes().to_vec(), vec![0; (16 << 20) + 64]].concat(),
        ),
    ];
    for (name, code, bytes) in cases {
        assert_eq!(close_code(raw(daemon.address(), "/echo").await, &bytes).await, Some(code), "{name}");
        assert_eq!(seen(&daemon).await[0][0], 1006, "{name}");
    }
    // The codes of a client's own close come back.
    for code in [1000_u16, 1001, 3000, 4999] {
        let bytes = frame(0x88, &code.to_be_bytes());
        assert_eq!(close_code(raw(daemon.address(), "/echo").await, &bytes).await, Some(code));
        assert_eq!(seen(&daemon).await, json!([[code, "", true]]));
    }
}

#[tokio::test]
async fn fragments_are_joined_and_pings_answered_between_them() {
    let (_folder, daemon) = worker(ECHO);
    let mut stream = raw(daemon.address(), "/echo").await;
    let smile = "\u{1f600}".as_bytes();
    let parts =
        [frame(0x01, &smile[..1]), frame(0x89, b"there?"), frame(0x00, b""), frame(0x80, &smile[1..])];
    for byte in parts.concat() {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut answer = [0; 14];
    bounded("the answers", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"\x8a\x06there?\x81\x04\xf0\x9f\x98\x80");
}

#[tokio::test]
async fn long_messages_pass_in_both_directions() {
    let (_folder, daemon) = worker(ECHO);
    let mut socket = open(&daemon, "/echo").await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    socket.bytes(bytes.clone()).await;
    assert!(socket.next().await == Got::Bytes(bytes));
    let text = "h\u{e9}\u{1f600}".repeat(200_000);
    assert!(socket.ask(&text).await == Got::Text(text));
    let mut measured = open(&daemon, "/length").await;
    measured.bytes(vec![0; 16 << 20]).await;
    assert_eq!(measured.next().await, echoed(&(16 << 20).to_string()));
}

#[tokio::test]
async fn a_client_that_vanishes_is_a_lost_connection_for_the_worker() {
    let (_folder, daemon) = worker(ECHO);
    let socket = open(&daemon, "/echo").await;
    drop(socket);
    let reason = "WebSocket disconnected without sending Close frame.";
    assert_eq!(seen(&daemon).await, json!([[1006, reason, false]]));
    daemon.wait_for_stderr(&["GET /echo 101 ", "the client disconnected"]);
}

#[tokio::test]
async fn a_request_goes_on_until_its_socket_is_closed_and_its_promises_are_settled() {
    let (_folder, daemon) = worker(ECHO);
    let mut socket = open(&daemon, "/wait").await;
    assert_eq!(seen(&daemon).await, json!(["waited"]));
    assert_eq!(socket.ask("still").await, echoed("still"));
    assert!(!daemon.stderr().contains("GET /wait"), "its line comes at the end");
    socket.close(Some((1000, ""))).await;
    assert_eq!(socket.next().await, Got::Close(1000, String::new()));
    assert_eq!(seen(&daemon).await, json!([[1000, "", true]]));
    daemon.wait_for_stderr(&["GET /wait 101 "]);
}

#[tokio::test]
async fn each_message_has_the_cpu_time_of_a_request() {
    let folder = Folder::new();
    folder.write("wrangler.json", r#"{ "main": "worker.js", "limits": { "cpu_ms": 300 } }"#);
    folder.write("worker.js", ECHO);
    let daemon = Daemon::dev(folder.path(), &[]);
    let mut socket = open(&daemon, "/echo").await;
    // Together they take more than the limit.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(socket.ask("work").await, echoed("work"));
    }
    let mut other = open(&daemon, "/echo").await;
    socket.text("spin").await;
    assert_eq!((socket.next().await, other.next().await), (Got::Lost, Got::Lost));
    // Another process has taken its place.
    assert_eq!(open(&daemon, "/echo").await.ask("again").await, echoed("again"));
}

#[tokio::test]
async fn slow_readers_and_floods_do_not_disturb_neighbours() {
    let (_folder, daemon) = worker(ECHO);
    let mut slow = Vec::new();
    for _ in 0..30 {
        let mut stream = raw(daemon.address(), "/echo").await;
        // 40 MiB that nobody reads.
        stream.write_all(&frame(0x81, b"flood 20 100000")).await.unwrap();
        slow.push(stream);
    }
    let mut flooders = Vec::new();
    for _ in 0..10 {
        let mut stream = raw(daemon.address(), "/length").await;
        flooders.push(tokio::spawn(async move {
            // Small fragments of a message that does not end, then many empty messages.
            let fragments = [frame(0x02, b"a"), frame(0x00, b"a").repeat(20_000)].concat();
            let _ = tokio::time::timeout(Duration::from_secs(3), stream.write_all(&fragments)).await;
            let empty = [frame(0x80, b""), frame(0x82, b"").repeat(20_000)].concat();
            let _ = tokio::time::timeout(Duration::from_secs(3), stream.write_all(&empty)).await;
        }));
    }
    let mut honest = open(&daemon, "/echo").await;
    for number in 0..50 {
        let text = number.to_string();
        let began = Instant::now();
        assert_eq!(honest.ask(&text).await, echoed(&text));
        assert_eq!(daemon.get("/hello").await.expect(200).text(), "hello");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
    for flooder in flooders {
        flooder.await.unwrap();
    }
    // What was not read is bounded in isolet's own process: 64 KiB for each socket.
    let peak = daemon.process().peak_mib();
    assert!(peak < 300, "{peak} MiB");
    drop(slow);
}

#[tokio::test]
async fn an_answer_must_be_a_handshake_on_both_sides() {
    let (_folder, daemon) = worker(ECHO);
    let head = |lines: &str| {
        format!("GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close, upgrade\r\n{lines}\r\n")
    };
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "upgrade: websocket\r\n";
    for (lines, status, text) in [
        (String::new(), "500", "did not contain the header \"Upgrade: websocket\""),
        (format!("{upgrade}sec-websocket-version: 13\r\n"), "400", "Sec-WebSocket-Key"),
        (format!("{upgrade}{key}sec-websocket-version: 8\r\n"), "426", "sec-websocket-version: 13"),
    ] {
        let answer = exchange(daemon.address(), head(&lines).as_bytes()).await;
        let answer = answer.to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{lines}: {answer}");
        assert!(answer.contains(&text.to_ascii_lowercase()), "{lines}: {answer}");
    }
}

#[tokio::test]
async fn a_foreign_page_opens_no_socket_in_dev() {
    let (_folder, daemon) = worker_with(ECHO, &["--allow-origin", "http://localhost:3000"]);
    let port = daemon.address().port();
    let attempt = async |headers: &[(&'static str, &str)]| match WebSocket::attempt(
        daemon.address(),
        &format!("localhost:{port}"),
        "/echo",
        headers,
    )
    .await
    {
        Ok(_) => 101,
        Err((status, _)) => status,
    };
    assert_eq!(attempt(&[("origin", "http://evil.example")]).await, 403);
    assert_eq!(attempt(&[("origin", "null")]).await, 403);
    assert_eq!(attempt(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "websocket")]).await, 403);
    assert_eq!(attempt(&[("origin", &format!("http://localhost:{port}"))]).await, 101);
    assert_eq!(attempt(&[("origin", "http://localhost:3000")]).await, 101);
    assert_eq!(attempt(&[]).await, 101);
}

#[tokio::test]
async fn a_new_version_closes_the_sockets_of_the_one_before() {
    let (folder, daemon) = worker(ECHO);
    let mut socket = open(&daemon, "/echo").await;
    assert_eq!(socket.ask("a").await, echoed("a"));
    folder.write("worker.js", ECHO.replace("new Response('hello')", "new Response('changed')"));
    assert!(matches!(socket.next().await, Got::Close(1012, _)));
    eventually("the new version", async || (daemon.get("/hello").await.text() == "changed").then_some(()))
        .await;
    assert_eq!(open(&daemon, "/echo").await.ask("b").await, echoed("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so() {
    let (_folder, mut daemon) = worker(ECHO);
    let mut socket = open(&daemon, "/echo").await;
    assert_eq!(socket.ask("a").await, echoed("a"));
    let (end, got) = std::thread::scope(|scope| {
        let ending = scope.spawn(|| daemon.end(Signal::TERM));
        let got = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(socket.next()));
        (ending.join().unwrap(), got)
    });
    assert!(matches!(got, Got::Close(1001, _)), "{got:?}");
    assert!(end.success(), "{end}");
}

/// `isolet serve` with this Worker for all hosts.
fn serve(code: &str, settings: &str) -> (Daemon, SocketAddr) {
    let folder = Folder::new();
    folder.write("w/wrangler.json", r#"{ "name": "w", "main": "worker.js" }"#);
    folder.write("w/worker.js", code);
    let worker = "[[workers.worker]]\npath = 'w'\nroutes = ['*/*']\n";
    folder.write("isolet.toml", format!("{worker}{settings}"));
    let args = ["--worker-listen", "127.0.0.1:0"];
    let daemon = Daemon::serve_in(folder, &args);
    daemon.wait_for_stderr(&["isolet serves "]);
    let log = daemon.stderr();
    let line = log.lines().find(|line| line.starts_with("isolet serves ")).expect("a line").to_owned();
    let (_, port) = line.split(" for ").next().unwrap().rsplit_once(':').unwrap();
    (daemon, SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
}

#[tokio::test]
async fn a_public_worker_decides_itself_and_its_sockets_are_counted() {
    let (daemon, address) = serve(ECHO, "");
    let origin = [("origin", "http://other.example")];
    let mut socket = WebSocket::attempt(address, "w.example", "/echo", &origin).await.unwrap();
    assert_eq!(socket.ask("a").await, echoed("a"));
    daemon.metric_becomes("isolet_worker_websockets{worker=\"w\"}", 1.0).await;
    socket.close(None).await;
    assert_eq!(socket.next().await, Got::Close(1005, String::new()));
    daemon.metric_becomes("isolet_worker_websockets{worker=\"w\"}", 0.0).await;
    daemon.metric_becomes("isolet_worker_requests_total{worker=\"w\",outcome=\"ok\"}", 1.0).await;
}

#[tokio::test]
async fn a_socket_keeps_a_process_of_its_own_for_its_life() {
    let code = "let messages = 0;
        export default { fetch(request) {
            const { 0: client, 1: server } = new WebSocketPair();
            server.accept();
            server.addEventListener('message', () => server.send(`${++messages}`));
            return new Response(null, { status: 101, webSocket: client });
        } }";
    let (_daemon, address) = serve(code, "isolation = 'request'\nprocesses = 4\n");
    let mut first = WebSocket::open(address, "w.example", "/").await;
    let mut second = WebSocket::open(address, "w.example", "/").await;
    for count in ["1", "2", "3"] {
        assert_eq!(first.ask("x").await, echoed(count));
    }
    assert_eq!(second.ask("x").await, echoed("1"));
}

#[tokio::test]
async fn sockets_of_a_worker_are_bounded() {
    let (_daemon, address) = serve(ECHO, "");
    let mut sockets = Vec::new();
    for _ in 0..1024 {
        sockets.push(WebSocket::open(address, "w.example", "/echo").await);
    }
    let (status, text) =
        WebSocket::attempt(address, "w.example", "/echo", &[]).await.err().expect("a refusal");
    assert_eq!((status, text.contains("as many WebSockets")), (503, true), "{text}");
    // Plain requests, and the sockets that there are, go on.
    let hello =
        http::Connection::open(address).await.send(Request::get("/hello").header("host", "w.example")).await;
    assert_eq!(hello.expect(200).text(), "hello");
    assert_eq!(sockets[7].ask("a").await, echoed("a"));
    sockets.pop();
    eventually("a free place", async || WebSocket::attempt(address, "w.example", "/echo", &[]).await.ok())
        .await;
}
