//! Which keys and items `unevaluatedProperties` and `unevaluatedItems` may still speak about.
//!
//! Whether a subschema evaluates a key depends on the value. Here every subschema that is applied in place counts as
//! evaluating, whether its branch is taken or not: the type is wider, never narrower.

use serde_json::{Map, Value};

use super::array::item_schemas;
use super::graph::Context;
use super::resolve::{Dialect, Node};

/// Schemas in place that are looked at; with more, everything counts as evaluated.
const MOST_IN_PLACE: usize = 256;

/// What the schemas applied in place beside `unevaluatedProperties` evaluate.
pub(crate) struct EvaluatedKeys<'a> {
    others: Vec<Node<'a>>,
    /// Keys that they list.
    pub names: Vec<&'a str>,
    /// Whether they may evaluate any other key.
    pub rest: bool,
}

/// Whether some schema besides evaluates a key.
pub(crate) enum Evaluated<'a> {
    /// None does.
    Never,
    /// Only this schema.
    By(Node<'a>),
    /// Something may.
    Perhaps,
}

impl<'a> Context<'a> {
    /// The schemas applied in place by `node`, without itself. `None` if there are too many or one is unknown.
    fn in_place(&mut self, node: Node<'a>) -> Option<Vec<Node<'a>>> {
        let mut found: Vec<Node<'a>> = Vec::new();
        let mut stack = vec![node];
        while let Some(at) = stack.pop() {
            if !self.step(1) || found.len() > MOST_IN_PLACE {
                return None;
            }
            let Some(map) = at.keywords() else { continue };
            let draft7 = self.document.dialect(at.resource) == Dialect::Draft7;
            let mut next = Vec::new();
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                next.push(self.document.resolve(at.resource, reference)?);
            }
            if !draft7 {
                let targets = self.dynamic_targets(at);
                let targets = targets.iter().flat_map(|targets| targets.iter().copied());
                next.extend(targets.take(MOST_IN_PLACE + 1));
            }
            if !(draft7 && map.contains_key("$ref")) {
                let lists = ["allOf", "anyOf", "oneOf"]
                    .into_iter()
                    .filter_map(|key| map.get(key)?.as_array())
                    .flatten();
                let single = ["if", "then", "else"].into_iter().filter_map(|key| map.get(key));
                let dependent = map
                    .get("dependentSchemas")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|map| map.values());
                for schema in lists.chain(single).chain(dependent).take(MOST_IN_PLACE + 1) {
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

    /// The keys that something besides the keywords of `node` itself may evaluate.
    pub fn keys_evaluated_by(&mut self, node: Node<'a>) -> EvaluatedKeys<'a> {
        let Some(others) = self.in_place(node) else {
            return EvaluatedKeys { others: Vec::new(), names: Vec::new(), rest: true };
        };
        let mut keys = EvaluatedKeys { others, names: Vec::new(), rest: false };
        for map in keys.others.iter().filter_map(Node::keywords) {
            keys.rest |= evaluates_any(map);
            let names = map.get("properties").and_then(Value::as_object).into_iter().flatten();
            keys.names.extend(names.map(|(key, _)| key.as_str()));
        }
        keys
    }

    /// Which of those schemas evaluates `name`.
    pub fn evaluators(&mut self, keys: &EvaluatedKeys<'a>, name: &str) -> Evaluated<'a> {
        if keys.rest || !self.step(keys.others.len()) {
            return Evaluated::Perhaps;
        }
        let mut found = Evaluated::Never;
        for other in &keys.others {
            if let Some(schema) = other.schema.get("properties").and_then(|properties| properties.get(name)) {
                found = match found {
                    Evaluated::Never => Evaluated::By(self.document.enter(schema, other.resource)),
                    _ => return Evaluated::Perhaps,
                };
            }
        }
        found
    }

    /// The first position that nothing besides `unevaluatedItems` of `node` evaluates; `None` if there may be none.
    pub fn first_unevaluated_item(&mut self, node: Node<'a>) -> Option<usize> {
        let mut from = 0;
        let others = self.in_place(node)?;
        for at in [node].into_iter().chain(others) {
            let Some(map) = at.keywords() else { continue };
            let (prefix, rest) = item_schemas(map, self.document.dialect(at.resource));
            let nested = at.address() != node.address() && map.contains_key("unevaluatedItems");
            if rest.is_some() || nested || map.contains_key("contains") {
                return None;
            }
            from = from.max(prefix.len());
        }
        Some(from)
    }
}

/// Whether keys that are not listed may be evaluated.
fn evaluates_any(map: &Map<String, Value>) -> bool {
    ["patternProperties", "additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(|key| map.contains_key(*key))
}
