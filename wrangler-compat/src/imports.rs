//! Which modules one text asks for.

use std::path::Path;
use std::thread;

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

use crate::error::{Place, Problem, ProjectError};

/// One `import`, `export … from` or `import("…")`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) specifier: String,
    /// The byte offset of the specifier.
    pub(crate) offset: usize,
    pub(crate) need: Need,
}

/// What happens to the program if the module is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It cannot start.
    Static,
    /// It fails where it asks, if it ever does.
    Dynamic,
    /// Nothing: only types are imported.
    Types,
}

/// The parser descends by recursion and has no limit of its own. Measured with oxc 0.146, in an unoptimised build, on
/// texts that nest one construct: an opening bracket takes at most 2.8 KB of stack (1.6 KB optimised), any other
/// character at most 352 bytes. The sum over a text is thus enough for whatever its brackets and operators nest.
const STACK_PER_BRACKET: u64 = 4096;
const STACK_PER_BYTE: u64 = 512;
const STACK_BASE: u64 = 1024 * 1024;
/// Address space, of which only what nests is ever touched. A bundle of 4 MiB with the usual 8% of brackets needs 3.4.
const STACK_LIMIT: u64 = 4 * 1024 * 1024 * 1024;

/// All imports of a module in order of the text.
pub(crate) fn scan(file: &Path, text: &str, typescript: bool) -> Result<Vec<Import>, ProjectError> {
    let brackets =
        text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{' | b'`' | b'<')).count() as u64;
    let needed = STACK_BASE + brackets * STACK_PER_BRACKET + text.len() as u64 * STACK_PER_BYTE;
    let too_deep = || ProjectError::new(Place::file(file), Problem::TooDeep { needed });
    let stack = usize::try_from(needed).ok().filter(|_| needed <= STACK_LIMIT).ok_or_else(too_deep)?;
    thread::scope(|scope| {
        // A thread of its own rather than a larger stack on this one: where the system refuses the memory, this is an
        // error to report and not a panic.
        let parsing =
            thread::Builder::new().stack_size(stack).spawn_scoped(scope, || parse(file, text, typescript));
        match parsing.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => {
                let message = "the parser gave up".to_owned();
                Err(ProjectError::new(
                    Place::file(file),
                    Problem::Syntax { format: language(typescript), message },
                ))
            }
            Err(_refused) => Err(too_deep()),
        }
    })
}

fn language(typescript: bool) -> &'static str {
    if typescript { "TypeScript" } else { "JavaScript" }
}

fn parse(file: &Path, text: &str, typescript: bool) -> Result<Vec<Import>, ProjectError> {
    let allocator = Allocator::default();
    let source_type = if typescript { SourceType::ts() } else { SourceType::mjs() };
    let parsed = Parser::new(&allocator, text, source_type).parse();
    if parsed.panicked {
        // Faults that the parser recovers from are left to the engine, which judges the text as it will run.
        let (offset, message) = match parsed.diagnostics.errors().next() {
            Some(error) => {
                (error.labels.first().map_or(0, |label| label.offset()), error.message.to_string())
            }
            None => (0, "cannot be parsed".to_owned()),
        };
        let problem = Problem::Syntax { format: language(typescript), message };
        return Err(ProjectError::new(Place::at(file, text, offset as usize), problem));
    }
    let record = &parsed.module_record;
    let mut imports = Vec::new();
    for (specifier, requests) in &record.requested_modules {
        for request in requests {
            // `import { type A, type B } from "x"` asks for types only as well.
            let mut names =
                record.import_entries.iter().filter(|e| e.statement_span == request.statement_span);
            let only_types =
                names.next().is_some_and(|first| first.is_type) && names.all(|entry| entry.is_type);
            imports.push(Import {
                specifier: specifier.to_string(),
                offset: request.span.start as usize,
                need: if request.is_type || only_types { Need::Types } else { Need::Static },
            });
        }
    }
    for dynamic in &record.dynamic_imports {
        let span = dynamic.module_request;
        if let Some(specifier) = text.get(span.start as usize..span.end as usize).and_then(plain_string) {
            let offset = span.start as usize;
            imports.push(Import { specifier: specifier.to_owned(), offset, need: Need::Dynamic });
        }
    }
    imports.sort_by_key(|import| import.offset);
    Ok(imports)
}

/// The content of a string literal without escapes. Specifiers that are computed are known only when the program runs.
fn plain_string(source: &str) -> Option<&str> {
    let quote = source.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inside = source.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inside.contains(['\\', quote]) && !inside.contains("${")).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(text: &str) -> Vec<(String, Need)> {
        let imports = scan(Path::new("a.ts"), text, true).unwrap();
        imports.into_iter().map(|import| (import.specifier, import.need)).collect()
    }

    #[test]
    fn finds_every_form() {
        let found = imports(
            r#"
            import a from "./a"; import "./b"; import * as c from './c';
            export { d } from "./d"; export * from "./e";
            import type { F } from "./f"; import { type G, type H } from "./g"; import { type I, i } from "./i";
            export type { J } from "./j";
            const k = await import("./k"); import(`./l`); import(k + "x"); import(`./${k}`);
            // import "./no1"
            const text = 'import "./no2"' + `import "./no3" ${1}` + /import "no4"/.source;
            "#,
        );
        let of = |need| {
            let names =
                found.iter().filter(|(_, n)| *n == need).map(|(name, _)| name.trim_start_matches("./"));
            names.collect::<String>()
        };
        assert_eq!(of(Need::Static), "abcdei");
        assert_eq!(of(Need::Types), "fgj");
        assert_eq!(of(Need::Dynamic), "kl");
    }

    #[test]
    fn offsets_point_at_the_specifier() {
        let text = "\n  import 'x';";
        assert_eq!(scan(Path::new("a.js"), text, false).unwrap()[0].offset, text.find("'x'").unwrap());
    }

    #[test]
    fn faults_have_a_place() {
        let error = scan(Path::new("a.ts"), "let a = 1;\nlet = = ;", true).unwrap_err();
        assert!(error.to_string().starts_with("a.ts:2:"), "{error}");
        assert!(scan(Path::new("a.js"), "f<a>(b)", false).is_ok());
    }

    #[test]
    fn deep_nesting_is_no_crash() {
        for unit in ["(", "[", "{", "!", "`${", "a=>", "({a:", "class{[", "x=", "if(a)", "a?", "<a>", "new "]
        {
            let text = unit.repeat(60_000 / unit.len());
            let _ = scan(Path::new("a.ts"), &text, true);
        }
        let error = scan(Path::new("a.ts"), &"(".repeat(2_000_000), true).unwrap_err();
        assert!(matches!(error.problem, Problem::TooDeep { .. }), "{error}");
    }
}
