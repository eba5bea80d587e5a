//! `isolet run`: runs one script and prints its result.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::Caller;
use isolet_bindings::config::McpConfig;
use isolet_runtime::{
    Entry, Environment, ErrorCode, Job, Language, Libraries, Limits, Report, RunError, RunEvent, Warning,
    WarningCode,
};
use isolet_tsdefs::Detail;
use serde_json::{Map, Value};

use super::{Signals, input, startup};
use crate::exit::Failure;
use crate::libraries::LibraryOptions;
use crate::mcp_config::McpConfigOption;
use crate::output::pretty::{indented, thousands};
use crate::output::{diagnostic, report_json, stdout};
use crate::registry::{Audience, NeededServers, Registry, Selection, needed_servers};
use crate::service::run_audit::RunAudit;
use crate::settings::duration;
use crate::settings::rules::StdoutUse;
use crate::system::isolation;
use crate::token_savings::{PromptTexts, TokenMeter};
use crate::trust::Search;
use crate::{mcp_config, settings};

/// The time that lists of tools have after the run, for the comparison of tokens.
const LATE_LIST_TIMEOUT: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "Examples:
  isolet run report.ts
  isolet run report.ts --input '{\"year\": 2026}' --json
  isolet run -e 'return Object.keys(env.demo)'
  curl -s https://example.com/orders.json | isolet run report.ts --input -";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The script, TypeScript or JavaScript; - reads standard input
    #[arg(value_name = "FILE", required_unless_present = "code")]
    file: Option<PathBuf>,
    /// The script itself, instead of a file
    #[arg(long = "eval", short = 'e', id = "code", value_name = "CODE", conflicts_with = "file")]
    code: Option<String>,
    /// The value of `input` in the script: JSON, @FILE with JSON in it, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    input: Option<String>,
    /// A text variable in the script's `env`; may be repeated. Does not affect mcp.json
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
    /// Stop the run after this time: 500ms, 30s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Print the whole report as POST /v1/run answers it
    #[arg(long)]
    json: bool,
    /// Print how many tokens the script saved a model; the default with the built-in demo servers
    /// only
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    tokens: bool,
    /// Print the result and errors only: no warnings, no log of the script, no token figures, no
    /// origin of the servers
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    mcp_config: McpConfigOption,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    settings: settings::SettingsFile,
    #[command(flatten)]
    libraries: LibraryOptions,
    #[command(flatten)]
    isolation: isolation::IsolationOptions,
}

/// Parses `NAME=VALUE`.
fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable is NAME=VALUE".to_owned()),
    }
}

/// Runs the script.
pub fn run(args: Args) -> Result<(), Failure> {
    let search = Search::Folder(Path::new("."));
    let settings = args.settings.load(search)?;
    let rules = settings.rules(StdoutUse::Taken)?;
    let mut limits = settings.limits.clone();
    let lowered = args.timeout.and_then(|timeout| timeout_warning(timeout, limits.wall));
    if let Some(timeout) = args.timeout {
        limits = limits.with_timeout(timeout);
    }
    let is_stdin = args.file.as_deref().is_some_and(|file| file.as_os_str() == "-");
    let input = args.input.as_deref().map(|given| {
        if is_stdin && given == input::STANDARD_INPUT {
            let both = "the script and --input cannot both come from standard input: put one into a file";
            return Err(Failure::Usage(both.to_owned()));
        }
        input::read("--input", given, limits.input)
    });
    let input = input.transpose()?;
    let script = match (&args.code, &args.file) {
        (Some(code), _) => Script::from_option(code, &limits)?,
        (None, Some(file)) => Script::read(file, &limits)?,
        (None, None) => {
            return Err(Failure::Usage("no script: name a file, or pass the script with -e".to_owned()));
        }
    };
    let mut servers = mcp_config::load(args.mcp_config.path(), &settings, search, args.json || args.quiet)?;
    let is_demo = servers.file.is_none();
    let vars = vars(&args.env, &servers)?;
    let startup_timeout = args.starting.apply(&mut servers)?;
    // The comparison of tokens needs the definitions of all tools.
    let tokens = args.tokens || (is_demo && !args.json && !args.quiet);
    if !tokens {
        start_named_servers(&mut servers, &script.code);
    }
    let isolation = args.isolation.clone().or(&settings.runtime);
    let libraries = args.libraries.load(&settings.libraries)?.libraries;
    super::on_runtime(Some(2), async move {
        let registry = Registry::start(servers, rules);
        let ran = execute(
            &args,
            &isolation,
            ScriptRun { script, input, vars, tokens, startup_timeout, lowered, libraries },
            limits,
            &registry,
        )
        .await;
        registry.shutdown().await;
        ran
    })
}

