//! Erases the types of functions: parameters and results. Line breaks in a type can move a
//! parenthesis in two places.

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan;

use super::super::diagnostic::Diagnostic;
use super::{Eraser, Lead};

impl<'s> Eraser<'s> {
    pub(super) fn function(&mut self, it: &Function) {
        self.functions += 1;
        if let Some(parameters) = &it.type_parameters {
            self.blank(parameters.span);
        }
        if let Some(this) = &it.this_param {
            self.visit_ts_this_parameter(this);
        }
        self.visit_formal_parameters(&it.params);
        if let Some(result) = &it.return_type {
            self.blank(result.span);
        }
        if let Some(body) = &it.body {
            self.visit_function_body(body);
        }
        self.functions -= 1;
    }

    pub(super) fn parameter(&mut self, it: &FormalParameter) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            let name = match &it.pattern {
                BindingPattern::BindingIdentifier(id) => id.name.as_str(),
                _ => "name",
            };
            self.report(
                Diagnostic::lowering(it.span.start, "Parameter properties are not supported: they are more than types.").hint(format!(
                    "Declare the field in the class and assign it in the constructor: `{name}; constructor({name}) {{ this.{name} = {name}; }}`."
                )),
            );
        }
        self.visit_decorators(&it.decorators);
        self.visit_binding_pattern(&it.pattern);
        if it.optional {
            self.blank_mark(it.pattern.span().end, "?");
        }
        if let Some(annotation) = &it.type_annotation {
            self.blank(annotation.span);
        }
        if let Some(initializer) = &it.initializer {
            self.visit_expression(initializer);
        }
    }

    pub(super) fn arrow(&mut self, it: &ArrowFunctionExpression) {
        self.functions += 1;
        let (open, close) = (it.params.span.start, it.params.span.end);
        if let Some(parameters) = &it.type_parameters {
            let restricted =
                it.r#async || matches!(self.lead(it.span.start), Some(Lead::Restricted | Lead::Yield));
            if restricted && self.has_line_break(parameters.span.start, open) {
                // `async <T>⏎(x) => …`
                self.edits.replace(parameters.span.start, parameters.span.end, "(");
                self.edits.blank(open, open + 1);
            } else {
                self.blank(parameters.span);
            }
        }
        walk::walk_formal_parameters(self, &it.params);
        if let Some(result) = &it.return_type {
            if self.has_line_break(close, result.span.end) {
                // `(x): {⏎…⏎} => …`
                let last = self
                    .slice(result.span.start, result.span.end)
                    .char_indices()
                    .next_back()
                    .map_or(0, |(n, _)| n);
                let last = result.span.start + last as u32;
                self.edits.blank(close - 1, close);
                self.edits.blank(result.span.start, last);
                self.edits.replace(last, result.span.end, ")");
            } else {
                self.blank(result.span);
            }
        }
        match &it.body {
            ArrowFunctionBody::FunctionBody(body) => self.visit_function_body(body),
            body => {
                if let Some(expression) = body.as_expression() {
                    self.lead = Some((expression.span().start, Lead::ArrowBody));
                    self.visit_expression(expression);
                }
            }
        }
        self.functions -= 1;
    }
}
