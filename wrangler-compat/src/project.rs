//! The result, and the order in which it is put together.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::config;
use crate::dev_vars;
use crate::error::{Place, ProjectError, Warning};
use crate::folder::Folder;
use crate::modules::{self, ProjectModule};

/// `.dev.vars` is a few lines.
const MAX_DEV_VARS_BYTES: u64 = 1024 * 1024;

/// A wrangler project, ready to run.
#[derive(Debug, Clone)]
pub struct Project {
    /// The Worker's name; the folder's name if the configuration gives none.
    pub name: String,
    /// The name of the entry module, one of `modules`.
    pub main: String,
    /// Every module the entry reaches, the entry first.
    pub modules: Vec<ProjectModule>,
    /// What the Worker finds in `env`: `vars`, overridden by `.dev.vars`.
    pub vars: Map<String, Value>,
    /// `compatibility_date` as written. isolet has one behaviour for all dates.
    pub compatibility_date: Option<String>,
    /// `compatibility_flags` as written.
    pub compatibility_flags: Vec<String>,
    /// Every file that had a part in this, and the `.dev.vars` that would have one: load again when any changes.
    pub files_read: Vec<PathBuf>,
    /// What was left aside.
    pub warnings: Vec<Warning>,
}

/// Reads the project in `folder`, as `environment` if one is named.
///
/// Reads files and nothing else; call it from a thread that may block.
pub fn load(folder: &Path, environment: Option<&str>) -> Result<Project, ProjectError> {
    let folder = Folder::open(folder)?;
    let mut warnings = Vec::new();
    let config = config::read(&folder, environment, &mut warnings)?;
    let mut files_read = vec![config.file];

    let mut vars = config.vars;
    // An environment's own file replaces the common one, as in wrangler.
    let specific = environment.map(|name| format!(".dev.vars.{name}"));
    for name in specific.as_deref().into_iter().chain([".dev.vars"]) {
        files_read.push(folder.root().join(name));
        let Some(file) = folder.find(name.as_ref())? else { continue };
        let text = folder.read(&file, MAX_DEV_VARS_BYTES)?;
        let (pairs, malformed) = dev_vars::parse(&text);
        vars.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
        warnings.extend(malformed.into_iter().map(|offset| Warning {
            place: Place::at(file.path(), &text, offset),
            message: "is no NAME=value line; it is left aside".to_owned(),
        }));
        break;
    }

    let collected = modules::collect(&folder, &config.main, &config.main_place, &mut warnings)?;
    files_read.extend(collected.files);
    let main = collected.modules.first().map(|entry| entry.name.clone()).unwrap_or_default();
    let folder_name = || folder.root().file_name().map(|name| name.display().to_string()).unwrap_or_default();
    Ok(Project {
        name: config.name.unwrap_or_else(folder_name),
        main,
        modules: collected.modules,
        vars,
        compatibility_date: config.compatibility_date,
        compatibility_flags: config.compatibility_flags,
        files_read,
        warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn project(files: &[(&str, &str)], environment: Option<&str>) -> Project {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("shop");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        load(&folder, environment).unwrap()
    }

    const CONFIG: &str = r#"{ "main": "w.js", "compatibility_date": "2026-01-01",
        "vars": { "A": 1, "B": 2 }, "env": { "live": { "vars": { "A": 3 } } } }"#;

    #[test]
    fn local_variables_override_the_configuration() {
        let files = [("wrangler.json", CONFIG), ("w.js", ""), (".dev.vars", "A=local\nnonsense\nC=new")];
        let plain = project(&files, None);
        assert_eq!((plain.name.as_str(), plain.main.as_str()), ("shop", "w.js"));
        assert_eq!(Value::Object(plain.vars), json!({ "A": "local", "B": 2, "C": "new" }));
        assert_eq!(plain.warnings.len(), 1);
        assert!(plain.warnings[0].to_string().contains(".dev.vars:2:1: is no NAME=value"));
        let names: Vec<_> =
            plain.files_read.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["wrangler.json", ".dev.vars", "w.js"]);
    }

    #[test]
    fn an_environment_has_its_own_local_variables() {
        let mut files = vec![("wrangler.json", CONFIG), ("w.js", ""), (".dev.vars", "A=common")];
        assert_eq!(Value::Object(project(&files, Some("live")).vars), json!({ "A": "common" }));
        files.push((".dev.vars.live", "Z=1"));
        let live = project(&files, Some("live"));
        assert_eq!(Value::Object(live.vars), json!({ "A": 3, "Z": "1" }));
        assert_eq!(live.name, "shop");
        assert_eq!(live.compatibility_date.as_deref(), Some("2026-01-01"));
    }
}
