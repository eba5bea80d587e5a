//! One approved definition: of a tool, a prompt, a resource or a resource template.

use std::collections::BTreeMap;

use serde_json::Value;

use super::canonical::canonical;
use super::digest::DefinitionDigest;
use crate::text::printable;

/// The most fields that a message names.
const MAX_NAMED_FIELDS: usize = 8;

/// The kinds of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionKind {
    /// A tool, by its name.
    Tool,
    /// A prompt, by its name.
    Prompt,
    /// A resource, by its URI.
    Resource,
    /// A resource template, by its URI template.
    Template,
}

/// The compared members of a definition, by name.
pub(super) type Members = BTreeMap<String, Value>;

impl DefinitionKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// Returns the name under which a definition is approved.
    pub fn name(self, definition: &Value) -> Option<&str> {
        definition[self.key()].as_str()
    }

    /// The noun for one definition of this kind.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "resource template",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::Template => "uriTemplate",
        }
    }

    /// Removes members that change with a resource's content. They are not approved, so clients do
    /// not get them if the lock is enforced.
    pub fn strip(self, definition: &mut Value) {
        let Value::Object(members) = definition else { return };
        if self == Self::Resource {
            members.shift_remove("size");
        }
        if matches!(self, Self::Resource | Self::Template)
            && let Some(Value::Object(annotations)) = members.get_mut("annotations")
        {
            annotations.shift_remove("lastModified");
            if annotations.is_empty() {
                members.shift_remove("annotations");
            }
        }
    }
}

/// The approved state of one definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Approved {
    /// The definition without its name, as canonical JSON.
    Whole(String),
    /// Digests of some fields, from a file of version 1.
    Digests(DefinitionDigest),
}

impl Approved {
    /// Approves a definition as its server lists it.
    pub fn of(kind: DefinitionKind, definition: &Value) -> Self {
        Self::Whole(whole(kind, definition))
    }

    /// Returns the fields in which a definition differs from what was approved.
    pub fn differs(&self, kind: DefinitionKind, definition: &Value) -> Vec<String> {
        let approved = match self {
            Self::Digests(digests) => return DefinitionDigest::of(definition).differs(digests),
            Self::Whole(approved) => approved,
        };
        let now = whole(kind, definition);
        if now == *approved {
            return Vec::new();
        }
        let (before, now) = (members(approved), members(&now));
        let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| before.get(*name) != now.get(*name));
        // The names of fields come from the server too.
        let mut shown: Vec<String> =
            names.iter().take(MAX_NAMED_FIELDS).map(|name| printable(name.as_bytes(), 60)).collect();
        if names.len() > MAX_NAMED_FIELDS {
            shown.push(format!("{} more", names.len() - MAX_NAMED_FIELDS));
        }
        shown
    }

    /// Returns the approved members, if the file has them.
    pub fn members(&self) -> Option<Members> {
        match self {
            Self::Whole(text) => Some(members(text)),
            Self::Digests(_) => None,
        }
    }
}

/// Returns the compared part of a definition: all that clients could get. A member that is null
/// counts as absent.
fn whole(kind: DefinitionKind, definition: &Value) -> String {
    let mut definition = definition.clone();
    kind.strip(&mut definition);
    if let Value::Object(members) = &mut definition {
        members.shift_remove(kind.key());
        members.retain(|_, value| !value.is_null());
    }
    canonical(&definition)
}

fn members(canonical: &str) -> Members {
    serde_json::from_str(canonical).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_member_is_compared() {
        let tool = json!({ "name": "a", "description": "d", "inputSchema": { "type": "object" } });
        let approved = Approved::of(DefinitionKind::Tool, &tool);
        assert!(approved.differs(DefinitionKind::Tool, &tool).is_empty());
        for member in [
            "title",
            "description",
            "inputSchema",
            "outputSchema",
            "annotations",
            "icons",
            "_meta",
            "execution",
            "x",
        ] {
            let mut changed = tool.clone();
            changed[member] = json!({ "other": true });
            assert_eq!(approved.differs(DefinitionKind::Tool, &changed), [member]);
        }
        let mut same = tool.clone();
        same["title"] = Value::Null;
        assert!(approved.differs(DefinitionKind::Tool, &same).is_empty());
        let mut many = tool;
        for number in 0..20 {
            many[format!("x{number:02}\u{1b}")] = json!(1);
        }
        let named = approved.differs(DefinitionKind::Tool, &many);
        assert_eq!((named.len(), named[8].as_str()), (9, "12 more"));
        assert!(!named[0].contains('\u{1b}'), "{named:?}");
    }

    #[test]
    fn members_that_change_with_a_resources_content_are_ignored() {
        let before = json!({ "uri": "a:b", "name": "b", "size": 7, "annotations": { "lastModified": "x" } });
        let approved = Approved::of(DefinitionKind::Resource, &before);
        let now = json!({ "uri": "a:b", "name": "b", "size": 8, "annotations": { "lastModified": "y" } });
        assert!(approved.differs(DefinitionKind::Resource, &now).is_empty());
        let mut stripped = now;
        DefinitionKind::Resource.strip(&mut stripped);
        assert_eq!(stripped, json!({ "uri": "a:b", "name": "b" }));
        let renamed = json!({ "uri": "a:b", "name": "c" });
        assert_eq!(approved.differs(DefinitionKind::Resource, &renamed), ["name"]);
    }
}
