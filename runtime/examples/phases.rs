//! Prints the CPU time of each phase of a run: isolate, context, parsing, running, disposal.
//!
//! `cargo run --release -p isolet-runtime --example phases -- [RUNS] [CODE]`

use isolet_runtime::testing::phases::{PHASES, measure};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let runs = arguments.next().and_then(|runs| runs.parse().ok()).unwrap_or(2_000);
    let code = arguments.next().unwrap_or_else(|| "return 1 + 1".into());
    // On a new thread, as V8 must be started before threads that use it. The first runs fill
    // caches.
    let times = std::thread::spawn(move || {
        measure(&code, 200);
        measure(&code, runs)
    })
    .join()
    .expect("the measurement");
    println!("{:24} {:>10} {:>10}", "CPU per run", "mean", "median");
    let us = |value: f64| format!("{value:.0} µs");
    let row = |name: &str, mut values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.sort_by(f64::total_cmp);
        println!("{name:24} {:>10} {:>10}", us(mean), us(values[values.len() / 2]));
    };
    for (index, name) in PHASES.iter().enumerate() {
        row(name, times.iter().map(|run| run[index].as_secs_f64() * 1e6).collect());
    }
    row("all", times.iter().map(|run| run.iter().map(|part| part.as_secs_f64() * 1e6).sum()).collect());
}
