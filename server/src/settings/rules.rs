//! From what the file says to rules that are in force: the audit log is opened and the lock file read.

use std::path::{Path, PathBuf};

use isolet_bindings::Rules;
use isolet_bindings::audit::{Audit, Destination, Options};
use isolet_bindings::lock::{Lock, LockFile, Mode};
use isolet_bindings::policy::Policy;

use super::Settings;
use crate::exit::Failure;

/// The lock file's name, beside `isolet.toml` or in the folder where isolet is started.
const LOCK: &str = "isolet.lock";

/// What is done about definitions that are not the approved ones, as the file says it.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Nothing.
    Off,
    /// A line in the log.
    Warn,
    /// They are refused.
    Enforce,
}

/// What a command does with its standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Nothing: records may go there.
    Free,
    /// It is for the command's result or protocol.
    Taken,
}

impl Settings {
    /// The rules, ready to judge and to record.
    pub fn rules(&self, stdout: Stdout) -> Result<Rules, Failure> {
        let audit = self.audit.as_ref().map(|options| open(options, stdout)).transpose()?;
        Ok(Rules { audit, ..self.rules_without_audit()? })
    }

    /// The same for a command that makes no calls.
    pub fn rules_without_audit(&self) -> Result<Rules, Failure> {
        Ok(Rules { policy: Policy::new(self.policy.clone()), lock: lock(self)?, audit: None })
    }

    /// Where the lock file is, or would be.
    pub fn lock_path(&self) -> PathBuf {
        let path = self.folder.join(LOCK);
        path.strip_prefix(".").map_or(path.clone(), Path::to_owned)
    }
}

fn lock(settings: &Settings) -> Result<Option<Lock>, Failure> {
    let path = settings.lock_path();
    let there = path.symlink_metadata().is_ok();
    let mode = match settings.lock {
        Some(LockMode::Off) => return Ok(None),
        None if !there => return Ok(None),
        None | Some(LockMode::Warn) if there => Mode::Warn,
        Some(LockMode::Enforce) if there => Mode::Enforce,
        _ => {
            return Err(Failure::Usage(format!(
                "isolet.toml says lock = \"{}\", and there is no {}: make it with `isolet lock`",
                if settings.lock == Some(LockMode::Enforce) { "enforce" } else { "warn" },
                path.display()
            )));
        }
    };
    let file = LockFile::load(&path).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Some(Lock { file, mode }))
}

fn open(options: &Options, stdout: Stdout) -> Result<Audit, Failure> {
    if options.destination == Destination::Stdout && stdout == Stdout::Taken {
        return Err(Failure::Usage(
            "[audit] file = \"-\" in isolet.toml: this command's standard output is taken; record to a file"
                .to_owned(),
        ));
    }
    Audit::open(options.clone()).map_err(|error| {
        let place = match &options.destination {
            Destination::File(path) => path.display().to_string(),
            Destination::Stdout => "standard output".to_owned(),
        };
        Failure::Setup(format!("cannot write the audit log {place}: {error}"))
    })
}
