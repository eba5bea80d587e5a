//! The limits and the style of a text.

use crate::schema::TypeId;

/// The limits of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RenderLimits {
    /// The types by order of discovery. Later ones are `unknown`.
    pub types: u32,
    /// The properties of one object.
    pub properties: usize,
    /// The alternatives of one union.
    pub alternatives: usize,
    /// The literals of one kind in one union.
    pub literals: usize,
    /// The bytes of one comment.
    pub comment: usize,
}

impl RenderLimits {
    /// The limits of all attempts, from the widest to the tightest.
    pub const STEPS: [Self; 8] = [
        Self { types: u32::MAX, properties: 2048, alternatives: 256, literals: 1024, comment: 2000 },
        Self { types: 512, properties: 256, alternatives: 64, literals: 256, comment: 400 },
        Self { types: 160, properties: 128, alternatives: 32, literals: 96, comment: 160 },
        Self { types: 64, properties: 64, alternatives: 16, literals: 48, comment: 100 },
        Self { types: 24, properties: 32, alternatives: 8, literals: 24, comment: 0 },
        Self { types: 12, properties: 16, alternatives: 4, literals: 16, comment: 0 },
        Self { types: 6, properties: 8, alternatives: 2, literals: 8, comment: 0 },
        Self { types: 4, properties: 4, alternatives: 1, literals: 4, comment: 0 },
    ];

    /// Returns whether a type exceeds the limit on types.
    pub fn cuts(&self, id: TypeId) -> bool {
        id.0 >= self.types.max(4)
    }
}

/// The style of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style<'s> {
    /// True if the text has comments and line breaks.
    pub full: bool,
    /// The prefix of a definition's name outside its namespace, with the dot.
    pub prefix: &'s str,
    /// True if objects with listed properties leave out further keys, which the schema may allow.
    pub closed: bool,
    /// True if every definition is written under its name, also if it is used once.
    pub name_all_definitions: bool,
}
