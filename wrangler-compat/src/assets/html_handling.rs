//! Paths with and without `.html`, `index` and a slash at the end.
//!
//! For each handling and form of a path there is a list of steps; the first that finds its file
//! gives the answer.

use super::folder::AssetFile;
use super::options::{HtmlHandling, NotFoundHandling};

/// The answer for a path, before its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// A file, with a status.
    File(AssetFile, u16),
    /// A redirect to another path.
    Redirect(String),
}

/// A step of the search for a path.
enum Step {
    /// Answers with a file.
    Serve(String),
    /// Redirects to the path of a file, if that path gives this file.
    Redirect { file: String, to: String },
}

/// The search for the answer of a path.
pub(super) struct Search<'a> {
    pub(super) html: HtmlHandling,
    pub(super) not_found: NotFoundHandling,
    pub(super) find: &'a dyn Fn(&str) -> Option<AssetFile>,
}

impl Search<'_> {
    /// Returns the answer for a decoded path.
    pub(super) fn intent(&self, path: &str) -> Option<Intent> {
        self.search(path, true)
    }

    fn search(&self, path: &str, redirects: bool) -> Option<Intent> {
        for step in steps(self.html, path) {
            match step {
                Step::Serve(file) => {
                    if let Some(file) = (self.find)(&file) {
                        return Some(Intent::File(file, 200));
                    }
                }
                Step::Redirect { file, to } if redirects && self.leads_to(&to, &file) => {
                    return Some(Intent::Redirect(to));
                }
                Step::Redirect { .. } => {}
            }
        }
        self.not_found(path)
    }

    /// Returns `true` if a path that is not a file's own gives this file.
    fn leads_to(&self, path: &str, file: &str) -> bool {
        let Some(file) = (self.find)(file) else { return false };
        (self.find)(path).is_none()
            && matches!(self.search(path, false), Some(Intent::File(found, _)) if found.etag == file.etag)
    }

    fn not_found(&self, path: &str) -> Option<Intent> {
        match self.not_found {
            NotFoundHandling::None => None,
            NotFoundHandling::SinglePageApplication => {
                (self.find)("/index.html").map(|file| Intent::File(file, 200))
            }
            NotFoundHandling::Page => {
                let folders = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
                folders
                    .filter_map(|folder| (self.find)(&format!("{folder}/404.html")))
                    .map(|file| Intent::File(file, 404))
                    .next()
            }
        }
    }
}

/// Returns the steps for a path.
fn steps(html: HtmlHandling, path: &str) -> Vec<Step> {
    use HtmlHandling::{Auto, Drop, Force};
    let serve = |file: &str| Step::Serve(file.to_owned());
    let redirect = |file: &str, to: &str| Step::Redirect { file: file.to_owned(), to: to.to_owned() };
    let html_file = |base: &str| format!("{base}.html");
    let index_file = |base: &str| format!("{base}/index.html");
    let slash = |base: &str| format!("{base}/");
    // The path of a folder's `index.html`, by the handling; the root's is always a slash.
    let index_path =
        |base: &str| if html == Drop && !base.is_empty() { base.to_owned() } else { slash(base) };
    // The same of a file `name.html`.
    let page_path = |base: &str| if html == Force { slash(base) } else { base.to_owned() };

    let mut steps = Vec::new();
    if html == HtmlHandling::None {
        return vec![serve(path)];
    }
    if let Some(base) = path.strip_suffix("/index") {
        steps.push(serve(path));
        let index = redirect(&html_file(path), &index_path(base));
        let page = redirect(&html_file(base), &page_path(base));
        match html {
            // Of the root there is only `index.html`.
            Drop if base.is_empty() => steps.push(index),
            Drop => steps.extend([page, index]),
            _ => steps.extend([index, page]),
        }
    } else if let Some(base) = path.strip_suffix("/index.html") {
        steps.push(redirect(path, &index_path(base)));
        if html == Drop && !base.is_empty() {
            steps.push(serve(path));
        }
        if html != Drop || !base.is_empty() {
            steps.push(redirect(&html_file(base), &page_path(base)));
        }
    } else if let Some(base) = path.strip_suffix('/') {
        match html {
            Drop if base.is_empty() => steps.push(serve("/index.html")),
            Drop => {
                steps.extend([redirect(&html_file(base), base), redirect(&index_file(base), base)]);
            }
            Force => steps.extend([serve(&index_file(base)), serve(&html_file(base))]),
            _ => steps.extend([serve(&index_file(base)), redirect(&html_file(base), base)]),
        }
    } else if let Some(base) = path.strip_suffix(".html") {
        steps.push(redirect(path, &page_path(base)));
        if html == Force {
            steps.push(serve(path));
        }
        steps.push(redirect(&index_file(base), &index_path(base)));
    }
    steps.push(serve(path));
    match html {
        Auto => steps.extend([serve(&html_file(path)), redirect(&index_file(path), &slash(path))]),
        Force => {
            let to = slash(path);
            steps.extend([redirect(&html_file(path), &to), redirect(&index_file(path), &to)]);
        }
        _ => steps.extend([serve(&html_file(path)), serve(&index_file(path))]),
    }
    steps
}
