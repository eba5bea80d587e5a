//! The graph of types of one schema: a work list of conjunctions that become types, breadth first.
//!
//! Nothing here recurses: deep nesting in a hostile schema takes a longer list, not stack. What
//! exceeds a bound becomes "any value"; breadth first, the outermost types stay exact for longest.

use serde_json::Value;

use super::accepted_kinds::named_kinds;
use super::condition::Condition;
use super::context::Context;
use super::kinds::Kinds;
use super::simplify::simplify;
use super::types::{NameHint, Note, Type, TypeId};

/// The units of work for one schema. The 179 real tools take 222 at most. The time that one unit
/// takes differs between schemas.
const MAX_STEPS: usize = 300_000;

/// The units of work for all schemas of one list together, as far as each gets [`MIN_STEPS`].
const MAX_LIST_STEPS: usize = 3_000_000;

/// The units of work for a schema in a list of any length.
const MIN_STEPS: usize = 10_000;

/// Returns the units of work for each schema in a list of `tools` tools.
///
/// Each schema gets the same, regardless of the order in which they finish, so that a list gives
/// the same text on any number of threads.
pub(crate) fn steps_per_schema(tools: usize) -> usize {
    (MAX_LIST_STEPS / tools.max(1)).clamp(MIN_STEPS, MAX_STEPS)
}

/// The types of one schema.
pub(crate) struct Graph<'a> {
    pub types: Vec<Type<'a>>,
    pub hints: Vec<NameHint>,
    pub root: TypeId,
}

impl<'a> Graph<'a> {
    /// Returns the types of a tool's arguments. They are always an object, so a schema that does
    /// not restrict the kinds is about objects. After `steps` units of work, types are "any value".
    pub fn of_arguments(schema: &'a Value, steps: usize) -> Self {
        Self::new(schema, true, steps)
    }

    /// Returns the types of a tool's result. After `steps` units of work, types are "any value".
    pub fn of_result(schema: &'a Value, steps: usize) -> Self {
        Self::new(schema, false, steps)
    }

    fn new(schema: &'a Value, is_object: bool, steps: usize) -> Self {
        let mut context = Context::new(schema, steps);
        context.types[TypeId::TOO_LARGE.index()].note = Some(Note::TooLarge);
        let node = context.document.enter(schema, context.document.root().resource);
        let mut conditions = vec![Condition::Valid(node)];
        if is_object {
            let normal = context.normalize(&conditions);
            if named_kinds(&normal.conditions) == Kinds::ALL {
                conditions.push(Condition::Kinds(Kinds::OBJECT));
            }
        }
        let root = context.intern(&conditions, NameHint::None);
        while let Some((id, conjunction)) = context.queue.pop_front() {
            let mut found = if context.steps == 0 {
                context.types[TypeId::TOO_LARGE.index()].clone()
            } else {
                context.expand(&conjunction.conditions)
            };
            found.note = found.note.or(conjunction.note);
            context.types[id.index()] = found;
        }
        let Context { mut types, hints, .. } = context;
        simplify(&mut types);
        Self { types, hints, root }
    }

    pub fn get(&self, id: TypeId) -> &Type<'a> {
        &self.types[id.index()]
    }

    /// Returns a type and its alternatives, and theirs, each once.
    pub fn alternatives(&self, root: TypeId) -> impl Iterator<Item = &Type<'a>> {
        let mut seen = vec![root];
        let mut next = 0;
        std::iter::from_fn(move || {
            let found = self.get(*seen.get(next)?);
            next += 1;
            for other in &found.others {
                if !seen.contains(other) {
                    seen.push(*other);
                }
            }
            Some(found)
        })
    }
}
