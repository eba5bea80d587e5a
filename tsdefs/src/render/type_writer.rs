//! One type as text.

use std::borrow::Cow;
use std::collections::HashMap;

use super::limits::{RenderLimits, Style};
use crate::schema::{ArrayShape, Graph, Kinds, Note, Type, TypeId};
use crate::text::{comment, string_literal};

/// The bytes of a string literal. A longer one becomes `string`.
const MAX_LITERAL_BYTES: usize = 256;

/// The positions of a tuple that come from `minItems` and `maxItems` and not from schemas of their
/// own.
const MAX_REPEATED_ITEMS: usize = 6;

/// The bytes of such positions.
const MAX_REPEATED_BYTES: usize = 120;

/// A writer of the types of one graph.
pub(crate) struct TypeWriter<'g, 'a> {
    pub(super) graph: &'g Graph<'a>,
    pub(super) names: &'g HashMap<TypeId, String>,
    pub(super) limits: &'g RenderLimits,
    pub(super) style: Style<'g>,
    /// The number of types that were written wider than their schema.
    pub widened: usize,
    prefix: &'g str,
    budget: usize,
    spent: usize,
    /// The nesting of objects that is left, for one-line signatures. `None` writes names instead.
    depth_left: Option<usize>,
}

/// A piece of text, and whether it needs parentheses before `[]` or `?`.
pub(crate) struct Piece {
    pub text: String,
    pub compound: bool,
}

impl Piece {
    pub fn simple(text: impl Into<String>) -> Self {
        Self { text: text.into(), compound: false }
    }

    /// Returns the text as an operand of `[]`, `?` or `&`.
    pub fn operand(self) -> String {
        if self.compound { format!("({})", self.text) } else { self.text }
    }
}

impl<'g, 'a> TypeWriter<'g, 'a> {
    pub fn new(
        graph: &'g Graph<'a>,
        names: &'g HashMap<TypeId, String>,
        limits: &'g RenderLimits,
        style: Style<'g>,
        budget: usize,
    ) -> Self {
        Self { graph, names, limits, style, widened: 0, prefix: "", budget, spent: 0, depth_left: None }
    }

    /// Makes the writer write types in place instead of names, down to a nesting of `depth`.
    pub fn flat(mut self, depth: usize) -> Self {
        self.depth_left = Some(depth);
        self
    }

    /// Returns whether the text exceeded the budget and was cut off. It is then not usable.
    pub fn overflowed(&self) -> bool {
        self.spent > self.budget
    }

