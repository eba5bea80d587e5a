//! The modules of a project.

use crate::module_kind::ModuleKind;
use crate::text_edits::SourceMarks;

/// A module of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectModule {
    /// The path relative to the project's folder, with `/`: `src/index.ts`.
    pub name: String,
    /// The kind.
    pub kind: ModuleKind,
    /// The content: JavaScript or TypeScript, JSON, text or bytes.
    pub content: Vec<u8>,
    /// Set if the content is TypeScript, whose types have to be replaced by blanks.
    pub typescript: bool,
    /// The names that importers see of a module that is not an ECMAScript module, beside `default`.
    pub exports: Vec<String>,
    /// Set if `import x from` a CommonJS module gives the whole of `module.exports`, as in Node.js:
    /// in `.mjs` files and in packages with `"type": "module"`. Else it gives `exports.default` of
    /// modules that have `exports.__esModule`.
    pub whole_default: bool,
    /// The imports, in order of the text.
    pub imports: Vec<ResolvedImport>,
    /// The ways from the content back to the file, one for each time that it was rewritten, the
    /// last one first. Without any, positions in the content are those in the file.
    pub positions: Vec<SourceMarks>,
}

/// A specifier and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImport {
    /// The specifier as written: `./x`.
    pub specifier: String,
    /// The value of the import attribute `type`.
    pub attribute: Option<String>,
    /// Set for `require()`, which may find another file than `import`.
    pub require: bool,
    /// The name of a module, of the project or built in; or the message of the error when it is
    /// asked for.
    pub target: Result<String, String>,
}

/// The specifier by which an ECMAScript module imports a `require` of its own, as its default
/// export.
pub const REQUIRE_MODULE: &str = "isolet:require";
