//! `.dev.vars`: local values for variables and secrets, in the format of the npm package `dotenv`.
//!
//! A line is `NAME=value` (also `export NAME=value` and `NAME: value`). A value in `'`, `"` or
//! `` ` `` may span lines; inside `"` the sequences `\n` and `\r` are line breaks. Without quotes a
//! `#` starts a comment. All values are strings, and of a repeated name the last one counts.

/// The byte offset of a malformed line. `dotenv` ignores such lines without a message, which hides
/// mistakes.
pub(crate) type MalformedLine = usize;

/// Returns the names and values in order of the file, and the malformed lines.
pub(crate) fn parse(text: &str) -> (Vec<(String, String)>, Vec<MalformedLine>) {
    let mut pairs = Vec::new();
    let mut malformed = Vec::new();
    let mut offset = 0;
    while offset < text.len() {
        let rest = &text[offset..];
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        match assignment(line) {
            Line::Blank => {}
            Line::Malformed => malformed.push(offset),
            Line::Assignment { name, value_at } => {
                let (value, used) = value(&rest[value_at..], line.len() - value_at);
                pairs.push((name.to_owned(), value));
                offset += value_at + used;
                // The rest of the line behind a closing quote is ignored.
                offset += text[offset..].find('\n').map_or(text.len() - offset, |newline| newline + 1);
                continue;
            }
        }
        offset += line.len();
    }
    (pairs, malformed)
}

/// The content of a line.
enum Line<'a> {
    Blank,
    Malformed,
    Assignment { name: &'a str, value_at: usize },
}

/// Reads the name of an assignment.
fn assignment(line: &str) -> Line<'_> {
    let mut rest = line.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Line::Blank;
    }
    if let Some(after) = rest.strip_prefix("export").filter(|after| after.starts_with([' ', '\t'])) {
        rest = after.trim_start();
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name_length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(name_length);
    let spaces = after.len() - after.trim_start_matches([' ', '\t']).len();
    let is_assignment = match after[spaces..].chars().next() {
        Some('=') => true,
        // `NAME: value`, with no space before the colon and one after it.
        Some(':') => spaces == 0 && after[1..].starts_with([' ', '\t']),
        _ => false,
    };
    if name.is_empty() || !is_assignment {
        return Line::Malformed;
    }
    Line::Assignment { name, value_at: line.len() - after.len() + spaces + 1 }
}

/// Returns the value at the start of `text` and its length in bytes. `line` is the length of the
/// first line.
fn value(text: &str, line: usize) -> (String, usize) {
    let spaces = text.len() - text.trim_start_matches([' ', '\t']).len();
    let quote = text[spaces..].chars().next().filter(|c| matches!(c, '\'' | '"' | '`'));
    if let Some(quote) = quote {
        let inside = spaces + 1;
        if let Some(length) = closing(&text[inside..], quote) {
            let raw = &text[inside..inside + length];
            let value =
                if quote == '"' { raw.replace("\\n", "\n").replace("\\r", "\r") } else { raw.to_owned() };
            return (value, inside + length + 1);
        }
    }
    let raw = text[..line].split('#').next().unwrap_or_default().trim();
    (raw.to_owned(), line - usize::from(text[..line].ends_with('\n')))
}

/// Returns the offset of the quote that ends a value. A quote after a backslash does not end it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        if c == quote && !escaped {
            return Some(index);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let (pairs, malformed) = parse(text);
        assert!(malformed.is_empty(), "{text:?} has malformed lines at {malformed:?}");
        pairs
    }

    fn one(text: &str) -> String {
        let pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        assert_eq!(pairs[0].0, "A");
        pairs[0].1.clone()
    }

    #[test]
    fn plain_values_are_read() {
        for (text, value) in [
            ("A=1", "1"),
            ("A = spaced out  \n", "spaced out"),
            ("export A=x", "x"),
            ("A: yaml", "yaml"),
            ("A=", ""),
            ("A=x # comment", "x"),
            ("A=a=b\r\n", "a=b"),
            ("A=it's", "it's"),
            ("A=\"unfinished\n", "\"unfinished"),
        ] {
            assert_eq!(one(text), value, "{text:?}");
        }
    }

    #[test]
    fn quoted_values_are_read() {
        for (text, value) in [
            ("A='x # y' # comment", "x # y"),
            ("A=\"a\\nb\"", "a\nb"),
            ("A='a\\nb'", "a\\nb"),
            ("A=\"two\nlines\"\n", "two\nlines"),
            ("A=`\"'`", "\"'"),
            ("A=\"\"", ""),
            ("A='é'", "é"),
        ] {
            assert_eq!(one(text), value, "{text:?}");
        }
    }

    #[test]
    fn malformed_lines_are_reported() {
        let text = "# head\n\nA=1\nnonsense here\nB=\"x\ny\"\n=3\nC=`z`\n";
        let (pairs, malformed) = parse(text);
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "B", "C"]);
        assert_eq!(malformed, [text.find("nonsense").unwrap(), text.find("=3").unwrap()]);
    }

    #[test]
    fn many_unfinished_quotes_take_linear_time() {
        // Each line searches for its closing quote. An odd count must not make that quadratic.
        let text = "A=\"x\n".repeat(20_001);
        let started = std::time::Instant::now();
        assert!(!parse(&text).0.is_empty());
        assert!(started.elapsed().as_secs() < 5);
    }
}
