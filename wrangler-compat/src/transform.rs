//! Compiles JSX and decorators to JavaScript. Types of other modules become blanks, later and
//! elsewhere, so that their positions stay; here a source map leads back.

use std::path::{Path, PathBuf};

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_semantic::SemanticBuilder;
use oxc_transformer::{
    DecoratorOptions, HelperLoaderMode, HelperLoaderOptions, JsxOptions, JsxRuntime, TransformOptions,
    Transformer, TypeScriptOptions,
};

use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::module_kind::Language;
use crate::output_size::{self, EnumTexts, MAX_OUTPUT_BYTES};
use crate::parsing::{self, Work};
use crate::text_edits::{SourceMark, SourceMarks};

/// The settings of `tsconfig.json` that concern the output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompilerSettings {
    /// The value of `jsx`: `react-jsx`, `react`, …
    pub(crate) jsx: Option<String>,
    pub(crate) jsx_factory: Option<String>,
    pub(crate) jsx_fragment_factory: Option<String>,
    pub(crate) jsx_import_source: Option<String>,
    /// Decorators as TypeScript had them before version 5.
    pub(crate) experimental_decorators: bool,
    pub(crate) emit_decorator_metadata: bool,
    /// Imports that are not used as values stay.
    pub(crate) keep_imports: bool,
}

/// The module that has the functions of compiled decorators.
pub(crate) const HELPERS_PREFIX: &str = "@oxc-project/runtime/helpers/";

/// The helpers, by their names behind [`HELPERS_PREFIX`].
pub(crate) fn helper(specifier: &str) -> Option<&'static str> {
    match specifier.strip_prefix(HELPERS_PREFIX)? {
        "decorate" => Some(include_str!("helpers/decorate.js")),
        "decorateParam" => Some(include_str!("helpers/decorate-param.js")),
        "decorateMetadata" => Some(include_str!("helpers/decorate-metadata.js")),
        _ => None,
    }
}

/// Compiles a module, if it has syntax that needs it. Returns `None` if it has not.
pub(crate) fn transform(
    file: &Path,
    text: &str,
    language: Language,
    settings: &CompilerSettings,
) -> Result<Option<(String, SourceMarks)>, ProjectError> {
    // Most modules have neither, and need no second parse.
    let may_need = language.jsx && (text.contains("</") || text.contains("/>")) || text.contains('@');
    if !may_need
        || !parsing::on_stack(file, text, Work::Walk, language, || needs(file, text, language, settings))?
    {
        return Ok(None);
    }
    parsing::on_stack(file, text, Work::LibraryWalk, language, || compile(file, text, language, settings))
        .map(Some)
}

fn needs(
    file: &Path,
    text: &str,
    language: Language,
    settings: &CompilerSettings,
) -> Result<bool, ProjectError> {
    let allocator = Allocator::default();
    let parsed = parsing::parse(&allocator, file, text, language)?;
    let mut search = Search::default();
    search.visit_program(&parsed.program);
    if let Some(at) = search.decorator.filter(|_| !settings.experimental_decorators) {
        let location = SourceLocation::at(file, text, at as usize);
        return Err(ProjectError::new(location, ProjectProblem::Decorators));
    }
    let is_needed = search.jsx || search.decorator.is_some();
    match is_needed && !(search.enums.fit() && output_size::fits(text, settings)) {
        true => Err(too_large(file)),
        false => Ok(is_needed),
    }
}

fn too_large(file: &Path) -> ProjectError {
    let problem = ProjectProblem::OutputTooLarge { limit: MAX_OUTPUT_BYTES };
    ProjectError::new(SourceLocation::file(file), problem)
}

/// Searches for syntax that is neither JavaScript nor types.
#[derive(Default)]
struct Search {
    jsx: bool,
    decorator: Option<u32>,
    enums: EnumTexts,
}

impl<'a> Visit<'a> for Search {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if parsing::has_stack() {
            walk::walk_statement(self, it);
        }
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if parsing::has_stack() {
            walk::walk_expression(self, it);
        }
    }

    fn visit_jsx_element(&mut self, it: &JSXElement<'a>) {
        self.jsx = true;
        if parsing::has_stack() {
            walk::walk_jsx_element(self, it);
        }
    }

    fn visit_jsx_fragment(&mut self, it: &JSXFragment<'a>) {
        self.jsx = true;
        if parsing::has_stack() {
            walk::walk_jsx_fragment(self, it);
        }
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        self.enums.add(it);
        walk::walk_ts_enum_declaration(self, it);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.decorator.get_or_insert(it.span.start);
    }
}

