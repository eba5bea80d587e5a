//! One measurement: warm-up, load, figures.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cli::{LoadArgs, RunArgs, ShapeArgs, SpawnArgs};
use crate::error::BenchError;
use crate::load::connection::Connection;
use crate::load::generator::{Generator, Order, Pattern, Phase, PhaseCounters};
use crate::load::mix::Mix;
use crate::load::request::RequestPlan;
use crate::load::tally::Tally;
use crate::processes::procfs::{self, Units};
use crate::processes::sampler::Sampler;
use crate::processes::target::{Target, command_text};
use crate::progress::Progress;
use crate::rate_search;
use crate::report::suite::Machine;
use crate::report::{LoadReport, NeighbourReport, Start};

/// The longest run that can be requested.
const MAX_DURATION: Duration = Duration::from_secs(3600);

/// A load that can be measured.
pub struct Measurement {
    pub label: Option<String>,
    pub url: String,
    pub mix: Mix,
    pub shape: ShapeArgs,
    /// The pause between the warm-up and the load.
    pub idle: Duration,
    /// The processes to measure, each with its descendants.
    pub pids: Vec<u32>,
}

/// Measures a server that is running.
pub async fn attach(args: &RunArgs) -> Result<LoadReport, BenchError> {
    let plan = RequestPlan::new(&args.load.request).await?;
    of(&args.load, plan, args.pids.clone()).report().await
}

/// Starts a server, measures it and ends it.
pub async fn spawn(args: &SpawnArgs) -> Result<LoadReport, BenchError> {
    let plan = RequestPlan::new(&args.load.request).await?;
    let server = Server {
        command: args.command.clone(),
        ready: args.ready.clone(),
        ready_timeout: args.ready_timeout,
        quiet: args.quiet_target,
        allow_remote: args.load.request.allow_remote,
    };
    server.measure(of(&args.load, plan, Vec::new())).await
}

fn of(args: &LoadArgs, plan: RequestPlan, pids: Vec<u32>) -> Measurement {
    Measurement {
        label: args.output.label.clone(),
        url: args.request.url.clone(),
        mix: Mix::of(plan),
        shape: args.shape.clone(),
        idle: Duration::ZERO,
        pids,
    }
}

/// A server that is started for a measurement.
pub struct Server {
    pub command: Vec<String>,
    /// The URL that answers with 2xx when it is ready.
    pub ready: String,
    pub ready_timeout: Duration,
    /// `true` if its standard error is dropped.
    pub quiet: bool,
    pub allow_remote: bool,
}

impl Server {
    /// Starts the server, measures it and ends it.
    pub async fn measure(&self, mut measurement: Measurement) -> Result<LoadReport, BenchError> {
        let attempt = Target::attempt_timeout(self.ready_timeout);
        let probe = RequestPlan::probe(&self.ready, self.allow_remote, attempt).await?;
        let mut target = Target::start(&self.command, self.quiet)?;
        let ready = target.ready(&self.ready, probe, self.ready_timeout).await?;

        let first = Connection::default().exchange(&measurement.mix.parts[0].plan).await;
        let since_start = target.started().elapsed();
        let is_right = first.outcome.is_ok();

        measurement.pids = target.id().into_iter().collect();
        let mut report = measurement.report().await?;
        report.start = Some(Start {
            command: command_text(&self.command),
            ready_ms: milliseconds(ready),
            first_answer_ms: is_right.then(|| milliseconds(since_start)),
            first_latency_ms: is_right.then(|| milliseconds(first.latency)),
            ended_when_asked: target.end().await,
        });
        Ok(report)
    }
}

impl Measurement {
    /// Puts the load on the server.
    pub async fn report(&self) -> Result<LoadReport, BenchError> {
        let shape = &self.shape;
        let limit = shape.max_duration.min(MAX_DURATION);
        for (what, time) in [("--duration", shape.duration), ("--warm-up", shape.warm_up)] {
            if time > limit {
                return Err(BenchError::TooLong { what, limit });
            }
        }
        if self.mix.parts.iter().any(|part| part.plan.timeout > limit) {
            return Err(BenchError::TooLong { what: "--timeout", limit });
        }
        let generator = Generator::new(self.mix.clone(), shape.connections, shape.threads)?;
        if !shape.warm_up.is_zero() {
            let order = Order {
                requests: None,
                deadline: Instant::now() + shape.warm_up,
                pattern: self.pattern(),
                churn: shape.churn,
            };
            phase(&generator, order, "warming up").await?;
        }
        tokio::time::sleep(self.idle).await;
        match shape.hold_p99 {
            None => {
                let lasting = if shape.requests.is_some() { limit } else { shape.duration };
                self.load(&generator, self.pattern(), lasting).await
            }
            Some(p99) => {
                let search = rate_search::Search::new(p99, shape.duration, limit);
                search
                    .run(async |rate, lasting| self.load(&generator, Pattern::Open(rate), lasting).await)
                    .await
            }
        }
    }

