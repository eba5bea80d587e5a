//! The declarations of real servers: as snapshots, and compiled alone and together.

mod support;

use std::collections::HashSet;

use isolet_tsdefs::{
    Detail, ServerDefinition, ToolDefinition, aliases, declare, declare_server, declare_tool, signature,
};
use serde_json::json;
use support::compiler::compile;
use support::{alone, real_servers};

#[test]
fn declarations_equal_their_snapshots() {
    for server in real_servers() {
        for detail in [Detail::Brief, Detail::Full] {
            let declared = declare_server(&server, detail);
            insta::assert_snapshot!(format!("{}_{detail}", server.name), declared.text);
            assert_eq!(declared.widened, 0, "{} {detail}", server.name);
        }
    }
    let names = declare(&real_servers(), Detail::Names);
    insta::assert_snapshot!("all_names", names.text);
    let mut hits = Vec::new();
    for server in real_servers() {
        let names: Vec<&str> = server.tools.iter().map(|tool| tool.name.as_str()).collect();
        let tools = server.tools.iter().zip(aliases(&names));
        hits.extend(tools.map(|(tool, alias)| signature(&server.name, &alias, tool, 1)));
    }
    insta::assert_snapshot!("signatures", hits.join("\n"));
}

/// Returns servers with names and tools that may conflict with each other.
fn awkward_servers() -> Vec<ServerDefinition> {
    let tool = |name: &str| {
        let mut tool = ToolDefinition::new(
            name,
            json!({ "type": "object", "properties": { name: { "type": "string" } },
            "required": [name], "additionalProperties": false }),
        );
        tool.description =
            Some("*/ } declare const evil: any; /** @ts-ignore \u{2028} */ // `${x}` \\".to_owned());
        tool.output_schema = Some(
            json!({ "type": "object", "properties": { "Promise": { "$ref": "#/$defs/Promise" },
            "f": { "$ref": "#/$defs/Function" } }, "$defs": {
            "Promise": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Promise" }, "constructor": {} } },
            "Function": { "type": "array", "items": { "$ref": "#/$defs/Function" } } } }).into(),
        );
        tool
    };
    let names = [
        "then",
        "constructor",
        "__proto__",
        "toString",
        "new",
        "get",
        "set",
        "readonly",
        "static",
        "a-b",
        "a.b",
        "aB",
        "a_b",
        "創建",
        "用戶",
        "🔥",
        "$raw",
        "$tools",
        "Promise",
        "Array",
        "Record",
        "x\"y",
        "x\\y",
        "x\u{2028}y",
        "1st",
        "default",
        "delete",
        "Input",
        "constructor",
    ];
    let servers = [
        "promise",
        "Promise",
        "env",
        "Env",
        "mcp-server",
        "a-b",
        "a_b",
        "a.b",
        "aB",
        "AB",
        "__proto__",
        "then",
        "file",
        "創建",
        "x\"y",
        "",
        "globalThis",
        "constructor",
        "any",
        "string",
        "default",
    ];
    servers
        .into_iter()
        .map(|server| ServerDefinition {
            description: Some("@ts-nocheck */ \u{202e}".to_owned()),
            ..ServerDefinition::new(server, names.into_iter().map(tool).collect())
        })
        .collect()
}

