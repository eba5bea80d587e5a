//! The servers and tools that the runs with one list of patterns can use.

use std::sync::Arc;

use isolet_runtime::{Catalogue, Warning};

use super::snapshot::ToolSnapshot;
use super::tool_filter::ToolFilter;
use super::unmatched_patterns;

/// The tools that runs with one filter see. All runs with that filter share the view.
pub(super) struct RunView {
    /// The names of servers and tools.
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) filter: Option<ToolFilter>,
    /// A warning for each pattern that matches nothing.
    pub(super) warnings: Arc<[Warning]>,
}

impl RunView {
    /// Returns the view of the tools in `snapshot` that `filter` allows.
    pub(super) fn new(snapshot: &ToolSnapshot, filter: Option<ToolFilter>) -> Self {
        let catalogue = Arc::new(snapshot.catalogue(filter.as_ref()));
        let warnings = filter.as_ref().map(|filter| unmatched_patterns::warnings(snapshot, filter));
        Self { catalogue, filter, warnings: warnings.unwrap_or_default().into() }
    }
}
