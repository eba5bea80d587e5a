//! The drafts of JSON Schema, as far as isolet tells them apart.

/// The draft whose rules apply to a schema resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    /// Draft-07 and before. Keywords beside `$ref` are ignored, and so are keywords of later
    /// drafts.
    Draft7,
    /// 2019-09.
    Draft2019,
    /// 2020-12, and schemas without `$schema`. A list under `items` is read as in earlier drafts.
    Draft2020,
}

impl Dialect {
    /// Returns the dialect that the value of `$schema` names, or `None` for an unknown one.
    pub fn from_schema_uri(uri: &str) -> Option<Self> {
        [("draft-0", Self::Draft7), ("2019-09", Self::Draft2019), ("2020-12", Self::Draft2020)]
            .into_iter()
            .find(|(part, _)| uri.contains(part))
            .map(|(_, dialect)| dialect)
    }

    /// Returns whether `$ref` hides the keywords beside it.
    pub fn ref_hides_siblings(self) -> bool {
        self == Self::Draft7
    }
}

/// The drafts in which isolet reads a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drafts {
    /// Every draft.
    All,
    /// Draft-07 and before.
    Until7,
    /// 2019-09 and later.
    From2019,
    /// 2020-12 and later.
    From2020,
}

impl Drafts {
    /// Returns whether `dialect` is one of these drafts.
    pub fn include(self, dialect: Dialect) -> bool {
        match self {
            Self::All => true,
            Self::Until7 => dialect <= Dialect::Draft7,
            Self::From2019 => dialect >= Dialect::Draft2019,
            Self::From2020 => dialect >= Dialect::Draft2020,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_are_ordered() {
        let all = [Dialect::Draft7, Dialect::Draft2019, Dialect::Draft2020];
        let included = |drafts: Drafts| all.map(|dialect| drafts.include(dialect));
        assert_eq!(included(Drafts::All), [true, true, true]);
        assert_eq!(included(Drafts::Until7), [true, false, false]);
        assert_eq!(included(Drafts::From2019), [false, true, true]);
        assert_eq!(included(Drafts::From2020), [false, false, true]);
    }
}
