//! The channel for a run's events and calls: to tasks of this process, or in frames to the broker.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedSender;

use crate::messages::Inbound;
use crate::worker::protocol::FromWorker;
use crate::{CallRecord, LogLine, RunEvent, ToolHost, ToolRequest};

/// The channel of one run, used by its thread. Its functions do not block for long.
pub(crate) trait RunChannel: Send {
    /// Sends an event to the run's owner.
    fn event(&self, event: RunEvent);

    /// Sends a log line. `request` is the request of a Worker that logged it, or 0.
    fn log(&self, _request: u32, line: LogLine) {
        self.event(RunEvent::Log(line));
    }

    /// Sends a message of a Worker to the owner of its requests.
    fn worker(&self, _message: FromWorker) {}

    /// Sends the record of a call that was never started.
    fn unsent(&self, record: CallRecord) {
        self.event(RunEvent::Call(record));
    }

    /// Starts a call, for a request of a Worker or 0. Its answer arrives through `inbound`.
    /// Dropping the returned value cancels the call upstream. A runner's broker cancels it itself.
    fn call(
        &self,
        id: u32,
        request: u32,
        tool: ToolRequest,
        inbound: &Sender<Inbound>,
    ) -> Box<dyn Any + Send>;
}

/// The channel for isolates in the owner's process. Calls are tasks of its tokio runtime.
pub(crate) struct LocalChannel {
    pub(crate) events: UnboundedSender<RunEvent>,
    pub(crate) host: Arc<dyn ToolHost>,
    pub(crate) tokio: tokio::runtime::Handle,
}

impl RunChannel for LocalChannel {
    fn event(&self, event: RunEvent) {
        // The owner may have dropped the run.
        let _ = self.events.send(event);
    }

    fn call(&self, id: u32, _: u32, tool: ToolRequest, inbound: &Sender<Inbound>) -> Box<dyn Any + Send> {
        // The host's code runs in the task, so that a slow host does not block the script.
        let (host, inbound) = (self.host.clone(), inbound.clone());
        let task = self.tokio.spawn(async move {
            let answer = host.call(tool).await;
            let _ = inbound.send(Inbound::Answer { id, answer });
        });
        Box::new(AbortOnDrop(task.abort_handle()))
    }
}

/// A task that is aborted when this value is dropped.
pub(crate) struct AbortOnDrop(pub(crate) tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
