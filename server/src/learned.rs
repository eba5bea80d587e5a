//! Result types learned from answers, for tools that promise none.
//!
//! A run hands over what a tool answered and goes on; one task reads the shape of it. Where answers come faster than
//! they can be read, some are left unread. Shapes hold kinds and names of properties, never values (see
//! `isolet_tsdefs::observed`), and are shared by all who may see a tool's declaration, whoever's call they came from.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use isolet_tsdefs::observed::Shape;
use isolet_tsdefs::{ServerDefinition, ToolDefinition};
use tokio::sync::mpsc;

use crate::tools::Tools;

/// The largest answer that is looked at: reading it takes about a millisecond.
const LARGEST: usize = 256 * 1024;

/// Answers that may wait to be read; they are copies.
const WAITING: usize = 64;

/// Tools of which a shape is kept; one takes 1 KiB, and 40 KiB at worst.
const MOST_TOOLS: usize = 2000;

/// One answer.
struct Answer {
    server: String,
    tool: String,
    json: Vec<u8>,
}

/// What has been learned.
pub struct Learned {
    shapes: Mutex<Shapes>,
    /// Grows with every shape that changes.
    version: AtomicU64,
    answers: mpsc::Sender<Answer>,
}

#[derive(Default)]
struct Shapes {
    servers: HashMap<String, Server>,
    tools: usize,
}

#[derive(Default)]
struct Server {
    version: u64,
    tools: HashMap<String, Tool>,
}

struct Tool {
    /// Of the definition: one that changes may answer otherwise.
    definition: u64,
    shape: Shape,
}

impl Learned {
    /// Begins to learn. `tools` says what is promised already; when it is gone, so is this. Must be called inside a tokio
    /// runtime.
    pub fn start(tools: Weak<Tools>) -> Arc<Self> {
        let (answers, mut waiting) = mpsc::channel::<Answer>(WAITING);
        let learned = Arc::new(Self { shapes: Mutex::default(), version: AtomicU64::new(0), answers });
        let learner = Arc::downgrade(&learned);
        tokio::spawn(async move {
            while let Some(answer) = waiting.recv().await {
                let (Some(tools), Some(learner)) = (tools.upgrade(), learner.upgrade()) else { return };
                let toolset = tools.toolset();
                if let Some(tool) = toolset.tool(&answer.server, &answer.tool) {
                    learner.learn(&answer.server, tool, &answer.json);
                }
            }
        });
        learned
    }

    /// Takes note of what a tool answered, if there is room. Never waits.
    pub fn saw(&self, server: &str, tool: &str, json: &[u8]) {
        if json.len() > LARGEST {
            return;
        }
        if let Ok(place) = self.answers.try_reserve() {
            place.send(Answer { server: server.to_owned(), tool: tool.to_owned(), json: json.to_owned() });
        }
    }

    /// Grows with every shape that changes.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// As [`version`](Self::version), for the tools of one server.
    pub fn version_of(&self, server: &str) -> u64 {
        self.lock().servers.get(server).map_or(0, |server| server.version)
    }

    /// How many tools have a shape.
    pub fn count(&self) -> usize {
        self.lock().tools
    }

    /// Puts what was learned in the place of what is not promised.
    pub fn apply(&self, definition: &mut ServerDefinition) {
        let shapes = self.lock();
        let Some(server) = shapes.servers.get(&definition.name) else { return };
        for tool in definition.tools.iter_mut().filter(|tool| tool.output_schema.is_none()) {
            if let Some(learned) = server.tools.get(&tool.name)
                && learned.definition == fingerprint(tool)
                && !learned.shape.says_nothing()
            {
                tool.output_schema = Some(learned.shape.to_schema());
                tool.output_observed = true;
            }
        }
    }

    fn learn(&self, server: &str, tool: &ToolDefinition, json: &[u8]) {
        // A result that is not JSON is none that a script could have got.
        let Ok(seen) = Shape::of_json(json) else { return };
        let definition = fingerprint(tool);
        let mut shapes = self.lock();
        let is_new = shapes.servers.get(server).is_none_or(|server| !server.tools.contains_key(&tool.name));
        if is_new && shapes.tools >= MOST_TOOLS {
            return;
        }
        shapes.tools += usize::from(is_new);
        let server = shapes.servers.entry(server.to_owned()).or_default();
        let known = server
            .tools
            .entry(tool.name.clone())
            .or_insert_with(|| Tool { definition, shape: Shape::default() });
        if known.definition != definition {
            *known = Tool { definition, shape: Shape::default() };
        }
        if known.shape.merge(&seen) {
            server.version += 1;
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shapes> {
        self.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of what the server says about a tool; not of what was learned.
fn fingerprint(tool: &ToolDefinition) -> u64 {
    let mut hasher = DefaultHasher::new();
    tool.description.hash(&mut hasher);
    tool.input_schema.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn learned() -> Learned {
        let (answers, _) = mpsc::channel(1);
        Learned { shapes: Mutex::default(), version: AtomicU64::new(0), answers }
    }

    fn definition(description: &str) -> ServerDefinition {
        let mut tool = ToolDefinition::new("get", json!({ "type": "object" }));
        tool.description = Some(description.to_owned());
        ServerDefinition::new("s", vec![tool])
    }

    #[test]
    fn a_shape_that_is_known_changes_nothing() {
        let learned = learned();
        let mut server = definition("x");
        for (json, version) in
            [(&br#"{"a":1}"#[..], 1), (br#"{"a":2}"#, 1), (br#"{"a":null}"#, 2), (b"no", 2)]
        {
            learned.learn("s", &server.tools[0], json);
            assert_eq!((learned.version(), learned.version_of("s")), (version, version));
        }
        assert_eq!((learned.version_of("t"), learned.count()), (0, 1));
        learned.apply(&mut server);
        assert!(server.tools[0].output_observed);
    }

    #[test]
    fn a_definition_that_changes_starts_anew() {
        let learned = learned();
        learned.learn("s", &definition("x").tools[0], b"1");
        let mut changed = definition("y");
        learned.apply(&mut changed);
        assert_eq!(changed.tools[0].output_schema, None);
        learned.learn("s", &changed.tools[0], br#""text""#);
        learned.apply(&mut changed);
        assert_eq!(changed.tools[0].output_schema, Some(json!({ "type": ["string"] })));
    }
}
