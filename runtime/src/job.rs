//! Jobs: scripts and Workers to run.

use std::sync::Arc;
use std::time::Duration;

use crate::source_positions::SourcePositions;
use crate::worker::fetch_host::FetchBindings;
use crate::{Catalogue, Limits, LogLine, RunError, ToolHost};

/// The receiver of a Worker's log lines, each when it is logged, with the number of its request or
/// 0.
pub type LogSink = Arc<dyn Fn(u32, LogLine) + Send + Sync>;

/// The receiver of the violations of a Worker's processes, each once, whatever the process did at
/// the time: evaluated modules, or served a request, a call or a WebSocket.
pub type ViolationSink = Arc<dyn Fn(&RunError) + Send + Sync>;

/// A run to start: a text, its input, its environment and its limits.
pub struct Job {
    /// The script as the caller sent it. Positions in errors refer to this text.
    pub code: String,
    /// The language of the text.
    pub language: Language,
    /// The entry point.
    pub entry: Entry,
    /// The variables and servers in `env`.
    pub environment: Environment,
    /// The limits of the run.
    pub limits: Limits,
}

/// The variables and servers in a script's `env`.
#[derive(Clone)]
pub struct Environment {
    /// Plain values (wrangler's `vars`) by name. A variable hides a server of the same name.
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// The names of servers and tools.
    pub catalogue: Arc<Catalogue>,
    /// The receiver of calls.
    pub host: Arc<dyn ToolHost>,
}

/// The language of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Language {
    /// TypeScript, the default. JavaScript is nearly a subset of it.
    #[default]
    TypeScript,
    /// JavaScript, for the few texts that have another meaning in TypeScript, such as `f<a>(b)`.
    JavaScript,
}

/// The entry point of a script.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A script of any shape, with an input. A module Worker gets a `GET` request, or the request
    /// that the input describes (`{ url, method, headers, body }`).
    Script {
        /// The input as JSON text; `None` is `undefined`.
        input: Option<String>,
    },
}

/// A wrangler project to keep running.
pub struct WorkerJob {
    /// The name of the entry module, one of `modules`.
    pub main: String,
    /// All modules that can be imported.
    pub modules: Arc<[Module]>,
    /// The parts of Node.js that it has.
    pub node: NodeFeatures,
    /// The behaviour of its WebSockets.
    pub web_sockets: WebSocketFeatures,
    /// The variables and servers in `env`.
    pub environment: Environment,
    /// The limits of the evaluation of its modules.
    pub start_limits: Limits,
    /// The limits of each request.
    pub limits: Limits,
    /// The receiver of log lines.
    pub log: LogSink,
    /// The receiver of its violations.
    pub violated: ViolationSink,
    /// The bound on its instances. Their number follows the load.
    pub instances: usize,
    /// The requests that share an instance.
    pub isolation: WorkerIsolation,
    /// The time without requests after which the last instance is given up too. The next request
    /// starts one.
    pub idle_timeout: Option<Duration>,
    /// The bindings in `env` through which it fetches.
    pub fetchers: FetchBindings,
    /// Set for an entry module that has no default export: if it adds listeners for events, it is
    /// in service-worker syntax, in which variables are globals.
    pub is_service_worker: bool,
    /// Set if `ctx.exports` has its entrypoints.
    pub has_exports: bool,
    /// Set if `eval` and `new Function` work while the modules are evaluated.
    pub allows_eval_at_start: bool,
}

impl WorkerJob {
    /// Returns what its isolate has.
    pub(crate) fn features(&self) -> WorkerFeatures {
        WorkerFeatures {
            node: self.node,
            web_sockets: self.web_sockets,
            fetchers: self.fetchers.names(),
            loaders: self.fetchers.loader().map(|(names, _)| names.to_vec()).unwrap_or_default(),
            is_closed: self.fetchers.is_closed(),
            is_service_worker: self.is_service_worker,
            has_exports: self.has_exports,
            allows_eval_at_start: self.allows_eval_at_start,
        }
    }
}

/// The parts of the isolate of a Worker that others do not have.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct WorkerFeatures {
    /// The parts of Node.js.
    pub(crate) node: NodeFeatures,
    /// The behaviour of WebSockets.
    pub(crate) web_sockets: WebSocketFeatures,
    /// The names in `env` through which it fetches.
    pub(crate) fetchers: Vec<String>,
    /// The names in `env` through which it loads Workers.
    pub(crate) loaders: Vec<String>,
    /// Set if it was loaded with `globalOutbound: null`.
    pub(crate) is_closed: bool,
    /// Set for an entry without a default export.
    pub(crate) is_service_worker: bool,
    /// Set if `ctx.exports` has its entrypoints.
    pub(crate) has_exports: bool,
    /// Set if `eval` and `new Function` work while the modules are evaluated.
    pub(crate) allows_eval_at_start: bool,
}

