//! Scripts as models write them: a wrong value never comes without a warning.

use crate::harness::fake_server::FakeServer;
use crate::harness::mcp::{Client, text as text_of};
use crate::harness::*;

/// A write without `await`, and a result that does not wait for it.
const FORGOTTEN: &str = "const n = 1;\nenv.demo.wait({ ms: 5000 });\nreturn n;";

#[tokio::test]
async fn a_call_without_await_is_a_warning_over_http() {
    let server = Daemon::serve().await_ready().await;
    let report = server.run(FORGOTTEN).await;
    assert_eq!(*result(&report), 1);
    let warning = &report["warnings"][0];
    assert_eq!(
        (&warning["code"], &warning["line"], &warning["column"]),
        (&json!("not_awaited"), &json!(2), &json!(10))
    );
    assert_says(
        text(&warning["message"]),
        &["cancelled", "may have taken effect", "demo.wait (line 2)", "await env.demo.wait("],
    );
    assert_eq!(report["warnings"].as_array().unwrap().len(), 1, "{report:#}");

    let mut connection = server.connect().await;
    let mut events = connection.events(&json!({ "code": FORGOTTEN })).await;
    let events = events.rest().await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["call_start", "warning", "call", "result"]);
    assert_eq!(events[3].data["warnings"], json!([events[1].data]));
    assert_eq!(server.run("return await env.demo.add({ a: 1, b: 1 })").await["warnings"], json!([]));
}

#[test]
fn a_call_without_await_is_a_warning_before_the_result_over_mcp() {
    let folder = Folder::with_servers(demo());
    let mut client = Client::legacy(folder.path(), &[]);
    let done = client.call("run", json!({ "code": FORGOTTEN }));
    let text = text_of(&done);
    assert!(
        text.starts_with("warning: line 2: A call had no answer when the script ended")
            && text.ends_with("\n\n1"),
        "{text}"
    );
    assert_eq!(done["structuredContent"]["warnings"][0]["code"], "not_awaited");
    let fine = client.call("run", json!({ "code": "return 1" }));
    assert_eq!((text_of(&fine), fine["structuredContent"].get("warnings")), ("1", None));
}

#[test]
fn a_call_without_await_is_a_warning_on_the_command_line() {
    let folder = Folder::new();
    folder.write("job.ts", FORGOTTEN);
    let plain = isolet(["run", "job.ts"]).within(folder.path()).output().exits(0);
    assert_eq!(plain.json(), 1);
    assert_says(&plain.stderr, &["\nwarning: line 2: A call had no answer when the script ended"]);
    let document = isolet(["run", "--json", "job.ts"]).within(folder.path()).output().exits(0).json();
    assert_eq!(document["warnings"][0]["code"], "not_awaited");
    assert!(
        !isolet(["run", "-q", "job.ts"]).within(folder.path()).output().exits(0).stderr.contains("warning")
    );
}

