//! What broker, zygotes and runners say to each other, and how it is cut into frames.
//!
//! A frame is a length (four bytes, little-endian) and as many bytes of [postcard](https://postcard.jamesmunns.com). All
//! ends come from the same executable, so there is one version and no negotiation; it is still said first, so that a
//! binary replaced on disk between two starts of zygotes is noticed.
//!
//! The broker believes nothing that a runner says: a runner may be owned by its script. Lengths are capped before
//! anything is allocated, call numbers are looked up, and a frame that does not parse costs the runner its life.

use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::jail::Layers;
use crate::report::Outcome;
use crate::{CallRecord, Catalogue, Limits, LogLine, Operation, ToolFailure};

/// Of the frames; a zygote that says another one is not used.
pub const VERSION: u32 = 3;

/// The longest frame. Inputs are capped at 8 MiB by default and tool answers at 64 MiB by the upstream's transport.
pub const LONGEST: usize = 80 << 20;

/// From the broker to a zygote.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToZygote {
    /// Names that runs will refer to by number; runners made from now on know them. Sent when upstreams' lists change,
    /// not with each run.
    Catalogue {
        /// Its number.
        id: u64,
        /// Servers and tools.
        catalogue: Catalogue,
    },
    /// No further run will refer to this catalogue.
    Forget {
        /// Its number.
        id: u64,
    },
    /// Make runners.
    Spawn {
        /// How many.
        count: u32,
    },
}

/// From a zygote.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromZygote {
    /// The first frame: the isolate is made and the jail is shut.
    Ready {
        /// [`VERSION`] of the zygote.
        version: u32,
        /// What the jail is made of.
        layers: Layers,
    },
    /// A runner is there. Its socket and a descriptor of its process come along with the frame, in this order.
    Runner {
        /// Process id.
        pid: u32,
        /// The catalogues that it knows.
        catalogues: Vec<u64>,
    },
}

/// From the broker to a runner.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToRunner {
    /// A catalogue that is younger than the runner.
    Catalogue {
        /// Its number.
        id: u64,
        /// Servers and tools.
        catalogue: Catalogue,
    },
    /// Run this. A runner gets one.
    Run(Box<RunFrame>),
    /// The answer to a call.
    Answer {
        /// The call's number.
        call: u32,
        /// JSON text, or why there is none.
        answer: Result<Blob, ToolFailure>,
    },
}

/// Bytes that cross in one piece. A `Vec<u8>` would be a sequence of numbers to serde, taken apart and put together one by
/// one, and answers of tools have megabytes.
#[derive(Debug)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOnePiece;
        impl Visitor<'_> for InOnePiece {
            type Value = Blob;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(InOnePiece)
    }
}

/// A job for a runner.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunFrame {
    /// The catalogue's number.
    pub catalogue: u64,
    /// The script.
    pub code: String,
    /// TypeScript, or JavaScript.
    pub typescript: bool,
    /// JSON text.
    pub input: Option<String>,
    /// JSON object, or empty.
    pub vars: String,
    /// How much it may use.
    pub limits: Limits,
}

/// From a runner, about its one run.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromRunner {
    /// It logged a line.
    Log {
        /// The line.
        line: LogLine,
    },
    /// It asks for a call.
    Call {
        /// The call's number.
        call: u32,
        /// Exact name of the server.
        server: String,
        /// What is asked.
        operation: Operation,
    },
    /// A call was never sent, as the run ended while it waited behind others. What was sent the broker knows better.
    Unsent {
        /// What is reported of it.
        record: Called,
    },
    /// It ended.
    Done {
        /// How.
        outcome: Outcome,
    },
}

/// A [`CallRecord`] for a format that cannot leave fields out.
#[derive(Debug, Serialize, Deserialize)]
pub struct Called {
    server: String,
    tool: String,
    ms: f64,
    error: Option<String>,
}

impl Called {
    /// Whether its texts together are longer than `bytes`.
    pub(crate) fn is_longer_than(&self, bytes: usize) -> bool {
        self.server.len() + self.tool.len() + self.error.as_ref().map_or(0, String::len) > bytes
    }
}

impl From<CallRecord> for Called {
    fn from(CallRecord { server, tool, ms, error, .. }: CallRecord) -> Self {
        Self { server, tool, ms, error }
    }
}

impl From<Called> for CallRecord {
    fn from(Called { server, tool, ms, error }: Called) -> Self {
        Self { server, tool, ms, ok: error.is_none(), error }
    }
}

/// Why a message is no frame. Whoever waits for the message must be told: it is not sent.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It is longer than [`LONGEST`].
    #[error("{} MiB are more than the {} MiB that pass between isolet and the process that runs scripts", bytes.div_ceil(1 << 20), LONGEST >> 20)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not fit the format.
    #[error("it does not fit the format of frames: {0}")]
    Format(#[from] postcard::Error),
}

/// Whether a message around so many bytes of text can be a frame: asked before megabytes are copied in vain.
///
/// # Errors
/// When it cannot.
pub fn fits(bytes: usize) -> Result<(), EncodeError> {
    if bytes > LONGEST { Err(EncodeError::TooLong { bytes }) } else { Ok(()) }
}

/// A frame of `message`, length included.
///
/// # Errors
/// When it would be longer than [`LONGEST`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, EncodeError> {
    let mut frame = postcard::to_extend(message, vec![0; 4])?;
    let bytes = frame.len() - 4;
    fits(bytes)?;
    frame[..4].copy_from_slice(&(bytes as u32).to_le_bytes());
    Ok(frame)
}

