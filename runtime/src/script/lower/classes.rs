//! Rewrites parameter properties and `accessor` fields.

use oxc_ast::ast::*;
use oxc_ast_visit::walk;
use oxc_span::GetSpan;

use super::super::diagnostic::Diagnostic;
use super::Lowerer;

impl<'a> Lowerer<'_, 'a> {
    pub(super) fn class(&mut self, it: &Class<'a>) {
        for element in &it.body.body {
            match element {
                ClassElement::MethodDefinition(method)
                    if method.kind == MethodDefinitionKind::Constructor && method.value.body.is_some() =>
                {
                    self.parameter_properties(it, &method.value);
                }
                ClassElement::AccessorProperty(field)
                    if field.r#type == AccessorPropertyType::AccessorProperty =>
                {
                    self.accessor(field);
                }
                _ => {}
            }
        }
        walk::walk_class(self, it);
    }

    /// Rewrites `constructor(private a) {}` to a field `a;` before all others and `this.a = a;`
    /// where the object exists.
    fn parameter_properties(&mut self, class: &Class<'a>, constructor: &Function<'a>) {
        let (mut fields, mut assignments) = (String::new(), String::new());
        let mut first = None;
        for parameter in &constructor.params.items {
            if parameter.accessibility.is_none() && !parameter.readonly && !parameter.r#override {
                continue;
            }
            let BindingPattern::BindingIdentifier(id) = &parameter.pattern else {
                self.report(
                    Diagnostic::new(parameter.span.start, "A parameter property cannot be a pattern.")
                        .hint("Give the parameter a name and take it apart in the constructor."),
                );
                continue;
            };
            first.get_or_insert(parameter.span.start);
            let start = parameter.decorators.last().map_or(parameter.span.start, |last| last.span.end);
            self.rewrite.blank(start, id.span.start);
            fields.push_str(&format!(" {};", id.name));
            assignments.push_str(&format!(" this.{0} = {0};", id.name));
        }
        let (Some(first), Some(body)) = (first, &constructor.body) else { return };
        let behind = match &class.heritage {
            None => body.directives.last().map(|last| last.span.end),
            Some(_) => {
                let call = body.statements.iter().find(|statement| is_super_call(statement));
                let Some(call) = call else {
                    return self.report(
                        Diagnostic::new(first, "A constructor with parameter properties must call `super(…)` in a statement of its own.")
                            .hint("Call super(…) at the top level of the constructor, or assign the fields there yourself."),
                    );
                };
                Some(call.span().end)
            }
        };
        self.rewrite.insert(class.body.span.start + 1, fields);
        match behind {
            None => self.rewrite.insert(body.span.start + 1, assignments),
            Some(at) => {
                let end = if self.text[..at as usize].ends_with(';') { "" } else { ";" };
                self.rewrite.insert(at, format!("{end}{assignments}"));
            }
        }
    }

    /// Rewrites `accessor x = 1` to a getter and a setter before a private field.
    fn accessor(&mut self, it: &AccessorProperty<'a>) {
        let name = it.key.span();
        if it.computed || matches!(it.key, PropertyKey::PrivateIdentifier(_)) || !it.decorators.is_empty() {
            // `erase` reports an error with a hint.
            return;
        }
        let key = self.slice(name.start, name.end);
        let field = self.unused.name("#accessor");
        let modifier = if it.r#static { "static " } else { "" };
        self.rewrite.insert(
            it.span.start,
            format!(
                ";{modifier}get {key}() {{ return this.{field}; }} {modifier}set {key}(value) {{ this.{field} = value; }} {modifier}{field}"
            ),
        );
        self.rewrite.blank(it.span.start, name.end);
    }
}

fn is_super_call(statement: &Statement) -> bool {
    matches!(statement, Statement::ExpressionStatement(it)
        if matches!(&it.expression, Expression::CallExpression(call) if matches!(call.callee, Expression::Super(_))))
}
