//! The binary starts and measures processes. The targets are small Python and shell programs.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isolet-bench")).args(args).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that makes a short-lived child for each request, which uses CPU, and keeps a second
/// process.
const SERVER: &str = r#"
import http.server, subprocess, sys, time
time.sleep(0.2)
keeper = subprocess.Popen(["sleep", sys.argv[2]])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/burn":
            subprocess.run(["bash", "-c", "for ((i=0;i<30000;i++)); do :; done"])
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

fn is_running(argument: &str) -> bool {
    let list = Command::new("ps").args(["-eo", "args"]).output().unwrap();
    String::from_utf8_lossy(&list.stdout).lines().any(|line| line == format!("sleep {argument}"))
}

#[test]
fn a_started_target_is_measured_with_its_children_and_ended_with_them() {
    let port = free_port().to_string();
    // A number that no other test or program sleeps for.
    let nap = format!("{}.{port}", 3000 + std::process::id() % 1000);
    let (ready, url) = (format!("http://127.0.0.1:{port}/"), format!("http://127.0.0.1:{port}/burn"));
    let mut args = vec!["spawn", &url, "--ready", &ready, "--requests", "20", "--connections", "1"];
    args.extend(["--warm-up", "0s", "--json", "--label", "py", "--", "python3", "-c", SERVER, &port, &nap]);
    let output = bench(&args);
    let report = report(&output);
    assert_eq!(report["answers"], 20, "{report}");
    assert_eq!(report["label"], "py");
    let start = &report["start"];
    assert!(start["ready_ms"].as_f64().unwrap() > 200.0, "{start}");
    assert!(start["first_answer_ms"].as_f64() > start["ready_ms"].as_f64(), "{start}");

    let target = &report["target"];
    let cpu = target["cpu_user_s"].as_f64().unwrap() + target["cpu_system_s"].as_f64().unwrap();
    let latency = report["latency_us"]["mean"].as_f64().unwrap() / 1e6;
    assert!(cpu > 0.2, "each child burns some 30 ms or more: {report}");
    assert!(cpu < 20.0 * latency * 2.0, "no more than two processors over the whole time: {report}");
    assert!(target["processes"].as_u64().unwrap() >= 2, "{target}");
    assert!(target["rss_peak"].as_u64().unwrap() > 5_000_000, "{target}");
    assert!(target["pss_end"].as_u64().unwrap() <= target["rss_end"].as_u64().unwrap(), "{target}");
    assert_eq!(target["alive"], true);
    assert!(!is_running(&nap), "the whole group was ended");
}

#[test]
fn a_target_that_ends_or_never_answers_is_an_error() {
    let url = format!("http://127.0.0.1:{}/", free_port());
    let ended = bench(&["spawn", &url, "--ready", &url, "--", "sh", "-c", "exit 3"]);
    assert!(String::from_utf8_lossy(&ended.stderr).contains("exit status: 3"));
    let started = Instant::now();
    let silent = bench(&["spawn", &url, "--ready", &url, "--ready-timeout", "300ms", "--", "sleep", "60"]);
    assert!(String::from_utf8_lossy(&silent.stderr).contains("no connection"));
    assert!(started.elapsed() < Duration::from_secs(10));
    let missing = bench(&["spawn", &url, "--ready", &url, "--", "/nonexistent/program"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot start /nonexistent/program"));
    for output in [ended, silent, missing] {
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn cold_runs_measure_wall_time_and_cpu() {
    let report_ = report(&bench(&["cold", "--runs", "5", "--discard", "0", "--json", "--", "sleep", "0.05"]));
    let wall = &report_["wall_us"];
    assert_eq!((report_["runs"].as_u64(), report_["failed"].as_u64()), (Some(5), Some(0)));
    assert!(wall["min"].as_u64().unwrap() >= 50_000 && wall["p50"].as_u64().unwrap() < 150_000, "{wall}");
    assert!(report_["cpu_ms"].as_f64().unwrap() < 30.0, "sleeping costs no CPU");

    let burn = "for ((i=0;i<100000;i++)); do :; done";
    let nested = format!("bash -c '{burn}'; {burn}");
    let busy = report(&bench(&["cold", "--runs", "3", "--json", "--", "bash", "-c", &nested]));
    let (cpu, wall) = (busy["cpu_ms"].as_f64().unwrap(), busy["wall_us"]["mean"].as_f64().unwrap() / 1e3);
    // Both halves use the same CPU: without the child's, it would be about half of the wall time on
    // an idle machine.
    assert!(cpu > 50.0 && cpu < wall * 1.3, "CPU {cpu} ms, wall {wall} ms");

    let failing = bench(&["cold", "--runs", "2", "--json", "--", "false"]);
    assert_eq!((report(&failing)["failed"].as_u64(), failing.status.code()), (Some(2), Some(1)));
    let hanging = bench(&[
        "cold",
        "--runs",
        "1",
        "--discard",
        "0",
        "--timeout",
        "100ms",
        "--json",
        "--",
        "sleep",
        "60",
    ]);
    assert_eq!(report(&hanging)["failed"], 1);
}

#[test]
fn reports_can_be_compared() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<String> = ["0.01", "0.04"]
        .map(|nap| {
            let path = directory.path().join(format!("nap-{nap}.json"));
            let output = bench(&["cold", "--runs", "3", "--json", "--", "sleep", nap]);
            std::fs::write(&path, output.stdout).unwrap();
            path.display().to_string()
        })
        .into();
    let output = bench(&["compare", &files[0], &files[1]]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines().next().unwrap().contains("nap-0.01") && text.contains("p50") && text.contains("x)"),
        "{text}"
    );
    let wrong = directory.path().join("wrong.json");
    std::fs::write(&wrong, "{}").unwrap();
    let output = bench(&["compare", &wrong.display().to_string()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no report of isolet-bench"));
}
