//! Processes or threads for scripts: the options, and the engine that is made from them.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::{
    Engine, EngineOptions, Isolation, JailExceptions, JailReport, Libraries, ZygoteProcesses,
};

use super::jail_advice;
use crate::exit::Failure;
use crate::settings::runtime::{IsolationLevel, JailException, RuntimeSettings};

/// The hidden first argument that makes this program a zygote, whose copies run scripts.
pub const ZYGOTE_ARGUMENT: &str = "zygote";

/// The time within which a zygote must start. A whole `isolet run` takes 20 ms.
const ZYGOTE_START_TIMEOUT: Duration = Duration::from_secs(20);

/// The options of every command that runs scripts.
#[derive(clap::Args, Clone, Debug)]
pub struct IsolationOptions {
    /// The place for scripts: jailed processes (the default on Linux), or threads of this one, for
    /// code that is trusted
    #[arg(long, value_name = "LEVEL")]
    isolation: Option<IsolationLevel>,
    /// Allow no exception to the runners' jail
    #[arg(long, conflicts_with = "allow_weak_jail")]
    require_jail: bool,
    /// Start although these layers of the runners' jail are missing
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    allow_weak_jail: Vec<JailException>,
    /// Interpret scripts: V8 without its compilers, in a jail that refuses executable memory
    #[arg(long)]
    no_jit: bool,
    /// Zygotes: processes that are forked for each run; without it one for every two cores, at most
    /// 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    zygotes: Option<u16>,
}

/// Tells whether this platform has a jail, which is built from features of Linux.
const HAS_JAIL: bool = cfg!(target_os = "linux");

impl IsolationOptions {
    /// Returns the options with those of the settings where the command line has none.
    #[must_use]
    pub fn or(self, settings: &RuntimeSettings) -> Self {
        let allow_weak_jail = match self.allow_weak_jail.is_empty() {
            true => settings.allow_weak_jail.clone(),
            false => self.allow_weak_jail,
        };
        Self {
            isolation: self.isolation.or(settings.isolation),
            require_jail: self.require_jail || settings.require_jail,
            allow_weak_jail,
            no_jit: self.no_jit || settings.jit == Some(false),
            zygotes: self.zygotes.or(settings.zygotes),
        }
    }

    fn exceptions(&self) -> JailExceptions {
        JailExceptions {
            namespaces: self.allow_weak_jail.contains(&JailException::Namespaces),
            landlock: self.allow_weak_jail.contains(&JailException::Landlock),
        }
    }

    /// Returns `true` if scripts run on threads of this process.
    pub fn is_in_threads(&self) -> bool {
        self.isolation == Some(IsolationLevel::Thread)
    }

    /// Returns the place for scripts. Without a jail there is no default: in threads, scripts would
    /// share a process with all credentials, which an operator must choose explicitly.
    fn level(&self, has_jail: bool) -> Result<IsolationLevel, Failure> {
        if self.require_jail && !self.allow_weak_jail.is_empty() {
            return Err(Failure::Usage(
                "a required jail (--require-jail, or require_jail in isolet.toml) has no exceptions: take it away, or \
                 --allow-weak-jail (allow_weak_jail)"
                    .to_owned(),
            ));
        }
        match self.isolation {
            Some(IsolationLevel::Thread) if self.require_jail => Err(Failure::Usage(
                "a required jail (--require-jail, or require_jail in isolet.toml) needs --isolation process"
                    .to_owned(),
            )),
            Some(level) => Ok(level),
            None if has_jail => Ok(IsolationLevel::Process),
            None => Err(Failure::Usage(
                "this platform has no jail for scripts: they would run in isolet's own process, beside its credentials. For \
                 code that you trust, say --isolation thread (isolation = \"thread\" in [runtime])"
                    .to_owned(),
            )),
        }
    }

