//! The walk over a module that finds its imports and exports.

use std::collections::HashMap;
use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

use crate::commonjs::{self, ExportNames};
use crate::error::ProjectError;
use crate::imports::{Blank, Import, ImportedName, Need, Scan, Syntax, Types};
use crate::module_kind::{Goal, Language};
use crate::parsing::{self, Work};

/// Scans a module.
pub(crate) fn scan(file: &Path, text: &str, language: Language, types: Types) -> Result<Scan, ProjectError> {
    let elide = types.elide && parsing::fits_library_walk(file, text);
    let work = if elide { Work::LibraryWalk } else { Work::Walk };
    let mut scan = parsing::on_stack(file, text, work, language, || {
        scan_here(file, text, language, Types { elide, ..types })
    })?;
    scan.has_unknown_uses = types.elide && !elide;
    Ok(scan)
}

fn scan_here(file: &Path, text: &str, language: Language, types: Types) -> Result<Scan, ProjectError> {
    let allocator = Allocator::default();
    let parsed = parsing::parse(&allocator, file, text, language)?;
    let scoping = types.elide.then(|| SemanticBuilder::new().build(&parsed.program).semantic.into_scoping());
    let mut scanner = Scanner::new(text, types.drop, scoping);
    scanner.visit_program(&parsed.program);
    let is_module = parsed.module_record.has_module_syntax || scanner.import_meta;
    let mut scan = scanner.scan;
    scan.syntax = match (is_module, scanner.commonjs) {
        (true, _) => Syntax::EsModule,
        (false, true) => Syntax::CommonJs,
        (false, false) => Syntax::Neither,
    };
    if scan.syntax == Syntax::EsModule && language.goal != Goal::CommonJs {
        scan.exports = scanner.es_exports;
    }
    scan.imports.sort_by_key(|import| import.offset);
    Ok(scan)
}

