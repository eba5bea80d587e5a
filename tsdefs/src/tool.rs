//! The types of one tool, and the namespace that the tools of one server share.
//!
//! Servers repeat their `$defs` in every tool. Definitions of the same name and the same text are declared once; where
//! the text differs, the later one takes the tool's name in front.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use crate::definition::ToolDefinition;
use crate::detail::Detail;
use crate::names::{pascal, unique};
use crate::render::fit::{Fitted, Style, fit, one_line};
use crate::schema::graph::{Graph, Hint, allowance};
use crate::schema::resolve::{Dialect, Document};
use crate::schema::types::{ObjectShape, TypeId};
use crate::text::member_name;

/// Rounds of renaming until the names of a tool's definitions are settled.
const MOST_ROUNDS: usize = 8;

/// The types that a server's tools have declared so far.
#[derive(Default)]
pub(crate) struct Namespace {
    declared: IndexMap<String, String>,
    /// Names that belong to tools, whether they are declared or not: a definition takes none of them.
    reserved: HashSet<String>,
    pub widened: usize,
    /// Units of work for each schema.
    steps: usize,
}

/// Names that the text uses as TypeScript means them: a definition of such a name in the server's namespace would be
/// meant instead.
const GLOBALS: [&str; 2] = ["Function", "Promise"];

/// A tool's name as part of type names, unique among the tools of the server.
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
        let reserved = of_tools.chain(GLOBALS.map(str::to_owned)).collect();
        Self { reserved, steps: allowance(words.len()), ..Self::default() }
    }

    /// The declarations, in order.
    pub fn text(&self) -> String {
        self.declared.values().map(String::as_str).collect()
    }

    /// `(input: …): Promise<…>` for a tool, whose definitions are added. `word` stands for the tool in type names,
    /// `prefix` for the namespace.
    pub fn signature(&mut self, tool: &ToolDefinition, word: &str, prefix: &str, detail: Detail) -> String {
        if detail == Detail::Names {
            return "(input?: object): Promise<unknown>".to_owned();
        }
        let graph = Graph::new(&tool.input_schema, true, self.steps);
        let optional = if accepts_nothing(tool, &graph) { "?" } else { "" };
        let input = self.add(&graph, &format!("{word}Input"), word, prefix, detail);
        let output = tool.output_schema.as_ref().map_or_else(
            || "unknown".to_owned(),
            |schema| {
                self.add(
                    &Graph::new(schema, false, self.steps),
                    &format!("{word}Output"),
                    word,
                    prefix,
                    detail,
                )
            },
        );
        format!("(input{optional}: {input}): Promise<{}>", marked(tool, output))
    }

    /// Declares what `graph` needs and returns the type as it stands in a signature.
    fn add(&mut self, graph: &Graph, root: &str, word: &str, prefix: &str, detail: Detail) -> String {
        let full = detail == Detail::Full;
        let named_root = full && graph.root > TypeId::TOO_LARGE;
        let style = Style { full, prefix, root: named_root.then_some(root) };
        let mut renamed: HashSet<TypeId> = HashSet::new();
        for round in 0..MOST_ROUNDS {
            let mut ids: HashMap<String, TypeId> = HashMap::new();
            let (mut taken, mut next) = (HashSet::new(), HashMap::new());
            let fitted = fit(graph, style, |id| {
                let base = match &graph.hints[id.index()] {
                    Hint::Definition(name) if !renamed.contains(&id) => pascal(name),
                    Hint::Definition(name) => format!("{word}{}", pascal(name)),
                    Hint::Key(key) => format!("{word}{}", pascal(key)),
                    Hint::None => format!("{word}Part"),
                };
                let base = if base.is_empty() { "Type".to_owned() } else { base };
                // The last round settles it by numbers that nobody else has.
                let base =
                    if round + 1 == MOST_ROUNDS { format!("{base}_{}", self.declared.len()) } else { base };
                let mut name = unique(base, &mut taken, &mut next);
                while self.reserved.contains(&name)
                    || renamed.contains(&id) && self.declared.contains_key(&name) && !ids.contains_key(&name)
                {
                    name = unique(name, &mut taken, &mut next);
                }
                ids.insert(name.clone(), id);
                name
            });
            let conflicts: Vec<TypeId> = fitted
                .definitions
                .iter()
                .filter(|(name, text)| self.declared.get(name).is_some_and(|known| known != text))
                .filter_map(|(name, _)| ids.get(name).copied())
                .collect();
            if conflicts.is_empty() || conflicts.iter().all(|id| renamed.contains(id)) {
                return self.declare(fitted);
            }
            renamed.extend(conflicts);
        }
        self.widened += 1;
        "unknown".to_owned()
    }

    fn declare(&mut self, fitted: Fitted) -> String {
        self.widened += fitted.widened;
        for (name, text) in fitted.definitions {
            self.declared.entry(name).or_insert(text);
        }
        fitted.text
    }
}

/// Whether the arguments may be left out: an empty object is valid.
fn accepts_nothing(tool: &ToolDefinition, graph: &Graph) -> bool {
    if demands_a_key(&tool.input_schema) {
        return false;
    }
    let mut seen = vec![graph.root];
    let mut next = 0;
    while let Some(id) = seen.get(next).copied() {
        let made = graph.get(id);
        let no_required = |shape: &ObjectShape| !shape.properties.values().any(|property| property.required);
        if made.objects.iter().any(no_required) {
            return true;
        }
        for other in &made.others {
            if !seen.contains(other) {
                seen.push(*other);
            }
        }
        next += 1;
    }
    false
}

/// Whether `minProperties` refuses an empty object: no type says that, so the graph does not know.
fn demands_a_key(schema: &Value) -> bool {
    const MOST_SCHEMAS: usize = 64;
    let mut document = Document::new(schema);
    let mut stack = vec![document.enter(schema, document.root().resource)];
    for _ in 0..MOST_SCHEMAS {
        let Some(node) = stack.pop() else { break };
        let Some(map) = node.keywords() else { continue };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            stack.extend(document.resolve(node.resource, reference));
            if document.dialect(node.resource) == Dialect::Draft7 {
                continue;
            }
        }
        if map.get("minProperties").and_then(Value::as_f64).is_some_and(|least| least >= 1.0) {
            return true;
        }
        for member in map.get("allOf").and_then(Value::as_array).into_iter().flatten().take(MOST_SCHEMAS) {
            stack.push(document.enter(member, node.resource));
        }
    }
    false
}

/// One line that says how a tool is called, for a search hit: at most about 400 bytes, whatever the schemas.
pub fn signature(tool: &ToolDefinition) -> String {
    format!("{}{}", member_name(&tool.name), parameters(tool, 1))
}

/// [`signature`] without the name, for a tool in a list of `tools`.
pub(crate) fn parameters(tool: &ToolDefinition, tools: usize) -> String {
    let steps = allowance(tools);
    let input = Graph::new(&tool.input_schema, true, steps);
    let optional = if accepts_nothing(tool, &input) { "?" } else { "" };
    let output = tool
        .output_schema
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), |schema| one_line(&Graph::new(schema, false, steps), 120));
    format!("(input{optional}: {}): Promise<{}>", one_line(&input, 240), marked(tool, output))
}

/// A result type that was learned says so: what was seen is no promise.
fn marked(tool: &ToolDefinition, output: String) -> String {
    if tool.output_observed && tool.output_schema.is_some() {
        format!("/** observed, not promised */ {output}")
    } else {
        output
    }
}
