//! From text to servers.
//!
//! The text is parsed into a tree that keeps positions and repeated keys. A map would merge two servers of one name
//! without a word, and which of them won would depend on the parser.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use jsonc_parser::ast::{Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::error::position;
use super::expand::Variables;
use super::{
    ConfigError, Elicitation, HttpConfig, McpConfig, Secret, ServerConfig, Start, StdioConfig,
    TransportConfig,
};
use crate::handshake::Era;

/// Keys that other clients read from the same file. They change nothing here, and saying so each time helps nobody.
const KEYS_OF_OTHERS: [&str; 11] = [
    "alwaysAllow",
    "autoApprove",
    "description",
    "dev",
    "gallery",
    "icon",
    "name",
    "note",
    "title",
    "trust",
    "version",
];

/// Names that isolet sets itself on every request.
const RESERVED_HEADERS: [&str; 7] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
];

pub(super) fn read(
    text: &str,
    origin: &Path,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<McpConfig, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let workspace = workspace_of(origin);
    let mut reader = Reader {
        text,
        origin,
        variables: Variables { lookup, workspace: &workspace.to_string_lossy() },
        used: RefCell::default(),
        config: McpConfig::default(),
    };
    reader.file()?;
    Ok(reader.config)
}

/// The folder that holds the project: the file's own, or the one above `.vscode`.
fn workspace_of(origin: &Path) -> PathBuf {
    let absolute = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("."));
    match folder.file_name() {
        Some(name) if name == ".vscode" => folder.parent().unwrap_or(folder).to_owned(),
        _ => folder.to_owned(),
    }
}

pub(super) struct Reader<'a> {
    text: &'a str,
    origin: &'a Path,
    variables: Variables<'a>,
    /// The values of variables that went into the server that is being read.
    used: RefCell<Vec<String>>,
    config: McpConfig,
}

