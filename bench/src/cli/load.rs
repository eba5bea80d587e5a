//! The options of a load.

use std::time::Duration;

use clap::Args;

use super::{OutputArgs, duration};

#[derive(Debug, Args)]
pub struct LoadArgs {
    #[command(flatten)]
    pub request: RequestArgs,
    #[command(flatten)]
    pub shape: ShapeArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The request, and the check of its answer.
#[derive(Debug, Clone, Args)]
pub struct RequestArgs {
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
    /// Give up on a request after this time.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub timeout: Duration,
    /// Count answers without this text as failures.
    #[arg(long, value_name = "TEXT")]
    pub expect: Option<String>,
    /// Allow other hosts than this one.
    #[arg(long)]
    pub allow_remote: bool,
}

/// The number of requests, and their times.
#[derive(Debug, Clone, Args)]
pub struct ShapeArgs {
    /// Connections. Without --rate each has one request in flight all the time; with it they are
    /// the most that are used.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Start so many requests a second, whatever the answers do (open loop). Latencies count from
    /// when a request should have started.
    #[arg(long, value_name = "REQUESTS/S", value_parser = rate)]
    pub rate: Option<f64>,
    /// Find the highest rate at which the 99th percentile of the latencies is at most this.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["rate", "requests"], value_parser = duration::parse)]
    pub hold_p99: Option<Duration>,
    /// Open a connection for each request; its latency includes that.
    #[arg(long, conflicts_with_all = ["rate", "hold_p99"])]
    pub churn: bool,
    /// Threads of the generator; one is enough until its own CPU nears 100%.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
    /// Stop after this many requests.
    #[arg(long, conflicts_with = "duration")]
    pub requests: Option<u64>,
    /// Stop after this time; with --hold-p99, the time of each rate that is tried.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub duration: Duration,
    /// Put the same load on the server for this long before measuring.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::parse)]
    pub warm_up: Duration,
    /// Stop in any case after this time (at most 1h).
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    pub max_duration: Duration,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=1e6).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of requests a second, from 0.01 to 1000000".to_owned()),
    }
}
