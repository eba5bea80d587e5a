//! The audit log: one JSON line for each call and each run, before anybody can forget it.
//!
//! A call reserves the place of its record before it is made, so that no call goes out whose record has nowhere to go.
//! The writer is a thread of its own. What happens when it cannot keep up or the disk is full is the operator's choice:
//! calls are refused ([`WhenFull::Refuse`]), or made without a record and counted ([`WhenFull::Drop`]).
//!
//! | module | one idea |
//! |---|---|
//! | [`record`] | what is written: sizes and digests, never a text that a server or a script chose freely |
//! | `writer` | the thread: whole lines, kept until they are written |
//! | `clock` | RFC 3339 |

mod clock;
pub mod record;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::record::{CallRecord, Outcome, RunRecord, Summary};
use self::writer::{Line, Writer};

/// Records that are not written yet: some 4 MB, or 72 MB where arguments are recorded.
const QUEUE: usize = 4096;

/// How long a call waits for a place before it is refused. A disk that hangs for longer is out of order.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Appended to a file, made with mode 0600.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// What happens when records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Calls are refused until they can.
    #[default]
    Refuse,
    /// Calls are made and not recorded; how many is recorded later.
    Drop,
}

/// What the log is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where records go.
    pub destination: Destination,
    /// Whether arguments are recorded too.
    pub arguments: bool,
    /// What happens when records cannot be written.
    pub when_full: WhenFull,
}

/// The log. Clones share it.
#[derive(Debug, Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    writer: Writer,
    places: Arc<Semaphore>,
    arguments: bool,
    when_full: WhenFull,
}

/// The place of one record. Dropped without a record it is free again.
#[derive(Debug)]
pub struct Place {
    audit: Audit,
    /// None where the record will be dropped.
    permit: Option<OwnedSemaphorePermit>,
}

impl Audit {
    /// Opens the log.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(options: Options) -> std::io::Result<Self> {
        let writer = Writer::start(options.destination)?;
        let places = Arc::new(Semaphore::new(QUEUE));
        let Options { arguments, when_full, .. } = options;
        Ok(Self { shared: Arc::new(Shared { writer, places, arguments, when_full }) })
    }

    /// Whether arguments are recorded.
    pub fn records_arguments(&self) -> bool {
        self.shared.arguments
    }

    /// Records that were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.writer.state().dropped_ever.load(Ordering::Relaxed)
    }

    /// A place for a record.
    ///
    /// # Errors
    /// Why there is none, where a call without a record must not be made.
    pub async fn reserve(&self) -> Result<Place, String> {
        let Shared { writer, places, when_full, .. } = &*self.shared;
        let place = |permit| Place { audit: self.clone(), permit };
        let broken = writer.state().trouble();
        let permit = match (when_full, broken) {
            (WhenFull::Refuse, Some(trouble)) => {
                return Err(format!("the audit log cannot be written: {trouble}"));
            }
            (WhenFull::Refuse, None) => {
                tokio::time::timeout(PATIENCE, places.clone().acquire_owned()).await.ok().and_then(Result::ok)
            }
            // Whoever may drop does not wait.
            (WhenFull::Drop, _) => return Ok(place(places.clone().try_acquire_owned().ok())),
        };
        match permit {
            Some(permit) => Ok(place(Some(permit))),
            None => Err(format!("the audit log is {QUEUE} records behind, its disk is too slow")),
        }
    }

    /// Records the end of a run. A run that has ended cannot be refused any more; if there is no place its record is
    /// dropped and counted.
    pub fn run(&self, record: &RunRecord<'_>) {
        let permit = self.shared.places.clone().try_acquire_owned().ok();
        Place { audit: self.clone(), permit }.write(record.line());
    }

    /// Waits until everything is written, for at most `within`; `false` if it is not by then.
    pub fn close(&self, within: Duration) -> bool {
        self.shared.writer.close(within)
    }
}

impl Place {
    /// Records a call.
    pub fn call(self, record: &CallRecord<'_>) {
        self.write(record.line());
    }

    fn write(self, text: Vec<u8>) {
        let writer = &self.audit.shared.writer;
        match self.permit {
            Some(permit) => writer.send(Line { text, _place: permit }),
            None => writer.state().drop_one(),
        }
    }
}

#[cfg(test)]
mod tests;
