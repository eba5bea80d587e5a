//! Simplifications of a finished graph: types without values, cycles of alternatives, redundant
//! alternatives.

use std::collections::VecDeque;

use super::types::{ArrayShape, Note, ObjectShape, Type, TypeId};

/// The alternatives that a type may reach through alternatives alone. With more it is "any value".
const MAX_REACHED: usize = 512;

/// Simplifies the types of a graph, in the order that the functions need.
pub(super) fn simplify(types: &mut [Type]) {
    remove_empty(types);
    break_alias_cycles(types);
    remove_redundant_alternatives(types);
}

/// Finds the types without values, and removes the alternatives that need one.
///
/// A type is empty only if that follows in finitely many steps. An object that contains itself
/// without end stays, which is wider.
fn remove_empty(types: &mut [Type]) {
    let empty = empty_types(types);
    for found in types.iter_mut() {
        found.others.retain(|id| !empty[id.index()]);
        found.objects.retain(|shape| !is_empty_object(shape, &empty));
        found.arrays.retain(|shape| !is_empty_array(shape, &empty));
        for shape in &mut found.objects {
            let properties = shape.properties.values_mut().map(|property| &mut property.value);
            let patterns = shape.patterns.iter_mut().map(|(_, value)| value);
            for value in properties.chain(patterns).chain([&mut shape.rest]) {
                if empty[value.index()] {
                    *value = TypeId::NEVER;
                }
            }
        }
        for shape in &mut found.arrays {
            if empty[shape.rest.index()] {
                shape.rest = TypeId::NEVER;
            }
            // An item without values ends the array before it.
            if let Some(end) = shape.prefix.iter().position(|item| empty[item.index()]) {
                shape.prefix.truncate(end);
                shape.rest = TypeId::NEVER;
            }
        }
    }
}

/// Returns, for each type, whether it is empty.
fn empty_types(types: &[Type]) -> Vec<bool> {
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); types.len()];
    for (at, found) in types.iter().enumerate() {
        for child in found.children() {
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
    empty
}

fn is_empty(found: &Type, empty: &[bool]) -> bool {
    found.has_no_scalars()
        && found.others.iter().all(|id| empty[id.index()])
        && found.objects.iter().all(|shape| is_empty_object(shape, empty))
        && found.arrays.iter().all(|shape| is_empty_array(shape, empty))
}

fn is_empty_object(shape: &ObjectShape, empty: &[bool]) -> bool {
    shape.properties.values().any(|property| property.required && empty[property.value.index()])
}

fn is_empty_array(shape: &ArrayShape, empty: &[bool]) -> bool {
    let needed = shape.prefix.iter().take(shape.min_length).any(|item| empty[item.index()]);
    needed
        || shape.min_length > shape.prefix.len() && empty[shape.rest.index()]
        || shape.max_length.is_some_and(|max| max < shape.min_length)
}

/// Replaces cycles of alternatives, which are errors in TypeScript:
/// `type A = B | string; type B = A | number`.
///
/// A type that reaches itself through alternatives alone takes in all parts of what it reaches,
/// which is the same union.
fn break_alias_cycles(types: &mut [Type]) {
    // The type that reached each type last. A list to search in would take the square of its
    // length.
    let mut reached_by = vec![usize::MAX; types.len()];
    for at in 0..types.len() {
        let own = TypeId(at as u32);
        let mut reached: Vec<TypeId> = types[at].others.clone();
        reached.iter().for_each(|id| reached_by[id.index()] = at);
        let mut next = 0;
        while next < reached.len() && reached.len() < MAX_REACHED {
            for id in &types[reached[next].index()].others {
                if reached_by[id.index()] != at {
                    reached_by[id.index()] = at;
                    reached.push(*id);
                }
            }
            next += 1;
        }
        let too_many = reached.len() >= MAX_REACHED;
        if reached_by[at] == at || too_many {
            let mut merged = types[at].clone();
            if too_many {
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

/// Removes alternatives that are only objects where another allows every object, and arrays
/// likewise: `{ [k: string]: unknown } | Page` is `{ [k: string]: unknown }`.
fn remove_redundant_alternatives(types: &mut [Type]) {
    for at in 0..types.len() {
        let others = &types[at].others;
        let all: Vec<&Type> = others.iter().map(|id| &types[id.index()]).chain([&types[at]]).collect();
        let objects = all.iter().any(|part| part.has_any_object());
        let arrays = all.iter().any(|part| part.has_any_array());
        if !objects && !arrays {
            continue;
        }
        let redundant = |part: &Type| {
            part.has_no_scalars()
                && part.others.is_empty()
                && (objects || part.objects.is_empty())
                && (arrays || part.arrays.is_empty())
                && !part.has_any_object()
                && !part.has_any_array()
        };
        let kept: Vec<TypeId> = others.iter().copied().filter(|id| !redundant(&types[id.index()])).collect();
        types[at].others = kept;
    }
}