/// A script with its input, and the options of its run.
struct ScriptRun {
    script: Script,
    input: Option<String>,
    vars: Map<String, Value>,
    tokens: bool,
    /// The longest startup timeout of the servers.
    startup_timeout: Duration,
    /// The warning for a run that has less time than `--timeout`.
    lowered: Option<Warning>,
    libraries: Option<Arc<Libraries>>,
}

/// Returns a warning if `--timeout` exceeds the limit `wall`.
fn timeout_warning(timeout: Duration, wall: Duration) -> Option<Warning> {
    let message = || {
        format!(
            "--timeout is {timeout:?}, but the limit of a run is {wall:?} and applies to this run. Raise \
             `limits.wall` in isolet.toml."
        )
    };
    (timeout > wall).then(|| Warning::new(WarningCode::TimeoutLowered, &message()))
}

/// Starts only the servers that the script names. The others are started by the first call.
fn start_named_servers(servers: &mut McpConfig, code: &str) {
    let names: Vec<String> = servers.servers.keys().cloned().collect();
    let aliases = isolet_tsdefs::aliases(&names);
    let known = names.iter().map(String::as_str).zip(aliases.iter().map(String::as_str));
    if let NeededServers::Named(wanted) = needed_servers(code, known) {
        startup::start_only(servers, |server| wanted.iter().any(|wanted| wanted == server.name));
    }
}

/// Returns the variables of `--env`. Fails for the name of a server, which it would hide.
fn vars(given: &[(String, String)], servers: &McpConfig) -> Result<Map<String, Value>, Failure> {
    let names: Vec<String> = servers.servers.keys().cloned().collect();
    let taken = [isolet_tsdefs::aliases(&names), names].concat();
    given
        .iter()
        .map(|(name, value)| match taken.contains(name) {
            true => Err(Failure::Usage(format!("--env {name}: a server has this name, and would be hidden"))),
            false => Ok((name.clone(), Value::from(value.as_str()))),
        })
        .collect()
}

async fn execute(
    args: &Args,
    isolation: &isolation::IsolationOptions,
    request: ScriptRun,
    limits: Limits,
    registry: &Arc<Registry>,
) -> Result<(), Failure> {
    let ScriptRun { script, input, vars, tokens, startup_timeout, lowered, libraries } = request;
    let engine = isolation.engine(1, 1, limits.memory, libraries)?;
    // The names of the tools are known before the first line of the script runs.
    let listed = startup::wait_for_servers(registry, startup_timeout, args.json || args.quiet);
    let (checked, _) = tokio::join!(isolation.check(&engine), listed);
    checked?;
    let meter = tokens.then(Arc::<TokenMeter>::default);
    let caller = Caller::run(None);
    let job = Job {
        code: script.code.clone(),
        language: script.language,
        entry: Entry::Script { input },
        environment: Environment { vars, ..registry.metered_environment(caller.clone(), meter.clone()) },
        limits,
    };
    let record = RunAudit::start(registry.gate().audit(), &caller, &job);
    let mut run = engine.run(job);
    let mut signals = Signals::listen()?;
    let (mut logs, mut calls, mut warnings) = (Vec::new(), Vec::new(), Vec::from_iter(lowered));
    if !args.json && !args.quiet {
        warnings.iter().for_each(diagnostic::print_warning);
    }
    let outcome = loop {
        let event = tokio::select! {
            event = run.next() => event,
            signal = signals.stop() => {
                if let Some(record) = record {
                    record.abandon(ErrorCode::Cancelled, calls.len());
                }
                let cancelled = RunError::new(ErrorCode::Cancelled, "CancelledError", "A signal stopped the run.");
                stderr_text!("{}", diagnostic::render(&cancelled, &script.origin));
                return Err(Failure::Signal(signal));
            }
        };
        match event {
            Some(RunEvent::Log(line)) => {
                if !args.json && !args.quiet {
                    diagnostic::print_log(&line);
                }
                logs.push(line);
            }
            Some(RunEvent::CallStart(_)) => {}
            Some(RunEvent::Call(call)) => {
                tracing::info!(server = call.server, tool = call.tool, ms = call.ms, ok = call.ok, "call");
                calls.push(call);
            }
            Some(RunEvent::Warning(warning)) => {
                if !args.json && !args.quiet {
                    diagnostic::print_warning(&warning);
                }
                warnings.push(warning);
            }
            Some(RunEvent::Done(outcome)) => break *outcome,
            None => return Err(Failure::Setup("the run ended without a result".to_owned())),
        }
    };
    if let Some(record) = record {
        record.finish(&outcome, calls.len());
    }
    let report = Report { result: outcome.result, logs, calls, warnings, stats: outcome.stats };
    // A server that cannot be used is a failure of the set-up, not of the script.
    let broken = match &report.result {
        Err(error) if error.code == ErrorCode::ToolError => broken_server(&report, registry),
        _ => None,
    };
    if args.json {
        stdout::print_json(&String::from_utf8_lossy(&report_json::write(caller.number(), &report)))?;
    } else {
        match &report.result {
            Ok(result) => stdout::print_json(&indented(result))?,
            Err(error) => {
                // The hint is redundant where the output of the server is printed.
                let hint = error.hint.clone().filter(|_| broken.is_none());
                let error = RunError { hint, ..error.clone() };
                stderr_text!("{}", diagnostic::render(&error, &script.origin));
            }
        }
        if let Some(meter) = meter.filter(|meter| meter.calls() > 0 && report.result.is_ok()) {
            registry.settled(LATE_LIST_TIMEOUT).await;
            print_token_comparison(&meter, &script, &report, registry);
        }
    }
    match (&report.result, broken) {
        (Ok(_), _) => Ok(()),
        (Err(_), Some(broken)) => Err(Failure::Several(vec![broken])),
        (Err(_), None) => Err(Failure::Script),
    }
}

