//! A failed run for a person at a terminal.

use std::fmt::Write as _;

use isolet_runtime::RunError;

use crate::pretty::printable;

/// The error as a block: what, where, the line itself, what to do. `origin` names the script.
pub fn block(error: &RunError, origin: &str) -> String {
    let mut text = format!("error[{}]: {}: {}\n", error.code.as_str(), error.name, error.message.trim_end());
    if let Some(line) = error.line {
        let column = error.column.map_or_else(String::new, |column| format!(":{column}"));
        let _ = writeln!(text, "  at {origin}:{line}{column}");
    }
    if let Some(frame) = error.frame.as_deref().filter(|frame| !frame.trim().is_empty()) {
        text.push('\n');
        for line in frame.trim_end().lines() {
            let _ = writeln!(text, "    {line}");
        }
        text.push('\n');
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use isolet_runtime::ErrorCode;

    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let mut error =
            RunError::new(ErrorCode::Exception, "TypeError", "x is not a function").with_hint("Call y.");
        error.line = Some(3);
        error.column = Some(5);
        error.frame = Some("let a = x();\n        ^".to_owned());
        assert_eq!(
            block(&error, "job.ts"),
            "error[exception]: TypeError: x is not a function\n  at job.ts:3:5\n\n    let a = x();\n            ^\n\n  \
             hint: Call y.\n"
        );
    }

    #[test]
    fn an_error_without_a_place_is_short() {
        let error = RunError::new(ErrorCode::WallLimit, "WallLimit", "60 s are over\u{1b}[0m");
        assert_eq!(block(&error, "job.ts"), "error[wall_limit]: WallLimit: 60 s are over\u{fffd}[0m\n");
    }
}
