//! The tool filter of a server.

use crate::policy::{InvalidRule, NamePatterns};

/// The tool filter of a server. Tools that it excludes are not listed, and calls of them are
/// refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolSelection {
    /// The only tools that are offered, if the file sets them; `*` stands for any letters.
    pub only: Option<Vec<String>>,
    /// Tools that are not offered, in any case.
    pub except: Vec<String>,
}

impl ToolSelection {
    /// Returns whether all tools are offered.
    pub fn is_open(&self) -> bool {
        self.only.is_none() && self.except.is_empty()
    }

    /// Checks the patterns.
    pub(super) fn check(&self) -> Result<(), String> {
        self.names().map(drop).map_err(|error| error.to_string())
    }

    /// Compiles the patterns of offered and of excluded tools.
    pub(crate) fn names(&self) -> Result<(Option<NamePatterns>, Option<NamePatterns>), InvalidRule> {
        // An empty list of patterns would match every name.
        let none = || vec![String::new()];
        let only = self.only.as_ref().map(|only| if only.is_empty() { none() } else { only.clone() });
        let except = (!self.except.is_empty()).then_some(&self.except);
        Ok((
            only.map(|only| NamePatterns::new(&only)).transpose()?,
            except.map(|names| NamePatterns::new(names)).transpose()?,
        ))
    }
}
