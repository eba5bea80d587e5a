//! Erases the types of classes: modifiers, members without a body. Keeps a field from swallowing
//! the next member.

use oxc_ast::ast::*;
use oxc_ast_visit::Visit;
use oxc_span::GetSpan;

use super::super::diagnostic::Diagnostic;
use super::super::edits::EditId;
use super::Eraser;

/// A field without a semicolon, whose end may be in blanks.
struct Field {
    /// Set if its name can be a modifier and it has no value: `get⏎x() {}` is a getter.
    modifier: bool,
    has_value: bool,
    /// The first blanks between the field and the next member.
    gap: Option<EditId>,
}

impl<'s> Eraser<'s> {
    pub(super) fn class(&mut self, it: &Class) {
        self.visit_decorators(&it.decorators);
        let mut at = self.next_token(it.decorators.last().map_or(it.span.start, |d| d.span.end));
        if self.word(at) == "abstract" {
            self.edits.blank(at, at + 8);
            at = self.next_token(at + 8);
        }
        // The offset after `class`.
        at += 5;
        if let Some(id) = &it.id {
            at = id.span.end;
        }
        if let Some(parameters) = &it.type_parameters {
            self.blank(parameters.span);
            at = parameters.span.end;
        }
        if let Some(heritage) = &it.heritage {
            self.visit_expression(&heritage.expression);
            at = heritage.expression.span().end;
            if let Some(arguments) = &heritage.type_arguments {
                self.blank(arguments.span);
                at = arguments.span.end;
            }
        }
        if let Some(last) = it.implements.last() {
            let keyword = self.next_token(at);
            self.edits.blank(keyword, last.span.end);
        }
        self.class_elements(&it.body.body);
    }

    pub(super) fn class_elements(&mut self, elements: &[ClassElement]) {
        let mut before: Option<Field> = None;
        for element in elements {
            if is_erased(element) {
                let span = element.span();
                let edit = self.edits.blank(span.start, span.end);
                if let Some(field) = &mut before {
                    field.gap.get_or_insert(edit);
                }
                continue;
            }
            let since = self.edits.len();
            let first = self.element(element);
            if let Some(field) = before.take() {
                let gap = field.gap.or_else(|| self.edits.starting_at(element.span().start, since));
                let swallows = field.modifier
                    || field.has_value
                        && (self.rest(first).starts_with(['[', '(', '*', '`', '<', '+', '-', '/', '.', ','])
                            || matches!(self.word(first), "in" | "instanceof"));
                if let Some(gap) = gap.filter(|_| swallows) {
                    self.edits.end_statement(gap);
                }
            }
            before = self.field(element);
        }
    }

    /// Returns the field, if a semicolon may have to follow it.
    fn field(&self, element: &ClassElement) -> Option<Field> {
        let ClassElement::PropertyDefinition(it) = element else { return None };
        if self.slice(it.span.end.saturating_sub(1), it.span.end) == ";" {
            return None;
        }
        let name = it.key.span();
        let modifier = !it.computed
            && it.value.is_none()
            && matches!(self.slice(name.start, name.end), "get" | "set" | "static" | "async" | "accessor");
        Some(Field { modifier, has_value: it.value.is_some(), gap: self.edits.ending_at(it.span.end) })
    }

    /// Erases the types of a member that stays. Returns the offset of its first remaining token.
    fn element(&mut self, element: &ClassElement) -> u32 {
        match element {
            ClassElement::StaticBlock(it) => {
                self.visit_static_block(it);
                it.span.start
            }
            ClassElement::MethodDefinition(it) => {
                self.visit_decorators(&it.decorators);
                let first = self.modifiers(it.span.start, &it.key, it.computed);
                if it.optional {
                    self.blank_member_mark(&it.key, it.computed, "?");
                }
                self.function(&it.value);
                first
            }
            ClassElement::PropertyDefinition(it) => {
                self.visit_decorators(&it.decorators);
                let first = self.modifiers(it.span.start, &it.key, it.computed);
                if it.optional {
                    self.blank_member_mark(&it.key, it.computed, "?");
                }
                if it.definite {
                    self.blank_member_mark(&it.key, it.computed, "!");
                }
                if let Some(annotation) = &it.type_annotation {
                    self.blank(annotation.span);
                }
                if let Some(value) = &it.value {
                    self.visit_expression(value);
                }
                first
            }
            ClassElement::AccessorProperty(it) => {
                self.report(
                    Diagnostic::lowering(
                        it.span.start,
                        "`accessor` fields with a computed or private name are not supported.",
                    )
                    .hint("Write a plain field, or a getter and a setter."),
                );
                it.span.start
            }
            ClassElement::TSIndexSignature(it) => it.span.start,
        }
    }

    /// Blanks the modifiers of TypeScript. Returns the offset of the first remaining token.
    fn modifiers(&mut self, start: u32, key: &PropertyKey, computed: bool) -> u32 {
        let (mut at, mut first) = (self.next_token(start), None);
        // The span of a computed key begins after its bracket.
        while at < key.span().start {
            let word = self.word(at);
            let end = at + word.len() as u32;
            match word {
                "public" | "private" | "protected" | "readonly" | "override" | "declare" | "abstract" => {
                    self.edits.blank(at, end);
                }
                "" => {
                    first.get_or_insert(at);
                    if self.rest(at).starts_with('*') {
                        at = self.next_token(at + 1);
                        continue;
                    }
                    break;
                }
                _ => {
                    first.get_or_insert(at);
                }
            }
            at = self.next_token(end);
        }
        let first = first.unwrap_or(at);
        if computed && let Some(expression) = key.as_expression() {
            self.visit_expression(expression);
        }
        first
    }

    fn blank_member_mark(&mut self, key: &PropertyKey, computed: bool, mark: &str) {
        let mut at = key.span().end;
        if computed {
            at = self.next_token(at) + 1;
        }
        self.blank_mark(at, mark);
    }
}

/// Returns `true` if a member is only for the type checker.
fn is_erased(element: &ClassElement) -> bool {
    match element {
        ClassElement::TSIndexSignature(_) => true,
        ClassElement::MethodDefinition(it) => it.value.body.is_none(),
        ClassElement::PropertyDefinition(it) => it.declare || it.r#type.is_abstract(),
        ClassElement::AccessorProperty(it) => it.r#type == AccessorPropertyType::TSAbstractAccessorProperty,
        ClassElement::StaticBlock(_) => false,
    }
}
