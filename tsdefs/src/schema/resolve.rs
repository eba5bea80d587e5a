//! What a reference means: schema resources (`$id`), anchors, JSON pointers, dialects. Nothing is ever fetched.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};
use url::Url;

use super::keywords::{self, Holds};
use super::places::ByPlace;

/// Schemas indexed for anchors and identifiers, at most; a document with more resolves pointers only.
const MOST_INDEXED: usize = 400_000;

/// A longer base, or a longer reference to another resource, names nothing: each is joined and kept for every resource.
const LONGEST_URI: usize = 2048;

/// Resources that inherit a base; further ones have none but their own.
const MOST_BASES: usize = 4096;

/// Bytes of a reference that cost as much as one step of work.
const BYTES_A_STEP: usize = 16;

/// The base of a document without `$id`. The host is reserved and nothing is fetched anyway.
const DEFAULT_BASE: &str = "https://schema.invalid/";

/// A schema in its place: the same text means different things in different resources.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub schema: &'a Value,
    pub resource: Resource,
}

impl<'a> Node<'a> {
    /// The keywords; `None` for boolean schemas and for what is no schema, which allows everything.
    pub fn keywords(&self) -> Option<&'a Map<String, Value>> {
        self.schema.as_object()
    }

    /// Where the schema lies in memory: its identity while the document is borrowed.
    pub fn address(&self) -> usize {
        std::ptr::from_ref(self.schema) as usize
    }
}

/// A schema resource of the document, by number; 0 is the document itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Resource(u32);

/// The rules that differ between drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Draft-07 and before: keywords beside `$ref` are ignored, and so are those that came later.
    Draft7,
    /// 2019-09.
    Draft2019,
    /// 2020-12, and whatever does not say; arrays under `items` are read as in the drafts before.
    Draft2020,
}

struct ResourceData<'a> {
    root: &'a Value,
    base: Option<Url>,
    dialect: Dialect,
}

