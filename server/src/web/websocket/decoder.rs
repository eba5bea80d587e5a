//! The frames of the peer, as pieces of messages (RFC 6455, section 5).

use std::io::Cursor;

use bytes::{Buf as _, BytesMut};
use isolet_runtime::{SocketPiece, Utf8Stream, WorkerSocket};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{INVALID_TEXT, NO_CODE, PROTOCOL_ERROR, Peer, mask};

/// The longest payload of a control frame.
const MAX_CONTROL_BYTES: u64 = 125;

/// The mask that changes nothing.
const NO_MASK: [u8; 4] = [0; 4];

/// A piece of a message of the peer, or a control frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A piece of a message. Its text is valid so far.
    Piece(SocketPiece),
    /// A ping, with what its answer must hold.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong,
    /// The last frame of the peer.
    Close {
        /// The code, or [`NO_CODE`].
        code: u16,
        /// The reason.
        reason: String,
    },
}

/// A rule that a frame breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The code of the close frame that answers it.
    pub code: u16,
    /// The rule.
    pub rule: &'static str,
}

/// Reads the frames of a peer. Bytes are appended to `buffer`.
pub struct FrameDecoder {
    peer: Peer,
    /// The bytes that have come and were not read.
    pub buffer: BytesMut,
    /// The frame of which a part is left.
    frame: Option<OpenFrame>,
    /// Set within a message: `true` if it is text.
    message: Option<bool>,
    text: Utf8Stream,
}

/// A frame whose head was read.
struct OpenFrame {
    /// `None` for a frame of data.
    control: Option<Control>,
    is_final: bool,
    mask: [u8; 4],
    /// The number of bytes that are left.
    left: u64,
}

impl FrameDecoder {
    pub fn of(peer: Peer) -> Self {
        let (buffer, text) = Default::default();
        Self { peer, buffer, frame: None, message: None, text }
    }

    /// Returns what comes next, or `None` if that needs more bytes.
    ///
    /// # Errors
    /// Returns the rule that the peer breaks. Nothing can be read after it.
    pub fn next(&mut self) -> Result<Option<Received>, Violation> {
        loop {
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.head()? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let received = match frame.control {
                Some(control) => {
                    if (self.buffer.len() as u64) < frame.left {
                        self.frame = Some(frame);
                        return Ok(None);
                    }
                    self.control(control, &frame)?
                }
                None => {
                    if frame.left > 0 && self.buffer.is_empty() {
                        self.frame = Some(frame);
                        return Ok(None);
                    }
                    match self.piece(frame)? {
                        Some(piece) => Received::Piece(piece),
                        // A frame without bytes in the middle of a message.
                        None => continue,
                    }
                }
            };
            return Ok(Some(received));
        }
    }

    /// Reads the head of a frame.
    fn head(&mut self) -> Result<Option<OpenFrame>, Violation> {
        let mut cursor = Cursor::new(&self.buffer[..]);
        let (head, left) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(_) => return Err(broken("a frame of an unknown kind")),
        };
        let read = cursor.position() as usize;
        self.buffer.advance(read);
        if head.rsv1 || head.rsv2 || head.rsv3 {
            return Err(broken("a bit of an extension, and none was agreed on"));
        }
        let mask = match (self.peer, head.mask) {
            (Peer::Client, Some(mask)) => mask,
            (Peer::Server, None) => NO_MASK,
            (Peer::Client, None) => return Err(broken("a frame of a client without a mask")),
            (Peer::Server, Some(_)) => return Err(broken("a frame of a server with a mask")),
        };
        let control = match head.opcode {
            OpCode::Control(control) => {
                if !head.is_final || left > MAX_CONTROL_BYTES {
                    return Err(broken("a control frame that is long or fragmented"));
                }
                Some(control)
            }
            OpCode::Data(Data::Continue) if self.message.is_none() => {
                return Err(broken("a continuation without a beginning"));
            }
            OpCode::Data(Data::Text | Data::Binary) if self.message.is_some() => {
                return Err(broken("a message within a message"));
            }
            OpCode::Data(data) => {
                if data != Data::Continue {
                    self.message = Some(data == Data::Text);
                }
                None
            }
        };
        if left > i64::MAX as u64 {
            return Err(broken("a length with the highest bit set"));
        }
        Ok(Some(OpenFrame { control, is_final: head.is_final, mask, left }))
    }

    /// Reads a piece of a frame of data.
    fn piece(&mut self, mut frame: OpenFrame) -> Result<Option<SocketPiece>, Violation> {
        let is_text = self.message.unwrap_or_default();
        let most = self.buffer.len().min(WorkerSocket::MAX_PIECE_BYTES);
        let length = usize::try_from(frame.left).map_or(most, |left| left.min(most));
        let mut bytes = self.buffer.split_to(length).to_vec();
        mask(&mut bytes, frame.mask);
        frame.left -= length as u64;
        frame.mask.rotate_left(length % 4);
        let is_last = frame.is_final && frame.left == 0;
        if is_text && !self.text.push(&bytes, is_last) {
            return Err(Violation { code: INVALID_TEXT, rule: "text that is not UTF-8" });
        }
        if frame.left > 0 {
            self.frame = Some(frame);
        }
        if is_last {
            self.message = None;
        }
        Ok((is_last || !bytes.is_empty()).then_some(SocketPiece { is_text, is_last, bytes }))
    }

    /// Reads a control frame, all of which has come.
    fn control(&mut self, control: Control, frame: &OpenFrame) -> Result<Received, Violation> {
        let mut bytes = self.buffer.split_to(frame.left as usize).to_vec();
        mask(&mut bytes, frame.mask);
        match control {
            Control::Ping => Ok(Received::Ping(bytes)),
            Control::Pong => Ok(Received::Pong),
            Control::Close => close(&bytes),
            // The head of such a frame was refused.
            Control::Reserved(_) => Err(broken("a frame of an unknown kind")),
        }
    }
}

