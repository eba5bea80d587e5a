//! Text within a budget.
//!
//! A schema is written in full. If that is too long, it is written again with tighter limits, until
//! it fits. The innermost types are cut first, and each cut has a note.

use std::collections::HashMap;

use super::limits::{RenderLimits, Style};
use super::named_types::named_types;
use super::type_writer::TypeWriter;
use crate::schema::{Graph, TypeId};

/// The bytes of text for the arguments of one tool, and again for its result, definitions included.
/// The largest of the tools in `tests/data/mcp-tools` takes 4.5 KB.
const MAX_TYPE_BYTES: usize = 24 << 10;

/// A type as text, with the definitions that it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeText {
    /// The type, as it stands in a signature.
    pub text: String,
    /// The name and the declaration of each definition.
    pub definitions: Vec<(String, String)>,
    /// The number of types that are wider than their schema.
    pub widened: usize,
}

/// Returns the root of `graph` as text. `name` returns the name of each named type; it is called
/// once for each type in each attempt.
pub(crate) fn render(graph: &Graph, style: Style, mut name: impl FnMut(TypeId) -> String) -> TypeText {
    for limits in &RenderLimits::STEPS {
        let defined = named_types(graph, graph.root, limits, style.name_all_definitions);
        let names: HashMap<TypeId, String> = defined.iter().map(|id| (*id, name(*id))).collect();
        let mut writer = TypeWriter::new(graph, &names, limits, style, MAX_TYPE_BYTES);
        let definitions = defined.iter().map(|id| (names[id].clone(), writer.definition(*id))).collect();
        let rendered = TypeText { text: writer.outside(graph.root), definitions, widened: writer.widened };
        let size: usize =
            rendered.definitions.iter().map(|(_, text)| text.len()).sum::<usize>() + rendered.text.len();
        if size <= MAX_TYPE_BYTES && !writer.overflowed() {
            return rendered;
        }
    }
    TypeText { text: "unknown /** widened: too large */".to_owned(), definitions: Vec::new(), widened: 1 }
}

/// Returns the root of `graph` on one line of about `max_bytes` bytes at most, without definitions.
/// Nested types that do not fit become `object`.
pub(crate) fn one_line(graph: &Graph, max_bytes: usize, closed: bool) -> String {
    let names = HashMap::new();
    let style = Style { full: false, prefix: "", closed, name_all_definitions: false };
    for (limits, depth) in RenderLimits::STEPS[1..].iter().zip([5, 3, 2, 1, 1, 1]) {
        let mut writer = TypeWriter::new(graph, &names, limits, style, max_bytes * 8).flat(depth);
        let text = writer.outside(graph.root);
        if text.len() <= max_bytes && !writer.overflowed() {
            return text;
        }
    }
    "object".to_owned()
}
