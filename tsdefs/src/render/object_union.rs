//! Alternatives of objects: those that another one covers, properties that all share, and keys that
//! one excludes because the others have them.

use std::collections::HashSet;

use super::type_writer::{Piece, TypeWriter};
use crate::schema::{ObjectShape, TypeId};

/// The number of properties that alternatives must share to be written once.
const MIN_SHARED: usize = 2;

/// The alternatives that are compared with each other.
const MAX_COMPARED: usize = 32;

/// The keys that one alternative may exclude because the others have them.
const MAX_EXCLUDED: usize = 24;

impl<'a> TypeWriter<'_, 'a> {
    /// Writes the object alternatives of a union.
    pub(super) fn objects(&mut self, shapes: &[ObjectShape<'a>], indent: &str, parts: &mut Vec<Piece>) {
        if shapes.is_empty() {
            return;
        }
        if self.is_at_max_depth() {
            parts.push(Piece::simple("object"));
            return;
        }
        if shapes.len() > self.limits.alternatives {
            self.widened += 1;
            parts.push(Piece::simple("{ [k: string]: unknown } /** widened: too large */"));
            return;
        }
        let shapes = without_subsumed(shapes);
        let excluded = excluded_keys(&shapes, self);
        if let Some(piece) = self.shared(&shapes, &excluded, indent) {
            parts.push(piece);
            return;
        }
        for (shape, excluded) in shapes.iter().zip(&excluded) {
            let text = self.object_body(shape, excluded, true, indent);
            parts.push(Piece::simple(text));
        }
    }

    /// Returns the properties that all alternatives share, once, and the differences behind them.
    /// Returns `None` if that would not be shorter.
    fn shared(
        &mut self,
        shapes: &[&ObjectShape<'a>],
        excluded: &[Vec<&'a str>],
        indent: &str,
    ) -> Option<Piece> {
        let [first, others @ ..] = shapes else { return None };
        let plain = |shape: &&ObjectShape| {
            shape.patterns.is_empty()
                && shape.note.is_none()
                && shape.rest == first.rest
                && (shape.rest == TypeId::UNKNOWN || shape.rest == TypeId::NEVER)
        };
        if others.is_empty() || shapes.len() > MAX_COMPARED || !shapes.iter().all(plain) {
            return None;
        }
        let mut common = (*first).clone();
        // A key that no alternative may have is not shared: alone, it would close the base to all
        // keys.
        common.properties.retain(|key, a| {
            a.value != TypeId::NEVER && {
                others.iter().all(|shape| {
                    shape.properties.get(key).is_some_and(|b| a.required == b.required && a.value == b.value)
                })
            }
        });
        let is_shorter =
            common.properties.len() >= MIN_SHARED && common.properties.len() <= self.limits.properties;
        let differ = |shape: &&ObjectShape| shape.properties.len() > common.properties.len();
        if !is_shorter || !shapes.iter().all(differ) {
            return None;
        }
        let mut alternatives = Vec::new();
        for (shape, excluded) in shapes.iter().zip(excluded) {
            let mut own = (*shape).clone();
            own.properties.retain(|key, _| !common.properties.contains_key(key));
            let text = self.object_body(&own, excluded, false, indent);
            // `{}` would accept every value.
            if text == "{}" {
                return None;
            }
            alternatives.push(text);
        }
        alternatives.dedup();
        let base = self.object_body(&common, &[], true, indent);
        Some(Piece { text: format!("{base} & ({})", alternatives.join(" | ")), compound: true })
    }
}

/// Returns the alternatives without those that another one covers.
fn without_subsumed<'s, 'a>(shapes: &'s [ObjectShape<'a>]) -> Vec<&'s ObjectShape<'a>> {
    let subsumes = |wide: &ObjectShape, narrow: &ObjectShape| {
        wide.rest == narrow.rest
            && wide.patterns == narrow.patterns
            && wide.properties.len() == narrow.properties.len()
            && wide.properties.iter().all(|(key, a)| {
                let b = narrow.properties.get(key);
                b.is_some_and(|b| a.value == b.value && (!a.required || b.required))
            })
    };
    if shapes.len() > MAX_COMPARED {
        return shapes.iter().collect();
    }
    let mut kept: Vec<&ObjectShape> = Vec::new();
    for shape in shapes {
        if !kept.iter().any(|wide| subsumes(wide, shape)) {
            kept.retain(|narrow| !subsumes(shape, narrow));
            kept.push(shape);
        }
    }
    kept
}

/// Returns, for each alternative, the keys that it forbids and others list.
///
/// TypeScript checks a literal for excess properties against all alternatives at once, so a
/// forbidden key has to be written, unless a discriminant already decides.
fn excluded_keys<'a>(shapes: &[&ObjectShape<'a>], writer: &TypeWriter<'_, 'a>) -> Vec<Vec<&'a str>> {
    let none = vec![Vec::new(); shapes.len()];
    if shapes.len() < 2 || shapes.len() > MAX_COMPARED || has_discriminant(shapes, writer) {
        return none;
    }
    let mut keys: Vec<&'a str> = Vec::new();
    let mut known = HashSet::new();
    for shape in shapes {
        keys.extend(shape.properties.keys().copied().filter(|key| known.insert(*key)));
    }
    if keys.len() > MAX_EXCLUDED * 4 {
        return none;
    }
    let excluded: Vec<Vec<&'a str>> = shapes
        .iter()
        .map(|shape| {
            let closed = shape.rest == TypeId::NEVER && shape.patterns.is_empty() && shape.note.is_none();
            let forbids = |key: &&&str| {
                shape.properties.get(**key).is_none_or(|property| property.value == TypeId::NEVER)
            };
            if closed { keys.iter().filter(forbids).copied().collect() } else { Vec::new() }
        })
        .collect();
    if excluded.iter().all(|keys| keys.len() <= MAX_EXCLUDED) { excluded } else { none }
}

/// Returns whether one key is required in all alternatives, with different literals in each.
fn has_discriminant(shapes: &[&ObjectShape], writer: &TypeWriter) -> bool {
    shapes[0].properties.keys().any(|key| {
        let mut seen: HashSet<String> = HashSet::new();
        shapes.iter().all(|shape| {
            let Some(property) = shape.properties.get(key).filter(|property| property.required) else {
                return false;
            };
            let value = writer.graph.get(property.value);
            let literal = value.scalar_kinds().is_empty()
                && value.arrays.is_empty()
                && value.objects.is_empty()
                && value.others.is_empty();
            literal
                && value.strings.iter().all(|text| seen.insert(format!("s{text}")))
                && value.numbers.iter().all(|number| seen.insert(format!("n{number}")))
        })
    })
}
