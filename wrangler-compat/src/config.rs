//! The configuration of one environment.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::assets::AssetOptions;
use crate::compatibility;
use crate::compatibility_flags;
use crate::config_tree::{self, ConfigEntry, ConfigNode, NodeData};
use crate::error::{ProjectError, ProjectProblem, SourceLocation, shortened};
use crate::keys::{self, Environment, Support};
use crate::module_kind::Rule;
use crate::nearest;
use crate::project_folder::ProjectFolder;
use crate::warnings::Warnings;

mod assets;
mod bindings;
mod tables;

use self::tables::{MAX_CONSTANT_BYTES, MAX_TABLE_ENTRIES, MAX_TEXT_BYTES};

/// The names of configuration files, in wrangler's order of preference.
const FILE_NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// The bytes of a configuration file. Most have a few kilobytes; a generated one with large `vars`
/// may have more.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// The configuration of one environment, or of the top level.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) file: PathBuf,
    pub(crate) name: Option<String>,
    /// The entry module, and the location of the key for the error that its file is missing.
    pub(crate) main: Option<(String, SourceLocation)>,
    pub(crate) compatibility_date: Option<String>,
    pub(crate) compatibility_flags: Vec<String>,
    pub(crate) vars: Map<String, Value>,
    pub(crate) limits: ProjectLimits,
    pub(crate) rules: Vec<Rule>,
    /// Names and their constants, each with its location.
    pub(crate) define: Vec<(String, String, SourceLocation)>,
    /// The location of `base_dir`, for the error that it is outside of the folder.
    pub(crate) base_dir_location: Option<SourceLocation>,
    pub(crate) alias: Vec<(String, String)>,
    pub(crate) tsconfig: Option<String>,
    pub(crate) jsx_factory: Option<String>,
    pub(crate) jsx_fragment: Option<String>,
    pub(crate) base_dir: Option<String>,
    pub(crate) no_bundle: bool,
    pub(crate) find_additional_modules: Option<bool>,
    pub(crate) assets: Option<AssetOptions>,
    pub(crate) crons: Vec<String>,
    pub(crate) routes: Vec<ProjectRoute>,
    pub(crate) services: Vec<ProjectService>,
    /// The names of bindings that load Workers.
    pub(crate) loaders: Vec<String>,
}

/// A binding of another Worker, or of the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectService {
    /// The name in `env`.
    pub binding: String,
    /// The name of the Worker.
    pub service: String,
    /// The name of the export that is called. Without it, the default one is.
    pub entrypoint: Option<String>,
    /// The object `ctx.props` of the callee.
    pub props: Option<Value>,
    /// The location of the binding.
    pub location: SourceLocation,
}

/// A route of the configuration. The pattern is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRoute {
    /// The pattern: a host and a path; or a host, if it is a domain.
    pub pattern: String,
    /// The value of `custom_domain`: the pattern is a host, all of whose paths are meant.
    pub is_domain: bool,
    /// The location of the route.
    pub location: SourceLocation,
}

/// The limits that a project sets for each of its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProjectLimits {
    /// The value of `limits.cpu_ms`: the CPU time in milliseconds.
    pub cpu_ms: Option<u64>,
    /// The value of `limits.subrequests`: the number of calls and fetches.
    pub subrequests: Option<u64>,
}

/// Returns the configuration file of a folder.
pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
    FILE_NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Reads a configuration file.
pub(crate) fn read(
    folder: &ProjectFolder,
    file: &Path,
    environment: Option<&str>,
    warnings: &mut Warnings,
) -> Result<Config, ProjectError> {
    let used = file.file_name().unwrap_or_default();
    for other in FILE_NAMES.iter().skip_while(|name| used != **name).skip(1) {
        let other = file.with_file_name(other);
        if other.is_file() {
            let message = format!("is ignored, because {} takes precedence", used.display());
            warnings.push(|| SourceLocation::file(&other), message);
        }
    }
    let found = folder.find(file)?.ok_or_else(|| {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        ProjectError::new(SourceLocation::file(file), ProjectProblem::Io(missing))
    })?;
    let text = folder.read(&found, MAX_CONFIG_BYTES)?;
    parse(found.path(), &text, environment, warnings)
}

