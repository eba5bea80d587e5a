//! `isolet run`: one script, its result on standard output.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::Caller;
use isolet_runtime::{
    Entry, ErrorCode, Job, Language, Limits, LogLevel, LogLine, Report, RunError, RunEvent,
};
use isolet_tsdefs::Detail;

use super::{Signals, output};
use crate::exit::Failure;
use crate::ledger::Ledger;
use crate::pretty::{indented, printable, thousands};
use crate::settings::rules::Stdout;
use crate::tokens::{Meter, Texts};
use crate::tools::{Selection, Tools};
use crate::{complaint, config, document, duration, isolation, settings};

/// How long the tools' declarations may take to arrive once the script is done; only the token figures want them.
const LATE_LISTS: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// The script, TypeScript or JavaScript; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the script finds in `input`
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Most time on the clock: 500ms, 30s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Print the whole report as POST /v1/run answers it
    #[arg(long)]
    json: bool,
    /// Print the result and errors only: neither what the script logs nor the token figures
    #[arg(long, short)]
    quiet: bool,
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json, else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
    #[command(flatten)]
    isolation: isolation::Choice,
}

/// Runs the script.
pub fn run(args: Args) -> Result<(), Failure> {
    let settings = args.settings.load(Path::new("."))?;
    let rules = settings.rules(Stdout::Taken)?;
    let mut limits = settings.limits;
    if let Some(timeout) = args.timeout {
        limits = limits.with_timeout(timeout);
    }
    let script = Script::read(&args.file, &limits)?;
    if let Some(input) = &args.input {
        check_input(input, &limits)?;
    }
    let servers =
        config::load(args.mcp_config.as_deref().or(settings.mcp_config.as_deref()), Path::new("."))?;
    let isolation = args.isolation.clone().or(&settings.engine);
    super::on_runtime(Some(2), async move {
        let tools = Tools::start(servers, rules);
        let ran = execute(&args, &isolation, script, limits, &tools).await;
        tools.shutdown().await;
        ran
    })
}

async fn execute(
    args: &Args,
    isolation: &isolation::Choice,
    script: Script,
    limits: Limits,
    tools: &Arc<Tools>,
) -> Result<(), Failure> {
    let engine = isolation.engine(1, 1, limits.heap_bytes)?;
    isolation.check(&engine).await?;
    // Whoever wants the figures is a person; programs get the report alone.
    let meter = (!args.json && !args.quiet).then(Arc::<Meter>::default);
    let caller = Caller::run(None);
    let job = Job {
        code: script.code.clone(),
        language: script.language,
        entry: Entry::Script { input: args.input.clone() },
        environment: tools.metered(caller.clone(), meter.clone()),
        limits,
    };
    let ledger = Ledger::begin(tools.gate().audit(), &caller, &job);
    let mut run = engine.run(job);
    let mut signals = Signals::listen()?;
    let (mut logs, mut calls) = (Vec::new(), Vec::new());
    let outcome = loop {
        let event = tokio::select! {
            event = run.next() => event,
            () = signals.stop() => {
                if let Some(ledger) = ledger {
                    ledger.broken_off(ErrorCode::Cancelled, calls.len());
                }
                let cancelled = RunError::new(ErrorCode::Cancelled, "CancelledError", "A signal stopped the run.");
                eprint!("{}", complaint::block(&cancelled, &script.origin));
                return Err(Failure::Script);
            }
        };
        match event {
            Some(RunEvent::Log(line)) => {
                if !args.json && !args.quiet {
                    show_log(&line);
                }
                logs.push(line);
            }
            Some(RunEvent::Call(call)) => {
                tracing::info!(server = call.server, tool = call.tool, ms = call.ms, ok = call.ok, "call");
                calls.push(call);
            }
            Some(RunEvent::Done(outcome)) => break *outcome,
            None => return Err(Failure::Setup("the run ended without a result".to_owned())),
        }
    };
    if let Some(ledger) = ledger {
        ledger.end(&outcome, calls.len());
    }
    let report = Report { result: outcome.result, logs, calls, stats: outcome.stats };
    if args.json {
        output::print(&[document::write(&report).as_slice(), b"\n"].concat())?;
    } else {
        match &report.result {
            Ok(result) => output::print(format!("{}\n", indented(result)).as_bytes())?,
            Err(error) => eprint!("{}", complaint::block(error, &script.origin)),
        }
        if let Some(meter) = meter.filter(|meter| meter.calls() > 0 && report.result.is_ok()) {
            tools.settled(LATE_LISTS).await;
            show_tokens(&meter, &script, &report, tools);
        }
    }
    match &report.result {
        Ok(_) => Ok(()),
        // The script did what it could: it is the set-up that must be mended.
        Err(error) if error.code == ErrorCode::ToolError => match broken_server(&report, tools) {
            Some(reason) => Err(Failure::Setup(reason)),
            None => Err(Failure::Script),
        },
        Err(_) => Err(Failure::Script),
    }
}

