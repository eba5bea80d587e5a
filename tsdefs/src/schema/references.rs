//! The targets of references: JSON pointers, anchors, identifiers, dynamic references. Nothing is
//! ever fetched.

use std::rc::Rc;

use serde_json::Value;
use url::Url;

use super::document::Document;
use super::keyword::known_keywords;
use super::reference_index::{ReferenceId, ReferenceIndex};
use super::resource::{MAX_URI_BYTES, Node, Resource};

/// The reference that replaces a schema that is nested too deeply to be read.
pub(crate) const TOO_DEEP_REFERENCE: &str = "#isolet:too-deep";

/// The schemas that are indexed for anchors and identifiers. In a larger document, only pointers
/// are certain to be resolved.
const MAX_INDEXED: usize = 400_000;

/// The bytes of a reference that cost one unit of work.
const BYTES_PER_STEP: usize = 16;

impl<'a> Document<'a> {
    /// Returns the schema that `reference` names, seen from the resource `from`. Returns `None` if
    /// it is outside the document or does not exist.
    pub fn resolve(&mut self, from: Resource, reference: &'a str) -> Option<Node<'a>> {
        let id = reference_id(from, reference);
        if let Some(known) = self.resolved.get(&id) {
            return *known;
        }
        self.work += reference.len() / BYTES_PER_STEP;
        let found = self.look_up(from, reference);
        self.resolved.insert(id, found);
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
        if uri.len() > MAX_URI_BYTES {
            return None;
        }
        let target = match &self.data(from).base {
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

    /// Returns the schema that a fragment names: an anchor, or a JSON pointer if it begins with
    /// `/`.
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

    /// Returns the schemas that a `$dynamicRef` may name.
    ///
    /// Evaluation starts at the document's root, so an anchor there is outermost and decides.
    /// Otherwise the dynamic scope is not known here, and every anchor of that name is possible.
    pub fn resolve_dynamic(&mut self, from: Resource, reference: &'a str) -> Rc<[Node<'a>]> {
        let id = reference_id(from, reference);
        if let Some(known) = self.dynamic.get(&id) {
            return known.clone();
        }
        let found: Rc<[Node<'a>]> = self.look_up_dynamic(from, reference).into();
        self.work += found.len();
        self.dynamic.insert(id, found.clone());
        found
    }

    fn look_up_dynamic(&mut self, from: Resource, reference: &'a str) -> Vec<Node<'a>> {
        let Some(initial) = self.resolve(from, reference) else { return Vec::new() };
        let name = reference.rsplit('#').next().unwrap_or("");
        let is_dynamic = initial.schema.get("$dynamicAnchor").and_then(Value::as_str) == Some(name);
        if !is_dynamic {
            return vec![initial];
        }
        let candidates = self.index().dynamic.get(name).map(Vec::as_slice).unwrap_or_default();
        match candidates.iter().find(|node| node.resource == Resource::ROOT) {
            Some(outermost) => vec![*outermost],
            None if candidates.is_empty() => vec![initial],
            None => candidates.to_vec(),
        }
    }

    /// Returns the schemas that `$recursiveRef: "#"` may name, by the same reasoning as
    /// [`resolve_dynamic`](Self::resolve_dynamic).
    pub fn resolve_recursive(&mut self, from: Resource) -> Rc<[Node<'a>]> {
        let here = self.resource_root(from);
        let is_recursive =
            |node: &Node| node.schema.get("$recursiveAnchor").and_then(Value::as_bool) == Some(true);
        if !is_recursive(&here) {
            return Rc::new([here]);
        }
        let root = self.root();
        if is_recursive(&root) {
            return Rc::new([root]);
        }
        if let Some(known) = &self.recursive {
            return known.clone();
        }
        self.index();
        let all = (0..self.resources.len()).map(|at| self.resource_root(Resource(at as u32)));
        let found: Rc<[Node<'a>]> = all.filter(is_recursive).collect();
        self.work += self.resources.len();
        self.recursive = Some(found.clone());
        found
    }

    fn index(&mut self) -> &ReferenceIndex<'a> {
        if self.index.is_none() {
            let index = self.build_index();
            self.index = Some(index);
        }
        self.index.get_or_insert_default()
    }

    fn build_index(&mut self) -> ReferenceIndex<'a> {
        let mut index = ReferenceIndex::default();
        let mut stack = vec![self.root()];
        let mut count = 0;
        while let Some(node) = stack.pop() {
            count += 1;
            if count > MAX_INDEXED {
                break;
            }
            let Some(map) = node.keywords() else { continue };
            let text = |name: &str| map.get(name).and_then(Value::as_str);
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
            // Unknown keywords hold no schemas.
            for (keyword, value) in known_keywords(map) {
                stack.extend(keyword.schemas(value).map(|child| self.enter(child, node.resource)));
            }
        }
        for (at, data) in self.resources.iter().enumerate() {
            if let Some(base) = &data.base {
                index.by_uri.entry(without_fragment(base)).or_insert(Resource(at as u32));
            }
        }
        index
    }
}

fn reference_id(from: Resource, reference: &str) -> ReferenceId {
    (from.0, reference.as_ptr() as usize, reference.len())
}

fn without_fragment(uri: &Url) -> String {
    let mut uri = uri.clone();
    uri.set_fragment(None);
    uri.into()
}

/// Returns `text` with percent escapes decoded, or `None` if an escape is malformed or the result
/// is not UTF-8.
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
        let found = document.resolve(Resource::ROOT, reference)?;
        Some(found.schema.get("title")?.as_str()?.to_owned())
    }

    #[test]
    fn pointers_anchors_and_identifiers_are_resolved() {
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
        let inner = document.resolve(Resource::ROOT, "inner").unwrap();
        assert!(document.resolve(inner.resource, "#/$defs/t").is_some());
        assert!(document.resolve(Resource::ROOT, "#/$defs/t").is_none());
    }
}
