//! Progress notifications of a run, for clients that sent a progress token.

use std::time::Duration;

use isolet_runtime::RunEvent;
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::prompt::quote::cut;

/// The least time between two notifications. A script can log a thousand lines in a millisecond.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// The greatest time between two notifications. Many clients time out a request without progress.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// The length of a message.
const MAX_MESSAGE_BYTES: usize = 200;

/// The number of messages that wait for a slow client; more are dropped.
const MAX_QUEUED_MESSAGES: usize = 8;

/// The time for sending the last messages before the result.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends the progress of one run. Without a token it sends nothing.
pub struct ProgressReporter {
    sender: Option<(mpsc::Sender<String>, JoinHandle<()>)>,
    last: Option<Instant>,
}

impl ProgressReporter {
    /// Reports the progress of the request with `token`.
    pub fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        let sender = token.map(|token| {
            let (sender, receiver) = mpsc::channel(MAX_QUEUED_MESSAGES);
            (sender, tokio::spawn(send(peer, token, receiver)))
        });
        Self { sender, last: None }
    }

    /// Reports an event, unless the last report was too recent.
    pub fn report(&mut self, event: &RunEvent) {
        let Some((sender, _)) = &self.sender else { return };
        if self.last.is_some_and(|last| last.elapsed() < MIN_INTERVAL) {
            return;
        }
        let message = match event {
            RunEvent::Call(call) if call.ok => {
                format!("{}.{} answered after {:.0} ms", call.server, call.tool, call.ms)
            }
            RunEvent::Call(call) => format!("{}.{} failed after {:.0} ms", call.server, call.tool, call.ms),
            RunEvent::Log(line) => line.text.clone(),
            RunEvent::CallStart(_) | RunEvent::Warning(_) | RunEvent::Done(_) => return,
        };
        self.last = Some(Instant::now());
        let _full = sender.try_send(cut(&message, MAX_MESSAGE_BYTES).to_owned());
    }

    /// Waits until all messages are sent: none may follow the result.
    pub async fn finish(self) {
        let Some((sender, mut task)) = self.sender else { return };
        drop(sender);
        if timeout(FLUSH_TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Sends messages until the channel is closed, and a heartbeat in between.
async fn send(peer: Peer<RoleServer>, token: ProgressToken, mut messages: mpsc::Receiver<String>) {
    let began = Instant::now();
    let mut step = 0.0;
    loop {
        let message = match timeout(HEARTBEAT_INTERVAL, messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(_) => format!("running for {} s", began.elapsed().as_secs()),
        };
        step += 1.0;
        let progress = ProgressNotificationParam::new(token.clone(), step).with_message(message);
        if peer.notify_progress(progress).await.is_err() {
            return;
        }
    }
}