#[test]
fn every_text_compiles_alone_and_with_the_others() {
    let mut files = Vec::new();
    for (group, servers) in [("real", real_servers()), ("odd", awkward_servers())] {
        for detail in Detail::ALL {
            for (at, server) in servers.iter().enumerate() {
                files.push((
                    format!("alone-{group}-{at}-{detail}.ts"),
                    alone(&declare_server(server, detail).text),
                ));
                let one = declare_tool(server, &server.tools[0].name, detail).expect("a tool of the server");
                files.push((format!("tool-{group}-{at}-{detail}.ts"), alone(&one.text)));
            }
            files.push((format!("all-{group}-{detail}.ts"), alone(&declare(&servers, detail).text)));
        }
    }
    let complaints = compile(&files);
    assert!(complaints.is_empty(), "{complaints:#?}");

    // As scripts, all texts share one scope. Levels would declare the same tools twice, so each
    // level is a program of its own.
    for detail in Detail::ALL {
        let mut names = HashSet::new();
        let mut files: Vec<_> = real_servers()
            .iter()
            .chain(&awkward_servers())
            // A text does not take account of another server whose name equals its alias.
            .filter(|server| !["a.b", "a-b"].contains(&server.name.as_str()))
            .enumerate()
            .map(|(at, server)| (format!("{at}.d.ts"), declare_server(server, detail).text))
            .inspect(|(name, _)| assert!(names.insert(name.clone())))
            .collect();
        files.push(("use.ts".into(), "export const all: Env = env;\n".into()));
        let complaints = compile(&files);
        assert!(complaints.is_empty(), "{detail}: {complaints:#?}");
    }
}

#[test]
fn calls_type_check_as_they_run() {
    let script = r#"
        export async function good() {
            await env.github.create_issue({ owner: "o", repo: "r", title: "t" });
            await env.sequential_thinking.sequentialthinking({
                thought: "t", nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 2 });
            await env.notion.API_get_users({ page_size: 3 });
            const { time_difference } = await env.time.convert_time({
                source_timezone: "a", time: "12:00", target_timezone: "b" });
            const text: string = time_difference;
            const names: string[] = await env.github.$tools();
            await env.github.$raw("create_issue", { owner: "o" });
            type Input = Parameters<Env["github"]["create_issue"]>[0];
            const input: Input = { owner: "o", repo: "r", title: "t", labels: ["l"] };
            return [text, names, input];
        }
        export async function bad() {
            // @ts-expect-error a required property is missing
            await env.github.create_issue({ owner: "o", repo: "r" });
            // @ts-expect-error the wrong type
            await env.github.create_issue({ owner: "o", repo: "r", title: 3 });
            // @ts-expect-error no such property, and the schema allows no others
            await env.github.create_issue({ owner: "o", repo: "r", title: "t", tilte: "t" });
            // @ts-expect-error no such tool
            await env.github.create_isue({ owner: "o", repo: "r", title: "t" });
            // @ts-expect-error arguments are required
            await env.github.create_issue();
            // @ts-expect-error an unknown result has to be looked at first
            (await env.github.create_issue({ owner: "o", repo: "r", title: "t" })).number;
        }
    "#;
    let awkward = r#"
        export async function odd() {
            await env.then.then({ then: "x" });
            await env.then.constructor({ constructor: "x" });
            await env.then.__proto__({ ["__proto__"]: "x" });
            await env["then"].new({ new: "x" });
            await env["__proto__"].get({ get: "x" });
            await env.then.a_b_2({ "a-b": "x" });
            await env.a_b.$raw({ $raw: "x" });
            // @ts-expect-error to await a server with a tool `then` is a mistake
            await env.then;
        }
    "#;
    // A key that is not named: the schema allows it, and so does `full`.
    let open = r#"
        export async function open() {
            await env.notion.API_get_users({ page_size: 3, more: true });
        }
    "#;
    let closed = r#"
        export async function closed() {
            // @ts-expect-error a key that is not named
            await env.notion.API_get_users({ page_size: 3, more: true });
        }
    "#;
    for detail in [Detail::Brief, Detail::Full] {
        let more = if detail == Detail::Full { open } else { closed };
        for (servers, script) in
            [(real_servers(), format!("{script}{more}")), (awkward_servers(), awkward.to_owned())]
        {
            let complaints =
                compile(&[("env.d.ts".into(), declare(&servers, detail).text), ("script.ts".into(), script)]);
            assert!(complaints.is_empty(), "{detail}: {complaints:#?}");
        }
    }
}
