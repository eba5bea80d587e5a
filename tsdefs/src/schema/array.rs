//! The shape of arrays: what all members of a conjunction demand of each position.

use serde_json::{Map, Value};

use super::condition::{Condition, ItemCondition};
use super::constraints::Constraints;
use super::context::Context;
use super::dialect::Dialect;
use super::item_schemas::item_schemas;
use super::keyword::{Array, Keyword};
use super::resource::Node;
use super::types::{ArrayShape, NameHint, TypeId};

/// The positions that get a type of their own. A longer tuple ends in any items.
const MAX_POSITIONS: usize = 64;

/// The demands of one schema on the items of an array.
struct ItemSchemas<'a> {
    prefix: &'a [Value],
    /// The schema of the items behind the prefix.
    rest: Option<&'a Value>,
    /// The schema of items that no other keyword evaluates, and the position at which they begin.
    unevaluated: Option<(usize, &'a Value)>,
}

impl ItemSchemas<'_> {
    /// Returns the number of positions that differ from the rest.
    fn positions(&self) -> usize {
        let unevaluated = self.unevaluated.map_or(0, |(from, _)| from);
        self.prefix.len().max(unevaluated)
    }
}

/// The least and the greatest length of an array.
struct LengthRange {
    min: usize,
    max: Option<usize>,
}

impl LengthRange {
    fn at_least(&mut self, min: usize) {
        self.min = self.min.max(min);
    }

    fn at_most(&mut self, max: usize) {
        self.max = Some(self.max.map_or(max, |known| known.min(max)));
    }

    /// Takes in the keywords of a schema about lengths.
    fn add_keywords(&mut self, map: &Map<String, Value>, dialect: Dialect) {
        let count = |keyword: Array| {
            let number = Keyword::Array(keyword).value(map)?.as_f64()?;
            (number >= 0.0 && number.fract() == 0.0).then_some(number as usize)
        };
        self.at_least(count(Array::MinItems).unwrap_or(0));
        if Keyword::Array(Array::Contains).value(map).is_some() {
            // `contains` demands one item, unless `minContains` demands another number.
            let min_contains = Keyword::Array(Array::MinContains).drafts().include(dialect);
            self.at_least(count(Array::MinContains).filter(|_| min_contains).unwrap_or(1));
        }
        if let Some(max) = count(Array::MaxItems) {
            self.at_most(max);
        }
    }
}

impl<'a> Context<'a> {
    /// Returns the arrays that meet the constraints; with `equals`, only that one.
    pub fn array(&mut self, constraints: &Constraints<'a>, equals: Option<&'a Vec<Value>>) -> ArrayShape {
        let mut sources = Vec::with_capacity(constraints.arrays.len());
        let mut lengths = LengthRange { min: 0, max: None };
        for node in &constraints.arrays {
            let Some(map) = node.keywords() else { continue };
            lengths.add_keywords(map, self.document.dialect(node.resource));
            sources.push((*node, self.item_schemas_of(*node, map)));
        }
        for condition in &constraints.items {
            match condition {
                ItemCondition::AtLeast(count) => lengths.at_least(*count),
                ItemCondition::AtMost(count) => lengths.at_most(*count),
                ItemCondition::InvalidAt(at, _) => lengths.at_least(at + 1),
                ItemCondition::AllInvalid(_) => {}
            }
        }
        if let Some(values) = equals {
            lengths.at_least(values.len());
            lengths.at_most(values.len());
        }
        let positions = sources.iter().map(|(_, items)| items.positions());
        let conditions = constraints.items.iter().filter_map(|condition| match condition {
            ItemCondition::InvalidAt(at, _) => Some(at + 1),
            ItemCondition::AtLeast(_) | ItemCondition::AtMost(_) | ItemCondition::AllInvalid(_) => None,
        });
        let longest = positions.chain(equals.map(Vec::len)).chain(conditions).max().unwrap_or(0);
        let mut prefix = Vec::new();
        for at in 0..longest.min(MAX_POSITIONS) {
            let value = equals.and_then(|values| values.get(at)).map(Condition::Equals);
            let mut conditions: Vec<Condition<'a>> = value.into_iter().collect();
            self.add_item_schemas(&sources, at, &mut conditions);
            add_item_conditions(&constraints.items, Some(at), &mut conditions);
            prefix.push(self.intern(&conditions, NameHint::Key("item".to_owned())));
        }
        let rest = if longest > MAX_POSITIONS {
            TypeId::TOO_LARGE
        } else if equals.is_some() {
            TypeId::NEVER
        } else {
            let mut conditions = Vec::new();
            self.add_item_schemas(&sources, longest, &mut conditions);
            add_item_conditions(&constraints.items, None, &mut conditions);
            self.intern(&conditions, NameHint::Key("item".to_owned()))
        };
        ArrayShape { prefix, rest, min_length: lengths.min, max_length: lengths.max }
    }

    fn item_schemas_of(&mut self, node: Node<'a>, map: &'a Map<String, Value>) -> ItemSchemas<'a> {
        let dialect = self.document.dialect(node.resource);
        let (prefix, rest) = item_schemas(map, dialect);
        let keyword = Keyword::Array(Array::UnevaluatedItems);
        let unevaluated = match keyword.value(map) {
            Some(schema) if keyword.drafts().include(dialect) => {
                self.first_unevaluated_item(node).map(|from| (from, schema))
            }
            _ => None,
        };
        ItemSchemas { prefix, rest, unevaluated }
    }

    /// Adds what the schemas demand of the item at a position.
    fn add_item_schemas(
        &mut self,
        sources: &[(Node<'a>, ItemSchemas<'a>)],
        at: usize,
        conditions: &mut Vec<Condition<'a>>,
    ) {
        for (node, items) in sources {
            let schema = items.prefix.get(at).or(items.rest);
            let unevaluated = items.unevaluated.filter(|(from, _)| at >= *from).map(|(_, schema)| schema);
            for schema in schema.into_iter().chain(unevaluated) {
                conditions.push(Condition::Valid(self.document.enter(schema, node.resource)));
            }
            self.step(1);
        }
    }
}

/// Adds the conditions on the item at a position; without a position, on those behind all
/// positions.
fn add_item_conditions<'a>(
    items: &[ItemCondition<'a>],
    position: Option<usize>,
    conditions: &mut Vec<Condition<'a>>,
) {
    conditions.extend(items.iter().filter_map(|condition| match condition {
        ItemCondition::InvalidAt(at, node) if Some(*at) == position => Some(Condition::Invalid(*node)),
        ItemCondition::AllInvalid(node) => Some(Condition::Invalid(*node)),
        ItemCondition::InvalidAt(..) | ItemCondition::AtLeast(_) | ItemCondition::AtMost(_) => None,
    }));
}
