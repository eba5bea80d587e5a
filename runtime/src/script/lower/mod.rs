//! Rewrites, in place, TypeScript that is more than types: enums, namespaces, parameter properties,
//! `accessor` fields, `import x = A.B`.
//!
//! | module | contents |
//! |---|---|
//! | `entities` | the enums and namespaces: declarations, exports, constants |
//! | `enums` | rewrites enums to functions that fill an object |
//! | `namespaces` | rewrites namespaces likewise, and `import x = A.B` |
//! | `classes` | rewrites parameter properties and `accessor` |
//! | `unused` | names that do not occur in the text |
//!
//! The result is TypeScript that `erase` can make JavaScript of. It means what TypeScript's own
//! compiler makes of the text; a test in `tests/` compares the two. The text is not printed again:
//! every line stays, and [`Columns`] maps the columns after insertions. A stack trace that a script
//! reads has the right lines without a source map, and literals and comments stay as they are. The
//! transformer of oxc prints the text again, and silently changed the meaning of some namespaces
//! (several blocks of one, exported variables that are assigned).
//!
//! Only texts that need it are rewritten, after a parse has found such constructs. `oxc_semantic`
//! resolves the names.

/// Defines the methods of a visitor that does not walk types, which have no values.
macro_rules! skip_types {
    ($a:lifetime) => {
        fn visit_ts_type(&mut self, _: &TSType<$a>) {}
        fn visit_ts_type_annotation(&mut self, _: &TSTypeAnnotation<$a>) {}
        fn visit_ts_type_parameter_declaration(&mut self, _: &TSTypeParameterDeclaration<$a>) {}
        fn visit_ts_type_parameter_instantiation(&mut self, _: &TSTypeParameterInstantiation<$a>) {}
        fn visit_ts_class_implements(&mut self, _: &TSClassImplements<$a>) {}
        fn visit_ts_index_signature(&mut self, _: &TSIndexSignature<$a>) {}
        fn visit_ts_this_parameter(&mut self, _: &TSThisParameter<$a>) {}
    };
}

mod classes;
mod entities;
mod enums;
mod namespaces;
mod unused;

use std::collections::HashSet;

use oxc_allocator::{Allocator, ArenaVec};
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::GetSpan;
use oxc_syntax::symbol::SymbolId;

use super::columns::{Columns, Rewrite};
use super::diagnostic::Diagnostic;
use super::erase::next_token;
use super::erase::statements::vanishes;
use super::{parse, stack_left};
use entities::{Entities, EntityId};
use unused::Unused;

/// The number of enums and namespaces around one place.
const MAX_FRAMES: usize = 32;

/// The stack that is left when the walk stops.
const RESERVE: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };

/// Rewrites constructs that are more than types.
///
/// # Errors
/// A construct cannot be rewritten with the same meaning.
pub(super) fn lower(text: &str) -> Result<(String, Columns), Diagnostic> {
    let allocator = Allocator::default();
    let program = parse::program(&allocator, text, true)?;
    let scoping = SemanticBuilder::new().build(&program).semantic.into_scoping();
    let entities = Entities::collect(&program, &scoping)?;
    let mut lowerer = Lowerer {
        text,
        comments: &program.comments,
        scoping: &scoping,
        entities: &entities,
        rewrite: Rewrite::default(),
        frames: Vec::new(),
        declared: HashSet::new(),
        top: true,
        unused: Unused::of(text),
        diagnostic: None,
    };
    lowerer.visit_program(&program);
    match lowerer.diagnostic {
        Some(diagnostic) => Err(diagnostic),
        None => Ok(lowerer.rewrite.apply(text)),
    }
}

struct Lowerer<'s, 'a> {
    text: &'s str,
    comments: &'s [Comment],
    scoping: &'s Scoping,
    entities: &'s Entities<'a>,
    rewrite: Rewrite,
    /// The bodies of enums and namespaces around the current node.
    frames: Vec<Frame>,
    /// The symbols whose `var` or `let` has been written.
    declared: HashSet<SymbolId>,
    /// Set if the current statements are at the script's top level.
    top: bool,
    unused: Unused,
    diagnostic: Option<Diagnostic>,
}

/// The body of an enum or namespace.
struct Frame {
    entity: EntityId,
    scope: oxc_syntax::scope::ScopeId,
    /// The name of the object in the body.
    name: String,
}

