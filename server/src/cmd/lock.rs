//! `isolet lock`: approves the tools as their servers define them now, or compares them with what was approved.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::lock::{Difference, LockFile};
use isolet_bindings::{Rules, ServerTools, State};

use super::output;
use crate::config;
use crate::exit::Failure;
use crate::pretty::printable;
use crate::settings::Settings;
use crate::tools::Tools;

/// How long servers may take to start: `npx` and `uvx` download what they run.
const START: Duration = Duration::from_secs(35);

/// How much of a description stands under a tool that is new or has changed. It is what a model would read.
const EXCERPT: usize = 600;

#[derive(clap::Args)]
pub struct Args {
    /// Only these servers; without any, all
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Change nothing: say what is not as it was approved, and exit with 1 if anything is not
    #[arg(long)]
    check: bool,
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json, else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    /// The operator's file, beside which isolet.lock lies; without it ./isolet.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Approves or compares.
pub fn run(args: Args) -> Result<(), Failure> {
    let folder = Path::new(".");
    let settings = Settings::find(args.config.as_deref(), folder)?;
    let path = settings.lock_path();
    let there = path.symlink_metadata().is_ok();
    if args.check && !there {
        return Err(Failure::Usage(format!("there is no {}: make it with `isolet lock`", path.display())));
    }
    let mut lock = match there {
        true => LockFile::load(&path).map_err(|error| Failure::Usage(error.to_string()))?,
        false => LockFile::default(),
    };
    let mcp_config = args.mcp_config.as_deref().or(settings.mcp_config.as_deref());
    let config = config::load(mcp_config, folder)?;
    let configured: HashSet<String> = config.servers.keys().cloned().collect();
    let servers = listed(config, &args.servers)?;
    let differences: Vec<Difference> = servers.iter().flat_map(|server| lock.differences(server)).collect();
    if args.check {
        return check(&differences, &servers, &path);
    }
    servers.iter().for_each(|server| lock.approve(server));
    // Another server may come under the name of one that is gone, and nobody has looked at that one.
    let forgotten = match args.servers.is_empty() {
        true => lock.retain(|name| configured.contains(name)),
        false => Vec::new(),
    };
    lock.save(&path).map_err(|error| Failure::Setup(error.to_string()))?;
    let mut text = format!("{}: {} tools approved\n", path.display(), lock.tools());
    // Of a new file everything is new.
    for difference in differences.iter().filter(|_| there) {
        let _ = writeln!(text, "  {difference}");
    }
    for name in &forgotten {
        let _ = writeln!(text, "  - {}: the server is not in the configuration any more", printable(name));
    }
    output::print(text.as_bytes())
}

/// What the servers list, without any rule. One that lists nothing ends the command: it would be approved blindly, or
/// forgotten.
fn listed(mut config: isolet_bindings::McpConfig, wanted: &[String]) -> Result<Vec<ServerTools>, Failure> {
    if let Some(unknown) = wanted.iter().find(|name| !config.servers.contains_key(*name)) {
        let names: Vec<&str> = config.servers.keys().map(String::as_str).collect();
        return Err(Failure::Usage(format!(
            "there is no server \"{unknown}\": there are {}",
            names.join(", ")
        )));
    }
    config.servers.retain(|name, _| wanted.is_empty() || wanted.contains(name));
    super::on_runtime(Some(2), async move {
        let tools = Tools::start(config, Rules::default());
        let lists = listed_by(&tools).await;
        let broken = tools.all_broken();
        tools.shutdown().await;
        if broken.is_empty() {
            return Ok(lists);
        }
        let lines: Vec<String> = broken
            .iter()
            .map(|(name, reason)| format!("the server \"{name}\" lists no tools: {reason}"))
            .collect();
        Err(Failure::Setup(format!("{}; nothing was approved or compared", lines.join("\nisolet: "))))
    })
}

async fn listed_by(tools: &Arc<Tools>) -> Vec<ServerTools> {
    let enabled = tools.gate().statuses().into_iter().filter(|status| status.state != State::Disabled);
    for name in enabled.map(|status| status.name).collect::<Vec<_>>() {
        tools.listed(&name, START).await;
    }
    // A list is announced before its server counts as connected.
    tools.settled(START).await;
    let lists = tools.gate().watch().borrow().servers.clone();
    lists.iter().filter(|server| server.tools.is_some()).cloned().collect()
}

fn check(differences: &[Difference], servers: &[ServerTools], path: &Path) -> Result<(), Failure> {
    if differences.is_empty() {
        let tools: usize =
            servers.iter().filter_map(|server| server.tools.as_ref()).map(|tools| tools.len()).sum();
        return output::print(format!("{}: all {tools} tools are as approved\n", path.display()).as_bytes());
    }
    let mut text = String::new();
    for difference in differences {
        let _ = writeln!(text, "{difference}");
        for line in description(difference, servers).lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    output::print(text.as_bytes())?;
    Err(Failure::Check(format!(
        "the tools are not as approved in {}: look at them above, then approve them with `isolet lock`",
        path.display()
    )))
}

/// What a model would now be told of the tool.
fn description(difference: &Difference, servers: &[ServerTools]) -> String {
    let (Difference::New(server, name) | Difference::Changed(server, name, _)) = difference else {
        return String::new();
    };
    let tools = servers.iter().find(|listed| listed.name == *server).and_then(|listed| listed.tools.as_ref());
    let tool = tools.and_then(|tools| tools.iter().find(|tool| tool["name"] == name.as_str()));
    let text = tool.and_then(|tool| tool["description"].as_str()).unwrap_or_default();
    let mut letters = text.chars();
    let mut shown = revealed(&letters.by_ref().take(EXCERPT).collect::<String>());
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Text with what a terminal does not show made visible: a model reads zero-width and tag characters, a person does not.
fn revealed(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e01ef}' => {
                let _ = write!(shown, "{}", letter.escape_unicode());
            }
            _ => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_a_description() {
        assert_eq!(revealed("a\u{200b}b\u{e0041}\u{202e}é\u{1b}"), "a\\u{200b}b\\u{e0041}\\u{202e}é\u{fffd}");
    }
}
