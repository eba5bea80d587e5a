//! The rounds of all targets in turns: a server is started, warmed up, measured and ended, then
//! comes the next target. Only one of them runs at a time, and no round inherits the memory of
//! another one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Places;
use super::install::{self, InstalledTarget};
use super::placeholders::Placeholders;
use super::scenario::{LoadTable, RequestTable, Scenario, Work, WorkerTable};
use super::target::Language;
use crate::cli::{RequestArgs, ShapeArgs, SuiteArgs};
use crate::error::BenchError;
use crate::load::mix::{Mix, MixPart};
use crate::load::request::RequestPlan;
use crate::measurement::{Measurement, Server, free_ports};
use crate::progress::say;
use crate::report::LoadReport;
use crate::report::suite::{Case, TargetRounds};

/// The connections of a load that says nothing of them: most that a search or a rate may use.
const DEFAULT_CONNECTIONS: u32 = 4;
const OPEN_LOOP_CONNECTIONS: u32 = 256;
const DEFAULT_DURATION: Duration = Duration::from_secs(4);
const DEFAULT_WARM_UP: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_DURATION: Duration = Duration::from_secs(900);

/// Measures all loads of a scenario on its targets.
pub(super) async fn measure(
    scenario: &Scenario,
    installed: &BTreeMap<String, InstalledTarget>,
    places: &Places,
    args: &SuiteArgs,
) -> Result<Vec<Case>, BenchError> {
    let mut cases = Vec::new();
    let targets: Vec<(&String, &InstalledTarget)> = scenario
        .targets
        .iter()
        .filter_map(|name| Some((name, installed.get(name)?)))
        .filter(|(_, installed)| installed.target.serves(scenario))
        .collect();
    if let Work::Worker(worker) = &scenario.work {
        let source = places.folder.join("workers").join(&worker.folder);
        let folder = worker_folder(places, worker);
        install::install(&source, &folder, &worker.install, &Placeholders::default())
            .map_err(|reason| BenchError::Definition { path: source, reason })?;
    }
    for load in &scenario.loads {
        let connections = connections(load);
        let mut results: Vec<TargetRounds> = targets
            .iter()
            .map(|(name, _)| TargetRounds { target: (*name).clone(), rounds: Vec::new(), failed: None })
            .collect();
        for round in 1..=args.rounds {
            for ((name, target), result) in targets.iter().zip(&mut results) {
                // A target that failed once is not asked again: its rounds would not be in turn.
                if result.failed.is_some() {
                    continue;
                }
                let label = format!("{}, {name}, round {round}", scenario.name);
                say(&format!("{label}: {}", load.describe(connections)));
                let asked = Round { scenario, load, places, label, duration: args.duration };
                match asked.run(target).await {
                    Ok(report) => result.rounds.push(report),
                    Err(BenchError::Interrupted) => return Err(BenchError::Interrupted),
                    Err(error) => {
                        say(&format!("{name} failed: {error}"));
                        result.failed = Some(error.to_string());
                    }
                }
            }
        }
        cases.push(Case {
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            load: load.describe(connections),
            targets: results,
        });
    }
    Ok(cases)
}

/// Returns the folder in which the Worker of a scenario is installed.
fn worker_folder(places: &Places, worker: &WorkerTable) -> PathBuf {
    places.install_folder.join("workers").join(&worker.folder)
}

fn connections(load: &LoadTable) -> u32 {
    let is_open = load.rate.is_some() || load.hold_p99.is_some();
    load.connections.unwrap_or(if is_open { OPEN_LOOP_CONNECTIONS } else { DEFAULT_CONNECTIONS })
}

/// One round of one target.
struct Round<'a> {
    scenario: &'a Scenario,
    load: &'a LoadTable,
    places: &'a Places,
    label: String,
    duration: Option<Duration>,
}

