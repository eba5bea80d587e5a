//! What must hold whatever a caller or a runner sends: for the fuzz targets in `fuzz/`, and for property tests.

use crate::process::frames::{Arrived, FromRunner, FromZygote, ToRunner, ToZygote, decode, encode};
use crate::script;
use crate::script::holds;

/// Frames, from any side: a stream of them says the same in whatever pieces it arrives, and a message survives the way.
///
/// # Panics
/// If that does not hold.
pub fn frames(bytes: &[u8]) {
    survives::<FromRunner>(bytes);
    survives::<FromZygote>(bytes);
    // Catalogues are maps, which have no order.
    let _ = decode::<ToRunner>(bytes);
    let _ = decode::<ToZygote>(bytes);
    let whole = heard(&[bytes]);
    let (head, tail) = bytes.split_at(bytes.len() / 3);
    assert_eq!(whole, heard(&[head, tail]), "in two pieces");
    assert_eq!(whole, heard(&bytes.chunks(1).collect::<Vec<_>>()), "byte by byte");
}

/// A message is the same after it was said again. Not its bytes: postcard reads a number that is longer than it need be.
fn survives<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
    let Ok(message) = decode::<T>(bytes) else { return };
    let said = encode(&message).expect("it was within the bounds");
    let again: T = decode(&said[4..]).expect("it was said by us");
    assert_eq!(encode(&again).expect("as long as before"), said);
}

/// The messages that arrive, and why there are no more.
fn heard(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<String>) {
    let mut arrived = Arrived::of_at_most(1 << 20);
    let mut messages = Vec::new();
    for piece in pieces {
        arrived.room().extend_from_slice(piece);
        loop {
            match arrived.take::<FromRunner>() {
                Ok(Some(message)) => messages.push(encode(&message).expect("it was within the bounds")),
                Ok(None) => break,
                Err(error) => return (messages, Some(error.to_string())),
            }
        }
    }
    (messages, None)
}

/// A script, as either language and in every shape.
///
/// # Panics
/// If a token has moved, what comes out is no JavaScript, or an error lies outside of the text.
pub fn script(source: &str) {
    for typescript in [true, false] {
        for prepare in [script::prepare, script::prepare_module] {
            match prepare(source, typescript) {
                Ok(prepared) => {
                    holds::positions(source, &prepared.text);
                    holds::parses(&prepared);
                }
                Err(fault) => holds::place(source, &fault),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    /// Where fuzzing begins, and what it has found.
    #[test]
    fn it_holds_of_the_seeds() {
        for seed in seeds("frames") {
            super::frames(&seed);
        }
        for seed in seeds("script") {
            super::script(std::str::from_utf8(&seed).expect("text"));
        }
    }

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let files = std::fs::read_dir(folder).expect("a folder of seeds");
        let seeds: Vec<_> =
            files.map(|file| std::fs::read(file.expect("a file").path()).expect("bytes")).collect();
        assert!(seeds.len() > 2, "they are there");
        seeds
    }
}
