//! What a schema says about whole kinds of values: `{ "maxItems": 1 }` accepts every string, `{ "type": "object" }`
//! accepts none.
//!
//! This is where alternatives would multiply: of two branches of a `oneOf`, one loses the kinds that the other accepts
//! anyway, without a word about how the other may fail.

use serde_json::{Map, Value};

use super::array::item_schemas;
use super::atom::{is_array_keyword, is_object_keyword};
use super::facts::{named_kinds, names_number};
use super::graph::Context;
use super::places::ByPlace;
use super::resolve::{Dialect, Node};
use super::types::Kinds;

/// Schemas in place of each other that are followed; deeper ones may be anything.
const DEEPEST: usize = 12;

/// The kinds of which a schema accepts every value, and those of which it accepts none. Both may be too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Certainty {
    pub accepts: Kinds,
    pub refuses: Kinds,
}

impl Certainty {
    const UNKNOWN: Self = Self { accepts: Kinds::NONE, refuses: Kinds::NONE };
    const ALWAYS: Self = Self { accepts: Kinds::ALL, refuses: Kinds::NONE };
    const NEVER: Self = Self { accepts: Kinds::NONE, refuses: Kinds::ALL };

    fn accepts_but(kinds: Kinds) -> Self {
        Self { accepts: Kinds::ALL.without(kinds), refuses: Kinds::NONE }
    }

    fn and(self, other: Self) -> Self {
        Self { accepts: self.accepts.and(other.accepts), refuses: self.refuses.or(other.refuses) }
    }

    fn or(self, other: Self) -> Self {
        Self { accepts: self.accepts.or(other.accepts), refuses: self.refuses.and(other.refuses) }
    }

    fn not(self) -> Self {
        Self { accepts: self.refuses, refuses: self.accepts }
    }
}

/// What was found out, by the address of the schema.
pub(crate) type Certainties = ByPlace<usize, Certainty>;

impl<'a> Context<'a> {
    /// What `node` says about whole kinds.
    pub fn certainty(&mut self, node: Node<'a>) -> Certainty {
        self.certainty_within(node, DEEPEST)
    }

    fn certainty_within(&mut self, node: Node<'a>, depth: usize) -> Certainty {
        if let Some(known) = self.certainties.get(&node.address()) {
            return *known;
        }
        let map = match node.schema {
            Value::Bool(false) => return Certainty::NEVER,
            Value::Object(map) => map,
            _ => return Certainty::ALWAYS,
        };
        if depth == 0 || !self.step(1) {
            return Certainty::UNKNOWN;
        }
        // A schema that needs itself to be judged is not known while it is being judged.
        self.certainties.insert(node.address(), Certainty::UNKNOWN);
        let found = self.certainty_of_keywords(node, map, depth - 1);
        self.certainties.insert(node.address(), found);
        found
    }

    fn certainty_of_keywords(
        &mut self,
        node: Node<'a>,
        map: &'a Map<String, Value>,
        depth: usize,
    ) -> Certainty {
        let dialect = self.document.dialect(node.resource);
        let draft7 = dialect == Dialect::Draft7;
        let mut all = Certainty::ALWAYS;
        for (keyword, value) in map {
            if draft7 && map.contains_key("$ref") && keyword != "$ref" {
                continue;
            }
            let of = |this: &mut Self, schema: &'a Value| {
                let schema = this.document.enter(schema, node.resource);
                this.certainty_within(schema, depth)
            };
            let found = match keyword.as_str() {
                "$ref" => match value.as_str().and_then(|to| self.document.resolve(node.resource, to)) {
                    Some(target) => self.certainty_within(target, depth),
                    None => Certainty::UNKNOWN,
                },
                "$dynamicRef" | "$recursiveRef" => Certainty::UNKNOWN,
                "nullable" if *value == Value::Bool(true) => {
                    // `null` is valid whatever the rest says.
                    return Certainty::UNKNOWN;
                }
                "type" => of_type(value),
                "const" => of_literals(std::slice::from_ref(value)),
                "enum" => value.as_array().map_or(Certainty::ALWAYS, |values| of_literals(values)),
                "not" => of(self, value).not(),
                "allOf" => {
                    let members = value.as_array().into_iter().flatten();
                    members.fold(Certainty::ALWAYS, |found, schema| found.and(of(self, schema)))
                }
                "anyOf" => {
                    let members = value.as_array().into_iter().flatten();
                    members.fold(Certainty::NEVER, |found, schema| found.or(of(self, schema)))
                }
                "oneOf" => {
                    let members = value.as_array().into_iter().flatten();
                    let members: Vec<Certainty> = members.map(|schema| of(self, schema)).collect();
                    exactly_one(&members)
                }
                "if" => {
                    let condition = of(self, value);
                    let then = map.get("then").map_or(Certainty::ALWAYS, |schema| of(self, schema));
                    let otherwise = map.get("else").map_or(Certainty::ALWAYS, |schema| of(self, schema));
                    // Either way holds where the condition is not known.
                    let either = then.and(otherwise);
                    let chosen = condition.and(then).or(condition.not().and(otherwise));
                    Certainty {
                        accepts: chosen.accepts.or(either.accepts),
                        refuses: chosen.refuses.or(then.refuses.and(otherwise.refuses)),
                    }
                }
                "minLength" | "maxLength" | "pattern" => Certainty::accepts_but(Kinds::STRING),
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                    Certainty::accepts_but(Kinds::NUMBER)
                }
                "format" => Certainty::accepts_but(Kinds::STRING.or(Kinds::NUMBER)),
                "minItems" if value.as_f64() == Some(0.0) => Certainty::ALWAYS,
                "prefixItems" | "items" if accepts_all_items(map, dialect) => Certainty::ALWAYS,
                "uniqueItems" | "minContains" | "maxContains" => Certainty::accepts_but(Kinds::ARRAY),
                key if is_array_keyword(key) => Certainty::accepts_but(Kinds::ARRAY),
                "dependentRequired" | "dependentSchemas" | "dependencies" | "minProperties" => {
                    Certainty::accepts_but(Kinds::OBJECT)
                }
                key if is_object_keyword(key) => Certainty::accepts_but(Kinds::OBJECT),
                _ => Certainty::ALWAYS,
            };
            all = all.and(found);
        }
        all
    }
}

