//! The objects of one server's results, grouped by their keys.
//!
//! Tools of one server return the same things: an order that is read, cancelled or returned is an
//! order. Inferred one by one, its fields would be written for each tool. Here objects with the
//! same keys are one *group*, whose fields include what any of them holds: `unknown` is replaced by
//! what another tool has returned, and differences become a union. So every value that belonged to
//! a shape still does. A group that is used more than once is a definition with a name; the others
//! are written in place.
//!
//! Groups are also united where one place holds objects of different keys, as in a single shape.

use std::collections::{BTreeMap, HashMap};

use super::shape::{Field, ObjectShape, Shape, ShapeKinds};

/// The groups of one server. With more, each tool's result is written by itself.
pub(super) const MAX_GROUPS: usize = 4000;

/// The tools and keys that a group remembers for its name.
const MAX_PLACES: usize = 64;

/// The shape of one place, with groups instead of objects.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupedShape {
    pub kinds: u8,
    pub items: Option<Box<GroupedShape>>,
    /// The values of objects whose keys are data.
    pub record: Option<Box<GroupedShape>>,
    /// The number of the group of objects with named properties.
    pub group: Option<usize>,
}

/// Objects with the same keys.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub fields: BTreeMap<String, Member>,
    /// The number of shapes in the group. A field that fewer shapes have is optional.
    pub shapes: usize,
    /// True if the objects have keys that are not shown.
    pub open: bool,
    /// The tools that return the group, or a list of it.
    pub tools: Vec<String>,
    /// The keys that hold the group, and whether they hold a list of it.
    pub keys: Vec<(String, bool)>,
}

/// A property of a group.
#[derive(Debug)]
pub(super) struct Member {
    pub shape: GroupedShape,
    pub optional: bool,
    /// The number of shapes that have the property.
    pub shapes: usize,
}

