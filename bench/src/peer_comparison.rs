//! Measures isolet and workerd in turns: the same scripts, the same load, the same machine, within
//! minutes.
//!
//! Each round starts a server, warms it up, measures it and ends it, so only one of the two runs at
//! a time and a round does not inherit the other's memory. A machine's speed changes from minute to
//! minute, so rounds alternate, and the ratio is taken within each pair.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::cli::{LoadArgs, Loader, OutputArgs, SpawnArgs, WorkerdArgs};
use crate::error::BenchError;
use crate::report::LoadReport;
use crate::session;
use crate::table::{DISTURBED_SHARE, bytes, microseconds};
use crate::workerd::{Workerd, version};

/// The scripts that both run.
struct Script {
    name: &'static str,
    code: &'static str,
    /// The text in a right answer.
    expect: &'static str,
}

const SCRIPTS: [Script; 2] = [
    Script { name: "pure", code: "return 1 + 1", expect: r#""result":2"# },
    Script {
        name: "one call",
        code: "return (await env.demo.add({ a: 1, b: 2 })).sum",
        expect: r#""result":3"#,
    },
];

/// All rounds of one script with one number of connections.
#[derive(Debug)]
pub struct Pairs {
    script: &'static str,
    connections: u32,
    /// isolet's round and workerd's after it.
    rounds: Vec<[LoadReport; 2]>,
}

/// All measurements.
#[derive(Debug)]
pub struct PeerComparison {
    versions: [String; 2],
    loader: Loader,
    pub pairs: Vec<Pairs>,
}

/// Installs workerd if necessary and measures both.
pub async fn measure(args: &WorkerdArgs) -> Result<PeerComparison, BenchError> {
    let own = std::env::current_exe().map_err(BenchError::Runtime)?;
    let isolet = args.isolet.clone().unwrap_or_else(|| own.with_file_name("isolet"));
    let folder = args.folder.clone().unwrap_or_else(|| own.with_file_name("workerd"));
    let workerd = Workerd::install(&folder, args.workerd.clone())?;
    let versions = [version(&isolet)?, workerd.version()?];
    let config = isolet_config(&folder, &isolet)?;

    let mut pairs = Vec::new();
    for script in &SCRIPTS {
        for &connections in &args.connections {
            let mut rounds = Vec::new();
            for round in 1..=args.rounds {
                let label = |name: &str| format!("{name}, {}, round {round}", script.name);
                let port = free_port()?;
                let ours = Server {
                    label: label("isolet"),
                    port,
                    ready: "/readyz",
                    path: "/v1/run",
                    command: isolet_command(&isolet, &config, port),
                };
                let ours = session::spawn(&ours.round(args, script, connections)).await?;
                let port = free_port()?;
                let theirs = Server {
                    label: label("workerd"),
                    port,
                    ready: "/",
                    path: args.loader.path(),
                    command: workerd.command(port),
                };
                let theirs = session::spawn(&theirs.round(args, script, connections)).await?;
                rounds.push([ours, theirs]);
            }
            pairs.push(Pairs { script: script.name, connections, rounds });
        }
    }
    Ok(PeerComparison { versions, loader: args.loader, pairs })
}

/// isolet with the one server that the second script calls, independent of the current folder.
fn isolet_config(folder: &Path, isolet: &Path) -> Result<PathBuf, BenchError> {
    let path = folder.join("mcp.json");
    let servers = json!({ "mcpServers": { "demo": { "command": isolet, "args": ["demo-mcp"] } } });
    std::fs::write(&path, servers.to_string())
        .map_err(|source| BenchError::File { path: path.clone(), source })?;
    Ok(path)
}

fn isolet_command(isolet: &Path, config: &Path, port: u16) -> Vec<String> {
    let (isolet, config) = (isolet.display().to_string(), config.display().to_string());
    let listen = format!("127.0.0.1:{port}");
    [isolet.as_str(), "serve", "--no-token", "--listen", &listen, "--mcp-config", &config]
        .map(str::to_owned)
        .to_vec()
}

/// One of the two, before its start.
struct Server {
    label: String,
    port: u16,
    ready: &'static str,
    path: &'static str,
    command: Vec<String>,
}

impl Server {
    /// Runs one round.
    fn round(self, args: &WorkerdArgs, script: &Script, connections: u32) -> SpawnArgs {
        let url = |path| format!("http://127.0.0.1:{}{path}", self.port);
        SpawnArgs {
            ready: url(self.ready),
            ready_timeout: Duration::from_secs(60),
            quiet_target: true,
            load: LoadArgs {
                url: url(self.path),
                method: None,
                body: Some(json!({ "code": script.code }).to_string()),
                headers: Vec::new(),
                connections,
                threads: 1,
                requests: None,
                duration: args.duration,
                warm_up: args.warm_up,
                timeout: Duration::from_secs(30),
                max_duration: Duration::from_secs(600),
                expect: Some(script.expect.to_owned()),
                allow_remote: false,
                output: OutputArgs { json: args.json, label: Some(self.label) },
            },
            command: self.command,
        }
    }
}

/// Returns an unused port. If another program takes it first, the server's start fails with that
/// reason.
fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::Runtime)?;
    Ok(listener.local_addr().map_err(BenchError::Runtime)?.port())
}

