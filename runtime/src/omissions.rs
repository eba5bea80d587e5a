//! Warnings about a script that ended well: calls that were not awaited, a missing result.

use std::collections::HashSet;

use oxc_ast::ast::{BindingPattern, Expression, IdentifierReference, Statement};
use oxc_ast_visit::{Visit, walk};

use crate::calls::{CallSite, short_name};
use crate::script::{Prepared, Shape, has_stack, parsed};
use crate::state::RunState;
use crate::{Catalogue, Warning, WarningCode};

/// The number of calls or functions that a warning lists.
const MAX_LISTED_CALLS: usize = 5;

/// Adds the warnings to the state of a run that ended well.
pub(crate) fn add(state: &mut RunState, prepared: &Prepared, code: &str) {
    let catalogue = state.names.catalogue.clone();
    if let Some(warning) = unanswered(&as_called(&catalogue, state.unanswered())) {
        state.warn(warning);
    }
    let unawaited = std::mem::take(&mut state.unawaited);
    let unawaited = unawaited.iter().map(|(call, _)| (call.server.as_str(), call.tool.as_str(), call.site));
    let unawaited = as_called(&catalogue, unawaited);
    if let Some(warning) = overlooked(&unawaited) {
        state.warn(warning);
    }
    if state.undefined {
        let told = state.last_answer.as_ref().map(|resolved| resolved.description());
        for warning in without_result(prepared, code, state.has_logged(), told) {
            state.warn(warning);
        }
    }
}

/// Returns calls with the names that scripts write.
fn as_called<'a>(
    catalogue: &'a Catalogue,
    calls: impl IntoIterator<Item = (&'a str, &'a str, Option<CallSite>)>,
) -> Vec<(&'a str, &'a str, Option<CallSite>)> {
    let calls = calls.into_iter().map(|(server, tool, site)| {
        let (server, tool) = catalogue.aliases(server, tool);
        (server, tool, site)
    });
    calls.collect()
}

/// Returns a warning about calls whose answers were not awaited.
fn overlooked(calls: &[(&str, &str, Option<CallSite>)]) -> Option<Warning> {
    let (server, tool, place) = calls.first()?;
    let message = format!(
        "The answer of {} was not awaited: {}. Await every call, `await env.{}(…)`: without it a variable holds a promise, whose fields are undefined.",
        if calls.len() == 1 { "a call" } else { "calls" },
        places(calls),
        named(server, tool)
    );
    Some(Warning::new(WarningCode::NotAwaited, &message).at(*place))
}

/// Returns warnings about a result that is `undefined`. There are none if the script has logged
/// something.
fn without_result(prepared: &Prepared, code: &str, logged: bool, resolved: Option<String>) -> Vec<Warning> {
    let body = prepared.shape == Shape::Body;
    if body && prepared.leaves {
        return Vec::new();
    }
    if body && prepared.returns {
        let message = "The script returned undefined, which is null in JSON: most often a field that the value has not. \
                       Return the whole value to see its shape.";
        let resolved = resolved.map(|told| format!(" The last call: {told}.")).unwrap_or_default();
        return vec![Warning::new(WarningCode::NoResult, &format!("{message}{resolved}"))];
    }
    let uncalled = parsed(code, true, |program| UncalledFunctions::of(&program.body)).unwrap_or_default();
    if let Some((name, start)) = uncalled.first().filter(|_| prepared.shape != Shape::Expression) {
        let names: Vec<String> =
            uncalled.iter().take(MAX_LISTED_CALLS).map(|(name, _)| short_name(name)).collect();
        let message = format!(
            "There is no result, and {} never called: {}. End the script with a call, such as `return await {}();`.",
            if uncalled.len() == 1 { "a function is" } else { "functions are" },
            names.join(", "),
            short_name(&uncalled.last().map_or(name.clone(), |(name, _)| name.clone()))
        );
        let place = crate::script::diagnostic::position(code, *start);
        return vec![Warning::new(WarningCode::NeverCalled, &message).at(Some(place))];
    }
    // The log may be all that the script is for.
    if logged {
        return Vec::new();
    }
    let message = match prepared.shape {
        Shape::Body if prepared.completes() => {
            "There is no result: the last statement's value is undefined. End with `return value;`, or with a function call whose \
             function returns something. If nothing is to come back, return a word or a count."
        }
        Shape::Body => {
            "There is no result: the script neither returns something nor ends with an expression. End it with `return value;`. If \
             nothing is to come back, return a word or a count."
        }
        Shape::Expression | Shape::Module => {
            "There is no result: the value is undefined. A function with braces needs `return`. If nothing is to come back, return a \
             word or a count."
        }
    };
    vec![Warning::new(WarningCode::NoResult, message)]
}

/// Functions that are declared at the top level and never used.
struct UncalledFunctions<'a> {
    declared: Vec<(&'a str, usize)>,
    /// The functions that have not been used so far. There may be thousands, and as many other
    /// names.
    open: HashSet<&'a str>,
}

