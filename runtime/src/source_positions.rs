//! The way from positions in a rewritten text back to the file.

/// The way from a rewritten text back to the text that it was made of. Lines and columns count from
/// 1; columns count UTF-16 units, as V8 does.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SourcePositions {
    /// Sorted by line and column. A column without a mark before it on its line is the source's.
    pub marks: Vec<SourcePosition>,
}

/// A position in a rewritten text, and the one that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SourcePosition {
    /// The line in the rewritten text.
    pub line: u32,
    /// The first column in the rewritten text to which the mark applies.
    pub column: u32,
    /// The line in the source.
    pub source_line: u32,
    /// The column in the source.
    pub source_column: u32,
    /// Set if all columns up to the next mark come from the same place. Else they count on.
    pub fixed: bool,
}

impl SourcePositions {
    /// Returns the line and column in the source.
    pub fn original(&self, line: u32, column: u32) -> (u32, u32) {
        let behind = self.marks.partition_point(|mark| (mark.line, mark.column) <= (line, column));
        match behind.checked_sub(1).and_then(|index| self.marks.get(index)) {
            Some(mark) if mark.line == line && mark.fixed => (mark.source_line, mark.source_column),
            Some(mark) if mark.line == line => {
                (mark.source_line, mark.source_column.saturating_add(column - mark.column))
            }
            _ => (line, column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_on_unless_they_are_fixed() {
        let mark =
            |line, column, fixed| SourcePosition { line, column, source_line: 7, source_column: 20, fixed };
        let positions = SourcePositions { marks: vec![mark(2, 5, false), mark(3, 1, true)] };
        assert_eq!(positions.original(1, 9), (1, 9));
        assert_eq!(positions.original(2, 4), (2, 4));
        assert_eq!(positions.original(2, 8), (7, 23));
        assert_eq!(positions.original(3, 8), (7, 20));
        assert_eq!(positions.original(4, 8), (4, 8));
    }
}
