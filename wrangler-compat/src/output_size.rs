//! A bound on the size of compiled modules, found before they are compiled: the compiler gives a
//! text for each pragma, type and constant, however often a short source repeats it.

use std::collections::HashMap;

use oxc_ast::ast::*;
use oxc_syntax::operator::BinaryOperator;

use crate::parsing;
use crate::transform::CompilerSettings;

/// The bytes of a compiled module.
pub(crate) const MAX_OUTPUT_BYTES: u64 = 16 * 1024 * 1024;

/// The bytes that the call for an element has beside its name: those of the longest form.
const CALL_BYTES: u64 = 64;

/// The bytes of a number at most.
const NUMBER_BYTES: u64 = 25;

/// The parts of a dotted name whose type is written out. The compiler asks for each of its
/// beginnings.
const MAX_NAME_PARTS: usize = 64;

/// Returns `true` if compiling a module cannot give much more than [`MAX_OUTPUT_BYTES`], as far as
/// its text tells.
pub(crate) fn fits(text: &str, settings: &CompilerSettings) -> bool {
    if settings.emit_decorator_metadata && has_long_name(text) {
        return false;
    }
    let elements = text.bytes().filter(|byte| *byte == b'<').count() as u64;
    let each = CALL_BYTES + longest_pragma(text, settings);
    elements.saturating_mul(each).saturating_add(text.len() as u64) <= MAX_OUTPUT_BYTES
}

/// Returns the length of the longest name that JSX pragmas and settings put in place of an element.
fn longest_pragma(text: &str, settings: &CompilerSettings) -> u64 {
    let pragmas = text.match_indices("@jsx").map(|(at, _)| {
        let mut words =
            text[at..].split(|c: char| c.is_whitespace() || c == '*').filter(|word| !word.is_empty());
        words.nth(1).map_or(0, str::len)
    });
    let names = [&settings.jsx_factory, &settings.jsx_fragment_factory];
    let names = names.into_iter().flatten().map(String::len);
    pragmas.chain(names).max().unwrap_or(0) as u64
}

fn has_long_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    text.split(|c| !is_part(c)).any(|name| name.matches('.').count() > MAX_NAME_PARTS)
}

/// The texts of enum members, which the compiler evaluates: `A = "…", B = A + A, C = B + B, …`
/// doubles them.
#[derive(Debug, Default)]
pub(crate) struct EnumTexts {
    /// The size of each member that came before. Members of different enums can have one name; the
    /// largest counts.
    members: HashMap<String, ConstantSize>,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct ConstantSize {
    bytes: u64,
    is_text: bool,
}

impl EnumTexts {
    pub(crate) fn add(&mut self, it: &TSEnumDeclaration) {
        for member in &it.body.members {
            let size = match &member.initializer {
                Some(initializer) => self.size(initializer),
                None => ConstantSize { bytes: NUMBER_BYTES, is_text: false },
            };
            self.bytes = self.bytes.saturating_add(size.bytes);
            let name = match &member.id {
                TSEnumMemberName::Identifier(id) => id.name.as_str(),
                TSEnumMemberName::String(text) | TSEnumMemberName::ComputedString(text) => {
                    text.value.as_str()
                }
                TSEnumMemberName::ComputedTemplateString(_) => continue,
            };
            let known = self.members.entry(name.to_owned()).or_insert(size);
            known.bytes = known.bytes.max(size.bytes);
            known.is_text |= size.is_text;
        }
    }

    /// Returns `true` if all texts together are not larger than a module may be.
    pub(crate) fn fit(&self) -> bool {
        self.bytes <= MAX_OUTPUT_BYTES
    }

    fn size(&self, expression: &Expression) -> ConstantSize {
        let text = |bytes: u64| ConstantSize { bytes, is_text: true };
        let number = ConstantSize { bytes: NUMBER_BYTES, is_text: false };
        if !parsing::has_stack() {
            return text(u64::MAX);
        }
        let member = |name: &str| self.members.get(name).copied().unwrap_or(number);
        match expression {
            Expression::StringLiteral(it) => text(it.value.len() as u64),
            Expression::TemplateLiteral(it) => {
                let parts = it.quasis.iter().map(|part| part.value.raw.len() as u64);
                let values = it.expressions.iter().map(|value| self.size(value).bytes);
                text(parts.chain(values).fold(0, u64::saturating_add))
            }
            Expression::Identifier(it) => member(&it.name),
            Expression::StaticMemberExpression(it) => member(&it.property.name),
            Expression::ComputedMemberExpression(it) => match &it.expression {
                Expression::StringLiteral(name) => member(&name.value),
                _ => number,
            },
            Expression::ParenthesizedExpression(it) => self.size(&it.expression),
            Expression::UnaryExpression(it) => self.size(&it.argument),
            Expression::BinaryExpression(it) if it.operator == BinaryOperator::Addition => {
                let (left, right) = (self.size(&it.left), self.size(&it.right));
                match left.is_text || right.is_text {
                    true => text(left.bytes.saturating_add(right.bytes)),
                    false => number,
                }
            }
            _ => number,
        }
    }
}
