//! `isolet mcp install`: isolet is added to the file of each client, and everything else in it
//! stays.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::harness::*;

/// Each client: its file in the user's home, an earlier content, the parts that must stay, and the
/// form of isolet's entry.
const CLIENTS: [(&str, &str, &str, &[&str], &str); 12] = [
    (
        "claude-code",
        ".claude.json",
        "{\n  \"numStartups\": 4,\n  \"projects\": { \"/p\": { \"allowedTools\": [] } }\n}\n",
        &["\"numStartups\": 4", "\"projects\": { \"/p\": { \"allowedTools\": [] } }"],
        "/mcpServers/isolet/command",
    ),
    (
        "claude-desktop",
        ".config/Claude/claude_desktop_config.json",
        "{ \"globalShortcut\": \"x\", \"mcpServers\": { \"a\": { \"command\": \"b\" } } }",
        &["\"globalShortcut\": \"x\"", "\"a\": { \"command\": \"b\" }"],
        "/mcpServers/isolet/command",
    ),
    (
        "cursor",
        ".cursor/mcp.json",
        "{\n  // mine\n  \"mcpServers\": {\n    \"a\": { \"url\": \"http://x/\" }, // first\n  }\n}\n",
        &["// mine", "\"a\": { \"url\": \"http://x/\" }", "// first"],
        "/mcpServers/isolet/command",
    ),
    (
        "vscode",
        ".config/Code/User/mcp.json",
        "{\n\t\"servers\": {},\n\t\"inputs\": [] // none\n}",
        &["\"inputs\": [] // none"],
        "/servers/isolet/command",
    ),
    (
        "windsurf",
        ".codeium/windsurf/mcp_config.json",
        "{\"mcpServers\":{}}",
        &[],
        "/mcpServers/isolet/command",
    ),
    (
        "gemini",
        ".gemini/settings.json",
        "{\n  \"theme\": \"GitHub\"\n}\n",
        &["\"theme\": \"GitHub\""],
        "/mcpServers/isolet/command",
    ),
    (
        "zed",
        ".config/zed/settings.json",
        "// Zed settings\n{\n  \"theme\": \"One\",\n  \"context_servers\": { \"a\": { \"command\": \"b\" } },\n}\n",
        &["// Zed settings", "\"theme\": \"One\"", "\"a\": { \"command\": \"b\" }"],
        "/context_servers/isolet/command",
    ),
    (
        "opencode",
        ".config/opencode/opencode.json",
        "{ \"model\": \"x\", \"mcp\": { \"a\": { \"type\": \"local\", \"command\": [\"b\"] } } }",
        &["\"model\": \"x\"", "\"a\": { \"type\": \"local\""],
        "/mcp/isolet/command/0",
    ),
    (
        "opencode",
        ".config/opencode/opencode.jsonc",
        "{ \"mcp\": { \"servers\": { \"a\": { \"type\": \"local\", \"command\": [\"b\"] } } } } // end",
        &["// end", "\"a\": { \"type\": \"local\""],
        "/mcp/servers/isolet/command/0",
    ),
    (
        "codex",
        ".codex/config.toml",
        "# mine\nmodel = \"x\"\n\n[mcp_servers.a]\ncommand = \"b\" # first\n\n[tui]\ntheme = \"y\"\n",
        &["# mine\nmodel = \"x\"", "[mcp_servers.a]\ncommand = \"b\" # first", "[tui]\ntheme = \"y\""],
        "[mcp_servers.isolet]\ncommand = ",
    ),
    (
        "cline",
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"b\", \"disabled\": true }\n  }\n}\n",
        &["\"a\": { \"command\": \"b\", \"disabled\": true }"],
        "/mcpServers/isolet/command",
    ),
    (
        "goose",
        ".config/goose/config.yaml",
        "# mine\nGOOSE_MODEL: x\nextensions:\n  developer: # built in\n    enabled: false\n    type: builtin\nOTHER: 1\n",
        &[
            "# mine\nGOOSE_MODEL: x",
            "  developer: # built in\n    enabled: false\n    type: builtin\nOTHER: 1\n",
        ],
        "extensions:\n  isolet:\n",
    ),
];

fn install(home: &Folder, args: &[&str]) -> Output {
    let isolet = isolet(["mcp", "install"]).args(args).env("HOME", home.text());
    isolet.env("XDG_CONFIG_HOME", home.at(".config")).env("CODEX_HOME", home.at(".codex")).output()
}

/// Fails unless the file has isolet with its own servers.
#[track_caller]
fn assert_installed(text: &str, place: &str, servers: &str) {
    assert_says(text, &[servers]);
    if !place.starts_with('/') {
        return assert_says(text, &[place, ISOLET]);
    }
    let plain: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let plain = plain.replace(",}", "}").replace(",  }", "}");
    if let Ok(value) = serde_json::from_str::<Value>(&plain) {
        assert_eq!(value.pointer(place), Some(&json!(ISOLET)), "{text}");
    }
}

