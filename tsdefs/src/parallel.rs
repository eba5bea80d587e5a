//! Work on many servers at once, on as many threads as there are cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Tools below which one thread does it all: to start another takes as long as a few of them.
const WORTH_THREADS: usize = 64;

/// The results of `work` for all `items`, in order. `tools` says how many tools an item has.
///
/// Items are taken one by one as threads become free, so that one large server does not keep the others waiting.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    tools: impl Fn(&T) -> usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(items.len());
    if threads < 2 || items.iter().map(tools).sum::<usize>() < WORTH_THREADS {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let take = || {
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // A system that gives no thread leaves the work to this one.
            let _ = thread::Builder::new().name("declare".to_owned()).spawn_scoped(scope, take);
        }
        take();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        let items: Vec<usize> = (0..500).collect();
        assert_eq!(
            in_parallel(&items, |_| 1, |item| item * 2),
            (0..500).map(|item| item * 2).collect::<Vec<_>>()
        );
        assert_eq!(in_parallel(&items[..3], |_| 1, |item| *item), [0, 1, 2]);
        assert!(in_parallel(&items[..0], |_| 1, |item| *item).is_empty());
    }
}
