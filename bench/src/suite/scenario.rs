//! The work that is measured: a script, a request or a Worker, and its loads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::duration;
use crate::error::BenchError;

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of the file without `.toml`.
    pub name: String,
    /// One line for readers.
    pub title: String,
    /// The targets in the order of their turns. Ratios are to the first.
    pub targets: Vec<String>,
    pub work: Work,
    /// The number of MCP tools beside `add`, `wait` and `text`.
    pub tools: u32,
    /// Requests of other kinds that are sent meanwhile.
    pub neighbours: Vec<Neighbour>,
    /// The loads, one case each.
    pub loads: Vec<LoadTable>,
}

/// The file of a scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    title: String,
    targets: Vec<String>,
    script: Option<ScriptTable>,
    request: Option<RequestTable>,
    worker: Option<WorkerTable>,
    #[serde(default)]
    tools: u32,
    #[serde(default)]
    neighbours: Vec<Neighbour>,
    loads: Vec<LoadTable>,
}

/// The work of one request.
#[derive(Debug, Clone)]
pub enum Work {
    /// A script in a fresh isolate or process.
    Script(ScriptTable),
    /// A request to a path that targets have in common.
    Request(RequestTable),
    /// A request to a Worker.
    Worker(WorkerTable),
}

/// A script with the text of its right answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptTable {
    /// The body of an asynchronous function, with the tools in `env.demo`.
    pub javascript: String,
    /// The same in Python, for targets that run that.
    pub python: Option<String>,
    /// The result as JSON text.
    pub result: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTable {
    pub path: String,
    #[serde(default)]
    pub method: Option<String>,
    /// The body, sent as JSON.
    #[serde(default)]
    pub body: Option<serde_json::Value>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text of the right answer.
    pub expect: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerTable {
    /// The folder below `workers`.
    pub folder: String,
    /// Commands that install it, run in a copy of its folder.
    #[serde(default)]
    pub install: Vec<Vec<String>>,
    #[serde(default = "root")]
    pub path: String,
    /// The length of the body that is sent, of the letter `x`.
    #[serde(default)]
    pub body_bytes: usize,
    /// A text of the right answer.
    pub expect: String,
}

fn root() -> String {
    "/".to_owned()
}

/// A hostile or slow script beside the measured ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    pub name: String,
    pub javascript: String,
    /// Its share of all requests.
    pub share: f64,
    /// A text of the answer to it.
    pub expect: String,
}

/// One load.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadTable {
    pub connections: Option<u32>,
    #[serde(default, deserialize_with = "duration::deserialize")]
    pub duration: Option<Duration>,
    #[serde(default, deserialize_with = "duration::deserialize")]
    pub warm_up: Option<Duration>,
    /// Requests in place of a duration.
    pub requests: Option<u64>,
    /// The rate of an open loop.
    pub rate: Option<f64>,
    /// The percentile that the highest rate has to hold.
    #[serde(default, deserialize_with = "duration::deserialize")]
    pub hold_p99: Option<Duration>,
    /// The pause between warm-up and load.
    #[serde(default, deserialize_with = "duration::deserialize")]
    pub idle: Option<Duration>,
    /// A connection for each request.
    #[serde(default)]
    pub churn: bool,
}

