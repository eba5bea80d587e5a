//! What can be wrong with a project, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file. Lines and columns count from 1; columns count characters, as editors do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line; absent when the file as a whole is meant.
    pub line: Option<u32>,
    /// The column; absent when the file as a whole is meant.
    pub column: Option<u32>,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: &Path) -> Self {
        Self { file: file.to_owned(), line: None, column: None }
    }

    /// The byte `offset` of the text in `file`. An offset past the end means the end.
    pub fn at(file: &Path, text: &str, offset: usize) -> Self {
        // Parsers may point into the middle of a character or past the end of the text.
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            file: file.to_owned(),
            line: Some(count(before.bytes().filter(|byte| *byte == b'\n').count() + 1)),
            column: Some(count(before[line_start..].chars().count() + 1)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

/// Something in the project that isolet leaves aside; the project runs without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it stands.
    pub place: Place,
    /// What is left aside and what that means.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A project that cannot run.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ProjectError {
    /// Where.
    pub place: Place,
    /// What.
    #[source]
    pub problem: Problem,
}

impl ProjectError {
    pub(crate) fn new(place: Place, problem: Problem) -> Self {
        Self { place, problem }
    }
}

/// What is wrong with a project. The text says what to do next where that is not plain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The folder has no configuration.
    #[error("no wrangler.json, wrangler.jsonc or wrangler.toml in this folder")]
    NoConfiguration,
    /// The configuration is not what its file name says.
    #[error("not valid {format}: {message}")]
    Syntax {
        /// `JSON`, `TOML`, `TypeScript`, …
        format: &'static str,
        /// The parser's words.
        message: String,
    },
    /// A field has the wrong type.
    #[error("`{field}` must be {expected}, but is {found}")]
    WrongType {
        /// The field, with dots: `env.staging.main`.
        field: String,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// No entry module is named.
    #[error("`main` is missing: name the entry module, for example \"main\": \"src/index.ts\"")]
    NoMain,
    /// The environment asked for is not in the configuration.
    #[error("there is no environment {name:?} in the configuration (it has: {known})")]
    NoEnvironment {
        /// The one asked for.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// A file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[source] std::io::Error),
    /// A file is no UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// A file's path is no UTF-8 text.
    #[error("has a path that is not UTF-8, which module names must be")]
    PathNotText,
    /// A directory, device, pipe or socket.
    #[error("is not a regular file")]
    NotAFile,
    /// One file is too large.
    #[error("is larger than {limit} bytes")]
    FileTooLarge {
        /// The largest size.
        limit: u64,
    },
    /// All modules together are too large, or too many.
    #[error("the project reaches more than {limit} {unit} of modules; is `main` the right file?")]
    ProjectTooLarge {
        /// How many are allowed.
        limit: u64,
        /// `bytes` or `files`.
        unit: &'static str,
    },
    /// A text nests so many brackets that parsing it needs more stack than there is.
    #[error("has so many brackets that parsing it could need {needed} bytes of stack")]
    TooDeep {
        /// The stack for the worst case.
        needed: u64,
    },
    /// A path leads out of the project.
    #[error("{path:?} leads out of the project's folder; only files inside it are read")]
    OutsideProject {
        /// The path or specifier as written.
        path: String,
    },
    /// A relative import finds no file.
    #[error("{specifier:?} is not there (looked for {tried})")]
    ModuleNotFound {
        /// As written.
        specifier: String,
        /// File names looked for.
        tried: String,
    },
    /// A package is imported.
    #[error(
        "imports the package {specifier:?}, and isolet does not bundle packages yet: run a bundler first (for example \
         esbuild --bundle --format=esm --external:cloudflare:workers) and point `main` at what it writes"
    )]
    Package {
        /// As written.
        specifier: String,
    },
    /// A module that Workers or Node.js have built in and isolet has not.
    #[error(
        "imports {specifier:?}, which isolet does not have; its only built-in module is \"cloudflare:workers\""
    )]
    NoSuchBuiltIn {
        /// As written.
        specifier: String,
    },
    /// A file of a kind that isolet cannot load.
    #[error(
        "is a {extension:?} file; isolet loads .ts, .mts, .js, .mjs, .json, .txt, .html and .sql ({hint})"
    )]
    UnknownKind {
        /// The file's extension, with the dot.
        extension: String,
        /// What to do instead.
        hint: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "a\néé x\n";
        let place = |offset| Place::at(Path::new("f"), text, offset).to_string();
        assert_eq!(place(0), "f:1:1");
        assert_eq!(place(2), "f:2:1");
        assert_eq!(place(3), "f:2:1", "inside a character means its start");
        assert_eq!(place(7), "f:2:4");
        assert_eq!(place(999), "f:3:1");
        assert_eq!(Place::file(Path::new("f")).to_string(), "f");
    }
}
