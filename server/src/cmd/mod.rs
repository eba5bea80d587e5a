//! The command line: one command a file.
//!
//! | module | command |
//! |---|---|
//! | [`run`] | `isolet run FILE` |
//! | [`call`] | `isolet call SERVER/TOOL` |
//! | [`servers`] | `isolet servers` |
//! | [`serve`] | `isolet serve` |
//! | [`types`] | `isolet types` |
//! | [`search`] | `isolet search` |
//! | [`mcp`] | `isolet mcp` |
//! | [`install`] | `isolet mcp install` |
//! | [`lock`] | `isolet lock` |
//! | [`dev`] | `isolet dev PATH` |
//! | [`trust`] | `isolet trust` |
//! | [`auth`] | `isolet auth login`, `logout`, `status` |
//! | [`manual`] | `isolet completions SHELL`, `isolet man` |
//! | [`demo_mcp`] | `isolet demo-mcp` |
//!
//! | module | shared by several commands |
//! |---|---|
//! | [`startup`] | starts MCP servers and waits for them, with a progress line on a terminal |
//! | [`input`] | reads JSON from the command line, a file or standard input |

mod auth;
mod call;
mod demo_mcp;
mod dev;
mod input;
mod install;
mod lock;
mod manual;
mod mcp;
mod run;
mod search;
mod serve;
mod servers;
mod startup;
mod trust;
mod types;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use isolet_bindings::text;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;
use crate::output::logging::{self, CommandKind, Verbosity};
use crate::output::stderr::LogFormat;
use crate::output::stdout;
use crate::system::{engine_version, preconditions, reaper};

const HELP: &str = "Examples:
  isolet run report.ts                  a script, its result on standard output
  isolet run -e 'return 6 * 7'
  isolet call demo/add a=1 b=2          one call of one tool
  isolet servers                        what is configured, and whether it starts
  isolet types files --detail brief     declarations for a prompt
  isolet serve                          the HTTP API on 127.0.0.1:8787

Exit codes: 0 done, 1 the script or the tool failed, 2 wrong usage, 3 a server or the set-up failed, 130 interrupted.";

#[derive(Parser)]
#[command(
    name = "isolet",
    // Replaced by an option whose output depends on `--verbose`.
    disable_version_flag = true,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    about = "Runs the code that AI agents write: V8 isolates with MCP servers as bindings",
    after_help = HELP
)]
struct Cli {
    /// Print isolet's version
    #[arg(short = 'V', long)]
    version: bool,
    /// Log normal events, as --log-level info does. With --version: the version of V8, its age and
    /// how it was built
    #[arg(short, long, global = true)]
    verbose: bool,
    /// The least important events to log on standard error; overrides RUST_LOG
    #[arg(long, global = true, value_name = "off|error|warn|info|debug|trace", hide_possible_values = true)]
    log_level: Option<Verbosity>,
    // Optional, as `--version` needs no subcommand.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run one script and print its result
    Run(run::Args),
    /// Serve the HTTP API
    Serve(serve::Args),
    /// Call one tool and print its result
    Call(call::Args),
    /// List the servers, whether they start and how long that takes
    Servers(servers::Args),
    /// Print TypeScript declarations of the tools
    Types(types::Args),
    /// Find tools by what they do
    Search(search::Args),
    /// Offer the tools as one MCP server on standard input and output
    Mcp(mcp::Args),
    /// Approve the tools as they are now, or compare them with the approved definitions
    Lock(lock::Args),
    /// Serve a wrangler project, and reload it when it changes
    Dev(dev::Args),
    /// Show a configuration that lies in a folder, and trust it
    Trust(trust::Args),
    /// Log in to MCP servers
    Auth(auth::Args),
    /// The built-in MCP server, on standard input and output
    DemoMcp(demo_mcp::Args),
    /// Print the script that completes isolet's commands in a shell
    Completions(manual::CompletionArgs),
    /// Print the manual page of isolet or of one of its commands
    Man(manual::ManArgs),
    /// Print isolet's version
    Version,
}

