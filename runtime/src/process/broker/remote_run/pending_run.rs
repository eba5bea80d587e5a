//! A run as it is given to a runner.

use std::sync::Arc;

use crate::process::protocol::frames::{self, EncodeError};
use crate::process::protocol::messages::{RunRequest, ToRunner};
use crate::{Catalogue, Entry, Environment, Job, Language, Limits, ToolHost};

/// A run as it is given to a runner. It is kept until the runner has begun it, since another runner
/// gets it otherwise.
pub(super) struct PendingRun {
    /// The frame of the [`ToRunner::Run`] message.
    pub(super) frame: Vec<u8>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) catalogue_id: u64,
    pub(super) host: Arc<dyn ToolHost>,
    pub(super) limits: Limits,
}

impl PendingRun {
    /// Encodes a job, whose catalogue has this number.
    ///
    /// # Errors
    /// The script and its input do not fit into a frame.
    pub(super) fn new(job: Job, catalogue_id: u64) -> Result<Self, EncodeError> {
        let Job { code, language, entry: Entry::Script { input }, environment, limits } = job;
        let Environment { vars, catalogue, host } = environment;
        frames::check_size(code.len() + input.as_ref().map_or(0, String::len))?;
        let vars = if vars.is_empty() { String::new() } else { serde_json::Value::Object(vars).to_string() };
        let frame = frames::encode(&ToRunner::Run(Box::new(RunRequest {
            catalogue: catalogue_id,
            code,
            typescript: language == Language::TypeScript,
            input,
            vars,
            limits: limits.clone(),
        })))?;
        Ok(Self { frame, catalogue, catalogue_id, host, limits })
    }
}
