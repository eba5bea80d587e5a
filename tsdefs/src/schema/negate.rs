//! What `not` leaves. Each keyword that can fail gives one alternative: a value is invalid because this keyword fails.
//! Where the failing of a keyword cannot be said, its alternative at least knows the kind: only a string can be too
//! short.

use serde_json::{Map, Value};

use super::array::item_schemas;
use super::atom::{Atom, ItemFact, KeyFact, Presence, is_array_keyword};
use super::facts::{Choice, named_kinds};
use super::graph::Context;
use super::resolve::{Dialect, Node};
use super::types::Kinds;

/// Alternatives of one negation; with more, it says nothing.
const MOST_ALTERNATIVES: usize = 32;

/// Branches of a `oneOf` whose failing is said: no branch holds, or two of them do.
const MOST_BRANCHES: usize = 3;

/// Positions of a tuple whose failing is said one by one.
const MOST_POSITIONS: usize = 8;

impl<'a> Context<'a> {
    /// The alternatives of a value that is not valid under `node`. `None` if nothing can be said; empty if every value
    /// is valid.
    pub fn negated(&mut self, node: Node<'a>) -> Option<Choice<'a>> {
        match node.schema {
            Value::Bool(true) => Some(Vec::new()),
            Value::Bool(false) => None,
            Value::Object(map) => {
                let certain = self.certainty(node);
                if certain.accepts == Kinds::ALL {
                    return Some(Vec::new());
                }
                if certain.refuses == Kinds::ALL {
                    return None;
                }
                // Where the failing cannot be said, it is known at least which kinds cannot fail.
                self.negated_keywords(node, map).or_else(|| {
                    let left = Kinds::ALL.without(certain.accepts);
                    (left != Kinds::ALL).then(|| vec![vec![Atom::Kinds(left)]])
                })
            }
            _ => Some(Vec::new()),
        }
    }

    fn negated_keywords(&mut self, node: Node<'a>, map: &'a Map<String, Value>) -> Option<Choice<'a>> {
        let dialect = self.document.dialect(node.resource);
        let draft7 = dialect == Dialect::Draft7;
        let not = |this: &mut Self, schema| Atom::Not(this.document.enter(schema, node.resource));
        let mut choice: Choice<'a> = Vec::new();
        for (keyword, value) in map {
            if !self.step(1) || choice.len() > MOST_ALTERNATIVES {
                return None;
            }
            if draft7 && map.contains_key("$ref") && keyword != "$ref" {
                continue;
            }
            match keyword.as_str() {
                "$ref" => {
                    let target = self.document.resolve(node.resource, value.as_str()?)?;
                    choice.push(vec![Atom::Not(target)]);
                }
                "type" => choice.push(vec![Atom::Kinds(other_kinds(value)?)]),
                "const" => choice.push(vec![Atom::Differs(value)]),
                "enum" => choice.push(value.as_array()?.iter().map(Atom::Differs).collect()),
                "required" => {
                    let properties = map.get("properties").and_then(Value::as_object);
                    for key in value.as_array()?.iter().filter_map(Value::as_str) {
                        // With a schema for the same key, both failures are one alternative, made below.
                        if !properties.is_some_and(|known| known.contains_key(key)) {
                            choice.push(about_key(key, Presence::Absent));
                        }
                    }
                }
                "properties" => {
                    let required = map.get("required").and_then(Value::as_array);
                    for (key, schema) in value.as_object()?.iter().take(MOST_ALTERNATIVES + 1) {
                        let schema = self.document.enter(schema, node.resource);
                        let needed =
                            required.is_some_and(|keys| keys.iter().any(|k| k.as_str() == Some(key)));
                        choice.push(about_key(
                            key,
                            if needed {
                                Presence::AbsentOrViolating(schema)
                            } else {
                                Presence::Violating(schema)
                            },
                        ));
                    }
                }
                "allOf" => {
                    for member in value.as_array()?.iter().take(MOST_ALTERNATIVES + 1) {
                        choice.push(vec![not(self, member)]);
                    }
                }
                "anyOf" => {
                    let members = value.as_array()?.iter().take(MOST_ALTERNATIVES);
                    choice.push(members.map(|member| not(self, member)).collect());
                }
                "not" => {
                    let inner = self.document.enter(value, node.resource);
                    choice.push(vec![Atom::Is(inner)]);
                }
                "minLength" | "maxLength" | "pattern" => choice.push(vec![Atom::Kinds(Kinds::STRING)]),
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                    choice.push(vec![Atom::Kinds(Kinds::NUMBER)]);
                }
                "minItems" => match value.as_f64() {
                    Some(least) if least < 1.0 => {}
                    Some(least) if least < 64.0 => {
                        choice.push(about_items(ItemFact::AtMost(least as usize - 1)));
                    }
                    _ => choice.push(vec![Atom::Kinds(Kinds::ARRAY)]),
                },
                "maxItems" => match value.as_f64() {
                    Some(most) if (0.0..64.0).contains(&most) => {
                        choice.push(about_items(ItemFact::AtLeast(most as usize + 1)));
                    }
                    _ => choice.push(vec![Atom::Kinds(Kinds::ARRAY)]),
                },
                "contains" if !map.contains_key("minContains") && !map.contains_key("maxContains") => {
                    let schema = self.document.enter(value, node.resource);
                    choice.push(about_items(ItemFact::NoneIs(schema)));
                }
                // `items` comes here with `prefixItems` or `additionalItems`, which say nothing without it.
                "items" | "prefixItems" => {
                    let (prefix, rest) = item_schemas(map, dialect);
                    let first = !map.contains_key("prefixItems") || keyword == "prefixItems";
                    if first && prefix.len() <= MOST_POSITIONS {
                        for (at, schema) in prefix.iter().enumerate() {
                            let schema = self.document.enter(schema, node.resource);
                            choice.push(about_items(ItemFact::Violating(at, schema)));
                        }
                        if rest.is_some() {
                            choice.push(about_items(ItemFact::AtLeast(prefix.len() + 1)));
                        }
                    } else if first {
                        choice.push(vec![Atom::Kinds(Kinds::ARRAY)]);
                    }
                }
                "additionalItems" => {}
                "uniqueItems" | "minContains" | "maxContains" => choice.push(vec![Atom::Kinds(Kinds::ARRAY)]),
                key if is_array_keyword(key) => choice.push(vec![Atom::Kinds(Kinds::ARRAY)]),
                "dependentRequired" | "dependentSchemas" if draft7 => {}
                "dependencies" if !draft7 => {}
                "dependentRequired" | "dependentSchemas" | "dependencies" => {
                    for (key, dependency) in value.as_object()?.iter().take(MOST_ALTERNATIVES + 1) {
                        let mut present = about_key(key, Presence::Required);
                        match dependency {
                            Value::Array(required) => {
                                for absent in
                                    required.iter().filter_map(Value::as_str).take(MOST_ALTERNATIVES + 1)
                                {
                                    let mut alternative = present.clone();
                                    let presence = Presence::Absent;
                                    alternative.push(Atom::Key(KeyFact { key: absent, presence }));
                                    choice.push(alternative);
                                }
                            }
                            _ => {
                                present.push(not(self, dependency));
                                choice.push(present);
                            }
                        }
                    }
                }
                "additionalProperties"
                | "patternProperties"
                | "propertyNames"
                | "minProperties"
                | "maxProperties"
                | "unevaluatedProperties" => {
                    choice.push(vec![Atom::Kinds(Kinds::OBJECT)]);
                }
                "format" => choice.push(vec![Atom::Kinds(Kinds::STRING.or(Kinds::NUMBER))]),
                "if" => {
                    let condition = self.document.enter(value, node.resource);
                    if let Some(then) = map.get("then") {
                        choice.push(vec![Atom::Is(condition), not(self, then)]);
                    }
                    if let Some(otherwise) = map.get("else") {
                        choice.push(vec![Atom::Not(condition), not(self, otherwise)]);
                    }
                }
                "oneOf" => {
                    let members = value.as_array().filter(|members| members.len() <= MOST_BRANCHES)?;
                    let enter = |this: &mut Self, at: usize| this.document.enter(&members[at], node.resource);
                    let all = 0..members.len();
                    choice.push(all.clone().map(|at| Atom::Not(enter(self, at))).collect());
                    for (a, b) in all.flat_map(|a| (0..a).map(move |b| (a, b))) {
                        choice.push(vec![Atom::Is(enter(self, a)), Atom::Is(enter(self, b))]);
                    }
                }
                "nullable" if *value != Value::Bool(true) => {}
                "$dynamicRef" | "$recursiveRef" | "nullable" => return None,
                // `then` and `else` follow `if`; the rest are annotations or unknown, which cannot fail.
                _ => {}
            }
        }
        (choice.len() <= MOST_ALTERNATIVES).then_some(choice)
    }
}

fn about_items(fact: ItemFact<'_>) -> Vec<Atom<'_>> {
    vec![Atom::Kinds(Kinds::ARRAY), Atom::Items(fact)]
}

fn about_key<'a>(key: &'a str, presence: Presence<'a>) -> Vec<Atom<'a>> {
    vec![Atom::Kinds(Kinds::OBJECT), Atom::Key(KeyFact { key, presence })]
}

/// What `type` excludes. A number that is no integer is still a number.
fn other_kinds(types: &Value) -> Option<Kinds> {
    let named = named_kinds(types)?;
    let only_integer = named.has(Kinds::NUMBER) && !super::facts::names_number(Some(types));
    Some(Kinds::ALL.without(if only_integer { named.without(Kinds::NUMBER) } else { named }))
}
