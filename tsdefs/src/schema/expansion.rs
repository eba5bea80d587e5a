//! The type of one conjunction: its constraints, and then each alternative, choice by choice.

use serde_json::Value;

use super::condition::{Choice, Condition};
use super::constraints::Constraints;
use super::context::Context;
use super::kinds::Kinds;
use super::literal::{equal, is_in_range, is_integer};
use super::types::{NameHint, Note, Type};

/// The alternatives that several choices may make together. A single choice may have more: it is
/// written as it stands, while combinations multiply.
const MAX_COMBINATIONS: usize = 16;

impl<'a> Context<'a> {
    /// Returns the type of a conjunction.
    pub fn expand(&mut self, conditions: &[Condition<'a>]) -> Type<'a> {
        let mut constraints = Constraints::new();
        self.constrain(&mut constraints, conditions);
        if constraints.is_impossible() {
            return Type::default();
        }
        if constraints.is_only_a_choice() {
            return self.alternatives(constraints);
        }
        let mut result = Type::default();
        let mut stack = vec![constraints];
        while let Some(mut constraints) = stack.pop() {
            if constraints.choices.is_empty() {
                self.add_values(&constraints, &mut result);
                continue;
            }
            let mut choice = constraints.choices.remove(0);
            choice.retain(|branch| !self.kinds_of(branch).and(constraints.kinds).is_empty());
            let breadth = constraints.breadth.saturating_mul(choice.len());
            let too_many = constraints.breadth > 1 && breadth > MAX_COMBINATIONS;
            if too_many || !self.step(choice.len() * 16) {
                constraints.note = Some(Note::TooManyChoices);
                let kinds: Vec<Kinds> = choice.iter().map(|branch| self.kinds_of(branch)).collect();
                constraints.restrict(kinds.into_iter().fold(Kinds::NONE, Kinds::or));
                if !constraints.is_impossible() {
                    stack.push(constraints);
                }
                continue;
            }
            for branch in choice.iter().rev() {
                let mut alternative = constraints.clone();
                alternative.breadth = breadth;
                self.constrain(&mut alternative, branch);
                if !alternative.is_impossible() {
                    stack.push(alternative);
                }
            }
        }
        result
    }

    /// Returns the type of a single choice. Each branch stays a type of its own, so that
    /// definitions keep their names.
    fn alternatives(&mut self, mut constraints: Constraints<'a>) -> Type<'a> {
        let choice: Choice<'a> = constraints.choices.pop().unwrap_or_default();
        let mut result = Type { note: constraints.note, ..Type::default() };
        for mut branch in choice {
            let normal = self.normalize(&branch);
            if !constraints.kinds.has(self.kinds_of(&normal.conditions)) {
                branch.push(Condition::Kinds(constraints.kinds));
            }
            let id = self.intern(&branch, NameHint::None);
            if !result.others.contains(&id) {
                result.others.push(id);
            }
        }
        result
    }

    /// Adds the values that the constraints allow, after all choices are made.
    fn add_values(&mut self, constraints: &Constraints<'a>, result: &mut Type<'a>) {
        if result.note.is_none() {
            result.note.clone_from(&constraints.note);
        }
        match &constraints.literals {
            Some(values) => values.iter().for_each(|value| self.add_literal(constraints, value, result)),
            None => self.add_kinds(constraints, result),
        }
    }

    fn add_kinds(&mut self, constraints: &Constraints<'a>, result: &mut Type<'a>) {
        let mut kinds = constraints.kinds;
        for value in &constraints.excluded {
            if matches!(value, Value::Null | Value::Bool(_)) {
                kinds = kinds.without(Kinds::of(value));
            }
        }
        if kinds.has(Kinds::ARRAY) {
            let shape = self.array(constraints, None);
            result.add_array(shape);
        }
        if kinds.has(Kinds::OBJECT) {
            let shape = self.object(constraints, None);
            result.add_object(shape);
        }
        result.add_scalars(kinds.and(Kinds::SCALARS));
    }

    fn add_literal(&mut self, constraints: &Constraints<'a>, value: &'a Value, result: &mut Type<'a>) {
        if !constraints.kinds.has(Kinds::of(value))
            || constraints.excluded.iter().any(|excluded| equal(value, excluded))
            || !constraints.ranges.iter().all(|keywords| is_in_range(value, keywords))
        {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => result.add_scalars(Kinds::of(value)),
            Value::Number(number) if constraints.integer && !is_integer(number) => {}
            Value::Number(number) => result.add_number(number),
            Value::String(text) => result.add_string(text),
            Value::Array(items) => {
                let shape = self.array(constraints, Some(items));
                result.add_array(shape);
            }
            Value::Object(members) => {
                let shape = self.object(constraints, Some(members));
                result.add_object(shape);
            }
        }
    }
}
