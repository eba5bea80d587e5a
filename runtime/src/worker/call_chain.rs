//! The bound on Workers that call each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::protocol::FetchError;

/// The number of times that a request from outside may lead to Workers, as on Cloudflare.
const MAX_INVOCATIONS: u32 = 32;

/// The calls of Workers that a request from outside has led to. Each request that one of them makes
/// to a Worker has a clone, so that they are counted together. A Worker that calls itself without
/// end is stopped, and so is one that calls itself twice each time.
#[derive(Debug, Clone, Default)]
pub struct CallChain(Arc<AtomicU32>);

impl CallChain {
    /// Counts a call of a Worker.
    ///
    /// # Errors
    /// Returns an error for the caller if there were too many.
    pub fn enter(&self) -> Result<(), FetchError> {
        let within = |calls: u32| (calls < MAX_INVOCATIONS - 1).then_some(calls + 1);
        match self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(()),
            Err(_) => Err(FetchError {
                name: "Error".to_owned(),
                message: format!(
                    "One request led to more than {MAX_INVOCATIONS} calls of Workers. Look for a Worker that calls itself."
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_all_branches_are_counted_together() {
        let chain = CallChain::default();
        let branches = [chain.clone(), chain.clone()];
        let entered = (0..100).filter(|turn| branches[turn % 2].enter().is_ok()).count();
        assert_eq!(entered as u32, MAX_INVOCATIONS - 1, "the request from outside is the first");
        assert!(chain.enter().unwrap_err().message.contains("32 calls"));
        assert!(CallChain::default().enter().is_ok());
    }
}
