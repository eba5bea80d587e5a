//! Frames for the peer. Those for a server have a mask.

use bytes::{BufMut as _, BytesMut};
use isolet_runtime::SocketPiece;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{NO_CODE, Peer, mask};

/// Writes frames.
pub struct FrameEncoder {
    peer: Peer,
    /// The frames that were not sent.
    pub buffer: BytesMut,
    /// Set within a message.
    is_within_message: bool,
}

impl FrameEncoder {
    pub fn to(peer: Peer) -> Self {
        Self { peer, buffer: BytesMut::new(), is_within_message: false }
    }

    /// Adds a piece of a message, as one frame.
    pub fn piece(&mut self, piece: &SocketPiece) {
        let data = match (self.is_within_message, piece.is_text) {
            (true, _) => Data::Continue,
            (false, true) => Data::Text,
            (false, false) => Data::Binary,
        };
        self.is_within_message = !piece.is_last;
        self.frame(OpCode::Data(data), piece.is_last, &piece.bytes);
    }

    /// Adds a ping.
    pub fn ping(&mut self) {
        self.frame(OpCode::Control(Control::Ping), true, b"");
    }

    /// Adds the answer to a ping.
    pub fn pong(&mut self, payload: &[u8]) {
        self.frame(OpCode::Control(Control::Pong), true, payload);
    }

    /// Adds a close frame. [`NO_CODE`] stands for none.
    pub fn close(&mut self, code: u16, reason: &str) {
        let payload = match code {
            NO_CODE => Vec::new(),
            code => [&code.to_be_bytes(), reason.as_bytes()].concat(),
        };
        self.frame(OpCode::Control(Control::Close), true, &payload);
    }

    fn frame(&mut self, opcode: OpCode, is_final: bool, payload: &[u8]) {
        let key = (self.peer == Peer::Server).then(mask_key);
        let head = FrameHeader { is_final, opcode, mask: key, ..FrameHeader::default() };
        // Writing to memory does not fail.
        let _ = head.format(payload.len() as u64, &mut (&mut self.buffer).writer());
        let start = self.buffer.len();
        self.buffer.extend_from_slice(payload);
        if let Some(key) = key {
            mask(&mut self.buffer[start..], key);
        }
    }
}

/// Returns the mask of a frame, which the Worker that sends the bytes cannot know: it could
/// otherwise write another protocol's messages (RFC 6455, section 10.3).
fn mask_key() -> [u8; 4] {
    let mut key = [0; 4];
    // Without random bytes isolet does not start.
    let _ = getrandom::fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_for_a_server_have_different_masks() {
        let mut encoder = FrameEncoder::to(Peer::Server);
        let payload = b"Hello, and more than a mask";
        let frames = [0; 3].map(|_| {
            encoder.piece(&SocketPiece { is_text: true, is_last: true, bytes: payload.to_vec() });
            let mut frame = encoder.buffer.split().to_vec();
            assert_eq!(frame[..2], [0x81, 0x80 | payload.len() as u8]);
            let key = [frame[2], frame[3], frame[4], frame[5]];
            mask(&mut frame[6..], key);
            assert_eq!(&frame[6..], payload);
            key
        });
        assert!(frames[0] != frames[1] || frames[1] != frames[2], "{frames:?}");
    }

    #[test]
    fn frames_are_those_of_the_standard() {
        let mut encoder = FrameEncoder::to(Peer::Client);
        let piece = |is_last, bytes: &[u8]| SocketPiece { is_text: true, is_last, bytes: bytes.to_vec() };
        encoder.piece(&piece(true, b"Hello"));
        encoder.piece(&piece(false, b"Hel"));
        encoder.pong(b"x");
        encoder.piece(&piece(true, b"lo"));
        encoder.piece(&SocketPiece { is_text: false, is_last: true, bytes: Vec::new() });
        encoder.ping();
        encoder.close(1000, "ok");
        encoder.close(NO_CODE, "");
        // The first three are examples of RFC 6455, section 5.7.
        let expected: [&[u8]; 8] = [
            b"\x81\x05Hello",
            b"\x01\x03Hel",
            b"\x8a\x01x",
            b"\x80\x02lo",
            b"\x82\x00",
            b"\x89\x00",
            b"\x88\x04\x03\xe8ok",
            b"\x88\x00",
        ];
        assert_eq!(&encoder.buffer[..], expected.concat());
    }
}
