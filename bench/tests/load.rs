//! The binary against a small server in this process.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

struct Server {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    _runtime: tokio::runtime::Runtime,
}

/// `/echo` returns the body, `/slow` answers after 20 ms, `/never` does not answer, `/third` fails
/// two times of three, `/close` ends the connection after each answer, `/torn` in the middle of
/// one.
async fn answer(request: Request<Incoming>, number: u64) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let key = request.headers().get("x-key").cloned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut response = Response::new(Full::new(match path.as_str() {
        "/echo" => body,
        "/key" => Bytes::from(key.map_or(Vec::new(), |key| key.as_bytes().to_vec())),
        _ => Bytes::from_static(b"hello"),
    }));
    match path.as_str() {
        "/slow" => tokio::time::sleep(Duration::from_millis(20)).await,
        "/never" => tokio::time::sleep(Duration::from_secs(3600)).await,
        "/third" if !number.is_multiple_of(3) => {
            *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR
        }
        "/close" => drop(response.headers_mut().insert("connection", "close".parse().unwrap())),
        "/torn" => drop(response.headers_mut().insert("content-length", "999".parse().unwrap())),
        _ => {}
    }
    Ok(response)
}

impl Server {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (seen, opened) = (Arc::clone(&requests), Arc::clone(&connections));
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                opened.fetch_add(1, Ordering::Relaxed);
                let seen = Arc::clone(&seen);
                let service =
                    service_fn(move |request| answer(request, seen.fetch_add(1, Ordering::Relaxed)));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, requests, connections, _runtime: runtime }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Runs the load and returns the JSON report.
    fn load(&self, path: &str, args: &[&str]) -> Value {
        let url = self.url(path);
        report(&bench(&[&["run", &url, "--warm-up", "0s", "--json"], args].concat()))
    }
}

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isolet-bench")).args(args).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn failures(report: &Value) -> u64 {
    report["failures"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn a_count_of_requests_is_exact() {
    let server = Server::start();
    let report = server.load("/echo", &["--requests", "500", "--body", "{\"a\":1}", "--expect", "\"a\":1"]);
    assert_eq!((report["answers"].as_u64(), failures(&report)), (Some(500), 0), "{report}");
    assert_eq!(report["body_bytes"], 500 * 7);
    assert_eq!((report["method"].as_str(), report["reconnects"].as_u64()), (Some("POST"), Some(0)));
    assert_eq!(server.requests.load(Ordering::Relaxed), 500);
    assert_eq!(server.connections.load(Ordering::Relaxed), 4, "connections are kept");
    assert!(report["per_second"].as_f64().unwrap() > 100.0);
}

#[test]
fn latencies_and_rates_are_those_of_the_server() {
    let server = Server::start();
    let report = server.load("/slow", &["--duration", "1s", "--connections", "2", "--threads", "2"]);
    let latency = &report["latency_us"];
    for figure in ["min", "mean", "p50"] {
        let value = latency[figure].as_f64().unwrap();
        assert!((20_000.0..40_000.0).contains(&value), "{figure}: {report}");
    }
    let rate = report["per_second"].as_f64().unwrap();
    assert!((50.0..=100.0).contains(&rate), "two connections at 20 ms and more: {report}");
    assert!((report["window_s"].as_f64().unwrap() - 1.0).abs() < 0.1);
}

/// A server that takes 20 ms has 100 requests at once in flight at 5,000 a second, which a closed
/// loop of the same connections would never show.
#[test]
fn an_open_loop_keeps_its_rate_and_counts_the_wait() {
    let server = Server::start();
    let report = server.load("/slow", &["--duration", "1s", "--rate", "200", "--connections", "100"]);
    let answers = |report: &Value| report["answers"].as_u64().unwrap();
    // The end of the second is fixed before the first request starts.
    assert!((195..=200).contains(&answers(&report)) && failures(&report) == 0, "{report}");
    assert_eq!(report["offered_per_second"], 200.0);
    // One connection answers 50 a second: the requests wait longer and longer.
    let waiting = server.load("/slow", &["--duration", "1s", "--rate", "100", "--connections", "1"]);
    assert!((95..=100).contains(&answers(&waiting)), "{waiting}");
    let p99 = waiting["latency_us"]["p99"].as_u64().unwrap();
    assert!(p99 > 800_000, "100 requests of 20 ms on one connection take 2 s: {waiting}");
    assert!(waiting["sent_late_p99_us"].as_u64().unwrap() > 800_000, "{waiting}");
    assert!(waiting["per_second"].as_f64().unwrap() < 60.0, "{waiting}");
}

#[test]
fn the_highest_rate_that_holds_is_searched() {
    let server = Server::start();
    // One connection and 20 ms for each request: 50 a second at most.
    let options = ["--hold-p99", "200ms", "--duration", "300ms", "--connections", "1"];
    let report = server.load("/slow", &options);
    let rate = report["offered_per_second"].as_f64().unwrap();
    assert!((10.0..=70.0).contains(&rate), "{report}");
    let rates = report["rates"].as_array().unwrap();
    assert!(rates.iter().any(|tried| tried["held"] == false), "{report}");
    assert!(rates.iter().any(|tried| tried["per_second"] == rate && tried["held"] == true), "{report}");
}

#[test]
fn with_churn_each_request_has_a_connection() {
    let server = Server::start();
    let report = server.load("/echo", &["--requests", "50", "--churn", "--connections", "2"]);
    assert_eq!((report["answers"].as_u64(), failures(&report)), (Some(50), 0), "{report}");
    assert_eq!(report["reconnects"], 0, "they are meant");
    assert_eq!(server.connections.load(Ordering::Relaxed), 50);
}

#[test]
fn warm_up_does_not_count() {
    let server = Server::start();
    let url = server.url("/echo");
    let report = report(&bench(&["run", &url, "--warm-up", "300ms", "--requests", "10", "--json"]));
    assert_eq!(report["answers"], 10);
    assert!(server.requests.load(Ordering::Relaxed) > 20, "the warm-up sent some");
    assert_eq!(server.connections.load(Ordering::Relaxed), 4, "and left its connections open");
}

#[test]
fn failures_are_counted_by_kind() {
    let server = Server::start();
    let third = server.load("/third", &["--requests", "300", "--connections", "1"]);
    assert_eq!((third["answers"].as_u64(), third["failures"]["status"].as_u64()), (Some(100), Some(200)));
    let mismatch = server.load("/hello", &["--requests", "20", "--expect", "bye"]);
    assert_eq!(
        (mismatch["answers"].as_u64(), mismatch["failures"]["mismatch"].as_u64()),
        (Some(0), Some(20))
    );
    assert_eq!(mismatch["latency_us"], Value::Null);
    let torn = server.load("/torn", &["--requests", "8"]);
    assert_eq!(torn["failures"]["transport"], 8, "{torn}");
    let never = server.load("/never", &["--requests", "4", "--timeout", "200ms"]);
    assert_eq!(never["failures"]["timeout"], 4, "{never}");
    let closing = server.load("/close", &["--requests", "20", "--connections", "1"]);
    assert_eq!(
        (closing["answers"].as_u64(), closing["reconnects"].as_u64()),
        (Some(20), Some(19)),
        "{closing}"
    );
    let key = server.load("/key", &["--requests", "1", "--header", "X-Key: secret", "--expect", "secret"]);
    assert_eq!(key["answers"], 1);
}

#[test]
fn a_dead_server_is_failures_and_exit_code_1() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let output = bench(&["run", &url, "--warm-up", "0s", "--requests", "5", "--json"]);
    assert_eq!(report(&output)["failures"]["connect"], 5);
    assert_eq!(output.status.code(), Some(1));
    let table = bench(&["run", &url, "--warm-up", "0s", "--requests", "5"]);
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.contains("connect 5") && !text.contains('\x1b'), "{text}");
    assert!(table.stderr.is_empty(), "no progress where nobody watches");
}

#[test]
fn usage_errors_are_exit_code_2() {
    let remote = bench(&["run", "http://192.0.2.1/", "--requests", "1"]);
    assert_eq!(remote.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&remote.stderr).contains("--allow-remote"));
    let long = bench(&["run", "http://127.0.0.1:1/", "--duration", "11m"]);
    assert!(String::from_utf8_lossy(&long.stderr).contains("--max-duration"));
    let pid = bench(&["run", "http://127.0.0.1:1/", "--warm-up", "0s", "--pid", "4194304"]);
    assert!(String::from_utf8_lossy(&pid.stderr).contains("no process 4194304"));
}
