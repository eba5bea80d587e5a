//! The instances that take requests, and those that only finish theirs.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::instance::Instance;

/// An instance, and when it last got a request.
pub(super) struct Listed {
    pub(super) instance: Arc<dyn Instance>,
    pub(super) used_at: Instant,
}

impl Listed {
    pub(super) fn new(instance: Arc<dyn Instance>) -> Self {
        Self { instance, used_at: Instant::now() }
    }
}

/// The instances of a Worker.
#[derive(Default)]
pub(super) struct InstanceList {
    /// Those that take requests.
    pub(super) present: Vec<Listed>,
    /// Those that take none any more, since they use much memory, the oldest first. Their requests
    /// keep them.
    retired: VecDeque<Weak<dyn Instance>>,
}

impl InstanceList {
    /// Takes out instances that take no more requests. `bound` of them may finish those that they
    /// have; the oldest are ended when there are more, as each has its memory, and a request, such
    /// as a WebSocket, may last for long.
    pub(super) fn retire(&mut self, bound: usize) {
        let retired = self.present.extract_if(.., |listed| !listed.instance.takes_requests());
        self.retired.extend(retired.map(|listed| Arc::downgrade(&listed.instance)));
        self.retired.retain(|instance| instance.strong_count() > 0);
        while self.retired.len() > bound {
            if let Some(instance) = self.retired.pop_front().and_then(|oldest| oldest.upgrade()) {
                tracing::warn!(
                    "a process of a Worker that uses much memory is ended before its requests: {bound} others like it go on"
                );
                instance.end();
            }
        }
    }
}
