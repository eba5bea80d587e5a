//! Replaces names in the source by constants: `define` of the configuration, and
//! `process.env.NODE_ENV` as wrangler does.

use std::collections::HashMap;
use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::GetSpan;
use oxc_syntax::symbol::SymbolFlags;

use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::module_kind::Language;
use crate::parsing::{self, Work};
use crate::text_edits::{SourceMarks, TextEdits};

/// The bytes of a module after its names are replaced. A constant can be much longer than its name.
const MAX_OUTPUT_BYTES: u64 = 16 * 1024 * 1024;

/// The names and their constants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Definitions {
    /// The definitions by the last part of their names.
    by_last: HashMap<String, Vec<Definition>>,
}

#[derive(Debug, Clone)]
struct Definition {
    /// The parts of `process.env.NODE_ENV`.
    path: Vec<String>,
    /// An expression of JavaScript.
    value: String,
}

impl Definitions {
    /// Adds a name, unless it is there already.
    ///
    /// # Errors
    /// Returns the message about a name or value that cannot be used.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        if !path.iter().all(|part| is_identifier(part)) {
            return Err(format!("{name:?} is not a name such as A or a.b.C"));
        }
        let value = match serde_json::from_str::<serde_json::Value>(value) {
            Ok(json) if json.is_object() => format!("({json})"),
            Ok(json) => json.to_string(),
            Err(_) if value.split('.').all(is_identifier) => value.to_owned(),
            Err(_) => {
                return Err(format!("{value:?} is neither JSON nor a name; a text needs quotes of its own"));
            }
        };
        let last = path.last().cloned().unwrap_or_default();
        let same_last = self.by_last.entry(last).or_default();
        if !same_last.iter().any(|known| known.path == path) {
            same_last.push(Definition { path, value });
        }
        Ok(())
    }

    /// Returns `true` if the last part of a name is a word of the text. Few modules have any of the
    /// names, and to resolve names is more work than to parse.
    fn may_be_in(&self, text: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        text.split(|c| !is_part(c)).any(|word| self.by_last.contains_key(word))
    }

    /// Replaces the names in a module. Returns `None` if there are none.
    pub(crate) fn apply(
        &self,
        file: &Path,
        text: &str,
        language: Language,
    ) -> Result<Option<(String, SourceMarks)>, ProjectError> {
        if !self.may_be_in(text) || !parsing::fits_library_walk(file, text) {
            return Ok(None);
        }
        parsing::on_stack(file, text, Work::LibraryWalk, language, || {
            let allocator = Allocator::default();
            let parsed = parsing::parse(&allocator, file, text, language)?;
            let scoping = SemanticBuilder::new().build(&parsed.program).semantic.into_scoping();
            let edits = TextEdits::default();
            let mut replacer =
                Replacer { definitions: &self.by_last, scoping, edits, bytes: text.len() as u64 };
            replacer.visit_program(&parsed.program);
            if replacer.bytes > MAX_OUTPUT_BYTES {
                let problem = ProjectProblem::OutputTooLarge { limit: MAX_OUTPUT_BYTES };
                return Err(ProjectError::new(SourceLocation::file(file), problem));
            }
            Ok((!replacer.edits.is_empty()).then(|| replacer.edits.apply(text)))
        })
    }
}

fn is_identifier(text: &str) -> bool {
    let start = |c: char| c.is_alphabetic() || matches!(c, '_' | '$');
    text.starts_with(start) && text.chars().all(|c| start(c) || c.is_alphanumeric())
}

struct Replacer<'d> {
    definitions: &'d HashMap<String, Vec<Definition>>,
    scoping: Scoping,
    edits: TextEdits,
    /// The bytes of the text with all constants so far.
    bytes: u64,
}

impl<'d> Replacer<'d> {
    /// Returns the constant for an expression.
    fn value(&self, expression: &Expression) -> Option<&'d str> {
        let last = match expression {
            Expression::Identifier(id) => id.name.as_str(),
            Expression::ChainExpression(chain) => {
                chain.expression.as_member_expression()?.static_property_name()?
            }
            other => other.as_member_expression()?.static_property_name()?,
        };
        let matches = |definition: &&'d Definition| self.is(expression, &definition.path);
        self.definitions.get(last)?.iter().find(matches).map(|definition| definition.value.as_str())
    }

    fn replace(&mut self, span: Span, text: String) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        // What is over the limit is not kept, as nothing is applied then.
        if self.bytes <= MAX_OUTPUT_BYTES {
            self.edits.replace(span.start, span.end, text);
        }
    }

    /// Returns `true` if a name is declared in the module. `declare const A` only promises that it
    /// is somewhere.
    fn is_bound(&self, id: &IdentifierReference) -> bool {
        let reference = id.reference_id.get().map(|id| self.scoping.get_reference(id));
        let symbol = reference.and_then(|reference| reference.symbol_id());
        symbol.is_some_and(|symbol| !self.scoping.symbol_flags(symbol).intersects(SymbolFlags::Ambient))
    }

    fn is(&self, expression: &Expression, path: &[String]) -> bool {
        let Some((last, before)) = path.split_last() else { return false };
        let member = |member: &MemberExpression| {
            member.static_property_name() == Some(last.as_str()) && self.is(member.object(), before)
        };
        match expression {
            Expression::Identifier(id) => before.is_empty() && id.name == last.as_str() && !self.is_bound(id),
            Expression::ChainExpression(chain) => chain.expression.as_member_expression().is_some_and(member),
            other => other.as_member_expression().is_some_and(member),
        }
    }
}

