//! Tests of the whole way from text to JavaScript.

mod erasing;
mod faults;
mod hostile;
mod shapes;

use super::*;

/// Prepares TypeScript that must be valid, and checks what holds for every text.
fn erased(source: &str) -> String {
    let prepared = prepare(source, true).unwrap_or_else(|fault| panic!("{source:?}: {fault:?}"));
    holds::positions(source, &prepared.text);
    holds::parses(&prepared);
    prepared.text
}

fn fault(source: &str) -> SyntaxFault {
    match prepare(source, true) {
        Ok(prepared) => panic!("{source:?} became {prepared:?}"),
        Err(fault) => fault,
    }
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
