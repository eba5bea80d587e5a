//! The keys and items that `unevaluatedProperties` and `unevaluatedItems` are about.
//!
//! Whether a schema evaluates a key depends on the value. Here every schema that is applied in
//! place counts as evaluating, whether its branch is taken or not: the type becomes wider, never
//! narrower.

use serde_json::{Map, Value};

use super::context::Context;
use super::item_schemas::item_schemas;
use super::keyword::{Array, Keyword, Logic, Object, Reference};
use super::resource::Node;

/// The schemas in place that are looked at. With more, everything counts as evaluated.
const MAX_IN_PLACE: usize = 256;

/// The keys that the schemas applied in place beside `unevaluatedProperties` evaluate.
pub(crate) struct EvaluatedKeys<'a> {
    others: Vec<Node<'a>>,
    /// The keys that these schemas list.
    pub names: Vec<&'a str>,
    /// True if these schemas may evaluate any other key.
    pub rest: bool,
}

/// The schemas that evaluate one key.
pub(crate) enum Evaluation<'a> {
    /// No schema evaluates the key.
    Never,
    /// Exactly this schema evaluates the key.
    By(Node<'a>),
    /// Some schema may evaluate the key.
    Perhaps,
}

impl<'a> Context<'a> {
    /// Returns the schemas that `node` applies in place, without itself. Returns `None` if there
    /// are too many, or one is unknown.
    fn schemas_in_place(&mut self, node: Node<'a>) -> Option<Vec<Node<'a>>> {
        let mut found: Vec<Node<'a>> = Vec::new();
        let mut stack = vec![node];
        while let Some(at) = stack.pop() {
            if !self.step(1) || found.len() > MAX_IN_PLACE {
                return None;
            }
            let Some(map) = at.keywords() else { continue };
            let mut next = Vec::new();
            let reference = Keyword::Reference(Reference::Ref).value(map);
            if let Some(reference) = reference.and_then(Value::as_str) {
                next.push(self.document.resolve(at.resource, reference)?);
            }
            let targets = self.dynamic_targets(at);
            let targets = targets.iter().flat_map(|targets| targets.iter().copied());
            next.extend(targets.take(MAX_IN_PLACE + 1));
            let hidden = self.document.dialect(at.resource).ref_hides_siblings() && reference.is_some();
            if !hidden {
                for schema in subschemas_in_place(map).take(MAX_IN_PLACE + 1) {
                    next.push(self.document.enter(schema, at.resource));
                }
            }
            self.step(next.len() * (1 + found.len() / 8));
            for node_in_place in next {
                let known = found.iter().any(|known| known.address() == node_in_place.address());
                if !known && node_in_place.address() != node.address() {
                    found.push(node_in_place);
                    stack.push(node_in_place);
                }
            }
        }
        Some(found)
    }

    /// Returns the keys that keywords other than those of `node` itself may evaluate.
    pub fn evaluated_keys(&mut self, node: Node<'a>) -> EvaluatedKeys<'a> {
        let Some(others) = self.schemas_in_place(node) else {
            return EvaluatedKeys { others: Vec::new(), names: Vec::new(), rest: true };
        };
        let mut keys = EvaluatedKeys { others, names: Vec::new(), rest: false };
        for map in keys.others.iter().filter_map(Node::keywords) {
            keys.rest |= evaluates_unlisted_keys(map);
            let listed = Keyword::Object(Object::Properties).value(map).and_then(Value::as_object);
            keys.names.extend(listed.into_iter().flatten().map(|(key, _)| key.as_str()));
        }
        keys
    }

    /// Returns which of those schemas evaluates the key `name`.
    pub fn evaluation(&mut self, keys: &EvaluatedKeys<'a>, name: &str) -> Evaluation<'a> {
        if keys.rest || !self.step(keys.others.len()) {
            return Evaluation::Perhaps;
        }
        let mut found = Evaluation::Never;
        for other in &keys.others {
            let listed = other.keywords().and_then(|map| Keyword::Object(Object::Properties).value(map));
            if let Some(schema) = listed.and_then(|listed| listed.get(name)) {
                found = match found {
                    Evaluation::Never => Evaluation::By(self.document.enter(schema, other.resource)),
                    Evaluation::By(_) | Evaluation::Perhaps => return Evaluation::Perhaps,
                };
            }
        }
        found
    }

    /// Returns the first position that only `unevaluatedItems` of `node` evaluates, or `None` if
    /// there may be none.
    pub fn first_unevaluated_item(&mut self, node: Node<'a>) -> Option<usize> {
        let mut from = 0;
        let others = self.schemas_in_place(node)?;
        for at in [node].into_iter().chain(others) {
            let Some(map) = at.keywords() else { continue };
            let has = |keyword: Array| Keyword::Array(keyword).value(map).is_some();
            let (prefix, rest) = item_schemas(map, self.document.dialect(at.resource));
            let nested = at.address() != node.address() && has(Array::UnevaluatedItems);
            if rest.is_some() || nested || has(Array::Contains) {
                return None;
            }
            from = from.max(prefix.len());
        }
        Some(from)
    }
}

/// Returns the schemas that the keywords of a schema apply in place, without references.
fn subschemas_in_place(map: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let in_place = Keyword::ALL.iter().filter(|keyword| applies_in_place(**keyword));
    let values = in_place.filter_map(|keyword| Some((keyword, keyword.value(map)?)));
    values.flat_map(|(keyword, value)| keyword.schemas(value))
}

/// Returns whether the schemas of a keyword are applied to the same value and evaluate its keys and
/// items.
fn applies_in_place(keyword: Keyword) -> bool {
    match keyword {
        Keyword::Logic(Logic::Not) => false,
        Keyword::Logic(
            Logic::AllOf | Logic::AnyOf | Logic::OneOf | Logic::If | Logic::Then | Logic::Else,
        ) => true,
        Keyword::Object(Object::DependentSchemas) => true,
        // `dependencies` comes from drafts that do not have `unevaluatedProperties`.
        Keyword::Object(
            Object::Dependencies
            | Object::DependentRequired
            | Object::Properties
            | Object::PatternProperties
            | Object::AdditionalProperties
            | Object::UnevaluatedProperties
            | Object::Required
            | Object::PropertyNames
            | Object::MinProperties
            | Object::MaxProperties,
        ) => false,
        // Their targets are found where they are resolved.
        Keyword::Reference(_) => false,
        Keyword::General(_) | Keyword::Scalar(_) | Keyword::Array(_) | Keyword::Annotation(_) => false,
    }
}

/// Returns whether the keywords of a schema may evaluate keys that are not listed.
fn evaluates_unlisted_keys(map: &Map<String, Value>) -> bool {
    [Object::PatternProperties, Object::AdditionalProperties, Object::UnevaluatedProperties]
        .iter()
        .any(|keyword| Keyword::Object(*keyword).value(map).is_some())
}
