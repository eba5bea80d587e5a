//! Prepares a caller's text: TypeScript or JavaScript in, JavaScript out, in one parse, without
//! moving a token.
//!
//! | module | contents |
//! |---|---|
//! | [`diagnostic`] | syntax errors: message, position, hint |
//! | `fence` | blanks Markdown fences, the byte order mark and the hashbang line |
//! | `lookalikes` | hints for texts in another language, or escaped once too often |
//! | `nesting` | the depth and the ambiguity of a text, measured before a recursive parser reads it |
//! | `parse` | one parse, on a stack of sufficient size |
//! | `erase` | replaces types by blanks |
//! | `lower` | rewrites TypeScript that is more than types: enums, namespaces and the like |
//! | [`columns`] | maps columns of rewritten text to the caller's |
//! | `edits` | replaces ranges by blanks and keeps lines and UTF-16 columns |
//! | `shape` | decides whether a text is statements, an expression or a module |
//! | `completion` | makes the last statement's value the result |
//!
//! Every token that stays keeps its line and column, so positions in V8's messages are positions in
//! the text that the caller sent and no source map is needed. Types become spaces, as in Node's
//! type stripping. A text with enums, namespaces with values, parameter properties and the like
//! goes through `lower` first: lines stay there too, and [`Columns`] maps the columns. Decorators
//! and JSX are errors whose hints say what to write instead. Three kinds of parentheses may move:
//! see `erase`.
//!
//! Costs of dense TypeScript, and of the same text as JavaScript, in a release build on two shared
//! cores (`cargo test --release -p isolet-runtime script::tests::cost -- --ignored --nocapture`):
//!
//! | text | TypeScript | JavaScript | of which the scan |
//! |---|---|---|---|
//! | 300 bytes | 5 µs | 5 µs | 1 µs |
//! | 3 KB | 45 µs | 30 µs | 10 to 18 µs |
//! | 100 KB | 2.0 ms | 1.0 ms | 0.3 ms |
//!
//! The results were compared with those of `tsc` 5.9: 832 source files of rxjs, zod and effect, and
//! 6,137 pairs of snippets where semicolons are inserted, were the same programs.

pub mod columns;
mod completion;
pub mod diagnostic;
mod edits;
mod erase;
mod fence;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod invariants;
mod lookalikes;
mod lower;
mod nesting;
mod parse;
mod shape;
#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use completion::Insertion;
pub use diagnostic::SyntaxError;

/// The factor by which resolving names needs more stack than parsing the same text.
const LOWERING_STACK: usize = 8;

/// The shape of a text, which decides how it is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Statements, with `await` and `return` at the top level.
    Body,
    /// One expression: its value is the result, and if that is a function its result when called
    /// with `(env, input)`.
    ///
    /// A text whose only statement is a function declaration is an expression too. So is a text
    /// that begins with `{` and is valid as an expression, if it is not a block or only a block: `{
    /// a: 1 }` is an object.
    Expression,
    /// A module with `import` or `export` at the top level. The type of its default export decides
    /// how it is entered.
    Module,
}

/// JavaScript, ready to be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The shape of the text.
    pub shape: Shape,
    /// The text. Every remaining token is where the caller wrote it.
    pub text: String,
    /// Set if a `return` with a value is outside of all functions. A [`Shape::Body`] without one
    /// has no result, which deserves a warning.
    pub returns: bool,
    /// The map of columns, if the text was rewritten.
    pub columns: Option<Box<Columns>>,
    /// Set if a `return` without a value is outside of all functions.
    pub leaves: bool,
    /// The insertions that make the last statement's value the result, in order of their offsets.
    /// Empty if the script returns something.
    pub insertions: Vec<Insertion>,
}

/// A text for V8 to compile, and the number of lines before the caller's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The module of a [`Shape::Module`]; otherwise a script whose value is an async function of
    /// `(env, input)`.
    pub source: String,
    /// The number of lines before the caller's first. The line offset of the script origin is its
    /// negative.
    pub lines_before: u32,
}

/// The text before a body. The inner block allows the script to declare the parameters again
/// (`const input = …`). The function is strict, like the module as which the text was parsed, and
/// unlike an arrow function has its own `this` (undefined) and `arguments`.
const BODY_PREFIX: &str = "(async function (env, input) { \"use strict\"; {\n";
const BODY_SUFFIX: &str = "\n}})";
const EXPRESSION_PREFIX: &str = "(async function (env, input) { \"use strict\"; return (\n";
const EXPRESSION_SUFFIX: &str = "\n);})";

impl Prepared {
    /// Returns the source to compile. The text cannot break out of the wrapper: it was parsed on
    /// its own as the shape in which it is wrapped, and tokens that a script reads differently from
    /// a module (`<!--`) are errors.
    pub fn wrapped(&self) -> Wrapped {
        let (prefix, suffix, lines_before) = match self.shape {
            Shape::Body => (BODY_PREFIX, BODY_SUFFIX, 1),
            Shape::Expression => (EXPRESSION_PREFIX, EXPRESSION_SUFFIX, 1),
            Shape::Module => ("", "", 0),
        };
        let added: usize = self.insertions.iter().map(|insertion| insertion.put.len()).sum();
        let mut source = String::with_capacity(prefix.len() + self.text.len() + added + suffix.len());
        source.push_str(prefix);
        let mut from = 0;
        for Insertion { at, put } in &self.insertions {
            source.push_str(&self.text[from..*at]);
            source.push_str(put);
            from = *at;
        }
        source.push_str(&self.text[from..]);
        source.push_str(suffix);
        Wrapped { source, lines_before }
    }

