//! The keywords that open alternatives: `anyOf`, `oneOf`, `if`, `not`, dynamic references,
//! dependencies.

use serde_json::{Map, Value};

use super::condition::{Choice, Condition, Presence};
use super::constraints::Constraints;
use super::context::Context;
use super::keyword::{Keyword, Logic, Object, is_annotation};
use super::kinds::Kinds;
use super::resource::Node;
use super::types::Note;

/// The alternatives of one choice. A longer choice is dropped, which widens the type.
const MAX_BRANCHES: usize = 256;

/// The branches of a `oneOf` of which each excludes those of the others that negate to one
/// alternative.
const MAX_EXCLUSIVE_BRANCHES: usize = 8;

/// The branches of a `oneOf` of which each excludes those of the others that negate to a few
/// alternatives.
const MAX_FEW_BRANCHES: usize = 4;

/// The alternatives of a negation that a branch of such a `oneOf` takes in.
const MAX_SIMPLE_FAILURES: usize = 4;

impl<'a> Context<'a> {
    /// Adds the choices that the own keywords of a schema open.
    pub(super) fn add_choices(
        &mut self,
        constraints: &mut Constraints<'a>,
        node: Node<'a>,
        map: &'a Map<String, Value>,
        pending: &mut Vec<Vec<Condition<'a>>>,
    ) {
        if let Some(schema) = self.subschema(node, map, Logic::Not) {
            pending.push(vec![Condition::Invalid(schema)]);
        }
        let branches = |keyword: Logic| Keyword::Logic(keyword).value(map).and_then(Value::as_array);
        if let Some(branches) = branches(Logic::AnyOf) {
            let branches = self.any_of(node, branches);
            self.add_choice(constraints, branches);
        }
        if let Some(branches) = branches(Logic::OneOf) {
            let branches = self.one_of(node, branches);
            self.add_choice(constraints, branches);
        }
        if let Some(premise) = self.subschema(node, map, Logic::If) {
            let then = self.subschema(node, map, Logic::Then);
            let otherwise = self.subschema(node, map, Logic::Else);
            if then.is_some() || otherwise.is_some() {
                let branch = |first, second: Option<Node<'a>>| {
                    [first].into_iter().chain(second.map(Condition::Valid)).collect()
                };
                let met = branch(Condition::Valid(premise), then);
                let missed = branch(Condition::Invalid(premise), otherwise);
                self.add_choice(constraints, Some(vec![met, missed]));
            }
        }
        for candidates in self.dynamic_targets(node) {
            if candidates.len() > 1 {
                let few = candidates.len() <= MAX_BRANCHES;
                let branches =
                    few.then(|| candidates.iter().map(|target| vec![Condition::Valid(*target)]).collect());
                self.add_choice(constraints, branches);
            }
        }
        let dialect = self.document.dialect(node.resource);
        for keyword in [Object::DependentRequired, Object::DependentSchemas, Object::Dependencies] {
            let keyword = Keyword::Object(keyword);
            let dependencies = keyword.value(map).filter(|_| keyword.drafts().include(dialect));
            for (key, dependency) in dependencies.and_then(Value::as_object).into_iter().flatten() {
                let branches = self.dependency(node, key, dependency);
                self.add_choice(constraints, Some(branches));
            }
        }
    }

    fn subschema(&mut self, node: Node<'a>, map: &'a Map<String, Value>, keyword: Logic) -> Option<Node<'a>> {
        let schema = Keyword::Logic(keyword).value(map)?;
        Some(self.document.enter(schema, node.resource))
    }

    /// Adds a choice, unless one of its branches lets every value through. `None` stands for a
    /// choice that is too large.
    pub(super) fn add_choice(&mut self, constraints: &mut Constraints<'a>, branches: Option<Choice<'a>>) {
        let Some(branches) = branches else {
            constraints.note = Some(Note::TooManyChoices);
            return;
        };
        let mut possible = Vec::with_capacity(branches.len());
        for branch in branches {
            let normal = self.normalize(&branch);
            constraints.add_note(normal.note);
            if normal.impossible {
                continue;
            }
            if self.is_always_true(&normal.conditions) {
                return;
            }
            possible.push(normal.conditions);
        }
        if possible.is_empty() {
            constraints.exclude_all();
            return;
        }
        constraints.choices.push(possible);
    }

    fn is_always_true(&mut self, conditions: &[Condition<'a>]) -> bool {
        conditions.iter().all(|condition| match condition {
            Condition::Invalid(node) => self.negation(*node).is_none(),
            _ => false,
        })
    }

    fn any_of(&mut self, node: Node<'a>, branches: &'a [Value]) -> Option<Choice<'a>> {
        let enter = |branch| vec![Condition::Valid(self.document.enter(branch, node.resource))];
        (branches.len() <= MAX_BRANCHES).then(|| branches.iter().map(enter).collect())
    }

    /// Returns the branches of a `oneOf`: those of an `anyOf`, each with the condition that the
    /// others are invalid, as far as that is worth its text.
    ///
    /// The condition is added where it takes one alternative for each branch, as with a required
    /// key or a literal; more would multiply the alternatives for little. If one branch lets every
    /// value through, the others have to be invalid.
    fn one_of(&mut self, node: Node<'a>, branches: &'a [Value]) -> Option<Choice<'a>> {
        let mut choice = self.any_of(node, branches)?;
        let schemas: Vec<Node<'a>> =
            branches.iter().map(|schema| self.document.enter(schema, node.resource)).collect();
        match self.open_branches(&schemas, &choice)[..] {
            [] => {
                for (excluded, schema) in schemas.into_iter().enumerate() {
                    self.exclude_elsewhere(&mut choice, excluded, schema);
                }
                Some(choice)
            }
            [open] => {
                // A value that is valid in another branch is valid in two. Only the open branch is
                // left.
                let mut only = choice.swap_remove(open);
                let others = schemas.into_iter().enumerate().filter(|(at, _)| *at != open);
                only.extend(others.map(|(_, schema)| Condition::Invalid(schema)));
                Some(vec![only])
            }
            // Every value is valid in two branches.
            _ => Some(Vec::new()),
        }
    }

    /// Returns the positions of the branches that let every value through.
    fn open_branches(&mut self, schemas: &[Node<'a>], choice: &Choice<'a>) -> Vec<usize> {
        let mut open = Vec::new();
        for (at, schema) in schemas.iter().enumerate() {
            // A schema with `pattern` and the like has no condition in normal form either, but is
            // not open: a value that fails there may be valid in another branch.
            if self.normalize(&choice[at]).is_everything() && self.kind_bounds(*schema).accepts == Kinds::ALL
            {
                open.push(at);
            }
        }
        open
    }

    /// Adds the condition that `schema`, the branch at `excluded`, is invalid to all other
    /// branches.
    fn exclude_elsewhere(&mut self, choice: &mut Choice<'a>, excluded: usize, schema: Node<'a>) {
        let few = choice.len() <= MAX_FEW_BRANCHES;
        let exclusive = choice.len() <= MAX_EXCLUSIVE_BRANCHES && has_simple_negation(schema.schema, few);
        // Kinds that this branch accepts as a whole are left to it alone, and not to two branches.
        let accepted = if exclusive { Kinds::NONE } else { self.kind_bounds(schema).accepts };
        for (_, branch) in choice.iter_mut().enumerate().filter(|(at, _)| *at != excluded) {
            if !accepted.is_empty() {
                branch.push(Condition::Kinds(accepted.complement()));
            }
            if exclusive || few && self.fails_simply(schema, branch) {
                branch.push(Condition::Invalid(schema));
            }
        }
    }

    /// Returns whether the negation of `schema` opens a few short alternatives among the kinds that
    /// `branch` leaves.
    ///
    /// Branches that restrict their kinds are shapes of their own, as in most real schemas: the
    /// reader sees which one is meant, and listing how properties of one may fail in the other
    /// costs more than it gains.
    fn fails_simply(&mut self, schema: Node<'a>, branch: &[Condition<'a>]) -> bool {
        let Some(negated) = self.negation(schema) else { return false };
        let branch_restricts = match branch.first() {
            Some(Condition::Valid(node)) => !self.kind_bounds(*node).rejects.is_empty(),
            _ => false,
        };
        let both_restrict = branch_restricts && !self.kind_bounds(schema).rejects.is_empty();
        let kinds = self.kinds_of(branch);
        let mut left = 0;
        for alternative in negated {
            if self.kinds_of(&alternative).and(kinds).is_empty() {
                continue;
            }
            left += 1;
            let simple = alternative.iter().all(|condition| match condition {
                Condition::Kinds(_) | Condition::Differs(_) | Condition::Items(_) => true,
                Condition::Key(condition) => match condition.presence {
                    Presence::Absent | Presence::Required => true,
                    Presence::RequiredInvalid(_) | Presence::AbsentOrInvalid(_) => !both_restrict,
                },
                Condition::Valid(_)
                | Condition::OwnKeywords(_)
                | Condition::Nullable(_)
                | Condition::Invalid(_)
                | Condition::Equals(_) => false,
            });
            if !simple || left > MAX_SIMPLE_FAILURES {
                return false;
            }
        }
        true
    }

    /// Returns the alternatives of a dependency: the key is absent, or it is present and what
    /// depends on it holds.
    fn dependency(&mut self, node: Node<'a>, key: &'a str, dependency: &'a Value) -> Choice<'a> {
        let mut present = vec![Condition::key(key, Presence::Required)];
        match dependency {
            Value::Array(required) => {
                let required = required.iter().filter_map(Value::as_str);
                present.extend(required.map(|key| Condition::key(key, Presence::Required)));
            }
            _ => present.push(Condition::Valid(self.document.enter(dependency, node.resource))),
        }
        vec![vec![Condition::key(key, Presence::Absent)], present]
    }
}

/// Returns whether the negation of a schema is one alternative, so that it costs nothing to add it
/// to a branch; with `few` branches, up to three.
fn has_simple_negation(schema: &Value, few: bool) -> bool {
    let Some(map) = schema.as_object() else { return false };
    let mut assertions = map.iter().filter(|(name, _)| !is_annotation(name));
    match (assertions.next(), assertions.next()) {
        (Some((name, Value::Array(required))), None) if name == "required" => {
            required.len() <= if few { 3 } else { 1 }
        }
        (Some((name, _)), None) => matches!(name.as_str(), "const" | "enum"),
        _ => false,
    }
}
