//! The exports of a CommonJS module, as far as its text tells them.
//!
//! An ECMAScript module can import the names that are found here, and those that importers ask for
//! (as with esbuild, they are `undefined` if the module does not have them). What compilers and
//! bundlers write is recognised: `exports.x =`, `Object.defineProperty(exports, "x", …)`,
//! `module.exports = { … }` (also behind `0 &&`), `__export(exports, { … })` and `__exportStar(…)`.

use oxc_ast::ast::*;

use crate::unique_names::UniqueNames;

/// The exports of a module.
#[derive(Debug, Default, Clone)]
pub(crate) struct ExportNames {
    /// The names.
    pub(crate) names: UniqueNames,
    /// The specifiers of modules whose names are exported too.
    pub(crate) stars: UniqueNames,
}

impl ExportNames {
    pub(crate) fn add(&mut self, name: &str) {
        self.names.add(name);
    }

    pub(crate) fn add_star(&mut self, specifier: &str) {
        self.stars.add(specifier);
    }

    /// Adds what `exports.x = …` and `module.exports = …` export.
    pub(crate) fn assignment(&mut self, it: &AssignmentExpression) {
        match &it.left {
            AssignmentTarget::StaticMemberExpression(member) if is_exports(&member.object) => {
                self.add(&member.property.name);
            }
            AssignmentTarget::ComputedMemberExpression(member) if is_exports(&member.object) => {
                if let Expression::StringLiteral(name) = &member.expression {
                    self.add(&name.value);
                }
            }
            AssignmentTarget::StaticMemberExpression(member) if is_module_exports(member) => {
                self.value(&it.right);
            }
            AssignmentTarget::AssignmentTargetIdentifier(id) if id.name == "exports" => self.value(&it.right),
            _ => {}
        }
    }

    /// Adds what a call exports.
    pub(crate) fn call(&mut self, it: &CallExpression) {
        let arguments: Vec<&Expression> = it.arguments.iter().filter_map(Argument::as_expression).collect();
        let Some(callee) = callee_name(&it.callee) else { return };
        match (callee, &arguments[..]) {
            ("defineProperty", [target, Expression::StringLiteral(name), ..]) if is_exports(target) => {
                self.add(&name.value);
            }
            ("__exportStar" | "_export_star", [from, target, ..]) if is_exports(target) => self.star(from),
            ("__export", [from]) => self.star(from),
            ("__reExport", [_, from, ..]) => self.star(from),
            ("__export" | "_export", [_, names @ Expression::ObjectExpression(_), ..]) => self.value(names),
            ("assign", [target, values @ ..]) if is_exports(target) => {
                values.iter().for_each(|value| self.value(value));
            }
            _ => {}
        }
    }

    /// Adds the names of a value that is exported as a whole.
    fn value(&mut self, value: &Expression) {
        match value.get_inner_expression() {
            Expression::ObjectExpression(object) => {
                for property in &object.properties {
                    match property {
                        ObjectPropertyKind::ObjectProperty(it) => {
                            if let Some(name) = it.key.static_name() {
                                self.add(&name);
                            }
                        }
                        ObjectPropertyKind::SpreadProperty(it) => self.star(&it.argument),
                    }
                }
            }
            Expression::ConditionalExpression(it) => {
                self.value(&it.consequent);
                self.value(&it.alternate);
            }
            Expression::AssignmentExpression(it) => self.value(&it.right),
            Expression::CallExpression(it) if callee_name(&it.callee) == Some("__toCommonJS") => {}
            other => self.star(other),
        }
    }

    /// Adds the module of `require("x")`, also within a call of a helper.
    fn star(&mut self, value: &Expression) {
        let Expression::CallExpression(it) = value.get_inner_expression() else { return };
        match (required(it), it.arguments.first().and_then(Argument::as_expression)) {
            (Some(specifier), _) => self.add_star(specifier),
            (None, Some(inner)) => self.star(inner),
            _ => {}
        }
    }
}

/// Returns the specifier of `require("x")`.
pub(crate) fn required<'a>(it: &'a CallExpression) -> Option<&'a str> {
    if !it.callee.is_specific_id("require") || it.optional {
        return None;
    }
    match it.arguments.first()? {
        Argument::StringLiteral(text) => Some(text.value.as_str()),
        Argument::TemplateLiteral(text) => text.single_quasi().map(|text| text.as_str()),
        _ => None,
    }
}

/// Returns `true` for `exports` and `module.exports`, and for the object that esbuild collects the
/// exports in.
fn is_exports(value: &Expression) -> bool {
    match value.get_inner_expression() {
        Expression::Identifier(id) => id.name == "exports",
        Expression::StaticMemberExpression(member) => is_module_exports(member),
        _ => false,
    }
}

fn is_module_exports(member: &StaticMemberExpression) -> bool {
    member.property.name == "exports" && member.object.is_specific_id("module")
}

/// Returns the last name of a callee: `b` of `a.b(…)` and of `(0, a.b)(…)`.
fn callee_name<'a>(callee: &'a Expression) -> Option<&'a str> {
    match callee.get_inner_expression() {
        Expression::Identifier(id) => Some(id.name.as_str()),
        Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
        Expression::SequenceExpression(it) => match it.expressions.last()? {
            Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
            _ => None,
        },
        _ => None,
    }
}
