//! MCP servers, clients and SDKs from npm.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::packages::{Packages, run_step};
use super::{command, repository};

/// The MCP servers of `tests/npm`.
pub fn servers() -> &'static Packages {
    static SERVERS: OnceLock<Packages> = OnceLock::new();
    SERVERS.get_or_init(|| install("npm"))
}

/// The packages of `tests/npm-clients`: clients, the conformance suite, and the Node.js that they
/// need.
pub fn clients() -> &'static Packages {
    static CLIENTS: OnceLock<Packages> = OnceLock::new();
    CLIENTS.get_or_init(|| install("npm-clients"))
}

/// The packages of `tests/npm-agents`: SDKs with which agents are written.
pub fn agents() -> &'static Packages {
    static AGENTS: OnceLock<Packages> = OnceLock::new();
    AGENTS.get_or_init(|| install("npm-agents"))
}

/// Installs what the lock file in the folder `name` of `tests` lists.
fn install(name: &str) -> Packages {
    let wanted = repository().join("tests").join(name);
    let files = ["package.json", "package-lock.json"].map(|file| wanted.join(file));
    Packages::install(name, "node_modules/.bin", &files, |folder| {
        for file in &files {
            copy_into(folder, file);
        }
        let step = command::program("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        run_step(step, folder, "the tests need Node.js 20 or later with npm");
    })
}

fn copy_into(folder: &Path, file: &Path) {
    let copy = folder.join(file.file_name().expect("a file"));
    fs::copy(file, copy).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
