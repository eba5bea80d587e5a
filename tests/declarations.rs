//! Served declarations compile under `tsc --strict`, with the scripts that are written against
//! them.

use crate::harness::command::{isolet, program};
use crate::harness::fake_server::FakeServer;
use crate::harness::mcp;
use crate::harness::*;

/// Compiles these files in `folder` and returns the compiler's output, which is empty on success.
#[track_caller]
fn compile(folder: &Folder, files: &[&str]) -> String {
    let tsc = npm::servers().program("tsc");
    let options = [
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "esnext",
        "--moduleDetection",
        "force",
        "--lib",
        "es2023",
        "--pretty",
        "false",
    ];
    let output = program(tsc, []).args(&options).args(files).within(folder.path()).output();
    assert!(output.stderr.is_empty(), "{}", output.both());
    assert_eq!(output.code == Some(0), output.stdout.is_empty(), "{}", output.both());
    output.stdout
}

/// The frame of every script: a function body with `input` and a console.
fn as_module(script: &str) -> String {
    format!(
        "declare const input: any;\ndeclare const console: {{ log(...values: unknown[]): void }};\n\
         export default async function () {{\n{script}\n}}\n"
    )
}

#[tokio::test]
async fn the_declarations_compile_at_every_level_and_with_the_quickstart() {
    let server = Daemon::serve();
    let folder = Folder::new();
    for detail in ["names", "brief", "full"] {
        let text = server.get(&format!("/v1/types?detail={detail}")).await.expect(200).text();
        folder.write(&format!("{detail}.d.ts"), text);
        assert_eq!(compile(&folder, &[&format!("{detail}.d.ts")]), "", "{detail}");
    }
    let quickstart = std::fs::read_to_string(repository().join("examples/quickstart.ts")).unwrap();
    folder.write("quickstart.ts", as_module(&quickstart));
    for detail in ["brief", "full"] {
        assert_eq!(compile(&folder, &[&format!("{detail}.d.ts"), "quickstart.ts"]), "", "{detail}");
    }
}

#[tokio::test]
async fn types_tell_right_calls_from_wrong_ones() {
    let server = Daemon::serve();
    let folder = Folder::new();
    folder.write("env.d.ts", server.get("/v1/types").await.expect(200).text());
    folder.write(
        "right.ts",
        as_module(
            "const { sum } = await env.demo.add({ a: 1, b: 2 });
             const n: number = sum;
             type Input = Parameters<Env['demo']['plan_trip']>[0];
             const place = { name: 'Lyon', latitude: 1, longitude: 2 };
             const stops: Input['stops'] = [place, place];
             const trip = await env.demo.plan_trip({ stops, travellers: [{ name: 'A', fare: 'child' }] });
             const within: boolean | null = trip.within_budget;
             type Record = Awaited<ReturnType<Env['crm']['get_record']>>['record'];
             const stage: Record['stage'] = 'won';
             await env.demo.list_documents();
             return [n, within, stage];",
        ),
    );
    assert_eq!(compile(&folder, &["env.d.ts", "right.ts"]), "");

    for (wrong, word) in [
        ("await env.demo.add({ a: 'one', b: 2 })", "string"),
        ("await env.demo.add({ a: 1 })", "b"),
        ("await env.demo.add({ a: 1, b: 2, c: 3 })", "c"),
        ("await env.demo.list_documents({ kind: 'novel' })", "novel"),
        ("(await env.demo.add({ a: 1, b: 2 })).total", "total"),
        (
            "await env.demo.plan_trip({ stops: [{ name: 'x', latitude: 1, longitude: 2 }], travellers: [] })",
            "requires 2",
        ),
        ("await env.demo.adds({ a: 1, b: 2 })", "adds"),
        ("await env.dmo.add({ a: 1, b: 2 })", "dmo"),
        ("(await env.demo.echo({ text: 'x' })).length", "unknown"),
        ("await env.crm.update_record({ id: 'x', fields: { stage: 'gone' } })", "gone"),
    ] {
        folder.write("wrong.ts", as_module(wrong));
        let said = compile(&folder, &["env.d.ts", "wrong.ts"]);
        assert_says(&said, &["wrong.ts(4,", word]);
    }
}

