//! Insertions into lines, and the map from columns of the result to the caller's.

use super::edits::blank_into;
use crate::source_positions::{SourcePosition, SourcePositions};

/// The map from columns of a rewritten text to the caller's. Lines are the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// Sorted by line and column, both from 1; columns are in UTF-16 units.
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    line: u32,
    /// The first column of the rewritten text to which the mark applies.
    column: u32,
    /// The caller's column for that column.
    original: u32,
    /// Set if the mark is of inserted text, all of which maps to one column.
    inserted: bool,
}

impl Columns {
    /// Returns the caller's column for a position in the rewritten text.
    pub fn original(&self, line: u32, column: u32) -> u32 {
        let behind = self.marks.partition_point(|mark| (mark.line, mark.column) <= (line, column));
        match behind.checked_sub(1).map(|index| self.marks[index]) {
            Some(mark) if mark.line == line && mark.inserted => mark.original,
            Some(mark) if mark.line == line => mark.original + (column - mark.column),
            _ => column,
        }
    }
}

impl Columns {
    /// Returns the same map with lines, which are the same on both sides.
    pub(crate) fn positions(&self) -> SourcePositions {
        let marks = self.marks.iter().map(|mark| SourcePosition {
            line: mark.line,
            column: mark.column,
            source_line: mark.line,
            source_column: mark.original,
            fixed: mark.inserted,
        });
        SourcePositions { marks: marks.collect() }
    }
}

/// Ranges to blank and texts to insert, by byte offsets. Inserted texts have no line breaks;
/// several at one offset keep their order.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    blanks: Vec<(u32, u32)>,
    insertions: Vec<(u32, String)>,
}

impl Rewrite {
    pub fn blank(&mut self, start: u32, end: u32) {
        if start < end {
            self.blanks.push((start, end));
        }
    }

    pub fn insert(&mut self, at: u32, text: impl Into<String>) {
        self.insertions.push((at, text.into()));
    }

    pub fn apply(mut self, text: &str) -> (String, Columns) {
        self.blanks.sort_unstable();
        self.insertions.sort_by_key(|insertion| insertion.0);
        let mut writer = Writer {
            text,
            out: String::with_capacity(text.len() * 2),
            at: 0,
            line: 1,
            column: 1,
            original: 1,
            marks: Vec::new(),
        };
        let mut blanks = self.blanks.into_iter().peekable();
        let mut insertions = self.insertions.into_iter().peekable();
        loop {
            let blank = blanks.peek().map_or(u32::MAX, |blank| blank.0);
            match insertions.peek() {
                Some((at, _)) if *at <= blank => {
                    if let Some((at, put)) = insertions.next() {
                        writer.copy(at as usize);
                        writer.insert(&put);
                    }
                }
                _ => {
                    let Some((start, end)) = blanks.next() else { break };
                    writer.copy(start as usize);
                    // An insertion in the middle of a range keeps its place.
                    while let Some((at, put)) = insertions.next_if(|insertion| insertion.0 < end) {
                        writer.blank(at as usize);
                        writer.insert(&put);
                    }
                    writer.blank(end as usize);
                }
            }
        }
        writer.copy(text.len());
        (writer.out, Columns { marks: writer.marks })
    }
}

struct Writer<'t> {
    text: &'t str,
    out: String,
    at: usize,
    line: u32,
    column: u32,
    original: u32,
    marks: Vec<Mark>,
}

impl<'t> Writer<'t> {
    fn copy(&mut self, to: usize) {
        let part = self.take(to);
        self.out.push_str(part);
    }

    fn blank(&mut self, to: usize) {
        let part = self.take(to);
        blank_into(&mut self.out, part);
    }

    fn take(&mut self, to: usize) -> &'t str {
        let text = self.text;
        let part = text.get(self.at..to).unwrap_or("");
        self.at = self.at.max(to);
        let mut chars = part.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' if chars.peek() == Some(&'\n') => {}
                '\r' if text[self.at..].starts_with('\n') && chars.peek().is_none() => {}
                '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                    (self.line, self.column, self.original) = (self.line + 1, 1, 1);
                    continue;
                }
                _ => {}
            }
            self.column += c.len_utf16() as u32;
            self.original += c.len_utf16() as u32;
        }
        part
    }

    fn insert(&mut self, put: &str) {
        let mark = |inserted, column| Mark { line: self.line, column, original: self.original, inserted };
        self.marks.push(mark(true, self.column));
        let behind = self.column + put.encode_utf16().count() as u32;
        self.marks.push(mark(false, behind));
        self.column = behind;
        self.out.push_str(put);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_behind_what_was_put_in_are_the_callers() {
        let source = "é enum E { A }\nlet b";
        let mut rewrite = Rewrite::default();
        rewrite.blank(3, 8);
        rewrite.insert(3, "var ");
        rewrite.insert(3, "x ");
        rewrite.insert(10, "😀");
        let (text, columns) = rewrite.apply(source);
        assert_eq!(text, "é var x      E 😀{ A }\nlet b");
        let column = |needle: &str| text[..text.find(needle).unwrap()].encode_utf16().count() as u32 + 1;
        assert_eq!(columns.original(1, 1), 1);
        assert_eq!(columns.original(1, column("x ")), 3);
        assert_eq!(columns.original(1, column("E 😀")), 8);
        assert_eq!(columns.original(1, column("😀") + 1), 10);
        assert_eq!(columns.original(1, column("{")), 10);
        assert_eq!(columns.original(1, column("A")), 12);
        assert_eq!(columns.original(2, 5), 5);
    }
}