impl<'a> Visit<'a> for Replacer<'_> {
    fn visit_expression(&mut self, it: &Expression<'a>) {
        if let Some(value) = self.value(it) {
            self.replace(it.span(), value.to_owned());
        } else if parsing::has_stack() {
            walk::walk_expression(self, it);
        }
    }

    fn visit_object_property(&mut self, it: &ObjectProperty<'a>) {
        match (self.value(&it.value), it.key.static_name()) {
            (Some(value), Some(name)) if it.shorthand => {
                let text = format!("{name}: {value}");
                self.replace(it.span, text);
            }
            _ => walk::walk_object_property(self, it),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module_kind::Goal;

    fn defined(text: &str) -> String {
        let mut definitions = Definitions::default();
        for (name, value) in [
            ("process.env.NODE_ENV", "\"development\""),
            ("globalThis.process.env.NODE_ENV", "\"development\""),
            ("VERSION", "\"1.2.3-long-one\""),
            ("OPTIONS", "{ \"a\": [1] }"),
            ("ALIAS", "globalThis.x"),
        ] {
            definitions.add(name, value).unwrap();
        }
        let language = Language { typescript: false, jsx: true, goal: Goal::Either };
        let applied = definitions.apply(Path::new("a.js"), text, language).unwrap();
        applied.map_or_else(|| text.to_owned(), |(text, _)| text)
    }

    #[test]
    fn names_are_replaced_where_they_are_read() {
        for (text, expected) in [
            ("if (process.env.NODE_ENV === 'x') {}", "if (\"development\"        === 'x') {}"),
            ("process?.env?.['NODE_ENV'];", "\"development\"             ;"),
            ("x = globalThis.process?.env?.NODE_ENV;", "x = \"development\"                    ;"),
            ("f(VERSION)", "f(\"1.2.3-long-one\")"),
            ("x = { VERSION, a: VERSION }", "x = { VERSION: \"1.2.3-long-one\", a: \"1.2.3-long-one\" }"),
            ("OPTIONS.a", "({\"a\":[1]}).a"),
            ("ALIAS()", "globalThis.x()"),
            ("process.env.NODE_ENV = 1; process.env.OTHER; x.VERSION; ({ VERSION: 1 })", ""),
            ("function f(VERSION) { return VERSION } { const process = 1; process.env.NODE_ENV }", ""),
            ("'VERSION'; `VERSION`; // VERSION", ""),
        ] {
            assert_eq!(defined(text), if expected.is_empty() { text } else { expected });
        }
    }

    #[test]
    fn a_declaration_of_typescript_is_not_the_name_itself() {
        let mut definitions = Definitions::default();
        definitions.add("VERSION", "1").unwrap();
        let language = Language { typescript: true, jsx: false, goal: Goal::Either };
        let text = "declare const VERSION: number; f(VERSION)";
        let (text, _) = definitions.apply(Path::new("a.ts"), text, language).unwrap().unwrap();
        assert_eq!(text, "declare const VERSION: number; f(1      )");
    }

    #[test]
    fn constants_have_a_bound_together() {
        let mut definitions = Definitions::default();
        definitions.add("A", &format!("{:?}", "x".repeat(60_000))).unwrap();
        let language = Language { typescript: false, jsx: false, goal: Goal::Either };
        let error = definitions.apply(Path::new("a.js"), &"A;".repeat(200_000), language).unwrap_err();
        assert!(error.to_string().contains("larger than 16777216 bytes when it is compiled"), "{error}");
        assert!(definitions.apply(Path::new("a.js"), &"A;".repeat(200), language).unwrap().is_some());
    }

    #[test]
    fn many_names_are_found_in_linear_time() {
        let mut definitions = Definitions::default();
        for index in 0..1000 {
            definitions.add(&format!("a.b.NAME_{index}"), "1").unwrap();
        }
        let language = Language { typescript: false, jsx: false, goal: Goal::Either };
        let text = "a.b.NAME_7; a.b.OTHER; NAME_8;".repeat(10_000);
        let started = std::time::Instant::now();
        let (text, _) = definitions.apply(Path::new("a.js"), &text, language).unwrap().unwrap();
        assert!(text.starts_with("1         ; a.b.OTHER; NAME_8;"));
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn unusable_definitions_are_refused() {
        let mut definitions = Definitions::default();
        assert!(definitions.add("a b", "1").is_err());
        assert!(definitions.add("A", "plain text").is_err());
        assert!(definitions.add("A", "1; evil()").is_err());
        assert!(definitions.add("", "1").is_err());
    }
}
