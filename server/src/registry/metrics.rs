//! The metrics of MCP servers and of the caches for their tools.

use std::sync::Arc;

use prometheus_client::registry::Registry as MetricsRegistry;

use super::Registry;
use crate::metrics::{observed_counter, observed_gauge};

impl Registry {
    /// Registers the metrics of the servers and of the caches.
    pub fn register_metrics(self: &Arc<Self>, metrics: &mut MetricsRegistry) {
        let gauge = |read: fn(&Self) -> usize| {
            let registry = self.clone();
            observed_gauge(move || read(&registry))
        };
        let counter = |read: fn(&Self) -> u64| {
            let registry = self.clone();
            observed_counter(move || read(&registry))
        };
        let configured = gauge(|registry| registry.lists.borrow().servers.len());
        metrics.register("isolet_upstreams", "MCP servers configured", configured);
        let connected = gauge(Self::connected);
        metrics.register("isolet_upstreams_connected", "MCP servers connected", connected);
        let help = "Declarations written, of one server at one level; unchanged lists are not written again";
        let sections = counter(|registry| registry.cache.counts().0);
        metrics.register("isolet_declaration_sections_made", help, sections);
        let help = "Parts of the search index made, of one server";
        metrics.register("isolet_search_parts_made", help, counter(|registry| registry.cache.counts().1));
        let help = "Tools whose result type was inferred from answers";
        let inferred = gauge(|registry| registry.inferred.get().map_or(0, |inferred| inferred.count()));
        metrics.register("isolet_learned_result_types", help, inferred);
    }
}
