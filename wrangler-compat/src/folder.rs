//! Reading files of one folder and of nothing else, up to a size.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Place, Problem, ProjectError};

/// A project's folder. Every path is resolved to what it really is (symbolic links followed) before it is compared with
/// the folder, so neither `..` nor a link leads out.
pub(crate) struct Folder {
    root: PathBuf,
}

/// A file that exists inside the folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Inside(PathBuf);

impl Inside {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, ProjectError> {
        let root = fs::canonicalize(path).map_err(|error| io_error(path, error))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The regular file at `path` (relative to the folder, or absolute), `None` if nothing or a directory is there.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Inside>, ProjectError> {
        let path = self.root.join(path);
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(io_error(&path, error)),
        };
        if !real.starts_with(&self.root) {
            let outside = Problem::OutsideProject { path: path.display().to_string() };
            return Err(ProjectError::new(Place::file(&path), outside));
        }
        // Asked before opening: opening a pipe would wait for a writer.
        let kind = fs::metadata(&real).map_err(|error| io_error(&real, error))?;
        if kind.is_dir() {
            return Ok(None);
        }
        if !kind.is_file() {
            return Err(ProjectError::new(Place::file(&real), Problem::NotAFile));
        }
        Ok(Some(Inside(real)))
    }

    /// The text of a file, without a byte order mark.
    pub(crate) fn read(&self, file: &Inside, limit: u64) -> Result<String, ProjectError> {
        let path = file.path();
        let problem = |problem| ProjectError::new(Place::file(path), problem);
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file of exactly the limit from a longer one.
        File::open(path)
            .and_then(|open| open.take(limit + 1).read_to_end(&mut bytes))
            .map_err(|error| io_error(path, error))?;
        if bytes.len() as u64 > limit {
            return Err(problem(Problem::FileTooLarge { limit }));
        }
        let text = String::from_utf8(bytes).map_err(|_| problem(Problem::NotText))?;
        Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })
    }

    /// A file's name relative to the folder, with `/`.
    pub(crate) fn name(&self, file: &Inside) -> Result<String, ProjectError> {
        let relative = file.path().strip_prefix(&self.root).unwrap_or(file.path());
        let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
        match parts {
            Some(parts) => Ok(parts.join("/")),
            None => Err(ProjectError::new(Place::file(file.path()), Problem::PathNotText)),
        }
    }
}

fn io_error(path: &Path, error: io::Error) -> ProjectError {
    ProjectError::new(Place::file(path), Problem::Io(error))
}
