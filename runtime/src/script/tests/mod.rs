//! Tests of the whole way from text to JavaScript.

mod erasing;
mod faults;
mod hostile;
mod shapes;

use super::edits::is_line_terminator;
use super::*;

/// Prepares TypeScript that must be valid, and checks what holds for every text.
fn erased(source: &str) -> String {
    let prepared = prepare(source, true).unwrap_or_else(|fault| panic!("{source:?}: {fault:?}"));
    check_positions(source, &prepared.text);
    reparse(&prepared);
    prepared.text
}

fn fault(source: &str) -> SyntaxFault {
    match prepare(source, true) {
        Ok(prepared) => panic!("{source:?} became {prepared:?}"),
        Err(fault) => fault,
    }
}

/// Every UTF-16 unit of the result is the source's at the same place, a blank, or one of what erasing puts in.
fn check_positions(source: &str, text: &str) {
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
fn reparse(prepared: &Prepared) {
    let allocator = oxc_allocator::Allocator::default();
    let wrapped = prepared.wrapped().source;
    let parsed = oxc_parser::Parser::new(&allocator, &wrapped, oxc_span::SourceType::mjs()).parse();
    assert!(parsed.diagnostics.is_empty(), "{:?}\n{wrapped}", parsed.diagnostics);
}

/// What the module comment's figures come from.
#[test]
#[ignore = "prints figures"]
fn cost() {
    let unit = "interface Issue { id: number; title: string; labels?: string[] }\n\
        const issues = (await env.github.list_issues({ owner: \"o\", repo: \"r\" })) as Issue[];\n\
        const open = issues.filter((issue: Issue): boolean => issue.labels?.includes(\"bug\") ?? false);\n\
        for (const issue of open) { console.log(`${issue.id}: ${issue.title}`); }\n";
    for (name, source) in [
        ("300 B", unit.to_owned()),
        ("3 KB", (0..9).map(|n| format!("{{ {unit} const n{n} = {n}; }}\n")).collect()),
        ("100 KB", (0..290).map(|n| format!("{{ {unit} const n{n} = {n}; }}\n")).collect()),
    ] {
        for typescript in [true, false] {
            let source = if typescript { source.clone() } else { prepare(&source, true).unwrap().text };
            let rounds = (20_000_000 / source.len() / 10).max(20);
            let start = std::time::Instant::now();
            for _ in 0..rounds {
                std::hint::black_box(prepare(std::hint::black_box(&source), typescript).unwrap());
            }
            let all = start.elapsed().as_secs_f64() * 1e6 / rounds as f64;
            let start = std::time::Instant::now();
            for _ in 0..rounds {
                std::hint::black_box(nesting::measure(std::hint::black_box(&source)));
            }
            let scan = start.elapsed().as_secs_f64() * 1e6 / rounds as f64;
            println!(
                "{name} ({} bytes, typescript {typescript}): {all:.1} µs, of which scan {scan:.1} µs",
                source.len()
            );
        }
    }
}
