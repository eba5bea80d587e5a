//! Lists in messages of a process that is not trusted.
//!
//! A list of a frame can have one element for every two or three bytes, and each takes up to 48
//! bytes in memory. Such lists end while they are being read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads a list of at most `MAX` elements:
/// `#[serde(deserialize_with = "crate::bounded::list::<MAX, _, _>")]`.
///
/// # Errors
/// Returns an error at the first element that is too much.
pub(crate) fn list<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(ListVisitor::<T, MAX>(PhantomData))
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "a list of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            if elements.len() == MAX {
                return Err(A::Error::custom(format_args!("a list of more than {MAX} elements")));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, Deserialize)]
    struct Three(#[serde(deserialize_with = "list::<3, _, _>")] Vec<String>);

    #[test]
    fn a_list_over_its_bound_is_an_error() {
        for (length, fits) in [(0, true), (3, true), (4, false), (1_000_000, false)] {
            let bytes = postcard::to_allocvec(&Three(vec![String::new(); length])).unwrap();
            assert_eq!(postcard::from_bytes::<Three>(&bytes).is_ok(), fits, "{length}");
        }
    }
}