/// Reads the text of a configuration file. The extension of the file decides the format.
pub(crate) fn parse(
    file: &Path,
    text: &str,
    environment: Option<&str>,
    warnings: &mut Warnings,
) -> Result<Config, ProjectError> {
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let (format, parsed) = match is_toml {
        true => ("TOML", config_tree::parse_toml(text)),
        false => ("JSON", config_tree::parse_jsonc(text)),
    };
    let root = parsed.map_err(|failure| {
        let problem = ProjectProblem::Syntax { format, message: failure.message };
        ProjectError::new(SourceLocation::at(file, text, failure.offset), problem)
    })?;
    ConfigReader { file: file.to_owned(), text, warnings }.config(&root, environment)
}

/// A reader of one configuration file.
struct ConfigReader<'a> {
    file: PathBuf,
    text: &'a str,
    warnings: &'a mut Warnings,
}

/// A value of the configuration, if there is one, and its path: `env.staging.main`.
struct Field<'n> {
    node: Option<&'n ConfigNode>,
    path: String,
}

impl<'n> Field<'n> {
    /// Finds the value of a key for the chosen environment, as the table of keys has it.
    fn find(root: &'n ConfigNode, chosen: Option<(&str, &'n ConfigNode)>, name: &str) -> Self {
        let support = keys::find(name).map(|key| key.support);
        let inherited = matches!(support, Some(Support::Read(Environment::Inherited, _)));
        match chosen {
            Some((environment, node)) if node.get(name).is_some() || !inherited => {
                Self { node: node.get(name), path: format!("env.{environment}.{name}") }
            }
            _ => Self { node: root.get(name), path: name.to_owned() },
        }
    }
}

