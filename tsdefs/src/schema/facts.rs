//! What all members of a conjunction together say about a value.

use serde_json::{Map, Value};

use super::atom::{
    Atom, AtomKey, Conjunction, ItemFact, KeyFact, Presence, is_array_keyword, is_object_keyword,
    is_scalar_keyword,
};
use super::graph::Context;
use super::literal::equal;
use super::places::Places;
use super::resolve::{Dialect, Node};
use super::types::{Kinds, Note};

/// Literals of one `enum` that are kept apart; a longer one is widened to the kinds of its values.
const MOST_LITERALS: usize = 512;

/// Alternatives of one choice, at most; a longer choice is dropped, which widens.
const MOST_BRANCHES: usize = 256;

/// Ways to fail that one branch of a `oneOf` says of another.
const MOST_FAILURES: usize = 4;

/// One choice: a value meets all atoms of at least one branch.
pub(crate) type Choice<'a> = Vec<Vec<Atom<'a>>>;

/// The facts. Cloned for each alternative of a choice.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub kinds: Kinds,
    /// Numbers without fraction: matters for literals only.
    pub integer: bool,
    pub literals: Option<Vec<&'a Value>>,
    pub excluded: Vec<&'a Value>,
    pub objects: Vec<Node<'a>>,
    pub keys: Vec<KeyFact<'a>>,
    pub arrays: Vec<Node<'a>>,
    pub items: Vec<ItemFact<'a>>,
    pub scalars: Vec<&'a Map<String, Value>>,
    pub choices: Vec<Choice<'a>>,
    /// How many alternatives the choices made so far may have opened.
    pub breadth: usize,
    pub note: Option<Note>,
    seen: Places<AtomKey>,
}

impl<'a> Facts<'a> {
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
            scalars: Vec::new(),
            choices: Vec::new(),
            breadth: 1,
            note: None,
            seen: Places::default(),
        }
    }

    /// No value is left.
    pub fn is_impossible(&self) -> bool {
        self.kinds.is_empty() || self.literals.as_ref().is_some_and(Vec::is_empty)
    }

    /// Nothing but kinds and choices.
    pub fn is_pure_choice(&self) -> bool {
        self.choices.len() == 1
            && self.literals.is_none()
            && !self.integer
            && self.excluded.is_empty()
            && self.objects.is_empty()
            && self.keys.is_empty()
            && self.arrays.is_empty()
            && self.items.is_empty()
    }

    pub fn restrict(&mut self, kinds: Kinds) {
        self.kinds = self.kinds.and(kinds);
    }

    fn allow_only(&mut self, values: Vec<&'a Value>) {
        self.literals = Some(match self.literals.take() {
            None => values,
            Some(known) => known.into_iter().filter(|a| values.iter().any(|b| equal(a, b))).collect(),
        });
    }
}

