//! The HTTP API of `isolet serve`: answers, refusals, and the behaviour of clients.
//! `http_callers.rs` has the callers that it admits.

use std::collections::BTreeSet;

use crate::harness::http::{Connection, Request, raw};
use crate::harness::*;
use hyper::Method;

#[tokio::test]
async fn a_run_takes_all_forms_of_bodies() {
    let server = Daemon::serve().await_ready().await;
    let json =
        server.run_with(json!({ "code": "return [input.a, input.b]", "input": { "a": 1, "b": null } }));
    assert_eq!(*result(&json.await), json!([1, null]));

    let typed = "const a: number = 1; return a as unknown";
    for (content_type, code) in [
        ("text/typescript", typed),
        ("text/typescript; charset=utf-8", typed),
        ("application/typescript", typed),
        ("application/javascript", "const a = 1; return a"),
        ("text/javascript", "async () => 1"),
    ] {
        let report = server.send(Request::post("/v1/run", content_type, code)).await.expect(200).json();
        assert_eq!(*result(&report), 1, "{content_type}");
    }
    // A text with another meaning in TypeScript is JavaScript if the caller declares it so.
    let code = "const f = 3, a = 2, b = 1; return [f < a, b > (7)].length";
    let report =
        server.send(Request::post("/v1/run", "application/javascript", code)).await.expect(200).json();
    assert_eq!(*result(&report), 2);
}

#[tokio::test]
async fn a_report_has_its_documented_fields() {
    let server = Daemon::serve();
    let report = server
        .run("console.info('hello', 1); const { sum } = await env.demo.add({ a: 2, b: 3 }); return sum")
        .await;
    assert_eq!(*result(&report), 5);
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ok", "result", "warnings", "logs", "calls", "stats", "id"]);
    assert_eq!(report["logs"][0]["level"], "info");
    assert_eq!(report["logs"][0]["text"], "hello 1");
    let call = &report["calls"][0];
    assert_eq!((&call["server"], &call["tool"], &call["ok"]), (&json!("demo"), &json!("add"), &json!(true)));
    for field in ["wall_ms", "cpu_ms", "heap_bytes", "queued_ms"] {
        assert!(report["stats"][field].as_f64().is_some_and(|figure| figure >= 0.0), "{report:#}");
    }

    let report = server.run("const a = 1;\nthrow new RangeError('too far')").await;
    let error = error(&report, "exception");
    let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "name", "message", "line", "column", "frame", "hint", "stack", "tool"]);
    assert_eq!((&error["name"], &error["message"]), (&json!("RangeError"), &json!("too far")));
    assert_eq!((&error["line"], &error["column"]), (&json!(2), &json!(7)));
}

#[tokio::test]
async fn the_choice_of_tools_is_enforced() {
    let server = Daemon::serve().await_ready().await;
    let with = |tools: Value, code: &str| server.run_with(json!({ "code": code, "tools": tools }));

    let add = "return await env.demo.add({ a: 1, b: 2 })";
    for allowed in [json!(["demo"]), json!(["demo/add"]), json!(["crm", "demo/a*"]), json!(["*/add"])] {
        assert_eq!(*result(&with(allowed.clone(), add).await), json!({ "sum": 3 }), "{allowed}");
    }
    for denied in [json!(["demo/echo"]), json!(["demo/get_*"]), json!(["crm"]), json!([])] {
        // Every way to call the tool is refused.
        for code in [
            add,
            "return await env.demo.$raw('add', { a: 1, b: 2 })",
            "return await env['demo']['add']({ a: 1, b: 2 })",
            "import { env as e } from 'cloudflare:workers'; export default await e.demo.add({ a: 1, b: 2 })",
        ] {
            let report = with(denied.clone(), code).await;
            assert_eq!(report["ok"], false, "{denied} {code}: {report:#}");
            let calls = report["calls"].as_array().unwrap();
            assert!(calls.iter().all(|call| call["ok"] == false), "{denied} {code}: {report:#}");
        }
    }
    let names = with(json!(["demo/list_*"]), "return await env.demo.$tools()").await;
    assert_eq!(*result(&names), json!(["list_documents", "list_records"]));
    // Access to some tools of a server does not include its resources.
    let resources = with(json!(["demo/add"]), "return await env.demo.$resources()").await;
    assert_eq!(resources["ok"], false, "{resources:#}");

    let problem = server.send(Request::run(&json!({ "code": "1", "tools": ["demo/["] }))).await.problem(400);
    assert_says(text(&problem["detail"]), &["tools", "demo/["]);
}

