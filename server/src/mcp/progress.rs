//! What a run does, told while it goes on, to clients that asked for it with a progress token.

use std::time::Duration;

use isolet_runtime::RunEvent;
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::catalogue::cut;

/// How often at most. A script can log a thousand lines in a millisecond, and people watch.
const PAUSE: Duration = Duration::from_millis(50);

/// How often at least: many clients give up a request of which they hear nothing, unless progress says it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Longest message.
const LONGEST: usize = 200;

/// Messages that wait for a slow client; more are dropped.
const WAITING: usize = 8;

/// How long the last messages may take to leave before the result does.
const FLUSH: Duration = Duration::from_secs(1);

/// The way to the client. Without a token nothing is told.
pub struct Progress {
    told: Option<(mpsc::Sender<String>, JoinHandle<()>)>,
    last: Option<Instant>,
}

impl Progress {
    /// Progress of the request with `token`.
    pub fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        let told = token.map(|token| {
            let (sender, receiver) = mpsc::channel(WAITING);
            (sender, tokio::spawn(tell(peer, token, receiver)))
        });
        Self { told, last: None }
    }

    /// Tells what happened, if it is time to.
    pub fn note(&mut self, event: &RunEvent) {
        let Some((sender, _)) = &self.told else { return };
        if self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        let message = match event {
            RunEvent::Call(call) if call.ok => {
                format!("{}.{} answered after {:.0} ms", call.server, call.tool, call.ms)
            }
            RunEvent::Call(call) => format!("{}.{} failed after {:.0} ms", call.server, call.tool, call.ms),
            RunEvent::Log(line) => line.text.clone(),
            RunEvent::Done(_) => return,
        };
        self.last = Some(Instant::now());
        let _full = sender.try_send(cut(&message, LONGEST).to_owned());
    }

    /// Waits until all is told: after the result nothing may follow.
    pub async fn end(self) {
        let Some((sender, mut task)) = self.told else { return };
        drop(sender);
        if timeout(FLUSH, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Sends messages until there are no more, and a sign of life in between.
async fn tell(peer: Peer<RoleServer>, token: ProgressToken, mut messages: mpsc::Receiver<String>) {
    let began = Instant::now();
    let mut step = 0.0;
    loop {
        let message = match timeout(HEARTBEAT, messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(_) => format!("running for {} s", began.elapsed().as_secs()),
        };
        step += 1.0;
        let told = ProgressNotificationParam::new(token.clone(), step).with_message(message);
        if peer.notify_progress(told).await.is_err() {
            return;
        }
    }
}
