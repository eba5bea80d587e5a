//! Measures a call through this crate beside the same call by a bare rmcp client to the same kind
//! of server: `overhead FIXTURE`, where FIXTURE is the program of `tests/programs/fixture`. Both
//! clients take turns call by call, so that the load of the machine affects both.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use isolet_bindings::config::{McpConfig, ServerConfig};
use isolet_bindings::{GuardCommand, ServerState, UpstreamOptions, Upstreams};
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService, ServiceExt as _};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::json;

const CALLS: usize = 5_000;
const TIMEOUT: Duration = Duration::from_secs(60);

type Bare = RunningService<RoleClient, ()>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fixture = std::env::args().nth(1).ok_or("expected the path of the fixture")?;
    // Measured first, before large results have left free memory behind.
    let web = Web::start(&fixture);
    idle(&fixture, "50 idle children", ServerConfig::stdio(&fixture, [""; 0])).await;
    idle(&fixture, "50 idle HTTP servers", ServerConfig::http(web.url().parse()?)).await;
    println!("{:<44} {:>10} {:>10}", "", "bare rmcp", "isolet");

    let upstreams = ours(&fixture, ServerConfig::stdio(&fixture, [""; 0]), 1).await;
    let mut child = tokio::process::Command::new(&fixture)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = (child.stdout.take().expect("a pipe"), child.stdin.take().expect("a pipe"));
    let bare = ().serve(pipes).await?;
    compare("stdio", &bare, &upstreams).await;
    upstreams.shutdown().await;
    drop(bare.cancel().await);

    let upstreams = ours(&fixture, ServerConfig::http(web.url().parse()?), 1).await;
    let bare = ().serve(StreamableHttpClientTransport::from_uri(web.url())).await?;
    compare("HTTP", &bare, &upstreams).await;
    upstreams.shutdown().await;
    drop(bare.cancel().await);

    Ok(())
}

async fn compare(kind: &str, bare: &Bare, upstreams: &Upstreams) {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 0..CALLS + 200 {
        let (one, other) = (
            timed(call_bare(bare, "echo", json!({"a": 1}))).await,
            timed(call(upstreams, "echo", r#"{"a":1}"#)).await,
        );
        // The first ones warm up.
        if round >= 200 {
            theirs.push(one);
            ours.push(other);
        }
    }
    row(&format!("{kind}: one call, p50"), quantile(&mut theirs, 0.5), quantile(&mut ours, 0.5));
    row(&format!("{kind}: one call, p99"), quantile(&mut theirs, 0.99), quantile(&mut ours, 0.99));

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let many = |_| call(upstreams, "wait", r#"{"ms":10}"#);
    let many_bare = |_| call_bare(bare, "wait", json!({"ms": 10}));
    for round in 0..11 {
        let one = timed(futures_util::future::join_all((0..100).map(many_bare))).await;
        let other = timed(futures_util::future::join_all((0..100).map(many))).await;
        if round == 0 {
            row(&format!("{kind}: 100 calls of 10 ms at once, first"), one, other);
        } else {
            theirs.push(one);
            ours.push(other);
        }
    }
    row(
        &format!("{kind}: 100 calls of 10 ms at once, p50"),
        quantile(&mut theirs, 0.5),
        quantile(&mut ours, 0.5),
    );

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..11 {
        theirs.push(timed(call_bare(bare, "big", json!({"bytes": 10_000_000}))).await);
        ours.push(timed(call(upstreams, "big", r#"{"bytes":10000000}"#)).await);
    }
    row(&format!("{kind}: a result of 10 MB, p50"), quantile(&mut theirs, 0.5), quantile(&mut ours, 0.5));
}

/// Measures 50 idle servers: the memory of this process and of the guards.
async fn idle(fixture: &str, what: &str, server: ServerConfig) {
    let before = pss("self");
    let upstreams = ours(fixture, server, 50).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let guards: u64 =
        upstreams.statuses().iter().filter_map(|status| status.pid).map(|pid| pss(&pid.to_string())).sum();
    let grown = pss("self").saturating_sub(before);
    println!("{what}: {grown} KiB more in this process, {guards} KiB in guards (PSS)");
    upstreams.shutdown().await;
}

async fn ours(fixture: &str, server: ServerConfig, count: usize) -> Upstreams {
    let mut config = McpConfig::default();
    for index in 0..count {
        config.servers.insert(if count == 1 { "s".to_owned() } else { format!("s{index}") }, server.clone());
    }
    let guard = GuardCommand { program: fixture.into(), args: vec!["guard".into()] };
    let upstreams =
        Upstreams::start(config, UpstreamOptions { guard: Some(guard), ..UpstreamOptions::default() });
    upstreams.settled(TIMEOUT).await;
    assert!(
        upstreams.statuses().iter().all(|status| status.state == ServerState::Ready),
        "{:?}",
        upstreams.statuses()
    );
    upstreams
}

async fn call(upstreams: &Upstreams, tool: &str, arguments: &str) {
    let result = upstreams.call_tool("s", tool, arguments, TIMEOUT).await.expect("an answer");
    std::hint::black_box(result.value_json());
}

async fn call_bare(bare: &Bare, tool: &'static str, arguments: serde_json::Value) {
    let serde_json::Value::Object(arguments) = arguments else { panic!("an object") };
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    std::hint::black_box(bare.peer().call_tool(params).await.expect("an answer"));
}

async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let began = Instant::now();
    std::hint::black_box(work.await);
    began.elapsed()
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize]
}

fn row(what: &str, theirs: Duration, ours: Duration) {
    let shown = |time: Duration| {
        if time < Duration::from_millis(2) {
            format!("{} µs", time.as_micros())
        } else {
            format!("{:.1} ms", time.as_secs_f64() * 1000.0)
        }
    };
    println!("{what:<44} {:>10} {:>10}", shown(theirs), shown(ours));
}

/// The proportional set size of a process in KiB.
fn pss(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let fields: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let kib = fields.get("Pss").and_then(|value| value.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse().ok()).unwrap_or(0)
}

/// A fixture over HTTP, killed when dropped.
struct Web {
    process: Child,
    port: u16,
}

impl Web {
    fn start(fixture: &str) -> Self {
        let mut process =
            Command::new(fixture).arg("http").stdout(Stdio::piped()).spawn().expect("the fixture starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a port");
        Self { process, port: line.trim().parse().expect("a port") }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
