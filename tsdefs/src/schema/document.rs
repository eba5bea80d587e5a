//! A schema document: its resources (`$id`), their base URIs and dialects.

use std::rc::Rc;

use serde_json::Value;
use url::Url;

use super::address_map::AddressMap;
use super::dialect::Dialect;
use super::reference_index::{ReferenceId, ReferenceIndex};
use super::resource::{MAX_URI_BYTES, Node, Resource};

/// The resources that inherit a base. Further ones have only their own.
const MAX_INHERITED_BASES: usize = 4096;

/// The base of a document without `$id`. The host is reserved, and nothing is fetched anyway.
const DEFAULT_BASE: &str = "https://schema.invalid/";

pub(super) struct ResourceData<'a> {
    pub root: &'a Value,
    pub base: Option<Url>,
    dialect: Dialect,
}

/// A schema document.
pub(crate) struct Document<'a> {
    pub(super) resources: Vec<ResourceData<'a>>,
    by_address: AddressMap<usize, Resource>,
    /// The index is built at the first reference that is not a plain pointer. Most documents have
    /// none.
    pub(super) index: Option<ReferenceIndex<'a>>,
    /// The targets of references that were resolved. A reference is met once for each conjunction
    /// of its schema, and following a pointer takes time in proportion to its length.
    pub(super) resolved: AddressMap<ReferenceId, Option<Node<'a>>>,
    pub(super) dynamic: AddressMap<ReferenceId, Rc<[Node<'a>]>>,
    pub(super) recursive: Option<Rc<[Node<'a>]>>,
    /// The work done since it was last taken.
    pub(super) work: usize,
}

impl<'a> Document<'a> {
    pub fn new(root: &'a Value) -> Self {
        let mut document = Self {
            resources: Vec::new(),
            by_address: AddressMap::default(),
            index: None,
            resolved: AddressMap::default(),
            dynamic: AddressMap::default(),
            recursive: None,
            work: 0,
        };
        let base = Url::parse(DEFAULT_BASE).ok();
        document.add_resource(root, base, Dialect::Draft2020);
        document
    }

    /// Returns the units of work that references took since the last call.
    pub fn take_work(&mut self) -> usize {
        std::mem::take(&mut self.work)
    }

    pub fn root(&self) -> Node<'a> {
        self.resource_root(Resource::ROOT)
    }

    pub fn dialect(&self, resource: Resource) -> Dialect {
        self.data(resource).dialect
    }

    /// Returns the schema `child`, which stands inside a schema of `parent`, with its resource.
    pub fn enter(&mut self, child: &'a Value, parent: Resource) -> Node<'a> {
        let resource = match child.get("$id").and_then(Value::as_str) {
            Some(id) if self.starts_resource(child, id, parent) => {
                let address = std::ptr::from_ref(child) as usize;
                match self.by_address.get(&address) {
                    Some(known) => *known,
                    None => {
                        let outer = self.data(parent);
                        let (base, dialect) = (outer.base.clone(), outer.dialect);
                        self.add_resource(child, base, dialect)
                    }
                }
            }
            _ => parent,
        };
        Node { schema: child, resource }
    }

    pub(super) fn data(&self, resource: Resource) -> &ResourceData<'a> {
        &self.resources[resource.0 as usize]
    }

    pub(super) fn resource_root(&self, resource: Resource) -> Node<'a> {
        Node { schema: self.data(resource).root, resource }
    }

    fn starts_resource(&self, child: &Value, id: &str, parent: Resource) -> bool {
        // In draft-07, `$id: "#name"` is an anchor, and `$ref` hides an `$id` beside it.
        let hidden = self.dialect(parent).ref_hides_siblings() && child.get("$ref").is_some();
        !hidden && !id.starts_with('#')
    }

    fn add_resource(&mut self, root: &'a Value, outer: Option<Url>, inherited: Dialect) -> Resource {
        let id = root.get("$id").and_then(Value::as_str);
        let outer = outer.filter(|_| self.resources.len() < MAX_INHERITED_BASES);
        let base = match (outer, id) {
            (_, Some(id)) if id.len() > MAX_URI_BYTES => None,
            (Some(outer), Some(id)) => outer.join(id).or_else(|_| Url::parse(id)).ok(),
            (outer, None) => outer,
            (None, Some(id)) => Url::parse(id).ok(),
        };
        let base = base.filter(|base| base.as_str().len() <= MAX_URI_BYTES);
        self.work += 4;
        let uri = root.get("$schema").and_then(Value::as_str);
        let dialect = uri.and_then(Dialect::from_schema_uri).unwrap_or(inherited);
        let resource = Resource(u32::try_from(self.resources.len()).unwrap_or(u32::MAX));
        self.resources.push(ResourceData { root, base, dialect });
        self.by_address.insert(std::ptr::from_ref(root) as usize, resource);
        resource
    }
}
