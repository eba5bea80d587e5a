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
    fn fetch(&self, binding: &str, asked: RequestHead) -> FetchFuture {
        let (binding, guard) = (binding.to_owned(), CountDrop(self.dropped.clone()));
        Box::pin(async move {
            let path = asked.url.rsplit('/').next().unwrap_or_default().to_owned();
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let mut head = ResponseHead {
                status: 200,
                status_text: "Fine".into(),
                headers: vec![
                    header("X-Binding", &binding),
                    header("set-cookie", "a"),
                    header("Set-Cookie", "b"),
                ],
                encoded: false,
            };
            let chunk = || Ok(bytes::Bytes::from(vec![7; 32 << 10]));
            let body = match path.as_str() {
                "refused" => return Err("The host refuses.".to_owned()),
                "never" => {
                    let () = std::future::pending().await;
                    RequestBody::Empty
                }
                "empty" => RequestBody::Empty,
                "broken" => RequestBody::Stream(
                    futures_util::stream::iter([chunk(), Err("it broke".to_owned())]).boxed(),
                ),
                "endless" => RequestBody::Stream(
                    futures_util::stream::repeat_with(move || {
                        let _ = &guard;
                        chunk()
                    })
                    .boxed(),
                ),
                "loop" => {
                    head.status = 302;
                    head.headers.push(header("location", "/loop"));
                    RequestBody::Empty
                }
                "moved" => {
                    head.status = 303;
                    head.headers.push(header("location", "http://else.example/echo"));
                    RequestBody::Empty
                }
                _ => {
                    let text = json!([asked.method, asked.url, asked.headers]).to_string();
                    RequestBody::Whole(text.into())
                }
            };
            Ok(FetchedResponse { head, body })
        })
    }
}

fn worker(code: &str, host: &Host) -> Worker {
    let code = format!(
        "const read = async (call) => {{ try {{ return await call() }} catch (error) {{ return `${{error}}` }} }};
         export default {{ async fetch(request, env, ctx) {{ {code} }} }}"
    );
    let fetchers = FetchBindings { names: vec!["ONE".into(), "TWO".into()], host: Arc::new(host.clone()) };
    start_with(&code, Some(fetchers)).unwrap()
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
    let headers = json!([["x-a", "é"], ["content-type", "text/plain;charset=UTF-8"]]);
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
