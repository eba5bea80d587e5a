//! JSON Schema → a graph of types.
//!
//! A schema denotes a set of JSON values. The unit of work is a *conjunction*: a set of schema nodes that a value has
//! to satisfy at once. Sibling keywords, `$ref` beside anything and `allOf` all become members of one conjunction, so
//! they combine as the specification says and not by textual intersection; a property of an object is again the
//! conjunction of what every member says about that key. The same set of nodes is the same type, which is what ends
//! recursion: a cycle of references runs into a conjunction that is known already.
//!
//! | module | one idea |
//! |---|---|
//! | [`resolve`] | what a `$ref` means: resources, anchors, pointers, dialects |
//! | [`atom`] | the members of a conjunction, and how references and `allOf` dissolve into them |
//! | [`facts`] | what all members together say about a value: kinds, literals, keywords, open choices |
//! | [`certainty`] | what a schema says about whole kinds of values |
//! | [`negate`] | what `not` leaves, as far as a type can say |
//! | [`expand`] | one conjunction → one type, choice by choice |
//! | [`object`], [`array`] | the shapes of objects and arrays |
//! | [`unevaluated`] | which keys and items `unevaluated…` may still speak about |
//! | [`pattern`] | patterns of keys: matching, and what a template literal can say |
//! | [`keywords`] | which keywords hold schemas |
//! | [`places`] | sets and maps by place in memory |
//! | [`literal`] | equality and validity of literal values |
//! | [`types`] | the result: types by number |
//! | [`graph`] | the work list, its bounds, and which types are empty |
//!
//! Every approximation widens: a value that the schema allows is always in the type.

pub(crate) mod array;
pub(crate) mod atom;
pub(crate) mod certainty;
pub(crate) mod expand;
pub(crate) mod facts;
pub(crate) mod graph;
pub(crate) mod keywords;
pub(crate) mod literal;
pub(crate) mod negate;
pub(crate) mod object;
pub(crate) mod pattern;
pub(crate) mod places;
pub(crate) mod resolve;
pub(crate) mod types;
pub(crate) mod unevaluated;
