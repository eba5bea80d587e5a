//! The table of known clients, by the name in `clientInfo`: how much of a description their models
//! see, and which part of a result they show.
//!
//! A client that is not in the table gets what every client can use: descriptions short enough for
//! all of them, and results in the text, as the protocol advises. Each entry was tested with the
//! client itself and a scripted model.

use isolet_bindings::Revision;

use crate::prompt::report::ResultStyle;

/// The length of a tool's description, or of the instructions, that reaches every client's model.
/// Claude Code cuts at 2,048 characters without notice.
pub const MAX_COMMON_DESCRIPTION_BYTES: usize = 2000;

/// The length for clients that show whole descriptions, some 1,800 tokens.
const LONG_DESCRIPTION_BYTES: usize = 6 * 1024;

/// The way in which a client uses descriptions and results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTraits {
    /// The length of the description of `run`, in bytes.
    pub description: usize,
    /// Set if its model sees `structuredContent`, so that the text need not repeat a long result.
    pub shows_structured_content: bool,
    /// Set if it hides tools from its model until the model searches for them, unless `_meta` of
    /// the tool says otherwise.
    pub defers_tools: bool,
}

impl ClientTraits {
    /// Returns the style of results for such a client. `full_text` is set if the operator wants
    /// whole results as text.
    pub fn result_style(self, revision: Option<Revision>, full_text: bool) -> ResultStyle {
        match revision {
            Some(revision) if !revision.has_structured_content() => ResultStyle::Text,
            _ if full_text => ResultStyle::Both,
            _ if self.shows_structured_content => ResultStyle::Structured,
            _ => ResultStyle::Readable,
        }
    }
}

const UNKNOWN_CLIENT: ClientTraits = ClientTraits {
    description: MAX_COMMON_DESCRIPTION_BYTES,
    shows_structured_content: false,
    defers_tools: false,
};

/// Clients by `clientInfo.name`.
const KNOWN_CLIENTS: [(&str, ClientTraits); 5] = [
    // 2.1.197
    (
        "claude-code",
        ClientTraits {
            description: MAX_COMMON_DESCRIPTION_BYTES,
            shows_structured_content: true,
            defers_tools: true,
        },
    ),
    // 0.171.0
    (
        "codex-mcp-client",
        ClientTraits {
            description: LONG_DESCRIPTION_BYTES,
            shows_structured_content: true,
            ..UNKNOWN_CLIENT
        },
    ),
    // 1.18.33
    ("opencode", ClientTraits { description: LONG_DESCRIPTION_BYTES, ..UNKNOWN_CLIENT }),
    // 0.9
    ("mcporter", ClientTraits { shows_structured_content: true, ..UNKNOWN_CLIENT }),
    // isolet in front of isolet: its scripts get `structuredContent`.
    ("isolet", ClientTraits { shows_structured_content: true, ..UNKNOWN_CLIENT }),
];

/// Returns what is known of the client of this name.
pub fn traits(name: Option<&str>) -> ClientTraits {
    let known =
        name.and_then(|name| KNOWN_CLIENTS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)));
    known.map_or(UNKNOWN_CLIENT, |(_, traits)| *traits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_clients_get_what_all_can_use() {
        assert_eq!(traits(Some("my-agent")), UNKNOWN_CLIENT);
        assert_eq!(traits(None).description, MAX_COMMON_DESCRIPTION_BYTES);
        assert!(
            traits(Some("Claude-Code")).shows_structured_content
                && traits(Some("claude-code")).description < 2048
        );
        assert_eq!(traits(Some("codex-mcp-client")).description, LONG_DESCRIPTION_BYTES);
    }
}
