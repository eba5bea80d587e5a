//! Foreign text inside TypeScript: comments, string literals and property names from descriptions, enums and keys.
//!
//! The rule is that text stays text. A comment cannot be closed or act as a directive, a literal cannot end early, and
//! what an editor would not show (bidirectional overrides, control characters) is not passed on.

use std::fmt::Write;

use crate::names::is_identifier;

/// Characters that reorder or hide text in an editor or end a line in JavaScript: a description with them reads
/// differently to a person than to a model ("Trojan Source"). Variation selectors are among them: 256 of them behind any
/// letter spell bytes that nobody sees, and an emoji without one is still that emoji.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && c != '\n' && c != '\t')
}

/// `text` as the inside of a JSDoc comment: no `*/`, no directive, no deceptive characters, no blank edge. Lines keep
/// their order and their indentation relative to each other; runs of blank lines become one. Cut at `budget` bytes.
pub(crate) fn comment(text: &str, budget: usize) -> String {
    let mut clean = String::new();
    for c in text.chars() {
        if clean.len() >= budget {
            clean.push('…');
            break;
        }
        match c {
            '\r' => {}
            '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => clean.push('\n'),
            '\t' => clean.push_str("  "),
            // `/*` would do no harm, but reads as if it did.
            '/' if clean.ends_with('*') => clean.push_str("\\/"),
            // At the start of a line `@ts-ignore` silences the compiler, and other tags say what is not ours to say.
            '@' if line_so_far_is_blank(&clean) => clean.push_str("\\@"),
            c if is_deceptive(c) => {}
            c => clean.push(c),
        }
    }
    let indent = clean
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
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

/// Whether only white space and comment decoration precede on the last line: TypeScript looks for directives there.
fn line_so_far_is_blank(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or("");
    line.chars().all(|c| c.is_whitespace() || matches!(c, '*' | '/' | '\\'))
}

/// The first sentence of `text`, on one line, at most `longest` characters.
pub(crate) fn first_sentence(text: &str, longest: usize) -> String {
    let clean = comment(text, longest * 8 + 64);
    // A paragraph ends a sentence too; a heading such as "Notion | List users" has no full stop.
    let paragraph = clean.split("\n\n").next().unwrap_or("");
    let mut out = String::new();
    let mut length = 0;
    let mut chars = paragraph.chars().peekable();
    while let Some(c) = chars.next() {
        let c = if c == '\n' { ' ' } else { c };
        if c == ' ' && out.ends_with(' ') {
            continue;
        }
        if length >= longest {
            return cut_at_word(&out);
        }
        out.push(c);
        length += 1;
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => chars.peek().is_none_or(|next| next.is_whitespace()) && !is_abbreviation(&out),
            _ => false,
        };
        if ends {
            break;
        }
    }
    out.trim_end().to_owned()
}

fn is_abbreviation(text: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs.", "cf.", "approx."].iter().any(|short| text.ends_with(short))
}

fn cut_at_word(text: &str) -> String {
    let kept = text.rfind(' ').filter(|at| at * 2 > text.len()).unwrap_or(text.len());
    format!("{}…", text[..kept].trim_end())
}

/// A JSDoc comment around `inside`, which [`comment`] made; empty if that is empty. Each line gets `indent`.
pub(crate) fn jsdoc(inside: &str, indent: &str) -> String {
    if inside.is_empty() {
        return String::new();
    }
    if !inside.contains('\n') {
        return format!("{indent}/** {inside} */\n");
    }
    let mut out = format!("{indent}/**\n");
    for line in inside.lines() {
        let space = if line.is_empty() { "" } else { " " };
        let _ = writeln!(out, "{indent} *{space}{line}");
    }
    let _ = writeln!(out, "{indent} */");
    out
}

/// `text` as a string literal in double quotes.
pub(crate) fn string_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// `text` as the fixed part of a template literal type.
pub(crate) fn template_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '$' {
            out.push('\\');
        }
        push_escaped(&mut out, c, '`');
    }
    out
}

fn push_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        c if is_deceptive(c) || c.is_control() => {
            // By UTF-16 units, as JavaScript counts.
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        c => out.push(c),
    }
}

/// A property's or method's name: bare if it is an ASCII identifier, else a string literal. Beyond ASCII the compiler's
/// Unicode tables may be older than ours. `new` as a method would be a construct signature.
pub(crate) fn member_name(name: &str) -> String {
    if name.is_ascii() && is_identifier(name) && name != "new" {
        name.to_owned()
    } else {
        string_literal(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_cannot_be_closed_or_act() {
        assert_eq!(comment("a */ b **/ c", 99), "a *\\/ b **\\/ c");
        assert_eq!(comment("a *\u{200b}/ b", 99), "a *\\/ b");
        assert_eq!(comment("x\n * @ts-ignore", 99), "x\n* \\@ts-ignore");
        assert_eq!(comment("@deprecated mail me@example.org", 99), "\\@deprecated mail me@example.org");
        let hidden = "a\u{fe0f}\u{e0100}\u{e01ef}\u{61c}\u{180e}\u{3164}\u{ad}\u{206a}b";
        assert_eq!(comment(hidden, 99), "ab");
        assert!(string_literal(hidden).is_ascii());
        assert_eq!(comment("a\u{2028}b\u{202e}c\u{0}\r\nd", 99), "a\nbc\nd");
    }

    #[test]
    fn comments_keep_their_shape() {
        assert_eq!(
            comment("\n    Head.\n\n\n    Args:\n        x: one\n    ", 99),
            "Head.\n\nArgs:\n    x: one"
        );
        assert_eq!(comment("ééééé", 4), "éé…");
        assert_eq!(jsdoc("a\n\nb", "  "), "  /**\n   * a\n   *\n   * b\n   */\n");
        assert_eq!(jsdoc("", "  "), "");
    }

    #[test]
    fn sentences_end_where_they_end() {
        assert_eq!(
            first_sentence("Reads a file, e.g. a.txt or b.txt. Then more.", 99),
            "Reads a file, e.g. a.txt or b.txt."
        );
        assert_eq!(first_sentence("Notion | List users\nError:\n400", 99), "Notion | List users Error: 400");
        assert_eq!(first_sentence("Head\n\nBody.", 99), "Head");
        assert_eq!(first_sentence("讀取檔案。然後。", 99), "讀取檔案。");
        assert_eq!(first_sentence("one two three four", 10), "one two…");
    }

    #[test]
    fn literals_are_escaped() {
        assert_eq!(
            string_literal("a\"b\\c\n\u{2028}\u{1}\u{e0001}"),
            "\"a\\\"b\\\\c\\n\\u2028\\u0001\\udb40\\udc01\""
        );
        assert_eq!(template_part("a`${b}\\"), "a\\`\\${b}\\\\");
        assert_eq!(member_name("new"), "\"new\"");
        assert_eq!(member_name("__proto__"), "__proto__");
        assert_eq!(member_name("創建"), "\"創建\"");
        assert_eq!(member_name("a-b"), "\"a-b\"");
    }
}