#[tokio::test]
async fn declarations_of_real_servers_compile_together() {
    let npm = npm::servers();
    let data = Folder::new();
    let server = Daemon::serve_with(json!({
        "demo": { "command": ISOLET, "args": ["demo-mcp"] },
        "file-system": { "command": npm.program("mcp-server-filesystem"), "args": [data.text()] },
        "memory": { "command": npm.program("mcp-server-memory"), "env": { "MEMORY_FILE_PATH": data.at("m.jsonl") } },
        "every.thing": { "command": npm.program("mcp-server-everything") },
    }));
    let folder = Folder::new();
    folder.write("env.d.ts", server.get("/v1/types").await.expect(200).text());
    folder.write(
        "script.ts",
        as_module(
            "const { content } = await env.file_system.read_text_file({ path: '/x', head: 3 });
             const lines: string[] = content.split('\\n');
             const { entities } = await env.memory.create_entities({
               entities: [{ name: 'a', entityType: 'b', observations: lines }] });
             const weather = await env.every_thing.get_structured_content({ location: 'Chicago' });
             const t: number = weather.temperature;
             return [entities[0].name, t];",
        ),
    );
    assert_eq!(compile(&folder, &["env.d.ts", "script.ts"]), "");
    // Each compiles alone, too.
    for name in ["file-system", "memory", "every.thing"] {
        let file = format!("{name}.d.ts");
        folder.write(&file, server.get(&format!("/v1/types/{name}")).await.expect(200).text());
        assert_eq!(compile(&folder, &[&file]), "", "{name}");
    }
}

/// Waits until `/v1/types/odd` contains `words`, as answers are read beside the runs.
async fn with_inferred(server: &Daemon, words: &str) -> String {
    eventually(&format!("the declarations say {words}"), || async {
        let text = server.get("/v1/types/odd?detail=brief").await.expect(200).text();
        text.contains(words).then_some(text)
    })
    .await
}

#[tokio::test]
async fn result_types_are_inferred_without_values() {
    let odd = FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    let before = server.get("/v1/types/odd?detail=brief").await.expect(200);
    assert!(before.text().contains("give(input?: object): Promise<unknown>;"), "{}", before.text());
    let given = std::cell::Cell::new(0);
    let give = async |value: Value| {
        given.set(given.get() + 1);
        let result = json!({ "content": [], "structuredContent": value });
        let code = "return await env.odd.give({ result: input.result, with: input.with })";
        let body = json!({ "code": code, "input": { "result": result, "with": given.get() } });
        assert_eq!(server.run_with(body).await["ok"], json!(true));
    };
    let first =
        json!({ "files": [{ "path": "/home/ada/ledger", "size": 7 }], "owners": { "ada@example.org": 1 } });
    give(first.clone()).await;
    // The kinds of values without a name: a key that one run has met may be data.
    let text = with_inferred(&server, "Observed<{ [k: string]: ").await;
    assert!(!text.contains("owners") && !text.contains("path"), "{text}");
    give(first.clone()).await;
    give(first).await;
    let type_ = "Observed<{ files: { path: string; size: number }[]; owners: { [k: string]: number } }>";
    with_inferred(&server, type_).await;
    let after = server.get("/v1/types/odd?detail=brief").await.expect(200);
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(after.header("cache-control"), "private, no-cache");
    assert_eq!(server.metric("isolet_learned_result_types").await, 1.0);

    // A contradiction widens the type, which still accepts earlier values.
    give(json!({ "files": null, "next": "YWRh" })).await;
    let text = with_inferred(&server, "owners?: ").await;
    assert!(text.contains("files: { path: string; size: number }[] | null"), "{text}");
    assert!(!text.contains("next") && text.contains("[k: string]: unknown"), "{text}");
    give(json!({ "files": null, "next": "YWRh" })).await;
    give(json!({ "files": null, "next": "YWRh" })).await;
    let text = with_inferred(&server, "next?: string").await;
    let full = server.get("/v1/types/odd").await.expect(200).text();
    for value in ["ada", "ledger", "YWRh", "example.org"] {
        assert!(!text.contains(value) && !full.contains(value), "{full}");
    }
    // Inferred types are in no text that a model gets without asking for types.
    let search = server.get("/v1/search?q=give").await.expect(200).text();
    assert!(search.contains("env.odd.give") && !search.contains("observed"), "{search}");
    let list = server.send(mcp::modern("tools/list", json!({}))).await.expect(200).text();
    assert!(list.contains("give(") && !list.contains("observed") && !list.contains("owners"), "{list}");
    let describe = json!({ "name": "describe", "arguments": { "tools": ["odd/give"] } });
    let described = server.send(mcp::modern("tools/call", describe)).await.expect(200).text();
    assert_says(&described, &["observed, not promised", "owners"]);

    // A call that fails teaches nothing; a text result is a string.
    server.run("try { await env.odd.isError() } catch {}; await env.odd.late({ ms: 1 })").await;
    let text = with_inferred(&server, "late(input?: object): Observed<string>").await;
    assert!(text.contains("isError(input?: object): Promise<unknown>"), "{text}");

    let folder = Folder::new();
    folder.write("env.d.ts", text);
    folder.write("right.ts", as_module("return (await env.odd.give({})).files?.[0].path.length;"));
    folder.write("wrong.ts", as_module("return (await env.odd.give({})).files[0].path;"));
    assert_eq!(compile(&folder, &["env.d.ts", "right.ts"]), "");
    assert_says(&compile(&folder, &["env.d.ts", "wrong.ts"]), &["wrong.ts(4,", "null"]);
}

