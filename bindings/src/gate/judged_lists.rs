//! The last judged lists of the servers.
//!
//! A changed list is judged at once, so that the log and the audit log report definitions that
//! differ from the approved ones, also if nobody calls them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::watch;

use super::rules::Rules;
use super::visible_tools::{ReportedDifferences, VisibleTools};
use crate::upstream::tool_lists::ToolLists;

/// The least time between two judgements in the background. A server may announce changes all the
/// time.
const JUDGING_INTERVAL: Duration = Duration::from_secs(1);

/// The lists, and the tools that are visible in them.
pub(super) struct JudgedLists {
    lists: watch::Receiver<ToolLists>,
    rules: Arc<Rules>,
    visible: RwLock<Arc<VisibleTools>>,
    reported: ReportedDifferences,
}

impl JudgedLists {
    pub(super) fn new(lists: watch::Receiver<ToolLists>, rules: Arc<Rules>) -> Self {
        let reported = ReportedDifferences::default();
        let visible = RwLock::new(Arc::new(VisibleTools::of(&lists.borrow(), &rules, Some(&reported))));
        Self { lists, rules, visible, reported }
    }

    /// The visible tools of the current lists.
    pub(super) fn visible_tools(&self) -> Arc<VisibleTools> {
        let kept = self.visible.read().clone();
        let lists = {
            let lists = self.lists.borrow();
            if kept.generation == lists.generation {
                return kept;
            }
            // Copies two words, so that the sender of the lists does not wait for the judgement.
            lists.clone()
        };
        let fresh = Arc::new(VisibleTools::of(&lists, &self.rules, Some(&self.reported)));
        let mut slot = self.visible.write();
        // Another thread may have judged a newer list meanwhile.
        if slot.generation < fresh.generation {
            *slot = fresh;
        }
        slot.clone()
    }

    /// The differences that were reported.
    pub(super) fn reported(&self) -> &ReportedDifferences {
        &self.reported
    }

    /// Judges each change in the background, until the gate or the servers are dropped.
    pub(super) fn judge_changes(judged: &Arc<Self>) {
        let mut lists = judged.lists.clone();
        // The first list is judged too.
        lists.mark_changed();
        let judged = Arc::downgrade(judged);
        tokio::spawn(async move {
            while lists.changed().await.is_ok() {
                lists.mark_unchanged();
                let Some(judged) = judged.upgrade() else { return };
                judged.visible_tools();
                drop(judged);
                tokio::time::sleep(JUDGING_INTERVAL).await;
            }
        });
    }
}
