//! A fixture server over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use isolet_bindings::config::ServerConfig;

use super::fixture_program;

/// A fixture server over HTTP, killed when dropped.
pub struct Web {
    pub process: Child,
    pub port: u16,
}

impl Web {
    pub fn start(modes: &[&str]) -> Self {
        let mut process =
            Command::new(fixture_program()).arg("http").args(modes).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().unwrap() }
    }

    pub fn config(&self) -> ServerConfig {
        ServerConfig::http(format!("http://127.0.0.1:{}/mcp", self.port).parse().unwrap())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
