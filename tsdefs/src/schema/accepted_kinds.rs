//! The kinds that schemas and conjunctions accept and reject, by the logic of [`KindBounds`].

use serde_json::{Map, Value};

use super::condition::Condition;
use super::context::Context;
use super::dialect::Dialect;
use super::item_schemas::item_schemas;
use super::keyword::{Array, General, Keyword, Logic, Reference, effective_keywords};
use super::kind_bounds::KindBounds;
use super::kinds::Kinds;
use super::resource::Node;

/// The nesting of schemas for the same value that is followed. Deeper ones are unknown.
const MAX_DEPTH: usize = 12;

impl<'a> Context<'a> {
    /// Returns the kinds of values that may meet a conjunction, without making a choice.
    pub fn kinds_of(&mut self, conditions: &[Condition<'a>]) -> Kinds {
        let literals = |condition: &Condition<'a>| match condition {
            Condition::OwnKeywords(node) => {
                node.schema.get("enum").and_then(Value::as_array).map_or(0, Vec::len)
            }
            _ => 0,
        };
        self.step(conditions.iter().map(|condition| 1 + literals(condition) / 4).sum());
        conditions.iter().fold(named_kinds(conditions), |kinds, condition| {
            kinds.without(match condition {
                Condition::Valid(node) | Condition::OwnKeywords(node) => self.kind_bounds(*node).rejects,
                Condition::Invalid(node) => self.kind_bounds(*node).accepts,
                _ => Kinds::NONE,
            })
        })
    }

    /// Returns the bounds of a schema.
    pub fn kind_bounds(&mut self, node: Node<'a>) -> KindBounds {
        self.kind_bounds_within(node, MAX_DEPTH)
    }

    fn kind_bounds_within(&mut self, node: Node<'a>, depth: usize) -> KindBounds {
        if let Some(known) = self.known_kind_bounds.get(&node.address()) {
            return *known;
        }
        let map = match node.schema {
            Value::Bool(false) => return KindBounds::NEVER,
            Value::Object(map) => map,
            _ => return KindBounds::ALWAYS,
        };
        if depth == 0 || !self.step(1) {
            return KindBounds::UNKNOWN;
        }
        // A schema whose bounds depend on themselves is unknown while they are computed.
        self.known_kind_bounds.insert(node.address(), KindBounds::UNKNOWN);
        let found = self.kind_bounds_of_keywords(node, map, depth - 1);
        self.known_kind_bounds.insert(node.address(), found);
        found
    }

    fn kind_bounds_of_keywords(
        &mut self,
        node: Node<'a>,
        map: &'a Map<String, Value>,
        depth: usize,
    ) -> KindBounds {
        let dialect = self.document.dialect(node.resource);
        let mut all = KindBounds::ALWAYS;
        for (keyword, value) in effective_keywords(map, dialect) {
            let found = match keyword {
                Keyword::Reference(reference) => self.kind_bounds_of_reference(node, reference, value, depth),
                Keyword::General(General::Type) => KindBounds::of_type(value),
                Keyword::General(General::Const) => KindBounds::of_literals(std::slice::from_ref(value)),
                Keyword::General(General::Enum) => {
                    value.as_array().map_or(KindBounds::ALWAYS, |values| KindBounds::of_literals(values))
                }
                // `null` is valid whatever the other keywords are.
                Keyword::General(General::Nullable) if *value == Value::Bool(true) => {
                    return KindBounds::UNKNOWN;
                }
                Keyword::General(General::Nullable) => KindBounds::ALWAYS,
                Keyword::Logic(logic) => self.kind_bounds_of_logic(node, map, logic, value, depth),
                Keyword::Array(Array::MinItems) if value.as_f64() == Some(0.0) => KindBounds::ALWAYS,
                Keyword::Array(Array::PrefixItems | Array::Items) if accepts_all_items(map, dialect) => {
                    KindBounds::ALWAYS
                }
                Keyword::Array(_) | Keyword::Object(_) | Keyword::Scalar(_) => {
                    KindBounds::unknown_for(keyword.kinds())
                }
                Keyword::Annotation(_) => KindBounds::ALWAYS,
            };
            all = all.and(found);
        }
        all
    }

    fn kind_bounds_of_reference(
        &mut self,
        node: Node<'a>,
        keyword: Reference,
        value: &'a Value,
        depth: usize,
    ) -> KindBounds {
        match keyword {
            Reference::Ref => {
                let target = value.as_str().and_then(|to| self.document.resolve(node.resource, to));
                target.map_or(KindBounds::UNKNOWN, |target| self.kind_bounds_within(target, depth))
            }
            Reference::DynamicRef | Reference::RecursiveRef => KindBounds::UNKNOWN,
        }
    }

