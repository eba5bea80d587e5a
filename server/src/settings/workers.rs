//! `[workers]`: the Workers that `isolet serve` has, and their processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use isolet_runtime::limits::LimitValue;
use isolet_runtime::{Limits, WorkerIsolation};

use super::address::ListenAddress;
use super::error::SettingsError;
use super::outgoing::OutgoingEntry;
use super::toml_reader::{Found, Table};

/// The largest number of processes of one Worker that can be configured.
const MAX_PROCESSES: u64 = 256;

/// The largest number of Workers in the file.
const MAX_WORKERS: usize = 1_000;

/// The largest bound on the caches of one Worker that can be configured.
const MAX_CACHE_BYTES: usize = 1 << 30;

/// The largest number of hosts in one list.
const MAX_OUTGOING: usize = 1_000;

/// The limits that a Worker may have of its own. The others are about scripts, or belong to the
/// processes that all Workers and runs get theirs from.
const WORKER_LIMITS: [&str; 6] = ["cpu", "wall", "calls", "concurrent_calls", "call_timeout", "logs"];

/// The values of `isolation` of a Worker.
const ISOLATIONS: [(&str, WorkerIsolation); 2] =
    [("isolate", WorkerIsolation::Isolate), ("request", WorkerIsolation::Request)];

/// The values of `[workers]`.
#[derive(Debug, Default)]
pub struct WorkerSettings {
    /// The bound on the processes of one Worker.
    pub processes: Option<usize>,
    /// The time without requests after which a Worker has no process.
    pub idle_timeout: Option<Duration>,
    /// The address on which Workers are served.
    pub listen: Option<ListenAddress>,
    /// Allows listening beyond this machine.
    pub allow_unauthenticated: bool,
    /// The bound on the caches of one Worker, in bytes.
    pub cache: Option<usize>,
    /// The hosts that every Worker may fetch from, also that of `isolet dev`.
    pub outgoing: Vec<OutgoingEntry>,
    /// The Workers.
    pub workers: Vec<WorkerEntry>,
}

/// One `[[workers.worker]]`.
#[derive(Debug, Default)]
pub struct WorkerEntry {
    /// The project's folder, or its entry module.
    pub path: PathBuf,
    /// The name, in place of the one of the project.
    pub name: Option<String>,
    /// The project's configuration file.
    pub config: Option<PathBuf>,
    /// The environment of the project's configuration.
    pub environment: Option<String>,
    /// The file with variables and secrets.
    pub vars_file: Option<PathBuf>,
    /// The routes, in place of those of the project's configuration.
    pub routes: Option<Vec<String>>,
    /// The patterns of servers and tools in its `env`.
    pub mcp_servers: Vec<String>,
    /// The bound on its caches, in bytes.
    pub cache: Option<usize>,
    /// The hosts that it may fetch from, beside those of every Worker.
    pub outgoing: Vec<OutgoingEntry>,
    /// The bound on its processes.
    pub processes: Option<usize>,
    /// The requests that share a process.
    pub isolation: WorkerIsolation,
    /// The limits of each request, where they differ from `[limits]`.
    pub limits: WorkerLimits,
}

