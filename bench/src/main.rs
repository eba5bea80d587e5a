//! `isolet-bench`: a closed-loop load generator that measures the target's process tree.
//!
//! Closed loop: every connection has one request in flight and sends the next when the answer is complete. That is how
//! agents use isolet, and it needs no arrival model; it also means that a stalled target is offered less work, so the
//! percentiles describe answers, not what a fixed stream of arrivals would have waited.
//!
//! | module | one idea |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`request`] | what is sent and what counts as the right answer |
//! | [`connection`] | one keep-alive connection, one exchange at a time |
//! | [`load`] | connections on threads, until a count or a time is reached |
//! | [`tally`] | what came back: latencies, failures by kind, bytes |
//! | [`procfs`] | what Linux says about one process |
//! | [`process_tree`] | CPU and memory of a process and everything it started, the ended ones included |
//! | [`sampler`] | watching a process tree while the load runs |
//! | [`target`] | starting the target, waiting until it answers, ending it with all its children |
//! | [`session`] | one measured run: warm-up, load, figures |
//! | [`cold`] | wall time of a whole command, again and again |
//! | [`report`] | the figures as JSON |
//! | [`table`] | the figures as text |
//! | [`compare`] | several reports side by side |
//! | [`beside`] | isolet and workerd in turns |
//! | [`workerd`] | that peer: installed from npm, configured, started |
//! | [`error`] | what can go wrong before or around a measurement |

mod beside;
mod cli;
mod cold;
mod compare;
mod connection;
mod error;
mod load;
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

async fn in_turns(args: &cli::BesideArgs) -> Result<ExitCode, BenchError> {
    let beside = beside::measure(args).await?;
    let failures = beside.failures();
    if args.json {
        for report in beside.into_reports() {
            let document = Document::Load(Box::new(report));
            println!("{}", serde_json::to_string(&document).map_err(BenchError::Json)?);
        }
    } else {
        print!("{}", beside.table());
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
