//! Requests of `node:http` and `node:https`. The events are those of Node.js, except that `finish`
//! does not wait for a connection, and `close` of a request comes after its response has closed.

use crate::harness::origin::Origin;
use crate::harness::*;
use crate::outgoing::Project;

/// Functions of a Worker. `ask` makes a request and notes its events.
const FUNCTIONS: &str = "
    async ask(url, options = {}, steps = {}) {
        const client = await import(url.startsWith('https') ? 'node:https' : 'node:http');
        const log = [];
        return await new Promise((resolve, reject) => {
            let request;
            try { request = client.request(url, options); }
            catch (error) { resolve({ thrown: [error.code, error.message] }); return; }
            const kinds = ['abort', 'close', 'error', 'finish', 'timeout'];
            for (const kind of kinds) request.on(kind, (error) => log.push(error === undefined || kind === 'close' ? kind : [kind, error.code, error.message, error.syscall]));
            request.on('socket', (socket) => log.push(['socket', typeof socket.setNoDelay]));
            request.on('close', () => setTimeout(() => resolve({ log, ...seen }), 20));
            request.on('timeout', () => { if (steps.destroyOnTimeout) request.destroy(); });
            const seen = {};
            request.on('response', (response) => {
                const { statusCode, statusMessage, headers, httpVersion, complete } = response;
                Object.assign(seen, { statusCode, statusMessage, headers, httpVersion, complete });
                log.push('response');
                const parts = [];
                let length = 0;
                for (const kind of ['aborted', 'close', 'end', 'error']) response.on(kind, (error) => log.push(error?.code === undefined ? `response ${kind}` : [`response ${kind}`, error.code, error.message]));
                response.on('data', (part) => {
                    length += part.length;
                    if (length < 100000) parts.push(part);
                    if (steps.destroyResponse) response.destroy();
                    if (steps.destroyAfterData) request.destroy();
                });
                response.on('end', () => Object.assign(seen, { body: Buffer.concat(parts).toString(steps.encoding), length }));
            });
            for (const part of steps.write ?? []) request.write(part);
            if (steps.abort) request.abort();
            else if (steps.destroy) request.destroy(new Error(steps.destroy));
            request.end(steps.end);
        });
    },
    async upload(url, count) {
        const { request } = await import('node:http');
        return await new Promise((resolve, reject) => {
            const piece = Buffer.alloc(100000, 'y');
            let sent = 0, drains = 0;
            const asked = request(url, { method: 'PUT', headers: { 'content-length': count * piece.length } }, async (response) => {
                let text = '';
                for await (const part of response) text += part;
                const { body, headers } = JSON.parse(text);
                resolve({ length: body.length, declared: headers['content-length'], chunked: headers['transfer-encoding'] ?? null, waited: drains > 0 });
            });
            asked.on('error', reject);
            const more = () => {
                while (sent < count) { sent++; if (!asked.write(piece)) { drains++; asked.once('drain', more); return; } }
                asked.end();
            };
            more();
        });
    },
    async facts() {
        const http = await import('node:http'), https = (await import('node:https')).default;
        const request = http.get({ hostname: '::1', port: 1, path: '/x?y', auth: 'a:b', headers: { 'X-A': ['1', '2'] } });
        request.on('error', () => {});
        const { host, port, path, method, protocol } = request;
        return [
            host, port, path, method, protocol, request.getHeader('host'), request.getHeader('authorization'), request.getHeader('x-a'),
            request instanceof http.OutgoingMessage, request instanceof http.ClientRequest,
            http.globalAgent.defaultPort, https.globalAgent.defaultPort, https.globalAgent.protocol, https.globalAgent instanceof http.Agent,
            http.globalAgent.getName({ host: 'a', port: 1, family: 4 }), https.request.length === http.request.length,
        ];
    },
    async pipeline(url) {
        const { get, request } = await import('node:http');
        const { pipeline } = await import('node:stream/promises');
        const source = await new Promise((resolve, reject) => get(url.replace('/echo', '/huge'), resolve).on('error', reject));
        let left = 300000;
        const { Transform } = await import('node:stream');
        const target = request(url, { method: 'POST' });
        const answered = new Promise((resolve, reject) => target.on('response', resolve).on('error', reject));
        source.on('data', (part) => {
            if (left <= 0) return;
            const taken = part.subarray(0, left);
            left -= taken.length;
            target.write(taken);
            if (left === 0) { target.end(); source.destroy(); }
        });
        source.on('error', () => {});
        let text = '';
        for await (const part of await answered) text += part;
        return JSON.parse(text).body.length;
    },