/// Parses the command line and runs the command.
pub fn dispatch() -> ExitCode {
    let Cli { version, verbose, log_level, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print_clap_error(&error),
    };
    let command = match command {
        None if !version => {
            return Failure::Usage("no command: see isolet --help".to_owned()).report();
        }
        None | Some(Command::Version) => {
            let details = if verbose { engine_version::details() } else { String::new() };
            let text = format!("isolet {}\n{details}", env!("CARGO_PKG_VERSION"));
            return stdout::print(text.as_bytes())
                .map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS);
        }
        Some(command) => command,
    };
    let format = match &command {
        Command::Serve(args) => args.log.log_format,
        Command::Mcp(args) => args.log.log_format,
        Command::Dev(args) => args.log.log_format,
        _ => LogFormat::Text,
    };
    let kind = match &command {
        Command::Serve(_) => CommandKind::Service,
        Command::Mcp(_) | Command::Dev(_) | Command::DemoMcp(_) => CommandKind::Child,
        _ => CommandKind::OneShot,
    };
    logging::init(kind, format, log_level.or(verbose.then_some(Verbosity::Info)));
    let done = match command {
        Command::Run(args) => run::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Types(args) => types::run(args),
        Command::Search(args) => search::run(args),
        Command::Mcp(args) => mcp::run(args),
        Command::Lock(args) => lock::run(args),
        Command::Dev(args) => dev::run(args),
        Command::Trust(args) => trust::run(args),
        Command::Auth(args) => auth::run(args),
        Command::DemoMcp(args) => demo_mcp::run(args),
        Command::Call(args) => call::run(args),
        Command::Servers(args) => servers::run(args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
        // Handled above, before the log is set up.
        Command::Version => Ok(()),
    };
    done.map_or_else(|failure: Failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Prints help, or the error in the command line.
fn print_clap_error(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let printable = printable_error();
        match printable.as_ref() {
            // With colours on a terminal.
            None => drop(error.print()),
            Some(error) => stderr_text!("{}", error.render()),
        }
        return ExitCode::from(2);
    }
    let printed = error.print().and_then(|()| std::io::Write::flush(&mut std::io::stdout()));
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Failure::Setup(format!("cannot write to standard output: {error}")).report()
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Returns the error for the same arguments without line breaks and characters that control a
/// terminal, or `None` if the arguments have none. clap repeats invalid arguments unchanged.
fn printable_error() -> Option<clap::Error> {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if !arguments.iter().any(|argument| argument.contains(text::is_unprintable)) {
        return None;
    }
    let printable = arguments.iter().map(|argument| text::line(argument).into_owned());
    let message = "the command line is invalid, and has characters that cannot be printed\n";
    Some(
        Cli::try_parse_from(printable)
            .err()
            .unwrap_or_else(|| clap::Error::raw(clap::error::ErrorKind::InvalidValue, message)),
    )
}

/// Runs `command` on a tokio runtime with `threads` workers, or with one for each processor.
fn on_runtime<T>(
    threads: Option<usize>,
    command: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    preconditions::check_threads(threads.unwrap_or_else(cores))?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime =
        builder.enable_all().build().map_err(|error| Failure::Setup(format!("cannot start: {error}")))?;
    runtime.spawn(reaper::run());
    let done = runtime.block_on(command);
    // Blocking work that is still running, such as a read of standard input, must not delay the
    // exit.
    runtime.shutdown_background();
    done
}

/// Makes the failure of a command that cannot listen on `address`.
fn cannot_listen(address: &impl std::fmt::Display, error: &std::io::Error) -> Failure {
    let advice = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; another isolet may be running there; choose another address with --listen"
        }
        _ => "",
    };
    Failure::Setup(format!("cannot listen on {address}: {error}{advice}"))
}

/// The signals that shut a command down: SIGINT and SIGTERM.
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

    /// Waits for the next signal, and returns its number.
    async fn stop(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
