//! Real MCP servers behind `isolet`: the demo over both transports, three from npm, and servers
//! that misbehave. Each behaviour of a server is a state in `/v1/servers` and a clear `tool_error`,
//! never a hang, and the next run works.

use std::fmt::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::harness::fake_server::FakeServer;
use crate::harness::*;

/// Fails unless the demo server works as documented, whatever the transport.
async fn exercise_demo(server: &Daemon) {
    let code = "const { documents } = await env.demo.list_documents({ kind: 'transcript' });
        const { content } = await env.demo.get_document({ id: documents[0].id });
        const { record } = await env.demo.update_record({ id: 'acct-1003', fields: { notes: content } });
        const stored = (await env.demo.get_record({ id: 'acct-1003' })).record;
        const trip = await env.demo.plan_trip({
          stops: [{ name: 'Lyon', latitude: 45.76, longitude: 4.84 }, { name: 'Paris', latitude: 48.86, longitude: 2.35 }],
          travellers: [{ name: 'Ines' }, { name: 'Tomas', fare: 'senior' }],
        });
        let message; try { await env.demo.fail({ message: 'as asked' }) } catch (e) { message = e.message }
        return {
          same: stored.notes === content, long: content.length > 10000, revision: record.revision,
          km: Math.round(trip.legs[0].kilometres / 10), echo: await env.demo.echo({ text: 'plain text' }), message,
          resources: (await env.demo.$resources()).length, prompts: (await env.demo.$prompts()).length,
          read: (await env.demo.$readResource('document:' + documents[0].id)).contents[0].text === content,
          prompt: (await env.demo.$getPrompt('summarise', { id: documents[0].id })).messages.length,
          raw: (await env.demo.$raw('add', { a: 1, b: 2 })).structuredContent,
        };";
    let report = server.run(code).await;
    let expected = json!({
        "same": true, "long": true, "revision": 2, "km": 39, "echo": "plain text", "message": "as asked",
        "resources": 4, "prompts": 1, "read": true, "prompt": 1, "raw": { "sum": 3 },
    });
    assert_eq!(*result(&report), expected, "{report:#}");
}

#[tokio::test]
async fn the_demo_server_over_stdio() {
    let server = Daemon::serve_with(demo());
    exercise_demo(&server).await;
    assert_eq!(server.server("demo").await["transport"], "stdio");
}

#[tokio::test]
async fn the_demo_server_over_streamable_http() {
    let demo = Daemon::demo_mcp();
    let url = format!("http://{}/mcp", demo.address());
    let server = Daemon::serve_with(json!({ "demo": { "type": "http", "url": url } }));
    exercise_demo(&server).await;
    let status = server.server("demo").await;
    assert_eq!(
        (&status["transport"], &status["state"], &status["tools"]),
        (&json!("http"), &json!("ready"), &json!(11))
    );

    // The server ends in the middle: an error, not a hang.
    let mut connection = server.connect().await;
    let request = http::Request::run(&json!({ "code": "await env.demo.wait({ ms: 50000 })" }));
    let mut answer = Box::pin(connection.send(request));
    tokio::select! {
        _ = &mut answer => panic!("it cannot end"),
        () = server.metric_becomes("isolet_runs_in_flight", 1.0) => {}
    }
    drop(demo);
    let report = answer.await.expect(200).json();
    assert_says(text(&error(&report, "tool_error")["message"]), &["demo"]);
    server.assert_works().await;
    let report = server.run("return await env.demo.add({ a: 1, b: 2 })").await;
    assert_says(text(&error(&report, "tool_error")["message"]), &["demo"]);
}

