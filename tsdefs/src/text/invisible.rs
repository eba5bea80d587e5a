//! The characters that an editor does not show.

/// Returns whether `c` is a character that hides or reorders text, or ends a line in JavaScript.
///
/// A description with such characters reads differently to a person than to a model ("Trojan
/// Source"). The table holds the characters that Unicode lets programs ignore
/// (`Default_Ignorable_Code_Point`), the line and paragraph separators, the direction marks, the
/// interlinear annotation marks and the blank braille pattern. Variation selectors are among them:
/// 256 of them after any letter spell bytes that nobody sees, and an emoji without one is still
/// that emoji. Control characters are not in the table; callers ask [`char::is_control`] for those
/// that they refuse.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Returns whether `c` is removed from comments and escaped in literals: an invisible character, or
/// a control character other than a line feed or a tab.
pub(super) fn is_removed(c: char) -> bool {
    is_invisible(c) || (c.is_control() && c != '\n' && c != '\t')
}
