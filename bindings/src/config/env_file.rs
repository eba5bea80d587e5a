//! Files of variables, as in VS Code's `envFile`: one `NAME=value` a line.
//!
//! `isolet-wrangler-compat` has a parser for `.dev.vars`, which follows the rules of wrangler.

/// Parses a file of variables, in their order.
///
/// # Errors
/// The number of an invalid line, from 1, and the reason. The line itself is not repeated, because
/// it may contain a credential.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let mut variables = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=').ok_or((index + 1, "expected NAME=value"))?;
        let name = name.trim_end();
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if name.is_empty() || !is_name {
            return Err((index + 1, "this is not the name of a variable"));
        }
        let value = value_of(value.trim()).ok_or((index + 1, "the quotation mark is not closed"))?;
        if value.contains('\0') {
            return Err((index + 1, "a variable cannot hold a null character"));
        }
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

/// Removes quotes, and comments after a quoted value. In double quotes `\n`, `\"` and `\\` are
/// escapes, as in a shell.
fn value_of(text: &str) -> Option<String> {
    match text.chars().next() {
        Some('\'') => text[1..].split_once('\'').map(|(value, _)| value.to_owned()),
        Some('"') => {
            let mut value = String::new();
            let mut chars = text[1..].chars();
            loop {
                match chars.next()? {
                    '"' => return Some(value),
                    '\\' => match chars.next()? {
                        'n' => value.push('\n'),
                        c @ ('"' | '\\' | '$') => value.push(c),
                        c => value.extend(['\\', c]),
                    },
                    c => value.push(c),
                }
            }
        }
        _ => Some(text.split_once(" #").map_or(text, |(value, _)| value.trim_end()).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_lines_are_parsed() {
        let text = "\u{feff}A=1\n# note\n\n export B = two words # note\r\nC='a # b' # c\nD=\"x\\n\\\"y\\\" \\z\"\nE=\nF=a#b=c\n";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a # b"),
            ("D", "x\n\"y\" \\z"),
            ("E", ""),
            ("F", "a#b=c"),
        ];
        let read = parse(text).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn errors_have_a_line_number() {
        assert_eq!(parse("A=1\nB"), Err((2, "expected NAME=value")));
        assert_eq!(parse("a b=1").unwrap_err().0, 1);
        assert_eq!(parse("A=\"x").unwrap_err().0, 1);
        assert_eq!(parse("A='x").unwrap_err().0, 1);
    }
}
