//! The work list: conjunctions become types, breadth first, within bounds. Then it is found out which types are empty.
//!
//! Nothing here recurses: hostile depth costs a longer list, not stack. What is past a bound becomes "any value", and
//! breadth first means that the outermost types are exact for longest.

use std::collections::VecDeque;

use serde_json::Value;

use super::atom::{Atom, AtomKey, Conjunction};
use super::certainty::Certainties;
use super::pattern::Patterns;
use super::places::ByPlace;
use super::resolve::{Dialect, Document, Node};
use super::types::{ArrayShape, Kinds, Note, ObjectShape, Type, TypeId};

/// Types of one schema. 4,096 fill any output budget many times over.
const MOST_TYPES: usize = 4096;

/// Units of work for one schema. The 179 real tools take 222 at most. What one unit takes differs between schemas.
const MOST_STEPS: usize = 300_000;

/// Units of work for all schemas of one list together, as far as each gets [`LEAST_STEPS`].
const LIST_STEPS: usize = 3_000_000;

/// Units of work that a schema may take in a list of any length.
const LEAST_STEPS: usize = 10_000;

/// The units of work for each schema in a list of `tools` tools. Each gets the same, whoever is done first, so that a
/// list gives one text on any number of threads.
pub(crate) fn allowance(tools: usize) -> usize {
    (LIST_STEPS / tools.max(1)).clamp(LEAST_STEPS, MOST_STEPS)
}

/// What is needed while types are made.
pub(crate) struct Context<'a> {
    pub document: Document<'a>,
    pub patterns: Patterns,
    pub certainties: Certainties,
    types: Vec<Type<'a>>,
    hints: Vec<Hint>,
    known: ByPlace<Box<[AtomKey]>, TypeId>,
    queue: VecDeque<(TypeId, Conjunction<'a>)>,
    steps: usize,
}

/// Where a name for a type may come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Hint {
    #[default]
    None,
    /// The key under which it was found first.
    Key(String),
    /// The definition that a reference names.
    Definition(String),
}

/// The types of one schema.
pub(crate) struct Graph<'a> {
    pub types: Vec<Type<'a>>,
    pub hints: Vec<Hint>,
    pub root: TypeId,
}

impl<'a> Graph<'a> {
    /// The types of `schema`. With `arguments`, a schema that does not say which kinds it means is about objects: the
    /// arguments of a tool are always one. Past `steps` units of work, types are "any value".
    pub fn new(schema: &'a Value, arguments: bool, steps: usize) -> Self {
        let mut context = Context::new(schema, steps);
        context.types[TypeId::TOO_LARGE.index()].note = Some(Note::TooLarge);
        let node = context.document.enter(schema, context.document.root().resource);
        let mut atoms = vec![Atom::Is(node)];
        if arguments {
            let normal = context.normal(&atoms);
            if plain_kinds(&normal.atoms) == Kinds::ALL {
                atoms.push(Atom::Kinds(Kinds::OBJECT));
            }
        }
        let root = context.intern(&atoms, Hint::None);
        while let Some((id, conjunction)) = context.queue.pop_front() {
            let mut made = if context.steps == 0 {
                context.types[TypeId::TOO_LARGE.index()].clone()
            } else {
                context.expand(&conjunction.atoms)
            };
            made.note = made.note.or(conjunction.note);
            context.types[id.index()] = made;
        }
        let Context { mut types, hints, .. } = context;
        remove_empty(&mut types);
        break_alias_cycles(&mut types);
        absorb(&mut types);
        Self { types, hints, root }
    }

    pub fn get(&self, id: TypeId) -> &Type<'a> {
        &self.types[id.index()]
    }
}

impl<'a> Context<'a> {
    /// Nothing but the types that every graph has.
    pub fn new(schema: &'a Value, steps: usize) -> Self {
        Self {
            document: Document::new(schema),
            patterns: Patterns::default(),
            certainties: Certainties::default(),
            types: vec![Type::everything(), Type::default(), Type::everything()],
            hints: vec![Hint::None; 3],
            known: ByPlace::default(),
            queue: VecDeque::new(),
            steps,
        }
    }

    /// Takes `count` units of the work allowed; false once there is none left.
    pub fn step(&mut self, count: usize) -> bool {
        self.steps = self.steps.saturating_sub(count.saturating_add(self.document.take_work()));
        self.steps > 0
    }

