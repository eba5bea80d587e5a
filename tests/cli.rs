//! The command line: output and exit codes of `isolet run`, `isolet types` and others (0 success, 1
//! the script failed, 2 wrong usage, 3 a server or the set-up failed).

use crate::harness::*;

/// Runs `code` from a file with this name; the result must be JSON on standard output.
#[track_caller]
fn run_file(name: &str, code: &str) -> Value {
    let folder = Folder::new();
    folder.write(name, code);
    isolet(["run", name]).within(folder.path()).output().exits(0).json()
}

#[test]
fn every_form_of_script_gives_its_result() {
    let add = "(await env.demo.add({ a: 1, b: 2 })).sum";
    let shapes = [
        ("statements.ts", format!("const sum: number = {add};\nreturn sum;")),
        ("expression.ts", add.to_owned()),
        ("plain.js", "1 + 2".to_owned()),
        ("arrow.ts", format!("async (): Promise<number> => {add}")),
        ("function.js", format!("async function main() {{ return {add} }}")),
        ("module.ts", format!("export default async function (env: any, input: unknown) {{ return {add} }}")),
        (
            "worker.ts",
            format!(
                "export default {{ async fetch(request: Request, env: any, ctx: any) {{ return Response.json({add}) }} }}"
            ),
        ),
        (
            "import.ts",
            "import { env as e } from \"cloudflare:workers\";\nexport default (await e.demo.add({ a: 1, b: 2 })).sum"
                .to_owned(),
        ),
        ("fenced.md", format!("\n```ts\nreturn {add};\n```\n\n")),
        ("fence.ts", format!("```typescript\nreturn {add};\n```")),
    ];
    for (name, code) in shapes {
        let folder = Folder::new();
        folder.write(name, &code);
        let output = isolet(["run", "--json", name]).within(folder.path()).output();
        assert_eq!(output.code, Some(0), "{name}\n{}", output.both());
        let document = output.json();
        // The result of a Worker is a response; the test compares its body.
        let value = result(&document);
        let value = if value.is_object() { &value["body"] } else { value };
        let value = value.as_str().map_or_else(|| value.clone(), |text| serde_json::from_str(text).unwrap());
        assert_eq!(value, 3, "{name}: {document:#}");
    }
}

#[test]
fn the_script_may_come_on_standard_input() {
    let output = isolet(["run", "-"]).stdin("return { answer: [1, 'zwei', null] }").output().exits(0);
    assert_eq!(output.json(), json!({ "answer": [1, "zwei", null] }));
    assert_eq!(output.stderr, "isolet: built-in demo servers: demo, crm\n", "no calls, no tokens");
}