#[tokio::test]
async fn files_are_aggregated_in_a_loop_and_stored_in_another_server() {
    let npm = npm::servers();
    let data = Folder::new();
    // Eleven months of sales; every third line is a return.
    let (mut totals, mut returns) = (std::collections::BTreeMap::<String, i64>::new(), 0);
    for month in 1..=11_i64 {
        let mut csv = String::from("region,amount\n");
        for line in 0..40_i64 {
            let region = ["north", "south", "ünder-west"][usize::try_from((month + line) % 3).unwrap()];
            let amount = month * 100 + line * 7;
            let amount = if line % 3 == 2 { -amount } else { amount };
            returns += i64::from(amount < 0);
            *totals.entry(region.to_owned()).or_default() += amount;
            writeln!(csv, "{region},{amount}").unwrap();
        }
        data.write(&format!("sales/2026-{month:02}.csv"), csv);
    }
    data.write("sales/readme.txt", "not a table");
    let memory = data.at("memory.jsonl");
    let server = Daemon::serve_with(json!({
        "files": { "command": npm.program("mcp-server-filesystem"), "args": [data.text()] },
        "memory": { "command": npm.program("mcp-server-memory"), "env": { "MEMORY_FILE_PATH": memory } },
        "everything": { "command": npm.program("mcp-server-everything") },
    }));

    let code = "const dir = input.dir + '/sales';
        const listing: string = (await env.files.list_directory({ path: dir })).content;
        const names = listing.split('\\n').map((line) => line.replace('[FILE] ', '')).filter((name) => name.endsWith('.csv'));
        const totals: Record<string, number> = {};
        let returns = 0;
        for (const name of names) {
          const { content } = await env.files.read_text_file({ path: `${dir}/${name}` });
          for (const line of content.trim().split('\\n').slice(1)) {
            const [region, amount] = line.split(',');
            totals[region] = (totals[region] ?? 0) + Number(amount);
            if (Number(amount) < 0) returns++;
          }
        }
        const sum = await env.everything['get-sum']({ a: returns, b: 0 });
        const entities = Object.entries(totals).map(([name, total]) =>
          ({ name, entityType: 'region', observations: [`total ${total}`] }));
        const stored = await env.memory.create_entities({ entities });
        return { files: names.length, entities: stored.entities.length, totals, returns, sum };";
    let report = server.run_with(json!({ "code": code, "input": { "dir": data.text() } })).await;
    let value = result(&report);
    assert_eq!(
        (&value["files"], &value["entities"], &value["returns"]),
        (&json!(11), &json!(3), &json!(returns))
    );
    assert_eq!(value["totals"], json!(totals));
    assert_says(text(&value["sum"]), &[&returns.to_string()]);
    assert_eq!(report["calls"].as_array().map(Vec::len), Some(14), "{report:#}");

    // The file that the other server wrote, read without isolet.
    let mut stored = std::collections::BTreeMap::new();
    for line in data.read("memory.jsonl").lines() {
        let entity: Value = serde_json::from_str(line).expect("one JSON document a line");
        let total = text(&entity["observations"][0]).strip_prefix("total ").expect("a total");
        stored.insert(text(&entity["name"]).to_owned(), total.parse::<i64>().expect("a number"));
    }
    assert_eq!(stored, totals);

    for name in ["files", "memory", "everything"] {
        let status = server.server_in(name, "ready").await;
        assert!(status["tools"].as_u64() >= Some(9), "{status:#}");
    }
}

#[tokio::test]
async fn the_everything_server_shows_the_kinds_of_results() {
    let server = Daemon::serve_with(
        json!({ "every-thing": { "command": npm::servers().program("mcp-server-everything") } }),
    );
    let code = "const e = env['every-thing'];
        return {
          text: await e.echo({ message: 'hi' }),
          structured: await env.every_thing.get_structured_content({ location: 'Chicago' }),
          image: (await e['get-tiny-image']({})).content.some((part) => part.type === 'image'),
          tools: (await e.$tools()).includes('get-sum'),
          resources: (await e.$resources()).length > 0,
        }";
    let report = server.run(code).await;
    let value = result(&report);
    assert_says(text(&value["text"]), &["hi"]);
    assert!(value["structured"]["temperature"].is_number(), "{value:#}");
    assert_eq!(
        (&value["image"], &value["tools"], &value["resources"]),
        (&json!(true), &json!(true), &json!(true))
    );
    // Names with dashes have one spelling in the declarations.
    let types = server.get("/v1/types/every-thing").await.expect(200).text();
    assert_says(&types, &["  get_sum("]);
    assert!(!types.contains("\"get-sum\""), "{types}");
}

