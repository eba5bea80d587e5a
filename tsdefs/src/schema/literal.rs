//! Literal values: their equality, and the ranges that they are in.

use serde_json::{Map, Number, Value};

use super::keyword::{Keyword, Scalar};

/// The nesting that is compared. Deeper values are taken as equal, which widens the type.
const MAX_DEPTH: usize = 64;

/// Returns whether two JSON values are equal: numbers by value (`1` is `1.0`), objects in any
/// order.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    equal_within(a, b, MAX_DEPTH)
}

fn equal_within(a: &Value, b: &Value, depth: usize) -> bool {
    if depth == 0 || std::ptr::eq(a, b) {
        return true;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal_within(a, b, depth - 1))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal_within(a, b, depth - 1)))
        }
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

/// Returns whether `number` has no fraction.
pub(crate) fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.fract() == 0.0)
}

/// Returns whether a string or number is in the ranges of `keywords`. Other values, and what cannot
/// be decided, are in range.
pub(crate) fn is_in_range(value: &Value, keywords: &Map<String, Value>) -> bool {
    let limit = |keyword: Scalar| Keyword::Scalar(keyword).value(keywords).and_then(Value::as_f64);
    match value {
        Value::Number(number) => {
            let Some(number) = number.as_f64() else { return true };
            limit(Scalar::Minimum).is_none_or(|least| number >= least)
                && limit(Scalar::Maximum).is_none_or(|most| number <= most)
                && limit(Scalar::ExclusiveMinimum).is_none_or(|below| number > below)
                && limit(Scalar::ExclusiveMaximum).is_none_or(|above| number < above)
        }
        Value::String(text) => {
            let length = text.chars().count() as f64;
            limit(Scalar::MinLength).is_none_or(|least| length >= least)
                && limit(Scalar::MaxLength).is_none_or(|most| length <= most)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(equal(&json!({ "a": [1, 2.0] }), &json!({ "a": [1.0, 2] })));
        assert!(!equal(&json!([1]), &json!([true])));
        assert!(!equal(&json!({ "a": 1 }), &json!({ "a": 1, "b": 2 })));
    }

    #[test]
    fn ranges_decide_about_strings_and_numbers() {
        let keywords = json!({ "minimum": 2, "exclusiveMaximum": 4, "maxLength": 2 });
        let keywords = keywords.as_object().unwrap();
        assert!(is_in_range(&json!(2), keywords) && is_in_range(&json!(3.9), keywords));
        assert!(!is_in_range(&json!(1), keywords) && !is_in_range(&json!(4), keywords));
        assert!(is_in_range(&json!("éé"), keywords) && !is_in_range(&json!("abc"), keywords));
        assert!(is_in_range(&json!(null), keywords));
    }
}
