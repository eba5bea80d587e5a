//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub mod duration;
mod load;

pub use self::load::{LoadArgs, RequestArgs, ShapeArgs};

/// Measures HTTP servers and commands: latency, throughput, and CPU and memory of the whole process
/// tree.
#[derive(Debug, Parser)]
#[command(name = "isolet-bench", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put load on a server that is running.
    Run(RunArgs),
    /// Start a server, wait until it is ready, put load on it, end it.
    Spawn(SpawnArgs),
    /// Run a command again and again and measure its wall time.
    Cold(ColdArgs),
    /// Print several --json reports side by side, with ratios to the first; of two suites, say what
    /// got slower.
    Compare(CompareArgs),
    /// Measure scenarios on several targets in turns.
    Suite(SuiteArgs),
    /// Print the report of a suite from its JSON.
    Report(ReportArgs),
    /// Put a mixed load on isolet for a long time, while upstreams and runners are killed.
    Soak(SoakArgs),
    /// Serve the MCP tools of the scenarios on standard input and output.
    Tools(ToolsArgs),
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub load: LoadArgs,
    /// Measure this process and all its descendants (may be repeated).
    #[arg(long = "pid", value_name = "PID")]
    pub pids: Vec<u32>,
}

#[derive(Debug, Args)]
pub struct SpawnArgs {
    #[command(flatten)]
    pub load: LoadArgs,
    /// The server is ready when a GET of this URL answers with 2xx.
    #[arg(long, value_name = "URL")]
    pub ready: String,
    /// Give up if it is not ready after this time.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    pub ready_timeout: Duration,
    /// Drop the server's standard error.
    #[arg(long)]
    pub quiet_target: bool,
    /// The server and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
    /// A name for this run in the report.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

#[derive(Debug, Args)]
pub struct ColdArgs {
    /// The number of runs.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub runs: u32,
    /// Runs before those that count, to fill the page cache.
    #[arg(long, default_value_t = 1)]
    pub discard: u32,
    /// End a run after this time and count it as failed.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    pub timeout: Duration,
    #[command(flatten)]
    pub output: OutputArgs,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Files with one or more JSON documents each; the others are compared with the first document.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct SuiteArgs {
    /// Scenarios by name, or files; all of the folder without it.
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// The folder with `scenarios` and `targets`.
    #[arg(long, value_name = "DIR", default_value = "bench")]
    pub folder: PathBuf,
    /// Only these targets (may be repeated or a list).
    #[arg(long = "target", value_name = "NAME", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// The isolet to measure; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    pub isolet: Option<PathBuf>,
    /// Another isolet, measured beside it as the target `isolet-old`.
    #[arg(long, value_name = "FILE")]
    pub old: Option<PathBuf>,
    /// The folder in which targets are installed; by default `bench` beside this program.
    #[arg(long, value_name = "DIR")]
    pub install_folder: Option<PathBuf>,
    /// Rounds of each target, in turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// The measured time of a round, in place of the scenarios'.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub duration: Option<Duration>,
    /// Write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as one HTML page to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// List scenarios and targets, and say which targets can run here.
    #[arg(long)]
    pub list: bool,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The JSON file of a suite.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write one HTML page to this file instead of Markdown to standard output.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the Markdown into this document, between the comments `<!-- begin isolet-bench report:
    /// NAME -->` and `<!-- end isolet-bench report: NAME -->`.
    #[arg(long, value_name = "FILE", conflicts_with = "html")]
    pub into: Option<PathBuf>,
    /// The name of the section of the document.
    #[arg(long, value_name = "NAME", default_value = "suite", requires = "into")]
    pub section: String,
}

#[derive(Debug, Args)]
pub struct SoakArgs {
    /// The time, in minutes.
    #[arg(long, default_value_t = 30.0, value_parser = minutes)]
    pub minutes: f64,
    /// The isolet to measure; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    pub isolet: Option<PathBuf>,
    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,
    /// The time between two kills.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::parse)]
    pub kill_every: Duration,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.1..=1440.0).contains(&minutes) => Ok(minutes),
        _ => Err("a number of minutes, from 0.1 to 1440".to_owned()),
    }
}

#[derive(Debug, Args)]
pub struct ToolsArgs {
    /// The number of tools beside `add`, `wait` and `text`.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["isolet-bench", "cold", "--runs", "3", "--", "ls", "--all"]).unwrap();
        let Command::Cold(args) = cli.command else { panic!("wrong subcommand") };
        assert_eq!((args.runs, args.command.join(" ")), (3, "ls --all".to_owned()));
        assert!(
            Cli::try_parse_from(["isolet-bench", "run", "u", "--requests", "1", "--duration", "1s"]).is_err()
        );
        assert!(Cli::try_parse_from(["isolet-bench", "run", "u", "--connections", "0"]).is_err());
    }
}
