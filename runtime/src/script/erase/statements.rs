//! Erases types in lists of statements: statements that vanish, statements that cannot, and
//! semicolons in their place.

use oxc_ast::ast::*;
use oxc_ast_visit::walk;
use oxc_span::GetSpan;

use super::super::diagnostic::Diagnostic;
use super::super::edits::EditId;
use super::Eraser;

/// The end of a statement without a semicolon.
pub(super) struct Seam {
    /// The first blanks between the statement and the next one.
    gap: Option<EditId>,
}

/// The decision about a statement.
enum Fate {
    Stays,
    Vanishes,
    CannotVanish(Diagnostic),
}

impl<'s> Eraser<'s> {
    pub(super) fn directives(&mut self, directives: &[Directive]) {
        self.before_list = directives.last().and_then(|last| self.seam(last.span));
    }

    pub(super) fn statements(&mut self, list: &[Statement], top: bool) {
        let mut seam = self.before_list.take();
        for statement in list {
            let span = statement.span();
            match fate(statement) {
                Fate::Vanishes => {
                    let edit = self.edits.blank(span.start, span.end);
                    if let Some(seam) = &mut seam {
                        seam.gap.get_or_insert(edit);
                    }
                    continue;
                }
                Fate::CannotVanish(diagnostic) => {
                    self.report(diagnostic);
                    continue;
                }
                Fate::Stays if statement.is_module_declaration() && !top => self.report(misplaced(statement)),
                Fate::Stays => {}
            }
            // Only statements with these first tokens can continue the statement before them.
            if let Some(gap) = seam.take().and_then(|seam| seam.gap)
                && self.rest(span.start).starts_with(['(', '[', '`', '+', '-', '/', '<'])
            {
                self.edits.end_statement(gap);
            }
            if !self.enough_stack(span.start) {
                return;
            }
            walk::walk_statement(self, statement);
            seam = self.seam(span);
        }
    }

    /// Erases a single statement after `if`, `for`, a label and the like.
    pub(super) fn statement(&mut self, statement: &Statement) {
        match fate(statement) {
            Fate::Stays if statement.is_module_declaration() => self.report(misplaced(statement)),
            Fate::Stays => walk::walk_statement(self, statement),
            Fate::CannotVanish(diagnostic) => self.report(diagnostic),
            Fate::Vanishes => {
                let edit = self.edits.blank(statement.span().start, statement.span().end);
                self.edits.end_statement(edit);
            }
        }
    }

    fn seam(&self, span: Span) -> Option<Seam> {
        let terminated = self.slice(span.end.saturating_sub(1), span.end) == ";";
        (!terminated).then(|| Seam { gap: self.edits.ending_at(span.end) })
    }
}

fn misplaced(statement: &Statement) -> Diagnostic {
    Diagnostic::new(
        statement.span().start,
        "`import` and `export` are only allowed at the top level of a module.",
    )
    .hint("Move it out of the block or function, or use `await import(…)`.")
}

/// Decides whether a statement vanishes.
pub(in super::super) fn vanishes(statement: &Statement) -> bool {
    matches!(fate(statement), Fate::Vanishes)
}

fn fate(statement: &Statement) -> Fate {
    match statement {
        Statement::TSInterfaceDeclaration(_)
        | Statement::TSTypeAliasDeclaration(_)
        | Statement::TSExternalModuleDeclaration(_)
        | Statement::TSGlobalDeclaration(_) => Fate::Vanishes,
        Statement::VariableDeclaration(it) if it.declare => Fate::Vanishes,
        Statement::ClassDeclaration(it) if it.declare => Fate::Vanishes,
        // An overload or `declare function`.
        Statement::FunctionDeclaration(it) if it.body.is_none() => Fate::Vanishes,
        Statement::TSEnumDeclaration(it) => enumeration(it),
        Statement::TSNamespaceDeclaration(it) => namespace(it),
        Statement::TSImportEqualsDeclaration(it) => import_equals(it),
        Statement::ImportDeclaration(it) => {
            let only_types = it.import_kind == ImportOrExportKind::Type
                || it.specifiers.as_ref().is_some_and(|all| {
                    !all.is_empty()
                        && all.iter().all(|one| {
                            matches!(one, ImportDeclarationSpecifier::ImportSpecifier(s)
                                if s.import_kind == ImportOrExportKind::Type)
                        })
                });
            vanishing(only_types)
        }
        Statement::ExportNamedDeclaration(it) => vanishing(only_types(it.export_kind, &it.specifiers)),
        Statement::ExportFromDeclaration(it) => vanishing(only_types(it.export_kind, &it.specifiers)),
        Statement::ExportAllDeclaration(it) => vanishing(it.export_kind == ImportOrExportKind::Type),
        Statement::ExportDeclaration(it) => declaration(&it.declaration),
        Statement::ExportDefaultDeclaration(it) => match &it.declaration {
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => Fate::Vanishes,
            ExportDefaultDeclarationKind::FunctionDeclaration(it) => vanishing(it.body.is_none()),
            _ => Fate::Stays,
        },
        Statement::TSExportAssignment(it) => Fate::CannotVanish(
            Diagnostic::new(it.span.start, "`export =` is not supported.").hint("Write `export default …`."),
        ),
        Statement::TSNamespaceExportDeclaration(it) => Fate::CannotVanish(
            Diagnostic::new(it.span.start, "`export as namespace` is not supported.").hint("Remove it."),
        ),
        _ => Fate::Stays,
    }
}

