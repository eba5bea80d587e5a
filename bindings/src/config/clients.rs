//! The configuration files of other clients, each with an example from its documentation.

use std::path::Path;
use std::time::Duration;

use super::*;

/// Reads an example as the file of its client.
fn read(origin: &str, text: &str) -> McpConfig {
    let lookup = |name: &str| {
        let known = [
            ("HOME", "/home/ada"),
            ("API_KEY", "k3y-of-ada"),
            ("AIRTABLE_API_KEY", "air"),
            ("DB_URL", "postgres://db"),
        ];
        known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    McpConfig::parse(text, Path::new(origin), &lookup).unwrap_or_else(|error| panic!("{error}"))
}

/// Describes a server: its command or URL, with environment or headers.
fn told(config: &McpConfig, name: &str) -> String {
    let server = &config.servers[name];
    let mut words = match &server.transport {
        TransportConfig::Stdio(stdio) => {
            let env = stdio.env.iter().map(|(name, value)| format!("{name}={}", value.expose()));
            let words = [stdio.command.clone()].into_iter().chain(stdio.args.clone());
            env.chain(words).collect::<Vec<_>>()
        }
        TransportConfig::Http(http) => {
            let headers = http.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose()));
            [http.url.to_string()].into_iter().chain(headers).collect()
        }
        TransportConfig::Unusable(reason) => vec![format!("unusable: {reason}")],
    };
    if server.disabled {
        words.push("(disabled)".to_owned());
    }
    words.join(" ")
}

fn none_is_unknown(config: &McpConfig) {
    let unknown: Vec<_> = config.warnings.iter().filter(|warning| warning.contains("unknown")).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn claude_codes_project_file_is_read() {
    let config = read("/project/.mcp.json", include_str!("examples/claude-code.json"));
    assert_eq!(told(&config, "airtable"), "AIRTABLE_API_KEY=air CACHE_DIR=/tmp npx -y airtable-mcp-server");
    assert_eq!(told(&config, "api"), "https://api.example.com/mcp authorization: Bearer k3y-of-ada");
    assert_eq!(config.servers["api"].call_timeout, Some(Duration::from_secs(600)));
    assert!(told(&config, "events").starts_with("unusable: it uses the HTTP+SSE transport"));
    none_is_unknown(&config);
}

#[test]
fn claude_codes_own_file_is_read() {
    let here = std::env::current_dir().unwrap();
    let text = serde_json::json!({
        "numStartups": 3,
        "mcpServers": { "shared": { "command": "a" }, "both": { "command": "b" }, "off": { "command": "c" } },
        "projects": {
            here.to_str().unwrap(): {
                "allowedTools": [],
                "mcpServers": { "both": { "type": "stdio", "command": "local", "args": [], "env": {} } },
                "disabledMcpServers": ["off"],
            },
            "/nowhere": { "mcpServers": { "elsewhere": { "command": "d" } } },
        },
    });
    let config = read("/home/ada/.claude.json", &text.to_string());
    assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["shared", "both", "off"]);
    assert_eq!(told(&config, "both"), "local");
    assert_eq!(told(&config, "off"), "c (disabled)");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let outline = McpConfig::outline(text.to_string().as_bytes(), Path::new(".claude.json")).unwrap();
    assert_eq!(outline.len(), 4);
}

