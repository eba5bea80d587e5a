//! The runtimes that scenarios are measured on: how to install, start and ask each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::scenario::{Scenario, Work};
use crate::error::BenchError;

/// A target, as in its file. Commands have placeholders, see [`super::placeholders`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The folder of the file.
    #[serde(skip)]
    pub folder: PathBuf,
    /// One line for readers.
    pub title: String,
    /// The target whose installation it uses, in place of its own.
    pub install_with: Option<String>,
    /// Commands that install it, run in a copy of its folder.
    #[serde(default)]
    pub install: Vec<Vec<String>>,
    /// The command that prints its version.
    pub version: Vec<String>,
    /// The command that serves on `{port}`.
    pub command: Vec<String>,
    /// Files that are written to `{round}` before each start, with placeholders filled.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The path that answers with 2xx when it is ready.
    pub ready: String,
    /// The way in which it is given a script.
    pub script: Option<ScriptEndpoint>,
    /// `true` if it serves the Worker in `{worker}`.
    #[serde(default)]
    pub worker: bool,
    /// `true` if it has isolet's own paths.
    #[serde(default)]
    pub requests: bool,
}

/// The way in which a target is given a script: `POST` with a JSON body.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptEndpoint {
    pub path: String,
    #[serde(default)]
    pub language: Language,
    /// The body, in which the text `{script}` stands for the script.
    pub body: serde_json::Value,
    /// The text before the result in the answer.
    pub before_result: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Javascript,
    Python,
}

impl Target {
    /// Reads all targets of a folder, by name.
    pub fn read_all(folder: &Path) -> Result<BTreeMap<String, Self>, BenchError> {
        let failed = |source| BenchError::File { path: folder.to_owned(), source };
        let mut targets = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path().join("target.toml");
            if path.is_file() {
                targets.insert(entry.file_name().display().to_string(), Self::read(&path)?);
            }
        }
        let installs: BTreeMap<String, Vec<Vec<String>>> =
            targets.iter().map(|(name, target)| (name.clone(), target.install.clone())).collect();
        for target in targets.values_mut() {
            let Some(other) = &target.install_with else { continue };
            let install = installs.get(other).ok_or_else(|| BenchError::UnknownName {
                kind: "target",
                name: other.clone(),
                known: installs.keys().cloned().collect::<Vec<_>>().join(", "),
            })?;
            target.install.clone_from(install);
            target.folder = folder.join(other);
        }
        Ok(targets)
    }

    fn read(path: &Path) -> Result<Self, BenchError> {
        let text =
            fs::read_to_string(path).map_err(|source| BenchError::File { path: path.to_owned(), source })?;
        let mut target: Self = toml::from_str(&text)
            .map_err(|error| BenchError::Definition { path: path.to_owned(), reason: error.to_string() })?;
        target.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(target)
    }

    /// Returns `true` if this kind of target can do the work of a scenario.
    pub fn serves(&self, scenario: &Scenario) -> bool {
        match &scenario.work {
            Work::Script(script) => self
                .script
                .as_ref()
                .is_some_and(|endpoint| endpoint.language == Language::Javascript || script.python.is_some()),
            Work::Request(_) => self.requests,
            Work::Worker(_) => self.worker,
        }
    }
}

impl ScriptEndpoint {
    /// Returns the body for a script.
    pub fn body_of(&self, script: &str) -> String {
        let mut body = self.body.clone();
        replace(&mut body, script);
        body.to_string()
    }
}

fn replace(value: &mut serde_json::Value, script: &str) {
    match value {
        serde_json::Value::String(text) if text == "{script}" => script.clone_into(text),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| replace(value, script)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, script)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_put_into_the_body() {
        let text = "path = '/'\nbefore_result = ''\nbody = { a = ['{script}', '{script} '], b = 1 }";
        let endpoint: ScriptEndpoint = toml::from_str(text).unwrap();
        assert_eq!(endpoint.body_of("return \"1\""), r#"{"a":["return \"1\"","{script} "],"b":1}"#);
    }
}
