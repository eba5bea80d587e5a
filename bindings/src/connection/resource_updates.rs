//! The subscriptions to resources in one session.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The subscriptions in one session, for revisions with `resources/subscribe`.
#[derive(Clone, Default)]
pub(crate) struct ResourceUpdates(pub(crate) Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl ResourceUpdates {
    /// Reports a change that the server has announced. The URI may be of a part of the subscribed
    /// resource.
    pub(crate) fn report(&self, uri: &str) {
        let watched = self.0.lock();
        for (_, changed) in watched.iter().filter(|(watched, _)| is_part(uri, watched)) {
            changed.notify_one();
        }
    }
}

/// Returns whether `uri` is `whole` or below it.
fn is_part(uri: &str, whole: &str) -> bool {
    uri.strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || whole.ends_with('/') || rest.starts_with(['/', '#', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_includes_what_is_below_it() {
        for (uri, whole, is) in [
            ("file:///a", "file:///a", true),
            ("file:///a/b", "file:///a", true),
            ("file:///ab", "file:///a", false),
            ("file:///a/b", "file:///a/", true),
            ("doc:1#x", "doc:1", true),
            ("file:///", "file:///a", false),
        ] {
            assert_eq!(is_part(uri, whole), is, "{uri} of {whole}");
        }
    }
}
