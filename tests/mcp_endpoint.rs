//! `/mcp`, from hand-made clients: sessions, content types, callers, bounds, batches.

use std::time::{Duration, Instant};

use crate::harness::fake_server::FakeServer;
use crate::harness::http::Request;
use crate::harness::mcp::{MODERN, Session, last_message, messages, modern, post, text};
use crate::harness::*;
use rustix::process::Signal;

#[tokio::test]
async fn sessions_over_http() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let session = Session::open(&server).await;
    let listed = session.request("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"].as_array().map(Vec::len), Some(3), "{listed:#}");
    let params =
        json!({ "name": "run", "arguments": { "code": "return (await env.demo.add({ a: 1, b: 2 })).sum" } });
    let done = session.request("tools/call", params).await;
    assert_eq!(done["result"]["structuredContent"]["result"], 3, "{done:#}");
    // The same statistics as in any other run.
    server.metric_becomes("isolet_runs_total{outcome=\"ok\"}", 1.0).await;

    let gone = session.within(Request::new(::http::Method::DELETE, "/mcp"));
    // The official Python SDK warns of 202.
    server.send(gone).await.expect(204);
    let gone = session.within(Request::new(::http::Method::DELETE, "/mcp"));
    server.send(gone).await.problem(404);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    server.send(session.within(post(&ping))).await.expect(404);
    server.send(post(&ping)).await.expect(400);
    // A client that gets 404 opens another session, some with the old id still in the header.
    let hello =
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": mcp::initialize(mcp::LEGACY) });
    let opened = server.send(post(&hello).header("mcp-session-id", &session.id)).await.expect(200);
    assert!(![session.id.as_str(), ""].contains(&opened.header("mcp-session-id")), "{opened:?}");
}

#[tokio::test]
async fn answers_have_an_accepted_content_type() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let hello =
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": mcp::initialize(mcp::LEGACY) });
    let body = hello.to_string();
    let post = |body: &str, accept: Option<&str>| {
        let request = Request::post("/mcp", "application/json", body.to_owned());
        match accept {
            Some(accept) => request.header("accept", accept),
            None => request,
        }
    };
    for (accept, kinds) in [
        (None, &["application/json", "text/event-stream"][..]),
        (Some("*/*"), &["application/json", "text/event-stream"]),
        (Some("application/json"), &["application/json"]),
        (Some("text/event-stream"), &["text/event-stream"]),
    ] {
        let answer = server.send(post(&body, accept)).await.expect(200);
        let kind = answer.header("content-type").to_owned();
        assert!(kinds.iter().any(|wanted| kind.starts_with(wanted)), "{accept:?}: {kind}");
        assert_eq!(last_message(&answer)["result"]["serverInfo"]["name"], "isolet");
        let id = answer.header("mcp-session-id").to_owned();
        let params = json!({ "name": "run", "arguments": { "code": "return 1 + 1" }, "_meta": { "progressToken": 1 } });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let answer =
            server.send(post(&call.to_string(), accept).header("mcp-session-id", &id)).await.expect(200);
        let kind = answer.header("content-type").to_owned();
        assert!(kinds.iter().any(|wanted| kind.starts_with(wanted)), "{accept:?}: {kind}");
        assert_eq!(text(&last_message(&answer)["result"]), "2");
    }
    assert_eq!(server.send(post(&body, Some("text/html"))).await.status, 406);

    // An invalid message is answered with a JSON-RPC error.
    for (body, code) in [("{bad", -32700), (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600)] {
        let answer = server.send(post(body, None)).await.expect(400);
        assert_eq!(
            (&answer.json()["id"], &answer.json()["error"]["code"]),
            (&json!(null), &json!(code)),
            "{body}"
        );
    }
    // Half of a surrogate pair does not invalidate the message.
    let half = body.replace("\"test\"", "\"te\\ud83dst\"");
    assert!(half != body);
    server.send(post(&half, None)).await.expect(200);
}

#[tokio::test]
async fn requests_without_a_session_over_http() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let answer = server.send(modern("server/discover", json!({}))).await.expect(200);
    assert_eq!(
        last_message(&answer)["result"]["supportedVersions"]
            .as_array()
            .map(|all| all.contains(&json!(MODERN))),
        Some(true)
    );
    assert_eq!(answer.header("mcp-session-id"), "");
    let params = json!({ "name": "run", "arguments": { "code": "return 1 + 1" } });
    let answer = server.send(modern("tools/call", params)).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(last_message(&answer)["result"]["structuredContent"]["result"], 2);

    // Progress is sent on the answer's own stream.
    let mut params = json!({ "name": "run", "arguments": { "code": "await env.demo.wait({ ms: 10 })" } });
    params["_meta"] = mcp::modern_meta();
    params["_meta"]["progressToken"] = json!(7);
    let request = post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "run");
    let told = messages(&server.send(request).await.expect(200));
    assert_eq!((told.len(), &told[0]["params"]["progressToken"]), (2, &json!(7)), "{told:#?}");
}

