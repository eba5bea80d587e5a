//! The failures of commands, and their exit codes.

use std::process::ExitCode;

/// A failure that ends a command. Messages are for the person at the terminal: what happened,
/// where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The script failed, and its error has been printed. Exit code 1.
    #[error("the script failed")]
    Script,
    /// The Worker does not load, and its error has been printed. Exit code 3.
    #[error("the Worker does not load")]
    Worker,
    /// A check found a difference. Exit code 1.
    #[error("{0}")]
    Check(String),
    /// The command line, or a file that it names, is invalid. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A server, a configuration file or an address cannot be used. Exit code 3.
    #[error("{0}")]
    Setup(String),
    /// A signal ended the command, and this has been printed. Exit code 128 plus the signal's
    /// number.
    #[error("signal {0}")]
    Signal(i32),
    /// Several servers cannot be used. Each has a message of one or more lines. Exit code 3.
    #[error("{}", .0.join("; "))]
    Several(Vec<String>),
}

impl Failure {
    /// Prints the message, unless it has been printed already, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        let (message, code) = match self {
            Self::Script => return ExitCode::from(1),
            Self::Worker => return ExitCode::from(3),
            Self::Signal(number) => return ExitCode::from(u8::try_from(128 + number).unwrap_or(u8::MAX)),
            Self::Check(message) => (message, 1),
            Self::Usage(message) => (message, 2),
            Self::Setup(message) => (message, 3),
            Self::Several(messages) => {
                messages.iter().for_each(|message| stderr_error_block!("isolet: {message}"));
                return ExitCode::from(3);
            }
        };
        stderr_error!("isolet: {message}");
        ExitCode::from(code)
    }
}
