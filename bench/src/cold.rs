//! Measures the wall time of a whole command, repeatedly.

use std::time::Instant;

use tokio::time::timeout;

use crate::cli::ColdArgs;
use crate::error::BenchError;
use crate::load::tally::{FailureKind, Tally};
use crate::measurement::{cpus, unix_time};
use crate::processes::procfs::{self, Units};
use crate::processes::target::{Target, command_text};
use crate::report::ColdReport;
use crate::report::suite::Machine;

/// Runs the command as often as requested, one run after the other.
pub async fn measure(args: &ColdArgs) -> Result<ColdReport, BenchError> {
    let unix_time = unix_time();
    for _ in 0..args.discard {
        run(args, &mut Tally::new()).await?;
    }
    let mut tally = Tally::new();
    let before = children_ticks();
    for _ in 0..args.runs {
        run(args, &mut tally).await?;
    }
    // The kernel adds nanoseconds and shows ticks of 10 ms, so only the sum over all runs is exact
    // enough.
    let cpu = Units::of_this_machine().time(children_ticks() - before);
    Ok(ColdReport {
        label: args.output.label.clone(),
        command: command_text(&args.command),
        cpus: cpus(),
        machine: Some(Machine::read()),
        unix_time,
        runs: tally.right_answers(),
        failed: tally.failures.total(),
        wall_us: tally.latency(),
        cpu_ms: cpu.as_secs_f64() * 1000.0 / f64::from(args.runs),
    })
}

async fn run(args: &ColdArgs, tally: &mut Tally) -> Result<(), BenchError> {
    let started = Instant::now();
    let mut target = Target::start(&args.command, false)?;
    match timeout(args.timeout, target.wait()).await {
        Ok(status) => {
            let wall = started.elapsed();
            if status?.success() { tally.right(wall, true) } else { tally.wrong(FailureKind::Status(0)) }
        }
        Err(_elapsed) => {
            tally.wrong(FailureKind::Timeout);
            target.end().await;
        }
    }
    Ok(())
}

/// CPU of the children that this program has waited for.
fn children_ticks() -> u64 {
    procfs::stat(std::process::id()).map_or(0, |stat| stat.children_user + stat.children_system)
}
