//! A mixed load for a long time, while upstreams and runners are killed.
//!
//! Every request has to be answered, and what isolet holds has to stay the same: memory,
//! descriptors, threads and processes. They are counted between rounds of load, when isolet rests.
//!
//! | module | contents |
//! |---|---|
//! | [`traffic`] | the scripts and their shares |
//! | [`chaos`] | processes that are killed meanwhile |
//! | [`holdings`] | what isolet holds, and if it grows |

mod chaos;
mod holdings;
mod traffic;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::chaos::Kills;
use self::holdings::{Growth, Holdings};
use crate::cli::SoakArgs;
use crate::error::BenchError;
use crate::load::generator::{Generator, Order, Pattern, PhaseCounters};
use crate::load::request::RequestPlan;
use crate::load::tally::{Failures, Latency, Tally};
use crate::measurement;
use crate::processes::target::Target;
use crate::progress;
use crate::report::suite::Machine;

/// The longest time of one round of load. A short soak has at least ten rounds.
const MAX_ROUND: Duration = Duration::from_secs(12);
/// The rest after a round, in which the pool is filled again and ended processes are waited for.
const REST: Duration = Duration::from_secs(3);
/// The rounds that fill caches and pools, which are not judged.
const SETTLING_ROUNDS: usize = 2;

/// The results of a soak.
#[derive(Debug, Serialize, Deserialize)]
pub struct SoakReport {
    pub unix_time: u64,
    pub machine: Machine,
    pub version: String,
    pub minutes: f64,
    pub connections: u32,
    pub parts: Vec<PartReport>,
    pub kills: Kills,
    /// After each round.
    pub holdings: Vec<Holdings>,
    pub growth: Vec<Growth>,
    /// `true` if isolet ended when it was asked to.
    pub ended_when_asked: bool,
}

/// One kind of script.
#[derive(Debug, Serialize, Deserialize)]
pub struct PartReport {
    pub name: String,
    pub answers: u64,
    pub failures: Failures,
    pub latency_us: Option<Latency>,
}

/// Runs a soak.
pub async fn run(args: &SoakArgs) -> Result<SoakReport, BenchError> {
    let own = std::env::current_exe().map_err(BenchError::Runtime)?;
    let isolet = args.isolet.clone().unwrap_or_else(|| own.with_file_name("isolet"));
    let files = tempfile::tempdir().map_err(BenchError::Runtime)?;
    let config = files.path().join("mcp.json");
    let server = json!({ "command": own, "args": ["tools"] });
    let servers = json!({ "mcpServers": { "demo": server, "other": server } });
    std::fs::write(&config, servers.to_string())
        .map_err(|source| BenchError::File { path: config.clone(), source })?;
    let [port] = measurement::free_ports()?;
    let base = format!("http://127.0.0.1:{port}");
    let isolet = isolet.display().to_string();
    let listen = format!("127.0.0.1:{port}");
    let config = config.display().to_string();
    let command = [&isolet, "serve", "--no-token", "--listen", &listen, "--mcp-config", &config];
    let version = std::process::Command::new(&isolet)
        .arg("--version")
        .output()
        .map_err(|source| BenchError::Start { command: isolet.clone(), source })?;

    let mut target = Target::start(&command.map(str::to_owned), true)?;
    let ready = format!("{base}/readyz");
    let probe = RequestPlan::probe(&ready, false, Duration::from_secs(10)).await?;
    target.ready(&ready, probe, Duration::from_secs(60)).await?;
    let pid = target.id().ok_or(BenchError::GeneratorLost)?;
    let mix = traffic::mix(&base).await?;
    let names: Vec<String> = mix.parts.iter().map(|part| part.name.clone()).collect();
    let generator = Generator::new(mix, args.connections, 1)?;

    let all = Duration::from_secs_f64(args.minutes * 60.0);
    let end = Instant::now() + all;
    let round = MAX_ROUND.min(all / 10);
    let mut tallies: Vec<Tally> = names.iter().map(|_| Tally::new()).collect();
    let mut kills = Kills::default();
    let mut holdings = Vec::new();
    while Instant::now() < end || holdings.len() <= SETTLING_ROUNDS {
        let order = Order {
            pattern: Pattern::Closed,
            requests: None,
            deadline: Instant::now() + round,
            churn: false,
        };
        let load = generator.run(order, Arc::new(PhaseCounters::default()));
        let phase = tokio::select! {
            phase = load => phase?,
            never = kills.run(pid, args.kill_every) => match never {},
        };
        tallies.iter_mut().zip(&phase.tallies).for_each(|(tally, part)| tally.merge(part));
        tokio::time::sleep(REST).await;
        let now = Holdings::of(pid)?;
        progress::say(&format!(
            "round {}: {now}, {} requests, {kills}",
            holdings.len() + 1,
            count(&phase.tallies)
        ));
        holdings.push(now);
    }
    let ended_when_asked = target.end().await;
    Ok(SoakReport {
        unix_time: measurement::unix_time(),
        machine: Machine::read(),
        version: String::from_utf8_lossy(&version.stdout).trim().to_owned(),
        minutes: args.minutes,
        connections: args.connections,
        parts: names
            .into_iter()
            .zip(&tallies)
            .map(|(name, tally)| PartReport {
                name,
                answers: tally.right_answers(),
                failures: tally.failures,
                latency_us: tally.latency(),
            })
            .collect(),
        kills,
        growth: holdings::growth(&holdings[SETTLING_ROUNDS..]),
        holdings,
        ended_when_asked,
    })
}

fn count(tallies: &[Tally]) -> u64 {
    tallies.iter().map(Tally::attempts).sum()
}

impl SoakReport {
    /// Returns the number of requests without a right answer, and of holdings that grew.
    pub fn failures(&self) -> u64 {
        let requests: u64 = self.parts.iter().map(|part| part.failures.total()).sum();
        let grown = self.growth.iter().filter(|growth| growth.grows).count() as u64;
        requests + grown + u64::from(!self.ended_when_asked)
    }

    /// Returns the report as Markdown tables.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}, {} minutes, {} connections, {} processors. {}.\n\n| script | answers | not answered as expected | p50 | p99 | max |\n\
             |---|---|---|---|---|---|\n",
            self.version, self.minutes, self.connections, self.machine.cpus, self.kills
        );
        for part in &self.parts {
            let time = |pick: fn(&Latency) -> u64| {
                part.latency_us.as_ref().map_or("-".to_owned(), |latency| {
                    crate::report::table::microseconds(pick(latency) as f64)
                })
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                part.name,
                part.answers,
                part.failures.total(),
                time(|latency| latency.p50),
                time(|latency| latency.p99),
                time(|latency| latency.max)
            );
        }
        text.push_str("\n| held at rest | first quarter | last quarter | |\n|---|---|---|---|\n");
        for growth in &self.growth {
            let _ = writeln!(text, "{growth}");
        }
        if !self.ended_when_asked {
            text.push_str("\nisolet had to be killed: it did not end within 5 s of SIGTERM.\n");
        }
        text
    }
}
