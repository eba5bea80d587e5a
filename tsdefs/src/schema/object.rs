//! The shape of objects: what all members of a conjunction say about each key.
//!
//! `additionalProperties` looks only at the `properties` beside it, so in a conjunction every member is asked about
//! every key, and a property that one member lists may be forbidden by another.

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value};

use super::atom::{Atom, Presence};
use super::facts::Facts;
use super::graph::{Context, Hint};
use super::pattern::{Keys, Template, keys};
use super::resolve::{Dialect, Node};
use super::types::{Note, ObjectShape, Property, TypeId};
use super::unevaluated::{Evaluated, EvaluatedKeys};

/// Properties of one object; further ones fall to the rest, which is then open.
const MOST_PROPERTIES: usize = 2048;

/// Patterns of one schema that are looked at; with more, nothing is known of keys that are not listed.
const MOST_PATTERNS: usize = 32;

/// Names that `propertyNames` may list one by one.
const MOST_NAMES: usize = 256;

impl<'a> Context<'a> {
    /// The objects that meet the facts; with `equals`, only that one.
    pub fn object(&mut self, facts: &Facts<'a>, equals: Option<&'a Map<String, Value>>) -> ObjectShape<'a> {
        let speakers: Vec<Speaker<'a>> = facts.objects.iter().map(|node| self.speaker(*node)).collect();
        let mut names: IndexSet<&'a str> = IndexSet::new();
        names.extend(equals.into_iter().flat_map(Map::keys).map(String::as_str));
        for speaker in &speakers {
            names.extend(speaker.properties.into_iter().flat_map(Map::keys).map(String::as_str));
            names.extend(&speaker.required);
            names.extend(speaker.unevaluated.iter().flat_map(|(_, others)| &others.names));
            names.extend(speaker.names.iter().flatten());
            names.extend(&speaker.forbidden);
            names.extend(&speaker.names_of_patterns);
        }
        names.extend(facts.keys.iter().map(|fact| fact.key));
        let cut = names.len() > MOST_PROPERTIES || !self.step(names.len() * (speakers.len() + 1));
        names.truncate(MOST_PROPERTIES);

