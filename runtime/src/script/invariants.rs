//! Invariants of prepared texts, for tests and fuzzing.

use super::edits::is_line_terminator;
use super::{Prepared, SyntaxError};

/// Checks positions: lines stay, and unless the text was rewritten, every UTF-16 unit of the result
/// is the source's at the same position, a blank, or one that erasing writes.
pub(crate) fn positions(source: &str, prepared: &Prepared) {
    let text = &prepared.text;
    if prepared.columns.is_some() {
        // The text was rewritten: lines stay.
        let breaks = |text: &str| text.chars().filter(|&c| is_line_terminator(c)).collect::<String>();
        assert_eq!(breaks(source), breaks(text), "{source:?} → {text:?}");
        return;
    }
    let (before, after): (Vec<u16>, Vec<u16>) =
        (source.encode_utf16().collect(), text.encode_utf16().collect());
    assert_eq!(before.len(), after.len(), "{source:?} → {text:?}");
    for (b, a) in before.iter().zip(&after) {
        let put = |c: u16| char::from_u32(c.into()).is_some_and(|c| " ;(),0|".contains(c));
        assert!(b == a || put(*a), "{source:?} → {text:?}");
        let breaks = |c: u16| char::from_u32(c.into()).is_some_and(is_line_terminator);
        assert_eq!(breaks(*b), breaks(*a), "line breaks stay: {source:?} → {text:?}");
    }
}

/// Checks that the result is valid JavaScript, alone and wrapped.
#[cfg(test)]
pub(crate) fn parses(prepared: &Prepared) {
    parses_but_for(prepared, &[]);
}

/// Checks the same, except for errors that begin with one of `allowed`.
pub(crate) fn parses_but_for(prepared: &Prepared, known: &[&str]) {
    let allocator = oxc_allocator::Allocator::default();
    let wrapped = prepared.wrapped().source;
    let parsed = oxc_parser::Parser::new(&allocator, &wrapped, oxc_span::SourceType::mjs()).parse();
    let wrong =
        parsed.diagnostics.iter().find(|wrong| !known.iter().any(|known| wrong.message.starts_with(known)));
    assert_eq!(wrong, None, "{wrapped}");
}

/// Checks that an error has a message and a position in the text or at its end.
pub(crate) fn place(source: &str, error: &SyntaxError) {
    assert!(!error.message.is_empty());
    let line = source
        .replace("\r\n", "\n")
        .split(is_line_terminator)
        .nth(error.line.saturating_sub(1) as usize)
        .map(|line| line.encode_utf16().count());
    let column = error.column as usize;
    assert!(error.line > 0 && column > 0, "{error:?}");
    // The line feed of a CR LF counts as a column for a position between the two.
    assert!(line.is_some_and(|length| column <= length + 2), "{source:?}: {error:?}");
}
