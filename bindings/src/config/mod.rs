//! Configurations: `mcp.json`, and the files in which other clients keep their servers.
//!
//! The format is the common one of MCP clients: `{"mcpServers": {"name": {"command", "args", "env",
//! "cwd"}}}` for child processes, and `{"type": "http", "url", "headers"}` for Streamable HTTP.
//! Other clients' keys, TOML and YAML are read too. Unknown keys are warnings, because one file
//! often serves several clients.
//!
//! | module | one idea |
//! |---|---|
//! | `tree` | the text as a tree with positions: JSON, TOML, YAML |
//! | `dialects` | the clients: the keys of their files and servers |
//! | `lists` | finding the servers in a file |
//! | `read` | reading a whole file |
//! | `entry` | the configuration of one server |
//! | `transport`, `oauth` | its transport and its login |
//! | `values` | typed values |
//! | `tool_selection` | its tool filter |
//! | `expand`, `env_file` | variables |
//! | `outline` | what the servers of a file would do |
//! | `project_files` | the files in which projects keep their servers |
//! | `error` | errors with positions |

mod dialects;
mod entry;
mod env_file;
mod error;
mod expand;
mod lists;
mod oauth;
mod outline;
mod project_files;
mod read;
mod tool_selection;
mod transport;
mod tree;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

pub use error::ConfigError;
pub use outline::{Fact, ServerOutline};
pub use project_files::project_of;
pub use tool_selection::ToolSelection;

use crate::private_files;
use crate::protocol::Handshake;
use crate::read_file::ReadFile;

/// The largest configuration. People write it, so a larger file is a mistake in the path.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The servers of a configuration, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct McpConfig {
    /// The servers by their exact name.
    pub servers: IndexMap<String, ServerConfig>,
    /// The parts of the file that isolet ignores, each with file, line and column.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub file: Option<ReadFile>,
    /// The path of the file as it was named on the command line, for advice about logins.
    pub named: Option<PathBuf>,
}

/// The configuration of one server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The transport.
    pub transport: TransportConfig,
    /// The timeout of one call, if the file sets it (`timeout`, in milliseconds).
    pub call_timeout: Option<Duration>,
    /// The time to start and to answer the handshake, if the file sets it (`startupTimeout` in
    /// milliseconds, `startup_timeout_sec`).
    pub startup: Option<Duration>,
    /// True if the server is only listed, and never started (`"disabled": true`). Its variables are
    /// not looked up.
    pub disabled: bool,
    /// When the server is started (`start`).
    pub start: Start,
    /// The handshake of the server, if the file sets it (`era`). Otherwise isolet tries both.
    pub era: Option<Handshake>,
    /// The answer to the server's questions to the user (`elicitation`).
    pub elicitation: Elicitation,
    /// The filter of its tools (`includeTools`, `excludeTools` and other clients' keys).
    pub tools: ToolSelection,
    /// The values of the variables in its arguments, environment, address and headers. They are
    /// removed from messages about the server.
    pub variables: Vec<Secret>,
}

/// When a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// When isolet starts.
    #[default]
    Eager,
    /// When it is first used. Until then its tools are unknown, and no declaration has them.
    Lazy,
}

/// The answer to a server's questions to the user (elicitation). isolet has no user to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Elicitation {
    /// Elicitation is not offered to the server. Questions are declined or refused.
    #[default]
    None,
    /// A form is accepted with its defaults, if they suffice.
    Defaults,
}

/// The transport of a server.
#[derive(Debug, Clone)]
pub enum TransportConfig {
    /// A child process that reads its standard input and writes its standard output.
    Stdio(StdioConfig),
    /// Streamable HTTP.
    Http(HttpConfig),
    /// The configuration is invalid, for this reason. The state of such a server is `failed`.
    Unusable(String),
}

/// A child process.
#[derive(Clone, Default)]
pub struct StdioConfig {
    /// The executable: a path, or a name that is searched in `PATH`.
    pub command: String,
    /// The arguments.
    pub args: Vec<String>,
    /// The variables that are added to those that every child gets.
    pub env: IndexMap<String, Secret>,
    /// The working folder: the one in the file, or else the folder of the project that the file
    /// belongs to, never isolet's own. `None` means `/`.
    pub cwd: Option<PathBuf>,
    /// True if programs that it starts may gain privileges, as `sudo` does. The server can then
    /// also see other processes of the user.
    pub allow_privilege_escalation: bool,
}

/// An endpoint of Streamable HTTP.
#[derive(Clone)]
pub struct HttpConfig {
    /// The URL, `http` or `https`.
    pub url: url::Url,
    /// The headers of every request, such as `authorization`.
    pub headers: IndexMap<http::HeaderName, Secret>,
    /// The login, if the file configures it (`oauth`). A login is possible without.
    pub oauth: Option<OAuthConfig>,
}

/// The configuration of a login.
#[derive(Debug, Clone, Default)]
pub struct OAuthConfig {
    /// The id of a registered client. Without one, isolet registers itself.
    pub client_id: Option<String>,
    /// The secret of the client.
    pub client_secret: Option<Secret>,
    /// The URL of a client metadata document, which is the client id for authorization servers that
    /// support it.
    pub client_metadata_url: Option<String>,
    /// The requested scopes. Empty for those that the server suggests.
    pub scopes: Vec<String>,
    /// The grant type.
    pub grant: Grant,
    /// The port of the redirect URI, if the client is registered with one.
    pub redirect_port: Option<u16>,
}

