//! What an `mcp.json` says.
//!
//! The format is the one that MCP clients share: `{"mcpServers": {"name": {"command", "args", "env", "cwd"}}}` for
//! children that speak over stdio and `{"type": "http", "url", "headers"}` for Streamable HTTP; VS Code's key `servers`
//! works too, as do its comments and trailing commas. Keys that isolet does not know are warned of, never refused: the
//! same file often serves several clients.

mod env_file;
mod error;
mod expand;
mod oauth;
mod read;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

pub use error::ConfigError;

use crate::handshake::Era;

/// Names under which a project keeps its servers, in the order in which they are looked for.
const FILE_NAMES: [&str; 3] = ["mcp.json", ".mcp.json", ".vscode/mcp.json"];

/// A configuration is text that people write. More than this is a mistake in the path, not a list of servers.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The servers to connect to, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct McpConfig {
    /// Servers by their exact name.
    pub servers: IndexMap<String, ServerConfig>,
    /// What the file says that isolet does not act upon, each with file, line and column.
    pub warnings: Vec<String>,
}

/// One server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// How to reach it.
    pub transport: TransportConfig,
    /// How long one call may take, where the file says so (`timeout`, in milliseconds).
    pub call_timeout: Option<Duration>,
    /// `"disabled": true`: listed, never started. Its variables are not looked up.
    pub disabled: bool,
    /// When it is started (`start`).
    pub start: Start,
    /// The lifecycle it speaks, where the file says so (`era`). Else isolet finds out.
    pub era: Option<Era>,
    /// What becomes of its questions to the user (`elicitation`).
    pub elicitation: Elicitation,
    /// The values of the variables that went into its arguments, environment, address and headers. They are removed from
    /// what is said of the server.
    pub variables: Vec<Secret>,
}

/// When a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With isolet.
    #[default]
    Eager,
    /// When something is first asked of it. Until then its tools are not known, so they are in no declaration.
    Lazy,
}

/// What becomes of a server's questions to the user: isolet has none to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Elicitation {
    /// The server is told that there is nobody; a question that comes all the same is declined or refused.
    #[default]
    None,
    /// A form is accepted with the defaults that it has, where they suffice.
    Defaults,
}

/// How to reach a server.
#[derive(Debug, Clone)]
pub enum TransportConfig {
    /// A child process that speaks on its standard input and output.
    Stdio(StdioConfig),
    /// Streamable HTTP.
    Http(HttpConfig),
}

/// A child process to start.
#[derive(Clone, Default)]
pub struct StdioConfig {
    /// The executable: a path, or a name to look up in `PATH`.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to the few that every child gets.
    pub env: IndexMap<String, Secret>,
    /// The working directory; without one, that of isolet.
    pub cwd: Option<PathBuf>,
}

/// An endpoint of Streamable HTTP.
#[derive(Clone)]
pub struct HttpConfig {
    /// The endpoint, `http` or `https`.
    pub url: url::Url,
    /// Headers of every request, `authorization` among them where the server wants it.
    pub headers: IndexMap<http::HeaderName, Secret>,
    /// How isolet logs in, where the file says so (`oauth`). A server can be logged in to without.
    pub oauth: Option<OAuthConfig>,
}

/// How isolet logs in to a server.
#[derive(Debug, Clone, Default)]
pub struct OAuthConfig {
    /// A client that is registered already. Without one, isolet registers itself.
    pub client_id: Option<String>,
    /// Its secret, if it has one.
    pub client_secret: Option<Secret>,
    /// Where the client describes itself: its id with authorization servers that read such a document.
    pub client_metadata_url: Option<String>,
    /// What to ask for; nothing means what the server suggests.
    pub scopes: Vec<String>,
    /// Who logs in.
    pub grant: Grant,
    /// The port that the browser comes back to, where the client is registered with one.
    pub redirect_port: Option<u16>,
}

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grant {
    /// A user, with `isolet auth login`.
    #[default]
    AuthorizationCode,
    /// isolet itself, with the client's secret.
    ClientCredentials,
}

/// A value that may be a credential: it is never printed, not even by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl McpConfig {
    /// Reads the text of a configuration. `origin` names the file in messages and is where `${workspaceFolder}` points;
    /// `lookup` finds environment variables.
    ///
    /// # Errors
    /// Text that is not JSON (comments and trailing commas apart), a server that cannot be understood, two servers with
    /// one name, or a variable that is not set: each with its position.
    pub fn parse(
        text: &str,
        origin: &Path,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        read::read(text, origin, lookup)
    }

    /// Reads a file, with variables from the process environment.
    ///
    /// # Errors
    /// As [`McpConfig::parse`], or a file that cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Read { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_FILE_BYTES {
            return Err(unreadable(std::io::Error::other(format!(
                "{size} bytes are too many for a list of servers (at most {MAX_FILE_BYTES})"
            ))));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let text = String::from_utf8_lossy(valid);
            ConfigError::at(path, &text, text.len(), "the file is not UTF-8 from here on")
        })?;
        Self::parse(&text, path, &|name| std::env::var(name).ok())
    }

    /// The configuration of the project in `dir`, if it has one.
    pub fn find(dir: &Path) -> Option<PathBuf> {
        FILE_NAMES.iter().map(|name| dir.join(name)).find(|path| path.is_file())
    }
}

impl ServerConfig {
    /// A child process with these arguments, and nothing else said.
    pub fn stdio(command: impl Into<String>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        let stdio = StdioConfig { command: command.into(), args, ..StdioConfig::default() };
        Self::new(TransportConfig::Stdio(stdio))
    }

    /// An HTTP endpoint, and nothing else said.
    pub fn http(url: url::Url) -> Self {
        let http = HttpConfig { url, headers: IndexMap::new(), oauth: None };
        Self::new(TransportConfig::Http(http))
    }

    fn new(transport: TransportConfig) -> Self {
        Self {
            transport,
            call_timeout: None,
            disabled: false,
            start: Start::Eager,
            era: None,
            elicitation: Elicitation::None,
            variables: Vec::new(),
        }
    }
}

impl TransportConfig {
    /// `stdio` or `http`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stdio(_) => "stdio",
            Self::Http(_) => "http",
        }
    }
}

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StdioConfig {
    /// Arguments are only counted: people pass tokens in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioConfig")
            .field("command", &self.command)
            .field("args", &self.args.len())
            .field("env", &self.env)
            .field("cwd", &self.cwd)
            .finish()
    }
}

impl fmt::Debug for HttpConfig {
    /// Of the URL, where it leads: the rest may hold a password or a key.
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
mod tests;
