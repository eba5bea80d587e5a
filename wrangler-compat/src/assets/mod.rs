//! Static assets: which file, redirect or error answers a request, as `wrangler dev` answers it.
//!
//! Files are looked up when they are asked for, so a changed file needs no reload. Only files below
//! the assets folder are found, by their real paths.
//!
//! | module | content |
//! |---|---|
//! | `options` | the key `assets` of the configuration |
//! | `folder` | the files below the folder |
//! | `content_type` | the media type of a file, by its extension |
//! | `html_handling` | paths with and without `.html`, `index` and a slash at the end |
//! | `url_path` | decoding and encoding of paths, URLs in rules |
//! | `rule_pattern` | patterns with `*` and `:name` |
//! | `redirects` | the file `_redirects` |
//! | `header_rules` | the file `_headers` |
//! | `answer` | from a request to its answer |

mod answer;
mod content_type;
mod folder;
mod header_rules;
mod html_handling;
mod options;
mod redirects;
mod rule_pattern;
mod url_path;

use std::path::{Path, PathBuf};

use self::folder::AssetFolder;
use self::header_rules::HeaderRules;
use self::redirects::Redirects;
use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::project_folder::ProjectFolder;
use crate::warnings::Warnings;

pub use self::answer::{AssetAnswer, AssetRequest};
pub use self::folder::AssetFile;
pub(crate) use self::options::{AssetOptions, HtmlHandling, NotFoundHandling, WorkerFirst};

/// The bytes of `_headers`, `_redirects` and `.assetsignore`.
const MAX_RULES_BYTES: u64 = 4 * 1024 * 1024;

/// The static assets of a project.
#[derive(Debug, Clone)]
pub struct Assets {
    folder: AssetFolder,
    options: AssetOptions,
    redirects: Redirects,
    headers: HeaderRules,
    /// `true` if the project has a Worker.
    has_worker: bool,
    /// `true` if a browser's navigation to a missing page gets the answer of `not_found_handling`
    /// and not the Worker's.
    navigation_prefers_assets: bool,
}

/// The date from which navigations prefer assets.
const NAVIGATION_DATE: &str = "2025-04-01";

impl Assets {
    /// Reads the rules, and checks the number and the sizes of files.
    pub(crate) fn open(
        project: &ProjectFolder,
        options: AssetOptions,
        has_worker: bool,
        compatibility: (Option<&str>, &[String]),
        warnings: &mut Warnings,
    ) -> Result<Self, ProjectError> {
        let location = options.location.clone();
        let at_directory = |problem| ProjectError::new(location.clone(), problem);
        let written = options.directory.clone();
        let root = match project.find_folder(Path::new(&written)) {
            Ok(Some(root)) => root,
            Ok(None) => return Err(at_directory(ProjectProblem::NoAssetsFolder { path: written })),
            Err(error) => return Err(at_directory(error.problem)),
        };
        let text = |name| read_rules(&root, name);
        let ignored = text(folder::IGNORE_FILE)?.unwrap_or_default();
        let folder = AssetFolder::open(&root, &ignored, warnings)?;
        let redirects = match text(redirects::FILE_NAME)? {
            Some(text) => Redirects::parse(&root, &text, options.html_handling, warnings),
            None => Redirects::default(),
        };
        let headers = match text(header_rules::FILE_NAME)? {
            Some(text) => HeaderRules::parse(&root, &text, warnings),
            None => HeaderRules::default(),
        };
        let (date, flags) = compatibility;
        let has_flag = |name| flags.iter().any(|flag| flag == name);
        let navigation_prefers_assets = has_flag("assets_navigation_prefers_asset_serving")
            || (date.is_none_or(|date| date >= NAVIGATION_DATE)
                && !has_flag("assets_navigation_has_no_effect"));
        Ok(Self { folder, options, redirects, headers, has_worker, navigation_prefers_assets })
    }

    /// Returns the name in the Worker's `env` under which it fetches assets.
    pub fn binding(&self) -> Option<&str> {
        self.options.binding.as_deref()
    }

    /// Returns the files with rules, whether they exist or not. The project has to be loaded again
    /// when one of them changes.
    pub fn rule_files(&self) -> impl Iterator<Item = PathBuf> {
        [folder::IGNORE_FILE, redirects::FILE_NAME, header_rules::FILE_NAME]
            .map(|name| self.folder.root().join(name))
            .into_iter()
    }
}

/// Reads a file of rules, if it is there. It is part of the assets folder, and so not a link that
/// leads out of it.
fn read_rules(root: &Path, name: &str) -> Result<Option<String>, ProjectError> {
    let folder = ProjectFolder::only(root);
    match folder.find(Path::new(name))? {
        Some(file) => folder.read(&file, MAX_RULES_BYTES).map(Some),
        None => Ok(None),
    }
}

/// Reads a text as `_redirects` and as `_headers`, and applies the rules.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn parse_rules(text: &str) {
    let mut warnings = Warnings::default();
    let root = Path::new("");
    let redirects = Redirects::parse(root, text, HtmlHandling::Auto, &mut warnings);
    let headers = HeaderRules::parse(root, text, &mut warnings);
    for path in text.split_whitespace().take(4) {
        let Some(url) = url::Url::parse("http://localhost").ok().and_then(|url| url.join(path).ok()) else {
            continue;
        };
        let _ = redirects.find(&url);
        headers.apply(&url, &mut Vec::new());
    }
}

/// A reader of lines with rules, and of what is wrong with them.
struct RuleWarnings<'a> {
    file: PathBuf,
    warnings: &'a mut Warnings,
    count: usize,
}

/// The number of warnings about one file of rules.
const MAX_WARNINGS: usize = 20;

impl<'a> RuleWarnings<'a> {
    fn new(root: &Path, name: &str, warnings: &'a mut Warnings) -> Self {
        Self { file: root.join(name), warnings, count: 0 }
    }

    /// Warns of a line, which counts from 1.
    fn warn(&mut self, line: usize, message: impl Into<String>) {
        self.count += 1;
        if self.count > MAX_WARNINGS {
            return;
        }
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let location = || SourceLocation { file: self.file.clone(), line: Some(line), column: Some(1) };
        self.warnings.push(location, message.into());
    }
}

#[cfg(test)]
mod tests;