#[test]
fn every_client_gets_the_entry_and_keeps_the_rest() {
    for (client, file, before, kept, place) in CLIENTS {
        let home = Folder::new();
        let servers = home.write("servers.json", "{\"mcpServers\": {}}");
        let servers = servers.to_str().expect("a path in UTF-8");
        home.write(file, before);
        std::fs::set_permissions(home.path().join(file), std::fs::Permissions::from_mode(0o640))
            .expect("a mode");
        let args = [client, "--mcp-config", servers];

        let printed = install(&home, &[&args[..], &["--print"]].concat()).exits(0);
        assert_installed(&printed.stdout, place, servers);
        assert_says(&printed.stderr, &[file]);
        assert_eq!(home.read(file), before, "{client}: printing writes nothing");

        let said = install(&home, &args).exits(0).stderr;
        let after = home.read(file);
        assert_installed(&after, place, servers);
        assert_says(&after, kept);
        assert_says(&said, &[file, ".before-isolet-1"]);
        assert_eq!(home.read(&format!("{file}.before-isolet-1")), before, "{client}");
        let mode = home.path().join(file).metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{client}");

        // A second time changes nothing.
        assert_says(&install(&home, &args).exits(0).stderr, &["has isolet already"]);
        assert_eq!(home.read(file), after, "{client}");
        // With other servers the entry changes, the rest does not.
        let other = home.write("other.json", "{\"mcpServers\": {}}");
        install(&home, &[client, "--mcp-config", other.to_str().expect("a path in UTF-8")]).exits(0);
        let changed = home.read(file);
        assert_says(&changed, kept);
        assert_says(&changed, &["other.json"]);
        assert!(!changed.contains("servers.json"), "{changed}");
        let list = install(&home, &["--list"]).exits(0).stdout;
        assert!(list.lines().any(|line| line.starts_with(client) && line.contains(" in it ")), "{list}");
    }
}

#[test]
fn a_client_without_a_file_gets_one_that_isolet_reads() {
    for (client, file, ..) in CLIENTS {
        if file.ends_with(".jsonc") {
            continue;
        }
        let home = Folder::new();
        assert_says(&install(&home, &["--list"]).exits(0).stdout, &[client, "no file"]);
        let said = install(&home, &[client]).exits(0).stderr;
        assert_says(&said, &["created ", file, ".config/isolet/mcp.json"]);
        let mode = home.path().join(file).metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{client}");
        // isolet reads the file that it wrote; it is a list from which `isolet mcp` leaves itself
        // out.
        let path = home.at(file);
        let said = isolet(["mcp", "--mcp-config", &path]).output().exits(0).stderr;
        assert_says(&said, &["the server \"isolet\" is isolet itself"]);
        assert!(!said.contains("warning"), "{client}: {said}");
    }
}

#[test]
fn a_file_that_cannot_be_edited_is_not_changed() {
    for (client, file, content) in [
        ("cursor", ".cursor/mcp.json", "{ not JSON"),
        ("cursor", ".cursor/mcp.json", "[]"),
        ("cursor", ".cursor/mcp.json", "{\"mcpServers\": []}"),
        ("codex", ".codex/config.toml", "mcp_servers = { a = { command = \"b\" } }\n"),
        ("goose", ".config/goose/config.yaml", "extensions: { a: { type: builtin } }\n"),
        ("goose", ".config/goose/config.yaml", "- a\n- b\n"),
    ] {
        let home = Folder::new();
        home.write(file, content);
        let output = install(&home, &[client]).exits(3);
        assert_says(&output.stderr, &[file, "--print"]);
        assert_eq!(home.read(file), content, "{client}");
        assert!(!home.path().join(format!("{file}.before-isolet-1")).exists(), "{client}");
    }
}

#[test]
fn links_are_followed_and_clients_are_named() {
    let home = Folder::new();
    home.write("dotfiles/mcp.json", "{}");
    std::fs::create_dir(home.path().join(".cursor")).expect("a folder");
    symlink(home.path().join("dotfiles/mcp.json"), home.path().join(".cursor/mcp.json")).expect("a link");
    install(&home, &["cursor"]).exits(0);
    assert_says(&home.read("dotfiles/mcp.json"), &["isolet"]);
    assert!(home.path().join(".cursor/mcp.json").is_symlink());

    std::fs::remove_file(home.path().join("dotfiles/mcp.json")).expect("it is there");
    install(&home, &["cursor"]).exits(3);

    assert_says(&install(&home, &["cursr"]).exits(2).stderr, &["did you mean cursor?", "claude-code"]);
    install(&home, &["cursor", "--name", "a b"]).exits(2);
    install(&home, &["cursor", "--mcp-config", "gone.json"]).exits(3);
    install(&home, &[]).exits(2);
    for (client, command) in [
        ("claude-code", "claude mcp add --scope user tools -- "),
        ("codex", "codex mcp add tools -- "),
        ("gemini", "gemini mcp add --scope user tools "),
    ] {
        let printed = install(&home, &[client, "--print", "--name", "tools"]).exits(0);
        // On one line, to be copied.
        assert_says(&printed.stderr, &[&format!(" itself: {command}"), ISOLET]);
        assert_says(&printed.stdout, &["tools", ISOLET]);
    }
}
