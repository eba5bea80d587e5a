//! MCP servers, clients and SDKs from PyPI, each set in a virtual environment of its own.

use std::sync::OnceLock;

use super::packages::{Packages, run_step};
use super::{command, repository};

/// The MCP servers of `tests/pypi/requirements.txt`.
pub fn servers() -> &'static Packages {
    static SERVERS: OnceLock<Packages> = OnceLock::new();
    SERVERS.get_or_init(|| install("pypi", "requirements.txt"))
}

/// The clients of `tests/pypi/clients.txt`: the servers need an older version of the same package.
pub fn clients() -> &'static Packages {
    static CLIENTS: OnceLock<Packages> = OnceLock::new();
    CLIENTS.get_or_init(|| install("pypi-clients", "clients.txt"))
}

/// The packages of `tests/pypi/agents.txt`: SDKs with which agents are written.
pub fn agents() -> &'static Packages {
    static AGENTS: OnceLock<Packages> = OnceLock::new();
    AGENTS.get_or_init(|| install("pypi-agents", "agents.txt"))
}

/// Makes a virtual environment with the packages that the file `requirements` in `tests/pypi`
/// lists.
fn install(name: &str, requirements: &str) -> Packages {
    let wanted = repository().join("tests/pypi").join(requirements);
    Packages::install(name, "venv/bin", std::slice::from_ref(&wanted), |folder| {
        let _ = std::fs::remove_dir_all(folder.join("venv"));
        let python = folder.join("venv/bin/python");
        let wanted = wanted.to_str().expect("a path in UTF-8");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", wanted];
        for step in [command::program("python3", ["-m", "venv", "venv"]), command::program(python, pip)] {
            run_step(step, folder, "the tests need Python 3.10 or later with venv");
        }
    })
}
