//! One table of `isolet.toml`: values are taken out by name, and what nobody took is a mistake.
//!
//! The `toml` crate would do this with serde, but its messages name neither the value that was wrong nor the key that was
//! meant, and both are what the reader of a message needs.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Origin, SettingsError};
use super::size;
use crate::duration;

/// Longest text of a value in a message.
const SHOWN: usize = 60;

/// A table on its way to being read.
pub struct Table<'a> {
    origin: Origin<'a>,
    /// `limits`, `server.tokens`; empty for the file itself.
    name: String,
    entries: &'a DeTable<'a>,
    /// Where the table begins.
    offset: usize,
    /// What it may hold: each name that was asked for.
    known: Vec<&'static str>,
}

/// A value that was found.
pub struct Found<'a> {
    origin: Origin<'a>,
    /// `limits.cpu`
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub fn root(origin: Origin<'a>, entries: &'a Spanned<DeTable<'a>>) -> Self {
        Self::new(origin, String::new(), entries.get_ref(), 0)
    }

    fn new(origin: Origin<'a>, name: String, entries: &'a DeTable<'a>, offset: usize) -> Self {
        Self { origin, name, entries, offset, known: Vec::new() }
    }

    /// The value of `key`, if it is there.
    pub fn find(&mut self, key: &'static str) -> Option<Found<'a>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(Found { origin: self.origin, path: self.path_of(key), value })
    }

    /// Reads the value of `key` if it is there.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Found<'a>) -> Result<T, SettingsError>,
    ) -> Result<Option<T>, SettingsError> {
        self.find(key).map(|found| read(&found)).transpose()
    }

    /// Puts the value of `key` into `slot` if it is there.
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

    /// An error about the table as a whole.
    pub fn error(&self, message: impl Into<String>) -> SettingsError {
        self.origin.error(self.offset, message)
    }

    /// Fails if there is a key that nobody asked for.
    pub fn finish(self) -> Result<(), SettingsError> {
        // In the order of the file: a map's own order would point at the second mistake first.
        let unknown = self.entries.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let wrong = shortened(key.get_ref());
        let nearest = self
            .known
            .iter()
            .map(|known| (strsim::jaro_winkler(&wrong.to_lowercase(), known), *known))
            .filter(|(score, _)| *score >= 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let known = match nearest {
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None => format!("there are {}", self.known.join(", ")),
        };
        let here = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        Err(self.origin.error(key.span().start, format!("unknown key `{wrong}`{here}: {known}")))
    }

    fn path_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

impl<'a> Found<'a> {
    /// A text.
    pub fn text(&self) -> Result<&'a str, SettingsError> {
        self.value.get_ref().as_str().ok_or_else(|| self.not("a text in quotes"))
    }

    /// A text that is not blank.
    pub fn name(&self) -> Result<String, SettingsError> {
        let text = self.text()?;
        match text.trim().is_empty() || text.chars().any(char::is_control) {
            true => Err(self.error("must not be empty and must have no control characters")),
            false => Ok(text.to_owned()),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, SettingsError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.not("true or false"))
    }

    /// A whole number in a range.
    pub fn number(&self, range: RangeInclusive<u64>) -> Result<u64, SettingsError> {
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.value.get_ref().as_integer();
        let number = number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| self.not(&wanted()))
    }

    /// A duration such as `"10s"`, from a millisecond to a day.
    pub fn duration(&self) -> Result<Duration, SettingsError> {
        const DAY: Duration = Duration::from_secs(86_400);
        const WANTED: &str = "a duration with a unit, such as \"500ms\", \"10s\" or \"2m\"";
        let text = self.value.get_ref().as_str().ok_or_else(|| self.not(WANTED))?;
        if text.ends_with(|last: char| last.is_ascii_digit()) {
            return Err(self.not(WANTED));
        }
        match duration::parse(text) {
            Ok(duration) if (Duration::from_millis(1)..=DAY).contains(&duration) => Ok(duration),
            Ok(_) => Err(self.error("must be from 1 ms to 24 h")),
            Err(reason) => Err(self.error(&reason)),
        }
    }

    /// A number of bytes, such as `"128MiB"`, in a range.
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
                size::shown(*range.start()),
                size::shown(*range.end())
            ))),
        }
    }

    /// One of a few words.
    pub fn choice<T: ValueEnum>(&self) -> Result<T, SettingsError> {
        let words: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|variant| Some(format!("\"{}\"", variant.to_possible_value()?.get_name())))
            .collect();
        let text = self.value.get_ref().as_str();
        text.and_then(|text| T::from_str(text, false).ok()).ok_or_else(|| self.not(&words.join(" or ")))
    }

    /// What `read` makes of a text.
    pub fn parsed<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, SettingsError> {
        read(self.text()?).map_err(|reason| self.error(&reason))
    }

    /// A list of values.
    pub fn list(&self) -> Result<Vec<Found<'a>>, SettingsError> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.not("a list in brackets"))?;
        Ok(list.iter().map(|value| Found { origin: self.origin, path: self.path.clone(), value }).collect())
    }

    /// Any value, as JSON.
    pub fn json(&self) -> Result<serde_json::Value, SettingsError> {
        json(self.value.get_ref())
            .ok_or_else(|| self.not("a text, a number, true, false, a list or a table of these"))
    }

    /// A table.
    pub fn table(&self) -> Result<Table<'a>, SettingsError> {
        let entries = self.value.get_ref().as_table();
        let entries = entries.ok_or_else(|| self.not(&format!("a table: [{}]", self.path)))?;
        Ok(Table::new(self.origin, self.path.clone(), entries, self.value.span().start))
    }

    /// A list of tables.
    pub fn tables(&self) -> Result<Vec<Table<'a>>, SettingsError> {
        let list = self.value.get_ref().as_array();
        let list = list.ok_or_else(|| self.not(&format!("a list of tables: [[{}]]", self.path)))?;
        list.iter()
            .map(|value| Found { origin: self.origin, path: self.path.clone(), value }.table())
            .collect()
    }

    /// An error at the value, which shows it: `` `limits.cpu = 10`: … ``.
    pub fn error(&self, message: &str) -> SettingsError {
        let span = self.value.span();
        let value = shortened(self.origin.text.get(span.clone()).unwrap_or_default());
        self.origin.error(span.start, format!("`{} = {value}`: {message}", self.path))
    }

    /// An error at the value, which may be a secret and is not shown.
    pub fn hidden_error(&self, message: &str) -> SettingsError {
        self.origin.error(self.value.span().start, format!("`{}`: {message}", self.path))
    }

    fn not(&self, wanted: &str) -> SettingsError {
        self.error(&format!("expected {wanted}"))
    }
}

/// The parser bounds the depth.
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

/// The first line of `text`, cut.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