impl PeerComparison {
    /// The number of failed requests of both.
    pub fn failures(&self) -> u64 {
        let reports = self.pairs.iter().flat_map(|pairs| pairs.rounds.iter().flatten());
        reports.map(|report| report.failures.total()).sum()
    }

    /// Every round's report, in the order of measurement.
    pub fn into_reports(self) -> impl Iterator<Item = LoadReport> {
        self.pairs.into_iter().flat_map(|pairs| pairs.rounds).flatten()
    }

    /// The results as a Markdown table.
    pub fn table(&self) -> String {
        let [isolet, workerd] = &self.versions;
        let rounds = self.pairs.first().map_or(0, |pairs| pairs.rounds.len());
        let mut text = format!(
            "{isolet}; {workerd}, {}; {} processors; {rounds} rounds each in turns, medians of the rounds.\n\n\
             | script | connections | | requests/s | p50 | p99 | CPU per request | PSS from → to | PSS per request | failures |\n\
             |---|---|---|---|---|---|---|---|---|---|\n",
            self.loader.label(),
            session::cpus(),
        );
        self.pairs.iter().for_each(|pairs| pairs.rows(&mut text));
        let disturbed: Vec<f64> = self.pairs.iter().filter_map(Pairs::others).collect();
        let most = disturbed.iter().copied().fold(0.0, f64::max);
        let note = if most > DISTURBED_SHARE * session::cpus() as f64 { ": not a quiet machine" } else { "" };
        let _ = writeln!(text, "\nOther programs took at most {most:.2} processors in a round{note}.");
        text
    }
}

