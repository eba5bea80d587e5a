//! The HTTP API as an agent's own loop uses it: the run's id, the report as text for a model, the
//! tool's definition for function calling, warnings about the request, and the description of the
//! API.

use crate::harness::http::Request;
use crate::harness::mcp::{last_message, modern};
use crate::harness::*;

/// Waits until the audit log has `count` records of this kind and returns them.
async fn audited(folder: &Folder, event: &str, count: usize) -> Vec<Value> {
    let path = folder.path().join("audit.jsonl");
    eventually("audit records", || async {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let records: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|record: &Value| record["event"] == event)
            .collect();
        (records.len() >= count).then_some(records)
    })
    .await
}

#[tokio::test]
async fn a_run_has_one_id_in_report_header_events_log_and_audit() {
    let folder = Folder::new();
    folder.write("isolet.toml", "[audit]\nfile = 'audit.jsonl'\n");
    let arguments = ["--listen", "127.0.0.1:0", "--no-token"];
    let server = Daemon::serve_as(folder, &arguments, &[("RUST_LOG", "isolet=info")]).await_ready().await;
    let code = "return (await env.demo.add({ a: 1, b: 2 })).sum";
    let mut ids = Vec::new();

    let answer = server.send(Request::run(&json!({ "code": code }))).await.expect(200);
    assert_eq!(answer.header("isolet-run-id"), text(&answer.json()["id"]));
    assert_eq!(answer.header("isolet-run-outcome"), "ok");
    ids.push(answer.header("isolet-run-id").to_owned());

    let answer = server
        .send(Request::post("/v1/run", "text/typescript", "throw 1").header("accept", "text/plain"))
        .await;
    assert_eq!(answer.header("isolet-run-outcome"), "exception");
    ids.push(answer.header("isolet-run-id").to_owned());

    let mut connection = server.connect().await;
    let mut events = connection.events(&json!({ "code": code })).await;
    let last = events.rest().await.pop().expect("a result");
    assert_eq!(last.data["id"], *events.id);
    ids.push(events.id.clone());

    let runs = audited(server.folder(), "run", 3).await;
    let recorded: Vec<&str> = runs.iter().map(|run| text(&run["run"])).collect();
    assert_eq!(recorded, ids);
    assert!(ids.iter().all(|id| id.len() == 24), "{ids:?}");
    for (id, outcome) in ids.iter().zip(["ok", "exception", "ok"]) {
        server.wait_for_stderr(&[&format!("run ended run={id:?} outcome={outcome:?}")]);
    }
    // A request that was refused has no id.
    let refused = server.send(Request::run(&json!({ "code": "" }))).await.expect(400);
    assert_eq!(refused.header("isolet-run-id"), "");
}

#[tokio::test]
async fn a_report_as_text_is_the_text_of_mcp_results() {
    let server = Daemon::serve().await_ready().await;
    let ask = |code: &str| server.send(Request::run(&json!({ "code": code })).header("accept", "text/plain"));
    let big = "return Array.from({ length: 300 }, (_, at) => ({ id: at, name: `row ${at}` }))";
    for code in [
        "console.warn('careful'); return (await env.demo.add({ a: 1, b: 2 }))",
        "return 'a text\\nof two lines'",
        "await env.demo.add({ a: 1, b: 2 });\nawait env.demo.fail({ message: 'as asked' })",
        "const a = ;",
        "return env.demo.ad({})",
    ] {
        let answer = ask(code).await.expect(200);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let by_mcp = over_mcp(&server, code).await;
        assert_eq!(answer.text(), text(&by_mcp["content"][0]["text"]), "{code}");
        assert_eq!(answer.header("isolet-run-outcome") == "ok", by_mcp["isError"] == false, "{code}");
        assert_eq!(text(&by_mcp["structuredContent"]["id"]).len(), 24, "{by_mcp:#}");
    }
    let whole: Value = serde_json::from_str(&ask(big).await.text()).expect("the whole result");
    assert_eq!(whole.as_array().map(Vec::len), Some(300));

    // The header that axios sends by default does not ask for text.
    let request =
        Request::run(&json!({ "code": "return 1" })).header("accept", "application/json, text/plain, */*");
    assert_eq!(*result(&server.send(request).await.json()), 1);

    // Refusals are text for the model too.
    let refused =
        server.send(Request::run(&json!({ "cod": "1" })).header("accept", "text/plain")).await.expect(400);
    assert_eq!(refused.header("content-type"), "text/plain; charset=utf-8");
    assert!(refused.text().starts_with("hint: Send {"), "{}", refused.text());
}

