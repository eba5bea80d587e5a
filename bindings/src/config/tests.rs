//! Configurations as people write them, and as they get them wrong.

use std::path::Path;
use std::time::Duration;

use super::*;

fn parse(text: &str) -> Result<McpConfig, ConfigError> {
    let lookup = |name: &str| (name == "TOKEN").then(|| "s3cr3t-value".to_owned());
    McpConfig::parse(text, Path::new("/project/mcp.json"), &lookup)
}

/// The message of a configuration that must be refused.
fn refused(text: &str) -> String {
    parse(text).expect_err("this configuration must be refused").to_string()
}

fn stdio(config: &McpConfig, name: &str) -> StdioConfig {
    match &config.servers[name].transport {
        TransportConfig::Stdio(stdio) => stdio.clone(),
        TransportConfig::Http(_) => panic!("{name} is not a child process"),
    }
}

#[test]
fn the_common_form_with_comments_and_trailing_commas() {
    let config = parse(
        r#"{
            // children
            "mcpServers": {
                "files": { "command": "mcp-server-filesystem", "args": ["."], "env": {"T": "${TOKEN}", "N": 3}, "cwd": "sub" },
                "web": { "type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}, "timeout": 5000 },
                "off": { "command": "x", "args": ["${NOT_SET}"], "disabled": true }, /* the last */
            },
        }"#,
    )
    .unwrap();
    assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["files", "web", "off"]);
    let files = stdio(&config, "files");
    assert_eq!(
        (files.command.as_str(), files.args.as_slice()),
        ("mcp-server-filesystem", &[".".to_owned()][..])
    );
    assert_eq!(files.env["T"].expose(), "s3cr3t-value");
    assert_eq!(files.env["N"].expose(), "3");
    assert_eq!(files.cwd.as_deref(), Some(Path::new("/project/sub")));
    let TransportConfig::Http(web) = &config.servers["web"].transport else { panic!("web is HTTP") };
    assert_eq!(web.headers[&http::header::AUTHORIZATION].expose(), "Bearer s3cr3t-value");
    assert_eq!(config.servers["web"].call_timeout, Some(Duration::from_secs(5)));
    assert!(config.servers["off"].disabled);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn vs_code_form() {
    let text = r#"{"servers": {"a": {"type": "stdio", "command": "${workspaceFolder}/a"}}, "inputs": []}"#;
    let lookup = |_: &str| None;
    let config = McpConfig::parse(text, Path::new("/project/.vscode/mcp.json"), &lookup).unwrap();
    assert_eq!(stdio(&config, "a").command, "/project/a");
}

#[test]
fn credentials_are_never_printed() {
    let config = parse(
        r#"{"mcpServers": {
            "a": {"command": "x", "args": ["--token=${TOKEN}"], "env": {"KEY": "${TOKEN}"}},
            "b": {"url": "http://u:${TOKEN}@127.0.0.1/mcp?key=${TOKEN}", "headers": {"X-Key": "${TOKEN}"}}
        }}"#,
    )
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert!(shown.contains("[redacted]"), "{shown}");
}

#[test]
fn syntax_errors_have_line_and_column() {
    let message = refused("{\n  \"mcpServers\": {\n    \"a\": { \"command\" \"x\" }\n  }\n}");
    assert!(message.starts_with("/project/mcp.json:3:22: not valid JSON:"), "{message}");
    // Columns are characters: é is one.
    let message = refused("{\n  \"mcpServers\": {\"é\": {\"command\": 1}}}");
    assert!(message.starts_with("/project/mcp.json:2:35:"), "{message}");
    assert!(refused("").contains(":1:1:"));
    assert!(refused("{'mcpServers': {}}").contains(":1:2:"));
    assert!(refused("[1]").contains("expected an object"));
    assert!(refused("{}").contains("\"mcpServers\""));
}