    /// Returns `true` if the last statement's value is the result.
    pub fn completes(&self) -> bool {
        !self.insertions.is_empty()
    }

    /// Maps a position of V8 to the caller's text. A position in an insertion, or before the text,
    /// becomes the beginning of the expression after it.
    pub fn place(&self, line: u32, column: u32) -> (u32, u32) {
        let (line, column) = self.before_insertions(line, column);
        (line, self.column(line, column))
    }

    fn before_insertions(&self, line: u32, column: u32) -> (u32, u32) {
        let code_from = |at: usize| at + first_token(&self.text[at..]);
        if line == 0 {
            return diagnostic::position(&self.text, code_from(0));
        }
        let Some(mut before) = diagnostic::line_start(&self.text, line) else { return (line, column) };
        let first = self.insertions.partition_point(|insertion| insertion.at < before);
        // There may be thousands of insertions: each one of the line is visited once.
        let (mut moved, mut from) = (0, 1);
        for Insertion { at, put } in &self.insertions[first..] {
            let between = &self.text[before..*at];
            if between.contains(edits::is_line_terminator) {
                break;
            }
            from += between.encode_utf16().count() as u32;
            before = *at;
            let width = put.len() as u32;
            if column < from + moved {
                break;
            }
            if column < from + moved + width && put.len() > 1 {
                return diagnostic::position(&self.text, code_from(*at));
            }
            moved += width;
        }
        (line, column - moved)
    }
}

/// Returns the length of the blanks and comments at the beginning of a text, in bytes.
fn first_token(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | ';'));
        rest = if let Some(comment) = rest.strip_prefix("//") {
            &comment[comment.find(edits::is_line_terminator).unwrap_or(comment.len())..]
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else {
            return text.len() - rest.len();
        };
    }
}

/// Prepares a script of any shape.
///
/// # Errors
/// The text is not a valid script. The position is the caller's.
pub fn prepare(source: &str, typescript: bool) -> Result<Prepared, SyntaxError> {
    let prepared = match fence::open(source) {
        Ok(text) => shaped(&text, typescript, shape::script),
        Err(diagnostic) => Err(diagnostic.locate(source)),
    };
    prepared.or_else(|error| match fence::within_prose(source) {
        fence::Fenced::None => Err(error),
        fence::Fenced::One(text) => shaped(&text, typescript, shape::script),
        fence::Fenced::Several(diagnostic) => Err(diagnostic.locate(source)),
    })
}

/// Gives the syntax tree of a text that has been prepared before to `look`. A second parse, for
/// runs that have failed. Returns `None` if the text cannot be parsed.
pub(crate) fn parsed<T>(
    source: &str,
    typescript: bool,
    look: impl FnOnce(&oxc_ast::ast::Program) -> T,
) -> Option<T> {
    let work = |text: &str| {
        let allocator = oxc_allocator::Allocator::default();
        parse::program(&allocator, text, typescript).map(|program| look(&program))
    };
    let text = fence::open(source).ok()?;
    parse::guarded(&text, work).ok()
}

/// Returns `true` if there is enough stack to continue a walk over a syntax tree, which may be as
/// deep as its text.
pub(crate) fn has_stack() -> bool {
    stack_left(256 << 10)
}

/// Returns `true` if more than `reserve` bytes of the stack are left, or if that is unknown.
fn stack_left(reserve: usize) -> bool {
    stacker::remaining_stack().is_none_or(|left| left > reserve)
}

/// Prepares a project's module. It may not have Markdown fences, and its shape is always
/// [`Shape::Module`].
///
/// # Errors
/// The text is not a valid module.
pub fn prepare_module(source: &str, typescript: bool) -> Result<Prepared, SyntaxError> {
    let text = fence::blank_preamble(source);
    shaped(&text, typescript, shape::module)
}

type Shaping = fn(&str, bool) -> Result<Prepared, diagnostic::Diagnostic>;

/// Finds the shape. Rewrites the text first if it has TypeScript that is more than types.
fn shaped(text: &str, typescript: bool, shape: Shaping) -> Result<Prepared, SyntaxError> {
    let prepared = parse::guarded(text, |text| match shape(text, typescript) {
        Err(diagnostic) if diagnostic.lowers => Ok(None),
        prepared => prepared.map(Some),
    })?;
    if let Some(prepared) = prepared {
        return Ok(prepared);
    }
    let (lowered, columns) = parse::on_stack(text, LOWERING_STACK, lower::lower)?;
    match parse::guarded(&lowered, |text| shape(text, typescript)) {
        Ok(prepared) => Ok(Prepared { columns: Some(Box::new(columns)), ..prepared }),
        Err(error) => Err(SyntaxError { column: columns.original(error.line, error.column), ..error }),
    }
}

impl Prepared {
    /// Returns the caller's column for one of V8's.
    pub fn column(&self, line: u32, column: u32) -> u32 {
        self.columns.as_ref().map_or(column, |columns| columns.original(line, column))
    }
}

/// Returns the CPU time of `work` in seconds, which a busy machine changes little.
#[cfg(test)]
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let clock = crate::thread_clock::ThreadClock::of_the_reader();
    let before = clock.read().unwrap_or_default();
    work();
    (clock.read().unwrap_or_default() - before).as_secs_f64()
}
