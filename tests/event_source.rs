//! `EventSource` of Workers: over their fetch, and over a stream. The cases of the format are those
//! of the Web Platform Tests (`eventsource/format-*`).

use crate::harness::http::Request;
use crate::harness::origin::Origin;
use crate::harness::*;

/// A Worker that tells the events of a stream, or of a URL.
const WORKER: &str = "
const types = ['open', 'message', 'error', 'test', 'a b', 'message '];
const watch = (source, until) => new Promise((resolve) => {
    const seen = [];
    for (const type of types) {
        source.addEventListener(type, (event) => {
            seen.push(type === 'error' ? ['error', source.readyState, event.message]
                : type === 'open' ? ['open', source.readyState]
                : [event.type, event.data, event.lastEventId, event.origin]);
            if (seen.length >= until || source.readyState === EventSource.CLOSED) { source.close(); resolve(seen); }
        });
    }
});
const streamOf = (chunks) => new ReadableStream({ start(c) {
    for (const chunk of chunks) c.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : new Uint8Array(chunk));
    c.close();
} });
const operations = {
    parse: (chunks) => watch(EventSource.from(streamOf(chunks)), Infinity),
    connect: (url, until, init) => watch(new EventSource(url, init), until),
    fetcher: async () => {
        let asked;
        const fetcher = { fetch: async (url, init) => {
            asked = [url, Object.fromEntries(new Headers(init.headers))];
            return new Response('data: of the fetcher\\n\\n', { headers: { 'content-type': 'text/event-stream;charset=utf-8' } });
        } };
        const seen = await watch(new EventSource('http://any.example/x', { fetcher }), 2);
        return [asked, seen];
    },
    close: async (url) => {
        const source = new EventSource(url);
        await new Promise((resolve) => { source.onmessage = resolve; });
        source.close();
        return [source.readyState, source.url, source.withCredentials];
    },
    wrong: () => [
        () => new EventSource('nope'), () => new EventSource('/x'), () => new EventSource('http://a/', { withCredentials: true }),
        () => EventSource.from('x'), () => EventSource('http://a/'), () => new EventSource(),
    ].map((make) => { try { make(); } catch (error) { return error.name; } }),
};
export default { async fetch(request) {
    const [name, ...args] = await request.json();
    try { return Response.json(await operations[name](...args)); } catch (error) { return Response.json(`${error}`); }
} }";

fn start(outgoing: &[&str]) -> (Folder, Daemon) {
    let folder = Folder::new();
    folder.write("worker.js", WORKER);
    let args: Vec<&str> = outgoing.iter().flat_map(|host| ["--outgoing", host]).collect();
    let daemon = Daemon::dev(&folder.path().join("worker.js"), &args);
    (folder, daemon)
}

async fn ask(worker: &Daemon, operation: Value) -> Value {
    worker.send(Request::post("/", "application/json", operation.to_string())).await.expect(200).json()
}

