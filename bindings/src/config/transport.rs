//! The transport of a server: its command or its URL, with environment or headers.

use std::path::Path;

use indexmap::IndexMap;

use super::dialects::{Dialect, KeyMeaning};
use super::entry::Fields;
use super::read::{FieldError, FileReader, own_folder};
use super::tree::{Entry, Node, NodeKind};
use super::values::{boolean, list, map, string, text_of};
use super::{HttpConfig, Secret, StdioConfig, TransportConfig};
use crate::private_files::{self, Links};
use crate::text::shortened;

/// Headers that isolet sets itself.
const RESERVED_HEADERS: [&str; 7] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
];

/// Those of them that some clients show in examples. They are ignored without a warning.
const NEEDLESS_HEADERS: [&str; 2] = ["accept", "content-type"];

impl FileReader<'_> {
    pub(super) fn transport(
        &mut self,
        at: usize,
        fields: &Fields<'_>,
        disabled: bool,
    ) -> Result<TransportConfig, FieldError> {
        let (command, url) = (fields.one(KeyMeaning::Command)?, fields.one(KeyMeaning::Address)?);
        let kind = match fields.get(KeyMeaning::Transport) {
            Some(field) => Some((field, string(field)?)),
            None => None,
        };
        let stdio = match (kind, command, url) {
            (Some((field, "sse")), ..) => {
                let message = "it uses the HTTP+SSE transport of 2024, which isolet does not speak; most such servers also \
                               offer Streamable HTTP: write \"type\": \"http\" and that URL (often ending in /mcp)";
                return Err(FieldError::new(field.value.at, message));
            }
            (Some((_, "stdio" | "local")), ..) => true,
            (Some((_, "http" | "streamable-http" | "streamableHttp" | "streamable_http" | "remote")), ..) => {
                false
            }
            (Some((field, other)), ..) => {
                let other = shortened(other, 100);
                let message = format!("unknown type \"{other}\": expected \"stdio\" or \"http\"");
                return Err(FieldError::new(field.value.at, message));
            }
            (None, Some(command), Some(url)) => {
                let message =
                    format!("it has both \"{}\" and \"{}\": keep one of them", command.key, url.key);
                return Err(FieldError::new(url.at, message));
            }
            (None, Some(_), None) => true,
            (None, None, Some(_)) => false,
            (None, None, None) => {
                let message = match fields.get(KeyMeaning::Source) {
                    Some(_) if self.dialect == Dialect::Zed => {
                        "an extension of Zed's starts it, which isolet cannot; write \"command\" and \"args\" instead"
                    }
                    _ => "it has neither \"command\" nor \"url\"",
                };
                return Err(FieldError::new(at, message));
            }
        };
        if stdio {
            let command = command.ok_or_else(|| FieldError::new(at, "it has no \"command\""))?;
            self.stdio(fields, command, disabled).map(TransportConfig::Stdio)
        } else {
            let url = url.ok_or_else(|| FieldError::new(at, "it has no \"url\""))?;
            self.http(fields, url, disabled).map(TransportConfig::Http)
        }
    }

    fn stdio(&self, fields: &Fields<'_>, field: &Entry, disabled: bool) -> Result<StdioConfig, FieldError> {
        let mut config = StdioConfig::default();
        // An older format of Zed has an object, opencode has a list.
        let path = field.value.get("path").and_then(Node::as_text);
        match &field.value.kind {
            NodeKind::Text(text) => config.command = self.place_text(text, field.value.at, disabled)?,
            NodeKind::List(words) => {
                let mut words = words.iter();
                let first =
                    words.next().ok_or_else(|| FieldError::new(field.value.at, "its command is empty"))?;
                config.command = self.place_text(text_of(first)?, first.at, disabled)?;
                for word in words {
                    config.args.push(self.expanded(text_of(word)?, word.at, disabled)?);
                }
            }
            NodeKind::Map(_) if path.is_some() => {
                let path = path.unwrap_or_default();
                config.command = self.place_text(path, field.value.at, disabled)?;
                let words = field.value.get("args").map(|args| (args, list(args, "args")));
                for word in words.map_or(Ok(&[][..]), |(_, words)| words)? {
                    config.args.push(self.expanded(text_of(word)?, word.at, disabled)?);
                }
                if let Some(env) = field.value.get("env") {
                    let named = self.secrets(env, "env", disabled)?;
                    config.env.extend(named.into_iter().map(|(key, _, value)| (key.to_owned(), value)));
                }
            }
            _ => {
                let message = format!("\"{}\" must be a string: its arguments go into \"args\"", field.key);
                return Err(FieldError::new(field.value.at, message));
            }
        }
        if config.command.trim().is_empty() {
            return Err(FieldError::new(field.value.at, "its command is empty"));
        }
        for args in fields.all(KeyMeaning::Arguments) {
            for word in list(&args.value, &args.key)? {
                config.args.push(self.expanded(text_of(word)?, word.at, disabled)?);
            }
        }
        self.variables_of(&mut config, fields, disabled)?;
        // Relative to the file, so that it does not depend on isolet's working folder.
        config.cwd = Some(match fields.one(KeyMeaning::Folder)? {
            Some(cwd) => self.folder.join(self.place_text(string(cwd)?, cwd.value.at, disabled)?),
            None => own_folder(self.folder).to_owned(),
        });
        if let Some(allowed) = fields.get(KeyMeaning::Privileges) {
            config.allow_privilege_escalation = boolean(allowed)?;
        }
        Ok(config)
    }

    /// Collects the variables: those passed by name, then those of a file, then those with values.
    fn variables_of(
        &self,
        config: &mut StdioConfig,
        fields: &Fields<'_>,
        disabled: bool,
    ) -> Result<(), FieldError> {
        if disabled {
            return Ok(());
        }
        for names in fields.all(KeyMeaning::VariableNames) {
            for item in list(&names.value, &names.key)? {
                // Codex also has {"name": …, "source": …}.
                let name = item.get("name").unwrap_or(item);
                let name = text_of(name)?;
                match (self.variables.lookup)(name) {
                    Some(value) => {
                        self.used.borrow_mut().push(value.clone());
                        config.env.insert(name.to_owned(), Secret::new(value));
                    }
                    // goose reads it from the system's keyring.
                    None if self.dialect == Dialect::Goose => {
                        let message = format!(
                            "\"{}\": goose keeps {name} in its keyring; set the environment variable {name} for isolet",
                            names.key
                        );
                        return Err(FieldError::new(item.at, message));
                    }
                    None => {}
                }
            }
        }
        if let Some(file) = fields.one(KeyMeaning::VariableFile)? {
            config.env.extend(self.env_file(file)?);
        }
        for env in fields.all(KeyMeaning::Variables) {
            let named = self.secrets(&env.value, &env.key, disabled)?;
            config.env.extend(named.into_iter().map(|(key, _, value)| (key.to_owned(), value)));
        }
        Ok(())
    }

    /// Reads the file that `envFile` names. Variables in `env` override its variables.
    fn env_file(&self, field: &Entry) -> Result<IndexMap<String, Secret>, FieldError> {
        let named = self.place_text(string(field)?, field.value.at, false)?;
        let path = self.folder.join(&named);
        // Names the file as the configuration does, because scripts see the message.
        let wrong = |why: String| {
            let shown = Path::new(&named).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            FieldError::new(field.value.at, format!("cannot use {shown} (\"{}\"): {why}", field.key))
        };
        let bytes = private_files::regular(&path, super::MAX_FILE_BYTES, Links::Follow)
            .map_err(|error| wrong(error.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let variables =
            super::env_file::parse(text).map_err(|(line, why)| wrong(format!("line {line}: {why}")))?;
        Ok(variables.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    fn http(&mut self, fields: &Fields<'_>, url: &Entry, disabled: bool) -> Result<HttpConfig, FieldError> {
        let address = self.expanded(string(url)?, url.value.at, disabled)?;
        // The variables of a disabled server are not expanded, so its URL may be incomplete.
        let address =
            if disabled && address.contains("${") { "http://disabled.invalid/".into() } else { address };
        let parsed = url::Url::parse(&address)
            .map_err(|error| error.to_string())
            .and_then(|parsed| match (parsed.scheme(), parsed.host_str()) {
                ("http" | "https", Some(_)) => Ok(parsed),
                _ => Err("expected http:// or https:// and a host".to_owned()),
            })
            .map_err(|why| FieldError::new(url.value.at, format!("its URL is not usable: {why}")))?;
        let mut config = HttpConfig { url: parsed, headers: IndexMap::new(), oauth: None };
        for field in fields.all(KeyMeaning::Headers) {
            for (key, at, value) in self.secrets(&field.value, &field.key, disabled)? {
                self.header(&mut config, key, at, value)?;
            }
        }
        if !disabled {
            for field in fields.all(KeyMeaning::HeaderVariables) {
                for entry in map(&field.value, &field.key)? {
                    // Codex omits a header whose variable is not set.
                    if let Some(value) = self.variable(text_of(&entry.value)?) {
                        self.header(&mut config, &entry.key, entry.at, Secret::new(value))?;
                    }
                }
            }
            if let Some(field) = fields.get(KeyMeaning::BearerVariable) {
                let name = string(field)?;
                let token = self.variable(name).ok_or_else(|| {
                    FieldError::new(field.value.at, format!("the environment variable {name} is not set"))
                })?;
                let value = Secret::new(format!("Bearer {token}"));
                self.header(&mut config, "authorization", field.at, value)?;
            }
        }
        if let Some(field) = fields.one(KeyMeaning::Login)? {
            config.oauth = self.oauth(field, disabled)?;
        }
        Ok(config)
    }

    fn header(
        &mut self,
        config: &mut HttpConfig,
        key: &str,
        at: usize,
        value: Secret,
    ) -> Result<(), FieldError> {
        let shown = shortened(key, 100);
        let header = http::HeaderName::from_bytes(key.as_bytes())
            .map_err(|_| FieldError::new(at, format!("\"{shown}\" is not the name of a header")))?;
        if NEEDLESS_HEADERS.contains(&header.as_str()) {
            self.warn(at, format!("the header \"{shown}\" is set by isolet itself and is left out"));
            return Ok(());
        }
        if RESERVED_HEADERS.contains(&header.as_str()) {
            let message = format!("the header \"{shown}\" is set by isolet itself: leave it out");
            return Err(FieldError::new(at, message));
        }
        if http::HeaderValue::from_str(value.expose()).is_err() {
            // The value may be a credential, so it is not shown.
            let message = format!("the value of header \"{shown}\" has characters that no header can carry");
            return Err(FieldError::new(at, message));
        }
        config.headers.insert(header, value);
        Ok(())
    }

    /// Reads an object of strings, with the position of each.
    fn secrets<'t>(
        &self,
        node: &'t Node,
        name: &str,
        disabled: bool,
    ) -> Result<Vec<(&'t str, usize, Secret)>, FieldError> {
        let object = map(node, name)?;
        self.refuse_repeated(object)?;
        let mut entries = Vec::with_capacity(object.len());
        for entry in object {
            let value = match &entry.value.kind {
                NodeKind::Text(text) => self.expanded(text, entry.value.at, disabled)?,
                // Other clients accept these, and their meaning is clear.
                NodeKind::Number(number) => number.clone(),
                NodeKind::Boolean(boolean) => boolean.to_string(),
                _ => return Err(FieldError::new(entry.value.at, "expected a string")),
            };
            entries.push((entry.key.as_str(), entry.at, Secret::new(value)));
        }
        Ok(entries)
    }

    /// Returns the value of a variable that is passed by name.
    fn variable(&self, name: &str) -> Option<String> {
        let value = (self.variables.lookup)(name)?;
        self.used.borrow_mut().push(value.clone());
        Some(value)
    }
}