    /// The type of a conjunction, made later if it is new.
    pub fn intern(&mut self, atoms: &[Atom<'a>], hint: Hint) -> TypeId {
        let hint = match atoms {
            [Atom::Is(node)] => self.definition_name(*node).map_or(hint, Hint::Definition),
            _ => hint,
        };
        let normal = self.normal(atoms);
        self.intern_normal(normal, hint)
    }

    /// As [`intern`](Self::intern), for a conjunction in normal form.
    pub fn intern_normal(&mut self, normal: Conjunction<'a>, hint: Hint) -> TypeId {
        if normal.impossible {
            return TypeId::NEVER;
        }
        if normal.atoms.is_empty() {
            return match normal.note {
                None => TypeId::UNKNOWN,
                Some(Note::TooLarge) => TypeId::TOO_LARGE,
                note => self.push(Type { note, ..Type::everything() }, hint),
            };
        }
        let key = normal.key();
        if let Some(id) = self.known.get(&key) {
            let slot = &mut self.hints[id.index()];
            if matches!(hint, Hint::Definition(_)) && !matches!(slot, Hint::Definition(_)) {
                *slot = hint;
            }
            return *id;
        }
        if self.types.len() >= MOST_TYPES || self.steps == 0 {
            return TypeId::TOO_LARGE;
        }
        let id = self.push(Type::default(), hint);
        self.known.insert(key, id);
        self.queue.push_back((id, normal));
        id
    }

    fn push(&mut self, made: Type<'a>, hint: Hint) -> TypeId {
        if self.types.len() >= MOST_TYPES {
            return TypeId::TOO_LARGE;
        }
        let id = TypeId(self.types.len() as u32);
        self.types.push(made);
        self.hints.push(hint);
        id
    }

    /// The union of types as a type.
    pub fn union(&mut self, mut others: Vec<TypeId>) -> TypeId {
        others.sort_unstable();
        others.dedup();
        others.retain(|id| *id != TypeId::NEVER);
        match others[..] {
            [] => TypeId::NEVER,
            [only] => only,
            _ if others.contains(&TypeId::UNKNOWN) => TypeId::UNKNOWN,
            _ => self.push(Type { others, ..Type::default() }, Hint::None),
        }
    }

    /// The name of the definition that a schema is nothing but a reference to.
    fn definition_name(&mut self, mut node: Node<'a>) -> Option<String> {
        let mut name = None;
        for _ in 0..16 {
            let map = node.keywords()?;
            let draft7 = self.document.dialect(node.resource) == Dialect::Draft7;
            let says_more =
                |except: &str| map.keys().any(|key| key != except && !super::facts::is_annotation(key));
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                if !draft7 && says_more("$ref") {
                    break;
                }
                name = reference.rsplit(['/', '#']).next().filter(|name| !name.is_empty()).map(str::to_owned);
                let Some(target) = self.document.resolve(node.resource, reference) else { break };
                node = target;
            } else if let Some([only]) = map.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
                && !says_more("allOf")
            {
                node = self.document.enter(only, node.resource);
            } else {
                break;
            }
        }
        name
    }

    /// The kinds that a conjunction may have values of, without choosing.
    pub fn kinds_of(&mut self, atoms: &[Atom<'a>]) -> Kinds {
        let literals = |atom: &Atom<'a>| match atom {
            Atom::Own(node) => node.schema.get("enum").and_then(Value::as_array).map_or(0, Vec::len),
            _ => 0,
        };
        self.step(atoms.iter().map(|atom| 1 + literals(atom) / 4).sum());
        atoms.iter().fold(plain_kinds(atoms), |kinds, atom| {
            kinds.without(match atom {
                Atom::Is(node) | Atom::Own(node) => self.certainty(*node).refuses,
                Atom::Not(node) => self.certainty(*node).accepts,
                _ => Kinds::NONE,
            })
        })
    }
}

/// The kinds that a conjunction plainly names.
fn plain_kinds(atoms: &[Atom]) -> Kinds {
    atoms.iter().fold(Kinds::ALL, |kinds, atom| {
        kinds.and(match atom {
            Atom::Kinds(allowed) => *allowed,
            Atom::Equals(value) => Kinds::of(value),
            Atom::Own(node) => {
                let keyword = |key: &str| node.schema.get(key);
                let named = keyword("type").and_then(super::facts::named_kinds).unwrap_or(Kinds::ALL);
                let literal = keyword("const").map_or(Kinds::ALL, Kinds::of);
                let listed = keyword("enum")
                    .and_then(Value::as_array)
                    .map_or(Kinds::ALL, |values| values.iter().map(Kinds::of).fold(Kinds::NONE, Kinds::or));
                named.and(literal).and(listed)
            }
            _ => Kinds::ALL,
        })
    })
}

