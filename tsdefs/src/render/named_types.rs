//! The types that get a name: those in a cycle, those that are used more than once and are worth a
//! name, and those that would nest too deep. The others are written where they are used.

use super::limits::RenderLimits;
use crate::schema::{Graph, NameHint, Type, TypeId};

/// The nesting of types that are written where they are used. It bounds the recursion of the
/// writer, and deeper text is hard to read.
const MAX_INLINE_DEPTH: usize = 8;

/// The weight of a type, in bytes, above which a repeated type gets a name. For a shorter one, a
/// name would cost as much.
const MAX_REPEATED_WEIGHT: usize = 48;

/// Returns the types that get a name, in order of discovery. With `all_definitions`, every
/// definition gets one.
pub(crate) fn named_types(
    graph: &Graph,
    root: TypeId,
    limits: &RenderLimits,
    all_definitions: bool,
) -> Vec<TypeId> {
    let count = graph.types.len();
    let mut uses = vec![0_usize; count];
    let mut named = vec![false; count];
    let order = post_order(graph, root, limits, &mut uses, &mut named);
    let cyclic = named.contains(&true);
    let mut height = vec![0_usize; count];
    let mut weight = vec![0_usize; count];
    for id in order {
        let found = graph.get(id);
        if cyclic {
            name_items(graph, found, &mut named);
        }
        let (mut tallest, mut total) = (0, own_weight(found));
        for child in children(found) {
            let child = child.index();
            // A child in a cycle is not measured yet, and has a name.
            tallest = tallest.max(if named[child] { 0 } else { height[child] });
            total = total.saturating_add(if named[child] { 16 } else { weight[child] });
        }
        let at = id.index();
        named[at] |= all_definitions && matches!(graph.hints[at], NameHint::Definition(_));
        (height[at], weight[at]) = (tallest + 1, total);
        named[at] |= uses[at] > 1 && total > MAX_REPEATED_WEIGHT || tallest + 1 > MAX_INLINE_DEPTH;
    }
    (0..count as u32).map(TypeId).filter(|id| named[id.index()]).collect()
}

/// Names the items of tuples that are arrays themselves.
///
/// TypeScript resolves an alias late in `X[]` and `[X]`, but not inside an optional or rest element
/// of a tuple: with cycles, `type X = [(string | X[])?]` is an error (TS2456).
fn name_items(graph: &Graph, found: &Type, named: &mut [bool]) {
    let tuples = found
        .arrays
        .iter()
        .filter(|shape| !shape.prefix.is_empty() || shape.min_length > 0 || shape.max_length.is_some());
    for item in tuples.flat_map(|shape| shape.children()).filter(|id| *id > TypeId::TOO_LARGE) {
        let mut alternatives = vec![item];
        let mut next = 0;
        while let Some(id) = alternatives.get(next).copied() {
            let alternative = graph.get(id);
            if !alternative.arrays.is_empty() {
                named[item.index()] = true;
                break;
            }
            for other in alternative.others.iter().filter(|id| !named[id.index()]) {
                if !alternatives.contains(other) {
                    alternatives.push(*other);
                }
            }
            next += 1;
        }
    }
}

/// Returns the types, children before parents. Counts their uses, and marks the types at which a
/// cycle closes. Does not recurse.
fn post_order(
    graph: &Graph,
    root: TypeId,
    limits: &RenderLimits,
    uses: &mut [usize],
    in_cycle: &mut [bool],
) -> Vec<TypeId> {
    let mut state = vec![Visit::New; graph.types.len()];
    let mut order = Vec::new();
    let mut stack = vec![(root, false)];
    while let Some((id, done)) = stack.pop() {
        let at = id.index();
        if done {
            state[at] = Visit::Done;
            order.push(id);
            continue;
        }
        if state[at] != Visit::New {
            continue;
        }
        state[at] = Visit::Open;
        stack.push((id, true));
        for child in children(graph.get(id)).into_iter().filter(|child| !limits.cuts(*child)) {
            uses[child.index()] += 1;
            match state[child.index()] {
                Visit::New => stack.push((child, false)),
                Visit::Open => in_cycle[child.index()] = true,
                Visit::Done => {}
            }
        }
        // A required item is written twice: at its position, and for the items behind it.
        for shape in graph.get(id).arrays.iter().filter(|shape| shape.min_length > shape.prefix.len()) {
            uses[shape.rest.index()] += 1;
        }
    }
    order
}

/// The state of a type in the traversal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    Open,
    Done,
}

/// Returns the types inside a type, without those that every graph has.
fn children(found: &Type) -> Vec<TypeId> {
    found.children().filter(|id| *id > TypeId::TOO_LARGE).collect()
}

/// Returns the approximate length of a type's text, without the types inside it.
fn own_weight(found: &Type) -> usize {
    let literals: usize =
        found.strings.iter().map(|text| text.len() + 5).sum::<usize>() + found.numbers.len() * 5;
    let keys: usize = found
        .objects
        .iter()
        .flat_map(|shape| shape.properties.keys())
        .map(|key| key.len() + 4)
        .sum::<usize>();
    8 + literals + keys + found.objects.len() * 8 + found.arrays.len() * 4
}
