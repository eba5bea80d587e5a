//! Standard output.

use std::io::{ErrorKind, Write as _};

use isolet_bindings::text;

use crate::exit::Failure;

/// Writes UTF-8 text. Characters that control a terminal are replaced. A closed pipe (`| head`) is
/// not an error.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    write(&text::block(&String::from_utf8_lossy(bytes)))
}

/// Writes JSON and a line break. Characters that control a terminal are escaped, which does not
/// change the JSON value.
pub fn print_json(json: &str) -> Result<(), Failure> {
    write(&(text::json(json).into_owned() + "\n"))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Setup(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