#[tokio::test]
async fn a_request_for_types_starts_a_lazy_server() {
    let odd = FakeServer::new();
    let mut lazy = odd.entry(&[]);
    lazy["start"] = "lazy".into();
    let server = Daemon::serve_with(json!({ "odd": lazy })).await_ready().await;
    assert!(!server.get("/v1/types").await.expect(200).text().contains("pid"));
    assert_eq!(server.server("odd").await["state"], "idle");
    assert_says(&server.get("/v1/types/odd/pid").await.expect(200).text(), &["pid(", "process id"]);
    assert_says(&server.get("/v1/types/odd").await.expect(200).text(), &["hang("]);
}

#[tokio::test]
async fn nothing_is_inferred_if_turned_off_or_locked() {
    for settings in
        ["[types]\nlearn = false\n", "lock = 'enforce'\n", "lock = 'enforce'\n[types]\nlearn = true\n"]
    {
        let odd = FakeServer::new();
        let folder = Folder::new();
        folder.mcp_json(json!({ "odd": odd.entry(&[]) }));
        isolet(["lock"]).within(folder.path()).output().exits(0);
        folder.write("isolet.toml", settings);
        let server = Daemon::serve_in(folder, &[]).await_ready().await;
        for n in 1..=3 {
            let report = server.run(&format!("return await env.odd.late({{ ms: {n} }})")).await;
            assert_eq!(*result(&report), "late");
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let text = server.get("/v1/types/odd").await.expect(200).text();
        assert!(text.contains("late(") && !text.contains("observed"), "{text}");
        assert_eq!(server.metric("isolet_learned_result_types").await, 0.0);
        assert_eq!(server.stderr().contains("learn = true has no effect"), settings.contains("true"));
    }
}

#[tokio::test]
async fn a_list_that_changes_costs_its_own_server_only() {
    let (odd, still) = (FakeServer::new(), FakeServer::new());
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&["grows"]), "still": still.entry(&[]) }));
    let made = || async {
        let sections = server.metric("isolet_declaration_sections_made_total").await;
        (sections, server.metric("isolet_search_parts_made_total").await)
    };
    let ask = || async {
        let before = server.get("/v1/types").await.expect(200);
        server.get("/v1/types?server=still").await.expect(200);
        server.get("/v1/types?server=odd,still").await.expect(200);
        let hits = server.get("/v1/search?q=was+not+there+before").await.expect(200).text();
        (before.header("etag").to_owned(), hits)
    };
    let (etag, hits) = ask().await;
    assert!(!hits.contains("grown"), "{hits}");
    assert_eq!(made().await, (2.0, 2.0), "one section and one part each");
    ask().await;
    assert_eq!(made().await, (2.0, 2.0));

    // A result is not read here, as an inferred type would be another change.
    server.run("await env.odd.$raw('grow', {})").await;
    eventually("the new tool is declared", || async {
        server.get("/v1/types/odd").await.expect(200).text().contains("grown_1").then_some(())
    })
    .await;
    let (changed, hits) = ask().await;
    assert_ne!(etag, changed);
    assert!(hits.contains("env.odd.grown_1"), "{hits}");
    assert_eq!(made().await, (3.0, 3.0), "one more of the server that changed, none of the other");
}

