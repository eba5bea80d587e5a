//! Makes the value of the last statement the result of a text that does not `return`, as a REPL
//! does.
//!
//! The insertions are kept apart from the text until it is wrapped, so that the text keeps its
//! columns. An insertion goes to the end of the code before the statement, often on the line above.
//! Columns move only if a statement begins in the middle of a line, and
//! [`Prepared::place`](super::Prepared::place) moves them back.

use oxc_ast::ast::{ExportDefaultDeclarationKind, Expression, ModuleExportName, Program, Statement};
use oxc_span::GetSpan;

use super::diagnostic::Diagnostic;
use super::erase::statements::vanishes;

/// A text to insert at a byte offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insertion {
    /// The offset.
    pub at: usize,
    /// The text, without line breaks.
    pub put: &'static str,
}

/// The depth of nested blocks that are searched.
const DEEPEST: usize = 32;

/// Returns the insertions that make the last statement's value the result of a body. Empty if it
/// has no value.
pub(super) fn of_body(program: &Program) -> Vec<(u32, &'static str)> {
    let mut put = Vec::new();
    let before = program.directives.last().map(|last| last.span.end);
    list(&program.body, before, &mut put, 0);
    put
}

/// Returns the insertions for a module without a default export.
pub(super) fn of_module(program: &Program) -> Vec<(u32, &'static str)> {
    let Some((last, before)) = last(&program.body) else { return Vec::new() };
    let Statement::ExpressionStatement(it) = last else { return Vec::new() };
    let before = before.or(program.directives.last().map(|last| last.span.end));
    vec![(before.unwrap_or(it.span.start), ";export default ("), (it.expression.span().end, ")")]
}

/// Returns the last statement that stays, and the end of the one before it, even if that vanishes:
/// a semicolon may take its place.
fn last<'p, 'a>(body: &'p [Statement<'a>]) -> Option<(&'p Statement<'a>, Option<u32>)> {
    let stays =
        |statement: &&Statement| !vanishes(statement) && !matches!(statement, Statement::EmptyStatement(_));
    let index = body.iter().rposition(|statement| stays(&statement))?;
    let before = index.checked_sub(1).map(|before| body[before].span().end);
    Some((&body[index], before))
}

fn list(body: &[Statement], open: Option<u32>, put: &mut Vec<(u32, &'static str)>, depth: usize) {
    if let Some((last, before)) = last(body) {
        statement(last, before.or(open), put, depth);
    }
}

/// Adds the insertions for a statement in tail position. Nothing runs after it, so that returning
/// from there changes only the result.
fn statement(it: &Statement, before: Option<u32>, put: &mut Vec<(u32, &'static str)>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match it {
        Statement::ExpressionStatement(it) => {
            match before {
                // The statement before it can lack a semicolon.
                Some(end) => put.push((end, ";return (")),
                None => put.push((it.span.start, "return (")),
            }
            put.push((it.expression.span().end, ")"));
        }
        Statement::BlockStatement(it) => list(&it.body, Some(it.span.start + 1), put, depth + 1),
        Statement::IfStatement(it) => {
            statement(&it.consequent, None, put, depth + 1);
            if let Some(alternate) = &it.alternate {
                statement(alternate, None, put, depth + 1);
            }
        }
        Statement::TryStatement(it) => {
            list(&it.block.body, Some(it.block.span.start + 1), put, depth + 1);
            if let Some(handler) = &it.handler {
                list(&handler.body.body, Some(handler.body.span.start + 1), put, depth + 1);
            }
        }
        _ => {}
    }
}

/// Finds the default export of a module, or else the first name that it exports and its offset.
pub(super) enum Exports<'p> {
    Default,
    Named(&'p str, u32),
    None,
}

/// The exports of a module.
pub(super) fn exports<'p>(program: &'p Program) -> Exports<'p> {
    let mut named = None;
    for statement in program.body.iter().filter(|statement| !vanishes(statement)) {
        let specifiers = match statement {
            Statement::ExportDefaultDeclaration(it) => {
                if !matches!(it.declaration, ExportDefaultDeclarationKind::TSInterfaceDeclaration(_)) {
                    return Exports::Default;
                }
                continue;
            }
            Statement::ExportNamedDeclaration(it) => &it.specifiers,
            Statement::ExportFromDeclaration(it) => &it.specifiers,
            Statement::ExportDeclaration(it) => {
                let name = match &it.declaration {
                    oxc_ast::ast::Declaration::FunctionDeclaration(it) => {
                        it.id.as_ref().map(|id| id.name.as_str())
                    }
                    oxc_ast::ast::Declaration::ClassDeclaration(it) => {
                        it.id.as_ref().map(|id| id.name.as_str())
                    }
                    oxc_ast::ast::Declaration::VariableDeclaration(it) => it
                        .declarations
                        .first()
                        .and_then(|one| one.id.get_binding_identifier())
                        .map(|id| id.name.as_str()),
                    _ => None,
                };
                named = named.or(Some((name.unwrap_or("…"), it.span.start)));
                continue;
            }
            _ => continue,
        };
        for specifier in specifiers {
            let name = match &specifier.exported {
                ModuleExportName::IdentifierName(it) => it.name.as_str(),
                ModuleExportName::IdentifierReference(it) => it.name.as_str(),
                ModuleExportName::StringLiteral(it) => it.value.as_str(),
            };
            if name == "default" {
                return Exports::Default;
            }
            named = named.or(Some((name, statement.span().start)));
        }
    }
    named.map_or(Exports::None, |(name, at)| Exports::Named(name, at))
}

/// Returns the error about a module without a default export.
pub(super) fn no_default(name: &str, at: u32) -> Diagnostic {
    Diagnostic::new(at, format!("The module exports `{name}` but has no default export, so it has no result.")).hint(format!(
        "Write `export default` before what is to be the result or the function to call, or remove every `export` and end \
         with `return`, such as `return await {name}();`."
    ))
}

/// Returns the error about a text that contains its code in a string: a JSON object, or quotes.
pub(super) fn wrapped_code(expression: &Expression, text: &str) -> Option<Diagnostic> {
    const KEYS: [&str; 3] = ["code", "script", "source"];
    const BESIDE: [&str; 5] = ["input", "language", "timeout_ms", "tools", "arguments"];
    let Expression::ObjectExpression(_) = expression else { return None };
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text.trim()).ok()?;
    let key = KEYS.into_iter().find(|key| value.get(*key).is_some_and(serde_json::Value::is_string))?;
    let known = |name: &String| KEYS.contains(&name.as_str()) || BESIDE.contains(&name.as_str());
    value.keys().all(known).then(|| {
        Diagnostic::new(expression.span().start, format!("The text is a JSON object with the code in its field \"{key}\".")).hint(format!(
            "Send the code itself: what is in \"{key}\" now, without JSON around it and without escapes such as \\n and \\\"."
        ))
    })
}

/// Returns the code in a text that is a single string.
pub(super) fn quoted_code(value: &str, at: u32) -> Option<Diagnostic> {
    let code = ["return ", "await ", "env.", "=>", "const "].into_iter().any(|sign| value.contains(sign));
    code.then(|| {
        Diagnostic::new(at, "The text is one string with code in it.")
            .hint("Send the code itself, without quotes around it and without escapes such as \\n and \\\".")
    })
}
