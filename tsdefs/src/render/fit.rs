//! Text within a budget. A schema is written in full; if that is too long, again with tighter bounds, until it fits.
//! What is cut is the innermost first, and each cut is marked.

use std::collections::HashMap;

use crate::schema::graph::Graph;
use crate::schema::types::TypeId;

use super::plan::named_types;
use super::writer::Writer;

/// Bytes of text for the arguments of one tool, and again for its result, definitions included. The largest of the
/// tools in `shared/mcp-tools` takes 4.5 KB.
const BUDGET: usize = 24 << 10;

/// Bounds of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Types by order of discovery; later ones are `unknown`.
    pub types: u32,
    /// Properties of one object.
    pub properties: usize,
    /// Alternatives of one union.
    pub alternatives: usize,
    /// Literals of one kind in one union.
    pub literals: usize,
    /// Bytes of one comment.
    pub comment: usize,
}

impl Caps {
    const STEPS: [Self; 8] = [
        Self { types: u32::MAX, properties: 2048, alternatives: 256, literals: 1024, comment: 2000 },
        Self { types: 512, properties: 256, alternatives: 64, literals: 256, comment: 400 },
        Self { types: 160, properties: 128, alternatives: 32, literals: 96, comment: 160 },
        Self { types: 64, properties: 64, alternatives: 16, literals: 48, comment: 100 },
        Self { types: 24, properties: 32, alternatives: 8, literals: 24, comment: 0 },
        Self { types: 12, properties: 16, alternatives: 4, literals: 16, comment: 0 },
        Self { types: 6, properties: 8, alternatives: 2, literals: 8, comment: 0 },
        Self { types: 4, properties: 4, alternatives: 1, literals: 4, comment: 0 },
    ];

    /// Whether a type is past the bound.
    pub fn cuts(&self, id: TypeId) -> bool {
        id.0 >= self.types.max(4)
    }
}

/// A type with the definitions that it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fitted {
    /// The type, as it stands in a signature.
    pub text: String,
    /// Name and declaration of each definition.
    pub definitions: Vec<(String, String)>,
    /// How many types are wider than the schema.
    pub widened: usize,
}

/// What the text is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style<'s> {
    /// Comments and line breaks.
    pub full: bool,
    /// What precedes a definition's name outside its namespace, with the dot.
    pub prefix: &'s str,
    /// The name under which the type itself is defined; `None` writes it in place.
    pub root: Option<&'s str>,
}

/// Writes the root of `graph`. `name` gives each named type a name and is asked once for each in each attempt.
pub(crate) fn fit(graph: &Graph, style: Style, mut name: impl FnMut(TypeId) -> String) -> Fitted {
    for caps in &Caps::STEPS {
        let mut defined = named_types(graph, graph.root, caps);
        if style.root.is_some() {
            defined.retain(|id| *id != graph.root);
            defined.insert(0, graph.root);
        }
        let names: HashMap<TypeId, String> = defined
            .iter()
            .map(|id| match style.root {
                Some(root) if *id == graph.root => (*id, root.to_owned()),
                _ => (*id, name(*id)),
            })
            .collect();
        let mut writer = Writer::new(graph, &names, caps, style, BUDGET);
        let definitions = defined.iter().map(|id| (names[id].clone(), writer.definition(*id))).collect();
        let fitted = Fitted { text: writer.outside(graph.root), definitions, widened: writer.widened };
        let size: usize =
            fitted.definitions.iter().map(|(_, text)| text.len()).sum::<usize>() + fitted.text.len();
        if size <= BUDGET && !writer.overflowed() {
            return fitted;
        }
    }
    Fitted { text: "unknown /** widened: too large */".to_owned(), definitions: Vec::new(), widened: 1 }
}

/// Writes the root of `graph` on one line of at most about `longest` bytes, without definitions: what is nested deeper
/// than there is room for is `object`.
pub(crate) fn one_line(graph: &Graph, longest: usize) -> String {
    let names = HashMap::new();
    let style = Style { full: false, prefix: "", root: None };
    for (caps, depth) in Caps::STEPS[1..].iter().zip([5, 3, 2, 1, 1, 1]) {
        let mut writer = Writer::new(graph, &names, caps, style, longest * 8).flat(depth);
        let text = writer.outside(graph.root);
        if text.len() <= longest && !writer.overflowed() {
            return text;
        }
    }
    "object".to_owned()
}