#[tokio::test]
async fn servers_in_python_work() {
    let python = pypi::servers();
    let folder = Folder::new();
    for arguments in [
        ["init", "--quiet", "--initial-branch=main", "."],
        ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"],
    ] {
        let more: &[&str] =
            if arguments[0] == "-c" { &["commit", "--quiet", "--allow-empty", "-m", "begin"] } else { &[] };
        let git = std::process::Command::new("git")
            .args(arguments)
            .args(more)
            .current_dir(folder.path())
            .status()
            .expect("git runs");
        assert!(git.success());
    }
    let server = Daemon::serve_with(json!({
        "time": { "command": python.program("mcp-server-time"), "args": ["--local-timezone", "UTC"] },
        "git": { "command": python.program("mcp-server-git"), "args": ["--repository", folder.text()] },
        "sqlite": { "command": python.program("mcp-server-sqlite"), "args": ["--db-path", folder.at("shop.db")] },
    }));
    for name in ["time", "git", "sqlite"] {
        let status = server.server_in(name, "ready").await;
        assert_eq!(status["era"], "legacy", "{status:#}");
        assert_eq!(status["restarts"], 0, "{status:#}");
    }
    let code = "const at = { source_timezone: 'Europe/Paris', time: '12:00', target_timezone: 'Asia/Tokyo' };
        const { time_difference } = await env.time.convert_time(at);
        await env.sqlite.create_table({ query: 'CREATE TABLE log (line TEXT)' });
        const log = await env.git.git_log({ repo_path: input.repository });
        await env.sqlite.write_query({ query: `INSERT INTO log VALUES ('${log.includes('begin')}')` });
        const rows = await env.sqlite.read_query({ query: 'SELECT line FROM log' });
        let message; try { await env.git.git_show({ repo_path: input.repository, revision: 'nowhere' }) } catch (e) { message = e.name }
        return { hours: parseFloat(time_difference), rows, message };";
    let report = server.run_with(json!({ "code": code, "input": { "repository": folder.text() } })).await;
    let value = result(&report);
    // Paris is seven or eight hours behind Tokyo, depending on the season.
    assert!([7.0, 8.0].contains(&value["hours"].as_f64().unwrap_or(0.0)), "{value:#}");
    assert_says(&value["rows"].to_string(), &["true"]);
    assert_eq!(value["message"], "ToolError", "{value:#}");
}

#[tokio::test]
async fn sequential_thinking_remembers_between_calls() {
    let program = npm::servers().program("mcp-server-sequential-thinking");
    let server = Daemon::serve_with(json!({ "mind": { "command": program } }));
    let code = "const thought = (n) => env.mind.sequentialthinking({
          thought: `step ${n}`, thoughtNumber: n, totalThoughts: 3, nextThoughtNeeded: n < 3 });
        const said = []; for (const n of [1, 2, 3]) said.push((await thought(n)).thoughtHistoryLength);
        return said";
    assert_eq!(*result(&server.run(code).await), json!([1, 2, 3]));
}

#[tokio::test]
async fn a_server_with_a_token_gets_it_from_the_environment() {
    let demo = Daemon::demo_mcp();
    let folder = Folder::new();
    let url = format!("http://{}/mcp", demo.address());
    let headers = json!({ "Authorization": "Bearer ${E2E_TOKEN}" });
    folder.mcp_json(json!({ "demo": { "type": "http", "url": url, "headers": headers } }));
    let run = || {
        isolet(["run", "-"]).within(folder.path()).stdin("return (await env.demo.add({ a: 1, b: 2 })).sum")
    };
    assert_eq!(run().env("E2E_TOKEN", "a secret").output().exits(0).json(), 3);
    let output = run().output().exits(3);
    assert_says(&output.stderr, &["E2E_TOKEN", "mcp.json:"]);
}

