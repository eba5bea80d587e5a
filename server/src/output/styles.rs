//! Colours in texts of scripts. A script that writes them means a terminal, and a hostile one could
//! hide or forge lines with other sequences, so that they are removed and the others are shown.

use std::borrow::Cow;

/// The beginning of a sequence of ECMA-48 with parameters.
const BEGIN: &str = "\u{1b}[";

/// The longest parameters of a sequence, in bytes: two colours of three numbers, and more.
const MAX_PARAMETER_BYTES: usize = 64;

/// Returns the text without sequences that set colours and styles of letters: `ESC [ … m`.
pub fn removed(text: &str) -> Cow<'_, str> {
    if !text.contains(BEGIN) {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(BEGIN) {
        let (before, sequence) = rest.split_at(at);
        plain.push_str(before);
        let parameters = &sequence[BEGIN.len()..];
        let is_parameter = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
        let length = parameters.bytes().take(MAX_PARAMETER_BYTES).take_while(is_parameter).count();
        rest = match parameters[length..].strip_prefix('m') {
            Some(after) => after,
            None => {
                plain.push_str(BEGIN);
                parameters
            }
        };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_and_styles_are_removed() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\u{1b}[32mgreen\u{1b}[39m and \u{1b}[1;38;5;208mbold\u{1b}[0m", "green and bold"),
            ("\u{1b}[mé\u{1b}[38:2::1:2:3mü", "éü"),
            ("\u{1b}[2J\u{1b}[Hhome", "\u{1b}[2J\u{1b}[Hhome"),
            ("\u{1b}[\u{1b}[31mx", "\u{1b}[x"),
            ("\u{1b}]0;title\u{7}", "\u{1b}]0;title\u{7}"),
            ("cut \u{1b}[3", "cut \u{1b}[3"),
        ] {
            assert_eq!(removed(text), expected, "{text:?}");
        }
        let long = format!("\u{1b}[{}m", "1;".repeat(1000));
        assert_eq!(removed(&long), long);
    }
}
