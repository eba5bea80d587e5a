//! Tests of Workers: fetches through bindings, which the owner of the Worker answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use isolet_runtime::*;
use serde_json::{Value, json};

use super::engine;
use super::worker::{answer, request, start_with};

/// A host that answers by the path, and counts the bodies that were dropped.
#[derive(Clone, Default)]
struct Host {
    name: &'static str,
    dropped: Arc<AtomicUsize>,
}

/// Counts when it is dropped.
struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl FetchHost for Host {
    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        let FetchRequest { head: asked, body: sent, .. } = request;
        let binding = self.name;
        let guard = CountDrop(self.dropped.clone());
        Box::pin(async move {
            let path = asked.url.rsplit('/').next().unwrap_or_default().to_owned();
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let mut head = ResponseHead {
                status: 200,
                status_text: "Fine".into(),
                headers: vec![
                    header("X-Binding", binding),
                    header("set-cookie", "a"),
                    header("Set-Cookie", "b"),
                ],
                encoded: false,
            };
            let chunk = || Ok(bytes::Bytes::from(vec![7; 32 << 10]));
            let body = match path.as_str() {
                "refused" => return Err("The host refuses.".into()),
                "never" => {
                    let () = std::future::pending().await;
                    FetchedBody::Empty
                }
                "empty" => FetchedBody::Empty,
                // The body comes back as it is sent.
                "mirror" => match sent {
                    RequestBody::Empty => FetchedBody::Empty,
                    RequestBody::Whole(bytes) => FetchedBody::Whole(bytes),
                    RequestBody::Stream(pieces) => FetchedBody::Stream(pieces),
                },
                "length" => FetchedBody::Whole(read(sent, usize::MAX).await.into()),
                "part" => FetchedBody::Whole(read(sent, 100 << 10).await.into()),
                "307" => {
                    head.status = 307;
                    head.headers.push(header("location", "http://else.example/both"));
                    FetchedBody::Empty
                }
                "both" => {
                    let text = json!([asked.method, asked.headers, read(sent, usize::MAX).await]).to_string();
                    FetchedBody::Whole(text.into())
                }
                "broken" => FetchedBody::Stream(
                    futures_util::stream::iter([chunk(), Err("it broke".to_owned())]).boxed(),
                ),
                "endless" => FetchedBody::Stream(
                    futures_util::stream::repeat_with(move || {
                        let _ = &guard;
                        chunk()
                    })
                    .boxed(),
                ),
                "loop" => {
                    head.status = 302;
                    head.headers.push(header("location", "/loop"));
                    FetchedBody::Empty
                }
                "moved" => {
                    head.status = 303;
                    head.headers.push(header("location", "http://else.example/echo"));
                    FetchedBody::Empty
                }
                _ => {
                    let text = json!([asked.method, asked.url, asked.headers]).to_string();
                    FetchedBody::Whole(text.into())
                }
            };
            Ok(FetchedResponse { head, body })
        })
    }
}

/// Reads a body up to a number of bytes, and returns what it was.
async fn read(body: RequestBody, most: usize) -> String {
    let mut stream = match body {
        RequestBody::Empty => return "nothing".to_owned(),
        RequestBody::Whole(bytes) => return format!("{} at once", bytes.len()),
        RequestBody::Stream(stream) => stream,
    };
    let mut length = 0;
    while length < most {
        match stream.next().await {
            Some(Ok(part)) => length += part.len(),
            Some(Err(reason)) => return format!("{length}, then: {reason}"),
            None => return format!("{length} in pieces"),
        }
    }
    "enough".to_owned()
}

fn worker(code: &str, host: &Host) -> Worker {
    let code = format!(
        "const read = async (call) => {{ try {{ return await call() }} catch (error) {{ return `${{error}}` }} }};
         export default {{ async fetch(request, env, ctx) {{ {code} }} }}"
    );
    let mut fetchers = FetchBindings::default();
    for name in ["ONE", "TWO"] {
        fetchers.add(name, Arc::new(Host { name, ..host.clone() }));
    }
    start_with(&code, fetchers).unwrap()
}

