//! The identifiers and anchors of a document, which its references name.

use std::collections::HashMap;

use super::resource::{Node, Resource};

/// The identity of a reference: its resource's number, its address and its length.
pub(super) type ReferenceId = (u32, usize, usize);

/// The identifiers and anchors of a document.
#[derive(Default)]
pub(super) struct ReferenceIndex<'a> {
    pub by_uri: HashMap<String, Resource>,
    pub anchors: HashMap<(Resource, &'a str), Node<'a>>,
    pub dynamic: HashMap<&'a str, Vec<Node<'a>>>,
}
