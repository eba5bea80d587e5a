//! The normal form of a conjunction: references and `allOf` are replaced by the schemas that they
//! name.

use std::rc::Rc;

use serde_json::Value;

use super::address_map::AddressSet;
use super::condition::{Condition, ConditionId, Conjunction};
use super::context::Context;
use super::keyword::{Keyword, Logic, Reference, known_keywords};
use super::references::TOO_DEEP_REFERENCE;
use super::resource::Node;
use super::type_part::TypePart;
use super::types::Note;

/// The conditions of one conjunction. Further ones are dropped, which widens the type.
const MAX_CONDITIONS: usize = 128;

/// The conditions that are looked at while one conjunction is normalized.
const MAX_VISITED: usize = MAX_CONDITIONS * 8;

/// The characters of an unresolved reference that a note shows.
const MAX_REFERENCE_CHARS: usize = 120;

impl<'a> Context<'a> {
    /// Replaces references and `allOf` by the schemas that they name, until only own keywords are
    /// left.
    ///
    /// A cycle of references adds nothing: a schema that is met twice is the same condition.
    pub fn normalize(&mut self, conditions: &[Condition<'a>]) -> Conjunction<'a> {
        let mut result = Conjunction::default();
        let mut seen: AddressSet<ConditionId> = AddressSet::default();
        let mut stack: Vec<Condition<'a>> = conditions.iter().rev().copied().collect();
        while let Some(condition) = stack.pop() {
            if !self.step(1) || result.conditions.len() >= MAX_CONDITIONS || seen.len() >= MAX_VISITED {
                result.note = Some(Note::TooLarge);
                break;
            }
            if !seen.insert(condition.id()) {
                continue;
            }
            match condition {
                Condition::Valid(node) => match node.schema {
                    Value::Bool(false) => {
                        result.impossible = true;
                        return result;
                    }
                    Value::Object(map) if map.get("nullable") == Some(&Value::Bool(true)) => {
                        result.conditions.push(Condition::Nullable(node));
                    }
                    Value::Object(_) => self.split_schema(node, &mut stack, &mut result),
                    _ => {}
                },
                other => result.conditions.push(other),
            }
        }
        result
    }

    /// Splits a schema into its own keywords, which go into `result`, and the schemas that its
    /// references and `allOf` name, which go onto `stack`. The order decides the order of
    /// properties.
    pub fn split_schema(
        &mut self,
        node: Node<'a>,
        stack: &mut Vec<Condition<'a>>,
        result: &mut Conjunction<'a>,
    ) {
        let Some(map) = node.keywords() else { return };
        // Every keyword is looked at below, unknown ones too.
        self.step(map.len() / 4);
        let dialect = self.document.dialect(node.resource);
        let reference = Keyword::Reference(Reference::Ref).value(map);
        let hidden = dialect.ref_hides_siblings() && reference.is_some();
        if let Some(members) = Keyword::Logic(Logic::AllOf).value(map).and_then(Value::as_array)
            && !hidden
        {
            self.step(members.len().min(MAX_VISITED));
            for member in members.iter().take(MAX_VISITED).rev() {
                let member = self.document.enter(member, node.resource);
                stack.push(Condition::Valid(member));
            }
        }
        for candidates in self.dynamic_targets(node) {
            match candidates[..] {
                // Several targets are a choice, which the own keywords make.
                [only] => stack.push(Condition::Valid(only)),
                [] => result.note = Some(Note::Unresolved("$dynamicRef".to_owned())),
                _ => {}
            }
        }
        if let Some(reference) = reference.and_then(Value::as_str) {
            match self.document.resolve(node.resource, reference) {
                Some(target) => stack.push(Condition::Valid(target)),
                None if reference == TOO_DEEP_REFERENCE => result.note = Some(Note::TooLarge),
                None => {
                    let shown = reference.chars().take(MAX_REFERENCE_CHARS).collect();
                    result.note = Some(Note::Unresolved(shown));
                }
            }
            if dialect.ref_hides_siblings() {
                return;
            }
        }
        if known_keywords(map).any(|(keyword, _)| TypePart::of(keyword).is_some()) {
            result.conditions.push(Condition::OwnKeywords(node));
        }
    }

    /// Returns the possible targets of `$dynamicRef` and of `$recursiveRef`.
    pub fn dynamic_targets(&mut self, node: Node<'a>) -> Vec<Rc<[Node<'a>]>> {
        let Some(map) = node.keywords() else { return Vec::new() };
        let dialect = self.document.dialect(node.resource);
        let find = |keyword: Reference| {
            let keyword = Keyword::Reference(keyword);
            let reference = keyword.value(map)?.as_str()?;
            keyword.drafts().include(dialect).then_some(reference)
        };
        let mut targets = Vec::new();
        if let Some(reference) = find(Reference::DynamicRef) {
            targets.push(self.document.resolve_dynamic(node.resource, reference));
        }
        if find(Reference::RecursiveRef).is_some() {
            targets.push(self.document.resolve_recursive(node.resource));
        }
        targets
    }
}