#[tokio::test]
async fn the_format_is_that_of_the_standard() {
    let (_folder, worker) = start(&[]);
    let messages = |texts: &[&str]| -> Vec<Value> {
        texts.iter().map(|text| json!(["message", text, "", ""])).collect()
    };
    for (chunks, events) in [
        (json!(["data:1\ndata\ndata:2\n\n"]), messages(&["1\n\n2"])),
        (json!(["data:\n\ndata\ndata\n\ndata:test\n\n"]), messages(&["", "\n", "test"])),
        (json!(["data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n"]), messages(&["1", "2", "3"])),
        (json!(["data: 1\r", "\n\r", "\ndata:", " 2\n", "\n"]), messages(&["1", "2"])),
        (json!(["\u{feff}data:1\n\n\u{feff}data:2\n\ndata:3\n\n"]), messages(&["1", "3"])),
        (json!([[0xef], [0xbb, 0xbf], "data:", [0xe2, 0x98], [0x83], "\n\n"]), messages(&["☃"])),
        (
            json!([
                "data:\0\n\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n"
            ]),
            messages(&["\0", " 2\n1\n3\n\n4"]),
        ),
        (json!([":comment\rdata:1\n:\ndata:2\r\n:x\ndata:3\n\n"]), messages(&["1\n2\n3"])),
        (json!(["data:\ttest\rdata: \ndata:test\n\n"]), messages(&["\ttest\n\ntest"])),
        (json!(["data:test\n\ndata\n\ndata:last"]), messages(&["test", ""])),
        (
            json!(["event:test\ndata:x\n\ndata:x\n\n"]),
            vec![json!(["test", "x", "", ""]), json!(["message", "x", "", ""])],
        ),
        (json!(["event: \ndata:data\n\nevent: test\n\ndata:y\n\n"]), messages(&["data", "y"])),
        (
            json!(["event: message\ndata:a\n\nevent:a b\ndata:c\n\n"]),
            vec![json!(["message", "a", "", ""]), json!(["a b", "c", "", ""])],
        ),
        (
            json!(["id:1\ndata:a\n\ndata:b\n\nid\ndata:c\n\nid:2\n\ndata:d\n\nid: \0x\ndata:e\n\n"]),
            vec![
                json!(["message", "a", "1", ""]),
                json!(["message", "b", "1", ""]),
                json!(["message", "c", "", ""]),
                json!(["message", "d", "2", ""]),
                json!(["message", "e", "2", ""]),
            ],
        ),
        (json!(["retry:3000\nretry:x\ndata:x\n\n"]), messages(&["x"])),
        (json!([]), vec![]),
    ] {
        let mut wanted = events;
        wanted.push(json!(["error", 2, "The server disconnected."]));
        assert_eq!(ask(&worker, json!(["parse", chunks])).await, json!(wanted), "{chunks}");
    }
    assert_eq!(
        ask(&worker, json!(["wrong"])).await,
        json!(["SyntaxError", "SyntaxError", "NotSupportedError", "TypeError", "TypeError", "TypeError"])
    );
}

#[tokio::test]
async fn it_connects_again_with_the_last_id() {
    let origin = Origin::start();
    let (http, host) = (format!("http://localhost:{}", origin.http), format!("localhost:{}", origin.http));
    let (_folder, worker) = start(&[&host]);
    let seen = ask(&worker, json!(["connect", format!("{http}/events"), 6])).await;
    let open = json!(["open", 1]);
    let event = |number: u32, last: &str| {
        json!(["test", format!("{number} text/event-stream no-cache {last}"), format!("id-{number}-ü"), http])
    };
    let lost = json!(["error", 0, "The server disconnected."]);
    assert_eq!(seen, json!([open, event(1, "none"), lost, open, event(2, "id-1-ü"), lost]));
    assert_eq!(
        ask(&worker, json!(["close", format!("{http}/events?message")])).await,
        json!([2, format!("{http}/events?message"), false])
    );
    assert_eq!(
        ask(&worker, json!(["fetcher"])).await,
        json!([
            ["http://any.example/x", { "accept": "text/event-stream", "cache-control": "no-cache" }],
            [["open", 1], ["message", "of the fetcher", "", "http://any.example"]]
        ])
    );
}

#[tokio::test]
async fn it_gives_up_after_an_answer_that_is_no_event_stream() {
    let origin = Origin::start();
    let (http, host) = (format!("http://localhost:{}", origin.http), format!("localhost:{}", origin.http));
    let (_folder, worker) = start(&[&host, "localhost:1"]);
    for (url, reason) in [
        (format!("{http}/status?code=500"), "status code was 500"),
        (format!("{http}/status?code=204"), "status code was 204"),
        (format!("{http}/status?code=200"), "No content type"),
        (format!("{http}/gzip"), "The content type 'text/plain' is invalid."),
        ("http://localhost:1/".to_owned(), "cannot connect"),
        ("http://127.0.0.1:1/".to_owned(), "may not fetch from"),
    ] {
        let seen = ask(&worker, json!(["connect", url, 10])).await;
        assert_eq!(
            (&seen[0][0], &seen[0][1], seen.as_array().map(Vec::len)),
            (&json!("error"), &json!(2), Some(1)),
            "{url}: {seen}"
        );
        assert_says(text(&seen[0][2]), &[reason]);
    }
}
