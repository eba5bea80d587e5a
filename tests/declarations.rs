//! The declarations that are served compile under `tsc --strict`, with the scripts that are written against them.

mod harness;

use harness::command::program;
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
             const stops: Input['stops'] = [{ name: 'Lyon', latitude: 1, longitude: 2 }];
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
