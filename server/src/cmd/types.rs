//! `isolet types`: declarations on standard output, of live servers or of saved lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolet_tsdefs::{Detail, ServerDefinition};

use super::output;
use crate::exit::Failure;
use crate::tools::{Selection, Tools};
use crate::toolset::{Missing, Toolset};
use crate::{config, costs, settings};

/// How long servers may take to start: `npx` and `uvx` download what they run.
const START: Duration = Duration::from_secs(35);

/// A saved list is text from a server. The largest known has 2 MB.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

#[derive(clap::Args)]
pub struct Args {
    /// One server, or one of its tools
    #[arg(value_name = "SERVER[/TOOL]")]
    which: Option<String>,
    /// How much to say: names, brief or full
    #[arg(long, value_name = "LEVEL", default_value_t = Detail::Full)]
    detail: Detail,
    /// Count tokens instead: of each level and of the definitions as they came
    #[arg(long, conflicts_with = "detail")]
    tokens: bool,
    /// Print the counts as JSON
    #[arg(long, requires = "tokens")]
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

/// Prints declarations.
pub fn run(args: Args) -> Result<(), Failure> {
    if !args.tools_file.is_empty() {
        let toolset = saved(&args.tools_file)?;
        return print(&toolset, &args);
    }
    live(args.mcp_config.as_deref(), &args.settings, |toolset, broken| {
        print(toolset, &args)?;
        // What was printed is right but not all: whoever pipes it into a prompt must be able to notice.
        let concerned = |name: &str| {
            args.which
                .as_deref()
                .is_none_or(|which| which.split('/').next().is_some_and(|server| server == name))
        };
        missing(broken.iter().filter(|(name, _)| concerned(name)))
    })
}

/// Starts the servers, waits for their lists, ends them, and hands over what they listed and which are broken, and why.
pub fn live(
    mcp_config: Option<&Path>,
    settings: &settings::SettingsFile,
    use_them: impl FnOnce(&Toolset, &[(String, String)]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let folder = Path::new(".");
    let settings = settings.load(folder)?;
    let servers = config::load(mcp_config.or(settings.mcp_config.as_deref()), folder)?;
    let rules = settings.rules_without_audit()?;
    super::on_runtime(Some(2), async move {
        let tools = Tools::start(servers, rules);
        tools.settled(START).await;
        let toolset = tools.toolset();
        let broken = tools.all_broken();
        tools.shutdown().await;
        use_them(&toolset, &broken)
    })
}

/// Fails if there are broken servers, with a line for each.
pub fn missing<'a>(broken: impl Iterator<Item = &'a (String, String)>) -> Result<(), Failure> {
    let lines: Vec<String> =
        broken.map(|(name, reason)| format!("the server \"{name}\" is missing: {reason}")).collect();
    if lines.is_empty() { Ok(()) } else { Err(Failure::Setup(lines.join("\nisolet: "))) }
}

fn print(toolset: &Toolset, args: &Args) -> Result<(), Failure> {
    let selection = match args.which.as_deref() {
        None => Selection::All,
        Some(which) => match which.split_once('/') {
            // A server's own name may have a slash.
            Some((server, tool)) if toolset.server(which).is_none() => {
                Selection::Tool { server: server.to_owned(), tool: tool.to_owned() }
            }
            _ => Selection::Servers(vec![which.to_owned()]),
        },
    };
    let text = match (args.tokens, args.json) {
        (true, true) => costs::of(toolset, &selection).map(|counts| format!("{counts}\n")),
        (true, false) => costs::table(toolset, &selection),
        _ => match &selection {
            Selection::All => toolset.declarations(None, args.detail),
            Selection::Servers(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                toolset.declarations(Some(&names), args.detail)
            }
            Selection::Tool { server, tool } => toolset.declaration(server, tool, args.detail),
        }
        .map(|declarations| declarations.text),
    };
    match text {
        Ok(text) => output::print(text.as_bytes()),
        Err(Missing::Unlisted(_)) => Ok(()),
        Err(missing) => Err(Failure::Usage(missing.to_string())),
    }
}

/// The servers of saved lists.
pub fn saved(files: &[PathBuf]) -> Result<Toolset, Failure> {
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
            return Err(Failure::Usage(format!(
                "{shown}: there is a server \"{name}\" already; rename one file"
            )));
        }
        let size = metadata.len();
        if size > LARGEST_FILE {
            return Err(cannot(format!("{size} bytes are too many for a list of tools")));
        }
        let bytes = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| cannot("it is not UTF-8, so no JSON as tools/list gives it".to_owned()))?;
        let (server, skipped) = ServerDefinition::from_tools_list(name, &text)
            .map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
        for tool in skipped {
            eprintln!("isolet: warning: {shown}: left out {tool}");
        }
        servers.push(server);
    }
    let servers = servers.into_iter().map(|server| (server.name.clone(), Some(Arc::new(server))));
    Ok(Toolset::new(0, servers.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_lists_name_their_servers() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("my-hub.json");
        std::fs::write(&file, r#"{"tools": [{"name": "get-user"}]}"#).unwrap();
        let toolset = saved(std::slice::from_ref(&file)).unwrap();
        assert!(toolset.declarations(Some(&["my-hub"]), Detail::Names).unwrap().text.contains("get-user"));
        let twice = saved(&[file.clone(), file]).err().expect("two servers with one name");
        assert!(twice.to_string().contains("already"), "{twice}");
        assert!(saved(&[dir.path().join("none.json")]).is_err());
    }
}