impl Round<'_> {
    async fn run(self, installed: &InstalledTarget) -> Result<LoadReport, BenchError> {
        // The files of the round: the MCP servers, a body.
        let files = tempfile::tempdir().map_err(BenchError::Runtime)?;
        let [port, port2] = free_ports()?;
        let mut placeholders = installed
            .placeholders
            .clone()
            .with("port", port.to_string())
            .with("port2", port2.to_string())
            .with_path("mcp_config", &self.mcp_config(files.path())?);
        if let Work::Worker(worker) = &self.scenario.work {
            placeholders = placeholders.with_path("worker", &worker_folder(self.places, worker));
        }
        let target = &installed.target;
        let wrong = |reason| BenchError::Definition { path: target.folder.clone(), reason };
        placeholders = placeholders.with_path("round", files.path());
        for (name, text) in &target.files {
            write(&files.path().join(name), &placeholders.fill_word(text).map_err(wrong)?)?;
        }
        let command = placeholders.fill(&target.command).map_err(wrong)?;
        let base = format!("http://127.0.0.1:{port}");
        let plan = RequestPlan::new(&self.request(installed, &base, files.path())?).await?;
        let mut neighbours = Vec::new();
        for neighbour in &self.scenario.neighbours {
            let request = script_request(installed, &base, &neighbour.javascript, neighbour.expect.clone())?;
            let plan = Arc::new(RequestPlan::new(&request).await?);
            neighbours.push(MixPart { name: neighbour.name.clone(), plan, share: neighbour.share });
        }
        let server = Server {
            command,
            ready: format!("{base}{}", target.ready),
            ready_timeout: READY_TIMEOUT,
            quiet: true,
            allow_remote: false,
        };
        let measurement = Measurement {
            label: Some(self.label.clone()),
            url: base,
            mix: Mix::with_neighbours(plan, neighbours),
            shape: self.shape(),
            idle: self.load.idle.unwrap_or_default(),
            pids: Vec::new(),
        };
        server.measure(measurement).await
    }

    fn shape(&self) -> ShapeArgs {
        let load = self.load;
        ShapeArgs {
            connections: connections(load),
            rate: load.rate,
            hold_p99: load.hold_p99,
            churn: load.churn,
            threads: 1,
            requests: load.requests,
            duration: self.duration.or(load.duration).unwrap_or(DEFAULT_DURATION),
            warm_up: load.warm_up.unwrap_or(DEFAULT_WARM_UP),
            max_duration: MAX_DURATION,
        }
    }

    /// Writes the configuration of the MCP server with the scenario's tools.
    fn mcp_config(&self, folder: &Path) -> Result<PathBuf, BenchError> {
        let own = std::env::current_exe().map_err(BenchError::Runtime)?;
        let path = folder.join("mcp.json");
        let args = ["tools".to_owned(), "--count".to_owned(), self.scenario.tools.to_string()];
        let servers = json!({ "mcpServers": { "demo": { "command": own, "args": args } } });
        write(&path, &servers.to_string())?;
        Ok(path)
    }

    fn request(
        &self,
        installed: &InstalledTarget,
        base: &str,
        folder: &Path,
    ) -> Result<RequestArgs, BenchError> {
        match &self.scenario.work {
            Work::Script(script) => {
                let endpoint = installed.target.script.as_ref();
                let language = endpoint.map(|endpoint| endpoint.language).unwrap_or_default();
                let code = match (language, &script.python) {
                    (Language::Python, Some(python)) => python,
                    _ => &script.javascript,
                };
                let before = endpoint.map_or("", |endpoint| &endpoint.before_result);
                script_request(installed, base, code, format!("{before}{}", script.result))
            }
            Work::Request(request) => Ok(plain_request(request, base)),
            Work::Worker(worker) => worker_request(worker, base, folder),
        }
    }
}

fn script_request(
    installed: &InstalledTarget,
    base: &str,
    script: &str,
    expect: String,
) -> Result<RequestArgs, BenchError> {
    let endpoint = installed.target.script.as_ref().ok_or_else(|| BenchError::Definition {
        path: installed.target.folder.clone(),
        reason: "has no table `script`".to_owned(),
    })?;
    Ok(RequestArgs {
        url: format!("{base}{}", endpoint.path),
        method: Some(http::Method::POST),
        body: Some(endpoint.body_of(script)),
        headers: endpoint.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
        timeout: REQUEST_TIMEOUT,
        expect: Some(expect),
        allow_remote: false,
    })
}

fn plain_request(request: &RequestTable, base: &str) -> RequestArgs {
    RequestArgs {
        url: format!("{base}{}", request.path),
        method: request.method.as_deref().and_then(|method| method.parse().ok()),
        body: request.body.as_ref().map(|body| body.to_string()),
        headers: request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
        timeout: REQUEST_TIMEOUT,
        expect: Some(request.expect.clone()),
        allow_remote: false,
    }
}

fn worker_request(worker: &WorkerTable, base: &str, folder: &Path) -> Result<RequestArgs, BenchError> {
    let body = match worker.body_bytes {
        0 => None,
        length => {
            let path = folder.join("body");
            write(&path, &"x".repeat(length))?;
            Some(format!("@{}", path.display()))
        }
    };
    Ok(RequestArgs {
        url: format!("{base}{}", worker.path),
        method: None,
        body,
        headers: Vec::new(),
        timeout: REQUEST_TIMEOUT,
        expect: Some(worker.expect.clone()),
        allow_remote: false,
    })
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    std::fs::write(path, text).map_err(|source| BenchError::File { path: path.to_owned(), source })
}
