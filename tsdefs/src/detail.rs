//! The level of detail of declarations.

use std::fmt;
use std::str::FromStr;

/// The level of detail of declarations. The text of every level is valid TypeScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// The names of the tools, without types.
    Names,
    /// The types, and the first sentence of each description.
    Brief,
    /// The types, and all descriptions and limits of the schemas.
    Full,
}

impl Detail {
    /// All levels, from the least detail to the most.
    pub const ALL: [Self; 3] = [Self::Names, Self::Brief, Self::Full];

    /// Returns the level's name, as in `?detail=`.
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

/// The error for a word that is not the name of a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown detail level {0:?}: use names, brief or full")]
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
