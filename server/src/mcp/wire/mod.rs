//! JSON that rmcp cannot represent, handled where messages are read and written.
//!
//! | module | content |
//! |---|---|
//! | [`big_numbers`] | numbers that a `serde_json::Value` would round |
//! | [`surrogates`] | lone surrogates in strings |

pub mod big_numbers;
pub mod surrogates;
