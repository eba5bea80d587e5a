//! Hints for the error of a failed run, from its state: the known names, the last answer, the calls
//! that were not awaited.

use oxc_ast::ast::{Expression, ThrowStatement};
use oxc_ast_visit::{Visit, walk};

use crate::calls::{UnawaitedCall, short_name};
use crate::execution::ScriptText;
use crate::libraries::listed;
use crate::state::RunState;
use crate::{Catalogue, Library, RunError, error, script};

/// Globals of other environments, and the hints for them.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (
        &[
            "require",
            "process",
            "Buffer",
            "__dirname",
            "__filename",
            "module",
            "exports",
            "global",
            "fs",
            "path",
            "os",
            "child_process",
        ],
        "This is not Node.js: there is no require, process, Buffer or file system. Use the tools on env; for bytes there are \
         Uint8Array, TextEncoder, atob and btoa.",
    ),
    (
        &["Deno", "Bun"],
        "This is neither Deno nor Bun: there are the language, Web APIs without a network, and the tools on env.",
    ),
    (
        &["document", "window", "localStorage", "sessionStorage", "location", "XMLSerializer", "DOMParser"],
        "There is no page and no browser here. Use the tools on env, and return the result.",
    ),
    (
        &["axios", "got", "request", "superagent", "$"],
        "There is no network and no package. Use the tools on env.",
    ),
    (
        &["_", "lodash", "moment", "dayjs", "z", "pd", "np"],
        "Packages are not available. Write it with the language itself.",
    ),
    (
        &["print", "println", "printf", "alert", "echo", "puts"],
        "Use console.log(…) for logs, and `return` for the result.",
    ),
    (
        &["prompt", "confirm", "readline"],
        "A script cannot ask for input while it runs. The input that was sent with it is in `input`.",
    ),
    (
        &["None", "True", "False", "len", "str", "dict", "json", "range", "self"],
        "This looks like Python. Scripts are TypeScript or JavaScript.",
    ),
    (&["gt", "lt", "amp", "quot"], "The text is escaped for HTML: write `>`, `<` and `&` themselves."),
    (
        &["args", "params", "inputs", "context", "ctx", "event", "payload"],
        "What was sent with the script is in `input`.",
    ),
    (&["WebAssembly", "SharedArrayBuffer", "Atomics"], "It is switched off in one-shot scripts."),
];

/// Names of the object that has the tools in other runtimes.
const TOOLBOXES: &[&str] = &[
    "codemode",
    "tools",
    "mcp",
    "client",
    "servers",
    "server",
    "functions",
    "toolbox",
    "api",
    "callTool",
    "call_tool",
    "use_mcp_tool",
    "mcpClient",
];

/// Replaces the hint of a script that both imports and returns by one that says how to import, if
/// there is something to import.
pub(crate) fn name_libraries(error: RunError, libraries: &[Library]) -> RunError {
    match libraries.first() {
        Some(first) if error.message.starts_with("A module cannot `return`") => {
            let hint = format!(
                "Import with `await import({:?})` instead: without `import` and `export` at its top level the script may `return`.",
                first.specifier
            );
            error.with_hint(hint)
        }
        _ => error,
    }
}

/// Names of libraries, or those that their documentation gives to them.
const LIBRARIES: &[&str] = &["_", "lodash", "moment", "dayjs", "z", "require"];

/// Adds a hint and a position to an error. `libraries` are those that the script could import.
pub(crate) fn improve(error: &mut RunError, state: &RunState, text: &ScriptText, libraries: &[Library]) {
    let (code, input) = (text.code.as_str(), text.input.as_deref());
    let unknown = error.message.strip_suffix(" is not defined").filter(|_| error.name == "ReferenceError");
    if let (Some(unknown), [first, ..]) = (unknown, libraries)
        && (LIBRARIES.contains(&unknown) || libraries.iter().any(|library| library.specifier == unknown))
    {
        error.hint = Some(format!(
            "Import it, as in `await import({:?})`. The libraries are {}.",
            first.specifier,
            listed(libraries)
        ));
    }
    let generic = error.hint.is_none() || error.hint == error::hint(&error.name, &error.message);
    if generic && let Some(hint) = hint(error, state, code, input) {
        error.hint = Some(hint);
    }
    if error.line.is_none() && (error.message.starts_with("The result ") || error.name == "AggregateError") {
        let place = script::parsed(code, true, ReturnFinder::place).flatten();
        (error.line, error.column) = place.map(|place| script::diagnostic::position(code, place)).unzip();
    }
    if error.line.is_none()
        && let Some(place) =
            script::parsed(code, true, |program| ThrowFinder::place(program, &error.message)).flatten()
    {
        (error.line, error.column) = Some(script::diagnostic::position(code, place)).unzip();
    }
}

