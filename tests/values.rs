//! The conversion of tools' results for scripts, and of scripts' results for callers: numbers,
//! lists, images, errors.

use crate::harness::fake_server::FakeServer;
use crate::harness::*;

async fn odd() -> (FakeServer, Daemon) {
    let odd = FakeServer::new();
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&["big"]) }));
    server.server_in("odd", "ready").await;
    (odd, server)
}

/// A script with `give(texts…)`, which returns the result of a tool that answers with these texts.
fn given(script: &str) -> String {
    format!(
        "const answer = (texts) => ({{ result: {{ content: texts.map((text) => ({{ type: 'text', text }})) }} }});\n\
         const give = (...texts) => env.odd.give(answer(texts));\n{script}"
    )
}

#[tokio::test]
async fn integers_beyond_2_53_do_not_change_without_a_warning() {
    let (odd, server) = odd().await;
    let report = server
        .run(&given("return (await give('{\"items\":[{\"id\":9007199254740993}]}')).items[0].id"))
        .await;
    let warning = &report["warnings"][0];
    assert_eq!(warning["code"], "rounded_number", "{report:#}");
    let said = text(&warning["message"]);
    assert_says(said, &["odd.give", ".items[].id", "9007199254740993", "9007199254740992", "$exact"]);
    assert!(warning["line"].is_number(), "{report:#}");
    // Twice in structured content: one warning.
    let report = server.run("await env.odd.big({}); return await env.odd.big({})").await;
    assert_eq!(report["warnings"].as_array().unwrap().len(), 1, "{report:#}");
    assert_says(
        text(&report["warnings"][0]["message"]),
        &["odd.big", ".n[]", "123456789012345678901234567890"],
    );
    // Numbers that fit give no warning, nor do digits in a text.
    let report =
        server.run(&given("return await give('{\"a\":9007199254740991,\"b\":\"9007199254740993\"}')")).await;
    assert_eq!(report["warnings"], json!([]), "{report:#}");

    // Exact, and back.
    let code = given(
        "const exact = await env.odd.$exact('give', answer(['{\"id\":9007199254740993,\"n\":7}']));\n\
         await env.odd.late({ ms: 1, id: exact.id });\n\
         return { kind: typeof exact.id, small: typeof exact.n, ...exact };",
    );
    let report = server.run(&code).await;
    assert_eq!(
        *result(&report),
        json!({ "kind": "bigint", "small": "number", "id": 9_007_199_254_740_993_u64, "n": 7 })
    );
    assert_eq!(report["warnings"], json!([]), "{report:#}");
    let sent = odd.seen().into_iter().find(|message| message["params"]["name"] == "late").unwrap();
    assert_eq!(sent["params"]["arguments"]["id"], 9_007_199_254_740_993_u64);
    assert_eq!(*result(&server.run("return 12345678901234567n").await), json!(12_345_678_901_234_567_u64));
}

#[tokio::test]
async fn several_texts_of_json_are_a_list() {
    let (_odd, server) = odd().await;
    let script = "const all = [await give(), await give('{\"a\":1}'), await give('{\"a\":1}', '{\"a\":2}'), await give('a', 'b')];\n\
                  return { all, lists: all.slice(0, 3).map((found) => [].concat(found || [])) };";
    let report = server.run(&given(script)).await;
    assert_eq!(
        *result(&report),
        json!({
            "all": ["", { "a": 1 }, [{ "a": 1 }, { "a": 2 }], "a\nb"],
            "lists": [[], [{ "a": 1 }], [{ "a": 1 }, { "a": 2 }]],
        })
    );
}

#[tokio::test]
async fn a_json_rpc_error_keeps_its_code_and_data() {
    let (_odd, server) = odd().await;
    let catching = |tool: &str| {
        format!(
            "try {{ await env.odd.{tool}({{}}) }} catch (e) {{ return [e.name, e.code, e.data, Object.keys(e)] }}"
        )
    };
    let refused = server.run(&catching("refuse")).await;
    assert_eq!(*result(&refused), json!(["ToolError", -32602, { "field": "when" }, []]));
    let failed = server.run(&catching("isError")).await;
    assert_eq!(*result(&failed), json!(["ToolError", null, null, []]));
}

#[tokio::test]
async fn a_returned_image_reaches_the_client_as_image_content() {
    let odd = FakeServer::new();
    let folder = Folder::new();
    folder.mcp_json(json!({ "odd": odd.entry(&[]) }));
    let image = "{ type: 'image', data: 'aGVsbG8=', mimeType: 'image/png' }";
    let shot = format!("const shot = await env.odd.give({{ result: {{ content: [{image}] }} }});");
    let mut client = mcp::Client::legacy(folder.path(), &[]);
    for code in
        [format!("{shot} return shot"), format!("{shot} return {{ note: 'n', shots: [shot.content[0]] }}")]
    {
        let answer = client.call("run", json!({ "code": code }));
        let content = answer["content"].as_array().unwrap();
        assert_eq!(content.len(), 2, "{answer:#}");
        assert_eq!(content[1], json!({ "type": "image", "data": "aGVsbG8=", "mimeType": "image/png" }));
        assert_eq!(answer.to_string().matches("aGVsbG8=").count(), 1, "{answer:#}");
        assert_says(text(&content[0]["text"]), &["content block 2"]);
    }
    // Over HTTP it is data.
    let server = Daemon::serve_with(json!({ "odd": odd.entry(&[]) }));
    server.server_in("odd", "ready").await;
    let report = server.run(&format!("{shot} return shot")).await;
    assert_eq!(result(&report)["content"][0]["data"], "aGVsbG8=");
}
