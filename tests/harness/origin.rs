//! The servers from which Workers fetch: `origin/origin.mjs`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Folder, repository};

/// An HTTP server, and an HTTPS server with HTTP/2. They end when it is dropped.
pub struct Origin {
    child: Child,
    folder: Folder,
    /// The port of HTTP.
    pub http: u16,
    /// The port of HTTPS.
    pub https: u16,
}

impl Origin {
    /// Starts the servers.
    pub fn start() -> Self {
        let folder = Folder::new();
        let mut child = Command::new("node")
            .arg(Self::file("origin.mjs"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let ports: Value = serde_json::from_str(&line).expect("ports");
        let port = |name: &str| ports[name].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        Self { child, folder, http: port("http"), https: port("https") }
    }

    fn file(name: &str) -> String {
        repository().join("tests/harness/origin").join(name).display().to_string()
    }

    /// The file with the certificate of the authority that signed the server's.
    pub fn authority() -> String {
        Self::file("ca.pem")
    }

    /// The requests that arrived, in order.
    pub fn seen(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("seen.jsonl")).unwrap_or_default();
        // The last line may be incomplete.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
