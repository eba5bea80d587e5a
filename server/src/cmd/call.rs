//! `isolet call`: calls one tool and prints its result. Policy, lock file, rates and audit log
//! apply as they do to the call of a script.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::Caller;
use isolet_runtime::{Catalogue, ErrorCode, Operation, RunError, ToolFailure, ToolRequest};
use serde_json::{Map, Value};

use super::{Signals, input, startup};
use crate::exit::Failure;
use crate::mcp_config::{self, McpConfigOption};
use crate::output::pretty::indented;
use crate::output::{diagnostic, stdout};
use crate::registry::{Registry, server_advice};
use crate::settings;
use crate::settings::duration;
use crate::settings::rules::StdoutUse;
use crate::trust::Search;

const EXAMPLES: &str = "Examples:
  isolet call demo/add a=1 b=2
  isolet call github/create_issue title='It breaks' labels:='[\"bug\"]'
  isolet call demo/plan_trip --input @trip.json
  isolet call files/read_text_file path=notes.txt --raw";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The tool
    #[arg(value_name = "SERVER/TOOL")]
    tool: String,
    /// Arguments: NAME=VALUE is text, unless the tool declares another type, NAME:=JSON is any JSON
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// All arguments: a JSON object, @FILE with one in it, or - for standard input; arguments that
    /// are named one by one override it
    #[arg(long, value_name = "JSON|@FILE|-")]
    input: Option<String>,
    /// Print the whole MCP result, not the value that a script would get
    #[arg(long)]
    raw: bool,
    /// Give up after this time, counted from the start of the server: 500ms, 30s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Print the result and errors only
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    mcp_config: McpConfigOption,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

/// One argument of the tool on the command line.
#[derive(Debug, PartialEq, Eq)]
enum ToolArgument {
    /// `name=value`.
    Text(String, String),
    /// `name:=json`.
    Json(String, Value),
}

/// Calls the tool.
pub fn run(args: Args) -> Result<(), Failure> {
    let search = Search::Folder(Path::new("."));
    let settings = args.settings.load(search)?;
    let rules = settings.rules(StdoutUse::Taken)?;
    let limits = settings.limits.clone();
    let mut arguments = match &args.input {
        None => Map::new(),
        Some(given) => match serde_json::from_str(&input::read("--input", given, limits.input)?) {
            Ok(Value::Object(object)) => object,
            _ => {
                return Err(Failure::Usage(
                    "--input must be a JSON object: a tool's arguments have names".to_owned(),
                ));
            }
        },
    };
    let given = args.arguments.iter().map(|text| parse_argument(text)).collect::<Result<Vec<_>, _>>()?;
    let mut servers = mcp_config::load(args.mcp_config.path(), &settings, search, args.quiet)?;
    let names: Vec<String> = servers.servers.keys().cloned().collect();
    let (server, tool) = resolve_server(&args.tool, &names)?;
    startup::start_only(&mut servers, |known| known.name == server);
    let startup_timeout = args.starting.apply(&mut servers)?;
    let timeout = args.timeout.unwrap_or(limits.call_timeout);
    super::on_runtime(Some(2), async move {
        let mut signals = Signals::listen()?;
        let registry = Registry::start(servers, rules);
        let work = async {
            startup::wait_for_servers(&registry, startup_timeout, args.quiet).await;
            for given in given {
                let (name, value) = match given {
                    ToolArgument::Json(name, value) => (name, value),
                    ToolArgument::Text(name, text) => {
                        let value = typed_value(&registry, &server, &tool, &name, text);
                        (name, value)
                    }
                };
                arguments.insert(name, value);
            }
            call_and_print(&registry, &server, &tool, Value::Object(arguments).to_string(), timeout, args.raw)
                .await
        };
        let done = tokio::select! {
            done = work => done,
            signal = signals.stop() => Err(Failure::Signal(signal)),
        };
        registry.shutdown().await;
        done
    })
}

/// Makes the call and prints the result.
async fn call_and_print(
    registry: &Arc<Registry>,
    server: &str,
    tool: &str,
    arguments: String,
    timeout: Duration,
    raw: bool,
) -> Result<(), Failure> {
    let environment = registry.metered_environment(Caller::client(None), None);
    let tool = resolve_tool(&environment.catalogue, server, tool)?;
    let operation = match raw {
        true => Operation::RawCall { tool: tool.clone(), arguments },
        false => Operation::Call { tool: tool.clone(), arguments },
    };
    let request = ToolRequest { server: server.to_owned(), operation, timeout };
    match environment.host.call(request).await {
        Ok(bytes) => stdout::print_json(&indented(&String::from_utf8_lossy(&bytes))),
        Err(failure) => Err(report_failure(registry, server, &tool, failure)),
    }
}

/// Prints the error of the call, or returns the failure of a server that cannot be used.
fn report_failure(registry: &Registry, server: &str, tool: &str, failure: ToolFailure) -> Failure {
    if failure.result.is_none()
        && let Some(broken) = registry.failed_server(server)
    {
        return Failure::Several(vec![broken.block("is not available", true)]);
    }
    let hint = match failure.hint {
        Some(hint) => format!("{hint}; `isolet types {server}/{tool}` prints its declaration"),
        None => format!("`isolet types {server}/{tool}` prints its declaration"),
    };
    let error = RunError::new(ErrorCode::ToolError, "ToolError", failure.message).with_hint(hint);
    stderr_text!("{}", diagnostic::render(&error, "the command line"));
    Failure::Script
}

