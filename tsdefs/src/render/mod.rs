//! A graph of types → TypeScript.
//!
//! | module | content |
//! |---|---|
//! | [`budget`] | text within a budget: limits that become tighter until it fits |
//! | [`limits`] | the limits and the style of a text |
//! | [`named_types`] | the types that get a name: cycles, repetitions, depth |
//! | [`type_writer`] | one type as text: unions, literals, arrays |
//! | [`object_writer`] | objects as text: properties, index signatures |
//! | [`object_union`] | alternatives of objects: shared properties, excluded keys |
//! | [`property_docs`] | the comment of a property |

mod budget;
mod limits;
mod named_types;
mod object_union;
mod object_writer;
mod property_docs;
mod type_writer;

pub(crate) use budget::{TypeText, one_line, render};
pub(crate) use limits::Style;