fn hint(error: &RunError, state: &RunState, code: &str, input: Option<&str>) -> Option<String> {
    let (name, message) = (error.name.as_str(), error.message.as_str());
    if name == "ReferenceError"
        && let Some(unknown) = message.strip_suffix(" is not defined")
    {
        return undefined(unknown, &state.names.catalogue, code, input);
    }
    let shape = message.starts_with("Cannot read properties of ")
        || message.starts_with("Cannot destructure ")
        || message.ends_with("is not a function")
        || message.contains("is not iterable")
        || message.contains("is not a function or its return value");
    let json = name == "SyntaxError" && message.contains("JSON");
    if !shape && !json {
        return None;
    }
    if let Some((UnawaitedCall { server, tool, site }, _)) = state.unawaited.first() {
        let line = site.map_or_else(String::new, |(line, _)| format!(" at line {line}"));
        let (server, tool) = state.names.catalogue.aliases(server, tool);
        let call = format!("env.{}.{}", short_name(server), short_name(tool));
        return Some(format!(
            "The call of {call}{line} was not awaited, so that its variable holds a promise: write `await {call}(…)`."
        ));
    }
    let resolved = state.last_answer.as_ref();
    if json {
        let already = message.contains("[object Object]") || message.contains("\"undefined\"");
        let told = resolved.map(|resolved| format!(" {}.", resolved.description())).unwrap_or_default();
        return Some(if already {
            format!(
                "The argument of JSON.parse is not a string: a call returns the tool's data itself, already parsed.{told}"
            )
        } else {
            format!("The string is not valid JSON: use it without JSON.parse.{told}")
        });
    }
    let resolved = resolved?;
    Some(format!(
        "A value has another shape than expected. The last call: {}. A call gives the tool's data itself, not {{ content: [{{ text }}] }}.",
        resolved.description()
    ))
}

/// Returns a hint for a name that is not defined.
fn undefined(name: &str, catalogue: &Catalogue, code: &str, input: Option<&str>) -> Option<String> {
    if let Some((server, _)) = catalogue.server(name) {
        let call = member(code, name).unwrap_or_else(|| "<tool>".to_owned());
        return Some(format!(
            "{:?} is an MCP server, and servers are on env: write `await env.{name}.{call}({{ … }})`.",
            short_name(server)
        ));
    }
    let bare = name.strip_prefix("mcp__").unwrap_or(name);
    if let Some((server, tool)) = bare.split_once("__")
        && catalogue.server(server).is_some()
    {
        return Some(format!(
            "Tools are functions of their servers on env: write `await env.{server}.{}({{ … }})`.",
            short_name(tool)
        ));
    }
    let servers = || {
        let names = catalogue.names().take(12).map(|name| short_name(catalogue.alias(name)));
        let names: Vec<String> = names.collect();
        if names.is_empty() { String::new() } else { format!(" Servers: {}.", names.join(", ")) }
    };
    if TOOLBOXES.contains(&name) {
        return Some(format!(
            "Tools are functions of their servers on env: `await env.<server>.<tool>({{ … }})`.{}",
            servers()
        ));
    }
    let owners: Vec<String> = catalogue
        .names()
        .filter(|server| catalogue.server(server).is_some_and(|(_, tools)| tools.lists(name)))
        .take(3)
        .map(|server| {
            format!("`await env.{}.{}({{ … }})`", short_name(catalogue.alias(server)), short_name(name))
        })
        .collect();
    if !owners.is_empty() {
        return Some(format!("It is a tool, and tools are on env: write {}.", owners.join(" or ")));
    }
    let fields =
        input.and_then(|input| serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(input).ok());
    if fields.is_some_and(|fields| fields.contains_key(name)) {
        return Some(format!(
            "It is a field of what was sent with the script: write `input.{}`.",
            short_name(name)
        ));
    }
    ELSEWHERE.iter().find(|(names, _)| names.contains(&name)).map(|(_, hint)| (*hint).to_owned())
}

