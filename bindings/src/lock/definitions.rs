//! The definitions that a server lists, by kind.

use std::borrow::Cow;

use serde_json::Value;

use super::entry::DefinitionKind;
use crate::upstream::listed_tool::ListedTool;

/// The prompts and resources of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PromptsAndResources {
    /// The prompts, as the server lists them.
    pub prompts: Vec<Value>,
    /// The resources.
    pub resources: Vec<Value>,
    /// The resource templates.
    pub templates: Vec<Value>,
}

/// The definitions of one kind.
type Items<'a> = Box<dyn Iterator<Item = Cow<'a, Value>> + 'a>;

/// Returns the definitions that a server lists, by kind.
pub(super) fn each<'a>(
    tools: &'a [ListedTool],
    offered: Option<&'a PromptsAndResources>,
) -> impl Iterator<Item = (DefinitionKind, Items<'a>)> {
    let beside = offered.into_iter().flat_map(|offered| {
        [
            (DefinitionKind::Prompt, offered.prompts.as_slice()),
            (DefinitionKind::Resource, offered.resources.as_slice()),
            (DefinitionKind::Template, offered.templates.as_slice()),
        ]
        .map(|(kind, items)| (kind, Box::new(items.iter().map(Cow::Borrowed)) as Items<'a>))
    });
    let tools = Box::new(tools.iter().map(|tool| Cow::Owned(tool.read()))) as Items<'a>;
    std::iter::once((DefinitionKind::Tool, tools)).chain(beside)
}