/// A script and its origin.
struct Script {
    code: String,
    language: Language,
    /// The script's name in messages.
    origin: String,
}

impl Script {
    /// Takes the script of `-e`.
    fn from_option(code: &str, limits: &Limits) -> Result<Self, Failure> {
        if code.len() > limits.code {
            let max = thousands(limits.code);
            return Err(Failure::Usage(format!("-e is larger than {max} bytes, the limit for a script")));
        }
        if code.trim().is_empty() {
            return Err(Failure::Usage("-e is empty: no script to run".to_owned()));
        }
        Ok(Self { code: code.to_owned(), language: Language::TypeScript, origin: "-e".to_owned() })
    }

    /// Reads the script from a file, or from standard input for `-`.
    fn read(file: &Path, limits: &Limits) -> Result<Self, Failure> {
        let standard_input = file.as_os_str() == "-";
        let origin = if standard_input { "standard input".to_owned() } else { file.display().to_string() };
        let max_bytes = limits.code as u64;
        let mut bytes = Vec::new();
        let read = if standard_input {
            std::io::stdin().lock().take(max_bytes + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(file).and_then(|opened| opened.take(max_bytes + 1).read_to_end(&mut bytes))
        };
        read.map_err(|error| Failure::Usage(format!("cannot read {origin}: {error}")))?;
        if bytes.len() as u64 > max_bytes {
            return Err(Failure::Usage(format!(
                "{origin} is larger than {} bytes, the limit for a script; pass data with --input",
                thousands(limits.code)
            )));
        }
        let code = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
            Failure::Usage(format!("{origin}: invalid UTF-8 at byte {valid} (line {line})"))
        })?;
        if code.trim().is_empty() {
            return Err(Failure::Usage(format!("{origin} is empty: no script to run")));
        }
        let extension = file.extension().and_then(|extension| extension.to_str());
        let language = match extension {
            Some("js" | "mjs" | "cjs") => Language::JavaScript,
            _ => Language::TypeScript,
        };
        Ok(Self { code, language, origin })
    }
}

/// Prints the tokens that the run saved a model.
fn print_token_comparison(meter: &TokenMeter, script: &Script, report: &Report, registry: &Registry) {
    let Ok(declarations) = registry.declarations(Audience::Public, Selection::All, Detail::Brief) else {
        return;
    };
    let logs: Vec<&str> = report.logs.iter().map(|line| line.text.as_str()).collect();
    let comparison = meter.comparison(&PromptTexts {
        declarations: &String::from_utf8_lossy(&declarations.bytes),
        definitions: &registry.snapshot().definitions_json(),
        script: &script.code,
        result: report.result.as_deref().unwrap_or_default(),
        logs: &logs.join("\n"),
    });
    stderr_text!("{comparison}");
}

/// Returns the failure of the server whose call failed last, if the server cannot be used. Its
/// reason is left out where the script's error already has it.
fn broken_server(report: &Report, registry: &Registry) -> Option<String> {
    let failed = report.calls.iter().rev().find(|call| !call.ok)?;
    let broken = registry.failed_server(&failed.server)?;
    let is_reported =
        report.result.as_ref().err().is_some_and(|error| error.message.contains(&broken.reason));
    Some(broken.block("is not available", !is_reported))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_a_name_and_a_value() {
        assert_eq!(parse_variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_variable("A="), Ok(("A".to_owned(), String::new())));
        assert!(parse_variable("A").is_err() && parse_variable("=b").is_err());
    }
}
