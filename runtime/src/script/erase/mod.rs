//! Replaces types by blanks.
//!
//! A walk over the syntax tree collects the ranges to blank and the first construct that cannot be
//! blanked. It also finds `return` outside of functions and `import.meta`.
//!
//! Blanks can change the meaning of the rest, because JavaScript ends statements at line breaks. In
//! these cases, something is written into the blanks:
//!
//! - A statement that vanished, or one that ended in a type, was between two that would now join
//!   (`let x = y as T⏎(f)()`): a `;` is written where the blanks begin. The same in class bodies.
//! - `return <T>⏎x` would return nothing: `return 0,⏎x`. At the start of a statement, `<T>{…}`
//!   would become a block (`0,{…}`); as an arrow's body, a function body (`0||{…}`).
//! - `=>` must be on the line of its `)`, and `async` on the line of its `(`. If a type between
//!   them has line breaks, the parenthesis moves to the other end of the blanks. No other tokens
//!   move.

mod assertions;
mod classes;
mod functions;
pub(super) mod statements;

use oxc_allocator::ArenaVec;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

use super::diagnostic::Diagnostic;
use super::edits::{Edits, is_line_terminator};
use super::{parse, stack_left};
use statements::Seam;

/// The stack that is left when the walk stops. Between two checks there are at most a dozen frames.
const RESERVE: usize = if cfg!(debug_assertions) { 192 << 10 } else { 48 << 10 };

/// Returns the offset of the next token, after blanks and comments.
pub(super) fn next_token(text: &str, comments: &[Comment], at: u32) -> u32 {
    let mut at = at as usize;
    loop {
        let rest = &text[at.min(text.len())..];
        at = text.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
        match comments.binary_search_by_key(&(at as u32), |comment| comment.span.start) {
            Ok(n) => at = comments[n].span.end as usize,
            Err(_) => return at as u32,
        }
    }
}

/// The findings of the walk.
pub(super) struct Eraser<'s> {
    text: &'s str,
    comments: &'s [Comment],
    /// The ranges to blank.
    pub edits: Edits,
    /// The error about the first construct that cannot become JavaScript.
    diagnostic: Option<Diagnostic>,
    /// The number of functions around the current node.
    functions: usize,
    /// The first `return` outside of all functions.
    pub top_return: Option<u32>,
    /// Set if one of these returns has a value.
    pub returns: bool,
    /// The first `import.meta`.
    pub import_meta: Option<u32>,
    /// The start of the next expression, if the token before it makes a blanked beginning
    /// ambiguous.
    lead: Option<(u32, Lead)>,
    /// The end of the directives before the next list of statements.
    before_list: Option<Seam>,
    too_deep: bool,
}

/// The token before an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// `return` or `throw`: a line break may not follow.
    Restricted,
    /// `yield`: a line break may not follow, and it binds tighter than a comma.
    Yield,
    /// The start of a statement: `{`, `function` and `class` have another meaning there.
    Statement,
    /// `=>`: `{` begins a function body there.
    ArrowBody,
}

impl<'s> Eraser<'s> {
    pub fn new(text: &'s str, comments: &'s [Comment]) -> Self {
        Self {
            text,
            comments,
            edits: Edits::default(),
            diagnostic: None,
            functions: 0,
            top_return: None,
            returns: false,
            import_meta: None,
            lead: None,
            before_list: None,
            too_deep: false,
        }
    }

    /// Reports a construct that the walk could not erase. The first one counts.
    pub fn finish(&mut self) -> Result<(), Diagnostic> {
        self.diagnostic.take().map_or(Ok(()), Err)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.too_deep && self.diagnostic.as_ref().is_none_or(|first| diagnostic.at < first.at) {
            self.diagnostic = Some(diagnostic);
        }
    }

    fn blank(&mut self, span: Span) {
        self.edits.blank(span.start, span.end);
    }

    fn slice(&self, start: u32, end: u32) -> &'s str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    fn rest(&self, at: u32) -> &'s str {
        self.text.get(at as usize..).unwrap_or("")
    }

    fn has_line_break(&self, start: u32, end: u32) -> bool {
        self.slice(start, end).contains(is_line_terminator)
    }

    /// Returns the offset of the next token, after blanks and comments.
    fn next_token(&self, at: u32) -> u32 {
        next_token(self.text, self.comments, at)
    }

    /// Blanks the token `mark` after `at`, if it is there.
    fn blank_mark(&mut self, at: u32, mark: &str) {
        let start = self.next_token(at);
        if self.rest(start).starts_with(mark) {
            self.edits.blank(start, start + mark.len() as u32);
        }
    }

    /// Blanks an element of a list with the comma after it.
    fn blank_element(&mut self, span: Span) {
        let comma = self.next_token(span.end);
        let end = if self.rest(comma).starts_with(',') { comma + 1 } else { span.end };
        self.edits.blank(span.start, end);
    }

    /// Returns the word at an offset.
    fn word(&self, at: u32) -> &'s str {
        let rest = self.rest(at);
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(rest.len());
        &rest[..end]
    }

    fn lead(&self, at: u32) -> Option<Lead> {
        self.lead.filter(|lead| lead.0 == at).map(|lead| lead.1)
    }

    fn enough_stack(&mut self, at: u32) -> bool {
        if !self.too_deep && stack_left(RESERVE) {
            return true;
        }
        if !self.too_deep {
            self.too_deep = true;
            // The other findings do not matter after an error.
            self.diagnostic = Some(parse::too_deep(at));
        }
        false
    }
}