impl<'a> UncalledFunctions<'a> {
    fn of(body: &[Statement<'a>]) -> Vec<(String, usize)> {
        let mut found = Self { declared: Vec::new(), open: HashSet::new() };
        for statement in body {
            match statement {
                Statement::FunctionDeclaration(it) => {
                    if let (Some(id), true) = (&it.id, it.body.is_some()) {
                        found.declared.push((id.name.as_str(), id.span.start as usize));
                    }
                }
                Statement::VariableDeclaration(it) => {
                    for one in &it.declarations {
                        if let (BindingPattern::BindingIdentifier(id), Some(init)) = (&one.id, &one.init)
                            && matches!(
                                init,
                                Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_)
                            )
                        {
                            found.declared.push((id.name.as_str(), id.span.start as usize));
                        }
                    }
                }
                _ => {}
            }
        }
        found.open.extend(found.declared.iter().map(|(name, _)| name));
        for statement in body {
            if found.open.is_empty() {
                break;
            }
            found.visit_statement(statement);
        }
        let Self { declared, open } = found;
        let uncalled = declared.into_iter().filter(|(name, _)| open.contains(name));
        uncalled.map(|(name, at)| (name.to_owned(), at)).collect()
    }
}

impl<'a> Visit<'a> for UncalledFunctions<'a> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.open.remove(it.name.as_str());
    }

    fn visit_statement(&mut self, it: &Statement<'a>) {
        // The walk is as deep as the text. It may skip parts of a text that is too deep.
        if has_stack() {
            walk::walk_statement(self, it);
        }
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if has_stack() {
            walk::walk_expression(self, it);
        }
    }
}

/// Returns a warning about calls that had no answer when the script ended: server, tool and
/// position of each.
pub(crate) fn unanswered(calls: &[(&str, &str, Option<CallSite>)]) -> Option<Warning> {
    let (server, tool, place) = calls.first()?;
    let listed = places(calls);
    let (calls, they) = match calls.len() {
        1 => ("A call".to_owned(), "it"),
        many => (format!("{many} calls"), "they"),
    };
    let was = if they == "it" { "was" } else { "were" };
    let message = format!(
        "{calls} had no answer when the script ended and {was} cancelled; {they} may have taken effect: \
         {listed}. Await what matters: `await env.{}(…)`; for a list, `await Promise.all(items.map(async (item) => …))` and not \
         forEach; a function that makes calls, `return await main()`.",
        named(server, tool)
    );
    Some(Warning::new(WarningCode::NotAwaited, &message).at(*place))
}

/// Lists calls with their lines.
fn places(calls: &[(&str, &str, Option<CallSite>)]) -> String {
    // Repeated calls on one line are one entry with a count.
    let mut kinds: Vec<(String, Option<u32>, usize)> = Vec::new();
    for (server, tool, site) in calls {
        let (name, line) = (named(server, tool), site.map(|(line, _)| line));
        match kinds.iter_mut().find(|(known, at, _)| *known == name && *at == line) {
            Some((_, _, times)) => *times += 1,
            None => kinds.push((name, line, 1)),
        }
    }
    let mut listed: Vec<String> = kinds.iter().take(MAX_LISTED_CALLS).map(told).collect();
    if kinds.len() > MAX_LISTED_CALLS {
        listed.push(format!("and {} more", kinds.len() - MAX_LISTED_CALLS));
    }
    listed.join(", ")
}

fn named(server: &str, tool: &str) -> String {
    format!("{}.{}", short_name(server), short_name(tool))
}

fn told((name, line, times): &(String, Option<u32>, usize)) -> String {
    match (line, times) {
        (Some(line), 1) => format!("{name} (line {line})"),
        (Some(line), times) => format!("{name} (line {line}, {times} times)"),
        (None, 1) => name.clone(),
        (None, times) => format!("{name} ({times} times)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_are_named_nowhere_are_found_among_thousands() {
        let declared: String = (0..20_000).map(|n| format!("function f{n}() {{}}\n")).collect();
        let code = format!("{declared} const z = 1, g = () => [f1, {}]", "z,".repeat(100_000));
        let look = || {
            let uncalled = parsed(&code, true, |program| UncalledFunctions::of(&program.body)).unwrap();
            assert_eq!(uncalled.len(), 20_000, "all but f1, and g");
            assert_eq!((uncalled[1].0.as_str(), uncalled[19_999].0.as_str()), ("f2", "g"));
        };
        assert!(crate::script::seconds(look) < 8.0);
    }

    #[test]
    fn calls_of_a_loop_are_listed_once_with_their_line() {
        assert_eq!(unanswered(&[]), None);
        let calls = [("time", "now", Some((2, 7))), ("time", "now", Some((2, 7))), ("demo", "add", None)];
        let warning = unanswered(&calls).unwrap();
        assert_eq!((warning.line, warning.column), (Some(2), Some(7)));
        assert!(warning.message.starts_with("3 calls had no answer"), "{}", warning.message);
        assert!(
            warning.message.contains(": time.now (line 2, 2 times), demo.add. Await"),
            "{}",
            warning.message
        );
    }

    #[test]
    fn long_names_and_many_places_are_cut() {
        let long = "x".repeat(10_000);
        let calls: Vec<_> = (0..500).map(|line| (long.as_str(), long.as_str(), Some((line, 1)))).collect();
        let warning = unanswered(&calls).unwrap();
        assert!(
            warning.message.len() <= Warning::MAX_MESSAGE_BYTES && warning.message.contains("and 495 more")
        );
    }
}
