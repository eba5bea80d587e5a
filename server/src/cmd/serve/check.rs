//! `isolet serve --check`: reads everything that a start would read, and starts nothing.

use std::path::Path;

use isolet_bindings::text::line;
use isolet_runtime::Library;

use super::Args;
use crate::exit::Failure;
use crate::mcp_config;
use crate::output::stdout;
use crate::registry::unmatched_patterns;
use crate::settings::address::ListenAddress;
use crate::trust::Search;

/// Prints the configuration. Fails if a file is invalid or a server cannot be used.
pub fn run(args: &Args) -> Result<(), Failure> {
    args.mcp.options()?;
    let folder = Search::Folder(Path::new("."));
    let settings = args.settings.load(folder)?;
    let servers = mcp_config::load(args.mcp_config.path(), &settings, folder, true)?;
    let rules = settings.rules_without_audit()?;
    let listen = args.listen_address(settings.server.listen.clone());
    let tokens = args.tokens(settings.server.tokens.clone())?;
    args.check_listen(&listen, &tokens, &settings.server)?;
    let shown = |path: &Path| line(&path.display().to_string()).into_owned();
    let file = settings.file.as_ref().map_or("none".to_owned(), |file| shown(file.path()));
    let source = servers.file.as_ref().map_or("built in".to_owned(), |file| shown(file.path()));
    let lock = rules.lock.as_ref().map_or("none".to_owned(), |_| shown(&settings.lock_path()));
    let deployment = args.workers.deployment(&settings.workers, &settings.limits)?;
    let loaded = args.libraries.load(&settings.libraries)?;
    let libraries = match &loaded.libraries {
        None => String::new(),
        Some(loaded) => {
            let names: Vec<String> = loaded.libraries.iter().map(Library::name_and_version).collect();
            format!("libraries: {}, modules: {}\n", line(&names.join(", ")), loaded.modules.len())
        }
    };
    loaded.warnings.iter().for_each(|warning| stderr_line!("isolet: warning: {warning}"));
    let (mut workers, mut unmatched_servers) = (String::new(), Vec::new());
    if let Some(deployment) = &deployment {
        let address = args.workers.listen(&settings.workers, deployment)?;
        let address = match address {
            ListenAddress::Tcp(address) => format!("http://{address}"),
            ListenAddress::Unix(path) => format!("unix:{}", shown(&path)),
        };
        for (worker, place) in deployment.workers.iter().zip(deployment.addresses(&address)) {
            let tools = match worker.mcp_servers.is_empty() {
                true => "none".to_owned(),
                false => line(&worker.mcp_servers.join(", ")).into_owned(),
            };
            let outgoing: Vec<String> = worker.outgoing.iter().map(ToString::to_string).collect();
            let outgoing = if outgoing.is_empty() { "none".to_owned() } else { outgoing.join(", ") };
            workers += &format!(
                "worker: {place}, modules: {}, processes: {}, mcp_servers: {tools}, outgoing: {outgoing}\n",
                worker.prepared.module_count(),
                worker.processes,
            );
            worker.prepared.warnings.iter().for_each(|warning| {
                stderr_line!("isolet: warning: {}: {warning}", worker.name);
            });
            let enabled = servers.servers.iter().filter(|(_, server)| !server.disabled);
            let enabled = enabled.map(|(name, _)| name.as_str());
            let unmatched = unmatched_patterns::without_servers(enabled, &worker.mcp_servers);
            unmatched_servers.extend(
                unmatched.iter().map(|reason| format!("mcp_servers of \"{}\": {reason}", worker.name)),
            );
        }
    }
    let enabled = servers.servers.values().filter(|server| !server.disabled).count();
    stdout::print(
        format!(
            "settings: {file}\nservers: {source}, {enabled} of {} enabled\nrules: {}\nlock: {lock}\ntokens: {}\nlisten: \
             {listen}\n{libraries}{workers}",
            servers.servers.len(),
            settings.policy.rules.len(),
            tokens.len(),
        )
        .as_bytes(),
    )?;
    let faults =
        servers.servers.iter().filter(|(_, server)| !server.disabled).filter_map(|(name, server)| {
            Some(format!("the server \"{name}\" cannot be used: {}", server.fault()?))
        });
    let faults: Vec<String> = faults.chain(unmatched_servers).collect();
    if faults.is_empty() { Ok(()) } else { Err(Failure::Several(faults)) }
}
