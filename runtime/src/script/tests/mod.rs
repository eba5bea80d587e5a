//! Tests of the preparation of scripts, from text to JavaScript.

mod completion;
mod diagnostics;
mod erasing;
mod hostile;
mod lowering;
mod shapes;

use super::*;

/// Prepares TypeScript that must be valid, and checks the invariants.
fn erased(source: &str) -> String {
    let prepared = prepare(source, true).unwrap_or_else(|error| panic!("{source:?}: {error:?}"));
    invariants::positions(source, &prepared);
    invariants::parses(&prepared);
    prepared.text
}

fn syntax_error(source: &str) -> SyntaxError {
    match prepare(source, true) {
        Ok(prepared) => panic!("{source:?} became {prepared:?}"),
        Err(error) => error,
    }
}

/// Fails unless the text has a syntax error at this position, with these words.
#[track_caller]
fn refused(source: &str, line: u32, column: u32, message: &str, hint: &str) {
    let error = syntax_error(source);
    assert_eq!((error.line, error.column), (line, column), "{source:?}: {error:?}");
    assert!(error.message.contains(message), "{source:?}: {error:?}");
    assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{source:?}: {error:?}");
}

/// Measures the costs in the module's comment.
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
