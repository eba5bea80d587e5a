//! Colours on standard error.
//!
//! Only isolet's own words at the beginning of a line are coloured. Text of scripts and servers
//! always follows such a word or an indentation, so it cannot imitate isolet's colours.

use std::sync::LazyLock;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Tells whether standard error shows colours: on a terminal without `NO_COLOR`, `CLICOLOR=0` and
/// `TERM=dumb`, or with `CLICOLOR_FORCE`.
pub fn enabled() -> bool {
    static ENABLED: LazyLock<bool> =
        LazyLock::new(|| AutoStream::choice(&std::io::stderr()) != ColorChoice::Never);
    *ENABLED
}

/// Returns the prefixes of lines that are coloured, with their styles.
fn prefixes(is_failure: bool) -> [(&'static str, Style); 9] {
    let on_default = |colour: AnsiColor| colour.on_default();
    let own = if is_failure { on_default(AnsiColor::Red).bold() } else { on_default(AnsiColor::Cyan) };
    [
        ("isolet: warning:", on_default(AnsiColor::Yellow).bold()),
        ("isolet:", own),
        ("error[", on_default(AnsiColor::Red).bold()),
        ("warning:", on_default(AnsiColor::Yellow).bold()),
        ("  hint:", on_default(AnsiColor::Green)),
        ("error:", on_default(AnsiColor::Red)),
        ("warn:", on_default(AnsiColor::Yellow)),
        ("log:", Style::new().dimmed()),
        ("info:", Style::new().dimmed()),
    ]
}

/// Colours the prefixes of the lines of `text`.
pub fn coloured(text: &str, is_failure: bool) -> String {
    let prefixes = prefixes(is_failure);
    let mut out = String::with_capacity(text.len() + 32);
    for line in text.split_inclusive('\n') {
        let Some((prefix, style)) = prefixes.iter().find(|(prefix, _)| line.starts_with(prefix)) else {
            out.push_str(line);
            continue;
        };
        // The prefix `error[` continues to the end of the brackets: `error[tool_error]:`.
        let end = match prefix.ends_with('[') {
            true => line.find("]:").map_or(prefix.len(), |at| at + 2),
            false => prefix.len(),
        };
        out.push_str(&format!("{style}{}{style:#}{}", &line[..end], &line[end..]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_lines_are_coloured() {
        let text =
            coloured("error[tool_error]: ToolError: no\n  at a.ts:1\n    error: b\n  hint: c\n", false);
        let plain: String = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain, "error[tool_error]: ToolError: no\n  at a.ts:1\n    error: b\n  hint: c\n");
        assert_eq!(text.matches("\u{1b}[0m").count(), 2, "{text:?}");
        assert!(text.contains("error[tool_error]:\u{1b}[0m"), "{text:?}");
        assert!(coloured("isolet: x\n", true) != coloured("isolet: x\n", false));
        assert_eq!(coloured("x\n", true), "x\n");
    }
}
