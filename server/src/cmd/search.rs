//! `isolet search`: the tools that answer a question, of live servers or of saved lists.

use std::path::PathBuf;

use super::{output, types};
use crate::exit::Failure;
use crate::pretty::{printable, thousands};
use crate::settings;
use crate::toolset::Toolset;

#[derive(clap::Args)]
pub struct Args {
    /// What the tool should do, or a part of its name
    #[arg(value_name = "QUERY", required = true, num_args = 1..)]
    query: Vec<String>,
    /// Most hits to print
    #[arg(long, value_name = "N", default_value_t = crate::http::HITS as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print hits as JSON
    #[arg(long)]
    json: bool,
    /// A saved tools/list result instead of live servers; the file's name names the server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "read_only"])]
    tools_file: Vec<PathBuf>,
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json, else the built-in demo
    #[arg(long, value_name = "FILE", conflicts_with = "tools_file")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

/// Searches.
pub fn run(args: Args) -> Result<(), Failure> {
    if !args.tools_file.is_empty() {
        return print(&types::saved(&args.tools_file)?, &args);
    }
    types::live(args.mcp_config.as_deref(), &args.settings, |toolset, broken| {
        print(toolset, &args)?;
        types::missing(broken.iter())
    })
}

fn print(toolset: &Toolset, args: &Args) -> Result<(), Failure> {
    let query = args.query.join(" ");
    let hits = toolset.search(&query, usize::from(args.limit));
    if args.json {
        let document = serde_json::json!({ "query": query, "hits": hits });
        return output::print(format!("{document}\n").as_bytes());
    }
    if hits.is_empty() {
        let count: usize = toolset.definitions().iter().map(|server| server.tools.len()).sum();
        let among = if count == 1 {
            "the only tool does not answer".to_owned()
        } else {
            format!("none of {} tools answers", thousands(count))
        };
        eprintln!("isolet: {among} \"{}\"; try other words for what it should do", printable(&query));
        return Ok(());
    }
    let mut text = String::new();
    for hit in &hits {
        text.push_str(&format!("{}\n", printable(&hit.signature)));
        if !hit.description.is_empty() {
            text.push_str(&format!("    {}\n", printable(&hit.description)));
        }
    }
    output::print(text.as_bytes())
}
