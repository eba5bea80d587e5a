//! `isolet`: the command line, the HTTP API, the MCP server, and the built-in demo server.
//!
//! The crate joins four others: `isolet-runtime` runs scripts, `isolet-bindings` talks to MCP
//! servers, `isolet-tsdefs` writes declarations, `isolet-wrangler-compat` reads projects of
//! Workers. Of these, only `isolet-bindings` depends on another one: it reads tools into
//! definitions of `isolet-tsdefs`.
//!
//! | module | idea |
//! |---|---|
//! | [`cmd`] | the command line, one command a file |
//! | [`http`] | the HTTP API of `isolet serve` |
//! | [`mcp`] | isolet as one MCP server in front of many |
//! | [`workers`] | serves wrangler projects over HTTP |
//! | [`dev`] | development of one: loads it again when it changes |
//! | [`web`] | HTTP as all listeners speak it: access, bodies, replies |
//! | [`service`] | the service core: engine, admission, limits, metrics, runs |
//! | [`libraries`] | the packages that scripts can import |
//! | [`registry`] | the MCP servers as they are now, shared by all runs and clients |
//! | [`prompt`] | the texts that a model reads |
//! | [`prompt_costs`], [`token_savings`] | tokens that tools cost in a prompt, and that a run saves |
//! | [`whole_number`] | whole numbers in requests |
//! | [`settings`] | `isolet.toml`: limits and rules of the operator, as plain values |
//! | [`mcp_config`] | the configuration of the MCP servers: where it is found |
//! | [`trust`] | the consent to use configurations that were found, not named |
//! | [`clients`] | MCP clients, and isolet's entry in their configuration files |
//! | [`demo`] | the built-in MCP server |
//! | [`system`] | the operating system: preconditions, isolation, memory, orphaned processes |
//! | [`metrics`] | metrics for Prometheus: the text format, and values that are read when scraped |
//! | [`output`] | standard output, standard error and the log |
//! | [`exit`] | the failures that end a command, and their exit codes |

#![warn(clippy::print_stderr)]

// First: its macros are in scope from here on.
#[macro_use]
mod output;

mod clients;
mod cmd;
mod demo;
mod dev;
mod exit;
mod http;
mod libraries;
mod mcp;
mod mcp_config;
mod metrics;
mod prompt;
mod prompt_costs;
mod registry;
mod service;
mod settings;
mod system;
mod token_savings;
mod trust;
mod web;
mod whole_number;
mod workers;

use std::process::ExitCode;

use self::registry::GUARD_ARGUMENT;
use self::system::isolation::ZYGOTE_ARGUMENT;
use self::system::preconditions;

fn main() -> ExitCode {
    if let Err(failure) = preconditions::check_stack() {
        return failure.report();
    }
    // Zygotes and guards start no threads early, parse no command line and write no log.
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(ZYGOTE_ARGUMENT.as_ref()) {
        // A zygote makes itself undumpable too, after it has opened files in /proc.
        let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        return isolet_runtime::zygote_main(arguments);
    }
    preconditions::survive_file_size_limit();
    // The environment has credentials.
    isolet_runtime::set_undumpable();
    match first {
        Some(first) if first == GUARD_ARGUMENT => isolet_bindings::guard::main(arguments),
        _ => cmd::dispatch(),
    }
}
