//! The types of conjunctions: the same conjunction is the same type.

use serde_json::Value;

use super::condition::{Condition, Conjunction};
use super::context::Context;
use super::keyword::is_annotation;
use super::resource::Node;
use super::types::{NameHint, Note, Type, TypeId};

/// The types of one schema. 4,096 fill any output budget many times over.
const MAX_TYPES: usize = 4096;

/// The references and single `allOf` members that are followed to the name of a definition.
const MAX_NAME_HOPS: usize = 16;

impl<'a> Context<'a> {
    /// Returns the type of a conjunction. A new type is constructed later.
    pub fn intern(&mut self, conditions: &[Condition<'a>], hint: NameHint) -> TypeId {
        let hint = match conditions {
            [Condition::Valid(node)] => self.definition_name(*node).map_or(hint, NameHint::Definition),
            _ => hint,
        };
        let normal = self.normalize(conditions);
        self.intern_normal(normal, hint)
    }

    fn intern_normal(&mut self, normal: Conjunction<'a>, hint: NameHint) -> TypeId {
        if normal.impossible {
            return TypeId::NEVER;
        }
        if normal.conditions.is_empty() {
            return match normal.note {
                None => TypeId::UNKNOWN,
                Some(Note::TooLarge) => TypeId::TOO_LARGE,
                note => self.push(Type { note, ..Type::everything() }, hint),
            };
        }
        let key = normal.id();
        if let Some(id) = self.known.get(&key) {
            let known = &mut self.hints[id.index()];
            if matches!(hint, NameHint::Definition(_)) && !matches!(known, NameHint::Definition(_)) {
                *known = hint;
            }
            return *id;
        }
        if self.types.len() >= MAX_TYPES || self.steps == 0 {
            return TypeId::TOO_LARGE;
        }
        let id = self.push(Type::default(), hint);
        self.known.insert(key, id);
        self.queue.push_back((id, normal));
        id
    }

    fn push(&mut self, found: Type<'a>, hint: NameHint) -> TypeId {
        if self.types.len() >= MAX_TYPES {
            return TypeId::TOO_LARGE;
        }
        let id = TypeId(self.types.len() as u32);
        self.types.push(found);
        self.hints.push(hint);
        id
    }

    /// Returns the union of types as a type.
    pub fn union(&mut self, mut others: Vec<TypeId>) -> TypeId {
        others.sort_unstable();
        others.dedup();
        others.retain(|id| *id != TypeId::NEVER);
        match others[..] {
            [] => TypeId::NEVER,
            [only] => only,
            _ if others.contains(&TypeId::UNKNOWN) => TypeId::UNKNOWN,
            _ => self.push(Type { others, ..Type::default() }, NameHint::None),
        }
    }

    /// Returns the name of the definition, if a schema is only a reference to one.
    fn definition_name(&mut self, mut node: Node<'a>) -> Option<String> {
        let mut name = None;
        for _ in 0..MAX_NAME_HOPS {
            let map = node.keywords()?;
            let ref_hides_siblings = self.document.dialect(node.resource).ref_hides_siblings();
            let asserts_more = |except: &str| map.keys().any(|key| key != except && !is_annotation(key));
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                if !ref_hides_siblings && asserts_more("$ref") {
                    break;
                }
                name = reference.rsplit(['/', '#']).next().filter(|name| !name.is_empty()).map(str::to_owned);
                let Some(target) = self.document.resolve(node.resource, reference) else { break };
                node = target;
            } else if let Some([only]) = map.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
                && !asserts_more("allOf")
            {
                node = self.document.enter(only, node.resource);
            } else {
                break;
            }
        }
        name
    }
}