    fn pattern(&self) -> Pattern {
        self.shape.rate.map_or(Pattern::Closed, Pattern::Open)
    }

    /// Measures one phase of load.
    async fn load(
        &self,
        generator: &Generator,
        pattern: Pattern,
        lasting: Duration,
    ) -> Result<LoadReport, BenchError> {
        // No request is in flight now: all CPU from here on belongs to the measured phase.
        let sampler = if self.pids.is_empty() { None } else { Some(Sampler::start(&self.pids)?) };
        let own_before = own_cpu();
        let machine_before = machine_cpu();
        let unix_time = unix_time();
        let order = Order {
            pattern,
            requests: self.shape.requests,
            deadline: Instant::now() + lasting,
            churn: self.shape.churn,
        };
        let Phase { tallies, window, whole } = phase(generator, order, "measuring").await?;
        let own = own_cpu().saturating_sub(own_before);
        let machine = machine_cpu().saturating_sub(machine_before);
        let target = sampler.map(Sampler::finish).transpose()?;

        let threads = self.shape.threads.min(self.shape.connections);
        let attempts: u64 = tallies.iter().map(Tally::attempts).sum();
        let tally = &tallies[0];
        let main = &self.mix.parts[0].plan;
        let neighbours = self.mix.parts.iter().zip(&tallies).skip(1);
        Ok(LoadReport {
            label: self.label.clone(),
            url: self.url.clone(),
            method: main.method().to_string(),
            connections: self.shape.connections,
            offered_per_second: match pattern {
                Pattern::Closed => None,
                Pattern::Open(rate) => Some(rate * self.mix.parts[0].share),
            },
            threads,
            cpus: cpus(),
            machine: Some(Machine::read()),
            unix_time,
            warm_up_s: self.shape.warm_up.as_secs_f64(),
            window_s: window.as_secs_f64(),
            answers: tally.right_answers(),
            per_second: ratio(tally.in_window as f64, window.as_secs_f64()),
            latency_us: tally.latency(),
            curve: tally.curve(),
            sent_late_p99_us: tally.delay_p99(),
            failures: tally.failures,
            body_bytes: tally.body_bytes,
            reconnects: tally.reconnects,
            neighbours: neighbours
                .map(|(part, tally)| NeighbourReport {
                    name: part.name.clone(),
                    share: part.share,
                    answers: tally.right_answers(),
                    latency_us: tally.latency(),
                    failures: tally.failures,
                })
                .collect(),
            target,
            target_cpu_ms_per_request: target
                .filter(|_| attempts > 0)
                .map(|usage| usage.cpu_s() * 1000.0 / attempts as f64),
            generator_load: ratio(own.as_secs_f64(), whole.as_secs_f64() * f64::from(threads)),
            others_cpus: target
                .map(|usage| (machine.as_secs_f64() - own.as_secs_f64() - usage.cpu_s()).max(0.0))
                .map(|others| ratio(others, whole.as_secs_f64())),
            start: None,
            rates: Vec::new(),
        })
    }
}

/// Runs a phase, with a progress line on a terminal.
async fn phase(generator: &Generator, order: Order, name: &str) -> Result<Phase, BenchError> {
    let counters = Arc::new(PhaseCounters::default());
    let progress = Progress::new(name, &counters);
    progress.during(generator.run(order, Arc::clone(&counters))).await
}

/// Returns the user and system time of this program.
fn own_cpu() -> Duration {
    let own = procfs::stat(std::process::id());
    own.map_or(Duration::ZERO, |stat| Units::of_this_machine().time(stat.user + stat.system))
}

/// Returns the time that all processors together were busy with anything.
fn machine_cpu() -> Duration {
    Units::of_this_machine().time(procfs::busy_ticks())
}

/// Returns the number of processors.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// Returns some ports that are free now.
pub fn free_ports<const N: usize>() -> Result<[u16; N], BenchError> {
    // All listen at once, so that no port is given twice.
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(BenchError::Runtime)?;
        *port = listener.local_addr().map_err(BenchError::Runtime)?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// Returns the seconds since 1970.
pub fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Returns a rate; 0 over no time, because JSON has no infinity.
fn ratio(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}
