//! `isolet dev`: requests and responses on the wire, as raw sockets see them.

use std::time::Duration;

use crate::harness::http::{Request, exchange};
use crate::harness::*;
use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A project with this Worker.
pub fn worker(code: &str) -> (Folder, Daemon) {
    worker_with(code, &[])
}

/// The same with further arguments.
pub fn worker_with(code: &str, args: &[&str]) -> (Folder, Daemon) {
    let folder = Folder::new();
    folder.write(
        "wrangler.jsonc",
        r#"{ "name": "probe", "main": "worker.js", "compatibility_date": "2026-11-01" }"#,
    );
    folder.write("worker.js", code);
    let daemon = Daemon::dev(folder.path(), args);
    (folder, daemon)
}

/// Sends a head, and perhaps the beginning of a body.
async fn begin(daemon: &Daemon, bytes: &str) -> TcpStream {
    let mut socket = bounded("a connection", TcpStream::connect(daemon.address())).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    socket
}

/// Reads until the answer has this text.
async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut answer = Vec::new();
    bounded(&format!("`{text}` in the answer"), async {
        while !String::from_utf8_lossy(&answer).contains(text) {
            let mut part = [0; 4096];
            let length = socket.read(&mut part).await.unwrap();
            assert!(length > 0, "the end: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..length]);
        }
    })
    .await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// `GET path` as text, on a connection that ends with the answer.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

const STREAMS: &str = "let cancelled = 0, aborted = 0;
const bytes = (text) => new TextEncoder().encode(text);
export default { async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    request.signal.addEventListener('abort', () => { aborted++ });
    switch (pathname) {
        case '/events': return new Response(new ReadableStream({
            start(c) { c.enqueue(bytes('data: first\\n\\n')) }, pull: () => scheduler.wait(60_000), cancel() { cancelled++ } }),
            { headers: { 'content-type': 'text/event-stream' } });
        case '/broken': return new Response(new ReadableStream({ async start(c) {
            c.enqueue(bytes('sent')); await scheduler.wait(20); c.error(new Error('on purpose')) } }));
        case '/first': {
            const reader = request.body.getReader();
            const { value } = await reader.read();
            return new Response('got ' + new TextDecoder().decode(value));
        }
        case '/upload': {
            let size = 0;
            for await (const chunk of request.body) size += chunk.byteLength;
            return new Response(`${size}`);
        }
        case '/echo': return new Response(request.body);
        case '/wait': await scheduler.wait(60_000);
        case '/counts': return Response.json({ cancelled, aborted });
    }
} }";

#[tokio::test]
async fn the_first_bytes_of_a_stream_arrive_before_its_end() {
    let (_folder, daemon) = worker(STREAMS);
    let mut socket = begin(&daemon, &get("/events")).await;
    let answer = read_until(&mut socket, "data: first").await;
    assert_says(&answer, &["HTTP/1.1 200 OK", "transfer-encoding: chunked", "text/event-stream"]);
    // The beginning of a body is enough for an answer.
    let chunked =
        "POST /first HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let mut socket = begin(&daemon, chunked).await;
    assert_says(&read_until(&mut socket, "got hello").await, &["200 OK"]);
}

