//! The value of `assets`.

use super::bindings::is_binding_name;
use super::{ConfigReader, Field};
use crate::assets::{AssetOptions, HtmlHandling, NotFoundHandling, WorkerFirst};
use crate::config_tree::{ConfigNode, NodeData};
use crate::error::{ProjectError, ProjectProblem, SourceLocation, shortened};

/// The bytes of an error about a value, which quotes it.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The keys of `assets`.
const KEYS: [&str; 5] = ["directory", "binding", "html_handling", "not_found_handling", "run_worker_first"];

impl ConfigReader<'_> {
    pub(super) fn assets(&mut self, field: &Field<'_>) -> Result<Option<AssetOptions>, ProjectError> {
        let Some(node) = field.node else { return Ok(None) };
        let entries = node.entries().ok_or_else(|| self.wrong_type(node, &field.path, "an object"))?;
        for entry in entries.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
            self.warn_of_unknown_key(entry, &format!("{}.{}", field.path, entry.key), KEYS.into_iter());
        }
        let part = |name: &str| Field { node: node.get(name), path: format!("{}.{name}", field.path) };
        let directory = part("directory");
        let Some(path) = self.string(&directory)?.filter(|path| !path.is_empty()) else {
            let message = "is missing: name the folder of the files, for example \"./public\"".to_owned();
            return Err(self.assets_error(directory.node.unwrap_or(node), directory.path, message));
        };
        Ok(Some(AssetOptions {
            directory: path,
            location: SourceLocation::at(&self.file, self.text, directory.node.unwrap_or(node).offset),
            binding: self.binding(&part("binding"))?,
            html_handling: self.one_of(&part("html_handling"), &HtmlHandling::VALUES)?,
            not_found_handling: self.one_of(&part("not_found_handling"), &NotFoundHandling::VALUES)?,
            run_worker_first: self.worker_first(&part("run_worker_first"))?,
        }))
    }

    /// Reads the name of a binding, which JavaScript reads as a property of `env`.
    fn binding(&self, field: &Field<'_>) -> Result<Option<String>, ProjectError> {
        let name = self.string(field)?;
        match (field.node, name) {
            (Some(node), Some(name)) if !is_binding_name(&name) => {
                let message = format!("must be a name such as ASSETS, but is {name:?}");
                Err(self.assets_error(node, field.path.clone(), message))
            }
            (_, name) => Ok(name),
        }
    }

    /// Reads one of a list of words, or the default.
    fn one_of<T: Copy + Default>(&self, field: &Field<'_>, values: &[(&str, T)]) -> Result<T, ProjectError> {
        let Some(node) = field.node else { return Ok(T::default()) };
        let text = self.string(field)?.unwrap_or_default();
        values.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            let message = format!("must be one of {}, but is {text:?}", names.join(", "));
            self.assets_error(node, field.path.clone(), message)
        })
    }

    fn worker_first(&self, field: &Field<'_>) -> Result<WorkerFirst, ProjectError> {
        match field.node {
            None => Ok(WorkerFirst::Always(false)),
            Some(ConfigNode { data: NodeData::Bool(always), .. }) => Ok(WorkerFirst::Always(*always)),
            Some(node @ ConfigNode { data: NodeData::Array(_), .. }) => {
                WorkerFirst::of_patterns(&self.strings(field)?)
                    .map_err(|message| self.assets_error(node, field.path.clone(), message))
            }
            Some(node) => Err(self.wrong_type(node, &field.path, "true, false or an array of path patterns")),
        }
    }

    fn assets_error(&self, node: &ConfigNode, field: String, message: String) -> ProjectError {
        let location = SourceLocation::at(&self.file, self.text, node.offset);
        let message = shortened(message, MAX_MESSAGE_BYTES);
        ProjectError::new(location, ProjectProblem::Assets { field, message })
    }
}