/// Finds the types without values and takes out the alternatives that need one. A type is empty only if that follows
/// in finitely many steps; an object that contains itself without end stays, which is wider.
fn remove_empty(types: &mut [Type]) {
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); types.len()];
    for (at, made) in types.iter().enumerate() {
        for child in children(made) {
            users[child.index()].push(at as u32);
        }
    }
    let mut empty = vec![false; types.len()];
    let mut queue: VecDeque<u32> = (0..types.len() as u32).collect();
    while let Some(at) = queue.pop_front() {
        let at = at as usize;
        if !empty[at] && is_empty(&types[at], &empty) {
            empty[at] = true;
            queue.extend(&users[at]);
        }
    }
    for made in types.iter_mut() {
        made.others.retain(|id| !empty[id.index()]);
        made.objects.retain(|shape| !is_dead_object(shape, &empty));
        made.arrays.retain(|shape| !is_dead_array(shape, &empty));
        for shape in &mut made.objects {
            for property in shape.properties.values_mut().filter(|property| empty[property.value.index()]) {
                property.value = TypeId::NEVER;
            }
            shape.patterns.iter_mut().filter(|(_, value)| empty[value.index()]).for_each(|(_, value)| {
                *value = TypeId::NEVER;
            });
            if empty[shape.rest.index()] {
                shape.rest = TypeId::NEVER;
            }
        }
        for shape in &mut made.arrays {
            if empty[shape.rest.index()] {
                shape.rest = TypeId::NEVER;
            }
            // An item that cannot be ends the array before it.
            if let Some(end) = shape.prefix.iter().position(|item| empty[item.index()]) {
                shape.prefix.truncate(end);
                shape.rest = TypeId::NEVER;
            }
        }
    }
}

fn is_empty(made: &Type, empty: &[bool]) -> bool {
    made.scalar_kinds().is_empty()
        && made.strings.is_empty()
        && made.numbers.is_empty()
        && made.others.iter().all(|id| empty[id.index()])
        && made.objects.iter().all(|shape| is_dead_object(shape, empty))
        && made.arrays.iter().all(|shape| is_dead_array(shape, empty))
}

fn is_dead_object(shape: &ObjectShape, empty: &[bool]) -> bool {
    shape.properties.values().any(|property| property.required && empty[property.value.index()])
}

fn is_dead_array(shape: &ArrayShape, empty: &[bool]) -> bool {
    let needed = shape.prefix.iter().take(shape.least).any(|item| empty[item.index()]);
    needed
        || shape.least > shape.prefix.len() && empty[shape.rest.index()]
        || shape.most.is_some_and(|most| most < shape.least)
}

fn children(made: &Type) -> impl Iterator<Item = TypeId> {
    let objects = made.objects.iter().flat_map(ObjectShape::children);
    let arrays = made.arrays.iter().flat_map(ArrayShape::children);
    objects.chain(arrays).chain(made.others.iter().copied())
}

/// `type A = B | string; type B = A | number` is an error in TypeScript. A type that reaches itself through
/// alternatives alone takes all parts of what it reaches, which is the same union.
fn break_alias_cycles(types: &mut [Type]) {
    const MOST_REACHED: usize = 512;
    // For which type each was reached last: a list to look in would take the square of its length.
    let mut reached_by = vec![usize::MAX; types.len()];
    for at in 0..types.len() {
        let own = TypeId(at as u32);
        let mut reached: Vec<TypeId> = types[at].others.clone();
        reached.iter().for_each(|id| reached_by[id.index()] = at);
        let mut next = 0;
        while next < reached.len() && reached.len() < MOST_REACHED {
            for id in &types[reached[next].index()].others {
                if reached_by[id.index()] != at {
                    reached_by[id.index()] = at;
                    reached.push(*id);
                }
            }
            next += 1;
        }
        if reached_by[at] == at || reached.len() >= MOST_REACHED {
            let mut merged = types[at].clone();
            if reached.len() >= MOST_REACHED {
                merged = Type { note: Some(Note::TooLarge), ..Type::everything() };
            } else {
                for id in reached.into_iter().filter(|id| *id != own) {
                    let part = types[id.index()].clone();
                    merged.merge(&part);
                }
            }
            merged.others.clear();
            types[at] = merged;
        }
    }
}

/// `{ [k: string]: unknown } | Page` says no more than its first half: alternatives that are only objects go where
/// another allows every object, and arrays likewise.
fn absorb(types: &mut [Type]) {
    for at in 0..types.len() {
        let others = &types[at].others;
        let all: Vec<&Type> = others.iter().map(|id| &types[id.index()]).chain([&types[at]]).collect();
        let objects = all.iter().any(|made| made.objects.iter().any(ObjectShape::is_anything));
        let arrays = all.iter().any(|made| made.arrays.iter().any(ArrayShape::is_anything));
        if !objects && !arrays {
            continue;
        }
        let superfluous = |made: &Type| {
            made.scalar_kinds().is_empty()
                && made.strings.is_empty()
                && made.numbers.is_empty()
                && made.others.is_empty()
                && (objects || made.objects.is_empty())
                && (arrays || made.arrays.is_empty())
                && !made.objects.iter().any(ObjectShape::is_anything)
                && !made.arrays.iter().any(ArrayShape::is_anything)
        };
        let kept: Vec<TypeId> =
            others.iter().copied().filter(|id| !superfluous(&types[id.index()])).collect();
        types[at].others = kept;
    }
}
