//! Makes the rules in force out of the settings: opens the audit log and reads the lock file.

use std::path::{Path, PathBuf};

use isolet_bindings::Rules;
use isolet_bindings::audit::{Audit, AuditOptions, Destination, ReadFile};
use isolet_bindings::lock::{Lock, LockFile, LockMode};
use isolet_bindings::policy::Policy;
use isolet_bindings::private_files::Links;

use super::error::SettingsError;
use super::toml_reader::Found;
use super::{Settings, Source};
use crate::exit::Failure;

/// The lock file's name. It lies beside `isolet.toml`, or in the folder in which isolet is started.
const LOCK_FILE: &str = "isolet.lock";

/// The setting `lock`: what happens to definitions that differ from the approved ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LockSetting {
    /// The setting is absent: definitions are compared if there is a lock file, and differences are
    /// logged.
    #[default]
    IfPresent,
    /// Definitions are not compared.
    Off,
    /// Definitions are compared, and the lock file must exist.
    Required(LockMode),
}

const LOCK_SETTINGS: [(&str, LockSetting); 3] = [
    ("off", LockSetting::Off),
    ("warn", LockSetting::Required(LockMode::Warn)),
    ("enforce", LockSetting::Required(LockMode::Enforce)),
];

/// Reads the setting `lock`.
pub fn read_lock(found: &Found<'_>) -> Result<LockSetting, SettingsError> {
    found.one_of(&LOCK_SETTINGS)
}

/// The use that a command has for its standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StdoutUse {
    /// None: audit records may be written to it.
    Free,
    /// The command's result or protocol.
    Taken,
}

impl Settings {
    /// Makes the rules in force. Opens the audit log.
    pub fn rules(&self, stdout: StdoutUse) -> Result<Rules, Failure> {
        let audit = self.audit.as_ref().map(|options| open_audit(options, stdout)).transpose()?;
        let (rules, lock) = self.policy_and_lock()?;
        Ok(Rules { audit, files: self.file.iter().cloned().chain(lock).collect(), ..rules })
    }

    /// Makes the rules for a command that makes no calls, and so writes no audit log.
    pub fn rules_without_audit(&self) -> Result<Rules, Failure> {
        Ok(self.policy_and_lock()?.0)
    }

    fn policy_and_lock(&self) -> Result<(Rules, Option<ReadFile>), Failure> {
        let (lock, file) = load_lock(self)?.unzip();
        Ok((Rules { policy: Policy::new(self.policy.clone()), lock, ..Rules::default() }, file))
    }

    /// Returns the path of the settings file, or that at which it would be.
    pub fn path(&self) -> PathBuf {
        without_dot(self.folder.join(self.file_name.as_deref().unwrap_or(super::FILE_NAME)))
    }

    /// Returns the path of the lock file, or that at which it would be.
    pub fn lock_path(&self) -> PathBuf {
        without_dot(self.folder.join(LOCK_FILE))
    }

    /// Tells whether the lock file may be a symbolic link. It may where the operator named the
    /// settings: containers mount files as links.
    pub fn lock_links(&self) -> Links {
        if self.source == Source::Named { Links::Follow } else { Links::Refuse }
    }
}

/// Removes a leading `./`.
fn without_dot(path: PathBuf) -> PathBuf {
    path.strip_prefix(".").map_or(path.clone(), Path::to_owned)
}

fn load_lock(settings: &Settings) -> Result<Option<(Lock, ReadFile)>, Failure> {
    let path = settings.lock_path();
    let exists = path.symlink_metadata().is_ok();
    if settings.source == Source::Nowhere {
        if exists {
            stderr_line!(
                "isolet: ./{LOCK_FILE} is not used: this command uses the one beside the file that --config names"
            );
        }
        return Ok(None);
    }
    let mode = match settings.lock {
        LockSetting::Off => return Ok(None),
        LockSetting::IfPresent if !exists => return Ok(None),
        LockSetting::IfPresent => LockMode::Warn,
        LockSetting::Required(mode) if exists => mode,
        LockSetting::Required(mode) => {
            return Err(Failure::Usage(format!(
                "{} has lock = \"{}\", but {} does not exist: make it with `isolet lock`",
                settings.path().display(),
                if mode == LockMode::Enforce { "enforce" } else { "warn" },
                path.display()
            )));
        }
    };
    let (file, read) = match LockFile::load(&path, settings.lock_links()) {
        Ok(loaded) => loaded,
        // The settings do not ask for the file, which may have come with the folder.
        Err(error) if settings.lock == LockSetting::IfPresent => {
            tracing::warn!("definitions are not compared with the approved ones: {error}");
            return Ok(None);
        }
        Err(error) => return Err(Failure::Usage(error.to_string())),
    };
    if file.is_first_version() {
        let message = format!(
            "{} is of version 1, which covers neither `_meta`, `icons` and the like of tools nor prompts and resources: look at \
             `isolet lock --check`, then approve with `isolet lock`, which writes version 2",
            path.display()
        );
        match mode {
            LockMode::Enforce => return Err(Failure::Usage(message)),
            LockMode::Warn => tracing::warn!("{message}"),
        }
    }
    Ok(Some((Lock { file, mode }, read)))
}

fn open_audit(options: &AuditOptions, stdout: StdoutUse) -> Result<Audit, Failure> {
    if options.destination == Destination::Stdout && stdout == StdoutUse::Taken {
        return Err(Failure::Usage(
            "[audit] file = \"-\" in isolet.toml: this command uses standard output for its result; record to a file"
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
