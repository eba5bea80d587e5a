//! A command that keeps running: `isolet serve`, `isolet dev`, `isolet demo-mcp --http`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::http::{Answer, Connection, Request};
use super::processes::{self, Process};
use super::{Folder, ISOLET, WAIT_TIMEOUT, command, eventually};

/// A running `isolet`. It is killed when it is dropped; when the test fails, its standard error is
/// printed.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    stderr: Arc<StderrLog>,
    /// The folder that it works in, kept until it is dropped.
    folder: Option<Folder>,
}

/// Its standard error until now.
#[derive(Default)]
struct StderrLog {
    text: Mutex<String>,
    more: Condvar,
}

impl StderrLog {
    fn listen(self: &Arc<Self>, stderr: ChildStderr) {
        let log = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stderr);
            let mut line = Vec::new();
            while let Ok(1..) = reader.read_until(b'\n', &mut line) {
                log.text.lock().push_str(&String::from_utf8_lossy(&line));
                log.more.notify_all();
                line.clear();
            }
        });
    }

    /// Waits until `find` finds something in the output.
    #[track_caller]
    fn wait<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let mut text = self.text.lock();
        loop {
            if let Some(found) = find(&text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} was not printed within {WAIT_TIMEOUT:?}, but:\n{text}");
            self.more.wait_for(&mut text, left);
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
        Self::serve_in(Folder::with_servers(servers), &[])
    }

    /// `isolet serve` in a folder, with the configurations in it and `--no-token`.
    #[track_caller]
    pub fn serve_in(folder: Folder, args: &[&str]) -> Self {
        Self::serve_as(folder, &[&["--listen", "127.0.0.1:0", "--no-token"], args].concat(), &[])
    }

    /// `isolet serve` in a folder, with the configurations in it and only these arguments and
    /// variables.
    #[track_caller]
    pub fn serve_as(folder: Folder, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(ISOLET);
        command.arg("serve").args(args);
        let mut daemon = Self::start_with(command, folder.path(), variables);
        daemon.folder = Some(folder);
        daemon
    }

    /// `isolet dev` of a project's folder, or of an entry module.
    #[track_caller]
    pub fn dev(project: &Path, args: &[&str]) -> Self {
        Self::dev_as(project, args, &[])
    }

    /// The same with variables in its environment.
    #[track_caller]
    pub fn dev_as(project: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(ISOLET);
        command.arg("dev").arg(project).args(["--listen", "127.0.0.1:0"]).args(args);
        let folder = if project.is_file() { project.parent().expect("a folder") } else { project };
        Self::start_with(command, folder, variables)
    }

    /// The demo server over Streamable HTTP.
    #[track_caller]
    pub fn demo_mcp() -> Self {
        let mut command = Command::new(ISOLET);
        command.args(["demo-mcp", "--http", "127.0.0.1:0"]);
        Self::start(command, &std::env::temp_dir())
    }

    /// Starts `command` and waits until it prints its address.
    #[track_caller]
    pub fn start(command: Command, folder: &Path) -> Self {
        Self::start_with(command, folder, &[])
    }

    /// The same with variables in its environment.
    #[track_caller]
    fn start_with(mut command: Command, folder: &Path, variables: &[(&str, &str)]) -> Self {
        command::clean(&mut command);
        command.envs(variables.iter().copied());
        command::name_configurations(&mut command, folder);
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = Arc::new(StderrLog::default());
        stderr.listen(child.stderr.take().expect("piped"));
        let unused = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on a panic kills the child.
        let mut daemon = Self { child, address: unused, stderr, folder: None };
        daemon.address = daemon.stderr.wait("an address", address);
        daemon
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it was started in.
    pub fn folder(&self) -> &Folder {
        self.folder.as_ref().expect("started in a folder of its own")
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Its standard error until now.
    pub fn stderr(&self) -> String {
        self.stderr.text.lock().clone()
    }

    /// Waits until its standard error contains all of `parts`, in any order.
    #[track_caller]
    pub fn wait_for_stderr(&self, parts: &[&str]) {
        self.stderr
            .wait(&format!("{parts:?}"), |text| parts.iter().all(|part| text.contains(part)).then_some(()));
    }

    /// Its process as `/proc` shows it.
    #[track_caller]
    pub fn process(&self) -> Process {
        Process::read(self.pid().as_raw_nonzero().get()).expect("it is alive")
    }

    /// Its zygotes and their runners.
    pub fn script_processes(&self) -> Vec<Process> {
        let mut processes = self.descendants();
        processes.retain(|process| process.command.starts_with(&format!("{ISOLET} zygote")));
        processes
    }

    /// Its zygotes.
    pub fn zygotes(&self) -> Vec<Process> {
        let mut zygotes = self.script_processes();
        zygotes.retain(|process| process.parent == self.pid().as_raw_nonzero().get());
        zygotes
    }

    /// All processes below it.
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

    /// Runs a script and returns the report.
    pub async fn run(&self, code: &str) -> Value {
        self.run_with(json!({ "code": code })).await
    }

    /// Sends `POST /v1/run` with this body, which must become a run, and returns the report.
    pub async fn run_with(&self, body: Value) -> Value {
        self.send(Request::run(&body)).await.expect(200).json()
    }

    /// Fails unless a script runs.
    pub async fn assert_works(&self) {
        let report = self.run("return 6 * 7").await;
        assert_eq!(*super::result(&report), 42, "the next run must work");
    }

    /// The entry of one server in `/v1/servers`.
    pub async fn server(&self, name: &str) -> Value {
        let all = self.get("/v1/servers").await.expect(200).json();
        let servers = all["servers"].as_array().unwrap_or_else(|| panic!("{all:#}"));
        let found = servers.iter().find(|server| server["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {all:#}")).clone()
    }

    /// Waits until a server is in this state; returns its entry in `/v1/servers`.
    pub async fn server_in(&self, name: &str, state: &str) -> Value {
        eventually(&format!("{name} becomes {state}"), || async {
            let server = self.server(name).await;
            (server["state"] == state).then_some(server)
        })
        .await
    }

    /// Waits until it is ready and returns itself.
    pub async fn await_ready(self) -> Self {
        self.ready().await;
        self
    }

    /// Waits until it is ready: every server has started or failed.
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

    /// Waits until a metric has this value or a higher one.
    pub async fn metric_reaches(&self, name: &str, wanted: f64) {
        eventually(&format!("{name} reaches {wanted}"), || async {
            (self.metric(name).await >= wanted).then_some(())
        })
        .await;
    }

    /// Sends a signal and waits for the exit.
    #[track_caller]
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(self.pid(), signal).expect("it is our child");
        self.ended()
    }

    /// Waits for the exit.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        processes::wait_for_exit(&mut self.child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- standard error of isolet\n{}", self.stderr());
        }
    }
}

/// Finds the address in `… http://127.0.0.1:PORT…`, once the line is complete. For a UNIX socket it
/// is an unused address.
fn address(output: &str) -> Option<SocketAddr> {
    let whole = &output[..=output.rfind('\n')?];
    if whole.contains(" listens on unix:") {
        return Some(([127, 0, 0, 1], 0).into());
    }
    let (_, rest) = whole.split_once(" on http://")?;
    // A path may follow, or the rest of a JSON document.
    let address: SocketAddr = rest.lines().next()?.split(['/', '"']).next()?.trim().parse().ok()?;
    // For "all addresses" it is the loopback address.
    Some(if address.ip().is_unspecified() { ([127, 0, 0, 1], address.port()).into() } else { address })
}
