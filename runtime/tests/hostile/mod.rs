//! The hostile corpus: scripts that attack the engine, the expected outcome of each, and a control
//! run after each.
//!
//! | class | attack |
//! |---|---|
//! | [`cpu`] | endless loops, in the language and in its library |
//! | [`reentry`] | endless loops where the host's own JavaScript calls the script |
//! | [`memory`] | using up memory, and going on after a refusal |
//! | [`floods`] | too many log lines, calls and timers, too large results |
//! | [`escapes`] | reaching objects that do not belong to the script |
//! | [`poison`] | replacing built-in objects that the host might use |
//! | [`breakout`] | leaving the function that wraps the script |
//! | [`leaks`] | finding traces of an earlier run |
//! | [`rare_interrupts`] | endless loops in which V8 rarely checks for interrupts |
//! | [`lethal`] | code that V8 cannot interrupt or survive, with process isolation only |
//!
//! The outcome of a case is exact: a value, or a list of error codes. `HOSTILE=name` runs only
//! cases whose name has this text, and prints their outcomes. `HOSTILE_FILE=path` runs a file.

pub mod breakout;
pub mod cpu;
pub mod escapes;
pub mod floods;
pub mod leaks;
pub mod lethal;
pub mod memory;
pub mod poison;
pub mod rare_interrupts;
pub mod reentry;

mod host;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use isolet_runtime::*;
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

// The error codes of most cases.
pub const CPU: &[ErrorCode] = &[ErrorCode::CpuLimit];
pub const MEMORY: &[ErrorCode] = &[ErrorCode::MemoryLimit];
pub const EXCEPTION: &[ErrorCode] = &[ErrorCode::Exception];
pub const OUTPUT: &[ErrorCode] = &[ErrorCode::OutputLimit];
pub const CALLS: &[ErrorCode] = &[ErrorCode::CallLimit];
pub const WALL: &[ErrorCode] = &[ErrorCode::WallLimit];
pub const SYNTAX: &[ErrorCode] = &[ErrorCode::Syntax];

/// One script and its expected outcome.
pub struct Case {
    name: &'static str,
    code: Cow<'static, str>,
    input: Option<String>,
    outcome: Outcome,
    /// The expected log lines, if the case checks them.
    lines: Option<&'static [&'static str]>,
    limits: Limits,
    /// A script that is run after it, before the control run, and the value of that script.
    then: Option<(&'static str, Value)>,
    /// `true` if it may use more CPU time past its limit than [`MAX_CPU_PAST_LIMIT`].
    late: bool,
}

enum Outcome {
    Value(Value),
    Error(&'static [ErrorCode], &'static str),
    Either(Value, &'static [ErrorCode]),
}

/// Returns a case that must fail with one of `codes`.
pub fn fails(name: &'static str, codes: &'static [ErrorCode], code: impl Into<Cow<'static, str>>) -> Case {
    case(name, code.into(), Outcome::Error(codes, ""))
}

/// Returns a case that must return `value` (JSON text).
pub fn gives(name: &'static str, value: &str, code: impl Into<Cow<'static, str>>) -> Case {
    let value = serde_json::from_str(value).unwrap_or_else(|error| panic!("{name}: {value}: {error}"));
    case(name, code.into(), Outcome::Value(value))
}

fn case(name: &'static str, code: Cow<'static, str>, outcome: Outcome) -> Case {
    Case { name, code, input: None, outcome, lines: None, limits: limits(), then: None, late: false }
}

impl Case {
    /// Adds a text that the error's message must contain.
    pub fn saying(mut self, text: &'static str) -> Self {
        if let Outcome::Error(_, message) = &mut self.outcome {
            *message = text;
        }
        self
    }

    /// Adds error codes that are allowed instead of the value.
    pub fn or(mut self, codes: &'static [ErrorCode]) -> Self {
        if let Outcome::Value(value) = self.outcome {
            self.outcome = Outcome::Either(value, codes);
        }
        self
    }

    /// Adds the exact log lines of the run.
    pub fn logging(mut self, lines: &'static [&'static str]) -> Self {
        self.lines = Some(lines);
        self
    }

    pub fn input(mut self, json: String) -> Self {
        self.input = Some(json);
        self
    }

    pub fn within(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Adds a second script that must return `value` (JSON text) in the same engine.
    pub fn then(mut self, code: &'static str, value: &str) -> Self {
        self.then = Some((code, serde_json::from_str(value).expect("JSON")));
        self
    }

    /// Allows the run to end late, as V8 checks for interrupts rarely.
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }
}

