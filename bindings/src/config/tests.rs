//! Tests with configurations as people write them.

use std::path::Path;
use std::time::Duration;

use super::*;

fn parse(text: &str) -> Result<McpConfig, ConfigError> {
    let lookup = |name: &str| (name == "TOKEN").then(|| "s3cr3t-value".to_owned());
    McpConfig::parse(text, Path::new("/project/mcp.json"), &lookup)
}

/// Returns the error of a configuration that must be refused.
fn refused(text: &str) -> String {
    parse(text).expect_err("this configuration must be refused").to_string()
}

/// Returns why the server `s` of a configuration is unusable, and the warning for the operator.
fn fault(text: &str) -> (String, String) {
    let config = parse(text).expect("an invalid server does not make the file invalid");
    let reason = config.servers["s"].fault().expect("it cannot be used").to_owned();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    (reason, config.warnings[0].clone())
}

fn stdio(config: &McpConfig, name: &str) -> StdioConfig {
    match &config.servers[name].transport {
        TransportConfig::Stdio(stdio) => stdio.clone(),
        other => panic!("{name} is not a child process: {other:?}"),
    }
}

#[test]
fn the_common_format_allows_comments_and_trailing_commas() {
    let config = parse(
        r#"{
            // children
            "mcpServers": {
                "files": { "command": "mcp-server-filesystem", "args": ["."], "env": {"T": "${TOKEN}", "N": 3}, "cwd": "sub",
                           "allowPrivilegeEscalation": true },
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
    assert!(files.allow_privilege_escalation);
    let TransportConfig::Http(web) = &config.servers["web"].transport else { panic!("web is HTTP") };
    assert_eq!(web.headers[&http::header::AUTHORIZATION].expose(), "Bearer s3cr3t-value");
    assert_eq!(config.servers["web"].call_timeout, Some(Duration::from_secs(5)));
    assert!(config.servers["off"].disabled);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_format_of_vs_code_is_read() {
    let text = r#"{"servers": {"a": {"type": "stdio", "command": "${workspaceFolder}/a"}}, "inputs": []}"#;
    let lookup = |_: &str| None;
    let config = McpConfig::parse(text, Path::new("/project/.vscode/mcp.json"), &lookup).unwrap();
    assert_eq!(stdio(&config, "a").command, "/project/a");
}

#[test]
fn servers_start_in_the_folder_of_the_project() {
    let folder = |origin: &str, cwd: &str| {
        let text = format!(r#"{{"servers": {{"a": {{"command": "x"{cwd}}}}}}}"#);
        stdio(&McpConfig::parse(&text, Path::new(origin), &|_| None).unwrap(), "a").cwd
    };
    let is = |path: &str| Some(PathBuf::from(path));
    for origin in ["/project/mcp.json", "/project/.mcp.json", "/project/.vscode/mcp.json"] {
        assert_eq!(folder(origin, ""), is("/project"), "{origin}");
    }
    assert_eq!(folder("/project/.vscode/mcp.json", r#", "cwd": "sub""#), is("/project/sub"));
    assert_eq!(folder("mcp.json", ""), std::env::current_dir().ok());
    // A file that belongs to no folder.
    assert_eq!(folder("/dev/fd/63", ""), is("/"));
    assert_eq!(folder("/dev/fd/63", r#", "cwd": "/x""#), is("/x"));
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
    // Columns are counted in characters.
    let (_, message) = fault("{\n  \"mcpServers\": {\"s\": {\"env\": {\"é\": \"\"}, \"command\": 1}}}");
    assert!(message.starts_with("/project/mcp.json:2:53: server \"s\" cannot be used"), "{message}");
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
fn a_repeated_key_makes_a_server_unusable() {
    let (reason, _) = fault(r#"{"mcpServers": {"s": {"command": "x", "command": "y"}}}"#);
    assert!(reason.contains("appears twice: \"command\" (the first is at 1:23)"), "{reason}");
    let (reason, _) = fault(r#"{"mcpServers": {"s": {"command": "x", "env": {"K": "1", "K": "2"}}}}"#);
    assert!(reason.contains("\"K\""), "{reason}");
    assert!(refused(r#"{"mcpServers": {}, "mcpServers": {}}"#).contains("appears twice"));
}

#[test]
fn a_missing_variable_names_variable_server_and_line() {
    let (reason, said) =
        fault("{\"mcpServers\": {\"s\": {\n  \"command\": \"x\",\n  \"args\": [\"${GONE}\"]\n}}}");
    assert!(said.starts_with("/project/mcp.json:3:12: server \"s\" cannot be used:"), "{said}");
    // Scripts do not learn the folder of the file.
    assert!(reason.contains("GONE is not set") && reason.ends_with("(mcp.json, line 3)"), "{reason}");
}

/// Invalid entries, with a part of their message.
const BAD: [(&str, &str); 24] = [
    (r#"{"type": "sse", "url": "http://x/sse"}"#, "\"type\": \"http\""),
    (r#"{"type": "websocket", "url": "ws://x"}"#, "unknown type \"websocket\""),
    (r#"{"command": "x", "url": "http://x"}"#, "both \"command\" and \"url\""),
    (r#"{"url": "http://x", "serverUrl": "http://x"}"#, "both \"url\" and \"serverUrl\""),
    (r#"{}"#, "neither"),
    (r#"{"type": "http", "command": "x"}"#, "no \"url\""),
    (r#"{"url": "ftp://x/"}"#, "expected http"),
    (r#"{"command": ""}"#, "is empty"),
    (r#"{"command": []}"#, "is empty"),
    (r#"{"command": 7}"#, "must be a string"),
    (r#"{"command": "x", "args": "y"}"#, "list of strings"),
    (r#"{"command": "x", "args": [1]}"#, "put numbers in quotes"),
    (r#"{"command": "x", "timeout": "soon"}"#, "milliseconds"),
    (r#"{"command": "x", "startup_timeout_sec": 0}"#, "seconds"),
    (r#"{"url": "http://x", "headers": {"Host": "y"}}"#, "set by isolet itself"),
    (r#"{"url": "http://x", "headers": {"a b": "c"}}"#, "not the name of a header"),
    (r#"{"comand": "x"}"#, "unknown key \"comand\": did you mean \"command\"?"),
    (r#"{"servrUrl": "http://x"}"#, "did you mean \"serverUrl\"?"),
    (r#"{"command": "x", "exludeTools": ["y"]}"#, "did you mean \"excludeTools\"?"),
    (r#"{"command": "x", "tools": "y"}"#, "list of strings"),
    (r#"{"command": "x", "args": ["${input:api-key}"]}"#, "write \"${API_KEY}\""),
    (r#"{"url": "http://x", "headers": {"X": "${GONE}"}}"#, "GONE is not set"),
    (r#"{"url": "http://x", "bearer_token_env_var": "GONE"}"#, "GONE is not set"),
    ("7", "must be an object"),
];

#[test]
fn one_bad_entry_leaves_the_others() {
    for (server, expected) in BAD {
        let text = format!(
            r#"{{"mcpServers": {{"before": {{"command": "x"}}, "s": {server}, "after": {{"command": "y"}}}}}}"#
        );
        let (reason, said) = fault(&text);
        assert!(reason.contains(expected) && said.contains(expected), "{server}: {reason}");
        let config = parse(&text).unwrap();
        assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["before", "s", "after"]);
        assert_eq!(stdio(&config, "after").command, "y");
        assert_eq!(config.servers["s"].transport.kind(), "none");

        // A disabled server is not checked.
        let Some(fields) = server.strip_suffix('}') else { continue };
        for off in [r#""disabled": true"#, r#""enabled": false"#] {
            let comma = if fields == "{" { "" } else { ", " };
            let config = parse(&format!(r#"{{"servers": {{"s": {fields}{comma}{off}}}}}}}"#)).unwrap();
            assert!(
                config.servers["s"].disabled && config.warnings.is_empty(),
                "{server}: {:?}",
                config.warnings
            );
        }
    }
}

#[test]
fn transports_have_several_names() {
    for kind in ["http", "streamable-http", "streamableHttp", "streamable_http", "remote"] {
        let config =
            parse(&format!(r#"{{"servers": {{"s": {{"type": "{kind}", "url": "http://x/"}}}}}}"#)).unwrap();
        assert_eq!(config.servers["s"].transport.kind(), "http");
    }
}

#[test]
fn files_without_servers_are_refused_with_advice() {
    for (text, expected) in [
        ("{}", "\"mcpServers\""),
        (r#"{"mcpServer": {"s": {}}}"#, "did you mean \"mcpServers\"?"),
        (r#"{"command": "npx", "args": []}"#, "one server without a name"),
        (r#"{"mcpServers": 7}"#, "must be an object"),
        (r#"{"theme": "dark"}"#, "no servers here"),
    ] {
        let message = refused(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn a_file_may_have_only_servers() {
    let config = parse(r#"{"time": {"command": "x"}, "web": {"url": "http://x/"}, "$schema": "y"}"#).unwrap();
    assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["time", "web"]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn servers_with_invalid_names_are_left_out() {
    let config = parse(
        r#"{"mcpServers": {"": {"command": "x"}, "a\u0007": {"command": "x"}, "b": {"command": "x"}}}"#,
    )
    .unwrap();
    assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
}

#[test]
fn unknown_keys_are_warnings() {
    let config =
        parse("{\"mcpServers\": {\"a\": {\"command\": \"x\",\n \"sandbox\": true, \"autoApprove\": []}}}")
            .unwrap();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].starts_with("/project/mcp.json:2:2: unknown key \"sandbox\" of a server"));
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

    // A broken link is found too.
    std::fs::remove_file(folder.path().join("mcp.json")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere/at/all", folder.path().join("mcp.json")).unwrap();
    assert_eq!(McpConfig::find(folder.path()), Some(folder.path().join("mcp.json")));

    std::fs::write(folder.path().join("bad.json"), b"{\n \xff}").unwrap();
    let message = McpConfig::load(&folder.path().join("bad.json")).unwrap_err().to_string();
    assert!(message.ends_with("bad.json:2:2: the file is not UTF-8 from here on"), "{message}");
    assert!(matches!(McpConfig::load(Path::new("/nowhere/mcp.json")), Err(ConfigError::Read { .. })));
}

#[test]
fn start_era_and_logins_are_read() {
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
    assert_eq!(
        (config.servers["a"].start, config.servers["a"].era),
        (Start::Lazy, Some(Handshake::Initialize))
    );
    assert_eq!((config.servers["b"].start, config.servers["b"].era), (Start::Eager, None));
    let oauth = |name: &str| match &config.servers[name].transport {
        TransportConfig::Http(http) => http.oauth.clone().unwrap(),
        other => panic!("{name} is not HTTP: {other:?}"),
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
        let (reason, _) = fault(&format!("{{\"mcpServers\": {{\"s\": {server}}}}}"));
        assert!(reason.contains(expected), "{server}: {reason}");
    }
}

#[test]
fn each_server_has_its_own_startup_timeout() {
    let config = parse(
        r#"{"mcpServers": {"a": {"command": "x", "startup_timeout_sec": 2.5},
            "b": {"command": "x", "startupTimeout": 90000}, "c": {"command": "x"}}}"#,
    )
    .unwrap();
    let startup = |name: &str| config.servers[name].startup;
    assert_eq!(startup("a"), Some(Duration::from_millis(2500)));
    assert_eq!(startup("b"), Some(Duration::from_secs(90)));
    assert_eq!(startup("c"), None);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn env_overrides_a_file_of_variables() {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("mcp.json");
    std::fs::write(folder.path().join(".env"), "A=file\nB=file\n").unwrap();
    let parse = |text: &str| McpConfig::parse(text, &origin, &|_| None);
    let text = r#"{"mcpServers": {"s": {"command": "x", "envFile": "${workspaceFolder}/.env", "env": {"B": "own"}}}}"#;
    let config = parse(text).unwrap();
    let env = stdio(&config, "s").env;
    assert_eq!((env["A"].expose(), env["B"].expose()), ("file", "own"));

    std::fs::write(folder.path().join(".env"), "A=1\nhalf a s3cr3t\n").unwrap();
    let reason = |text: &str| parse(text).unwrap().servers["s"].fault().unwrap().to_owned();
    let message = reason(text);
    assert!(
        message.contains(".env (\"envFile\"): line 2: expected NAME=value") && !message.contains("s3cr3t"),
        "{message}"
    );
    let message = reason(&text.replace("${workspaceFolder}/.env", "/dev/zero"));
    assert!(message.contains("not a regular file"), "{message}");
    let message = reason(&text.replace(".env", "none"));
    assert!(message.contains("No such file"), "{message}");
}
