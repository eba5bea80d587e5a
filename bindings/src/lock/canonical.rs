//! Canonical JSON: sorted keys, one notation for numbers, no blanks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Writes a value in its canonical form.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The parser limits the depth.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (index, (key, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                write(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Number(number) => {
            let _ = write!(out, "{}", plain(number));
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// Writes 1.0 as 1. Beyond 2^53 a double does not stand for one integer.
fn plain(number: &Number) -> Number {
    let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15);
    whole.map_or_else(|| number.clone(), |float| Number::from(float as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_ignores_key_order_and_number_notation() {
        let one: Value = serde_json::from_str(r#"{"b": [1.0, {"y": 1, "x": "é"}], "a": null}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":null,"b":[1,{"x":"é","y":1}]}"#);
        // The canonical form can be read again without loss.
        let odd: Value = serde_json::from_str("[0.1, 1e300, -0.0, 9007199254740993, 1.5e-9]").unwrap();
        let again: Value = serde_json::from_str(&canonical(&odd)).unwrap();
        assert_eq!(canonical(&again), canonical(&odd));
    }
}
