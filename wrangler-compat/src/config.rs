//! Which fields of the configuration count, and how an environment overrides them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Place, Problem, ProjectError, Warning};
use crate::folder::{Folder, Inside};
use crate::tree::{self, Node};

/// Configuration files in wrangler's order of preference.
pub const FILE_NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// A configuration is a few kilobytes; a generated one with large `vars` may be more.
const MAX_BYTES: u64 = 1024 * 1024;

/// Fields about deploying, building or observing on another platform: leaving them aside changes nothing in a run.
const WITHOUT_EFFECT: [&str; 26] = [
    "$schema",
    "account_id",
    "alias",
    "base_dir",
    "compliance_region",
    "dev",
    "find_additional_modules",
    "keep_names",
    "keep_vars",
    "logpush",
    "minify",
    "no_bundle",
    "observability",
    "placement",
    "preserve_file_names",
    "preview_urls",
    "previews",
    "route",
    "routes",
    "send_metrics",
    "tail_consumers",
    "topLevelName",
    "tsconfig",
    "upload_source_maps",
    "workers_dev",
    "zone_id",
];

/// What the configuration says about one environment.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) file: PathBuf,
    pub(crate) name: Option<String>,
    pub(crate) main: String,
    /// Where `main` stands: the place to name when the file is not there.
    pub(crate) main_place: Place,
    pub(crate) compatibility_date: Option<String>,
    pub(crate) compatibility_flags: Vec<String>,
    pub(crate) vars: Map<String, Value>,
}

