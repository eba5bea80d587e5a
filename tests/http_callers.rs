//! The callers that the HTTP API admits: tokens, host names, web pages of allowed origins.

use crate::harness::http::{Request, exchange};
use crate::harness::*;
use hyper::Method;

#[tokio::test]
async fn requests_without_the_token_are_refused() {
    let server = Daemon::serve_in(Folder::new(), &["--token", "correct-horse"]);
    server.get("/healthz").await.expect(200);
    for path in ["/v1/servers", "/v1/types", "/metrics"] {
        let answer = server.get(path).await;
        assert_says(answer.header("www-authenticate"), &["Bearer"]);
        answer.problem(401);
    }
    let run = || Request::run(&json!({ "code": "return 1" }));
    server.send(run()).await.problem(401);
    server.send(run().header("authorization", "Bearer wrong-horse")).await.problem(401);
    let report = server.send(run().header("authorization", "Bearer correct-horse")).await.expect(200).json();
    assert_eq!(*result(&report), 1);
}

/// Requests as browsers send them. Without a preflight a page can send no content type, or one of
/// three others.
#[tokio::test]
async fn web_pages_of_other_origins_are_refused() {
    let server = Daemon::serve();
    let port = server.address().port();
    let run = || Request::run(&json!({ "code": "return 1" }));
    let others = [
        "null".to_owned(),
        "https://evil.example".to_owned(),
        "http://localhost".to_owned(),
        "http://localhost:3000".to_owned(),
        "http://127.9.9.9:3000".to_owned(),
        "http://[::1]:3000".to_owned(),
        format!("https://127.0.0.1:{port}"),
        format!("foo://127.0.0.1:{port}"),
        format!("http://localhost.:{port}"),
        format!("http://rebound.example:{port}"),
    ];
    for origin in &others {
        let problem = server.send(run().header("origin", origin)).await.problem(403);
        assert_says(text(&problem["hint"]), &["--allow-origin"]);
        for path in ["/v1/types", "/mcp", "/healthz", "/readyz"] {
            server.send(Request::get(path).header("origin", origin)).await.problem(403);
        }
    }
    for site in ["same-site", "cross-site"] {
        server.send(run().header("sec-fetch-site", site)).await.problem(403);
        for path in ["/v1/types/demo", "/v1/servers", "/metrics", "/mcp", "/healthz", "/readyz"] {
            // A link, and an image.
            for mode in ["navigate", "no-cors"] {
                let request = Request::get(path).header("sec-fetch-mode", mode);
                server.send(request.header("sec-fetch-site", site)).await.problem(403);
            }
        }
    }
    // A page of the server itself, and the address bar.
    for own in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        let own = run().header("origin", &own).header("sec-fetch-site", "same-origin");
        server.send(own).await.expect(200);
    }
    server.send(Request::get("/v1/servers").header("sec-fetch-site", "none")).await.expect(200);
    assert_eq!(server.metric("isolet_run_duration_seconds_count").await, 2.0);
}

#[tokio::test]
async fn browsers_must_declare_json() {
    let server = Daemon::serve().await_ready().await;
    let own = format!("http://{}", server.address());
    let body = json!({ "code": "return 1" }).to_string();
    let untyped = || Request::new(Method::POST, "/v1/run").body(body.clone());
    for (name, value) in [("origin", own.as_str()), ("sec-fetch-site", "same-origin")] {
        let problem = server.send(untyped().header(name, value)).await.problem(415);
        assert_says(text(&problem["hint"]), &["application/json"]);
        for content_type in ["text/plain", "text/typescript", "application/x-www-form-urlencoded"] {
            let request = Request::post("/v1/run", content_type, body.clone());
            server.send(request.header(name, value)).await.problem(415);
        }
        let request = Request::post("/mcp", "text/plain", body.clone());
        server.send(request.header(name, value)).await.problem(415);
        // A body without an announced length.
        let chunked = Request::new(Method::POST, "/v1/run").header(name, value);
        server.send(chunked.chunks(bytes::Bytes::from(body.clone()), 1)).await.problem(415);
        let request = Request::post("/v1/run", "application/json; charset=utf-8", body.clone());
        server.send(request.header(name, value)).await.expect(200);
    }
    // Programs need no content type.
    server.send(untyped()).await.expect(200);
    assert_eq!(server.metric("isolet_run_duration_seconds_count").await, 3.0);
}

