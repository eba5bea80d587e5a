//! The report of a suite as one HTML page: no scripts, nothing from elsewhere, light and dark.

use std::fmt::Write as _;

use super::chart;
use super::date;
use super::markdown::rate;
use super::statistics::{self, Estimate, Figure};
use super::suite::{Case, SuiteReport, TargetRounds};
use super::table::{bytes, microseconds};

const STYLE: &str = include_str!("page.css");

/// Returns the page.
pub fn page(suite: &SuiteReport) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<title>isolet-bench</title>\n<style>\n{STYLE}</style>\n<main>\n<h1>isolet-bench</h1>\n"
    );
    about(&mut html, suite);
    let mut before = "";
    for case in &suite.cases {
        if case.scenario != before {
            let _ = writeln!(html, "<h2 id=\"{0}\">{1}</h2>", escape(&case.scenario), escape(&case.title));
            before = &case.scenario;
        }
        section(&mut html, suite, case);
    }
    html.push_str("</main>\n</html>\n");
    html
}

fn about(html: &mut String, suite: &SuiteReport) {
    let _ = write!(
        html,
        "<p>{}; {}; rounds of each target, in turns: {}. Figures are medians of rounds, ratios medians \
         of the ratios of each turn; ± is half of their range.</p>\n<p><code>{}</code></p>\n<table class=\"targets\">\n<tr><th>target<th>what<th>version<th>command</tr>\n",
        escape(&suite.machine.to_string()),
        date::day(suite.unix_time),
        suite.rounds,
        escape(&suite.command)
    );
    for (name, info) in &suite.targets {
        let state = match (&info.version, &info.missing) {
            (Some(version), _) => escape(version),
            (None, reason) => {
                format!("<em>not measured: {}</em>", escape(reason.as_deref().unwrap_or("unknown reason")))
            }
        };
        let (name, title, command) = (escape(name), escape(&info.title), escape(&info.command));
        let _ = writeln!(html, "<tr><td>{name}<td>{title}<td>{state}<td><code>{command}</code></tr>");
    }
    html.push_str("</table>\n");
}

fn section(html: &mut String, suite: &SuiteReport, case: &Case) {
    let _ = write!(html, "<section>\n<h3>{}</h3>\n", escape(&case.load));
    bars(html, case);
    let curves: Vec<(&str, &[_])> = case
        .targets
        .iter()
        .filter_map(|target| Some((suite.title(&target.target), middle(target)?.curve.as_slice())))
        .collect();
    html.push_str(&chart::curves(&curves));
    table(html, case);
    html.push_str("</section>\n");
}

/// Returns the round with the median rate.
fn middle(target: &TargetRounds) -> Option<&super::LoadReport> {
    let mut rounds: Vec<_> = target.rounds.iter().collect();
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    rounds.get(rounds.len().checked_sub(1)? / 2).copied()
}

/// Bars of requests a second, with the spread of the rounds.
fn bars(html: &mut String, case: &Case) {
    let value = |target: &TargetRounds| statistics::figure(&target.rounds, statistics::per_second);
    let most = case.targets.iter().filter_map(value).map(|estimate| estimate.value).fold(0.0, f64::max);
    html.push_str("<div class=\"bars\">\n");
    for (index, target) in case.targets.iter().enumerate() {
        let Some(estimate) = value(target) else {
            let reason = target.failed.as_deref().unwrap_or("no round");
            let _ =
                writeln!(html, "<span>{}</span><em>failed: {}</em>", escape(&target.target), escape(reason));
            continue;
        };
        let width = if most > 0.0 { estimate.value / most * 100.0 } else { 0.0 };
        let _ = writeln!(
            html,
            "<span>{}</span><div class=\"bar\"><i class=\"series-{index}\" style=\"width:{width:.1}%\"></i><b>{}/s{}</b></div>",
            escape(&target.target),
            rate(estimate.value),
            noise(estimate)
        );
    }
    html.push_str("</div>\n");
}

fn table(html: &mut String, case: &Case) {
    html.push_str(
        "<table>\n<tr><th>target<th>requests/s<th>ratio<th>p50<th>p99<th>p99.9<th>max<th>CPU/request<th>ratio<th>memory<th>failures</tr>\n",
    );
    let first = case.targets.first();
    for target in &case.targets {
        let rounds = &target.rounds;
        let time = |figure: Figure| cell(statistics::figure(rounds, figure), microseconds);
        let ratio = |figure: Figure| match first {
            Some(first) if first.target != target.target => {
                let estimate = statistics::ratio(&first.rounds, rounds, figure);
                cell(estimate, |value| format!("{value:.2}")) + &estimate.map_or(String::new(), noise)
            }
            _ => String::new(),
        };
        let failures: u64 = rounds.iter().map(|round| round.failures()).sum();
        let cells = [
            escape(&target.target),
            cell(statistics::figure(rounds, statistics::per_second), rate),
            ratio(statistics::per_second),
            time(statistics::p50),
            time(statistics::p99),
            time(|report| report.latency_us.map(|latency| latency.p999 as f64)),
            time(|report| report.latency_us.map(|latency| latency.max as f64)),
            time(statistics::cpu),
            ratio(statistics::cpu),
            cell(statistics::figure(rounds, statistics::memory), |value| bytes(value as u64)),
            failures.to_string(),
        ];
        let _ = writeln!(html, "<tr><td>{}</tr>", cells.join("<td>"));
        for neighbour in rounds.iter().take(1).flat_map(|round| &round.neighbours) {
            let _ = writeln!(
                html,
                "<tr class=\"note\"><td colspan=11>beside {:.1}% {}: {} ended as expected, {} otherwise</tr>",
                neighbour.share * 100.0,
                escape(&neighbour.name),
                neighbour.answers,
                neighbour.failures.total()
            );
        }
    }
    html.push_str("</table>\n");
}

fn cell(estimate: Option<Estimate>, format: impl Fn(f64) -> String) -> String {
    estimate.map_or("-".to_owned(), |estimate| format(estimate.value))
}

fn noise(estimate: Estimate) -> String {
    if estimate.noise >= 0.005 { format!(" ± {:.0}%", estimate.noise * 100.0) } else { String::new() }
}

/// Returns the text with the characters of HTML replaced.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::LoadReport;

    #[test]
    fn the_page_has_all_and_loads_nothing() {
        let mut suite = SuiteReport::example();
        suite.cases[0].title = "a < b".to_owned();
        suite.cases[0].targets[0].rounds = vec![LoadReport::example(1000.0), LoadReport::example(1200.0)];
        suite.cases[0].targets.push(TargetRounds {
            target: "gone".to_owned(),
            rounds: Vec::new(),
            failed: Some("<script>".to_owned()),
        });
        let html = page(&suite);
        for part in [
            "a &lt; b",
            "A &lt;fast&gt; one",
            "30 November 2026",
            "<code>{isolet} serve --listen 127.0.0.1:{port}</code>",
            "<code>isolet-bench suite</code>",
            "not measured: no npm",
            "1,100/s ± 9%",
            "&lt;script&gt;",
            "<svg",
        ] {
            assert!(html.contains(part), "{part}");
        }
        for absent in ["<script", "http://", "https://", "url(", "@import"] {
            assert!(!html.contains(absent), "{absent}");
        }
    }
}
