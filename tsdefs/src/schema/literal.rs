//! Literal values: equality as JSON Schema has it, and which scalar constraints they meet.

use serde_json::{Map, Number, Value};

/// Deeper values are taken as equal: that can only widen.
const DEEPEST: usize = 64;

/// Equality of JSON values: numbers by value (`1` is `1.0`), objects without order.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    equal_within(a, b, DEEPEST)
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

/// Whether `number` has no fraction.
pub(crate) fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.fract() == 0.0)
}

/// Whether a scalar `value` meets the scalar constraints among `keywords`. What cannot be decided counts as met.
pub(crate) fn meets(value: &Value, keywords: &Map<String, Value>) -> bool {
    let limit = |key: &str| keywords.get(key).and_then(Value::as_f64);
    match value {
        Value::Number(number) => {
            let Some(number) = number.as_f64() else { return true };
            limit("minimum").is_none_or(|least| number >= least)
                && limit("maximum").is_none_or(|most| number <= most)
                && limit("exclusiveMinimum").is_none_or(|below| number > below)
                && limit("exclusiveMaximum").is_none_or(|above| number < above)
        }
        Value::String(text) => {
            let length = text.chars().count() as f64;
            limit("minLength").is_none_or(|least| length >= least)
                && limit("maxLength").is_none_or(|most| length <= most)
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
    fn scalar_limits() {
        let keywords = json!({ "minimum": 2, "exclusiveMaximum": 4, "maxLength": 2 });
        let keywords = keywords.as_object().unwrap();
        assert!(meets(&json!(2), keywords) && meets(&json!(3.9), keywords));
        assert!(!meets(&json!(1), keywords) && !meets(&json!(4), keywords));
        assert!(meets(&json!("éé"), keywords) && !meets(&json!("abc"), keywords));
        assert!(meets(&json!(null), keywords));
    }
}