#[tokio::test]
async fn the_caller_may_lower_the_timeout_but_not_raise_it() {
    let server = Daemon::serve();
    let waiting = "await env.demo.wait({ ms: 50000 })";
    let report = server.run_with(json!({ "code": waiting, "timeout_ms": 300 })).await;
    assert_says(text(&error(&report, "wall_limit")["message"]), &["300ms"]);
    assert!(
        report["stats"]["wall_ms"].as_f64().is_some_and(|ms| (300.0..20_000.0).contains(&ms)),
        "{report:#}"
    );
    for wrong in [json!(0), json!(-1), json!("1s"), json!(1.5)] {
        server.send(Request::run(&json!({ "code": "1", "timeout_ms": wrong }))).await.problem(400);
    }
    let report = server.run_with(json!({ "code": "return 1", "timeout_ms": u64::MAX })).await;
    assert_eq!(*result(&report), 1);
}

#[tokio::test]
async fn events_are_sent_as_they_happen_and_the_result_last() {
    let server = Daemon::serve().await_ready().await;
    let code = "console.log('first'); await env.demo.add({ a: 1, b: 2 }); console.warn('second');
        await env.demo.wait({ ms: 60000 });";
    let mut connection = server.connect().await;
    let mut events = connection.events(&json!({ "code": code })).await;
    // These four are read while the run still goes on.
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(events.next().await.expect("the stream goes on"));
    }
    let names: Vec<&str> = seen.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["log", "call_start", "call", "log"]);
    assert_eq!((&seen[0].data["text"], &seen[0].data["level"]), (&json!("first"), &json!("log")));
    assert_eq!(seen[1].data, json!({ "call": 1, "server": "demo", "tool": "add" }));
    assert_eq!((&seen[2].data["call"], &seen[2].data["tool"]), (&json!(1), &json!("add")));
    assert_eq!(seen[2].data["ok"], true);
    assert_eq!(seen[3].data["level"], "warn");
    // The call in flight has a `call_start` event.
    let waiting = events.next().await.expect("the stream goes on");
    assert_eq!((waiting.name.as_str(), &waiting.data["call"]), ("call_start", &json!(2)));
    drop(connection);
    drop(events);

    let mut connection = server.connect().await;
    let mut events = connection.events(&json!({ "code": "console.log('a'); return 'done'" })).await;
    let rest = events.rest().await;
    let names: Vec<&str> = rest.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["log", "result"]);
    assert_eq!(*result(&rest[1].data), "done");
    assert_eq!(rest[1].data["logs"], json!([rest[0].data]), "the last event is the whole report");
    assert_eq!(rest[1].data["id"], *events.id);

    let mut events = connection.events(&json!({ "code": "throw new Error('no')" })).await;
    let rest = events.rest().await;
    assert_eq!(rest.len(), 1);
    error(&rest[0].data, "exception");
}

#[tokio::test]
async fn declarations_are_served_whole_and_in_part() {
    let server = Daemon::serve();
    let all = server.get("/v1/types").await.expect(200);
    assert_says(all.header("content-type"), &["text/plain"]);
    assert_says(
        &all.text(),
        &["interface Env", "interface Demo", "declare namespace Demo", "crm:", "Adds two numbers."],
    );

    let names = server.get("/v1/types?detail=names").await.expect(200).text();
    let brief = server.get("/v1/types?detail=brief").await.expect(200).text();
    assert!(names.len() < brief.len() && brief.len() < all.text().len());
    assert_eq!(server.get("/v1/types?detail=full").await.expect(200).text(), all.text());

    let crm = server.get("/v1/types/crm").await.expect(200).text();
    assert_says(&crm, &["update_record"]);
    assert!(!crm.contains("plan_trip"), "{crm}");
    assert_eq!(server.get("/v1/types?server=crm").await.expect(200).text(), crm);
    assert_eq!(server.get("/v1/types?server=crm,demo").await.expect(200).text(), {
        server.get("/v1/types?server=demo,crm").await.expect(200).text()
    });
    let tool = server.get("/v1/types/demo/plan_trip?detail=brief").await.expect(200).text();
    assert_says(&tool, &["plan_trip(", "travellers"]);
    assert!(!tool.contains("update_record"), "{tool}");
}

