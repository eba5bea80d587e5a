//! `isolet`: the command line, the HTTP API and the built-in demo MCP server.
//!
//! The crate joins three others that know nothing of each other: `isolet-runtime` runs scripts, `isolet-bindings` talks
//! to MCP servers, `isolet-tsdefs` writes declarations.
//!
//! | module | idea |
//! |---|---|
//! | [`cmd`] | one command a file: what each reads, does and prints |
//! | [`http`] | the HTTP API of `isolet serve` |
//! | [`mcp`] | isolet as one MCP server in front of many |
//! | [`dev`] | a wrangler project as an HTTP server, loaded again when it changes |
//! | [`tools`] | the upstream servers as they are now, shared by all runs |
//! | [`made`] | what is made of a server's definitions, kept by their content |
//! | [`learned`] | result types learned from answers |
//! | [`toolset`] | all tools at one moment: names, aliases, declarations |
//! | [`filter`] | which tools a run may use |
//! | [`ledger`] | the audit record of a run |
//! | [`host`] | the way from a run to the servers: rules, answers, failures |
//! | [`isolation`] | where isolates live |
//! | [`machine`] | how many runs it has memory for |
//! | [`settings`] | `isolet.toml`: limits and rules of the operator |
//! | [`config`] | which MCP servers there are |
//! | [`demo`] | the built-in MCP server |
//! | [`document`], [`complaint`] | a report for programs, an error for people |
//! | [`costs`] | what tools cost in a prompt, for programs and people |
//! | [`tokens`] | what a run saved its model from reading |
//! | [`pretty`], [`duration`] | text for people |
//! | [`exit`] | exit codes, and the errors that end a command |

mod cmd;
mod complaint;
mod config;
mod costs;
mod demo;
mod dev;
mod document;
mod duration;
mod exit;
mod filter;
mod host;
mod http;
mod isolation;
mod learned;
mod ledger;
mod machine;
mod made;
mod mcp;
mod pretty;
mod settings;
mod tokens;
mod tools;
mod toolset;

use std::process::ExitCode;

/// The hidden first argument that makes this program the guard of one MCP server.
const GUARD: &str = "guard";

fn main() -> ExitCode {
    // Processes of isolet's own: they start no threads before their time, parse no command line and log nothing.
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == GUARD => isolet_bindings::guard::main(arguments),
        Some(first) if first == isolation::RUNNER => {
            isolet_runtime::process::zygote::main(arguments.map(|word| word.to_string_lossy().into_owned()))
        }
        _ => cmd::dispatch(),
    }
}
