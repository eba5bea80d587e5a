//! A run as the broker sees it: on its way to a runner, in one, and back when the runner died under it.
//!
//! All that a script can do to the world goes through the broker: a call, a log line. A run that has done neither has done
//! nothing, whether its runner had begun it or not, so it can be begun again elsewhere and nobody can tell. That needs no
//! message from the runner and so costs an ordinary run nothing. The bounds are for the runs that ended their runner
//! themselves, since a death by V8's own abort names no culprit: [`PLACEMENTS`] and [`AGAIN_WITHIN`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::outlet::AbortOnDrop;
use crate::report::Outcome;
use crate::state::milliseconds;
use crate::{Catalogue, ErrorCode, Limits, RunError, RunEvent, Stats, ToolHost};

/// How often a run is given to a runner. Twice would do for one that dies; whatever killed it may have killed others, whose
/// end has not been heard of when the run goes there. A script that ends its runner ends two more at most.
const PLACEMENTS: u32 = 3;

/// A run that was longer in its runner is not begun again: its caller would wait twice as long as its limits say, and its
/// text would be kept as long.
const AGAIN_WITHIN: Duration = Duration::from_secs(1);

/// How long after the wall limit the broker waits for a runner to end a run before it ends the runner. The runner's own
/// watchdog is far quicker; this is for a runner that does not keep its promises.
const OVERDUE: Duration = Duration::from_secs(2);

/// A run that a runner can be given.
pub(super) struct Placed {
    /// Ready to send. Shared, so that it is not copied to be kept.
    pub(super) frame: Arc<Vec<u8>>,
    /// The catalogue that the frame names, and its number.
    pub(super) catalogue: (u64, Arc<Catalogue>),
    pub(super) events: UnboundedSender<RunEvent>,
    pub(super) host: Arc<dyn ToolHost>,
    pub(super) limits: Limits,
    pub(super) since: Instant,
    /// How often it was given to a runner.
    pub(super) placements: u32,
}

/// A run in a runner.
pub(super) struct Live {
    pub(super) events: UnboundedSender<RunEvent>,
    pub(super) host: Arc<dyn ToolHost>,
    pub(super) limits: Limits,
    pub(super) queued_ms: f64,
    pub(super) overdue_at: Instant,
    pub(super) calls: HashMap<u32, AbortOnDrop>,
    pub(super) called: u32,
    pub(super) logged: usize,
    pub(super) reported: u32,
    pub(super) condemned: Option<RunError>,
    placed_at: Instant,
    again: Option<Again>,
}

/// What it takes to begin a run again.
struct Again {
    frame: Arc<Vec<u8>>,
    catalogue: (u64, Arc<Catalogue>),
    since: Instant,
    placements: u32,
}

impl Placed {
    /// The run once its frame is on the way to a runner.
    pub(super) fn live(self) -> Live {
        let Self { frame, catalogue, events, host, limits, since, placements } = self;
        let now = Instant::now();
        let placements = placements + 1;
        Live {
            events,
            host,
            queued_ms: milliseconds(since),
            overdue_at: now + limits.wall + OVERDUE,
            limits,
            calls: HashMap::new(),
            called: 0,
            logged: 0,
            reported: 0,
            condemned: None,
            placed_at: now,
            again: (placements < PLACEMENTS).then_some(Again { frame, catalogue, since, placements }),
        }
    }
}

impl Live {
    /// It has done something that cannot be undone, or its caller has seen something of it.
    pub(super) fn has_begun(&mut self) {
        self.again = None;
    }

    /// Looked at now and then: lets go of what nobody will need.
    pub(super) fn age(&mut self, now: Instant) {
        if self.placed_at + AGAIN_WITHIN <= now {
            self.again = None;
        }
    }

