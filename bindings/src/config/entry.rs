//! The configuration of one server.

use std::time::Duration;

use super::dialects::{Dialect, KeyMeaning, Unit, nearest_word};
use super::read::{FieldError, FileReader, repeated};
use super::tree::{Entry, Node, NodeKind};
use super::values::{boolean, choice, list, text_of};
use super::{Elicitation, ServerConfig, Start, ToolSelection};
use crate::protocol::Handshake;
use crate::text::shortened;

/// The keys of a server, by meaning.
pub(super) struct Fields<'t> {
    fields: Vec<(KeyMeaning, &'t Entry)>,
}

impl<'t> Fields<'t> {
    pub(super) fn get(&self, means: KeyMeaning) -> Option<&'t Entry> {
        self.all(means).next()
    }

    pub(super) fn all(&self, means: KeyMeaning) -> impl Iterator<Item = &'t Entry> {
        self.fields.iter().filter(move |(meaning, _)| *meaning == means).map(|(_, entry)| *entry)
    }

    /// Returns the only key with this meaning. Two keys are an error.
    pub(super) fn one(&self, means: KeyMeaning) -> Result<Option<&'t Entry>, FieldError> {
        let mut all = self.all(means);
        match (all.next(), all.next()) {
            (Some(first), Some(second)) => {
                let message =
                    format!("it has both \"{}\" and \"{}\": keep one of them", first.key, second.key);
                Err(FieldError::new(second.at, message))
            }
            (first, _) => Ok(first),
        }
    }
}

