//! Objects as text: properties and index signatures.

use super::property_docs::property_docs;
use super::type_writer::{Piece, TypeWriter};
use crate::schema::{ObjectShape, Property, Template, TypeId};
use crate::text::{jsdoc, member_name, template_part};

/// The members that every object inherits.
///
/// To TypeScript, `{}` has these members, all functions, so an optional property of such a name has
/// to allow one. Otherwise an object without the property would not fit.
const INHERITED_MEMBERS: [&str; 7] = [
    "constructor",
    "toString",
    "toLocaleString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
];

/// The bytes of a property's name. Longer names are left to the index signature.
const MAX_KEY_BYTES: usize = 200;

/// The bytes of an object on one line at `full`, where none of its members has a comment.
const MAX_LINE_BYTES: usize = 240;

impl<'a> TypeWriter<'_, 'a> {
    /// Returns `{ … }`. The `excluded` keys are forbidden; without `index` there is no index
    /// signature.
    pub(super) fn object_body(
        &mut self,
        shape: &ObjectShape<'a>,
        excluded: &[&str],
        index: bool,
        indent: &str,
    ) -> String {
        let inner = format!("{indent}  ");
        let mut members: Vec<(String, String)> = Vec::new();
        let mut left_out = shape.note.is_some();
        let mut written: Vec<(&str, &Property)> = Vec::new();
        for (key, property) in &shape.properties {
            if members.len() >= self.limits.properties || key.len() > MAX_KEY_BYTES || self.overflowed() {
                left_out = true;
                continue;
            }
            // An object without further keys need not exclude a key.
            if property.value == TypeId::NEVER && shape.rest == TypeId::NEVER && shape.patterns.is_empty() {
                continue;
            }
            written.push((key, property));
            members.push(self.property(key, property, &inner));
        }
        for key in excluded.iter().filter(|key| key.len() <= MAX_KEY_BYTES) {
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
        layout(&members, indent, self.style.full)
    }

    /// Returns the comment and the text of a property.
    fn property(&mut self, key: &str, property: &Property<'a>, indent: &str) -> (String, String) {
        let value = self.deeper(property.value, indent);
        let (optional, value) =
            if property.required { ("", value.text) } else { ("?", with_inherited(key, value)) };
        let docs = if self.style.full && !self.is_flat() {
            property_docs(key, &property.sources, self.limits.comment)
        } else {
            String::new()
        };
        let text = format!("{}{optional}: {value}", member_name(key));
        self.spend(docs.len() + key.len() + indent.len() + 4);
        (jsdoc(&docs, indent), text)
    }

    /// Adds the index signatures. TypeScript demands that each also covers the listed properties,
    /// so their types join it.
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
            TypeId::UNKNOWN if self.style.closed && !members.is_empty() => {}
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

/// Returns the type of an optional property.
fn with_inherited(key: &str, value: Piece) -> String {
    if !INHERITED_MEMBERS.contains(&key) || value.text == "unknown" {
        value.text
    } else if value.text == "never" {
        "Function".to_owned()
    } else {
        format!("{} | Function", value.text)
    }
}

/// Returns the types that an index signature has to allow beside those of the properties that it
/// covers.
fn extra_of_index<'p>(covered: impl Iterator<Item = &'p (&'p str, &'p Property<'p>)>) -> &'static str {
    let mut extra = "";
    for (key, _) in covered.filter(|(_, property)| !property.required) {
        if INHERITED_MEMBERS.contains(key) {
            return "Function | undefined";
        }
        extra = "undefined";
    }
    extra
}

/// Returns members on one line, or one on each line if there are comments or the line would be
/// long.
fn layout(members: &[(String, String)], indent: &str, full: bool) -> String {
    if members.is_empty() {
        return "{}".to_owned();
    }
    let length: usize = members.iter().map(|(_, text)| text.len() + 2).sum();
    let documented = members.iter().any(|(docs, text)| !docs.is_empty() || text.contains('\n'));
    if !documented && (!full || length <= MAX_LINE_BYTES) {
        let texts: Vec<&str> = members.iter().map(|(_, text)| text.as_str()).collect();
        return format!("{{ {} }}", texts.join("; "));
    }
    let lines: String = members.iter().map(|(docs, text)| format!("{docs}{indent}  {text};\n")).collect();
    format!("{{\n{lines}{indent}}}")
}

/// Returns the template literal type of keys.
fn template_type(template: &Template) -> String {
    if template.infix.is_empty() {
        format!("`{}${{string}}{}`", template_part(&template.prefix), template_part(&template.suffix))
    } else {
        format!("`${{string}}{}${{string}}`", template_part(&template.infix))
    }
}
