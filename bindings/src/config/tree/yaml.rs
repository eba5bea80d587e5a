//! YAML as a tree.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::ConfigError;
use super::{Entry, Node, NodeKind};

/// The deepest nesting. Each level takes some 30 KiB of the stack.
const MAX_DEPTH: usize = 24;

/// The most values, keys and brackets that aliases may repeat. Lines that double each other would
/// make millions of a few hundred bytes.
const MAX_ALIASED_NODES: usize = 10_000;

pub(super) fn of_yaml(text: &str, origin: &Path) -> Result<Option<Node>, ConfigError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED_NODES },
    };
    let parsed: Result<Yaml, _> = serde_saphyr::from_str_with_options(text, options);
    match parsed {
        Ok(Yaml { kind: YamlKind::Null, .. }) => Ok(None),
        Ok(yaml) => Ok(Some(yaml.into())),
        Err(error) => {
            let at = error.location().map_or(0, |place| offset(text, place.line(), place.column()));
            let words = error.without_snippet().to_string();
            let first = words.lines().next().unwrap_or_default();
            Err(ConfigError::at(origin, text, at, format!("not valid YAML: {first}")))
        }
    }
}

/// Returns the byte offset of a line and a column, both from 1 and in characters.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let back = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut start = 0;
    let mut lines = text.split_inclusive('\n');
    for skipped in lines.by_ref().take(back(line)) {
        start += skipped.len();
    }
    let line = lines.next().unwrap_or_default();
    start + line.char_indices().nth(back(column)).map_or(line.len(), |(at, _)| at)
}

/// A YAML value with its position, as serde returns it.
struct Yaml {
    at: usize,
    kind: YamlKind,
}

enum YamlKind {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl From<Yaml> for Node {
    fn from(yaml: Yaml) -> Self {
        let entry = |(key, value): (String, Yaml)| {
            let value = Self::from(value);
            Entry { at: value.at, key, value }
        };
        let kind = match yaml.kind {
            YamlKind::Null => NodeKind::Null,
            YamlKind::Boolean(boolean) => NodeKind::Boolean(boolean),
            YamlKind::Number(number) => NodeKind::Number(number),
            YamlKind::Text(text) => NodeKind::Text(text),
            YamlKind::List(list) => NodeKind::List(list.into_iter().map(Self::from).collect()),
            YamlKind::Map(entries) => NodeKind::Map(entries.into_iter().map(entry).collect()),
        };
        Self { at: yaml.at, kind }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<YamlKind>::deserialize(deserializer)?;
        let at = spanned.referenced.span().byte_offset().and_then(|at| usize::try_from(at).ok());
        Ok(Self { at: at.unwrap_or_default(), kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for YamlKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = YamlKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of YAML")
    }

    fn visit_unit<E>(self) -> Result<YamlKind, E> {
        Ok(YamlKind::Null)
    }

    fn visit_none<E>(self) -> Result<YamlKind, E> {
        Ok(YamlKind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<YamlKind, D::Error> {
        YamlKind::deserialize(deserializer)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<YamlKind, E> {
        Ok(YamlKind::Boolean(boolean))
    }

    fn visit_i64<E>(self, number: i64) -> Result<YamlKind, E> {
        Ok(YamlKind::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<YamlKind, E> {
        Ok(YamlKind::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<YamlKind, E> {
        Ok(YamlKind::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<YamlKind, E> {
        Ok(YamlKind::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<YamlKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(YamlKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<YamlKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value()?));
        }
        Ok(YamlKind::Map(entries))
    }
}