#[test]
fn input_is_a_global_and_an_argument() {
    let code = "export default (env, given) => [given.id, input.id, globalThis.input === given]";
    let folder = Folder::new();
    folder.write("job.ts", code);
    let run = isolet(["run", "job.ts", "--input", r#"{"id": "ünïcode"}"#]).within(folder.path());
    assert_eq!(run.output().exits(0).json(), json!(["ünïcode", "ünïcode", true]));

    let output = isolet(["run", "job.ts", "--input", "{id: 1}"]).within(folder.path()).output().exits(2);
    assert_says(&output.stderr, &["--input", "JSON"]);
}

#[test]
fn no_value_is_null() {
    assert_eq!(run_file("nothing.ts", "const x = 1;"), Value::Null);
    assert_eq!(run_file("undefined.ts", "return undefined"), Value::Null);
}

#[test]
fn the_report_has_result_logs_calls_and_stats() {
    let code = "console.log('one', { two: 2 }); console.warn('careful'); console.error('no');
        await Promise.all([env.demo.add({ a: 1, b: 1 }), env.demo.echo({ text: 'x' })]);
        try { await env.demo.fail({ message: 'on purpose' }) } catch {}
        return { done: true };";
    let document = isolet(["run", "-", "--json"]).stdin(code).output().exits(0).json();
    assert_eq!(document["ok"], true);
    assert_eq!(document["result"], json!({ "done": true }));

    let logs = document["logs"].as_array().unwrap();
    let levels: Vec<&Value> = logs.iter().map(|line| &line["level"]).collect();
    assert_eq!(levels, ["log", "warn", "error"]);
    assert_says(text(&logs[0]["text"]), &["one", "two"]);
    assert!(logs.iter().all(|line| line["at_ms"].as_f64().is_some_and(|at| at >= 0.0)), "{document:#}");

    let calls = document["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 3, "{document:#}");
    for (tool, ok) in [("add", true), ("echo", true), ("fail", false)] {
        let call = calls.iter().find(|call| call["tool"] == tool).unwrap();
        assert_eq!((&call["server"], &call["ok"]), (&json!("demo"), &json!(ok)), "{document:#}");
        assert!(call["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{document:#}");
    }

    let stats = document["stats"].as_object().unwrap();
    for field in ["wall_ms", "cpu_ms", "heap_bytes", "queued_ms"] {
        assert!(stats[field].is_number(), "{field}: {document:#}");
    }
    assert!(document["stats"]["wall_ms"].as_f64() >= document["stats"]["cpu_ms"].as_f64(), "{document:#}");
    assert!(document["stats"]["heap_bytes"].as_u64() > Some(0), "{document:#}");
}

#[test]
fn logs_go_to_standard_error_and_the_result_to_standard_output() {
    let code = "console.log('a line'); console.error('a problem'); return 'the result'";
    let output = isolet(["run", "-"]).stdin(code).output().exits(0);
    assert_eq!(output.json(), "the result");
    assert_says(&output.stderr, &["a line", "a problem"]);
}

#[test]
fn control_characters_in_logs_do_not_reach_the_terminal() {
    let code = "console.log('\\u001b[2J\\u001b]0;gotcha\\u0007 visible'); throw new Error('\\u001b[31mred')";
    let output = isolet(["run", "-"]).stdin(code).output().exits(1);
    assert_says(&output.stderr, &["visible", "red"]);
    assert!(!output.stderr.contains('\u{1b}') && !output.stderr.contains('\u{7}'), "{:?}", output.stderr);
}

#[test]
fn a_script_that_throws_exits_with_1_and_shows_the_line() {
    let folder = Folder::new();
    folder
        .write("broken.ts", "interface A { b: number }\nconst a: A | undefined = undefined;\nreturn a!.b;\n");
    let output = isolet(["run", "broken.ts"]).within(folder.path()).output().exits(1);
    assert_eq!(output.stdout, "", "no result");
    assert_says(&output.stderr, &["TypeError", "broken.ts:3:", "return a!.b;", "^"]);

    let output = isolet(["run", "broken.ts", "--json"]).within(folder.path()).output().exits(1);
    let document = output.json();
    let error = error(&document, "exception");
    assert_eq!((&error["line"], &error["column"]), (&json!(3), &json!(11)), "{error:#}");
    assert_says(text(&error["frame"]), &["return a!.b;", "^"]);
}

#[test]
fn a_syntax_error_exits_with_1() {
    let output = isolet(["run", "-"]).stdin("const a = 1;\nconst = 2;").output().exits(1);
    assert_says(&output.stderr, &["syntax", ":2:7", "const = 2;"]);
}

#[test]
fn logs_and_calls_before_the_failure_are_kept() {
    let code = "console.log('before'); await env.demo.add({ a: 1, b: 2 }); await env.demo.fail({ message: 'broke' });";
    let document = isolet(["run", "-", "--json"]).stdin(code).output().exits(1).json();
    let error = error(&document, "tool_error");
    assert_says(text(&error["message"]), &["broke"]);
    assert_eq!(document["logs"][0]["text"], "before");
    assert_eq!(document["calls"].as_array().map(Vec::len), Some(2), "{document:#}");
}

#[test]
fn the_time_limit_is_the_callers() {
    let run =
        isolet(["run", "-", "--json", "--timeout", "300ms"]).stdin("await env.demo.wait({ ms: 60000 })");
    let output = run.output().exits(1);
    error(&output.json(), "wall_limit");
    assert!(output.took.as_secs() < 20, "300 ms took {:?}", output.took);

    let output = isolet(["run", "-", "--timeout", "soon"]).stdin("1").output().exits(2);
    assert_says(&output.stderr, &["--timeout"]);
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [&["run"][..], &["frobnicate"], &["run", "-", "--colour"], &[]] {
        let output = isolet([]).args(args).output().exits(2);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}\n{}", output.both());
    }
    let output = isolet(["run", "not-there.ts"]).output().exits(2);
    assert_says(&output.stderr, &["not-there.ts"]);
    let output = isolet(["run", "."]).output().exits(2);
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_broken_set_up_exits_with_3() {
    let folder = Folder::new();
    folder.mcp_json(json!({ "ledger": { "command": "/nowhere/mcp-server-ledger" } }));
    let run = isolet(["run", "-"]).within(folder.path()).stdin("return await env.ledger.list({})");
    let output = run.output().exits(3);
    assert_says(&output.stderr, &["ledger", "/nowhere/mcp-server-ledger"]);

    // A script that does not use the same server is not affected.
    let run = isolet(["run", "-"]).within(folder.path()).stdin("return 1").output().exits(0);
    assert_eq!(run.json(), 1);

    let output = isolet(["run", "-", "--mcp-config", "gone.json"]).stdin("1").output().exits(3);
    assert_says(&output.stderr, &["gone.json"]);
}

#[test]
fn the_quickstart_prints_a_result_and_a_comparison_of_tokens() {
    let output = isolet(["run", "examples/quickstart.ts"]).within(repository()).output().exits(0);
    let result = output.json();
    assert!(result["characters"].as_u64() > Some(10_000), "a long transcript was moved: {result:#}");
    assert!(result["decisions"].as_array().is_some_and(|list| !list.is_empty()), "{result:#}");
    assert_says(&output.stderr, &["tokens", "one script", "call by call", "times less"]);

    // The transcript is not among the texts that a model would read.
    assert!(output.stdout.len() < 4096, "{}", output.stdout);
    let figures: Vec<usize> = output
        .stderr
        .lines()
        .find(|line| line.contains("together"))
        .expect("a sum")
        .split_whitespace()
        .filter_map(|word| word.replace([',', '\u{202f}', ' '], "").parse().ok())
        .collect();
    let [script, calls] = figures[..] else { panic!("two figures: {}", output.stderr) };
    assert!(script * 2 < calls, "{script} against {calls}");
}

#[test]
fn types_prints_declarations_at_each_level() {
    let full = isolet(["types"]).output().exits(0).stdout;
    assert_says(&full, &["interface Env", "declare const env: Env", "Adds two numbers.", "First summand."]);
    let brief = isolet(["types", "demo", "--detail", "brief"]).output().exits(0).stdout;
    assert_says(&brief, &["Adds two numbers.", "a: number"]);
    assert!(!brief.contains("First summand."), "{brief}");
    let names = isolet(["types", "demo", "--detail", "names"]).output().exits(0).stdout;
    assert_says(&names, &["plan_trip", "echo"]);
    assert!(names.len() < brief.len() && brief.len() < full.len());

    let one = isolet(["types", "demo/add"]).output().exits(0).stdout;
    assert_says(&one, &["add("]);
    assert!(!one.contains("plan_trip"), "{one}");
}

#[test]
fn types_names_unknown_servers_and_tools() {
    let output = isolet(["types", "dmo"]).output().exits(2);
    assert_says(&output.stderr, &["dmo", "demo"]);
    let output = isolet(["types", "nope"]).output().exits(2);
    assert_says(&output.stderr, &["there is no server `nope`: expected one of: demo, crm"]);
    let output = isolet(["types", "demo/ad"]).output().exits(2);
    assert_says(&output.stderr, &["ad", "add"]);
    isolet(["types", "--detail", "everything"]).output().exits(2);
}

#[test]
fn types_reads_saved_lists_without_any_server() {
    let folder = Folder::new();
    let schema =
        json!({ "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] });
    let list =
        json!({ "tools": [{ "name": "get-user", "description": "Gets a user.", "inputSchema": schema }] });
    folder.write("my-hub.json", list.to_string());
    // A configuration that would fail: it must not be read.
    folder.mcp_json(json!({ "ledger": { "command": "/nowhere" } }));
    let output = isolet(["types", "--tools-file", "my-hub.json"]).within(folder.path()).output().exits(0);
    assert_says(&output.stdout, &["  my_hub: MyHub;", "  get_user(", "id: string", "Gets a user."]);

    folder.write("broken.json", "{\"tools\": [");
    // A saved list has neither hints nor rules, so `--read-only` and `--config` with it are errors.
    for other in [&["--read-only"][..], &["--config", "isolet.toml"], &["--mcp-config", "mcp.json"]] {
        for command in [&["types"][..], &["search", "x"]] {
            let words = [command, &["--tools-file", "my-hub.json"], other].concat();
            let output = isolet([]).args(&words).within(folder.path()).output().exits(2);
            assert_says(&output.stderr, &["cannot be used with", other[0]]);
        }
    }
    let output = isolet(["types", "--tools-file", "broken.json"]).within(folder.path()).output().exits(2);
    assert_says(&output.stderr, &["broken.json"]);
}

#[test]
fn types_with_a_broken_server_prints_the_others_and_exits_with_3() {
    let folder = Folder::new();
    folder.mcp_json(json!({
        "works": { "command": ISOLET, "args": ["demo-mcp"] },
        "ledger": { "command": "/nowhere/mcp-server-ledger" },
    }));
    let output = isolet(["types"]).within(folder.path()).output().exits(3);
    assert_says(&output.stdout, &["works: Works", "add("]);
    assert_says(&output.stderr, &["ledger"]);
}

#[test]
fn help_names_every_command() {
    let output = isolet(["--help"]).output().exits(0);
    assert_says(&output.stdout, &["run", "serve", "types", "dev", "Exit codes"]);
    assert_eq!(output.stderr, "");
    for command in ["run", "serve", "types", "dev", "demo-mcp"] {
        let help = isolet([command, "--help"]).output().exits(0).stdout;
        assert_says(&help, &["Usage: isolet", command]);
    }
}

#[test]
fn the_version_is_one_line_and_with_verbose_tells_the_engine() {
    let own = format!("isolet {}\n", env!("CARGO_PKG_VERSION"));
    for args in [&["--version"][..], &["-V"]] {
        assert_eq!(isolet([]).args(args).output().exits(0).stdout, own, "{args:?}");
    }
    for args in [&["--version", "--verbose"][..], &["-vV"], &["-V", "--verbose"]] {
        let output = isolet([]).args(args).output().exits(0);
        let rest = output.stdout.strip_prefix(&own).unwrap_or_else(|| panic!("{args:?}: {}", output.both()));
        let lines: std::collections::HashMap<&str, &str> =
            rest.lines().map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line}"))).collect();
        let dots = lines["v8"].split('.').filter(|number| number.parse::<u32>().is_ok()).count();
        assert_eq!(dots, 4, "V8's full version: {rest}");
        assert_says(lines["v8-released"], &["-", " days ago)"]);
        for name in ["v8-crate", "v8-built", "v8-patches", "v8-sandbox", "v8-pointer-compression"] {
            assert!(lines.contains_key(name), "{name}: {rest}");
        }
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert_eq!((lines["v8-sandbox"], lines["v8-pointer-compression"]), ("on", "on"));
        }
    }
    for args in [&["--verbose"][..], &["--version", "run"]] {
        isolet([]).args(args).output().exits(2);
    }
}

#[test]
fn search_finds_tools_by_what_they_do() {
    let output = isolet(["search", "update", "a", "customer", "--limit", "1"]).output().exits(0);
    assert_says(&output.stdout, &["update_record("]);
    assert!(!output.stdout.contains("search_records("), "one hit was asked for: {}", output.stdout);
    let document = isolet(["search", "update a customer", "--limit", "3", "--json"]).output().exits(0).json();
    let hits = document["hits"].as_array().unwrap_or_else(|| panic!("{document:#}"));
    assert!((1..=3).contains(&hits.len()), "{document:#}");
    assert_eq!(hits[0]["tool"], "update_record", "{document:#}");
    let scores: Vec<f64> = hits.iter().filter_map(|hit| hit["score"].as_f64()).collect();
    assert!(scores.len() == hits.len() && scores.is_sorted_by(|a, b| a >= b), "best first: {document:#}");

    let nothing = isolet(["search", "zzzzzz"]).output().exits(0);
    assert_eq!(nothing.stdout, "");
    assert_says(&nothing.stderr, &["zzzzzz"]);
}
