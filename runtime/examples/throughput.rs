//! How many fresh isolates a second, and what each costs: the engine alone, without HTTP.
//!
//! `cargo run --release -p isolet-runtime --example throughput -- [RUNS] [PARALLEL] [thread | RUNNER[@TOOLS]...]`; the
//! example `runner` must be built for process isolation, which is the default. With several runner executables, those of
//! two commits for instance, they take turns every hundred runs: this machine's speed changes within seconds by more than
//! most changes to the code do. `@3000` gives the runs a server of 3,000 tools, of which they call the last.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use isolet_runtime::{
    Catalogue, Engine, EngineOptions, Entry, Environment, Isolation, Job, Language, Limits, RunnerProcesses,
    ServerTools, ToolFuture, ToolHost, ToolRequest,
};

/// Runs in a turn.
const TURN: usize = 100;

struct Nothing;

impl ToolHost for Nothing {
    fn call(&self, _: ToolRequest) -> ToolFuture {
        Box::pin(async { Ok(b"{\"sum\":3}".to_vec()) })
    }
}

/// One engine and what was measured of it.
struct Contender {
    name: String,
    engine: Engine,
    /// What the runs can reach, their script, and what it returns.
    catalogue: Arc<Catalogue>,
    code: String,
    result: &'static str,
    seconds: f64,
    cpu_ms: f64,
    latencies: Vec<f64>,
    turns: Vec<f64>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    let runs = numbers.next().unwrap_or(5_000);
    let parallel = numbers.next().unwrap_or(1);
    let tokio = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let mut kinds: Vec<(String, Isolation, usize)> = Vec::new();
    for word in words.iter().filter(|word| word.parse::<usize>().is_err()) {
        let (place, tools) = word.split_once('@').unwrap_or((word, "0"));
        let isolation = if place == "thread" { Isolation::Thread } else { processes(PathBuf::from(place)) };
        kinds.push((word.clone(), isolation, tools.parse().expect("a number of tools")));
    }
    if kinds.is_empty() {
        let beside = std::env::current_exe().expect("the path of this program").with_file_name("runner");
        kinds.push(("process".into(), processes(beside), 0));
    }
    let mut contenders: Vec<Contender> = kinds
        .into_iter()
        .map(|(name, isolation, tools)| {
            let options = EngineOptions { isolation, ..EngineOptions::default() };
            let engine = Engine::new(options, tokio.handle().clone());
            let mut catalogue = Catalogue::default();
            let (mut code, mut result) = ("return 1 + 1".to_owned(), "2");
            if tools > 0 {
                let names = (1..=tools).map(|number| (format!("tool_{number}"), format!("tool_{number}")));
                catalogue.insert("server", "server", ServerTools::new(names));
                (code, result) = (format!("return (await env.server.tool_{tools}({{}})).sum"), "3");
            }
            let catalogue = Arc::new(catalogue);
            Contender {
                name,
                engine,
                catalogue,
                code,
                result,
                seconds: 0.0,
                cpu_ms: 0.0,
                latencies: Vec::new(),
                turns: Vec::new(),
            }
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(500));

    for _ in 0..runs.div_ceil(TURN) {
        for contender in &mut contenders {
            tokio.block_on(turn(contender, parallel));
        }
    }
    let first = contenders[0].turns.clone();
    for contender in &mut contenders {
        contender.latencies.sort_by(f64::total_cmp);
        let count = contender.latencies.len();
        let at = |share: f64| contender.latencies[((count - 1) as f64 * share) as usize];
        // Turn by turn beside the first one's.
        let mut ratios: Vec<f64> =
            contender.turns.iter().zip(&first).map(|(mine, other)| mine / other).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "{}: {count} runs, {parallel} at once: {:.0}/s, {:.3} ms of CPU each, p50 {:.3} ms, p99 {:.3} ms; a turn takes {:.3} of the first one's",
            contender.name,
            count as f64 / contender.seconds,
            contender.cpu_ms / count as f64,
            at(0.5),
            at(0.99),
            ratios[ratios.len() / 2]
        );
    }
}

fn processes(executable: PathBuf) -> Isolation {
    // Zygotes start in the root folder.
    let executable = std::fs::canonicalize(&executable).expect("the runner's executable");
    Isolation::Process(RunnerProcesses { executable, subcommand: "runner".into(), count: 1 })
}

async fn turn(contender: &mut Contender, parallel: usize) {
    let cpu_before = cpu_of(&contender.engine);
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..parallel {
        let engine = contender.engine.clone();
        let (catalogue, code, result) =
            (contender.catalogue.clone(), contender.code.clone(), contender.result);
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..TURN / parallel {
                let started = Instant::now();
                let report = engine.run(job(&code, catalogue.clone())).report().await;
                assert_eq!(report.result.as_deref(), Ok(result));
                latencies.push(started.elapsed().as_secs_f64() * 1000.0);
            }
            latencies
        });
    }
    while let Some(part) = tasks.join_next().await {
        contender.latencies.extend(part.expect("the task"));
    }
    let seconds = started.elapsed().as_secs_f64();
    contender.turns.push(seconds);
    contender.seconds += seconds;
    contender.cpu_ms += cpu_of(&contender.engine) - cpu_before;
}

fn job(code: &str, catalogue: Arc<Catalogue>) -> Job {
    Job {
        code: code.into(),
        language: Language::TypeScript,
        entry: Entry::Script { input: None },
        environment: Environment { vars: serde_json::Map::new(), catalogue, host: Arc::new(Nothing) },
        limits: Limits::default(),
    }
}

/// CPU of this process, of the engine's zygotes and of the runners that they have buried, in milliseconds.
fn cpu_of(engine: &Engine) -> f64 {
    cpu_ms("self") + engine.runners().iter().map(|zygote| cpu_ms(&zygote.pid.to_string())).sum::<f64>()
}

/// CPU of a process and of the processes that it has buried, in milliseconds.
fn cpu_ms(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: f64 = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks * 10.0
}
