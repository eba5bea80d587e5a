//! A graph of types → TypeScript.
//!
//! | module | one idea |
//! |---|---|
//! | [`plan`] | which types get a name: cycles, repetitions, depth |
//! | [`writer`] | one type as text: unions, literals, arrays |
//! | [`members`] | objects as text: properties, index signatures, alternatives |
//! | [`docs`] | what a schema says to readers, as a comment |
//! | [`fit`] | text within a budget: bounds that tighten until it fits |

pub(crate) mod docs;
pub(crate) mod fit;
pub(crate) mod members;
pub(crate) mod plan;
pub(crate) mod writer;
