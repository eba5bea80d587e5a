//! Statements, expression or module.

use oxc_allocator::Allocator;
use oxc_ast::ast::{Program, Statement};
use oxc_ast_visit::Visit;
use oxc_span::GetSpan;

use super::erase::Eraser;
use super::erase::statements::vanishes;
use super::fault::{self, Flaw};
use super::{Prepared, Shape, parse};

/// A script of any shape.
pub(super) fn script(text: &str, typescript: bool) -> Result<Prepared, Flaw> {
    let allocator = Allocator::default();
    let program = match parse::program(&allocator, text, typescript) {
        Ok(program) => program,
        Err(flaw) => {
            if let Some(object) = object(text, typescript) {
                return object;
            }
            return Err(explain(flaw, text, typescript));
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
    let shape =
        if program.body.iter().any(|statement| statement.is_module_declaration() && !vanishes(statement)) {
            no_return(&eraser)?;
            Shape::Module
        } else if let Some(at) = eraser.import_meta {
            return Err(Flaw::new(at, "`import.meta` is only available in a module.").hint(
                "Remove it, or make the script a module: `export default async function (env, input) { … }`.",
            ));
        } else if program.body.iter().filter(stays).count() + program.directives.len() == 1
            && is_expression(&program)
        {
            // A semicolon would end the parenthesis around it.
            for statement in &program.body {
                match statement {
                    Statement::EmptyStatement(it) => _ = eraser.edits.blank(it.span.start, it.span.end),
                    Statement::ExpressionStatement(it) => blank_semicolon(&mut eraser, text, it.span.end),
                    _ => {}
                }
            }
            for directive in &program.directives {
                blank_semicolon(&mut eraser, text, directive.span.end);
            }
            Shape::Expression
        } else {
            Shape::Body
        };
    let returns = eraser.returns;
    Ok(Prepared { shape, text: eraser.edits.apply(text), returns })
}

/// A project's module.
pub(super) fn module(text: &str, typescript: bool) -> Result<Prepared, Flaw> {
    let allocator = Allocator::default();
    let program =
        parse::program(&allocator, text, typescript).map_err(|flaw| explain(flaw, text, typescript))?;
    let mut eraser = Eraser::new(text, &program.comments);
    eraser.visit_program(&program);
    eraser.finish()?;
    no_return(&eraser)?;
    Ok(Prepared { shape: Shape::Module, text: eraser.edits.apply(text), returns: false })
}

/// The text as one expression that begins with `{`.
///
/// `None` if it is none. Behind the expression only semicolons, blanks and comments may follow.
fn object(text: &str, typescript: bool) -> Option<Result<Prepared, Flaw>> {
    let allocator = Allocator::default();
    let code = text.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    // Comments before it are rare enough to leave out: an object that begins with one is found by the parser.
    let first = text.trim_start();
    if !first.starts_with(['{', '/']) {
        return None;
    }
    let expression = parse::expression(&allocator, code, typescript)?;
    if !code[expression.span().start as usize..].starts_with('{') {
        return None;
    }
    // `parse_expression` gives no list of comments; parsing in parentheses does, and moves nothing but the first line.
    let wrapped = ["(", code, "\n)"].concat();
    let program = parse::program(&allocator, &wrapped, typescript).ok()?;
    let mut eraser = Eraser::new(&wrapped, &program.comments);
    eraser.visit_program(&program);
    if let Err(flaw) = eraser.finish() {
        return Some(Err(Flaw { at: flaw.at.saturating_sub(1), ..flaw }));
    }
    let mut out = eraser.edits.apply(&wrapped);
    out.remove(0);
    out.truncate(out.len() - 2);
    out.extend(text[code.len()..].chars().map(|c| if c == ';' { ' ' } else { c }));
    Some(Ok(Prepared { shape: Shape::Expression, text: out, returns: false }))
}

/// Whether the only statement has a value.
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

fn no_return(eraser: &Eraser) -> Result<(), Flaw> {
    match eraser.top_return {
        None => Ok(()),
        Some(at) => Err(Flaw::new(at, "A module cannot `return` at its top level.").hint(
            "Put the code into `export default async function (env, input) { … }`, or remove every `import` and `export`.",
        )),
    }
}

/// Adds a hint that needs another look at the text.
fn explain(flaw: Flaw, text: &str, typescript: bool) -> Flaw {
    if !typescript && parse::program(&Allocator::default(), text, true).is_ok() {
        return flaw.hint(fault::NEEDS_TYPESCRIPT);
    }
    if flaw.hint.is_none() && (text.contains("</") || text.contains("/>")) {
        return flaw.hint(fault::NO_JSX);
    }
    flaw
}
