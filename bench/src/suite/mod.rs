//! Suites: scenarios measured on several targets in turns.
//!
//! Scenarios and targets are files, `scenarios/NAME.toml` and `targets/NAME/target.toml`: a new one
//! needs no code.
//!
//! | module | contents |
//! |---|---|
//! | [`scenario`] | what is measured: a script, a request or a Worker, and its loads |
//! | [`target`] | what it is measured on: how to install, start and ask it |
//! | [`install`] | targets installed into folders of their own |
//! | [`placeholders`] | `{port}` and the like in a target's commands |
//! | [`turns`] | the rounds of all targets in turns |

mod install;
mod placeholders;
mod scenario;
mod target;
mod turns;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::install::InstalledTarget;
use self::scenario::Scenario;
use self::target::Target;
use crate::cli::SuiteArgs;
use crate::error::BenchError;
use crate::measurement;
use crate::processes::target::command_text;
use crate::progress::say;
use crate::report::suite::{Machine, SuiteReport, TargetInfo};

/// The programs and folders of a suite.
struct Places {
    /// The folder with `scenarios` and `targets`.
    folder: PathBuf,
    install_folder: PathBuf,
    isolet: PathBuf,
    old: Option<PathBuf>,
}

/// Measures a suite, or lists what there is.
pub async fn run(args: &SuiteArgs) -> Result<Option<SuiteReport>, BenchError> {
    let own = std::env::current_exe().map_err(BenchError::Runtime)?;
    let absolute = |path: &Path| std::path::absolute(path).map_err(BenchError::Runtime);
    let places = Places {
        folder: absolute(&args.folder)?,
        install_folder: match &args.install_folder {
            Some(folder) => absolute(folder)?,
            None => own.with_file_name("bench"),
        },
        isolet: match &args.isolet {
            Some(isolet) => absolute(isolet)?,
            None => own.with_file_name("isolet"),
        },
        old: args.old.as_deref().map(absolute).transpose()?,
    };
    let scenarios = Scenario::read_all(&places.folder.join("scenarios"), &args.scenarios)?;
    let targets = Target::read_all(&places.folder.join("targets"))?;
    if let Some(unknown) = args.targets.iter().find(|name| !targets.contains_key(*name)) {
        let known: Vec<&str> = targets.keys().map(String::as_str).collect();
        return Err(BenchError::UnknownName {
            kind: "target",
            name: unknown.clone(),
            known: known.join(", "),
        });
    }
    let wanted = |name: &String| args.targets.is_empty() || args.targets.contains(name);
    let used: Vec<&String> = targets
        .keys()
        .filter(|name| wanted(name) && (args.list || scenarios.iter().any(|s| s.targets.contains(name))))
        .collect();
    let mut installed = BTreeMap::new();
    let mut infos = BTreeMap::new();
    for name in used {
        let target = &targets[name];
        let prepared = InstalledTarget::prepare(name, target, &places);
        let (version, missing) = match prepared {
            Ok(ready) => {
                let version = ready.version.clone();
                installed.insert(name.clone(), ready);
                (Some(version), None)
            }
            Err(reason) => {
                say(&format!("{name} is not measured: {reason}"));
                (None, Some(reason))
            }
        };
        let (title, command) = (target.title.clone(), command_text(&target.command));
        infos.insert(name.clone(), TargetInfo { title, command, version, missing });
    }
    if args.list {
        list(&scenarios, &infos);
        return Ok(None);
    }
    let mut cases = Vec::new();
    for scenario in &scenarios {
        cases.extend(turns::measure(scenario, &installed, &places, args).await?);
    }
    Ok(Some(SuiteReport {
        unix_time: measurement::unix_time(),
        machine: Machine::read(),
        command: command(),
        rounds: args.rounds,
        targets: infos,
        cases,
    }))
}

/// Returns the command line without the folders of this machine.
fn command() -> String {
    let words = std::env::args().skip(1);
    let plain = words.map(|word| match Path::new(&word).file_name() {
        Some(name) if word.starts_with('/') => name.display().to_string(),
        _ => word,
    });
    ["isolet-bench".to_owned()].into_iter().chain(plain).collect::<Vec<_>>().join(" ")
}

fn list(scenarios: &[Scenario], targets: &BTreeMap<String, TargetInfo>) {
    println!("Scenarios:");
    for scenario in scenarios {
        println!("  {:<24} {}", scenario.name, scenario.title);
    }
    println!("\nTargets:");
    for (name, info) in targets {
        let state = match (&info.version, &info.missing) {
            (Some(version), _) => version.clone(),
            (None, reason) => format!("cannot run here: {}", reason.as_deref().unwrap_or("unknown reason")),
        };
        println!("  {name:<24} {} ({state})", info.title);
    }
}
