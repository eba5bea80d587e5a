//! String literals, template literals and property names.

use std::fmt::Write;

use super::invisible::is_removed;
use crate::names::is_identifier;

/// Returns `text` as a string literal in double quotes.
pub(crate) fn string_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// Returns `text` as the fixed part of a template literal type.
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
        c if is_removed(c) || c.is_control() => {
            // One escape for each UTF-16 unit, as JavaScript counts.
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        c => out.push(c),
    }
}

/// Returns the name of a property or method: bare if it is an ASCII identifier, else a string
/// literal.
///
/// The compiler's Unicode tables may be older than those used here, hence ASCII. `new` is quoted
/// because a method of that name would be a construct signature.
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
    fn literals_are_escaped() {
        assert_eq!(
            string_literal("a\"b\\c\n\u{2028}\u{1}\u{e0001}"),
            "\"a\\\"b\\\\c\\n\\u2028\\u0001\\udb40\\udc01\""
        );
        let hidden = "a\u{fe0f}\u{e0100}\u{e01ef}\u{61c}\u{180e}\u{3164}\u{ad}\u{206a}b";
        assert!(string_literal(hidden).is_ascii());
        assert_eq!(template_part("a`${b}\\"), "a\\`\\${b}\\\\");
        assert_eq!(member_name("new"), "\"new\"");
        assert_eq!(member_name("__proto__"), "__proto__");
        assert_eq!(member_name("創建"), "\"創建\"");
        assert_eq!(member_name("a-b"), "\"a-b\"");
    }
}