/// The walk over a module.
struct Scanner<'t> {
    text: &'t str,
    drop_types: bool,
    scoping: Option<Scoping>,
    scan: Scan,
    es_exports: ExportNames,
    /// The names of `import * as name`, with the index of the import.
    namespaces: HashMap<String, usize>,
    /// The depth of `try` blocks.
    guards: u32,
    /// The depth of functions with a parameter `require`, which is not the module's.
    shadows: u32,
    commonjs: bool,
    import_meta: bool,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str, drop_types: bool, scoping: Option<Scoping>) -> Self {
        Self {
            text,
            drop_types,
            scoping,
            scan: Scan::default(),
            es_exports: ExportNames::default(),
            namespaces: HashMap::new(),
            guards: 0,
            shadows: 0,
            commonjs: false,
            import_meta: false,
        }
    }

    fn push(&mut self, source: &StringLiteral, need: Need, with: Option<&WithClause>) -> usize {
        let attribute = with.and_then(|with| {
            let is_type = |entry: &&ImportAttribute| match &entry.key {
                ImportAttributeKey::Identifier(id) => id.name == "type",
                ImportAttributeKey::StringLiteral(text) => text.value == "type",
            };
            Some(with.with_entries.iter().find(is_type)?.value.value.to_string())
        });
        self.scan.imports.push(Import {
            specifier: source.value.to_string(),
            offset: source.span.start as usize,
            need,
            attribute,
            names: Vec::new(),
        });
        self.scan.imports.len() - 1
    }

    fn ask(&mut self, import: usize, name: &str, blank: Option<Blank>) {
        if let Some(import) = self.scan.imports.get_mut(import) {
            import.names.push(ImportedName { name: name.to_owned(), blank });
        }
    }

    /// Returns `true` if an import is used as a value.
    fn is_value(&self, local: &BindingIdentifier) -> bool {
        let (Some(scoping), Some(symbol)) = (&self.scoping, local.symbol_id.get()) else { return true };
        scoping.get_resolved_references(symbol).any(|reference| reference.is_value())
    }

    fn import(&mut self, it: &ImportDeclaration) {
        let with = it.with_clause.as_deref();
        let Some(specifiers) = it.specifiers.as_ref() else {
            self.push(&it.source, Need::Static, with);
            return;
        };
        let local = |one: &ImportDeclarationSpecifier| match one {
            ImportDeclarationSpecifier::ImportSpecifier(s) => {
                s.import_kind != ImportOrExportKind::Type && self.is_value(&s.local)
            }
            ImportDeclarationSpecifier::ImportDefaultSpecifier(s) => self.is_value(&s.local),
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(s) => self.is_value(&s.local),
        };
        let is_value: Vec<bool> = specifiers.iter().map(local).collect();
        let only_types =
            it.import_kind == ImportOrExportKind::Type || !specifiers.is_empty() && !is_value.contains(&true);
        if only_types {
            self.push(&it.source, Need::Types, with);
            self.scan.types.push(Blank { start: it.span.start, end: it.span.end, statement: true });
            return;
        }
        let import = self.push(&it.source, Need::Static, with);
        for (index, one) in specifiers.iter().enumerate() {
            let span = one.span();
            let next = specifiers.get(index + 1).map(GetSpan::span);
            let blank = self.drop_types.then(|| match one {
                ImportDeclarationSpecifier::ImportSpecifier(_) => self.list_item(span, next),
                _ => {
                    let end = match self.find(span.end, it.source.span.start, ',') {
                        Some(comma) => comma + 1,
                        None => it.source.span.start,
                    };
                    Blank { start: span.start, end, statement: false }
                }
            });
            if !is_value.get(index).copied().unwrap_or(true) {
                self.scan.types.extend(blank);
                continue;
            }
            let local = one.local().name.to_string();
            match one {
                ImportDeclarationSpecifier::ImportSpecifier(s) => {
                    self.ask(import, &s.imported.name(), blank);
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(_) => self.ask(import, "default", blank),
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => {
                    self.namespaces.entry(local).or_insert(import);
                    continue;
                }
            }
            if let Some(names) = self.scan.imports.get(import).map(|import| import.names.len()) {
                self.scan.locals.push((local, import, names - 1));
            }
        }
    }

    /// Returns the range of an item of `{ a, b }`, with its comma.
    fn list_item(&self, span: Span, next: Option<Span>) -> Blank {
        let end = match next {
            Some(next) => next.start,
            None => self.find(span.end, self.text.len() as u32, '}').unwrap_or(span.end),
        };
        Blank { start: span.start, end, statement: false }
    }

    fn find(&self, from: u32, to: u32, wanted: char) -> Option<u32> {
        let at = self.text.get(from as usize..to as usize)?.find(wanted)?;
        Some(from + u32::try_from(at).ok()?)
    }

    fn export_from(&mut self, it: &ExportFromDeclaration) {
        let is_type =
            |one: &ExportSpecifier| it.export_kind.is_type() || one.export_kind == ImportOrExportKind::Type;
        let with = it.with_clause.as_deref();
        if it.export_kind.is_type() || !it.specifiers.is_empty() && it.specifiers.iter().all(is_type) {
            self.push(&it.source, Need::Types, with);
            return;
        }
        let import = self.push(&it.source, Need::Static, with);
        for (index, one) in it.specifiers.iter().enumerate() {
            if is_type(one) {
                continue;
            }
            let next = it.specifiers.get(index + 1).map(GetSpan::span);
            let blank = self.drop_types.then(|| self.list_item(one.span, next));
            self.ask(import, &one.local.name(), blank);
            self.es_exports.add(&one.exported.name());
        }
    }

    fn export_named(&mut self, it: &ExportNamedDeclaration) {
        for (index, one) in it.specifiers.iter().enumerate() {
            if it.export_kind.is_type() || one.export_kind == ImportOrExportKind::Type {
                continue;
            }
            self.es_exports.add(&one.exported.name());
            if self.drop_types {
                let next = it.specifiers.get(index + 1).map(GetSpan::span);
                self.scan.local_exports.push((one.local.name().to_string(), self.list_item(one.span, next)));
            }
        }
    }

    fn export_declaration(&mut self, declaration: &Declaration) {
        match declaration {
            Declaration::VariableDeclaration(it) if !it.declare => {
                for declarator in &it.declarations {
                    for name in declarator.id.get_binding_identifiers() {
                        self.es_exports.add(&name.name);
                    }
                }
            }
            Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_) => {}
            other if !other.declare() => {
                if let Some(id) = other.id() {
                    self.es_exports.add(&id.name);
                }
            }
            _ => {}
        }
    }

    /// Returns `true` if a function has a parameter with the name `require`.
    fn shadows(parameters: &FormalParameters) -> bool {
        parameters
            .iter_bindings()
            .any(|pattern| pattern.get_identifier_name().is_some_and(|n| n == "require"))
    }
}

