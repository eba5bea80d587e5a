//! The members of a conjunction, and how references and `allOf` dissolve into them.

use std::rc::Rc;

use serde_json::Value;

use super::graph::Context;
use super::places::Places;
use super::resolve::{Dialect, Node};
use super::types::{Kinds, Note};
use crate::lenient::TOO_DEEP;

/// Members of one conjunction, at most; further ones are dropped, which widens.
const MOST_ATOMS: usize = 128;

/// One condition on a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Atom<'a> {
    /// Valid under the schema, references and `allOf` included.
    Is(Node<'a>),
    /// Valid under the schema's own keywords, without `nullable`, references and `allOf`.
    Own(Node<'a>),
    /// `null`, or valid under a schema that says `nullable`.
    Nullable(Node<'a>),
    /// Not valid under the schema.
    Not(Node<'a>),
    /// Exactly this value.
    Equals(&'a Value),
    /// Not this value.
    Differs(&'a Value),
    /// Of one of these kinds.
    Kinds(Kinds),
    /// If an object, then with this said about one key.
    Key(KeyFact<'a>),
    /// If an array, then with this said about its items.
    Items(ItemFact<'a>),
}

/// What is said about the items of an array where a keyword has failed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ItemFact<'a> {
    AtLeast(usize),
    AtMost(usize),
    /// There, and not valid under the schema.
    Violating(usize, Node<'a>),
    /// None is valid under the schema.
    NoneIs(Node<'a>),
}

/// What is said about one key of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyFact<'a> {
    pub key: &'a str,
    pub presence: Presence<'a>,
}

/// Whether a key is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presence<'a> {
    Absent,
    Required,
    /// There, with a value that is not valid under the schema.
    Violating(Node<'a>),
    /// Absent, or with a value that is not valid under the schema.
    AbsentOrViolating(Node<'a>),
}

/// The identity of an atom: what it says, and of which place in memory.
pub(crate) type AtomKey = (u8, usize, usize);

impl<'a> Atom<'a> {
    pub fn key(&self) -> AtomKey {
        let place = |value: &Value| std::ptr::from_ref(value) as usize;
        match self {
            Self::Is(node) => (0, node.address(), 0),
            Self::Own(node) => (1, node.address(), 0),
            Self::Nullable(node) => (2, node.address(), 0),
            Self::Not(node) => (3, node.address(), 0),
            Self::Equals(value) => (4, place(value), 0),
            Self::Differs(value) => (5, place(value), 0),
            Self::Kinds(kinds) => (6, usize::from(kinds.bits()), 0),
            Self::Key(fact) => {
                let key = fact.key.as_ptr() as usize;
                match fact.presence {
                    Presence::Absent => (7, key, fact.key.len()),
                    Presence::Required => (8, key, fact.key.len()),
                    Presence::Violating(node) => (9, key, node.address()),
                    Presence::AbsentOrViolating(node) => (10, key, node.address()),
                }
            }
            Self::Items(ItemFact::AtLeast(count)) => (11, *count, 0),
            Self::Items(ItemFact::AtMost(count)) => (12, *count, 0),
            Self::Items(ItemFact::Violating(at, node)) => (13, *at, node.address()),
            Self::Items(ItemFact::NoneIs(node)) => (14, node.address(), 0),
        }
    }
}

/// A conjunction in normal form: no references, no `allOf`, nothing twice, nothing that is always true.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conjunction<'a> {
    pub atoms: Vec<Atom<'a>>,
    /// No value meets it.
    pub impossible: bool,
    pub note: Option<Note>,
}

impl Conjunction<'_> {
    /// Every value meets it.
    pub fn is_everything(&self) -> bool {
        self.atoms.is_empty() && !self.impossible && self.note.is_none()
    }

    /// The identity: the same set of atoms in any order.
    pub fn key(&self) -> Box<[AtomKey]> {
        let mut keys: Vec<AtomKey> = self.atoms.iter().map(Atom::key).collect();
        keys.sort_unstable();
        keys.into_boxed_slice()
    }
}

impl<'a> Context<'a> {
    /// Dissolves references and `allOf` until only own keywords are left. A cycle of references adds nothing: a schema
    /// that is met twice is the same condition.
    pub fn normal(&mut self, atoms: &[Atom<'a>]) -> Conjunction<'a> {
        let mut result = Conjunction::default();
        let mut seen: Places<AtomKey> = Places::default();
        let mut stack: Vec<Atom<'a>> = atoms.iter().rev().copied().collect();
        while let Some(atom) = stack.pop() {
            if !self.step(1) || result.atoms.len() >= MOST_ATOMS || seen.len() >= MOST_ATOMS * 8 {
                result.note = Some(Note::TooLarge);
                break;
            }
            if !seen.insert(atom.key()) {
                continue;
            }
            match atom {
                Atom::Is(node) => match node.schema {
                    Value::Bool(false) => {
                        result.impossible = true;
                        return result;
                    }
                    Value::Object(map) if map.get("nullable") == Some(&Value::Bool(true)) => {
                        result.atoms.push(Atom::Nullable(node));
                    }
                    Value::Object(_) => self.dissolve(node, &mut stack, &mut result),
                    _ => {}
                },
                other => result.atoms.push(other),
            }
        }
        result
    }

    /// Splits a schema into its own keywords, what it refers to, and the members of `allOf`; in this order, which is
    /// the order of properties in the end.
    pub fn dissolve(&mut self, node: Node<'a>, stack: &mut Vec<Atom<'a>>, result: &mut Conjunction<'a>) {
        let Some(map) = node.keywords() else { return };
        // Every keyword is looked at below, those that mean nothing too.
        self.step(map.len() / 4);
        let dialect = self.document.dialect(node.resource);
        if let Some(members) = map.get("allOf").and_then(Value::as_array)
            && !(dialect == Dialect::Draft7 && map.contains_key("$ref"))
        {
            self.step(members.len().min(MOST_ATOMS * 8));
            for member in members.iter().take(MOST_ATOMS * 8).rev() {
                let member = self.document.enter(member, node.resource);
                stack.push(Atom::Is(member));
            }
        }
        if dialect != Dialect::Draft7 {
            for candidates in self.dynamic_targets(node) {
                match candidates[..] {
                    // Several possible targets are a choice, which the own keywords make.
                    [only] => stack.push(Atom::Is(only)),
                    [] => result.note = Some(Note::Unresolved("$dynamicRef".to_owned())),
                    _ => {}
                }
            }
        }
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            match self.document.resolve(node.resource, reference) {
                Some(target) => stack.push(Atom::Is(target)),
                None if reference == TOO_DEEP => result.note = Some(Note::TooLarge),
                None => result.note = Some(Note::Unresolved(reference.chars().take(120).collect())),
            }
            if dialect == Dialect::Draft7 {
                return;
            }
        }
        if map.keys().any(|key| is_constraint(key)) {
            result.atoms.push(Atom::Own(node));
        }
    }

    /// The possible targets of `$dynamicRef` and `$recursiveRef`.
    pub fn dynamic_targets(&mut self, node: Node<'a>) -> Vec<Rc<[Node<'a>]>> {
        let Some(map) = node.keywords() else { return Vec::new() };
        let mut targets = Vec::new();
        if let Some(reference) = map.get("$dynamicRef").and_then(Value::as_str) {
            targets.push(self.document.resolve_dynamic(node.resource, reference));
        }
        if map.get("$recursiveRef").is_some_and(Value::is_string) {
            targets.push(self.document.resolve_recursive(node.resource));
        }
        targets
    }
}

/// Whether a keyword says something of its own about values. References and `allOf` are dissolved, the rest are
/// annotations or unknown.
fn is_constraint(keyword: &str) -> bool {
    matches!(
        keyword,
        "type"
            | "enum"
            | "const"
            | "not"
            | "anyOf"
            | "oneOf"
            | "if"
            | "$dynamicRef"
            | "$recursiveRef"
            | "dependentRequired"
            | "dependentSchemas"
            | "dependencies"
    ) || is_object_keyword(keyword)
        || is_array_keyword(keyword)
        || is_scalar_keyword(keyword)
}

/// Keywords that speak about objects only, and that a type can say something of.
pub(crate) fn is_object_keyword(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties"
            | "patternProperties"
            | "additionalProperties"
            | "required"
            | "propertyNames"
            | "maxProperties"
            | "unevaluatedProperties"
    )
}

/// Keywords that speak about arrays only.
pub(crate) fn is_array_keyword(keyword: &str) -> bool {
    matches!(
        keyword,
        "items"
            | "prefixItems"
            | "additionalItems"
            | "contains"
            | "minItems"
            | "maxItems"
            | "unevaluatedItems"
    )
}

/// Keywords that a type cannot say, but that decide about literals.
pub(crate) fn is_scalar_keyword(keyword: &str) -> bool {
    matches!(
        keyword,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minLength" | "maxLength"
    )
}
