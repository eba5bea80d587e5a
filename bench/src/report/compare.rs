//! Several reports side by side.

use super::Document;
use super::date;
use super::table::{bytes, microseconds};

/// A column of the table: a report's name and its figures, in the order of [`FIGURES`].
#[derive(Debug)]
pub struct Column {
    name: String,
    /// A line that says what was measured, when and where.
    origin: String,
    values: Vec<Option<f64>>,
}

/// A figure's name and its format.
type Figure = (&'static str, fn(f64) -> String);

const FIGURES: [Figure; 14] = [
    ("requests/s", |value| format!("{value:.1}")),
    ("min", microseconds),
    ("p50", microseconds),
    ("p90", microseconds),
    ("p99", microseconds),
    ("p99.9", microseconds),
    ("p99.99", microseconds),
    ("max", microseconds),
    ("failures", |value| format!("{value:.0}")),
    ("CPU/request", |value| microseconds(value * 1e3)),
    ("RSS peak", |value| bytes(value as u64)),
    ("PSS peak", |value| bytes(value as u64)),
    ("ready", |value| microseconds(value * 1e3)),
    ("generator", |value| format!("{:.0}%", value * 100.0)),
];

/// Returns the columns of reports; suites have none.
pub fn columns(documents: &[(String, Document)]) -> Vec<Column> {
    documents.iter().filter_map(|(stem, document)| column(document, stem)).collect()
}

fn column(document: &Document, stem: &str) -> Option<Column> {
    let (label, latency) = match document {
        Document::Load(load) => (&load.label, &load.latency_us),
        Document::Cold(cold) => (&cold.label, &cold.wall_us),
        Document::Suite(_) | Document::Soak(_) => return None,
    };
    let microseconds =
        latency.map(|l| [l.min, l.p50, l.p90, l.p99, l.p999, l.p9999, l.max].map(|value| value as f64));
    let microseconds = microseconds.map_or([None; 7], |values| values.map(Some));
    let (rate, rest) = match document {
        Document::Load(load) => {
            let usage = load.target.as_ref();
            let rest = [
                load.target_cpu_ms_per_request,
                usage.map(|usage| usage.rss_peak as f64),
                usage.and_then(|usage| Some(usage.pss_peak? as f64)),
                load.start.as_ref().map(|start| start.ready_ms),
                Some(load.generator_load),
            ];
            (Some(load.per_second), rest)
        }
        Document::Cold(cold) => (None, [Some(cold.cpu_ms), None, None, None, None]),
        Document::Suite(_) | Document::Soak(_) => return None,
    };
    let mut values = vec![rate];
    values.extend(microseconds);
    values.push(Some(document.failures() as f64));
    values.extend(rest);
    Some(Column { name: label.clone().unwrap_or_else(|| stem.to_owned()), origin: origin(document)?, values })
}

/// Returns what was measured, when and where.
fn origin(document: &Document) -> Option<String> {
    let (what, cpus, machine, unix_time) = match document {
        Document::Load(load) => {
            let started = load.start.as_ref().map_or(String::new(), |start| format!(" of {}", start.command));
            (format!("{} {}{started}", load.method, load.url), load.cpus, &load.machine, load.unix_time)
        }
        Document::Cold(cold) => (cold.command.clone(), cold.cpus, &cold.machine, cold.unix_time),
        Document::Suite(_) | Document::Soak(_) => return None,
    };
    let machine = machine.as_ref().map_or(format!("{cpus} processors"), ToString::to_string);
    Some(format!("{what}; {}; {machine}", date::day(unix_time)))
}

/// Returns a line for each report that says what was measured, when and where.
pub fn origins(columns: &[Column]) -> String {
    columns.iter().map(|column| format!("{}: {}\n", column.name, column.origin)).collect()
}

/// One row a figure, one column a report; behind each value its ratio to the first report's.
pub fn table(columns: &[Column]) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(columns.iter().map(|column| column.name.clone()));
    for (index, (name, format)) in FIGURES.iter().enumerate() {
        let values = || columns.iter().map(|column| column.values.get(index).copied().flatten());
        // A row that no report has, such as the rate of commands, is left out.
        if values().all(|value| value.is_none()) {
            continue;
        }
        let first = values().next().flatten();
        let cells = values().enumerate().map(|(position, value)| match (value, first) {
            (None, _) => "-".to_owned(),
            (Some(value), Some(first)) if position > 0 && first > 0.0 => {
                format!("{} {:>8}", format(value), format!("({:.2}x)", value / first))
            }
            (Some(value), _) => format(value),
        });
        rows.push(std::iter::once((*name).to_owned()).chain(cells).collect());
    }
    let widths: Vec<usize> = (0..=columns.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("   {cell:>width$}"),
        });
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_say_what_was_measured() {
        let document = Document::Load(Box::new(crate::report::LoadReport::example(100.0)));
        let columns = columns(&[("new".to_owned(), document)]);
        assert_eq!(origins(&columns), "new: GET http://127.0.0.1/; 1 January 1970; 2 processors\n");
    }

    #[test]
    fn ratios_are_to_the_first_report() {
        let column = |name: &str, rate: f64, p50: Option<f64>| {
            let mut values = vec![None; FIGURES.len()];
            (values[0], values[2]) = (Some(rate), p50);
            Column { name: name.to_owned(), origin: String::new(), values }
        };
        let columns = [column("isolet", 200.0, Some(1500.0)), column("peer", 50.0, None)];
        assert_eq!(
            table(&columns),
            "              isolet            peer\n\
             requests/s     200.0   50.0  (0.25x)\n\
             p50          1.50 ms               -\n"
        );
    }
}
