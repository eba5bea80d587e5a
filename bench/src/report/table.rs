//! The figures as text.

use std::fmt::Write;
use std::io::IsTerminal;

use crate::load::tally::Latency;
use crate::processes::sampler::Usage;
use crate::report::{ColdReport, Document, LoadReport};

/// The share of a processor, per thread, at which the generator is a bottleneck itself.
const SATURATED_SHARE: f64 = 0.85;

/// The share of the machine at which other programs disturbed the figures.
pub const DISTURBED_SHARE: f64 = 0.1;

/// The table of one report; names are bold on a terminal, unless NO_COLOR is set.
pub fn render(document: &Document) -> String {
    let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut rows = Rows { text: String::new(), bold: allowed && std::io::stdout().is_terminal() };
    match document {
        Document::Load(report) => load(&mut rows, report),
        Document::Cold(report) => cold(&mut rows, report),
        Document::Suite(report) => rows.text = super::markdown::tables(report),
        Document::Soak(report) => rows.text = report.table(),
    }
    rows.text
}

struct Rows {
    text: String,
    bold: bool,
}

impl Rows {
    fn row(&mut self, name: &str, value: impl std::fmt::Display) {
        let (start, end) = if self.bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{start}{name:<12}{end} {value}");
    }

    fn latency(&mut self, name: &str, latency: Option<&Latency>) {
        let Some(latency) = latency else { return self.row(name, "none: nothing succeeded") };
        let Latency { min, mean, p50, p90, p99, p999, p9999, max } = *latency;
        let names = ["min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
        let values =
            [min as f64, mean, p50 as f64, p90 as f64, p99 as f64, p999 as f64, p9999 as f64, max as f64];
        self.row(name, names.map(|name| format!("{name:>10}")).concat());
        self.row("", values.map(|value| format!("{:>10}", microseconds(value))).concat());
    }
}

fn load(rows: &mut Rows, report: &LoadReport) {
    if let Some(label) = &report.label {
        rows.row("label", label);
    }
    rows.row(
        "load",
        format_args!(
            "{} {}, {} connection{}, {:.2} s after {:.1} s of warm-up",
            report.method,
            report.url,
            report.connections,
            if report.connections == 1 { "" } else { "s" },
            report.window_s,
            report.warm_up_s
        ),
    );
    if let Some(offered) = report.offered_per_second {
        let late = report.sent_late_p99_us.map_or(String::new(), |us| {
            format!(", 99% sent within {} of their time", microseconds(us as f64))
        });
        rows.row("offered", format_args!("{offered:.1} requests/s{late}"));
    }
    for tried in &report.rates {
        let p99 = tried.p99_us.map_or("no answer".to_owned(), |us| microseconds(us as f64));
        let verdict = if tried.held { "held" } else { "not held" };
        rows.row("tried", format_args!("{:.1} requests/s: p99 {p99}, {verdict}", tried.per_second));
    }
    if let Some(start) = &report.start {
        rows.row("started", &start.command);
        let first = start.first_answer_ms.map_or("failed".to_owned(), |time| format!("{time:.1} ms"));
        let latency = start.first_latency_ms.map_or(String::new(), |time| format!(" (latency {time:.2} ms)"));
        rows.row("start", format_args!("ready {:.1} ms, first answer {first}{latency}", start.ready_ms));
        if !start.ended_when_asked {
            rows.row("", "had to be killed: it did not end within 5 s of SIGTERM");
        }
    }
    rows.latency("latency", report.latency_us.as_ref());
    rows.row("rate", format_args!("{:.1} requests/s, {} right answers", report.per_second, report.answers));
    let failures = &report.failures;
    rows.row(
        "failures",
        format_args!(
            "{} (connect {}, transport {}, status {}, mismatch {}, timeout {}, unsent {})",
            failures.total(),
            failures.connect,
            failures.transport,
            failures.status,
            failures.mismatch,
            failures.timeout,
            failures.unsent
        ),
    );
    for neighbour in &report.neighbours {
        let (name, answers, failed) = (&neighbour.name, neighbour.answers, neighbour.failures.total());
        rows.row("neighbour", format_args!("{name}: {answers} answers as expected, {failed} others"));
    }
    rows.row("bodies", format_args!("{}, {} reconnects", bytes(report.body_bytes), report.reconnects));
    if let Some(usage) = &report.target {
        target(rows, usage, report.target_cpu_ms_per_request);
    }
    let note =
        if report.generator_load > SATURATED_SHARE { ": saturated, add --threads or processors" } else { "" };
    let share = report.generator_load * 100.0;
    rows.row("generator", format_args!("{share:.0}% of a CPU for each of {} threads{note}", report.threads));
    if let Some(others) = report.others_cpus {
        let note = if others > DISTURBED_SHARE * report.cpus as f64 { ": not a quiet machine" } else { "" };
        rows.row("others", format_args!("{others:.2} of {} CPUs{note}", report.cpus));
    }
}

fn target(rows: &mut Rows, usage: &Usage, per_request: Option<f64>) {
    let each = per_request.map_or(String::new(), |time| format!(", {time:.4} ms per request"));
    rows.row(
        "target CPU",
        format_args!(
            "{:.2} s (user {:.2}, system {:.2}){each}",
            usage.cpu_s(),
            usage.cpu_user_s,
            usage.cpu_system_s
        ),
    );
    let memory = |start, peak, end| format!("start {start:>10}   peak {peak:>10}   end {end:>10}");
    rows.row("target RSS", memory(bytes(usage.rss_start), bytes(usage.rss_peak), bytes(usage.rss_end)));
    let pss = |value: Option<u64>| value.map_or("?".to_owned(), bytes);
    rows.row("target PSS", memory(pss(usage.pss_start), pss(usage.pss_peak), pss(usage.pss_end)));
    let ended = if usage.alive { "" } else { "; the target ended during the run" };
    rows.row("processes", format_args!("{}{ended}", usage.processes));
}

fn cold(rows: &mut Rows, report: &ColdReport) {
    if let Some(label) = &report.label {
        rows.row("label", label);
    }
    rows.row("command", &report.command);
    rows.row("runs", format_args!("{} good, {} failed", report.runs, report.failed));
    rows.latency("wall time", report.wall_us.as_ref());
    rows.row("CPU", format_args!("{:.1} ms per run", report.cpu_ms));
}

/// `812 µs`, `1.24 ms`, `3.10 s`.
pub fn microseconds(value: f64) -> String {
    match value {
        v if v < 1e3 => format!("{v:.0} µs"),
        v if v < 1e6 => format!("{:.2} ms", v / 1e3),
        v => format!("{:.2} s", v / 1e6),
    }
}

/// `812 B`, `1.2 MiB`.
pub fn bytes(value: u64) -> String {
    let value = value as f64;
    match value {
        v if v < 1024.0 => format!("{v:.0} B"),
        v if v < 1024.0 * 1024.0 => format!("{:.1} KiB", v / 1024.0),
        v if v < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", v / 1024.0 / 1024.0),
        v => format!("{:.2} GiB", v / 1024.0 / 1024.0 / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_size() {
        assert_eq!(microseconds(812.4), "812 µs");
        assert_eq!(microseconds(1240.0), "1.24 ms");
        assert_eq!(microseconds(3_100_000.0), "3.10 s");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1_258_291), "1.2 MiB");
        assert_eq!(bytes(3 << 30), "3.00 GiB");
    }

    #[test]
    fn columns_stand_below_their_names() {
        let mut rows = Rows { text: String::new(), bold: false };
        let latency =
            Latency { min: 1, mean: 2.0, p50: 3, p90: 4000, p99: 5, p999: 6, p9999: 6, max: 7_000_000 };
        rows.latency("latency", Some(&latency));
        let lengths: Vec<usize> = rows.text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths[0], lengths[1], "{}", rows.text);
    }
}
