//! Blanking ranges of a text without moving anything else.

/// Ranges to blank. Ranges must not overlap; they may come in any order.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
    /// The edit that reaches farthest.
    last: usize,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    start: u32,
    end: u32,
    /// ASCII that takes the place of the first blanks.
    put: &'static str,
}

/// Names an edit, to put something into it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EditId(usize);

impl Edits {
    pub fn blank(&mut self, start: u32, end: u32) -> EditId {
        self.replace(start, end, "")
    }

    /// Blanks a range but for `put` at its beginning, which must fit into the range's first line.
    pub fn replace(&mut self, start: u32, end: u32, put: &'static str) -> EditId {
        let id = self.list.len();
        self.list.push(Edit { start, end, put });
        if self.list.get(self.last).is_none_or(|last| last.end <= end) {
            self.last = id;
        }
        EditId(id)
    }

    /// Puts a semicolon at the beginning of a blanked range.
    pub fn end_statement(&mut self, id: EditId) {
        let edit = &mut self.list[id.0];
        if edit.put.is_empty() {
            edit.put = ";";
        }
    }

    /// The edit that ends exactly at `end`, if anything reaches that far.
    pub fn ending_at(&self, end: u32) -> Option<EditId> {
        self.list.get(self.last).filter(|edit| edit.end == end).map(|_| EditId(self.last))
    }

    /// Whether an edit begins at `start`; only the most recent ones are looked at.
    pub fn starting_at(&self, start: u32, since: usize) -> Option<EditId> {
        self.list[since..].iter().position(|edit| edit.start == start).map(|n| EditId(since + n))
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn apply(mut self, text: &str) -> String {
        if self.list.is_empty() {
            return text.to_owned();
        }
        self.list.sort_by_key(|edit| edit.start);
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for Edit { start, end, put } in self.list {
            let (start, end) = ((start as usize).max(at), end as usize);
            if start >= end {
                continue;
            }
            out.push_str(&text[at..start]);
            out.push_str(put);
            blank_after(&mut out, &text[start..end], put.len());
            at = end;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// Whether `put` fits into the first line of `range`.
pub(super) fn fits(range: &str, put: &str) -> bool {
    range.chars().take(put.len()).filter(|&c| !is_line_terminator(c)).count() == put.len()
}

pub(super) fn is_line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Appends `text` with a space for each UTF-16 unit; line terminators stay.
pub(super) fn blank_into(out: &mut String, text: &str) {
    blank_after(out, text, 0);
}

/// The same, but the first `skip` units are taken already.
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
