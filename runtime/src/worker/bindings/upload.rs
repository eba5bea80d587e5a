//! The body of a fetch, on its way from the Worker to its answerer.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;

use super::Fetch;
use crate::worker::body::{BodyOwner, BodyQueue, BrokenBody, WorkerStream};
use crate::worker::link::WorkerLink;
use crate::worker::protocol::ToWorker;

/// The part of a body that has come. Dropping it before the end of the body breaks the body off.
#[derive(Default)]
pub(super) struct Upload {
    queue: Arc<BodyQueue>,
    is_complete: bool,
    /// `true` once the Worker was told that the rest is not read.
    is_refused: bool,
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The first end counts.
        self.queue.end(Err(BrokenBody("The Worker that sends it has cancelled the fetch.".into())));
    }
}

impl Upload {
    /// Returns the stream of the body of a fetch.
    pub(super) fn stream(
        &self,
        call: u32,
        fetches: Weak<Mutex<HashMap<u32, Fetch>>>,
        link: Arc<dyn WorkerLink>,
    ) -> BoxStream<'static, Result<Bytes, String>> {
        let owner = Arc::new(UploadOwner { fetches, link });
        let stream = WorkerStream::new(call, self.queue.clone(), owner);
        stream.map(|piece| piece.map_err(|BrokenBody(reason)| reason)).boxed()
    }

    /// Appends a piece. One that comes after the refusal is dropped.
    ///
    /// # Errors
    /// Returns the rule that the piece breaks.
    pub(super) fn push(&mut self, bytes: Vec<u8>) -> Result<(), &'static str> {
        if bytes.is_empty() {
            return Err("an empty piece of a fetch's body");
        }
        if self.is_complete {
            return Err("a piece of a fetch's body after its end");
        }
        if self.queue.push(bytes) { Ok(()) } else { Err("a fetch's body faster than it is read") }
    }

    /// Completes the body.
    ///
    /// # Errors
    /// Returns the rule that the end breaks.
    pub(super) fn end(&mut self) -> Result<(), &'static str> {
        if self.is_complete {
            return Err("the end of a fetch's body twice");
        }
        self.is_complete = true;
        self.queue.end(Ok(()));
        Ok(())
    }
}

/// The owner of the fetches to which the bodies belong.
struct UploadOwner {
    /// Weak, as the fetches own the tasks that own the streams.
    fetches: Weak<Mutex<HashMap<u32, Fetch>>>,
    link: Arc<dyn WorkerLink>,
}

impl UploadOwner {
    /// Sends a message about a body if more of it is expected and `note` returns `true`.
    fn tell(&self, call: u32, message: ToWorker, note: impl FnOnce(&mut Upload) -> bool) {
        let Some(fetches) = self.fetches.upgrade() else { return };
        let is_expected = fetches
            .lock()
            .get_mut(&call)
            .and_then(|fetch| fetch.upload.as_mut())
            .filter(|upload| !upload.is_complete && !upload.is_refused)
            .is_some_and(note);
        if is_expected {
            self.link.send(message);
        }
    }
}

impl BodyOwner for UploadOwner {
    fn confirm(&self, call: u32, bytes: usize) {
        self.tell(call, ToWorker::FetchBodyCredit { call, bytes: bytes as u32 }, |_| true);
    }

    fn cancel(&self, call: u32) {
        self.tell(call, ToWorker::FetchBodyRefused { call }, |upload| {
            upload.is_refused = true;
            true
        });
    }
}
