//! Characters that differ only in how they are written: accents, full and half width. Who asks for `ecole` means `école`.

/// Letters with marks, each list behind the letter that it is without them. What decomposes otherwise is rare in tool
/// names; a table of all of Unicode would be the largest part of this crate.
const MARKED: [(char, &str); 29] = [
    ('a', "àáâãäåāăąǎ"),
    ('c', "çćĉċč"),
    ('d', "ďđ"),
    ('e', "èéêëēĕėęě"),
    ('g', "ĝğġģ"),
    ('h', "ĥħ"),
    ('i', "ìíîïĩīĭįı"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľŀł"),
    ('n', "ñńņňŉ"),
    ('o', "òóôõöøōŏőơ"),
    ('r', "ŕŗř"),
    ('s', "śŝşšș"),
    ('t', "ţťŧț"),
    ('u', "ùúûüũūŭůűųư"),
    ('w', "ŵ"),
    ('y', "ýÿŷ"),
    ('z', "źżž"),
    ('α', "ά"),
    ('ε', "έ"),
    ('η', "ή"),
    ('ι', "ίϊΐ"),
    ('ο', "ό"),
    ('υ', "ύϋΰ"),
    ('ω', "ώ"),
    ('σ', "ς"),
    ('е', "ё"),
    ('и', "й"),
];

/// Kana of full width in the order of U+FF66 to U+FF9D.
const KANA: &str = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";

/// `text` with one form of each character. Upper case stays, as the seams of identifiers are there.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Marks that stand apart.
            '\u{300}'..='\u{36f}' => {}
            'ß' | 'ẞ' => out.push_str("ss"),
            'æ' | 'Æ' => out.push_str("ae"),
            'œ' | 'Œ' => out.push_str("oe"),
            '\u{ff01}'..='\u{ff5e}' => out.extend(char::from_u32(c as u32 - 0xfee0)),
            '\u{3000}' => out.push(' '),
            '\u{ff66}'..='\u{ff9d}' => out.extend(KANA.chars().nth(c as usize - 0xff66)),
            // The marks that voice the kana before. One that cannot be voiced keeps none.
            '\u{ff9e}' | '\u{3099}' => voice(&mut out, 1),
            '\u{ff9f}' | '\u{309a}' => voice(&mut out, 2),
            c => out.push(without_mark(c)),
        }
    }
    out
}

fn without_mark(c: char) -> char {
    let lower = c.to_lowercase().next().unwrap_or(c);
    let plain = MARKED.iter().find(|(_, marked)| marked.contains(lower)).map(|(plain, _)| *plain);
    match plain {
        None => c,
        Some(plain) if c.is_uppercase() => plain.to_uppercase().next().unwrap_or(plain),
        Some(plain) => plain,
    }
}

/// In Unicode a voiced kana follows the plain one, and the half-voiced one follows that.
fn voice(out: &mut String, by: u32) {
    let Some(last) = out.pop() else { return };
    // The same rows in hiragana and katakana.
    let row = match last {
        'う' | 'ウ' => None,
        'か' | 'き' | 'く' | 'け' | 'こ' | 'さ' | 'し' | 'す' | 'せ' | 'そ' | 'た' | 'ち' | 'つ' | 'て'
        | 'と' | 'カ' | 'キ' | 'ク' | 'ケ' | 'コ' | 'サ' | 'シ' | 'ス' | 'セ' | 'ソ' | 'タ' | 'チ' | 'ツ'
        | 'テ' | 'ト' => (by == 1).then_some(1),
        'は' | 'ひ' | 'ふ' | 'へ' | 'ほ' | 'ハ' | 'ヒ' | 'フ' | 'ヘ' | 'ホ' => Some(by),
        _ => None,
    };
    let voiced = match last {
        'う' if by == 1 => Some('ゔ'),
        'ウ' if by == 1 => Some('ヴ'),
        last => row.and_then(|by| char::from_u32(last as u32 + by)),
    };
    out.push(voiced.unwrap_or(last));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_character_meet() {
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
        ] {
            assert_eq!(folded(written), plain, "{written}");
        }
    }
}