/// The grant type of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grant {
    /// A user logs in with `isolet auth login`.
    #[default]
    AuthorizationCode,
    /// isolet logs in with the client's secret.
    ClientCredentials,
}

/// A value that may be a credential. It is never printed, not even by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl McpConfig {
    /// Parses a configuration. `origin` names the file in messages, and `${workspaceFolder}` is its
    /// project; `lookup` finds environment variables.
    ///
    /// A server with an invalid configuration, or with a variable that is not set, is kept as
    /// [unusable](TransportConfig::Unusable) with a warning.
    ///
    /// # Errors
    /// Text that is not JSON (comments and trailing commas are allowed), TOML or YAML; text without
    /// servers; two servers with one name. Each error has a position.
    pub fn parse(
        text: &str,
        origin: &Path,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let config = read::read(text, origin, lookup)?;
        Ok(Self { file: Some(ReadFile::new(origin, text.as_bytes())), ..config })
    }

    /// Reads a file, with variables from the process environment.
    ///
    /// # Errors
    /// The same as [`McpConfig::parse`], and a file that cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Read { path: path.to_owned(), source };
        Self::of_bytes(&private_files::named(path, MAX_FILE_BYTES).map_err(unreadable)?, path)
    }

    /// Parses the content of the file `path`, with variables from the process environment.
    ///
    /// # Errors
    /// The same as [`McpConfig::parse`].
    pub fn of_bytes(bytes: &[u8], path: &Path) -> Result<Self, ConfigError> {
        Self::parse(utf8(bytes, path)?, path, &|name| std::env::var(name).ok())
    }

    /// Describes what the servers in the content of the file `path` would do. Nothing is started,
    /// opened or looked up.
    ///
    /// # Errors
    /// Content that cannot be parsed.
    pub fn outline(bytes: &[u8], path: &Path) -> Result<Vec<ServerOutline>, ConfigError> {
        outline::outline(utf8(bytes, path)?, path)
    }

    /// Converts the content of the file `path` (JSON, TOML or YAML) to JSON. An empty file is an
    /// empty object.
    ///
    /// # Errors
    /// Content that cannot be parsed.
    pub fn content(bytes: &[u8], path: &Path) -> Result<serde_json::Value, ConfigError> {
        let text = utf8(bytes, path)?;
        let root = tree::parse(text.strip_prefix('\u{feff}').unwrap_or(text), path)?;
        Ok(root.map_or_else(|| serde_json::json!({}), |root| root.to_value()))
    }

    /// The options after the server's name in the command that logs in to it.
    pub(crate) fn login_options(&self) -> String {
        self.named.as_deref().map(|path| format!(" --mcp-config {}", quoted_path(path))).unwrap_or_default()
    }

    /// Finds the configuration of the project in `dir`. It may have come with the project and
    /// contain anything, and it may be a broken link: a file that exists but cannot be read is
    /// found too. Settings of a client are found only if they have servers.
    pub fn find(dir: &Path) -> Option<PathBuf> {
        project_files::find(dir)
    }

    /// The tool filters of all servers that have one.
    pub fn tool_selections(&self) -> impl Iterator<Item = (&str, &ToolSelection)> {
        let choices = self.servers.iter().map(|(name, server)| (name.as_str(), &server.tools));
        choices.filter(|(_, choice)| !choice.is_open())
    }
}

/// Quotes a path for a shell, if it needs quotes.
fn quoted_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@%:,".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn utf8<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        ConfigError::at(path, &text, text.len(), "the file is not UTF-8 from here on")
    })
}

impl ServerConfig {
    /// A child process with these arguments.
    pub fn stdio(command: impl Into<String>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        let stdio = StdioConfig { command: command.into(), args, ..StdioConfig::default() };
        Self::new(TransportConfig::Stdio(stdio))
    }

    /// An HTTP endpoint.
    pub fn http(url: url::Url) -> Self {
        let http = HttpConfig { url, headers: IndexMap::new(), oauth: None };
        Self::new(TransportConfig::Http(http))
    }

    /// An unusable server with the reason.
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self::new(TransportConfig::Unusable(reason.into()))
    }

    /// The reason why the server is unusable, if it is.
    pub fn fault(&self) -> Option<&str> {
        match &self.transport {
            TransportConfig::Unusable(reason) => Some(reason),
            TransportConfig::Stdio(_) | TransportConfig::Http(_) => None,
        }
    }

    fn new(transport: TransportConfig) -> Self {
        Self {
            transport,
            call_timeout: None,
            startup: None,
            disabled: false,
            start: Start::Eager,
            era: None,
            elicitation: Elicitation::None,
            tools: ToolSelection::default(),
            variables: Vec::new(),
        }
    }
}

impl TransportConfig {
    /// The name of the transport: `stdio`, `http`, or `none` for an unusable server.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stdio(_) => "stdio",
            Self::Http(_) => "http",
            Self::Unusable(_) => "none",
        }
    }
}

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StdioConfig {
    /// Counts the arguments, which may contain tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioConfig")
            .field("command", &self.command)
            .field("args", &self.args.len())
            .field("env", &self.env)
            .field("cwd", &self.cwd)
            .field("allow_privilege_escalation", &self.allow_privilege_escalation)
            .finish()
    }
}

impl fmt::Debug for HttpConfig {
    /// Shows the URL without its credentials and its query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = format_args!("{}{}", self.url.origin().ascii_serialization(), self.url.path()).to_string();
        f.debug_struct("HttpConfig")
            .field("url", &url)
            .field("headers", &self.headers)
            .field("oauth", &self.oauth)
            .finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod clients;
#[cfg(test)]
mod tests;