fn compile(
    file: &Path,
    text: &str,
    language: Language,
    settings: &CompilerSettings,
) -> Result<(String, SourceMarks), ProjectError> {
    let allocator = Allocator::default();
    let mut program = parsing::parse(&allocator, file, text, language)?.program;
    let failed = |offset: u32, message: String| {
        let format = if language.typescript { "TypeScript" } else { "JavaScript" };
        let location = SourceLocation::at(file, text, offset as usize);
        ProjectError::new(location, ProjectProblem::Syntax { format, message })
    };
    let analysed = SemanticBuilder::new().with_enum_eval(true).build(&program);
    let scoping = analysed.semantic.into_scoping();
    let transformed =
        Transformer::new(&allocator, file, &options(settings)).build_with_scoping(scoping, &mut program);
    if let Some(error) = transformed.diagnostics.errors().next() {
        let offset = error.labels.first().map_or(0, |label| label.offset());
        return Err(failed(offset, error.message.to_string()));
    }
    let options = CodegenOptions {
        source_map_path: Some(PathBuf::from("module")),
        comments: CommentOptions::disabled(),
        // The indentation of nested blocks would be longer than the text itself.
        indent_width: 0,
        ..CodegenOptions::default()
    };
    let printed = Codegen::new()
        .with_options(options)
        .with_source_text(text)
        .with_scoping(Some(transformed.scoping))
        .build(&program);
    if printed.code.len() as u64 > MAX_OUTPUT_BYTES {
        return Err(too_large(file));
    }
    let marks = printed.map.iter().flat_map(|map| map.get_tokens()).map(|token| SourceMark {
        line: token.get_dst_line() + 1,
        column: token.get_dst_col() + 1,
        source_line: token.get_src_line() + 1,
        source_column: token.get_src_col() + 1,
        fixed: true,
    });
    let marks = SourceMarks { marks: marks.collect() };
    Ok((printed.code, marks))
}

