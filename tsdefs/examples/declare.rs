//! Prints the declarations of saved tool lists:
//! `cargo run -p isolet-tsdefs --example declare -- full a.json b.json`.

use std::path::Path;
use std::process::ExitCode;

use isolet_tsdefs::{Detail, ServerDefinition, declare};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(detail) = words.next().and_then(|word| word.parse::<Detail>().ok()) else {
        eprintln!("usage: declare names|brief|full FILE...");
        return ExitCode::from(2);
    };
    let mut servers = Vec::new();
    for file in words {
        let name = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = std::fs::read_to_string(&file).map_err(|error| error.to_string());
        match read.and_then(|json| {
            ServerDefinition::from_tools_list(name, &json).map_err(|error| error.to_string())
        }) {
            Ok((server, skipped)) => {
                skipped.iter().for_each(|tool| eprintln!("{file}: {tool}"));
                servers.push(server);
            }
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    print!("{}", declare(&servers, detail).text);
    ExitCode::SUCCESS
}