fn vanishing(yes: bool) -> Fate {
    if yes { Fate::Vanishes } else { Fate::Stays }
}

fn only_types(kind: ImportOrExportKind, specifiers: &[ExportSpecifier]) -> bool {
    kind == ImportOrExportKind::Type
        || !specifiers.is_empty() && specifiers.iter().all(|one| one.export_kind == ImportOrExportKind::Type)
}

fn declaration(it: &Declaration) -> Fate {
    match it {
        Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSExternalModuleDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => Fate::Vanishes,
        Declaration::VariableDeclaration(it) => vanishing(it.declare),
        Declaration::ClassDeclaration(it) => vanishing(it.declare),
        Declaration::FunctionDeclaration(it) => vanishing(it.body.is_none()),
        Declaration::TSEnumDeclaration(it) => enumeration(it),
        Declaration::TSNamespaceDeclaration(it) => namespace(it),
        Declaration::TSImportEqualsDeclaration(it) => import_equals(it),
    }
}

fn enumeration(it: &TSEnumDeclaration) -> Fate {
    if it.declare {
        return Fate::Vanishes;
    }
    // The hint is the enum as an object, if it is short and simple.
    let mut members = String::new();
    let mut next = Some(0.0);
    for member in it.body.members.iter().take(4) {
        let name = match &member.id {
            TSEnumMemberName::Identifier(id) => id.name.as_str(),
            _ => "Name",
        };
        let value = match &member.initializer {
            Some(Expression::StringLiteral(text)) => {
                next = None;
                format!("{:?}", text.value.as_str())
            }
            Some(Expression::NumericLiteral(number)) => {
                next = Some(number.value + 1.0);
                number.value.to_string()
            }
            Some(_) => {
                next = None;
                "…".into()
            }
            None => {
                let value = next.map_or("…".into(), |n| n.to_string());
                next = next.map(|n| n + 1.0);
                value
            }
        };
        if !members.is_empty() {
            members.push_str(", ");
        }
        members.extend([name, ": ", &value]);
    }
    if it.body.members.len() > 4 {
        members.push_str(", …");
    }
    let name = it.id.name.as_str();
    Fate::CannotVanish(
        Diagnostic::lowering(it.span.start, "Enums are not supported: they are more than types.")
            .hint(format!("Use an object: `const {name} = {{ {members} }} as const;`")),
    )
}

fn namespace(it: &TSNamespaceDeclaration) -> Fate {
    if it.declare || !has_values(it, 0) {
        return Fate::Vanishes;
    }
    let name = it.id.name.as_str();
    Fate::CannotVanish(
        Diagnostic::lowering(
            it.span.start,
            "Namespaces with values are not supported: they are more than types.",
        )
        .hint(format!("Use plain declarations, or an object: `const {name} = {{ … }};`")),
    )
}

/// Returns `true` if a namespace contains code that runs. Deep nesting counts as code.
fn has_values(it: &TSNamespaceDeclaration, depth: usize) -> bool {
    if depth > 64 {
        return true;
    }
    match &it.body {
        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => has_values(inner, depth + 1),
        TSNamespaceDeclarationBody::TSModuleBlock(block) => block.body.iter().any(|statement| {
            let inner = match statement {
                Statement::TSNamespaceDeclaration(inner) => Some(inner),
                Statement::ExportDeclaration(export) => match &export.declaration {
                    Declaration::TSNamespaceDeclaration(inner) => Some(inner),
                    _ => None,
                },
                _ => None,
            };
            match inner {
                Some(inner) => !inner.declare && has_values(inner, depth + 1),
                None => !vanishes(statement),
            }
        }),
    }
}

fn import_equals(it: &TSImportEqualsDeclaration) -> Fate {
    if it.import_kind == ImportOrExportKind::Type {
        return Fate::Vanishes;
    }
    let name = it.id.name.as_str();
    let hint = match &it.module_reference {
        TSModuleReference::ExternalModuleReference(_) => format!("Write `import {name} from \"…\"`."),
        _ => format!("Write `const {name} = …;`"),
    };
    Fate::CannotVanish(Diagnostic::lowering(it.span.start, "`import … =` is not supported.").hint(hint))
}
