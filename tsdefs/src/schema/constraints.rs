//! The sum of what all conditions of a conjunction demand of a value.

use serde_json::{Map, Value};

use super::address_map::AddressSet;
use super::condition::{Choice, Condition, ConditionId, Conjunction, ItemCondition, KeyCondition};
use super::context::Context;
use super::keyword::{General, Keyword, known_keywords};
use super::kinds::Kinds;
use super::literal::equal;
use super::resource::Node;
use super::type_part::TypePart;
use super::types::Note;

/// The literals of one `enum` that stay literals. A longer one is widened to the kinds of its
/// values.
const MAX_LITERALS: usize = 512;

/// The constraints on a value. They are cloned for each alternative of a choice.
#[derive(Debug, Clone)]
pub(crate) struct Constraints<'a> {
    pub kinds: Kinds,
    /// True if numbers have no fraction. It matters for literals only.
    pub integer: bool,
    /// The literals that are allowed; `None` if they are not listed.
    pub literals: Option<Vec<&'a Value>>,
    /// The literals that are excluded.
    pub excluded: Vec<&'a Value>,
    /// The schemas that decide the shape of objects.
    pub objects: Vec<Node<'a>>,
    pub keys: Vec<KeyCondition<'a>>,
    /// The schemas that decide the shape of arrays.
    pub arrays: Vec<Node<'a>>,
    pub items: Vec<ItemCondition<'a>>,
    /// The schemas with ranges, which decide about literals.
    pub ranges: Vec<&'a Map<String, Value>>,
    /// The choices that are still to be made.
    pub choices: Vec<Choice<'a>>,
    /// The number of alternatives that the choices made so far may have opened.
    pub breadth: usize,
    pub note: Option<Note>,
    seen: AddressSet<ConditionId>,
}

impl<'a> Constraints<'a> {
    /// Returns the constraints that every value meets.
    pub fn new() -> Self {
        Self {
            kinds: Kinds::ALL,
            integer: false,
            literals: None,
            excluded: Vec::new(),
            objects: Vec::new(),
            keys: Vec::new(),
            arrays: Vec::new(),
            items: Vec::new(),
            ranges: Vec::new(),
            choices: Vec::new(),
            breadth: 1,
            note: None,
            seen: AddressSet::default(),
        }
    }

    /// Returns whether no value meets the constraints.
    pub fn is_impossible(&self) -> bool {
        self.kinds.is_empty() || self.literals.as_ref().is_some_and(Vec::is_empty)
    }

    /// Returns whether there is one choice, and nothing beside it but kinds.
    pub fn is_only_a_choice(&self) -> bool {
        self.choices.len() == 1
            && self.literals.is_none()
            && !self.integer
            && self.excluded.is_empty()
            && self.objects.is_empty()
            && self.keys.is_empty()
            && self.arrays.is_empty()
            && self.items.is_empty()
    }

    /// Restricts the value to `kinds`.
    pub fn restrict(&mut self, kinds: Kinds) {
        self.kinds = self.kinds.and(kinds);
    }

    /// Excludes every value.
    pub fn exclude_all(&mut self) {
        self.kinds = Kinds::NONE;
    }

    /// Adds a note, unless there is one.
    pub fn add_note(&mut self, note: Option<Note>) {
        self.note = self.note.take().or(note);
    }

    fn allow_only(&mut self, values: Vec<&'a Value>) {
        self.literals = Some(match self.literals.take() {
            None => values,
            Some(known) => known.into_iter().filter(|a| values.iter().any(|b| equal(a, b))).collect(),
        });
    }

    fn add_values_of_enum(&mut self, values: &'a [Value]) {
        if values.len() > MAX_LITERALS {
            self.restrict(Kinds::of_all(values));
            self.note = Some(Note::TooLarge);
        } else {
            self.allow_only(values.iter().collect());
        }
    }

    fn add_type(&mut self, value: &Value) {
        if let (Some(kinds), Some(whole)) = (Kinds::of_type(value), Kinds::whole_of_type(value)) {
            self.restrict(kinds);
            self.integer |= kinds != whole;
        }
    }
}

impl<'a> Context<'a> {
    /// Adds conditions and all that follows from them without making a choice. The conditions need
    /// not be in normal form.
    pub fn constrain(&mut self, constraints: &mut Constraints<'a>, conditions: &[Condition<'a>]) {
        let mut pending: Vec<Vec<Condition<'a>>> = vec![conditions.to_vec()];
        while let Some(conditions) = pending.pop() {
            let normal = self.normalize(&conditions);
            if normal.impossible {
                constraints.exclude_all();
                return;
            }
            constraints.add_note(normal.note);
            for condition in normal.conditions {
                if !self.step(1) {
                    constraints.note = Some(Note::TooLarge);
                    return;
                }
                if constraints.seen.insert(condition.id()) {
                    self.add_condition(constraints, condition, &mut pending);
                }
            }
            if constraints.is_impossible() {
                return;
            }
        }
    }

    fn add_condition(
        &mut self,
        constraints: &mut Constraints<'a>,
        condition: Condition<'a>,
        pending: &mut Vec<Vec<Condition<'a>>>,
    ) {
        match condition {
            Condition::Valid(_) => pending.push(vec![condition]),
            Condition::OwnKeywords(node) => self.add_keywords(constraints, node, pending),
            Condition::Nullable(node) => {
                let mut rest = Vec::new();
                let mut own = Conjunction::default();
                self.split_schema(node, &mut rest, &mut own);
                constraints.add_note(own.note);
                own.conditions.extend(rest.into_iter().rev());
                let null = vec![Condition::Kinds(Kinds::NULL)];
                self.add_choice(constraints, Some(vec![own.conditions, null]));
            }
            Condition::Invalid(node) => match self.negation(node) {
                None => {}
                Some(branches) => match branches.len() {
                    0 => constraints.exclude_all(),
                    1 => pending.extend(branches),
                    _ => constraints.choices.push(branches),
                },
            },
            Condition::Equals(value) => constraints.allow_only(vec![value]),
            Condition::Differs(value) => constraints.excluded.push(value),
            Condition::Kinds(kinds) => constraints.restrict(kinds),
            Condition::Key(condition) => constraints.keys.push(condition),
            Condition::Items(condition) => constraints.items.push(condition),
        }
    }

    /// Adds the own keywords of a schema.
    fn add_keywords(
        &mut self,
        constraints: &mut Constraints<'a>,
        node: Node<'a>,
        pending: &mut Vec<Vec<Condition<'a>>>,
    ) {
        let Some(map) = node.keywords() else { return };
        let general = |keyword: General| Keyword::General(keyword).value(map);
        if let Some(value) = general(General::Type) {
            constraints.add_type(value);
        }
        if let Some(value) = general(General::Const) {
            constraints.allow_only(vec![value]);
        }
        if let Some(values) = general(General::Enum).and_then(Value::as_array) {
            constraints.add_values_of_enum(values);
        }
        let parts: Vec<TypePart> =
            known_keywords(map).filter_map(|(keyword, _)| TypePart::of(keyword)).collect();
        let has = |part| parts.contains(&part);
        if has(TypePart::Object) {
            constraints.objects.push(node);
        }
        if has(TypePart::Array) {
            constraints.arrays.push(node);
        }
        if has(TypePart::Range) {
            constraints.ranges.push(map);
        }
        if has(TypePart::Choice) {
            self.add_choices(constraints, node, map, pending);
        }
    }
}
