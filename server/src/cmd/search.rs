//! `isolet search`: finds tools of live servers or of saved lists.

use std::path::PathBuf;

use isolet_bindings::text;

use super::{startup, types};
use crate::exit::Failure;
use crate::mcp_config::McpConfigOption;
use crate::output::stdout;
use crate::registry::ToolSnapshot;
use crate::settings;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The task of the tool, or a part of its name
    #[arg(value_name = "QUERY", required = true, num_args = 1..)]
    query: Vec<String>,
    /// Print at most this many hits
    #[arg(long, value_name = "N", default_value_t = crate::registry::DEFAULT_SEARCH_HITS as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print hits as JSON
    #[arg(long)]
    json: bool,
    /// A saved tools/list result instead of live servers; the file's name names the server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mcp_config", "config", "read_only"])]
    tools_file: Vec<PathBuf>,
    #[command(flatten)]
    mcp_config: McpConfigOption,
    /// Exit with 0 although servers are missing
    #[arg(long)]
    allow_missing: bool,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

const EXAMPLES: &str = "Examples:
  isolet search create an issue
  isolet search \"read a file\" --limit 3 --json";

/// Searches the tools and prints the hits.
pub fn run(args: Args) -> Result<(), Failure> {
    if !args.tools_file.is_empty() {
        return print(&types::read_saved_lists(&args.tools_file)?, &args);
    }
    let live = types::LiveServers {
        mcp_config: args.mcp_config.path(),
        settings: &args.settings,
        starting: &args.starting,
        needed: types::ServersToStart::All,
        quiet: args.json,
        allow_missing: args.allow_missing,
    };
    live.run(|snapshot| print(snapshot, &args))
}

fn print(snapshot: &ToolSnapshot, args: &Args) -> Result<(), Failure> {
    let query = args.query.join(" ");
    let hits = snapshot.search(&query, usize::from(args.limit));
    if args.json {
        let document = serde_json::json!({ "query": query, "hits": hits });
        return stdout::print_json(&document.to_string());
    }
    if hits.is_empty() {
        stderr_line!(
            "isolet: no tool matches \"{}\"; try other words for what it should do",
            text::line(&query)
        );
        return Ok(());
    }
    let mut found = String::new();
    for hit in &hits {
        found.push_str(&format!("{}\n", text::block(&hit.signature)));
        if !hit.description.is_empty() {
            found.push_str(&format!("    {}\n", text::line(&hit.description)));
        }
    }
    stdout::print(found.as_bytes())
}