impl Pairs {
    fn rows(&self, text: &mut String) {
        for (side, name) in ["isolet", "workerd"].into_iter().enumerate() {
            let of = |figure: fn(&LoadReport) -> Option<f64>| self.median(side, figure);
            let time = |figure| of(figure).map_or("-".to_owned(), microseconds);
            let size = |figure| of(figure).map_or("-".to_owned(), |value| bytes(value as u64));
            let failures: u64 = self.rounds.iter().map(|pair| pair[side].failures.total()).sum();
            let _ = writeln!(
                text,
                "| {} | {} | {name} | {} | {} | {} | {} | {} → {} | {} | {failures} |",
                self.script,
                self.connections,
                of(|report| Some(report.per_second)).map_or("-".to_owned(), |rate| format!("{rate:.0}")),
                time(|report| Some(report.latency_us?.p50 as f64)),
                time(|report| Some(report.latency_us?.p99 as f64)),
                time(|report| Some(report.target_cpu_ms_per_request? * 1e3)),
                size(|report| Some(report.target?.pss_start? as f64)),
                size(|report| Some(report.target?.pss_end? as f64)),
                of(growth).map_or("-".to_owned(), |bytes| format!("{:.1} KiB", bytes / 1024.0)),
            );
        }
        let rate = self.ratio(|report| Some(report.per_second));
        let cpu = self.ratio(|report| report.target_cpu_ms_per_request);
        let times = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("**{ratio:.2}×**"));
        let (script, connections) = (self.script, self.connections);
        let _ = writeln!(
            text,
            "| {script} | {connections} | isolet ÷ workerd | {} | | | {} | | | |",
            times(rate),
            times(cpu)
        );
    }

    fn median(&self, side: usize, figure: fn(&LoadReport) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(|pair| figure(&pair[side])).collect())
    }

    /// The median of the pairs' ratios.
    fn ratio(&self, figure: fn(&LoadReport) -> Option<f64>) -> Option<f64> {
        let ratio = |pair: &[LoadReport; 2]| Some(figure(&pair[0])? / figure(&pair[1])?);
        median(self.rounds.iter().filter_map(ratio).filter(|ratio| ratio.is_finite()).collect())
    }

    fn others(&self) -> Option<f64> {
        self.rounds.iter().flatten().filter_map(|report| report.others_cpus).reduce(f64::max)
    }
}

/// The growth of the processes' memory in bytes for each request.
fn growth(report: &LoadReport) -> Option<f64> {
    let usage = report.target?;
    let attempts = report.answers + report.failures.total();
    (attempts > 0).then_some((usage.pss_end? as f64 - usage.pss_start? as f64) / attempts as f64)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(per_second: f64, cpu: f64) -> LoadReport {
        let text = json!({
            "url": "u", "method": "POST", "connections": 1, "threads": 1, "cpus": 2, "unix_time": 0, "warm_up_s": 1.0,
            "window_s": 1.0, "answers": 100, "per_second": per_second,
            "latency_us": { "min": 1, "mean": 2.0, "p50": 950, "p90": 4, "p99": 3800, "p999": 6, "max": 7 },
            "failures": { "connect": 0, "transport": 0, "status": 0, "mismatch": 1, "timeout": 0 },
            "body_bytes": 1, "reconnects": 0,
            "target": { "cpu_user_s": 1.0, "cpu_system_s": 0.0, "rss_start": 0, "rss_peak": 0, "rss_end": 0,
                "pss_start": 1 << 20, "pss_peak": 3 << 20, "pss_end": (1 << 20) + 101 * 2048, "processes": 1, "alive": true },
            "target_cpu_ms_per_request": cpu, "generator_load": 0.1, "others_cpus": 1e3,
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn ratios_are_those_of_pairs_and_failures_are_not_hidden() {
        // The machine was half as fast in the second pair: the ratio of medians would be wrong,
        // that of pairs is 10.
        let rounds = vec![
            [report(2000.0, 0.5), report(200.0, 5.0)],
            [report(1000.0, 1.0), report(100.0, 10.0)],
            [report(2100.0, 0.5), report(210.0, 5.0)],
        ];
        let pairs = vec![Pairs { script: "pure", connections: 1, rounds }];
        let comparison =
            PeerComparison { versions: ["isolet 1".into(), "workerd 2".into()], loader: Loader::Load, pairs };
        assert_eq!(comparison.failures(), 6);
        let table = comparison.table();
        for part in [
            "| pure | 1 | isolet | 2000 | 950 µs | 3.80 ms | 500 µs | 1.0 MiB → 1.2 MiB | 2.0 KiB | 3 |",
            "| pure | 1 | workerd | 200 |",
            "| **10.00×** | | | **0.10×** |",
            "1000.00 processors in a round: not a quiet machine",
        ] {
            assert!(table.contains(part), "{part}\n{table}");
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