/// Finds and reads the configuration in a folder.
pub(crate) fn read(
    folder: &Folder,
    environment: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<Config, ProjectError> {
    let mut found: Vec<Inside> = Vec::new();
    for name in FILE_NAMES {
        found.extend(folder.find(name.as_ref())?);
    }
    let mut found = found.into_iter();
    let Some(file) = found.next() else {
        return Err(ProjectError::new(Place::file(folder.root()), Problem::NoConfiguration));
    };
    for other in found {
        let used = file.path().file_name().unwrap_or_default().display();
        let message = format!("is not read, because {used} is there too and comes first");
        warnings.push(Warning { place: Place::file(other.path()), message });
    }
    let text = folder.read(&file, MAX_BYTES)?;
    understood(file.path(), &text, environment, warnings)
}

/// What the text of a configuration says. Its format is that of the file's name.
pub(crate) fn understood(
    file: &Path,
    text: &str,
    environment: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<Config, ProjectError> {
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let (format, parsed) = match is_toml {
        true => ("TOML", tree::parse_toml(text)),
        false => ("JSON", tree::parse_jsonc(text)),
    };
    let root = parsed.map_err(|failure| {
        let problem = Problem::Syntax { format, message: failure.message };
        ProjectError::new(Place::at(file, text, failure.offset), problem)
    })?;
    Reader { file: file.to_owned(), text, warnings }.config(&root, environment)
}

struct Reader<'a> {
    file: PathBuf,
    text: &'a str,
    warnings: &'a mut Vec<Warning>,
}

impl Reader<'_> {
    fn config(mut self, root: &Node, environment: Option<&str>) -> Result<Config, ProjectError> {
        if root.entries().is_none() {
            return Err(self.wrong_type(root, "the configuration", "an object"));
        }
        self.warn_of_unknown(root, "", true);
        let chosen = match environment {
            Some(name) => Some((name, self.environment(root, name)?)),
            None => None,
        };
        if let Some((name, node)) = chosen {
            self.warn_of_unknown(node, &format!("env.{name}."), false);
        }

        // `main`, `compatibility_date` and `compatibility_flags` are inherited. `name` is too, with the environment's
        // name appended, so that environments can run side by side. `vars` is not inherited: an environment without
        // `vars` has none, as in wrangler.
        let inherited = |field: &'static str| match chosen {
            Some((name, node)) if node.get(field).is_some() => {
                (node.get(field), format!("env.{name}.{field}"))
            }
            _ => (root.get(field), field.to_owned()),
        };
        let name = match chosen {
            Some((environment, node)) if node.get("name").is_none() => {
                self.string(root.get("name"), "name")?.map(|name| format!("{name}-{environment}"))
            }
            _ => {
                let (node, field) = inherited("name");
                self.string(node, &field)?
            }
        };
        let (main_node, main_field) = inherited("main");
        let main = self.string(main_node, &main_field)?;
        let (Some(main), Some(main_node)) = (main, main_node) else {
            return Err(ProjectError::new(Place::file(&self.file), Problem::NoMain));
        };
        let (date, date_field) = inherited("compatibility_date");
        let (flags, flags_field) = inherited("compatibility_flags");
        let (vars, vars_field) = match chosen {
            Some((name, node)) => (node.get("vars"), format!("env.{name}.vars")),
            None => (root.get("vars"), "vars".to_owned()),
        };
        if let (Some((name, _)), None, Some(top)) = (chosen, vars, root.get("vars")) {
            let message =
                format!("`vars` is not inherited: the environment {name:?} has no variables of its own");
            self.warn(top.offset, message);
        }
        Ok(Config {
            name,
            main,
            main_place: Place::at(&self.file, self.text, main_node.offset),
            compatibility_date: self.string(date, &date_field)?,
            compatibility_flags: self.strings(flags, &flags_field)?,
            vars: self.object(vars, &vars_field)?,
            file: self.file,
        })
    }

    fn environment<'n>(&self, root: &'n Node, name: &str) -> Result<&'n Node, ProjectError> {
        let environments = root.get("env");
        if let Some(node) = environments.and_then(|environments| environments.get(name)) {
            return match node.entries() {
                Some(_) => Ok(node),
                None => Err(self.wrong_type(node, &format!("env.{name}"), "an object")),
            };
        }
        let known = environments.and_then(Node::entries).unwrap_or_default();
        let known: Vec<&str> = known.iter().map(|entry| entry.key.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let problem = Problem::NoEnvironment { name: name.to_owned(), known };
        Err(ProjectError::new(Place::file(&self.file), problem))
    }

    fn warn_of_unknown(&mut self, node: &Node, prefix: &str, top: bool) {
        for entry in node.entries().unwrap_or_default() {
            let key = entry.key.as_str();
            let known =
                matches!(key, "name" | "main" | "compatibility_date" | "compatibility_flags" | "vars")
                    || (top && key == "env")
                    || WITHOUT_EFFECT.contains(&key);
            if known {
                continue;
            }
            let effect = match key {
                "kv_namespaces"
                | "d1_databases"
                | "r2_buckets"
                | "durable_objects"
                | "queues"
                | "services"
                | "ai"
                | "vectorize"
                | "hyperdrive"
                | "analytics_engine_datasets"
                | "browser"
                | "workflows"
                | "assets"
                | "send_email"
                | "images"
                | "secrets_store_secrets" => "its bindings are missing from `env`",
                "build" => "run the build yourself and point `main` at what it writes",
                "rules" => "modules are told apart by their extension alone",
                "define" => "names are not replaced in the source",
                "triggers" => "`scheduled` is never called",
                "limits" => "the limits of isolet apply",
                _ => "it is left aside",
            };
            self.warn(entry.key_offset, format!("`{prefix}{key}` is not supported by isolet: {effect}"));
        }
    }

    fn string(&self, node: Option<&Node>, field: &str) -> Result<Option<String>, ProjectError> {
        let Some(node) = node else { return Ok(None) };
        match node.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.wrong_type(node, field, "a string")),
        }
    }

    fn strings(&self, node: Option<&Node>, field: &str) -> Result<Vec<String>, ProjectError> {
        let Some(node) = node else { return Ok(Vec::new()) };
        let tree::Data::Array(items) = &node.data else {
            return Err(self.wrong_type(node, field, "an array of strings"));
        };
        let strings = items.iter().map(|item| match item.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.wrong_type(item, field, "an array of strings")),
        });
        strings.collect()
    }

    fn object(&self, node: Option<&Node>, field: &str) -> Result<Map<String, Value>, ProjectError> {
        let Some(node) = node else { return Ok(Map::new()) };
        match node.to_json() {
            Value::Object(map) => Ok(map),
            _ => Err(self.wrong_type(node, field, "an object")),
        }
    }

    fn warn(&mut self, offset: usize, message: String) {
        self.warnings.push(Warning { place: Place::at(&self.file, self.text, offset), message });
    }

    fn wrong_type(&self, node: &Node, field: &str, expected: &'static str) -> ProjectError {
        let problem = Problem::WrongType { field: field.to_owned(), expected, found: node.kind() };
        ProjectError::new(Place::at(&self.file, self.text, node.offset), problem)
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
