//! From the text that a caller sent to JavaScript, in one parse, without moving a token.
//!
//! | module | one idea |
//! |---|---|
//! | [`fault`] | what is wrong with a text, where, and what to write instead |
//! | `fence` | Markdown fences, byte order mark and hashbang become blanks |
//! | `nesting` | how deep and how ambiguous a text is, before a recursive parser sees it |
//! | `parse` | one parse on a stack that suffices |
//! | `erase` | TypeScript becomes blanks |
//! | `edits` | blanking that keeps lines and UTF-16 columns |
//! | `shape` | statements, expression or module |
//!
//! Every token that stays keeps its line and column, so positions in V8's messages are positions in the text that the
//! caller sent and no source map is needed. Types become spaces, as in Node's type stripping; what has no JavaScript
//! under it (enums, namespaces with values, parameter properties, decorators) is a fault that says what to write.
//! Three characters may move, all parentheses: see `erase`.
//!
//! Cost in a release build on two shared cores, everything included, of dense TypeScript and of the JavaScript under it
//! (`cargo test --release -p isolet-runtime script::tests::cost -- --ignored --nocapture`):
//!
//! | text | TypeScript | JavaScript | of which the scan |
//! |---|---|---|---|
//! | 300 bytes | 5 µs | 5 µs | 1 µs |
//! | 3 KB | 45 µs | 30 µs | 10 to 18 µs |
//! | 100 KB | 2.0 ms | 1.0 ms | 0.3 ms |
//!
//! Checked once against `tsc` 5.9: 832 source files of rxjs, zod and effect and 6,137 pairs of snippets that tempt
//! semicolon insertion came out as the same program.

mod edits;
mod erase;
pub mod fault;
mod fence;
#[cfg(any(test, fuzzing))]
pub(crate) mod holds;
mod nesting;
mod parse;
mod shape;
#[cfg(test)]
mod tests;

pub use fault::SyntaxFault;

/// What a text is, which decides how it is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Statements, with `await` and `return` at the top level.
    Body,
    /// One expression: its value is the result, and if that is a function its result when called with `(env, input)`.
    ///
    /// A text whose only statement is a function declaration counts as one too, and so does a text that begins with `{`
    /// if it is no block or would be nothing but a block, and is valid as an expression: `{ a: 1 }` is an object.
    Expression,
    /// A module with `import` or `export` at the top level. What its default export is decides how to enter it.
    Module,
}

/// JavaScript, ready to be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// How to enter it.
    pub shape: Shape,
    /// The text, every remaining token where the caller wrote it.
    pub text: String,
    /// Whether a `return` with a value stands outside of all functions: a [`Shape::Body`] without one has no result,
    /// which is worth a hint when the caller seems to have expected one.
    pub returns: bool,
}

/// A text for V8 to compile, and how far it has pushed down the caller's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// For [`Shape::Module`] the module; otherwise a script whose value is an async function of `(env, input)`.
    pub source: String,
    /// Lines before the caller's first; the script origin's line offset is minus this.
    pub lines_before: u32,
}

/// Before a body. Parameters may be declared again (`const input = …`), which is an error directly in the function but
/// not in a block. The function is strict like the module that the parser took the text for, and unlike an arrow
/// function it has its own `this` (undefined) and `arguments`.
const BODY_PREFIX: &str = "(async function (env, input) { \"use strict\"; {\n";
const BODY_SUFFIX: &str = "\n}})";
const EXPRESSION_PREFIX: &str = "(async function (env, input) { \"use strict\"; return (\n";
const EXPRESSION_SUFFIX: &str = "\n);})";

impl Prepared {
    /// The source to compile. The text cannot break out of the wrapper: it parsed on its own as what it is wrapped as,
    /// and tokens that a script reads differently from a module (`<!--`) are faults.
    pub fn wrapped(&self) -> Wrapped {
        match self.shape {
            Shape::Body => {
                Wrapped { source: [BODY_PREFIX, &self.text, BODY_SUFFIX].concat(), lines_before: 1 }
            }
            Shape::Expression => Wrapped {
                source: [EXPRESSION_PREFIX, &self.text, EXPRESSION_SUFFIX].concat(),
                lines_before: 1,
            },
            Shape::Module => Wrapped { source: self.text.clone(), lines_before: 0 },
        }
    }
}

/// Prepares a script of any shape, as `POST /v1/run` takes it.
///
/// # Errors
/// When the text is no script; the position is the caller's.
pub fn prepare(source: &str, typescript: bool) -> Result<Prepared, SyntaxFault> {
    let text = fence::open(source).map_err(|flaw| flaw.locate(source))?;
    parse::guarded(&text, |text| shape::script(text, typescript))
}

/// Prepares a project's module. Fences are not looked for, and the shape is always [`Shape::Module`].
///
/// # Errors
/// When the text is no module.
pub fn prepare_module(source: &str, typescript: bool) -> Result<Prepared, SyntaxFault> {
    let text = fence::blank_preamble(source);
    parse::guarded(&text, |text| shape::module(text, typescript))
}