#[tokio::test]
async fn a_matching_etag_is_answered_with_304() {
    let server = Daemon::serve();
    let first = server.get("/v1/types").await.expect(200);
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 8, "a strong validator: {etag}");
    let again = |tag: &str| Request::get("/v1/types").header("if-none-match", tag);
    for tag in [&etag, "*", &format!("\"other\", {etag}")] {
        let unchanged = server.send(again(tag)).await.expect(304);
        assert_eq!((unchanged.body.len(), unchanged.header("etag")), (0, etag.as_str()));
    }
    server.send(again("\"other\"")).await.expect(200);
    let brief = server.get("/v1/types?detail=brief").await.expect(200);
    assert_ne!(brief.header("etag"), etag, "other text, other validator");
}

#[tokio::test]
async fn declarations_that_do_not_exist_are_404_with_the_nearest_names() {
    let server = Daemon::serve();
    for (path, near) in [
        ("/v1/types/dmo", "demo"),
        ("/v1/types?server=crn", "crm"),
        ("/v1/types/demo/get_documents", "get_document"),
        ("/v1/types/crm/plan_trip", "plan_trip"),
    ] {
        let problem = server.get(path).await.problem(404);
        assert_says(text(&problem["detail"]), &[near]);
    }
    server.get("/v1/types/demo/add/more").await.problem(404);
    server.get("/v1/types?detail=all").await.problem(400);
    server.get("/v1/types?details=names").await.problem(400);
    server.get("/v1/types/%ff").await.problem(400);
}

#[tokio::test]
async fn tools_are_found_by_what_they_do() {
    let server = Daemon::serve();
    let found = server.get("/v1/search?q=plan+a+journey&limit=2").await.expect(200).json();
    let hits = found["hits"].as_array().unwrap_or_else(|| panic!("{found:#}"));
    assert!((1..=2).contains(&hits.len()), "{found:#}");
    let best = &hits[0];
    assert_eq!((&best["server"], &best["tool"]), (&json!("demo"), &json!("plan_trip")), "{found:#}");
    assert_says(text(&best["signature"]), &["plan_trip(", "Promise<"]);
    assert!(!text(&best["signature"]).contains('\n') && best["score"].is_number(), "{found:#}");
    assert_says(text(&best["description"]), &["journey"]);
    assert_eq!(server.get("/v1/search?q=zzzzzz").await.expect(200).json()["hits"], json!([]));
    for wrong in ["", "?q=", "?q=%20", "?q=a&limit=0", "?q=a&limit=many", "?q=a&limits=3"] {
        server.get(&format!("/v1/search{wrong}")).await.problem(400);
    }
}

#[tokio::test]
async fn servers_health_and_readiness() {
    let server = Daemon::serve();
    let answer = server.get("/healthz").await.expect(200);
    assert_says(&answer.text(), &["ok"]);
    server.ready().await;
    let demo = server.server_in("demo", "ready").await;
    assert_eq!(
        (&demo["transport"], &demo["tools"], &demo["restarts"]),
        (&json!("stdio"), &json!(11), &json!(0))
    );
    assert_says(text(&demo["protocol_version"]), &["20", "-"]);
    assert!(demo.get("last_error").is_none(), "{demo:#}");
    assert_eq!(server.server_in("crm", "ready").await["tools"], 4);
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_count() {
    let server = Daemon::serve().await_ready().await;
    server.run("return (await env.demo.add({ a: 1, b: 1 })).sum").await;
    server.run("throw 1").await;
    let refused = server.metric("isolet_requests_refused_total").await;
    server.get("/nowhere").await.problem(404);
    assert_eq!(server.metric("isolet_requests_refused_total").await, refused + 1.0);
    assert_eq!(server.metric("isolet_runs_total{outcome=\"ok\"}").await, 1.0);
    assert_eq!(server.metric("isolet_runs_total{outcome=\"exception\"}").await, 1.0);
    assert_eq!(server.metric("isolet_tool_calls_total").await, 1.0);
    assert_eq!(server.metric("isolet_run_duration_seconds_count").await, 2.0);
    assert_eq!(server.metric("isolet_upstreams_connected").await, 2.0);

    let answer = server.get("/metrics").await.expect(200);
    assert_says(answer.header("content-type"), &["text/plain"]);
    let mut typed = std::collections::HashSet::new();
    for line in answer.text().lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} is declared twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} is not a sample"));
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = name.split('{').next().unwrap();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            assert!(
                typed.contains(name) || base.is_some_and(|base| typed.contains(base)),
                "{line} has no type"
            );
        }
    }
}

