//! Decides whether a text is statements, an expression or a module.

use oxc_allocator::Allocator;
use oxc_ast::ast::{Program, Statement};
use oxc_ast_visit::Visit;
use oxc_span::GetSpan;

use super::diagnostic::{self, Diagnostic};
use super::erase::Eraser;
use super::erase::statements::vanishes;
use super::{Insertion, Prepared, Shape, completion, lookalikes, parse};

/// Finds the shape of a script.
pub(super) fn script(text: &str, typescript: bool) -> Result<Prepared, Diagnostic> {
    let allocator = Allocator::default();
    let program = match parse::program(&allocator, text, typescript) {
        Ok(program) => program,
        Err(diagnostic) => {
            if let Some(object) = object(text, typescript) {
                return object;
            }
            return Err(explain(diagnostic, text, typescript));
        }
    };
    if let [Statement::BlockStatement(_)] = program.body[..]
        && program.directives.is_empty()
        && let Some(object) = object(text, typescript)
    {
        return object;
    }
    let mut eraser = Eraser::new(text, &program.comments);
    eraser.visit_program(&program);
    eraser.finish()?;

    let stays =
        |statement: &&Statement| !vanishes(statement) && !matches!(statement, Statement::EmptyStatement(_));
    let mut put = Vec::new();
    let shape =
        if program.body.iter().any(|statement| statement.is_module_declaration() && !vanishes(statement)) {
            no_return(&eraser, &program)?;
            match completion::exports(&program) {
                completion::Exports::Default => {}
                exports => {
                    put = completion::of_module(&program);
                    if let (true, completion::Exports::Named(name, at)) = (put.is_empty(), exports) {
                        return Err(completion::no_default(name, at));
                    }
                }
            }
            Shape::Module
        } else if let Some(at) = eraser.import_meta {
            return Err(Diagnostic::new(at, "`import.meta` is only available in a module.").hint(
                "Remove it, or make the script a module: `export default async function (env, input) { … }`.",
            ));
        } else if program.body.iter().filter(stays).count() + program.directives.len() == 1
            && is_expression(&program)
        {
            // A semicolon would end the parenthesis around the expression.
            for statement in &program.body {
                match statement {
                    Statement::EmptyStatement(it) => _ = eraser.edits.blank(it.span.start, it.span.end),
                    Statement::ExpressionStatement(it) => blank_semicolon(&mut eraser, text, it.span.end),
                    _ => {}
                }
            }
            for directive in &program.directives {
                if let Some(diagnostic) =
                    completion::quoted_code(&directive.expression.value, directive.span.start)
                {
                    return Err(diagnostic);
                }
                blank_semicolon(&mut eraser, text, directive.span.end);
            }
            Shape::Expression
        } else {
            if eraser.top_return.is_none() {
                put = completion::of_body(&program);
            }
            Shape::Body
        };
    let (returns, leaves) = (eraser.returns, eraser.top_return.is_some() && !eraser.returns);
    for (at, _) in &put {
        eraser.edits.mark(*at);
    }
    let (text, marks) = eraser.edits.apply_marking(text);
    let insertions = marks.into_iter().zip(put).map(|(at, (_, put))| Insertion { at, put }).collect();
    Ok(Prepared { shape, text, returns, leaves, insertions, columns: None })
}

/// Prepares a project's module.
pub(super) fn module(text: &str, typescript: bool) -> Result<Prepared, Diagnostic> {
    let allocator = Allocator::default();
    let program = parse::program(&allocator, text, typescript)
        .map_err(|diagnostic| explain(diagnostic, text, typescript))?;
    let mut eraser = Eraser::new(text, &program.comments);
    eraser.visit_program(&program);
    eraser.finish()?;
    no_return(&eraser, &program)?;
    let (text, insertions) = (eraser.edits.apply(text), Vec::new());
    Ok(Prepared { shape: Shape::Module, text, returns: false, leaves: false, insertions, columns: None })
}

