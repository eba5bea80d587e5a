//! The report of a suite as Markdown tables: one for each scenario.

use std::fmt::Write as _;

use super::date;
use super::statistics::{self, Estimate, Figure};
use super::suite::{Case, SuiteReport, TargetRounds};
use super::table::{DISTURBED_SHARE, bytes, microseconds};

/// The noise from which a ratio is marked.
const MARKED_NOISE: f64 = 0.1;

/// Returns the tables.
pub fn tables(suite: &SuiteReport) -> String {
    let mut text = String::new();
    let machine = &suite.machine;
    let _ = writeln!(
        text,
        "{machine}; {}. {} round{} of each target in turns: figures are medians of rounds, ratios medians of \
         the ratios of each turn, with ± half of their range where it is over {:.0}%. Command: `{}`.\n",
        date::day(suite.unix_time),
        suite.rounds,
        if suite.rounds == 1 { "" } else { "s" },
        MARKED_NOISE * 100.0,
        suite.command
    );
    for (name, info) in &suite.targets {
        let state = match (&info.version, &info.missing) {
            (Some(version), _) => version.clone(),
            (None, reason) => format!("not measured: {}", reason.as_deref().unwrap_or("unknown reason")),
        };
        let command = if info.command.is_empty() { String::new() } else { format!(": `{}`", info.command) };
        let _ = writeln!(text, "- `{name}`: {} ({}){command}", info.title, state.replace('\n', " "));
    }
    let mut before = "";
    for case in &suite.cases {
        if case.scenario != before {
            let _ = write!(text, "\n### {}\n\n{HEAD}", case.title);
            before = &case.scenario;
        }
        rows(&mut text, case);
    }
    let others = suite.cases.iter().flat_map(|case| &case.targets).flat_map(|target| &target.rounds);
    let most = others.filter_map(|round| round.others_cpus).fold(0.0, f64::max);
    let note = if most > DISTURBED_SHARE * machine.cpus as f64 { ": not a quiet machine" } else { "" };
    let _ = writeln!(text, "\nOther programs took at most {most:.2} processors in a round{note}.");
    text
}

const HEAD: &str = "| load | target | requests/s | ratio | p50 | p99 | CPU per request | ratio | memory | failures |\n\
                    |---|---|---|---|---|---|---|---|---|---|\n";

fn rows(text: &mut String, case: &Case) {
    let first = case.targets.first();
    for target in &case.targets {
        let rounds = &target.rounds;
        if let (Some(reason), true) = (&target.failed, rounds.is_empty()) {
            let reason = reason.replace(['\n', '|'], " ");
            let _ = writeln!(text, "| {} | {} | failed: {reason} | | | | | | | |", case.load, target.target);
            continue;
        }
        let time = |figure: Figure| cell(statistics::figure(rounds, figure), microseconds);
        let ratio = |figure: Figure| ratio(first, target, figure);
        let failures: u64 = rounds.iter().map(|round| round.failures()).sum();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {failures} |",
            case.load,
            target.target,
            cell(statistics::figure(rounds, statistics::per_second), rate),
            ratio(statistics::per_second),
            time(statistics::p50),
            time(statistics::p99),
            time(statistics::cpu),
            ratio(statistics::cpu),
            cell(statistics::figure(rounds, statistics::memory), |value| bytes(value as u64)),
        );
    }
}

/// Returns the ratio of the first target's figure to another one's: how many times as many requests
/// a second, or as much CPU, the first has.
fn ratio(first: Option<&TargetRounds>, target: &TargetRounds, figure: Figure) -> String {
    match first {
        Some(first) if first.target != target.target => {
            let estimate = statistics::ratio(&first.rounds, &target.rounds, figure);
            cell(estimate, |value| format!("**{value:.2}**")) + &estimate.map_or(String::new(), noise)
        }
        _ => String::new(),
    }
}

fn cell(estimate: Option<Estimate>, format: impl Fn(f64) -> String) -> String {
    estimate.map_or("-".to_owned(), |estimate| format(estimate.value))
}

fn noise(estimate: Estimate) -> String {
    if estimate.noise > MARKED_NOISE { format!(" ± {:.0}%", estimate.noise * 100.0) } else { String::new() }
}

/// `1,234`, `12.3`, `0.45`.
pub fn rate(value: f64) -> String {
    match value {
        v if v >= 100.0 => {
            let digits = format!("{v:.0}");
            let start = digits.len() % 3;
            let mut text = digits[..start].to_owned();
            for group in digits.as_bytes()[start..].chunks(3) {
                if !text.is_empty() {
                    text.push(',');
                }
                text.push_str(std::str::from_utf8(group).unwrap_or_default());
            }
            text
        }
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::LoadReport;

    #[test]
    fn every_target_has_a_row_and_failures_are_shown() {
        let rounds = |rates: &[f64]| rates.iter().map(|rate| LoadReport::example(*rate)).collect();
        let target = |name: &str, rounds, failed: Option<&str>| TargetRounds {
            target: name.to_owned(),
            rounds,
            failed: failed.map(str::to_owned),
        };
        let mut suite = SuiteReport::example();
        suite.cases[0].targets = vec![
            target("isolet", rounds(&[2000.0, 1000.0, 1500.0]), None),
            target("workerd", rounds(&[200.0, 100.0, 100.0]), None),
            target("gone", vec![], Some("ended |\nearly")),
        ];
        suite.cases[0].targets[1].rounds[0].failures.status = 3;
        let text = tables(&suite);
        for part in [
            "2 processors (A <fast> one), Linux 6.18, 8.00 GiB of memory; 30 November 2026. 3 rounds",
            "Command: `isolet-bench suite`.",
            "- `isolet`: isolet, a process for each run (isolet 0.1.0): `{isolet} serve --listen 127.0.0.1:{port}`",
            "| 4 connections | isolet | 1,500 |  | 666 µs | 1.33 ms | 667 µs |  | - | 0 |",
            "| 4 connections | workerd | 100 | **10.00** ± 25% | 10.00 ms | 20.00 ms | 10.00 ms | **0.10** ± 17% | - | 3 |",
            "| 4 connections | gone | failed: ended   early |",
            "- `absent`: A peer (not measured: no npm)",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!(suite.failures(), 4);
    }

    #[test]
    fn rates_have_groups() {
        let texts = [0.456, 12.34, 123.4, 1234.0, 1_234_567.0].map(rate);
        assert_eq!(texts, ["0.46", "12.3", "123", "1,234", "1,234,567"]);
    }
}
