//! Objects as text: properties, index signatures, and alternatives beside each other.

use std::collections::HashSet;

use crate::schema::pattern::Template;
use crate::schema::types::{ObjectShape, Property, TypeId};
use crate::text::{jsdoc, member_name, template_part};

use super::docs;
use super::writer::{Piece, Writer};

/// What every object inherits. TypeScript sees `{}` as having these members, all functions, so that an optional property
/// of such a name has to allow one; otherwise an object without the property would not fit.
const INHERITED: [&str; 7] = [
    "constructor",
    "toString",
    "toLocaleString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
];

/// Longer names are left to the index signature.
const LONGEST_KEY: usize = 200;

/// Properties that alternatives must share before they are written once.
const WORTH_SHARING: usize = 2;

/// Alternatives that are compared with each other.
const MOST_COMPARED: usize = 32;

/// Keys that one alternative may exclude because the others have them.
const MOST_EXCLUDED: usize = 24;

impl<'a> Writer<'_, 'a> {
    /// The object alternatives of a union.
    pub(super) fn objects(&mut self, shapes: &[ObjectShape<'a>], indent: &str, parts: &mut Vec<Piece>) {
        if shapes.is_empty() {
            return;
        }
        if self.is_at_the_bottom() {
            parts.push(Piece::simple("object"));
            return;
        }
        if shapes.len() > self.caps.alternatives {
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
            let text = self.object_body(shape, excluded, true, indent, false);
            parts.push(Piece::simple(text));
        }
    }

    /// What all alternatives have in common, once, and the differences behind it.
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
        if others.is_empty() || shapes.len() > MOST_COMPARED || !shapes.iter().all(plain) {
            return None;
        }
        let mut common = (*first).clone();
        // A key that none may have is no common property: alone, it would close the base to all keys.
        common.properties.retain(|key, a| {
            a.value != TypeId::NEVER && {
                others.iter().all(|shape| {
                    shape.properties.get(key).is_some_and(|b| a.required == b.required && a.value == b.value)
                })
            }
        });
        let worth =
            common.properties.len() >= WORTH_SHARING && common.properties.len() <= self.caps.properties;
        let differ = |shape: &&ObjectShape| shape.properties.len() > common.properties.len();
        if !worth || !shapes.iter().all(differ) {
            return None;
        }
        let mut alternatives = Vec::new();
        for (shape, excluded) in shapes.iter().zip(excluded) {
            let mut own = (*shape).clone();
            own.properties.retain(|key, _| !common.properties.contains_key(key));
            let text = self.object_body(&own, excluded, false, indent, false);
            // `{}` would let everything through.
            if text == "{}" {
                return None;
            }
            alternatives.push(text);
        }
        alternatives.dedup();
        let base = self.object_body(&common, &[], true, indent, false);
        Some(Piece { text: format!("{base} & ({})", alternatives.join(" | ")), compound: true })
    }

    /// `{ … }`. `excluded` are keys that may not be there; without `index` there is no index signature; `spread` puts
    /// each member on a line of its own whatever their length.
    pub(super) fn object_body(
        &mut self,
        shape: &ObjectShape<'a>,
        excluded: &[&str],
        index: bool,
        indent: &str,
        spread: bool,
    ) -> String {
        let inner = format!("{indent}  ");
        let mut members: Vec<(String, String)> = Vec::new();
        let mut left_out = shape.note.is_some();
        let mut written: Vec<(&str, &Property)> = Vec::new();
        for (key, property) in &shape.properties {
            if members.len() >= self.caps.properties || key.len() > LONGEST_KEY || self.overflowed() {
                left_out = true;
                continue;
            }
            // What an object without further keys cannot have, it need not exclude.
            if property.value == TypeId::NEVER && shape.rest == TypeId::NEVER && shape.patterns.is_empty() {
                continue;
            }
            written.push((key, property));
            members.push(self.property(key, property, &inner));
        }
        for key in excluded.iter().filter(|key| key.len() <= LONGEST_KEY) {
            let value = with_inherited(key, Piece::simple("never"));
            members.push((String::new(), format!("{}?: {value}", member_name(key))));
        }
        if left_out {
            self.widened += 1;
            members.push((String::new(), "/** widened: too large */ [k: string]: unknown".to_owned()));
        } else if index {
            self.index_signatures(shape, &written, &inner, &mut members);
        }
        if members.is_empty() && index {
            members.push((String::new(), "[k: string]: never".to_owned()));
        }
        layout(&members, indent, spread && self.style.full, self.style.full)
    }

    fn property(&mut self, key: &str, property: &Property<'a>, indent: &str) -> (String, String) {
        let value = self.deeper(property.value, indent);
        let (optional, value) =
            if property.required { ("", value.text) } else { ("?", with_inherited(key, value)) };
        let docs = if self.style.full && !self.is_flat() {
            docs::property(key, &property.sources, self.caps.comment)
        } else {
            String::new()
        };
        let text = format!("{}{optional}: {value}", member_name(key));
        self.spend(docs.len() + key.len() + indent.len() + 4);
        (jsdoc(&docs, indent), text)
    }

    /// Index signatures. TypeScript demands that each also covers the listed properties, so their types join it.
    fn index_signatures(
        &mut self,
        shape: &ObjectShape<'a>,
        written: &[(&str, &Property<'a>)],
        indent: &str,
        members: &mut Vec<(String, String)>,
    ) {
        for (template, value) in &shape.patterns {
            let covered = || written.iter().filter(|(key, _)| template.matches(key));
            let extra = extra_of_index(covered());
            let values = [*value].into_iter().chain(covered().map(|(_, property)| property.value)).collect();
            let piece = self.any_of(values, extra, indent);
            members.push((String::new(), format!("[k: {}]: {}", template_type(template), piece.text)));
        }
        match shape.rest {
            TypeId::NEVER => {}
            TypeId::UNKNOWN => members.push((String::new(), "[k: string]: unknown".to_owned())),
            rest => {
                let extra = extra_of_index(written.iter());
                let known = written.iter().map(|(_, property)| property.value);
                let values =
                    [rest].into_iter().chain(shape.patterns.iter().map(|(_, value)| *value)).chain(known);
                let piece = self.any_of(values.collect(), extra, indent);
                members.push((String::new(), format!("[k: string]: {}", piece.text)));
            }
        }
        self.spend(24);
    }
}

/// The type of an optional property.
fn with_inherited(key: &str, value: Piece) -> String {
    if !INHERITED.contains(&key) || value.text == "unknown" {
        value.text
    } else if value.text == "never" {
        "Function".to_owned()
    } else {
        format!("{} | Function", value.text)
    }
}

/// What an index signature has to allow beside the types of the properties that it covers.
fn extra_of_index<'p>(covered: impl Iterator<Item = &'p (&'p str, &'p Property<'p>)>) -> &'static str {
    let mut extra = "";
    for (key, _) in covered.filter(|(_, property)| !property.required) {
        if INHERITED.contains(key) {
            return "Function | undefined";
        }
        extra = "undefined";
    }
    extra
}

/// Members on one line, or one a line where there are comments or the line would be long.
fn layout(members: &[(String, String)], indent: &str, spread: bool, full: bool) -> String {
    if members.is_empty() {
        return "{}".to_owned();
    }
    let length: usize = members.iter().map(|(_, text)| text.len() + 2).sum();
    let documented = members.iter().any(|(docs, text)| !docs.is_empty() || text.contains('\n'));
    if !documented && !spread && (!full || length <= 100) {
        let texts: Vec<&str> = members.iter().map(|(_, text)| text.as_str()).collect();
        return format!("{{ {} }}", texts.join("; "));
    }
    let lines: String = members.iter().map(|(docs, text)| format!("{docs}{indent}  {text};\n")).collect();
    format!("{{\n{lines}{indent}}}")
}

fn template_type(template: &Template) -> String {
    if template.infix.is_empty() {
        format!("`{}${{string}}{}`", template_part(&template.prefix), template_part(&template.suffix))
    } else {
        format!("`${{string}}{}${{string}}`", template_part(&template.infix))
    }
}

/// The alternatives without those that another allows as well.
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
    if shapes.len() > MOST_COMPARED {
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

/// For each alternative the keys that others list and it forbids. TypeScript checks a literal for excess properties
/// against all alternatives at once, so what one forbids has to be said, unless a discriminant already decides.
fn excluded_keys<'a>(shapes: &[&ObjectShape<'a>], writer: &Writer<'_, 'a>) -> Vec<Vec<&'a str>> {
    let none = vec![Vec::new(); shapes.len()];
    if shapes.len() < 2 || shapes.len() > MOST_COMPARED || has_discriminant(shapes, writer) {
        return none;
    }
    let mut keys: Vec<&'a str> = Vec::new();
    let mut known = HashSet::new();
    for shape in shapes {
        keys.extend(shape.properties.keys().copied().filter(|key| known.insert(*key)));
    }
    if keys.len() > MOST_EXCLUDED * 4 {
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
    if excluded.iter().all(|keys| keys.len() <= MOST_EXCLUDED) { excluded } else { none }
}

/// Whether one key is required in all alternatives, with literals that are never the same.
fn has_discriminant(shapes: &[&ObjectShape], writer: &Writer) -> bool {
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