/// A script and where it came from.
struct Script {
    code: String,
    language: Language,
    /// For messages.
    origin: String,
}

impl Script {
    fn read(file: &Path, limits: &Limits) -> Result<Self, Failure> {
        let standard_input = file.as_os_str() == "-";
        let origin = if standard_input { "standard input".to_owned() } else { file.display().to_string() };
        let most = limits.code_bytes as u64;
        let mut bytes = Vec::new();
        let read = if standard_input {
            std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(file).and_then(|opened| opened.take(most + 1).read_to_end(&mut bytes))
        };
        read.map_err(|error| Failure::Usage(format!("cannot read {origin}: {error}")))?;
        if bytes.len() as u64 > most {
            return Err(Failure::Usage(format!(
                "{origin} is larger than {} bytes, the limit for a script; pass data with --input",
                thousands(limits.code_bytes)
            )));
        }
        let code = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
            Failure::Usage(format!("{origin} is not UTF-8: byte {valid} (line {line}) begins no character"))
        })?;
        if code.trim().is_empty() {
            return Err(Failure::Usage(format!("{origin} is empty: there is no script to run")));
        }
        let extension = file.extension().and_then(|extension| extension.to_str());
        let language = match extension {
            Some("js" | "mjs" | "cjs") => Language::JavaScript,
            _ => Language::TypeScript,
        };
        Ok(Self { code, language, origin })
    }
}

fn check_input(input: &str, limits: &Limits) -> Result<(), Failure> {
    if input.len() > limits.input_bytes {
        return Err(Failure::Usage(format!(
            "--input is larger than {} bytes",
            thousands(limits.input_bytes)
        )));
    }
    // Checks without building, and so without a limit on nesting that the script would not have.
    match serde_json::from_str::<&serde_json::value::RawValue>(input) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Usage(format!("--input is not JSON: {error}"))),
    }
}

fn show_log(line: &LogLine) {
    let mark = match line.level {
        LogLevel::Warn => "warn: ",
        LogLevel::Error => "error: ",
        LogLevel::Debug | LogLevel::Log | LogLevel::Info => "",
    };
    eprintln!("{mark}{}", printable(&line.text));
}

fn show_tokens(meter: &Meter, script: &Script, report: &Report, tools: &Tools) {
    let Ok(declarations) = tools.declarations(Selection::All, Detail::Full) else { return };
    let logs: Vec<&str> = report.logs.iter().map(|line| line.text.as_str()).collect();
    let comparison = meter.comparison(&Texts {
        declarations: &String::from_utf8_lossy(&declarations.bytes),
        definitions: &tools.definitions_json(),
        script: &script.code,
        result: report.result.as_deref().unwrap_or_default(),
        logs: &logs.join("\n"),
    });
    eprint!("{comparison}");
}

/// What is wrong with the server whose call failed last, if the server itself is what is wrong.
fn broken_server(report: &Report, tools: &Tools) -> Option<String> {
    let failed = report.calls.iter().rev().find(|call| !call.ok)?;
    let reason = tools.broken(&failed.server)?;
    Some(format!("the server \"{}\" is not available: {reason}", failed.server))
}