impl Reader<'_> {
    fn file(&mut self) -> Result<(), ConfigError> {
        let options = ParseOptions {
            allow_comments: true,
            allow_trailing_commas: true,
            allow_loose_object_property_names: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let parsed = parse_to_ast(self.text, &CollectOptions::default(), &options)
            .map_err(|error| self.error(error.range().start, format!("not valid JSON: {}", error.kind())))?;
        let Some(Value::Object(root)) = &parsed.value else {
            let offset = parsed.value.as_ref().map_or(0, Ranged::start);
            return Err(self.error(offset, "expected an object: {\"mcpServers\": {…}}"));
        };
        self.refuse_repeated_keys(root, "the key")?;

        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut found = false;
        for property in &root.properties {
            match property.name.as_str() {
                "mcpServers" | "servers" => {
                    found = true;
                    for server in &self.object(&property.value, property.name.as_str())?.properties {
                        if let Some(first) = seen.insert(server.name.as_str(), server.start()) {
                            return Err(self.twice("two servers are called", server, first));
                        }
                        let config = self.server(server)?;
                        self.config.servers.insert(server.name.as_str().to_owned(), config);
                    }
                }
                // VS Code's list of questions to the user; a server that needs one of the answers says so itself.
                "inputs" | "$schema" => {}
                other => self.warn(property.start(), format!("unknown key \"{other}\"")),
            }
        }
        if !found {
            let message = "no servers here: expected the key \"mcpServers\" (or \"servers\"), as in \
                           {\"mcpServers\": {\"files\": {\"command\": \"mcp-server-filesystem\", \"args\": [\".\"]}}}";
            return Err(self.error(root.start(), message));
        }
        Ok(())
    }

    fn server(&mut self, property: &ObjectProp<'_>) -> Result<ServerConfig, ConfigError> {
        let name = property.name.as_str();
        if name.trim().is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            let message = "a server's name must have 1 to 128 bytes and no control characters";
            return Err(self.error(property.start(), message));
        }
        let fields = self.object(&property.value, name)?;
        self.refuse_repeated_keys(fields, "the key")?;
        let mut disabled = false;
        let mut call_timeout = None;
        let mut start = Start::Eager;
        let mut era = None;
        let mut elicitation = Elicitation::None;
        for field in &fields.properties {
            match field.name.as_str() {
                "type" | "transport" | "command" | "args" | "env" | "cwd" | "url" | "headers" | "envFile"
                | "oauth" => {}
                "disabled" => disabled |= self.boolean(field)?,
                "enabled" => disabled |= !self.boolean(field)?,
                "timeout" => call_timeout = Some(self.timeout(field)?),
                "start" => start = self.choice(field, &[("eager", Start::Eager), ("lazy", Start::Lazy)])?,
                "era" => {
                    let eras = [("auto", None), ("legacy", Some(Era::Legacy)), ("modern", Some(Era::Modern))];
                    era = self.choice(field, &eras)?;
                }
                "elicitation" => {
                    let ways = [("none", Elicitation::None), ("defaults", Elicitation::Defaults)];
                    elicitation = self.choice(field, &ways)?;
                }
                key if KEYS_OF_OTHERS.contains(&key) => {}
                key => self.warn(field.start(), format!("unknown key \"{key}\" of server \"{name}\"")),
            }
        }
        let transport = self.transport(name, property, fields, disabled)?;
        let variables = self.used.take().into_iter().map(Secret::new).collect();
        Ok(ServerConfig { transport, call_timeout, disabled, start, era, elicitation, variables })
    }

    fn transport(
        &mut self,
        name: &str,
        property: &ObjectProp<'_>,
        fields: &Object<'_>,
        disabled: bool,
    ) -> Result<TransportConfig, ConfigError> {
        let command = fields.get("command");
        let url = fields.get("url");
        let kind = match fields.get("type").or_else(|| fields.get("transport")) {
            Some(field) => Some((field, self.string(field)?.value.as_ref())),
            None => None,
        };
        let stdio = match (kind, command, url) {
            (Some((field, "sse")), ..) => {
                let message = format!(
                    "server \"{name}\" uses the HTTP+SSE transport of 2024, which isolet does not speak; most such servers \
                     also offer Streamable HTTP: write \"type\": \"http\" and that URL (often ending in /mcp)"
                );
                return Err(self.error(field.value.start(), message));
            }
            (Some((_, "stdio" | "local")), ..) => true,
            (Some((_, "http" | "streamable-http" | "streamableHttp" | "streamable_http")), ..) => false,
            (Some((field, other)), ..) => {
                let message =
                    format!("unknown type \"{other}\" of server \"{name}\": expected \"stdio\" or \"http\"");
                return Err(self.error(field.value.start(), message));
            }
            (None, Some(_), Some(url)) => {
                let message = format!("server \"{name}\" has both \"command\" and \"url\": keep one of them");
                return Err(self.error(url.start(), message));
            }
            (None, Some(_), None) => true,
            (None, None, Some(_)) => false,
            (None, None, None) => {
                let message = format!("server \"{name}\" has neither \"command\" nor \"url\"");
                return Err(self.error(property.start(), message));
            }
        };
        if stdio {
            let Some(command) = command else {
                return Err(self.error(property.start(), format!("server \"{name}\" has no \"command\"")));
            };
            self.stdio(name, fields, command, disabled).map(TransportConfig::Stdio)
        } else {
            let Some(url) = url else {
                return Err(self.error(property.start(), format!("server \"{name}\" has no \"url\"")));
            };
            self.http(name, fields, url, disabled).map(TransportConfig::Http)
        }
    }

    fn stdio(
        &mut self,
        name: &str,
        fields: &Object<'_>,
        command: &ObjectProp<'_>,
        disabled: bool,
    ) -> Result<StdioConfig, ConfigError> {
        let mut config = StdioConfig {
            command: self.place(name, self.string(command)?, disabled)?,
            ..StdioConfig::default()
        };
        if config.command.trim().is_empty() {
            return Err(
                self.error(command.value.start(), format!("the command of server \"{name}\" is empty"))
            );
        }
        if let Some(args) = fields.get("args") {
            let Value::Array(list) = &args.value else {
                return Err(self.error(args.value.start(), "expected a list of strings: \"args\": [\"…\"]"));
            };
            for argument in &list.elements {
                let Value::StringLit(literal) = argument else {
                    return Err(self.error(argument.start(), "expected a string; put numbers in quotes too"));
                };
                config.args.push(self.expanded(name, literal, disabled)?);
            }
        }
        if let Some(file) = fields.get("envFile")
            && !disabled
        {
            config.env = self.env_file(name, file)?;
        }
        if let Some(env) = fields.get("env") {
            let named = self.secrets(name, env, disabled)?;
            config.env.extend(named.into_iter().map(|(key, _, value)| (key.to_owned(), value)));
        }
        if let Some(cwd) = fields.get("cwd") {
            let folder = PathBuf::from(self.place(name, self.string(cwd)?, disabled)?);
            // Relative to the file, so that the meaning does not depend on where isolet was started.
            config.cwd = Some(Path::new(self.variables.workspace).join(folder));
        }
        Ok(config)
    }

    /// The variables of the file that `envFile` names. Those of `env` come on top of them.
    fn env_file(
        &self,
        server: &str,
        field: &ObjectProp<'_>,
    ) -> Result<IndexMap<String, Secret>, ConfigError> {
        let path = self.place(server, self.string(field)?, false)?;
        let path = Path::new(self.variables.workspace).join(path);
        let wrong = |why: String| {
            let message = format!("server \"{server}\": cannot use {}: {why}", path.display());
            self.error(field.value.start(), message)
        };
        let size = path.metadata().map_err(|error| wrong(error.to_string()))?.len();
        if size > super::MAX_FILE_BYTES {
            return Err(wrong("it is too large for a file of variables".to_owned()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let variables =
            super::env_file::parse(&text).map_err(|(line, why)| wrong(format!("line {line}: {why}")))?;
        Ok(variables.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    fn http(
        &mut self,
        name: &str,
        fields: &Object<'_>,
        url: &ObjectProp<'_>,
        disabled: bool,
    ) -> Result<HttpConfig, ConfigError> {
        let address = self.expanded(name, self.string(url)?, disabled)?;
        // A disabled server's variables are not looked up, so its address need not be one yet.
        let address =
            if disabled && address.contains("${") { "http://disabled.invalid/".into() } else { address };
        let parsed = url::Url::parse(&address)
            .map_err(|error| error.to_string())
            .and_then(|parsed| match (parsed.scheme(), parsed.host_str()) {
                ("http" | "https", Some(_)) => Ok(parsed),
                _ => Err("expected http:// or https:// and a host".to_owned()),
            })
            .map_err(|why| {
                self.error(url.value.start(), format!("the URL of server \"{name}\" is not usable: {why}"))
            })?;
        let mut headers = IndexMap::new();
        if let Some(field) = fields.get("headers") {
            for (key, offset, value) in self.secrets(name, field, disabled)? {
                let header = http::HeaderName::from_bytes(key.as_bytes())
                    .map_err(|_| self.error(offset, format!("\"{key}\" is not the name of a header")))?;
                if RESERVED_HEADERS.contains(&header.as_str()) {
                    let message = format!("the header \"{key}\" is set by isolet itself: leave it out");
                    return Err(self.error(offset, message));
                }
                if http::HeaderValue::from_str(value.expose()).is_err() {
                    // The value itself may be a credential and is not shown.
                    let message =
                        format!("the value of header \"{key}\" has characters that no header can carry");
                    return Err(self.error(offset, message));
                }
                headers.insert(header, value);
            }
        }
        let oauth = match fields.get("oauth") {
            Some(field) => self.oauth(name, field, disabled)?,
            None => None,
        };
        Ok(HttpConfig { url: parsed, headers, oauth })
    }

    /// The entries of an object of strings, each with its position.
    fn secrets<'t>(
        &self,
        server: &str,
        field: &'t ObjectProp<'_>,
        disabled: bool,
    ) -> Result<Vec<(&'t str, usize, Secret)>, ConfigError> {
        let object = self.object(&field.value, field.name.as_str())?;
        self.refuse_repeated_keys(object, "the key")?;
        let mut entries = Vec::with_capacity(object.properties.len());
        for entry in &object.properties {
            let value = match &entry.value {
                Value::StringLit(literal) => self.expanded(server, literal, disabled)?,
                // Other clients take these, and there is only one way to read them.
                Value::NumberLit(number) => number.value.to_owned(),
                Value::BooleanLit(boolean) => boolean.value.to_string(),
                other => return Err(self.error(other.start(), "expected a string")),
            };
            entries.push((entry.name.as_str(), entry.start(), Secret::new(value)));
        }
        Ok(entries)
    }

    /// A value with its variables, which nobody but the server is to see.
    pub(super) fn expanded(
        &self,
        server: &str,
        literal: &StringLit<'_>,
        disabled: bool,
    ) -> Result<String, ConfigError> {
        self.expanded_into(server, literal, disabled, &mut self.used.borrow_mut())
    }

    /// Where something is, with its variables, which are no secrets: messages have to name it.
    fn place(&self, server: &str, literal: &StringLit<'_>, disabled: bool) -> Result<String, ConfigError> {
        self.expanded_into(server, literal, disabled, &mut Vec::new())
    }

    fn expanded_into(
        &self,
        server: &str,
        literal: &StringLit<'_>,
        disabled: bool,
        used: &mut Vec<String>,
    ) -> Result<String, ConfigError> {
        if disabled {
            return Ok(literal.value.clone().into_owned());
        }
        self.variables
            .expand(&literal.value, used)
            .map_err(|message| self.error(literal.start(), format!("server \"{server}\": {message}")))
    }

    fn timeout(&mut self, field: &ObjectProp<'_>) -> Result<Duration, ConfigError> {
        let milliseconds = field.value.as_number_lit().and_then(|number| number.value.parse::<f64>().ok());
        let Some(milliseconds) = milliseconds.filter(|number| *number > 0.0 && *number <= 86_400_000.0)
        else {
            let message = "expected a number of milliseconds from 1 to 86400000 (a day)";
            return Err(self.error(field.value.start(), message));
        };
        if milliseconds < 1_000.0 {
            let message =
                format!("\"timeout\": {milliseconds} is read as milliseconds; some clients mean seconds");
            self.warn(field.start(), message);
        }
        Ok(Duration::from_secs_f64(milliseconds / 1_000.0))
    }

    pub(super) fn choice<T: Copy>(
        &self,
        field: &ObjectProp<'_>,
        choices: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        let text = self.string(field)?.value.as_ref();
        choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let message = format!("\"{}\" must be one of {}", field.name.as_str(), names.join(", "));
            self.error(field.value.start(), message)
        })
    }

    fn boolean(&self, field: &ObjectProp<'_>) -> Result<bool, ConfigError> {
        let literal = field.value.as_boolean_lit();
        literal
            .map(|literal| literal.value)
            .ok_or_else(|| self.error(field.value.start(), "expected true or false"))
    }

    pub(super) fn string<'t, 'v>(&self, field: &'v ObjectProp<'t>) -> Result<&'v StringLit<'t>, ConfigError> {
        field.value.as_string_lit().ok_or_else(|| {
            self.error(field.value.start(), format!("\"{}\" must be a string", field.name.as_str()))
        })
    }

    pub(super) fn object<'t, 'v>(
        &self,
        value: &'v Value<'t>,
        name: &str,
    ) -> Result<&'v Object<'t>, ConfigError> {
        value
            .as_object()
            .ok_or_else(|| self.error(value.start(), format!("\"{name}\" must be an object: {{…}}")))
    }

    pub(super) fn refuse_repeated_keys(&self, object: &Object<'_>, what: &str) -> Result<(), ConfigError> {
        let mut seen: HashMap<Cow<'_, str>, usize> = HashMap::new();
        for property in &object.properties {
            if let Some(first) = seen.insert(Cow::Borrowed(property.name.as_str()), property.start()) {
                return Err(self.twice(&format!("{what} appears twice:"), property, first));
            }
        }
        Ok(())
    }

    fn twice(&self, what: &str, second: &ObjectProp<'_>, first: usize) -> ConfigError {
        let (line, column) = position(self.text, first);
        let name = second.name.as_str();
        let message =
            format!("{what} \"{name}\" (the first is at {line}:{column}); rename or remove one of them");
        self.error(second.start(), message)
    }

    pub(super) fn warn(&mut self, offset: usize, message: String) {
        let (line, column) = position(self.text, offset);
        self.config.warnings.push(format!("{}:{line}:{column}: {message}", self.origin.display()));
    }

    pub(super) fn error(&self, offset: usize, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.origin, self.text, offset, message)
    }
}
