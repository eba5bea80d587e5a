//! Workers as answerers of fetches: the Worker itself, through `ctx.exports`, and those that it has
//! loaded.

use std::future::ready;
use std::sync::{Arc, Weak};

use super::fetch_host::{Destination, ExportHost, FetchFuture, FetchHost, FetchRequest};
use super::http::{HttpRequest, HttpResponse, RequestOrigin};
use super::instances::Instances;
use super::protocol::{Entrypoint, FetchError};
use super::{WeakWorker, Worker};

/// The errors of calls of a Worker that is gone.
const ENDS: &str = "The Worker ends.";
const NOT_LOADED: &str = "The Worker is not loaded any more.";

/// The Worker as its own callee. Such a call has limits of its own, like any request.
pub(super) struct Loopback(Weak<Instances>);

impl Loopback {
    pub(super) fn to(instances: Weak<Instances>) -> Self {
        Self(instances)
    }
}

impl ExportHost for Loopback {
    fn worker(&self) -> Option<Worker> {
        self.0.upgrade().map(Worker::of)
    }

    fn fetch(&self, entrypoint: Entrypoint, request: FetchRequest) -> FetchFuture {
        match self.0.upgrade() {
            Some(instances) => call(Worker::of(instances), entrypoint, request, ErrorReader::Other),
            None => Box::pin(ready(Err(ENDS.into()))),
        }
    }
}

/// An entrypoint of a Worker.
pub(super) struct WorkerBinding {
    pub(super) worker: Worker,
    pub(super) entrypoint: Entrypoint,
    pub(super) reader: ErrorReader,
}

/// The reader of the errors of a Worker that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorReader {
    /// The Worker that gave it its code, which may know the places in that.
    Loader,
    /// Another one, for which the places are in the log only.
    Other,
}

impl FetchHost for WorkerBinding {
    fn destination(&self) -> Result<Destination, String> {
        Ok(Destination { worker: self.worker.clone(), entrypoint: self.entrypoint.clone() })
    }

    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        call(self.worker.clone(), self.entrypoint.clone(), request, self.reader)
    }
}

/// An entrypoint of a Worker that others keep.
pub(super) struct WeakBinding {
    pub(super) worker: WeakWorker,
    pub(super) entrypoint: Entrypoint,
    pub(super) reader: ErrorReader,
}

impl FetchHost for WeakBinding {
    fn destination(&self) -> Result<Destination, String> {
        let worker = self.worker.upgrade().ok_or(NOT_LOADED)?;
        Ok(Destination { worker, entrypoint: self.entrypoint.clone() })
    }

    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        match self.worker.upgrade() {
            Some(worker) => call(worker, self.entrypoint.clone(), request, self.reader),
            None => Box::pin(ready(Err(NOT_LOADED.into()))),
        }
    }
}

/// An entrypoint of a Worker that answers for itself.
pub(super) struct ExportBinding {
    pub(super) exports: Arc<dyn ExportHost>,
    pub(super) entrypoint: Entrypoint,
}

impl FetchHost for ExportBinding {
    fn destination(&self) -> Result<Destination, String> {
        let worker = self.exports.worker().ok_or(ENDS)?;
        Ok(Destination { worker, entrypoint: self.entrypoint.clone() })
    }

    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        self.exports.fetch(self.entrypoint.clone(), request)
    }
}

/// Gives a fetch to an entrypoint of a Worker.
fn call(worker: Worker, entrypoint: Entrypoint, request: FetchRequest, reader: ErrorReader) -> FetchFuture {
    Box::pin(async move {
        let FetchRequest { head, body, chain } = request;
        chain.enter()?;
        let origin = RequestOrigin { entrypoint, chain: Some(chain) };
        let request = HttpRequest { id: Worker::next_id(), head, body, origin };
        let answered = worker.fetch(request).await;
        answered.map(HttpResponse::into_fetched).map_err(|error| match reader {
            ErrorReader::Loader => FetchError::with_places(error),
            ErrorReader::Other => FetchError::from(error),
        })
    })
}