#[tokio::test]
async fn servers_get_their_own_environment_and_not_the_operators() {
    let npm = npm::servers();
    let folder = Folder::new();
    folder.mcp_json(json!({
        "everything": { "command": npm.program("mcp-server-everything"), "env": { "GIVEN": "for you" } }
    }));
    let code = "const text = await env.everything['get-env']({}); return typeof text === 'string' ? JSON.parse(text) : text";
    let run = isolet(["run", "-"]).within(folder.path()).stdin(code).env("OPERATORS_SECRET", "hunter2");
    let value = run.output().exits(0).json();
    assert_eq!(value["GIVEN"], "for you");
    assert!(value["PATH"].is_string(), "{value:#}");
    assert!(value.get("OPERATORS_SECRET").is_none(), "{value:#}");
}

/// Starts `isolet` with one healthy server beside one that is broken in some way.
fn beside_demo(broken: Value) -> Daemon {
    Daemon::serve_with(json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] }, "odd": broken }))
}

/// Fails unless the healthy server still works.
async fn assert_demo_works(server: &Daemon) {
    let report = server.run("return (await env.demo.add({ a: 20, b: 22 })).sum").await;
    assert_eq!(*result(&report), 42);
}

#[tokio::test]
async fn a_missing_executable_is_a_state_and_an_error() {
    let server = beside_demo(json!({ "command": "/nowhere/mcp-server-ledger" }));
    let status = server.server_in("odd", "failed").await;
    assert_says(text(&status["last_error"]), &["/nowhere/mcp-server-ledger"]);
    let report = server.run("return await env.odd.anything({})").await;
    assert_says(text(&error(&report, "tool_error")["message"]), &["odd", "/nowhere/mcp-server-ledger"]);
    assert_demo_works(&server).await;
    // One of two servers is broken: the other is ready and declared.
    server.ready().await;
    assert_says(&server.get("/v1/types").await.expect(200).text(), &["demo: Demo"]);
    server.get("/v1/types/odd/anything").await.problem(503);
    server.get("/v1/types?server=odd").await.problem(503);
    server.get("/v1/types?server=demo,odd").await.problem(503);
    server.get("/v1/types?server=demo").await.expect(200);
}

#[tokio::test]
async fn a_server_that_exits_at_once_is_quoted_to_the_operator() {
    let odd = FakeServer::new();
    let server = beside_demo(odd.entry(&["exits"]));
    let status = server.server_in("odd", "failed").await;
    assert_says(text(&status["last_error"]), &["exited with status 7"]);
    server.wait_for_stderr(&["\"odd\"", "exited with status 7", "cannot open the ledger"]);
    let report =
        server.run("try { await env.odd.pid({}) } catch (e) { return [e.name, e.server, e.message] }").await;
    let caught = result(&report);
    assert_eq!((&caught[0], &caught[1]), (&json!("ToolError"), &json!("odd")));
    assert_says(text(&caught[2]), &["exited with status 7"]);
    let heard = format!("{report}{}", server.get("/v1/servers").await.expect(200).text());
    assert!(!heard.contains("cannot open"), "{heard}");
    assert_demo_works(&server).await;
}

#[tokio::test]
async fn garbage_on_standard_output_is_skipped_and_reported() {
    let odd = FakeServer::new();
    let server = beside_demo(odd.entry(&["garbage"]));
    let report = server.run("return (await env.odd.pid({})).calls").await;
    assert_eq!(*result(&report), 1);
    let status = server.server_in("odd", "ready").await;
    assert!(status["garbage_lines"].as_u64() >= Some(4), "{status:#}");
}

