//! workerd with a Worker Loader, installed from npm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::BenchError;

/// The files for npm, and the Worker that workerd serves.
const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("../workerd/package.json")),
    ("package-lock.json", include_str!("../workerd/package-lock.json")),
    ("config.capnp", include_str!("../workerd/config.capnp")),
    ("worker.js", include_str!("../workerd/worker.js")),
];

const PROGRAM: &str = "node_modules/@cloudflare/workerd-linux-64/bin/workerd";

/// A workerd that can be started.
#[derive(Debug)]
pub struct Workerd {
    program: PathBuf,
    config: PathBuf,
}

impl Workerd {
    /// Writes the files into `folder` and installs workerd there, unless it is installed or
    /// `program` is given.
    pub fn install(folder: &Path, program: Option<PathBuf>) -> Result<Self, BenchError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BenchError::File { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        // A folder with another version's lock file is installed again.
        let lock = folder.join(FILES[1].0);
        let installed = fs::read_to_string(&lock).is_ok_and(|text| text == FILES[1].1);
        for (name, text) in FILES {
            let path = folder.join(name);
            fs::write(&path, text).map_err(failed(&path))?;
        }
        let program = match program {
            Some(program) => program,
            None => {
                let program = folder.join(PROGRAM);
                if !(installed && program.exists()) {
                    // If npm fails, the next attempt must not take this lock file for an installed
                    // one.
                    npm(folder).inspect_err(|_| drop(fs::remove_file(&lock)))?;
                }
                program
            }
        };
        Ok(Self { program, config: folder.join(FILES[2].0) })
    }

    /// The version that the program prints.
    pub fn version(&self) -> Result<String, BenchError> {
        version(&self.program)
    }

    /// The command that serves on this port of this machine.
    pub fn command(&self, port: u16) -> Vec<String> {
        let words = ["serve", "--experimental"].map(str::to_owned);
        let address = format!("--socket-addr=http=127.0.0.1:{port}");
        let program = self.program.display().to_string();
        [program].into_iter().chain(words).chain([address, self.config.display().to_string()]).collect()
    }
}

/// The first line of `program --version`.
pub fn version(program: &Path) -> Result<String, BenchError> {
    let command = format!("{} --version", program.display());
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|source| BenchError::Start { command, source })?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// Runs `npm ci`, so that exactly the program of the lock file is measured.
fn npm(folder: &Path) -> Result<(), BenchError> {
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let command = format!("npm {}", words.join(" "));
    let output = Command::new("npm")
        .args(words)
        .current_dir(folder)
        .output()
        .map_err(|source| BenchError::Start { command: command.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(BenchError::Install { command, folder: folder.to_owned(), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_written_and_the_command_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let peer = Workerd::install(folder.path(), Some("/opt/workerd".into())).unwrap();
        let command = peer.command(4711);
        assert_eq!(command[0], "/opt/workerd");
        assert!(command.contains(&"--socket-addr=http=127.0.0.1:4711".to_owned()), "{command:?}");
        let config = fs::read_to_string(command.last().unwrap()).unwrap();
        assert!(config.contains("workerLoader"), "{config}");
        assert!(folder.path().join("worker.js").exists());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = version(Path::new("/nonexistent/workerd")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/workerd --version"), "{error}");
    }
}