#[tokio::test]
async fn callers_are_checked_as_for_the_http_api() {
    let folder = Folder::with_servers(demo());
    let server = Daemon::serve_in(folder, &["--token", "secret"]);
    let hello = || modern("server/discover", json!({}));
    server.send(hello()).await.problem(401);
    server.send(hello().header("authorization", "Bearer wrong")).await.problem(401);
    let with_token = || hello().header("authorization", "Bearer secret");
    server.send(with_token()).await.expect(200);
    server.send(hello().header("host", "evil.example")).await.problem(403);
    // A proxy in front has names of its own.
    server.send(with_token().header("host", "proxy.example")).await.expect(200);
    for origin in ["https://evil.example", "null", "http://localhost:6274"] {
        server.send(with_token().header("origin", origin)).await.problem(403);
    }
    let own = format!("http://{}", server.address());
    server.send(with_token().header("origin", &own)).await.expect(200);
    server.send(with_token().header("sec-fetch-site", "same-site")).await.problem(403);
    let put = Request::new(::http::Method::PUT, "/mcp").header("authorization", "Bearer secret");
    server.send(put).await.problem(405);
}

#[tokio::test]
async fn bodies_and_the_queue_are_bounded() {
    let folder = Folder::with_servers(demo());
    let server = Daemon::serve_in(folder, &["--max-running", "1", "--queue", "0"]).await_ready().await;
    let large =
        modern("tools/call", json!({ "name": "run", "arguments": { "code": "x".repeat(12 * 1024 * 1024) } }));
    server.send(large).await.problem(413);
    let code =
        modern("tools/call", json!({ "name": "run", "arguments": { "code": "x".repeat(2 * 1024 * 1024) } }));
    let refused = last_message(&server.send(code).await.expect(200));
    assert_says(text(&refused["result"]), &["hint: Pass data as `input`", "the limit is 1,048,576"]);

    let mut busy = server.connect().await;
    let slow = modern(
        "tools/call",
        json!({ "name": "run", "arguments": { "code": "await env.demo.wait({ ms: 20000 })" } }),
    );
    let mut slow = Box::pin(busy.send(slow));
    tokio::select! {
        _ = &mut slow => panic!("it waits for 20 s"),
        () = server.metric_becomes("isolet_runs_in_flight", 1.0) => {}
    }
    let second = modern("tools/call", json!({ "name": "run", "arguments": { "code": "return 1" } }));
    let refused = last_message(&server.send(second).await.expect(200));
    assert_eq!(refused["result"]["isError"], true);
    assert_says(text(&refused["result"]), &["hint: Try again in a few seconds.", "1 runs are in progress"]);

    // Hanging up cancels at once without a session.
    drop(slow);
    drop(busy);
    server.metric_becomes("isolet_runs_in_flight", 0.0).await;
}

#[tokio::test]
async fn a_client_that_does_not_return_to_its_session_cancels_its_run() {
    let odd = FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) })).await_ready().await;
    let session = Session::open(&server).await;
    let hang = |id: u64| {
        let params = json!({ "name": "run", "arguments": { "code": "await env.odd.hang()" } });
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        session.within(post(&message))
    };
    let mut connection = server.connect().await;
    connection.begin(hang(5)).await;
    odd.sees("tools/call").await;
    drop(connection);
    odd.sees("notifications/cancelled").await;
    server.metric_becomes("isolet_runs_in_flight", 0.0).await;
    assert_eq!(
        session.request("tools/list", json!({})).await["result"]["tools"].as_array().map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn an_orderly_stop_does_not_wait_for_open_streams() {
    let mut server = Daemon::serve_with(demo()).await_ready().await;
    let session = Session::open(&server).await;
    let mut connection = server.connect().await;
    let stream = session.within(Request::get("/mcp")).header("accept", "text/event-stream");
    let (head, _body) = connection.begin(stream).await.into_parts();
    assert_eq!(head.status, 200);
    let started = Instant::now();
    assert!(server.end(Signal::TERM).success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_batch_is_answered_in_one_stream_in_the_revision_with_batches() {
    let server = Daemon::serve_with(demo()).await_ready().await;
    let hello = mcp::initialize("2025-03-26");
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello });
    let id = server.send(post(&hello)).await.expect(200).header("mcp-session-id").to_owned();
    let within = |message: &Value| post(message).header("mcp-session-id", &id);
    let ready = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }]);
    server.send(within(&ready)).await.expect(202);

    let run = |id: u64, code: &str| {
        let params =
            json!({ "name": "run", "arguments": { "code": code }, "_meta": { "progressToken": id } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let code =
        "for (let i = 0; i < 3; i++) { console.log(i); await env.demo.wait({ ms: 60 }); } return 'slow'";
    let batch = json!([
        run(1, code),
        { "jsonrpc": "2.0", "method": "notifications/roots/list_changed" },
        run(2, "return 'fast'"),
        { "jsonrpc": "2.0", "id": "three", "method": "no/such" },
    ]);
    let answer = server.send(within(&batch)).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let all = messages(&answer);
    let of = |id: Value| {
        all.iter().find(|message| message["id"] == id).unwrap_or_else(|| panic!("{id} is not in {all:#?}"))
    };
    assert_eq!(of(json!(1))["result"]["content"][0]["text"].as_str().map(|text| &text[..4]), Some("slow"));
    assert_eq!(text(&of(json!(2))["result"]), "fast");
    assert_eq!(of(json!("three"))["error"]["code"], -32601);
    let told = |message: &&Value| message["method"] == "notifications/progress";
    assert!(all.iter().filter(told).count() >= 3, "{all:#?}");

    // Refused: an unknown session, `initialize` in a batch, and a later revision.
    let gone = post(&batch).header("mcp-session-id", "gone");
    assert!((400..500).contains(&server.send(gone).await.status));
    assert_eq!(server.send(within(&json!([hello]))).await.status, 400);
    assert_eq!(server.send(within(&json!([]))).await.status, 400);
    let session = Session::open(&server).await;
    assert!((400..500).contains(&server.send(session.within(post(&batch))).await.status));
    server.assert_works().await;
}