#[tokio::test]
async fn the_metrics_are_those_that_the_documentation_lists() {
    let folder = Folder::new();
    folder.write("worker.js", "export default { fetch: () => new Response('') }");
    folder.write("wrangler.json", "{ \"name\": \"one\", \"main\": \"worker.js\" }");
    let args = ["--worker", ".", "--worker-listen", "127.0.0.1:0"];
    let server = Daemon::serve_in(folder, &args).await_ready().await;
    let text = server.get("/metrics").await.expect(200).text();
    let served: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rows = include_str!("../docs/http.md").lines().filter(|line| line.starts_with("| `isolet_"));
    let names = rows.flat_map(|row| row.split('`').filter(|word| word.starts_with("isolet_")));
    let documented: BTreeSet<&str> = names.filter_map(|name| name.split('{').next()).collect();
    assert_eq!(served, documented);
}

#[tokio::test]
async fn hanging_up_cancels_the_run() {
    let server = Daemon::serve().await_ready().await;
    let cancelled = "isolet_runs_total{outcome=\"cancelled\"}";
    // Waiting for a tool and a busy loop both end with their client.
    for (code, so_far) in [("await env.demo.wait({ ms: 50000 })", 1.0), ("for (;;) {}", 2.0)] {
        let mut connection = server.connect().await;
        let mut answer = Box::pin(connection.begin(Request::run(&json!({ "code": code }))));
        tokio::select! {
            _ = &mut answer => panic!("{code} cannot end"),
            () = server.metric_becomes("isolet_runs_in_flight", 1.0) => {}
        }
        drop(answer);
        drop(connection);
        server.metric_becomes(cancelled, so_far).await;
        server.metric_becomes("isolet_runs_in_flight", 0.0).await;
    }
    let mut connection = server.connect().await;
    let mut events =
        connection.events(&json!({ "code": "console.log(1); await env.demo.wait({ ms: 50000 })" })).await;
    assert_eq!(events.next().await.expect("a line").name, "log");
    drop(events);
    drop(connection);
    server.metric_becomes(cancelled, 3.0).await;
    server.assert_works().await;
}

/// hyper does not read while it answers, so it does not see the end of the connection behind a
/// waiting request.
#[tokio::test]
async fn hanging_up_behind_a_second_request_cancels_the_run() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let server = Daemon::serve().await_ready().await;
    let body = r#"{"code":"console.log(1); await env.demo.wait({ ms: 50000 })"}"#;
    let length = body.len();
    for (accept, so_far) in [("application/json", 1.0), ("text/event-stream", 2.0)] {
        let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let requests = format!(
            "POST /v1/run HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n",
            server.address(),
            server.address()
        );
        socket.write_all(requests.as_bytes()).await.unwrap();
        server.metric_becomes("isolet_runs_in_flight", 1.0).await;
        if accept == "text/event-stream" {
            // The head and the line have arrived; the next event of the stream is far away.
            let mut begun = Vec::new();
            while !String::from_utf8_lossy(&begun).contains("event: log") {
                assert_ne!(socket.read_buf(&mut begun).await.unwrap(), 0);
            }
        }
        drop(socket);
        // The run ends before the comment that would be written after 15 seconds.
        let cancelled = server.metric_becomes("isolet_runs_total{outcome=\"cancelled\"}", so_far);
        tokio::time::timeout(std::time::Duration::from_secs(10), cancelled).await.expect("long before");
        server.metric_becomes("isolet_runs_in_flight", 0.0).await;
    }
}

