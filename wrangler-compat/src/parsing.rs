//! One parse of a module, on a stack of sufficient size.

use std::path::Path;
use std::thread;

use oxc_allocator::Allocator;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_span::SourceType;

use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::module_kind::{Goal, Language};

/// The bytes of stack for each opening bracket.
///
/// The parser recurses and has no limit of its own. Measured with oxc 0.146, in an unoptimised
/// build, on texts that nest one construct: an opening bracket takes 2.8 KB of stack at most (1.6
/// KB optimised), any other character 352 bytes at most. The sum over a text is enough for any
/// nesting in it.
const STACK_BYTES_PER_BRACKET: u64 = 4096;

/// The bytes of stack for each other byte of the text.
const STACK_BYTES_PER_BYTE: u64 = 512;

/// The bytes of stack for an empty text.
const MIN_STACK_BYTES: u64 = 1024 * 1024;

/// The bytes of stack for any text. This is address space, of which only the nested part is used. A
/// bundle of 4 MiB with the usual 8% of brackets needs 3.4 GiB.
const MAX_STACK_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// The bytes of stack that a walk over a syntax tree leaves.
const STACK_RESERVE_BYTES: usize = 256 << 10;

/// The work on a syntax tree, which decides the stack that it needs beside the parser's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// A walk that asks [`has_stack`].
    Walk,
    /// A walk of the libraries, which do not. Measured as the parser is: six times its stack.
    LibraryWalk,
}

/// Returns the stack for a text in bytes, or an error if it is more than any text may need.
fn stack_bytes(file: &Path, text: &str, work: Work) -> Result<usize, ProjectError> {
    let brackets =
        text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{' | b'`' | b'<')).count() as u64;
    let factor = match work {
        Work::Walk => 1,
        Work::LibraryWalk => 6,
    };
    let of_text = brackets * STACK_BYTES_PER_BRACKET + text.len() as u64 * STACK_BYTES_PER_BYTE;
    let needed = MIN_STACK_BYTES + of_text * factor;
    let bytes = usize::try_from(needed).ok().filter(|_| needed <= MAX_STACK_BYTES);
    bytes.ok_or_else(|| ProjectError::new(SourceLocation::file(file), ProjectProblem::TooDeep { needed }))
}

/// Returns `true` if the walks of the libraries have enough stack for a text.
pub(crate) fn fits_library_walk(file: &Path, text: &str) -> bool {
    stack_bytes(file, text, Work::LibraryWalk).is_ok()
}

/// Runs `work` on a thread with enough stack for a text.
pub(crate) fn on_stack<T: Send>(
    file: &Path,
    text: &str,
    kind: Work,
    language: Language,
    work: impl FnOnce() -> Result<T, ProjectError> + Send,
) -> Result<T, ProjectError> {
    let stack = stack_bytes(file, text, kind)?;
    thread::scope(|scope| {
        // A thread of its own makes it an error, and not a panic, if the system refuses the memory.
        let parsing = thread::Builder::new().stack_size(stack).spawn_scoped(scope, work);
        match parsing.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => {
                let message = "the parser failed".to_owned();
                Err(ProjectError::new(
                    SourceLocation::file(file),
                    ProjectProblem::Syntax { format: name(language), message },
                ))
            }
            Err(_refused) => {
                let problem = ProjectProblem::TooDeep { needed: stack as u64 };
                Err(ProjectError::new(SourceLocation::file(file), problem))
            }
        }
    })
}

/// Returns `true` if there is enough stack to continue a walk.
pub(crate) fn has_stack() -> bool {
    stacker::remaining_stack().is_none_or(|left| left > STACK_RESERVE_BYTES)
}

/// Parses a module.
pub(crate) fn parse<'a>(
    allocator: &'a Allocator,
    file: &Path,
    text: &'a str,
    language: Language,
) -> Result<ParserReturn<'a>, ProjectError> {
    let options = ParseOptions {
        // V8 parses regular expressions again.
        parse_regular_expression: false,
        allow_return_outside_function: !language.typescript,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(allocator, text, source_type(language)).with_options(options).parse();
    if parsed.panicked {
        // Errors from which the parser recovers are left to the engine, which compiles the text
        // again.
        let (offset, message) = match parsed.diagnostics.errors().next() {
            Some(error) => {
                (error.labels.first().map_or(0, |label| label.offset()), error.message.to_string())
            }
            None => (0, "cannot be parsed".to_owned()),
        };
        let problem = ProjectProblem::Syntax { format: name(language), message };
        return Err(ProjectError::new(SourceLocation::at(file, text, offset as usize), problem));
    }
    Ok(parsed)
}

fn source_type(language: Language) -> SourceType {
    let source_type = match (language.typescript, language.goal) {
        (true, Goal::CommonJs) => SourceType::ts().with_script(true),
        (true, _) => SourceType::ts().with_module(true),
        (false, Goal::EsModule) => SourceType::mjs(),
        (false, Goal::CommonJs) => SourceType::cjs(),
        (false, Goal::Either) => SourceType::unambiguous(),
    };
    source_type.with_jsx(language.jsx)
}

fn name(language: Language) -> &'static str {
    if language.typescript { "TypeScript" } else { "JavaScript" }
}
