//! The command line: one command a file.

mod demo_mcp;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::Failure;

#[derive(Parser)]
#[command(
    name = "isolet",
    version,
    about = "Runs the code that AI agents write: V8 isolates with MCP servers as bindings"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The built-in MCP server, on standard input and output
    DemoMcp(demo_mcp::Args),
}

/// Parses the command line and runs the command.
pub fn dispatch() -> ExitCode {
    let command = Cli::parse().command;
    log_to_stderr();
    let done = match command {
        Command::DemoMcp(args) => demo_mcp::run(args),
    };
    done.map_or_else(|failure: Failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Warnings of this program by default; `RUST_LOG` says otherwise. Standard output belongs to results.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,rmcp=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