#[tokio::test]
async fn a_program_that_is_not_an_mcp_server_fails_with_its_output_counted() {
    let script = "i=0; while [ $i -lt 50 ]; do echo 'Usage: ledger [options]'; i=$((i+1)); done";
    let server = beside_demo(json!({ "command": "sh", "args": ["-c", script] }));
    let status = server.server_in("odd", "failed").await;
    assert_says(text(&status["last_error"]), &["50 lines on stdout that are not MCP messages"]);
    server.wait_for_stderr(&["Usage: ledger"]);
    let report = server.run("return await env.odd.anything({})").await;
    error(&report, "tool_error");
    assert!(!report.to_string().contains("Usage"), "{report:#}");
    assert_demo_works(&server).await;
}

#[tokio::test]
async fn a_silent_server_does_not_hang_runs() {
    let odd = FakeServer::new();
    let server = beside_demo(odd.entry(&["mute"]));
    odd.sees("initialize").await;
    let status = server.server("odd").await;
    assert!(["starting", "restarting", "failed"].contains(&text(&status["state"])), "{status:#}");
    let problem = server.get("/readyz").await;
    assert_eq!(problem.status, 503, "{problem:?}");
    // The run's own limit ends the wait.
    let report = server.run_with(json!({ "code": "return await env.odd.pid({})", "timeout_ms": 700 })).await;
    assert_eq!(report["ok"], false, "{report:#}");
    assert!(["wall_limit", "tool_error"].contains(&text(&report["error"]["code"])), "{report:#}");
    assert_demo_works(&server).await;
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_is_restarted() {
    let odd = FakeServer::new();
    let server = beside_demo(odd.entry(&[]));
    let pid = |report: &Value| result(report)["pid"].as_u64().expect("a pid");
    let first = pid(&server.run("return await env.odd.pid({})").await);
    let report = server.run("return await env.odd.die({})").await;
    let failure = error(&report, "tool_error");
    assert_says(text(&failure["message"]), &["odd", "die", "exited with status 3"]);
    assert!(
        !report.to_string().contains("on fire"),
        "what it printed may be about another's call: {report:#}"
    );
    server.wait_for_stderr(&["\"odd\"", "the ledger is on fire"]);
    assert_eq!(report["calls"][0]["ok"], false);
    // The next call finds a new process.
    let second = pid(&server.run("return await env.odd.pid({})").await);
    assert_ne!(first, second);
    let status = server.server_in("odd", "ready").await;
    assert!(status["restarts"].as_u64() >= Some(1), "{status:#}");
    assert_says(text(&status["last_error"]), &["exited with status 3"]);
    assert!(!status.to_string().contains("on fire"), "{status:#}");
}

#[tokio::test]
async fn a_call_past_its_timeout_is_named_and_cancelled() {
    let odd = FakeServer::new();
    let mut entry = odd.entry(&[]);
    entry["timeout"] = json!(400);
    let server = beside_demo(entry);
    let report = server.run("await env.odd.pid({}); return await env.odd.late({ ms: 30000 })").await;
    let failure = error(&report, "tool_error");
    assert_says(text(&failure["message"]), &["late", "odd", "400ms"]);
    odd.sees("notifications/cancelled").await;
    // A late answer of a cancelled call must not be taken for another call's.
    let code = "try { await env.odd.late({ ms: 600 }) } catch {}
        const seen = []; for (let i = 0; i < 5; i++) { seen.push((await env.odd.pid({})).calls); await new Promise((r) => setTimeout(r, 100)) }
        return seen.every((calls, i) => i === 0 || calls === seen[i - 1] + 1)";
    assert_eq!(*result(&server.run(code).await), true);
}

#[tokio::test]
async fn a_call_without_await_is_cancelled_and_reported() {
    let odd = FakeServer::new();
    let server = beside_demo(odd.entry(&[]));
    // The second call gives the first one time to reach the server.
    let report = server.run("env.odd.hang({}); await env.odd.late({ ms: 300 }); return 'done'").await;
    assert_eq!(*result(&report), "done");
    let hung = report["calls"].as_array().unwrap().iter().find(|call| call["tool"] == "hang");
    let hung = hung.unwrap_or_else(|| panic!("the call is missing: {report:#}"));
    assert_eq!(hung["ok"], false);
    assert_says(text(&hung["error"]), &["cancelled"]);
    odd.sees("notifications/cancelled").await;
}

#[tokio::test]
async fn results_are_unwrapped_as_documented() {
    let odd = FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    let part = |text: &str| json!({ "type": "text", "text": text });
    let image = json!({ "type": "image", "data": "AAAA", "mimeType": "image/png" });
    let mixed = json!({ "content": [part("a"), image] });
    for (given, expected) in [
        (json!({ "content": [part("x")], "structuredContent": { "a": [1] } }), json!({ "a": [1] })),
        (json!({ "content": [part("plain")] }), json!("plain")),
        (json!({ "content": [part("{\"a\": 1}")] }), json!({ "a": 1 })),
        (json!({ "content": [part(" [1, 2] ")] }), json!([1, 2])),
        // Only objects and arrays are parsed: a text of digits may be a postal code.
        (json!({ "content": [part("01234")] }), json!("01234")),
        (json!({ "content": [part("true")] }), json!("true")),
        (json!({ "content": [part("{broken")] }), json!("{broken")),
        (json!({ "content": [part("a"), part("b")] }), json!("a\nb")),
        (mixed.clone(), mixed),
    ] {
        let body = json!({ "code": "return await env.odd.give({ result: input })", "input": given });
        let report = server.run_with(body).await;
        assert_eq!(*result(&report), expected, "{given}");
    }
}

#[tokio::test]
async fn answers_that_are_not_mcp_results_are_errors() {
    let odd = FakeServer::new();
    let server = beside_demo(odd.entry(&[]));
    for given in [json!(null), json!(7), json!([]), json!({ "content": "text" })] {
        let body = json!({ "code": "return await env.odd.give({ result: input })", "input": given, "timeout_ms": 5000 });
        let report = server.run_with(body).await;
        assert_eq!(report["ok"], false, "{given}: {report:#}");
        assert_says(text(&error(&report, "tool_error")["message"]), &["odd", "give"]);
    }
    assert_eq!(*result(&server.run("return (await env.odd.pid({})).calls").await), 5);
}

#[tokio::test]
async fn a_malformed_configuration_is_refused_with_its_position() {
    let demo = format!("{{\"command\": {ISOLET:?}, \"args\": [\"demo-mcp\"]}}");
    let folder = Folder::new();
    for (content, expected) in [
        ("{\n  \"mcpServers\": {\n    \"a\": {\"command\": \"x\",, }\n  }\n}".to_owned(), "mcp.json:3:"),
        (format!("{{\"mcpServers\": {{\n  \"a\": {demo},\n  \"a\": {demo}\n}}}}"), "mcp.json:3:3"),
        ("[]".to_owned(), "mcp.json:1:1"),
        (String::new(), "mcp.json:1:1"),
    ] {
        folder.write("mcp.json", &content);
        for args in [&["run", "-"][..], &["serve", "--listen", "127.0.0.1:0"], &["types"]] {
            let output = isolet([]).args(args).within(folder.path()).stdin("1").output().exits(3);
            assert_says(&output.stderr, &[expected]);
            assert_eq!(output.stdout, "", "{content}");
        }
    }
    folder.write("mcp.json", b"{\"mcpServers\": {\n\"\xff\": {}}}");
    let output = isolet(["run", "-"]).within(folder.path()).stdin("1").output().exits(3);
    assert_says(&output.stderr, &["mcp.json:2:2", "UTF-8"]);
}

#[test]
fn an_invalid_entry_disables_only_its_server() {
    let demo = format!("{{\"command\": {ISOLET:?}, \"args\": [\"demo-mcp\"]}}");
    let folder = Folder::new();
    for (entry, reason) in [
        ("{}", "neither \"command\" nor \"url\""),
        ("{\"command\": 7}", "command"),
        ("{\"type\": \"http\", \"url\": \"not a url\"}", "URL"),
    ] {
        folder.write("mcp.json", format!("{{\"mcpServers\": {{\n\"bad\": {entry},\n\"demo\": {demo}}}}}"));
        let run = |code: &str| isolet(["run", "-"]).within(folder.path()).stdin(code.to_owned()).output();
        let good = run("return (await env.demo.add({ a: 1, b: 2 })).sum").exits(0);
        assert_eq!(good.stdout, "3\n");
        assert_says(&good.stderr, &["mcp.json:2:", "\"bad\"", reason]);
        let bad = run("return await env.bad.tool({})").exits(3);
        assert_says(&bad.stderr, &["mcp.json:2", reason]);
        assert_eq!(bad.stdout, "");
        let types = isolet(["types"]).within(folder.path()).output().exits(3);
        assert_says(&types.stdout, &["demo: Demo;"]);
    }
}

#[tokio::test]
async fn two_servers_with_one_name_are_named() {
    let folder = Folder::new();
    let server = format!("\"twin\": {{\"command\": {ISOLET:?}, \"args\": [\"demo-mcp\"]}}");
    folder.write("mcp.json", format!("{{\"mcpServers\": {{\n  {server},\n  {server}\n}}}}"));
    let output = isolet(["run", "-"]).within(folder.path()).stdin("1").output().exits(3);
    assert_says(&output.stderr, &["mcp.json:3:3", "twin", "2:3"]);
}

#[tokio::test]
async fn a_disabled_server_is_not_started() {
    let odd = FakeServer::new();
    let mut entry = odd.entry(&[]);
    entry["disabled"] = json!(true);
    let server = beside_demo(entry);
    server.ready().await;
    assert_eq!(server.server("odd").await["state"], "disabled");
    let report = server.run("return await env.odd.pid({})").await;
    assert_says(text(&error(&report, "tool_error")["message"]), &["odd", "disabled"]);
    assert!(odd.seen().is_empty());
}

/// Listens and answers every request with this status and the address of `elsewhere`, on
/// connections that it closes. Returns its address, and the heads of the requests as they arrive.
async fn moved(
    status: u16,
    elsewhere: std::net::SocketAddr,
) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it listens");
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (mut head, mut buffer) = (String::new(), [0; 4096]);
            while !head.contains("\r\n\r\n") {
                match socket.read(&mut buffer).await {
                    Ok(count @ 1..) => head.push_str(&String::from_utf8_lossy(&buffer[..count])),
                    _ => break,
                }
            }
            seen.lock().push(head);
            let answer = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: http://{elsewhere}/mcp\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _gone = socket.write_all(answer.as_bytes()).await;
        }
    });
    (address, heads)
}

