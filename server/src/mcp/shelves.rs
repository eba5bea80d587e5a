//! Pass-through of prompts and resources: those of servers that are exposed as a whole.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use isolet_bindings::{CallError, Caller};
use rmcp::model::{Prompt, Resource, ResourceTemplate};
use serde::de::DeserializeOwned;

use super::exposure::{Exposure, Origin};
use crate::http::server::Server;

/// How long a server may take to list something. One that is mute must not keep the others' lists back.
const PATIENCE: Duration = Duration::from_secs(5);

/// What servers have beside tools. One that cannot be asked has nothing: its neighbours' lists are not its business.
pub struct Shelves<'a> {
    server: &'a Arc<Server>,
    exposure: &'a Exposure,
}

#[derive(Clone, Copy)]
enum Shelf {
    Prompts,
    Resources,
    Templates,
}

impl<'a> Shelves<'a> {
    /// Those of `exposure`.
    pub fn new(server: &'a Arc<Server>, exposure: &'a Exposure) -> Self {
        Self { server, exposure }
    }

    /// The servers, in the order of the configuration.
    pub fn servers(&self) -> Vec<String> {
        self.exposure.whole_servers(&self.server.tools.toolset())
    }

    /// All prompts with whose they are, under names that no two share.
    pub async fn prompts(&self) -> Vec<(Prompt, Origin)> {
        let mut all = Vec::new();
        let mut lists = self.lists::<Prompt>(Shelf::Prompts);
        while let Some((upstream, prompts)) = lists.next().await {
            let origin = |name: &str| Origin { server: upstream.clone(), name: name.to_owned() };
            all.extend(prompts.into_iter().map(|prompt| {
                let origin = origin(&prompt.name);
                (prompt, origin)
            }));
        }
        let names = self.exposure.names(all.iter().map(|(_, origin)| origin));
        for ((prompt, _), name) in all.iter_mut().zip(names) {
            prompt.name = name;
        }
        all
    }

    /// Whose prompt has this name.
    pub async fn prompt(&self, name: &str) -> Option<Origin> {
        let all = self.prompts().await;
        all.into_iter().find(|(prompt, _)| prompt.name == name).map(|(_, origin)| origin)
    }

    /// All resources. An address says where a resource is, so it stays; of two servers with the same, the first has it.
    pub async fn resources(&self) -> Vec<Resource> {
        let mut all: Vec<Resource> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut lists = self.lists::<Resource>(Shelf::Resources);
        while let Some((_, resources)) = lists.next().await {
            all.extend(resources.into_iter().filter(|resource| seen.insert(resource.uri.clone())));
        }
        all
    }

    /// All templates of addresses.
    pub async fn templates(&self) -> Vec<ResourceTemplate> {
        let lists = self.lists::<ResourceTemplate>(Shelf::Templates);
        lists.flat_map(|(_, templates)| futures_util::stream::iter(templates)).collect().await
    }

    /// Whose template is written so.
    pub async fn template(&self, uri_template: &str) -> Option<String> {
        let is = |template: &ResourceTemplate| template.uri_template == uri_template;
        self.first_with(Shelf::Templates, is).await
    }

    /// The servers that may have the resource at `uri`, the likeliest first.
    pub async fn holders(&self, uri: &str) -> Vec<String> {
        let servers = self.servers();
        if servers.len() < 2 {
            return servers;
        }
        if let Some(holder) =
            self.first_with(Shelf::Resources, |resource: &Resource| resource.uri == uri).await
        {
            return vec![holder];
        }
        let fits = |template: &ResourceTemplate| {
            let template = &template.uri_template;
            uri.starts_with(template.split('{').next().unwrap_or(template))
        };
        self.first_with(Shelf::Templates, fits).await.map_or(servers, |holder| vec![holder])
    }

    /// The first server with such an item. Those after it are not waited for.
    async fn first_with<T: DeserializeOwned>(
        &self,
        shelf: Shelf,
        wanted: impl Fn(&T) -> bool,
    ) -> Option<String> {
        let mut lists = self.lists::<T>(shelf);
        while let Some((upstream, items)) = lists.next().await {
            if items.iter().any(&wanted) {
                return Some(upstream);
            }
        }
        None
    }

    /// What each server has, in the order of the configuration. All are asked at once.
    fn lists<T: DeserializeOwned>(
        &self,
        shelf: Shelf,
    ) -> FuturesOrdered<impl Future<Output = (String, Vec<T>)>> {
        let ask = |upstream: String| async move {
            let items = read(self.list(shelf, &upstream).await, &upstream);
            (upstream, items)
        };
        self.servers().into_iter().map(ask).collect()
    }

    async fn list(&self, shelf: Shelf, upstream: &str) -> Result<Vec<u8>, CallError> {
        let (gate, caller) = (self.server.tools.gate(), Caller::client(None));
        let patience = PATIENCE.min(self.server.limits.call);
        match shelf {
            Shelf::Prompts => gate.list_prompts(&caller, upstream, patience).await,
            Shelf::Resources => gate.list_resources(&caller, upstream, patience).await,
            Shelf::Templates => gate.list_resource_templates(&caller, upstream, patience).await,
        }
    }
}

/// The items that can be read.
fn read<T: DeserializeOwned>(listed: Result<Vec<u8>, CallError>, upstream: &str) -> Vec<T> {
    let items: Vec<serde_json::Value> = match listed {
        Ok(json) => serde_json::from_slice(&json).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(server = upstream, %error, "its prompts and resources are not listed");
            return Vec::new();
        }
    };
    items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
}
