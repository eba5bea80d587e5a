//! How long after its limit a run has ended, and what the honest runs beside it notice: processes in their jail, no HTTP.
//!
//! ```sh
//! cargo build --release -p isolet-runtime --examples
//! target/release/examples/kill_times [RUNS] [PART OF A NAME]
//! ```
//!
//! Runs of each kind follow one another. Beside them honest runs, each with one tool call, follow one another too; the
//! first row shows those alone. What is given for a limit on CPU or time is the caller's clock, from handing over the job to
//! the report, less the limit: an upper bound on the kill, which has the way to the runner and back in it, and the
//! turns that the honest runs took on the same processors. When memory is used up nobody can say from outside; there it
//! is the time since the last line that the growing script logged. For what is counted it is the whole run.

mod kinds;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use isolet_runtime::*;
use kinds::{ENDLESS, Endless, Kind};

/// Between two honest runs: they are to notice a wait, not to make one.
const PAUSE: Duration = Duration::from_millis(2);

/// A run that has no report by then hangs.
const PATIENCE: Duration = Duration::from_secs(60);

struct Demo;

impl ToolHost for Demo {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        Box::pin(async move {
            if matches!(&request.operation, Operation::Call { tool, .. } if tool == "wait") {
                tokio::time::sleep(PATIENCE).await;
            }
            Ok(br#"{"sum":3}"#.to_vec())
        })
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let runs = words.next().and_then(|word| word.parse().ok()).unwrap_or(30);
    let part = words.next().unwrap_or_default();
    let own = std::env::current_exe().expect("the path of this program");
    let processes =
        RunnerProcesses { executable: own.with_file_name("runner"), subcommand: "runner".into(), count: 2 };
    assert!(
        processes.executable.exists(),
        "build it first: cargo build --release -p isolet-runtime --examples"
    );
    let tokio = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let options = EngineOptions { isolation: Isolation::Process(processes), ..EngineOptions::default() };
    let engine = Engine::new(options, tokio.handle().clone());
    tokio.block_on(async {
        assert!(engine.ready(PATIENCE).await, "the runners start");
        println!("| run | code | whole run, median | past the limit, median | worst | CPU past it, worst | honest p50 | honest worst | honest failed | runners lost |");
        println!("|---|---|---|---|---|---|---|---|---|---|");
        let alone = beside(&engine, tokio::time::sleep(Duration::from_secs(2))).await.1;
        println!("| nothing | | | | | | {} | 0 |", alone.cells());
        for endless in ENDLESS.iter().filter(|endless| endless.name.contains(&part)) {
            measure(&engine, endless, runs).await;
        }
    });
}

fn job(code: &str, limits: Limits) -> Job {
    let mut catalogue = Catalogue::default();
    catalogue.insert("demo", "demo", ServerTools::new(["add", "wait"].map(|name| (name, name.to_owned()))));
    Job {
        code: code.into(),
        language: Language::TypeScript,
        entry: Entry::Script { input: None },
        environment: Environment {
            vars: serde_json::Map::new(),
            catalogue: Arc::new(catalogue),
            host: Arc::new(Demo),
        },
        limits,
    }
}

/// Runs of one kind, and their row.
async fn measure(engine: &Engine, endless: &Endless, runs: usize) {
    let limit = endless.kind.limit();
    let restarts = engine.runner_restarts();
    let hostile = async {
        let (mut late, mut whole, mut cpu_late) = (Vec::new(), Vec::new(), Vec::new());
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..runs {
            let started = Instant::now();
            let run = engine.run(job(endless.code, endless.kind.limits()));
            let report =
                tokio::time::timeout(PATIENCE, run.report()).await.expect("a report, whatever it does");
            let took = started.elapsed();
            // A script that grows logs as it does so: with the last line it was not stopped yet.
            let last_line =
                report.logs.last().filter(|_| endless.kind == Kind::Memory).map_or(0.0, |line| line.at_ms);
            late.push(took.saturating_sub(limit.max(Duration::from_secs_f64(last_line / 1000.0))));
            whole.push(took);
            let code = report.result.err().map(|error| error.code);
            // A process that ended by itself has told nothing.
            if matches!(endless.kind, Kind::Cpu | Kind::Seldom) && report.stats.cpu_ms > 0.0 {
                cpu_late.push(Duration::from_secs_f64(report.stats.cpu_ms / 1000.0).saturating_sub(limit));
            }
            let wrong = if code == Some(endless.kind.code()) { "" } else { " (wrong)" };
            *codes.entry(format!("{}{wrong}", code.map_or("none", ErrorCode::as_str))).or_default() += 1;
        }
        (late, whole, cpu_late, codes)
    };
    let ((mut late, mut whole, cpu_late, codes), honest) = beside(engine, hostile).await;
    late.sort();
    whole.sort();
    let codes: Vec<String> = match codes.len() {
        1 => codes.into_keys().collect(),
        _ => codes.into_iter().map(|(code, times)| format!("{code} {times}×")).collect(),
    };
    let cpu = cpu_late.into_iter().max().map_or("-".to_owned(), milliseconds);
    println!(
        "| {} | {} | {} | {} | {} | {cpu} | {} | {} |",
        endless.name,
        codes.join(", "),
        whole.get(whole.len() / 2).copied().map_or("-".to_owned(), milliseconds),
        late.get(late.len() / 2).copied().map_or("-".to_owned(), milliseconds),
        late.last().copied().map_or("-".to_owned(), milliseconds),
        honest.cells(),
        engine.runner_restarts() - restarts,
    );
}

/// What honest runs saw.
#[derive(Default)]
struct Honest {
    latencies: Vec<Duration>,
    failed: usize,
}

impl Honest {
    fn cells(mut self) -> String {
        self.latencies.sort();
        let at = |index: usize| self.latencies.get(index).copied().map_or("-".to_owned(), milliseconds);
        let last = self.latencies.len().saturating_sub(1);
        format!("{} | {} | {} of {}", at(last / 2), at(last), self.failed, self.latencies.len() + self.failed)
    }
}

/// Does `work` with honest runs beside it.
async fn beside<T>(engine: &Engine, work: impl Future<Output = T>) -> (T, Honest) {
    let over = Arc::new(AtomicBool::new(false));
    let honest = tokio::spawn({
        let (engine, over) = (engine.clone(), over.clone());
        async move {
            let mut honest = Honest::default();
            while !over.load(Ordering::Relaxed) {
                let started = Instant::now();
                let run =
                    engine.run(job("return (await env.demo.add({ a: 1, b: 2 })).sum", Limits::default()));
                match tokio::time::timeout(PATIENCE, run.report()).await {
                    Ok(Report { result: Ok(json), .. }) if json == "3" => {
                        honest.latencies.push(started.elapsed());
                    }
                    Ok(report) => {
                        honest.failed += 1;
                        eprintln!("an honest run: {:?}", report.result);
                    }
                    Err(_) => honest.failed += 1,
                }
                tokio::time::sleep(PAUSE).await;
            }
            honest
        }
    });
    let result = work.await;
    over.store(true, Ordering::Relaxed);
    (result, honest.await.expect("the honest runs"))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