#[tokio::test]
async fn redirects_of_a_server_are_not_followed() {
    // The server that listens elsewhere would answer the same: only the first request's status
    // matters.
    let (elsewhere, asked_elsewhere) = moved(503, ([127, 0, 0, 1], 9).into()).await;
    let mut servers = serde_json::Map::new();
    let mut asked = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        let (address, heads) = moved(status, elsewhere).await;
        let headers = json!({ "Authorization": "Bearer the-key-of-the-operator" });
        servers.insert(
            format!("s{status}"),
            json!({ "type": "http", "url": format!("http://{address}/mcp"), "headers": headers }),
        );
        asked.push(heads);
    }
    let server = Daemon::serve_with(Value::Object(servers)).await_ready().await;
    for status in [301, 302, 303, 307, 308] {
        let failed = server.server_in(&format!("s{status}"), "failed").await;
        assert_says(text(&failed["last_error"]), &["has moved to", &elsewhere.to_string()]);
        let report = server.run(&format!("await env.s{status}.$raw('x', {{}})")).await;
        error(&report, "tool_error");
    }
    for heads in asked {
        let heads = heads.lock();
        assert!(heads.iter().any(|head| head.contains("the-key-of-the-operator")), "{heads:?}");
    }
    let elsewhere = asked_elsewhere.lock();
    assert!(elsewhere.is_empty(), "nothing goes to another server: {elsewhere:?}");
}