/// Parses `name=value` or `name:=json`.
fn parse_argument(text: &str) -> Result<ToolArgument, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{text}: {why}"));
    let Some((name, value)) = text.split_once('=') else {
        return Err(wrong("an argument is NAME=VALUE, or NAME:=JSON".to_owned()));
    };
    let (name, json) = match name.strip_suffix(':') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() {
        return Err(wrong("an argument has a name before the =".to_owned()));
    }
    if !json {
        return Ok(ToolArgument::Text(name.to_owned(), value.to_owned()));
    }
    let value = serde_json::from_str(value)
        .map_err(|error| wrong(format!("what follows := is not JSON: {error}")))?;
    Ok(ToolArgument::Json(name.to_owned(), value))
}

/// Resolves `SERVER/TOOL` into the exact name of the server and the name of the tool. Names of
/// servers may have slashes.
fn resolve_server(text: &str, names: &[String]) -> Result<(String, String), Failure> {
    let aliases = isolet_tsdefs::aliases(names);
    let exact = |given: &str| {
        let position = |list: &[String]| list.iter().position(|name| name == given);
        position(names).or_else(|| position(&aliases)).map(|at| names[at].clone())
    };
    let parts = || text.match_indices('/').map(|(at, _)| (&text[..at], &text[at + 1..]));
    if let Some((server, tool)) = parts().rev().find_map(|(server, tool)| Some((exact(server)?, tool)))
        && !tool.is_empty()
    {
        return Ok((server, tool.to_owned()));
    }
    if exact(text.trim_end_matches('/')).is_some() {
        return Err(Failure::Usage(format!(
            "{text} is a server: name one of its tools, {}/TOOL",
            text.trim_end_matches('/')
        )));
    }
    let server = text.split('/').next().unwrap_or(text);
    let mut catalogue = Catalogue::default();
    for (name, alias) in names.iter().zip(&aliases) {
        catalogue.insert(name, alias, isolet_runtime::ServerTools::unknown());
    }
    let nearest: Vec<String> = catalogue.nearest(server, 3).into_iter().map(str::to_owned).collect();
    let advice = server_advice(&nearest, names);
    Err(Failure::Usage(format!("unknown server \"{server}\": {advice}")))
}

/// Resolves the exact name of the tool. Any name is accepted if the server has not listed its
/// tools.
fn resolve_tool(catalogue: &Catalogue, server: &str, tool: &str) -> Result<String, Failure> {
    let Some((_, tools)) = catalogue.server(server) else { return Ok(tool.to_owned()) };
    if let Some(exact) = tools.resolve(tool) {
        return Ok(exact.to_owned());
    }
    let near = tools.nearest(tool, 3);
    let advice = match near.is_empty() {
        false => format!("did you mean {}?", near.join(", ")),
        true => format!("it has {}", tools.names().take(20).collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::Usage(format!("the server \"{server}\" has no tool \"{tool}\": {advice}")))
}

/// Converts `text` to the type that the tool declares for the argument, or returns it as a string.
fn typed_value(registry: &Registry, server: &str, tool: &str, name: &str, text: String) -> Value {
    let snapshot = registry.snapshot();
    let schema = snapshot.tool(server, tool).map(|tool| tool.input_schema.read());
    let declared = schema.as_ref().and_then(|schema| schema.get("properties")?.get(name)?.get("type"));
    let types = match declared {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Value::from(text),
    };
    if types.contains(&"string") {
        return Value::from(text);
    }
    let is_of = |value: &Value| {
        types.iter().any(|kind| match *kind {
            "integer" | "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            _ => false,
        })
    };
    serde_json::from_str(&text).ok().filter(is_of).unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_parsed_as_text_or_json() {
        let text = |name: &str, value: &str| ToolArgument::Text(name.to_owned(), value.to_owned());
        assert_eq!(parse_argument("a=1=2").unwrap(), text("a", "1=2"));
        assert_eq!(parse_argument("a=").unwrap(), text("a", ""));
        assert_eq!(
            parse_argument("a:=[1]").unwrap(),
            ToolArgument::Json("a".to_owned(), serde_json::json!([1]))
        );
        for wrong in ["a", "=1", ":=1", "a:=[1"] {
            assert!(parse_argument(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn servers_are_resolved_by_name_or_alias() {
        let names = ["demo".to_owned(), "io.github/hub".to_owned()];
        let pair = |server: &str, tool: &str| (server.to_owned(), tool.to_owned());
        assert_eq!(resolve_server("demo/add", &names).unwrap(), pair("demo", "add"));
        assert_eq!(resolve_server("demo/a/b", &names).unwrap(), pair("demo", "a/b"));
        assert_eq!(resolve_server("io.github/hub/x", &names).unwrap(), pair("io.github/hub", "x"));
        assert_eq!(resolve_server("io_github_hub/x", &names).unwrap(), pair("io.github/hub", "x"));
        let said = |text: &str| resolve_server(text, &names).unwrap_err().to_string();
        assert!(said("dmo/add").contains("did you mean demo"), "{}", said("dmo/add"));
        assert!(said("demo").contains("is a server") && said("demo/").contains("is a server"));
    }
}