/// The length that a frame's first four bytes announce.
///
/// # Errors
/// When it is longer than [`LONGEST`].
pub fn announced(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame longer than allowed"));
    }
    Ok(length)
}

/// What a frame's bytes, without the length, say.
///
/// # Errors
/// When they say nothing, or more than one thing.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(io::Error::other)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the end of a message"))
    }
}

/// Bytes that have arrived, and how many of them have been taken.
///
/// A runner can send frames by the thousand at once; to move what follows up after each of them would cost the broker the
/// square of their number.
#[derive(Debug)]
pub struct Arrived {
    bytes: Vec<u8>,
    taken: usize,
    longest: usize,
}

impl Default for Arrived {
    fn default() -> Self {
        Self::of_at_most(LONGEST)
    }
}

impl Arrived {
    /// Takes frames of `longest` bytes, and none that is longer.
    pub fn of_at_most(longest: usize) -> Self {
        Self { bytes: Vec::new(), taken: 0, longest: longest.min(LONGEST) }
    }

    /// Where further bytes go: at the end.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        &mut self.bytes
    }

    /// Takes the first frame; `Ok(None)` while it has not arrived whole.
    ///
    /// # Errors
    /// When it announces too much or says nothing.
    pub fn take<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let rest = &self.bytes[self.taken..];
        let Some(head) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = announced(*head)?;
        if length > self.longest {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame longer than this run's can be"));
        }
        let end = 4 + length;
        if rest.len() < end {
            return Ok(None);
        }
        let message = decode(&rest[4..end])?;
        self.taken += end;
        Ok(Some(message))
    }
}

/// Reads one frame. `Ok(None)` at a clean end.
///
/// # Errors
/// When the connection ends inside a frame or the frame says nothing.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = announced(head)?;
    // Grows with what arrives: an announcement alone allocates nothing.
    let mut bytes = Vec::with_capacity(length.min(64 << 10));
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    decode(&bytes).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_went() {
        let spawn = encode(&ToZygote::Spawn { count: 7 }).unwrap();
        let mut both = spawn.clone();
        both.extend(&spawn);
        let mut reader = &both[..];
        for _ in 0..2 {
            assert!(matches!(read(&mut reader).unwrap(), Some(ToZygote::Spawn { count: 7 })));
        }
        assert!(read::<ToZygote>(&mut reader).unwrap().is_none());
    }

    #[test]
    fn frames_are_taken_as_they_become_whole() {
        let frame = encode(&ToZygote::Spawn { count: 7 }).unwrap();
        let mut arrived = Arrived::default();
        let mut messages = 0;
        for (number, byte) in frame.iter().chain(&frame).chain(&frame[..2]).enumerate() {
            arrived.room().push(*byte);
            let message = arrived.take::<ToZygote>().unwrap();
            assert_eq!(message.is_some(), (number + 1) % frame.len() == 0, "{number}");
            messages += usize::from(matches!(message, Some(ToZygote::Spawn { count: 7 })));
        }
        assert_eq!((messages, &arrived.room()[..]), (2, &frame[..2]));
        let mut arrived = Arrived::default();
        arrived.room().extend([frame.clone(), frame, vec![255; 4]].concat());
        assert!(
            arrived.take::<ToZygote>().unwrap().is_some() && arrived.take::<ToZygote>().unwrap().is_some()
        );
        assert!(arrived.take::<ToZygote>().is_err());
    }

    #[test]
    fn a_cut_frame_and_a_huge_announcement_are_errors() {
        let frame = encode(&ToZygote::Spawn { count: 7 }).unwrap();
        assert!(read::<ToZygote>(&mut &frame[..frame.len() - 1]).is_err());
        assert!(read::<ToRunner>(&mut &[255, 255, 255, 255, 0][..]).is_err());
        assert!(read::<ToRunner>(&mut &[1, 0, 0, 0, 200][..]).is_err(), "no such message");
    }

    #[test]
    fn a_message_that_is_too_long_says_so_and_the_longest_passes() {
        let answer = |length| ToRunner::Answer { call: 1, answer: Ok(Blob(vec![7; length])) };
        let error = encode(&answer(LONGEST)).unwrap_err();
        assert!(matches!(error, EncodeError::TooLong { bytes } if bytes > LONGEST), "{error}");
        assert!(error.to_string().starts_with("81 MiB are more than the 80 MiB"), "{error}");
        let frame = encode(&answer(LONGEST - 16)).unwrap();
        let Some(ToRunner::Answer { answer: Ok(Blob(bytes)), .. }) = read(&mut &frame[..]).unwrap() else {
            panic!("an answer")
        };
        assert!(bytes.len() == LONGEST - 16 && bytes.iter().all(|byte| *byte == 7));
    }

    proptest! {
        /// A runner that is owned by its script can send anything.
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            crate::fuzzing::frames(&bytes);
        }

        #[test]
        fn a_changed_frame_does_no_harm(at in 0usize..64, to in any::<u8>()) {
            let mut frame = encode(&FromRunner::Call {
                call: 2, server: "demo".into(),
                operation: Operation::Call { tool: "add".into(), arguments: "{}".into() },
            }).unwrap();
            let at = at % frame.len();
            frame[at] = to;
            let _ = read::<FromRunner>(&mut &frame[..]);
            crate::fuzzing::frames(&frame);
            crate::fuzzing::frames(&frame[4..]);
        }
    }
}