/// A schema document.
pub(crate) struct Document<'a> {
    resources: Vec<ResourceData<'a>>,
    by_address: ByPlace<usize, Resource>,
    /// Built at the first reference that is no plain pointer: most documents have none.
    index: Option<Index<'a>>,
    /// What references mean, by resource and place in memory. A reference is met once for every conjunction that its
    /// schema is in, and to walk a pointer takes as long as the pointer is.
    resolved: ByPlace<ReferenceKey, Option<Node<'a>>>,
    dynamic: ByPlace<ReferenceKey, Rc<[Node<'a>]>>,
    recursive: Option<Rc<[Node<'a>]>>,
    /// Work done since it was last asked for.
    work: usize,
}

/// A resource's number, and the text of a reference: where it lies and how long it is.
type ReferenceKey = (u32, usize, usize);

#[derive(Default)]
struct Index<'a> {
    by_uri: HashMap<String, Resource>,
    anchors: HashMap<(Resource, &'a str), Node<'a>>,
    dynamic: HashMap<&'a str, Vec<Node<'a>>>,
}

impl<'a> Document<'a> {
    pub fn new(root: &'a Value) -> Self {
        let mut document = Self {
            resources: Vec::new(),
            by_address: ByPlace::default(),
            index: None,
            resolved: ByPlace::default(),
            dynamic: ByPlace::default(),
            recursive: None,
            work: 0,
        };
        let base = Url::parse(DEFAULT_BASE).ok();
        document.add_resource(root, base, Dialect::Draft2020);
        document
    }

    /// Units of work that references took since this was last asked.
    pub fn take_work(&mut self) -> usize {
        std::mem::take(&mut self.work)
    }

    pub fn root(&self) -> Node<'a> {
        Node { schema: self.resources[0].root, resource: Resource(0) }
    }

    pub fn dialect(&self, resource: Resource) -> Dialect {
        self.resources[resource.0 as usize].dialect
    }

    /// The schema `child`, met on the way from a schema of `parent`.
    pub fn enter(&mut self, child: &'a Value, parent: Resource) -> Node<'a> {
        let resource = match child.get("$id").and_then(Value::as_str) {
            Some(id) if self.starts_resource(child, id, parent) => {
                let address = std::ptr::from_ref(child) as usize;
                match self.by_address.get(&address) {
                    Some(known) => *known,
                    None => {
                        let above = &self.resources[parent.0 as usize];
                        let (base, dialect) = (above.base.clone(), above.dialect);
                        self.add_resource(child, base, dialect)
                    }
                }
            }
            _ => parent,
        };
        Node { schema: child, resource }
    }

    fn starts_resource(&self, child: &Value, id: &str, parent: Resource) -> bool {
        // In draft-07 `$id: "#name"` is an anchor, and `$ref` hides an `$id` beside it.
        let hidden = self.dialect(parent) == Dialect::Draft7 && child.get("$ref").is_some();
        !hidden && !id.starts_with('#')
    }

    fn add_resource(&mut self, root: &'a Value, above: Option<Url>, inherited: Dialect) -> Resource {
        let id = root.get("$id").and_then(Value::as_str);
        let above = above.filter(|_| self.resources.len() < MOST_BASES);
        let base = match (above, id) {
            (_, Some(id)) if id.len() > LONGEST_URI => None,
            (Some(above), Some(id)) => above.join(id).or_else(|_| Url::parse(id)).ok(),
            (above, None) => above,
            (None, Some(id)) => Url::parse(id).ok(),
        };
        let base = base.filter(|base| base.as_str().len() <= LONGEST_URI);
        self.work += 4;
        let dialect = match root.get("$schema").and_then(Value::as_str) {
            Some(uri) if uri.contains("draft-0") => Dialect::Draft7,
            Some(uri) if uri.contains("2019-09") => Dialect::Draft2019,
            Some(uri) if uri.contains("2020-12") => Dialect::Draft2020,
            _ => inherited,
        };
        let resource = Resource(u32::try_from(self.resources.len()).unwrap_or(u32::MAX));
        self.resources.push(ResourceData { root, base, dialect });
        self.by_address.insert(std::ptr::from_ref(root) as usize, resource);
        resource
    }

    /// What `reference` names, seen from `from`. `None` if it lies outside the document or nowhere.
    pub fn resolve(&mut self, from: Resource, reference: &'a str) -> Option<Node<'a>> {
        let key = reference_key(from, reference);
        if let Some(known) = self.resolved.get(&key) {
            return *known;
        }
        self.work += reference.len() / BYTES_A_STEP;
        let found = self.look_up(from, reference);
        self.resolved.insert(key, found);
        found
    }

    fn look_up(&mut self, from: Resource, reference: &str) -> Option<Node<'a>> {
        if reference.is_empty() || reference == "#" {
            return Some(self.resource_root(from));
        }
        if let Some(fragment) = reference.strip_prefix('#') {
            return self.fragment(from, fragment);
        }
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if uri.len() > LONGEST_URI {
            return None;
        }
        let target = match &self.resources[from.0 as usize].base {
            Some(base) => base.join(uri).ok(),
            None => Url::parse(uri).ok(),
        }?;
        let resource = *self.index().by_uri.get(&without_fragment(&target))?;
        if fragment.is_empty() {
            Some(self.resource_root(resource))
        } else {
            self.fragment(resource, fragment)
        }
    }

    fn resource_root(&self, resource: Resource) -> Node<'a> {
        Node { schema: self.resources[resource.0 as usize].root, resource }
    }

    fn fragment(&mut self, resource: Resource, fragment: &str) -> Option<Node<'a>> {
        let fragment = percent_decoded(fragment)?;
        if !fragment.starts_with('/') {
            return self.index().anchors.get(&(resource, fragment.as_str())).copied();
        }
        let mut node = self.resource_root(resource);
        for step in fragment[1..].split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match node.schema {
                Value::Object(map) => map.get(&step)?,
                Value::Array(list) => list.get(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
            node = self.enter(next, node.resource);
        }
        Some(node)
    }

    /// What `$dynamicRef` may name. Evaluation starts at the document's root, so an anchor there is outermost and
    /// decides; otherwise the dynamic scope is not known here, and every anchor of that name is possible.
    pub fn resolve_dynamic(&mut self, from: Resource, reference: &'a str) -> Rc<[Node<'a>]> {
        let key = reference_key(from, reference);
        if let Some(known) = self.dynamic.get(&key) {
            return known.clone();
        }
        let found: Rc<[Node<'a>]> = self.look_up_dynamic(from, reference).into();
        self.work += found.len();
        self.dynamic.insert(key, found.clone());
        found
    }

    fn look_up_dynamic(&mut self, from: Resource, reference: &'a str) -> Vec<Node<'a>> {
        let Some(initial) = self.resolve(from, reference) else { return Vec::new() };
        let name = reference.rsplit('#').next().unwrap_or("");
        let bookend = initial.schema.get("$dynamicAnchor").and_then(Value::as_str) == Some(name);
        if !bookend {
            return vec![initial];
        }
        let candidates = self.index().dynamic.get(name).map(Vec::as_slice).unwrap_or_default();
        match candidates.iter().find(|node| node.resource == Resource(0)) {
            Some(outermost) => vec![*outermost],
            None if candidates.is_empty() => vec![initial],
            None => candidates.to_vec(),
        }
    }

    /// What `$recursiveRef: "#"` may name, by the same reasoning.
    pub fn resolve_recursive(&mut self, from: Resource) -> Rc<[Node<'a>]> {
        let here = self.resource_root(from);
        let recursive =
            |node: &Node| node.schema.get("$recursiveAnchor").and_then(Value::as_bool) == Some(true);
        if !recursive(&here) {
            return Rc::new([here]);
        }
        let root = self.root();
        if recursive(&root) {
            return Rc::new([root]);
        }
        if let Some(known) = &self.recursive {
            return known.clone();
        }
        self.index();
        let all = (0..self.resources.len()).map(|at| self.resource_root(Resource(at as u32)));
        let found: Rc<[Node<'a>]> = all.filter(recursive).collect();
        self.work += self.resources.len();
        self.recursive = Some(found.clone());
        found
    }

    fn index(&mut self) -> &Index<'a> {
        if self.index.is_none() {
            let index = self.build_index();
            self.index = Some(index);
        }
        self.index.get_or_insert_default()
    }

    fn build_index(&mut self) -> Index<'a> {
        let mut index = Index::default();
        let mut stack = vec![self.root()];
        let mut count = 0;
        while let Some(node) = stack.pop() {
            count += 1;
            if count > MOST_INDEXED {
                break;
            }
            let Some(map) = node.keywords() else { continue };
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            for name in [text("$anchor"), text("$dynamicAnchor")].into_iter().flatten() {
                index.anchors.entry((node.resource, name)).or_insert(node);
            }
            if let Some(name) = text("$id").and_then(|id| id.strip_prefix('#')) {
                index.anchors.entry((node.resource, name)).or_insert(node);
            }
            if let Some(name) = text("$dynamicAnchor") {
                index.dynamic.entry(name).or_default().push(node);
            }
            self.work += 1 + map.len() / 8;
            subschemas(map, &mut |child| stack.push(self.enter(child, node.resource)));
        }
        for (at, data) in self.resources.iter().enumerate() {
            if let Some(base) = &data.base {
                index.by_uri.entry(without_fragment(base)).or_insert(Resource(at as u32));
            }
        }
        index
    }
}

/// Calls `visit` for each schema directly inside these keywords. Unknown keywords hold no schemas.
fn subschemas<'a>(map: &'a Map<String, Value>, visit: &mut impl FnMut(&'a Value)) {
    for (key, value) in map {
        match (keywords::holds(key, value.is_array()), value) {
            (Some(Holds::Map), Value::Object(map)) => map.values().for_each(&mut *visit),
            (Some(Holds::List), Value::Array(list)) => list.iter().for_each(&mut *visit),
            (Some(Holds::One), schema) => visit(schema),
            _ => {}
        }
    }
}

fn reference_key(from: Resource, reference: &str) -> ReferenceKey {
    (from.0, reference.as_ptr() as usize, reference.len())
}

fn without_fragment(uri: &Url) -> String {
    let mut uri = uri.clone();
    uri.set_fragment(None);
    uri.into()
}

/// `None` if the escapes are broken or give no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            (digit(rest.next())? * 16 + digit(rest.next())?) as u8
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn title(schema: &Value, reference: &str) -> Option<String> {
        let mut document = Document::new(schema);
        let found = document.resolve(Resource(0), reference)?;
        Some(found.schema.get("title")?.as_str()?.to_owned())
    }

    #[test]
    fn pointers_anchors_and_identifiers() {
        let schema = json!({
            "$id": "https://example.org/root", "title": "root",
            "properties": { "a/b": { "title": "slash" }, "p%": { "title": "percent" } },
            "$defs": {
                "x": { "$anchor": "here", "title": "anchor" },
                "y": { "$id": "other", "title": "other", "$defs": { "z": { "$anchor": "here", "title": "inner" } } }
            },
            "unknown": { "$anchor": "not", "title": "hidden" }
        });
        for (reference, expected) in [
            ("#", Some("root")),
            ("#/properties/a~1b", Some("slash")),
            ("#/properties/p%25", Some("percent")),
            ("#/unknown", Some("hidden")),
            ("#here", Some("anchor")),
            ("other", Some("other")),
            ("https://example.org/other#here", Some("inner")),
            ("other#/$defs/z", Some("inner")),
            ("#not", None),
            ("#/nowhere", None),
            ("#/properties/p%", None),
            ("https://elsewhere.example/x", None),
        ] {
            assert_eq!(title(&schema, reference).as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn a_pointer_starts_at_its_own_resource() {
        let schema = json!({ "$defs": { "x": { "$id": "inner", "$defs": { "t": { "title": "t" } },
            "items": { "$ref": "#/$defs/t" } } } });
        let mut document = Document::new(&schema);
        let inner = document.resolve(Resource(0), "inner").unwrap();
        assert!(document.resolve(inner.resource, "#/$defs/t").is_some());
        assert!(document.resolve(Resource(0), "#/$defs/t").is_none());
    }
}