/// Returns the result of the tool `run` of `/mcp`.
async fn over_mcp(server: &Daemon, code: &str) -> Value {
    let call = modern("tools/call", json!({ "name": "run", "arguments": { "code": code } }));
    last_message(&server.send(call).await.expect(200))["result"].clone()
}

#[tokio::test]
async fn unmatched_tools_and_lowered_timeouts_are_warnings() {
    let server = Daemon::serve().await_ready().await;
    let ask = json!({ "code": "return Object.keys(env)", "tools": ["demoo/add", "demo/ad", "crm"], "timeout_ms": 600_000 });
    let report = server.run_with(ask.clone()).await;
    assert_eq!(*result(&report), json!(["demo", "crm"]));
    let told: Vec<(&str, &str)> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (text(&warning["code"]), text(&warning["message"])))
        .collect();
    assert_eq!(
        told,
        [
            (
                "timeout_lowered",
                "`timeout_ms` is 600000; this server gives a run 60000 ms at most, and this run has no more."
            ),
            (
                "unmatched_tools",
                "`tools`: there is no server for the pattern `demoo/add`. Did you mean `demo/add`?"
            ),
            (
                "unmatched_tools",
                "`tools`: the server `demo` has no tool for the pattern `demo/ad`. Did you mean `demo/add`?"
            ),
        ]
    );
    let mut connection = server.connect().await;
    let events = connection.events(&ask).await.rest().await;
    assert_eq!(events.iter().filter(|event| event.name == "warning").count(), 3, "{events:?}");
    assert_eq!(events.last().unwrap().data["warnings"], report["warnings"]);
    // The model reads warnings first, also beside an error.
    let failing = json!({ "code": "await env.demoo.add({})", "tools": ["demoo/add"] });
    let answer = server.send(Request::run(&failing).header("accept", "text/plain")).await.expect(200).text();
    assert!(
        answer.starts_with("warning: `tools`: there is no server for the pattern `demoo/add`."),
        "{answer}"
    );
    assert_says(&answer, &["\n\nhint: ", "error[exception]"]);
    // Neither of these is a warning.
    for fine in [
        json!({ "tools": ["demo", "*/add", "demo/a*"] }),
        json!({ "tools": [] }),
        json!({ "timeout_ms": 60_000 }),
    ] {
        let mut ask = fine.clone();
        ask["code"] = json!("return 1");
        assert_eq!(server.run_with(ask).await["warnings"], json!([]), "{fine}");
    }
}

#[tokio::test]
async fn refusals_of_bodies_name_the_field() {
    let server = Daemon::serve();
    for (body, said) in [
        (
            "{\"code\": \"1\", \"timeout_ms\": \"1s\"}",
            "a whole number of milliseconds, at least 1, not the string \"1s\".",
        ),
        ("{\"code\": \"1\", \"tools\": \"demo\"}", "`tools` must be a list of strings such as"),
        ("{\"code\": \"1\", \"timeoutMs\": 5}", "Unknown field `timeoutMs`. Did you mean `timeout_ms`?"),
        ("[]", "The body must be a JSON object, not the list []."),
        ("{\"code\": ", "The body is not JSON: "),
    ] {
        let problem = server.send(Request::post("/v1/run", "application/json", body)).await.problem(400);
        assert_says(text(&problem["detail"]), &[said]);
    }
}

