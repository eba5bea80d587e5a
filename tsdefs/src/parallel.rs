//! Work on many servers at the same time, on one thread for each core.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The number of tools from which several threads are used. To start a thread takes as long as a
/// few tools.
const MIN_PARALLEL_TOOLS: usize = 64;

/// Returns the results of `work` for all `items`, in order. `tools` returns the number of tools of
/// an item.
///
/// Items are taken one by one as threads become free, so that one large server does not delay the
/// others.
pub fn parallel_map<T: Sync, R: Send>(
    items: &[T],
    tools: impl Fn(&T) -> usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(items.len());
    if threads < 2 || items.iter().map(tools).sum::<usize>() < MIN_PARALLEL_TOOLS {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done: Vec<(usize, R)> = Vec::new();
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            done.push((at, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // If the system refuses a thread, the others do the work.
        let start = |_| thread::Builder::new().name("declare".to_owned()).spawn_scoped(scope, take).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
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
            parallel_map(&items, |_| 1, |item| item * 2),
            (0..500).map(|item| item * 2).collect::<Vec<_>>()
        );
        assert_eq!(parallel_map(&items[..3], |_| 1, |item| *item), [0, 1, 2]);
        assert!(parallel_map(&items[..0], |_| 1, |item| *item).is_empty());
    }
}