impl Scenario {
    /// Reads scenarios by name or by file; all of the folder if no name is given.
    pub fn read_all(folder: &Path, names: &[String]) -> Result<Vec<Self>, BenchError> {
        if !names.is_empty() {
            let path = |name: &String| match name.strip_suffix(".toml") {
                Some(_) => PathBuf::from(name),
                None => folder.join(format!("{name}.toml")),
            };
            return names.iter().map(|name| Self::read(&path(name))).collect();
        }
        let failed = |source| BenchError::File { path: folder.to_owned(), source };
        let mut paths: Vec<PathBuf> = fs::read_dir(folder)
            .map_err(failed)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self, BenchError> {
        let text =
            fs::read_to_string(path).map_err(|source| BenchError::File { path: path.to_owned(), source })?;
        let wrong = |reason: String| BenchError::Definition { path: path.to_owned(), reason };
        let file: ScenarioFile = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let work = match (file.script, file.request, file.worker) {
            (Some(script), None, None) => Work::Script(script),
            (None, Some(request), None) => Work::Request(request),
            (None, None, Some(worker)) => Work::Worker(worker),
            _ => return Err(wrong("needs one of the tables `script`, `request` and `worker`".to_owned())),
        };
        let scenario = Self {
            name: path.file_stem().map_or(String::new(), |stem| stem.display().to_string()),
            title: file.title,
            targets: file.targets,
            work,
            tools: file.tools,
            neighbours: file.neighbours,
            loads: file.loads,
        };
        let shares: f64 = scenario.neighbours.iter().map(|neighbour| neighbour.share).sum();
        if !(0.0..1.0).contains(&shares) {
            return Err(wrong(format!("the shares of `neighbours` add up to {shares}: at most 0.99")));
        }
        if scenario.loads.is_empty() || scenario.targets.is_empty() {
            return Err(wrong("`loads` and `targets` need an entry each".to_owned()));
        }
        Ok(scenario)
    }
}

impl LoadTable {
    /// Returns the load in words.
    pub fn describe(&self, connections: u32) -> String {
        let mut words = match (self.rate, self.hold_p99) {
            (Some(rate), _) => format!("{rate} requests/s"),
            (None, Some(p99)) => format!("the highest rate with p99 within {p99:?}"),
            (None, None) if self.requests.is_some() => {
                format!("{} requests, {connections} connections", self.requests.unwrap_or_default())
            }
            (None, None) => format!("{connections} connection{}", if connections == 1 { "" } else { "s" }),
        };
        if let Some(idle) = self.idle {
            words.push_str(&format!(" after {idle:?} of rest"));
        }
        if self.churn {
            words.push_str(", one for each request");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_repository_is_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenarios = Scenario::read_all(&folder.join("scenarios"), &[]).unwrap();
        let targets = super::super::target::Target::read_all(&folder.join("targets")).unwrap();
        assert!(scenarios.len() > 10);
        for scenario in &scenarios {
            for name in &scenario.targets {
                let target = targets.get(name).unwrap_or_else(|| panic!("{}: {name}", scenario.name));
                assert!(target.serves(scenario), "{} on {name}", scenario.name);
            }
            if let Work::Worker(worker) = &scenario.work {
                assert!(folder.join("workers").join(&worker.folder).is_dir(), "{}", scenario.name);
            }
        }
    }

    #[test]
    fn a_wrong_scenario_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = folder.path().join("wrong.toml");
            fs::write(&path, text).unwrap();
            Scenario::read(&path).unwrap_err().to_string()
        };
        let head = "title = 't'\ntargets = ['a']\n[request]\npath = '/'\nexpect = ''\n";
        assert!(read("title = 't'").contains("wrong.toml"));
        assert!(read("title = 't'\ntargets = ['a']\n[[loads]]\n").contains("one of the tables"));
        assert!(read(&format!("{head}[[loads]]\nconections = 1\n")).contains("conections"));
        assert!(read(&format!("{head}[[loads]]\nduration = '5'\n")).contains("unit"));
        let neighbour = "[[neighbours]]\nname = 'n'\njavascript = ''\nshare = 1.5\nexpect = ''\n[[loads]]\n";
        assert!(read(&format!("{head}{neighbour}")).contains("add up to 1.5"));
    }

    #[test]
    fn loads_have_words() {
        let load = |text: &str| toml::from_str::<LoadTable>(text).unwrap().describe(4);
        assert_eq!(load(""), "4 connections");
        assert_eq!(load("rate = 100.0"), "100 requests/s");
        assert_eq!(load("hold_p99 = '20ms'"), "the highest rate with p99 within 20ms");
        assert_eq!(load("requests = 64\nidle = '5s'"), "64 requests, 4 connections after 5s of rest");
        assert_eq!(load("churn = true"), "4 connections, one for each request");
    }
}
