//! Messages as frames: a length of four bytes, little-endian, and as many bytes of
//! [postcard](https://postcard.jamesmunns.com).
//!
//! The length is checked before anything is allocated.

use std::io::{self, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bound on a frame. By default an input has at most 8 MiB, and an answer of a tool at most
/// 64 MiB, which the upstream's transport enforces.
pub(crate) const MAX_FRAME_BYTES: usize = 80 << 20;

/// The length prefix of a frame.
const PREFIX_BYTES: usize = 4;

/// The reason for which a message was not encoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// The message is longer than [`MAX_FRAME_BYTES`].
    #[error(
        "{} MiB are more than the {} MiB that pass between isolet and the process that runs scripts",
        bytes.div_ceil(1 << 20),
        MAX_FRAME_BYTES >> 20
    )]
    TooLong {
        /// The message's length.
        bytes: usize,
    },
    /// The message has a form that postcard does not have.
    #[error("it does not fit the format of frames: {0}")]
    Format(#[from] postcard::Error),
}

/// Checks that a message with `bytes` bytes of text can be a frame, before they are copied.
///
/// # Errors
/// Returns [`EncodeError::TooLong`] above [`MAX_FRAME_BYTES`].
pub(crate) fn check_size(bytes: usize) -> Result<(), EncodeError> {
    if bytes > MAX_FRAME_BYTES { Err(EncodeError::TooLong { bytes }) } else { Ok(()) }
}

/// Encodes `message` as a frame, length prefix included.
///
/// # Errors
/// Returns an error if the frame would be longer than [`MAX_FRAME_BYTES`].
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, EncodeError> {
    let mut frame = Vec::new();
    append(message, &mut frame)?;
    Ok(frame)
}

/// Appends the frame of `message` to `frames`.
///
/// # Errors
/// Returns an error if the frame would be longer than [`MAX_FRAME_BYTES`]. Then nothing is
/// appended.
pub(crate) fn append<T: Serialize>(message: &T, frames: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = frames.len();
    let mut taken = std::mem::take(frames);
    taken.extend_from_slice(&[0; PREFIX_BYTES]);
    match postcard::to_extend(message, taken) {
        Ok(longer) => *frames = longer,
        Err(error) => return Err(error.into()),
    }
    let bytes = frames.len() - start - PREFIX_BYTES;
    if let Err(error) = check_size(bytes) {
        frames.truncate(start);
        return Err(error);
    }
    frames[start..start + PREFIX_BYTES].copy_from_slice(&(bytes as u32).to_le_bytes());
    Ok(())
}

/// Encodes a short message into `buffer`, without an allocation. Returns the frame, or `None` if it
/// does not fit.
pub(crate) fn encode_into<'a, T: Serialize>(message: &T, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let (prefix, rest) = buffer.split_first_chunk_mut::<PREFIX_BYTES>()?;
    let bytes = postcard::to_slice(message, rest).ok()?.len();
    *prefix = u32::try_from(bytes).ok()?.to_le_bytes();
    buffer.get(..PREFIX_BYTES + bytes)
}

/// Reads the length that a prefix announces.
fn announced_length(prefix: [u8; PREFIX_BYTES]) -> io::Result<usize> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame longer than allowed"));
    }
    Ok(length)
}

/// Decodes the bytes of one frame, without its length prefix.
///
/// # Errors
/// Returns an error if the bytes are not a message, or if bytes follow the message.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(io::Error::other)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the end of a message"))
    }
}

/// Received bytes, from which frames are taken in order.
///
/// Frames that were taken are dropped from the buffer only when more bytes are added: a runner can
/// send thousands of frames at once, and moving the rest after each would take quadratic time.
#[derive(Debug)]
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
    taken: usize,
    max_frame: usize,
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::with_max_frame(MAX_FRAME_BYTES)
    }
}

impl FrameBuffer {
    /// Creates an empty buffer for frames of at most `max_frame` bytes.
    pub(crate) fn with_max_frame(max_frame: usize) -> Self {
        Self { bytes: Vec::new(), taken: 0, max_frame: max_frame.min(MAX_FRAME_BYTES) }
    }

    /// Returns the buffer to which received bytes are appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        &mut self.bytes
    }

    /// Takes the first frame; `Ok(None)` if it has not arrived completely.
    ///
    /// # Errors
    /// Returns an error if the frame announces more than the bound or is not a message.
    pub(crate) fn take<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let rest = &self.bytes[self.taken..];
        let Some(prefix) = rest.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let length = announced_length(*prefix)?;
        if length > self.max_frame {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame longer than this run's can be"));
        }
        let end = PREFIX_BYTES + length;
        if rest.len() < end {
            return Ok(None);
        }
        let message = decode(&rest[PREFIX_BYTES..end])?;
        self.taken += end;
        Ok(Some(message))
    }
}

