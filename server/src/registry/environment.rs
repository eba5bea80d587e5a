//! The environment of a run: the servers that it finds in `env`, and the host that answers its
//! calls.

use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::Caller;
use isolet_runtime::{Environment, Warning};

use super::live::Registry;
use super::run_view::RunView;
use super::tool_filter::{InvalidPattern, ToolFilter};
use super::tool_host::RunHost;
use crate::token_savings::TokenMeter;

impl Registry {
    /// Returns the environment of a run of `caller`. With patterns it has only the tools that match
    /// one of them, and there is a warning for each pattern that matches nothing.
    pub fn environment(
        self: &Arc<Self>,
        patterns: Option<&[String]>,
        caller: Caller,
    ) -> Result<(Environment, Arc<[Warning]>), InvalidPattern> {
        let view = self.view(patterns)?;
        let warnings = view.warnings.clone();
        Ok((self.environment_of(view, caller, None), warnings))
    }

    /// Returns the same as [`environment`](Self::environment), once the servers that `code` names
    /// and that it may use have listed their tools, or after `within`.
    pub async fn environment_for(
        self: &Arc<Self>,
        code: &str,
        patterns: Option<&[String]>,
        caller: Caller,
        within: Duration,
    ) -> Result<(Environment, Arc<[Warning]>), InvalidPattern> {
        let catalogue = self.view(patterns)?.catalogue.clone();
        self.listed_for_script(code, &catalogue, within).await;
        self.environment(patterns, caller)
    }

    /// Returns the environment of a run without patterns whose calls `meter` counts.
    pub fn metered_environment(
        self: &Arc<Self>,
        caller: Caller,
        meter: Option<Arc<TokenMeter>>,
    ) -> Environment {
        self.environment_of(self.current_tools().view, caller, meter)
    }

    fn view(&self, patterns: Option<&[String]>) -> Result<Arc<RunView>, InvalidPattern> {
        let current = self.current_tools();
        let Some(patterns) = patterns else { return Ok(current.view) };
        let key = (current.snapshot.generation(), patterns.to_vec());
        if let Some(view) = self.views.get(&key) {
            return Ok(view);
        }
        let filter = ToolFilter::new(patterns)?;
        let view = Arc::new(RunView::new(&current.snapshot, Some(filter)));
        self.views.insert(key, view.clone());
        Ok(view)
    }

    fn environment_of(
        self: &Arc<Self>,
        view: Arc<RunView>,
        caller: Caller,
        meter: Option<Arc<TokenMeter>>,
    ) -> Environment {
        let catalogue = view.catalogue.clone();
        let host = Arc::new(RunHost::new(self.clone(), view, caller, meter));
        Environment { vars: serde_json::Map::new(), catalogue, host }
    }
}
