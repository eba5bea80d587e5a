//! The negation of a schema, as alternatives.
//!
//! A schema is a conjunction of keywords, so by De Morgan a value is invalid if at least one
//! keyword fails: ¬(*a* ∧ *b*) = ¬*a* ∨ ¬*b*. Each way in which a keyword can fail is one
//! alternative, a list of conditions. Where the failing of a keyword cannot be expressed, its
//! alternative at least restricts the kinds: only a string can be too short.
//!
//! `None` means that nothing can be said, so every value may be invalid; an empty choice means that
//! every value is valid. Every approximation allows more values to be invalid, which widens the
//! type. The [bounds on kinds](super::kind_bounds) decide first; they also bound the kinds where
//! the keywords give `None`.

use serde_json::{Map, Value};

use super::condition::{Choice, Condition, ItemCondition, Presence};
use super::context::Context;
use super::dialect::Dialect;
use super::item_schemas::item_schemas;
use super::keyword::{Array, General, Keyword, Logic, Object, Reference, effective_keywords};
use super::kinds::Kinds;
use super::resource::Node;

/// The alternatives of one negation. With more, it says nothing.
const MAX_ALTERNATIVES: usize = 32;

/// The branches of a `oneOf` whose failing is expressed: no branch holds, or two of them do.
const MAX_ONE_OF_BRANCHES: usize = 3;

/// The positions of a tuple whose failing is expressed one by one.
const MAX_POSITIONS: usize = 8;

/// The lengths of arrays that `minItems` and `maxItems` express as conditions.
const MAX_LENGTH: f64 = 64.0;

/// A schema with keywords that is negated.
#[derive(Clone, Copy)]
struct Subject<'a> {
    node: Node<'a>,
    map: &'a Map<String, Value>,
    dialect: Dialect,
}

impl<'a> Context<'a> {
    /// Returns the alternatives of a value that is invalid under `node`: `None` if nothing can be
    /// said, an empty choice if every value is valid.
    pub fn negation(&mut self, node: Node<'a>) -> Option<Choice<'a>> {
        match node.schema {
            Value::Bool(true) => Some(Vec::new()),
            Value::Bool(false) => None,
            Value::Object(map) => {
                let bounds = self.kind_bounds(node);
                if bounds.accepts == Kinds::ALL {
                    return Some(Vec::new());
                }
                if bounds.rejects == Kinds::ALL {
                    return None;
                }
                self.negation_of_keywords(node, map).or_else(|| {
                    let left = bounds.accepts.complement();
                    (left != Kinds::ALL).then(|| vec![vec![Condition::Kinds(left)]])
                })
            }
            _ => Some(Vec::new()),
        }
    }

    fn negation_of_keywords(&mut self, node: Node<'a>, map: &'a Map<String, Value>) -> Option<Choice<'a>> {
        let dialect = self.document.dialect(node.resource);
        let subject = Subject { node, map, dialect };
        if !self.step(map.len()) {
            return None;
        }
        let mut choice: Choice<'a> = Vec::new();
        for (keyword, value) in effective_keywords(map, dialect) {
            choice.extend(match keyword {
                Keyword::Reference(reference) => self.negated_reference(subject, reference, value)?,
                Keyword::General(general) => negated_general(general, value)?,
                Keyword::Logic(logic) => self.negated_logic(subject, logic, value)?,
                Keyword::Scalar(_) => only_kinds(keyword),
                Keyword::Array(array) => self.negated_array(subject, array, value),
                Keyword::Object(object) => self.negated_object(subject, object, value)?,
                Keyword::Annotation(_) => Vec::new(),
            });
            if choice.len() > MAX_ALTERNATIVES {
                return None;
            }
        }
        Some(choice)
    }

