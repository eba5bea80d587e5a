//! The files with local values for variables and secrets, by wrangler's rules.
//!
//! `.dev.vars.ENV`, or else `.dev.vars`, is the only file if it is there. Otherwise `.env`,
//! `.env.local`, `.env.ENV` and `.env.ENV.local` are read, of which later ones override earlier
//! ones.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::dev_vars;
use crate::error::{ProjectError, SourceLocation};
use crate::project_folder::{ProjectFile, ProjectFolder};
use crate::warnings::Warnings;

/// The bytes of one file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The local values, and the files that may have them.
pub(crate) struct LocalVariables {
    pub(crate) values: Map<String, Value>,
    /// The files that were read and those that would be if they were there.
    pub(crate) files: Vec<PathBuf>,
}

/// Reads the local values of a project. Without `dot_env`, the files `.env` are left aside.
pub(crate) fn read(
    folder: &ProjectFolder,
    environment: Option<&str>,
    dot_env: bool,
    warnings: &mut Warnings,
) -> Result<LocalVariables, ProjectError> {
    let mut local = LocalVariables { values: Map::new(), files: Vec::new() };
    // The file of an environment replaces the common one, as in wrangler.
    let specific = environment.map(|name| format!(".dev.vars.{name}"));
    for name in specific.as_deref().into_iter().chain([".dev.vars"]) {
        if let Some(file) = local.find(folder, name)? {
            local.add(folder, &file, warnings)?;
            return Ok(local);
        }
    }
    if dot_env {
        let mut names = vec![".env".to_owned(), ".env.local".to_owned()];
        names.extend(
            environment.iter().flat_map(|name| [format!(".env.{name}"), format!(".env.{name}.local")]),
        );
        for name in names {
            if let Some(file) = local.find(folder, &name)? {
                local.add(folder, &file, warnings)?;
            }
        }
    }
    Ok(local)
}

impl LocalVariables {
    fn find(&mut self, folder: &ProjectFolder, name: &str) -> Result<Option<ProjectFile>, ProjectError> {
        self.files.push(folder.root().join(name));
        folder.find(name.as_ref())
    }

    fn add(
        &mut self,
        folder: &ProjectFolder,
        file: &ProjectFile,
        warnings: &mut Warnings,
    ) -> Result<(), ProjectError> {
        let text = folder.read(file, MAX_BYTES)?;
        let (pairs, malformed) = dev_vars::parse(&text);
        self.values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
        for offset in malformed {
            let location = || SourceLocation::at(file.path(), &text, offset);
            warnings.push(location, "is not a NAME=value line; it is ignored".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn values(files: &[(&str, &str)], environment: Option<&str>, dot_env: bool) -> String {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let folder = ProjectFolder::open(directory.path()).unwrap();
        let local = read(&folder, environment, dot_env, &mut Warnings::default()).unwrap();
        let pair = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap());
        local.values.iter().map(pair).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_files_take_precedence_as_in_wrangler() {
        let env = [(".env", "A=1\nB=1\nC=1\nD=1"), (".env.local", "B=2\nC=2\nD=2")];
        let live = [(".env.live", "C=3\nD=3"), (".env.live.local", "D=4")];
        let all: Vec<_> = env.iter().chain(&live).copied().collect();
        assert_eq!(values(&all, Some("live"), true), "A=1 B=2 C=3 D=4");
        assert_eq!(values(&all, None, true), "A=1 B=2 C=2 D=2");
        assert_eq!(values(&all, None, false), "");
        let with_dev_vars: Vec<_> = all.iter().chain(&[(".dev.vars", "E=5")]).copied().collect();
        assert_eq!(values(&with_dev_vars, Some("live"), true), "E=5");
        let specific: Vec<_> = with_dev_vars.iter().chain(&[(".dev.vars.live", "F=6")]).copied().collect();
        assert_eq!(values(&specific, Some("live"), true), "F=6");
        assert_eq!(values(&specific, Some("other"), true), "E=5");
    }
}
