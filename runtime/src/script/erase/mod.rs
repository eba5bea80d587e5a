//! TypeScript becomes blanks.
//!
//! A walk over the syntax tree that collects ranges to blank and the first thing that cannot be blanked. It also notes
//! what only a walk can see: a `return` outside of functions, `import.meta`.
//!
//! Blanks can change what the rest means, because JavaScript ends statements at line breaks. Where that would happen
//! something is written into the blanks:
//!
//! - A statement that vanished, or one that ended in a type, stood between two that would now join
//!   (`let x = y as T⏎(f)()`): a `;` is put where the blanks begin. In class bodies alike.
//! - `return <T>⏎x` would return nothing: `return 0,⏎x`. At the start of a statement `<T>{…}` would become a block
//!   (`0,{…}`), as an arrow's body a function body (`0||{…}`).
//! - `=>` must stand on the line of its `)`, and `async` on the line of its `(`. If a type between them has line breaks
//!   the parenthesis moves to the other end of the blanks: the only tokens that ever move.

mod classes;
mod functions;
pub(super) mod statements;

use oxc_allocator::ArenaVec;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

use super::edits::{Edits, fits, is_line_terminator};
use super::fault::Flaw;
use super::parse;
use statements::Seam;

/// Stack at which the walk gives up. Between two checks lie at most a dozen frames.
const RESERVE: usize = if cfg!(debug_assertions) { 192 << 10 } else { 48 << 10 };

/// What the walk collects.
pub(super) struct Eraser<'s> {
    text: &'s str,
    comments: &'s [Comment],
    /// What to blank.
    pub edits: Edits,
    /// The first thing that cannot be JavaScript.
    flaw: Option<Flaw>,
    /// Functions around the current node.
    functions: usize,
    /// The first `return` outside of all functions.
    pub top_return: Option<u32>,
    /// Whether one of them returns something.
    pub returns: bool,
    /// The first `import.meta`.
    pub import_meta: Option<u32>,
    /// Where the next expression starts, if what stands before it makes a blanked beginning dangerous.
    lead: Option<(u32, Lead)>,
    /// The statement before the list that comes next: its directives.
    before_list: Option<Seam>,
    too_deep: bool,
}

/// What stands before an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// `return`, `throw`: no line break may follow.
    Restricted,
    /// `yield`: the same, and it binds tighter than a comma.
    Yield,
    /// Nothing: `{`, `function` and `class` mean something else there.
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
            flaw: None,
            functions: 0,
            top_return: None,
            returns: false,
            import_meta: None,
            lead: None,
            before_list: None,
            too_deep: false,
        }
    }

    /// What the walk could not erase.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        self.flaw.take().map_or(Ok(()), Err)
    }

    fn fault(&mut self, flaw: Flaw) {
        if !self.too_deep && self.flaw.as_ref().is_none_or(|first| flaw.at < first.at) {
            self.flaw = Some(flaw);
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

    /// Where the next token begins: behind blanks and comments.
    fn next_token(&self, at: u32) -> u32 {
        let mut at = at as usize;
        loop {
            let rest = &self.text[at.min(self.text.len())..];
            at = self.text.len()
                - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            match self.comments.binary_search_by_key(&(at as u32), |comment| comment.span.start) {
                Ok(n) => at = self.comments[n].span.end as usize,
                Err(_) => return at as u32,
            }
        }
    }

    /// Blanks the token `mark` behind `at`, if it is there.
    fn blank_mark(&mut self, at: u32, mark: &str) {
        let start = self.next_token(at);
        if self.rest(start).starts_with(mark) {
            self.edits.blank(start, start + mark.len() as u32);
        }
    }

    /// Blanks a list's element with the comma behind it.
    fn blank_element(&mut self, span: Span) {
        let comma = self.next_token(span.end);
        let end = if self.rest(comma).starts_with(',') { comma + 1 } else { span.end };
        self.edits.blank(span.start, end);
    }

    /// The word at an offset.
    fn word(&self, at: u32) -> &'s str {
        let rest = self.rest(at);
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(rest.len());
        &rest[..end]
    }

    fn lead(&self, at: u32) -> Option<Lead> {
        self.lead.filter(|lead| lead.0 == at).map(|lead| lead.1)
    }

    fn enough_stack(&mut self, at: u32) -> bool {
        if !self.too_deep && stacker::remaining_stack().is_none_or(|left| left > RESERVE) {
            return true;
        }
        if !self.too_deep {
            self.too_deep = true;
            // Nothing else matters then.
            self.flaw = Some(parse::too_deep(at));
        }
        false
    }

    /// `<T>x`
    fn assertion(&mut self, it: &TSTypeAssertion) {
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
            self.fault(
                Flaw::new(
                    it.span.start,
                    "This type assertion is broken over lines where that would change the meaning.",
                )
                .hint("Write `value as Type`."),
            );
        }
        self.edits.replace(it.span.start, end, put);
    }

    /// `x as T`, `x satisfies T`
    fn suffix(&mut self, expression: &Expression, span: Span) {
        let keyword = self.next_token(expression.span().end);
        self.edits.blank(keyword, span.end);
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

    // What has no expressions in it that run. Types are never walked.
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
            self.fault(Flaw::new(
                it.span.start,
                "A value with type arguments cannot be incremented or decremented.",
            ));
        }
        walk::walk_update_expression(self, it);
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        // A module has no HTML-like comments, so the parser read `x <!--y` as `x < !(--y)`. The scripts that bodies are
        // compiled as have them, and would skip the rest of the line.
        if self.rest(it.span.start).starts_with("!--") && self.text[..it.span.start as usize].ends_with('<') {
            self.fault(
                Flaw::new(it.span.start - 1, "HTML comments are not allowed.")
                    .hint("Use `//`, or write `< !` with a space."),
            );
        }
        walk::walk_unary_expression(self, it);
    }

    fn visit_import_meta(&mut self, it: &ImportMeta) {
        self.import_meta.get_or_insert(it.span.start);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.fault(
            Flaw::new(it.span.start, "Decorators are not supported.")
                .hint("Call the function yourself: `const Wrapped = decorate(class { … })`."),
        );
    }

    fn visit_jsx_element(&mut self, it: &JSXElement<'a>) {
        self.fault(Flaw::new(it.span.start, "Unexpected JSX.").hint(super::fault::NO_JSX));
    }

    fn visit_jsx_fragment(&mut self, it: &JSXFragment<'a>) {
        self.fault(Flaw::new(it.span.start, "Unexpected JSX.").hint(super::fault::NO_JSX));
    }

    fn visit_expression_statement(&mut self, it: &ExpressionStatement<'a>) {
        self.lead = Some((it.expression.span().start, Lead::Statement));
        self.visit_expression(&it.expression);
    }

    fn visit_return_statement(&mut self, it: &ReturnStatement<'a>) {
        if self.functions == 0 {
            self.top_return.get_or_insert(it.span.start);
            self.returns |= it.argument.is_some();
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
