//! The command line: one command a file.
//!
//! | module | command |
//! |---|---|
//! | [`run`] | `isolet run FILE` |
//! | [`serve`] | `isolet serve` |
//! | [`types`] | `isolet types` |
//! | [`search`] | `isolet search` |
//! | [`mcp`] | `isolet mcp` |
//! | [`lock`] | `isolet lock` |
//! | [`dev`] | `isolet dev DIR` |
//! | [`auth`] | `isolet auth login`, `logout`, `status` |
//! | [`demo_mcp`] | `isolet demo-mcp` |

mod auth;
mod demo_mcp;
mod dev;
mod lock;
mod mcp;
mod output;
mod run;
mod search;
mod serve;
mod types;

use std::future::Future;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;

#[derive(Parser)]
#[command(
    name = "isolet",
    version,
    about = "Runs the code that AI agents write: V8 isolates with MCP servers as bindings",
    after_help = "Exit codes: 0 done, 1 the script failed, 2 wrong usage, 3 a server or the set-up failed."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run one script and print its result
    Run(run::Args),
    /// Serve the HTTP API
    Serve(serve::Args),
    /// Print TypeScript declarations of the tools
    Types(types::Args),
    /// Find tools by what they do
    Search(search::Args),
    /// Offer the tools as one MCP server on standard input and output
    Mcp(mcp::Args),
    /// Approve the tools as they are now, or compare them with what was approved
    Lock(lock::Args),
    /// Serve a wrangler project, and load it again when it changes
    Dev(dev::Args),
    /// Log in to MCP servers
    Auth(auth::Args),
    /// The built-in MCP server, on standard input and output
    DemoMcp(demo_mcp::Args),
}

/// Parses the command line and runs the command.
pub fn dispatch() -> ExitCode {
    let command = Cli::parse().command;
    log_to_stderr(matches!(command, Command::Serve(_)));
    let done = match command {
        Command::Run(args) => run::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Types(args) => types::run(args),
        Command::Search(args) => search::run(args),
        Command::Mcp(args) => mcp::run(args),
        Command::Lock(args) => lock::run(args),
        Command::Dev(args) => dev::run(args),
        Command::Auth(args) => auth::run(args),
        Command::DemoMcp(args) => demo_mcp::run(args),
    };
    done.map_or_else(|failure: Failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Warnings by default, of a service also what its servers print; `RUST_LOG` says otherwise. Standard output belongs to results. Who watches a command needs no
/// time of day; a service's log does.
fn log_to_stderr(service: bool) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(log_filter(std::env::var("RUST_LOG").ok(), service))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .compact();
    if service { log.init() } else { log.without_time().init() }
}

/// What is logged. rmcp prints whole messages at its lower levels, so they are for those who ask for rmcp by name; its
/// module for logins prints codes and tokens there, and those are for nobody.
fn log_filter(wanted: Option<String>, service: bool) -> tracing_subscriber::EnvFilter {
    use tracing_subscriber::EnvFilter;
    let by_name = wanted.as_ref().is_some_and(|wanted| wanted.contains("rmcp"));
    let filter =
        wanted.filter(|wanted| !wanted.is_empty()).and_then(|wanted| EnvFilter::try_new(wanted).ok());
    let filter =
        filter.unwrap_or_else(|| EnvFilter::new(if service { "warn,isolet::upstream=info" } else { "warn" }));
    // Its service loop calls it an error when a client hangs up before its answer, which is the client's right. Its
    // worker repeats what a server answered; isolet says the same by itself, without credentials.
    let quiet = if by_name {
        &["rmcp::transport::auth=error"][..]
    } else {
        &["rmcp=error", "rmcp::service=off", "rmcp::transport::worker=off"]
    };
    quiet.iter().fold(filter, |filter, quiet| {
        filter.add_directive(quiet.parse().expect("a directive that is written here"))
    })
}

/// Runs `command` on a tokio runtime with `threads` workers, or one for each processor.
fn on_runtime<T>(
    threads: Option<usize>,
    command: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime =
        builder.enable_all().build().map_err(|error| Failure::Setup(format!("cannot start: {error}")))?;
    let done = runtime.block_on(command);
    // Whatever still runs, such as a read of standard input, must not hold up the exit.
    runtime.shutdown_background();
    done
}

/// Reads an address to listen on. `localhost` is what people write; it may mean two addresses, and this takes the one
/// that every client tries.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| "an address is an IP address and a port, such as 127.0.0.1:8787".to_owned())
}

/// The signals that end a command in order: SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::Setup(format!("cannot listen to signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_say_localhost() {
        assert_eq!(address("localhost:80"), Ok(SocketAddr::from(([127, 0, 0, 1], 80))));
        assert_eq!(address("[::1]:0").map(|address| address.port()), Ok(0));
        for wrong in ["localhost", "8787", "example.com:80", "127.0.0.1:99999"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_services_log_has_what_servers_print_and_nobodys_has_messages() {
        let service = log_filter(None, true).to_string();
        assert!(service.contains("isolet::upstream=info") && service.contains("rmcp::transport::worker=off"));
        assert!(!log_filter(None, false).to_string().contains("info"));
        assert!(!log_filter(Some("error".to_owned()), true).to_string().contains("info"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
