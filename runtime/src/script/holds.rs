//! What must hold of every text that was prepared: for tests and fuzzing.

use super::edits::is_line_terminator;
use super::{Prepared, SyntaxFault};

/// Every UTF-16 unit of the result is the source's at the same place, a blank, or one of what erasing puts in.
pub(crate) fn positions(source: &str, text: &str) {
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

/// The result is JavaScript on its own and as wrapped.
pub(crate) fn parses(prepared: &Prepared) {
    parses_but_for(prepared, &[]);
}

/// The same, but for complaints that begin so.
pub(crate) fn parses_but_for(prepared: &Prepared, known: &[&str]) {
    let allocator = oxc_allocator::Allocator::default();
    let wrapped = prepared.wrapped().source;
    let parsed = oxc_parser::Parser::new(&allocator, &wrapped, oxc_span::SourceType::mjs()).parse();
    let wrong =
        parsed.diagnostics.iter().find(|wrong| !known.iter().any(|known| wrong.message.starts_with(known)));
    assert_eq!(wrong, None, "{wrapped}");
}

/// A fault says something, of a place in the text or just behind it.
pub(crate) fn place(source: &str, fault: &SyntaxFault) {
    assert!(!fault.message.is_empty());
    let line = source
        .replace("\r\n", "\n")
        .split(is_line_terminator)
        .nth(fault.line.saturating_sub(1) as usize)
        .map(|line| line.encode_utf16().count());
    let column = fault.column as usize;
    assert!(fault.line > 0 && column > 0, "{fault:?}");
    // The line feed of a CR LF is a column of its own to those who look between the two.
    assert!(line.is_some_and(|length| column <= length + 2), "{source:?}: {fault:?}");
}
