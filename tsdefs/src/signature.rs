//! The signature of one tool on one line, and the questions about arguments and results that
//! declarations ask too.

use serde_json::Value;

use crate::definition::ToolDefinition;
use crate::names::call_path;
use crate::render::one_line;
use crate::schema::{Document, Graph, Keyword, Logic, Object, ObjectShape, steps_per_schema};

/// The bytes of the arguments on one line.
const MAX_INPUT_BYTES: usize = 240;

/// The bytes of the result on one line.
const MAX_OUTPUT_BYTES: usize = 120;

/// The schemas in which `minProperties` is looked for.
const MAX_SCHEMAS: usize = 64;

/// The texts of arguments without a named key.
const UNNAMED_ARGUMENTS: [&str; 2] = ["{ [k: string]: unknown }", "{ [k: string]: never }"];

/// Returns the type of arguments as a signature shows it: `object` if no key is named, which is
/// shorter.
pub(crate) fn input_type(text: String) -> String {
    if UNNAMED_ARGUMENTS.contains(&text.as_str()) { "object".to_owned() } else { text }
}

/// Returns the call of a tool on one line, as scripts write it: about 400 bytes and the names at
/// most, whatever the schemas. `server` is the name or alias of the server, `alias` that of the
/// tool, and `tools` the number of tools in its list.
pub fn signature(server: &str, alias: &str, tool: &ToolDefinition, tools: usize) -> String {
    format!("{}{}", call_path(server, alias), parameters_and_result(tool, tools))
}

fn parameters_and_result(tool: &ToolDefinition, tools: usize) -> String {
    let steps = steps_per_schema(tools);
    let schema = tool.input_schema.read();
    let input = Graph::of_arguments(&schema, steps);
    let optional = if accepts_no_arguments(&schema, &input) { "?" } else { "" };
    let output = tool.output_schema.as_ref().map_or_else(
        || "unknown".to_owned(),
        |schema| one_line(&Graph::of_result(&schema.read(), steps), MAX_OUTPUT_BYTES, false),
    );
    let mark = if has_inferred_result(tool) { "/** observed, not promised */ " } else { "" };
    let input = input_type(one_line(&input, MAX_INPUT_BYTES, true));
    format!("(input{optional}: {input}): Promise<{mark}{output}>")
}

/// Returns whether the result type is inferred. The text marks it, because it is not a promise.
pub(crate) fn has_inferred_result(tool: &ToolDefinition) -> bool {
    tool.output_inferred && tool.output_schema.is_some()
}

/// Returns whether the arguments may be left out, because an empty object is valid.
pub(crate) fn accepts_no_arguments(schema: &Value, graph: &Graph) -> bool {
    let has_no_required = |shape: &ObjectShape| !shape.properties.values().any(|property| property.required);
    !demands_a_key(schema)
        && graph.alternatives(graph.root).any(|part| part.objects.iter().any(has_no_required))
}

/// Returns whether `minProperties` refuses an empty object. No type expresses that, so the graph
/// does not hold it.
fn demands_a_key(schema: &Value) -> bool {
    let mut document = Document::new(schema);
    let mut stack = vec![document.enter(schema, document.root().resource)];
    for _ in 0..MAX_SCHEMAS {
        let Some(node) = stack.pop() else { break };
        let Some(map) = node.keywords() else { continue };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            stack.extend(document.resolve(node.resource, reference));
            if document.dialect(node.resource).ref_hides_siblings() {
                continue;
            }
        }
        let min = Keyword::Object(Object::MinProperties).value(map).and_then(Value::as_f64);
        if min.is_some_and(|least| least >= 1.0) {
            return true;
        }
        let members = Keyword::Logic(Logic::AllOf).value(map).and_then(Value::as_array);
        for member in members.into_iter().flatten().take(MAX_SCHEMAS) {
            stack.push(document.enter(member, node.resource));
        }
    }
    false
}
