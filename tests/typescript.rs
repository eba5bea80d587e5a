//! TypeScript with runtime semantics has the meaning of TypeScript's own compiler.

use crate::harness::command::program;
use crate::harness::*;

/// Separates the snippets of the corpus.
const MARK: &str = "//---\n";

#[tokio::test]
async fn scripts_behave_as_compiled_by_typescript() {
    let corpus = std::fs::read_to_string(repository().join("tests/typescript/corpus.ts")).unwrap();
    let snippets: Vec<&str> = corpus.split(MARK).skip(1).collect();
    let node = npm::servers();
    let reference = repository().join("tests/typescript/reference.mjs");
    let compiler = node.folder().join("node_modules/typescript/lib/typescript.js");
    let output = program("node", [reference.to_str().unwrap(), compiler.to_str().unwrap()])
        .stdin(serde_json::to_string(&snippets).unwrap())
        .output()
        .exits(0);
    let expected: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(expected.len(), snippets.len());

    let server = Daemon::serve();
    let mut wrong = Vec::new();
    for (snippet, expected) in snippets.iter().zip(expected) {
        let report = server.run(snippet).await;
        let found = match report["ok"].as_bool() {
            Some(true) => json!({ "value": report["result"] }),
            _ => json!({ "threw": report["error"]["name"] }),
        };
        if found != expected {
            wrong.push(format!("{snippet}\nTypeScript: {expected}\nisolet: {found} {}", report["error"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), snippets.len(), wrong.join("\n\n"));
}

#[tokio::test]
async fn errors_behind_rewritten_text_have_the_place_in_the_callers_text() {
    let server = Daemon::serve();
    for (code, line, column) in [
        ("enum E { A, B }; throw new Error(E[1]);", 1, 24),
        ("enum E {\n  A = 1,\n  B = (null as any).b,\n}", 3, 21),
        ("namespace N {\n  export let n = 1, m = n.a.b;\n}", 2, 29),
        ("class P { constructor(private a: any) { this.a.b.c } }\nnew P({})", 1, 50),
        ("```ts\nenum E { A } null!.b\n```", 2, 20),
    ] {
        let report = server.run(code).await;
        let error = &report["error"];
        assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(column)), "{code}: {report:#}");
    }
}
