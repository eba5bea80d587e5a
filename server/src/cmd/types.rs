//! `isolet types`: prints declarations of the tools of live servers or of saved lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolet_bindings::text;
use isolet_tsdefs::{Detail, ServerDefinition};

use super::startup;
use crate::exit::Failure;
use crate::libraries::LibraryOptions;
use crate::mcp_config::McpConfigOption;
use crate::output::stdout;
use crate::prompt::libraries;
use crate::registry::{AliasedName, LookupError, Registry, Selection, ToolFilter, ToolSnapshot};
use crate::trust::Search;
use crate::{mcp_config, prompt_costs, settings};

/// The largest saved list. The largest known has 2 MB.
const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// One server, or one of its tools
    #[arg(value_name = "SERVER[/TOOL]")]
    which: Option<String>,
    /// Only tools that match these patterns: files, files/read_*
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', conflicts_with = "which")]
    tools: Vec<String>,
    /// The level of detail: names, brief or full
    #[arg(long, value_name = "LEVEL", default_value_t = Detail::Full)]
    detail: Detail,
    /// Print token counts instead: of each level of detail, and of the JSON definitions
    #[arg(long, conflicts_with = "detail")]
    tokens: bool,
    /// Print the counts as JSON
    #[arg(long, requires = "tokens")]
    json: bool,
    /// A saved tools/list result instead of live servers; the file's name names the server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mcp_config", "config", "read_only"])]
    tools_file: Vec<PathBuf>,
    #[command(flatten)]
    mcp_config: McpConfigOption,
    /// Exit with 0 although servers are missing, if at least one could be printed
    #[arg(long)]
    allow_missing: bool,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    settings: settings::SettingsFile,
    #[command(flatten)]
    libraries: LibraryOptions,
}

const EXAMPLES: &str = "Examples:
  isolet types                          all servers, full JSDoc
  isolet types files --detail brief     one server, which alone is started
  isolet types github/create_issue      one tool
  isolet types --tools-file list.json   from a saved tools/list result";

/// Prints declarations.
pub fn run(args: Args) -> Result<(), Failure> {
    if !args.tools_file.is_empty() {
        let snapshot = read_saved_lists(&args.tools_file)?;
        return print(&snapshot, &args);
    }
    let live = LiveServers {
        mcp_config: args.mcp_config.path(),
        settings: &args.settings,
        starting: &args.starting,
        needed: match args.which.as_deref() {
            Some(which) => ServersToStart::Of(which),
            None if !args.tools.is_empty() => ServersToStart::Matching(&args.tools),
            None => ServersToStart::All,
        },
        quiet: args.json,
        allow_missing: args.allow_missing,
    };
    // Incomplete output fails the command, so that a script that builds a prompt can notice it.
    let settings = args.settings.load(Search::Folder(Path::new(".")))?;
    let is_whole = args.which.is_none() && args.tools.is_empty() && !args.tokens;
    let loaded = args.libraries.load(&settings.libraries)?.libraries.filter(|_| is_whole);
    if let Some(loaded) = loaded {
        stdout::print(libraries::comment(&loaded.libraries).as_bytes())?;
    }
    live.run(|snapshot| print(snapshot, &args))
}

/// The servers that a command needs.
pub enum ServersToStart<'a> {
    /// All servers.
    All,
    /// The server of `server` or `server/tool`.
    Of(&'a str),
    /// The servers that these patterns match.
    Matching(&'a [String]),
}

impl ServersToStart<'_> {
    /// Tells whether the server is needed. Errors in patterns are reported where the patterns are
    /// used.
    fn has(&self, server: AliasedName<'_>) -> bool {
        match self {
            Self::All => true,
            // Names of servers may have slashes.
            Self::Of(which) => [server.name, server.alias].iter().any(|name| {
                which.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
            Self::Matching(patterns) => {
                ToolFilter::new(patterns).map_or(true, |filter| filter.allows_server(server))
            }
        }
    }
}

/// Servers that are started to list their tools.
pub struct LiveServers<'a> {
    /// The value of `--mcp-config`.
    pub mcp_config: Option<&'a Path>,
    /// The options for the settings.
    pub settings: &'a settings::SettingsFile,
    /// The options for the start of servers.
    pub starting: &'a startup::StartupOptions,
    /// The servers to start.
    pub needed: ServersToStart<'a>,
    /// Prints no messages beside the result.
    pub quiet: bool,
    /// Succeeds although some servers have no lists.
    pub allow_missing: bool,
}

impl LiveServers<'_> {
    /// Starts the servers, waits for their lists, stops them, and calls `use_snapshot` with the
    /// lists. Afterwards fails if a server is broken, with a message for each.
    pub fn run(self, use_snapshot: impl FnOnce(&ToolSnapshot) -> Result<(), Failure>) -> Result<(), Failure> {
        let folder = Search::Folder(Path::new("."));
        let settings = self.settings.load(folder)?;
        let mut servers = mcp_config::load(self.mcp_config, &settings, folder, self.quiet)?;
        let startup_timeout = self.starting.apply(&mut servers)?;
        // A server that is not needed may be broken.
        let required = match &self.needed {
            ServersToStart::All => servers.servers.keys().cloned().collect(),
            needed => startup::start_only(&mut servers, |server| needed.has(server)),
        };
        let rules = settings.rules_without_audit()?;
        super::on_runtime(Some(2), async move {
            let registry = Registry::start(servers, rules);
            startup::wait_for_servers(&registry, startup_timeout, self.quiet).await;
            let snapshot = registry.snapshot();
            let mut broken = registry.failed_servers();
            broken.retain(|broken| required.contains(&broken.name));
            registry.shutdown().await;
            use_snapshot(&snapshot)?;
            let lines: Vec<String> = broken.iter().map(|broken| broken.block("is missing", true)).collect();
            match (lines.is_empty(), self.allow_missing) {
                (true, _) => Ok(()),
                (false, false) => Err(Failure::Several(lines)),
                (false, true) => {
                    lines.iter().for_each(|line| stderr_text!("isolet: warning: {line}\n"));
                    Ok(())
                }
            }
        })
    }
}

