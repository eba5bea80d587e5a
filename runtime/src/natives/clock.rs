//! The clock and the alarm of a run's timers.

use super::*;

/// `now()` returns the whole milliseconds since the run started. A finer clock would help timing
/// attacks.
pub(crate) fn now(scope: &mut PinScope, _: Arguments, mut result: ReturnValue) {
    let now = state(scope).map_or(0.0, |state| state.elapsed_ms().floor());
    result.set_double(now);
}

/// `wake(at)` asks for a call of `tick` when `now()` is `at`; a negative time asks for none.
pub(crate) fn wake(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let at = number(scope, &arguments, 0);
    if let Some(state) = state(scope) {
        state.wake_at = (at >= 0.0).then_some(at);
    }
}
