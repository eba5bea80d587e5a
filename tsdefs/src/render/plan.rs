//! Which types get a name: those in a cycle, those used more than once that are worth it, and those that would nest too
//! deep. The rest is written where it is used.

use crate::schema::graph::Graph;
use crate::schema::types::{Type, TypeId};

use super::fit::Caps;

/// Types written inside each other, at most. Bounds the recursion of the writer, and deeper text is hard to read.
const DEEPEST_INLINE: usize = 8;

/// A repeated type shorter than this is written out each time: a name would cost as much.
const WORTH_A_NAME: usize = 48;

/// Types that get a name, in order of discovery.
pub(crate) fn named_types(graph: &Graph, root: TypeId, caps: &Caps) -> Vec<TypeId> {
    let count = graph.types.len();
    let mut uses = vec![0_usize; count];
    let mut named = vec![false; count];
    let order = post_order(graph, root, caps, &mut uses, &mut named);
    let cyclic = named.contains(&true);
    let mut height = vec![0_usize; count];
    let mut weight = vec![0_usize; count];
    for id in order {
        let made = graph.get(id);
        if cyclic {
            name_items(graph, made, &mut named);
        }
        let (mut tallest, mut total) = (0, own_weight(made));
        for child in children(made) {
            let child = child.index();
            // A child in a cycle is not measured yet; it has a name.
            tallest = tallest.max(if named[child] { 0 } else { height[child] });
            total = total.saturating_add(if named[child] { 16 } else { weight[child] });
        }
        let at = id.index();
        (height[at], weight[at]) = (tallest + 1, total);
        named[at] |= uses[at] > 1 && total > WORTH_A_NAME || tallest + 1 > DEEPEST_INLINE;
    }
    (0..count as u32).map(TypeId).filter(|id| named[id.index()]).collect()
}

/// TypeScript resolves an alias late in `X[]` and `[X]`, but not inside an optional or rest element of a tuple: with
/// cycles, `type X = [(string | X[])?]` is an error (TS2456). An item that is itself an array gets a name there.
fn name_items(graph: &Graph, made: &Type, named: &mut [bool]) {
    let tuples = made
        .arrays
        .iter()
        .filter(|shape| !shape.prefix.is_empty() || shape.least > 0 || shape.most.is_some());
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

/// Children before parents; counts the uses and marks where a cycle closes. Without recursion.
fn post_order(
    graph: &Graph,
    root: TypeId,
    caps: &Caps,
    uses: &mut [usize],
    in_cycle: &mut [bool],
) -> Vec<TypeId> {
    let mut state = vec![State::New; graph.types.len()];
    let mut order = Vec::new();
    let mut stack = vec![(root, false)];
    while let Some((id, done)) = stack.pop() {
        let at = id.index();
        if done {
            state[at] = State::Done;
            order.push(id);
            continue;
        }
        if state[at] != State::New {
            continue;
        }
        state[at] = State::Open;
        stack.push((id, true));
        for child in children(graph.get(id)).into_iter().filter(|child| !caps.cuts(*child)) {
            uses[child.index()] += 1;
            match state[child.index()] {
                State::New => stack.push((child, false)),
                State::Open => in_cycle[child.index()] = true,
                State::Done => {}
            }
        }
        // An item that must be there is written twice, once for its place and once for those behind.
        for shape in graph.get(id).arrays.iter().filter(|shape| shape.least > shape.prefix.len()) {
            uses[shape.rest.index()] += 1;
        }
    }
    order
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

fn children(made: &Type) -> Vec<TypeId> {
    let objects = made.objects.iter().flat_map(|shape| shape.children());
    let arrays = made.arrays.iter().flat_map(|shape| shape.children());
    objects.chain(arrays).chain(made.others.iter().copied()).filter(|id| *id > TypeId::TOO_LARGE).collect()
}

fn own_weight(made: &Type) -> usize {
    let literals: usize =
        made.strings.iter().map(|text| text.len() + 5).sum::<usize>() + made.numbers.len() * 5;
    let keys: usize =
        made.objects.iter().flat_map(|shape| shape.properties.keys()).map(|key| key.len() + 4).sum::<usize>();
    8 + literals + keys + made.objects.len() * 8 + made.arrays.len() * 4
}