    /// Its runner is dead: the run, if it can be begun again; else its caller is told.
    pub(super) fn orphaned(self) -> Option<Placed> {
        let Self { events, host, limits, condemned, again, .. } = self;
        match (condemned, again) {
            (None, Some(Again { frame, catalogue, since, placements })) if !events.is_closed() => {
                Some(Placed { frame, catalogue, events, host, limits, since, placements })
            }
            (condemned, _) => {
                finish(&events, condemned.unwrap_or_else(crashed));
                None
            }
        }
    }
}

/// Tells a caller how its run ended.
pub(super) fn finish(events: &UnboundedSender<RunEvent>, error: RunError) {
    let outcome = Outcome { result: Err(error), stats: Stats::default() };
    // The caller may be gone; then nobody wants to know.
    let _ = events.send(RunEvent::Done(Box::new(outcome)));
}

/// The runner died, and with it the run.
pub(super) fn crashed() -> RunError {
    RunError::new(
        ErrorCode::Crashed,
        "CrashedError",
        "The process that ran the script ended before the script did.",
    )
    .with_hint(
        "Either this script or one beside it ended the process, most often by using memory in one piece. \
         Run it again; if it crashes again, make it use less memory at once.",
    )
}

/// There is no runner, and there has been none for long.
pub(super) fn nowhere() -> RunError {
    RunError::new(ErrorCode::Crashed, "CrashedError", "No process that could run the script has started.")
        .with_hint(
            "This is no fault of the script's. isolet goes on trying; its log says why they do not start.",
        )
}

/// The script, its input or the catalogue is larger than a frame.
pub(super) fn too_large(error: &super::frames::EncodeError) -> RunError {
    let message = format!("The script and its input are too large: {error}.");
    RunError::new(ErrorCode::MemoryLimit, "MemoryLimitError", message)
        .with_hint("Give the script less input: a part, or a reference that a tool can look up.")
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::{ToolFuture, ToolRequest};

    struct Nobody;

    impl ToolHost for Nobody {
        fn call(&self, _: ToolRequest) -> ToolFuture {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    fn placed() -> (Placed, UnboundedReceiver<RunEvent>) {
        let (events, received) = unbounded_channel();
        let placed = Placed {
            frame: Arc::new(vec![1, 2, 3]),
            catalogue: (1, Arc::default()),
            events,
            host: Arc::new(Nobody),
            limits: Limits::default(),
            since: Instant::now(),
            placements: 0,
        };
        (placed, received)
    }

    fn told(received: &mut UnboundedReceiver<RunEvent>) -> Option<ErrorCode> {
        match received.try_recv() {
            Ok(RunEvent::Done(outcome)) => Some(outcome.result.unwrap_err().code),
            _ => None,
        }
    }

    #[test]
    fn a_run_that_did_nothing_is_begun_again_but_not_for_ever() {
        let (mut placed, mut received) = placed();
        for placements in 1..PLACEMENTS {
            placed = placed.live().orphaned().expect("it did nothing");
            assert_eq!((placed.placements, placed.frame.len()), (placements, 3));
            assert_eq!(told(&mut received), None, "the caller has noticed nothing");
        }
        assert!(placed.live().orphaned().is_none());
        assert_eq!(told(&mut received), Some(ErrorCode::Crashed));
    }

    #[test]
    fn a_run_that_did_something_or_was_condemned_is_not() {
        let spoil: [fn(&mut Live); 3] = [
            Live::has_begun,
            |live| live.condemned = Some(RunError::new(ErrorCode::CpuLimit, "", "")),
            |live| live.age(Instant::now() + AGAIN_WITHIN),
        ];
        for (spoil, code) in
            spoil.into_iter().zip([ErrorCode::Crashed, ErrorCode::CpuLimit, ErrorCode::Crashed])
        {
            let (placed, mut received) = placed();
            let mut live = placed.live();
            spoil(&mut live);
            assert!(live.orphaned().is_none());
            assert_eq!(told(&mut received), Some(code));
        }
    }

    #[test]
    fn a_run_without_a_caller_is_not() {
        let (placed, received) = placed();
        drop(received);
        assert!(placed.live().orphaned().is_none());
    }
}
