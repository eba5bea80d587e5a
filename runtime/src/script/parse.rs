//! One parse, on a stack that suffices.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oxc_allocator::Allocator;
use oxc_ast::ast::{Expression, Program};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;

use super::fault::{self, Flaw, SyntaxFault};
use super::nesting::{self, MAX_DEPTH};

/// Stack that a parse needs for each level that `nesting` counts. The worst patterns measured with oxc 0.146 on x86-64:
/// with optimisation 1.8 KB (a template's `${`, `[` in a type), 2.2 KB for each of `(function(){` and 1.8 KB for each of
/// `(class{m(){`; without, 4.4 KB (`[` in a type), 4.2 KB and 4 KB.
const STACK_PER_LEVEL: usize = if cfg!(debug_assertions) { 8 << 10 } else { 3 << 10 };

/// Stack that a walk needs for each operand of a chain that the parser builds in a loop (`a + b + …`, `a.b.…`); the
/// scan does not count those. The walk itself checks what is left and gives up in time.
const STACK_PER_OPERAND: usize = if cfg!(debug_assertions) { 2 << 10 } else { 512 };
const OPERANDS: usize = 4_000;

/// What the shallowest parse needs, the walk's reserve included.
const STACK: usize = if cfg!(debug_assertions) { 512 << 10 } else { 128 << 10 };

/// Runs `work` on `text` if it is not nested too deeply, with enough stack.
///
/// Ordinary scripts need some 200 KB and stay on the caller's stack; the deepest allowed get a few megabytes for as long
/// as they are parsed.
///
/// A panic in the parser, which would be a bug there, becomes a fault: `work` owns everything that it touches, and a
/// hostile text that finds such a bug must not take a thread with it. Where panics abort this does nothing.
pub(super) fn guarded<T>(text: &str, work: impl FnOnce(&str) -> Result<T, Flaw>) -> Result<T, SyntaxFault> {
    let nesting = nesting::measure(text);
    if nesting.depth > MAX_DEPTH {
        return Err(too_deep(nesting.deepest as u32).locate(text));
    }
    if let Some(at) = nesting.overworked {
        return Err(Flaw::new(at as u32, "The text is too ambiguous to parse in reasonable time.")
            .hint("Put parentheses around comparisons with `<`, or move nested calls into statements of their own.")
            .locate(text));
    }
    let stack = STACK + nesting.depth * STACK_PER_LEVEL + OPERANDS.min(text.len() / 2) * STACK_PER_OPERAND;
    let result = catch_unwind(AssertUnwindSafe(|| stacker::maybe_grow(stack, stack, || work(text))));
    result
        .unwrap_or_else(|_| {
            Err(Flaw::new(0, "The parser failed on this text.")
                .hint("This is a bug in the parser; try to write it differently."))
        })
        .map_err(|flaw| flaw.locate(text))
}

pub(super) fn too_deep(at: u32) -> Flaw {
    Flaw::new(at, format!("The code is nested too deeply (the limit is about {MAX_DEPTH} levels)."))
        .hint("Split it into several statements or functions.")
}

/// Parses statements or a module. The goal is always module: strict, `await` at the top level, no HTML-like comments,
/// and whether `return` is fine there is for the caller to see.
pub(super) fn program<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    typescript: bool,
) -> Result<Program<'a>, Flaw> {
    let parsed = Parser::new(allocator, text, source_type(typescript)).with_options(OPTIONS).parse();
    match fault::from_diagnostics(text, &parsed.diagnostics) {
        None if !parsed.panicked => Ok(parsed.program),
        None => Err(Flaw::new(0, "The text cannot be parsed.")),
        Some(flaw) => Err(flaw),
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
    // V8 parses them again anyway.
    parse_regular_expression: false,
    allow_return_outside_function: true,
    preserve_parens: true,
    allow_v8_intrinsics: false,
    // Only semantic analysis looks at them.
    enable_ident_hashes: false,
};

fn source_type(typescript: bool) -> SourceType {
    if typescript { SourceType::ts().with_module(true) } else { SourceType::mjs() }
}
