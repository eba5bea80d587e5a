//! The dialects of MCP clients: the keys under which each keeps its servers, and the keys of a
//! server.
//!
//! Most clients share one format, and differ in the names of a few keys. So one table has the keys
//! of all clients, and a second table has keys that mean something else in one client.

use std::path::Path;

/// The meaning of a key of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyMeaning {
    /// The transport: child process or HTTP.
    Transport,
    /// The program, or the program with its arguments.
    Command,
    Arguments,
    Variables,
    /// Names of variables of isolet's environment that the server gets.
    VariableNames,
    VariableFile,
    Folder,
    Address,
    Headers,
    /// Headers whose values are in variables of these names.
    HeaderVariables,
    /// The name of the variable with the token for `Authorization: Bearer`.
    BearerVariable,
    Login,
    Privileges,
    Disabled,
    Enabled,
    /// The timeout of a call.
    CallTime(Unit),
    /// The timeout of a start.
    StartTime(Unit),
    /// Both timeouts, as `{"startup": …, "request": …}`, or a number for the start.
    Times,
    /// The only tools that are offered.
    OnlyTools,
    /// Tools that are not offered.
    WithoutTools,
    Start,
    Era,
    Elicitation,
    /// The origin of a server in Zed.
    Source,
    /// A setting between another client and its user.
    Nothing,
}

/// The unit of a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
}

/// A client with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dialect {
    /// Claude Code, Claude Desktop, Cursor, VS Code, Windsurf and most others.
    #[default]
    Common,
    /// Variables are also `$NAME`.
    Gemini,
    /// Cline and its forks.
    Cline,
    Zed,
    /// Variables are `{env:NAME}`.
    OpenCode,
    Codex,
    Goose,
}

use KeyMeaning::*;
use Unit::*;

/// The keys of all clients. Of keys with one meaning isolet's own is the first, which suggestions
/// name.
const COMMON_KEYS: &[(&str, KeyMeaning)] = &[
    ("type", Transport),
    ("transport", Transport),
    ("command", Command),
    ("cmd", Command), // Goose
    ("args", Arguments),
    ("env", Variables),
    ("environment", Variables),  // opencode
    ("envs", Variables),         // Goose
    ("env_vars", VariableNames), // Codex
    ("env_keys", VariableNames), // Goose
    ("envFile", VariableFile),   // VS Code, Cursor
    ("cwd", Folder),
    ("url", Address),
    ("httpUrl", Address),   // Gemini CLI
    ("serverUrl", Address), // Windsurf
    ("uri", Address),       // Goose
    ("headers", Headers),
    ("http_headers", Headers),                // Codex
    ("env_http_headers", HeaderVariables),    // Codex
    ("bearer_token_env_var", BearerVariable), // Codex
    ("oauth", Login),
    ("auth", Login), // Cursor
    ("allowPrivilegeEscalation", Privileges),
    ("disabled", Disabled),
    ("enabled", Enabled),
    ("timeout", CallTime(Milliseconds)),
    ("tool_timeout_sec", CallTime(Seconds)), // Codex
    ("startupTimeout", StartTime(Milliseconds)),
    ("startup_timeout_sec", StartTime(Seconds)),     // Codex
    ("startup_timeout_ms", StartTime(Milliseconds)), // Codex
    ("connectionTimeout", StartTime(Milliseconds)),  // Continue
    ("includeTools", OnlyTools),                     // Gemini CLI
    ("enabledTools", OnlyTools),
    ("enabled_tools", OnlyTools),   // Codex
    ("available_tools", OnlyTools), // Goose
    ("allowedTools", OnlyTools),
    ("allowed_tools", OnlyTools),
    ("tools", OnlyTools),             // Copilot
    ("excludeTools", WithoutTools),   // Gemini CLI
    ("disabledTools", WithoutTools),  // Windsurf, Roo Code
    ("disabled_tools", WithoutTools), // Codex
    ("start", Start),
    ("era", Era),
    ("elicitation", Elicitation),
    ("source", Source),    // Zed
    ("settings", Nothing), // Zed: of its extensions
    ("alwaysAllow", Nothing),
    ("autoApprove", Nothing),
    ("alwaysLoad", Nothing),
    ("authProviderType", Nothing),
    ("bundled", Nothing),
    ("description", Nothing),
    ("default_tools_approval_mode", Nothing),
    ("dev", Nothing),
    ("display_name", Nothing),
    ("gallery", Nothing),
    ("icon", Nothing),
    ("name", Nothing),
    ("note", Nothing),
    ("required", Nothing),
    ("title", Nothing),
    ("trust", Nothing),
    ("version", Nothing),
    ("watchPaths", Nothing),
];

