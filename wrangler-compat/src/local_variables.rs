//! The files with local values for variables and secrets, by wrangler's rules.
//!
//! `.dev.vars.ENV`, or else `.dev.vars`, is the only file if it is there. Otherwise `.env`,
//! `.env.local`, `.env.ENV` and `.env.ENV.local` are read, of which later ones override earlier
//! ones.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::dev_vars;
use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::project::LocalValues;
use crate::project_folder::{ProjectFile, ProjectFolder};
use crate::warnings::Warnings;
use crate::watched_files::WatchedFiles;

/// The bytes of one file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The local values so far.
struct LocalVariables<'a> {
    values: Map<String, Value>,
    /// The files that were read and those that would be if they were there.
    files: &'a WatchedFiles,
}

/// Reads the local values of a project. Adds the files that may have them to `files`.
pub(crate) fn read(
    folder: &ProjectFolder,
    environment: Option<&str>,
    source: LocalValues<'_>,
    files: &WatchedFiles,
    warnings: &mut Warnings,
) -> Result<Map<String, Value>, ProjectError> {
    let mut local = LocalVariables { values: Map::new(), files };
    let dot_env = match source {
        LocalValues::Development { ignore_dot_env } => !ignore_dot_env,
        LocalValues::File(path) => {
            files.add(path);
            local.add_text(path, &read_named(path)?, warnings);
            return Ok(local.values);
        }
        LocalValues::None => return Ok(local.values),
    };
    // The file of an environment replaces the common one, as in wrangler.
    let specific = environment.map(|name| format!(".dev.vars.{name}"));
    for name in specific.as_deref().into_iter().chain([".dev.vars"]) {
        if let Some(file) = local.find(folder, name)? {
            local.add(folder, &file, warnings)?;
            return Ok(local.values);
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
    Ok(local.values)
}

impl LocalVariables<'_> {
    fn find(&mut self, folder: &ProjectFolder, name: &str) -> Result<Option<ProjectFile>, ProjectError> {
        self.files.add(&folder.root().join(name));
        folder.find(name.as_ref())
    }

    fn add(
        &mut self,
        folder: &ProjectFolder,
        file: &ProjectFile,
        warnings: &mut Warnings,
    ) -> Result<(), ProjectError> {
        let text = folder.read(file, MAX_BYTES)?;
        self.add_text(file.path(), &text, warnings);
        Ok(())
    }

    fn add_text(&mut self, path: &Path, text: &str, warnings: &mut Warnings) {
        let (pairs, malformed) = dev_vars::parse(text);
        self.values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
        for offset in malformed {
            let location = || SourceLocation::at(path, text, offset);
            warnings.push(location, "is not a NAME=value line; it is ignored".to_owned());
        }
    }
}

/// Reads a file that the operator named.
fn read_named(path: &Path) -> Result<String, ProjectError> {
    let error = |problem| ProjectError::new(SourceLocation::file(path), problem);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|reason| error(ProjectProblem::Io(reason)))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(error(ProjectProblem::FileTooLarge { limit: MAX_BYTES }));
    }
    String::from_utf8(bytes).map_err(|_| error(ProjectProblem::NotText))
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
        let source = LocalValues::Development { ignore_dot_env: !dot_env };
        let files = WatchedFiles::default();
        let local = read(&folder, environment, source, &files, &mut Warnings::default()).unwrap();
        let pair = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap());
        local.iter().map(pair).collect::<Vec<_>>().join(" ")
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
    #[test]
    fn a_named_file_replaces_those_of_development() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".dev.vars"), "A=1").unwrap();
        let named = directory.path().join("secrets");
        fs::write(&named, "B=2\nnonsense").unwrap();
        let folder = ProjectFolder::open(directory.path()).unwrap();
        let (mut warnings, files) = (Warnings::default(), WatchedFiles::default());
        let local = read(&folder, None, LocalValues::File(&named), &files, &mut warnings).unwrap();
        assert_eq!(Value::Object(local), serde_json::json!({ "B": "2" }));
        assert_eq!((files.list(&folder), warnings.into_vec().len()), (vec![named], 1));
        let (mut warnings, files) = (Warnings::default(), WatchedFiles::default());
        let none = read(&folder, None, LocalValues::None, &files, &mut warnings).unwrap();
        assert!(none.is_empty() && files.list(&folder).is_empty());
        let missing = directory.path().join("missing");
        let error = read(&folder, None, LocalValues::File(&missing), &files, &mut warnings).err().unwrap();
        assert!(error.to_string().contains("missing: cannot be read"), "{error}");
        assert_eq!(files.list(&folder), [missing]);
    }
}
