//! Tests of Workers: bodies in pieces, clients that go, and what ends with a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use isolet_runtime::*;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::engine;
use super::worker::{answer, get, logging_worker, request, whole, worker};

/// A request whose body is this stream.
fn streaming(
    url: &str,
    parts: impl futures_util::Stream<Item = Result<bytes::Bytes, String>> + Send + 'static,
) -> HttpRequest {
    HttpRequest { body: RequestBody::Stream(parts.boxed()), ..request("POST", url, "") }
}

/// A stream of parts, and their sender.
fn channel() -> (
    tokio::sync::mpsc::UnboundedSender<Result<bytes::Bytes, String>>,
    impl futures_util::Stream<Item = Result<bytes::Bytes, String>> + Send + 'static,
) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    });
    (sender, stream)
}

#[test]
fn bodies_flow_in_both_directions_at_once() {
    let worker = worker(
        "export default { fetch: (request) => new Response(request.body.pipeThrough(new TransformStream({
            transform(chunk, controller) { controller.enqueue(chunk.map((byte) => byte + 1)) } }))) }",
    )
    .unwrap();
    engine().0.block_on(async {
        let (sender, receiver) = channel();
        let response = worker.fetch(streaming("http://a/", receiver)).await.unwrap();
        let ResponseBody::Stream(mut body) = response.body else { panic!("{response:?}") };
        for text in ["abc", "x"] {
            sender.send(Ok(text.into())).unwrap();
            let expected: Vec<u8> = text.bytes().map(|byte| byte + 1).collect();
            assert_eq!(body.next().await.unwrap().unwrap(), expected);
        }
        drop(sender);
        assert!(body.next().await.is_none());
    });
}

#[test]
fn neither_side_is_ahead_of_its_reader_by_more_than_the_window() {
    const CHUNK: usize = 16 << 10;
    const MAX_AHEAD: usize = 2 << 20;
    let worker = worker(
        "let made = 0; export default { async fetch(request) {
            const { pathname } = new URL(request.url);
            if (pathname === '/made') return new Response(`${made}`);
            if (pathname === '/read') {
                const reader = request.body.getReader();
                await reader.read();
                await scheduler.wait(200);
                return new Response('read');
            }
            return new Response(new ReadableStream({ pull(c) { made++; c.enqueue(new Uint8Array(16384)) } }));
        } }",
    )
    .unwrap();
    engine().0.block_on(async {
        let response = worker.fetch(request("GET", "http://a/make", "")).await.unwrap();
        let ResponseBody::Stream(mut body) = response.body else { panic!() };
        assert_eq!(body.next().await.unwrap().unwrap().len(), CHUNK);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let made = worker.fetch(request("GET", "http://a/made", "")).await.unwrap();
        let made: usize = String::from_utf8(whole(made.body).await.0).unwrap().parse().unwrap();
        assert!(made * CHUNK <= MAX_AHEAD, "{made} chunks for a reader of one");
        // The reader reads on, and so does the Worker.
        for _ in 0..1000 {
            assert_eq!(body.next().await.unwrap().unwrap().len(), CHUNK);
        }
        drop(body);

        let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = sent.clone();
        let parts = futures_util::stream::repeat_with(move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(bytes::Bytes::from_static(&[0; CHUNK]))
        });
        let answer = worker.fetch(streaming("http://a/read", parts)).await.unwrap();
        assert_eq!(whole(answer.body).await.0, b"read");
        let sent = sent.load(std::sync::atomic::Ordering::Relaxed);
        assert!(sent * CHUNK <= MAX_AHEAD, "{sent} chunks for a reader of one");
    });
}

#[test]
fn large_bodies_pass_whole() {
    let worker = worker(
        "export default { async fetch(request) {
            const { pathname } = new URL(request.url);
            if (pathname === '/text') return new Response('ä'.repeat(3_000_000));
            if (pathname === '/bytes') return new Response(new Uint8Array(5_000_000).fill(7));
            return new Response(`${(await request.arrayBuffer()).byteLength}`);
        } }",
    )
    .unwrap();
    let at = |path: &str| answer(&worker, request("GET", &format!("http://a{path}"), "")).unwrap().2;
    assert_eq!(at("/text"), "ä".repeat(3_000_000));
    assert_eq!(at("/bytes").len(), 5_000_000);
    let parts = futures_util::stream::iter((0..20).map(|_| Ok(vec![1; 500_000].into())));
    assert_eq!(answer(&worker, streaming("http://a/", parts)).unwrap().2, "10000000");
}