/// The limits of one Worker's requests, where they differ from `[limits]`.
#[derive(Debug, Default)]
pub struct WorkerLimits(Vec<(&'static str, GivenLimit)>);

/// The value of a limit in the file.
#[derive(Debug, Clone, Copy)]
enum GivenLimit {
    Time(Duration),
    Bytes(usize),
    Count(u32),
}

impl WorkerLimits {
    /// Returns `limits` with these in their place.
    pub fn applied_to(&self, limits: &Limits) -> Limits {
        let mut limits = limits.clone();
        for (name, value) in limits.values() {
            match (value, self.0.iter().find(|(given, _)| *given == name).map(|(_, given)| *given)) {
                (LimitValue::Time(time, _), Some(GivenLimit::Time(given))) => *time = given,
                (LimitValue::Bytes(bytes, _), Some(GivenLimit::Bytes(given))) => *bytes = given,
                (LimitValue::Count(count, _), Some(GivenLimit::Count(given))) => *count = given,
                _ => {}
            }
        }
        limits
    }
}

/// Reads the table. Paths are relative to `folder`.
pub fn read(mut table: Table<'_>, folder: &Path) -> Result<WorkerSettings, SettingsError> {
    let listen = table.read("listen", |found| found.parsed(ListenAddress::parse))?;
    let mut settings = WorkerSettings {
        processes: table.read("processes", processes)?,
        idle_timeout: table.read("idle_timeout", |found| {
            found.duration(Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60))
        })?,
        listen: listen.map(|listen| listen.within(folder)),
        allow_unauthenticated: table.read("allow_unauthenticated", |found| found.boolean())?.unwrap_or(false),
        cache: table.read("cache", |found| found.size(0..=MAX_CACHE_BYTES))?,
        outgoing: table.read("outgoing", outgoing)?.unwrap_or_default(),
        workers: Vec::new(),
    };
    if let Some(found) = table.find("worker") {
        let workers = found.tables()?;
        if workers.len() > MAX_WORKERS {
            return Err(found.error_without_value(&format!("there are more than {MAX_WORKERS} Workers")));
        }
        for worker in workers {
            settings.workers.push(read_worker(worker, folder)?);
        }
    }
    table.finish()?;
    Ok(settings)
}

fn read_worker(mut table: Table<'_>, folder: &Path) -> Result<WorkerEntry, SettingsError> {
    let within = |found: &Found<'_>| Ok(folder.join(found.name()?));
    let path = table.read("path", within)?;
    let path = path.ok_or_else(|| {
        table.error("a Worker needs `path`: its project's folder, such as \"workers/shop\"")
    })?;
    let entry = WorkerEntry {
        path,
        name: table.read("name", |found| found.name())?,
        config: table.read("config", within)?,
        environment: table.read("environment", |found| found.name())?,
        vars_file: table.read("vars_file", within)?,
        routes: table.read("routes", texts)?,
        mcp_servers: table.read("mcp_servers", texts)?.unwrap_or_default(),
        cache: table.read("cache", |found| found.size(0..=MAX_CACHE_BYTES))?,
        outgoing: table.read("outgoing", outgoing)?.unwrap_or_default(),
        processes: table.read("processes", processes)?,
        isolation: table.read("isolation", |found| found.one_of(&ISOLATIONS))?.unwrap_or_default(),
        limits: table.read("limits", |found| limits(found.table()?))?.unwrap_or_default(),
    };
    table.finish()?;
    Ok(entry)
}

fn processes(found: &Found<'_>) -> Result<usize, SettingsError> {
    Ok(found.number(1..=MAX_PROCESSES)? as usize)
}

fn texts(found: &Found<'_>) -> Result<Vec<String>, SettingsError> {
    found.list()?.iter().map(|text| Ok(text.text()?.to_owned())).collect()
}

fn outgoing(found: &Found<'_>) -> Result<Vec<OutgoingEntry>, SettingsError> {
    let entries = found.list()?;
    if entries.len() > MAX_OUTGOING {
        return Err(found.error_without_value(&format!("there are more than {MAX_OUTGOING} hosts")));
    }
    entries.iter().map(|entry| entry.parsed(OutgoingEntry::parse)).collect()
}

fn limits(mut table: Table<'_>) -> Result<WorkerLimits, SettingsError> {
    let mut given = WorkerLimits::default();
    for (name, value) in Limits::default().values() {
        if !WORKER_LIMITS.contains(&name) {
            continue;
        }
        let read = table.read(name, |found| {
            Ok(match value {
                LimitValue::Time(_, range) => GivenLimit::Time(found.duration(range)?),
                LimitValue::Bytes(_, range) => GivenLimit::Bytes(found.size(range)?),
                LimitValue::Count(_, range) => {
                    let (least, most) = (u64::from(*range.start()), u64::from(*range.end()));
                    GivenLimit::Count(found.number(least..=most)? as u32)
                }
            })
        })?;
        given.0.extend(read.map(|read| (name, read)));
    }
    table.finish()?;
    Ok(given)
}
