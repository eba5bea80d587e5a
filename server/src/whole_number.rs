//! Whole numbers in requests, in any spelling.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// Reads a whole number. It may also be `5.0`, which JSON Schema counts as an integer, or digits in
/// quotes.
///
/// # Errors
/// The value is anything else.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct WholeNumber;
    impl<'de> Visitor<'de> for WholeNumber {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number, 0 or more")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            u64::try_from(number).map(Some).map_err(|_| E::custom(format!("{number} is less than 0")))
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
            // Numbers without a fraction up to 2^53 are exact.
            if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) {
                Ok(Some(number as u64))
            } else {
                Err(E::custom(format!("{number} is not a whole number, 0 or more")))
            }
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            text.trim().parse().map(Some).map_err(|_| E::custom("expected a whole number, and not a text"))
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(Self)
        }
    }
    deserializer.deserialize_any(WholeNumber)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "deserialize")]
        limit: Option<u64>,
    }

    fn limit_of(document: Value) -> Option<Option<u64>> {
        serde_json::from_value::<Body>(document).ok().map(|body| body.limit)
    }

    #[test]
    fn a_whole_number_is_read_in_any_spelling() {
        for (limit, expected) in
            [(json!(5), Some(5)), (json!(5.0), Some(5)), (json!("5"), Some(5)), (json!(null), None)]
        {
            assert_eq!(limit_of(json!({ "limit": limit })), Some(expected));
        }
        assert_eq!(limit_of(json!({})), Some(None));
        for limit in [json!(5.5), json!(-1), json!("many"), json!([5]), json!(1e300)] {
            assert!(limit_of(json!({ "limit": limit })).is_none(), "{limit}");
        }
    }
}