        let mut properties = IndexMap::with_capacity(names.len());
        for name in names {
            let property = self.property(name, &speakers, facts, equals);
            properties.insert(name, property);
        }
        let (mut patterns, mut rest) = self.other_keys(&speakers, equals.is_some());
        if cut {
            patterns.clear();
            rest = TypeId::TOO_LARGE;
        }
        if facts
            .objects
            .iter()
            .any(|node| node.schema.get("maxProperties").and_then(Value::as_f64) == Some(0.0))
        {
            rest = TypeId::NEVER;
            patterns.clear();
            properties.values_mut().for_each(|property: &mut Property| property.value = TypeId::NEVER);
        }
        ObjectShape { properties, patterns, rest, note: cut.then_some(Note::TooLarge) }
    }

    fn property(
        &mut self,
        name: &'a str,
        speakers: &[Speaker<'a>],
        facts: &Facts<'a>,
        equals: Option<&'a Map<String, Value>>,
    ) -> Property<'a> {
        let mut atoms = Vec::new();
        let mut required = false;
        let mut impossible = false;
        let mut sources = Vec::new();
        if let Some(members) = equals {
            match members.get(name) {
                Some(value) => atoms.push(Atom::Equals(value)),
                None => impossible = true,
            }
            required |= members.contains_key(name);
        }
        for speaker in speakers {
            required |= speaker.required.contains(name);
            impossible |= speaker.names.as_ref().is_some_and(|names| !names.contains(name));
            impossible |= speaker.forbidden.contains(name);
            let listed = speaker.properties.and_then(|properties| properties.get(name));
            if let Some(schema) = listed {
                let node = self.document.enter(schema, speaker.node.resource);
                self.add_sources(node, &mut sources);
            }
            self.value_atoms(name, speaker, &mut atoms);
        }
        for fact in facts.keys.iter().filter(|fact| fact.key == name) {
            match fact.presence {
                Presence::Absent => impossible = true,
                Presence::Required => required = true,
                Presence::Violating(node) => {
                    required = true;
                    atoms.push(Atom::Not(node));
                }
                Presence::AbsentOrViolating(node) => atoms.push(Atom::Not(node)),
            }
        }
        let value = if impossible {
            TypeId::NEVER
        } else {
            self.intern(&atoms, Hint::Key(name.chars().take(64).collect()))
        };
        Property { required, value, sources }
    }

    /// What one schema says about the value under a known key.
    fn value_atoms(&mut self, name: &str, speaker: &Speaker<'a>, atoms: &mut Vec<Atom<'a>>) {
        let listed = speaker.properties.and_then(|properties| properties.get(name));
        let mut spoken = listed.is_some();
        let mut uncertain = speaker.too_many_patterns;
        let mut found: Vec<&'a Value> = listed.into_iter().collect();
        for (pattern, schema) in &speaker.patterns {
            let cost = self.patterns.cost(pattern, name);
            let matches = if self.step(cost) { self.patterns.matches(pattern, name) } else { None };
            match matches {
                Some(true) => {
                    spoken = true;
                    found.push(schema);
                }
                Some(false) => {}
                None => uncertain = true,
            }
        }
        if !spoken && !uncertain {
            found.extend(speaker.additional);
            if let Some((schema, others)) = &speaker.unevaluated
                && speaker.additional.is_none()
            {
                match self.evaluators(others, name) {
                    Evaluated::Never => found.push(schema),
                    // If this is the only schema that speaks of the key, the value has to meet it.
                    Evaluated::By(node) => atoms.push(Atom::Is(node)),
                    Evaluated::Perhaps => {}
                }
            }
        }
        for schema in found {
            atoms.push(Atom::Is(self.document.enter(schema, speaker.node.resource)));
        }
    }

    /// What may stand under keys that are not listed: by pattern, and else.
    fn other_keys(&mut self, speakers: &[Speaker<'a>], closed: bool) -> (Vec<(Template, TypeId)>, TypeId) {
        if closed || speakers.iter().any(|speaker| speaker.names.is_some()) {
            return (Vec::new(), TypeId::NEVER);
        }
        let mut rest_atoms = Vec::new();
        let mut patterns: Vec<(usize, Keys, &'a Value)> = Vec::new();
        let mut any_key = Vec::new();
        for (at, speaker) in speakers.iter().enumerate() {
            if speaker.too_many_patterns {
                return (Vec::new(), TypeId::TOO_LARGE);
            }
            let unevaluated = speaker.unevaluated.as_ref().filter(|(_, others)| !others.rest);
            let rest = speaker.additional.or(unevaluated.map(|(schema, _)| *schema));
            let rest = rest.map(|schema| Atom::Is(self.document.enter(schema, speaker.node.resource)));
            let mut all = false;
            for (pattern, schema) in &speaker.patterns {
                match keys(pattern) {
                    Keys::All => {
                        all = true;
                        any_key.push(Atom::Is(self.document.enter(schema, speaker.node.resource)));
                    }
                    // Listed by name, see `Speaker::names_of_patterns`.
                    Keys::Names(_) => {}
                    keys => patterns.push((at, keys, schema)),
                }
            }
            if !all {
                rest_atoms.extend(rest);
            }
        }
        rest_atoms.extend(any_key.iter().copied());
        let rest = self.intern(&rest_atoms, Hint::Key("value".to_owned()));
        if patterns.is_empty() {
            return (Vec::new(), rest);
        }
        // What a key under a pattern of one schema has to meet besides, for the others that have no pattern. The same
        // template from two schemas is one condition.
        let mut conditions: Vec<(&Keys, Vec<Atom<'a>>)> = Vec::new();
        for (at, keys, schema) in &patterns {
            let mut atoms = vec![Atom::Is(self.document.enter(schema, speakers[*at].node.resource))];
            atoms.extend(any_key.iter().copied());
            for (other, speaker) in speakers.iter().enumerate() {
                if other != *at && speaker.patterns.is_empty() {
                    atoms.extend(
                        speaker
                            .additional
                            .map(|schema| Atom::Is(self.document.enter(schema, speaker.node.resource))),
                    );
                }
            }
            match conditions.iter_mut().find(|(known, _)| matches!(keys, Keys::Exactly(_)) && *known == keys)
            {
                Some((_, known)) => known.extend(atoms),
                None => conditions.push((keys, atoms)),
            }
        }
        let typed: Vec<(&Keys, TypeId)> = conditions
            .into_iter()
            .map(|(keys, atoms)| (keys, self.intern(&atoms, Hint::Key("value".to_owned()))))
            .collect();
        let exact = typed.iter().all(|(keys, _)| matches!(keys, Keys::Exactly(_)));
        let lone = typed.len() == 1 && rest == TypeId::NEVER && matches!(typed[0].0, Keys::Within(_));
        if exact || lone {
            let templates = typed
                .into_iter()
                .filter_map(|(keys, value)| match keys {
                    Keys::Exactly(template) | Keys::Within(template) => Some((template.clone(), value)),
                    _ => None,
                })
                .collect();
            return (templates, rest);
        }
        // A key may be under any of the patterns, or none.
        let others = typed.into_iter().map(|(_, value)| value).chain([rest]).collect();
        (Vec::new(), self.union(others))
    }

    fn speaker(&mut self, node: Node<'a>) -> Speaker<'a> {
        let empty = Speaker::silent(node);
        let Some(map) = node.keywords() else { return empty };
        let later = self.document.dialect(node.resource) != Dialect::Draft7;
        let all_patterns = map.get("patternProperties").and_then(Value::as_object);
        let patterns: Vec<(&'a str, &'a Value)> = all_patterns
            .into_iter()
            .flatten()
            .take(MOST_PATTERNS)
            .map(|(pattern, schema)| (pattern.as_str(), schema))
            .collect();
        let mut speaker = Speaker {
            properties: map.get("properties").and_then(Value::as_object),
            too_many_patterns: all_patterns.is_some_and(|all| all.len() > MOST_PATTERNS),
            additional: map.get("additionalProperties"),
            required: map
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .take(MOST_PROPERTIES)
                .collect(),
            patterns,
            ..empty
        };
        if let Some(schema) = map.get("propertyNames") {
            (speaker.names, speaker.forbidden) = self.listed_names(node, schema);
        }
        speaker.names_of_patterns = speaker
            .patterns
            .iter()
            .filter_map(|(pattern, _)| match keys(pattern) {
                Keys::Names(names) => Some(names),
                _ => None,
            })
            .flatten()
            .collect();
        if let Some(schema) = map.get("unevaluatedProperties").filter(|_| later) {
            speaker.unevaluated = Some((schema, self.keys_evaluated_by(node)));
        }
        speaker
    }

    /// The keys that `propertyNames` lists, if it does, and else those that it excludes.
    fn listed_names(
        &mut self,
        node: Node<'a>,
        schema: &'a Value,
    ) -> (Option<IndexSet<&'a str>>, IndexSet<&'a str>) {
        let schema = self.document.enter(schema, node.resource);
        let mut facts = Facts::new();
        self.absorb(&mut facts, &[Atom::Is(schema)]);
        if facts.is_impossible() || !facts.kinds.has(super::types::Kinds::STRING) {
            return (Some(IndexSet::new()), IndexSet::new());
        }
        let text = |value: &&'a Value| value.as_str();
        let excluded: IndexSet<&'a str> = facts.excluded.iter().filter_map(text).take(MOST_NAMES).collect();
        match facts.literals.filter(|values| values.len() <= MOST_NAMES) {
            Some(values) => {
                let names = values.iter().filter_map(text).filter(|name| !excluded.contains(name));
                (Some(names.collect()), IndexSet::new())
            }
            None => (None, excluded),
        }
    }

    /// The schemas that may document a property: its own, what that refers to, and the only alternative beside null.
    fn add_sources(&mut self, mut node: Node<'a>, sources: &mut Vec<&'a Value>) {
        for _ in 0..4 {
            let Some(map) = node.keywords() else { return };
            sources.push(node.schema);
            if let Some(target) = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|to| self.document.resolve(node.resource, to))
            {
                node = target;
                continue;
            }
            let branches = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|key| map.get(key)?.as_array());
            let is_null = |branch: &&Value| branch.get("type").and_then(Value::as_str) != Some("null");
            let mut others = branches.into_iter().flatten().take(3).filter(is_null);
            match (others.next(), others.next()) {
                (Some(only), None) => node = self.document.enter(only, node.resource),
                _ => return,
            }
        }
    }
}

/// What one schema says about objects.
pub(crate) struct Speaker<'a> {
    node: Node<'a>,
    properties: Option<&'a Map<String, Value>>,
    patterns: Vec<(&'a str, &'a Value)>,
    too_many_patterns: bool,
    additional: Option<&'a Value>,
    /// Keys that a pattern lists one by one.
    names_of_patterns: Vec<&'a str>,
    /// The schema of what nothing else evaluates, and what else there is.
    unevaluated: Option<(&'a Value, EvaluatedKeys<'a>)>,
    required: IndexSet<&'a str>,
    /// All keys there may be.
    names: Option<IndexSet<&'a str>>,
    /// Keys that there may not be.
    forbidden: IndexSet<&'a str>,
}

impl<'a> Speaker<'a> {
    fn silent(node: Node<'a>) -> Self {
        Self {
            node,
            properties: None,
            patterns: Vec::new(),
            too_many_patterns: false,
            additional: None,
            names_of_patterns: Vec::new(),
            unevaluated: None,
            required: IndexSet::new(),
            names: None,
            forbidden: IndexSet::new(),
        }
    }
}
