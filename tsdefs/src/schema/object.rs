//! The shape of objects: what all members of a conjunction demand of each key.
//!
//! `additionalProperties` is about the keys that `properties` beside it does not list, so every
//! member of a conjunction is asked about every key: a property that one member lists may be
//! forbidden by another.

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value};

use super::condition::{Condition, Presence};
use super::constraints::Constraints;
use super::context::Context;
use super::object_source::{MAX_PROPERTIES, ObjectSource};
use super::pattern::{KeySet, Template, key_set};
use super::resource::Node;
use super::types::{NameHint, Note, ObjectShape, Property, TypeId};
use super::unevaluated::Evaluation;

/// The schemas that document one property.
const MAX_DOC_SOURCES: usize = 4;

/// The characters of a key that become part of a type's name.
const MAX_HINT_CHARS: usize = 64;

/// The types of keys that match a pattern, and the type of the rest.
type OtherKeys = (Vec<(Template, TypeId)>, TypeId);

impl<'a> Context<'a> {
    /// Returns the objects that meet the constraints; with `equals`, only that one.
    pub fn object(
        &mut self,
        constraints: &Constraints<'a>,
        equals: Option<&'a Map<String, Value>>,
    ) -> ObjectShape<'a> {
        let sources: Vec<ObjectSource<'a>> =
            constraints.objects.iter().map(|node| self.object_source(*node)).collect();
        let mut names: IndexSet<&'a str> = IndexSet::new();
        names.extend(equals.into_iter().flat_map(Map::keys).map(String::as_str));
        sources.iter().for_each(|source| source.add_names(&mut names));
        names.extend(constraints.keys.iter().map(|condition| condition.key));
        let cut = names.len() > MAX_PROPERTIES || !self.step(names.len() * (sources.len() + 1));
        names.truncate(MAX_PROPERTIES);

