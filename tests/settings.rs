//! `isolet.toml`: its limits fire, and mistakes in it end the command before anything starts.

use crate::harness::{Daemon, Folder, assert_says, error, isolet, json, result, text};

fn folder(toml: &str) -> Folder {
    let folder = Folder::new();
    folder.write("isolet.toml", toml);
    folder
}

#[tokio::test]
async fn the_limits_of_the_file_fire() {
    let server = Daemon::serve_in(
        folder(
            "[limits]\ncpu = '1s'\nwall = '4s'\nmemory = '32MiB'\ncalls = 2\ncode = '2KiB'\ninput = '1KiB'\n\
             result = '1KiB'\nlogs = '1KiB'\n[runtime]\nzygotes = 1\nwarm = 1\n",
        ),
        &[],
    )
    .await_ready()
    .await;
    for (code, script, said) in [
        ("cpu_limit", "for (;;) {}", "1s"),
        ("wall_limit", "await new Promise((done) => setTimeout(done, 60_000))", "4s"),
        ("memory_limit", "const all = []; for (;;) all.push(new Array(10_000).fill({}))", "32"),
        ("call_limit", "for (let i = 0; i < 3; i++) await env.demo.add({ a: i, b: i })", "2"),
        ("output_limit", "return 'x'.repeat(2_000)", "1.0 KiB"),
        ("output_limit", "console.log('x'.repeat(2_000))", "1.0 KiB"),
    ] {
        let report = server.run(script).await;
        assert_says(text(&error(&report, code)["message"]), &[said]);
    }
    let send = async |body: serde_json::Value| server.send(crate::harness::http::Request::run(&body)).await;
    let code = format!("return 1 //{}", "x".repeat(2048));
    assert_says(text(&send(json!({ "code": code })).await.problem(413)["detail"]), &["2,048"]);
    let input = json!({ "code": "1", "input": "x".repeat(2000) });
    assert_says(text(&send(input).await.problem(413)["detail"]), &["1,024"]);
    server.assert_works().await;
}

#[tokio::test]
async fn a_request_lowers_the_limits_and_never_raises_them() {
    let server =
        Daemon::serve_in(folder("[limits]\nwall = '400ms'\ncpu = '400ms'\n"), &[]).await_ready().await;
    let slow = "await new Promise((done) => setTimeout(done, 60_000))";
    let report = server.run_with(json!({ "code": slow, "timeout_ms": 600_000 })).await;
    assert_says(text(&error(&report, "wall_limit")["message"]), &["400ms"]);
    let report = server.run_with(json!({ "code": slow, "timeout_ms": 100 })).await;
    assert_says(text(&error(&report, "wall_limit")["message"]), &["100ms"]);
}

#[test]
fn a_missing_servers_file_is_named_with_its_line() {
    let folder = folder("# servers\nmcp_config = 'none.json'\n");
    let output = isolet(["types", "--config", "isolet.toml"]).within(folder.path()).output().exits(3);
    let said = "isolet: isolet.toml:2:14: `mcp_config = 'none.json'`: there is no such file\n";
    assert_eq!(output.stderr, said);
    // The command line overrides it.
    let servers = json!({ "mcpServers": {} }).to_string();
    let servers = folder.write("mcp.json", servers).display().to_string();
    let args = ["types", "--config", "isolet.toml", "--mcp-config", &servers];
    isolet(args).within(folder.path()).output().exits(0);
}

#[test]
fn a_command_uses_the_settings_that_it_is_given() {
    let folder = folder("[limits]\ncpu = '200ms'\n");
    folder.write("spin.ts", "for (;;) {}");
    let output = isolet(["run", "spin.ts"]).within(folder.path()).output().exits(1);
    assert_says(&output.stderr, &["error[cpu_limit]", "200ms"]);
    // The operator's limit applies to the command line too.
    let output = isolet(["run", "spin.ts", "--timeout", "5s"]).within(folder.path()).output().exits(1);
    assert_says(&output.stderr, &["error[cpu_limit]", "200ms"]);

    folder.write("other.toml", "[limits]\ncpu = '100ms'\n");
    let other = ["run", "spin.ts", "--config", "other.toml"];
    let output = isolet(other).within(folder.path()).output().exits(1);
    assert_says(&output.stderr, &["error[cpu_limit]", "100ms"]);
}

#[test]
fn a_mistake_ends_the_command_before_anything_starts() {
    let folder = folder("[limits]\ncpu = '10x'\n");
    folder.write("one.ts", "1");
    for args in [["run", "one.ts"], ["serve", "--listen=127.0.0.1:0"], ["types", "demo"], ["search", "add"]] {
        let output = isolet(args).within(folder.path()).output().exits(2);
        assert_eq!(
            output.stderr,
            "isolet: ./isolet.toml:2:7: `limits.cpu = '10x'`: unknown time unit `x`; use 500ms, 30s or 2m\n"
        );
    }
    let absent = isolet(["run", "one.ts", "--config", "none.toml"]).within(folder.path()).output().exits(2);
    assert_says(&absent.stderr, &["isolet: cannot read none.toml: No such file or directory"]);
}

#[tokio::test]
async fn addresses_and_tokens_come_from_the_file() {
    let folder = folder("[server]\ntokens = [{ file = 'token' }]\n");
    folder.write("token", "s3cret\n");
    let server = Daemon::serve_in(folder, &[]);
    let bare = server.get("/v1/servers").await.problem(401);
    assert_says(text(&bare["detail"]), &["requires a token"]);
    let with = crate::harness::http::Request::get("/v1/servers").header("authorization", "Bearer s3cret");
    server.send(with).await.expect(200);
}

#[tokio::test]
async fn a_small_heap_is_enough_for_a_small_script() {
    let server = Daemon::serve_in(folder("[limits]\nmemory = '16MiB'\n"), &[]).await_ready().await;
    let report = server.run("return (await env.demo.add({ a: 1, b: 2 })).sum").await;
    assert_eq!(*result(&report), 3);
}
