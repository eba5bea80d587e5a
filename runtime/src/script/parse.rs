//! One parse, on a stack of sufficient size.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oxc_allocator::Allocator;
use oxc_ast::ast::{Expression, Program};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;

use super::diagnostic::{self, Diagnostic, SyntaxError};
use super::nesting::{self, MAX_DEPTH};

/// The stack that a parse needs for each level that `nesting` counts. The worst patterns, measured
/// with oxc 0.146 on x86-64: with optimisation 1.8 KB (a template's `${`, `[` in a type), 2.2 KB
/// for each of `(function(){` and 1.8 KB for each of `(class{m(){`; without, 4.4 KB (`[` in a
/// type), 4.2 KB and 4 KB.
const STACK_PER_LEVEL: usize = if cfg!(debug_assertions) { 8 << 10 } else { 3 << 10 };

/// The stack that a walk needs for each operand of a chain that the parser builds in a loop
/// (`a + b + …`, `a.b.…`), which the scan does not count. The walk checks the stack that is left
/// and stops in time.
const STACK_PER_OPERAND: usize = if cfg!(debug_assertions) { 2 << 10 } else { 512 };
const OPERANDS: usize = 4_000;

/// The stack that the shallowest parse needs, including the walk's reserve.
const STACK: usize = if cfg!(debug_assertions) { 512 << 10 } else { 128 << 10 };

/// Runs `work` on `text` with enough stack, if the text is not nested too deeply.
///
/// Ordinary scripts need about 200 KB and stay on the caller's stack. The deepest allowed ones get
/// a few megabytes while they are parsed.
///
/// A panic in the parser, which would be a bug of it, becomes an error: `work` owns all that it
/// touches, and a hostile text that finds such a bug must not end a thread. This has no effect
/// where panics abort.
pub(super) fn guarded<T>(
    text: &str,
    work: impl FnOnce(&str) -> Result<T, Diagnostic>,
) -> Result<T, SyntaxError> {
    on_stack(text, 1, work)
}

/// Runs `work` with `factor` times the stack, for walks that use more and do not check the stack
/// that is left.
pub(super) fn on_stack<T>(
    text: &str,
    factor: usize,
    work: impl FnOnce(&str) -> Result<T, Diagnostic>,
) -> Result<T, SyntaxError> {
    let nesting = nesting::measure(text);
    if nesting.depth > MAX_DEPTH {
        return Err(too_deep(nesting.deepest as u32).locate(text));
    }
    if let Some(at) = nesting.overworked {
        return Err(Diagnostic::new(at as u32, "The text is too ambiguous to parse in reasonable time.")
            .hint("Put parentheses around comparisons with `<`, or move nested calls into statements of their own.")
            .locate(text));
    }
    let stack = STACK + nesting.depth * STACK_PER_LEVEL + OPERANDS.min(text.len() / 2) * STACK_PER_OPERAND;
    let stack = stack * factor;
    let result = catch_unwind(AssertUnwindSafe(|| stacker::maybe_grow(stack, stack, || work(text))));
    result
        .unwrap_or_else(|_| {
            Err(Diagnostic::new(0, "The parser failed on this text.")
                .hint("This is a bug in the parser; try to write it differently."))
        })
        .map_err(|diagnostic| diagnostic.locate(text))
}

pub(super) fn too_deep(at: u32) -> Diagnostic {
    Diagnostic::new(at, format!("The code is nested too deeply (the limit is about {MAX_DEPTH} levels)."))
        .hint("Split it into several statements or functions.")
}

/// Parses statements or a module. The goal is always module: strict, `await` at the top level, no
/// HTML-like comments. The caller checks whether `return` is allowed at the top level.
pub(super) fn program<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    typescript: bool,
) -> Result<Program<'a>, Diagnostic> {
    let parsed = Parser::new(allocator, text, source_type(typescript)).with_options(OPTIONS).parse();
    match diagnostic::from_diagnostics(text, &parsed.diagnostics) {
        None if !parsed.panicked => Ok(parsed.program),
        None => Err(Diagnostic::new(0, "The text cannot be parsed.")),
        Some(diagnostic) => Err(diagnostic),
    }
}

/// Parses a text that must be one expression.
pub(super) fn expression<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    typescript: bool,
) -> Option<Expression<'a>> {
    Parser::new(allocator, text, source_type(typescript)).with_options(OPTIONS).parse_expression().ok()
}

const OPTIONS: ParseOptions = ParseOptions {
    // V8 parses regular expressions again.
    parse_regular_expression: false,
    allow_return_outside_function: true,
    preserve_parens: true,
    allow_v8_intrinsics: false,
    // Only semantic analysis reads them.
    enable_ident_hashes: false,
};

fn source_type(typescript: bool) -> SourceType {
    if typescript { SourceType::ts().with_module(true) } else { SourceType::mjs() }
}
