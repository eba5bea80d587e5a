//! `isolet lock`: approves tools, prompts and resources as servers define them now, or shows the
//! differences from the approved definitions.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::config::Start;
use isolet_bindings::lock::{DefinitionKind, Difference, LockFile, PromptsAndResources};
use isolet_bindings::text::line;
use isolet_bindings::{CallError, Caller, Rules, ServerTools};

use super::startup;
use crate::exit::Failure;
use crate::mcp_config::{self, McpConfigOption};
use crate::output::stdout;
use crate::registry::Registry;
use crate::settings::Settings;
use crate::trust::Search;

/// The time that servers have to list prompts and resources.
const LIST_TIMEOUT: Duration = Duration::from_secs(35);

/// The definitions of a server as they are now.
struct ServerLists {
    server: ServerTools,
    /// Prompts, resources and resource templates.
    offered: PromptsAndResources,
}

const EXAMPLES: &str = "Examples:
  isolet lock                                    approves all servers as they are now
  isolet lock github                             one server
  isolet lock --check                            shows differences, and exits with 1 if there are any";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only these servers; without any, all
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Change nothing: show the differences from the approved definitions, and exit with 1 if there
    /// are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    mcp_config: McpConfigOption,
    /// The settings file, beside which isolet.lock lies; without it ~/.config/isolet/isolet.toml,
    /// else a trusted ./isolet.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Approves the definitions, or compares them with `--check`.
pub fn run(args: Args) -> Result<(), Failure> {
    let folder = Search::Folder(Path::new("."));
    let settings = Settings::find(args.config.as_deref(), folder)?;
    let path = settings.lock_path();
    let exists = path.symlink_metadata().is_ok();
    if args.check && !exists {
        return Err(Failure::Usage(format!("{} does not exist: make it with `isolet lock`", path.display())));
    }
    let mut lock = match exists {
        true => {
            LockFile::load(&path, settings.lock_links()).map_err(|error| Failure::Usage(error.to_string()))?.0
        }
        false => LockFile::default(),
    };
    let mut config = mcp_config::load(args.mcp_config.path(), &settings, folder, false)?;
    let configured: HashSet<String> = config.servers.keys().cloned().collect();
    let startup_timeout = args.starting.apply(&mut config)?;
    let servers = list_servers(config, &args.servers, startup_timeout)?;
    if lock.is_first_version() && !args.check && !args.servers.is_empty() {
        return Err(Failure::Usage(format!(
            "{} is of version 1, which must be approved again as a whole: run `isolet lock` without the name of a server",
            path.display()
        )));
    }
    let differences: Vec<Vec<Difference>> =
        servers.iter().map(|listed| lock.differences(&listed.server, Some(&listed.offered))).collect();
    if args.check {
        return check(&lock, &differences, &servers, &path);
    }
    servers.iter().for_each(|listed| lock.approve(&listed.server, &listed.offered));
    // A removed server loses its approval: another server may later get its name.
    let removed = match args.servers.is_empty() {
        true => lock.retain(|name| configured.contains(name)),
        false => Vec::new(),
    };
    lock.save(&path).map_err(|error| Failure::Setup(error.to_string()))?;
    let mut text = format!("{}: {} approved\n", path.display(), counts(|kind| lock.count(kind)));
    // In a new file every definition is new, so none is listed.
    for difference in differences.iter().flatten().filter(|_| exists) {
        let _ = writeln!(text, "  {difference}");
    }
    for name in &removed {
        let _ = writeln!(text, "  - {}: the server was removed from the configuration", line(name));
    }
    stdout::print(text.as_bytes())
}

