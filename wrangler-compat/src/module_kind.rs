//! The kinds of modules: by wrangler's `rules`, else by the extension.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::{ProjectError, ProjectProblem, SourceLocation};

/// The kind of a module: the content, and the way in which it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModuleKind {
    /// An ECMAScript module.
    EsModule,
    /// A CommonJS module: a function of `exports`, `require`, `module`, `__filename`, `__dirname`.
    CommonJs,
    /// JSON. The default export is the value.
    Json,
    /// Text. The default export is a string.
    Text,
    /// Bytes. The default export is an `ArrayBuffer`.
    Data,
    /// WebAssembly. The default export is a `WebAssembly.Module`.
    CompiledWasm,
}

/// The language of a file of JavaScript or TypeScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Language {
    pub(crate) typescript: bool,
    pub(crate) jsx: bool,
    pub(crate) goal: Goal,
}

/// The kind of module that the name of a file asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Goal {
    /// The content decides: a module with `import` or `export` is an ECMAScript module.
    Either,
    EsModule,
    CommonJs,
}

/// The way to read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Loader {
    Code(Language),
    Json,
    Text,
    Data,
    CompiledWasm,
}

/// The extensions of code and JSON, without rules. Wrangler reads JSX in `.js` files too.
#[rustfmt::skip]
const EXTENSIONS: [(&str, Loader); 10] = [
    ("ts",   code(true, false, Goal::Either)),
    ("tsx",  code(true, true, Goal::Either)),
    ("mts",  code(true, false, Goal::EsModule)),
    ("cts",  code(true, false, Goal::CommonJs)),
    ("js",   code(false, true, Goal::Either)),
    ("jsx",  code(false, true, Goal::Either)),
    ("mjs",  code(false, true, Goal::EsModule)),
    ("cjs",  code(false, true, Goal::CommonJs)),
    ("json", Loader::Json),
    // esbuild reads these as text, also if a rule has replaced the default one.
    ("txt",  Loader::Text),
];

const fn code(typescript: bool, jsx: bool, goal: Goal) -> Loader {
    Loader::Code(Language { typescript, jsx, goal })
}

/// The types of rules, with the loader of each.
pub(crate) const RULE_TYPES: [(&str, Loader); 5] = [
    ("ESModule", code(false, true, Goal::EsModule)),
    ("CommonJS", code(false, true, Goal::CommonJs)),
    ("Text", Loader::Text),
    ("Data", Loader::Data),
    ("CompiledWasm", Loader::CompiledWasm),
];

/// A rule: the type of the files that match.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) loader: Loader,
    pub(crate) globs: Vec<String>,
    /// If `false`, no later rule of the same type applies.
    pub(crate) fallthrough: bool,
}

/// The rules of a project, those of its configuration before wrangler's own.
#[derive(Debug)]
pub(crate) struct Rules {
    compiled: Vec<(Loader, GlobSet)>,
    /// The folder to which patterns are relative, with a slash at its end; empty for the project's.
    base: String,
}

impl Rules {
    /// Compiles the rules of a configuration.
    ///
    /// # Errors
    /// Returns the message about a pattern that is not valid.
    pub(crate) fn new(rules: &[Rule]) -> Result<Self, String> {
        let defaults = [
            (Loader::Text, vec!["**/*.txt", "**/*.html", "**/*.sql"]),
            (Loader::Data, vec!["**/*.bin"]),
            (Loader::CompiledWasm, vec!["**/*.wasm", "**/*.wasm?module"]),
        ]
        .map(|(loader, globs)| Rule {
            loader,
            globs: globs.into_iter().map(str::to_owned).collect(),
            fallthrough: false,
        });
        let mut compiled: Vec<(Loader, GlobSet)> = Vec::new();
        let mut complete = Vec::new();
        for rule in rules.iter().chain(&defaults) {
            if complete.contains(&rule.loader) {
                continue;
            }
            if !rule.fallthrough {
                complete.push(rule.loader);
            }
            let mut set = GlobSetBuilder::new();
            for glob in &rule.globs {
                // A question mark is a plain character in wrangler's patterns.
                let pattern = glob.strip_prefix("./").unwrap_or(glob).replace('?', "[?]");
                let glob = GlobBuilder::new(&pattern).literal_separator(false).build();
                set.add(glob.map_err(|error| error.kind().to_string())?);
            }
            compiled.push((rule.loader, set.build().map_err(|error| error.kind().to_string())?));
        }
        Ok(Self { compiled, base: String::new() })
    }

