//! A project that was started.

use isolet_runtime::Worker;
use tokio_util::sync::CancellationToken;

use super::assets::AssetServer;
use super::triggers::TriggerRoutes;

/// One version of a project. A newer one takes its place.
pub struct WorkerVersion {
    /// The Worker, ready for requests. A project of static assets only has none.
    pub worker: Option<Worker>,
    /// The static assets.
    pub assets: Option<AssetServer>,
    /// The addresses that call `scheduled`.
    pub triggers: TriggerRoutes,
    /// The answer to all requests of a project that does not load.
    pub failure: Option<String>,
    /// Cancelled when a newer version has taken its place.
    pub retired: CancellationToken,
}

impl WorkerVersion {
    /// Returns a version without addresses that call `scheduled`.
    pub fn new(worker: Option<Worker>, assets: Option<AssetServer>) -> Self {
        Self {
            worker,
            assets,
            triggers: TriggerRoutes::default(),
            failure: None,
            retired: CancellationToken::new(),
        }
    }

    /// Returns a version that answers all requests with the reason why the project does not load.
    pub fn failed(reason: String) -> Self {
        Self { failure: Some(reason), ..Self::new(None, None) }
    }

    /// Returns the number of processes that take requests.
    pub fn processes(&self) -> usize {
        self.worker.as_ref().map_or(0, Worker::instances)
    }

    /// Returns the number of requests that have not ended in the Worker.
    pub async fn requests(&self) -> usize {
        match &self.worker {
            Some(worker) => worker.requests().await,
            None => 0,
        }
    }
}