    fn negated_reference(
        &mut self,
        subject: Subject<'a>,
        keyword: Reference,
        value: &'a Value,
    ) -> Option<Choice<'a>> {
        match keyword {
            Reference::Ref => {
                let target = self.document.resolve(subject.node.resource, value.as_str()?)?;
                Some(vec![vec![Condition::Invalid(target)]])
            }
            Reference::DynamicRef | Reference::RecursiveRef => None,
        }
    }

    fn negated_logic(
        &mut self,
        subject: Subject<'a>,
        keyword: Logic,
        value: &'a Value,
    ) -> Option<Choice<'a>> {
        let mut enter = |schema: &'a Value| self.document.enter(schema, subject.node.resource);
        Some(match keyword {
            Logic::AllOf => {
                let members = value.as_array()?.iter().take(MAX_ALTERNATIVES + 1);
                members.map(|member| vec![Condition::Invalid(enter(member))]).collect()
            }
            Logic::AnyOf => {
                let members = value.as_array()?.iter().take(MAX_ALTERNATIVES);
                vec![members.map(|member| Condition::Invalid(enter(member))).collect()]
            }
            Logic::OneOf => {
                let members = value.as_array().filter(|members| members.len() <= MAX_ONE_OF_BRANCHES)?;
                let members: Vec<Node<'a>> = members.iter().map(enter).collect();
                let none: Vec<Condition<'a>> = members.iter().copied().map(Condition::Invalid).collect();
                let pairs = (0..members.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
                let two = pairs
                    .map(|pair| vec![Condition::Valid(members[pair.0]), Condition::Valid(members[pair.1])]);
                [none].into_iter().chain(two).collect()
            }
            Logic::Not => vec![vec![Condition::Valid(enter(value))]],
            Logic::If => {
                let premise = enter(value);
                let mut failing = |keyword: Logic, premise: Condition<'a>| {
                    let branch = Keyword::Logic(keyword).value(subject.map)?;
                    Some(vec![premise, Condition::Invalid(enter(branch))])
                };
                let then = failing(Logic::Then, Condition::Valid(premise));
                let otherwise = failing(Logic::Else, Condition::Invalid(premise));
                then.into_iter().chain(otherwise).collect()
            }
            // These are read with `if`.
            Logic::Then | Logic::Else => Vec::new(),
        })
    }

    fn negated_array(&mut self, subject: Subject<'a>, keyword: Array, value: &'a Value) -> Choice<'a> {
        let has = |keyword: Array| Keyword::Array(keyword).value(subject.map).is_some();
        let unspecific = || only_kinds(Keyword::Array(keyword));
        match keyword {
            Array::MinItems => match value.as_f64() {
                Some(least) if least < 1.0 => Vec::new(),
                Some(least) if least < MAX_LENGTH => {
                    vec![on_items(ItemCondition::AtMost(least as usize - 1))]
                }
                _ => unspecific(),
            },
            Array::MaxItems => match value.as_f64() {
                Some(most) if (0.0..MAX_LENGTH).contains(&most) => {
                    vec![on_items(ItemCondition::AtLeast(most as usize + 1))]
                }
                _ => unspecific(),
            },
            Array::Contains if !has(Array::MinContains) && !has(Array::MaxContains) => {
                let schema = self.document.enter(value, subject.node.resource);
                vec![on_items(ItemCondition::AllInvalid(schema))]
            }
            // The two keywords fail together, so the first of them is enough.
            Array::Items if has(Array::PrefixItems) => Vec::new(),
            Array::Items | Array::PrefixItems => self.negated_items(subject),
            // This changes what `items` means, and is read with it.
            Array::AdditionalItems => Vec::new(),
            Array::Contains
            | Array::UnevaluatedItems
            | Array::UniqueItems
            | Array::MinContains
            | Array::MaxContains => unspecific(),
        }
    }

    /// Returns the ways in which an item can be invalid.
    fn negated_items(&mut self, subject: Subject<'a>) -> Choice<'a> {
        let (prefix, rest) = item_schemas(subject.map, subject.dialect);
        if prefix.len() > MAX_POSITIONS {
            return only_kinds(Keyword::Array(Array::Items));
        }
        let mut choice: Choice<'a> = Vec::new();
        for (at, schema) in prefix.iter().enumerate() {
            let schema = self.document.enter(schema, subject.node.resource);
            choice.push(on_items(ItemCondition::InvalidAt(at, schema)));
        }
        if rest.is_some() {
            choice.push(on_items(ItemCondition::AtLeast(prefix.len() + 1)));
        }
        choice
    }

    fn negated_object(
        &mut self,
        subject: Subject<'a>,
        keyword: Object,
        value: &'a Value,
    ) -> Option<Choice<'a>> {
        Some(match keyword {
            Object::Required => {
                let listed = Keyword::Object(Object::Properties).value(subject.map);
                let listed = listed.and_then(Value::as_object);
                let keys = value.as_array()?.iter().filter_map(Value::as_str);
                // A key with a schema fails in one alternative, which `properties` makes.
                let others = keys.filter(|key| !listed.is_some_and(|listed| listed.contains_key(*key)));
                others.map(|key| on_key(key, Presence::Absent)).collect()
            }
            Object::Properties => {
                let required = Keyword::Object(Object::Required).value(subject.map);
                let required = required.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let properties = value.as_object()?.iter().take(MAX_ALTERNATIVES + 1);
                let negated = properties.map(|(key, schema)| {
                    let schema = self.document.enter(schema, subject.node.resource);
                    let is_required = required.iter().any(|name| name.as_str() == Some(key));
                    let presence = match is_required {
                        true => Presence::AbsentOrInvalid(schema),
                        false => Presence::RequiredInvalid(schema),
                    };
                    on_key(key, presence)
                });
                negated.collect()
            }
            Object::DependentRequired | Object::DependentSchemas | Object::Dependencies => {
                if !Keyword::Object(keyword).drafts().include(subject.dialect) {
                    return Some(Vec::new());
                }
                let dependencies = value.as_object()?.iter().take(MAX_ALTERNATIVES + 1);
                let negated = dependencies.map(|(key, value)| self.negated_dependency(subject, key, value));
                negated.flatten().collect()
            }
            Object::PatternProperties
            | Object::AdditionalProperties
            | Object::UnevaluatedProperties
            | Object::PropertyNames
            | Object::MinProperties
            | Object::MaxProperties => only_kinds(Keyword::Object(keyword)),
        })
    }

    /// Returns the ways in which a dependency fails: the key is present, and what depends on it
    /// fails.
    fn negated_dependency(&mut self, subject: Subject<'a>, key: &'a str, value: &'a Value) -> Choice<'a> {
        let present = on_key(key, Presence::Required);
        let with = |failing| [&present[..], &[failing]].concat();
        match value {
            Value::Array(required) => {
                let required = required.iter().filter_map(Value::as_str).take(MAX_ALTERNATIVES + 1);
                required.map(|key| with(Condition::key(key, Presence::Absent))).collect()
            }
            schema => {
                let schema = self.document.enter(schema, subject.node.resource);
                vec![with(Condition::Invalid(schema))]
            }
        }
    }
}

fn negated_general(keyword: General, value: &Value) -> Option<Choice<'_>> {
    Some(match keyword {
        General::Type => vec![vec![Condition::Kinds(Kinds::whole_of_type(value)?.complement())]],
        General::Const => vec![vec![Condition::Differs(value)]],
        General::Enum => vec![value.as_array()?.iter().map(Condition::Differs).collect()],
        // `null` is valid beside the other keywords, and these alternatives know nothing of it.
        General::Nullable if *value == Value::Bool(true) => return None,
        General::Nullable => Vec::new(),
    })
}

/// Returns the one alternative that the value is of a kind that `keyword` is about.
fn only_kinds<'a>(keyword: Keyword) -> Choice<'a> {
    vec![vec![Condition::Kinds(keyword.kinds())]]
}

fn on_items(condition: ItemCondition<'_>) -> Vec<Condition<'_>> {
    vec![Condition::Kinds(Kinds::ARRAY), Condition::Items(condition)]
}

fn on_key<'a>(key: &'a str, presence: Presence<'a>) -> Vec<Condition<'a>> {
    vec![Condition::Kinds(Kinds::OBJECT), Condition::key(key, presence)]
}
