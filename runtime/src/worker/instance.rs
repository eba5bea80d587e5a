//! The interface of instances.

use std::any::Any;
use std::sync::Arc;

use super::exchange::Exchanges;

/// An isolate that has evaluated the modules.
pub(crate) trait Instance: Any + Send + Sync {
    /// Returns its requests.
    fn exchanges(&self) -> &Arc<Exchanges>;

    /// Returns `false` if it ends, or will end with its last request.
    fn takes_requests(&self) -> bool;

    /// Ends it, and its requests with errors. A thread that takes no requests ends by itself.
    fn end(&self) {}
}
