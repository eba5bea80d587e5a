//! The imports and exports of one module, as data.

use crate::commonjs::ExportNames;

/// The facts about a module that its text tells.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) syntax: Syntax,
    /// The imports in order of the text, those of CommonJS among them.
    pub(crate) imports: Vec<Import>,
    /// Set if something in the module has the name `require`.
    pub(crate) has_own_require: bool,
    /// The names that importers see, as far as the text tells them.
    pub(crate) exports: ExportNames,
    /// The parts of `import` and `export` statements that only concern types.
    pub(crate) types: Vec<Blank>,
    /// Set if imports that are only used as types may be among `imports`, as the text is too large
    /// for the analysis that tells.
    pub(crate) has_unknown_uses: bool,
    /// The names in `export { … }` without `from`, and their ranges. Only of TypeScript.
    pub(crate) local_exports: Vec<(String, Blank)>,
    /// The local names of imports: name, index in `imports`, index in its names.
    pub(crate) locals: Vec<(String, usize, usize)>,
}

/// The module system that the syntax of a text shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Syntax {
    /// There are `import`, `export` or `import.meta`.
    EsModule,
    /// There are `require`, `module` or `exports`, and no syntax of modules.
    CommonJs,
    /// There is neither.
    #[default]
    Neither,
}

/// An `import`, `export … from`, `import("…")` or `require("…")`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) specifier: String,
    /// The byte offset of the specifier.
    pub(crate) offset: usize,
    pub(crate) need: Need,
    /// The value of the import attribute `type`.
    pub(crate) attribute: Option<String>,
    /// The names that the module is asked for.
    pub(crate) names: Vec<ImportedName>,
}

/// A name that a module is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ImportedName {
    pub(crate) name: String,
    /// The range to blank if the name turns out to be a type. Only of TypeScript.
    pub(crate) blank: Option<Blank>,
}

/// A range of the text to replace by blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blank {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Set if the range is a statement. A semicolon takes its place, so that the statements around
    /// it stay apart.
    pub(crate) statement: bool,
}

/// The need for a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Without the module, the program cannot start.
    Static,
    /// Without the module, `import()` fails when it is called.
    Dynamic,
    /// Without the module, `require()` fails when it is called.
    Require,
    /// As for the two before, and the program is prepared for it with `try` or `catch`.
    Optional { require: bool },
    /// Only types are imported, so the module is not needed.
    Types,
}

impl Need {
    /// Returns `true` if the module is loaded by `require()`.
    pub(crate) fn is_require(self) -> bool {
        matches!(self, Self::Require | Self::Optional { require: true })
    }
}

/// The imports of TypeScript that may turn out to be types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types {
    /// Imports that are only used as types are not needed, as in `tsc` without
    /// `verbatimModuleSyntax`.
    pub(crate) elide: bool,
    /// The ranges of names are kept, to drop those that their module does not export.
    pub(crate) drop: bool,
}
