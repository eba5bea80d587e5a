//! Replacements in a text, and the way back from positions in the result.

use crate::imports::Blank;

/// A position in a rewritten text, and the one that it comes from. Lines and columns count from 1;
/// columns count UTF-16 units, as V8 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceMark {
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

/// The way from a rewritten text back to its source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceMarks {
    /// Sorted by line and column. A line without marks before a column has the source's columns.
    pub marks: Vec<SourceMark>,
}

impl SourceMarks {
    /// Returns the line and column in the source.
    pub fn original(&self, line: u32, column: u32) -> (u32, u32) {
        let behind = self.marks.partition_point(|mark| (mark.line, mark.column) <= (line, column));
        match behind.checked_sub(1).map(|index| self.marks[index]) {
            Some(mark) if mark.line == line && !mark.fixed => {
                (mark.source_line, mark.source_column + (column - mark.column))
            }
            Some(mark) if mark.line == line => (mark.source_line, mark.source_column),
            _ => (line, column),
        }
    }
}

/// Replacements of ranges by texts without line breaks.
#[derive(Debug, Default)]
pub(crate) struct TextEdits(Vec<(u32, u32, String)>);

impl TextEdits {
    /// Replaces a range by a text. Ranges do not overlap.
    pub(crate) fn replace(&mut self, start: u32, end: u32, text: impl Into<String>) {
        self.0.push((start, end, text.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies the replacements. A shorter text is followed by blanks, so that the columns after it
    /// stay. Line breaks of the range stay too.
    pub(crate) fn apply(mut self, text: &str) -> (String, SourceMarks) {
        self.0.sort_by_key(|edit| edit.0);
        let mut out = String::with_capacity(text.len() + 64 * self.0.len());
        let mut marks = Vec::new();
        let (mut at, mut line, mut column, mut source_column) = (0, 1, 1, 1);
        for (start, end, put) in self.0 {
            let (start, end) = (start as usize, end as usize);
            let (Some(between), Some(old)) = (text.get(at..start), text.get(start..end)) else { continue };
            out.push_str(between);
            advance(between, &mut line, &mut column);
            source_column =
                if between.contains(is_line_end) { column } else { source_column + units(between) };
            let grows = units(&put) > units(old) || old.contains(is_line_end);
            let mark = |column, source_column, fixed| SourceMark {
                line,
                column,
                source_line: line,
                source_column,
                fixed,
            };
            if grows {
                marks.push(mark(column, source_column, true));
            }
            out.push_str(&put);
            let blanks = blanked(old);
            let padding = match old.contains(is_line_end) {
                true => blanks.as_str(),
                false => blanks.get(put.len().min(blanks.len())..).unwrap_or_default(),
            };
            out.push_str(padding);
            let width = units(&put) + units(padding);
            if old.contains(is_line_end) {
                advance(padding, &mut line, &mut column);
                source_column = column;
            } else {
                column += width;
                source_column += units(old);
                if grows {
                    marks.push(SourceMark { line, column, source_line: line, source_column, fixed: false });
                }
            }
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        (out, SourceMarks { marks })
    }
}

/// Replaces ranges by blanks. All offsets and lines stay.
pub(crate) fn blank(text: &mut String, ranges: &[Blank]) {
    for blank in ranges {
        let (start, end) = (blank.start as usize, blank.end as usize);
        let Some(old) = text.get(start..end) else { continue };
        let mut blanks = String::with_capacity(old.len());
        for c in old.chars() {
            match is_line_end(c) {
                true => blanks.push(c),
                false => blanks.extend(std::iter::repeat_n(' ', c.len_utf8())),
            }
        }
        if blank.statement && blanks.starts_with(' ') {
            blanks.replace_range(..1, ";");
        }
        text.replace_range(start..end, &blanks);
    }
}

fn blanked(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let (blank, count) = if is_line_end(c) { (c, 1) } else { (' ', c.len_utf16()) };
            std::iter::repeat_n(blank, count)
        })
        .collect()
}

fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Moves a position over a text.
fn advance(text: &str, line: &mut u32, column: &mut u32) {
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' if characters.peek() == Some(&'\n') => {}
            c if is_line_end(c) => (*line, *column) = (*line + 1, 1),
            c => *column += u32::try_from(c.len_utf16()).unwrap_or(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_texts_keep_all_columns() {
        let source = "if (process.env.NODE_ENV) {\n  x();\n}";
        let mut edits = TextEdits::default();
        edits.replace(4, 24, "\"dev\"");
        let (text, marks) = edits.apply(source);
        assert_eq!(text, "if (\"dev\"               ) {\n  x();\n}");
        assert!(marks.marks.is_empty());
    }

    #[test]
    fn longer_texts_have_marks() {
        let source = "é; A + b; A\nc";
        let mut edits = TextEdits::default();
        edits.replace(4, 5, "\"long\"");
        edits.replace(11, 12, "22");
        let (text, marks) = edits.apply(source);
        assert_eq!(text, "é; \"long\" + b; 22\nc");
        let column = |needle: &str| text[..text.find(needle).unwrap()].encode_utf16().count() as u32 + 1;
        assert_eq!(marks.original(1, column("long")), (1, 4));
        assert_eq!(marks.original(1, column("b;")), (1, 8));
        assert_eq!(marks.original(1, column("22")), (1, 11));
        assert_eq!(marks.original(2, 1), (2, 1));
    }

    #[test]
    fn line_breaks_in_a_range_stay() {
        let mut edits = TextEdits::default();
        edits.replace(0, 7, "1");
        let (text, marks) = edits.apply("a\n  .bc; d");
        assert_eq!(text, "1 \n     ; d");
        assert_eq!(marks.original(2, 8), (2, 8));
    }

    #[test]
    fn blanks_keep_lines_and_offsets() {
        let mut text = "a é\nb c".to_owned();
        let range = |start, end| Blank { start, end, statement: false };
        blank(&mut text, &[range(2, 6), range(99, 100)]);
        assert_eq!(text, "a   \n  c");
        blank(&mut text, &[Blank { start: 0, end: 1, statement: true }]);
        assert_eq!(text, ";   \n  c");
    }
}