#[test]
fn two_servers_with_one_name_are_refused_with_both_positions() {
    let message =
        refused("{\"mcpServers\": {\n  \"a\": {\"command\": \"x\"},\n  \"a\": {\"command\": \"y\"}\n}}");
    assert!(message.starts_with("/project/mcp.json:3:3: two servers are called \"a\""), "{message}");
    assert!(message.contains("the first is at 2:3"), "{message}");
    let message = refused(
        "{\"mcpServers\": {\"a\": {\"command\": \"x\"}},\n\"servers\": {\"a\": {\"command\": \"y\"}}}",
    );
    assert!(message.contains(":2:13: two servers are called \"a\""), "{message}");
}

#[test]
fn a_repeated_key_is_refused() {
    let message = refused(r#"{"mcpServers": {"a": {"command": "x", "command": "y"}}}"#);
    assert!(message.contains("appears twice: \"command\" (the first is at 1:23)"), "{message}");
    assert!(
        refused(r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "1", "K": "2"}}}}"#).contains("\"K\"")
    );
}

#[test]
fn a_missing_variable_names_variable_server_and_line() {
    let message =
        refused("{\"mcpServers\": {\"git\": {\n  \"command\": \"x\",\n  \"args\": [\"${GONE}\"]\n}}}");
    assert!(message.starts_with("/project/mcp.json:3:12: server \"git\":"), "{message}");
    assert!(message.contains("GONE is not set"), "{message}");
}

