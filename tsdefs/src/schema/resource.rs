//! Resources of a schema document by number, and schemas with the resource in which they stand.

use serde_json::{Map, Value};

/// The bytes of a URI. A longer base, or a longer reference to another resource, names nothing:
/// each is joined and kept for every resource.
pub(super) const MAX_URI_BYTES: usize = 2048;

/// A schema and the resource in which it stands. The same text means different things in different
/// resources.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub schema: &'a Value,
    pub resource: Resource,
}

impl<'a> Node<'a> {
    /// Returns the keywords. A boolean schema, and a value that is not a schema and allows
    /// everything, has none.
    pub fn keywords(&self) -> Option<&'a Map<String, Value>> {
        self.schema.as_object()
    }

    /// Returns the schema's address in memory: its identity while the document is borrowed.
    pub fn address(&self) -> usize {
        std::ptr::from_ref(self.schema) as usize
    }
}

/// A schema resource of the document, by number. Number 0 is the document itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Resource(pub(super) u32);

impl Resource {
    /// The document itself.
    pub(super) const ROOT: Self = Self(0);
}
