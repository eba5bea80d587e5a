//! One command that goes on: `isolet serve`, `isolet dev`, `isolet demo-mcp --http`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::http::{Answer, Connection, Request};
use super::processes::{self, Process};
use super::{Folder, ISOLET, PATIENCE, command, eventually};

/// A running `isolet`. It is killed when it is dropped; when the test fails, what it said is shown.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    said: Arc<Said>,
    /// Kept for as long as the program works in it.
    folder: Option<Folder>,
}

/// Everything on standard error until now.
#[derive(Default)]
struct Said {
    text: Mutex<String>,
    more: Condvar,
}

impl Said {
    fn listen(self: &Arc<Self>, stderr: ChildStderr) {
        let said = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stderr);
            let mut line = Vec::new();
            while let Ok(1..) = reader.read_until(b'\n', &mut line) {
                said.text().push_str(&String::from_utf8_lossy(&line));
                said.more.notify_all();
                line.clear();
            }
        });
    }

    fn text(&self) -> std::sync::MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `find` finds something in all that was said.
    #[track_caller]
    fn wait<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.text();
        loop {
            if let Some(found) = find(&text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} was not said within {PATIENCE:?}, but:\n{text}");
            text = self.more.wait_timeout(text, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Daemon {
    /// `isolet serve` with the built-in servers, on a port of its own.
    #[track_caller]
    pub fn serve() -> Self {
        Self::serve_in(Folder::new(), &[])
    }

    /// `isolet serve` with these MCP servers, as in `mcpServers`.
    #[track_caller]
    pub fn serve_with(servers: Value) -> Self {
        let folder = Folder::new();
        folder.mcp_json(servers);
        Self::serve_in(folder, &[])
    }

    /// `isolet serve` in a folder, which is where it finds its `mcp.json`.
    #[track_caller]
    pub fn serve_in(folder: Folder, args: &[&str]) -> Self {
        let mut command = Command::new(ISOLET);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        let mut daemon = Self::start(command, folder.path());
        daemon.folder = Some(folder);
        daemon
    }

    /// `isolet dev` of the project in `folder`.
    #[track_caller]
    pub fn dev(folder: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(ISOLET);
        command.arg("dev").arg(folder).args(["--listen", "127.0.0.1:0"]).args(args);
        Self::start(command, folder)
    }

    /// The demo server over Streamable HTTP.
    #[track_caller]
    pub fn demo_mcp() -> Self {
        let mut command = Command::new(ISOLET);
        command.args(["demo-mcp", "--http", "127.0.0.1:0"]);
        Self::start(command, &std::env::temp_dir())
    }

    /// Starts `command` and waits until it says where it listens.
    #[track_caller]
    fn start(mut command: Command, folder: &Path) -> Self {
        command::clean(&mut command);
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::new(Said::default());
        said.listen(child.stderr.take().expect("piped"));
        let unused = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on a panic kills the child.
        let mut daemon = Self { child, address: unused, said, folder: None };
        daemon.address = daemon.said.wait("an address", address);
        daemon
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it was started in.
    pub fn folder(&self) -> &Folder {
        self.folder.as_ref().expect("started in a folder of its own")
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Everything on standard error until now.
    pub fn said(&self) -> String {
        self.said.text().clone()
    }

    /// Waits until it has said all of `parts`, in any order.
    #[track_caller]
    pub fn wait_for_words(&self, parts: &[&str]) {
        self.said
            .wait(&format!("{parts:?}"), |text| parts.iter().all(|part| text.contains(part)).then_some(()));
    }

    /// Its process as `/proc` shows it.
    #[track_caller]
    pub fn process(&self) -> Process {
        Process::read(self.pid().as_raw_nonzero().get()).expect("it is alive")
    }

    /// The processes that can run scripts: zygotes, and their copies that wait for a run or are at one.
    pub fn runners(&self) -> Vec<Process> {
        let mut runners = self.descendants();
        runners.retain(|process| process.command.starts_with(&format!("{ISOLET} runner")));
        runners
    }

    /// The processes of which every run gets a copy.
    pub fn zygotes(&self) -> Vec<Process> {
        let mut zygotes = self.runners();
        zygotes.retain(|process| process.parent == self.pid().as_raw_nonzero().get());
        zygotes
    }

    /// Every process below it.
    pub fn descendants(&self) -> Vec<Process> {
        processes::descendants(self.pid())
    }

    /// A new connection.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// One request on a connection of its own.
    pub async fn send(&self, request: Request) -> Answer {
        self.connect().await.send(request).await
    }

    /// `GET` on a connection of its own.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    /// Runs a script; gives the whole report.
    pub async fn run(&self, code: &str) -> Value {
        self.run_with(json!({ "code": code })).await
    }

    /// `POST /v1/run` with this document, which must become a run; gives the whole report.
    pub async fn run_with(&self, body: Value) -> Value {
        self.send(Request::run(&body)).await.expect(200).json()
    }

    /// Fails unless a script runs as it should.
    pub async fn assert_works(&self) {
        let report = self.run("return 6 * 7").await;
        assert_eq!(*super::result(&report), 42, "the next run must work");
    }

    /// What `/v1/servers` says of one server.
    pub async fn server(&self, name: &str) -> Value {
        let all = self.get("/v1/servers").await.expect(200).json();
        let servers = all["servers"].as_array().unwrap_or_else(|| panic!("{all:#}"));
        let found = servers.iter().find(|server| server["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {all:#}")).clone()
    }

    /// Waits until a server is in this state; gives what `/v1/servers` says of it then.
    pub async fn server_in(&self, name: &str, state: &str) -> Value {
        eventually(&format!("{name} becomes {state}"), || async {
            let server = self.server(name).await;
            (server["state"] == state).then_some(server)
        })
        .await
    }

    /// The same daemon once it is ready.
    pub async fn await_ready(self) -> Self {
        self.ready().await;
        self
    }

    /// Waits until it is ready: every server has answered or failed.
    pub async fn ready(&self) {
        eventually("/readyz", || async { (self.get("/readyz").await.status == 200).then_some(()) }).await;
    }

    /// The value of a counter or gauge in `/metrics`, by its name and labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.expect(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("{name} is not in\n{text}"));
        value.parse().unwrap_or_else(|_| panic!("{name} is {value}"))
    }

    /// Waits until a metric has this value.
    pub async fn metric_becomes(&self, name: &str, wanted: f64) {
        eventually(&format!("{name} becomes {wanted}"), || async {
            (self.metric(name).await == wanted).then_some(())
        })
        .await;
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(self.pid(), signal).expect("it is our child");
        self.ended()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child that can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- isolet said\n{}", self.said());
        }
    }
}

/// The address in `… http://127.0.0.1:PORT…`, once its line is whole.
fn address(said: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once(" on http://")?;
    let (line, _) = rest.split_once('\n')?;
    line.split('/').next()?.trim().parse().ok()
}
