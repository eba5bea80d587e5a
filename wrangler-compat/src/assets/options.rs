//! The key `assets` of the configuration.

use crate::error::SourceLocation;

/// The value of `assets`.
#[derive(Debug, Clone)]
pub(crate) struct AssetOptions {
    pub(crate) directory: String,
    /// The location of `directory`, or of `assets`.
    pub(crate) location: SourceLocation,
    pub(crate) binding: Option<String>,
    pub(crate) html_handling: HtmlHandling,
    pub(crate) not_found_handling: NotFoundHandling,
    pub(crate) run_worker_first: WorkerFirst,
}

/// The paths of HTML files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum HtmlHandling {
    /// `/about` for `about.html`, `/about/` for `about/index.html`.
    #[default]
    Auto,
    /// `/about/` for both.
    Force,
    /// `/about` for both.
    Drop,
    /// Their own.
    None,
}

impl HtmlHandling {
    /// The values of `html_handling`.
    pub(crate) const VALUES: [(&str, Self); 4] = [
        ("auto-trailing-slash", Self::Auto),
        ("force-trailing-slash", Self::Force),
        ("drop-trailing-slash", Self::Drop),
        ("none", Self::None),
    ];
}

/// The answer for a path without a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum NotFoundHandling {
    /// None: the Worker answers.
    #[default]
    None,
    /// The nearest `404.html`.
    Page,
    /// `index.html`.
    SinglePageApplication,
}

impl NotFoundHandling {
    /// The values of `not_found_handling`.
    pub(crate) const VALUES: [(&str, Self); 3] = [
        ("none", Self::None),
        ("404-page", Self::Page),
        ("single-page-application", Self::SinglePageApplication),
    ];
}

/// The requests that go to the Worker without a look at the assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkerFirst {
    /// All, or none.
    Always(bool),
    /// Those whose path matches a pattern of `worker` and none of `assets`. The others never do,
    /// unless there is no asset.
    Paths { worker: Vec<String>, assets: Vec<String> },
}

/// The number of patterns in `run_worker_first`.
const MAX_PATTERNS: usize = 100;

/// The characters of one.
const MAX_PATTERN_CHARS: usize = 100;

impl WorkerFirst {
    /// Reads the patterns of `run_worker_first`.
    ///
    /// # Errors
    /// Returns the reason for which they are not valid.
    pub(crate) fn of_patterns(patterns: &[String]) -> Result<Self, String> {
        if patterns.is_empty() || patterns.len() > MAX_PATTERNS {
            return Err(format!("must have from 1 to {MAX_PATTERNS} patterns, but has {}", patterns.len()));
        }
        let (mut worker, mut assets) = (Vec::new(), Vec::new());
        for pattern in patterns {
            if pattern.chars().count() > MAX_PATTERN_CHARS {
                return Err(format!(
                    "has a pattern of more than {MAX_PATTERN_CHARS} characters: {pattern:?}"
                ));
            }
            match (pattern.strip_prefix('!'), pattern) {
                (Some(path), _) if path.starts_with('/') => assets.push(path.to_owned()),
                (None, path) if path.starts_with('/') => worker.push(path.clone()),
                _ => {
                    return Err(format!("has a pattern that begins neither with / nor with !/: {pattern:?}"));
                }
            }
        }
        if worker.is_empty() {
            return Err("has patterns with ! only; at least one must be without".to_owned());
        }
        for list in [&worker, &assets] {
            for (index, pattern) in list.iter().enumerate() {
                let is_covered = |other: &String| {
                    other
                        .strip_suffix('*')
                        .is_some_and(|start| other != pattern && pattern.starts_with(start))
                };
                if list[..index].contains(pattern) {
                    return Err(format!("has the pattern {pattern:?} twice"));
                }
                if let Some(other) = list.iter().find(|other| is_covered(other)) {
                    return Err(format!("has the pattern {pattern:?}, which {other:?} covers"));
                }
            }
        }
        Ok(Self::Paths { worker, assets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_checked() {
        let of = |patterns: &[&str]| {
            WorkerFirst::of_patterns(&patterns.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(
            of(&["/api/*", "!/api/x/*"]),
            Ok(WorkerFirst::Paths { worker: vec!["/api/*".into()], assets: vec!["/api/x/*".into()] })
        );
        for (patterns, expected) in [
            (&[][..], "1 to 100 patterns, but has 0"),
            (&["api"], "neither"),
            (&["!api"], "neither"),
            (&["!/api"], "with ! only"),
            (&["/a", "/a"], "\"/a\" twice"),
            (&["/a/b", "/a/*"], "\"/a/*\" covers"),
        ] {
            let message = of(patterns).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        assert!(of(&[&format!("/{}", "x".repeat(100))]).unwrap_err().contains("100 characters"));
    }
}
