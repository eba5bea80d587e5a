//! Type assertions: `<T>x`, `x as T`, `x satisfies T`.

use oxc_ast::ast::*;
use oxc_span::GetSpan;

use super::super::diagnostic::Diagnostic;
use super::super::edits::fits;
use super::{Eraser, Lead};

impl Eraser<'_> {
    /// `<T>x`
    pub(super) fn assertion(&mut self, it: &TSTypeAssertion) {
        let end = self.next_token(it.type_annotation.span().end) + 1;
        let mut inner = &it.expression;
        while let Expression::TSTypeAssertion(next) = inner {
            inner = &next.expression;
        }
        let first = inner.span().start;
        let put = match self.lead(it.span.start) {
            Some(Lead::Restricted) if self.has_line_break(it.span.start, first) => "0,",
            Some(Lead::Yield) if self.has_line_break(it.span.start, first) => "0||",
            Some(Lead::ArrowBody) if self.rest(first).starts_with('{') => "0||",
            Some(Lead::Statement)
                if self.rest(first).starts_with('{')
                    || matches!(self.word(first), "function" | "class" | "async" | "let") =>
            {
                "0,"
            }
            _ => "",
        };
        if !fits(self.slice(it.span.start, end), put) {
            self.report(
                Diagnostic::new(
                    it.span.start,
                    "This type assertion is broken over lines where that would change the meaning.",
                )
                .hint("Write `value as Type`."),
            );
        }
        self.edits.replace(it.span.start, end, put);
    }

    /// `x as T`, `x satisfies T`
    pub(super) fn suffix(&mut self, expression: &Expression, span: Span) {
        let keyword = self.next_token(expression.span().end);
        self.edits.blank(keyword, span.end);
    }
}
