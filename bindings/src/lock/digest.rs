//! Digests of definitions, as version 1 of the file has them: of five fields of a tool. Version 1
//! does not cover prompts and resources.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use crate::text::hexadecimal;
use crate::upstream::tool_lists::ServerTools;

/// The fields of a tool that version 1 covers. The name is the key of the digests.
const DIGESTED_FIELDS: [&str; 5] = ["title", "description", "inputSchema", "outputSchema", "annotations"];

/// A part of a digest is enough to tell which field has changed; the whole digest decides whether
/// any has.
const FIELD_DIGEST_BYTES: usize = 8;

/// The digests of one approved definition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DefinitionDigest {
    /// The SHA-256 of name and fields, in hexadecimal.
    sha256: String,
    /// The first bytes of each field's digest; absent fields have none.
    fields: BTreeMap<String, String>,
}

impl DefinitionDigest {
    /// Computes the digests of a tool as its server lists it.
    pub(super) fn of(tool: &Value) -> Self {
        let mut whole = Sha256::new();
        let mut fields = BTreeMap::new();
        let mut add = |name: &str, value: &Value| {
            let text = canonical(value);
            // The length separates a field from the next one.
            whole.update(format!("{name}:{}:", text.len()));
            whole.update(&text);
            let digest = hexadecimal(&Sha256::digest(&text)[..FIELD_DIGEST_BYTES]);
            fields.insert(name.to_owned(), digest);
        };
        add("name", &tool["name"]);
        for name in DIGESTED_FIELDS {
            if let Some(value) = tool.get(name).filter(|value| !value.is_null()) {
                add(name, value);
            }
        }
        fields.remove("name");
        Self { sha256: hexadecimal(&whole.finalize()), fields }
    }

    /// The digest of the definition, and that of its description.
    #[cfg(test)]
    pub(super) fn texts(&self) -> (String, String) {
        (self.sha256.clone(), self.fields["description"].clone())
    }

    /// Returns the fields in which two definitions differ.
    pub(super) fn differs(&self, other: &Self) -> Vec<String> {
        if self.sha256 == other.sha256 {
            return Vec::new();
        }
        let names = DIGESTED_FIELDS.iter().filter(|name| self.fields.get(**name) != other.fields.get(**name));
        let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
        if names.is_empty() { vec!["definition".to_owned()] } else { names }
    }
}

/// Computes the digest of a server's title, description and instructions.
pub(super) fn about(server: &ServerTools) -> String {
    let texts = [&server.title, &server.description, &server.instructions];
    hexadecimal(&Sha256::digest(canonical(&serde_json::json!(texts))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_field_is_named() {
        let tool = json!({ "name": "a", "description": "d", "inputSchema": { "type": "object" } });
        let approved = DefinitionDigest::of(&tool);
        assert!(approved.differs(&approved).is_empty());
        for field in DIGESTED_FIELDS {
            let mut changed = tool.clone();
            changed[field] = json!({ "other": true });
            assert_eq!(DefinitionDigest::of(&changed).differs(&approved), [field]);
        }
        let mut renamed = tool.clone();
        renamed["name"] = json!("b");
        assert_eq!(DefinitionDigest::of(&renamed).differs(&approved), ["definition"]);
        let mut without = tool;
        without.as_object_mut().unwrap().remove("description");
        assert_eq!(DefinitionDigest::of(&without).differs(&approved), ["description"]);
    }
}
