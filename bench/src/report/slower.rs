//! Two suites: what got slower, and what got faster.

use std::fmt::Write as _;

use super::date;
use super::statistics::{self, Estimate, Figure};
use super::suite::{SuiteReport, TargetInfo};

/// A difference that is smaller is noise on any machine.
const LEAST_CHANGE: f64 = 0.05;

/// The figures that are compared: name, the figure, `true` if more is better.
const FIGURES: [(&str, Figure, bool); 3] = [
    ("requests/s", statistics::per_second, true),
    ("p99", statistics::p99, false),
    ("CPU per request", statistics::cpu, false),
];

/// The judgement of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Slower,
    Faster,
    /// The difference is within the noise of the rounds.
    Same,
    /// One of the suites has no such figure.
    Unknown,
}

/// One figure of one target in one case, in both suites.
#[derive(Debug, Clone)]
pub struct Change {
    /// The case and the target.
    pub case: String,
    pub figure: &'static str,
    /// New by old.
    pub ratio: Option<f64>,
    /// The noise of both together.
    pub noise: f64,
    pub verdict: Verdict,
}

/// Compares what both suites have measured.
pub fn changes(old: &SuiteReport, new: &SuiteReport) -> Vec<Change> {
    let mut changes = Vec::new();
    for case in &old.cases {
        let Some(now) = new.cases.iter().find(|other| other.key() == case.key()) else { continue };
        for target in &case.targets {
            let Some(other) = now.targets.iter().find(|other| other.target == target.target) else {
                continue;
            };
            for (name, figure, more_is_better) in FIGURES {
                let before = statistics::figure(&target.rounds, figure);
                let after = statistics::figure(&other.rounds, figure);
                changes.push(change(
                    format!("{}, {}", case.key(), target.target),
                    name,
                    before,
                    after,
                    more_is_better,
                ));
            }
        }
    }
    changes
}

fn change(
    case: String,
    figure: &'static str,
    before: Option<Estimate>,
    after: Option<Estimate>,
    more_is_better: bool,
) -> Change {
    let (Some(before), Some(after)) = (before, after) else {
        return Change { case, figure, ratio: None, noise: 0.0, verdict: Verdict::Unknown };
    };
    let ratio = after.value / before.value;
    let noise = before.noise + after.noise;
    let is_more = ratio > 1.0 + LEAST_CHANGE.max(noise);
    let is_less = ratio < 1.0 - LEAST_CHANGE.max(noise);
    let verdict = match (is_more, is_less) {
        (true, _) if more_is_better => Verdict::Faster,
        (_, true) if more_is_better => Verdict::Slower,
        (true, _) => Verdict::Slower,
        (_, true) => Verdict::Faster,
        _ => Verdict::Same,
    };
    Change { case, figure, ratio: Some(ratio), noise, verdict }
}

/// Returns the changes as text: those that count first.
pub fn table(changes: &[Change]) -> String {
    let mut text = String::new();
    for (verdict, title) in [(Verdict::Slower, "Slower"), (Verdict::Faster, "Faster")] {
        let these: Vec<&Change> = changes.iter().filter(|change| change.verdict == verdict).collect();
        if these.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title}:");
        for Change { case, figure, ratio, noise, .. } in these {
            let ratio = ratio.unwrap_or(1.0);
            let _ = writeln!(text, "  {ratio:>6.2}x {figure:<16} {case} (noise ± {:.0}%)", noise * 100.0);
        }
    }
    let count = |verdict| changes.iter().filter(|change| change.verdict == verdict).count();
    let _ = writeln!(
        text,
        "{} slower, {} faster, {} within noise, {} without a figure in both.",
        count(Verdict::Slower),
        count(Verdict::Faster),
        count(Verdict::Same),
        count(Verdict::Unknown)
    );
    text
}

/// Returns the origins of both suites: day, machine, command, and the versions of the targets that
/// both have.
pub fn origins(old: &SuiteReport, new: &SuiteReport) -> String {
    let mut text = String::new();
    for (name, suite) in [("Old", old), ("New", new)] {
        let _ =
            writeln!(text, "{name}: {}; {}; {}", date::day(suite.unix_time), suite.machine, suite.command);
    }
    if old.machine != new.machine {
        text.push_str("The machines differ: ratios are those of the machines too.\n");
    }
    for (name, before) in &old.targets {
        let Some(after) = new.targets.get(name) else { continue };
        let version =
            |info: &TargetInfo| info.version.as_deref().unwrap_or("not measured").replace('\n', " ");
        let (before, after) = (version(before), version(after));
        let _ = match before == after {
            true => writeln!(text, "{name}: {before}"),
            false => writeln!(text, "{name}: {before}, then {after}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::LoadReport;

    fn suite(rates: &[f64]) -> SuiteReport {
        let mut suite = SuiteReport::example();
        suite.cases[0].targets[0].rounds = rates.iter().map(|rate| LoadReport::example(*rate)).collect();
        suite
    }

    fn verdict(old: &[f64], new: &[f64]) -> Verdict {
        changes(&suite(old), &suite(new))[0].verdict
    }

    #[test]
    fn a_difference_beyond_the_noise_counts() {
        let quiet = [1000.0, 1010.0, 990.0];
        assert_eq!(verdict(&quiet, &[800.0, 810.0, 790.0]), Verdict::Slower);
        assert_eq!(verdict(&quiet, &[1200.0, 1210.0, 1190.0]), Verdict::Faster);
        assert_eq!(verdict(&quiet, &[1030.0, 1020.0, 1000.0]), Verdict::Same);
        // The same median as the slower one above, of rounds that differ by half.
        assert_eq!(verdict(&quiet, &[800.0, 1100.0, 500.0]), Verdict::Same);
        assert_eq!(verdict(&quiet, &[]), Verdict::Unknown);
    }

    #[test]
    fn less_cpu_and_latency_is_better() {
        let text = table(&changes(&suite(&[1000.0]), &suite(&[500.0])));
        for part in ["0.50x requests/s", "2.00x p99", "2.00x CPU per request", "3 slower, 0 faster"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn origins_name_what_differs() {
        let (old, mut new) = (suite(&[1000.0]), suite(&[1000.0]));
        let same = origins(&old, &new);
        assert!(same.contains("Old: 30 November 2026; 2 processors (A <fast> one), Linux 6.18"), "{same}");
        assert!(same.contains("isolet: isolet 0.1.0\n") && same.contains("absent: not measured\n"), "{same}");
        assert!(same.contains("; isolet-bench suite\n") && !same.contains("differ"), "{same}");
        new.machine.cpus = 4;
        new.targets.get_mut("isolet").unwrap().version = Some("isolet 0.2.0".to_owned());
        let other = origins(&old, &new);
        assert!(other.contains("isolet: isolet 0.1.0, then isolet 0.2.0\n"), "{other}");
        assert!(other.contains("The machines differ"), "{other}");
    }

    #[test]
    fn cases_that_one_suite_lacks_are_left_out() {
        let mut other = suite(&[1000.0]);
        other.cases[0].scenario = "else".to_owned();
        assert!(changes(&suite(&[1000.0]), &other).is_empty());
    }
}