";

fn started(origin: &Origin) -> Project {
    Project::start(
        origin,
        &["http://localhost:HTTP", "https://localhost:HTTPS", "http://localhost:1"],
        FUNCTIONS,
    )
}

#[tokio::test]
async fn requests_arrive_and_responses_come_as_in_node() {
    let origin = Origin::start();
    let project = started(&origin);
    for base in [&project.http, &project.https] {
        let options = json!({ "method": "POST", "headers": { "X-One": "1", "content-type": "text/plain" } });
        let answer =
            project.call("ask", json!([format!("{base}/echo?q"), options, { "end": "h\u{e9}" }])).await;
        assert_eq!(
            answer["log"],
            json!([["socket", "function"], "finish", "response", "response end", "response close", "close"]),
            "{answer}"
        );
        assert_eq!((&answer["statusCode"], &answer["statusMessage"]), (&json!(200), &json!("OK")));
        let echoed: Value = serde_json::from_str(text(&answer["body"])).expect("JSON");
        assert_eq!((&echoed["method"], &echoed["path"]), (&json!("POST"), &json!("/echo?q")));
        assert_eq!(echoed["body"], "h\u{e9}");
        let headers = &echoed["headers"];
        assert_eq!((&headers["x-one"], &headers["content-length"]), (&json!("1"), &json!("3")));
        assert_eq!(headers["accept-encoding"], "identity");
    }
    let got = project.call("ask", json!([format!("{}/cookies", project.http)])).await;
    assert_eq!(got["headers"]["set-cookie"], json!(["a=1", "b=2"]));
    let got = project.call("ask", json!([format!("{}/redirect?to=/echo", project.http)])).await;
    assert_eq!((&got["statusCode"], &got["headers"]["location"]), (&json!(302), &json!("/echo")));
    let raw = project.call("ask", json!([format!("{}/gzip", project.http), {}, { "encoding": "hex" }])).await;
    assert!(text(&raw["body"]).starts_with("1f8b"), "no body is decoded: {raw}");
    let head = project.call("ask", json!([format!("{}/echo", project.http), { "method": "HEAD" }])).await;
    assert_eq!((&head["statusCode"], &head["body"]), (&json!(200), &json!("")));
}

#[tokio::test]
async fn what_is_written_is_sent_as_it_comes() {
    let origin = Origin::start();
    let project = started(&origin);
    let url = format!("{}/echo", project.http);
    let answer =
        project.call("ask", json!([url, { "method": "POST" }, { "write": ["a", "b"], "end": "c" }])).await;
    let echoed: Value = serde_json::from_str(text(&answer["body"])).expect("JSON");
    assert_eq!(
        (&echoed["body"], &echoed["headers"]["transfer-encoding"]),
        (&json!("abc"), &json!("chunked"))
    );
    let answer = project.call("upload", json!([url, 30])).await;
    assert_eq!(
        answer,
        json!({ "length": 3_000_000, "declared": "3000000", "chunked": null, "waited": true })
    );
    assert_eq!(project.call("pipeline", json!([url])).await, 300_000);
}