/// The expected outcome of a script.
enum Expected {
    /// This result, without a warning.
    Gives(Value),
    /// This result, and a warning with this code and these words.
    Warns(Value, &'static str, &'static [&'static str]),
    /// An error with this code and a position, whose message or hint has these words.
    Fails(&'static str, &'static [&'static str]),
}
use Expected::*;

/// Scripts of models, against the demo server.
fn scripts() -> Vec<(&'static str, &'static str, Expected)> {
    let title = || Gives(json!("Halden: notes of the call on 16 November"));
    vec![
        (
            "main is called",
            "async function main() {\n  const t = await env.demo.add({ a: 1, b: 2 });\n  return t;\n}\n\nmain();",
            Gives(json!({ "sum": 3 })),
        ),
        (
            "main is awaited",
            "async function main() { return (await env.demo.add({ a: 1, b: 2 })).sum }\nawait main();",
            Gives(json!(3)),
        ),
        (
            "an arrow is called",
            "const main = async () => (await env.demo.add({ a: 1, b: 2 })).sum;\nmain()",
            Gives(json!(3)),
        ),
        (
            "a trailing expression",
            "const t = await env.demo.get_document({ id: \"doc-notes-halden-call\" });\nt.title;",
            title(),
        ),
        (
            "a trailing expression on the same line",
            "const t = await env.demo.get_document({ id: \"doc-notes-halden-call\" }); t.title",
            title(),
        ),
        (
            "an IIFE after a declaration",
            "const b: number = 2;\n\n(async () => {\n  return (await env.demo.add({ a: 1, b })).sum;\n})();",
            Gives(json!(3)),
        ),
        (
            "try around everything",
            "try {\n  const t = await env.demo.add({ a: 1, b: 2 });\n  t.sum;\n} catch (e) {\n  console.error(e);\n}",
            Gives(json!(3)),
        ),
        ("then at the end", "const n = 1;\nenv.demo.add({ a: n, b: 2 }).then((r) => r.sum)", Gives(json!(3))),
        (
            "a function as the last value",
            "const f = async (env) => (await env.demo.add({ a: 1, b: 2 })).sum;\nf",
            Gives(json!(3)),
        ),
        ("an assignment", "let r;\nr = (await env.demo.add({ a: 1, b: 2 })).sum;", Gives(json!(3))),
        (
            "a module that ends with a call",
            "export async function main() { return 1 }\nmain();",
            Gives(json!(1)),
        ),
        (
            "a module that imports env",
            "import { env as e } from \"isolet:env\";\nconst r = await e.demo.add({ a: 1, b: 2 });\nr.sum",
            Gives(json!(3)),
        ),
        (
            "main that logs",
            "async function main(): Promise<void> {\n  console.log((await env.demo.add({ a: 1, b: 2 })).sum);\n}\nmain().catch(console.error);",
            Gives(Value::Null),
        ),
        (
            "then console.log",
            "const n = 2;\nenv.demo.add({ a: 1, b: n }).then(console.log);",
            Gives(Value::Null),
        ),
        ("a log and nothing else", "const a = 1;\nconsole.log(a);", Gives(Value::Null)),
        (
            "two functions, none called",
            "async function get(a: number) {\n  return await env.demo.add({ a, b: 1 });\n}\n\nasync function run() {\n  return [await get(1), await get(2)];\n}",
            Warns(Value::Null, "never_called", &["never called: run", "return await run();"]),
        ),
        (
            "an arrow that nobody calls",
            "console.log('start');\nconst main = async () => { return 1 };",
            Warns(Value::Null, "never_called", &["main"]),
        ),
        (
            "a result that is only declared",
            "const result = (await env.demo.add({ a: 1, b: 2 })).sum;",
            Warns(Value::Null, "no_result", &["return value;"]),
        ),
        (
            "a loop at the end",
            "const all = [];\nfor (const a of [1, 2]) { all.push(await env.demo.add({ a, b: 1 })); }",
            Warns(Value::Null, "no_result", &["return"]),
        ),
        (
            "a function without return",
            "async () => { const r = await env.demo.add({ a: 1, b: 2 }); r.sum }",
            Warns(Value::Null, "no_result", &["braces"]),
        ),
        (
            "a default function without return",
            "export default async function (env) { await env.demo.add({ a: 1, b: 2 }) }",
            Warns(Value::Null, "no_result", &["return"]),
        ),
        (
            "a field that is not there",
            "const r = await env.demo.add({ a: 1, b: 2 });\nreturn r.content?.[0]?.text;",
            Warns(Value::Null, "no_result", &["undefined"]),
        ),
        (
            "forEach with async",
            "const out = [];\n[1, 2].forEach(async (ms) => { out.push(await env.demo.wait({ ms: ms * 1000 })) });\nreturn out;",
            Warns(
                json!([]),
                "not_awaited",
                &["2 calls", "demo.wait (line 2, 2 times)", "forEach", "cancelled"],
            ),
        ),
        (
            "a field of a promise",
            "const r = env.demo.wait({ ms: 3000 });\nreturn { ms: r.waited_ms };",
            Warns(json!({}), "not_awaited", &["demo.wait (line 1)"]),
        ),
        (
            "a field of a promise that has settled",
            "const r = env.demo.add({ a: 1, b: 2 });\nawait env.demo.wait({ ms: 300 });\nreturn { sum: r.sum };",
            Warns(json!({}), "not_awaited", &["The answer of a call was not awaited: demo.add (line 1)"]),
        ),
        (
            "a failure that nobody awaits",
            "env.demo.fail({ message: 'no space' });\nawait env.demo.wait({ ms: 300 });\nreturn 'written';",
            Warns(json!("written"), "unhandled_rejection", &["no space", "await"]),
        ),
        (
            "a failure in forEach",
            "[1].forEach(async () => { throw new Error('in here') });\nreturn 1;",
            Warns(json!(1), "unhandled_rejection", &["in here"]),
        ),
        (
            "a promise in a template",
            "const r = env.demo.add({ a: 1, b: 2 });\nreturn `sum: ${r}`;",
            Warns(json!("sum: [object Promise]"), "promise_as_text", &["Await"]),
        ),
        (
            "a last value that JSON has not",
            "const m = new Map();\nm.set('a', (await env.demo.add({ a: 1, b: 2 })).sum);",
            Warns(Value::Null, "result_dropped", &["a Map", "Object.fromEntries"]),
        ),
        (
            "a promise in JSON",
            "const r = env.demo.add({ a: 1, b: 2 });\nconsole.log(JSON.stringify(r));\nreturn JSON.stringify(r);",
            Fails("exception", &["JSON.stringify", "Await it"]),
        ),
        (
            "a list of promises",
            "return [1, 2].map((a) => env.demo.add({ a, b: 1 }));",
            Fails("exception", &["a Promise", "Promise.all"]),
        ),
        (
            "a map and a set",
            "return { m: new Map(), s: new Set() };",
            Fails("exception", &["a Map at .m and a Set at .s", "Object.fromEntries", "[...set]"]),
        ),
        (
            "exports by name",
            "export async function main() {\n  return 1;\n}",
            Fails("syntax", &["exports `main` but has no default export", "export default"]),
        ),
        (
            "a list of exports",
            "const total = 1;\nexport { total };",
            Fails("syntax", &["`total`", "export default"]),
        ),
        (
            "code in JSON",
            "{\"code\": \"return 1 + 1\"}",
            Fails("syntax", &["JSON object with the code", "Send the code itself"]),
        ),
        ("code in quotes", "\"const a = 1; return a\"", Fails("syntax", &["one string", "without quotes"])),
        (
            "Python",
            "import json\n\nresult = env.files.read_text_file(path=\"/srv/data.csv\")\nprint(json.dumps(result))",
            Fails("syntax", &["Python"]),
        ),
        (
            "JSX",
            "const items = [\"a\", \"b\"];\nreturn <ul>{items.map((i) => <li>{i}</li>)}</ul>;",
            Fails("syntax", &["JSX"]),
        ),
        ("escaped twice", "const a = 1;\\nconst b = 2;\\nreturn a + b;", Fails("syntax", &["escaped twice"])),
        ("HTML", "return [1, 2].filter((x) =&gt; x &gt; 1);", Fails("syntax", &["HTML", "`>`"])),
        (
            "handler of one object",
            "export default async function handler({ env, input }) {\n  return await env.demo.add({ a: 1, b: 2 });\n}",
            Fails("exception", &["two arguments", "(env, input)"]),
        ),
        (
            "a server as a global",
            "const r = await demo.add({ a: 1, b: 2 });\nreturn r;",
            Fails("exception", &["demo is not defined", "`await env.demo.add({ … })`"]),
        ),
        (
            "a name with prefixes",
            "const r = await mcp__demo__add({ a: 1, b: 2 });\nreturn r;",
            Fails("exception", &["`await env.demo.add({ … })`"]),
        ),
        (
            "codemode",
            "return await codemode.add({ a: 1, b: 2 });",
            Fails("exception", &["env.<server>.<tool>", "Servers: demo, crm"]),
        ),
        (
            "a tool as a global",
            "const r = await get_document({ id: 'x' });\nreturn r;",
            Fails("exception", &["It is a tool", "env.demo.get_document"]),
        ),
        (
            "callTool",
            "const r = await env.crm.callTool('get_record', { id: 'x' });\nreturn r;",
            Fails("exception", &["has no tool \"callTool\"", "Tools are functions of their server"]),
        ),
        (
            "$call",
            "return await env.demo.$call('add', { a: 1 });",
            Fails("exception", &["has no tool \"$call\""]),
        ),
        (
            "a wrong tool of a small server",
            "const r = await env.crm.get_recrod({ id: 'x' });\nreturn r;",
            Fails(
                "exception",
                &["Did you mean", "Its tools: ", "It is called as `env.crm.get_record(input: {"],
            ),
        ),
        (
            "a text for an object",
            "const r = await env.demo.get_document('doc-1');\nreturn r;",
            Fails(
                "exception",
                &[
                    "must be an object, not a string",
                    "It is called as `env.demo.get_document(input: { id: string",
                ],
            ),
        ),
        (
            "a missing argument",
            "const r = await env.demo.add({ a: 1 });\nreturn r;",
            Fails("tool_error", &["It is called as `env.demo.add(input: { a: number; b: number"]),
        ),
        (
            "a wrong type",
            "return await env.demo.add({ a: 'one', b: 2 });",
            Fails("tool_error", &["`env.demo.add(input: { a: number; b: number"]),
        ),
        (
            "MCP content",
            "const r = await env.demo.add({ a: 1, b: 2 });\nconst data = JSON.parse(r.content[0].text);\nreturn data.sum;",
            Fails("exception", &["demo.add resolved to an object with sum", "not { content"]),
        ),
        (
            "a list that is none",
            "const r = await env.demo.add({ a: 1, b: 2 });\nreturn r.map((x) => x);",
            Fails("exception", &["r.map is not a function", "demo.add resolved to an object with sum"]),
        ),
        (
            "JSON.parse of an object",
            "const r = await env.demo.add({ a: 1, b: 2 });\nreturn JSON.parse(r).sum;",
            Fails("exception", &["already parsed", "an object with sum"]),
        ),
        (
            "JSON.parse of a text",
            "const r = await env.demo.get_document({ id: 'doc-notes-halden-call' });\nreturn JSON.parse(r.title);",
            Fails("exception", &["not valid JSON", "use it without JSON.parse"]),
        ),
        (
            "a field of a promise's field",
            "const r = env.demo.wait({ ms: 2000 });\nreturn r.content.split(',');",
            Fails("exception", &["env.demo.wait at line 1 was not awaited", "await env.demo.wait("]),
        ),
        (
            "print as the whole script",
            "print(\"hello\");",
            Fails("exception", &["print is not defined", "console.log"]),
        ),
        (
            "print in a list of statements",
            "const a = 1;\nprint(a)",
            Fails("exception", &["print is not defined", "console.log"]),
        ),
        (
            "Buffer",
            "return Buffer.from('a').toString('base64');",
            Fails("exception", &["not Node.js", "btoa"]),
        ),
        ("fs", "const t = fs.readFileSync('/x', 'utf8');\nreturn t;", Fails("exception", &["not Node.js"])),
        ("Deno", "return await Deno.readTextFile('/x');", Fails("exception", &["neither Deno nor Bun"])),
        (
            "axios",
            "const { data } = await axios.get('https://example.com');\nreturn data;",
            Fails("exception", &["no network"]),
        ),
        ("document", "return document.title;", Fails("exception", &["no browser"])),
        ("unknown first names", "foo.bar", Fails("exception", &["foo is not defined"])),
        ("an unknown call, awaited", "await foo()", Fails("exception", &["foo is not defined"])),
        ("an unknown class", "\n  new Foo()", Fails("exception", &["Foo is not defined"])),
        ("a thrown text", "const a = 1;\nthrow \"oops\";", Fails("exception", &["oops"])),
        ("a thrown object", "function f() {\n  throw { a: 1 };\n}\nf();", Fails("exception", &["a: 1"])),
        (
            "a cause",
            "try { null.x } catch (e) { throw new Error('outer', { cause: e }) }",
            Fails("exception", &["outer (caused by TypeError: Cannot read properties of null"]),
        ),
        (
            "any of several",
            "return await Promise.any([Promise.reject(new Error('first')), Promise.reject(new Error('second'))]);",
            Fails("exception", &["Error: first", "Error: second"]),
        ),
        ("return env", "return env;", Fails("exception", &["Object.keys(env"])),
        ("unfinished", "const a = [1, 2;\nreturn a.map((x) => {\n  return x\n", Fails("syntax", &["]"])),
        ("cut off", "const a = 1;\nif (a) {\n  return 2;\n", Fails("syntax", &["not closed"])),
        (
            "a raw call of a tool that is not there",
            "return await env.crm.$raw('nope');",
            Fails("exception", &["has no tool \"nope\"", "Its tools:"]),
        ),
        (
            "zod and return",
            "import { z } from \"zod\";\nreturn z.string();",
            Fails("syntax", &["cannot `return`", "zod"]),
        ),
    ]
}

#[tokio::test]
async fn scripts_of_models_have_the_expected_outcome() {
    let server = Daemon::serve().await_ready().await;
    let mut wrong = Vec::new();
    for (name, code, comes) in scripts() {
        let report = server.run(code).await;
        if let Err(what) = judge(&report, &comes) {
            wrong.push(format!("{name}: {what}\n{code}\n{report:#}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong\n\n{}", wrong.len(), scripts().len(), wrong.join("\n\n"));
}

fn judge(report: &Value, comes: &Expected) -> Result<(), String> {
    let lacks = |said: &str, parts: &[&str]| {
        parts.iter().find(|part| !said.contains(**part)).map(|part| (*part).to_owned())
    };
    let warnings = report["warnings"].as_array().unwrap();
    match comes {
        Gives(value) if report["result"] != *value || report["ok"] != true => {
            Err("another result".to_owned())
        }
        Gives(_) if !warnings.is_empty() => Err("a warning for nothing".to_owned()),
        Gives(_) => Ok(()),
        Warns(value, code, parts) => {
            if report["result"] != *value || report["ok"] != true {
                return Err("another result".to_owned());
            }
            let Some(warning) = warnings.iter().find(|warning| warning["code"] == **code) else {
                return Err(format!("no warning {code}"));
            };
            lacks(text(&warning["message"]), parts)
                .map_or(Ok(()), |part| Err(format!("the warning lacks {part:?}")))
        }
        Fails(code, parts) => {
            let error = &report["error"];
            if error["code"] != **code {
                return Err(format!("no error {code}"));
            }
            for field in ["line", "column", "frame"] {
                if error[field].is_null() {
                    return Err(format!("no {field}"));
                }
            }
            if text(&error["message"]).contains("(at ") {
                return Err("a stray place in the message".to_owned());
            }
            let said = format!(
                "{} {}",
                error["message"].as_str().unwrap_or(""),
                error["hint"].as_str().unwrap_or("")
            );
            lacks(&said, parts).map_or(Ok(()), |part| Err(format!("the error lacks {part:?}")))
        }
    }
}

#[tokio::test]
async fn an_error_has_its_stack() {
    let server = Daemon::serve().await_ready().await;
    let code = "async function helper(n: number) {\n  return await env.demo.fail({ message: `no ${n}` });\n}\n\nasync function main() {\n  await helper(1);\n}\nmain();";
    let report = server.run(code).await;
    let error = error(&report, "tool_error");
    assert_eq!((&error["line"], &error["column"]), (&json!(2), &json!(10)), "{error:#}");
    let stack = error["stack"].as_array().unwrap();
    assert_eq!(stack[0]["function"], "helper");
    assert_eq!((&stack[1]["function"], &stack[1]["line"]), (&json!("main"), &json!(6)));
    assert_eq!(error["tool"], json!({ "server": "demo", "tool": "fail" }));
    let short = server.run("const a = null;\nreturn a.b;").await;
    assert_eq!(crate::harness::error(&short, "exception")["stack"], json!([]));

    // Positions in a statement in the middle of a line whose value is the result.
    let report = server.run("const a: { b?: any } = {}; a.b.c").await;
    let error = crate::harness::error(&report, "exception");
    assert_eq!((&error["line"], &error["column"]), (&json!(1), &json!(32)), "{error:#}");
    assert_eq!(error["frame"], "1 | const a: { b?: any } = {}; a.b.c\n  |                                ^");
}

#[tokio::test]
async fn a_hint_spells_names_as_scripts_write_them() {
    let files = FakeServer::new();
    let input = json!({ "type": "object", "properties": { "a": { "type": "number" } }, "required": ["a"] });
    files.define(json!([{ "name": "get-sum", "inputSchema": input }]));
    let folder = Folder::with_servers(json!({ "my-files": files.entry(&["defined"]) }));
    let server = Daemon::serve_in(folder, &[]).await_ready().await;
    let called = "It is called as `env.my_files.get_sum(input: { a: number })`.";
    for code in [
        "return await env.my_files.get_sum('x')",
        "return await env['my-files']['get-sum']('x')",
        "return await env['my-files'].get_sum('x')",
    ] {
        let report = server.run(code).await;
        let hint = text(&error(&report, "exception")["hint"]);
        assert_says(hint, &[called]);
    }
    for (code, hint) in [
        (
            "return await env['my-files'].get_sm({})",
            format!("Did you mean get_sum? Its tools: get_sum. {called}"),
        ),
        ("return await env.my_file.get_sum({})", "Did you mean my_files? Servers: my_files.".to_owned()),
    ] {
        let report = server.run(code).await;
        assert_eq!(error(&report, "exception")["hint"], *hint, "{report:#}");
    }
    let report = server.run("env['my-files']['get-sum']({ a: 1 });\nreturn 1").await;
    assert_says(text(&report["warnings"][0]["message"]), &["`await env.my_files.get_sum(…)`"]);
}

/// Scripts of models, against servers of other projects. `{DATA}` is a folder of these servers.
fn scripts_for_three_servers() -> Vec<(&'static str, Expected)> {
    let orders =
        json!([{ "id": 1, "amount": 19.5, "status": "open" }, { "id": 2, "amount": 5.25, "status": "open" }]);
    vec![
        (
            "enum Status { Open = \"open\" }\nconst { content } = await env.files.read_text_file({ path: \"{DATA}/data.csv\" });\nconst orders = content.trim().split(\"\\n\").slice(1).map((line) => {\n  const [id, amount] = line.split(\",\");\n  return { id: Number(id), amount: parseFloat(amount), status: Status.Open };\n});\nreturn orders.filter((o) => o.status === Status.Open);",
            Gives(orders),
        ),
        (
            "async function main() {\n  const t = await env.time.get_current_time({ timezone: \"Asia/Tokyo\" });\n  console.log(t.datetime);\n  return t.timezone;\n}\n\nmain();",
            Gives(json!("Asia/Tokyo")),
        ),
        (
            "const t = await env.time.get_current_time({ timezone: \"UTC\" });\nt.timezone;",
            Gives(json!("UTC")),
        ),
        (
            "I'll list the directory first.\n\n```typescript\nreturn await env.files.list_directory({ path: \"{DATA}\" });\n```\n",
            Gives(json!({ "content": "[FILE] data.csv" })),
        ),
        (
            "const b = await env.git.git_branch({ repo_path: \"{DATA}/..\", branch_type: \"local\" });\nreturn typeof b",
            Gives(json!("string")),
        ),
        (
            "async function getTime(timezone: string) {\n  return await env.time.get_current_time({ timezone });\n}\nasync function run() {\n  return await getTime(\"UTC\");\n}",
            Warns(Value::Null, "never_called", &["return await run()"]),
        ),
        (
            "const r = await env.files.callTool(\"read_file\", { path: \"{DATA}/data.csv\" });\nreturn r;",
            Fails("exception", &["has no tool \"callTool\"", "await env.files.<tool>({", "read_text_file"]),
        ),
        (
            "const r = await files.read_file({ path: \"{DATA}/data.csv\" });\nreturn r;",
            Fails("exception", &["files is not defined", "await env.files.read_file({"]),
        ),
        (
            "return await mcp__files__read_file({ path: \"{DATA}/data.csv\" });",
            Fails("exception", &["await env.files.read_file({"]),
        ),
        (
            "const r = env.time.get_current_time({ timezone: \"UTC\" });\nreturn JSON.stringify(r);",
            Fails("exception", &["JSON.stringify", "Await it first"]),
        ),
        (
            "const r = await env.time.get_current_time({ timezone: \"UTC\" });\nreturn JSON.parse(r.content[0].text).datetime;",
            Fails(
                "exception",
                &["time.get_current_time resolved to an object with timezone, datetime", "not { content: ["],
            ),
        ),
        (
            "return await env.time.getTime({ timezone: \"UTC\" });",
            Fails("exception", &["has no tool \"getTime\"", "get_current_time", "convert_time"]),
        ),
        (
            "return await env.git.git_log({ path: \"{DATA}/..\" });",
            Fails("tool_error", &["git_log(input: { repo_path: string"]),
        ),
        (
            "return await env.files.read_text_file(\"{DATA}/data.csv\");",
            Fails("exception", &["must be an object", "read_text_file(input: { path: string"]),
        ),
        // This is the last one, as the Python SDK 1.30 sometimes ends its server at a cancelled
        // call.
        (
            "const found: string[] = [];\n[\"UTC\", \"Asia/Tokyo\"].forEach(async (z) => {\n  found.push((await env.time.get_current_time({ timezone: z })).datetime);\n});\nreturn found;",
            Warns(json!([]), "not_awaited", &["time.get_current_time (line 3", "Promise.all"]),
        ),
    ]
}

#[tokio::test]
async fn scripts_of_models_for_real_servers_have_the_expected_outcome() {
    let folder = Folder::new();
    folder.write("data/data.csv", "id,amount\n1,19.50\n2,5.25\n");
    let git = std::process::Command::new("git").args(["init", "--quiet", folder.text()]).status();
    assert!(git.is_ok_and(|status| status.success()), "git init");
    let server = Daemon::serve_with(json!({
        "time": { "command": pypi::servers().program("mcp-server-time"), "args": ["--local-timezone", "UTC"] },
        "files": { "command": npm::servers().program("mcp-server-filesystem"), "args": [folder.at("data")] },
        "git": { "command": pypi::servers().program("mcp-server-git") },
    }))
    .await_ready()
    .await;
    let mut wrong = Vec::new();
    for (code, comes) in scripts_for_three_servers() {
        let code = code.replace("{DATA}", &folder.at("data"));
        let report = server.run(&code).await;
        if let Err(what) = judge(&report, &comes) {
            wrong.push(format!("{what}\n{code}\n{report:#}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong\n\n{}", wrong.len(), wrong.join("\n\n"));
}
