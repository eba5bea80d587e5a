//! Reads the tables of `isolet.toml` strictly: values are taken out by key, and a key that no code
//! asked for is an error.
//!
//! The `toml` crate could do this with serde, but its messages contain neither the invalid value
//! nor the nearest valid key, and the reader of a message needs both.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{SettingsError, SourceFile};
use super::{duration, size};

/// The keys of the file that are not tables. TOML would count them to a `[table]` above them.
const TOP_LEVEL_KEYS: [&str; 2] = ["lock", "mcp_config"];

/// The longest text of a value in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// The similarity from which on a known key is suggested for an unknown one, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.75;

/// A table that is being read.
pub struct Table<'a> {
    source: SourceFile<'a>,
    /// The name, such as `limits` or `server.tokens`; empty for the file itself.
    name: String,
    entries: &'a DeTable<'a>,
    /// The offset in the file at which the table begins.
    offset: usize,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

/// A value in a table.
pub struct Found<'a> {
    source: SourceFile<'a>,
    /// The path of keys, such as `limits.cpu`.
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    /// Begins to read the file itself.
    pub fn root(source: SourceFile<'a>, entries: &'a Spanned<DeTable<'a>>) -> Self {
        Self::new(source, String::new(), entries.get_ref(), 0)
    }

    fn new(source: SourceFile<'a>, name: String, entries: &'a DeTable<'a>, offset: usize) -> Self {
        Self { source, name, entries, offset, known: Vec::new() }
    }

    /// Returns the value of `key`, if the table has it.
    pub fn find(&mut self, key: &'static str) -> Option<Found<'a>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(Found { source: self.source, path: self.path_of(key), value })
    }

    /// Reads the value of `key`, if the table has it.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Found<'a>) -> Result<T, SettingsError>,
    ) -> Result<Option<T>, SettingsError> {
        self.find(key).map(|found| read(&found)).transpose()
    }

    /// Reads the value of `key` into `slot`, if the table has it.
    pub fn set<T>(
        &mut self,
        key: &'static str,
        slot: &mut T,
        read: impl FnOnce(&Found<'a>) -> Result<T, SettingsError>,
    ) -> Result<(), SettingsError> {
        if let Some(value) = self.read(key, read)? {
            *slot = value;
        }
        Ok(())
    }

    /// Makes an error about the whole table.
    pub fn error(&self, message: impl Into<String>) -> SettingsError {
        self.source.error(self.offset, message)
    }

    /// Fails if the table has a key that was not asked for.
    pub fn finish(self) -> Result<(), SettingsError> {
        // The first one in the file: the map's own order would report a later mistake first.
        let unknown = self.entries.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let wrong = shortened(key.get_ref());
        let nearest = self
            .known
            .iter()
            .map(|known| (strsim::jaro_winkler(&wrong.to_lowercase(), known), *known))
            .filter(|(score, _)| *score >= MIN_SIMILARITY)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let misplaced = !self.name.is_empty() && TOP_LEVEL_KEYS.contains(&&*wrong);
        let known = match nearest {
            _ if misplaced => format!("`{wrong}` must stand before the first [table]"),
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None => format!("expected one of: {}", self.known.join(", ")),
        };
        let here = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        Err(self.source.error(key.span().start, format!("unknown key `{wrong}`{here}: {known}")))
    }

    fn path_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

impl<'a> Found<'a> {
    /// Reads a string.
    pub fn text(&self) -> Result<&'a str, SettingsError> {
        self.value.get_ref().as_str().ok_or_else(|| self.not("a string in quotes"))
    }

    /// Reads a string that is not blank and has no control characters.
    pub fn name(&self) -> Result<String, SettingsError> {
        let text = self.text()?;
        match text.trim().is_empty() || text.chars().any(char::is_control) {
            true => Err(self.error("must not be empty and must have no control characters")),
            false => Ok(text.to_owned()),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(&self) -> Result<bool, SettingsError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.not("true or false"))
    }

    /// Reads a whole number in a range.
    pub fn number(&self, range: RangeInclusive<u64>) -> Result<u64, SettingsError> {
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.value.get_ref().as_integer();
        let number = number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| self.not(&wanted()))
    }

    /// Reads a duration such as `"10s"`, in a range.
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Result<Duration, SettingsError> {
        const WANTED: &str = "a duration with a unit, such as \"500ms\", \"10s\" or \"2m\"";
        let text = self.value.get_ref().as_str().ok_or_else(|| self.not(WANTED))?;
        if text.ends_with(|last: char| last.is_ascii_digit()) {
            return Err(self.not(WANTED));
        }
        match duration::parse(text) {
            Ok(duration) if range.contains(&duration) => Ok(duration),
            Ok(_) => Err(self.error(&format!(
                "must be from {} to {}",
                duration::display(*range.start()),
                duration::display(*range.end())
            ))),
            Err(reason) => Err(self.error(&reason)),
        }
    }

    /// Reads a number of bytes, such as `"128MiB"`, in a range.
    pub fn size(&self, range: RangeInclusive<usize>) -> Result<usize, SettingsError> {
        let value = self.value.get_ref();
        let size = match (value.as_str(), value.as_integer()) {
            (Some(text), _) => size::parse(text).map_err(|reason| self.error(&reason))?,
            (None, Some(number)) => usize::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| self.not("a size, such as \"128MiB\""))?,
            (None, None) => return Err(self.not("a size, such as \"128MiB\"")),
        };
        match range.contains(&size) {
            true => Ok(size),
            false => Err(self.error(&format!(
                "must be from {} to {}",
                size::display(*range.start()),
                size::display(*range.end())
            ))),
        }
    }

    /// Reads one of a few words, and returns the value beside it.
    pub fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, SettingsError> {
        let text = self.value.get_ref().as_str();
        let chosen = choices.iter().find(|(word, _)| Some(*word) == text);
        chosen.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.not(&words.join(" or "))
        })
    }

    /// Reads a value that an option of the command line has too, in the same words.
    pub fn value_enum<T: ValueEnum + Copy>(&self) -> Result<T, SettingsError> {
        let values =
            T::value_variants().iter().filter_map(|value| Some((value.to_possible_value()?, *value)));
        let values: Vec<_> = values.collect();
        let choices: Vec<(&str, T)> = values.iter().map(|(word, value)| (word.get_name(), *value)).collect();
        self.one_of(&choices)
    }

    /// Reads a string and parses it with `read`.
    pub fn parsed<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, SettingsError> {
        read(self.text()?).map_err(|reason| self.error(&reason))
    }

    /// Reads a list of values.
    pub fn list(&self) -> Result<Vec<Found<'a>>, SettingsError> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.not("a list in brackets"))?;
        Ok(list.iter().map(|value| Found { source: self.source, path: self.path.clone(), value }).collect())
    }

    /// Reads any value but a date, as JSON.
    pub fn json(&self) -> Result<serde_json::Value, SettingsError> {
        json(self.value.get_ref())
            .ok_or_else(|| self.not("a string, a number, true, false, a list or a table of these"))
    }

    /// Reads a table.
    pub fn table(&self) -> Result<Table<'a>, SettingsError> {
        let entries = self.value.get_ref().as_table();
        let entries = entries.ok_or_else(|| self.not(&format!("a table: [{}]", self.path)))?;
        Ok(Table::new(self.source, self.path.clone(), entries, self.value.span().start))
    }

    /// Reads a list of tables.
    pub fn tables(&self) -> Result<Vec<Table<'a>>, SettingsError> {
        let list = self.value.get_ref().as_array();
        let list = list.ok_or_else(|| self.not(&format!("a list of tables: [[{}]]", self.path)))?;
        list.iter()
            .map(|value| Found { source: self.source, path: self.path.clone(), value }.table())
            .collect()
    }

    /// Makes an error at the value, which quotes it: `` `limits.cpu = 10`: … ``.
    pub fn error(&self, message: &str) -> SettingsError {
        let span = self.value.span();
        let value = shortened(self.source.text.get(span.clone()).unwrap_or_default());
        self.source.error(span.start, format!("`{} = {value}`: {message}", self.path))
    }

    /// Makes an error at the value without quoting it, as it may be a secret.
    pub fn error_without_value(&self, message: &str) -> SettingsError {
        self.source.error(self.value.span().start, format!("`{}`: {message}", self.path))
    }

    fn not(&self, wanted: &str) -> SettingsError {
        self.error(&format!("expected {wanted}"))
    }
}

/// Converts a value to JSON. The recursion is bounded by the parser, which bounds the nesting.
fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => Value::from(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => Value::Number(serde_json::Number::from_f64(number.as_str().parse().ok()?)?),
        DeValue::Boolean(boolean) => Value::from(*boolean),
        DeValue::Datetime(_) => return None,
        DeValue::Array(items) => {
            items.iter().map(|item| json(item.get_ref())).collect::<Option<Vec<_>>>()?.into()
        }
        DeValue::Table(members) => {
            let members = members
                .iter()
                .map(|(key, member)| Some((key.get_ref().to_string(), json(member.get_ref())?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
    })
}

/// Returns the first line of `text` without control characters, cut to [`MAX_SHOWN_CHARS`].
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