/// Reads one frame, blocking. Returns `Ok(None)` if the connection ends before the frame.
///
/// # Errors
/// Returns an error if the connection ends inside of a frame or the frame is not a message.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut prefix = [0; PREFIX_BYTES];
    match from.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = announced_length(prefix)?;
    // The buffer grows with the bytes that arrive: an announced length alone allocates little.
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

    use super::super::messages::{FromRunner, ToRunner, ToZygote};
    use super::*;
    use crate::Operation;
    use crate::blob::Blob;

    #[test]
    fn a_frame_is_the_same_without_an_allocation() {
        for request in [0, 1, 127, 128, 300_000, u32::MAX] {
            let stopped = FromRunner::Stopped { reason: 3, request };
            let mut buffer = [0; 16];
            assert_eq!(encode_into(&stopped, &mut buffer), Some(&encode(&stopped).unwrap()[..]));
            assert_eq!(encode_into(&stopped, &mut buffer[..6]), None);
            assert_eq!(encode_into(&stopped, &mut buffer[..3]), None);
        }
    }

    #[test]
    fn frames_are_appended_one_after_the_other() {
        let mut frames = Vec::new();
        append(&ToZygote::QueryExit { pid: 7 }, &mut frames).unwrap();
        append(&ToZygote::QueryExit { pid: 7 }, &mut frames).unwrap();
        assert_eq!(frames, encode(&ToZygote::QueryExit { pid: 7 }).unwrap().repeat(2));
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let spawn = encode(&ToZygote::QueryExit { pid: 7 }).unwrap();
        let mut both = spawn.clone();
        both.extend(&spawn);
        let mut reader = &both[..];
        for _ in 0..2 {
            assert!(matches!(read(&mut reader).unwrap(), Some(ToZygote::QueryExit { pid: 7 })));
        }
        assert!(read::<ToZygote>(&mut reader).unwrap().is_none());
    }

    #[test]
    fn frames_are_taken_when_they_are_complete() {
        let frame = encode(&ToZygote::QueryExit { pid: 7 }).unwrap();
        let mut buffer = FrameBuffer::default();
        let mut messages = 0;
        for (number, byte) in frame.iter().chain(&frame).chain(&frame[..2]).enumerate() {
            buffer.tail().push(*byte);
            let message = buffer.take::<ToZygote>().unwrap();
            assert_eq!(message.is_some(), (number + 1) % frame.len() == 0, "{number}");
            messages += usize::from(matches!(message, Some(ToZygote::QueryExit { pid: 7 })));
        }
        assert_eq!((messages, &buffer.tail()[..]), (2, &frame[..2]));
        let mut buffer = FrameBuffer::default();
        buffer.tail().extend([frame.clone(), frame, vec![255; 4]].concat());
        assert!(buffer.take::<ToZygote>().unwrap().is_some() && buffer.take::<ToZygote>().unwrap().is_some());
        assert!(buffer.take::<ToZygote>().is_err());
    }

    #[test]
    fn a_truncated_frame_and_a_huge_length_are_errors() {
        let frame = encode(&ToZygote::QueryExit { pid: 7 }).unwrap();
        assert!(read::<ToZygote>(&mut &frame[..frame.len() - 1]).is_err());
        assert!(read::<ToRunner>(&mut &[255, 255, 255, 255, 0][..]).is_err());
        assert!(read::<ToRunner>(&mut &[1, 0, 0, 0, 200][..]).is_err(), "no such message");
    }

    #[test]
    fn a_message_over_the_bound_is_an_error_and_one_at_the_bound_passes() {
        let answer = |length| ToRunner::Answer { call: 1, answer: Ok(Blob(vec![7; length])) };
        let error = encode(&answer(MAX_FRAME_BYTES)).unwrap_err();
        assert!(matches!(error, EncodeError::TooLong { bytes } if bytes > MAX_FRAME_BYTES), "{error}");
        assert!(error.to_string().starts_with("81 MiB are more than the 80 MiB"), "{error}");
        let frame = encode(&answer(MAX_FRAME_BYTES - 16)).unwrap();
        let Some(ToRunner::Answer { answer: Ok(Blob(bytes)), .. }) = read(&mut &frame[..]).unwrap() else {
            panic!("an answer")
        };
        assert!(bytes.len() == MAX_FRAME_BYTES - 16 && bytes.iter().all(|byte| *byte == 7));
    }

    proptest! {
        /// A runner that its script has taken over can send any bytes.
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            crate::fuzzing::frames(&bytes);
        }

        #[test]
        fn a_changed_frame_does_no_harm(at in 0usize..64, to in any::<u8>()) {
            let mut frame = encode(&FromRunner::Call {
                call: 2, request: 0, server: "demo".into(),
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
