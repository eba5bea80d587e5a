//! The revisions of MCP, and the features of each.
//!
//! This is the only module that compares revisions. Code that depends on one asks for the feature:
//!
//! | question | 2024-11-05 | 2025-03-26 | 2025-06-18 | 2025-11-25 | 2026-07-28 |
//! |---|---|---|---|---|---|
//! | [`handshake`](Revision::handshake) | `initialize` | `initialize` | `initialize` | `initialize` | `server/discover` |
//! | [`has_sessions`](Revision::has_sessions) | yes | yes | yes | yes | no |
//! | [`allows_batches`](Revision::allows_batches) | no | yes | no | no | no |
//! | [`has_structured_content`](Revision::has_structured_content) | no | no | yes | yes | yes |
//! | [`has_ping`](Revision::has_ping) | yes | yes | yes | yes | no |
//! | [`has_result_types`](Revision::has_result_types) | no | no | no | no | yes |
//! | [`asks_in_results`](Revision::asks_in_results) | no | no | no | no | yes |
//! | [`listens_by_request`](Revision::listens_by_request) | no | no | no | no | yes |
//! | [`has_request_context`](Revision::has_request_context) | no | no | no | no | yes |
//! | [`has_param_headers`](Revision::has_param_headers) | no | no | no | no | yes |
//! | [`has_list_ages`](Revision::has_list_ages) | no | no | no | no | yes |

use std::fmt;
use std::str::FromStr;

use rmcp::model::ProtocolVersion;
use serde::Serialize;

/// A revision of the MCP specification, ordered by date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// `2024-11-05`, the first.
    V2024_11_05,
    /// `2025-03-26`: Streamable HTTP; the only one with batches.
    V2025_03_26,
    /// `2025-06-18`: structured results; HTTP requests carry the revision in a header.
    V2025_06_18,
    /// `2025-11-25`, the last one with `initialize` and sessions.
    V2025_11_25,
    /// `2026-07-28`: each request carries its own context; there are no sessions.
    V2026_07_28,
}

/// The first exchange of a client with a server. Settings and status call it the server's era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Handshake {
    /// `initialize`, which opens a session: revisions up to 2025-11-25.
    #[serde(rename = "legacy")]
    Initialize,
    /// `server/discover`, before requests that carry their own context: from revision 2026-07-28.
    #[serde(rename = "modern")]
    Discover,
}

/// A text that names no revision that isolet supports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown MCP revision; supported are {}", supported())]
pub struct UnknownRevision;

impl Revision {
    /// All supported revisions, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// The date that names the revision in messages and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Returns the newest supported revision that is not newer than `version`, or the oldest one if
    /// there is none. A peer that names a date between two revisions is treated as one of the
    /// earlier revision.
    pub fn at_most(version: &str) -> Self {
        Self::ALL.into_iter().rev().find(|known| known.as_str() <= version).unwrap_or(Self::V2024_11_05)
    }

    /// Returns the revision that a session has in which the server names `version`. A server that
    /// answers a handshake with a version of the other one, or of none, is treated as one of the
    /// newest revision with this handshake.
    pub(crate) fn negotiated(handshake: Handshake, version: &str) -> Self {
        let known = version.parse().ok().filter(|known: &Self| known.handshake() == handshake);
        known.unwrap_or_else(|| handshake.newest())
    }

    /// The request that begins the conversation.
    pub fn handshake(self) -> Handshake {
        match self {
            Self::V2024_11_05 | Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => {
                Handshake::Initialize
            }
            Self::V2026_07_28 => Handshake::Discover,
        }
    }

    /// Returns whether client and server keep the state of a session: log level, subscriptions, the
    /// client's capabilities.
    pub fn has_sessions(self) -> bool {
        self.handshake() == Handshake::Initialize
    }

    /// Returns whether one message may be an array of messages.
    pub fn allows_batches(self) -> bool {
        self == Self::V2025_03_26
    }

