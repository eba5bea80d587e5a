//! The Workers that a Worker loads, in its isolate.

use std::collections::HashMap;

use super::RunState;
use crate::worker::bindings;
use crate::worker::loaded::{CodeResult, MAX_LOADED_WORKERS};
use crate::worker::protocol::{FetchTarget, FromWorker};

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
    ///
    /// # Errors
    /// Returns the reason for which the owner would not take it.
    pub(crate) fn send_code(&self, worker: u32, code: CodeResult) -> Result<(), String> {
        if !self.loaded.0.contains_key(&worker) {
            return Ok(());
        }
        if let Ok(code) = &code {
            code.check().map_err(refused)?;
            code.targets().try_for_each(|target| self.check_target(target))?;
        }
        self.channel.worker(FromWorker::Code { worker, code });
        Ok(())
    }

    /// Checks that the owner takes a target. One that was kept may be of a Worker that has ended.
    ///
    /// # Errors
    /// Returns the reason for which it does not.
    pub(super) fn check_target(&self, target: &FetchTarget) -> Result<(), String> {
        match target {
            FetchTarget::Loaded { worker, .. } if !self.loaded.0.contains_key(worker) => {
                Err("The Worker is not loaded any more.".to_owned())
            }
            target => bindings::check(target).map_err(refused),
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

/// Returns the error of a script that breaks a rule of the owner.
fn refused(rule: &str) -> String {
    format!("isolet does not take {rule}.")
}