#[test]
fn a_stream_that_fails_breaks_off_after_what_was_sent() {
    let worker = worker(
        "export default { fetch: (request) => new Response(new ReadableStream({ async start(c) {
            c.enqueue(new TextEncoder().encode('sent'));
            await scheduler.wait(5);
            if (request.url.endsWith('/text')) c.enqueue('not bytes');
            else c.error(new RangeError('on purpose'));
        } })) }",
    )
    .unwrap();
    for (url, words) in [("http://a/", "RangeError: on purpose"), ("http://a/text", "chunks must be bytes")] {
        let (body, broken) = engine()
            .0
            .block_on(async { whole(worker.fetch(request("GET", url, "")).await.unwrap().body).await });
        assert_eq!(body, b"sent");
        assert!(broken.as_ref().is_some_and(|reason| reason.contains(words)), "{broken:?}");
    }
}

/// A Worker that counts what happens to its requests.
const WATCHED: &str = "const seen = []; export default { async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/seen') return new Response(seen.join());
    request.signal.addEventListener('abort', () => { seen.push(request.signal.reason.name); ctx.waitUntil(scheduler.wait(20).then(() => seen.push('waited'))); });
    setTimeout(() => seen.push('late'), 3000);
    if (pathname === '/stream') return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); return scheduler.wait(5); }, cancel() { seen.push('cancel'); } }));
    await scheduler.wait(60_000);
} }";

/// Waits until the Worker has seen this.
async fn has_seen(worker: &Worker, expected: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = worker.fetch(request("GET", "http://a/seen", "")).await.unwrap();
        let seen = String::from_utf8(whole(answer.body).await.0).unwrap();
        if seen == expected {
            return;
        }
        assert!(Instant::now() < until, "{seen} instead of {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_client_that_goes_aborts_the_signal_and_cancels_the_stream() {
    let (waiting, streaming) = (worker(WATCHED).unwrap(), worker(WATCHED).unwrap());
    engine().0.block_on(async {
        let request_in_flight = waiting.fetch(request("GET", "http://a/wait", ""));
        assert!(tokio::time::timeout(Duration::from_millis(100), request_in_flight).await.is_err());
        has_seen(&waiting, "AbortError,waited").await;
        tokio::time::sleep(Duration::from_millis(3500)).await;
        // The timer ended with its request.
        has_seen(&waiting, "AbortError,waited").await;

        let response = streaming.fetch(request("GET", "http://a/stream", "")).await.unwrap();
        let ResponseBody::Stream(mut body) = response.body else { panic!() };
        body.next().await.unwrap().unwrap();
        drop(body);
        has_seen(&streaming, "AbortError,cancel,waited").await;
    });
}

#[test]
fn timers_and_calls_end_with_their_request_and_wait_until_keeps_them() {
    let worker = worker(
        "let ticks = 0; export default { async fetch(request, env, ctx) {
            const { pathname } = new URL(request.url);
            if (pathname === '/ticks') return new Response(`${ticks}`);
            if (pathname === '/interval') setInterval(() => ticks++, 1);
            if (pathname === '/kept') ctx.waitUntil(scheduler.wait(2000).then(() => ticks += 1000));
            return new Response('');
        } }",
    )
    .unwrap();
    let wait = |ms| engine().0.block_on(async { tokio::time::sleep(Duration::from_millis(ms)).await });
    get(&worker, "http://a/interval");
    wait(100);
    assert_eq!(get(&worker, "http://a/ticks"), "0");
    get(&worker, "http://a/kept");
    assert_eq!(get(&worker, "http://a/ticks"), "0");
    let until = Instant::now() + Duration::from_secs(20);
    while get(&worker, "http://a/ticks") != "1000" {
        assert!(Instant::now() < until, "waitUntil did not keep the timer");
        wait(50);
    }
}

#[test]
fn code_of_a_request_that_has_ended_makes_no_calls() {
    let worker = worker(
        "let open, said = 'nothing'; const gate = new Promise((resolve) => { open = resolve; });
        export default { async fetch(request, env) {
            switch (new URL(request.url).pathname) {
                case '/late':
                    gate.then(() => env.demo.echo({})).then(() => { said = 'called' }, (error) => { said = error.message });
                    break;
                case '/open': open(); await env.demo.echo({}); break;
            }
            return new Response(said);
        } }",
    )
    .unwrap();
    assert_eq!(get(&worker, "http://a/late"), "nothing");
    let said = get(&worker, "http://a/open");
    assert!(said.contains("has ended"), "{said}");
}

#[test]
fn a_request_waits_for_what_another_one_has_started() {
    let worker = worker(
        "let shared; export default { async fetch(request) {
            shared ??= scheduler.wait(50).then(() => 'shared');
            return new Response(await shared);
        } }",
    )
    .unwrap();
    let both = engine().0.block_on(async {
        let one = async || whole(worker.fetch(request("GET", "http://a/", "")).await.unwrap().body).await.0;
        futures_util::future::join(one(), one()).await
    });
    assert_eq!(both, (b"shared".to_vec(), b"shared".to_vec()));
}

