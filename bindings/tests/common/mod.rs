//! Helpers of the tests of this crate.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod log;
pub mod web;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use isolet_bindings::config::{McpConfig, Secret, ServerConfig, TransportConfig};
use isolet_bindings::{GuardCommand, UpstreamOptions, Upstreams};

/// The path of the fixture program.
pub fn fixture_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_fixture"))
}

/// A fixture server.
pub fn fixture<'a>(modes: impl IntoIterator<Item = &'a str>) -> ServerConfig {
    ServerConfig::stdio(fixture_program().to_string_lossy(), modes)
}

/// The default options with a guard.
pub fn options() -> UpstreamOptions {
    let guard = GuardCommand { program: fixture_program(), args: vec!["guard".into()] };
    UpstreamOptions { guard: Some(guard), ..UpstreamOptions::default() }
}

/// Starts one server, and waits until it is ready or has failed.
pub async fn start(name: &str, server: ServerConfig) -> Upstreams {
    start_with(name, server, options()).await
}

/// Starts one server with these options, and waits until it is ready or has failed.
pub async fn start_with(name: &str, server: ServerConfig, options: UpstreamOptions) -> Upstreams {
    let mut config = McpConfig::default();
    config.servers.insert(name.to_owned(), server);
    let upstreams = Upstreams::start(config, options);
    upstreams.settled(Duration::from_secs(20)).await;
    upstreams
}

pub fn set_env(server: &mut ServerConfig, name: &str, value: &str) {
    let TransportConfig::Stdio(stdio) = &mut server.transport else { panic!("not a child process") };
    stdio.env.insert(name.to_owned(), Secret::new(value));
}

/// Waits until `holds`, at most ten seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns whether a process exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
