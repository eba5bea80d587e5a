//! `isolet completions` and `isolet man`: shell completions and manual pages, generated from the
//! command line definition.

use std::path::PathBuf;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;
use crate::exit::Failure;
use crate::output::stdout;

const COMPLETIONS: &str = "Examples:
  isolet completions bash > ~/.local/share/bash-completion/completions/isolet
  isolet completions zsh > \"${fpath[1]}/_isolet\"
  isolet completions fish > ~/.config/fish/completions/isolet.fish";

#[derive(clap::Args)]
#[command(after_help = COMPLETIONS)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const MAN: &str = "Examples:
  isolet man | man -l -
  isolet man run | man -l -
  isolet man --dir ~/.local/share/man/man1";

#[derive(clap::Args)]
#[command(after_help = MAN)]
pub struct ManArgs {
    /// The page of this command; without it the page of isolet
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write all pages into this folder instead: isolet.1, isolet-run.1, …
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// Prints the completion script for a shell.
pub fn completions(args: CompletionArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "isolet", &mut text);
    stdout::print(&text)
}

/// Prints one manual page, or writes all of them into a folder.
pub fn man(args: ManArgs) -> Result<(), Failure> {
    let mut all = Cli::command();
    all.build();
    if let Some(folder) = &args.dir {
        let cannot =
            |what: &str, error: std::io::Error| Failure::Setup(format!("cannot write {what}: {error}"));
        std::fs::create_dir_all(folder).map_err(|error| cannot(&folder.display().to_string(), error))?;
        for (name, command) in pages(&all) {
            let file = folder.join(format!("{name}.1"));
            std::fs::write(&file, page(&name, command)?)
                .map_err(|error| cannot(&file.display().to_string(), error))?;
        }
        return Ok(());
    }
    let wanted = args.command.map_or("isolet".to_owned(), |command| format!("isolet-{command}"));
    let Some((name, command)) = pages(&all).into_iter().find(|(name, _)| *name == wanted) else {
        return Err(Failure::Usage(format!(
            "unknown command \"{}\": see isolet --help",
            wanted.replacen("isolet-", "", 1)
        )));
    };
    stdout::print(&page(&name, command)?)
}

/// Returns the command and its visible subcommands at any depth, with the names of their pages.
fn pages(all: &Command) -> Vec<(String, &Command)> {
    let mut pages = vec![("isolet".to_owned(), all)];
    let mut next = 0;
    while let Some((name, command)) = pages.get(next).cloned() {
        let below =
            command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
        pages.extend(below.map(|below| (format!("{name}-{}", below.get_name()), below)));
        next += 1;
    }
    pages
}

fn page(name: &str, command: &Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    Man::new(command.clone().display_name(name.to_owned()))
        .title(name)
        .render(&mut text)
        .map_err(|error| Failure::Setup(format!("cannot make the page {name}: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let mut all = Cli::command();
        all.build();
        let names: Vec<String> = pages(&all).into_iter().map(|(name, _)| name).collect();
        for name in ["isolet", "isolet-run", "isolet-call", "isolet-auth-login", "isolet-man"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        for (name, command) in pages(&all) {
            assert!(!page(&name, command).unwrap().is_empty());
        }
    }
}