    /// Sets the folder to which patterns are relative beside the project's: that of `base_dir`, or
    /// of the entry.
    pub(crate) fn set_base(&mut self, base: &Path) {
        self.base =
            base.to_str().filter(|base| !base.is_empty()).map_or_else(String::new, |base| format!("{base}/"));
    }

    /// Returns the loader of the rule for a file with this name, or for one imported by this
    /// specifier.
    pub(crate) fn loader(&self, name: &str, specifier: Option<&str>) -> Option<Loader> {
        let in_base = name.strip_prefix(&self.base);
        let names = [Some(name), in_base, specifier];
        let matches = |set: &GlobSet| names.iter().flatten().any(|name| set.is_match(name));
        self.compiled.iter().find(|(_, set)| matches(set)).map(|(loader, _)| *loader)
    }
}

/// Returns the loader of a file by its extension.
pub(crate) fn by_extension(path: &Path) -> Result<Loader, ProjectError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if let Some((_, loader)) = EXTENSIONS.iter().find(|(known, _)| *known == extension) {
        return Ok(*loader);
    }
    let extension = if extension.is_empty() { String::new() } else { format!(".{extension}") };
    Err(ProjectError::new(SourceLocation::file(path), ProjectProblem::UnknownKind { extension }))
}

/// Returns the loader that an import attribute (`with { type: "…" }`) asks for.
pub(crate) fn by_attribute(value: &str) -> Option<Loader> {
    match value {
        "json" => Some(Loader::Json),
        "text" => Some(Loader::Text),
        "bytes" => Some(Loader::Data),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(loader: Loader, glob: &str, fallthrough: bool) -> Rule {
        Rule { loader, globs: vec![glob.to_owned()], fallthrough }
    }

    #[test]
    fn the_default_rules_are_wranglers() {
        let rules = Rules::new(&[]).unwrap();
        for (name, loader) in [
            ("a.txt", Some(Loader::Text)),
            ("src/deep/a.html", Some(Loader::Text)),
            ("a.sql", Some(Loader::Text)),
            ("a.bin", Some(Loader::Data)),
            ("a.wasm", Some(Loader::CompiledWasm)),
            ("a.wasm.js", None),
            ("a.md", None),
            ("a.ts", None),
        ] {
            assert_eq!(rules.loader(name, None), loader, "{name}");
        }
        assert_eq!(rules.loader("x", Some("./a.wasm?module")), Some(Loader::CompiledWasm));
    }

    #[test]
    fn patterns_are_relative_to_the_folder_of_the_entry_too() {
        let mut rules = Rules::new(&[rule(Loader::Text, "nested/a.js", false)]).unwrap();
        assert_eq!(rules.loader("src/nested/a.js", None), None);
        rules.set_base(Path::new("src"));
        assert_eq!(rules.loader("src/nested/a.js", None), Some(Loader::Text));
        assert_eq!(rules.loader("nested/a.js", None), Some(Loader::Text));
        assert_eq!(rules.loader("other/nested/a.js", None), None);
    }

    #[test]
    fn a_rule_without_fallthrough_replaces_the_later_ones_of_its_type() {
        let only = Rules::new(&[rule(Loader::Text, "**/*.md", false)]).unwrap();
        assert_eq!(only.loader("a.md", None), Some(Loader::Text));
        assert_eq!(only.loader("a.html", None), None);
        assert_eq!(only.loader("a.bin", None), Some(Loader::Data));
        let both = Rules::new(&[rule(Loader::Text, "**/*.md", true)]).unwrap();
        assert_eq!(both.loader("a.html", None), Some(Loader::Text));
        assert!(Rules::new(&[rule(Loader::Text, "{a", true)]).is_err());
    }

    #[test]
    fn files_of_no_kind_are_errors_that_name_the_rules() {
        let error = by_extension(Path::new("a.md")).unwrap_err().to_string();
        assert!(error.contains("\".md\"") && error.contains("rules"), "{error}");
        assert!(by_extension(Path::new("a.d.ts")).is_ok());
    }
}
