//! Starts MCP servers for a command and waits for them, with a progress line on a terminal.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use isolet_bindings::config::{McpConfig, Start};
use isolet_bindings::text::line;
use isolet_bindings::{DEFAULT_CONNECT_TIMEOUT, Rules, ServerState, ServerStatus};

use crate::exit::Failure;
use crate::registry::{AliasedName, Registry, RememberedLists};
use crate::settings::Settings;
use crate::settings::duration;

/// The variable that Claude Code has for the same, in milliseconds.
const TIMEOUT_VARIABLE: &str = "MCP_TIMEOUT";

/// The additional time for the list of tools after a server has started.
const LIST_TIMEOUT: Duration = Duration::from_secs(35);

/// The interval at which states of servers are polled, as changes are not announced.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The time before the progress line is shown.
const PROGRESS_DELAY: Duration = Duration::from_millis(400);

/// The interval at which the progress line is redrawn.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(120);

/// The most servers that the progress line names.
const MAX_SHOWN_NAMES: usize = 4;

/// The options of commands that wait for servers.
#[derive(clap::Args, Clone, Debug)]
pub struct StartupOptions {
    /// The time that a server may take to start: 30s, 2m. Overrides `startupTimeout` of the server
    /// and MCP_TIMEOUT, in milliseconds, of the environment; by default a minute, and longer at
    /// each further attempt
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    startup_timeout: Option<Duration>,
}

impl StartupOptions {
    /// Sets the startup timeout of each server in `config`, and returns the longest.
    pub fn apply(&self, config: &mut McpConfig) -> Result<Duration, Failure> {
        let of_environment = timeout_of_environment()?;
        for server in config.servers.values_mut() {
            server.startup = self.startup_timeout.or(server.startup).or(of_environment);
        }
        let times = config.servers.values().map(|server| server.startup.unwrap_or(DEFAULT_CONNECT_TIMEOUT));
        Ok(times.max().unwrap_or(DEFAULT_CONNECT_TIMEOUT))
    }
}

/// Reads the timeout of [`TIMEOUT_VARIABLE`].
fn timeout_of_environment() -> Result<Option<Duration>, Failure> {
    let Some(text) = std::env::var(TIMEOUT_VARIABLE).ok().filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let milliseconds = text.trim().parse().ok().filter(|number| (1..=86_400_000_u64).contains(number));
    milliseconds.map(|number| Some(Duration::from_millis(number))).ok_or_else(|| {
        Failure::Usage(format!(
            "{TIMEOUT_VARIABLE} is \"{text}\": expected milliseconds, from 1 to 86400000 (a day)"
        ))
    })
}

/// Starts the servers for a command that runs until it is stopped: with lists of earlier starts, a
/// search index made in advance, and inferred result types, as far as the settings enable them.
/// `tenants` are those of the tokens.
pub fn start_for_service(
    servers: McpConfig,
    rules: Rules,
    settings: &Settings,
    tenants: Vec<String>,
) -> Arc<Registry> {
    let remembered = settings.remembers().then(|| RememberedLists::of_user(&servers)).flatten();
    let registry = Registry::start(servers, rules);
    remembered.into_iter().for_each(|remembered| registry.remember(remembered));
    registry.index_ahead();
    if settings.infers_types() {
        registry.infer_types(tenants);
    }
    registry
}

/// Configures the servers that `is_needed` accepts to start at once, and all others to start at
/// their first use. Returns the names of the former.
pub fn start_only(config: &mut McpConfig, is_needed: impl Fn(AliasedName<'_>) -> bool) -> Vec<String> {
    let names: Vec<String> = config.servers.keys().cloned().collect();
    let aliases = isolet_tsdefs::aliases(&names);
    let mut needed = Vec::new();
    for ((name, server), alias) in config.servers.iter_mut().zip(aliases) {
        let is_needed = is_needed(AliasedName { name, alias: &alias });
        server.start = if is_needed { Start::Eager } else { Start::Lazy };
        needed.extend(is_needed.then(|| name.clone()));
    }
    needed
}

/// Tells whether standard error is a terminal that can show a progress line.
fn shows_progress() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Waits until every server that was started has listed its tools or has failed, or until
/// `startup_timeout` and the time for a list have passed. Returns the time that each server took.
pub async fn wait_for_servers(
    registry: &Arc<Registry>,
    startup_timeout: Duration,
    quiet: bool,
) -> HashMap<String, Duration> {
    let began = Instant::now();
    let mut ready = HashMap::new();
    let mut spinner: Option<ProgressBar> = None;
    loop {
        let statuses = registry.gate().statuses();
        let waiting: Vec<&ServerStatus> =
            statuses.iter().filter(|status| !status.state.is_settled()).collect();
        for status in statuses.iter().filter(|status| status.state.is_settled()) {
            ready.entry(status.name.clone()).or_insert_with(|| began.elapsed());
        }
        if waiting.is_empty() || began.elapsed() > startup_timeout.saturating_add(LIST_TIMEOUT) {
            break;
        }
        if spinner.is_none() && !quiet && began.elapsed() >= PROGRESS_DELAY && shows_progress() {
            spinner = Some(new_spinner());
        }
        if let Some(spinner) = &spinner {
            let all = statuses
                .iter()
                .filter(|status| !matches!(status.state, ServerState::Idle | ServerState::Disabled));
            spinner.set_message(progress_message(&waiting, all.count()));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    ready
}

fn new_spinner() -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(PROGRESS_INTERVAL);
    spinner
}

/// Formats `starting 2 of 10 servers: git, time`.
fn progress_message(waiting: &[&ServerStatus], all: usize) -> String {
    let names: Vec<String> =
        waiting.iter().take(MAX_SHOWN_NAMES).map(|status| line(&status.name).into_owned()).collect();
    let more = match waiting.len().saturating_sub(MAX_SHOWN_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let servers = if all == 1 { "server" } else { "servers" };
    format!("starting {} of {all} {servers}: {}{more}", waiting.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use isolet_bindings::config::ServerConfig;

    use super::*;

    #[test]
    fn servers_that_are_not_needed_start_lazily() {
        let mut config = McpConfig::default();
        for name in ["a", "my-hub", "c"] {
            config.servers.insert(name.to_owned(), ServerConfig::stdio("x", [""; 0]));
        }
        let needed = start_only(&mut config, |server| server.alias == "my_hub");
        assert_eq!(needed, ["my-hub"]);
        let starts: Vec<Start> = config.servers.values().map(|server| server.start).collect();
        assert_eq!(starts, [Start::Lazy, Start::Eager, Start::Lazy]);
    }

    #[test]
    fn the_command_line_overrides_the_file() {
        let mut config = McpConfig::default();
        config.servers.insert("a".to_owned(), ServerConfig::stdio("x", [""; 0]));
        let mut own = ServerConfig::stdio("x", [""; 0]);
        own.startup = Some(Duration::from_secs(1));
        config.servers.insert("b".to_owned(), own);
        let startup = |choice: Option<Duration>| {
            let mut config = config.clone();
            StartupOptions { startup_timeout: choice }.apply(&mut config).unwrap();
            config.servers.values().map(|server| server.startup).collect::<Vec<_>>()
        };
        assert_eq!(startup(Some(Duration::from_secs(9))), [Some(Duration::from_secs(9)); 2]);
        assert_eq!(startup(None)[1], Some(Duration::from_secs(1)));
    }
}
