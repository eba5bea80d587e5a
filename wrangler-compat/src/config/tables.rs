//! Tables of the configuration: `rules`, routes, crons, and objects of strings. Each has a bound.

use super::{ConfigReader, Field, ProjectRoute};
use crate::config_tree::{ConfigEntry, ConfigNode, NodeData};
use crate::cron;
use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::module_kind::{RULE_TYPES, Rule};

/// The entries of `alias`, of `define`, and of `rules` with its patterns. Names of the source are
/// compared with all.
pub(super) const MAX_TABLE_ENTRIES: usize = 1000;

/// The bytes of a name, path or pattern.
pub(super) const MAX_TEXT_BYTES: usize = 4096;

/// The bytes of a constant of `define`.
pub(super) const MAX_CONSTANT_BYTES: usize = 64 * 1024;

impl ConfigReader<'_> {
    /// Reads `rules`: an array of `{ type, globs, fallthrough }`.
    pub(super) fn rules(&mut self, field: &Field<'_>) -> Result<Vec<Rule>, ProjectError> {
        let Some(node) = field.node else { return Ok(Vec::new()) };
        let wrong_type = self.wrong_type(node, &field.path, "an array of objects with `type` and `globs`");
        let NodeData::Array(items) = &node.data else { return Err(wrong_type) };
        let mut rules = Vec::new();
        let mut entries = items.len();
        for (index, item) in items.iter().enumerate() {
            let part =
                |name: &str| Field { node: item.get(name), path: format!("{}[{index}].{name}", field.path) };
            let (Some(kind), globs) = (self.string(&part("type"))?, self.strings(&part("globs"))?) else {
                return Err(wrong_type);
            };
            entries += globs.len();
            self.check_entries(node, &field.path, entries)?;
            self.check_texts(item, &format!("{}[{index}].globs", field.path), MAX_TEXT_BYTES, &globs)?;
            match RULE_TYPES.iter().find(|(name, _)| *name == kind) {
                Some((_, loader)) => rules.push(Rule {
                    loader: *loader,
                    globs,
                    fallthrough: self.boolean(&part("fallthrough"))?.unwrap_or(false),
                }),
                None => {
                    let known: Vec<&str> = RULE_TYPES.iter().map(|(name, _)| *name).collect();
                    let message = format!(
                        "the rule type {kind:?} is not supported by isolet, which has {}",
                        known.join(", ")
                    );
                    self.warn(item.offset, message);
                }
            }
        }
        Ok(rules)
    }

    /// Reads `route` and `routes`: patterns, or objects with `pattern`.
    pub(super) fn routes(
        &self,
        one: &Field<'_>,
        several: &Field<'_>,
    ) -> Result<Vec<ProjectRoute>, ProjectError> {
        let mut nodes: Vec<(&ConfigNode, String)> = Vec::new();
        nodes.extend(one.node.map(|node| (node, one.path.clone())));
        match several.node.map(|node| (node, &node.data)) {
            None => {}
            Some((node, NodeData::Array(items))) => {
                self.check_entries(node, &several.path, items.len())?;
                let item = |(index, item)| (item, format!("{}[{index}]", several.path));
                nodes.extend(items.iter().enumerate().map(item));
            }
            Some((node, _)) => return Err(self.wrong_type(node, &several.path, "an array of routes")),
        }
        let route = |(node, path): (&ConfigNode, String)| {
            let part = |name: &str| Field { node: node.get(name), path: format!("{path}.{name}") };
            let (pattern, is_domain) = match node.as_str() {
                Some(pattern) => (Some(pattern.to_owned()), false),
                None => {
                    (self.string(&part("pattern"))?, self.boolean(&part("custom_domain"))?.unwrap_or(false))
                }
            };
            let wrong = || self.wrong_type(node, &path, "a pattern, or an object with `pattern`");
            let pattern = pattern.ok_or_else(wrong)?;
            self.check_texts(node, &path, MAX_TEXT_BYTES, [&pattern])?;
            let location = SourceLocation::at(&self.file, self.text, node.offset);
            Ok(ProjectRoute { pattern, is_domain, location })
        };
        nodes.into_iter().map(route).collect()
    }

    /// Reads `triggers.crons`, and checks each.
    pub(super) fn crons(&mut self, field: &Field<'_>) -> Result<Vec<String>, ProjectError> {
        let Some(node) = field.node else { return Ok(Vec::new()) };
        let entries = node.entries().ok_or_else(|| self.wrong_type(node, &field.path, "an object"))?;
        for entry in entries.iter().filter(|entry| entry.key != "crons") {
            let known = ["crons"].into_iter();
            self.warn_of_unknown_key(entry, &format!("{}.{}", field.path, entry.key), known);
        }
        let crons = Field { node: node.get("crons"), path: format!("{}.crons", field.path) };
        let texts = self.strings(&crons)?;
        if let Some(ConfigNode { data: NodeData::Array(items), .. }) = crons.node {
            self.check_entries(node, &crons.path, items.len())?;
            for (index, (item, text)) in items.iter().zip(&texts).enumerate() {
                if let Err(message) = cron::check(text) {
                    let problem = ProjectProblem::Cron { field: format!("{}[{index}]", crons.path), message };
                    return Err(ProjectError::new(
                        SourceLocation::at(&self.file, self.text, item.offset),
                        problem,
                    ));
                }
            }
        }
        Ok(texts)
    }

    /// Reads an object of strings, with the location of each value.
    pub(super) fn pairs(
        &self,
        field: &Field<'_>,
        longest: usize,
    ) -> Result<Vec<(String, String, SourceLocation)>, ProjectError> {
        let Some(node) = field.node else { return Ok(Vec::new()) };
        let wrong_type = |node: &ConfigNode| self.wrong_type(node, &field.path, "an object of strings");
        let entries = node.entries().ok_or_else(|| wrong_type(node))?;
        self.check_entries(node, &field.path, entries.len())?;
        let pair = |entry: &ConfigEntry| {
            let value = entry.value.as_str().ok_or_else(|| wrong_type(&entry.value))?;
            self.check_texts(&entry.value, &field.path, MAX_TEXT_BYTES, [&entry.key])?;
            self.check_texts(&entry.value, &field.path, longest, [value])?;
            let location = SourceLocation::at(&self.file, self.text, entry.value.offset);
            Ok((entry.key.clone(), value.to_owned(), location))
        };
        entries.iter().map(pair).collect()
    }

    pub(super) fn check_entries(
        &self,
        node: &ConfigNode,
        path: &str,
        found: usize,
    ) -> Result<(), ProjectError> {
        if found <= MAX_TABLE_ENTRIES {
            return Ok(());
        }
        let problem =
            ProjectProblem::TooManyEntries { field: path.to_owned(), limit: MAX_TABLE_ENTRIES, found };
        Err(ProjectError::new(self.location(node), problem))
    }

    pub(super) fn check_texts(
        &self,
        node: &ConfigNode,
        path: &str,
        limit: usize,
        texts: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), ProjectError> {
        if texts.into_iter().all(|text| text.as_ref().len() <= limit) {
            return Ok(());
        }
        let problem = ProjectProblem::TextTooLong { field: path.to_owned(), limit };
        Err(ProjectError::new(self.location(node), problem))
    }
}