    /// Returns whether the result of a tool may have `structuredContent`.
    pub fn has_structured_content(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// Returns whether there is the request `ping`.
    pub fn has_ping(self) -> bool {
        self.has_sessions()
    }

    /// Returns whether every result has a `resultType`.
    pub fn has_result_types(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Returns whether a server asks the user by a result (`input_required`) that the client
    /// answers with another request. Before, servers sent requests to the client.
    pub fn asks_in_results(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Returns whether a client is told of changes by `subscriptions/listen`. Before, lists were
    /// announced in the session, and resources had `resources/subscribe`.
    pub fn listens_by_request(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Returns whether each request carries the client's capabilities and log level in `_meta`.
    /// Before, capabilities were part of `initialize`, and the log level was set by
    /// `logging/setLevel`.
    pub fn has_request_context(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Returns whether arguments may be repeated in HTTP headers (`Mcp-Param-…`).
    pub fn has_param_headers(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Returns whether a list has an age (`ttlMs`), without which it is outdated at once.
    pub fn has_list_ages(self) -> bool {
        self >= Self::V2026_07_28
    }
}

impl Handshake {
    /// The values of `"era"` in the configuration; `None` tries both.
    pub(crate) const CHOICES: [(&str, Option<Self>); 3] =
        [("auto", None), ("legacy", Some(Self::Initialize)), ("modern", Some(Self::Discover))];

    /// The newest revision that begins with this handshake.
    pub fn newest(self) -> Revision {
        match self {
            Self::Initialize => Revision::V2025_11_25,
            Self::Discover => Revision::V2026_07_28,
        }
    }

    /// The method of the request.
    pub fn method(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Discover => "server/discover",
        }
    }

    /// The handshake to try with an unknown server after `failures` attempts: `server/discover`
    /// first, as the specification recommends, then in turns.
    pub(crate) fn of_attempt(failures: u32) -> Self {
        if failures.is_multiple_of(2) { Self::Discover } else { Self::Initialize }
    }

    /// The other handshake, which is tried when a server refuses this one.
    pub(crate) fn fallback(self) -> Self {
        match self {
            Self::Initialize => Self::Discover,
            Self::Discover => Self::Initialize,
        }
    }
}

impl From<Revision> for ProtocolVersion {
    fn from(revision: Revision) -> Self {
        match revision {
            Revision::V2024_11_05 => Self::V_2024_11_05,
            Revision::V2025_03_26 => Self::V_2025_03_26,
            Revision::V2025_06_18 => Self::V_2025_06_18,
            Revision::V2025_11_25 => Self::V_2025_11_25,
            Revision::V2026_07_28 => Self::V_2026_07_28,
        }
    }
}

impl FromStr for Revision {
    type Err = UnknownRevision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(UnknownRevision)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn supported() -> String {
    Revision::ALL.map(Revision::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_read_as_they_are_written() {
        for revision in Revision::ALL {
            assert_eq!(revision.to_string().parse(), Ok(revision));
            assert_eq!(ProtocolVersion::from(revision).as_str(), revision.as_str());
        }
        let error = "2025-01-01".parse::<Revision>().unwrap_err();
        assert!(error.to_string().contains("2024-11-05, 2025-03-26"), "{error}");
    }

    #[test]
    fn isolet_supports_what_rmcp_supports() {
        let known: Vec<_> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
        assert_eq!(known, Revision::ALL.map(Revision::as_str));
        for revision in Revision::ALL {
            let version = ProtocolVersion::from(revision);
            assert_eq!(version.has_initialize(), revision.handshake() == Handshake::Initialize, "{revision}");
            assert!(revision <= revision.handshake().newest());
        }
        let newest = ProtocolVersion::from(Handshake::Initialize.newest());
        assert_eq!(newest, ProtocolVersion::LATEST_WITH_INITIALIZE);
    }

    #[test]
    fn an_unknown_version_is_treated_as_its_neighbour() {
        for (version, expected) in [
            ("2025-05-01", Revision::V2025_03_26),
            ("2027-01-01", Revision::V2026_07_28),
            ("2020-01-01", Revision::V2024_11_05),
        ] {
            assert_eq!(Revision::at_most(version), expected, "{version}");
        }
        for (handshake, version, expected) in [
            (Handshake::Initialize, "2025-06-18", Revision::V2025_06_18),
            (Handshake::Initialize, "2026-07-28", Revision::V2025_11_25),
            (Handshake::Initialize, "x", Revision::V2025_11_25),
            (Handshake::Discover, "2024-11-05", Revision::V2026_07_28),
        ] {
            assert_eq!(Revision::negotiated(handshake, version), expected, "{version}");
        }
    }
}
