//! Access to the files that a project may read, up to a size.
//!
//! A project is a stranger's text: an `import`, a symbolic link in `node_modules` or a `paths` of
//! `tsconfig.json` may name any file. Only these are read, by their real paths:
//!
//! | files | why |
//! |---|---|
//! | those in the project's folder | the project |
//! | those in `node_modules` of a folder above | packages that a monorepo installs at its top |
//! | those in the workspace around it, but for hidden ones | packages of the same monorepo, linked from `node_modules` |
//!
//! The workspace is the nearest folder above with a `pnpm-workspace.yaml`, or a `package.json` that
//! has `workspaces`. Neither the home directory nor `/` is one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use crate::error::{ProjectError, ProjectProblem, SourceLocation};

/// The bytes of a `package.json`.
pub(crate) const MAX_DESCRIPTION_BYTES: u64 = 4 * 1024 * 1024;

/// A project's folder, and the folders around it from which files are read.
///
/// Symbolic links in a path are resolved before the path is compared with the folders, so neither
/// `..` nor a link gives access to other files.
#[derive(Debug, Clone)]
pub(crate) struct ProjectFolder {
    root: PathBuf,
    /// The folders `node_modules` above the project.
    packages: Vec<PathBuf>,
    workspace: Option<PathBuf>,
}

/// A file that may be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProjectFile(PathBuf);

impl ProjectFile {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl ProjectFolder {
    pub(crate) fn open(path: &Path) -> Result<Self, ProjectError> {
        let root = fs::canonicalize(path).map_err(|error| io_error(path, error))?;
        let above = || root.ancestors().skip(1);
        // A link could lead anywhere: a repository may bring one along.
        let packages = above()
            .map(|folder| folder.join("node_modules"))
            .filter(|folder| fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()))
            .collect();
        let home = std::env::home_dir();
        let workspace = above()
            .filter(|folder| folder.parent().is_some() && home.as_deref() != Some(*folder))
            .find(|folder| is_workspace(folder))
            .map(Path::to_owned);
        Ok(Self { root, packages, workspace })
    }

    /// Returns the access to one folder and nothing around it. The path is a real one.
    pub(crate) fn only(root: &Path) -> Self {
        Self { root: root.to_owned(), packages: Vec::new(), workspace: None }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns `true` if a file may be read. The path is a real one, without links and `..`.
    pub(crate) fn allows(&self, real: &Path) -> bool {
        let hidden = |part: Component| part.as_os_str().to_str().is_none_or(|name| name.starts_with('.'));
        real.starts_with(&self.root)
            || self.packages.iter().any(|folder| real.starts_with(folder))
            || self.workspace.as_deref().is_some_and(|folder| {
                real.strip_prefix(folder).is_ok_and(|inside| !inside.components().any(hidden))
            })
    }

    /// Returns `true` if a path without links would be one that may be read.
    pub(crate) fn may_have(&self, path: &Path) -> bool {
        self.allows(path)
    }

    /// Returns the real path of `path`, which is relative to the folder or absolute, and may be
    /// read. Returns `None` if nothing is there.
    fn real(&self, path: &Path) -> Result<Option<PathBuf>, ProjectError> {
        let path = self.root.join(path);
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(io_error(&path, error)),
        };
        if !self.allows(&real) {
            let outside = ProjectProblem::OutsideProject { path: path.display().to_string() };
            return Err(ProjectError::new(SourceLocation::file(&path), outside));
        }
        Ok(Some(real))
    }

    /// Returns the real path of the folder at `path`. Returns `None` if something else or nothing
    /// is there.
    pub(crate) fn find_folder(&self, path: &Path) -> Result<Option<PathBuf>, ProjectError> {
        Ok(self.real(path)?.filter(|real| real.is_dir()))
    }

    /// Returns the regular file at `path`, which is relative to the folder or absolute. Returns
    /// `None` if nothing or a directory is there.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<ProjectFile>, ProjectError> {
        let Some(real) = self.real(path)? else { return Ok(None) };
        // The kind is checked first, because to open a pipe would wait for a writer.
        let kind = fs::metadata(&real).map_err(|error| io_error(&real, error))?;
        if kind.is_dir() {
            return Ok(None);
        }
        if !kind.is_file() {
            return Err(ProjectError::new(SourceLocation::file(&real), ProjectProblem::NotAFile));
        }
        Ok(Some(ProjectFile(real)))
    }

    /// Returns the bytes of a file.
    pub(crate) fn read_bytes(&self, file: &ProjectFile, limit: u64) -> Result<Vec<u8>, ProjectError> {
        let path = file.path();
        let mut bytes = Vec::new();
        // One more byte is read, to distinguish a file of exactly the limit from a longer one.
        File::open(path)
            .and_then(|open| open.take(limit + 1).read_to_end(&mut bytes))
            .map_err(|error| io_error(path, error))?;
        if bytes.len() as u64 > limit {
            let problem = ProjectProblem::FileTooLarge { limit };
            return Err(ProjectError::new(SourceLocation::file(path), problem));
        }
        Ok(bytes)
    }

    /// Returns the text of a file, without a byte order mark.
    pub(crate) fn read(&self, file: &ProjectFile, limit: u64) -> Result<String, ProjectError> {
        let not_text = |_| ProjectError::new(SourceLocation::file(file.path()), ProjectProblem::NotText);
        let text = String::from_utf8(self.read_bytes(file, limit)?).map_err(not_text)?;
        Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })
    }

    /// Returns a file's path relative to the folder, with `/`; `../` for a file above it.
    pub(crate) fn name(&self, file: &ProjectFile) -> Result<String, ProjectError> {
        let path = file.path();
        let shared = self.root.components().zip(path.components()).take_while(|(a, b)| a == b).count();
        let up = self.root.components().count() - shared;
        let down = path.components().skip(shared).map(|part| part.as_os_str().to_str());
        let parts: Option<Vec<&str>> = std::iter::repeat_n(Some(".."), up).chain(down).collect();
        match parts {
            Some(parts) => Ok(parts.join("/")),
            None => Err(ProjectError::new(SourceLocation::file(path), ProjectProblem::PathNotText)),
        }
    }
}

/// Returns `true` if a folder is the top of a monorepo.
fn is_workspace(folder: &Path) -> bool {
    let text = |name| {
        let path = folder.join(name);
        let file = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        (file.len() <= MAX_DESCRIPTION_BYTES).then(|| fs::read(path).ok()).flatten()
    };
    let has_workspaces = |text: Vec<u8>| {
        let package: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        package.is_some_and(|package| package.get("workspaces").is_some())
    };
    text("pnpm-workspace.yaml").is_some() || text("package.json").is_some_and(has_workspaces)
}

fn io_error(path: &Path, error: io::Error) -> ProjectError {
    ProjectError::new(SourceLocation::file(path), ProjectProblem::Io(error))
}
