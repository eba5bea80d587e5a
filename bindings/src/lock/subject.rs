//! The identity of a definition.

use std::fmt;

use super::entry::DefinitionKind;
use crate::text::printable;

/// The identity of a definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The server's name.
    pub server: String,
    /// The kind of the definition.
    pub kind: DefinitionKind,
    /// The name that the server gives it.
    pub name: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, name) = (shown(&self.server), shown(&self.name));
        match self.kind {
            DefinitionKind::Tool => write!(f, "{server}/{name}"),
            kind => write!(f, "{server}, {} {name}", kind.noun()),
        }
    }
}

/// Makes the name of a server or definition fit for a terminal.
pub(super) fn shown(name: &str) -> String {
    printable(name.as_bytes(), 200)
}
