//! WebSockets (RFC 6455), as far as the bytes go: the handshake and the frames.
//!
//! The crate `tungstenite` reads and writes the heads of frames and knows the codes. Its own
//! connections hold whole messages; here their pieces are passed on as they come, so that a
//! message takes no more memory than a piece.
//!
//! | module | content |
//! |---|---|
//! | [`handshake`] | the request that becomes a WebSocket |
//! | [`decoder`] | frames of the peer, and the rules that they break |
//! | [`encoder`] | frames for the peer |

pub mod decoder;
pub mod encoder;
pub mod handshake;

/// The other side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It has opened the connection. Its frames have masks.
    Client,
    /// It was connected to. Frames for it have masks.
    Server,
}

/// Applies a mask to bytes, or takes it away.
fn mask(bytes: &mut [u8], key: [u8; 4]) {
    for part in bytes.chunks_mut(key.len()) {
        part.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
}

/// The code of a close frame without a code, where one is shown.
pub const NO_CODE: u16 = 1005;

/// The code for an endpoint that goes away, such as a server that stops.
pub const GOING_AWAY: u16 = 1001;

/// The code for a frame that breaks the protocol.
pub const PROTOCOL_ERROR: u16 = 1002;

/// The code for text that is not UTF-8.
pub const INVALID_TEXT: u16 = 1007;

/// The code for a message that is too long.
pub const TOO_LONG: u16 = 1009;

/// The code for a server that starts again.
pub const RESTARTS: u16 = 1012;

/// The code for a server that has no room at present.
pub const TRY_AGAIN_LATER: u16 = 1013;
