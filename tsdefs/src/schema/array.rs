//! The shape of arrays: what all members of a conjunction say about each position.

use serde_json::{Map, Value};

use super::atom::{Atom, ItemFact};
use super::facts::Facts;
use super::graph::{Context, Hint};
use super::resolve::{Dialect, Node};
use super::types::{ArrayShape, TypeId};

/// Positions that get a type of their own; a longer tuple ends in any items.
const MOST_POSITIONS: usize = 64;

/// What one schema says about the items of an array.
struct Items<'a> {
    prefix: &'a [Value],
    /// Items behind the prefix.
    rest: Option<&'a Value>,
    /// Items that nothing else has spoken of, from a position on.
    unevaluated: Option<(usize, &'a Value)>,
}

impl<'a> Context<'a> {
    /// The arrays that meet the facts; with `equals`, only that one.
    pub fn array(&mut self, facts: &Facts<'a>, equals: Option<&'a Vec<Value>>) -> ArrayShape {
        let mut sources = Vec::with_capacity(facts.arrays.len());
        let (mut least, mut most) = (0, None::<usize>);
        for node in &facts.arrays {
            let Some(map) = node.keywords() else { continue };
            let (fewest, bound) = lengths(map, self.document.dialect(node.resource));
            least = least.max(fewest);
            most = [most, bound].into_iter().flatten().min();
            sources.push((*node, self.items(*node, map)));
        }
        for fact in &facts.items {
            match fact {
                ItemFact::AtLeast(count) => least = least.max(*count),
                ItemFact::AtMost(count) => most = Some(most.map_or(*count, |most| most.min(*count))),
                ItemFact::Violating(at, _) => least = least.max(at + 1),
                ItemFact::NoneIs(_) => {}
            }
        }
        if let Some(values) = equals {
            least = least.max(values.len());
            most = Some(most.map_or(values.len(), |most| most.min(values.len())));
        }
        let positions = sources.iter().map(|(_, items)| items.positions());
        let violating = facts.items.iter().filter_map(|fact| match fact {
            ItemFact::Violating(at, _) => Some(at + 1),
            _ => None,
        });
        let longest = positions.chain(equals.map(Vec::len)).chain(violating).max().unwrap_or(0);
        let mut prefix = Vec::new();
        for at in 0..longest.min(MOST_POSITIONS) {
            let mut atoms: Vec<Atom<'a>> =
                equals.and_then(|values| values.get(at)).map(Atom::Equals).into_iter().collect();
            self.item_atoms(&sources, at, &mut atoms);
            fact_atoms(&facts.items, Some(at), &mut atoms);
            prefix.push(self.intern(&atoms, Hint::Key("item".to_owned())));
        }
        let rest = if longest > MOST_POSITIONS {
            TypeId::TOO_LARGE
        } else if equals.is_some() {
            TypeId::NEVER
        } else {
            let mut atoms = Vec::new();
            self.item_atoms(&sources, longest, &mut atoms);
            fact_atoms(&facts.items, None, &mut atoms);
            self.intern(&atoms, Hint::Key("item".to_owned()))
        };
        ArrayShape { prefix, rest, least, most }
    }

    fn item_atoms(&mut self, sources: &[(Node<'a>, Items<'a>)], at: usize, atoms: &mut Vec<Atom<'a>>) {
        for (node, items) in sources {
            let schema = items.prefix.get(at).or(items.rest);
            let left = items.unevaluated.filter(|(from, _)| at >= *from).map(|(_, schema)| schema);
            for schema in schema.into_iter().chain(left) {
                atoms.push(Atom::Is(self.document.enter(schema, node.resource)));
            }
            self.step(1);
        }
    }

    fn items(&mut self, node: Node<'a>, map: &'a Map<String, Value>) -> Items<'a> {
        let dialect = self.document.dialect(node.resource);
        let (prefix, rest) = item_schemas(map, dialect);
        let unevaluated = match map.get("unevaluatedItems") {
            Some(schema) if dialect != Dialect::Draft7 => {
                self.first_unevaluated_item(node).map(|from| (from, schema))
            }
            _ => None,
        };
        Items { prefix, rest, unevaluated }
    }
}

/// What failed keywords say about the item at a position, or about those behind all positions.
fn fact_atoms<'a>(facts: &[ItemFact<'a>], position: Option<usize>, atoms: &mut Vec<Atom<'a>>) {
    atoms.extend(facts.iter().filter_map(|fact| match fact {
        ItemFact::Violating(at, node) if Some(*at) == position => Some(Atom::Not(*node)),
        ItemFact::NoneIs(node) => Some(Atom::Not(*node)),
        _ => None,
    }));
}

impl Items<'_> {
    fn positions(&self) -> usize {
        let unevaluated = self.unevaluated.map_or(0, |(from, _)| from);
        self.prefix.len().max(unevaluated)
    }
}

/// The schemas of the first items, and of the rest.
pub(crate) fn item_schemas(map: &Map<String, Value>, dialect: Dialect) -> (&[Value], Option<&Value>) {
    let items = map.get("items");
    if dialect == Dialect::Draft2020
        && let Some(prefix) = map.get("prefixItems").and_then(Value::as_array)
    {
        return (prefix, items.filter(|items| !items.is_array()));
    }
    match items {
        Some(Value::Array(prefix)) => (prefix, map.get("additionalItems")),
        other => (&[], other),
    }
}

/// The least and the greatest length.
fn lengths(map: &Map<String, Value>, dialect: Dialect) -> (usize, Option<usize>) {
    let count = |key: &str| {
        let number = map.get(key)?.as_f64()?;
        (number >= 0.0 && number.fract() == 0.0).then_some(number as usize)
    };
    // `contains` demands an item, unless `minContains` takes that back.
    let contained = match (map.get("contains"), count("minContains")) {
        (None, _) => 0,
        (Some(_), Some(fewest)) if dialect != Dialect::Draft7 => fewest,
        (Some(_), _) => 1,
    };
    (count("minItems").unwrap_or(0).max(contained), count("maxItems"))
}
