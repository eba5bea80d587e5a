//! JSON Schema → a graph of types.
//!
//! A schema denotes a set of JSON values. The unit of work is a *conjunction*: a set of conditions
//! that a value has to meet at once. Keywords side by side, `$ref` beside anything and `allOf` all
//! become members of one conjunction, so they combine as the specification says, and not by
//! intersection of types as text; a property of an object is again the conjunction of what every
//! member demands of that key. The same set of conditions is the same type, which ends recursion: a
//! cycle of references leads to a conjunction that is known already.
//!
//! | module | content |
//! |---|---|
//! | [`keyword`], [`dialect`] | the table of keywords; the drafts and their differences |
//! | [`resource`], [`document`] | resources by number; the document with its base URIs and dialects |
//! | [`reference_index`], [`references`] | identifiers and anchors; the targets of references |
//! | [`kinds`], [`literal`], [`item_schemas`] | sets of kinds; equality and ranges of literals; schemas of items |
//! | [`pattern`] | patterns of keys, as regular expressions and as template literals |
//! | [`types`] | the result: types by number |
//! | [`address_map`] | sets and maps by address in memory |
//! | [`condition`] | conditions on a value, conjunctions and choices of them |
//! | [`type_part`] | the part of a type that each keyword decides |
//! | [`context`] | the state of the construction, to which the modules below add methods |
//! | [`normal_form`] | the normal form of a conjunction, without references |
//! | [`interning`] | the same conjunction is the same type |
//! | [`kind_bounds`], [`accepted_kinds`] | the three-valued logic of kinds; the kinds that a schema accepts |
//! | [`negation`] | the negation of a schema, as alternatives |
//! | [`constraints`], [`choices`] | the sum of what a conjunction demands; the keywords that open alternatives |
//! | [`unevaluated`] | the keys and items that `unevaluated…` is about |
//! | [`array`](mod@array) | the shape of arrays |
//! | [`object_source`], [`object`] | what one schema demands of keys; the shape of objects |
//! | [`expansion`] | one conjunction → one type, choice by choice |
//! | [`graph`], [`simplify`] | the work list and its bounds; what is removed at the end |
//!
//! Every approximation widens: a value that the schema allows is always in the type.

mod accepted_kinds;
mod address_map;
mod array;
mod choices;
mod condition;
mod constraints;
mod context;
mod dialect;
mod document;
mod expansion;
mod graph;
mod interning;
mod item_schemas;
pub mod keyword;
mod kind_bounds;
mod kinds;
mod literal;
mod negation;
mod normal_form;
mod object;
mod object_source;
mod pattern;
mod reference_index;
mod references;
mod resource;
mod simplify;
mod type_part;
mod types;
mod unevaluated;

pub(crate) use document::Document;
pub(crate) use graph::{Graph, steps_per_schema};
pub(crate) use keyword::{Annotation, Array, Holds, Keyword, Logic, Object, Tag};
pub(crate) use kinds::Kinds;
pub(crate) use pattern::Template;
pub(crate) use references::TOO_DEEP_REFERENCE;
pub(crate) use resource::Node;
pub(crate) use types::{ArrayShape, NameHint, Note, ObjectShape, Property, Type, TypeId};
