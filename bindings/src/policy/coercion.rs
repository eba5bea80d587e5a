//! Scalars of one kind that a server may accept for another kind: `"01"` or `true` for 1, `"yes"`
//! for `true`.

use std::cell::OnceCell;

use serde_json::{Number, Value};

use super::similarity::{ComparedText, alike};
use super::text_variants::TextVariants;

/// Words that mean false in settings. JavaScript and Python take any other text for true.
const FALSE_WORDS: [&str; 9] = ["", "0", "false", "f", "no", "n", "off", "null", "none"];
const NULL_WORDS: [&str; 3] = ["", "null", "none"];
const TRUE_WORDS: [&str; 7] = ["1", "true", "t", "yes", "y", "on", "enabled"];

/// Returns whether a lenient server may accept `value` for `wanted`. Both are scalars. `read`
/// caches the variants of `value`, and is empty at first.
pub(super) fn may_be(wanted: &Value, value: &Value, read: &OnceCell<ComparedText>) -> bool {
    let given = |text: &str| read.get_or_init(|| ComparedText::new(text));
    match (wanted, value) {
        (Value::Null, _) => {
            value.is_null() || value.as_str().is_some_and(|text| is_one(&given(text).variants, &NULL_WORDS))
        }
        (Value::Bool(wanted), value) => may_be_boolean(value, *wanted, read),
        (Value::Number(wanted), Value::String(text)) => {
            let given = given(text);
            let texts = &given.variants;
            let number = wanted.as_f64();
            texts.are_unfinished()
                || texts.iter().any(|text| {
                    numbers(text).into_iter().any(|read| Some(read) == number)
                        || (number == Some(0.0) && text.is_empty())
                })
                || number_texts(wanted).iter().any(|wanted| given.is_alike(wanted))
        }
        (Value::Number(wanted), Value::Bool(value)) => wanted.as_f64() == Some(f64::from(u8::from(*value))),
        (Value::Number(wanted), Value::Null) => wanted.as_f64() == Some(0.0),
        (Value::Number(wanted), Value::Number(value)) => wanted.as_f64() == value.as_f64(),
        (Value::String(wanted), Value::String(value)) => {
            let (given, wanted_numbers) = (given(value), numbers(wanted));
            let is_meant = |text: &str| numbers(text).iter().any(|number| wanted_numbers.contains(number));
            given.is_alike(wanted) || (!wanted_numbers.is_empty() && given.variants.iter().any(is_meant))
        }
        (Value::String(wanted), Value::Bool(value)) => {
            let words = if *value { TRUE_WORDS.as_slice() } else { FALSE_WORDS.as_slice() };
            is_one(&TextVariants::of(wanted), words)
        }
        (Value::String(wanted), Value::Number(value)) => {
            number_texts(value).iter().any(|value| alike(wanted, value))
                || value.as_f64().is_some_and(|value| numbers(wanted).contains(&value))
        }
        (Value::String(wanted), Value::Null) => is_one(&TextVariants::of(wanted), &NULL_WORDS),
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
    }
}

/// Returns the texts of a scalar; `null` has none.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => number_texts(number),
        Value::Bool(boolean) => vec![boolean.to_string()],
        Value::Null | Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

/// JavaScript writes 1.0 as `1`.
fn number_texts(number: &Number) -> Vec<String> {
    let mut texts = vec![number.to_string()];
    if number.is_f64() {
        texts.extend(number.as_f64().map(|float| float.to_string()).filter(|text| *text != texts[0]));
    }
    texts
}

