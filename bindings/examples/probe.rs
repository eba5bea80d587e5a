//! Connects to the servers of an `mcp.json`, prints their states, and calls a tool: `probe FILE
//! [SERVER TOOL ARGUMENTS]`. Shows what isolet sees of a server, without isolet.

use std::path::Path;
use std::time::{Duration, Instant};

use isolet_bindings::config::McpConfig;
use isolet_bindings::{UpstreamOptions, Upstreams};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let file = args.first().ok_or("expected a file")?;
    let config = McpConfig::load(Path::new(file))?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    let began = Instant::now();
    let upstreams = Upstreams::start(config, UpstreamOptions::default());
    upstreams.settled(Duration::from_secs(40)).await;
    eprintln!("settled after {:?}", began.elapsed());
    for status in upstreams.statuses() {
        println!("{}", serde_json::to_string_pretty(&status)?);
    }
    if let [_, server, tool, arguments] = args.as_slice() {
        let began = Instant::now();
        match upstreams.call_tool(server, tool, arguments, Duration::from_secs(30)).await {
            Ok(result) => println!("{}", String::from_utf8_lossy(&result.value_json())),
            Err(error) => println!("{error} ({})", error.hint().unwrap_or_default()),
        }
        eprintln!("called in {:?}", began.elapsed());
    }
    let began = Instant::now();
    upstreams.shutdown().await;
    eprintln!("stopped after {:?}", began.elapsed());
    Ok(())
}