impl ConfigReader<'_> {
    fn config(mut self, root: &ConfigNode, environment: Option<&str>) -> Result<Config, ProjectError> {
        if root.entries().is_none() {
            return Err(self.wrong_type(root, "the configuration", "an object"));
        }
        self.warn_of_unsupported(root, "", true);
        let chosen = match environment {
            Some(name) => Some((name, self.environment(root, name)?)),
            None => None,
        };
        if let Some((name, node)) = chosen {
            self.warn_of_unsupported(node, &format!("env.{name}."), false);
        }

        let field = |name: &'static str| Field::find(root, chosen, name);
        let name = match chosen {
            // Environments of one project can run side by side, so each has a name of its own.
            Some((environment, node)) if node.get("name").is_none() => {
                self.string(&field("name"))?.map(|name| format!("{name}-{environment}"))
            }
            _ => self.string(&field("name"))?,
        };
        let main_field = field("main");
        let main = match (self.string(&main_field)?, main_field.node) {
            (Some(main), Some(node)) => Some((main, SourceLocation::at(&self.file, self.text, node.offset))),
            _ => None,
        };
        let base_dir = field("base_dir");
        let vars = field("vars");
        if let (Some((name, _)), None, Some(top)) = (chosen, vars.node, root.get("vars")) {
            let message =
                format!("`vars` is not inherited: the environment {name:?} has no variables of its own");
            self.warn(top.offset, message);
        }
        Ok(Config {
            name,
            main,
            compatibility_date: self.date(&field("compatibility_date"))?,
            compatibility_flags: self.flags(&field("compatibility_flags"))?,
            vars: self.object(&vars)?,
            limits: self.limits(&field("limits"))?,
            rules: self.rules(&field("rules"))?,
            define: self.pairs(&field("define"), MAX_CONSTANT_BYTES)?,
            alias: self
                .pairs(&field("alias"), MAX_TEXT_BYTES)?
                .into_iter()
                .map(|(name, value, _)| (name, value))
                .collect(),
            tsconfig: self.text(&field("tsconfig"))?,
            jsx_factory: self.text(&field("jsx_factory"))?,
            jsx_fragment: self.text(&field("jsx_fragment"))?,
            base_dir_location: base_dir.node.map(|node| self.location(node)),
            base_dir: self.string(&base_dir)?,
            no_bundle: self.boolean(&field("no_bundle"))?.unwrap_or(false),
            find_additional_modules: self.boolean(&field("find_additional_modules"))?,
            assets: self.assets(&field("assets"))?,
            loaders: self.loaders(&field("worker_loaders"))?,
            services: self.services(&field("services"))?,
            routes: self.routes(&field("route"), &field("routes"))?,
            crons: self.crons(&field("triggers"))?,
            file: self.file,
        })
    }

    fn boolean(&self, field: &Field<'_>) -> Result<Option<bool>, ProjectError> {
        let Some(node) = field.node else { return Ok(None) };
        match node.data {
            NodeData::Bool(value) => Ok(Some(value)),
            _ => Err(self.wrong_type(node, &field.path, "true or false")),
        }
    }

    /// Returns the object `env.NAME`.
    fn environment<'n>(&self, root: &'n ConfigNode, name: &str) -> Result<&'n ConfigNode, ProjectError> {
        let environments = root.get("env");
        if let Some(node) = environments.and_then(|environments| environments.get(name)) {
            return match node.entries() {
                Some(_) => Ok(node),
                None => Err(self.wrong_type(node, &format!("env.{name}"), "an object")),
            };
        }
        let known = environments.and_then(ConfigNode::entries).unwrap_or_default();
        let known: Vec<&str> = known.iter().take(MAX_TABLE_ENTRIES).map(|entry| entry.key.as_str()).collect();
        let known =
            if known.is_empty() { "none".to_owned() } else { shortened(known.join(", "), MAX_TEXT_BYTES) };
        let problem = ProjectProblem::NoEnvironment { name: name.to_owned(), known };
        Err(ProjectError::new(SourceLocation::file(&self.file), problem))
    }

    /// Warns of the unknown and unsupported keys of an object.
    fn warn_of_unsupported(&mut self, node: &ConfigNode, prefix: &str, is_top_level: bool) {
        for entry in node.entries().unwrap_or_default() {
            let key = entry.key.as_str();
            let consequence = match keys::find(key).map(|known| known.support) {
                Some(Support::Read(Environment::TopLevelOnly, _)) if !is_top_level => keys::UNKNOWN_KEY,
                Some(Support::Read(..) | Support::NoEffect) => continue,
                Some(Support::Unsupported(consequence)) => consequence,
                None => {
                    let known = keys::KEYS.iter().map(|known| known.name);
                    self.warn_of_unknown_key(entry, &format!("{prefix}{key}"), known);
                    continue;
                }
            };
            self.warn_of_key(entry, &format!("{prefix}{key}"), consequence);
        }
    }

    fn string(&self, field: &Field<'_>) -> Result<Option<String>, ProjectError> {
        let Some(node) = field.node else { return Ok(None) };
        match node.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.wrong_type(node, &field.path, "a string")),
        }
    }

    /// Reads a name or path, which has a bound.
    fn text(&self, field: &Field<'_>) -> Result<Option<String>, ProjectError> {
        let text = self.string(field)?;
        if let (Some(node), Some(text)) = (field.node, &text) {
            self.check_texts(node, &field.path, MAX_TEXT_BYTES, [text])?;
        }
        Ok(text)
    }

    fn location(&self, node: &ConfigNode) -> SourceLocation {
        SourceLocation::at(&self.file, self.text, node.offset)
    }

    fn strings(&self, field: &Field<'_>) -> Result<Vec<String>, ProjectError> {
        let Some(node) = field.node else { return Ok(Vec::new()) };
        let wrong_type = |node| self.wrong_type(node, &field.path, "an array of strings");
        let NodeData::Array(items) = &node.data else { return Err(wrong_type(node)) };
        let strings =
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong_type(item)));
        strings.collect()
    }

    /// Reads a date. One in the future gets a warning: nothing is known of what it will change.
    fn date(&mut self, field: &Field<'_>) -> Result<Option<String>, ProjectError> {
        let (Some(node), Some(text)) = (field.node, self.text(field)?) else { return Ok(None) };
        let Some(date) = compatibility::day(&text) else {
            let problem = ProjectProblem::Date { field: field.path.clone(), found: text };
            return Err(ProjectError::new(self.location(node), problem));
        };
        let today = DateTime::<Utc>::from(SystemTime::now()).date_naive();
        if date > today {
            let message = format!(
                "`{}` is {text}, which is in the future: it has the effect of all changes that are known today, {today}",
                field.path
            );
            self.warn(node.offset, message);
        }
        Ok(Some(text))
    }

    /// Reads compatibility flags. Unknown ones get a warning.
    fn flags(&mut self, field: &Field<'_>) -> Result<Vec<String>, ProjectError> {
        let flags = self.strings(field)?;
        let Some(NodeData::Array(items)) = field.node.map(|node| &node.data) else { return Ok(flags) };
        for (flag, item) in flags.iter().zip(items) {
            if !self.warnings.have_room() {
                break;
            }
            if let Some(problem) = compatibility_flags::problem(&shortened(flag.clone(), MAX_TEXT_BYTES)) {
                self.warn(item.offset, problem);
            }
        }
        Ok(flags)
    }

    fn object(&self, field: &Field<'_>) -> Result<Map<String, Value>, ProjectError> {
        let Some(node) = field.node else { return Ok(Map::new()) };
        match node.to_json() {
            Value::Object(map) => Ok(map),
            _ => Err(self.wrong_type(node, &field.path, "an object")),
        }
    }

    fn limits(&mut self, field: &Field<'_>) -> Result<ProjectLimits, ProjectError> {
        let mut limits = ProjectLimits::default();
        let Some(node) = field.node else { return Ok(limits) };
        let entries = node.entries().ok_or_else(|| self.wrong_type(node, &field.path, "an object"))?;
        const KEYS: [&str; 2] = ["cpu_ms", "subrequests"];
        for entry in entries {
            let path = format!("{}.{}", field.path, entry.key);
            let limit = match entry.key.as_str() {
                "cpu_ms" => &mut limits.cpu_ms,
                "subrequests" => &mut limits.subrequests,
                _ => {
                    self.warn_of_unknown_key(entry, &path, KEYS.into_iter());
                    continue;
                }
            };
            *limit = Some(self.positive_integer(&entry.value, &path)?);
        }
        Ok(limits)
    }

    fn positive_integer(&self, node: &ConfigNode, path: &str) -> Result<u64, ProjectError> {
        let number = match &node.data {
            NodeData::Number(number) => number.as_u64().filter(|number| *number > 0),
            _ => None,
        };
        number.ok_or_else(|| self.wrong_type(node, path, "a whole number of at least 1"))
    }

    fn warn_of_key(&mut self, entry: &ConfigEntry, path: &str, consequence: &str) {
        self.warn(entry.key_offset, format!("`{path}` is not supported by isolet: {consequence}"));
    }

    /// Warns of a key that is not one of `known`, most likely a typing error.
    fn warn_of_unknown_key<'k>(
        &mut self,
        entry: &ConfigEntry,
        path: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let meant =
            if self.warnings.have_room() { nearest::question(&entry.key, known) } else { String::new() };
        self.warn_of_key(entry, path, &format!("{}{meant}", keys::UNKNOWN_KEY));
    }

    fn warn(&mut self, offset: usize, message: String) {
        self.warnings.push(|| SourceLocation::at(&self.file, self.text, offset), message);
    }

    fn wrong_type(&self, node: &ConfigNode, field: &str, expected: &'static str) -> ProjectError {
        let problem = ProjectProblem::WrongType { field: field.to_owned(), expected, found: node.kind() };
        ProjectError::new(SourceLocation::at(&self.file, self.text, node.offset), problem)
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