    /// Counts text. Returns false once the budget is spent. Nested text is counted once, where it
    /// is found.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        self.spent = self.spent.saturating_add(bytes);
        !self.overflowed()
    }

    /// Returns the declaration of a named type.
    pub fn definition(&mut self, id: TypeId) -> String {
        let name = &self.names[&id];
        let merged = self.merged(id);
        let is_one_object = merged.objects.len() == 1
            && merged.arrays.is_empty()
            && merged.others.is_empty()
            && merged.has_no_scalars()
            && merged.note.is_none();
        let indent = "  ";
        if is_one_object && !self.limits.cuts(id) {
            let body = self.object_body(&merged.objects[0], &[], true, indent);
            return format!("{indent}interface {name} {body}\n");
        }
        let piece = if self.limits.cuts(id) { self.cut() } else { self.union(&merged, indent) };
        format!("{indent}type {name} = {};\n", piece.text)
    }

    /// Returns a type as it stands outside the namespace of the definitions.
    pub fn outside(&mut self, id: TypeId) -> String {
        self.prefix = self.style.prefix;
        let text = self.piece(id, "  ").text;
        self.prefix = "";
        text
    }

    /// Returns a type by name, or in place.
    pub fn piece(&mut self, id: TypeId, indent: &str) -> Piece {
        if let Some(name) = self.names.get(&id).filter(|_| self.depth_left.is_none()) {
            let text = format!("{}{name}", self.prefix);
            self.spend(text.len());
            return Piece::simple(text);
        }
        if self.limits.cuts(id) || self.overflowed() {
            return self.cut();
        }
        let merged = self.merged(id);
        self.union(&merged, indent)
    }

    /// Returns the union of several types, and of `extra` if that is not empty.
    pub(super) fn any_of(&mut self, ids: Vec<TypeId>, extra: &str, indent: &str) -> Piece {
        let mut all = Type::default();
        let mut cut = false;
        for id in ids {
            cut |= self.limits.cuts(id);
            if self.names.contains_key(&id) && self.depth_left.is_none() {
                all.merge(&Type { others: vec![id], ..Type::default() });
            } else {
                all.merge(&self.merged(id));
            }
        }
        if cut {
            return self.cut();
        }
        let piece = self.union(&all, indent);
        if extra.is_empty() || piece.text == "unknown" {
            return piece;
        }
        if piece.text == "never" {
            return Piece::simple(extra);
        }
        Piece { text: format!("{} | {extra}", piece.text), compound: true }
    }

    /// Returns the text of a type that a limit cuts.
    fn cut(&mut self) -> Piece {
        self.widened += 1;
        Piece::simple(note_text("unknown", &Note::TooLarge))
    }

    /// Returns the parts of a type and of all its alternatives without a name.
    ///
    /// Does not recurse, because chains of alternatives may be as long as the schema is large.
    fn merged(&self, id: TypeId) -> Type<'a> {
        let mut merged = Type::default();
        let mut seen = vec![id];
        let mut stack = vec![id];
        while let Some(next) = stack.pop() {
            let found = self.graph.get(next);
            let mut own = found.clone();
            own.others.clear();
            for other in found.others.iter().rev() {
                let by_name = self.depth_left.is_none() && self.names.contains_key(other);
                if by_name || self.limits.cuts(*other) {
                    merged.merge(&Type { others: vec![*other], ..Type::default() });
                } else if !seen.contains(other) {
                    seen.push(*other);
                    stack.push(*other);
                }
            }
            merged.merge(&own);
        }
        merged
    }

    fn union(&mut self, merged: &Type<'a>, indent: &str) -> Piece {
        let scalars = merged.scalar_kinds();
        let everything = scalars.has(Kinds::SCALARS) && merged.has_any_array() && merged.has_any_object();
        let mut parts: Vec<Piece> = Vec::new();
        if everything {
            parts.push(Piece::simple("unknown"));
        } else {
            self.strings(merged, &mut parts);
            self.numbers(merged, &mut parts);
            if scalars.has(Kinds::BOOLEAN) {
                parts.push(Piece::simple("boolean"));
            } else if scalars.has(Kinds::TRUE) {
                parts.push(Piece::simple("true"));
            } else if scalars.has(Kinds::FALSE) {
                parts.push(Piece::simple("false"));
            }
            self.objects(&merged.objects, indent, &mut parts);
            self.arrays(&merged.arrays, indent, &mut parts);
            for id in merged.others.iter().take(self.limits.alternatives) {
                let piece = self.piece(*id, indent);
                parts.push(piece);
            }
            if merged.others.len() > self.limits.alternatives {
                parts = vec![self.cut()];
            }
            if scalars.has(Kinds::NULL) {
                parts.push(Piece::simple("null"));
            }
        }
        let mut piece = join(parts);
        self.spend(8);
        if let Some(note) = &merged.note {
            self.widened += 1;
            piece.text = note_text(&piece.text, note);
        }
        piece
    }

    fn strings(&mut self, merged: &Type<'a>, parts: &mut Vec<Piece>) {
        let too_long = merged.strings.iter().any(|text| text.len() > MAX_LITERAL_BYTES);
        if merged.scalar_kinds().has(Kinds::STRING) {
            parts.push(Piece::simple("string"));
        } else if merged.strings.len() > self.limits.literals || too_long {
            self.widened += 1;
            parts.push(Piece::simple(note_text("string", &Note::TooLarge)));
        } else {
            for text in &merged.strings {
                let literal = string_literal(text);
                self.spend(literal.len() + 3);
                parts.push(Piece::simple(literal));
            }
        }
    }

    fn numbers(&mut self, merged: &Type<'a>, parts: &mut Vec<Piece>) {
        if merged.scalar_kinds().has(Kinds::NUMBER) {
            parts.push(Piece::simple("number"));
        } else if merged.numbers.len() > self.limits.literals {
            self.widened += 1;
            parts.push(Piece::simple(note_text("number", &Note::TooLarge)));
        } else {
            for number in &merged.numbers {
                let literal = number_literal(number);
                self.spend(literal.len() + 3);
                parts.push(Piece::simple(literal));
            }
        }
    }

    fn arrays(&mut self, shapes: &[ArrayShape], indent: &str, parts: &mut Vec<Piece>) {
        if shapes.len() > self.limits.alternatives {
            self.widened += 1;
            parts.push(Piece::simple(note_text("unknown[]", &Note::TooLarge)));
            return;
        }
        for shape in shapes {
            let text = self.array(shape, indent);
            self.spend(6);
            parts.push(Piece::simple(text));
        }
    }

    fn array(&mut self, shape: &ArrayShape, indent: &str) -> String {
        if self.depth_left == Some(0) {
            return "unknown[]".to_owned();
        }
        let max_length = shape.max_length.unwrap_or(usize::MAX);
        if max_length == 0 || shape.prefix.is_empty() && shape.rest == TypeId::NEVER {
            return "[]".to_owned();
        }
        let mut items: Vec<String> = Vec::new();
        for (at, id) in shape.prefix.iter().enumerate().take(max_length) {
            let item = self.deeper(*id, indent).operand();
            items.push(if at < shape.min_length { item } else { format!("{item}?") });
        }
        let known = items.len();
        if shape.rest == TypeId::NEVER || max_length <= known {
            return format!("[{}]", items.join(", "));
        }
        let rest = self.deeper(shape.rest, indent).operand();
        let fits =
            |count: usize| count <= MAX_REPEATED_ITEMS && count * (rest.len() + 2) <= MAX_REPEATED_BYTES;
        let least = shape.min_length.saturating_sub(known);
        let extra = max_length.saturating_sub(known);
        // Optional items must not precede required ones. They do not: the prefix is required up to
        // `min_length`.
        let mut required = least.min(MAX_REPEATED_ITEMS);
        while !fits(required) {
            required -= 1;
        }
        items.extend((0..required).map(|_| rest.clone()));
        if extra < usize::MAX && required == least && fits(extra) {
            items.extend((required..extra).map(|_| format!("{rest}?")));
        } else if items.is_empty() {
            return format!("{rest}[]");
        } else {
            items.push(format!("...{rest}[]"));
        }
        let text = format!("[{}]", items.join(", "));
        self.spend(text.len());
        text
    }

    /// Returns a type one level further inside.
    pub(super) fn deeper(&mut self, id: TypeId, indent: &str) -> Piece {
        let depth = self.depth_left;
        self.depth_left = depth.map(|left| left.saturating_sub(1));
        let piece = self.piece(id, indent);
        self.depth_left = depth;
        piece
    }

    /// Returns whether types are written in place, on one line.
    pub(super) fn is_flat(&self) -> bool {
        self.depth_left.is_some()
    }

    /// Returns whether no nesting is left.
    pub(super) fn is_at_max_depth(&self) -> bool {
        self.depth_left == Some(0)
    }
}

/// Returns the union of alternatives, each text once.
fn join(parts: Vec<Piece>) -> Piece {
    let mut texts: Vec<String> = Vec::with_capacity(parts.len());
    let mut compound = false;
    for part in parts {
        if part.text == "unknown" {
            return Piece::simple("unknown");
        }
        if part.text != "never" && !texts.contains(&part.text) {
            compound |= part.compound;
            texts.push(part.text);
        }
    }
    match texts.len() {
        0 => Piece::simple("never"),
        1 => Piece { text: texts.remove(0), compound },
        _ => Piece { text: texts.join(" | "), compound: true },
    }
}

/// Returns `text` with the reason why it is wider than the schema.
fn note_text(text: &str, note: &Note) -> String {
    let reason: Cow<str> = match note {
        Note::TooLarge => "too large".into(),
        Note::TooManyChoices => "too many combinations".into(),
        Note::Unresolved(reference) => {
            format!("unresolved {}", comment(reference, 120).replace('\n', " ")).into()
        }
    };
    format!("{text} /** widened: {reason} */")
}

/// Returns a number as JavaScript writes it: `0` for `-0`, `1` for `1.0`.
fn number_literal(number: &serde_json::Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or(0.0);
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() >= 1e21 || value.abs() < 1e-6 {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}