#[tokio::test]
async fn a_body_has_any_length_and_is_echoed_while_it_comes() {
    let (_folder, daemon) = worker(STREAMS);
    let piece = vec![b'x'; 1 << 20];
    let upload = Request::new(Method::POST, "/upload").chunks(piece.into(), 40);
    assert_eq!(daemon.send(upload).await.expect(200).text(), (40 << 20).to_string());

    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut socket = begin(&daemon, head).await;
    for word in ["one", "two"] {
        socket.write_all(format!("3\r\n{word}\r\n").as_bytes()).await.unwrap();
        read_until(&mut socket, word).await;
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    read_until(&mut socket, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_that_fails_breaks_the_connection_after_what_was_sent() {
    let (_folder, daemon) = worker(STREAMS);
    let answer = exchange(daemon.address(), get("/broken").as_bytes()).await;
    assert_says(&answer, &["200 OK", "sent"]);
    assert!(!answer.ends_with("0\r\n\r\n"), "the end of a whole body: {answer}");
    daemon.wait_for_stderr(&["broke off", "on purpose"]);
}

#[tokio::test]
async fn a_client_that_hangs_up_aborts_the_request_and_cancels_the_stream() {
    let (_folder, daemon) = worker(STREAMS);
    let counts = async |cancelled: u32, aborted: u32| {
        eventually(&format!("{cancelled} cancelled and {aborted} aborted"), async || {
            let counts = daemon.get("/counts").await.expect(200).json();
            (counts == json!({ "cancelled": cancelled, "aborted": aborted })).then_some(())
        })
        .await;
    };
    let mut socket = begin(&daemon, &get("/events")).await;
    read_until(&mut socket, "data: first").await;
    drop(socket);
    counts(1, 1).await;
    let socket = begin(&daemon, &get("/wait")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(socket);
    counts(1, 2).await;
    daemon.wait_for_stderr(&["GET /wait -", "disconnected"]);
}

const LENGTHS: &str = "let aborted = 0;
export default { async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    request.signal.addEventListener('abort', () => { aborted++ });
    const body = (length, text, { readable, writable } = new FixedLengthStream(length)) => {
        const writer = writable.getWriter();
        const written = async () => {
            await writer.write(new TextEncoder().encode(text));
            await scheduler.wait(50);
            await writer.close();
        };
        ctx.waitUntil(written().catch(() => {}));
        return readable;
    };
    switch (pathname) {
        case '/length': return new Response(body(5, 'hello'), { headers: { 'content-length': '99' } });
        case '/short': return new Response(body(50, 'hello'));
        case '/gzip': return new Response(body(5, 'hello'), { headers: { 'content-encoding': 'gzip' } });
        case '/plain': return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)); c.close() } }),
            { headers: { 'content-length': '3' } });
        case '/aborted': return Response.json(aborted);
    }
} }";

#[tokio::test]
async fn a_stream_with_a_length_says_it() {
    let (_folder, daemon) = worker(LENGTHS);
    let answer = async |path: &str| exchange(daemon.address(), get(path).as_bytes()).await;
    let length = answer("/length").await;
    assert_says(&length, &["content-length: 5\r\n", "\r\n\r\nhello"]);
    assert!(!length.contains("transfer-encoding"), "{length}");
    daemon.wait_for_stderr(&["GET /length 200"]);
    assert!(!daemon.stderr().contains("not read to its end"), "{}", daemon.stderr());
    assert_says(&answer("/short").await, &["content-length: 50\r\n", "\r\n\r\nhello"]);
    daemon.wait_for_stderr(&["GET /short", "broke off"]);
    // The length of the compressed body is not known.
    assert_says(&answer("/gzip").await, &["transfer-encoding: chunked"]);
    // What a Worker writes by hand is not believed.
    assert_says(&answer("/plain").await, &["transfer-encoding: chunked"]);
    assert_eq!(daemon.get("/aborted").await.expect(200).json(), 0);
}

const HEADS: &str = "export default { fetch(request, env, ctx) {
    ctx.passThroughOnException();
    const { pathname } = new URL(request.url);
    switch (pathname) {
        case '/phrase': return new Response(null, { status: 299, statusText: 'Quite Fine' });
        case '/no-phrase': return new Response(null, { status: 599 });
        case '/framing': return new Response('body', { headers: { 'content-length': '3', 'transfer-encoding': 'gzip',
            connection: 'x-a', 'keep-alive': 'timeout=1', upgrade: 'h2c', trailer: 'x-b', 'x-kept': 'yes' } });
        case '/gzip': return new Response('plain text '.repeat(100), { headers: { 'content-encoding': 'gzip' } });
        case '/headers': return Response.json({ count: [...request.headers].length, cf: request.cf, client: request.headers.get('cf-connecting-ip') });
        case '/many': return new Response('', { headers: Array.from({ length: 40_000 }, (_, n) => [`x-${n}`, '']) });
        case '/hang': return new Promise(() => {});
        case '/throw': throw new Error('on purpose');
        case '/nothing': return;
        case '/log': console.log('hello from the log'); Promise.reject(new Error('lost')); return new Response('');
    }
    return new Response('hello', { headers: { 'x-method': request.method } });
} }";

