//! Conditions on one value, conjunctions of them in normal form, and choices between conjunctions.

use serde_json::Value;

use super::kinds::Kinds;
use super::resource::Node;
use super::types::Note;

/// A condition on one value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    /// The value is valid under the schema, references and `allOf` included.
    Valid(Node<'a>),
    /// The value is valid under the schema's own keywords: without `nullable`, references and
    /// `allOf`.
    OwnKeywords(Node<'a>),
    /// The value is `null`, or valid under the schema, which has `nullable: true`.
    Nullable(Node<'a>),
    /// The value is invalid under the schema.
    Invalid(Node<'a>),
    /// The value equals this one.
    Equals(&'a Value),
    /// The value differs from this one.
    Differs(&'a Value),
    /// The value is of one of these kinds.
    Kinds(Kinds),
    /// The value, if it is an object, meets a condition on one key.
    Key(KeyCondition<'a>),
    /// The value, if it is an array, meets a condition on its items.
    Items(ItemCondition<'a>),
}

/// A condition on the items of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ItemCondition<'a> {
    /// The array has so many items or more.
    AtLeast(usize),
    /// The array has so many items or fewer.
    AtMost(usize),
    /// The item at this position exists and is invalid under the schema.
    InvalidAt(usize, Node<'a>),
    /// Every item is invalid under the schema.
    AllInvalid(Node<'a>),
}

/// A condition on one key of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyCondition<'a> {
    pub key: &'a str,
    pub presence: Presence<'a>,
}

/// The presence of a key, and a condition on its value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presence<'a> {
    /// The key is absent.
    Absent,
    /// The key is present.
    Required,
    /// The key is present, and its value is invalid under the schema.
    RequiredInvalid(Node<'a>),
    /// The key is absent, or its value is invalid under the schema.
    AbsentOrInvalid(Node<'a>),
}

/// The identity of a condition: its variant, and the addresses or numbers that it holds.
pub(crate) type ConditionId = (u8, usize, usize);

impl<'a> Condition<'a> {
    /// Returns the identity. Two conditions on the same schema in memory are the same.
    pub fn id(&self) -> ConditionId {
        let address = |value: &Value| std::ptr::from_ref(value) as usize;
        match self {
            Self::Valid(node) => (0, node.address(), 0),
            Self::OwnKeywords(node) => (1, node.address(), 0),
            Self::Nullable(node) => (2, node.address(), 0),
            Self::Invalid(node) => (3, node.address(), 0),
            Self::Equals(value) => (4, address(value), 0),
            Self::Differs(value) => (5, address(value), 0),
            Self::Kinds(kinds) => (6, usize::from(kinds.bits()), 0),
            Self::Key(condition) => {
                let key = condition.key.as_ptr() as usize;
                match condition.presence {
                    Presence::Absent => (7, key, condition.key.len()),
                    Presence::Required => (8, key, condition.key.len()),
                    Presence::RequiredInvalid(node) => (9, key, node.address()),
                    Presence::AbsentOrInvalid(node) => (10, key, node.address()),
                }
            }
            Self::Items(ItemCondition::AtLeast(count)) => (11, *count, 0),
            Self::Items(ItemCondition::AtMost(count)) => (12, *count, 0),
            Self::Items(ItemCondition::InvalidAt(at, node)) => (13, *at, node.address()),
            Self::Items(ItemCondition::AllInvalid(node)) => (14, node.address(), 0),
        }
    }

    /// Returns the condition that `key` of an object has this presence.
    pub fn key(key: &'a str, presence: Presence<'a>) -> Self {
        Self::Key(KeyCondition { key, presence })
    }
}

/// A conjunction in normal form: without references, `allOf`, repetitions and conditions that
/// always hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conjunction<'a> {
    pub conditions: Vec<Condition<'a>>,
    /// No value meets the conjunction.
    pub impossible: bool,
    pub note: Option<Note>,
}

impl Conjunction<'_> {
    /// Returns whether every value meets the conjunction.
    pub fn is_everything(&self) -> bool {
        self.conditions.is_empty() && !self.impossible && self.note.is_none()
    }

    /// Returns the identity: the same for the same set of conditions in any order.
    pub fn id(&self) -> Box<[ConditionId]> {
        let mut ids: Vec<ConditionId> = self.conditions.iter().map(Condition::id).collect();
        ids.sort_unstable();
        ids.into_boxed_slice()
    }
}

/// A choice between alternatives: a value meets all conditions of at least one branch.
pub(crate) type Choice<'a> = Vec<Vec<Condition<'a>>>;
