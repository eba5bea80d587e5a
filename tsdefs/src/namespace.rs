//! The namespace of a server: the types that its tools share.
//!
//! Servers repeat their `$defs` in every tool. Definitions of the same name and the same text are
//! declared once. Where the text differs, the later definition gets the tool's name as a prefix.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::definition::ToolDefinition;
use crate::detail::Detail;
use crate::names::{pascal, unique};
use crate::render::{Style, TypeText, render};
use crate::schema::{Graph, NameHint, TypeId, steps_per_schema};
use crate::signature::{accepts_no_arguments, has_inferred_result, input_type};

/// The rounds of renaming until the names of a tool's definitions do not conflict.
const MAX_RENAME_ROUNDS: usize = 8;

/// The names that the text uses as TypeScript means them. A definition of such a name in the
/// server's namespace would hide them.
const RESERVED_NAMES: [&str; 3] = ["Function", "Promise", INFERRED_RESULT];

/// The interface that wraps an inferred result type instead of `Promise`. The text declares it.
pub(crate) const INFERRED_RESULT: &str = "Observed";

/// The types that a server's tools have declared so far.
#[derive(Default)]
pub(crate) struct Namespace {
    declared: IndexMap<String, String>,
    /// The names that no definition takes: those of tools, declared or not, and [`RESERVED_NAMES`].
    reserved: HashSet<String>,
    /// The number of types that are wider than their schema.
    pub widened: usize,
    /// The units of work for each schema.
    steps: usize,
}

/// Returns each tool's name as a part of type names, unique among the tools of the server.
pub(crate) fn type_words<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let (mut taken, mut next) = (HashSet::new(), HashMap::new());
    let word = |name| {
        let word = pascal(name);
        if word.is_empty() { "Tool".to_owned() } else { word }
    };
    names.map(|name| unique(word(name), &mut taken, &mut next)).collect()
}

impl Namespace {
    pub fn new(words: &[String]) -> Self {
        let of_tools = words.iter().flat_map(|word| [format!("{word}Input"), format!("{word}Output")]);
        let reserved = of_tools.chain(RESERVED_NAMES.map(str::to_owned)).collect();
        Self { reserved, steps: steps_per_schema(words.len()), ..Self::default() }
    }

    /// Returns the declarations, in order.
    pub fn text(&self) -> String {
        self.declared.values().map(String::as_str).collect()
    }

    /// Returns `(input: …): Promise<…>` for a tool, and adds its definitions. `word` stands for the
    /// tool in type names, `prefix` for the namespace.
    pub fn signature(&mut self, tool: &ToolDefinition, word: &str, prefix: &str, detail: Detail) -> String {
        if detail == Detail::Names {
            return "(input?: object): Promise<unknown>".to_owned();
        }
        let schema = tool.input_schema.read();
        let graph = Graph::of_arguments(&schema, self.steps);
        let optional = if accepts_no_arguments(&schema, &graph) { "?" } else { "" };
        let full = detail == Detail::Full;
        let style = Style { full, prefix, closed: !full, name_all_definitions: false };
        let input = input_type(self.add(&graph, &format!("{word}Input"), word, style));
        let output = tool.output_schema.as_ref().map_or_else(
            || "unknown".to_owned(),
            |schema| {
                let schema = schema.read();
                let graph = Graph::of_result(&schema, self.steps);
                let style = Style { closed: false, name_all_definitions: tool.output_inferred, ..style };
                self.add(&graph, &format!("{word}Output"), word, style)
            },
        );
        let promise = if has_inferred_result(tool) { INFERRED_RESULT } else { "Promise" };
        format!("(input{optional}: {input}): {promise}<{output}>")
    }

    /// Declares the definitions that `graph` needs, and returns the type as it stands in a
    /// signature.
    fn add(&mut self, graph: &Graph, root: &str, word: &str, style: Style<'_>) -> String {
        let mut renamed: HashSet<TypeId> = HashSet::new();
        for round in 0..MAX_RENAME_ROUNDS {
            let mut ids: HashMap<String, TypeId> = HashMap::new();
            let (mut taken, mut next) = (HashSet::new(), HashMap::new());
            let rendered = render(graph, style, |id| {
                let mut base = base_name(graph, id, root, word, renamed.contains(&id));
                if round + 1 == MAX_RENAME_ROUNDS {
                    // The last round ends conflicts with a number that no other definition has.
                    base = format!("{base}_{}", self.declared.len());
                }
                let mut name = unique(base, &mut taken, &mut next);
                while self.reserved.contains(&name) && (id != graph.root || name != root)
                    || renamed.contains(&id) && self.declared.contains_key(&name) && !ids.contains_key(&name)
                {
                    name = unique(name, &mut taken, &mut next);
                }
                ids.insert(name.clone(), id);
                name
            });
            let conflicts: Vec<TypeId> = rendered
                .definitions
                .iter()
                .filter(|(name, text)| self.declared.get(name).is_some_and(|known| known != text))
                .filter_map(|(name, _)| ids.get(name).copied())
                .collect();
            if conflicts.is_empty() || conflicts.iter().all(|id| renamed.contains(id)) {
                return self.declare(rendered);
            }
            renamed.extend(conflicts);
        }
        self.widened += 1;
        "unknown".to_owned()
    }

    fn declare(&mut self, rendered: TypeText) -> String {
        self.widened += rendered.widened;
        for (name, text) in rendered.definitions {
            self.declared.entry(name).or_insert(text);
        }
        rendered.text
    }
}

/// Returns the name of a type, before it is made unique.
fn base_name(graph: &Graph, id: TypeId, root: &str, word: &str, renamed: bool) -> String {
    let name = match &graph.hints[id.index()] {
        NameHint::None if id == graph.root => root.to_owned(),
        NameHint::Definition(name) if !renamed => pascal(name),
        NameHint::Definition(name) => format!("{word}{}", pascal(name)),
        NameHint::Key(key) => format!("{word}{}", pascal(key)),
        NameHint::None => format!("{word}Part"),
    };
    if name.is_empty() { "Type".to_owned() } else { name }
}