/// Returns small limits, so that the corpus is quick. The smallest script takes 2 ms of CPU in a
/// debug build.
pub fn limits() -> Limits {
    Limits {
        cpu: Duration::from_millis(120),
        wall: Duration::from_secs(10),
        memory: 32 * MIB,
        ..Limits::default()
    }
}

/// The bound on the CPU time of a run past its limit. A release build on a quiet machine keeps 100
/// ms. The rest is for a debug build on a busy machine, where the watchdog's thread waits for a
/// processor.
const MAX_CPU_PAST_LIMIT: Duration = Duration::from_millis(250);

/// An engine and its isolation, on which cases run.
pub struct Level {
    pub tokio: tokio::runtime::Runtime,
    pub engine: Engine,
    /// `true` if a case may end a zygote.
    pub expendable: bool,
}

impl Level {
    pub fn new(isolation: Isolation, expendable: bool) -> Self {
        let tokio = tokio::runtime::Runtime::new().unwrap();
        let options =
            EngineOptions { warm: 3, live: 16, memory: 32 * MIB, isolation, ..EngineOptions::default() };
        let engine = Engine::new(options, tokio.handle().clone());
        assert!(tokio.block_on(engine.ready(Duration::from_secs(60))), "the zygotes start");
        Self { tokio, engine, expendable }
    }

    fn run(&self, code: &str, input: Option<String>, limits: Limits) -> Report {
        let job = Job {
            code: code.into(),
            language: Language::TypeScript,
            entry: Entry::Script { input },
            environment: host::environment(),
            limits,
        };
        // A run that never ends must not block the tests.
        let report =
            async { tokio::time::timeout(Duration::from_secs(60), self.engine.run(job).report()).await };
        self.tokio.block_on(report).unwrap_or_else(|_| Report {
            warnings: Vec::new(),
            result: Err(RunError::new(ErrorCode::Cancelled, "Hung", "no answer within a minute")),
            logs: Vec::new(),
            calls: Vec::new(),
            stats: Stats::default(),
        })
    }
}

/// Runs the cases of a class one after the other, each with a control run after it, and fails with
/// a list of all failures.
pub fn run_cases(level: &Level, class: &str, cases: Vec<Case>) {
    let only = std::env::var("HOSTILE").ok();
    let mut wrong = Vec::new();
    let (mut count, mut slowest, mut latest) = (0, (Duration::ZERO, ""), (Duration::ZERO, ""));
    let started = Instant::now();
    for case in cases {
        if only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
            continue;
        }
        count += 1;
        if only.is_some() {
            eprintln!("{class}: {}", case.name);
        }
        let began = Instant::now();
        let restarts = level.engine.zygote_restarts();
        let report = level.run(&case.code, case.input.clone(), case.limits.clone());
        let took = began.elapsed();
        slowest = slowest.max((took, case.name));
        if only.is_some() {
            eprintln!("  {took:?} {}", short(&format!("{report:?}")));
        }
        if let Err(what) = judge(&case, &report) {
            wrong.push(format!("{}: {what}", case.name));
        }
        if matches!(&report.result, Err(error) if error.code == ErrorCode::CpuLimit) {
            let used = Duration::from_secs_f64(report.stats.cpu_ms / 1000.0);
            let late = used.saturating_sub(case.limits.cpu);
            latest = latest.max((late, case.name));
            if late > MAX_CPU_PAST_LIMIT && !case.late {
                wrong.push(format!("{}: ended {late:?} of CPU after its limit", case.name));
            }
        }
        if let Some((code, expected)) = &case.then {
            // It may search megabytes, and does not test limits.
            let long_limits =
                Limits { cpu: Duration::from_secs(5), wall: Duration::from_secs(10), ..limits() };
            let report = level.run(code, None, long_limits);
            if let Err(what) = same(&report, expected) {
                wrong.push(format!("{}: the run after it {what}", case.name));
            }
        }
        if let Err(what) = control(level) {
            wrong.push(format!("{}: the control run {what}", case.name));
        }
        if !level.expendable && level.engine.zygote_restarts() != restarts {
            wrong.push(format!("{}: a zygote ended during it", case.name));
        }
    }
    eprintln!(
        "{class}: {count} cases in {:?}; the slowest was {:?}, {:?} over its CPU limit was {:?}",
        started.elapsed(),
        slowest.1,
        latest.0,
        latest.1
    );
    assert!(wrong.is_empty(), "{} of {count} went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn judge(case: &Case, report: &Report) -> Result<(), String> {
    let got = || short(&format!("{:?}", report.result));
    match (&case.outcome, &report.result) {
        (Outcome::Value(expected), _) => same(report, expected)?,
        (Outcome::Either(_, codes), Err(error)) if codes.contains(&error.code) => {}
        (Outcome::Either(expected, _), _) => same(report, expected)?,
        (Outcome::Error(codes, message), Err(error)) => {
            if !codes.contains(&error.code) || !error.message.contains(message) {
                return Err(format!("ended with {}, not with {codes:?} {message:?}", got()));
            }
            if error.message.contains("isolet:") && !case.code.contains("isolet:") {
                return Err(format!("shows isolet's own code: {}", got()));
            }
            if error.message.len() > 20_000 {
                return Err(format!("has a message of {} bytes", error.message.len()));
            }
        }
        (Outcome::Error(codes, _), Ok(_)) => return Err(format!("gave {}, not {codes:?}", got())),
    }
    let lines: Vec<&str> = report.logs.iter().map(|line| line.text.as_str()).collect();
    let logged: usize = lines.iter().map(|line| line.len()).sum();
    if logged > case.limits.logs {
        return Err(format!("logged {logged} bytes"));
    }
    match case.lines {
        Some(expected) if lines != expected => Err(format!("logged {}", short(&format!("{lines:?}")))),
        _ => Ok(()),
    }
}

