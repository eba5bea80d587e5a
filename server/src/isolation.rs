//! Where isolates live: what the command line says, and the engine that comes of it.

use std::time::Duration;

use isolet_runtime::process::jail::Layers;
use isolet_runtime::{Engine, EngineOptions, Isolation, RunnerProcesses};

use crate::exit::Failure;
use crate::settings::engine::EngineSettings;

/// The hidden first argument that makes this program a zygote, whose copies run scripts.
pub const RUNNER: &str = "runner";

/// How long zygotes may take to start where somebody waits for them. A whole `isolet run` takes 20 ms with one of them
/// (docs/performance.md).
const START: Duration = Duration::from_secs(20);

/// Options of every command that runs scripts.
#[derive(clap::Args, Clone, Debug)]
pub struct Choice {
    /// Where scripts run: jailed processes (the default on Linux), or threads of this one, for code that is trusted
    #[arg(long, value_name = "LEVEL")]
    isolation: Option<Level>,
    /// Refuse to start unless every layer of the runners' jail holds
    #[arg(long)]
    require_jail: bool,
    /// Processes that are copied, one copy for each run; without it one for every two cores, at most 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    runners: Option<u16>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Jailed processes, one for each run.
    Process,
    /// Threads of this process.
    Thread,
}

/// The jail is made of what Linux offers.
const DEFAULT: Level = if cfg!(target_os = "linux") { Level::Process } else { Level::Thread };

impl Choice {
    /// What the command line says, and where it says nothing, what the file does.
    #[must_use]
    pub fn or(self, settings: &EngineSettings) -> Self {
        Self {
            isolation: self.isolation.or(settings.isolation),
            require_jail: self.require_jail || settings.require_jail,
            runners: self.runners.or(settings.runners),
        }
    }

    /// Starts the engine with `warm` isolates ready and at most `live`.
    pub fn engine(&self, warm: usize, live: usize, heap_bytes: usize) -> Result<Engine, Failure> {
        let level = self.isolation.unwrap_or(DEFAULT);
        if self.require_jail && level == Level::Thread {
            return Err(Failure::Usage(
                "a required jail (--require-jail, or require_jail in isolet.toml) needs --isolation process"
                    .to_owned(),
            ));
        }
        let isolation = match level {
            Level::Thread => Isolation::Thread,
            Level::Process => {
                let executable = std::env::current_exe()
                    .map_err(|error| Failure::Setup(format!("cannot find the program itself: {error}")))?;
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                let count = self.runners.map_or((cores / 2).clamp(1, 4), usize::from).min(live);
                Isolation::Process(RunnerProcesses { executable, subcommand: RUNNER.to_owned(), count })
            }
        };
        let options = EngineOptions { warm, live, heap_bytes, isolation };
        Ok(Engine::new(options, tokio::runtime::Handle::current()))
    }

    /// Waits for the zygotes, says which layers of their jail are missing, and refuses them if all are required.
    pub async fn check(&self, engine: &Engine) -> Result<(), Failure> {
        if !engine.ready(START).await {
            return Err(Failure::Setup(format!(
                "the runner processes did not start within {} s; the log says why, --isolation thread does without them",
                START.as_secs()
            )));
        }
        // In this order: one that is replaced in between is judged by the engine.
        engine.vet_jails(self.require_jail);
        let runners = engine.runners();
        let missing = runners.iter().filter_map(|runner| runner.layers.as_ref()).find_map(Layers::missing);
        let Some(missing) = missing else { return Ok(()) };
        if self.require_jail {
            return Err(Failure::Setup(format!(
                "the jail is not complete, and --require-jail asks for it ({missing})"
            )));
        }
        eprintln!("isolet: warning: the runners' jail is not complete ({missing})");
        Ok(())
    }
}
