//! The file system of the resolver, and bounds on the files that it reads: `package.json` and
//! `tsconfig.json`.
//!
//! The resolver recurses over the conditions of `exports` and `imports`, the parts of paths and
//! chains of `extends`, and puts what `*` matches in place of each `*`. A stranger's file could
//! make it use up the stack or the memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oxc_resolver::{FileMetadata, FileSystem, ResolveError};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

use crate::config_tree::{self, ConfigNode, NodeData};
use crate::error::shortened;
use crate::project_folder::{MAX_DESCRIPTION_BYTES, ProjectFolder};
use crate::watched_files::WatchedFiles;

/// The bytes of a `tsconfig.json`.
const MAX_SETTINGS_BYTES: u64 = 256 * 1024;

/// The files with settings of one project. They can extend each other.
const MAX_SETTINGS_FILES: usize = 1000;

/// The bytes of a path or pattern in a file.
const MAX_PATH_BYTES: usize = 4096;

/// The placeholders or alternatives of a path or pattern.
const MAX_PATTERN_PARTS: usize = 16;

/// The placeholders of a target in `exports` or `imports`, each of which stands for a part of the
/// specifier.
const MAX_TARGET_STARS: usize = 4;

/// The levels of nesting.
const MAX_NESTING: usize = 100;

/// The names and values in `exports`, `imports` or `browser`.
const MAX_FIELD_VALUES: usize = 20_000;

/// The reason for which a file was not given to the resolver, which only sees that it is missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusedFile(Arc<Mutex<Option<String>>>);

impl RefusedFile {
    /// Returns the reason and forgets it.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().take()
    }

    fn set(&self, path: &Path, reason: &str) {
        let reason = shortened(reason.to_owned(), MAX_PATH_BYTES);
        self.0.lock().get_or_insert_with(|| format!("{} is not used: {reason}", path.display()));
    }
}

/// The file system of the resolver: files that may not be read do not exist in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadableFiles {
    folder: Option<ProjectFolder>,
    watched: WatchedFiles,
    refused: RefusedFile,
    settings_files: Arc<AtomicUsize>,
}

impl ReadableFiles {
    pub(crate) fn new(folder: &ProjectFolder, watched: &WatchedFiles) -> Self {
        Self { folder: Some(folder.clone()), watched: watched.clone(), ..Self::default() }
    }

    /// Returns the place where the reason for a refusal is found.
    pub(crate) fn refused(&self) -> RefusedFile {
        self.refused.clone()
    }

    fn folder(&self) -> io::Result<&ProjectFolder> {
        self.folder.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        if path.file_name().is_some_and(|name| name == "package.json") {
            return check_package(bytes);
        }
        if self.settings_files.fetch_add(1, Ordering::Relaxed) >= MAX_SETTINGS_FILES {
            return Err(format!("the project has more than {MAX_SETTINGS_FILES} files like tsconfig.json"));
        }
        check_settings(bytes)
    }
}

impl FileSystem for ReadableFiles {
    /// Returns a file system without files. The resolver calls it only if it is not given one.
    fn new() -> Self {
        Self::default()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let folder = self.folder()?;
        let not_found = |_| io::Error::from(io::ErrorKind::NotFound);
        let file = folder.find(path).map_err(not_found)?.ok_or(io::ErrorKind::NotFound)?;
        self.watched.add(path);
        let refuse = |reason: &str| {
            self.refused.set(path, reason);
            io::Error::from(io::ErrorKind::InvalidData)
        };
        let bytes = folder
            .read_bytes(&file, MAX_DESCRIPTION_BYTES)
            .map_err(|error| refuse(&error.problem.to_string()))?;
        self.check(path, &bytes).map_err(|reason| refuse(&reason))?;
        Ok(bytes)
    }

