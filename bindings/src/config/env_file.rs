//! Files of variables, as VS Code's `envFile` names them: one `NAME=value` a line.

/// The variables of a file, in its order.
///
/// # Errors
/// The line, from 1, that cannot be read, and why. The line itself is not repeated: it may be half a credential.
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

/// Quotes go, and with them comments behind the value; in double quotes `\n`, `\"` and `\\` are what they are in a shell.
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
    fn lines_of_all_kinds() {
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
    fn what_cannot_be_read_has_a_line() {
        assert_eq!(parse("A=1\nB"), Err((2, "expected NAME=value")));
        assert_eq!(parse("a b=1").unwrap_err().0, 1);
        assert_eq!(parse("A=\"x").unwrap_err().0, 1);
        assert_eq!(parse("A='x").unwrap_err().0, 1);
    }
}
