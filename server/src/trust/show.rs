//! Describes the effects of a configuration to a person. The file may be hostile, so all its text
//! is escaped.

use std::fmt::Write as _;
use std::path::Path;

use isolet_bindings::config::{Fact, ServerOutline};
use isolet_bindings::text::visible;

/// Describes the servers of a file.
pub fn servers(path: &Path, servers: &[ServerOutline], digest: &str) -> String {
    let count = servers.len();
    let mut text = format!("{}: {count} {}\n", shown(path), if count == 1 { "server" } else { "servers" });
    for server in servers {
        let _ = writeln!(text, "  {}", quoted(&server.name));
        for fact in &server.facts {
            let (label, words, between) = match fact {
                Fact::Sets(variables) => {
                    let words: Vec<String> = variables.iter().map(variable).collect();
                    let _ = writeln!(text, "    with the variables: {}", words.join(", "));
                    continue;
                }
                Fact::Starts(words) => ("starts", words.as_slice(), " "),
                Fact::Address(url) => ("connects to", std::slice::from_ref(url), " "),
                Fact::Folder(folder) => ("in the folder", std::slice::from_ref(folder), " "),
                Fact::VariablesFrom(file) => ("with variables from", std::slice::from_ref(file), " "),
                Fact::Headers(names) => ("with the headers", names.as_slice(), ", "),
                Fact::Reads(names) => ("gets from your environment", names.as_slice(), ", "),
                Fact::Keys(names) => ("other keys", names.as_slice(), ", "),
            };
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            let _ = writeln!(text, "    {label}: {}", words.join(between));
        }
    }
    let _ = writeln!(text, "  SHA-256 {digest}");
    text
}

/// Formats a variable with its value, which may name another program or change its behaviour. A
/// hidden value is an ellipsis without quotes, unlike every other value.
fn variable((name, value): &(String, Option<String>)) -> String {
    match value {
        Some(value) => quoted(&format!("{name}={value}")),
        None => format!("{}=…", quoted(name)),
    }
}

/// Describes a settings file by all its lines, which are few.
pub fn settings(path: &Path, content: &str, digest: &str) -> String {
    let mut text = format!("{}: settings\n", shown(path));
    for line in content.lines() {
        let _ = writeln!(text, "  | {}", visible(line));
    }
    let _ = writeln!(text, "  SHA-256 {digest}");
    text
}

/// Formats a path for messages.
pub fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy())
}

/// Formats a word of a command line: unchanged if it is made of plain letters, else in quotes and
/// with escapes, so that two words never look like one.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_-./:=,@%+~".contains(letter);
    match word {
        _ if !word.is_empty() && word.chars().all(plain) => visible(word),
        _ if word.contains('\'') => format!("'{}'", visible(&word.replace('\'', "'\\''"))),
        _ => format!("'{}'", visible(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_file_is_escaped() {
        let poison = "a\u{1b}]0;title\u{7}\r\n\u{202e}b\u{200b}\u{9b}2J'";
        let outline = ServerOutline {
            name: poison.to_owned(),
            facts: vec![
                Fact::Starts(vec![poison.to_owned(), String::new(), "two words".to_owned()]),
                Fact::Address(poison.to_owned()),
                Fact::Folder(poison.to_owned()),
                Fact::VariablesFrom(poison.to_owned()),
                Fact::Sets(vec![(poison.to_owned(), Some(poison.to_owned())), (poison.to_owned(), None)]),
                Fact::Headers(vec![poison.to_owned()]),
                Fact::Reads(vec![poison.to_owned()]),
                Fact::Keys(vec![poison.to_owned()]),
            ],
        };
        let text =
            servers(Path::new(poison), &[outline], "digest") + &settings(Path::new(poison), poison, "digest");
        let odd = |letter: char| letter.is_control() && letter != '\n' || "\u{202e}\u{200b}".contains(letter);
        assert!(!text.contains(odd), "{text:?}");
        // Text of the file makes no additional line.
        assert_eq!(text.lines().count(), 1 + 1 + 8 + 1 + 1 + 2 + 1, "{text}");
        assert!(text.contains("'' 'two words'"), "{text}");
    }

    #[test]
    fn variables_are_shown_with_their_values() {
        let shown = |name: &str, value: Option<&str>| variable(&(name.to_owned(), value.map(str::to_owned)));
        assert_eq!(
            shown("PATH", Some("${workspaceFolder}/bin:/usr/bin")),
            "'PATH=${workspaceFolder}/bin:/usr/bin'"
        );
        assert_eq!(shown("TOKEN", None), "TOKEN=…");
        assert_eq!(shown("TOKEN", Some("…")), "'TOKEN=…'");
    }

    #[test]
    fn words_are_quoted_as_for_a_shell() {
        for (word, expected) in [
            ("npx", "npx"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$(x)", "'$(x)'"),
            ("@scope/name@1.2", "@scope/name@1.2"),
            ("\u{1b}", "'\\u{1b}'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
