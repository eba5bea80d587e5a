//! Standard output.

use std::io::{ErrorKind, Write as _};

use crate::exit::Failure;

/// Writes all of `bytes`. A reader that has gone (`| head`) is no error.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Setup(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
