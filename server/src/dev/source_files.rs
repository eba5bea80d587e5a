//! The files of a project, to show the line that an error is about.

use std::path::{Path, PathBuf};

use crate::output::excerpt;

/// The files of code that a Worker was built from. The names in its errors are its own word, and
/// clients get the errors, so that no other file is shown.
#[derive(Debug, Clone, Default)]
pub struct SourceFiles(Vec<PathBuf>);

impl SourceFiles {
    /// Returns those of these files that are code.
    pub fn new(files: &[PathBuf]) -> Self {
        Self(files.iter().filter(|file| excerpt::is_code(file)).cloned().collect())
    }

    /// Returns the line that a text names on its first line, `(at f (src/a.ts:3:12))`, with a
    /// caret. Returns the empty string if it names none of the files.
    pub fn excerpt(&self, text: &str) -> String {
        let first = text.lines().next().unwrap_or_default();
        let shown = place(first).and_then(|(name, line, column)| {
            // Every path ends with the empty one.
            let named = Some(Path::new(name)).filter(|path| path.file_name().is_some())?;
            let file = self.0.iter().find(|file| file.ends_with(named))?;
            Some(excerpt::of_file(file, line, column))
        });
        shown.unwrap_or_default()
    }
}

/// Finds a position at the end of a line, or at its beginning behind the name of an error:
/// `… (at f (src/a.ts:3:12))`, `… SyntaxError: src/a.ts:3:12: …`.
fn place(line: &str) -> Option<(&str, u32, u32)> {
    let parse = |text: &'_ str| -> Option<(usize, u32, u32)> {
        let mut parts = text.rsplitn(3, ':');
        let (column, row) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((parts.next()?.len(), row, column))
    };
    let end = line.trim_end_matches(')');
    let start = end.rfind(['(', ' ']).map_or(0, |at| at + 1);
    let last = end.get(start..)?;
    if let Some((length, row, column)) = parse(last) {
        return Some((&last[..length], row, column));
    }
    line.split(' ').map(|word| word.trim_end_matches(':')).find_map(|word| {
        let (length, row, column) = parse(word)?;
        Some((&word[..length], row, column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_found_at_the_end_and_behind_the_name() {
        for (line, expected) in [
            (
                "error[exception]: TypeError: a (b) is bad (at fail (src/lib.ts:3:12))",
                Some(("src/lib.ts", 3, 12)),
            ),
            ("error[exception]: Error: x (at src/a b.ts:1:2)", Some(("b.ts", 1, 2))),
            ("error[syntax]: SyntaxError: src/a.ts:4:5: Unexpected token", Some(("src/a.ts", 4, 5))),
            ("error[exception]: Thrown: text", None),
            ("a:99999999999:1", None),
            ("", None),
        ] {
            assert_eq!(place(line), expected, "{line}");
        }
    }

    #[test]
    fn only_files_of_the_project_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ts");
        std::fs::write(&file, "let a;\nb();").unwrap();
        let other = folder.path().join("secret");
        std::fs::write(&other, "secret").unwrap();
        let read = |name: &str| {
            std::fs::write(folder.path().join(name), "secret").unwrap();
            folder.path().join(name)
        };
        let watched =
            [".dev.vars", ".dev.vars.ts", ".env", ".env.js", ".env.js.local", "wrangler.jsonc", "text.txt"]
                .map(read);
        let files = SourceFiles::new(&[&watched[..], &[file]].concat());
        assert_eq!(files.excerpt("Error: x (at a.ts:2:1)\nat b.ts:1:1"), "\n    2 | b();\n      | ^\n\n");
        let elsewhere =
            ["secret", "../secret", &other.display().to_string(), "", ".", "/"].map(str::to_owned);
        let names = watched.iter().filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()));
        for name in elsewhere.into_iter().chain(names) {
            assert_eq!(files.excerpt(&format!("Error: x (at {name}:1:1)")), "", "{name}");
        }
    }
}
