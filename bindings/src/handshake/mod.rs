//! The handshake with a server: `initialize` or `server/discover`.
//!
//! Over HTTP an attempt with the wrong handshake costs one request, and
//! [`Server`](crate::upstream::server::Server) makes another. Over stdio it may cost the child:
//! servers built on older versions of rmcp exit when the first message is not `initialize`, others
//! do not answer at all. So over stdio both handshakes may be under way at once.
//!
//! | module | one idea |
//! |---|---|
//! | `stdio` | both handshakes over one pair of pipes |
//! | `http` | one handshake over HTTP |
//! | `error` | why it failed, and what to try next |

mod error;
mod http;
mod stdio;

use rmcp::model::ProtocolVersion;

pub(crate) use self::error::{ConnectError, HandshakeError, Retry};
pub(crate) use self::http::over_http;
pub(crate) use self::stdio::{EarlyMessages, over_stdio};
use crate::protocol::Handshake;

/// The handshakes to try with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakePlan {
    /// No other than this one: the configuration names it, or the other one has failed.
    Only(Handshake),
    /// This one, which the server is known to take; the other one if it is refused.
    Known(Handshake),
    /// This one; the other one if it is refused or not answered in time.
    Guess(Handshake),
}

impl HandshakePlan {
    /// The handshake to begin with.
    pub(crate) fn first(self) -> Handshake {
        match self {
            Self::Only(first) | Self::Known(first) | Self::Guess(first) => first,
        }
    }

    /// Returns whether the other handshake may follow.
    pub(crate) fn has_fallback(self) -> bool {
        !matches!(self, Self::Only(_))
    }

    /// Returns whether nothing is known of the server.
    pub(crate) fn is_guess(self) -> bool {
        matches!(self, Self::Guess(_))
    }
}

/// The revision that `server/discover` asks for.
fn discover_version() -> ProtocolVersion {
    Handshake::Discover.newest().into()
}