fn may_be_boolean(value: &Value, wanted: bool, read: &OnceCell<ComparedText>) -> bool {
    match value {
        Value::Bool(value) => *value == wanted,
        Value::Number(number) => (number.as_f64() != Some(0.0)) == wanted,
        Value::String(text) if wanted => !text.is_empty(),
        Value::String(text) => {
            is_one(&read.get_or_init(|| ComparedText::new(text)).variants, &FALSE_WORDS)
                || may_be(&Value::from(0), value, read)
        }
        Value::Null => !wanted,
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_one(variants: &TextVariants, words: &[&str]) -> bool {
    variants.are_unfinished()
        || variants.iter().any(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
}

/// Returns the numbers that a text may stand for: in decimal, with a prefix for another base, or in
/// octal after a zero.
fn numbers(text: &str) -> Vec<f64> {
    let text = text.trim().replace('\u{2212}', "-").to_ascii_lowercase();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    // As in `1_000`, `1n` and `1L`.
    let digits = digits.trim_start().replace('_', "");
    let digits = digits.strip_suffix(['n', 'l']).unwrap_or(&digits);
    let with_base = |digits: &str, base| {
        let value = |sum: f64, digit: char| Some(sum * f64::from(base) + f64::from(digit.to_digit(base)?));
        match u128::from_str_radix(digits, base) {
            Ok(whole) => Some(whole as f64),
            Err(_) => (!digits.is_empty()).then(|| digits.chars().try_fold(0.0, value)).flatten(),
        }
    };
    let mut numbers = Vec::new();
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2), ("0", 8)] {
        numbers.extend(digits.strip_prefix(prefix).and_then(|digits| with_base(digits, base)));
    }
    let is_decimal = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | '+' | '-');
    if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.chars().all(is_decimal)
    {
        numbers.extend(digits.parse::<f64>().ok());
    }
    numbers.into_iter().filter(|number| number.is_finite()).map(|number| number * sign).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn may_be(wanted: &Value, value: &Value) -> bool {
        super::may_be(wanted, value, &OnceCell::new())
    }

    #[test]
    fn scalars_of_other_kinds_may_be_accepted() {
        for (wanted, values) in [
            (
                json!(1),
                vec![
                    json!(true),
                    json!("1"),
                    json!("01"),
                    json!("+1"),
                    json!("1.0"),
                    json!("1e0"),
                    json!("0x1"),
                    json!(" 1\n"),
                    json!("1."),
                    json!("0b1"),
                    json!("0o1"),
                    json!("1n"),
                    json!("10e-1"),
                    json!("\u{ff11}"),
                    json!("\u{feff}1"),
                    json!("%31"),
                    json!("%2531"),
                    json!("\u{200b}1"),
                ],
            ),
            (json!(-8), vec![json!("-8"), json!("-010"), json!("\u{2212}8"), json!("-0x8"), json!("- 8")]),
            (json!(1000), vec![json!("1_000"), json!("1e3"), json!("1000.0")]),
            (json!(0), vec![json!(""), json!(" "), json!(false), json!(null), json!("-0"), json!("0.0")]),
            (json!(0.5), vec![json!(".5"), json!("5e-1")]),
            (json!(u64::MAX), vec![json!("18446744073709551615"), json!("0xffffffffffffffff")]),
            (json!(true), vec![json!("true"), json!("1"), json!("yes"), json!(1), json!(2), json!("x")]),
            (
                json!(false),
                vec![
                    json!("false"),
                    json!("FALSE "),
                    json!("0"),
                    json!("00"),
                    json!("no"),
                    json!(""),
                    json!(0),
                    json!(null),
                    json!("off\u{200b}"),
                ],
            ),
            (json!("true"), vec![json!(true), json!("True")]),
            (json!("yes"), vec![json!(true)]),
            (json!("1"), vec![json!(1), json!(true), json!("01"), json!(1.0)]),
            (json!(""), vec![json!(null), json!(false)]),
            (json!(null), vec![json!(""), json!("null")]),
        ] {
            for value in values {
                assert!(may_be(&wanted, &value), "{wanted} {value}");
            }
        }
    }

    #[test]
    fn other_scalars_are_not_accepted() {
        for (wanted, values) in [
            (
                json!(1),
                vec![
                    json!("one"),
                    json!("2"),
                    json!(""),
                    json!("1 2"),
                    json!(false),
                    json!(null),
                    json!("e1"),
                ],
            ),
            (json!(0), vec![json!("x"), json!(true), json!("0x"), json!("inf"), json!("nan")]),
            (json!(true), vec![json!(""), json!(0), json!(null), json!(false)]),
            (json!(false), vec![json!("true"), json!("x"), json!(1), json!(true)]),
            (json!("prod"), vec![json!(true), json!(1), json!(null), json!("production")]),
            (json!("1"), vec![json!("2"), json!(false), json!(2)]),
            (json!(null), vec![json!(0), json!(false), json!("x")]),
        ] {
            for value in values {
                assert!(!may_be(&wanted, &value), "{wanted} {value}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_number_matches_in_each_notation(number: i32, zeros in "0{0,4}", blanks in "[ \\t\\u{200b}\\u{feff}]{0,3}") {
            let (sign, digits) = (if number < 0 { "-" } else { "+" }, number.unsigned_abs());
            for text in [
                format!("{number}"), format!("{sign}{zeros}{digits}"), format!("{number}.{zeros}"),
                format!("{number}e{zeros}0"), format!("{}0x{zeros}{digits:x}", sign.replace('+', "")),
            ] {
                let text = format!("{blanks}{text}{blanks}");
                prop_assert!(may_be(&json!(number), &json!(text)), "{text:?}");
            }
        }
    }
}