#[tokio::test]
async fn patterns_of_a_run_choose_the_types_of_its_tools() {
    let server = Daemon::serve();
    let text = server.get("/v1/types?detail=brief&tools=demo/add,crm/get_*").await.expect(200).text();
    assert!(text.contains("add(") && text.contains("get_record("), "{text}");
    assert!(!text.contains("plan_trip(") && !text.contains("update_record("), "{text}");
    let whole = server.get("/v1/types?tools=crm").await.expect(200).text();
    assert!(whole.contains("update_record(") && !whole.contains("interface Demo"), "{whole}");
    assert_says(
        &server.get("/v1/types?tools=nobody/*").await.expect(404).text(),
        &["No tool matches", "demo, crm"],
    );
    server.get("/v1/types?tools=%5B").await.problem(400);
    server.get("/v1/types?tools=demo&server=demo").await.problem(400);
    server.get("/v1/types/demo?tools=demo").await.problem(400);

    let folder = Folder::new();
    let chosen = ["types", "--detail", "brief", "--tools", "demo/add,crm/get_*"];
    assert_eq!(isolet(chosen).within(folder.path()).output().exits(0).stdout, text);
    let nothing = isolet(["types", "--tools", "nobody/*"]).within(folder.path()).output();
    assert_says(&nothing.stderr, &["no tool matches"]);
}

#[tokio::test]
async fn tokens_are_counted_over_http_and_on_the_command_line() {
    let server = Daemon::serve();
    let counts = server.get("/v1/types?tokens=1").await.expect(200).json();
    let names: Vec<&Value> = counts["servers"].as_array().unwrap().iter().map(|row| &row["server"]).collect();
    assert_eq!(names, ["demo", "crm"]);
    for encoding in ["o200k", "cl100k"] {
        let of = |level: &str| counts["total"][level][encoding].as_u64().unwrap();
        assert!(of("names") < of("brief") && of("brief") < of("full") && of("raw") > of("names"), "{counts}");
    }
    let chosen = server.get("/v1/types?tokens=1&tools=demo/add,crm/get_*").await.expect(200).json();
    assert_eq!(chosen["servers"][0]["tools"], 1, "{chosen}");
    let one = server.get("/v1/types/demo/add?tokens=1").await.expect(200).json();
    assert_eq!(one["total"]["tools"], 1);
    server.get("/v1/types?tokens=2").await.problem(400);
    server.get("/v1/types?tokens=1&detail=full").await.problem(400);
    server.get("/v1/types/nobody?tokens=1").await.problem(404);

    let folder = Folder::new();
    let printed = isolet(["types", "--tokens", "--json"]).within(folder.path()).output().exits(0);
    assert_eq!(printed.json(), counts);
    let table = isolet(["types", "demo", "--tokens"]).within(folder.path()).output().exits(0).stdout;
    assert_says(&table, &["server", "o200k", "raw JSON", "demo"]);
}
