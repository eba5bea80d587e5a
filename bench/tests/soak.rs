//! A short soak of the isolet that was built beside this program.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_request_is_answered_while_processes_are_killed() {
    let bench = Path::new(env!("CARGO_BIN_EXE_isolet-bench"));
    let isolet = bench.with_file_name("isolet");
    assert!(isolet.exists(), "this test needs isolet beside isolet-bench: cargo build --bin isolet");
    let options = ["soak", "--minutes", "0.2", "--connections", "3", "--kill-every", "300ms", "--json"];
    let output = Command::new(bench).args(options).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
    for part in report["parts"].as_array().unwrap() {
        let failures = part["failures"].as_object().unwrap();
        assert!(failures.values().all(|count| count == 0), "{part}\n{stderr}");
    }
    assert!(report["parts"][0]["answers"].as_u64().unwrap() > 10, "{report}");
    let kills = &report["kills"];
    assert!(kills["upstreams"].as_u64().unwrap() > 0 && kills["runners"].as_u64().unwrap() > 0, "{kills}");
    assert_eq!(report["ended_when_asked"], true);
    let names: Vec<&str> =
        report["growth"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"processes") && names.contains(&"descriptors of the broker"), "{names:?}");
}
