//! The notes on fetches: an audit record, a metric and an event in the log for each.

use std::time::{Instant, SystemTime};

use isolet_bindings::Caller;
use isolet_bindings::audit::{Audit, FetchRecord, Outcome, RecordSlot};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry as MetricsRegistry;
use url::Url;

use super::failure::{Failure, ForbiddenAddress};
use crate::workers::LOG_TARGET;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabels {
    worker: String,
    outcome: &'static str,
}

/// The outcomes of fetches, with their names in metrics and in the log.
const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Ok, "ok"),
    (Outcome::Denied, "denied"),
    (Outcome::Timeout, "timeout"),
    (Outcome::Cancelled, "cancelled"),
    (Outcome::Failed, "failed"),
];

/// The counters of the fetches of all Workers.
#[derive(Clone, Default)]
pub struct FetchMetrics(Family<FetchLabels, Counter>);

impl FetchMetrics {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut MetricsRegistry) -> Self {
        let metrics = Self::default();
        let help = "Fetches of Workers from other servers, by Worker and outcome";
        registry.register("isolet_worker_fetches", help, metrics.0.clone());
        metrics
    }
}

/// The receiver of the notes on one Worker's fetches.
pub struct FetchNotes {
    caller: Caller,
    audit: Option<Audit>,
    counters: Vec<(Outcome, Counter)>,
}

impl FetchNotes {
    /// Returns the notes on the Worker that `caller` is.
    pub fn new(caller: Caller, audit: Option<Audit>, metrics: &FetchMetrics) -> Self {
        let worker = caller.worker().unwrap_or_default();
        let counter =
            |outcome| metrics.0.get_or_create(&FetchLabels { worker: worker.to_owned(), outcome }).clone();
        // Every outcome has a sample from the start, so that rates are right at the first
        // occurrence.
        let counters = OUTCOMES.iter().map(|(outcome, name)| (*outcome, counter(*name))).collect();
        Self { caller, audit, counters }
    }

    /// Returns the name of the Worker.
    pub fn worker(&self) -> &str {
        self.caller.worker().unwrap_or_default()
    }

    /// Begins the note on a fetch.
    ///
    /// # Errors
    /// The audit log cannot be written, and the operator wants no fetch without a record.
    pub async fn begin(&self, method: &str, url: &Url) -> Result<PendingNote<'_>, String> {
        let slot = match &self.audit {
            Some(audit) => Some(audit.reserve().await?),
            None => None,
        };
        let origin = url.origin().ascii_serialization();
        Ok(PendingNote {
            notes: self,
            slot,
            method: method.to_owned(),
            origin,
            began: SystemTime::now(),
            since: Instant::now(),
            is_written: false,
        })
    }
}

/// A fetch that was not answered yet. One that is dropped counts as cancelled.
pub struct PendingNote<'a> {
    notes: &'a FetchNotes,
    slot: Option<RecordSlot>,
    method: String,
    origin: String,
    began: SystemTime,
    since: Instant,
    is_written: bool,
}

impl PendingNote<'_> {
    /// Notes the status of the answer.
    pub fn answered(mut self, status: u16) {
        self.write(Outcome::Ok, Some(status));
    }

    /// Notes that there is no answer.
    pub fn failed(mut self, failure: &Failure) {
        if let Failure::AddressNotAllowed(ForbiddenAddress { address, purpose }) = failure {
            let (worker, origin) = (self.notes.worker(), &self.origin);
            tracing::warn!(
                target: LOG_TARGET, worker, origin, %address, purpose,
                "a fetch was refused, as its host leads to this address; to allow it, add its network to `outgoing`, such as \"{address}/{}\"",
                if address.is_ipv4() { 32 } else { 128 }
            );
        }
        let outcome = match failure {
            Failure::HostNotAllowed | Failure::AddressNotAllowed(_) => Outcome::Denied,
            Failure::Timeout(_) => Outcome::Timeout,
            Failure::Invalid(_) | Failure::Broken(_) => Outcome::Failed,
        };
        self.write(outcome, None);
    }

    fn write(&mut self, outcome: Outcome, status: Option<u16>) {
        self.is_written = true;
        let ms = self.since.elapsed().as_secs_f64() * 1e3;
        let (method, origin) = (self.method.as_str(), self.origin.as_str());
        if let Some((_, counter)) = self.notes.counters.iter().find(|(counted, _)| *counted == outcome) {
            counter.inc();
        }
        let name = OUTCOMES.iter().find(|(named, _)| *named == outcome).map_or("", |(_, name)| *name);
        let worker = self.notes.worker();
        tracing::debug!(target: LOG_TARGET, worker, method, origin, status, ms, outcome = name, "fetch");
        if let Some(slot) = self.slot.take() {
            let (began, caller) = (self.began, &self.notes.caller);
            slot.fetch(&FetchRecord { began, caller, method, origin, status, ms, outcome });
        }
    }
}

impl Drop for PendingNote<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            self.write(Outcome::Cancelled, None);
        }
    }
}
