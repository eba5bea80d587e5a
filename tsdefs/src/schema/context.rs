//! The state of the construction of a graph. Modules with a step of the construction add methods to
//! it.

use std::collections::VecDeque;

use serde_json::Value;

use super::address_map::AddressMap;
use super::condition::{ConditionId, Conjunction};
use super::document::Document;
use super::kind_bounds::KindBounds;
use super::pattern::Patterns;
use super::types::{NameHint, Type, TypeId};

/// The state of the construction of a graph.
pub(crate) struct Context<'a> {
    pub document: Document<'a>,
    pub patterns: Patterns,
    /// The bounds that are known, by the address of the schema.
    pub known_kind_bounds: AddressMap<usize, KindBounds>,
    pub types: Vec<Type<'a>>,
    pub hints: Vec<NameHint>,
    /// The types of conjunctions.
    pub known: AddressMap<Box<[ConditionId]>, TypeId>,
    /// The conjunctions whose types are still to be constructed.
    pub queue: VecDeque<(TypeId, Conjunction<'a>)>,
    /// The units of work that are left.
    pub steps: usize,
}

impl<'a> Context<'a> {
    /// Returns a context with only the types that every graph has.
    pub fn new(schema: &'a Value, steps: usize) -> Self {
        Self {
            document: Document::new(schema),
            patterns: Patterns::default(),
            known_kind_bounds: AddressMap::default(),
            types: vec![Type::everything(), Type::default(), Type::everything()],
            hints: vec![NameHint::None; 3],
            known: AddressMap::default(),
            queue: VecDeque::new(),
            steps,
        }
    }

    /// Takes `count` units of the work that is allowed. Returns false once none is left.
    pub fn step(&mut self, count: usize) -> bool {
        self.steps = self.steps.saturating_sub(count.saturating_add(self.document.take_work()));
        self.steps > 0
    }
}
