//! How many fresh isolates a second, and what each costs: the engine alone, without HTTP.
//!
//! `cargo run --release -p isolet-runtime --example throughput -- [RUNS] [PARALLEL] [thread]`; the example `runner` must
//! be built for process isolation, which is the default.

use std::sync::Arc;
use std::time::Instant;

use isolet_runtime::{
    Catalogue, Engine, EngineOptions, Entry, Environment, Isolation, Job, Language, Limits, RunnerProcesses,
    ToolFuture, ToolHost, ToolRequest,
};

struct Nothing;

impl ToolHost for Nothing {
    fn call(&self, _: ToolRequest) -> ToolFuture {
        Box::pin(async { Ok(b"{\"sum\":3}".to_vec()) })
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let runs = arguments.next().unwrap_or(5_000);
    let parallel = arguments.next().unwrap_or(1);
    let tokio = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let isolation = if std::env::args().any(|word| word == "thread") {
        Isolation::Thread
    } else {
        let executable = std::env::current_exe().expect("the path of this program").with_file_name("runner");
        Isolation::Process(RunnerProcesses { executable, subcommand: "runner".into(), count: 1 })
    };
    let engine = Engine::new(EngineOptions { isolation, ..EngineOptions::default() }, tokio.handle().clone());
    std::thread::sleep(std::time::Duration::from_millis(500));

    let job = || Job {
        code: "return 1 + 1".into(),
        language: Language::TypeScript,
        entry: Entry::Script { input: None },
        environment: Environment {
            vars: serde_json::Map::new(),
            catalogue: Arc::new(Catalogue::default()),
            host: Arc::new(Nothing),
        },
        limits: Limits::default(),
    };
    let all = |engine: &Engine| {
        cpu_ms("self") + engine.runners().iter().map(|zygote| cpu_ms(&zygote.pid.to_string())).sum::<f64>()
    };
    let cpu_before = all(&engine);
    let started = Instant::now();
    let mut latencies: Vec<f64> = Vec::with_capacity(runs);
    tokio.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..parallel {
            let engine = engine.clone();
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                for _ in 0..runs / parallel {
                    let started = Instant::now();
                    let report = engine.run(job()).report().await;
                    assert_eq!(report.result.as_deref(), Ok("2"));
                    latencies.push(started.elapsed().as_secs_f64() * 1000.0);
                }
                latencies
            });
        }
        while let Some(part) = tasks.join_next().await {
            latencies.extend(part.expect("the task"));
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let cpu = all(&engine) - cpu_before;
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{runs} runs, {parallel} at once: {:.0}/s, {:.3} ms of CPU each, p50 {:.3} ms, p99 {:.3} ms",
        runs as f64 / seconds,
        cpu / runs as f64,
        at(0.5),
        at(0.99)
    );
}

/// CPU of a process and of the processes that it has buried, in milliseconds.
fn cpu_ms(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: f64 = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks * 10.0
}
