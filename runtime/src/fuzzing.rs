//! Invariants for any input of a caller or a runner: for the fuzz targets in `fuzz/`, and for
//! property tests.

use crate::process::protocol::frames::{FrameBuffer, decode, encode};
use crate::process::protocol::messages::{FromRunner, FromZygote, ToRunner, ToZygote};
use crate::script;
use crate::script::invariants;

/// Checks frames from either side: a stream decodes to the same messages in pieces of any size, and
/// a message can be encoded again.
///
/// # Panics
/// The invariant does not hold.
pub fn frames(bytes: &[u8]) {
    survives::<FromRunner>(bytes);
    survives::<FromZygote>(bytes);
    // Catalogues are maps without an order.
    let _ = decode::<ToRunner>(bytes);
    let _ = decode::<ToZygote>(bytes);
    let whole = heard(&[bytes]);
    let (head, tail) = bytes.split_at(bytes.len() / 3);
    assert_eq!(whole, heard(&[head, tail]), "in two pieces");
    assert_eq!(whole, heard(&bytes.chunks(1).collect::<Vec<_>>()), "byte by byte");
}

/// Checks that a message stays the same when it is encoded again. Its bytes may differ: postcard
/// accepts numbers that are longer than necessary.
fn survives<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
    let Ok(message) = decode::<T>(bytes) else { return };
    let said = encode(&message).expect("it was within the bounds");
    let again: T = decode(&said[4..]).expect("it was said by us");
    assert_eq!(encode(&again).expect("as long as before"), said);
}

/// Returns the messages that arrive, and the error after them.
fn heard(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<String>) {
    let mut arrived = FrameBuffer::with_max_frame(1 << 20);
    let mut messages = Vec::new();
    for piece in pieces {
        arrived.tail().extend_from_slice(piece);
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

/// Errors that are not found in TypeScript: oxc drops errors of its lexer when it reads a text a
/// second time (`a < b` as type arguments), and exports with one name may be types. V8 reports
/// these errors at the same position.
const LEFT_TO_V8: [&str; 3] = [
    "Invalid Unicode escape sequence",
    "A module cannot have multiple default exports.",
    "Duplicated export",
];

/// Checks a script, in both languages and in every shape.
///
/// # Panics
/// A token has moved, the result is not valid JavaScript, or the position of an error is outside of
/// the text.
pub fn script(source: &str) {
    for typescript in [true, false] {
        for prepare in [script::prepare, script::prepare_module] {
            match prepare(source, typescript) {
                Ok(prepared) => {
                    invariants::positions(source, &prepared);
                    invariants::parses_but_for(&prepared, if typescript { &LEFT_TO_V8 } else { &[] });
                }
                Err(error) => invariants::place(source, &error),
            }
        }
    }
}

#[cfg(test)]
#[path = "../../fuzz/seeds.rs"]
mod seeds;

/// Checks the seeds of the fuzz targets.
#[test]
fn the_seeds_hold() {
    seeds::each("frames", frames);
    seeds::each_text("script", script);
}