#[test]
fn claude_desktops_file_is_read() {
    let config = read(
        "/home/ada/.config/Claude/claude_desktop_config.json",
        include_str!("examples/claude-desktop.json"),
    );
    let expected = "npx -y @modelcontextprotocol/server-filesystem /home/ada/Desktop /home/ada/Downloads";
    assert_eq!(told(&config, "filesystem"), expected);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn cursors_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join(".env"), "FROM_FILE=1\n").unwrap();
    let config = read(&format!("{project}/.cursor/mcp.json"), include_str!("examples/cursor.json"));
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(
        told(&config, "local"),
        format!(
            "FROM_FILE=1 API_KEY=k3y-of-ada python {project}/mcp-server.py --name={name} --home=/home/ada/notes"
        )
    );
    assert_eq!(told(&config, "remote"), "https://api.example.com/mcp authorization: Bearer k3y-of-ada");
    let TransportConfig::Http(login) = &config.servers["login"].transport else { panic!("it is HTTP") };
    let oauth = login.oauth.as_ref().unwrap();
    assert_eq!(
        (oauth.client_id.as_deref(), oauth.scopes.join(" ")),
        (Some("cursor-client"), "read write".to_owned())
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn vs_codes_files_are_read() {
    let config = read("/project/.vscode/mcp.json", include_str!("examples/vscode.json"));
    assert_eq!(told(&config, "github"), "https://api.githubcopilot.com/mcp/");
    assert_eq!(told(&config, "own"), "node /project/server.js");
    let perplexity = told(&config, "perplexity");
    assert!(perplexity.contains("isolet has no editor to ask"), "{perplexity}");
    assert!(perplexity.contains("write \"${PERPLEXITY_KEY}\" instead"), "{perplexity}");
    none_is_unknown(&config);

    let settings = r#"{"editor.fontSize": 12, "mcp": {"inputs": [], "servers": {"a": {"command": "x"}}}}"#;
    let config = read("/home/ada/.config/Code/User/settings.json", settings);
    assert_eq!(told(&config, "a"), "x");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn windsurfs_file_is_read() {
    let config = read("/home/ada/.codeium/windsurf/mcp_config.json", include_str!("examples/windsurf.json"));
    assert!(told(&config, "github").starts_with("GITHUB_PERSONAL_ACCESS_TOKEN=k3y-of-ada docker run -i"));
    assert_eq!(config.servers["github"].tools.except, ["delete_file"]);
    assert_eq!(told(&config, "remote"), "https://mcp.example.com/mcp api_key: Bearer k3y-of-ada");
    assert_eq!(told(&config, "off"), "py -m mcp_server_git (disabled)");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn gemini_clis_settings_are_read() {
    let config = read("/project/.gemini/settings.json", include_str!("examples/gemini.json"));
    assert_eq!(
        told(&config, "python"),
        "DATABASE_URL=postgres://db API_KEY=k3y-of-ada python -m my_mcp_server --port 8080"
    );
    let TransportConfig::Stdio(python) = &config.servers["python"].transport else { panic!("a child") };
    assert_eq!(python.cwd.as_deref(), Some(Path::new("/project/./mcp-servers/python")));
    assert_eq!(config.servers["python"].call_timeout, Some(Duration::from_secs(15)));
    assert_eq!(told(&config, "web"), "http://localhost:3000/mcp authorization: Bearer your-api-token");
    let tools = &config.servers["filtered"].tools;
    assert_eq!(tools.only.as_deref().unwrap(), ["safe_tool", "file_reader"]);
    assert_eq!(tools.except, ["dangerous_tool"]);
    assert!(config.servers["experimental"].disabled);
    none_is_unknown(&config);
}

#[test]
fn zeds_settings_are_read() {
    let config = read("/home/ada/.config/zed/settings.json", include_str!("examples/zed.json"));
    assert_eq!(told(&config, "local"), "some-command arg-1 arg-2");
    assert_eq!(told(&config, "older"), "A=1 other-command x");
    assert_eq!(told(&config, "remote"), "https://mcp.example.com/mcp authorization: Bearer token");
    assert!(told(&config, "postgres").contains("an extension of Zed's starts it"));
    none_is_unknown(&config);
}

#[test]
fn opencodes_files_are_read() {
    let config = read("/project/opencode.json", include_str!("examples/opencode.json"));
    assert_eq!(
        told(&config, "everything"),
        "MY_KEY=k3y-of-ada npx -y @modelcontextprotocol/server-everything"
    );
    assert_eq!(config.servers["everything"].startup, Some(Duration::from_secs(10)));
    assert!(config.servers["jira"].disabled);
    assert_eq!(told(&config, "open"), "https://mcp.example.com/mcp");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);

    let config = read("/project/opencode.jsonc", include_str!("examples/opencode-2.jsonc"));
    assert_eq!(told(&config, "everything"), "LOG_LEVEL=info npx -y @modelcontextprotocol/server-everything");
    let server = &config.servers["everything"];
    assert_eq!(
        (server.startup, server.call_timeout),
        (Some(Duration::from_secs(60)), Some(Duration::from_secs(20)))
    );
    assert!(config.servers["off"].disabled);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn codexs_file_is_read() {
    let config = read("/home/ada/.codex/config.toml", include_str!("examples/codex.toml"));
    assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["context7", "figma", "chrome"]);
    assert_eq!(
        told(&config, "context7"),
        "API_KEY=k3y-of-ada MY_ENV_VAR=MY_ENV_VALUE npx -y @upstash/context7-mcp"
    );
    let server = &config.servers["context7"];
    assert_eq!(server.startup, Some(Duration::from_secs(20)));
    assert_eq!(server.call_timeout, Some(Duration::from_millis(45_500)));
    assert_eq!(server.tools.only.as_deref().unwrap(), ["search", "summarize"]);
    assert_eq!(server.tools.except, ["summarize"]);
    assert_eq!(
        told(&config, "figma"),
        "https://mcp.figma.com/mcp x-figma-region: us-east-1 x-key: k3y-of-ada authorization: Bearer k3y-of-ada"
    );
    assert!(config.servers["chrome"].disabled);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    // Values from the environment are removed from messages.
    assert!(config.servers["figma"].variables.iter().any(|value| value.expose() == "k3y-of-ada"));
}

#[test]
fn clines_file_is_read() {
    let origin =
        "/home/ada/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json";
    let config = read(origin, include_str!("examples/cline_mcp_settings.json"));
    assert_eq!(told(&config, "local"), "API_KEY=your_api_key node /path/to/server.js");
    assert_eq!(config.servers["local"].call_timeout, Some(Duration::from_secs(60)));
    assert_eq!(
        told(&config, "remote"),
        "https://mcp.example.com/mcp authorization: Bearer your-token (disabled)"
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn gooses_file_is_read() {
    let config = read("/home/ada/.config/goose/config.yaml", include_str!("examples/goose.yaml"));
    // Built-in extensions of goose are not servers.
    assert_eq!(config.servers.keys().collect::<Vec<_>>(), ["github", "web", "old"]);
    assert_eq!(
        told(&config, "github"),
        "API_KEY=k3y-of-ada GITHUB_HOST=https://github.com npx -y @modelcontextprotocol/server-github"
    );
    assert_eq!(config.servers["github"].call_timeout, Some(Duration::from_secs(120)));
    assert!(config.servers["github"].tools.is_open());
    assert_eq!(told(&config, "web"), "https://mcp.example.com/mcp authorization: Bearer k3y-of-ada");
    assert_eq!(config.servers["web"].tools.only.as_deref().unwrap(), ["fetch"]);
    assert!(config.servers["old"].disabled);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);

    let text = "extensions:\n  a:\n    type: stdio\n    cmd: x\n    env_keys: [GONE]\n";
    let config = read("/home/ada/.config/goose/config.yaml", text);
    let told = told(&config, "a");
    assert!(told.contains("GONE") && told.ends_with("(config.yaml, line 5)"), "{told}");
}

#[test]
fn continues_file_is_read() {
    let config = read("/home/ada/.continue/config.yaml", include_str!("examples/continue.yaml"));
    assert_eq!(told(&config, "sqlite"), "npx -y mcp-sqlite /path/to/database.db");
    assert_eq!(config.servers["sqlite"].startup, Some(Duration::from_secs(20)));
    assert_eq!(told(&config, "remote"), "https://mcp.example.com/mcp");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn copilots_file_is_read() {
    let text = r#"{"mcpServers": {"a": {"type": "local", "command": "x", "args": [], "tools": ["*"]},
                   "b": {"type": "http", "url": "https://x/", "tools": ["get_me"]}}}"#;
    let config = read("/home/ada/.copilot/mcp-config.json", text);
    assert_eq!(config.servers["b"].tools.only.as_deref().unwrap(), ["get_me"]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

/// Outlines show every setting in every client's keys.
#[test]
fn outlines_know_the_same_keys() {
    let all = |name: &str, text: &str| {
        let servers = McpConfig::outline(text.as_bytes(), Path::new(name)).unwrap();
        servers.into_iter().map(|server| (server.name, server.facts)).collect::<IndexMap<_, _>>()
    };
    let codex = all("config.toml", include_str!("examples/codex.toml"));
    assert!(codex["context7"].contains(&Fact::Reads(vec!["API_KEY".to_owned(), "NOT_THERE".to_owned()])));
    assert!(codex["figma"].contains(&Fact::Address("https://mcp.figma.com/mcp".to_owned())));
    let headers = ["X-Figma-Region", "X-Key", "X-Other", "authorization"].map(str::to_owned).to_vec();
    assert!(codex["figma"].contains(&Fact::Headers(headers)), "{:?}", codex["figma"]);
    let opencode = all("opencode.json", include_str!("examples/opencode.json"));
    let starts = ["npx", "-y", "@modelcontextprotocol/server-everything"].map(str::to_owned).to_vec();
    assert!(opencode["everything"].contains(&Fact::Starts(starts)));
    assert!(opencode["everything"].contains(&Fact::Reads(vec!["API_KEY".to_owned()])));
    let goose = all("config.yaml", include_str!("examples/goose.yaml"));
    assert!(goose["github"].contains(&Fact::Reads(vec!["API_KEY".to_owned()])));
    assert!(goose["web"].contains(&Fact::Address("https://mcp.example.com/mcp".to_owned())));
    let gemini = all("/p/.gemini/settings.json", include_str!("examples/gemini.json"));
    assert!(gemini["python"].contains(&Fact::Reads(vec!["API_KEY".to_owned(), "DB_URL".to_owned()])));
    // The older format of Zed is an object, which is shown as it is written.
    let zed = all("settings.json", include_str!("examples/zed.json"));
    assert!(
        matches!(&zed["older"][0], Fact::Starts(words) if words[0].contains("other-command")),
        "{:?}",
        zed["older"]
    );
}