#[tokio::test]
async fn heads_are_the_workers_and_framing_is_not() {
    let (_folder, daemon) = worker(HEADS);
    let answer = async |path: &str| exchange(daemon.address(), get(path).as_bytes()).await;
    assert_says(&answer("/phrase").await, &["HTTP/1.1 299 Quite Fine\r\n"]);
    assert_says(&answer("/no-phrase").await, &["HTTP/1.1 599 \r\n"]);
    let framing = answer("/framing").await;
    assert_says(&framing, &["content-length: 4\r\n", "x-kept: yes", "\r\n\r\nbody"]);
    for header in ["transfer-encoding", "keep-alive", "upgrade", "trailer", "connection: x-a"] {
        assert!(!framing.contains(header), "{framing}");
    }
    let gzip = daemon.get("/gzip").await.expect(200);
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert!(gzip.body.starts_with(&[0x1f, 0x8b]) && gzip.body.len() < 200, "{} bytes", gzip.body.len());

    let mut many = String::from(
        "GET /headers HTTP/1.1\r\nhost: localhost\r\ncf-connecting-ip: 6.6.6.6\r\nconnection: close\r\n",
    );
    (0..150).for_each(|n| many.push_str(&format!("x-{n}: {n}\r\n")));
    let many = exchange(daemon.address(), format!("{many}\r\n").as_bytes()).await;
    assert_says(&many, &["200 OK", r#""client":"127.0.0.1""#, r#""httpProtocol":"HTTP/1.1""#]);

    // HEAD is GET without its body.
    let head = |method: &str| format!("{method} / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let (with, without) = (
        exchange(daemon.address(), head("GET").as_bytes()).await,
        exchange(daemon.address(), head("HEAD").as_bytes()).await,
    );
    assert_says(&with, &["content-length: 5", "x-method: GET", "\r\n\r\nhello"]);
    assert_says(&without, &["content-length: 5", "x-method: HEAD"]);
    assert!(without.ends_with("\r\n\r\n"), "{without}");
}

#[tokio::test]
async fn paths_forge_no_lines_and_drive_no_terminal() {
    let (_folder, daemon) = worker("export default { fetch: () => new Response('seen') }");
    // A CSI sequence, a change of direction, blanks that look like the rest of a line, a separator.
    for (path, logged) in [
        ("/\u{9b}31m", "GET /%C2%9B31m 200"),
        ("/\u{202e}txt", "GET /%E2%80%AEtxt 200"),
        ("/a\u{a0}404\u{a0}0.1\u{a0}ms", "GET /a%C2%A0404%C2%A00.1%C2%A0ms 200"),
        ("/b\u{2028}[9]", "GET /b%E2%80%A8[9] 200"),
    ] {
        assert_says(&exchange(daemon.address(), get(path).as_bytes()).await, &["200 OK", "seen"]);
        daemon.wait_for_stderr(&[logged]);
    }
    let long = format!("/{}", "x".repeat(20_000));
    assert_says(&exchange(daemon.address(), get(&long).as_bytes()).await, &["200 OK"]);
    daemon.wait_for_stderr(&["xxx... 200"]);
    assert!(daemon.stderr().lines().all(|line| line.len() < 1000 && line.is_ascii()), "{}", daemon.stderr());
}

#[tokio::test]
async fn failures_are_500_with_their_reason_and_the_connection_goes_on() {
    let (_folder, daemon) = worker(HEADS);
    let mut connection = daemon.connect().await;
    for (path, words) in [
        ("/throw", "Error: on purpose"),
        ("/nothing", "fetch must return a Response, but returned nothing"),
        ("/many", "at most 131072 can be sent"),
        ("/hang", "would never answer"),
    ] {
        let answer = bounded(path, connection.send(Request::get(path))).await.expect(500);
        assert_says(&answer.text(), &[words]);
        let head = connection.send(Request::new(Method::HEAD, path)).await.expect(500);
        assert!(head.body.is_empty());
        assert_eq!(connection.send(Request::get("/")).await.expect(200).text(), "hello");
    }
    daemon.wait_for_stderr(&["GET /throw 500", "GET / 200"]);
    connection.send(Request::get("/log")).await.expect(200);
    daemon.wait_for_stderr(&["log[", "hello from the log", "error[", "Error: lost (worker.js:15:"]);

    let (_folder, daemon) = worker("export default { scheduled() {} }");
    assert_says(&daemon.get("/").await.expect(500).text(), &["no fetch handler"]);
}