    fn read_to_string(&self, path: &Path) -> io::Result<String> {
        String::from_utf8(self.read(path)?).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        let real = fs::canonicalize(path).inspect_err(|_| self.watched.missed(path))?;
        let folder = self.folder()?;
        if !folder.allows(&real) && !folder.root().starts_with(&real) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(fs::metadata(real)?.into())
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        let found = fs::symlink_metadata(path).inspect_err(|_| self.watched.missed(path))?;
        if found.is_symlink() {
            // The resolver follows chains of any length, and recurses. The kernel has a bound.
            fs::canonicalize(path)?;
        }
        Ok(found.into())
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, ResolveError> {
        Ok(fs::read_link(path)?)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }
}

/// The fields of a `package.json` that the resolver follows.
#[derive(Deserialize)]
struct PackageFields {
    #[serde(default)]
    exports: Value,
    #[serde(default)]
    imports: Value,
    #[serde(default)]
    browser: Value,
    #[serde(default)]
    main: Value,
    #[serde(default)]
    module: Value,
}

/// Checks the nesting, as the resolver's parser has no bound on it, and the fields that the
/// resolver follows.
fn check_package(bytes: &[u8]) -> Result<(), String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // Values that are not followed are built, too.
    if nesting(bytes) > MAX_NESTING {
        return Err(format!("nested more than {MAX_NESTING} levels deep"));
    }
    let fields: PackageFields =
        serde_json::from_slice(bytes).map_err(|error| format!("not valid JSON: {error}"))?;
    let targets = [("exports", &fields.exports), ("imports", &fields.imports)];
    let paths = [("browser", &fields.browser), ("main", &fields.main), ("module", &fields.module)];
    for (name, field) in targets.into_iter().chain(paths) {
        let mut values = 0;
        let mut waiting = vec![field];
        while let Some(value) = waiting.pop() {
            values += 1;
            let texts: Vec<&str> = match value {
                Value::String(text) => vec![text],
                Value::Array(items) => {
                    waiting.extend(items);
                    Vec::new()
                }
                Value::Object(entries) => {
                    waiting.extend(entries.values());
                    entries.keys().map(String::as_str).collect()
                }
                _ => Vec::new(),
            };
            if values + waiting.len() > MAX_FIELD_VALUES {
                return Err(format!("`{name}` has more than {MAX_FIELD_VALUES} values"));
            }
            for text in texts {
                check_path(name, text)?;
                if text.matches('*').count() > MAX_TARGET_STARS {
                    return Err(format!("`{name}` has a path with more than {MAX_TARGET_STARS} \"*\""));
                }
            }
        }
    }
    Ok(())
}

/// Returns the depth of the brackets outside of strings.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// Checks the texts of a `tsconfig.json`.
fn check_settings(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() as u64 > MAX_SETTINGS_BYTES {
        return Err(format!("it is larger than {MAX_SETTINGS_BYTES} bytes"));
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Ok(());
    }
    let root =
        config_tree::parse_jsonc(text).map_err(|error| format!("not valid JSON: {}", error.message))?;
    let mut waiting: Vec<&ConfigNode> = vec![&root];
    while let Some(node) = waiting.pop() {
        match &node.data {
            NodeData::String(text) => check_path("a field", text)?,
            NodeData::Array(items) => waiting.extend(items),
            NodeData::Object(entries) => {
                for entry in entries {
                    check_path("a field", &entry.key)?;
                    waiting.push(&entry.value);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_path(field: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_PATH_BYTES {
        return Err(format!("`{field}` has a text that is longer than {MAX_PATH_BYTES} bytes"));
    }
    if text.matches(['*', '{', '?']).count() > MAX_PATTERN_PARTS {
        return Err(format!("`{field}` has a pattern of more than {MAX_PATTERN_PARTS} parts"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_the_resolver_follows_have_bounds() {
        let nested =
            |depth: usize| format!("{}\"./a.js\"{}", "{\"workerd\":".repeat(depth), "}".repeat(depth));
        let says = |package: &str| check_package(package.as_bytes()).err().unwrap_or_default();
        for (package, said) in [
            (format!(r#"{{ "exports": {} }}"#, nested(20)), ""),
            (format!(r#"{{ "exports": {} }}"#, nested(100_000)), "nested more than 100 levels deep"),
            (format!(r#"{{ "other": {} }}"#, nested(100_000)), "nested more than 100 levels deep"),
            (format!(r#"{{ "main": {:?} }}"#, "a/".repeat(3000)), "`main` has a text that is longer than"),
            (format!(r#"{{ "readme": {:?} }}"#, "a/".repeat(3000)), ""),
            (r#"{ "exports": { "./*": "./*/*/*/*/*.js" } }"#.to_owned(), "more than 4 \"*\""),
            (r#"{ "exports": { "./*": ["./*.js", null, { "default": "./*" }] } }"#.to_owned(), ""),
            (
                format!(r#"{{ "imports": [{}1] }}"#, "1,".repeat(30_000)),
                "`imports` has more than 20000 values",
            ),
            ("\u{feff}{}".to_owned(), ""),
            ("[".to_owned(), "not valid JSON"),
        ] {
            let told = says(&package);
            assert!(told.contains(said) && told.is_empty() == said.is_empty(), "{said:?}: {told}");
        }
    }

    #[test]
    fn settings_have_bounds() {
        let says = |text: &str| check_settings(text.as_bytes()).err().unwrap_or_default();
        assert_eq!(says("// \"comment\n{ \"include\": [\"src/**/*.{ts,tsx}\"], }"), "");
        assert_eq!(says(" "), "");
        assert!(says(&format!("{{ \"extends\": {:?} }}", "a/".repeat(3000))).contains("longer than 4096"));
        assert!(
            says(&format!("{{ \"include\": [{:?}] }}", "{a,b}".repeat(40))).contains("more than 16 parts")
        );
        assert!(says(&"[".repeat(100_000)).contains("not valid JSON"));
        assert!(says(&" ".repeat(300_000)).contains("larger than"));
    }
}
