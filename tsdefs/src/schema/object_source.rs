//! The demands of one schema on the keys of objects.

use indexmap::IndexSet;
use serde_json::{Map, Value};

use super::condition::Condition;
use super::constraints::Constraints;
use super::context::Context;
use super::keyword::{Keyword, Object, known_keywords};
use super::kinds::Kinds;
use super::pattern::{KeySet, key_set};
use super::resource::Node;
use super::unevaluated::EvaluatedKeys;

/// The properties of one object. Further ones fall to the rest, which is then open.
pub(super) const MAX_PROPERTIES: usize = 2048;

/// The patterns of one schema that are looked at. With more, nothing is known of keys that are not
/// listed.
const MAX_PATTERNS: usize = 32;

/// The names that `propertyNames` may list.
const MAX_NAMES: usize = 256;

/// The demands of one schema on the keys of objects.
pub(super) struct ObjectSource<'a> {
    pub node: Node<'a>,
    pub properties: Option<&'a Map<String, Value>>,
    pub patterns: Vec<(&'a str, &'a Value)>,
    pub too_many_patterns: bool,
    pub additional: Option<&'a Value>,
    /// The schema of keys that no other keyword evaluates, and the keys that others evaluate.
    pub unevaluated: Option<(&'a Value, EvaluatedKeys<'a>)>,
    pub required: IndexSet<&'a str>,
    /// The keys that `propertyNames` allows; `None` if it does not list them.
    pub allowed: Option<IndexSet<&'a str>>,
    /// The keys that `propertyNames` forbids.
    pub forbidden: IndexSet<&'a str>,
    /// True if `maxProperties` is 0.
    pub must_be_empty: bool,
}

impl<'a> ObjectSource<'a> {
    /// Returns the source of a schema without keywords about objects.
    fn empty(node: Node<'a>) -> Self {
        Self {
            node,
            properties: None,
            patterns: Vec::new(),
            too_many_patterns: false,
            additional: None,
            unevaluated: None,
            required: IndexSet::new(),
            allowed: None,
            forbidden: IndexSet::new(),
            must_be_empty: false,
        }
    }

    /// Adds the keys that the schema names to `names`, in the order in which properties are
    /// written.
    pub fn add_names(&self, names: &mut IndexSet<&'a str>) {
        names.extend(self.properties.into_iter().flat_map(Map::keys).map(String::as_str));
        names.extend(&self.required);
        names.extend(self.unevaluated.iter().flat_map(|(_, others)| &others.names));
        names.extend(self.allowed.iter().flatten());
        names.extend(&self.forbidden);
        for (pattern, _) in &self.patterns {
            if let KeySet::Names(listed) = key_set(pattern) {
                names.extend(listed);
            }
        }
    }

    /// Returns the schema of a listed property.
    pub fn listed(&self, name: &str) -> Option<&'a Value> {
        self.properties?.get(name)
    }

    /// Returns whether `propertyNames` forbids the key.
    pub fn forbids(&self, name: &str) -> bool {
        self.forbidden.contains(name) || self.allowed.as_ref().is_some_and(|names| !names.contains(name))
    }
}

impl<'a> Context<'a> {
    /// Returns what a schema demands of the keys of objects.
    pub(super) fn object_source(&mut self, node: Node<'a>) -> ObjectSource<'a> {
        let mut source = ObjectSource::empty(node);
        let Some(map) = node.keywords() else { return source };
        let dialect = self.document.dialect(node.resource);
        for (keyword, value) in known_keywords(map) {
            let Keyword::Object(object) = keyword else { continue };
            if !keyword.drafts().include(dialect) {
                continue;
            }
            match object {
                Object::Properties => source.properties = value.as_object(),
                Object::PatternProperties => {
                    let patterns = value.as_object();
                    source.too_many_patterns = patterns.is_some_and(|all| all.len() > MAX_PATTERNS);
                    let patterns = patterns.into_iter().flatten().take(MAX_PATTERNS);
                    source.patterns = patterns.map(|(pattern, schema)| (pattern.as_str(), schema)).collect();
                }
                Object::AdditionalProperties => source.additional = Some(value),
                Object::UnevaluatedProperties => {
                    source.unevaluated = Some((value, self.evaluated_keys(node)));
                }
                Object::Required => {
                    let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                    source.required = names.take(MAX_PROPERTIES).collect();
                }
                Object::PropertyNames => {
                    (source.allowed, source.forbidden) = self.names_by_schema(node, value);
                }
                Object::MaxProperties => source.must_be_empty = value.as_f64() == Some(0.0),
                // No type counts keys.
                Object::MinProperties => {}
                // These are choices.
                Object::DependentRequired | Object::DependentSchemas | Object::Dependencies => {}
            }
        }
        source
    }

    /// Returns the keys that the schema of `propertyNames` lists, or else those that it excludes.
    fn names_by_schema(
        &mut self,
        node: Node<'a>,
        schema: &'a Value,
    ) -> (Option<IndexSet<&'a str>>, IndexSet<&'a str>) {
        let schema = self.document.enter(schema, node.resource);
        let mut constraints = Constraints::new();
        self.constrain(&mut constraints, &[Condition::Valid(schema)]);
        if constraints.is_impossible() || !constraints.kinds.has(Kinds::STRING) {
            return (Some(IndexSet::new()), IndexSet::new());
        }
        let text = |value: &&'a Value| value.as_str();
        let excluded: IndexSet<&'a str> =
            constraints.excluded.iter().filter_map(text).take(MAX_NAMES).collect();
        match constraints.literals.filter(|values| values.len() <= MAX_NAMES) {
            Some(values) => {
                let names = values.iter().filter_map(text).filter(|name| !excluded.contains(name));
                (Some(names.collect()), IndexSet::new())
            }
            None => (None, excluded),
        }
    }
}
