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

/// What passes as TypeScript: oxc forgets what its lexer complained of when it reads a text a second time (`a < b` as type
/// arguments), and of exports with one name some may be types. V8 complains of these at the same place.
const LEFT_TO_V8: [&str; 3] = [
    "Invalid Unicode escape sequence",
    "A module cannot have multiple default exports.",
    "Duplicated export",
];

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
                    holds::parses_but_for(&prepared, if typescript { &LEFT_TO_V8 } else { &[] });
                }
                Err(fault) => holds::place(source, &fault),
            }
        }
    }
}

#[cfg(test)]
#[path = "../../fuzz/seeds.rs"]
mod seeds;

/// Where fuzzing begins, and what it has found.
#[test]
fn it_holds_of_the_seeds() {
    seeds::each("frames", frames);
    seeds::each_text("script", script);
}
