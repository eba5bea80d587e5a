//! Measures the first declaration of 1,000 real tools:
//! `cargo run --release -p isolet-tsdefs --example cold -- a.json b.json`.
//!
//! The tools of the files are repeated, under other servers' names, until there are a thousand.
//! Nothing is kept between rounds; the first round is that of a new process.

use std::path::Path;
use std::time::{Duration, Instant};

use isolet_tsdefs::{Detail, SearchIndex, ServerDefinition, declare};

const TOOLS: usize = 1000;
const ROUNDS: usize = 15;

fn main() {
    let saved: Vec<(String, String)> = std::env::args()
        .skip(1)
        .filter_map(|file| {
            let name = Path::new(&file).file_stem()?.to_string_lossy().into_owned();
            Some((name, std::fs::read_to_string(&file).ok()?))
        })
        .collect();
    let mut servers: Vec<ServerDefinition> = Vec::new();
    let mut count = 0;
    for copy in 0.. {
        for (name, json) in &saved {
            let read = ServerDefinition::from_tools_list(format!("{name}{copy}"), json);
            let Ok((mut server, _)) = read else { continue };
            server.tools.truncate(TOOLS - count);
            count += server.tools.len();
            servers.push(server);
            if count == TOOLS {
                break;
            }
        }
        if count == TOOLS || count == 0 {
            break;
        }
    }
    println!("{count} tools of {} servers; the first round, and the median of {ROUNDS}", servers.len());
    for detail in Detail::ALL {
        report(&format!("declare {detail}"), || declare(&servers, detail).text.len());
    }
    report("search index", || SearchIndex::new(&servers).len());
}

fn report(what: &str, work: impl Fn() -> usize) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            assert!(std::hint::black_box(work()) > 0);
            start.elapsed()
        })
        .collect();
    let first = times[0];
    times.sort_unstable();
    println!("{what:13} {:6.1} ms  {:6.1} ms", milliseconds(first), milliseconds(times[ROUNDS / 2]));
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