#[tokio::test]
async fn failures_are_errors_with_the_codes_of_node() {
    let origin = Origin::start();
    let project = started(&origin);
    let ask = async |url: &str, options: Value, steps: Value| {
        project.call("ask", json!([url, options, steps])).await
    };
    let refused = ask("http://localhost:1/", json!({}), json!({})).await;
    let error = json!(["error", "ECONNREFUSED", "connect ECONNREFUSED localhost:1", "connect"]);
    assert_eq!(refused["log"], json!([["socket", "function"], "finish", error, "close"]));
    let denied = ask("http://localhost:2/", json!({}), json!({})).await;
    let error = &denied["log"][2];
    assert_eq!((&error[0], &error[1]), (&json!("error"), &json!("EACCES")), "{denied}");
    assert_says(text(&error[2]), &["--outgoing 'localhost:2'"]);

    let url = format!("{}/slow?ms=5000", project.http);
    let hang_up = json!(["error", "ECONNRESET", "socket hang up", null]);
    let late = ask(&url, json!({ "timeout": 100 }), json!({ "destroyOnTimeout": true })).await;
    assert_eq!(late["log"], json!([["socket", "function"], "finish", "timeout", hang_up, "close"]));
    let aborted = ask(&url, json!({}), json!({ "abort": true })).await;
    assert_eq!(aborted["log"], json!(["abort", "close"]));
    let destroyed = ask(&url, json!({}), json!({ "destroy": "enough" })).await;
    assert_eq!(destroyed["log"], json!([["error", null, "enough", null], "close"]));

    let huge = format!("{}/huge", project.http);
    let cut = ask(&huge, json!({}), json!({ "destroyAfterData": true })).await;
    assert_eq!(
        cut["log"].as_array().expect("a list")[2..],
        [
            json!("response"),
            json!("response aborted"),
            json!(["response error", "ECONNRESET", "aborted"]),
            json!("response close"),
            json!("close")
        ],
        "{cut}"
    );
    let dropped = ask(&huge, json!({}), json!({ "destroyResponse": true })).await;
    assert_eq!(
        dropped["log"].as_array().expect("a list")[2..],
        [json!("response"), json!("response aborted"), json!("response close"), json!("close")],
        "{dropped}"
    );
}

#[tokio::test]
async fn options_that_are_wrong_or_without_effect_throw() {
    let origin = Origin::start();
    let project = started(&origin);
    for (options, code) in [
        (json!({ "path": "/a b" }), "ERR_UNESCAPED_CHARACTERS"),
        (json!({ "protocol": "https:" }), "ERR_INVALID_PROTOCOL"),
        (json!({ "method": "A B" }), "ERR_INVALID_HTTP_TOKEN"),
        (json!({ "method": 1 }), "ERR_INVALID_ARG_TYPE"),
        (json!({ "hostname": 1 }), "ERR_INVALID_ARG_TYPE"),
        (json!({ "agent": {} }), "ERR_INVALID_ARG_TYPE"),
        (json!({ "timeout": "1" }), "ERR_INVALID_ARG_TYPE"),
        (json!({ "headers": { "a b": "1" } }), "ERR_INVALID_HTTP_TOKEN"),
        (json!({ "headers": { "a": "\n" } }), "ERR_INVALID_CHAR"),
        (json!({ "headers": ["a"] }), "ERR_INVALID_ARG_VALUE"),
        (json!({ "socketPath": "/x" }), "ERR_OPTION_NOT_IMPLEMENTED"),
        (json!({ "maxHeaderSize": 1 }), "ERR_OPTION_NOT_IMPLEMENTED"),
    ] {
        let answer = project.call("ask", json!([project.http, options])).await;
        assert_eq!(answer["thrown"][0], code, "{options}: {answer}");
    }
    assert_eq!(
        project.call("facts", json!([])).await,
        json!([
            "::1",
            "1",
            "/x?y",
            "GET",
            "http:",
            "[::1]:1",
            "Basic YTpi",
            ["1", "2"],
            true,
            true,
            80,
            443,
            "https:",
            true,
            "a:1::4",
            true
        ])
    );
}
