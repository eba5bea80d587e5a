//! A run on its way, from its place at the gate to its report: what `POST /v1/run` and the MCP tool `run` share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use hyper::body::Frame;
use isolet_bindings::Caller;
use isolet_runtime::{ErrorCode, Job, Outcome, Report, Run, RunEvent};

use super::admission::{BodyShare, Place};
use super::problem::Problem;
use super::reply::Frames;
use super::server::Server;
use super::socket::HungUp;
use crate::document;
use crate::ledger::Ledger;

/// How often a stream without events says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A run before it begins.
pub struct Prepared {
    /// What to run.
    pub job: Job,
    /// Whose run it is.
    pub caller: Caller,
}

/// A run on its way, with what it holds. Dropped early, when the client hangs up, it cancels the run.
pub struct Going {
    run: Option<Run>,
    server: Arc<Server>,
    arrived: Instant,
    /// At the server's gate; the engine adds its own queue.
    waited: Duration,
    calls: usize,
    ledger: Option<Ledger>,
    _place: Place,
    _share: BodyShare,
}

impl Going {
    /// Waits for a place and begins. `share` pays for the memory that the script and its input take, `arrived` is when
    /// the request came.
    pub async fn begin(
        server: &Arc<Server>,
        Prepared { job, caller }: Prepared,
        share: BodyShare,
        arrived: Instant,
    ) -> Result<Self, Problem> {
        let place = server.admission.enter().await?;
        let waited = place.waited;
        let ledger = Ledger::begin(server.tools.gate().audit(), &caller, &job);
        let run = Some(server.engine.run(job));
        let server = server.clone();
        Ok(Self { run, server, arrived, waited, calls: 0, ledger, _place: place, _share: share })
    }

    /// Waits for the end; `watch` sees what happens until then.
    pub async fn report(mut self, mut watch: impl FnMut(&RunEvent)) -> Report {
        let mut report = Gathered::default();
        while let Some(event) = self.next().await {
            watch(&event);
            if let Some(report) = report.take(event) {
                return report;
            }
        }
        report.lost()
    }

    /// Waits for the end and writes the whole document.
    pub async fn document(self) -> Vec<u8> {
        document::write(&self.report(|_| {}).await)
    }

    /// The events as they happen; the last is the whole document.
    pub fn events(self) -> Frames {
        let state = (self, Some(Gathered::default()));
        Box::pin(stream::unfold(state, |(mut going, report)| async move {
            let mut report = report?;
            let event = match tokio::time::timeout(KEEP_ALIVE, going.next()).await {
                Err(_) => return Some((data(b": still running\n\n".to_vec()), (going, Some(report)))),
                Ok(event) => event,
            };
            let (text, left) = match event {
                None => (event_text("result", &document::write(&report.lost())), None),
                Some(event) => {
                    let line = match &event {
                        RunEvent::Log(line) => Some(event_text("log", &to_json(line))),
                        RunEvent::Call(call) => Some(event_text("call", &to_json(call))),
                        RunEvent::Done(_) => None,
                    };
                    match report.take(event) {
                        Some(report) => (event_text("result", &document::write(&report)), None),
                        None => (line.unwrap_or_default(), Some(report)),
                    }
                }
            };
            Some((data(text), (going, left)))
        }))
    }

    async fn next(&mut self) -> Option<RunEvent> {
        let mut event = self.run.as_mut()?.next().await;
        match &mut event {
            Some(RunEvent::Call(_)) => self.calls += 1,
            Some(RunEvent::Log(_)) => {}
            Some(RunEvent::Done(outcome)) => {
                // Whole microseconds, as the engine counts them.
                let queued_ms = outcome.stats.queued_ms + self.waited.as_secs_f64() * 1e3;
                outcome.stats.queued_ms = (queued_ms * 1e3).round() / 1e3;
                if let Some(ledger) = self.ledger.take() {
                    ledger.end(outcome, self.calls);
                }
                self.end(outcome.result.as_ref().err().map(|error| error.code));
            }
            None => self.end(Some(ErrorCode::Crashed)),
        }
        event
    }

    /// Counts the run, once.
    fn end(&mut self, failure: Option<ErrorCode>) {
        if self.run.take().is_some() {
            self.server.metrics.run(failure, self.arrived.elapsed(), self.calls);
            if let Some(ledger) = self.ledger.take() {
                ledger.broken_off(failure.unwrap_or(ErrorCode::Crashed), self.calls);
            }
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.end(Some(ErrorCode::Cancelled));
    }
}

/// A report in the making.
#[derive(Default)]
struct Gathered {
    logs: Vec<isolet_runtime::LogLine>,
    calls: Vec<isolet_runtime::CallRecord>,
}

impl Gathered {
    fn take(&mut self, event: RunEvent) -> Option<Report> {
        match event {
            RunEvent::Log(line) => self.logs.push(line),
            RunEvent::Call(call) => self.calls.push(call),
            RunEvent::Done(outcome) => return Some(self.report(*outcome)),
        }
        None
    }

    fn report(&mut self, outcome: Outcome) -> Report {
        Report {
            result: outcome.result,
            logs: std::mem::take(&mut self.logs),
            calls: std::mem::take(&mut self.calls),
            stats: outcome.stats,
        }
    }

    /// The engine always ends a run with an outcome; this is for the day when it does not.
    fn lost(&mut self) -> Report {
        let error =
            isolet_runtime::RunError::new(ErrorCode::Crashed, "Crashed", "The run ended without a result.")
                .with_hint("Send the request again.");
        self.report(Outcome { result: Err(error), stats: isolet_runtime::Stats::default() })
    }
}

/// One event. The data is JSON on one line: JSON strings have no raw line breaks.
fn event_text(name: &str, json: &[u8]) -> Vec<u8> {
    [b"event: ", name.as_bytes(), b"\ndata: ", json, b"\n\n"].concat()
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers serialise")
}

fn data(text: Vec<u8>) -> Result<Frame<Bytes>, HungUp> {
    Ok(Frame::data(Bytes::from(text)))
}