/// The `fetch` of Node.js sends `Sec-Fetch-Mode`, as browsers do.
#[tokio::test]
async fn fetch_of_node_is_not_a_browser() {
    let server = Daemon::serve().await_ready().await;
    let script = format!(
        "const run = (headers, body) => fetch('http://{}/v1/run', {{ method: 'POST', headers, body }}).then((r) => r.text());
         const bare = await run({{ 'Content-Type': 'text/typescript' }}, 'return 1 as number');
         const untyped = await run({{}}, new TextEncoder().encode('{{\"code\": \"return 2\"}}'));
         console.log(JSON.stringify([bare, untyped].map((report) => JSON.parse(report).result)));",
        server.address()
    );
    let node = command::program("node", ["--input-type=module", "--eval", &script]).output().exits(0);
    assert_eq!(node.json(), json!([1, 2]), "{}", node.both());
}

#[tokio::test]
async fn pages_of_allowed_origins_are_admitted() {
    let allow = ["--allow-origin", "http://localhost:3000", "--allow-origin", "HTTPS://Proxy.example:443"];
    let server = Daemon::serve_in(Folder::new(), &allow).await_ready().await;
    let run = || Request::run(&json!({ "code": "return 1" })).header("sec-fetch-site", "same-site");
    for origin in ["http://localhost:3000", "https://proxy.example"] {
        let answer = server.send(run().header("origin", origin)).await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("vary"), "Origin");
        let ask = Request::new(Method::OPTIONS, "/v1/run").header("origin", origin);
        let ask = ask.header("access-control-request-method", "POST");
        let answer =
            server.send(ask.header("access-control-request-headers", "content-type")).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_says(answer.header("access-control-allow-headers"), &["authorization", "content-type"]);
    }
    for origin in ["http://localhost:3001", "https://localhost:3000", "http://proxy.example"] {
        let answer = server.send(run().header("origin", origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
        answer.problem(403);
        let ask = Request::new(Method::OPTIONS, "/v1/run").header("origin", origin);
        server.send(ask.header("access-control-request-method", "POST")).await.problem(403);
    }
    for wrong in ["*", "null", "localhost:3000", "http://localhost:3000/", "http://*"] {
        let refused = isolet(["serve", "--listen", "127.0.0.1:0", "--allow-origin", wrong]).output().exits(2);
        assert_says(&refused.stderr, &["scheme://host"]);
    }
}

/// A web page whose name was rebound to this address has the server's own origin in a browser.
#[tokio::test]
async fn foreign_host_names_are_refused_without_a_token() {
    let mapped = ["--listen", "[::ffff:127.0.0.1]:0", "--no-token"];
    let open = ["--listen", "0.0.0.0:0", "--allow-unauthenticated", "--allow-host", "isolet.example"];
    for listen in [
        &["--listen", "127.0.0.1:0", "--no-token"][..],
        &["--listen", "[::1]:0", "--no-token"],
        &mapped,
        &open,
    ] {
        let server = Daemon::serve_as(Folder::new(), listen, &[]);
        let address = server.address();
        for host in [
            "rebound.example",
            "localhost.",
            "127.0.0.1.",
            "localhost.rebound.example",
            "0.0.0.0",
            "10.1.2.3",
        ] {
            let host = format!("{host}:{}", address.port());
            let run = Request::run(&json!({ "code": "return 1" })).header("host", &host);
            let origin = format!("http://{host}");
            server.send(run.header("origin", &origin)).await.problem(403);
            for path in ["/v1/types", "/mcp", "/metrics"] {
                let problem = server.send(Request::get(path).header("host", &host)).await.problem(403);
                assert_says(text(&problem["hint"]), &["--allow-host"]);
            }
            // Health checks use the address.
            server.send(Request::get("/healthz").header("host", &host)).await.expect(200);
        }
        for host in ["localhost", "127.0.0.1", "[::1]", "127.0.0.9:1", "LOCALHOST:80"] {
            server.send(Request::get("/v1/servers").header("host", host)).await.expect(200);
        }
        for (request, status) in [
            ("GET /metrics HTTP/1.0\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nConnection: close\r\n", 400),
            ("GET http://rebound.example/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: a.example\r\nConnection: close\r\n", 400),
            ("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", 200),
            ("GET /healthz HTTP/1.0\r\n", 200),
        ] {
            let answer = exchange(address, format!("{request}\r\n").as_bytes()).await;
            assert_says(&answer, &[&format!(" {status} ")]);
        }
    }
    let server = Daemon::serve_as(Folder::new(), &open, &[]);
    server.send(Request::get("/v1/servers").header("host", "isolet.example")).await.expect(200);
}

#[tokio::test]
async fn a_token_replaces_the_host_check() {
    let server = Daemon::serve_in(Folder::new(), &["--token", "correct-horse"]);
    let get = || Request::get("/v1/servers").header("host", "public.example");
    server.send(get().header("authorization", "Bearer correct-horse")).await.expect(200);
    server.send(get().header("authorization", "Bearer wrong")).await.problem(403);
    server.send(get()).await.problem(403);
    // A token does not exempt pages.
    let with = get().header("authorization", "Bearer correct-horse");
    server.send(with.header("origin", "https://public.example")).await.problem(403);
    // And it must name one host.
    let token = "Authorization: Bearer correct-horse\r\nConnection: close\r\n\r\n";
    for (request, status) in [
        ("GET /v1/servers HTTP/1.1\r\nHost: a.example\r\n", 200),
        ("GET /v1/servers HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n", 400),
        ("GET /v1/servers HTTP/1.1\r\n", 400),
        ("GET http://b.example/v1/servers HTTP/1.1\r\nHost: a.example\r\n", 400),
        ("GET http://a.example/v1/servers HTTP/1.1\r\nHost: a.example\r\n", 200),
    ] {
        let answer = exchange(server.address(), format!("{request}{token}").as_bytes()).await;
        assert_says(&answer, &[&format!(" {status} ")]);
    }
}

#[test]
fn invalid_host_names_are_refused_at_the_start() {
    let folder = Folder::new();
    for wrong in ["", "*", "a:80", "http://x"] {
        let open = ["--listen", "0.0.0.0:0", "--allow-unauthenticated", "--allow-host", wrong];
        let refused = isolet(["serve"]).args(&open).output().exits(2);
        assert_says(&refused.stderr, &["--allow-host", "a name such as isolet.example, or an IP address"]);
        folder.write("isolet.toml", format!("[server]\nallow_hosts = ['{wrong}']\n"));
        let refused = isolet(["serve", "--listen", "127.0.0.1:0"]).within(folder.path()).output().exits(2);
        assert_says(&refused.stderr, &["isolet.toml:2:", "allow_hosts", "or an IP address"]);
    }
}

#[tokio::test]
async fn an_open_address_needs_a_token_or_host_names() {
    let open = isolet(["serve", "--listen", "0.0.0.0:0"]).output().exits(2);
    assert_says(&open.stderr, &["token", "--allow-unauthenticated"]);
    let open = isolet(["serve", "--listen", "0.0.0.0:0", "--allow-unauthenticated"]).output().exits(2);
    assert_says(&open.stderr, &["--allow-host"]);
}

#[tokio::test]
async fn answers_have_no_cors_headers_for_other_pages() {
    let odd = fake_server::FakeServer::new();
    let server = Daemon::serve_with(json!({ "secret-name": odd.entry(&["mute"]) }));
    for path in ["/healthz", "/readyz", "/v1/servers", "/v1/types", "/nowhere", "/metrics", "/mcp"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{path}");
    }
    // A caller without a token does not learn which routes exist.
    let waiting = server.get("/readyz").await;
    assert_eq!(waiting.status, 503);
    assert!(!waiting.text().contains("secret-name"), "{}", waiting.text());
}
