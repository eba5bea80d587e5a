//! Replaces ranges of a text by blanks without moving the rest.

/// The ranges to blank, which must not overlap. They may be added in any order.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
    /// The index of the edit that ends last.
    last: usize,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    start: u32,
    end: u32,
    /// An ASCII text in the place of the first blanks.
    put: &'static str,
    /// Set if the edit only marks an offset, whose new position is reported.
    mark: bool,
}

/// The index of an edit, for changing it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EditId(usize);

impl Edits {
    pub fn blank(&mut self, start: u32, end: u32) -> EditId {
        self.replace(start, end, "")
    }

    /// Blanks a range and writes `put` at its beginning. It must fit into the range's first line.
    pub fn replace(&mut self, start: u32, end: u32, put: &'static str) -> EditId {
        let id = self.list.len();
        self.list.push(Edit { start, end, put, mark: false });
        if self.list.get(self.last).is_none_or(|last| last.end <= end) {
            self.last = id;
        }
        EditId(id)
    }

    /// Writes a semicolon at the beginning of a blanked range.
    pub fn end_statement(&mut self, id: EditId) {
        let edit = &mut self.list[id.0];
        if edit.put.is_empty() {
            edit.put = ";";
        }
    }

    /// Returns the edit that ends at `end`, if there is one.
    pub fn ending_at(&self, end: u32) -> Option<EditId> {
        self.list.get(self.last).filter(|edit| edit.end == end).map(|_| EditId(self.last))
    }

    /// Returns `true` if one of the most recent edits begins at `start`.
    pub fn starting_at(&self, start: u32, since: usize) -> Option<EditId> {
        self.list[since..].iter().position(|edit| edit.start == start).map(|n| EditId(since + n))
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Marks an offset, to get its new position from `apply`.
    pub fn mark(&mut self, at: u32) {
        self.list.push(Edit { start: at, end: at, put: "", mark: true });
    }

    pub fn apply(self, text: &str) -> String {
        self.apply_marking(text).0
    }

    /// Returns the text and the new positions of the marks, in order.
    pub fn apply_marking(mut self, text: &str) -> (String, Vec<usize>) {
        let mut marks = Vec::new();
        if self.list.is_empty() {
            return (text.to_owned(), marks);
        }
        self.list.sort_by_key(|edit| (edit.start, edit.end));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for Edit { start, end, put, mark } in self.list {
            let (start, end) = ((start as usize).max(at), end as usize);
            if mark {
                out.push_str(&text[at..start]);
                at = start;
                marks.push(out.len());
            }
            if start >= end {
                continue;
            }
            out.push_str(&text[at..start]);
            out.push_str(put);
            blank_after(&mut out, &text[start..end], put.len());
            at = end;
        }
        out.push_str(&text[at..]);
        (out, marks)
    }
}

/// Returns `true` if `put` fits into the first line of `range`.
pub(super) fn fits(range: &str, put: &str) -> bool {
    range.chars().take(put.len()).filter(|&c| !is_line_terminator(c)).count() == put.len()
}

pub(super) fn is_line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Appends `text` with a space in place of each UTF-16 unit. Line terminators stay.
pub(super) fn blank_into(out: &mut String, text: &str) {
    blank_after(out, text, 0);
}

/// Appends blanks as above, without the first `skip` units.
fn blank_after(out: &mut String, text: &str, mut skip: usize) {
    for c in text.chars() {
        if is_line_terminator(c) {
            out.push(c);
        } else {
            for _ in 0..c.len_utf16() {
                if skip > 0 {
                    skip -= 1;
                } else {
                    out.push(' ');
                }
            }
        }
    }
}
