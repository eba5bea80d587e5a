//! What to run.

use std::sync::Arc;

use crate::{Catalogue, Limits, ToolHost};

/// One run: a text, how to enter it, what it can reach and how much it may use.
pub struct Job {
    /// The script as the caller sent it; positions in errors refer to this text.
    pub code: String,
    /// What the text is written in.
    pub language: Language,
    /// How to enter it.
    pub entry: Entry,
    /// What the script finds in `env`.
    pub environment: Environment,
    /// How much it may use.
    pub limits: Limits,
}

/// What a script finds in `env`.
#[derive(Clone)]
pub struct Environment {
    /// Plain values (wrangler's `vars`), by name, as JSON. A variable hides a server of the same name.
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// Servers and tools.
    pub catalogue: Arc<Catalogue>,
    /// Where calls go.
    pub host: Arc<dyn ToolHost>,
}

/// The language of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// TypeScript, of which JavaScript is nearly a subset: the default.
    #[default]
    TypeScript,
    /// JavaScript only: for the few texts that mean something else as TypeScript, such as `f<a>(b)`.
    JavaScript,
}

/// How to enter a script.
#[derive(Debug, Clone)]
pub enum Entry {
    /// Run it with this `input` (JSON text), whatever its shape. A module Worker gets a `GET` request, or the one that
    /// the input describes (`{ url, method, headers, body }`).
    Script {
        /// JSON text; `None` is `undefined`.
        input: Option<String>,
    },
}

/// A wrangler project to keep running.
pub struct WorkerJob {
    /// Name of the entry module, one of `modules`.
    pub main: String,
    /// All modules that may be imported. Relative specifiers are resolved against the importer's name.
    pub modules: Vec<Module>,
    /// What the Worker finds in `env`.
    pub environment: Environment,
    /// The limits of each request.
    pub limits: Limits,
}

/// One module of a Worker.
#[derive(Debug, Clone)]
pub struct Module {
    /// Path relative to the project, with `/`: `src/index.ts`.
    pub name: String,
    /// The text.
    pub source: String,
    /// What the text is written in.
    pub language: Language,
    /// What its import specifiers mean: specifier to module name. Others are resolved as relative paths.
    pub imports: std::collections::HashMap<String, String>,
}

/// An HTTP request on its way into a Worker.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Names and values in order; values are bytes on the wire, kept as Latin-1 text here, as the Fetch standard does.
    pub headers: Vec<(String, String)>,
    /// The whole body; empty is no body.
    pub body: Vec<u8>,
}

/// An HTTP response on its way out of a Worker.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// 200 to 599.
    pub status: u16,
    /// Names and values in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}
