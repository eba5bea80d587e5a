//! `isolet`: the command line, the HTTP API and the built-in demo MCP server.
//!
//! | module | idea |
//! |---|---|
//! | [`cmd`] | one command a file: what each reads, does and prints |
//! | [`exit`] | exit codes, and the errors that end a command |
//! | [`demo`] | the built-in MCP server |

mod cmd;
mod demo;
mod exit;

use std::process::ExitCode;

fn main() -> ExitCode {
    cmd::dispatch()
}
