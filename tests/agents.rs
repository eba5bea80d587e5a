//! `examples/agents`, run as their README describes: isolet and the SDKs are real, the model
//! follows a script.

use crate::harness::model::Model;
use crate::harness::*;

const TOKEN: &str = "a-token-for-agents";

/// A script that fails with an unknown tool; a model would correct it by the message.
const WRONG: &str = "return await env.demo.ad({ a: 1, b: 2 })";

/// A result of about 5 KB. Clients that hide structured content from their model must get it as
/// text.
const RIGHT: &str = "const { sum } = await env.demo.add({ a: 1, b: 2 });
    return Array.from({ length: 200 }, (_, at) => ({ id: at, name: `row ${at}`, sum }))";

/// Runs one example to its end with a model that makes a mistake, corrects it, and repeats the
/// tool's answer.
async fn works(program: &str, file: &str) {
    let server = Daemon::serve_as(Folder::new(), &["--listen", "127.0.0.1:0"], &[("ISOLET_TOKEN", TOKEN)]);
    let model = Model::running(&[WRONG, RIGHT]);
    let script = repository().join("examples/agents").join(file);
    let script = match file.ends_with(".mjs") {
        // Node.js looks for modules beside the file.
        true => npm::agents().copy_module(&script),
        false => script,
    };
    let output = command::program(program, [script.to_str().expect("a path in UTF-8"), "List the rows."])
        .env("ISOLET_URL", format!("http://{}", server.address()))
        .env("ISOLET_TOKEN", TOKEN)
        .env("OPENAI_API_KEY", "none")
        .env("OPENAI_BASE_URL", format!("{}/v1", model.url()))
        .env("ANTHROPIC_API_KEY", "none")
        .env("ANTHROPIC_BASE_URL", model.url())
        .env("OPENAI_AGENTS_DISABLE_TRACING", "1")
        .env("LANGSMITH_TRACING", "false")
        .output()
        .exits(0);
    let read = model.read();
    assert_eq!(read.len(), 2, "{read:#?}\n{}", output.both());
    // One SDK passes the structured content to its model, quoted.
    let said: Vec<String> = read.iter().map(|text| text.replace('\\', "").replace("\": ", "\":")).collect();
    assert_says(
        &said[0],
        &[
            "Did you mean add?",
            "The MCP server \"demo\" has no tool \"ad\".",
            "1 | return await env.demo.ad(",
        ],
    );
    assert_says(&said[1], &["\"row 0\"", "\"row 199\"", "\"sum\":3"]);
    assert!(output.stdout.starts_with("The tool said: "), "{}", output.both());
    assert_says(&output.stdout, &["row 199"]);
    let offered = json!(model.offered()).to_string();
    assert_says(&offered, &["env.<server>.<tool>", "add"]);
}

#[tokio::test]
async fn openai_chat_completions() {
    works(&pypi::agents().program("python"), "openai_chat.py").await;
}

#[tokio::test]
async fn anthropic_messages() {
    works(&pypi::agents().program("python"), "anthropic_messages.py").await;
}

#[tokio::test]
async fn the_ai_sdk() {
    works("node", "ai_sdk.mjs").await;
}

#[tokio::test]
async fn langchain() {
    works(&pypi::agents().program("python"), "langchain_agent.py").await;
}

#[tokio::test]
async fn pydantic_ai() {
    works(&pypi::agents().program("python"), "pydantic_ai_agent.py").await;
}

#[tokio::test]
async fn the_openai_agents_sdk() {
    works(&pypi::agents().program("python"), "openai_agents.py").await;
}

#[test]
fn each_example_has_under_forty_lines() {
    let folder = std::fs::read_dir(repository().join("examples/agents")).expect("a folder");
    for file in folder.map(|entry| entry.expect("an entry").path()) {
        if file.extension().is_some_and(|extension| extension != "md") {
            let lines = std::fs::read_to_string(&file).expect("a text").lines().count();
            assert!(lines < 40, "{}: {lines}", file.display());
        }
    }
}
