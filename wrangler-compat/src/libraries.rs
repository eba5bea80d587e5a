//! Packages for scripts that belong to no project: an operator names them, and the folder in which
//! they are installed.

use std::path::Path;

use crate::define::Definitions;
use crate::error::{ProjectError, ProjectErrors, ProjectProblem, ProjectWarning, SourceLocation};
use crate::module_graph::{self, GraphOptions};
use crate::module_kind::Rules;
use crate::modules::ProjectModule;
use crate::node_compat::NodeCompat;
use crate::project::{NODE_ENV, with_stack};
use crate::project_folder::{MAX_DESCRIPTION_BYTES, ProjectFolder};
use crate::resolution::{Resolver, is_path, package_name};
use crate::warnings::Warnings;
use crate::watched_files::WatchedFiles;

/// The name of the file that would import the libraries. It does not exist.
const IMPORTER: &str = "script.ts";

/// The bytes of a version that are kept.
const MAX_VERSION_BYTES: usize = 64;

/// A module that scripts can import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// The specifier: `zod`, `date-fns/format`.
    pub specifier: String,
    /// The name of its module.
    pub module: String,
    /// The version in the package's `package.json`, if it has one.
    pub version: Option<String>,
}

/// Libraries and all modules that they reach.
#[derive(Debug, Clone)]
pub struct Libraries {
    /// The libraries, in the order of their specifiers.
    pub libraries: Vec<Library>,
    /// The modules.
    pub modules: Vec<ProjectModule>,
    /// The parts that will fail if they are used.
    pub warnings: Vec<ProjectWarning>,
}

/// Reads the modules that scripts reach by `specifiers`, which name packages in `node_modules` of
/// `folder` or of one above it.
///
/// Blocks the thread while it reads files. Nothing is executed.
///
/// # Errors
/// Returns an error with the location of the problem if a package is not installed, or cannot run.
pub fn load_libraries(folder: &Path, specifiers: &[String]) -> Result<Libraries, ProjectError> {
    with_stack(folder, || load(folder, specifiers))
}

fn load(folder: &Path, specifiers: &[String]) -> Result<Libraries, ProjectError> {
    let folder = ProjectFolder::open(folder)?;
    if let Some(path) = specifiers.iter().find(|specifier| is_path(specifier)) {
        let message = format!("{path:?} is a path: a library is a package, such as \"zod\" or \"zod/mini\"");
        let problem = ProjectProblem::Resolution { message };
        return Err(ProjectError::new(SourceLocation::file(folder.root()), problem));
    }
    let mut definitions = Definitions::default();
    // The names and a text cannot fail.
    for name in NODE_ENV {
        let _ = definitions.add(name, "\"production\"");
    }
    let rules = Rules::new(&[]).map_err(|message| {
        ProjectError::new(SourceLocation::file(folder.root()), ProjectProblem::Rules { message })
    })?;
    let resolver = Resolver::new(&folder, &[], None, &WatchedFiles::default())?;
    let graph = GraphOptions {
        folder: &folder,
        resolver: &resolver,
        rules: &rules,
        definitions: &definitions,
        built_in: &[],
        node: NodeCompat::default(),
        additional: &[],
        for_scripts: true,
    };
    let importer = folder.root().join(IMPORTER);
    let mut warnings = Warnings::default();
    let (names, modules) = module_graph::collect_libraries(&graph, &importer, specifiers, &mut warnings)
        .map_err(ProjectErrors::into_first)?;
    let libraries = specifiers.iter().zip(names).map(|(specifier, module)| Library {
        specifier: specifier.clone(),
        module,
        version: version(&folder, package_name(specifier)),
    });
    Ok(Libraries { libraries: libraries.collect(), modules, warnings: warnings.into_vec() })
}

/// Returns the version of an installed package.
fn version(folder: &ProjectFolder, package: &str) -> Option<String> {
    let description = folder.root().ancestors().find_map(|above| {
        let path = above.join("node_modules").join(package).join("package.json");
        folder.find(&path).ok().flatten()
    })?;
    let bytes = folder.read_bytes(&description, MAX_DESCRIPTION_BYTES).ok()?;
    let description: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let version = description.get("version")?.as_str()?;
    let is_version = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        !text.is_empty() && text.len() <= MAX_VERSION_BYTES && text.chars().all(allowed)
    };
    Some(version.to_owned()).filter(|version| is_version(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module_kind::ModuleKind;
    use std::fs;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join("node_modules").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn loaded(files: &[(&str, &str)], names: &[&str]) -> Result<Libraries, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        load_libraries(folder(files).path(), &names).map_err(|error| error.to_string())
    }

    const PACKAGE: &str = r#"{ "name": "a", "version": "1.2.3", "type": "module",
        "exports": { ".": { "node": "./node.js", "default": "./index.js" }, "./sub": "./sub.js" } }"#;

    #[test]
    fn libraries_are_packages_with_the_modules_that_they_reach() {
        let files = [
            ("a/package.json", PACKAGE),
            ("a/index.js", "export { x } from './sub.js';"),
            ("a/sub.js", "import y from 'old'; export const x = y;"),
            ("old/package.json", r#"{ "version": "evil\nversion" }"#),
            ("old/index.js", "exports.one = process.env.NODE_ENV;"),
        ];
        let found = loaded(&files, &["a", "a/sub", "old"]).unwrap();
        let shown: Vec<_> = found
            .libraries
            .iter()
            .map(|library| (library.specifier.as_str(), library.module.as_str(), library.version.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("a", "node_modules/a/index.js", Some("1.2.3")),
                ("a/sub", "node_modules/a/sub.js", Some("1.2.3")),
                ("old", "node_modules/old/index.js", None),
            ]
        );
        let kinds: Vec<_> = found.modules.iter().map(|module| module.kind).collect();
        assert_eq!(kinds, [ModuleKind::EsModule, ModuleKind::EsModule, ModuleKind::CommonJs]);
        assert_eq!(found.modules[2].exports, ["one"]);
        let text = String::from_utf8(found.modules[2].content.clone()).unwrap();
        assert!(text.starts_with("exports.one = \"production\""), "{text}");
    }

    #[test]
    fn what_is_not_installed_or_not_for_scripts_is_refused() {
        let files = [
            ("a/package.json", PACKAGE),
            ("a/index.js", "import 'node:fs';"),
            ("a/sub.js", "import { env } from 'cloudflare:workers';"),
            ("lazy/index.js", "exports.read = () => require('fs');"),
        ];
        let said = |names: &[&str]| loaded(&files, names).unwrap_err();
        assert!(said(&["absent"]).contains("\"absent\""), "{}", said(&["absent"]));
        assert!(said(&["a/none"]).contains("a/none"), "{}", said(&["a/none"]));
        assert!(said(&["./node_modules/a/index.js"]).contains("is a path"));
        assert!(said(&["/etc/passwd"]).contains("/etc/passwd"));
        let node = said(&["a"]);
        assert!(node.contains("a/index.js:1:8: ") && node.contains("scripts have none"), "{node}");
        assert!(said(&["a/sub"]).contains("scripts have none"), "{}", said(&["a/sub"]));
        let lazy = loaded(&files, &["lazy"]).unwrap();
        assert!(lazy.warnings[0].to_string().contains("scripts have none"), "{}", lazy.warnings[0]);
    }
}