impl<'a> Visit<'a> for Eraser<'_> {
    fn visit_program(&mut self, it: &Program<'a>) {
        self.directives(&it.directives);
        self.statements(&it.body, true);
    }

    fn visit_function_body(&mut self, it: &FunctionBody<'a>) {
        self.directives(&it.directives);
        self.statements(&it.statements, false);
    }

    fn visit_statements(&mut self, it: &ArenaVec<'a, Statement<'a>>) {
        self.before_list = None;
        self.statements(it, false);
    }

    fn visit_statement(&mut self, it: &Statement<'a>) {
        if self.enough_stack(it.span().start) {
            self.statement(it);
        }
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if self.enough_stack(it.span().start) {
            walk::walk_expression(self, it);
        }
    }

    fn visit_binding_pattern(&mut self, it: &BindingPattern<'a>) {
        if self.enough_stack(it.span().start) {
            walk::walk_binding_pattern(self, it);
        }
    }

    fn visit_assignment_target(&mut self, it: &AssignmentTarget<'a>) {
        if self.enough_stack(it.span().start) {
            walk::walk_assignment_target(self, it);
        }
    }

    fn visit_simple_assignment_target(&mut self, it: &SimpleAssignmentTarget<'a>) {
        if self.enough_stack(it.span().start) {
            walk::walk_simple_assignment_target(self, it);
        }
    }

    // Nodes without expressions that run. Types are not walked.
    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.blank(it.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.blank(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.blank(it.span);
    }

    fn visit_ts_this_parameter(&mut self, it: &TSThisParameter<'a>) {
        self.blank_element(it.span);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.suffix(&it.expression, it.span);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.suffix(&it.expression, it.span);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.assertion(it);
        self.visit_expression(&it.expression);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.edits.blank(it.span.end - 1, it.span.end);
    }

    fn visit_update_expression(&mut self, it: &UpdateExpression<'a>) {
        // `x<⏎T>--`: the line break would end the statement before the operator.
        if !it.prefix
            && matches!(self.rest(it.argument.span().end.saturating_sub(1)).chars().next(), Some('>'))
        {
            self.report(Diagnostic::new(
                it.span.start,
                "A value with type arguments cannot be incremented or decremented.",
            ));
        }
        walk::walk_update_expression(self, it);
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        // A module has no HTML-like comments, so that the parser read `x <!--y` as `x < !(--y)`.
        // Bodies are compiled as scripts, which have such comments, and would skip the rest of the
        // line.
        if self.rest(it.span.start).starts_with("!--") && self.text[..it.span.start as usize].ends_with('<') {
            self.report(
                Diagnostic::new(it.span.start - 1, "HTML comments are not allowed.")
                    .hint("Use `//`, or write `< !` with a space."),
            );
        }
        walk::walk_unary_expression(self, it);
    }

    fn visit_import_meta(&mut self, it: &ImportMeta) {
        self.import_meta.get_or_insert(it.span.start);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.report(
            Diagnostic::new(it.span.start, "Decorators are not supported.")
                .hint("Call the function yourself: `const Wrapped = decorate(class { … })`."),
        );
    }

    fn visit_jsx_element(&mut self, it: &JSXElement<'a>) {
        self.report(Diagnostic::new(it.span.start, "Unexpected JSX.").hint(super::diagnostic::NO_JSX));
    }

    fn visit_jsx_fragment(&mut self, it: &JSXFragment<'a>) {
        self.report(Diagnostic::new(it.span.start, "Unexpected JSX.").hint(super::diagnostic::NO_JSX));
    }

    fn visit_expression_statement(&mut self, it: &ExpressionStatement<'a>) {
        self.lead = Some((it.expression.span().start, Lead::Statement));
        self.visit_expression(&it.expression);
    }

    fn visit_return_statement(&mut self, it: &ReturnStatement<'a>) {
        if self.functions == 0 {
            self.top_return.get_or_insert(it.span.start);
            // `return undefined` returns nothing on purpose.
            let undefined = it.argument.as_ref().is_some_and(|argument| argument.is_undefined());
            self.returns |= it.argument.is_some() && !undefined;
        }
        if let Some(argument) = &it.argument {
            self.lead = Some((argument.span().start, Lead::Restricted));
            self.visit_expression(argument);
        }
    }

    fn visit_throw_statement(&mut self, it: &ThrowStatement<'a>) {
        self.lead = Some((it.argument.span().start, Lead::Restricted));
        self.visit_expression(&it.argument);
    }

    fn visit_yield_expression(&mut self, it: &YieldExpression<'a>) {
        if let Some(argument) = &it.argument {
            self.lead = Some((argument.span().start, Lead::Yield));
            self.visit_expression(argument);
        }
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        self.visit_binding_pattern(&it.id);
        if it.definite {
            self.blank_mark(it.id.span().end, "!");
        }
        if let Some(annotation) = &it.type_annotation {
            self.visit_ts_type_annotation(annotation);
        }
        if let Some(init) = &it.init {
            self.visit_expression(init);
        }
    }

    fn visit_function(&mut self, it: &Function<'a>, _flags: ScopeFlags) {
        self.function(it);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        self.parameter(it);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.arrow(it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.class(it);
    }

    fn visit_class_elements(&mut self, it: &ArenaVec<'a, ClassElement<'a>>) {
        self.class_elements(it);
    }

    fn visit_static_block(&mut self, it: &StaticBlock<'a>) {
        self.functions += 1;
        self.visit_statements(&it.body);
        self.functions -= 1;
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        for specifier in it.specifiers.iter().flatten() {
            if let ImportDeclarationSpecifier::ImportSpecifier(specifier) = specifier
                && specifier.import_kind == ImportOrExportKind::Type
            {
                self.blank_element(specifier.span);
            }
        }
    }

    fn visit_export_specifier(&mut self, it: &ExportSpecifier<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            self.blank_element(it.span);
        }
    }
}