#[test]
fn transports_are_chosen_or_refused_with_a_reason() {
    for (server, expected) in [
        (r#"{"type": "sse", "url": "http://x/sse"}"#, "\"type\": \"http\""),
        (r#"{"type": "websocket", "url": "ws://x"}"#, "unknown type \"websocket\""),
        (r#"{"command": "x", "url": "http://x"}"#, "both"),
        (r#"{}"#, "neither"),
        (r#"{"type": "http", "command": "x"}"#, "no \"url\""),
        (r#"{"url": "ftp://x/"}"#, "expected http"),
        (r#"{"command": ""}"#, "is empty"),
        (r#"{"command": "x", "args": "y"}"#, "list of strings"),
        (r#"{"command": "x", "timeout": "soon"}"#, "milliseconds"),
        (r#"{"url": "http://x", "headers": {"Accept": "*/*"}}"#, "set by isolet itself"),
        (r#"{"url": "http://x", "headers": {"a b": "c"}}"#, "not the name of a header"),
        ("7", "must be an object"),
    ] {
        let message = refused(&format!("{{\"mcpServers\": {{\"s\": {server}}}}}"));
        assert!(message.contains(expected), "{server}: {message}");
    }
    for kind in ["http", "streamable-http", "streamableHttp"] {
        let config =
            parse(&format!(r#"{{"servers": {{"s": {{"type": "{kind}", "url": "http://x/"}}}}}}"#)).unwrap();
        assert_eq!(config.servers["s"].transport.kind(), "http");
    }
}

#[test]
fn unknown_keys_are_warnings() {
    let config =
        parse("{\"mcpServers\": {\"a\": {\"command\": \"x\",\n \"sandbox\": true, \"autoApprove\": []}}}")
            .unwrap();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].starts_with("/project/mcp.json:2:2: unknown key \"sandbox\" of server \"a\""));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(refused(&"[".repeat(1_000_000)).contains("nesting depth"));
}

#[test]
fn files_are_found_in_order_and_read() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(McpConfig::find(folder.path()), None);
    std::fs::create_dir(folder.path().join(".vscode")).unwrap();
    std::fs::write(folder.path().join(".vscode/mcp.json"), "{\"servers\": {}}").unwrap();
    assert_eq!(McpConfig::find(folder.path()), Some(folder.path().join(".vscode/mcp.json")));
    std::fs::write(folder.path().join("mcp.json"), "\u{feff}{\"mcpServers\": {}}").unwrap();
    assert_eq!(McpConfig::find(folder.path()), Some(folder.path().join("mcp.json")));
    assert!(McpConfig::load(&folder.path().join("mcp.json")).unwrap().servers.is_empty());

    std::fs::write(folder.path().join("bad.json"), b"{\n \xff}").unwrap();
    let message = McpConfig::load(&folder.path().join("bad.json")).unwrap_err().to_string();
    assert!(message.ends_with("bad.json:2:2: the file is not UTF-8 from here on"), "{message}");
    assert!(matches!(McpConfig::load(Path::new("/nowhere/mcp.json")), Err(ConfigError::Read { .. })));
}

#[test]
fn start_era_and_logins() {
    let config = parse(
        r#"{"mcpServers": {
            "a": {"command": "x", "start": "lazy", "era": "legacy"},
            "b": {"url": "https://x/", "oauth": true, "era": "auto"},
            "c": {"url": "https://x/", "oauth": {
                "clientId": "me", "clientSecret": "${TOKEN}", "scopes": "read write", "grant": "client_credentials"
            }},
            "d": {"url": "https://x/", "oauth": {"clientId": "me", "scopes": ["read"], "callbackPort": 8123, "x": 1}}
        }}"#,
    )
    .unwrap();
    assert_eq!((config.servers["a"].start, config.servers["a"].era), (Start::Lazy, Some(Era::Legacy)));
    assert_eq!((config.servers["b"].start, config.servers["b"].era), (Start::Eager, None));
    let oauth = |name: &str| match &config.servers[name].transport {
        TransportConfig::Http(http) => http.oauth.clone().unwrap(),
        TransportConfig::Stdio(_) => panic!("{name} is a child process"),
    };
    assert_eq!(oauth("b").grant, Grant::AuthorizationCode);
    let c = oauth("c");
    assert_eq!((c.grant, c.client_secret.unwrap().expose()), (Grant::ClientCredentials, "s3cr3t-value"));
    assert_eq!(c.scopes, ["read", "write"]);
    assert_eq!(oauth("d").redirect_port, Some(8123));
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(!format!("{config:?}").contains("s3cr3t"));

    for (server, expected) in [
        (r#"{"command": "x", "start": "later"}"#, r#""start" must be one of "eager", "lazy""#),
        (r#"{"command": "x", "era": 7}"#, "must be a string"),
        (r#"{"url": "http://x", "oauth": "yes"}"#, "must be an object"),
        (r#"{"url": "http://x", "oauth": {"grant": "client_credentials"}}"#, "need \"clientId\""),
        (r#"{"url": "http://x", "oauth": {"clientSecret": "x"}}"#, "without \"clientId\""),
        (r#"{"url": "http://x", "oauth": {"redirectPort": 0}}"#, "a port from 1"),
        (r#"{"url": "http://x", "oauth": {"scopes": [1]}}"#, "list of scopes"),
    ] {
        let message = refused(&format!("{{\"mcpServers\": {{\"s\": {server}}}}}"));
        assert!(message.contains(expected), "{server}: {message}");
    }
}

#[test]
fn a_file_of_variables_comes_before_env() {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("mcp.json");
    std::fs::write(folder.path().join(".env"), "A=file\nB=file\n").unwrap();
    let parse = |text: &str| McpConfig::parse(text, &origin, &|_| None);
    let text = r#"{"mcpServers": {"s": {"command": "x", "envFile": "${workspaceFolder}/.env", "env": {"B": "own"}}}}"#;
    let config = parse(text).unwrap();
    let env = stdio(&config, "s").env;
    assert_eq!((env["A"].expose(), env["B"].expose()), ("file", "own"));

    std::fs::write(folder.path().join(".env"), "A=1\nhalf a s3cr3t\n").unwrap();
    let message = parse(text).unwrap_err().to_string();
    assert!(
        message.contains(".env: line 2: expected NAME=value") && !message.contains("s3cr3t"),
        "{message}"
    );
    let message = parse(&text.replace(".env", "none")).unwrap_err().to_string();
    assert!(message.contains("mcp.json:1:") && message.contains("No such file"), "{message}");
}
