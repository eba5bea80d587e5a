//! Bounds on the kinds of values that a schema accepts: `{ "maxItems": 1 }` accepts every string,
//! `{ "type": "object" }` rejects every string.
//!
//! # The logic
//!
//! Of the values of one kind, a schema accepts all ("true"), rejects all ("false"), or something
//! else is the case or is not known ("unknown"). These are the truth values of Kleene's
//! three-valued logic, and [`KindBounds`] holds one for each kind: it is true in `accepts`, false
//! in `rejects`, unknown in neither. With *A* and *R* for the two sets:
//!
//! | schema | A | R |
//! |---|---|---|
//! | `allOf` and keywords side by side: *S* and *T* | A(S) ∩ A(T) | R(S) ∪ R(T) |
//! | `anyOf`: *S* or *T* | A(S) ∪ A(T) | R(S) ∩ R(T) |
//! | `not` *S* | R(S) | A(S) |
//! | `oneOf` | accepted by one branch, rejected by the others | rejected by all, or accepted by two |
//! | `if` *C* `then` *S* `else` *T* | both branches accept, or the selected one does | likewise |
//! | a keyword about some kinds | the other kinds | none |
//! | an annotation | all kinds | none |
//!
//! "Unknown" is always a correct answer, so an approximation may only take kinds out of `accepts`
//! and `rejects`. The [negation](super::negation) of a schema, and the branches of a `oneOf`, rely
//! on both.
//!
//! Without these bounds, alternatives would multiply: of two branches of a `oneOf`, one loses the
//! kinds that the other accepts as a whole, and how the other may fail need not be listed.

use serde_json::Value;

use super::kinds::Kinds;

/// The kinds of which a schema accepts every value, and those of which it rejects every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindBounds {
    pub accepts: Kinds,
    pub rejects: Kinds,
}

impl KindBounds {
    pub const UNKNOWN: Self = Self { accepts: Kinds::NONE, rejects: Kinds::NONE };
    pub const ALWAYS: Self = Self { accepts: Kinds::ALL, rejects: Kinds::NONE };
    pub const NEVER: Self = Self { accepts: Kinds::NONE, rejects: Kinds::ALL };

    /// Returns the bounds of a keyword that may fail for values of `kinds` only.
    pub fn unknown_for(kinds: Kinds) -> Self {
        Self { accepts: kinds.complement(), rejects: Kinds::NONE }
    }

    pub fn and(self, other: Self) -> Self {
        Self { accepts: self.accepts.and(other.accepts), rejects: self.rejects.or(other.rejects) }
    }

    pub fn or(self, other: Self) -> Self {
        Self { accepts: self.accepts.or(other.accepts), rejects: self.rejects.and(other.rejects) }
    }

    pub fn not(self) -> Self {
        Self { accepts: self.rejects, rejects: self.accepts }
    }

    pub fn all_of(members: impl Iterator<Item = Self>) -> Self {
        members.fold(Self::ALWAYS, Self::and)
    }

    pub fn any_of(members: impl Iterator<Item = Self>) -> Self {
        members.fold(Self::NEVER, Self::or)
    }

    pub fn one_of(members: impl Iterator<Item = Self>) -> Self {
        // The kinds that no member so far accepts, that exactly one accepts and the others reject,
        // that some member accepts, and that two accept.
        let (mut none, mut one) = (Kinds::ALL, Kinds::NONE);
        let (mut some, mut several) = (Kinds::NONE, Kinds::NONE);
        for member in members {
            several = several.or(some.and(member.accepts));
            some = some.or(member.accepts);
            one = one.and(member.rejects).or(none.and(member.accepts));
            none = none.and(member.rejects);
        }
        Self { accepts: one, rejects: none.or(several) }
    }

    pub fn conditional(premise: Self, then: Self, otherwise: Self) -> Self {
        let selected = premise.and(then).or(premise.not().and(otherwise));
        // Where the premise is unknown, both branches decide.
        Self {
            accepts: selected.accepts.or(then.accepts.and(otherwise.accepts)),
            rejects: selected.rejects.or(then.rejects.and(otherwise.rejects)),
        }
    }

    pub fn of_type(value: &Value) -> Self {
        match (Kinds::of_type(value), Kinds::whole_of_type(value)) {
            (Some(named), Some(whole)) => Self { accepts: whole, rejects: named.complement() },
            _ => Self::ALWAYS,
        }
    }

    /// A list of values has every value of a kind only where the kind has one value.
    pub fn of_literals(values: &[Value]) -> Self {
        let present = Kinds::of_all(values);
        Self { accepts: present.and(Kinds::NULL.or(Kinds::BOOLEAN)), rejects: present.complement() }
    }
}
