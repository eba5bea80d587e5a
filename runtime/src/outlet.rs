//! Where a run's events and calls go: to a task of this process, or through a frame to the broker.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedSender;

use crate::turns::Inbound;
use crate::{CallRecord, RunEvent, ToolHost, ToolRequest};

/// One run's way out of its thread. Nothing here blocks for long.
pub(crate) trait Outlet: Send {
    /// Tells the run's owner what happened.
    fn event(&self, event: RunEvent);

    /// Tells of a call that was never sent: nothing but the run itself knows of it.
    fn unsent(&self, record: CallRecord) {
        self.event(RunEvent::Call(record));
    }

    /// Starts a call; its answer comes through `inbound`. Dropping what is returned cancels the call upstream.
    fn call(&self, id: u32, request: ToolRequest, inbound: &Sender<Inbound>) -> Box<dyn Any + Send>;
}

/// For isolates in the owner's process: calls are tasks of its tokio runtime.
pub(crate) struct LocalOutlet {
    pub(crate) events: UnboundedSender<RunEvent>,
    pub(crate) host: Arc<dyn ToolHost>,
    pub(crate) tokio: tokio::runtime::Handle,
}

impl Outlet for LocalOutlet {
    fn event(&self, event: RunEvent) {
        // The owner may be gone; then nobody wants to know.
        let _ = self.events.send(event);
    }

    fn call(&self, id: u32, request: ToolRequest, inbound: &Sender<Inbound>) -> Box<dyn Any + Send> {
        // The host's own code runs in the task, not here: a host that is slow to build its future holds up no script.
        let (host, inbound) = (self.host.clone(), inbound.clone());
        let task = self.tokio.spawn(async move {
            let answer = host.call(request).await;
            let _ = inbound.send(Inbound::Answer { id, answer });
        });
        Box::new(AbortOnDrop(task.abort_handle()))
    }
}

/// A task that ends with its owner.
pub(crate) struct AbortOnDrop(pub(crate) tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