/// A body without an announced length.
#[tokio::test]
async fn a_body_may_come_in_chunks() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let server = Daemon::serve().await_ready().await;
    let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /v1/run HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n",
        server.address()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    for part in [r#"{"code":"retu"#, r#"rn input * 2","inp"#, r#"ut":21}"#] {
        socket.write_all(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""result":42"#), "{answer}");
}

#[tokio::test]
async fn hanging_up_cancels_the_call_upstream() {
    let odd = fake_server::FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    let mut connection = server.connect().await;
    let request = Request::run(&json!({ "code": "await env.odd.hang({})" }));
    let mut answer = Box::pin(connection.begin(request));
    let call = tokio::select! {
        _ = &mut answer => panic!("it cannot end"),
        call = odd.sees("tools/call") => call,
    };
    drop(answer);
    drop(connection);
    let notice = odd.sees("notifications/cancelled").await;
    assert_eq!(notice["params"]["requestId"], call["id"], "{notice:#}");
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = Daemon::serve().await_ready().await;
    let mut connection = server.connect().await;
    for number in 0..20 {
        let report =
            connection.send(Request::run(&json!({ "code": "return input + 1", "input": number }))).await;
        assert_eq!(*result(&report.expect(200).json()), number + 1);
        if number % 5 == 0 {
            connection.send(Request::get("/nowhere")).await.problem(404);
            connection.send(Request::post("/v1/run", "application/json", "{")).await.problem(400);
        }
    }
}

#[tokio::test]
async fn fifty_runs_at_once_keep_their_results_apart() {
    let server = Daemon::serve().await_ready().await;
    let code = "const { sum } = await env.demo.add({ a: input, b: 1000 });
        await env.demo.wait({ ms: input % 7 });
        globalThis.mine ??= input; console.log('run', input);
        return [mine, sum]";
    let runs = (0..50).map(|number| server.run_with(json!({ "code": code, "input": number })));
    for (number, report) in futures_util::future::join_all(runs).await.into_iter().enumerate() {
        assert_eq!(*result(&report), json!([number, number + 1000]));
        assert_eq!(report["logs"][0]["text"], format!("run {number}"));
        assert_eq!(report["calls"].as_array().map(Vec::len), Some(2), "{report:#}");
    }
    assert_eq!(server.metric("isolet_runs_total{outcome=\"ok\"}").await, 50.0);
}

#[tokio::test]
async fn a_body_of_100_mib_is_refused_and_the_next_request_works() {
    let server = Daemon::serve().await_ready().await;
    let mebibyte = bytes::Bytes::from(vec![b' '; 1 << 20]);
    let whole = bytes::Bytes::from(vec![b' '; 100 << 20]);
    for content_type in ["application/json", "text/typescript"] {
        let announced = Request::post("/v1/run", content_type, whole.clone());
        let problem = server.send(announced).await.problem(413);
        assert_says(text(&problem["detail"]), &["larger"]);
        let chunked = Request::new(Method::POST, "/v1/run").header("content-type", content_type);
        server.send(chunked.chunks(mebibyte.clone(), 100)).await.problem(413);
        server.assert_works().await;
    }
    // A refused body does not stay in memory.
    let peak = server.process().peak_mib();
    assert!(peak < 400, "{peak} MiB: four bodies of 100 MiB were kept");
}

#[tokio::test]
async fn a_full_queue_is_429_with_retry_after() {
    let server = Daemon::serve_in(Folder::new(), &["--max-running", "1", "--queue", "1"]);
    server.ready().await;
    let waiting = json!({ "code": "await env.demo.wait({ ms: 50000 })" });
    let mut first = server.connect().await;
    let mut running = Box::pin(first.begin(Request::run(&waiting)));
    tokio::select! {
        _ = &mut running => panic!("it cannot end"),
        () = server.metric_becomes("isolet_runs_in_flight", 1.0) => {}
    }
    let mut second = server.connect().await;
    let mut queued = Box::pin(second.begin(Request::run(&json!({ "code": "return 'at last'" }))));
    tokio::select! {
        _ = &mut queued => panic!("it cannot begin"),
        () = server.metric_becomes("isolet_queue_length", 1.0) => {}
    }
    let answer = server.send(Request::run(&json!({ "code": "1" }))).await;
    let seconds: u64 = answer.header("retry-after").parse().expect("a number of seconds");
    assert!(seconds >= 1);
    answer.problem(429);
    // The first hangs up; the one in the queue gets its place.
    drop(running);
    drop(first);
    let answer = queued.await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn runs_in_progress_end_before_the_server_does() {
    let mut server = Daemon::serve().await_ready().await;
    let mut connection = server.connect().await;
    let code = "await env.demo.wait({ ms: 1500 }); return 'ended in peace'";
    let mut events = connection.events(&json!({ "code": format!("console.log('started'); {code}") })).await;
    assert_eq!(events.next().await.expect("a line").name, "log");
    rustix::process::kill_process(server.pid(), rustix::process::Signal::TERM).unwrap();
    server.wait_for_stderr(&["stops when its runs have ended"]);
    let rest = events.rest().await;
    assert_eq!(*result(&rest.last().expect("a result").data), "ended in peace");
    drop(events);
    drop(connection);
    let status = server.ended();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn invalid_http_is_answered_and_survived() {
    let server = Daemon::serve();
    let answer = raw(server.address(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    let host = format!("Host: {}\r\nConnection: close\r\n", server.address());
    for broken in [
        "POST /v1/run HTTP/1.1\r\nContent-Length: 10\r\nContent-Length: 20\r\n",
        "POST /v1/run HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        "POST /v1/run HTTP/1.1\r\nContent-Length: 500\r\n",
    ] {
        let answer = raw(server.address(), format!("{broken}{host}\r\nzzzz").as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{broken:?}: {answer}");
    }
    let mut connection = Connection::open(server.address()).await;
    connection.send(Request::get("/healthz")).await.expect(200);
    server.assert_works().await;
}