fn same(report: &Report, expected: &Value) -> Result<(), String> {
    match &report.result {
        Ok(json) if serde_json::from_str::<Value>(json).is_ok_and(|value| value == *expected) => Ok(()),
        other => Err(format!("gave {}, not {expected}", short(&format!("{other:?}")))),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(600) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

/// A harmless script that uses a little of everything.
const CONTROL_SCRIPT: &str = "
    const seen: string[] = [];
    for (const key in {}) seen.push(key);
    console.log('control %s', 'run', { a: [1, 2] });
    const [{ sum }, echo] = await Promise.all([env.demo.add({ a: 19, b: 23 }), env.demo.echo({ text: 'ä' })]);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const url = new URL('https://a.example/b?c=d');
    return { sum, echo, seen, url: url.searchParams.get('c'), sorted: [3, 1, 2].sort().join(), re: 'abc'.replace(/b/, 'x') };";

fn control(level: &Level) -> Result<(), String> {
    let report = level.run(CONTROL_SCRIPT, None, Limits { cpu: Duration::from_secs(2), ..limits() });
    let expected =
        json!({ "sum": 42, "echo": { "text": "ä" }, "seen": [], "url": "d", "sorted": "1,2,3", "re": "axc" });
    same(&report, &expected)?;
    let lines: Vec<&str> = report.logs.iter().map(|line| line.text.as_str()).collect();
    if lines != ["control run { a: [ 1, 2 ] }"] {
        return Err(format!("logged {lines:?}"));
    }
    if report.calls.len() != 2 || report.calls.iter().any(|call| !call.ok) {
        return Err(format!("called {:?}", report.calls));
    }
    Ok(())
}

/// Returns all classes that every isolation must withstand.
pub fn corpus() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("cpu", cpu::cases()),
        ("reentry", reentry::cases()),
        ("memory", memory::cases()),
        ("floods", floods::cases()),
        ("escapes", escapes::cases()),
        ("poison", poison::cases()),
        ("breakout", breakout::cases()),
        ("leaks", leaks::cases()),
    ]
}

/// Defines one test for each class, so that several run at a time, on the engine that `level`
/// returns.
macro_rules! classes {
    ($level:path: $($class:ident)*) => { $(
        #[test]
        fn $class() {
            hostile::run_cases($level(), stringify!($class), hostile::$class::cases());
        }
    )* };
}
pub(crate) use classes;

/// Runs the file that `HOSTILE_FILE` names, if it is set.
pub fn run_file(level: &Level) {
    let Ok(path) = std::env::var("HOSTILE_FILE") else { return };
    let code = std::fs::read_to_string(&path).unwrap();
    let began = Instant::now();
    let report = level.run(&code, None, Limits { cpu: Duration::from_secs(2), ..limits() });
    let text = format!("{report:#?}");
    eprintln!("{path}: {:?} {}", began.elapsed(), &text[..text.floor_char_boundary(4000)]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    eprintln!("control: {:?}; {} restarts; {peak}", control(level), level.engine.zygote_restarts());
}

#[test]
fn there_are_more_than_two_hundred_cases() {
    let mut names = std::collections::HashSet::new();
    let all = corpus()
        .into_iter()
        .chain([("rare_interrupts", rare_interrupts::cases()), ("lethal", lethal::cases())]);
    for case in all.flat_map(|(_, cases)| cases) {
        assert!(names.insert(case.name), "two cases are called {:?}", case.name);
    }
    assert!(names.len() > 200, "{}", names.len());
}
