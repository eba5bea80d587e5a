//! Measures the token counts of saved tool lists, and the time of their declarations:
//! `cargo run --release -p isolet-tsdefs --features tokens --example costs -- a.json b.json`.

use std::path::Path;
use std::time::Instant;

use isolet_tsdefs::tokens::{TokenCounts, costs};
use isolet_tsdefs::{Detail, SearchIndex, ServerDefinition, declare};

fn main() {
    let servers: Vec<ServerDefinition> = std::env::args()
        .skip(1)
        .filter_map(|file| {
            let name = Path::new(&file).file_stem()?.to_string_lossy().into_owned();
            let json = std::fs::read_to_string(&file).ok()?;
            Some(ServerDefinition::from_tools_list(name, &json).ok()?.0)
        })
        .collect();
    let costs = costs(&servers);
    let mean = |counts: TokenCounts| {
        let tools = costs.tools.max(1) as f64;
        format!("{:6.1} {:6.1}", counts.o200k as f64 / tools, counts.cl100k as f64 / tools)
    };
    println!("{} tools; mean tokens per tool: o200k, cl100k", costs.tools);
    for (level, counts) in
        [("names", costs.names), ("brief", costs.brief), ("full", costs.full), ("raw JSON", costs.raw)]
    {
        println!("{level:9} {}", mean(counts));
    }
    for detail in Detail::ALL {
        let start = Instant::now();
        let declared = declare(&servers, detail);
        println!("declare {detail}: {:?}, {} bytes", start.elapsed(), declared.text.len());
    }
    let start = Instant::now();
    let index = SearchIndex::new(&servers);
    let built = start.elapsed();
    let start = Instant::now();
    let hits = index.search("create a new issue", 8);
    println!("search: index of {} in {built:?}, {} hits in {:?}", index.len(), hits.len(), start.elapsed());
}
