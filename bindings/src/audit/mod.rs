//! The audit log: one JSON line for each call, each fetch of a Worker, each run and each event.
//!
//! A call reserves a slot for its record before it is made, so that no call is made whose record
//! cannot be kept. A thread writes the records. If it cannot keep up, or if the disk is full, the
//! operator's setting decides: calls are refused ([`WhenFull::Refuse`]), or made without a record
//! and counted ([`WhenFull::Drop`]).
//!
//! | module | one idea |
//! |---|---|
//! | `options` | the destination, and the behaviour when records cannot be written |
//! | `record` | records of calls, fetches and runs: sizes and digests, no free text of scripts and servers |
//! | `event` | records of refused requests, violations and configurations |
//! | `writer` | the thread: it writes whole lines, and keeps them until they are written |
//! | `clock` | times in RFC 3339 |

mod clock;
mod event;
mod options;
mod record;
mod writer;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::event::RefusedLogin;
pub use self::options::{AuditOptions, Destination, WhenFull};
pub use self::record::{CallRecord, FetchRecord, Outcome, RunRecord};
use self::writer::{Line, Writer};
use crate::caller::Caller;
pub use crate::read_file::{ReadFile, Summary};

/// The most records that wait to be written: some 4 MB, or 72 MB with arguments.
const MAX_QUEUED_RECORDS: usize = 4096;

/// The time that a call waits for a slot before it is refused. A disk that hangs for longer is
/// broken.
const SLOT_TIMEOUT: Duration = Duration::from_secs(2);

/// The audit log. Clones share it.
#[derive(Debug, Clone)]
pub struct Audit {
    shared: Arc<AuditInner>,
}

#[derive(Debug)]
struct AuditInner {
    writer: Writer,
    slots: Arc<Semaphore>,
    arguments: bool,
    when_full: WhenFull,
}

/// A slot for one record. Dropping it without a record frees it.
#[derive(Debug)]
pub struct RecordSlot {
    audit: Audit,
    /// `None` if the record will be dropped.
    permit: Option<OwnedSemaphorePermit>,
}

impl Audit {
    /// Opens the log.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(options: AuditOptions) -> std::io::Result<Self> {
        let writer = Writer::start(options.destination)?;
        let slots = Arc::new(Semaphore::new(MAX_QUEUED_RECORDS));
        let AuditOptions { arguments, when_full, .. } = options;
        Ok(Self { shared: Arc::new(AuditInner { writer, slots, arguments, when_full }) })
    }

    /// Returns whether arguments are recorded.
    pub fn records_arguments(&self) -> bool {
        self.shared.arguments
    }

    /// Returns the number of records that were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.writer.state().dropped_ever.load(Ordering::Relaxed)
    }

    /// Reserves a slot for a record.
    ///
    /// # Errors
    /// The reason why the call must not be made.
    pub async fn reserve(&self) -> Result<RecordSlot, String> {
        let AuditInner { writer, slots, when_full, .. } = &*self.shared;
        let place = |permit| RecordSlot { audit: self.clone(), permit };
        let broken = writer.state().trouble();
        let permit = match (when_full, broken) {
            (WhenFull::Refuse, Some(trouble)) => {
                return Err(format!("the audit log cannot be written: {trouble}"));
            }
            (WhenFull::Refuse, None) => tokio::time::timeout(SLOT_TIMEOUT, slots.clone().acquire_owned())
                .await
                .ok()
                .and_then(Result::ok),
            // Calls that may be unrecorded do not wait.
            (WhenFull::Drop, _) => return Ok(place(slots.clone().try_acquire_owned().ok())),
        };
        match permit {
            Some(permit) => Ok(place(Some(permit))),
            None => {
                Err(format!("the audit log is {MAX_QUEUED_RECORDS} records behind, its disk is too slow"))
            }
        }
    }

    /// Records the end of a run. It cannot be refused any more, so without a free slot the record
    /// is dropped and counted.
    pub fn run(&self, record: &RunRecord<'_>) {
        self.write(record.line());
    }

    /// Records a request with a missing or wrong token.
    pub fn auth_failed(&self, refused: &RefusedLogin<'_>) {
        self.write(refused.line());
    }

    /// Records the number of further requests that were not recorded one by one.
    pub fn more_auth_failed(&self, suppressed: u64) {
        self.write(event::suppressed(suppressed));
    }

    /// Records that a run did something that no script can cause.
    pub fn violation(&self, caller: &Caller, what: &str) {
        self.write(event::violation(caller, what));
    }

    /// Records the configuration that isolet was started with: its files, and the names of the
    /// servers.
    pub fn loaded(&self, files: &[ReadFile], servers: &[&str]) {
        self.write(event::loaded(files, servers));
    }

    /// Records that definitions differ from the approved ones.
    pub fn definitions(&self, lock: crate::lock::LockMode, differences: &[String]) {
        let lock = match lock {
            crate::lock::LockMode::Warn => "warn",
            crate::lock::LockMode::Enforce => "enforce",
        };
        self.write(event::definitions(lock, differences));
    }

    /// Writes a record of something that has happened already. Without a free slot it is dropped
    /// and counted.
    fn write(&self, text: Vec<u8>) {
        let permit = self.shared.slots.clone().try_acquire_owned().ok();
        RecordSlot { audit: self.clone(), permit }.write(text);
    }

    /// Waits until everything is written, at most for `within`. Returns false if it is not written
    /// by then.
    pub fn close(&self, within: Duration) -> bool {
        self.shared.writer.close(within)
    }
}

impl RecordSlot {
    /// Records a call.
    pub fn call(self, record: &CallRecord<'_>) {
        self.write(record.line());
    }

    /// Records a fetch of a Worker.
    pub fn fetch(self, record: &FetchRecord<'_>) {
        self.write(record.line());
    }

    fn write(self, text: Vec<u8>) {
        let writer = &self.audit.shared.writer;
        match self.permit {
            Some(permit) => writer.send(Line { text, _slot: permit }),
            None => writer.state().drop_one(),
        }
    }
}

#[cfg(test)]
mod tests;
