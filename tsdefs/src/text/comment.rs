//! The inside of JSDoc comments.

use super::invisible::is_removed;

/// Returns `text` as the inside of a JSDoc comment of about `max_bytes` bytes at most.
///
/// The result has no `*/`, no directive, no invisible character and no blank line at its edges.
/// Lines keep their order and their indentation relative to each other; several blank lines become
/// one.
pub(crate) fn comment(text: &str, max_bytes: usize) -> String {
    let clean = without_markup(text, max_bytes);
    let indent = common_indent(&clean);
    let mut out = String::new();
    let mut blank = false;
    for line in clean.trim_start_matches('\n').lines() {
        let line =
            if out.is_empty() { line.trim_start() } else { line.get(indent..).unwrap_or("") }.trim_end();
        if line.is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blank { "\n\n" } else { "\n" });
        }
        blank = false;
        out.push_str(line);
    }
    out
}

/// Returns `text` with escaped comment ends and directives and without invisible characters.
fn without_markup(text: &str, max_bytes: usize) -> String {
    let mut clean = String::new();
    for c in text.chars() {
        if clean.len() >= max_bytes {
            clean.push('…');
            break;
        }
        match c {
            '\r' => {}
            '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => clean.push('\n'),
            '\t' => clean.push_str("  "),
            // `/*` is harmless inside a comment; this escapes `*/` only.
            '/' if clean.ends_with('*') => clean.push_str("\\/"),
            // At the start of a line, `@ts-ignore` silences the compiler, and other tags would pass
            // for isolet's own. A tag that is escaped already stays as it is.
            '@' if last_line_is_blank(&clean) && !clean.ends_with('\\') => clean.push_str("\\@"),
            c if is_removed(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Returns the number of spaces that all lines but the first begin with.
fn common_indent(text: &str) -> usize {
    let lines = text.lines().skip(1).filter(|line| !line.trim().is_empty());
    lines.map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0)
}

/// Returns whether the last line holds only white space and comment decoration. TypeScript looks
/// for directives after these.
fn last_line_is_blank(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or("");
    line.chars().all(|c| c.is_whitespace() || matches!(c, '*' | '/' | '\\'))
}

/// Returns a JSDoc comment around `inside`, which [`comment`] made; an empty text if `inside` is
/// empty.
///
/// The first line gets `indent`. Further lines are not indented, and empty lines are left out: both
/// would cost a tenth of the tokens. Each further line begins with an asterisk or is a list item,
/// so that none of them looks like a line of code or of a log.
pub(crate) fn jsdoc(inside: &str, indent: &str) -> String {
    if inside.is_empty() {
        return String::new();
    }
    let mut out = format!("{indent}/** ");
    for (at, line) in inside.lines().filter(|line| !line.is_empty()).enumerate() {
        let mark = match at {
            0 => "",
            _ if is_list_item(line) => "\n",
            _ => "\n* ",
        };
        out.push_str(mark);
        out.push_str(line);
    }
    out.push_str(" */\n");
    out
}

/// Returns whether `line` begins like `- an item` or `1. an item`.
fn is_list_item(line: &str) -> bool {
    let marker = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    line.starts_with("- ") || marker.len() < line.len() && marker.starts_with(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_cannot_be_closed_or_act_as_directives() {
        assert_eq!(comment("a */ b **/ c", 99), "a *\\/ b **\\/ c");
        assert_eq!(comment("a *\u{200b}/ b", 99), "a *\\/ b");
        assert_eq!(comment("x\n * @ts-ignore", 99), "x\n* \\@ts-ignore");
        assert_eq!(comment("@deprecated mail me@example.org", 99), "\\@deprecated mail me@example.org");
        let hidden = "a\u{fe0f}\u{e0100}\u{e01ef}\u{61c}\u{180e}\u{3164}\u{ad}\u{206a}b";
        assert_eq!(comment(hidden, 99), "ab");
        assert_eq!(comment("a\u{2028}b\u{202e}c\u{0}\r\nd", 99), "a\nbc\nd");
    }

    #[test]
    fn comments_keep_their_lines_and_relative_indentation() {
        assert_eq!(
            comment("\n    Head.\n\n\n    Args:\n        x: one\n    ", 99),
            "Head.\n\nArgs:\n    x: one"
        );
        assert_eq!(comment("ééééé", 4), "éé…");
        assert_eq!(jsdoc("a\n\nb", "  "), "  /** a\n* b */\n");
        assert_eq!(jsdoc("a\n- b\n10. c\n2. d\n2.e", ""), "/** a\n- b\n10. c\n2. d\n* 2.e */\n");
        assert_eq!(jsdoc("", "  "), "");
    }
}