    fn kind_bounds_of_logic(
        &mut self,
        node: Node<'a>,
        map: &'a Map<String, Value>,
        keyword: Logic,
        value: &'a Value,
        depth: usize,
    ) -> KindBounds {
        let mut bounds = |schema: &'a Value| {
            let schema = self.document.enter(schema, node.resource);
            self.kind_bounds_within(schema, depth)
        };
        let members = value.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        match keyword {
            Logic::AllOf => KindBounds::all_of(members.map(bounds)),
            Logic::AnyOf => KindBounds::any_of(members.map(bounds)),
            Logic::OneOf => KindBounds::one_of(members.map(bounds)),
            Logic::Not => bounds(value).not(),
            Logic::If => {
                let premise = bounds(value);
                let mut branch = |keyword: Logic| {
                    Keyword::Logic(keyword).value(map).map_or(KindBounds::ALWAYS, &mut bounds)
                };
                let (then, otherwise) = (branch(Logic::Then), branch(Logic::Else));
                KindBounds::conditional(premise, then, otherwise)
            }
            // These are read with `if`.
            Logic::Then | Logic::Else => KindBounds::ALWAYS,
        }
    }
}

/// Returns whether the schemas of all items are `true`.
fn accepts_all_items(map: &Map<String, Value>, dialect: Dialect) -> bool {
    let (prefix, rest) = item_schemas(map, dialect);
    let open = |schema: &Value| *schema == Value::Bool(true);
    prefix.iter().all(open) && rest.is_none_or(open)
}

/// Returns the kinds to which `type`, `const`, `enum` and the like restrict a conjunction.
pub(super) fn named_kinds(conditions: &[Condition]) -> Kinds {
    let of_keywords = |node: &Node<'_>| {
        let keyword = |keyword: General| Keyword::General(keyword).value(node.keywords()?);
        let named = keyword(General::Type).and_then(Kinds::of_type).unwrap_or(Kinds::ALL);
        let literal = keyword(General::Const).map_or(Kinds::ALL, Kinds::of);
        let listed = keyword(General::Enum).and_then(Value::as_array);
        named.and(literal).and(listed.map_or(Kinds::ALL, Kinds::of_all))
    };
    conditions.iter().fold(Kinds::ALL, |kinds, condition| {
        kinds.and(match condition {
            Condition::Kinds(allowed) => *allowed,
            Condition::Equals(value) => Kinds::of(value),
            Condition::OwnKeywords(node) => of_keywords(node),
            _ => Kinds::ALL,
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounds(schema: Value) -> (Kinds, Kinds) {
        let mut context = Context::new(&schema, 1000);
        let node = context.document.enter(&schema, context.document.root().resource);
        let found = context.kind_bounds(node);
        (found.accepts, found.rejects)
    }

    #[test]
    fn keywords_about_one_kind_accept_the_others() {
        assert_eq!(bounds(json!({ "maxItems": 1 })), (Kinds::ARRAY.complement(), Kinds::NONE));
        assert_eq!(bounds(json!({ "minItems": 0 })), (Kinds::ALL, Kinds::NONE));
        assert_eq!(bounds(json!({ "type": "integer" })).0, Kinds::NONE);
        assert_eq!(bounds(json!({ "enum": [true, null, "a"] })).0, Kinds::TRUE.or(Kinds::NULL));
    }

    #[test]
    fn combinations_follow_the_table() {
        let text_or_short = json!([{ "type": "string" }, { "maxItems": 1 }]);
        // Every string is valid in both branches.
        let (accepts, rejects) = bounds(json!({ "oneOf": text_or_short }));
        assert_eq!(rejects, Kinds::STRING);
        assert_eq!(accepts, Kinds::ALL.without(Kinds::STRING).without(Kinds::ARRAY));
        assert_eq!(bounds(json!({ "anyOf": text_or_short })).0, Kinds::ARRAY.complement());
        let branches = json!({ "if": { "type": "string" }, "then": false, "else": { "type": "null" } });
        assert_eq!(bounds(branches), (Kinds::NULL, Kinds::NULL.complement()));
        // A server may list a million branches. Comparing each pair would not end.
        assert_eq!(bounds(json!({ "oneOf": vec![true; 1_000_000] })), (Kinds::NONE, Kinds::ALL));
    }

    #[test]
    fn bounds_that_depend_on_themselves_are_unknown() {
        assert_eq!(bounds(json!({ "not": { "$ref": "#" } })), (Kinds::NONE, Kinds::NONE));
    }
}
