//! `isolet servers`: lists the configured servers, starts them, and shows how long that takes.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use isolet_bindings::config::Start;
use isolet_bindings::text::line;
use isolet_bindings::{Rules, ServerState, ServerStatus};
use serde_json::{Value, json};

use super::startup;
use crate::exit::Failure;
use crate::mcp_config::{self, McpConfigOption};
use crate::output::stdout;
use crate::registry::{Registry, missing_tools_reason};
use crate::settings;
use crate::trust::Search;

const EXAMPLES: &str = "Examples:
  isolet servers
  isolet servers github --json
  isolet servers --startup-timeout 2m";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only these servers; without any, all
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    mcp_config: McpConfigOption,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

/// Starts the servers, prints their states, and stops them. Fails if one of them cannot be used.
pub fn run(args: Args) -> Result<(), Failure> {
    let folder = Search::Folder(Path::new("."));
    let settings = args.settings.load(folder)?;
    let mut servers = mcp_config::load(args.mcp_config.path(), &settings, folder, args.json)?;
    if let Some(unknown) = args.servers.iter().find(|name| !servers.servers.contains_key(*name)) {
        let names: Vec<&str> = servers.servers.keys().map(String::as_str).collect();
        return Err(Failure::Usage(format!(
            "unknown server \"{unknown}\"; expected one of: {}",
            names.join(", ")
        )));
    }
    servers.servers.retain(|name, _| args.servers.is_empty() || args.servers.contains(name));
    servers.servers.values_mut().for_each(|server| server.start = Start::Eager);
    let longest = args.starting.apply(&mut servers)?;
    super::on_runtime(Some(2), async move {
        let registry = Registry::start(servers, Rules::default());
        let times = startup::wait_for_servers(&registry, longest, args.json).await;
        let statuses = registry.gate().statuses();
        registry.shutdown().await;
        let text = match args.json {
            true => to_json(&statuses, &times),
            false => table(&statuses, &times),
        };
        match args.json {
            true => stdout::print_json(&text)?,
            false => stdout::print(text.as_bytes())?,
        }
        let is_broken = |status: &&ServerStatus| {
            status.state != ServerState::Disabled && missing_tools_reason(status).is_some()
        };
        match statuses.iter().filter(is_broken).count() {
            0 => Ok(()),
            1 => Err(Failure::Setup("one server cannot be used".to_owned())),
            count => Err(Failure::Setup(format!("{count} servers cannot be used"))),
        }
    })
}

fn to_json(statuses: &[ServerStatus], times: &HashMap<String, Duration>) -> String {
    let servers = statuses.iter().map(|status| {
        let mut server = serde_json::to_value(status).unwrap_or_default();
        if let Some(fields) = server.as_object_mut() {
            fields.remove("pid");
            fields.insert("seconds".to_owned(), json!(times.get(&status.name).map(rounded_seconds)));
            fields.insert("reason".to_owned(), json!(missing_tools_reason(status)));
            fields.insert("printed".to_owned(), json!(status.last_output));
        }
        server
    });
    json!({ "servers": servers.collect::<Vec<Value>>() }).to_string()
}

fn rounded_seconds(time: &Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn table(statuses: &[ServerStatus], times: &HashMap<String, Duration>) -> String {
    if statuses.is_empty() {
        return "no servers are configured\n".to_owned();
    }
    let names: Vec<String> = statuses.iter().map(|status| line(&status.name).into_owned()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(4, 40);
    let mut text = format!("{:width$}  {:9} {:>5}  {:>8}  {}\n", "name", "state", "tools", "time", "reason");
    for (status, name) in statuses.iter().zip(&names) {
        let tools = status.tools.map_or("-".to_owned(), |count| count.to_string());
        let time = match (status.state, times.get(&status.name)) {
            (ServerState::Disabled, _) | (_, None) => "-".to_owned(),
            (_, Some(time)) => format!("{:.2} s", time.as_secs_f64()),
        };
        let reason = missing_tools_reason(status)
            .filter(|_| status.state != ServerState::Disabled)
            .unwrap_or_default();
        let row =
            format!("{name:width$}  {:9} {tools:>5}  {time:>8}  {}", status.state.to_string(), line(&reason));
        text.push_str(row.trim_end());
        text.push('\n');
        let words = status.last_output.as_deref().filter(|_| !reason.is_empty()).unwrap_or_default();
        for printed in words.strip_prefix("stderr: ").unwrap_or(words).lines() {
            if !printed.trim().is_empty() {
                text.push_str(&format!("{:width$}    {}\n", "", line(printed)));
            }
        }
    }
    text
}