fn json_of(worker: &Worker) -> Value {
    let (status, _, body) = answer(worker, request("GET", "http://a/", "")).unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_binding_answers_what_it_is_asked() {
    let worker = worker(
        "const answer = await env.ONE.fetch('http://x.example/echo', { method: 'PUT', headers: { 'X-A': 'é' }, body: 'b' });
         const { status, statusText, headers } = answer;
         const empty = await env.TWO.fetch(new Request('http://x/empty'));
         const fixed = await read(() => headers.set('a', 'b'));
         return Response.json([status, statusText, headers.get('x-binding'), headers.getSetCookie(), await answer.json(),
             empty.body, empty.headers.get('x-binding'), fixed, Object.keys(env).sort(), 'ONE' in env, `${env.ONE}`,
             await read(() => env.ONE.fetch('/x')), await read(() => env.ONE.fetch()),
             await read(() => env.ONE.fetch.call({}, 'http://x/'))]);",
        &Host::default(),
    );
    let found = json_of(&worker);
    let headers =
        json!([["x-a", "é"], ["content-type", "text/plain;charset=UTF-8"], ["content-length", "1"]]);
    assert_eq!(
        (&found[0], &found[1], &found[2], &found[3]),
        (&json!(200), &json!("Fine"), &json!("ONE"), &json!(["a", "b"]))
    );
    assert_eq!(found[4], json!(["PUT", "http://x.example/echo", headers]));
    assert_eq!((&found[5], &found[6]), (&Value::Null, &json!("TWO")));
    assert!(found[7].as_str().unwrap().starts_with("TypeError"), "{}", found[7]);
    assert_eq!(
        (&found[8], &found[9], &found[10]),
        (
            &json!(["GREETING", "LIST", "ONE", "TWO", "demo", "my-server"]),
            &json!(true),
            &json!("[object Fetcher]")
        )
    );
    for index in 11..=13 {
        assert!(found[index].as_str().unwrap().starts_with("TypeError"), "{}", found[index]);
    }
}

#[test]
fn redirects_are_followed_unless_the_request_says_otherwise() {
    let worker = worker(
        "const moved = (init) => env.ONE.fetch('http://x/moved', init);
         const { status, headers } = await moved({ redirect: 'manual' });
         return Response.json([await (await moved({ method: 'POST' })).json(), status, headers.get('location'),
             await read(() => moved({ redirect: 'error' })), await read(() => env.ONE.fetch('http://x/loop'))]);",
        &Host::default(),
    );
    let found = json_of(&worker);
    assert_eq!(found[0], json!(["GET", "http://else.example/echo", []]));
    assert_eq!((&found[1], &found[2]), (&json!(303), &json!("http://else.example/echo")));
    for (index, expected) in [(3, "redirect: \"error\""), (4, "more than 20 redirects")] {
        assert!(found[index].as_str().unwrap().contains(expected), "{}", found[index]);
    }
}

#[test]
fn failures_reach_the_one_who_waits() {
    let host = Host::default();
    let worker = worker(
        "const controller = new AbortController();
         const aborted = read(() => env.ONE.fetch('http://x/never', { signal: controller.signal }));
         setTimeout(() => controller.abort(new Error('no more')), 10);
         const endless = new AbortController();
         const answer = await env.ONE.fetch('http://x/endless', { signal: endless.signal });
         const reader = answer.body.getReader();
         const { value } = await reader.read();
         endless.abort(new Error('enough'));
         return Response.json([await read(() => env.ONE.fetch('http://x/refused')),
             await read(async () => (await env.ONE.fetch('http://x/broken')).text()), await aborted,
             value.length, await read(async () => { for (;;) if ((await reader.read()).done) return 'done' })]);",
        &host,
    );
    assert_eq!(
        json_of(&worker),
        json!([
            "TypeError: The host refuses.",
            "TypeError: it broke",
            "Error: no more",
            32768,
            "Error: enough"
        ])
    );
}

/// An error that comes from elsewhere has the place of the call, also where it is not awaited.
#[test]
fn a_failure_has_the_place_of_its_fetch() {
    let host = Host::default();
    for code in [
        "await env.ONE.fetch('http://x/refused');",
        "return env.ONE.fetch('http://x/refused');",
        "const { fetch } = env.ONE; return Promise.all([1, fetch.call(env.ONE, 'http://x/refused').then((x) => x)]);",
        "await scheduler.wait(1); return env.ONE.fetch('http://x/loop');",
        "return env.ONE.fetch('http://x/moved', { redirect: 'error' });",
        "return (await env.ONE.fetch('http://x/broken')).text();",
    ] {
        let error =
            answer(&worker(&format!("\n{code}"), &host), request("GET", "http://a/", "")).unwrap_err();
        assert!(error.message.contains(" (at ") && error.message.contains("main.js:3:"), "{code}: {error:?}");
        assert!(!error.message.contains("isolet:"), "{code}: {error:?}");
    }
    let worker = worker(
        "try { await env.ONE.fetch('http://x/refused') } catch (error) { return Response.json(error.stack) }",
        &host,
    );
    let stack = json_of(&worker);
    let stack = stack.as_str().unwrap();
    assert!(
        stack.starts_with("TypeError: The host refuses.\n    at ") && stack.contains("main.js:2:"),
        "{stack}"
    );
    assert!(!stack.contains("isolet:"), "{stack}");
}

#[test]
fn what_is_not_read_ends_with_its_request() {
    let host = Host::default();
    let worker = worker("await env.ONE.fetch('http://x/endless'); return Response.json(1);", &host);
    assert_eq!(json_of(&worker), json!(1));
    engine().0.block_on(async {
        for _ in 0..200 {
            if host.dropped.load(Ordering::SeqCst) == 1 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the stream was not dropped");
    });
}

#[test]
fn a_fetch_that_is_never_answered_is_not_a_deadlock() {
    let worker = worker(
        "return Response.json(await Promise.race([env.ONE.fetch('http://x/never').then(() => 1),
             new Promise((resolve) => setTimeout(() => resolve(2), 20))]));",
        &Host::default(),
    );
    assert_eq!(json_of(&worker), json!(2));
}

