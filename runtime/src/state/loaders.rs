//! The Workers that a Worker loads, in its isolate.

use std::collections::HashMap;

use super::RunState;
use crate::worker::loaded::{CodeResult, MAX_LOADED_WORKERS};
use crate::worker::protocol::FromWorker;

/// The loaded Workers, and the request with which each ends, or 0.
#[derive(Default)]
pub(crate) struct LoadedWorkers(HashMap<u32, u32>);

impl RunState {
    /// Announces a Worker to load. One that `ends_with_request` is forgotten at the end of the
    /// request. Returns its number.
    ///
    /// # Errors
    /// Returns the reason for which it cannot be loaded.
    pub(crate) fn begin_load(&mut self, request: u32, ends_with_request: bool) -> Result<u32, String> {
        if request == 0 || !self.requests.is_live(request) {
            return Err("Workers can be loaded only while a request is served.".to_owned());
        }
        if self.loaded.0.len() >= MAX_LOADED_WORKERS {
            return Err(format!(
                "There are {MAX_LOADED_WORKERS} loaded Workers, and no more can be at once."
            ));
        }
        self.begin_call(request)?;
        self.next_id += 1;
        let worker = self.next_id;
        self.loaded.0.insert(worker, if ends_with_request { request } else { 0 });
        self.channel.worker(FromWorker::Loading { id: request, worker, ends_with_request });
        Ok(worker)
    }

    /// Sends the code of a Worker, or the error of the function that was to give it.
    pub(crate) fn send_code(&self, worker: u32, code: CodeResult) {
        if self.loaded.0.contains_key(&worker) {
            self.channel.worker(FromWorker::Code { worker, code });
        }
    }

    /// Forgets a loaded Worker.
    pub(crate) fn unload(&mut self, worker: u32) {
        if self.loaded.0.remove(&worker).is_some() {
            self.channel.worker(FromWorker::Unloaded { worker });
        }
    }

    /// Forgets those that end with a request. Their owner does so too.
    pub(super) fn end_loaded(&mut self, request: u32) {
        self.loaded.0.retain(|_, of| *of != request);
    }
}
