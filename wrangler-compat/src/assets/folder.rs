//! The files below the assets folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use sha2::{Digest as _, Sha256};

use super::content_type;
use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::warnings::Warnings;

/// The file with patterns of files that are not assets, in the format of `.gitignore`.
pub(super) const IGNORE_FILE: &str = ".assetsignore";

/// The bytes of one asset, as in wrangler.
const MAX_ASSET_BYTES: u64 = 25 * 1024 * 1024;

/// The number of assets, as in wrangler.
const MAX_ASSETS: usize = 100_000;

/// The number of warnings about links that lead out of the folder.
const MAX_LINK_WARNINGS: usize = 5;

/// A file that answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    path: PathBuf,
    /// Its length when it was looked up.
    pub length: u64,
    /// A tag that changes when the file does, without quotes.
    pub(super) etag: String,
    pub(super) content_type: Option<String>,
}

impl AssetFile {
    /// Returns its real path, which had no links when it was looked up. A part of it may have
    /// become one since, so it has to be opened without following links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder, and the patterns of files in it that are not assets.
#[derive(Debug, Clone)]
pub(super) struct AssetFolder {
    /// The folder's real path.
    root: PathBuf,
    ignored: Arc<Gitignore>,
}

impl AssetFolder {
    /// Opens a folder by its real path, and checks its files.
    pub(super) fn open(root: &Path, ignored: &str, warnings: &mut Warnings) -> Result<Self, ProjectError> {
        let mut builder = GitignoreBuilder::new("");
        let own = ["/.assetsignore", "/_redirects", "/_headers"];
        for (index, line) in own.into_iter().chain(ignored.lines()).enumerate() {
            if let Err(error) = builder.add_line(None, line) {
                let line = u32::try_from((index + 1).saturating_sub(own.len())).unwrap_or(u32::MAX);
                let location =
                    || SourceLocation { file: root.join(IGNORE_FILE), line: Some(line), column: Some(1) };
                warnings.push(location, format!("is ignored: {error}"));
            }
        }
        let ignored = builder.build().unwrap_or_else(|_| Gitignore::empty());
        let folder = Self { root: root.to_owned(), ignored: Arc::new(ignored) };
        folder.check(warnings)?;
        Ok(folder)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Checks the number and the sizes of the assets, and warns of links that lead out.
    fn check(&self, warnings: &mut Warnings) -> Result<(), ProjectError> {
        let io_error =
            |path: &Path, error| ProjectError::new(SourceLocation::file(path), ProjectProblem::Io(error));
        let (mut folders, mut count, mut links) = (vec![PathBuf::new()], 0, 0);
        while let Some(inside) = folders.pop() {
            let path = self.root.join(&inside);
            for entry in fs::read_dir(&path).map_err(|error| io_error(&path, error))? {
                let entry = entry.map_err(|error| io_error(&path, error))?;
                let (name, path) = (inside.join(entry.file_name()), entry.path());
                let Ok(found) = fs::symlink_metadata(&path) else { continue };
                if self.is_ignored(&name, found.is_dir()) {
                    continue;
                }
                if found.is_dir() {
                    folders.push(name);
                    continue;
                }
                count += 1;
                if count > MAX_ASSETS {
                    let problem = ProjectProblem::TooManyAssets { limit: MAX_ASSETS };
                    return Err(ProjectError::new(SourceLocation::file(&self.root), problem));
                }
                if found.is_symlink() && self.real(&path).is_none() {
                    links += 1;
                    if links <= MAX_LINK_WARNINGS {
                        let message =
                            "is a link that leads out of the assets folder; it is not served".to_owned();
                        warnings.push(|| SourceLocation::file(&path), message);
                    }
                }
                if found.len() > MAX_ASSET_BYTES {
                    let problem = ProjectProblem::FileTooLarge { limit: MAX_ASSET_BYTES };
                    return Err(ProjectError::new(SourceLocation::file(&path), problem));
                }
            }
        }
        Ok(())
    }

    /// Returns `true` for a file that is not an asset. Files with secrets of the project never are.
    fn is_ignored(&self, name: &Path, is_folder: bool) -> bool {
        name.components().any(|part| part.as_os_str().to_str().is_none_or(is_private))
            || self.ignored.matched_path_or_any_parents(name, is_folder).is_ignore()
    }

    /// Returns the real path of a file or folder, if it is inside the folder.
    fn real(&self, path: &Path) -> Option<PathBuf> {
        fs::canonicalize(path).ok().filter(|real| real.starts_with(&self.root))
    }

    /// Returns the asset at a decoded path that begins with a slash.
    pub(super) fn find(&self, path: &str) -> Option<AssetFile> {
        let name = path.strip_prefix('/')?;
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\\']);
        if !name.split('/').all(is_part) || self.is_ignored(Path::new(name), false) {
            return None;
        }
        let real = self.real(&self.root.join(name))?;
        let inside = real.strip_prefix(&self.root).ok()?;
        // The kind is checked before the file is opened, because to open a pipe would wait.
        let found = fs::metadata(&real).ok().filter(fs::Metadata::is_file)?;
        if found.len() > MAX_ASSET_BYTES || self.is_ignored(inside, false) {
            return None;
        }
        let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let state = format!("{}\n{:?}\n{}", real.display(), modified, found.len());
        let etag = Sha256::digest(state)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(AssetFile {
            length: found.len(),
            etag,
            content_type: content_type::of(Path::new(name)),
            path: real,
        })
    }
}

/// Returns `true` for a name of files that hold variables and secrets of a project, or its history.
fn is_private(name: &str) -> bool {
    let is_or_has =
        |file: &str| name.strip_prefix(file).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    is_or_has(".dev.vars") || is_or_has(".env") || matches!(name, ".git" | ".wrangler")
}
