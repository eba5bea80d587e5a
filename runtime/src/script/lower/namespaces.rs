//! Rewrites namespaces to functions that fill an object. Their exported variables become properties
//! of that object. `import x = A.B` becomes a constant.

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan;
use oxc_syntax::symbol::SymbolFlags;

use super::super::diagnostic::Diagnostic;
use super::super::erase::statements::vanishes;
use super::Lowerer;

impl<'a> Lowerer<'_, 'a> {
    /// Rewrites a namespace. `start` is the offset of the declaration, including `export`; `parent`
    /// is the object of the namespace that exports it.
    pub(super) fn namespace(&mut self, it: &TSNamespaceDeclaration<'a>, start: u32, parent: Option<&str>) {
        let Some(scope) = it.scope_id.get() else { return };
        let Some(entity) = self.entities.of_body(Some(scope)) else { return };
        let name = it.id.name.as_str();
        let body = it.body.span().start;
        match &it.body {
            TSNamespaceDeclarationBody::TSModuleBlock(block) => {
                let open = self.open(&it.id, start, body + 1, parent.is_some());
                let Some(inner) = self.enter(entity, scope, name, start) else { return };
                self.rewrite.insert(body, format!("{open}(function ({inner}) "));
                let top = std::mem::replace(&mut self.top, false);
                for statement in &block.body {
                    self.inside(statement, &inner);
                }
                self.top = top;
                self.frames.pop();
            }
            // The second namespace of `namespace A.B` begins at its name. The dot before it is
            // blanked with the first.
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(within) => {
                let open = self.open(&it.id, start, body + 1, parent.is_some());
                let Some(inner) = self.enter(entity, scope, name, start) else { return };
                self.rewrite.insert(body, format!("{open}(function ({inner}) {{ "));
                let top = std::mem::replace(&mut self.top, false);
                self.namespace(within, within.id.span.start, Some(&inner));
                self.top = top;
                self.frames.pop();
                self.rewrite.insert(it.span.end, " }");
            }
        }
        self.close(name, it.span.end, parent);
    }

    /// Rewrites a statement directly in a namespace. `object` is the name of the namespace's
    /// object.
    fn inside(&mut self, statement: &Statement<'a>, object: &str) {
        let span = statement.span();
        if let Statement::ExportDeclaration(export) = statement {
            if vanishes(statement) {
                return self.vanish(span);
            }
            return self.exported(&export.declaration, span, object);
        }
        match statement {
            _ if vanishes(statement) => self.vanish(span),
            Statement::ImportDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportAllDeclaration(_)
            | Statement::ExportDefaultDeclaration(_) => self.report(
                Diagnostic::new(span.start, "A namespace can only export declarations.")
                    .hint("Write `export const …`, `export function …` or `export class …`."),
            ),
            Statement::ReturnStatement(_) => self.report(
                Diagnostic::new(span.start, "A namespace cannot `return`.")
                    .hint("Put the code into a function."),
            ),
            _ => self.listed(statement),
        }
    }

    fn exported(&mut self, it: &Declaration<'a>, span: Span, object: &str) {
        match it {
            Declaration::VariableDeclaration(declaration) => self.variables(declaration, span, object),
            Declaration::FunctionDeclaration(function) => {
                self.rewrite.blank(span.start, function.span.start);
                walk::walk_declaration(self, it);
                self.export_local(function.id.as_ref(), span, object);
            }
            Declaration::ClassDeclaration(class) => {
                self.rewrite.blank(span.start, class.span.start);
                walk::walk_declaration(self, it);
                self.export_local(class.id.as_ref(), span, object);
            }
            Declaration::TSEnumDeclaration(inner) => self.enumeration(inner, span.start, Some(object)),
            Declaration::TSNamespaceDeclaration(inner) => self.namespace(inner, span.start, Some(object)),
            Declaration::TSImportEqualsDeclaration(inner) => {
                if !self.has_value(&inner.module_reference) {
                    return self.vanish(span);
                }
                self.rewrite.blank(span.start, inner.id.span.start);
                self.rewrite.insert(inner.id.span.start, format!(";{object}."));
                self.module_reference(inner);
            }
            _ => {}
        }
    }

    fn export_local(&mut self, id: Option<&BindingIdentifier>, span: Span, object: &str) {
        if let Some(id) = id {
            self.rewrite.insert(span.end, format!(" {object}.{0} = {0};", id.name));
        }
    }

    /// Rewrites `export const a = 1, { b } = c` to `;N.a = 1, ({ b: N.b } = c);`
    fn variables(&mut self, it: &VariableDeclaration<'a>, span: Span, object: &str) {
        if !matches!(
            it.kind,
            VariableDeclarationKind::Const | VariableDeclarationKind::Let | VariableDeclarationKind::Var
        ) {
            return self.report(
                Diagnostic::new(span.start, "A namespace cannot export a `using` declaration.")
                    .hint("Use `const`."),
            );
        }
        let first = it.declarations.first().map_or(span.end, |declarator| declarator.span.start);
        self.rewrite.blank(span.start, first);
        self.rewrite.insert(first, ";");
        for declarator in &it.declarations {
            let pattern = !matches!(declarator.id, BindingPattern::BindingIdentifier(_));
            if pattern {
                self.rewrite.insert(declarator.span.start, "(");
            }
            self.targets(&declarator.id, object);
            // The type and `!`.
            let end = declarator.id.span().end;
            let types = declarator.type_annotation.as_ref().map_or(end, |annotation| annotation.span.end);
            self.rewrite.blank(end, types);
            if let Some(init) = &declarator.init {
                self.visit_expression(init);
            }
            if pattern {
                self.rewrite.insert(declarator.span.end, ")");
            }
        }
        if !self.slice(span.start, span.end).ends_with(';') {
            self.rewrite.insert(span.end, ";");
        }
    }

    /// Rewrites the names of a declaration to targets of assignments.
    fn targets(&mut self, it: &BindingPattern<'a>, object: &str) {
        if !self.enough_stack(it.span().start) {
            return;
        }
        match it {
            BindingPattern::BindingIdentifier(id) => self.rewrite.insert(id.span.start, format!("{object}.")),
            BindingPattern::ObjectPattern(pattern) => {
                for property in &pattern.properties {
                    if property.shorthand {
                        let name = self.slice(property.key.span().start, property.key.span().end);
                        self.rewrite.insert(property.span.start, format!("{name}: "));
                    } else {
                        self.visit_property_key(&property.key);
                    }
                    self.targets(&property.value, object);
                }
                if let Some(rest) = &pattern.rest {
                    self.targets(&rest.argument, object);
                }
            }
            BindingPattern::ArrayPattern(pattern) => {
                for element in pattern.elements.iter().flatten() {
                    self.targets(element, object);
                }
                if let Some(rest) = &pattern.rest {
                    self.targets(&rest.argument, object);
                }
            }
            BindingPattern::AssignmentPattern(pattern) => {
                self.targets(&pattern.left, object);
                self.visit_expression(&pattern.right);
            }
        }
    }

    /// Rewrites an `import x = A.B` that is not exported by a namespace. It vanishes if it is only
    /// used as a type.
    pub(super) fn import_equals(&mut self, it: &TSImportEqualsDeclaration<'a>, exported: bool) {
        if matches!(it.module_reference, TSModuleReference::ExternalModuleReference(_)) {
            // `erase` reports an error with a hint.
            return;
        }
        let used = it.id.symbol_id.get().is_some_and(|symbol| {
            self.scoping.get_resolved_references(symbol).any(|reference| reference.is_value())
        });
        if !(used || exported) || !self.has_value(&it.module_reference) {
            let start = if exported { self.text[..it.span.start as usize].rfind("export") } else { None };
            let start = start.map_or(it.span.start, |at| at as u32);
            return self.vanish(Span::new(start, it.span.end));
        }
        self.rewrite.blank(it.span.start, it.id.span.start);
        self.rewrite.insert(it.id.span.start, "const ");
        self.module_reference(it);
    }

    fn module_reference(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        if let Some(root) = root(&it.module_reference) {
            self.visit_identifier_reference(root);
        }
        if !self.slice(it.span.start, it.span.end).ends_with(';') {
            self.rewrite.insert(it.span.end, ";");
        }
    }

    /// Returns `true` if the import can be more than a type, judged by its first name.
    fn has_value(&self, it: &TSModuleReference<'a>) -> bool {
        let Some(root) = root(it) else { return false };
        let symbol = root.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
        symbol.is_none_or(|symbol| {
            self.scoping.symbol_flags(symbol).intersects(SymbolFlags::Value | SymbolFlags::Import)
        })
    }
}

/// Returns the first name of `A.B.C`.
fn root<'r, 'a>(it: &'r TSModuleReference<'a>) -> Option<&'r IdentifierReference<'a>> {
    let mut name = match it {
        TSModuleReference::ExternalModuleReference(_) => return None,
        TSModuleReference::IdentifierReference(id) => return Some(id),
        TSModuleReference::QualifiedName(name) => &name.left,
    };
    loop {
        match name {
            TSTypeName::IdentifierReference(id) => return Some(id),
            TSTypeName::QualifiedName(inner) => name = &inner.left,
            TSTypeName::ThisExpression(_) => return None,
        }
    }
}