/// Lists the definitions of the servers, without applying rules. Fails if a server lists none,
/// which would otherwise lose its approval.
fn list_servers(
    mut config: isolet_bindings::config::McpConfig,
    wanted: &[String],
    startup_timeout: Duration,
) -> Result<Vec<ServerLists>, Failure> {
    if let Some(unknown) = wanted.iter().find(|name| !config.servers.contains_key(*name)) {
        let names: Vec<&str> = config.servers.keys().map(String::as_str).collect();
        return Err(Failure::Usage(format!(
            "unknown server \"{unknown}\"; expected one of: {}",
            names.join(", ")
        )));
    }
    config.servers.retain(|name, _| wanted.is_empty() || wanted.contains(name));
    // Also the servers that would start at their first use.
    config.servers.values_mut().for_each(|server| server.start = Start::Eager);
    super::on_runtime(Some(2), async move {
        let registry = Registry::start(config, Rules::default());
        let lists = list_tools(&registry, startup_timeout).await;
        let broken = registry.failed_servers();
        let mut lines: Vec<String> =
            broken.iter().map(|broken| broken.block("lists no tools", true)).collect();
        let mut all = Vec::new();
        for server in lists {
            match list_other(&registry, &server.name).await {
                Ok(offered) => all.push(ServerLists { server, offered }),
                Err(error) => lines.push(format!(
                    "the prompts and resources of the server \"{}\" cannot be listed: {error}",
                    server.name
                )),
            }
        }
        registry.shutdown().await;
        if lines.is_empty() {
            return Ok(all);
        }
        lines.push("nothing was approved or compared".to_owned());
        Err(Failure::Several(lines))
    })
}

async fn list_tools(registry: &Arc<Registry>, startup_timeout: Duration) -> Vec<ServerTools> {
    startup::wait_for_servers(registry, startup_timeout, false).await;
    let lists = registry.gate().watch().borrow().servers.clone();
    lists.iter().filter(|server| server.tools.is_some()).cloned().collect()
}

/// Lists the server's prompts, resources and resource templates. A server that does not implement a
/// request has none of that kind.
async fn list_other(registry: &Arc<Registry>, server: &str) -> Result<PromptsAndResources, CallError> {
    let (gate, caller) = (registry.gate(), Caller::client(None));
    let read = |listed: Result<Vec<u8>, CallError>| match listed {
        Ok(json) => Ok(serde_json::from_slice(&json).unwrap_or_default()),
        Err(CallError::Upstream { code: -32601, .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    Ok(PromptsAndResources {
        prompts: read(gate.list_prompts(&caller, server, LIST_TIMEOUT).await)?,
        resources: read(gate.list_resources(&caller, server, LIST_TIMEOUT).await)?,
        templates: read(gate.list_resource_templates(&caller, server, LIST_TIMEOUT).await)?,
    })
}

/// Formats the counts, such as `2 tools, 1 prompt`.
fn counts(count: impl Fn(DefinitionKind) -> usize) -> String {
    let each = DefinitionKind::ALL.map(|kind| (kind, count(kind)));
    let shown = each.iter().filter(|(kind, count)| *kind == DefinitionKind::Tool || *count > 0);
    let shown =
        shown.map(|(kind, count)| format!("{count} {}{}", kind.noun(), if *count == 1 { "" } else { "s" }));
    shown.collect::<Vec<_>>().join(", ")
}

fn check(
    lock: &LockFile,
    differences: &[Vec<Difference>],
    servers: &[ServerLists],
    path: &Path,
) -> Result<(), Failure> {
    let first = lock.is_first_version();
    if differences.iter().all(Vec::is_empty) && !first {
        let now = |kind| {
            let of = |listed: &ServerLists| match kind {
                DefinitionKind::Tool => listed.server.tools.as_ref().map_or(0, |tools| tools.len()),
                DefinitionKind::Prompt => listed.offered.prompts.len(),
                DefinitionKind::Resource => listed.offered.resources.len(),
                DefinitionKind::Template => listed.offered.templates.len(),
            };
            servers.iter().map(of).sum()
        };
        return stdout::print(format!("{}: as approved: {}\n", path.display(), counts(now)).as_bytes());
    }
    let mut text = String::new();
    for (differences, listed) in differences.iter().zip(servers) {
        for difference in differences {
            let _ = writeln!(text, "{difference}");
            for line in lock.diff(difference, &listed.server, &listed.offered) {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    stdout::print(text.as_bytes())?;
    if first {
        return Err(Failure::Check(format!(
            "{} is of version 1, which covers neither `_meta`, `icons` and the like of tools nor prompts and resources: review the \
             new definitions above, then approve all with `isolet lock`, which writes version 2",
            path.display()
        )));
    }
    Err(Failure::Check(format!(
        "definitions differ from {}: review them above, then approve them with `isolet lock`",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_without_definitions_are_not_counted() {
        assert_eq!(counts(|kind| usize::from(kind == DefinitionKind::Prompt)), "0 tools, 1 prompt");
        assert_eq!(counts(|_| 2), "2 tools, 2 prompts, 2 resources, 2 resource templates");
    }
}
