//! Unicode normalization: characters that differ only in their accents or their width become one.
//! `ecole` finds `école`.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The letters that Unicode does not decompose into a base letter and a mark, or not as a reader
/// would.
const LETTERS: [(char, &str); 20] = [
    ('ß', "ss"),
    ('ẞ', "ss"),
    ('æ', "ae"),
    ('Æ', "ae"),
    ('œ', "oe"),
    ('Œ', "oe"),
    ('đ', "d"),
    ('Đ', "D"),
    ('ħ', "h"),
    ('Ħ', "H"),
    ('ı', "i"),
    ('ł', "l"),
    ('Ł', "L"),
    ('ŀ', "l"),
    ('Ŀ', "L"),
    ('ŉ', "n"),
    ('ø', "o"),
    ('Ø', "O"),
    ('ŧ', "t"),
    ('Ŧ', "T"),
];

/// Returns `text` with one form of each character: compatibility forms such as full width replaced
/// (NFKC), and accents removed. Upper case stays, because identifiers are split there.
pub(super) fn normalized(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut letters = String::with_capacity(text.len());
    for c in text.chars() {
        match LETTERS.iter().find(|(letter, _)| *letter == c) {
            Some((_, plain)) => letters.push_str(plain),
            None => letters.push(if c == 'ς' { 'σ' } else { c }),
        }
    }
    // Marks of other scripts stay: a voiced kana is another letter than the plain one. After the
    // composition, a voicing mark is left only behind a letter that has no voiced form.
    let without_accents = letters.nfkd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}'));
    let composed: String = without_accents.nfc().filter(|c| !matches!(c, '\u{3099}' | '\u{309a}')).collect();
    Cow::Owned(composed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_character_are_equal() {
        for (written, plain) in [
            ("École", "Ecole"),
            ("e\u{301}cole", "ecole"),
            ("straße", "strasse"),
            ("Żółć", "Zolc"),
            ("ﾒｰﾙ", "メール"),
            ("ﾃﾞｰﾀﾍﾞｰｽ ﾊﾟｽ", "データベース パス"),
            ("ｳﾞ", "ヴ"),
            ("ｆｉｌｅ１", "file1"),
            ("Ё", "Е"),
            ("讀取", "讀取"),
            ("\u{ff9e}", ""),
            ("co\u{140}lecció", "colleccio"),
            ("Tiếng Việt", "Tieng Viet"),
            ("한국어", "한국어"),
            ("λόγος", "λογοσ"),
            ("ağaç ıİ", "agac iI"),
        ] {
            assert_eq!(normalized(written), plain, "{written}");
        }
    }
}