/// Reads the payload of a close frame.
fn close(bytes: &[u8]) -> Result<Received, Violation> {
    let Some((code, reason)) = bytes.split_first_chunk() else {
        return match bytes {
            [] => Ok(Received::Close { code: NO_CODE, reason: String::new() }),
            _ => Err(broken("a close frame with half a code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !is_close_code(code) {
        return Err(broken("a code that no close frame has"));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Received::Close { code, reason: reason.to_owned() }),
        Err(_) => Err(Violation { code: INVALID_TEXT, rule: "a reason that is not UTF-8" }),
    }
}

/// Returns `true` for a code that may be in a close frame: those of IANA's registry, and those of
/// libraries and applications. tungstenite does not know 1014.
fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

const fn broken(rule: &'static str) -> Violation {
    Violation { code: PROTOCOL_ERROR, rule }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// Returns a frame of a client: the first byte, and the payload.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | short as u8),
            middle @ 126..65536 => {
                bytes.push(0x80 | 126);
                bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(0x80 | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        bytes.extend(MASK);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    /// Returns what a client sends whose bytes come in parts of this length. Pieces of one message
    /// are joined.
    fn received(bytes: &[u8], part: usize) -> (Vec<Received>, Option<Violation>) {
        let (mut decoder, mut found) = (FrameDecoder::of(Peer::Client), Vec::new());
        let mut message: Option<SocketPiece> = None;
        for part in bytes.chunks(part) {
            decoder.buffer.extend_from_slice(part);
            loop {
                match decoder.next() {
                    Ok(None) => break,
                    Err(violation) => return (found, Some(violation)),
                    Ok(Some(Received::Piece(piece))) => {
                        assert!(piece.is_last || !piece.bytes.is_empty());
                        assert!(piece.bytes.len() <= WorkerSocket::MAX_PIECE_BYTES);
                        let mut whole = message.take().unwrap_or(SocketPiece { bytes: Vec::new(), ..piece });
                        whole.bytes.extend(&piece.bytes);
                        whole.is_last = piece.is_last;
                        match piece.is_last {
                            true => found.push(Received::Piece(whole)),
                            false => message = Some(whole),
                        }
                    }
                    Ok(Some(other)) => found.push(other),
                }
            }
        }
        (found, None)
    }

    fn text(text: &str) -> Received {
        Received::Piece(SocketPiece { is_text: true, is_last: true, bytes: text.into() })
    }

    fn binary(bytes: Vec<u8>) -> Received {
        Received::Piece(SocketPiece { is_text: false, is_last: true, bytes })
    }

    fn close(code: u16, reason: &str) -> Received {
        Received::Close { code, reason: reason.to_owned() }
    }

    #[test]
    fn messages_come_whole_or_in_fragments_with_control_frames_between_them() {
        let long = vec![7; 70_000];
        let bytes = [
            frame(0x81, b"Hello"),
            frame(0x01, "h\u{e9}".as_bytes()[..2].as_ref()),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, "h\u{e9}".as_bytes()[2..].as_ref()),
            frame(0x82, &long),
            frame(0x8a, b""),
            frame(0x81, b""),
            frame(0x88, b"\x03\xe8bye"),
        ]
        .concat();
        let expected = [
            text("Hello"),
            Received::Ping(b"ping".to_vec()),
            text("h\u{e9}"),
            binary(long),
            Received::Pong,
            text(""),
            close(1000, "bye"),
        ];
        for part in [1, 2, 3, 7, 1000, bytes.len()] {
            let (found, violation) = received(&bytes, part);
            assert_eq!((violation, found.len()), (None, expected.len()), "{part}");
            assert!(found == expected, "{part}");
        }
    }

    #[test]
    fn each_rule_has_its_code() {
        let unmasked = vec![0x81, 1, b'a'];
        let huge = [vec![0x82, 0xff], u64::MAX.to_be_bytes().to_vec(), MASK.to_vec()].concat();
        let cases: Vec<(&str, u16, Vec<u8>)> = vec![
            ("a reserved bit", 1002, frame(0xc1, b"a")),
            ("a reserved kind", 1002, frame(0x83, b"a")),
            ("a reserved control frame", 1002, frame(0x8b, b"")),
            ("no mask", 1002, unmasked),
            ("a lone continuation", 1002, frame(0x80, b"a")),
            ("a message within a message", 1002, [frame(0x01, b"a"), frame(0x81, b"b")].concat()),
            ("a fragmented ping", 1002, frame(0x09, b"a")),
            ("a long ping", 1002, frame(0x89, &[0; 126])),
            ("half a code", 1002, frame(0x88, b"\x03")),
            ("the highest bit of a length", 1002, huge),
            ("text", 1007, frame(0x81, b"\xff")),
            ("text that ends within a character", 1007, frame(0x81, b"\xc3")),
            ("a surrogate", 1007, frame(0x01, b"\xed\xa0\x80")),
            ("a reason", 1007, frame(0x88, b"\x03\xe8\xff")),
        ];
        for (name, code, bytes) in cases {
            for part in [1, bytes.len()] {
                let (_, violation) = received(&bytes, part);
                assert_eq!(violation.map(|violation| violation.code), Some(code), "{name}");
            }
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535_u16] {
            let (_, violation) = received(&frame(0x88, &code.to_be_bytes()), 100);
            assert_eq!(violation.map(|violation| violation.code), Some(1002), "{code}");
        }
        for code in [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999_u16] {
            assert_eq!(received(&frame(0x88, &code.to_be_bytes()), 1).0, [close(code, "")]);
        }
        assert_eq!(received(&frame(0x88, b""), 1).0, [close(NO_CODE, "")]);
    }

    #[test]
    fn frames_of_a_server_have_no_mask() {
        let read = |bytes: &[u8]| {
            let mut decoder = FrameDecoder::of(Peer::Server);
            decoder.buffer.extend_from_slice(bytes);
            decoder.next()
        };
        assert_eq!(read(b"\x81\x05Hello"), Ok(Some(text("Hello"))));
        assert_eq!(read(b"\x88\x05\x03\xe8bye"), Ok(Some(close(1000, "bye"))));
        assert_eq!(read(b"\x89\x01x"), Ok(Some(Received::Ping(b"x".to_vec()))));
        for frame in [frame(0x81, b"Hello"), frame(0x88, b""), frame(0x89, b"x")] {
            assert_eq!(read(&frame).unwrap_err().code, 1002);
        }
    }

    #[test]
    fn invalid_text_is_noticed_before_its_frame_ends() {
        let mut bytes = frame(0x81, &[b"\xff".as_slice(), &[b'a'; 1000]].concat());
        bytes.truncate(9);
        assert_eq!(received(&bytes, 1).1.map(|violation| violation.code), Some(1007));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_alike_in_all_parts(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            part in 1_usize..20,
        ) {
            let whole = received(&bytes, bytes.len().max(1));
            prop_assert_eq!(received(&bytes, part), whole);
        }

        #[test]
        fn frames_with_wrong_heads_are_read_alike_in_all_parts(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..130)), 0..6),
            part in 1_usize..20,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            let whole = received(&bytes, bytes.len().max(1));
            prop_assert_eq!(received(&bytes, part), whole);
        }
    }
}
