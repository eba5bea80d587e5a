//! How much a declaration says.

use std::fmt;
use std::str::FromStr;

/// How much a declaration says. Every level is valid TypeScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// Which tools exist, and nothing of their types.
    Names,
    /// Types, and the first sentence of each description.
    Brief,
    /// Types and everything that the schemas say about them.
    Full,
}

impl Detail {
    /// All levels, least first.
    pub const ALL: [Self; 3] = [Self::Names, Self::Brief, Self::Full];

    /// The level's name, as in `?detail=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Brief => "brief",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no detail level {0:?}: use names, brief or full")]
pub struct UnknownDetail(String);

impl FromStr for Detail {
    type Err = UnknownDetail;

    fn from_str(word: &str) -> Result<Self, UnknownDetail> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| UnknownDetail(word.chars().take(64).collect()))
    }
}
