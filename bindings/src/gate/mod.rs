//! The gate: every call to a server passes it, from a script or from a client.
//!
//! A call that arrives here has an exact server and an exact tool. The gate judges it by the policy
//! and the lock, counts it, sends it and records it. [`Upstreams`] know nothing of rules; the owner
//! of a gate cannot reach them around it.
//!
//! | module | one idea |
//! |---|---|
//! | `calls` | the calls that callers make |
//! | `admission` | the admission of one call: judged, counted, sent, recorded |
//! | `rules` | the operator's rules: policy, lock, audit log, tool selections |
//! | `tool_selections` | the tools that the servers' configuration offers |
//! | `visible_tools` | the servers' lists without what rules hide |
//! | `judged_lists` | the last judged lists; each change is judged when it comes |
//! | `pending_record` | the audit record of one call, written even if the call is dropped |

mod admission;
mod calls;
mod judged_lists;
mod pending_record;
mod rules;
mod tool_selections;
mod visible_tools;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use self::judged_lists::JudgedLists;
pub use self::rules::Rules;
pub use self::tool_selections::ToolSelections;
pub use self::visible_tools::{VisibleServer, VisibleTools};
use crate::audit::Audit;
use crate::error::CallError;
use crate::policy::Refusal;
use crate::upstream::Upstreams;
use crate::upstream::status::ServerStatus;
use crate::upstream::tool_lists::ToolLists;

/// The time that the last audit records have to be written at shutdown.
const AUDIT_CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The servers behind the operator's rules.
pub struct Gate {
    upstreams: Upstreams,
    lists: watch::Receiver<ToolLists>,
    rules: Arc<Rules>,
    judged: Arc<JudgedLists>,
}

impl Gate {
    /// Puts `rules` before `upstreams`.
    pub fn new(upstreams: Upstreams, rules: Rules) -> Self {
        let lists = upstreams.watch();
        let rules = Arc::new(rules);
        let judged = Arc::new(JudgedLists::new(lists.clone(), rules.clone()));
        if rules.lock.is_some() || !rules.policy.is_open() {
            JudgedLists::judge_changes(&judged);
        }
        Self { upstreams, lists, rules, judged }
    }

    /// The tools that rules leave of the servers' current lists.
    pub fn visible_tools(&self) -> Arc<VisibleTools> {
        self.judged.visible_tools()
    }

    /// Judges other lists, such as remembered ones, for display. Nothing is logged or recorded, and
    /// no call is judged by the result.
    pub fn visible_tools_of(&self, lists: &ToolLists) -> VisibleTools {
        VisibleTools::of(lists, &self.rules, None)
    }

    /// A receiver of the servers' lists before any rule, notified of every change.
    pub fn watch(&self) -> watch::Receiver<ToolLists> {
        self.lists.clone()
    }

    /// The current status of every server.
    pub fn statuses(&self) -> Vec<ServerStatus> {
        self.upstreams.statuses()
    }

    /// Waits until every server is ready or has failed, at most for `within`.
    pub async fn settled(&self, within: Duration) {
        self.upstreams.settled(within).await;
    }

    /// Starts a server that waits for its first use.
    pub fn wake(&self, server: &str) {
        self.upstreams.wake(server);
    }

    /// The audit log, if there is one.
    pub fn audit(&self) -> Option<&Audit> {
        self.rules.audit.as_ref()
    }

    /// Stops all servers, and writes the last audit records.
    pub async fn shutdown(&self) {
        self.upstreams.shutdown().await;
        if let Some(audit) = self.rules.audit.clone() {
            let written = tokio::task::spawn_blocking(move || audit.close(AUDIT_CLOSE_TIMEOUT)).await;
            if !written.unwrap_or(false) {
                tracing::error!("the last audit records could not be written");
            }
        }
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
