//! The search for tools: BM25 over weighted fields.
//!
//! | module | content |
//! |---|---|
//! | [`index`] | the index of several servers, and its ranking |
//! | [`entries`] | one server's part of an index |
//! | [`vocabulary`] | the weighted terms of a tool |
//! | [`schema_fields`] | the names, descriptions and values in a schema of arguments |
//! | [`similar_terms`] | the terms that stand for a term of a query |
//! | [`terms`] | text → terms |
//! | [`stemmer`] | English words without their endings |
//! | [`normalization`] | accents and widths |
//!
//! A term in a tool's name means more than one in a description, so each field has a weight, and
//! the weighted counts are summed before they saturate (BM25F). A query term that no tool has is
//! replaced by similar ones: words that begin with it, words one edit away, words of the same
//! meaning among the verbs in names of tools.

mod entries;
mod index;
mod normalization;
mod schema_fields;
mod similar_terms;
mod stemmer;
mod terms;
mod vocabulary;

pub use entries::SearchEntries;
pub use index::{Hit, SearchIndex};