impl<'s, 'a> Lowerer<'s, 'a> {
    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostic.as_ref().is_none_or(|first| diagnostic.at < first.at) {
            self.diagnostic = Some(diagnostic);
        }
    }

    fn slice(&self, start: u32, end: u32) -> &'s str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    fn next_token(&self, at: u32) -> u32 {
        next_token(self.text, self.comments, at)
    }

    /// Blanks a whole statement and ends the one before it.
    fn vanish(&mut self, span: Span) {
        self.rewrite.insert(span.start, ";");
        self.rewrite.blank(span.start, span.end);
    }

    /// Rewrites a statement of a list, where declarations are allowed.
    fn listed(&mut self, statement: &Statement<'a>) {
        if vanishes(statement) || !self.enough_stack(statement.span().start) {
            return;
        }
        match statement {
            Statement::TSEnumDeclaration(it) => self.enumeration(it, it.span.start, None),
            Statement::TSNamespaceDeclaration(it) => self.namespace(it, it.span.start, None),
            Statement::TSImportEqualsDeclaration(it) => self.import_equals(it, false),
            Statement::ExportDeclaration(it) => match &it.declaration {
                Declaration::TSEnumDeclaration(inner) => self.enumeration(inner, it.span.start, None),
                Declaration::TSNamespaceDeclaration(inner) => self.namespace(inner, it.span.start, None),
                Declaration::TSImportEqualsDeclaration(inner) => self.import_equals(inner, true),
                _ => walk::walk_statement(self, statement),
            },
            _ => walk::walk_statement(self, statement),
        }
    }

    fn inner_list(&mut self, work: impl FnOnce(&mut Self)) {
        let top = std::mem::replace(&mut self.top, false);
        work(self);
        self.top = top;
    }

    fn enough_stack(&mut self, at: u32) -> bool {
        let enough = stack_left(RESERVE);
        if !enough {
            self.report(parse::too_deep(at));
        }
        enough
    }

    /// Enters a body. Its object has the name of the enum or namespace, unless that name is
    /// declared in the body.
    fn enter(
        &mut self,
        entity: EntityId,
        scope: oxc_syntax::scope::ScopeId,
        name: &str,
        at: u32,
    ) -> Option<String> {
        if self.frames.len() >= MAX_FRAMES {
            self.report(
                Diagnostic::new(
                    at,
                    format!("Namespaces are nested too deeply (the limit is {MAX_FRAMES} levels)."),
                )
                .hint("Use plain declarations, or an object."),
            );
            return None;
        }
        let name =
            if self.entities.is_shadowed(scope, name) { self.unused.name(name) } else { name.to_owned() };
        self.frames.push(Frame { entity, scope, name: name.clone() });
        Some(name)
    }

    /// Returns the object of a name that is an export of an enum or namespace around it: `N` for
    /// `N.a`.
    fn qualifier(&self, it: &IdentifierReference) -> Option<&str> {
        let symbol = it.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
        let owner = symbol.and_then(|symbol| self.entities.owner(self.scoping.symbol_scope_id(symbol)));
        for frame in self.frames.iter().rev() {
            if owner == Some(frame.scope) {
                let moved =
                    symbol.is_some_and(|symbol| self.entities.is_moved(self.scoping, symbol, frame.scope));
                return moved.then_some(&frame.name);
            }
            if self.entities.exports(frame.entity, it.name.as_str()) {
                return Some(&frame.name);
            }
        }
        None
    }
}

impl<'a> Visit<'a> for Lowerer<'_, 'a> {
    fn visit_statements(&mut self, it: &ArenaVec<'a, Statement<'a>>) {
        for statement in it {
            self.listed(statement);
        }
    }

    /// Rewrites a single statement after `if`, a label and the like.
    fn visit_statement(&mut self, it: &Statement<'a>) {
        match it {
            Statement::TSEnumDeclaration(_)
            | Statement::TSNamespaceDeclaration(_)
            | Statement::TSImportEqualsDeclaration(_) => self.report(
                Diagnostic::new(it.span().start, "A declaration cannot stand alone here.")
                    .hint("Put it into a block: `{ … }`."),
            ),
            _ => self.listed(it),
        }
    }

    fn visit_function_body(&mut self, it: &FunctionBody<'a>) {
        self.inner_list(|this| walk::walk_function_body(this, it));
    }

    fn visit_block_statement(&mut self, it: &BlockStatement<'a>) {
        self.inner_list(|this| walk::walk_block_statement(this, it));
    }

    fn visit_switch_statement(&mut self, it: &SwitchStatement<'a>) {
        self.inner_list(|this| walk::walk_switch_statement(this, it));
    }

    fn visit_static_block(&mut self, it: &StaticBlock<'a>) {
        self.inner_list(|this| walk::walk_static_block(this, it));
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if self.enough_stack(it.span().start) {
            walk::walk_expression(self, it);
        }
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.class(it);
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        if let Some(name) = self.qualifier(it) {
            let put = format!("{name}.");
            self.rewrite.insert(it.span.start, put);
        }
    }

    fn visit_object_property(&mut self, it: &ObjectProperty<'a>) {
        if it.shorthand
            && let Expression::Identifier(id) = &it.value
        {
            self.shorthand(id);
        } else {
            walk::walk_object_property(self, it);
        }
    }

    fn visit_assignment_target_property_identifier(&mut self, it: &AssignmentTargetPropertyIdentifier<'a>) {
        self.shorthand(&it.binding);
        if let Some(init) = &it.init {
            self.visit_expression(init);
        }
    }

    skip_types!('a);
}

impl Lowerer<'_, '_> {
    /// Rewrites `{ a }` to `{ a: N.a }`.
    fn shorthand(&mut self, id: &IdentifierReference) {
        if let Some(name) = self.qualifier(id) {
            let put = format!("{}: {name}.", id.name);
            self.rewrite.insert(id.span.start, put);
        }
    }
}
