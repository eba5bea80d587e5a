//! One measured run: warm-up, load, figures.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cli::{LoadArgs, RunArgs, SpawnArgs};
use crate::connection::Connection;
use crate::error::BenchError;
use crate::load::{Generator, Phase, PhaseCounters, StopCondition};
use crate::procfs::{self, Units};
use crate::report::{LoadReport, Start};
use crate::request::RequestPlan;
use crate::sampler::Sampler;
use crate::target::{Target, command_text};

/// The longest run that can be requested.
const MAX_DURATION: Duration = Duration::from_secs(3600);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Measures a server that is running.
pub async fn attach(args: &RunArgs) -> Result<LoadReport, BenchError> {
    let plan = RequestPlan::new(&args.load).await?;
    measure(&args.load, plan, &args.pids).await
}

/// Starts a server, measures it and ends it.
pub async fn spawn(args: &SpawnArgs) -> Result<LoadReport, BenchError> {
    let plan = RequestPlan::new(&args.load).await?;
    let attempt = Target::attempt_timeout(args.ready_timeout);
    let probe = RequestPlan::probe(&args.ready, args.load.allow_remote, attempt).await?;
    let mut target = Target::start(&args.command, args.quiet_target)?;
    let ready = target.ready(&args.ready, probe, args.ready_timeout).await?;

    let first = Connection::new(Arc::new(plan.clone())).exchange().await;
    let since_start = target.started().elapsed();
    let is_right = first.outcome.is_ok();

    let pids: Vec<u32> = target.id().into_iter().collect();
    let mut report = measure(&args.load, plan, &pids).await?;
    report.start = Some(Start {
        command: command_text(&args.command),
        ready_ms: milliseconds(ready),
        first_answer_ms: is_right.then(|| milliseconds(since_start)),
        first_latency_ms: is_right.then(|| milliseconds(first.latency)),
        ended_when_asked: target.end().await,
    });
    Ok(report)
}

async fn measure(args: &LoadArgs, plan: RequestPlan, pids: &[u32]) -> Result<LoadReport, BenchError> {
    let limit = args.max_duration.min(MAX_DURATION);
    for (what, time) in
        [("--duration", args.duration), ("--warm-up", args.warm_up), ("--timeout", args.timeout)]
    {
        if time > limit {
            return Err(BenchError::TooLong { what, limit });
        }
    }
    let method = plan.method().to_string();
    let generator = Generator::new(plan, args.connections, args.threads)?;
    let warm_up = StopCondition { requests: None, deadline: Instant::now() + args.warm_up };
    if !args.warm_up.is_zero() {
        phase(&generator, warm_up, "warming up").await?;
    }

    // No request is in flight now: all CPU from here on belongs to the measured phase.
    let sampler = if pids.is_empty() { None } else { Some(Sampler::start(pids)?) };
    let own_before = own_cpu();
    let machine_before = machine_cpu();
    let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let lasting = if args.requests.is_some() { limit } else { args.duration };
    let stop = StopCondition { requests: args.requests, deadline: Instant::now() + lasting };
    let Phase { tally, window, whole } = phase(&generator, stop, "measuring").await?;
    let own = own_cpu().saturating_sub(own_before);
    let machine = machine_cpu().saturating_sub(machine_before);
    let target = sampler.map(Sampler::finish).transpose()?;

    let threads = args.threads.min(args.connections);
    let attempts = tally.attempts();
    Ok(LoadReport {
        label: args.output.label.clone(),
        url: args.url.clone(),
        method,
        connections: args.connections,
        threads,
        cpus: cpus(),
        unix_time,
        warm_up_s: args.warm_up.as_secs_f64(),
        window_s: window.as_secs_f64(),
        answers: tally.right_answers(),
        per_second: ratio(tally.in_window as f64, window.as_secs_f64()),
        latency_us: tally.latency(),
        failures: tally.failures,
        body_bytes: tally.body_bytes,
        reconnects: tally.reconnects,
        target,
        target_cpu_ms_per_request: target
            .filter(|_| attempts > 0)
            .map(|usage| usage.cpu_s() * 1000.0 / attempts as f64),
        generator_load: ratio(own.as_secs_f64(), whole.as_secs_f64() * f64::from(threads)),
        others_cpus: target
            .map(|usage| (machine.as_secs_f64() - own.as_secs_f64() - usage.cpu_s()).max(0.0))
            .map(|others| ratio(others, whole.as_secs_f64())),
        start: None,
    })
}

/// Runs a phase, with a progress line on a terminal.
async fn phase(generator: &Generator, stop: StopCondition, name: &str) -> Result<Phase, BenchError> {
    let shared = Arc::new(PhaseCounters::default());
    let mut running = std::pin::pin!(generator.run(stop, Arc::clone(&shared)));
    if !std::io::stderr().is_terminal() {
        return running.await;
    }
    let started = Instant::now();
    loop {
        tokio::select! {
            phase = &mut running => {
                // Carriage return, erase the line.
                eprint!("\r\x1b[K");
                return phase;
            }
            () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                let answered = shared.answered.load(Ordering::Relaxed);
                let seconds = started.elapsed().as_secs_f64();
                eprint!("\r\x1b[K{name}: {seconds:.0} s, {answered} requests, {:.0}/s", answered as f64 / seconds);
                let _ = std::io::stderr().flush();
            }
        }
    }
}

/// User and system time of this program.
fn own_cpu() -> Duration {
    let own = procfs::stat(std::process::id());
    own.map_or(Duration::ZERO, |stat| Units::of_this_machine().time(stat.user + stat.system))
}

/// Time that all processors together were busy with anything.
fn machine_cpu() -> Duration {
    Units::of_this_machine().time(procfs::busy_ticks())
}

pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A rate; 0 over no time, because JSON has no infinity.
fn ratio(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}
