//! Result types inferred from results: the shape of what a tool has returned, for tools that
//! declare no result type.
//!
//! A [`Shape`] is an element of a lattice. It starts empty; each value widens it as far as the
//! value contradicts earlier ones, and nothing narrows it: every value that was ever merged has the
//! shape. Values are not kept. A shape has kinds and names of properties, and names only if they
//! look like names: an object whose keys look like data (addresses, identifiers, sentences) is a
//! record from the start. Strings are strings, however few different ones there were: three
//! observed words are not an enumeration, and they may be private.
//!
//! Each name remembers a few runs that met it. [`Shape::to_confirmed_schema`] leaves out names that
//! too few runs with different inputs have met: a key of a single answer may be data.
//!
//! | module | content |
//! |---|---|
//! | `shape` | the lattice: kinds, items, properties, and their join |
//! | `reader` | JSON → a shape, without building the value, within bounds |
//! | `shape_schema` | a shape → JSON Schema |
//! | `groups` | the objects of one server's results, grouped by their keys |
//! | `group_names` | the groups that become definitions, and their names |
//! | `group_schema` | the results of one server → JSON Schemas with shared definitions |

mod group_names;
mod group_schema;
mod groups;
mod reader;
mod shape;
mod shape_schema;

pub use group_schema::schemas;
pub use shape::{Shape, Sighting};