fn print(snapshot: &ToolSnapshot, args: &Args) -> Result<(), Failure> {
    let selection = match args.which.as_deref() {
        None if !args.tools.is_empty() => Selection::Tools(args.tools.clone()),
        None => Selection::All,
        Some(which) => match which.split_once('/') {
            // Names of servers may have slashes.
            Some((server, tool)) if snapshot.server(which).is_none() => {
                Selection::Tool { server: server.to_owned(), tool: tool.to_owned() }
            }
            _ => Selection::Servers(vec![which.to_owned()]),
        },
    };
    let text = match (args.tokens, args.json) {
        (true, true) => prompt_costs::document(snapshot, &selection)
            .map(|counts| text::json(&format!("{counts}\n")).into_owned()),
        (true, false) => prompt_costs::table(snapshot, &selection),
        _ => snapshot.declarations_of(&selection, args.detail).map(|declarations| declarations.text),
    };
    match text {
        Ok(text) => stdout::print(text.as_bytes()),
        // The error of the server is printed afterwards.
        Err(LookupError::Unlisted(_)) => Ok(()),
        Err(missing) => Err(Failure::Usage(missing.to_string())),
    }
}

/// Reads servers from saved lists.
pub fn read_saved_lists(files: &[PathBuf]) -> Result<ToolSnapshot, Failure> {
    let mut servers: Vec<ServerDefinition> = Vec::new();
    for file in files {
        let shown = file.display();
        let cannot = |why: String| Failure::Usage(format!("cannot read {shown}: {why}"));
        let metadata = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
        if metadata.is_dir() {
            return Err(cannot("it is a folder; name the files in it".to_owned()));
        }
        let name = file.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| {
            Failure::Usage(format!("{shown}: the file's name must be UTF-8, it names the server"))
        })?;
        if servers.iter().any(|other| other.name == name) {
            return Err(Failure::Usage(format!("{shown}: two files name the server \"{name}\"; rename one")));
        }
        let size = metadata.len();
        if size > MAX_LIST_BYTES {
            return Err(cannot(format!("{size} bytes are more than a list of tools may have")));
        }
        let bytes = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| cannot("it is not UTF-8, and so not a tools/list result".to_owned()))?;
        let (server, skipped) = ServerDefinition::from_tools_list(name, &text)
            .map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
        for tool in skipped {
            stderr_line!("isolet: warning: {shown}: left out {tool}");
        }
        servers.push(server);
    }
    let servers = servers.into_iter().map(|server| (server.name.clone(), Some(Arc::new(server))));
    Ok(ToolSnapshot::of_definitions(servers.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_lists_name_their_servers() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("my-hub.json");
        std::fs::write(&file, r#"{"tools": [{"name": "get-user"}]}"#).unwrap();
        let snapshot = read_saved_lists(std::slice::from_ref(&file)).unwrap();
        assert!(snapshot.declarations(Some(&["my-hub"]), Detail::Names).unwrap().text.contains("get_user"));
        let twice = read_saved_lists(&[file.clone(), file]).err().expect("two servers with one name");
        assert!(twice.to_string().contains("two files"), "{twice}");
        assert!(read_saved_lists(&[dir.path().join("none.json")]).is_err());
    }
}
