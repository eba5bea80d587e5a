//! One conjunction → one type: its facts, then choice by choice each alternative.

use serde_json::Value;

use super::atom::Atom;
use super::facts::{Choice, Facts};
use super::graph::{Context, Hint};
use super::literal::{equal, is_integer, meets};
use super::types::{Kinds, Note, Type};

/// Alternatives that several choices may make together. One choice alone may have more: it is written as it stands,
/// while combinations multiply.
const MOST_COMBINED: usize = 16;

impl<'a> Context<'a> {
    /// The type of a conjunction.
    pub fn expand(&mut self, atoms: &[Atom<'a>]) -> Type<'a> {
        let mut facts = Facts::new();
        self.absorb(&mut facts, atoms);
        if facts.is_impossible() {
            return Type::default();
        }
        if facts.is_pure_choice() {
            return self.alternatives(facts);
        }
        let mut made = Type::default();
        let mut stack = vec![facts];
        while let Some(mut facts) = stack.pop() {
            if facts.choices.is_empty() {
                self.finish(&facts, &mut made);
                continue;
            }
            let mut choice = facts.choices.remove(0);
            choice.retain(|branch| !self.kinds_of(branch).and(facts.kinds).is_empty());
            let breadth = facts.breadth.saturating_mul(choice.len());
            if (facts.breadth > 1 && breadth > MOST_COMBINED) || !self.step(choice.len() * 16) {
                facts.note = Some(Note::TooManyChoices);
                let kinds: Vec<Kinds> = choice.iter().map(|branch| self.kinds_of(branch)).collect();
                facts.restrict(kinds.into_iter().fold(Kinds::NONE, Kinds::or));
                if !facts.is_impossible() {
                    stack.push(facts);
                }
                continue;
            }
            for branch in choice.iter().rev() {
                let mut alternative = facts.clone();
                alternative.breadth = breadth;
                self.absorb(&mut alternative, branch);
                if !alternative.is_impossible() {
                    stack.push(alternative);
                }
            }
        }
        made
    }

    /// A choice and nothing else: each branch stays a type of its own, so that definitions keep their names.
    fn alternatives(&mut self, mut facts: Facts<'a>) -> Type<'a> {
        let choice: Choice<'a> = facts.choices.pop().unwrap_or_default();
        let mut made = Type { note: facts.note, ..Type::default() };
        for mut branch in choice {
            let normal = self.normal(&branch);
            if !facts.kinds.has(self.kinds_of(&normal.atoms)) {
                branch.push(Atom::Kinds(facts.kinds));
            }
            let id = self.intern(&branch, Hint::None);
            if !made.others.contains(&id) {
                made.others.push(id);
            }
        }
        made
    }

    /// Adds what the facts allow, all choices made, to `made`.
    fn finish(&mut self, facts: &Facts<'a>, made: &mut Type<'a>) {
        if made.note.is_none() {
            made.note.clone_from(&facts.note);
        }
        match &facts.literals {
            Some(values) => values.iter().for_each(|value| self.add_literal(facts, value, made)),
            None => self.add_kinds(facts, made),
        }
    }

    fn add_kinds(&mut self, facts: &Facts<'a>, made: &mut Type<'a>) {
        let mut kinds = facts.kinds;
        for value in &facts.excluded {
            if matches!(value, Value::Null | Value::Bool(_)) {
                kinds = kinds.without(Kinds::of(value));
            }
        }
        if kinds.has(Kinds::ARRAY) {
            let shape = self.array(facts, None);
            made.add_array(shape);
        }
        if kinds.has(Kinds::OBJECT) {
            let shape = self.object(facts, None);
            made.add_object(shape);
        }
        made.add_scalars(kinds.without(Kinds::ARRAY).without(Kinds::OBJECT));
    }

    fn add_literal(&mut self, facts: &Facts<'a>, value: &'a Value, made: &mut Type<'a>) {
        if !facts.kinds.has(Kinds::of(value))
            || facts.excluded.iter().any(|excluded| equal(value, excluded))
            || !facts.scalars.iter().all(|keywords| meets(value, keywords))
        {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => made.add_scalars(Kinds::of(value)),
            Value::Number(number) if facts.integer && !is_integer(number) => {}
            Value::Number(number) => made.add_number(number),
            Value::String(text) => made.add_string(text),
            Value::Array(items) => {
                let shape = self.array(facts, Some(items));
                made.add_array(shape);
            }
            Value::Object(members) => {
                let shape = self.object(facts, Some(members));
                made.add_object(shape);
            }
        }
    }
}
