//! `isolet-bench`: a closed-loop load generator that measures the target's process tree.
//!
//! Closed loop: every connection has one request in flight and sends the next when the answer is
//! complete. That is how agents use isolet, and it needs no arrival model; it also means that a
//! stalled target is offered less work, so the percentiles describe answers, not what a fixed
//! stream of arrivals would have waited.
//!
//! | module | contents |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`request`] | the request, and the check of its answer |
//! | [`connection`] | one keep-alive connection, one exchange at a time |
//! | [`load`] | connections on threads, until a count or a time is reached |
//! | [`tally`] | counters of answers: latencies, failures by kind, bytes |
//! | [`procfs`] | figures of Linux about one process |
//! | [`process_tree`] | CPU and memory of a process and its descendants |
//! | [`sampler`] | samples of a process tree while the load runs |
//! | [`target`] | starting the target, waiting until it answers, ending it with all its children |
//! | [`session`] | one measured run: warm-up, load, figures |
//! | [`cold`] | wall time of a whole command, repeatedly |
//! | [`report`] | the figures as JSON |
//! | [`table`] | the figures as text |
//! | [`compare`] | several reports side by side |
//! | [`peer_comparison`] | isolet and workerd in turns |
//! | [`workerd`] | workerd, installed from npm, configured, started |
//! | [`error`] | errors before or around a measurement |

mod cli;
mod cold;
mod compare;
mod connection;
mod error;
mod load;
mod peer_comparison;
mod process_tree;
mod procfs;
mod report;
mod request;
mod sampler;
mod session;
mod table;
mod tally;
mod target;
mod workerd;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::error::BenchError;
use crate::report::Document;

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
        Command::Run(args) => (Document::Load(Box::new(session::attach(args).await?)), args.load.output.json),
        Command::Spawn(args) => {
            (Document::Load(Box::new(session::spawn(args).await?)), args.load.output.json)
        }
        Command::Cold(args) => (Document::Cold(cold::measure(args).await?), args.output.json),
        Command::Compare(args) => {
            print!("{}", compare::table(&compare::read(&args.files)?));
            return Ok(ExitCode::SUCCESS);
        }
        Command::Workerd(args) => return in_turns(args).await,
    };
    if json {
        println!("{}", serde_json::to_string(&document).map_err(BenchError::Json)?);
    } else {
        print!("{}", table::render(&document));
    }
    // A script that compares two runs must not take one with failures for a good one.
    Ok(if document.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn in_turns(args: &cli::WorkerdArgs) -> Result<ExitCode, BenchError> {
    let comparison = peer_comparison::measure(args).await?;
    let failures = comparison.failures();
    if args.json {
        for report in comparison.into_reports() {
            let document = Document::Load(Box::new(report));
            println!("{}", serde_json::to_string(&document).map_err(BenchError::Json)?);
        }
    } else {
        print!("{}", comparison.table());
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
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
