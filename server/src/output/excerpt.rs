//! The line of a file that an error is about, with a caret under its column.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use isolet_bindings::text;
use isolet_runtime::source_frame;

/// The bytes of a file that are searched for the line. Modules of code have no more.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The extensions of modules of code.
const CODE_EXTENSIONS: [&str; 8] = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

/// Returns `true` if the file is one of code. Others may have secrets, such as `.dev.vars`, and
/// their lines are for the terminal only.
pub fn is_code(file: &Path) -> bool {
    // `.dev.vars.js` has the variables of the environment `js`.
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let extension = file.extension().and_then(|extension| extension.to_str());
    !name.starts_with(".env")
        && !name.starts_with(".dev.vars")
        && extension.is_some_and(|extension| CODE_EXTENSIONS.contains(&extension))
}

/// Returns the line of a file and a caret, each indented, between blank lines. Returns the empty
/// string if the file cannot be read or has no such line.
pub fn of_file(file: &Path, line: u32, column: u32) -> String {
    let mut source = String::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_FILE_BYTES).read_to_string(&mut source));
    let Some(frame) = read.ok().and_then(|_| source_frame(&source, line, column)) else {
        return String::new();
    };
    let lines: String = frame.lines().map(|part| format!("    {}\n", text::line(part))).collect();
    format!("\n{lines}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_shown_with_a_caret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ts");
        std::fs::write(&file, "one\nlet x = \u{1b};\n").unwrap();
        assert_eq!(of_file(&file, 2, 5), "\n    2 | let x =  ;\n      |     ^\n\n");
        for (line, name) in [(9, "a.ts"), (1, "gone.ts")] {
            assert_eq!(of_file(&folder.path().join(name), line, 1), "");
        }
    }
}