impl FileReader<'_> {
    /// Returns whether the server is disabled, even if the rest of it is invalid.
    pub(super) fn is_disabled(&self, node: &Node) -> bool {
        let fields = node.as_map().unwrap_or_default();
        fields.iter().any(|field| match self.dialect.meaning(&field.key) {
            Some(KeyMeaning::Disabled) => field.value.kind == NodeKind::Boolean(true),
            Some(KeyMeaning::Enabled) => field.value.kind == NodeKind::Boolean(false),
            _ => false,
        })
    }

    pub(super) fn server(
        &mut self,
        at: usize,
        node: &Node,
        disabled: bool,
    ) -> Result<ServerConfig, FieldError> {
        let entries = node.as_map().ok_or_else(|| {
            FieldError::new(node.at, "it must be an object, such as {\"command\": \"…\"} or {\"url\": \"…\"}")
        })?;
        self.refuse_repeated(entries)?;
        let fields = self.fields(entries)?;
        let transport = self.transport(at, &fields, disabled)?;
        let mut server = ServerConfig::new(transport);
        for (means, field) in &fields.fields {
            match means {
                KeyMeaning::Disabled | KeyMeaning::Enabled => {
                    boolean(field)?;
                }
                KeyMeaning::CallTime(unit) => {
                    server.call_timeout = Some(self.time(field, &field.value, *unit)?)
                }
                KeyMeaning::StartTime(unit) => {
                    server.startup = Some(self.time(field, &field.value, *unit)?)
                }
                KeyMeaning::Times => match field.value.as_map() {
                    None => server.startup = Some(self.time(field, &field.value, Unit::Milliseconds)?),
                    Some(times) => {
                        for time in times {
                            let duration = self.time(field, &time.value, Unit::Milliseconds)?;
                            match time.key.as_str() {
                                "startup" => server.startup = Some(duration),
                                "request" => server.call_timeout = Some(duration),
                                key => self.warn(time.at, format!("unknown key \"{key}\" of \"timeout\"")),
                            }
                        }
                    }
                },
                KeyMeaning::Start => {
                    server.start = choice(field, &[("eager", Start::Eager), ("lazy", Start::Lazy)])?;
                }
                KeyMeaning::Era => {
                    server.era = choice(field, &Handshake::CHOICES)?;
                }
                KeyMeaning::Elicitation => {
                    let ways = [("none", Elicitation::None), ("defaults", Elicitation::Defaults)];
                    server.elicitation = choice(field, &ways)?;
                }
                _ => {}
            }
        }
        server.tools = self.tools(&fields)?;
        Ok(server)
    }

    /// Finds the meaning of each key. An unknown key is a warning. A misspelt key is an error: its
    /// setting would be ignored, and it may be a restriction.
    fn fields<'t>(&mut self, entries: &'t [Entry]) -> Result<Fields<'t>, FieldError> {
        let mut fields = Vec::with_capacity(entries.len());
        for entry in entries {
            // A YAML key without a value is ignored.
            if entry.value.kind == NodeKind::Null {
                continue;
            }
            match self.dialect.meaning(&entry.key) {
                Some(means) => fields.push((means, entry)),
                None => {
                    let key = shortened(&entry.key, 100);
                    if let Some(word) = nearest_word(&entry.key) {
                        let message = format!("unknown key \"{key}\": did you mean \"{word}\"?");
                        return Err(FieldError::new(entry.at, message));
                    }
                    let message = format!("unknown key \"{key}\" of a server; isolet does not act upon it");
                    self.warn(entry.at, message);
                }
            }
        }
        Ok(Fields { fields })
    }

    /// Reads the tool filter.
    fn tools(&self, fields: &Fields<'_>) -> Result<ToolSelection, FieldError> {
        let mut choice = ToolSelection::default();
        for field in fields.all(KeyMeaning::OnlyTools) {
            let names = tool_names(field)?;
            // In goose an empty list means all tools.
            if !(names.is_empty() && self.dialect == Dialect::Goose) {
                choice.only = Some(choice.only.unwrap_or_default().into_iter().chain(names).collect());
            }
        }
        for field in fields.all(KeyMeaning::WithoutTools) {
            choice.except.extend(tool_names(field)?);
        }
        choice.check().map_err(|why| {
            let field = fields.get(KeyMeaning::OnlyTools).or_else(|| fields.get(KeyMeaning::WithoutTools));
            FieldError::new(field.map_or(0, |field| field.value.at), why)
        })?;
        Ok(choice)
    }

    /// Expands the variables of a value that only the server may see.
    pub(super) fn expanded(&self, text: &str, at: usize, disabled: bool) -> Result<String, FieldError> {
        self.expanded_into(text, at, disabled, &mut self.used.borrow_mut())
    }

    /// Expands the variables of a location, which is not secret and which messages name.
    pub(super) fn place_text(&self, text: &str, at: usize, disabled: bool) -> Result<String, FieldError> {
        self.expanded_into(text, at, disabled, &mut Vec::new())
    }

    fn expanded_into(
        &self,
        text: &str,
        at: usize,
        disabled: bool,
        used: &mut Vec<String>,
    ) -> Result<String, FieldError> {
        if disabled {
            return Ok(text.to_owned());
        }
        self.variables.expand(text, used).map_err(|message| FieldError::new(at, message))
    }

    fn time(&mut self, field: &Entry, value: &Node, unit: Unit) -> Result<Duration, FieldError> {
        let number = match &value.kind {
            NodeKind::Number(number) => number.parse::<f64>().ok(),
            _ => None,
        };
        let (words, most) = match unit {
            Unit::Milliseconds => ("milliseconds from 1 to 86400000", 86_400_000.0),
            Unit::Seconds => ("seconds up to 86400", 86_400.0),
        };
        let Some(number) = number.filter(|number| *number > 0.0 && *number <= most) else {
            let message = format!("\"{}\": expected a number of {words} (a day)", field.key);
            return Err(FieldError::new(value.at, message));
        };
        if unit == Unit::Seconds {
            return Ok(Duration::from_secs_f64(number));
        }
        if number < 1_000.0 {
            let message =
                format!("\"{}\": {number} is read as milliseconds; some clients mean seconds", field.key);
            self.warn(field.at, message);
        }
        Ok(Duration::from_secs_f64(number / 1_000.0))
    }

    pub(super) fn refuse_repeated(&self, entries: &[Entry]) -> Result<(), FieldError> {
        match repeated(entries) {
            None => Ok(()),
            Some((second, first)) => {
                let (line, column) = self.position(first);
                let key = shortened(&second.key, 100);
                let message = format!(
                    "the key appears twice: \"{key}\" (the first is at {line}:{column}); remove one of them"
                );
                Err(FieldError::new(second.at, message))
            }
        }
    }
}

fn tool_names(field: &Entry) -> Result<Vec<String>, FieldError> {
    let names = list(&field.value, &field.key)?.iter().map(|name| {
        // Gemini CLI also accepts `name(arguments)`.
        text_of(name).map(|name| name.split('(').next().unwrap_or_default().to_owned())
    });
    names.collect()
}
