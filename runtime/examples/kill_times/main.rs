//! Measures how late runs end after their limits, and how much other runs beside them are delayed:
//! runs in jailed processes, without HTTP.
//!
//! ```sh
//! cargo build --release -p isolet-runtime --bins --examples
//! target/release/examples/kill_times [RUNS] [PART_OF_A_NAME]
//! ```
//!
//! The runs of each script follow one another. Beside them harmless runs follow one another, each
//! with one tool call; the first row shows those alone. For a limit on CPU or wall time, the value
//! is the caller's time from the job to the report, less the limit. This is an upper bound: it
//! includes the way to the runner and back, and the time for which the harmless runs used the
//! processors. For memory, the value is the time since the script's last log line, as the moment at
//! which the limit is reached is not known. For limits that are counted, it is the whole run.

mod scripts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use isolet_runtime::*;
use scripts::{ENDLESS_SCRIPTS, EndlessScript, LimitKind};

/// The pause between two harmless runs, so that they do not use up the processors.
const PAUSE_BETWEEN_RUNS: Duration = Duration::from_millis(2);

/// The time after which a run without a report fails the measurement.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// Two tools: `add` and `wait`.
struct DemoTools;

impl ToolHost for DemoTools {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        Box::pin(async move {
            if matches!(&request.operation, Operation::Call { tool, .. } if tool == "wait") {
                tokio::time::sleep(RUN_TIMEOUT).await;
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
    let executable = own.ancestors().nth(2).expect("target/release/examples").join("zygote");
    let processes = ZygoteProcesses { executable, subcommand: "zygote".into(), count: 2 };
    assert!(
        processes.executable.exists(),
        "build it first: cargo build --release -p isolet-runtime --bins --examples"
    );
    let tokio = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let options = EngineOptions { isolation: Isolation::Process(processes), ..EngineOptions::default() };
    let engine = Engine::new(options, tokio.handle().clone());
    tokio.block_on(async {
        assert!(engine.ready(RUN_TIMEOUT).await, "the zygotes start");
        println!("| run | code | whole run, median | past the limit, median | worst | CPU past it, worst | others' p50 | others' worst | others failed | zygotes lost |");
        println!("|---|---|---|---|---|---|---|---|---|---|");
        let alone = with_harmless_runs(&engine, tokio::time::sleep(Duration::from_secs(2))).await.1;
        println!("| nothing | | | | | | {} | 0 |", alone.cells());
        for script in ENDLESS_SCRIPTS.iter().filter(|script| script.name.contains(&part)) {
            measure(&engine, script, runs).await;
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
            host: Arc::new(DemoTools),
        },
        limits,
    }
}

/// Runs one script several times, and prints its row.
async fn measure(engine: &Engine, script: &EndlessScript, runs: usize) {
    let limit = script.kind.limit();
    let restarts = engine.zygote_restarts();
    let hostile = async {
        let (mut late, mut whole, mut cpu_late) = (Vec::new(), Vec::new(), Vec::new());
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..runs {
            let started = Instant::now();
            let run = engine.run(job(script.code, script.kind.limits()));
            let report =
                tokio::time::timeout(RUN_TIMEOUT, run.report()).await.expect("a report, whatever it does");
            let took = started.elapsed();
            // A growing script logs lines meanwhile, and was not stopped yet when it logged the
            // last one.
            let last_line = report
                .logs
                .last()
                .filter(|_| script.kind == LimitKind::Memory)
                .map_or(0.0, |line| line.at_ms);
            late.push(took.saturating_sub(limit.max(Duration::from_secs_f64(last_line / 1000.0))));
            whole.push(took);
            let code = report.result.err().map(|error| error.code);
            // A process that ended by itself has sent no statistics.
            if matches!(script.kind, LimitKind::Cpu | LimitKind::RareInterrupts) && report.stats.cpu_ms > 0.0
            {
                cpu_late.push(Duration::from_secs_f64(report.stats.cpu_ms / 1000.0).saturating_sub(limit));
            }
            let wrong = if code == Some(script.kind.code()) { "" } else { " (wrong)" };
            *codes.entry(format!("{}{wrong}", code.map_or("none", ErrorCode::as_str))).or_default() += 1;
        }
        (late, whole, cpu_late, codes)
    };
    let ((mut late, mut whole, cpu_late, codes), harmless) = with_harmless_runs(engine, hostile).await;
    late.sort();
    whole.sort();
    let codes: Vec<String> = match codes.len() {
        1 => codes.into_keys().collect(),
        _ => codes.into_iter().map(|(code, times)| format!("{code} {times}×")).collect(),
    };
    let cpu = cpu_late.into_iter().max().map_or("-".to_owned(), milliseconds);
    println!(
        "| {} | {} | {} | {} | {} | {cpu} | {} | {} |",
        script.name,
        codes.join(", "),
        whole.get(whole.len() / 2).copied().map_or("-".to_owned(), milliseconds),
        late.get(late.len() / 2).copied().map_or("-".to_owned(), milliseconds),
        late.last().copied().map_or("-".to_owned(), milliseconds),
        harmless.cells(),
        engine.zygote_restarts() - restarts,
    );
}

/// The measurements of harmless runs.
#[derive(Default)]
struct HarmlessRuns {
    latencies: Vec<Duration>,
    failed: usize,
}

impl HarmlessRuns {
    fn cells(mut self) -> String {
        self.latencies.sort();
        let at = |index: usize| self.latencies.get(index).copied().map_or("-".to_owned(), milliseconds);
        let last = self.latencies.len().saturating_sub(1);
        format!("{} | {} | {} of {}", at(last / 2), at(last), self.failed, self.latencies.len() + self.failed)
    }
}

/// Does `work` with harmless runs beside it.
async fn with_harmless_runs<T>(engine: &Engine, work: impl Future<Output = T>) -> (T, HarmlessRuns) {
    let over = Arc::new(AtomicBool::new(false));
    let harmless = tokio::spawn({
        let (engine, over) = (engine.clone(), over.clone());
        async move {
            let mut harmless = HarmlessRuns::default();
            while !over.load(Ordering::Relaxed) {
                let started = Instant::now();
                let run =
                    engine.run(job("return (await env.demo.add({ a: 1, b: 2 })).sum", Limits::default()));
                match tokio::time::timeout(RUN_TIMEOUT, run.report()).await {
                    Ok(Report { result: Ok(json), .. }) if json == "3" => {
                        harmless.latencies.push(started.elapsed());
                    }
                    Ok(report) => {
                        harmless.failed += 1;
                        eprintln!("a harmless run: {:?}", report.result);
                    }
                    Err(_) => harmless.failed += 1,
                }
                tokio::time::sleep(PAUSE_BETWEEN_RUNS).await;
            }
            harmless
        }
    });
    let result = work.await;
    over.store(true, Ordering::Relaxed);
    (result, harmless.await.expect("the harmless runs"))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
