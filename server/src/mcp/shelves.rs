//! Pass-through of prompts and resources: those of servers that are exposed as a whole.

use std::sync::Arc;

use isolet_bindings::{CallError, Caller};
use rmcp::model::{Prompt, Resource, ResourceTemplate};
use serde::de::DeserializeOwned;

use super::exposure::{Exposure, Origin};
use crate::http::server::Server;

/// What servers have beside tools. One that cannot be asked has nothing: its neighbours' lists are not its business.
pub struct Shelves<'a> {
    server: &'a Arc<Server>,
    exposure: &'a Exposure,
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
        for upstream in self.servers() {
            let listed = self
                .server
                .tools
                .gate()
                .list_prompts(&Caller::client(None), &upstream, self.server.limits.call)
                .await;
            for prompt in read::<Prompt>(listed, &upstream) {
                let origin = Origin { server: upstream.clone(), name: prompt.name.clone() };
                all.push((prompt, origin));
            }
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
    pub async fn resources(&self) -> Vec<(Resource, String)> {
        let mut all: Vec<(Resource, String)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for upstream in self.servers() {
            let listed = self
                .server
                .tools
                .gate()
                .list_resources(&Caller::client(None), &upstream, self.server.limits.call)
                .await;
            for resource in read::<Resource>(listed, &upstream) {
                if seen.insert(resource.uri.clone()) {
                    all.push((resource, upstream.clone()));
                }
            }
        }
        all
    }

    /// All templates of addresses.
    pub async fn templates(&self) -> Vec<(ResourceTemplate, String)> {
        let mut all = Vec::new();
        for upstream in self.servers() {
            let gate = self.server.tools.gate();
            let caller = Caller::client(None);
            let listed = gate.list_resource_templates(&caller, &upstream, self.server.limits.call).await;
            all.extend(
                read::<ResourceTemplate>(listed, &upstream)
                    .into_iter()
                    .map(|found| (found, upstream.clone())),
            );
        }
        all
    }

    /// The servers that may have the resource at `uri`, the likeliest first.
    pub async fn holders(&self, uri: &str) -> Vec<String> {
        let mut servers = self.servers();
        if servers.len() > 1 {
            let listed = self.resources().await.into_iter().find(|(resource, _)| resource.uri == uri);
            let holder = match listed {
                Some((_, server)) => Some(server),
                None => {
                    let fits =
                        |template: &str| uri.starts_with(template.split('{').next().unwrap_or(template));
                    let templates = self.templates().await.into_iter();
                    templates
                        .filter(|(template, _)| fits(&template.uri_template))
                        .map(|(_, server)| server)
                        .next()
                }
            };
            if let Some(at) = holder.and_then(|holder| servers.iter().position(|server| *server == holder)) {
                servers.swap(0, at);
                servers.truncate(1);
            }
        }
        servers
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
