//! Targets installed into folders of their own.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Places;
use super::placeholders::Placeholders;
use super::target::Target;

/// The time of one command that installs.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// The name of the file that says what was installed.
const STAMP: &str = "installed.txt";

/// The longest output of a command that is quoted.
const MAX_QUOTED_BYTES: usize = 2000;

/// A target that can be started.
#[derive(Debug)]
pub struct InstalledTarget {
    pub target: Target,
    /// The version that it prints.
    pub version: String,
    /// Its placeholders, without those of a round.
    pub placeholders: Placeholders,
}

impl InstalledTarget {
    /// Installs a target, unless the same files were installed before.
    ///
    /// # Errors
    /// Returns the reason why it cannot run here.
    pub fn prepare(name: &str, target: &Target, places: &Places) -> Result<Self, String> {
        let folder = places.install_folder.join(target.install_with.as_deref().unwrap_or(name));
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut placeholders = Placeholders::default()
            .with_path("bench", &own)
            .with_path("folder", &folder)
            .with_path("isolet", &places.isolet);
        if let Some(old) = &places.old {
            placeholders = placeholders.with_path("old", old);
        }
        install(&target.folder, &folder, &target.install, &placeholders)?;
        let version = run(&placeholders.fill(&target.version)?, &folder, Duration::from_secs(30))?;
        let version = version.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown version");
        Ok(Self { target: target.clone(), version: version.trim().to_owned(), placeholders })
    }
}

/// Copies the files of `source` to `folder` and runs the commands there, unless this was done with
/// the same files and commands before.
///
/// # Errors
/// Returns the reason why it cannot be installed.
pub fn install(
    source: &Path,
    folder: &Path,
    commands: &[Vec<String>],
    placeholders: &Placeholders,
) -> Result<(), String> {
    let files = files_of(source)?;
    let stamp = folder.join(STAMP);
    let commands =
        commands.iter().map(|command| placeholders.fill(command)).collect::<Result<Vec<_>, _>>()?;
    let wanted = files.iter().map(|(name, text)| format!("{name}\n{text}")).collect::<String>()
        + &commands.iter().map(|command| command.join(" ") + "\n").collect::<String>();
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // What fails half way must not be taken for the installation before.
    let _ = fs::remove_file(&stamp);
    for (name, text) in &files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    for command in &commands {
        run(command, folder, INSTALL_TIMEOUT)?;
    }
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Returns the names and texts of the files of a folder, sorted.
fn files_of(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.is_file() {
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            files.push((path.file_name().unwrap_or_default().display().to_string(), text));
        }
    }
    files.sort();
    Ok(files)
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// Returns what it said if it failed or took too long.
fn run(command: &[String], folder: &Path, limit: Duration) -> Result<String, String> {
    let text = command.join(" ");
    // Files, not pipes: a full pipe would stop a command that says much.
    let log = |end: &str| -> Result<(fs::File, PathBuf), String> {
        let path = folder.join(format!("install.{end}"));
        Ok((fs::File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?, path))
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let ((stdout, out), (stderr, err)) = (log("stdout")?, log("stderr")?);
    let mut child = Command::new(command.first().map_or("", String::as_str))
        .args(command.get(1..).unwrap_or_default())
        .current_dir(folder)
        // A group of its own: npm starts others, which must not go on after it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|error| format!("cannot start {text}: {error}"))?;
    let ended = wait(&mut child, limit).map_err(|error| error.to_string())?;
    let read = |path: &Path| {
        let mut text = Vec::new();
        let _ = fs::File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    };
    match ended {
        None => Err(format!("{text} took more than {limit:?}")),
        Some(status) if status.success() => Ok(read(&out)),
        Some(status) => {
            let said = [read(&err), read(&out)].concat();
            let said = said.trim();
            let start = said.len().saturating_sub(MAX_QUOTED_BYTES);
            let start = (start..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
            Err(format!("{text} failed ({status}): {}", &said[start..]))
        }
    }
}

/// Waits for a child for a time, and kills its group after that.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Fails only if the group is empty already.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn commands_return_their_output_or_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let run = |command: &str, ms| run(&words(command), folder.path(), Duration::from_millis(ms));
        assert_eq!(run("sh|-c|echo 1.2; echo x >&2", 5000).unwrap(), "1.2\n");
        let failed = run("sh|-c|echo wrong >&2; exit 3", 5000).unwrap_err();
        assert!(failed.contains("exit status: 3") && failed.ends_with("wrong"), "{failed}");
        assert!(run("sleep|60", 50).unwrap_err().contains("took more than"));
        assert!(run("/nonexistent/program", 50).unwrap_err().contains("cannot start /nonexistent/program"));
    }

    #[test]
    fn a_target_is_installed_once_for_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir(&source).unwrap();
        let write = |text: &str| {
            fs::write(source.join("target.toml"), text).unwrap();
            let mut target: Target = toml::from_str(text).unwrap();
            target.folder = source.clone();
            target
        };
        let places = Places {
            folder: folder.path().to_owned(),
            install_folder: folder.path().join("installed"),
            isolet: "/isolet".into(),
            old: None,
        };
        let text = "title = 't'\ninstall = [['sh', '-c', 'echo x >> count']]\nversion = ['cat', 'count']\n\
                    command = ['x']\nready = '/'\n";
        let target = write(text);
        assert_eq!(InstalledTarget::prepare("t", &target, &places).unwrap().version, "x");
        InstalledTarget::prepare("t", &target, &places).unwrap();
        let count = || fs::read_to_string(folder.path().join("installed/t/count")).unwrap();
        assert_eq!(count(), "x\n");
        let changed = write(&format!("{text}# changed\n"));
        InstalledTarget::prepare("t", &changed, &places).unwrap();
        assert_eq!(count(), "x\nx\n");
        let mut old = changed;
        old.version = vec!["{old}".to_owned()];
        assert!(InstalledTarget::prepare("t", &old, &places).unwrap_err().contains("--old"));
    }
}