/// The requests that share an instance of a Worker, and with it the variables of its modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkerIsolation {
    /// All that it is given.
    #[default]
    Isolate,
    /// None: each has an instance of its own, which was not used before and is not used again.
    Request,
}

/// The parts of Node.js that a Worker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct NodeFeatures {
    /// Set if modules such as `node:buffer` can be imported by computed names. Those with literal
    /// names are among the imports of a [`Module`].
    pub modules: bool,
    /// Set if `Buffer`, `process`, `global` and `setImmediate` are globals.
    pub globals: bool,
    /// Set if `process.env` has the variables of `env`.
    pub process_env: bool,
}

/// The behaviour of a Worker's WebSockets, which follows from its compatibility date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct WebSocketFeatures {
    /// Set if messages of bytes are a `Blob` unless `binaryType` says otherwise.
    pub blobs: bool,
    /// Set if `close()` throws for a reason that is too long.
    pub reason_limit: bool,
    /// Set if a close is answered before the event `close`.
    pub automatic_close: bool,
}

/// One module of a Worker. It is ready to be compiled: nothing about it has to be parsed again,
/// and no file is read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Module {
    /// The name, unique in the Worker: the path relative to the project, with `/`.
    pub name: String,
    /// The kind.
    pub kind: ModuleKind,
    /// The content: JavaScript, JSON or text in UTF-8, or bytes.
    #[serde(with = "crate::blob")]
    pub content: Vec<u8>,
    /// The names that importers see of a module that is not an ECMAScript module, beside `default`.
    pub exports: Vec<String>,
    /// Set if `import x from` a CommonJS module gives the whole of `module.exports`, as in Node.js.
    /// Else it gives `exports.default` of modules that have `exports.__esModule`.
    pub whole_default: bool,
    /// The targets of its specifiers.
    pub imports: Vec<ModuleImport>,
    /// The ways from the content back to the file, one for each time that it was rewritten, the
    /// last one first.
    pub positions: Vec<SourcePositions>,
}

/// The kind of a module: its content, and the way in which it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ModuleKind {
    /// An ECMAScript module.
    EsModule,
    /// A CommonJS module: the body of a function of `exports`, `require`, `module`, `__filename`
    /// and `__dirname`.
    CommonJs,
    /// JSON. The default export is the value.
    Json,
    /// Text. The default export is a string.
    Text,
    /// Bytes. The default export is an `ArrayBuffer`.
    Data,
    /// WebAssembly. The default export is a `WebAssembly.Module`.
    CompiledWasm,
}

/// A specifier in a module, and its target.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModuleImport {
    /// The specifier as written.
    pub specifier: String,
    /// The value of the import attribute `type`.
    pub attribute: Option<String>,
    /// Set for `require()`, which may find another module than `import`.
    pub require: bool,
    /// The name of a module of the Worker or a built-in one; or the message of the error when it is
    /// asked for.
    pub target: Result<String, String>,
}

impl Module {
    /// Returns an ECMAScript module that imports nothing but built-in modules.
    pub fn es_module(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: ModuleKind::EsModule,
            content: text.into().into_bytes(),
            exports: Vec::new(),
            whole_default: false,
            imports: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// Returns the content as text.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.content)
    }
}

/// Replaces the types of a TypeScript module by blanks, so that V8 can compile it, and rewrites
/// what is more than types.
///
/// # Errors
/// The text is not valid TypeScript. The position is the one in the file.
pub fn compile_typescript(module: &mut Module) -> Result<(), RunError> {
    let prepared = {
        let text = module.text();
        crate::script::prepare_module(&text, true).map_err(|error| {
            let (line, column) =
                module.positions.iter().fold((error.line, error.column), |(line, column), positions| {
                    positions.original(line, column)
                });
            let frame = crate::error::frame(&text, error.line, error.column);
            let mut error = RunError::from(error);
            (error.line, error.column) = (Some(line), Some(column));
            // The line of a text that was rewritten is not the file's.
            error.frame = frame.filter(|_| module.positions.is_empty());
            error.message = format!("{}:{line}:{column}: {}", module.name, error.message);
            error
        })?
    };
    if let Some(columns) = &prepared.columns {
        module.positions.insert(0, columns.positions());
    }
    module.content = prepared.text.into_bytes();
    Ok(())
}
