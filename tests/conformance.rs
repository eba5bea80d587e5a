//! The official conformance suite, both ways: its server scenarios against `/mcp` with
//! pass-through, its client scenarios with a script that calls the suite's server. All scenarios
//! that the revisions 2025-11-25 and 2026-07-28 require are run;
//! `conformance/expected-failures.yml` lists known failures with reasons.

use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::harness::*;

const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Client scenarios that run in parallel. Each is a program for Node.js and two runs of isolet;
/// with more of them a small machine exceeds the suite's timeouts.
const MAX_PARALLEL_SCENARIOS: usize = 3;

/// The time for one client scenario, or one set of server scenarios.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(240);

struct Suite {
    node: String,
    program: String,
    baseline: String,
}

impl Suite {
    fn new() -> Self {
        let clients = npm::clients();
        let baseline = repository().join("tests/conformance/expected-failures.yml");
        Self {
            node: clients.node(),
            program: clients.program("conformance"),
            baseline: baseline.to_str().expect("a path in UTF-8").to_owned(),
        }
    }

    /// Runs the suite; returns its output and whether it passed.
    fn run(&self, args: &[&str]) -> (String, bool) {
        let folder = Folder::new();
        let path = std::env::var("PATH").unwrap_or_default();
        let node = std::path::Path::new(&self.node).parent().expect("a folder").display().to_string();
        let command = command::program(&self.node, [self.program.as_str()]).args(args);
        let output = command
            .args(&["--expected-failures", &self.baseline])
            .env("PATH", format!("{node}:{path}"))
            .env("ISOLET", ISOLET)
            .within(folder.path())
            .timeout(SCENARIO_TIMEOUT)
            .output();
        (output.both(), output.code == Some(0))
    }

    /// Returns the scenarios of one side that a revision requires, from the suite's own list.
    fn required(&self, side: &str, revision: &str) -> Vec<String> {
        let list = npm::clients()
            .folder()
            .join(format!("node_modules/@modelcontextprotocol/conformance/requirements/{revision}.yaml"));
        let list =
            std::fs::read_to_string(&list).unwrap_or_else(|error| panic!("{}: {error}", list.display()));
        let of_side = list.lines().skip_while(|line| *line != format!("{side}:")).skip(1);
        let names =
            of_side.take_while(|line| line.is_empty() || line.starts_with(' ') || line.starts_with('#'));
        let names: Vec<String> =
            names.filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect();
        assert!(names.len() > 10, "{side} of {revision}: {names:?}");
        names
    }
}

/// The two sides run one after the other, as some of the suite's checks give a server half a
/// second.
#[tokio::test]
async fn isolet_conforms() {
    let suite = Suite::new();
    as_a_server(&suite).await;
    as_a_client(&suite);
}

async fn as_a_server(suite: &Suite) {
    let upstream = repository().join("tests/conformance/upstream.mjs");
    let folder = Folder::new();
    folder.mcp_json(json!({ "fixture": { "command": "node", "args": [upstream] } }));
    let server =
        Daemon::serve_in(folder, &["--expose-tools", "fixture", "--plain-names"]).await_ready().await;
    let url = format!("http://{}/mcp", server.address());
    for revision in REVISIONS {
        let (said, content) = suite.run(&["server", "--url", &url, "--requirements", revision]);
        assert!(content, "{revision}\n{said}");
        let summary = said.split_once("=== SUMMARY ===").map_or("", |(_, summary)| summary);
        for scenario in suite.required("server", revision) {
            assert!(summary.contains(&format!(" {scenario}: ")), "{scenario} was not run\n{said}");
        }
    }
}

/// Runs the client scenarios with a script in isolet as the client.
fn as_a_client(suite: &Suite) {
    let client = repository().join("tests/conformance/client.mjs");
    let client = format!("{} {}", suite.node, client.display());
    let all = REVISIONS.iter().flat_map(|revision| {
        suite.required("client", revision).into_iter().map(move |scenario| (*revision, scenario))
    });
    let waiting = Mutex::new(all.collect::<Vec<_>>());
    let failed = Mutex::new(Vec::new());
    let count = waiting.lock().len();
    thread::scope(|scope| {
        for _ in 0..MAX_PARALLEL_SCENARIOS {
            scope.spawn(|| {
                loop {
                    let Some((revision, scenario)) = waiting.lock().pop() else { return };
                    let args =
                        ["client", "--command", &client, "--scenario", &scenario, "--spec-version", revision];
                    let (said, content) = suite.run(&args);
                    if !content {
                        failed.lock().push(format!("{revision} {scenario}\n{said}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(failed.is_empty(), "{} of {count} scenarios\n{}", failed.len(), failed.join("\n\n"));
}
