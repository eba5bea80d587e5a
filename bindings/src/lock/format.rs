//! The format of the lock file: version 2, and version 1, which is only read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::DefinitionDigest;
use super::entry::{Approved, DefinitionKind, Members};
use super::file::{ApprovedAbout, ApprovedServer, FILE_VERSION, LockFile, ServerTexts};
use super::subject::shown;

/// A file of version 2.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileV2 {
    version: u32,
    servers: BTreeMap<String, ServerV2>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerV2 {
    about: ServerTexts,
    tools: BTreeMap<String, Members>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    prompts: BTreeMap<String, Members>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    resources: BTreeMap<String, Members>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    templates: BTreeMap<String, Members>,
}

/// A file of version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileV1 {
    #[serde(rename = "version")]
    _version: u32,
    servers: BTreeMap<String, ServerV1>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerV1 {
    about: String,
    tools: BTreeMap<String, DefinitionDigest>,
}

#[derive(Deserialize)]
pub(super) struct Version {
    version: u32,
}

impl LockFile {
    /// Parses the text of a lock file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = |error: serde_json::Error| error.to_string();
        let Version { version } = serde_json::from_str(text).map_err(words)?;
        let servers = match version {
            1 => {
                let file: FileV1 = serde_json::from_str(text).map_err(words)?;
                file.servers.into_iter().map(|(name, server)| (name, server.read())).collect()
            }
            FILE_VERSION => {
                let file: FileV2 = serde_json::from_str(text).map_err(words)?;
                file.servers.into_iter().map(|(name, server)| (name, server.read())).collect()
            }
            other => return Err(format!("its version is {other}, this isolet knows 1 and {FILE_VERSION}")),
        };
        Ok(Self { version, servers })
    }

    /// Returns the content of the file to write. Fails while a server is approved only by version
    /// 1.
    pub(super) fn written(&self) -> Result<FileV2, String> {
        let mut servers = BTreeMap::new();
        for (name, server) in &self.servers {
            let ApprovedAbout::Whole(about) = &server.about else {
                return Err(format!(
                    "what it has of {} is of version 1: approve all servers at once with `isolet lock`",
                    shown(name)
                ));
            };
            let of = |kind| -> BTreeMap<String, Members> {
                let all = server.approved.get(&kind).into_iter().flatten();
                all.filter_map(|(name, approved)| Some((name.clone(), approved.members()?))).collect()
            };
            let server = ServerV2 {
                about: about.clone(),
                tools: of(DefinitionKind::Tool),
                prompts: of(DefinitionKind::Prompt),
                resources: of(DefinitionKind::Resource),
                templates: of(DefinitionKind::Template),
            };
            servers.insert(name.clone(), server);
        }
        Ok(FileV2 { version: FILE_VERSION, servers })
    }
}

impl ServerV2 {
    fn read(self) -> ApprovedServer {
        let kinds = [
            (DefinitionKind::Tool, self.tools),
            (DefinitionKind::Prompt, self.prompts),
            (DefinitionKind::Resource, self.resources),
            (DefinitionKind::Template, self.templates),
        ];
        let read = |(kind, all): (DefinitionKind, BTreeMap<String, Members>)| {
            let approved = all.into_iter().map(|(name, members)| {
                let definition = Value::Object(members.into_iter().collect());
                (name, Approved::of(kind, &definition))
            });
            (kind, approved.collect())
        };
        ApprovedServer {
            about: ApprovedAbout::Whole(self.about),
            approved: kinds.into_iter().map(read).collect(),
        }
    }
}

impl ServerV1 {
    fn read(self) -> ApprovedServer {
        let tools = self.tools.into_iter().map(|(name, digests)| (name, Approved::Digests(digests)));
        ApprovedServer {
            about: ApprovedAbout::Digest(self.about),
            approved: BTreeMap::from([(DefinitionKind::Tool, tools.collect())]),
        }
    }
}
