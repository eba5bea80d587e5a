//! Frames for a client. They have no mask.

use bytes::{BufMut as _, BytesMut};
use isolet_runtime::SocketPiece;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::NO_CODE;

/// Writes frames.
#[derive(Default)]
pub struct FrameEncoder {
    /// The frames that were not sent.
    pub buffer: BytesMut,
    /// Set within a message.
    is_within_message: bool,
}

impl FrameEncoder {
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
        let head = FrameHeader { is_final, opcode, ..FrameHeader::default() };
        // Writing to memory does not fail.
        let _ = head.format(payload.len() as u64, &mut (&mut self.buffer).writer());
        self.buffer.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_standard() {
        let mut encoder = FrameEncoder::default();
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
