//! A run as server-sent events: `start` with the id, each event as it happens, `result` with the
//! whole document.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::body::Frame;
use isolet_runtime::{Report, RunEvent};

use crate::output::report_json;
use crate::service::active_run::ActiveRun;
use crate::web::disconnect::Disconnected;
use crate::web::reply::Frames;

/// The interval of comments in a stream without events, which show that the run is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Returns the events of a run. Dropping the stream cancels the run.
pub fn stream(mut run: ActiveRun) -> Frames {
    let id: Option<Arc<str>> = run.id().map(Into::into);
    let mut start = event("start", &to_json(&serde_json::json!({ "id": id })));
    let report = run.begin_report();
    for warning in report.warnings() {
        start.extend(event("warning", &to_json(warning)));
    }
    let state = (run, Some(report));
    let events = stream::unfold(state, move |(mut run, report)| {
        let id = id.clone();
        async move {
            let mut report = report?;
            let next = match tokio::time::timeout(KEEP_ALIVE, run.next()).await {
                Err(_) => return Some((frame(b": still running\n\n".to_vec()), (run, Some(report)))),
                Ok(next) => next,
            };
            let result = |report: &Report| event("result", &report_json::write(id.as_deref(), report));
            let (text, rest) = match next {
                None => (result(&report.without_outcome()), None),
                Some(next) => {
                    let text = match &next {
                        RunEvent::Log(line) => Some(event("log", &to_json(line))),
                        RunEvent::CallStart(start) => Some(event("call_start", &to_json(start))),
                        RunEvent::Call(call) => Some(event("call", &to_json(call))),
                        RunEvent::Warning(warning) => Some(event("warning", &to_json(warning))),
                        RunEvent::Done(_) => None,
                    };
                    match report.add(next) {
                        Some(report) => (result(&report), None),
                        None => (text.unwrap_or_default(), Some(report)),
                    }
                }
            };
            Some((frame(text), (run, rest)))
        }
    });
    Box::pin(stream::iter([frame(start)]).chain(events))
}

/// Returns the text of one event. The data is JSON on one line: JSON strings have no raw line
/// breaks.
fn event(name: &str, json: &[u8]) -> Vec<u8> {
    [b"event: ", name.as_bytes(), b"\ndata: ", json, b"\n\n"].concat()
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers serialise")
}

fn frame(text: Vec<u8>) -> Result<Frame<Bytes>, Disconnected> {
    Ok(Frame::data(Bytes::from(text)))
}