/// Keys that mean something else in one client.
const DIALECT_KEYS: &[(Dialect, &str, KeyMeaning)] = &[
    (Dialect::Goose, "timeout", CallTime(Seconds)),
    (Dialect::Cline, "timeout", CallTime(Seconds)),
    (Dialect::OpenCode, "timeout", Times),
    // An extension of goose with several tools in one; this is its title.
    (Dialect::Goose, "display_name", Nothing),
];

/// The keys under which files keep their servers, each with its dialect.
pub(super) const SERVER_KEYS: &[(&str, Dialect)] = &[
    ("mcpServers", Dialect::Common),
    ("servers", Dialect::Common), // VS Code
    ("context_servers", Dialect::Zed),
    ("mcp_servers", Dialect::Codex),
    ("extensions", Dialect::Goose),
    ("mcp", Dialect::OpenCode),
];

impl Dialect {
    /// Returns the meaning of a key of a server; `None` for an unknown key.
    pub(super) fn meaning(self, key: &str) -> Option<KeyMeaning> {
        let own = DIALECT_KEYS.iter().find(|(dialect, word, _)| *dialect == self && *word == key);
        let common = || COMMON_KEYS.iter().find(|(word, _)| *word == key).map(|(_, means)| *means);
        own.map(|(.., means)| *means).or_else(common)
    }

    /// Returns the dialect of the servers under `key` in the file `origin`.
    pub(super) fn of(key: &str, origin: &Path) -> Self {
        let dialect =
            SERVER_KEYS.iter().find(|(list, _)| *list == key).map_or(Self::Common, |(_, dialect)| *dialect);
        let name = origin.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder =
            origin.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        match dialect {
            Self::Common if folder == ".gemini" => Self::Gemini,
            // Roo Code and Kilo Code use `mcp_settings.json`.
            Self::Common if name.ends_with("mcp_settings.json") => Self::Cline,
            dialect => dialect,
        }
    }
}

/// Returns the key of a server that `key` probably stands for.
pub(super) fn nearest_word(key: &str) -> Option<&'static str> {
    let words = COMMON_KEYS.iter().filter(|(_, means)| *means != Nothing).map(|(word, _)| *word);
    nearest(key, words)
}

/// Returns the key of a list of servers that `key` probably stands for.
pub(super) fn nearest_list(key: &str) -> Option<&'static str> {
    nearest(key, SERVER_KEYS.iter().map(|(list, _)| *list))
}

/// Returns the nearest of `words`, ignoring case, `_` and `-`. A short word may differ in one
/// letter, a longer one in two.
fn nearest(key: &str, words: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let plain = |word: &str| word.to_ascii_lowercase().replace(['_', '-'], "");
    // A longer key is not a typing error, and the cost of a comparison grows with the length.
    let key = Some(key).filter(|key| key.len() <= 40).map(plain)?;
    let near = |word: &'static str| {
        let other = plain(word);
        let most = if key.chars().count().min(other.len()) <= 5 { 1 } else { 2 };
        let distance = strsim::osa_distance(&key, &other);
        (distance <= most).then_some((distance, word))
    };
    words.filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_keys_are_recognised() {
        assert_eq!(Dialect::Common.meaning("timeout"), Some(CallTime(Milliseconds)));
        assert_eq!(Dialect::Goose.meaning("timeout"), Some(CallTime(Seconds)));
        assert_eq!(Dialect::Codex.meaning("comand"), None);
        for (key, expected) in [
            ("comand", Some("command")),
            ("Command", Some("command")),
            ("agrs", Some("args")),
            ("servrUrl", Some("serverUrl")),
            ("server_url", Some("serverUrl")),
            ("disbled", Some("disabled")),
            ("exludeTools", Some("excludeTools")),
            ("enviroment", Some("environment")),
            ("sandbox", None),
            ("x", None),
            ("metadata", None),
        ] {
            assert_eq!(nearest_word(key), expected, "{key}");
        }
        assert_eq!(nearest_list("mcpserver"), Some("mcpServers"));
        assert_eq!(nearest_list("mcp-servers"), Some("mcpServers"));
    }

    #[test]
    fn dialects_are_known_by_key_and_file() {
        for (key, origin, expected) in [
            ("mcpServers", "/h/.gemini/settings.json", Dialect::Gemini),
            ("mcpServers", "/h/x/cline_mcp_settings.json", Dialect::Cline),
            ("mcpServers", "/h/mcp.json", Dialect::Common),
            ("extensions", "/h/.config/goose/config.yaml", Dialect::Goose),
        ] {
            assert_eq!(Dialect::of(key, Path::new(origin)), expected, "{origin}");
        }
    }
}