/// Parses the text as one expression that begins with `{`.
///
/// Returns `None` if it is not one. Only semicolons, blanks and comments may follow the expression.
fn object(text: &str, typescript: bool) -> Option<Result<Prepared, Diagnostic>> {
    let allocator = Allocator::default();
    let code = text.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    // Comments before it are rare, and the parser finds an object that begins with one.
    let first = text.trim_start();
    if !first.starts_with(['{', '/']) {
        return None;
    }
    let expression = parse::expression(&allocator, code, typescript)?;
    if !code[expression.span().start as usize..].starts_with('{') {
        return None;
    }
    if let Some(diagnostic) = completion::wrapped_code(&expression, code) {
        return Some(Err(diagnostic));
    }
    // `parse_expression` returns no list of comments. Parsing in parentheses does, and moves only
    // the first line.
    let wrapped = ["(", code, "\n)"].concat();
    let program = parse::program(&allocator, &wrapped, typescript).ok()?;
    let mut eraser = Eraser::new(&wrapped, &program.comments);
    eraser.visit_program(&program);
    if let Err(diagnostic) = eraser.finish() {
        return Some(Err(Diagnostic { at: diagnostic.at.saturating_sub(1), ..diagnostic }));
    }
    let mut out = eraser.edits.apply(&wrapped);
    out.remove(0);
    out.truncate(out.len() - 2);
    out.extend(text[code.len()..].chars().map(|c| if c == ';' { ' ' } else { c }));
    Some(Ok(Prepared {
        shape: Shape::Expression,
        text: out,
        returns: false,
        leaves: false,
        insertions: Vec::new(),
        columns: None,
    }))
}

/// Returns `true` if the only statement has a value.
fn is_expression(program: &Program) -> bool {
    !program.directives.is_empty()
        || program.body.iter().any(|statement| match statement {
            Statement::ExpressionStatement(_) => true,
            Statement::FunctionDeclaration(it) => it.body.is_some(),
            _ => false,
        })
}

fn blank_semicolon(eraser: &mut Eraser, text: &str, end: u32) {
    if text[..end as usize].ends_with(';') {
        eraser.edits.blank(end - 1, end);
    }
}

fn no_return(eraser: &Eraser, program: &Program) -> Result<(), Diagnostic> {
    let Some(at) = eraser.top_return else { return Ok(()) };
    // Both errors in one message: without the `return`, the import would be the next error.
    let packages: Vec<&str> = program
        .body
        .iter()
        .filter_map(|statement| match statement {
            Statement::ImportDeclaration(it) if !vanishes(statement) => Some(it.source.value.as_str()),
            _ => None,
        })
        .filter(|name| !matches!(*name, "cloudflare:workers" | "isolet:env"))
        .take(5)
        .collect();
    let hint = if packages.is_empty() {
        "Put the code into `export default async function (env, input) { … }`, or remove every `import` and `export`."
            .to_owned()
    } else {
        format!(
            "Remove the import of {}, too: without `import` and `export` the script may `return`. A package that the \
             operator has named (`--library NAME`) comes from `await import(\"NAME\")`.",
            packages
                .iter()
                .map(|name| format!("{:?}", name.chars().take(60).collect::<String>()))
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    Err(Diagnostic::new(at, "A module cannot `return` at its top level.").hint(hint))
}

/// Adds a hint that needs another parse of the text.
fn explain(diagnostic: Diagnostic, text: &str, typescript: bool) -> Diagnostic {
    if !typescript && parse::program(&Allocator::default(), text, true).is_ok() {
        return diagnostic.hint(diagnostic::NEEDS_TYPESCRIPT);
    }
    if let Some(hint) = lookalikes::hint(text, diagnostic.at as usize) {
        return diagnostic.hint(hint);
    }
    if diagnostic.hint.is_none() && (text.contains("</") || text.contains("/>")) {
        return diagnostic.hint(diagnostic::NO_JSX);
    }
    diagnostic
}
