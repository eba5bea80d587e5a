//! Worker loaders: Workers whose code another Worker gives while it runs.
//!
//! Their code is not read here. They have a jailed process of their own, as other Workers have, no
//! MCP servers, and limits that are at most those of the Worker which loads them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use isolet_runtime::{
    Catalogue, Engine, Environment, ErrorCode, Limits, LoadedCode, NodeFeatures, RunError, ToolFailure,
    ToolFuture, ToolHost, ToolRequest, WebSocketFeatures, Worker, WorkerIsolation, WorkerJob, WorkerLoader,
};
use isolet_wrangler_compat::{Compatibility, ProjectLimits};

use super::limits;
use super::request_log::{self, RequestLog};

/// The time without requests after which a loaded Worker has no process. The next request starts
/// one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The starter of the Workers that one Worker loads.
pub struct Loader {
    /// Runs them.
    pub engine: Engine,
    /// The limits of their start.
    pub start_limits: Limits,
    /// The limits of a request to the Worker that loads them.
    pub limits: Limits,
    /// The receiver of their lines.
    pub log: Arc<dyn RequestLog>,
}

impl WorkerLoader for Loader {
    fn load(&self, code: LoadedCode) -> BoxFuture<'static, Result<Worker, RunError>> {
        let (engine, log) = (self.engine.clone(), self.log.clone());
        let asked = ProjectLimits {
            cpu_ms: code.cpu_ms.map(u64::from),
            subrequests: code.subrequests.map(u64::from),
        };
        let (limits, _) = limits::lowered(&self.limits, asked);
        let start_limits = self.start_limits.clone();
        async move {
            let read = Compatibility::of(&code.compatibility_date, &code.compatibility_flags);
            let Compatibility { node, has_exports, allows_eval_at_start, web_sockets } =
                read.map_err(|message| RunError::new(ErrorCode::Exception, "TypeError", message))?;
            let job = WorkerJob {
                main: code.main,
                modules: code.modules.into(),
                node: NodeFeatures {
                    modules: node.modules,
                    globals: node.globals,
                    process_env: node.process_env,
                },
                web_sockets: WebSocketFeatures {
                    blobs: web_sockets.blobs,
                    reason_limit: web_sockets.reason_limit,
                    automatic_close: web_sockets.automatic_close,
                },
                environment: Environment {
                    vars: code.vars,
                    catalogue: Arc::new(Catalogue::default()),
                    host: Arc::new(NoTools),
                },
                start_limits,
                limits,
                instances: 1,
                isolation: WorkerIsolation::Isolate,
                idle_timeout: Some(IDLE_TIMEOUT),
                fetchers: code.bindings,
                is_service_worker: false,
                has_exports,
                allows_eval_at_start,
                log: request_log::lines(log.clone()),
                violated: request_log::violations(log),
            };
            engine.worker(job).await
        }
        .boxed()
    }
}

/// The tools of a Worker that has none.
struct NoTools;

impl ToolHost for NoTools {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        let message = format!("There is no server {:?}: a loaded Worker has none.", request.server);
        Box::pin(async move { Err(ToolFailure::new(message)) })
    }
}
