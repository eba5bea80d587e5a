//! Errors and warnings, with their location in the project.

use std::fmt;
use std::path::{Path, PathBuf};

/// A location in a file. Lines and columns count from 1; columns count characters, as editors do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file.
    pub file: PathBuf,
    /// The line; `None` for the file as a whole.
    pub line: Option<u32>,
    /// The column; `None` for the file as a whole.
    pub column: Option<u32>,
}

impl SourceLocation {
    /// Returns the location of a file as a whole.
    pub fn file(file: &Path) -> Self {
        Self { file: file.to_owned(), line: None, column: None }
    }

    /// Returns the location of the byte `offset` in the text of `file`. An offset after the end
    /// means the end.
    pub fn at(file: &Path, text: &str, offset: usize) -> Self {
        // Parsers may return an offset inside a character or after the end of the text.
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

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

/// A part of the project that isolet ignores. The project runs without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectWarning {
    /// The location of the part.
    pub location: SourceLocation,
    /// The part, and the consequence.
    pub message: String,
}

impl fmt::Display for ProjectWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

/// Returns a text of at most `most` bytes. A longer one ends with `…`.
pub(crate) fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

/// A project that cannot run.
#[derive(Debug, thiserror::Error)]
#[error("{location}: {problem}")]
pub struct ProjectError {
    /// The location of the problem.
    pub location: SourceLocation,
    /// The problem.
    #[source]
    pub problem: ProjectProblem,
}

impl ProjectError {
    pub(crate) fn new(location: SourceLocation, problem: ProjectProblem) -> Self {
        Self { location, problem }
    }
}

/// The problems of a project that cannot run, of which there is at least one.
#[derive(Debug)]
pub(crate) struct ProjectErrors(pub(crate) Vec<ProjectError>);

impl ProjectErrors {
    /// Returns the first one.
    pub(crate) fn into_first(self) -> ProjectError {
        let none = || {
            let problem = ProjectProblem::Resolution { message: "the loader failed".to_owned() };
            ProjectError::new(SourceLocation::file(Path::new("")), problem)
        };
        self.0.into_iter().next().unwrap_or_else(none)
    }
}

impl From<ProjectError> for ProjectErrors {
    fn from(error: ProjectError) -> Self {
        Self(vec![error])
    }
}

/// A problem of a project. The message has the next step where it is not obvious.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectProblem {
    /// Neither the folder nor one above it has a configuration file.
    #[error(
        "no wrangler.json, wrangler.jsonc or wrangler.toml in this folder or above it; name the entry module instead \
         (isolet dev src/index.ts), or the configuration (isolet dev --config FILE)"
    )]
    NoConfiguration,
    /// A file does not have the format of its extension.
    #[error("not valid {format}: {message}")]
    Syntax {
        /// The format: `JSON`, `TOML`, `TypeScript`, …
        format: &'static str,
        /// The parser's message.
        message: String,
    },
    /// A field has the wrong type.
    #[error("`{field}` must be {expected}, but is {found}")]
    WrongType {
        /// The path of the field: `env.staging.main`.
        field: String,
        /// The expected type.
        expected: &'static str,
        /// The actual type.
        found: &'static str,
    },
    /// A text is not a date.
    #[error("`{field}` is {found:?}, which is not a date: write YYYY-MM-DD, such as 2026-11-01")]
    Date {
        /// The path of the field.
        field: String,
        /// The text.
        found: String,
    },
    /// A table of the configuration has too many entries.
    #[error("`{field}` has {found} entries, and isolet takes {limit}")]
    TooManyEntries {
        /// The path of the table.
        field: String,
        /// The allowed number.
        limit: usize,
        /// The number of entries, or those until the limit was passed.
        found: usize,
    },
    /// A name, path or pattern is too long.
    #[error("`{field}` has a text that is longer than {limit} bytes")]
    TextTooLong {
        /// The path of the field, or what the text is.
        field: String,
        /// The allowed length in bytes.
        limit: usize,
    },
    /// Compiling a module would give a very large one.
    #[error(
        "would be larger than {limit} bytes when it is compiled; look for JSX pragmas, constants or enums that repeat \
         long texts"
    )]
    OutputTooLarge {
        /// The allowed size in bytes.
        limit: u64,
    },
    /// The modules export too many of each other's names.
    #[error(
        "the project's modules re-export more than {limit} names of each other; look for chains of `export *`"
    )]
    TooManyNames {
        /// The allowed number.
        limit: usize,
    },
    /// The configuration has neither `main` nor `assets`.
    #[error("`main` is missing: name the entry module, for example \"main\": \"src/index.ts\"")]
    NoMain,
    /// A cron expression is not valid.
    #[error("`{field}` {message}")]
    Cron {
        /// The path of the field.
        field: String,
        /// The reason.
        message: String,
    },
    /// The folder of the assets is missing.
    #[error(
        "the assets folder {path:?} does not exist, or is not a folder; if it is the output of a build, run the build \
         first"
    )]
    NoAssetsFolder {
        /// The folder as written.
        path: String,
    },
    /// A key of `assets` is not valid.
    #[error("`{field}` {message}")]
    Assets {
        /// The path of the field.
        field: String,
        /// The reason.
        message: String,
    },
    /// A binding is not valid.
    #[error("`{field}` {message}")]
    Binding {
        /// The path of the field.
        field: String,
        /// The reason.
        message: String,
    },
    /// The folder of the assets has too many files.
    #[error("has more than {limit} files; is `assets.directory` the right folder?")]
    TooManyAssets {
        /// The allowed number.
        limit: usize,
    },
    /// The requested environment is not in the configuration.
    #[error("environment {name:?} not found in the configuration (it has: {known})")]
    NoEnvironment {
        /// The requested environment.
        name: String,
        /// The environments of the configuration.
        known: String,
    },
    /// A path of the command line leads nowhere.
    #[error("there is no such file or folder")]
    NothingThere,
    /// A file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[source] std::io::Error),
    /// A file is not UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// A file's path is not UTF-8 text.
    #[error("has a path that is not UTF-8, which module names must be")]
    PathNotText,
    /// The path is a directory, device, pipe or socket.
    #[error("is not a regular file")]
    NotAFile,
    /// A file is too large.
    #[error("is larger than {limit} bytes")]
    FileTooLarge {
        /// The largest size in bytes.
        limit: u64,
    },
    /// All modules together are too large, or too many.
    #[error("the project reaches more than {limit} {unit} of modules; is `main` the right file?")]
    ProjectTooLarge {
        /// The allowed number.
        limit: u64,
        /// The unit: `bytes` or `files`.
        unit: &'static str,
    },
    /// A text has so many brackets that parsing it may need more stack than is allowed.
    #[error("has so many brackets that parsing it could need {needed} bytes of stack")]
    TooDeep {
        /// The stack for the worst case, in bytes.
        needed: u64,
    },
    /// A file may not be read.
    #[error(
        "{path:?} is outside the project's folder; only files inside it, in the workspace around it and in node_modules \
         of the folders above are read"
    )]
    OutsideProject {
        /// The path or specifier as written.
        path: String,
    },
    /// `base_dir` is not in the project's folder.
    #[error("`base_dir` is {path:?}, which is outside the project's folder")]
    BaseOutsideProject {
        /// The path as written.
        path: String,
    },
    /// A relative import does not find a file.
    #[error("{specifier:?} not found (tried {tried})")]
    ModuleNotFound {
        /// The specifier as written.
        specifier: String,
        /// The names of the files that were tried.
        tried: String,
    },
    /// A package is not installed.
    #[error("the package {package:?} is not installed: run `{command}` in the project's folder")]
    Package {
        /// The name of the package.
        package: String,
        /// The command that installs it.
        command: String,
    },
    /// A package or `tsconfig.json` does not allow a specifier.
    #[error("cannot be resolved: {message}")]
    Resolution {
        /// The message of the resolver.
        message: String,
    },
    /// A `package.json` or `tsconfig.json` cannot be used.
    #[error("{message}")]
    RefusedFile {
        /// The file, and the reason.
        message: String,
    },
    /// A module of Node.js is imported, and the project has no Node.js.
    #[error(
        "imports {specifier:?}, a module of Node.js: add \"nodejs_compat\" to `compatibility_flags` in the configuration, \
         or set `compatibility_date` to 2026-08-04 or later"
    )]
    NodeCompat {
        /// The specifier as written.
        specifier: String,
    },
    /// A module is built into Workers or Node.js, but not into isolet.
    #[error(
        "imports {specifier:?}, which isolet does not have; its built-in modules are \"cloudflare:workers\", \"cloudflare:node\" and those of \
         Node.js that docs/dev.md lists"
    )]
    NoSuchBuiltIn {
        /// The specifier as written.
        specifier: String,
    },
    /// A file has an extension that isolet cannot load.
    #[error(
        "is a {extension:?} file, and no rule says what it is: add one to `rules` in the configuration, such as \
         {{ \"type\": \"Text\", \"globs\": [\"**/*{extension}\"], \"fallthrough\": true }}"
    )]
    UnknownKind {
        /// The file's extension, with the dot.
        extension: String,
    },
    /// A decorator of the standard is used.
    #[error(
        "decorators of the ECMAScript standard are not supported yet: compile the project first, or use \
         \"experimentalDecorators\" in tsconfig.json if these are TypeScript's older ones"
    )]
    Decorators,
    /// A rule of the configuration is not valid.
    #[error("`rules` is not valid: {message}")]
    Rules {
        /// The part that is not valid.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_count_characters_from_one() {
        let text = "a\néé x\n";
        let location = |offset| SourceLocation::at(Path::new("f"), text, offset).to_string();
        assert_eq!(location(0), "f:1:1");
        assert_eq!(location(2), "f:2:1");
        assert_eq!(location(3), "f:2:1", "an offset inside a character means its start");
        assert_eq!(location(7), "f:2:4");
        assert_eq!(location(999), "f:3:1");
        assert_eq!(SourceLocation::file(Path::new("f")).to_string(), "f");
    }
}