/// Returns the first member of `object` in the code.
fn member(code: &str, object: &str) -> Option<String> {
    let pattern = format!("{object}.");
    let (at, _) = code.match_indices(&pattern).find(|(at, _)| {
        !code[..*at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
    })?;
    let name: String = code[at + pattern.len()..]
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
        .take(64)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Finds `throw` statements of values without a stack.
struct ThrowFinder<'m> {
    message: &'m str,
    said: Vec<usize>,
    others: Vec<usize>,
}

impl<'m> ThrowFinder<'m> {
    /// Returns the offset of the only statement that can have thrown `message`.
    fn place(program: &oxc_ast::ast::Program, message: &'m str) -> Option<usize> {
        let mut throws = Self { message, said: Vec::new(), others: Vec::new() };
        for statement in &program.body {
            throws.visit_statement(statement);
        }
        match (&throws.said[..], &throws.others[..]) {
            ([place], _) | ([], [place]) => Some(*place),
            _ => None,
        }
    }
}

impl<'a> Visit<'a> for ThrowFinder<'_> {
    fn visit_throw_statement(&mut self, it: &ThrowStatement<'a>) {
        match &it.argument {
            Expression::NewExpression(_) | Expression::CallExpression(_) => {}
            Expression::StringLiteral(text) if text.value.as_str() == self.message => {
                self.said.push(it.span.start as usize);
            }
            Expression::StringLiteral(_) => {}
            _ => self.others.push(it.span.start as usize),
        }
        walk::walk_throw_statement(self, it);
    }

    fn visit_statement(&mut self, it: &oxc_ast::ast::Statement<'a>) {
        if script::has_stack() {
            walk::walk_statement(self, it);
        }
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if script::has_stack() {
            walk::walk_expression(self, it);
        }
    }
}

/// Finds `return` statements outside of functions.
#[derive(Default)]
struct ReturnFinder(Vec<usize>);

impl ReturnFinder {
    /// Returns the offset of the only `return`, or of the only statement.
    fn place(program: &oxc_ast::ast::Program) -> Option<usize> {
        use oxc_span::GetSpan;
        let mut returns = Self::default();
        for statement in &program.body {
            returns.visit_statement(statement);
        }
        match (&returns.0[..], &program.body[..]) {
            ([place], _) => Some(*place),
            ([], [only]) => Some(only.span().start as usize),
            _ => None,
        }
    }
}

impl<'a> Visit<'a> for ReturnFinder {
    fn visit_return_statement(&mut self, it: &oxc_ast::ast::ReturnStatement<'a>) {
        self.0.push(it.span.start as usize);
    }

    fn visit_expression(&mut self, _: &Expression<'a>) {}

    fn visit_function(&mut self, _: &oxc_ast::ast::Function<'a>, _: oxc_syntax::scope::ScopeFlags) {}

    fn visit_class(&mut self, _: &oxc_ast::ast::Class<'a>) {}

    fn visit_statement(&mut self, it: &oxc_ast::ast::Statement<'a>) {
        if script::has_stack() {
            walk::walk_statement(self, it);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globals_of_other_environments_are_explained() {
        let mut catalogue = Catalogue::default();
        let tools = crate::ServerTools::new([("read_file", "read_file"), ("get-user", "get_user")]);
        catalogue.insert("files", "files", tools);
        let told = |name: &str, code: &str| {
            undefined(name, &catalogue, code, Some(r#"{"query":"x"}"#)).unwrap_or_default()
        };
        for (name, code, says) in [
            ("files", "const r = await files.read_file({})", "`await env.files.read_file({ … })`"),
            ("files", "x(files)", "`await env.files.<tool>({ … })`"),
            ("mcp__files__read_file", "", "`await env.files.read_file({ … })`"),
            ("files__read_file", "", "`await env.files.read_file({ … })`"),
            ("codemode", "", "Servers: files."),
            (
                "read_file",
                "",
                "It is a tool, and tools are on env: write `await env.files.read_file({ … })`.",
            ),
            ("query", "", "`input.query`"),
            ("Buffer", "", "not Node.js"),
            ("Deno", "", "neither Deno nor Bun"),
            ("document", "", "no browser"),
            ("axios", "", "no network"),
            ("print", "", "console.log"),
            ("None", "", "Python"),
            ("gt", "", "HTML"),
        ] {
            assert!(told(name, code).contains(says), "{name}: {}", told(name, code));
        }
        assert_eq!(told("total", ""), "");
    }
}
