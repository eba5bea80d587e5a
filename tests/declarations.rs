//! The declarations that are served compile under `tsc --strict`, with the scripts that are written against them.

mod harness;

use harness::command::{isolet, program};
use harness::odd::Odd;
use harness::*;

/// Compiles these files in `folder`; gives what the compiler says, which is nothing if all is well.
#[track_caller]
fn compile(folder: &Folder, files: &[&str]) -> String {
    let tsc = npm::installed().program("tsc");
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

/// What a run adds to every script: the body of a function, with `input` and a console.
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
    let npm = npm::installed();
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
            "const { content } = await env['file-system'].read_text_file({ path: '/x', head: 3 });
             const lines: string[] = content.split('\\n');
             const { entities } = await env.memory.create_entities({
               entities: [{ name: 'a', entityType: 'b', observations: lines }] });
             const weather = await env['every.thing']['get-structured-content']({ location: 'Chicago' });
             const t: number = weather.temperature;
             return [entities[0].name, t];",
        ),
    );
    assert_eq!(compile(&folder, &["env.d.ts", "script.ts"]), "");
    // Each alone, too.
    for name in ["file-system", "memory", "every.thing"] {
        let file = format!("{name}.d.ts");
        folder.write(&file, server.get(&format!("/v1/types/{name}")).await.expect(200).text());
        assert_eq!(compile(&folder, &[&file]), "", "{name}");
    }
}

/// Asks until `/v1/types/odd` says `words`: answers are read beside the runs.
async fn learned(server: &Daemon, words: &str) -> String {
    eventually(&format!("the declarations say {words}"), || async {
        let text = server.get("/v1/types/odd?detail=brief").await.expect(200).text();
        text.contains(words).then_some(text)
    })
    .await
}

#[tokio::test]
async fn result_types_are_learned_and_nothing_of_the_values() {
    let odd = Odd::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    let before = server.get("/v1/types/odd?detail=brief").await.expect(200);
    assert!(
        before.text().contains("give(input?: { [k: string]: unknown }): Promise<unknown>;"),
        "{}",
        before.text()
    );
    let give = |value: Value| {
        let result = json!({ "content": [], "structuredContent": value });
        let server = &server;
        async move {
            let body = json!({ "code": "return await env.odd.give({ result: input })", "input": result });
            assert_eq!(server.run_with(body).await["ok"], json!(true));
        }
    };
    give(json!({ "files": [{ "path": "/home/ada/ledger", "size": 7 }], "owners": { "ada@example.org": 1 } }))
        .await;
    let type_ = "Promise</** observed, not promised */ { files: { path: string; size: number }[]; \
                 owners: { [k: string]: number } }>";
    learned(&server, type_).await;
    let after = server.get("/v1/types/odd?detail=brief").await.expect(200);
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(server.metric("isolet_learned_result_types").await, 1.0);

    // What contradicts widens it, and what was seen before is still in it.
    give(json!({ "files": null, "next": "YWRh" })).await;
    let text = learned(&server, "next?: string").await;
    assert!(text.contains("files: { path: string; size: number }[] | null"), "{text}");
    assert!(text.contains("owners?: "), "{text}");
    let full = server.get("/v1/types/odd").await.expect(200).text();
    for value in ["ada", "ledger", "YWRh", "example.org"] {
        assert!(!text.contains(value) && !full.contains(value), "{full}");
    }
    let search = server.get("/v1/search?q=give").await.expect(200).text();
    assert!(search.contains("observed, not promised"), "{search}");

    // A call that fails teaches nothing; a text is a text.
    server.run("try { await env.odd.isError() } catch {}; await env.odd.late({ ms: 1 })").await;
    let text = learned(
        &server,
        "late(input?: { [k: string]: unknown }): Promise</** observed, not promised */ string>",
    )
    .await;
    assert!(text.contains("isError(input?: { [k: string]: unknown }): Promise<unknown>"), "{text}");

    let folder = Folder::new();
    folder.write("env.d.ts", text);
    folder.write("right.ts", as_module("return (await env.odd.give({})).files?.[0].path.length;"));
    folder.write("wrong.ts", as_module("return (await env.odd.give({})).files[0].path;"));
    assert_eq!(compile(&folder, &["env.d.ts", "right.ts"]), "");
    assert_says(&compile(&folder, &["env.d.ts", "wrong.ts"]), &["wrong.ts(4,", "null"]);
}

#[tokio::test]
async fn a_server_that_waits_for_its_first_use_is_started_by_who_asks_for_its_types() {
    let odd = Odd::new();
    let mut lazy = odd.entry(&[]);
    lazy["start"] = "lazy".into();
    let server = Daemon::serve_with(json!({ "odd": lazy })).await_ready().await;
    assert!(!server.get("/v1/types").await.expect(200).text().contains("pid"));
    assert_eq!(server.server("odd").await["state"], "idle");
    assert_says(&server.get("/v1/types/odd/pid").await.expect(200).text(), &["pid(", "process id"]);
    assert_says(&server.get("/v1/types/odd").await.expect(200).text(), &["hang("]);
}

#[tokio::test]
async fn learning_can_be_turned_off() {
    let odd = Odd::new();
    let folder = Folder::new();
    folder.mcp_json(json!({ "odd": odd.entry(&[]) }));
    folder.write("isolet.toml", "[types]\nlearn = false\n");
    let server = Daemon::serve_in(folder, &[]);
    server.run("await env.odd.late({ ms: 1 }); await env.odd.pid()").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let text = server.get("/v1/types/odd").await.expect(200).text();
    assert!(!text.contains("observed"), "{text}");
    assert_eq!(server.metric("isolet_learned_result_types").await, 0.0);
}

#[tokio::test]
async fn a_list_that_changes_costs_its_own_server_only() {
    let (odd, still) = (Odd::new(), Odd::new());
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

    // No result is read, or the learned type would be a change of its own.
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
async fn tokens_are_counted_over_http_and_on_the_command_line() {
    let server = Daemon::serve();
    let counts = server.get("/v1/types?tokens=1").await.expect(200).json();
    let names: Vec<&Value> = counts["servers"].as_array().unwrap().iter().map(|row| &row["server"]).collect();
    assert_eq!(names, ["demo", "crm"]);
    for encoding in ["o200k", "cl100k"] {
        let of = |level: &str| counts["total"][level][encoding].as_u64().unwrap();
        assert!(of("names") < of("brief") && of("brief") < of("full") && of("raw") > of("names"), "{counts}");
    }
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