impl<'a> Visit<'a> for Scanner<'_> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if !parsing::has_stack() {
            return;
        }
        match it {
            Statement::ImportDeclaration(it) => self.import(it),
            Statement::ExportFromDeclaration(it) => self.export_from(it),
            Statement::ExportAllDeclaration(it) => {
                let need = if it.export_kind.is_type() { Need::Types } else { Need::Static };
                self.push(&it.source, need, it.with_clause.as_deref());
                match &it.exported {
                    _ if need == Need::Types => {}
                    Some(name) => self.es_exports.add(&name.name()),
                    None => self.es_exports.add_star(&it.source.value),
                }
            }
            Statement::ExportNamedDeclaration(it) => self.export_named(it),
            Statement::ExportDeclaration(it) => self.export_declaration(&it.declaration),
            Statement::ExportDefaultDeclaration(_) => self.es_exports.add("default"),
            _ => {}
        }
        walk::walk_statement(self, it);
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if parsing::has_stack() {
            walk::walk_expression(self, it);
        }
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        let need = if self.guards > 0 { Need::Optional { require: false } } else { Need::Dynamic };
        let offset = it.source.span().start as usize;
        let specifier = match &it.source {
            Expression::StringLiteral(text) => Some(text.value.to_string()),
            Expression::TemplateLiteral(text) => text.single_quasi().map(|text| text.to_string()),
            _ => None,
        };
        if let Some(specifier) = specifier {
            let attribute = it.options.as_ref().and_then(attribute_of_options);
            self.scan.imports.push(Import { specifier, offset, need, attribute, names: Vec::new() });
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.scan.exports.call(it);
        if self.shadows == 0
            && let Some(specifier) = commonjs::required(it)
        {
            let need = if self.guards > 0 { Need::Optional { require: true } } else { Need::Require };
            let offset = it.arguments.first().map_or(it.span.start, |first| first.span().start) as usize;
            let specifier = specifier.to_owned();
            self.scan.imports.push(Import { specifier, offset, need, attribute: None, names: Vec::new() });
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        self.scan.exports.assignment(it);
        walk::walk_assignment_expression(self, it);
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        if let Expression::Identifier(object) = &it.object
            && let Some(import) = self.namespaces.get(object.name.as_str()).copied()
        {
            self.ask(import, &it.property.name, None);
        }
        walk::walk_static_member_expression(self, it);
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        if matches!(it.name.as_str(), "require" | "module" | "exports" | "__filename" | "__dirname") {
            self.commonjs = true;
        }
    }

    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        self.scan.has_own_require |= it.name == "require";
    }

    fn visit_import_meta(&mut self, _: &ImportMeta) {
        self.import_meta = true;
    }

    fn visit_try_statement(&mut self, it: &TryStatement<'a>) {
        self.guards += 1;
        self.visit_block_statement(&it.block);
        self.guards -= 1;
        if let Some(handler) = &it.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &it.finalizer {
            self.visit_block_statement(finalizer);
        }
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        let shadows = u32::from(Self::shadows(&it.params));
        // A function within a `try` block runs at another time.
        let guards = std::mem::take(&mut self.guards);
        self.shadows += shadows;
        walk::walk_function(self, it, flags);
        self.shadows -= shadows;
        self.guards = guards;
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let shadows = u32::from(Self::shadows(&it.params));
        self.shadows += shadows;
        walk::walk_arrow_function_expression(self, it);
        self.shadows -= shadows;
    }
}

/// Returns the type in `{ with: { type: "…" } }`.
fn attribute_of_options(options: &Expression) -> Option<String> {
    let property = |object: &Expression, name: &str| -> Option<Option<String>> {
        let Expression::ObjectExpression(object) = object else { return None };
        object.properties.iter().filter_map(ObjectPropertyKind::as_property).find_map(|property| {
            if !property.key.is_specific_static_name(name) {
                return None;
            }
            match &property.value {
                Expression::StringLiteral(text) => Some(Some(text.value.to_string())),
                _ => Some(None),
            }
        })
    };
    let Expression::ObjectExpression(object) = options else { return None };
    let with = object.properties.iter().filter_map(ObjectPropertyKind::as_property);
    let with = with.into_iter().find(|property| property.key.is_specific_static_name("with"))?;
    property(&with.value, "type").flatten()
}

#[cfg(test)]
#[path = "import_scan/tests.rs"]
mod tests;
