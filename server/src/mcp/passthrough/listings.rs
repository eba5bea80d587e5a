//! The prompts, resources and resource templates of servers that are exposed as a whole.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use isolet_bindings::{CallError, Caller};
use rmcp::model::{Prompt, Resource, ResourceTemplate};
use serde::de::DeserializeOwned;

use super::exposed_tools::ToolExposure;
use super::tool_names::{self, UpstreamItem};
use crate::service::Service;

/// The time that a server has to list something. One that hangs must not delay the lists of the
/// others for longer.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// The prompts and resources of the exposed servers, as one caller sees them. A server that cannot
/// be reached has none, so that the others' are listed.
pub struct UpstreamListings<'a> {
    pub(super) service: &'a Arc<Service>,
    exposure: &'a ToolExposure,
    pub(super) caller: Caller,
}

#[derive(Clone, Copy)]
enum ListingKind {
    Prompts,
    Resources,
    Templates,
}

impl<'a> UpstreamListings<'a> {
    /// Returns the listings of the servers in `exposure`, for `caller`.
    pub fn new(service: &'a Arc<Service>, exposure: &'a ToolExposure, caller: Caller) -> Self {
        Self { service, exposure, caller }
    }

    /// Returns the servers, in the order of the configuration.
    fn servers(&self) -> Vec<String> {
        self.exposure.whole_servers(&self.service.registry.snapshot())
    }

    /// Returns all prompts with their owners, under unique names.
    pub async fn prompts(&self) -> Vec<(Prompt, UpstreamItem)> {
        let mut all = Vec::new();
        let mut lists = self.lists::<Prompt>(ListingKind::Prompts);
        while let Some((upstream, prompts)) = lists.next().await {
            let item = |name: &str| UpstreamItem { server: upstream.clone(), name: name.to_owned() };
            all.extend(prompts.into_iter().map(|prompt| {
                let item = item(&prompt.name);
                (prompt, item)
            }));
        }
        let names = tool_names::unique(all.iter().map(|(_, item)| item), self.exposure.has_plain_names());
        for ((prompt, _), name) in all.iter_mut().zip(names) {
            prompt.name = name;
        }
        all
    }

    /// Returns the owner of the prompt of this name.
    pub async fn prompt(&self, name: &str) -> Option<UpstreamItem> {
        let all = self.prompts().await;
        all.into_iter().find(|(prompt, _)| prompt.name == name).map(|(_, item)| item)
    }

    /// Returns all resources. URIs cannot be renamed; if two servers have the same, the first owns
    /// it.
    pub async fn resources(&self) -> Vec<Resource> {
        let mut all: Vec<Resource> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut lists = self.lists::<Resource>(ListingKind::Resources);
        while let Some((_, resources)) = lists.next().await {
            all.extend(resources.into_iter().filter(|resource| seen.insert(resource.uri.clone())));
        }
        all
    }

    /// Returns all resource templates.
    pub async fn templates(&self) -> Vec<ResourceTemplate> {
        let lists = self.lists::<ResourceTemplate>(ListingKind::Templates);
        lists.flat_map(|(_, templates)| futures_util::stream::iter(templates)).collect().await
    }

    /// Returns the server that has this resource template.
    pub async fn owner_of_template(&self, uri_template: &str) -> Option<String> {
        let is_same = |template: &ResourceTemplate| template.uri_template == uri_template;
        self.first_with(ListingKind::Templates, is_same).await
    }

    /// Returns the server that has the resource: the one that lists it, else the first with a
    /// template that it matches. A single server owns every URI. With several, a URI that none of
    /// them names has no owner: asking would reveal it to servers that it is not meant for.
    pub async fn owner_of_resource(&self, uri: &str) -> Option<String> {
        let mut servers = self.servers();
        if servers.len() < 2 {
            return servers.pop();
        }
        let listed = self.first_with(ListingKind::Resources, |resource: &Resource| resource.uri == uri).await;
        match listed {
            Some(owner) => Some(owner),
            None => {
                let matches = |template: &ResourceTemplate| matches(&template.uri_template, uri);
                self.first_with(ListingKind::Templates, matches).await
            }
        }
    }

    /// Returns the first server with such an item. Servers after it are not waited for.
    async fn first_with<T: DeserializeOwned>(
        &self,
        kind: ListingKind,
        wanted: impl Fn(&T) -> bool,
    ) -> Option<String> {
        let mut lists = self.lists::<T>(kind);
        while let Some((upstream, items)) = lists.next().await {
            if items.iter().any(&wanted) {
                return Some(upstream);
            }
        }
        None
    }

    /// Lists the items of each server, in the order of the configuration. All are asked at once.
    fn lists<T: DeserializeOwned>(
        &self,
        kind: ListingKind,
    ) -> FuturesOrdered<impl Future<Output = (String, Vec<T>)>> {
        let ask = |upstream: String| async move {
            let items = parse(self.list(kind, &upstream).await, &upstream);
            (upstream, items)
        };
        self.servers().into_iter().map(ask).collect()
    }

    async fn list(&self, kind: ListingKind, upstream: &str) -> Result<Vec<u8>, CallError> {
        let (gate, caller) = (self.service.registry.gate(), &self.caller);
        let timeout = LIST_TIMEOUT.min(self.service.limits.call_timeout);
        match kind {
            ListingKind::Prompts => gate.list_prompts(caller, upstream, timeout).await,
            ListingKind::Resources => gate.list_resources(caller, upstream, timeout).await,
            ListingKind::Templates => gate.list_resource_templates(caller, upstream, timeout).await,
        }
    }
}

/// Returns `true` if the URI starts as the template does up to its first expression. That beginning
/// must have a scheme, or the template would match every URI.
fn matches(template: &str, uri: &str) -> bool {
    let beginning = template.split('{').next().unwrap_or(template);
    let scheme = |scheme: &str| {
        let inside = |letter: u8| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(inside)
    };
    beginning.split_once(':').is_some_and(|(before, _)| scheme(before)) && uri.starts_with(beginning)
}

/// Returns the items that can be parsed.
fn parse<T: DeserializeOwned>(listed: Result<Vec<u8>, CallError>, upstream: &str) -> Vec<T> {
    let items: Vec<serde_json::Value> = match listed {
        Ok(json) => serde_json::from_slice(&json).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(server = upstream, %error, "the prompts and resources of this server cannot be listed");
            return Vec::new();
        }
    };
    items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_uris_of_its_scheme() {
        for (template, uri, expected) in [
            ("file:///{+path}", "file:///etc/hosts", true),
            ("file:///{+path}", "notes:1", false),
            ("notes:{id}", "notes:1", true),
            ("notes:1", "notes:1", true),
            ("{+uri}", "notes:1", false),
            ("{scheme}://x", "notes://x", false),
            ("n{x}:1", "notes:1", false),
            ("", "notes:1", false),
            (":{x}", ":1", false),
            ("1:{x}", "1:1", false),
        ] {
            assert_eq!(matches(template, uri), expected, "{template} {uri}");
        }
    }
}