impl<'a> Context<'a> {
    /// Takes in atoms, with all that follows from them without choosing. The atoms need not be in normal form.
    pub fn absorb(&mut self, facts: &mut Facts<'a>, atoms: &[Atom<'a>]) {
        let mut pending: Vec<Vec<Atom<'a>>> = vec![atoms.to_vec()];
        while let Some(atoms) = pending.pop() {
            let normal = self.normal(&atoms);
            if normal.impossible {
                facts.kinds = Kinds::NONE;
                return;
            }
            facts.note = facts.note.take().or(normal.note);
            for atom in normal.atoms {
                if !self.step(1) {
                    facts.note = Some(Note::TooLarge);
                    return;
                }
                if facts.seen.insert(atom.key()) {
                    self.absorb_one(facts, atom, &mut pending);
                }
            }
            if facts.is_impossible() {
                return;
            }
        }
    }

    fn absorb_one(&mut self, facts: &mut Facts<'a>, atom: Atom<'a>, pending: &mut Vec<Vec<Atom<'a>>>) {
        match atom {
            Atom::Is(_) => pending.push(vec![atom]),
            Atom::Own(node) => self.absorb_keywords(facts, node, pending),
            Atom::Nullable(node) => {
                let mut rest = Vec::new();
                let mut own = Conjunction::default();
                self.dissolve(node, &mut rest, &mut own);
                facts.note = facts.note.take().or(own.note);
                own.atoms.extend(rest.into_iter().rev());
                self.choose(facts, Some(vec![own.atoms, vec![Atom::Kinds(Kinds::NULL)]]));
            }
            Atom::Not(node) => match self.negated(node) {
                None => {}
                Some(branches) => match branches.len() {
                    0 => facts.kinds = Kinds::NONE,
                    1 => pending.extend(branches),
                    _ => facts.choices.push(branches),
                },
            },
            Atom::Equals(value) => facts.allow_only(vec![value]),
            Atom::Differs(value) => facts.excluded.push(value),
            Atom::Kinds(kinds) => facts.restrict(kinds),
            Atom::Key(fact) => facts.keys.push(fact),
            Atom::Items(fact) => facts.items.push(fact),
        }
    }

    fn absorb_keywords(&mut self, facts: &mut Facts<'a>, node: Node<'a>, pending: &mut Vec<Vec<Atom<'a>>>) {
        let Some(map) = node.keywords() else { return };
        let dialect = self.document.dialect(node.resource);
        let later = dialect != Dialect::Draft7;
        if let Some(kinds) = map.get("type").and_then(named_kinds) {
            facts.restrict(kinds);
            facts.integer |= kinds.has(Kinds::NUMBER) && !names_number(map.get("type"));
        }
        if let Some(value) = map.get("const") {
            facts.allow_only(vec![value]);
        }
        if let Some(values) = map.get("enum").and_then(Value::as_array) {
            if values.len() > MOST_LITERALS {
                facts.restrict(values.iter().map(Kinds::of).fold(Kinds::NONE, Kinds::or));
                facts.note = Some(Note::TooLarge);
            } else {
                facts.allow_only(values.iter().collect());
            }
        }
        if map.keys().any(|key| is_object_keyword(key)) {
            facts.objects.push(node);
        }
        if map.keys().any(|key| is_array_keyword(key)) {
            facts.arrays.push(node);
        }
        if map.keys().any(|key| is_scalar_keyword(key)) {
            facts.scalars.push(map);
        }
        let child = |this: &mut Self, key: &str| {
            map.get(key).map(|schema| this.document.enter(schema, node.resource))
        };
        if let Some(schema) = child(self, "not") {
            pending.push(vec![Atom::Not(schema)]);
        }
        if let Some(branches) = map.get("anyOf").and_then(Value::as_array) {
            let branches = self.any_of(node, branches);
            self.choose(facts, branches);
        }
        if let Some(branches) = map.get("oneOf").and_then(Value::as_array) {
            let branches = self.one_of(node, branches);
            self.choose(facts, branches);
        }
        if let Some(condition) = child(self, "if") {
            let (then, otherwise) = (child(self, "then"), child(self, "else"));
            if then.is_some() || otherwise.is_some() {
                let met = [Atom::Is(condition)].into_iter().chain(then.map(Atom::Is)).collect();
                let missed = [Atom::Not(condition)].into_iter().chain(otherwise.map(Atom::Is)).collect();
                self.choose(facts, Some(vec![met, missed]));
            }
        }
        if later {
            for candidates in self.dynamic_targets(node) {
                if candidates.len() > 1 {
                    let few = candidates.len() <= MOST_BRANCHES;
                    let branches =
                        few.then(|| candidates.iter().map(|target| vec![Atom::Is(*target)]).collect());
                    self.choose(facts, branches);
                }
            }
        }
        // `dependencies` was split in 2019 and means nothing since.
        let keywords: &[&str] =
            if later { &["dependentRequired", "dependentSchemas"] } else { &["dependencies"] };
        for keyword in keywords {
            for (key, dependency) in map.get(*keyword).and_then(Value::as_object).into_iter().flatten() {
                let branches = self.dependent(node, key, dependency);
                self.choose(facts, branches);
            }
        }
    }

    fn any_of(&mut self, node: Node<'a>, branches: &'a [Value]) -> Option<Choice<'a>> {
        if branches.len() > MOST_BRANCHES {
            return None;
        }
        Some(
            branches
                .iter()
                .map(|branch| vec![Atom::Is(self.document.enter(branch, node.resource))])
                .collect(),
        )
    }

    /// As `anyOf`, but exactly one branch may hold. That is said where it takes one alternative for each branch, as with
    /// a required key or a literal; more would multiply the alternatives for little. If one branch lets everything
    /// through, the others must not hold.
    fn one_of(&mut self, node: Node<'a>, branches: &'a [Value]) -> Option<Choice<'a>> {
        let mut choice = self.any_of(node, branches)?;
        // No atom is left of `pattern` and the like either, but a value that fails there may be valid in another branch.
        let mut open: Vec<usize> = Vec::new();
        for (at, schema) in branches.iter().enumerate() {
            let schema = self.document.enter(schema, node.resource);
            if self.normal(&choice[at]).is_everything() && self.certainty(schema).accepts == Kinds::ALL {
                open.push(at);
            }
        }
        if open.len() > 1 {
            return Some(Vec::new());
        }
        let few = branches.len() <= 4;
        for (excluded, schema) in branches.iter().enumerate() {
            let schema = self.document.enter(schema, node.resource);
            if !open.is_empty() {
                if excluded != open[0] {
                    choice[open[0]].push(Atom::Not(schema));
                }
            } else if branches.len() <= 8 && has_simple_negation(schema.schema, few) {
                for (_, branch) in choice.iter_mut().enumerate().filter(|(at, _)| *at != excluded) {
                    branch.push(Atom::Not(schema));
                }
            } else {
                // What this branch accepts anyway is left to it alone, and then not even to it.
                let accepted = self.certainty(schema).accepts;
                for (_, branch) in choice.iter_mut().enumerate().filter(|(at, _)| *at != excluded) {
                    if !accepted.is_empty() {
                        branch.push(Atom::Kinds(Kinds::ALL.without(accepted)));
                    }
                    if few && self.fails_simply(schema, branch) {
                        branch.push(Atom::Not(schema));
                    }
                }
            }
        }
        // The branches beside an open one cannot hold alone.
        Some(match open.first() {
            Some(only) => vec![choice.swap_remove(*only)],
            None => choice,
        })
    }

    /// Whether the negation of `schema` opens a few short alternatives, of those that `branch` leaves. Branches that name
    /// their kinds are shapes of their own, as in most real schemas: there the reader sees which is meant, and writing
    /// out how the properties of one may fail in the other costs more than it says.
    fn fails_simply(&mut self, schema: Node<'a>, branch: &[Atom<'a>]) -> bool {
        let Some(negated) = self.negated(schema) else { return false };
        let own_kind = |this: &mut Self, node: Node<'a>| !this.certainty(node).refuses.is_empty();
        let named = branch.first().is_some_and(|atom| match atom {
            Atom::Is(node) => own_kind(self, *node),
            _ => false,
        });
        let names_kind = named && own_kind(self, schema);
        let kinds = self.kinds_of(branch);
        let mut left = 0;
        for alternative in negated {
            if self.kinds_of(&alternative).and(kinds).is_empty() {
                continue;
            }
            left += 1;
            let simple = alternative.iter().all(|atom| match atom {
                Atom::Kinds(_) | Atom::Differs(_) | Atom::Items(_) => true,
                Atom::Key(fact) => {
                    !names_kind || matches!(fact.presence, Presence::Absent | Presence::Required)
                }
                _ => false,
            });
            if !simple || left > MOST_FAILURES {
                return false;
            }
        }
        true
    }

    /// Either the key is absent, or what depends on it holds.
    fn dependent(&mut self, node: Node<'a>, key: &'a str, dependency: &'a Value) -> Option<Choice<'a>> {
        let fact = |key, presence| Atom::Key(KeyFact { key, presence });
        let absent = vec![fact(key, Presence::Absent)];
        let mut present = vec![fact(key, Presence::Required)];
        match dependency {
            Value::Array(required) => present
                .extend(required.iter().filter_map(Value::as_str).map(|key| fact(key, Presence::Required))),
            _ => present.push(Atom::Is(self.document.enter(dependency, node.resource))),
        }
        Some(vec![absent, present])
    }

    /// Adds a choice, unless it says nothing: a branch without conditions lets everything through. `None` is a choice
    /// that is too large to be made.
    fn choose(&mut self, facts: &mut Facts<'a>, branches: Option<Choice<'a>>) {
        let Some(branches) = branches else {
            facts.note = Some(Note::TooManyChoices);
            return;
        };
        let mut possible = Vec::with_capacity(branches.len());
        for branch in branches {
            let normal = self.normal(&branch);
            facts.note = facts.note.take().or(normal.note);
            if normal.impossible {
                continue;
            }
            if self.is_always_true(&normal.atoms) {
                return;
            }
            possible.push(normal.atoms);
        }
        if possible.is_empty() {
            facts.kinds = Kinds::NONE;
            return;
        }
        facts.choices.push(possible);
    }

    fn is_always_true(&mut self, atoms: &[Atom<'a>]) -> bool {
        atoms.iter().all(|atom| match atom {
            Atom::Not(node) => self.negated(*node).is_none(),
            _ => false,
        })
    }
}

/// The kinds that `type` allows; `None` if it says nothing that is understood.
pub(crate) fn named_kinds(value: &Value) -> Option<Kinds> {
    match value {
        Value::String(word) => Some(Kinds::named(word)).filter(|kinds| !kinds.is_empty()),
        Value::Array(words) => {
            let all: Vec<Kinds> =
                words.iter().map(|word| word.as_str().map_or(Kinds::NONE, Kinds::named)).collect();
            (!all.iter().any(|kinds| kinds.is_empty())).then(|| all.into_iter().fold(Kinds::NONE, Kinds::or))
        }
        _ => None,
    }
}

/// Whether `type` names `number`, and not only `integer`.
pub(crate) fn names_number(value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(word)) => word == "number",
        Some(Value::Array(words)) => words.iter().any(|word| word.as_str() == Some("number")),
        _ => false,
    }
}

/// Whether the negation is one alternative, so that adding it to a branch costs nothing; with `few` branches, three.
fn has_simple_negation(schema: &Value, few: bool) -> bool {
    let Some(map) = schema.as_object() else { return false };
    let mut constraints = map.iter().filter(|(key, _)| !is_annotation(key));
    match (constraints.next(), constraints.next()) {
        (Some((key, Value::Array(required))), None) if key == "required" => {
            required.len() <= if few { 3 } else { 1 }
        }
        (Some((key, _)), None) => matches!(key.as_str(), "const" | "enum"),
        _ => false,
    }
}

/// Keywords that never make a value invalid.
pub(crate) fn is_annotation(keyword: &str) -> bool {
    matches!(
        keyword,
        "title"
            | "description"
            | "default"
            | "examples"
            | "example"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
            | "$comment"
            | "$id"
            | "$schema"
            | "$anchor"
            | "$dynamicAnchor"
            | "$recursiveAnchor"
            | "$vocabulary"
            | "$defs"
            | "definitions"
            | "contentEncoding"
            | "contentMediaType"
            | "contentSchema"
            | "discriminator"
    )
}