        let mut properties = IndexMap::with_capacity(names.len());
        for name in names {
            let property = self.property(name, &sources, constraints, equals);
            properties.insert(name, property);
        }
        let (mut patterns, mut rest) = self.other_keys(&sources, equals.is_some());
        if cut {
            patterns.clear();
            rest = TypeId::TOO_LARGE;
        }
        if sources.iter().any(|source| source.must_be_empty) {
            rest = TypeId::NEVER;
            patterns.clear();
            properties.values_mut().for_each(|property: &mut Property| property.value = TypeId::NEVER);
        }
        ObjectShape { properties, patterns, rest, note: cut.then_some(Note::TooLarge) }
    }

    fn property(
        &mut self,
        name: &'a str,
        sources: &[ObjectSource<'a>],
        constraints: &Constraints<'a>,
        equals: Option<&'a Map<String, Value>>,
    ) -> Property<'a> {
        let mut conditions = Vec::new();
        let mut required = false;
        let mut impossible = false;
        let mut docs = Vec::new();
        if let Some(members) = equals {
            match members.get(name) {
                Some(value) => conditions.push(Condition::Equals(value)),
                None => impossible = true,
            }
            required |= members.contains_key(name);
        }
        for source in sources {
            required |= source.required.contains(name);
            impossible |= source.forbids(name);
            if let Some(schema) = source.listed(name) {
                let node = self.document.enter(schema, source.node.resource);
                self.add_doc_sources(node, &mut docs);
            }
            self.add_value_conditions(name, source, &mut conditions);
        }
        for condition in constraints.keys.iter().filter(|condition| condition.key == name) {
            match condition.presence {
                Presence::Absent => impossible = true,
                Presence::Required => required = true,
                Presence::RequiredInvalid(node) => {
                    required = true;
                    conditions.push(Condition::Invalid(node));
                }
                Presence::AbsentOrInvalid(node) => conditions.push(Condition::Invalid(node)),
            }
        }
        let value = if impossible {
            TypeId::NEVER
        } else {
            self.intern(&conditions, NameHint::Key(name.chars().take(MAX_HINT_CHARS).collect()))
        };
        Property { required, value, sources: docs }
    }

    /// Adds what one schema demands of the value of a known key.
    fn add_value_conditions(
        &mut self,
        name: &str,
        source: &ObjectSource<'a>,
        conditions: &mut Vec<Condition<'a>>,
    ) {
        let listed = source.listed(name);
        let mut evaluated = listed.is_some();
        let mut uncertain = source.too_many_patterns;
        let mut found: Vec<&'a Value> = listed.into_iter().collect();
        for (pattern, schema) in &source.patterns {
            let cost = self.patterns.cost(pattern, name);
            let matches = if self.step(cost) { self.patterns.matches(pattern, name) } else { None };
            match matches {
                Some(true) => {
                    evaluated = true;
                    found.push(schema);
                }
                Some(false) => {}
                None => uncertain = true,
            }
        }
        if !evaluated && !uncertain {
            found.extend(source.additional);
            if let Some((schema, others)) = &source.unevaluated
                && source.additional.is_none()
            {
                match self.evaluation(others, name) {
                    Evaluation::Never => found.push(schema),
                    // The only schema that evaluates the key has to accept the value.
                    Evaluation::By(node) => conditions.push(Condition::Valid(node)),
                    Evaluation::Perhaps => {}
                }
            }
        }
        for schema in found {
            conditions.push(Condition::Valid(self.document.enter(schema, source.node.resource)));
        }
    }

    /// Returns the types of keys that are not listed: by pattern, and of the rest.
    fn other_keys(&mut self, sources: &[ObjectSource<'a>], closed: bool) -> OtherKeys {
        if closed || sources.iter().any(|source| source.allowed.is_some()) {
            return (Vec::new(), TypeId::NEVER);
        }
        if sources.iter().any(|source| source.too_many_patterns) {
            return (Vec::new(), TypeId::TOO_LARGE);
        }
        let mut rest_conditions = Vec::new();
        let mut patterns: Vec<(usize, KeySet, &'a Value)> = Vec::new();
        // The conditions on every key.
        let mut any_key = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            let unevaluated = source.unevaluated.as_ref().filter(|(_, others)| !others.rest);
            let rest = source.additional.or(unevaluated.map(|(schema, _)| *schema));
            let rest = rest.map(|schema| Condition::Valid(self.document.enter(schema, source.node.resource)));
            let mut matches_all = false;
            for (pattern, schema) in &source.patterns {
                match key_set(pattern) {
                    KeySet::All => {
                        matches_all = true;
                        let schema = self.document.enter(schema, source.node.resource);
                        any_key.push(Condition::Valid(schema));
                    }
                    // These are properties, see `ObjectSource::add_names`.
                    KeySet::Names(_) => {}
                    keys @ (KeySet::Exactly(_) | KeySet::Within(_) | KeySet::Unknown) => {
                        patterns.push((at, keys, schema));
                    }
                }
            }
            if !matches_all {
                rest_conditions.extend(rest);
            }
        }
        rest_conditions.extend(any_key.iter().copied());
        let rest = self.intern(&rest_conditions, NameHint::Key("value".to_owned()));
        self.keys_by_pattern(sources, &patterns, &any_key, rest)
    }

    /// Returns the types of keys that match `patterns`, each with the position of its source, and
    /// the type of the rest.
    fn keys_by_pattern(
        &mut self,
        sources: &[ObjectSource<'a>],
        patterns: &[(usize, KeySet, &'a Value)],
        any_key: &[Condition<'a>],
        rest: TypeId,
    ) -> OtherKeys {
        if patterns.is_empty() {
            return (Vec::new(), rest);
        }
        // A key that matches a pattern of one schema also has to meet `additionalProperties` of the
        // schemas without patterns. The same template from two schemas is one condition.
        let mut conditions: Vec<(&KeySet, Vec<Condition<'a>>)> = Vec::new();
        for (at, keys, schema) in patterns {
            let mut own = vec![Condition::Valid(self.document.enter(schema, sources[*at].node.resource))];
            own.extend(any_key.iter().copied());
            for (other, source) in sources.iter().enumerate() {
                if other != *at && source.patterns.is_empty() {
                    let additional = source.additional;
                    own.extend(
                        additional.map(|schema| {
                            Condition::Valid(self.document.enter(schema, source.node.resource))
                        }),
                    );
                }
            }
            let is_same = |known: &KeySet| matches!(keys, KeySet::Exactly(_)) && known == keys;
            match conditions.iter_mut().find(|(known, _)| is_same(known)) {
                Some((_, known)) => known.extend(own),
                None => conditions.push((keys, own)),
            }
        }
        let typed: Vec<(&KeySet, TypeId)> = conditions
            .into_iter()
            .map(|(keys, conditions)| (keys, self.intern(&conditions, NameHint::Key("value".to_owned()))))
            .collect();
        let exact = typed.iter().all(|(keys, _)| matches!(keys, KeySet::Exactly(_)));
        let alone = typed.len() == 1 && rest == TypeId::NEVER && matches!(typed[0].0, KeySet::Within(_));
        if exact || alone {
            let templates = typed.into_iter().filter_map(|(keys, value)| match keys {
                KeySet::Exactly(template) | KeySet::Within(template) => Some((template.clone(), value)),
                KeySet::Names(_) | KeySet::All | KeySet::Unknown => None,
            });
            return (templates.collect(), rest);
        }
        // A key may match any of the patterns, or none of them.
        let others = typed.into_iter().map(|(_, value)| value).chain([rest]).collect();
        (Vec::new(), self.union(others))
    }

    /// Adds the schemas that document a property: its own, the targets of its references, and the
    /// only alternative beside null.
    fn add_doc_sources(&mut self, mut node: Node<'a>, docs: &mut Vec<&'a Value>) {
        for _ in 0..MAX_DOC_SOURCES {
            let Some(map) = node.keywords() else { return };
            docs.push(node.schema);
            let reference = map.get("$ref").and_then(Value::as_str);
            if let Some(target) = reference.and_then(|to| self.document.resolve(node.resource, to)) {
                node = target;
                continue;
            }
            let branches = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|key| map.get(key)?.as_array());
            let is_not_null = |branch: &&Value| branch.get("type").and_then(Value::as_str) != Some("null");
            let mut others = branches.into_iter().flatten().take(3).filter(is_not_null);
            match (others.next(), others.next()) {
                (Some(only), None) => node = self.document.enter(only, node.resource),
                _ => return,
            }
        }
    }
}
