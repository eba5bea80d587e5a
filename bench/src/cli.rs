//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

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
    /// Print several --json reports side by side, with ratios to the first.
    Compare(CompareArgs),
    /// Measure isolet and workerd's Worker Loader in turns and print a Markdown table.
    Workerd(WorkerdArgs),
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
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub ready_timeout: Duration,
    /// Drop the server's standard error.
    #[arg(long)]
    pub quiet_target: bool,
    /// The server and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The URL to request: http only, loopback only unless --allow-remote.
    #[arg(value_name = "URL")]
    pub url: String,
    /// The method; POST if there is a body, else GET.
    #[arg(long)]
    pub method: Option<http::Method>,
    /// The body, or @FILE to read it from a file.
    #[arg(long, value_name = "TEXT|@FILE")]
    pub body: Option<String>,
    /// A header (may be repeated). With a body, Content-Type is application/json unless given.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Threads of the generator; one is enough until its own CPU nears 100%.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
    /// Stop after this many requests.
    #[arg(long, conflicts_with = "duration")]
    pub requests: Option<u64>,
    /// Stop after this time.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// Put the same load on the server for this long before measuring.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub warm_up: Duration,
    /// Give up on a request after this time.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
    /// StopCondition in any case after this time (at most 1h).
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub max_duration: Duration,
    /// Count answers without this text as failures.
    #[arg(long, value_name = "TEXT")]
    pub expect: Option<String>,
    /// Allow other hosts than this one.
    #[arg(long)]
    pub allow_remote: bool,
    #[command(flatten)]
    pub output: OutputArgs,
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
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
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
pub struct WorkerdArgs {
    /// The isolet to measure; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    pub isolet: Option<PathBuf>,
    /// The workerd to use; by default npm installs one.
    #[arg(long, value_name = "FILE")]
    pub workerd: Option<PathBuf>,
    /// The folder in which workerd is installed; by default one beside this program.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The way in which workerd makes a fresh Worker for each request.
    #[arg(long, value_enum, default_value_t = Loader::Load)]
    pub loader: Loader,
    /// Numbers of connections.
    #[arg(long, value_delimiter = ',', default_value = "1,4", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: Vec<u32>,
    /// Rounds of each of the two, for each script and number of connections.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// The measured time of a round. workerd keeps memory of each Worker for a while: some seconds
    /// are enough.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub duration: Duration,
    /// The same load before that, in each round.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub warm_up: Duration,
    /// Print the JSON document of every round instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// The two ways to a fresh Worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Loader {
    /// `LOADER.load()`: made for code that is run once.
    Load,
    /// `LOADER.get()` with an id that was never used: workerd keeps such Workers for later
    /// requests.
    Get,
}

impl Loader {
    /// The path at which the workerd Worker does it this way.
    pub fn path(self) -> &'static str {
        match self {
            Self::Load => "/load",
            Self::Get => "/get",
        }
    }

    /// The name in the report.
    pub fn label(self) -> &'static str {
        match self {
            Self::Load => "LOADER.load()",
            Self::Get => "LOADER.get() with a fresh id",
        }
    }
}

/// `250ms`, `10s`, `1.5s`, `2m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time has a unit: 250ms, 10s, 2m or 1h".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for wrong in ["", "10", "s", "1 s", "-1s", "1d", "1e3s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
        let huge = format!("{}h", "9".repeat(400));
        assert!(duration(&huge).is_err());
    }

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