#[tokio::test]
async fn the_api_is_described_and_answers_as_described() {
    let server = Daemon::serve_in(Folder::new(), &["--token", "secret"]).await_ready().await;
    server.get("/openapi.json").await.problem(401);
    let get = |path: &str| server.send(Request::get(path).header("authorization", "Bearer secret"));
    let document = get("/openapi.json").await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let fits = |schema: &str, value: &Value| {
        let whole =
            json!({ "$ref": format!("#/components/schemas/{schema}"), "components": document["components"] });
        let judge = jsonschema::validator_for(&whole).expect("a schema");
        let wrong: Vec<String> = judge.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{schema}: {wrong:#?}\n{value:#}");
    };
    for code in [
        "console.log(1); env.demo.add({ a: 1, b: 2 }); return null",
        "return env.demo.nope()",
        "const a = ;",
        "await env.demo.fail({ message: 'x' })",
    ] {
        let ask = json!({ "code": code, "tools": ["demo", "nothing"], "timeout_ms": 600_000, "input": null });
        fits("RunRequest", &ask);
        let post = || Request::run(&ask).header("authorization", "Bearer secret");
        fits("Report", &server.send(post()).await.expect(200).json());
        let mut connection = server.connect().await;
        let (_, body) = connection.begin(post().header("accept", "text/event-stream")).await.into_parts();
        let mut events = events::Events::of_run(body).await;
        fits("Start", &json!({ "id": events.id }));
        for event in events.rest().await {
            let schema = match event.name.as_str() {
                "log" => "LogLine",
                "call_start" => "CallStart",
                "call" => "Call",
                "warning" => "Warning",
                _ => "Report",
            };
            fits(schema, &event.data);
        }
    }
    fits("Found", &get("/v1/search?q=add").await.expect(200).json());
    fits("Servers", &get("/v1/servers").await.expect(200).json());
    fits("Problem", &get("/v1/search").await.problem(400));
    // Every described route exists, and all routes that the 404 names are described.
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        let place = path.replace("{server}", "demo").replace("{tool}", "add");
        let method =
            methods.as_object().and_then(|methods| methods.keys().next()).expect("a method").to_uppercase();
        let request =
            Request::new(method.parse().expect("a method"), &place).header("authorization", "Bearer secret");
        let answer = server.send(request).await;
        assert!(![404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
    let hint = text(&get("/nowhere").await.problem(404)["hint"]).replace([',', '.'], " ");
    for route in hint.split_whitespace().filter(|word| word.starts_with('/')) {
        let route = if route == "/openapi" { "/openapi.json" } else { route };
        assert!(paths.contains_key(route), "{route} is not described");
    }
}

#[tokio::test]
async fn the_tool_definition_has_the_form_of_each_provider() {
    let server = Daemon::serve().await_ready().await;
    let get = |query: &str| server.send(Request::get(&format!("/v1/tool?{query}")));
    let openai = get("format=openai").await.expect(200).json();
    assert_eq!((&openai["type"], &openai["function"]["name"]), (&json!("function"), &json!("run")));
    let description = text(&openai["function"]["description"]);
    assert_says(
        description,
        &["env.<server>.<tool>", "add(input: { a: number; b: number }): Promise<{ sum: number }>"],
    );
    // The model has no other tool of isolet's to ask.
    assert!(!description.contains("`describe`") && !description.contains("`search`"), "{description}");
    let schema = &openai["function"]["parameters"];
    assert_eq!(schema["required"], json!(["code"]));
    // OpenAI refuses a list without `items`, Gemini a field without a type.
    assert_eq!(schema["properties"]["input"]["type"], "object", "{schema:#}");
    let responses = get("format=openai-responses").await.expect(200).json();
    assert_eq!((&responses["name"], &responses["strict"]), (&json!("run"), &json!(false)));
    assert_eq!(responses["description"], description);
    let anthropic = get("format=anthropic").await.expect(200).json();
    assert_eq!(
        anthropic.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["name", "description", "input_schema"]
    );
    let mcp = get("format=mcp").await.expect(200).json();
    assert_eq!(
        (&mcp["inputSchema"]["type"], &mcp["annotations"]["readOnlyHint"]),
        (&json!("object"), &json!(false))
    );

    // The definition has exactly the tools of the run.
    let some = get("format=anthropic&tools=demo/{add,echo},crm/get_*").await.expect(200).json();
    let some = text(&some["description"]);
    assert_says(some, &["add(input", "echo(input"]);
    assert!(!some.contains("list_documents") && !some.contains("wait("), "{some}");
    let none = get("format=anthropic&tools=nothing").await.expect(200).json();
    assert_says(text(&none["description"]), &["No server offers any tools now."]);

    // Some providers take 1,024 characters at most.
    let short = get("format=openai&description=1024").await.expect(200).json();
    assert!(text(&short["function"]["description"]).len() <= 1024);
    for wrong in [
        "",
        "format=gemini",
        "format=openai&description=10",
        "format=openai&tools=demo/[",
        "format=openai&x=1",
    ] {
        get(wrong).await.problem(400);
    }
}