fn options(settings: &CompilerSettings) -> TransformOptions {
    let classic = matches!(settings.jsx.as_deref(), None | Some("react"));
    let jsx = JsxOptions {
        runtime: if classic { JsxRuntime::Classic } else { JsxRuntime::Automatic },
        development: settings.jsx.as_deref() == Some("react-jsxdev"),
        import_source: settings.jsx_import_source.clone().filter(|_| !classic),
        pragma: settings.jsx_factory.clone().filter(|_| classic),
        pragma_frag: settings.jsx_fragment_factory.clone().filter(|_| classic),
        throw_if_namespace: false,
        ..JsxOptions::enable()
    };
    let mut typescript =
        TypeScriptOptions { only_remove_type_imports: settings.keep_imports, ..Default::default() };
    // The factory's import is used by the compiled JSX only.
    let root = |factory: &str| factory.split('.').next().unwrap_or(factory).to_owned();
    if let Some(factory) = settings.jsx_factory.as_deref().filter(|_| classic) {
        typescript.jsx_pragma = root(factory).into();
    }
    if let Some(factory) = settings.jsx_fragment_factory.as_deref().filter(|_| classic) {
        typescript.jsx_pragma_frag = root(factory).into();
    }
    TransformOptions {
        jsx,
        typescript,
        decorator: DecoratorOptions {
            legacy: settings.experimental_decorators,
            emit_decorator_metadata: settings.emit_decorator_metadata,
            ..Default::default()
        },
        helper_loader: HelperLoaderOptions { mode: HelperLoaderMode::Runtime, ..Default::default() },
        ..TransformOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module_kind::Goal;

    const TSX: Language = Language { typescript: true, jsx: true, goal: Goal::Either };

    fn compiled(text: &str, settings: &CompilerSettings) -> (String, SourceMarks) {
        transform(Path::new("a.tsx"), text, TSX, settings).unwrap().unwrap()
    }

    fn automatic(source: &str) -> CompilerSettings {
        CompilerSettings {
            jsx: Some("react-jsx".to_owned()),
            jsx_import_source: Some(source.to_owned()),
            ..Default::default()
        }
    }

    #[test]
    fn jsx_becomes_calls_as_the_settings_say() {
        let (text, _) = compiled("const a: unknown = <p class=\"x\">hi</p>;", &automatic("preact"));
        assert!(text.contains("import { jsx as _jsx } from \"preact/jsx-runtime\""), "{text}");
        assert!(text.contains("_jsx(\"p\", {"), "{text}");
        let (text, _) = compiled("const a = <p/>;", &CompilerSettings::default());
        assert!(text.contains("React.createElement(\"p\""), "{text}");
        let settings = CompilerSettings {
            jsx: Some("react".to_owned()),
            jsx_factory: Some("h".to_owned()),
            jsx_fragment_factory: Some("Fragment".to_owned()),
            ..Default::default()
        };
        let (text, _) = compiled("import { h, Fragment, T } from 'x'; const a: T = <><p/></>;", &settings);
        assert!(text.contains("import { h, Fragment } from \"x\""), "{text}");
        assert!(text.contains("h(Fragment, null"), "{text}");
        let (text, _) = compiled("/** @jsxImportSource hono/jsx */ const a = <p/>;", &automatic("react"));
        assert!(text.contains("\"hono/jsx/jsx-runtime\""), "{text}");
    }

    #[test]
    fn positions_lead_back_to_the_source() {
        let source =
            "interface A { b: string }\n\nexport function f(a: A) {\n  return <p>{a.b.missing()}</p>;\n}\n";
        let (text, marks) = compiled(source, &automatic("preact"));
        let at = text.find("missing").unwrap();
        let line = text[..at].matches('\n').count() as u32 + 1;
        let column = (at - text[..at].rfind('\n').unwrap()) as u32;
        assert_eq!(marks.original(line, column), (4, 18));
    }

    #[test]
    fn modules_without_jsx_and_decorators_stay() {
        let settings = CompilerSettings::default();
        for text in ["const a: number = 1; // </p> @x", "type A = B; export {}"] {
            assert!(transform(Path::new("a.tsx"), text, TSX, &settings).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn texts_that_compiling_would_multiply_are_refused() {
        let too_large = |text: &str, settings: &CompilerSettings| {
            let error = transform(Path::new("a.tsx"), text, TSX, settings).unwrap_err().to_string();
            assert!(error.contains("larger than 16777216 bytes when it is compiled"), "{error}");
        };
        let plain = CompilerSettings::default();
        let doubled = (1..60).map(|n| format!("A{n} = A{} + A{},", n - 1, n - 1)).collect::<String>();
        too_large(&format!("enum E {{ A0 = 'text', {doubled} }} export default <p/>;"), &plain);
        let template =
            (1..60).map(|n| format!("A{n} = `${{A{}}}${{E.A{}}}`,", n - 1, n - 1)).collect::<String>();
        too_large(&format!("enum E {{ A0 = 'text', {template} }} export default <p/>;"), &plain);
        let repeated = (0..1000).map(|n| format!("A{n} = T,")).collect::<String>();
        too_large(&format!("enum E {{ T = '{}', {repeated} }} <p/>;", "x".repeat(50_000)), &plain);
        too_large(&format!("/** @jsx {} */ {}", "h".repeat(5000), "<p/>;".repeat(5000)), &plain);
        let factory = CompilerSettings { jsx_factory: Some("h".repeat(4000)), ..Default::default() };
        too_large(&"<p/>;".repeat(5000), &factory);
        let metadata = CompilerSettings {
            experimental_decorators: true,
            emit_decorator_metadata: true,
            ..Default::default()
        };
        too_large(&format!("class A {{ @d() x: {}; }}", vec!["a"; 5000].join(".")), &metadata);
        // Flags of numbers stay small.
        let flags =
            (1..31).map(|n| format!("A{n} = A{} | 1 << {n}, B{n} = A{n} + A{n},", n - 1)).collect::<String>();
        let (text, _) = compiled(&format!("enum E {{ A0 = 1, {flags} }} export default <p/>;"), &plain);
        assert!(text.len() < 5000);
    }

    #[test]
    fn nesting_does_not_multiply_the_output() {
        let depth = 3000;
        let text = format!("<p/>;{}{}", "{".repeat(depth), "}".repeat(depth));
        let (text, _) = compiled(&text, &CompilerSettings::default());
        assert!(text.len() < 10 * depth, "{}", text.len());
    }

    #[test]
    fn decorators_are_compiled_or_refused_with_their_position() {
        let text = "class A {\n  @d() m() {}\n}";
        let error = transform(Path::new("a.ts"), text, TSX, &CompilerSettings::default()).unwrap_err();
        assert!(error.to_string().starts_with("a.ts:2:3: "), "{error}");
        let legacy = CompilerSettings { experimental_decorators: true, ..Default::default() };
        let (text, _) = compiled(text, &legacy);
        let helpers: Vec<&str> = text.split('"').filter(|part| part.starts_with(HELPERS_PREFIX)).collect();
        assert!(!helpers.is_empty() && helpers.iter().all(|name| helper(name).is_some()), "{text}");
    }
}