#[test]
fn bodies_are_sent_whole_or_in_pieces() {
    let worker = worker(
        "const send = async (path, body, init) =>
             (await env.ONE.fetch(`http://x/${path}`, { method: 'POST', body, ...init })).text();
         const pieces = (count, length) => new ReadableStream({ pull(controller) {
             if (count-- === 0) controller.close(); else controller.enqueue(new Uint8Array(length)) } });
         const broken = () => { let count = 3; return new ReadableStream({ pull(controller) {
             if (count-- === 0) throw new RangeError('it broke'); controller.enqueue(new Uint8Array(10)) } }) };
         const { readable, writable } = new TransformStream();
         const answer = env.ONE.fetch('http://x/mirror', { method: 'POST', body: readable });
         const writer = writable.getWriter();
         const echo = (await answer).body.getReader();
         const turns = [];
         for (const text of ['a', 'b']) {
             await writer.write(new TextEncoder().encode(text));
             turns.push(new TextDecoder().decode((await echo.read()).value));
         }
         await writer.close();
         turns.push((await echo.read()).done);
         return Response.json([await send('length', 'héllo'), await send('length', new Uint8Array(1 << 20)),
             await send('length', pieces(64, 64 << 10)), await send('length', pieces(0)), turns,
             await read(() => send('length', broken())),
             await read(() => send('length', new ReadableStream({ start(c) { c.enqueue('text'); c.close() } }))),
             await send('length', new Blob(['ab'])), await send('length', undefined)]);",
        &Host::default(),
    );
    let found = json_of(&worker);
    let expected = json!([
        "6 at once",
        "1048576 in pieces",
        "4194304 in pieces",
        "0 in pieces",
        ["a", "b", true],
        "RangeError: it broke",
        "TypeError: The stream of a request gave a chunk of type string: chunks must be bytes. Pipe it through a TextEncoderStream.",
        "2 at once",
        "nothing"
    ]);
    assert_eq!(found, expected);
}