/// The place of a shape in a result.
#[derive(Clone, Copy)]
pub(super) enum ShapePlace<'a> {
    /// The result of a tool, or an item of a list that it returns.
    Result(&'a str),
    /// The value of a key, or an item of a list there.
    Key { key: &'a str, listed: bool },
    /// Any other place.
    Elsewhere,
}

/// The groups of one server.
#[derive(Default)]
pub(super) struct Groups {
    pub all: Vec<Group>,
    /// The number of the group that each group is united with; its own number if there is none.
    pub into: Vec<usize>,
    by_keys: HashMap<Vec<String>, usize>,
    /// Pairs of groups of one place that are still to be united. Uniting two may add further pairs,
    /// as often as there are groups.
    pending: Vec<(usize, usize)>,
}

impl Groups {
    /// Adds the objects of a shape to the groups.
    pub fn add(&mut self, shape: &Shape, min_runs: usize, place: ShapePlace<'_>) -> GroupedShape {
        let mut part = GroupedShape { kinds: shape.kinds.0, ..GroupedShape::default() };
        if shape.kinds.has(ShapeKinds::ANY) {
            return part;
        }
        let inside = match place {
            ShapePlace::Result(_) => place,
            ShapePlace::Key { key, .. } => ShapePlace::Key { key, listed: true },
            ShapePlace::Elsewhere => ShapePlace::Elsewhere,
        };
        part.items = shape.items.as_ref().map(|items| Box::new(self.add(items, min_runs, inside)));
        match &shape.object {
            None => {}
            Some(ObjectShape::Record(values)) => {
                part.record = Some(Box::new(self.add(values, min_runs, ShapePlace::Elsewhere)));
            }
            Some(ObjectShape::Fields(fields)) => {
                if !fields.is_empty() && !fields.values().any(|field| field.is_confirmed(min_runs)) {
                    let values = ObjectShape::Fields(fields.clone()).values();
                    part.record = Some(Box::new(self.add(&values, min_runs, ShapePlace::Elsewhere)));
                } else {
                    part.group = Some(self.add_fields(fields, min_runs, place));
                }
            }
        }
        part
    }

    /// Adds an object to the group of its keys. Returns the number of the group.
    fn add_fields(
        &mut self,
        fields: &BTreeMap<String, Field>,
        min_runs: usize,
        place: ShapePlace<'_>,
    ) -> usize {
        let members: Vec<(&String, bool, GroupedShape)> = fields
            .iter()
            .filter(|(_, field)| field.is_confirmed(min_runs))
            .map(|(key, field)| {
                let place = ShapePlace::Key { key, listed: false };
                (key, field.optional, self.add(&field.shape, min_runs, place))
            })
            .collect();
        let keys: Vec<String> = members.iter().map(|(key, ..)| (*key).clone()).collect();
        let open = members.len() < fields.len();
        let next = self.all.len();
        let at = *self.by_keys.entry(keys).or_insert(next);
        if at == next {
            self.all.push(Group::default());
            self.into.push(next);
        }
        let at = self.find(at);
        let group = &mut self.all[at];
        group.shapes += 1;
        group.open |= open;
        match place {
            ShapePlace::Result(tool) if group.tools.len() < MAX_PLACES => group.tools.push(tool.to_owned()),
            ShapePlace::Key { key, listed } if group.keys.len() < MAX_PLACES => {
                group.keys.push((key.to_owned(), listed));
            }
            _ => {}
        }
        for (key, optional, shape) in members {
            self.add_member(at, key.clone(), Member { shape, optional, shapes: 1 });
        }
        at
    }

    /// Returns the number of the group that a group is united with.
    fn find(&mut self, mut at: usize) -> usize {
        while self.into[at] != at {
            self.into[at] = self.into[self.into[at]];
            at = self.into[at];
        }
        at
    }

    /// Unites the pending pairs.
    pub fn unite_all(&mut self) {
        while let Some((a, b)) = self.pending.pop() {
            self.unite(a, b);
        }
        // A group is united with an earlier one, so one step is enough for each.
        for at in 0..self.into.len() {
            self.into[at] = self.into[self.into[at]];
        }
    }

    /// Joins a property with that of a group.
    fn add_member(&mut self, at: usize, key: String, theirs: Member) {
        let member = match self.all[at].fields.remove(&key) {
            None => theirs,
            Some(mut mine) => {
                self.join(&mut mine.shape, theirs.shape);
                mine.optional |= theirs.optional;
                mine.shapes += theirs.shapes;
                mine
            }
        };
        self.all[at].fields.insert(key, member);
    }

    /// Makes `mine` the least shape that includes both.
    fn join(&mut self, mine: &mut GroupedShape, theirs: GroupedShape) {
        let any = ShapeKinds(mine.kinds | theirs.kinds).has(ShapeKinds::ANY);
        if any {
            *mine = GroupedShape { kinds: ShapeKinds::ANY, ..GroupedShape::default() };
            return;
        }
        mine.kinds |= theirs.kinds;
        for (mine, theirs) in [(&mut mine.items, theirs.items), (&mut mine.record, theirs.record)] {
            match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) => self.join(mine, *theirs),
                (None, theirs) => *mine = theirs,
                (Some(_), None) => {}
            }
        }
        mine.group = match (mine.group, theirs.group) {
            (Some(mine), Some(theirs)) => {
                self.pending.push((mine, theirs));
                Some(mine)
            }
            (mine, theirs) => mine.or(theirs),
        };
    }

    /// Unites two groups.
    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        let (a, b) = (a.min(b), a.max(b));
        self.into[b] = a;
        let taken = std::mem::take(&mut self.all[b]);
        let group = &mut self.all[a];
        group.shapes += taken.shapes;
        group.open |= taken.open;
        group.tools.extend(taken.tools);
        group.keys.extend(taken.keys);
        for (key, member) in taken.fields {
            self.add_member(a, key, member);
        }
    }

    /// Adds the groups that the properties of a group hold to `found`.
    pub fn children(&self, at: usize, found: &mut Vec<usize>) {
        self.all[at].fields.values().for_each(|member| self.groups_of(&member.shape, found));
    }

    /// Adds the groups in a shape to `found`.
    pub fn groups_of(&self, shape: &GroupedShape, found: &mut Vec<usize>) {
        found.extend(shape.group.map(|at| self.into[at]));
        shape.items.iter().chain(&shape.record).for_each(|inner| self.groups_of(inner, found));
    }
}
