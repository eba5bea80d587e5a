//! Measures fresh isolates per second and the cost of each, of the engine alone, without HTTP.
//!
//! ```sh
//! cargo build --release -p isolet-runtime --bins --examples
//! throughput [RUNS] [PARALLEL] [--heavy] [[no-jit:]thread | [no-jit:]ZYGOTE[@TOOLS]...]
//! ```
//!
//! `ZYGOTE` is the path of the program `zygote`; the one of this target folder is the default.
//! Several of them, of two commits for instance, take turns of a hundred runs each, since the speed
//! of a machine changes within seconds by more than most changes of the code. `@3000` gives the
//! runs a server with 3,000 tools, of which they call the last. `no-jit:` runs V8 without its
//! compilers. `--heavy` makes each run a loop that computes: `throughput 200 1 --heavy ZYGOTE
//! no-jit:ZYGOTE`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use isolet_runtime::{
    Catalogue, Engine, EngineOptions, Entry, Environment, Isolation, Job, Language, Limits, ServerTools,
    ToolFuture, ToolHost, ToolRequest, ZygoteProcesses,
};

/// The number of runs in a turn.
const RUNS_PER_TURN: usize = 100;

/// A loop that a compiler makes faster, and its result.
const HEAVY_SCRIPT: (&str, &str) =
    ("let sum = 0; for (let i = 0; i < 1_000_000; i++) sum = (sum * 31 + i) % 1000003; return sum", "256782");

/// Tools that all return the same object.
struct ConstantTools;

impl ToolHost for ConstantTools {
    fn call(&self, _: ToolRequest) -> ToolFuture {
        Box::pin(async { Ok(b"{\"sum\":3}".to_vec()) })
    }
}

/// One engine and its measurements.
struct Contender {
    name: String,
    engine: Engine,
    /// The tools of the runs. `code` is their script, and `result` is what it returns.
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
    let heavy = words.iter().any(|word| word == "--heavy");
    let mut kinds: Vec<(String, Isolation, usize, bool)> = Vec::new();
    for word in words.iter().filter(|word| word.parse::<usize>().is_err() && *word != "--heavy") {
        let (jit, rest) = word.strip_prefix("no-jit:").map_or((true, word.as_str()), |rest| (false, rest));
        let (place, tools) = rest.split_once('@').unwrap_or((rest, "0"));
        let isolation = if place == "thread" { Isolation::Thread } else { processes(PathBuf::from(place)) };
        kinds.push((word.clone(), isolation, tools.parse().expect("a number of tools"), jit));
    }
    if kinds.is_empty() {
        let own = std::env::current_exe().expect("the path of this program");
        let zygote = own.ancestors().nth(2).expect("target/release/examples").join("zygote");
        kinds.push(("process".into(), processes(zygote), 0, true));
    }
    let mut contenders: Vec<Contender> = kinds
        .into_iter()
        .map(|(name, isolation, tools, jit)| {
            let options = EngineOptions { isolation, jit, ..EngineOptions::default() };
            let engine = Engine::new(options, tokio.handle().clone());
            let mut catalogue = Catalogue::default();
            let (code, mut result) = if heavy { HEAVY_SCRIPT } else { ("return 1 + 1", "2") };
            let mut code = code.to_owned();
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

    for _ in 0..runs.div_ceil(RUNS_PER_TURN) {
        for contender in &mut contenders {
            tokio.block_on(turn(contender, parallel));
        }
    }
    let first = contenders[0].turns.clone();
    for contender in &mut contenders {
        contender.latencies.sort_by(f64::total_cmp);
        let count = contender.latencies.len();
        let at = |share: f64| contender.latencies[((count - 1) as f64 * share) as usize];
        // Each turn relative to the same turn of the first contender.
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
    // Zygotes start in the root folder, so the path must be absolute.
    let executable = std::fs::canonicalize(&executable).expect("the executable of zygotes");
    Isolation::Process(ZygoteProcesses { executable, subcommand: "zygote".into(), count: 1 })
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
            for _ in 0..RUNS_PER_TURN / parallel {
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
        environment: Environment { vars: serde_json::Map::new(), catalogue, host: Arc::new(ConstantTools) },
        limits: Limits::default(),
    }
}

/// Returns the CPU time of this process, of the engine's zygotes and of their runners that have
/// ended, in milliseconds.
fn cpu_of(engine: &Engine) -> f64 {
    cpu_ms("self") + engine.zygotes().iter().map(|zygote| cpu_ms(&zygote.pid.to_string())).sum::<f64>()
}

/// Returns the CPU time of a process and of its children that have ended, in milliseconds.
fn cpu_ms(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: f64 = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks * 10.0
}