#[test]
fn a_body_that_is_not_read_to_its_end_is_cancelled() {
    let worker = worker(
        "let [cancelled, pulled] = [[], 0];
         const endless = (name) => new ReadableStream({
             pull(controller) { pulled++; controller.enqueue(new Uint8Array(64 << 10)) },
             cancel(reason) { cancelled.push(`${name}: ${reason.name}`) } }, { highWaterMark: 0 });
         const part = await env.ONE.fetch('http://x/part', { method: 'POST', body: endless('part') });
         const ignored = await env.ONE.fetch('http://x/empty', { method: 'POST', body: endless('ignored') });
         const controller = new AbortController();
         const aborted = read(() => env.ONE.fetch('http://x/never', { method: 'POST', body: endless('aborted'),
             signal: controller.signal }));
         // The answer is there, and the rest of the body goes on.
         const never = endless('answered');
         const mirror = await env.ONE.fetch('http://x/mirror', { method: 'POST', body: never });
         await mirror.body.cancel(new DOMException('x', 'NotFoundError'));
         controller.abort();
         await aborted;
         await new Promise((resolve) => setTimeout(resolve, 20));
         return Response.json([await part.text(), cancelled.sort(), pulled < 40, pulled, never.locked]);",
        &Host::default(),
    );
    let found = json_of(&worker);
    let names =
        json!(["aborted: AbortError", "answered: NotFoundError", "ignored: TypeError", "part: TypeError"]);
    assert_eq!((&found[0], &found[1], &found[2]), (&json!("enough"), &names, &json!(true)), "{found}");
}

#[test]
fn redirects_send_the_body_again_unless_it_was_a_stream() {
    let worker = worker(
        "const headers = { 'x-a': '1', authorization: 'secret' };
         const post = async (path, body) =>
             (await env.ONE.fetch(`http://x/${path}`, { method: 'POST', body, headers })).json();
         return Response.json([await post('307', 'text'), await post('moved', 'text'),
             await read(() => post('307', new Blob(['a']).stream()))]);",
        &Host::default(),
    );
    let found = json_of(&worker);
    let kept = json!([["x-a", "1"], ["content-type", "text/plain;charset=UTF-8"], ["content-length", "4"]]);
    assert_eq!(found[0], json!(["POST", kept, "4 at once"]), "not the secret of another origin");
    assert_eq!(found[1], json!(["GET", "http://else.example/echo", [["x-a", "1"]]]));
    assert!(found[2].as_str().unwrap().contains("cannot be sent again"), "{}", found[2]);
}

#[test]
fn fetches_that_wait_for_others_keep_their_bodies() {
    let worker = worker(
        "const send = async (path, body, signal) => (await env.ONE.fetch(`http://x/${path}`, { method: 'POST', body, signal })).text();
         const pieces = (count) => new ReadableStream({ pull(controller) {
             if (count-- === 0) controller.close(); else controller.enqueue(new Uint8Array(1000)) } });
         const controller = new AbortController();
         const first = Array.from({ length: 64 }, () => read(() => send('never', 'x', controller.signal)));
         const later = [send('length', 'abc'), send('length', pieces(3)), send('length', pieces(400))];
         await new Promise((resolve) => setTimeout(resolve, 10));
         controller.abort();
         return Response.json([await Promise.all(later), (await Promise.all(first)).length]);",
        &Host::default(),
    );
    assert_eq!(json_of(&worker), json!([["3 at once", "3000 in pieces", "400000 in pieces"], 64]));
}
