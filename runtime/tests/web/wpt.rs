//! The data of the web-platform-tests for `URL` and `URLPattern`, which two crates bring along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{limits, run_limited};

/// Returns the folder of a package that the runtime is built with.
fn source(package: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version", "1", "--offline", "--locked"];
    let output = std::process::Command::new(cargo)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON of `cargo metadata`");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|found| found["name"] == package).expect("a package of the lock file");
    PathBuf::from(found["manifest_path"].as_str().expect("a path")).with_file_name("")
}

fn read(package: &str, file: &str) -> Value {
    let text = std::fs::read_to_string(source(package).join(file)).expect("a file of the package");
    serde_json::from_str(&text).expect("JSON")
}

/// The cases that fail are those in `wpt_failures.txt`, which has the reasons.
#[test]
fn urls_and_patterns_of_the_web_platform_tests() {
    let input = json!({
        "urls": read("url", "tests/urltestdata.json"),
        "setters": read("url", "tests/setters_tests.json"),
        "patterns": read("urlpattern", "src/testdata/urlpatterntestdata.json"),
    });
    let report = run_limited(include_str!("wpt.js"), Some(input), limits());
    let result: Value = serde_json::from_str(&report.result.expect("a result")).expect("JSON");
    assert!(result["counts"]["urls"].as_u64() > Some(800), "{}", result["counts"]);
    assert!(result["counts"]["setters"].as_u64() > Some(250), "{}", result["counts"]);
    assert!(result["counts"]["patterns"].as_u64() > Some(350), "{}", result["counts"]);
    let failed: BTreeMap<String, String> =
        serde_json::from_value(Value::Object(pairs(&result["failed"]))).expect("names and texts");
    let expected: BTreeSet<&str> =
        include_str!("wpt_failures.txt").lines().filter(|line| !line.starts_with('#')).collect();
    let broken: Vec<_> = failed.iter().filter(|(name, _)| !expected.contains(name.as_str())).collect();
    let mended: Vec<_> = expected.iter().filter(|name| !failed.contains_key(**name)).collect();
    assert!(broken.is_empty() && mended.is_empty(), "broken: {broken:#?}\nmended: {mended:#?}");
}

fn pairs(list: &Value) -> serde_json::Map<String, Value> {
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].clone()));
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}