    /// Starts the engine with `warm` isolates made in advance and at most `live` at once. Scripts
    /// can import `libraries`.
    pub fn engine(
        &self,
        warm: usize,
        live: usize,
        memory: usize,
        libraries: Option<Arc<Libraries>>,
    ) -> Result<Engine, Failure> {
        let level = self.level(HAS_JAIL)?;
        let isolation = match level {
            IsolationLevel::Thread => Isolation::Thread,
            IsolationLevel::Process => {
                let executable = std::env::current_exe()
                    .map_err(|error| Failure::Setup(format!("cannot find the program itself: {error}")))?;
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                let count = self.zygotes.map_or((cores / 2).clamp(1, 4), usize::from).min(live);
                Isolation::Process(ZygoteProcesses {
                    executable,
                    subcommand: ZYGOTE_ARGUMENT.to_owned(),
                    count,
                })
            }
        };
        let options = EngineOptions { warm, live, memory, isolation, jit: !self.no_jit, libraries };
        Ok(Engine::new(options, tokio::runtime::Handle::current()))
    }

    /// Waits for the zygotes, and fails if their jail lacks a layer that is not excepted.
    pub async fn check(&self, engine: &Engine) -> Result<(), Failure> {
        if !engine.ready(ZYGOTE_START_TIMEOUT).await {
            let why = engine.start_failure().unwrap_or_else(|| {
                format!("no answer within {} s; the log may have the cause", ZYGOTE_START_TIMEOUT.as_secs())
            });
            let what = if self.is_in_threads() { "threads" } else { "processes" };
            return Err(Failure::Setup(format!("cannot start the {what} that run scripts: {why}")));
        }
        let exceptions = self.exceptions();
        // First the engine, which then judges every zygote that replaces one of these.
        engine.vet_jails(exceptions);
        let zygotes = engine.zygotes();
        let layers = || zygotes.iter().filter_map(|zygote| zygote.layers.as_ref());
        if let Some(refusal) = layers().find_map(|layers| jail_advice::refusal(layers, exceptions)) {
            return Err(Failure::Setup(refusal));
        }
        if let Some(missing) = layers().find_map(JailReport::missing) {
            stderr_line!("isolet: warning: the runners' jail is not complete, as is allowed ({missing})");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> IsolationOptions {
        IsolationOptions {
            isolation: None,
            require_jail: false,
            allow_weak_jail: Vec::new(),
            no_jit: false,
            zygotes: None,
        }
    }

    #[test]
    fn without_a_jail_threads_must_be_chosen() {
        assert_eq!(options().level(true).unwrap(), IsolationLevel::Process);
        let Err(Failure::Usage(said)) = options().level(false) else { panic!("a default") };
        assert!(said.contains("--isolation thread"), "{said}");
        let asked = IsolationOptions { isolation: Some(IsolationLevel::Thread), ..options() };
        assert_eq!(asked.level(false).unwrap(), IsolationLevel::Thread);
        assert!(IsolationOptions { require_jail: true, ..asked }.level(true).is_err());
    }

    #[test]
    fn a_required_jail_has_no_exceptions() {
        let file =
            RuntimeSettings { allow_weak_jail: vec![JailException::Landlock], ..RuntimeSettings::default() };
        let weak = options().or(&file);
        assert_eq!(weak.exceptions(), JailExceptions { namespaces: false, landlock: true });
        assert!(weak.level(true).is_ok());
        let both = IsolationOptions { require_jail: true, ..options() }.or(&file);
        assert!(matches!(both.level(true), Err(Failure::Usage(_))));
        let named =
            IsolationOptions { allow_weak_jail: vec![JailException::Namespaces], ..options() }.or(&file);
        assert_eq!(
            named.exceptions(),
            JailExceptions { namespaces: true, landlock: false },
            "the command line takes precedence"
        );
    }

    #[test]
    fn jit_stays_off_when_the_settings_turn_it_off() {
        let file = RuntimeSettings { jit: Some(false), ..RuntimeSettings::default() };
        assert!(options().or(&file).no_jit);
        assert!(!options().or(&RuntimeSettings::default()).no_jit);
    }
}
