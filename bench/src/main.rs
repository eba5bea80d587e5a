//! `isolet-bench`: a load generator that measures the target's process tree, and suites that
//! compare targets in turns.
//!
//! | module | contents |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`load`] | requests, connections, closed and open loops, latencies |
//! | [`processes`] | the processes of a target: started, measured, ended |
//! | [`measurement`] | one measurement: warm-up, load, figures |
//! | [`rate_search`] | the highest rate that holds a percentile |
//! | [`suite`] | scenarios measured on several targets in turns |
//! | [`soak`] | a mixed load for a long time, while processes are killed |
//! | [`tools`] | the MCP tools of the scenarios |
//! | [`cold`] | wall time of a whole command, repeatedly |
//! | [`report`] | the figures as JSON, text, Markdown and HTML |
//! | [`progress`] | the line on a terminal that says how far a measurement is |
//! | [`error`] | errors before or around a measurement |

mod cli;
mod cold;
mod error;
mod load;
mod measurement;
mod processes;
mod progress;
mod rate_search;
mod report;
mod soak;
mod suite;
mod tools;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::error::BenchError;
use crate::report::{Document, compare, html, markdown, section, slower, table};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The orchestrating thread sleeps nearly always; the load has threads of its own.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&BenchError::Runtime(error)),
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(&cli.command) => outcome,
            // Dropping the run ends the target with its whole process group.
            _ = interrupted() => Err(BenchError::Interrupted),
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn run(command: &Command) -> Result<ExitCode, BenchError> {
    let (document, json) = match command {
        Command::Run(args) => {
            (Document::Load(Box::new(measurement::attach(args).await?)), args.load.output.json)
        }
        Command::Spawn(args) => {
            (Document::Load(Box::new(measurement::spawn(args).await?)), args.load.output.json)
        }
        Command::Cold(args) => (Document::Cold(cold::measure(args).await?), args.output.json),
        Command::Compare(args) => return compare_files(args),
        Command::Suite(args) => return measure_suite(args).await,
        Command::Report(args) => {
            let suite = report::suite_in(&args.file)?;
            match (&args.html, &args.into) {
                (Some(path), _) => write(path, &html::page(&suite))?,
                (None, Some(path)) => write_section(path, &args.section, &markdown::tables(&suite))?,
                (None, None) => print!("{}", markdown::tables(&suite)),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Command::Soak(args) => (Document::Soak(soak::run(args).await?), args.json),
        Command::Tools(args) => {
            tools::serve(args.count).await?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if json {
        println!("{}", serde_json::to_string(&document).map_err(BenchError::Json)?);
    } else {
        print!("{}", table::render(&document));
    }
    // A script that compares two runs must not take one with failures for a good one.
    Ok(if document.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn measure_suite(args: &cli::SuiteArgs) -> Result<ExitCode, BenchError> {
    let Some(suite) = suite::run(args).await? else { return Ok(ExitCode::SUCCESS) };
    print!("{}", markdown::tables(&suite));
    if let Some(path) = &args.html {
        write(path, &html::page(&suite))?;
    }
    let document = Document::Suite(suite);
    if let Some(path) = &args.json {
        write(path, &serde_json::to_string(&document).map_err(BenchError::Json)?)?;
    }
    Ok(if document.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Prints reports side by side. Two suites have a verdict, and the exit code 1 if a case got
/// slower.
fn compare_files(args: &cli::CompareArgs) -> Result<ExitCode, BenchError> {
    let documents = report::read(&args.files)?;
    let suites: Vec<&report::suite::SuiteReport> = documents
        .iter()
        .filter_map(|(_, document)| match document {
            Document::Suite(suite) => Some(suite),
            _ => None,
        })
        .collect();
    if let [old, new] = suites[..] {
        let changes = slower::changes(old, new);
        print!("{}{}", slower::table(&changes), slower::origins(old, new));
        let is_slower = changes.iter().any(|change| change.verdict == slower::Verdict::Slower);
        return Ok(ExitCode::from(u8::from(is_slower)));
    }
    let columns = compare::columns(&documents);
    print!("{}{}", compare::table(&columns), compare::origins(&columns));
    Ok(ExitCode::SUCCESS)
}

/// Replaces the section of a document.
fn write_section(path: &std::path::Path, section: &str, text: &str) -> Result<(), BenchError> {
    let file = |source| BenchError::File { path: path.to_owned(), source };
    let document = std::fs::read_to_string(path).map_err(file)?;
    let replaced = section::replace(&document, section, text)
        .map_err(|reason| BenchError::Definition { path: path.to_owned(), reason })?;
    write(path, &replaced)
}

fn write(path: &std::path::Path, text: &str) -> Result<(), BenchError> {
    std::fs::write(path, text).map_err(|source| BenchError::File { path: path.to_owned(), source })
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn fail(error: &BenchError) -> ExitCode {
    eprintln!("isolet-bench: {error}");
    ExitCode::from(if matches!(error, BenchError::Interrupted) { 130 } else { 2 })
}