fn of_type(value: &Value) -> Certainty {
    let Some(named) = named_kinds(value) else { return Certainty::ALWAYS };
    let only_integer = named.has(Kinds::NUMBER) && !names_number(Some(value));
    let accepts = if only_integer { named.without(Kinds::NUMBER) } else { named };
    Certainty { accepts, refuses: Kinds::ALL.without(named) }
}

/// A list of values has all of a kind only where the kind is one value.
fn of_literals(values: &[Value]) -> Certainty {
    let present = values.iter().map(Kinds::of).fold(Kinds::NONE, Kinds::or);
    Certainty { accepts: present.and(Kinds::NULL.or(Kinds::BOOLEAN)), refuses: Kinds::ALL.without(present) }
}

fn exactly_one(members: &[Certainty]) -> Certainty {
    let (mut none, mut one, mut several) = (Kinds::ALL, Kinds::NONE, Kinds::NONE);
    let mut some = Kinds::NONE;
    for member in members {
        // Kinds for which so many branches are known to hold, and for `none` and `one` no other can.
        several = several.or(some.and(member.accepts));
        some = some.or(member.accepts);
        one = one.and(member.refuses).or(none.and(member.accepts));
        none = none.and(member.refuses);
    }
    Certainty { accepts: one, refuses: none.or(several) }
}

fn accepts_all_items(map: &Map<String, Value>, dialect: Dialect) -> bool {
    let (prefix, rest) = item_schemas(map, dialect);
    let open = |schema: &Value| *schema == Value::Bool(true);
    prefix.iter().all(open) && rest.is_none_or(open)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn certainty(schema: Value) -> (Kinds, Kinds) {
        let mut context = Context::new(&schema, 1000);
        let node = context.document.enter(&schema, context.document.root().resource);
        let found = context.certainty(node);
        (found.accepts, found.refuses)
    }

    #[test]
    fn keywords_of_one_kind_leave_the_others_alone() {
        assert_eq!(certainty(json!({ "maxItems": 1 })), (Kinds::ALL.without(Kinds::ARRAY), Kinds::NONE));
        assert_eq!(certainty(json!({ "minItems": 0 })), (Kinds::ALL, Kinds::NONE));
        assert_eq!(certainty(json!({ "type": "integer" })).0, Kinds::NONE);
        assert_eq!(certainty(json!({ "enum": [true, null, "a"] })).0, Kinds::TRUE.or(Kinds::NULL));
    }

    #[test]
    fn combinations_count() {
        let text_or_short = json!([{ "type": "string" }, { "maxItems": 1 }]);
        // Every string is in both.
        let (accepts, refuses) = certainty(json!({ "oneOf": text_or_short }));
        assert_eq!(refuses, Kinds::STRING);
        assert_eq!(accepts, Kinds::ALL.without(Kinds::STRING).without(Kinds::ARRAY));
        assert_eq!(certainty(json!({ "anyOf": text_or_short })).0, Kinds::ALL.without(Kinds::ARRAY));
        let branches = json!({ "if": { "type": "string" }, "then": false, "else": { "type": "null" } });
        assert_eq!(certainty(branches), (Kinds::NULL, Kinds::ALL.without(Kinds::NULL)));
        // A server may list a million branches: comparing each with each would not end.
        assert_eq!(certainty(json!({ "oneOf": vec![true; 1_000_000] })), (Kinds::NONE, Kinds::ALL));
    }

    #[test]
    fn what_needs_itself_is_unknown() {
        assert_eq!(certainty(json!({ "not": { "$ref": "#" } })), (Kinds::NONE, Kinds::NONE));
    }
}
