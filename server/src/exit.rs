//! How a command ends.

use std::process::ExitCode;

/// Why a command did not do its job. The message is for the person at the terminal: what happened, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The script failed, and has been reported: exit code 1.
    #[error("the script failed")]
    Script,
    /// What was checked is not as it should be: exit code 1.
    #[error("{0}")]
    Check(String),
    /// The command line or a file named on it makes no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A server, a configuration file or an address could not be used: exit code 3.
    #[error("{0}")]
    Setup(String),
}

impl Failure {
    /// Prints what is not printed yet, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Script => ExitCode::from(1),
            Self::Check(message) => {
                eprintln!("isolet: {message}");
                ExitCode::from(1)
            }
            Self::Usage(message) => {
                eprintln!("isolet: {message}");
                ExitCode::from(2)
            }
            Self::Setup(message) => {
                eprintln!("isolet: {message}");
                ExitCode::from(3)
            }
        }
    }
}