#[test]
fn lines_are_logged_at_once_with_the_number_of_their_request() {
    let lines = Arc::new(Mutex::new(Vec::<(u32, LogLevel, String)>::new()));
    let sink = lines.clone();
    let worker = logging_worker(
        "console.log('start'); export default { async fetch(request, env, ctx) {
            console.log('one');
            await scheduler.wait(2000);
            console.log('two');
            Promise.reject(new Error('lost'));
            const fails = async () => { await new Promise((resolve) => setTimeout(resolve, 1)); throw new TypeError('late'); };
            ctx.waitUntil(fails());
            return new Response('');
        } }",
        Arc::new(move |request, line| sink.lock().push((request, line.level, line.text))),
    )
    .unwrap();
    let asked = request("GET", "http://a/", "");
    let id = asked.id;
    engine().0.block_on(async {
        let answer = worker.fetch(asked);
        tokio::pin!(answer);
        let logged = async {
            while lines.lock().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = &mut answer => panic!("the answer came before the line that was logged before it"),
            () = logged => {}
        }
        answer.await.unwrap();
    });
    // What is logged after the answer may come after it.
    let until = Instant::now() + Duration::from_secs(20);
    while lines.lock().len() < 5 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let lines = lines.lock();
    let plain: Vec<_> = lines[..3].iter().map(|(request, _, text)| (*request, text.as_str())).collect();
    assert_eq!(plain, [(0, "start"), (id, "one"), (id, "two")]);
    for words in ["Error: lost", "TypeError: late"] {
        let found = lines.iter().find(|(_, _, text)| text.contains(words));
        assert!(
            found.is_some_and(|(request, level, _)| (*request, *level) == (id, LogLevel::Error)),
            "{lines:?}"
        );
    }
    // Frames of isolet's own code say nothing to the Worker's author.
    assert!(!lines.iter().any(|(_, _, text)| text.contains("isolet:")), "{lines:?}");
}

#[test]
fn a_flood_of_lines_or_calls_harms_its_own_request_only() {
    let worker = worker(
        "let n = 0; export default { async fetch(request, env) {
            n++;
            const { pathname } = new URL(request.url);
            if (pathname === '/log') for (let i = 0; i < 10_000; i++) console.log('x'.repeat(1000));
            if (pathname === '/calls') {
                try { for (;;) await env.demo.echo({}); } catch (error) { return new Response(error.message); }
            }
            return new Response(`${n}`);
        } }",
    )
    .unwrap();
    assert_eq!(get(&worker, "http://a/log"), "1");
    assert!(get(&worker, "http://a/calls").contains("tool calls"));
    assert_eq!(get(&worker, "http://a/"), "3");
}

#[test]
fn a_request_knows_its_client_and_its_runtime() {
    let worker = worker(
        "const agent = navigator.userAgent; export default { fetch(request, env, ctx) {
            ctx.passThroughOnException();
            return Response.json({ agent, cf: request.cf.httpProtocol, copy: new Request(request).cf.httpProtocol });
        } }",
    )
    .unwrap();
    let mut asked = request("GET", "http://a/", "");
    asked.head.cf = r#"{"httpProtocol":"HTTP/1.1"}"#.into();
    let (_, _, body) = answer(&worker, asked).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({ "agent": "Cloudflare-Workers", "cf": "HTTP/1.1", "copy": "HTTP/1.1" })
    );
}

#[test]
fn a_body_that_is_declared_as_gzip_is_compressed_once() {
    let worker = worker(
        "export default { fetch(request) {
            const headers = { 'content-encoding': 'gzip' };
            if (request.url.endsWith('/manual')) return new Response('as it is', { headers, encodeBody: 'manual' });
            if (request.url.endsWith('/whole')) return new Response('x'.repeat(10_000), { headers });
            return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(2_000_000)); c.close(); } }), { headers });
        } }",
    )
    .unwrap();
    let at = |path: &str| {
        engine().0.block_on(async {
            whole(worker.fetch(request("GET", &format!("http://a{path}"), "")).await.unwrap().body).await.0
        })
    };
    assert_eq!(at("/manual"), b"as it is");
    for (path, most) in [("/whole", 500), ("/stream", 20_000)] {
        let body = at(path);
        assert!(body.starts_with(&[0x1f, 0x8b]) && body.len() < most, "{path}: {} bytes", body.len());
    }
}

#[test]
fn a_worker_without_fetch_says_so_for_each_request() {
    for code in ["export default { scheduled() {} }", "export default class { scheduled() {} }"] {
        let worker = worker(code).unwrap();
        let error = answer(&worker, request("GET", "http://a/", "")).unwrap_err();
        assert!(error.message.contains("no fetch handler"), "{error:?}");
    }
}
