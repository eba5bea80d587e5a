//! `docs/security.md` names a test for each promise: all of them are there.

use std::collections::BTreeMap;

use crate::harness::repository;

/// The tables of the page that names tests: promise, then `path::function` or `path`.
const PAGE: &str = "docs/security.md";
const HEAD: &str = "## Promises and their tests";

#[test]
fn every_promise_has_its_tests() {
    let page = std::fs::read_to_string(repository().join(PAGE)).expect(PAGE);
    let (_, tables) = page.split_once(HEAD).expect(HEAD);
    let tables = tables.split("\n## ").next().unwrap_or(tables);
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut missing = Vec::new();
    let mut promises = 0;
    for row in tables.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = row.trim_matches('|').split(" | ");
        let (Some(promise), Some(tests)) = (cells.next(), cells.next()) else { panic!("{row}") };
        if promise.trim() == "promise" {
            continue;
        }
        promises += 1;
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named for: {promise}");
        for test in named {
            let (path, function) =
                test.split_once("::").map_or((test, None), |(path, name)| (path, Some(name)));
            let text = files
                .entry(path)
                .or_insert_with(|| std::fs::read_to_string(repository().join(path)).unwrap_or_default());
            let found = function.map_or(!text.is_empty(), |name| text.contains(&format!("fn {name}(")));
            if !found {
                missing.push(test);
            }
        }
    }
    assert!(promises > 40, "the tables were not read: {promises} rows");
    assert!(missing.is_empty(), "tests that {PAGE} names and that are not there: {missing:#?}");
}
