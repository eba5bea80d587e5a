//! The Workers that a Worker loads, from their owner's side.
//!
//! ```text
//!  Loading ──► there is a Worker: calls of it wait ── Code ──► it starts with the first call
//!                   │                                             │
//!                   └── Unloaded, or the end of the request that loaded it ──► removed
//! ```
//!
//! The code is hostile, as that of every Worker. It has the rights that the Worker which loads it
//! gives it, and this side compares each of them with what that one has itself.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::Worker;
use super::bindings::check;
use super::exports::{ErrorReader, WeakBinding, WorkerBinding};
use super::fetch_host::{FetchBindings, FetchHost, GLOBAL_FETCH};
use super::protocol::{Entrypoint, FetchError, FetchTarget};
use crate::blob::Blob;
use crate::{ErrorCode, Module, ModuleKind, RunError};

/// The number of Workers that one instance has loaded at once. `MAX_KEPT` in js/loaders.js is
/// lower.
pub const MAX_LOADED_WORKERS: usize = 32;

/// The bound on the code of one loaded Worker with all it is given, in bytes.
pub(crate) const MAX_CODE_BYTES: usize = 8 << 20;

/// The bound on the variables as JSON, in bytes. In memory they take some sixteen times as much.
const MAX_VARS_BYTES: usize = 1 << 20;

/// The bounds on the parts of the code.
const MAX_MODULES: usize = 1000;
const MAX_FLAGS: usize = 100;
const MAX_BINDINGS: usize = 100;

/// The starter of loaded Workers.
pub trait WorkerLoader: Send + Sync + 'static {
    /// Starts a Worker with at most the rights of the one that loads it.
    fn load(&self, code: LoadedCode) -> BoxFuture<'static, Result<Worker, RunError>>;
}

/// The code of a loaded Worker, and what it is given.
pub struct LoadedCode {
    /// The name of the entry module.
    pub main: String,
    /// All modules. Their imports are resolved when they are asked for.
    pub modules: Vec<Module>,
    /// The compatibility date.
    pub compatibility_date: String,
    /// The compatibility flags.
    pub compatibility_flags: Vec<String>,
    /// The variables in its `env`.
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// The bindings, of those that the Worker which loads it has. The global `fetch` is one of
    /// them.
    pub bindings: FetchBindings,
    /// The CPU time of a request in milliseconds, if it is to be lower.
    pub cpu_ms: Option<u32>,
    /// The number of calls of a request, if it is to be lower.
    pub subrequests: Option<u32>,
}

/// The code of a loaded Worker, as its process sends it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CodeFrame {
    pub(crate) main: String,
    #[serde(deserialize_with = "crate::bounded::list::<MAX_MODULES, _, _>")]
    pub(crate) modules: Vec<CodeModule>,
    pub(crate) date: String,
    #[serde(deserialize_with = "crate::bounded::list::<MAX_FLAGS, _, _>")]
    pub(crate) flags: Vec<String>,
    /// A JSON object.
    pub(crate) vars: String,
    #[serde(deserialize_with = "crate::bounded::list::<MAX_BINDINGS, _, _>")]
    pub(crate) bindings: Vec<(String, FetchTarget)>,
    pub(crate) outbound: Outbound,
    pub(crate) cpu_ms: Option<u32>,
    pub(crate) subrequests: Option<u32>,
}

impl CodeFrame {
    /// Checks the bounds of the code and of all that it comes with. Both sides do.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let Self { main, modules, date, flags, vars, bindings, .. } = self;
        let modules = modules.iter().map(|module| module.name.len() + module.content.0.len());
        let texts = flags.iter().chain(bindings.iter().map(|(name, _)| name)).map(String::len);
        if modules.len() > MAX_MODULES || flags.len() > MAX_FLAGS || bindings.len() > MAX_BINDINGS {
            return Err("a loaded Worker with more than 1000 modules, 100 flags or 100 bindings");
        }
        if vars.len() > MAX_VARS_BYTES {
            return Err("a loaded Worker with more than 1 MiB of variables in `env`");
        }
        let sizes = modules.chain(texts).chain(self.targets().map(size_of_target));
        if sizes.sum::<usize>().saturating_add(main.len() + date.len() + vars.len()) > MAX_CODE_BYTES {
            return Err("a loaded Worker with more than 8388608 bytes of code and `env`");
        }
        if bindings.iter().any(|(name, _)| name.is_empty() || name.starts_with(':')) {
            return Err("a binding of a loaded Worker without a name, or with one that begins with a colon");
        }
        self.targets().try_for_each(check)
    }

    /// Returns what it is given bindings to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &FetchTarget> {
        let outbound = if let Outbound::To(target) = &self.outbound { Some(target) } else { None };
        self.bindings.iter().map(|(_, target)| target).chain(outbound)
    }
}

/// Returns the bytes that a target takes.
fn size_of_target(target: &FetchTarget) -> usize {
    match target {
        FetchTarget::Binding(name) => name.len(),
        FetchTarget::Export(Entrypoint { name, props })
        | FetchTarget::Loaded { entrypoint: Entrypoint { name, props }, .. } => name.len() + props.len(),
    }
}

/// A module of a loaded Worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CodeModule {
    pub(crate) name: String,
    pub(crate) kind: ModuleKind,
    pub(crate) content: Blob,
}

/// The answerer of the global `fetch` of a loaded Worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outbound {
    /// That of the Worker which loads it.
    Inherited,
    /// None: it has no network.
    None,
    /// A binding.
    To(FetchTarget),
}

/// The code, or the error of the Worker that was to give it.
pub(crate) type CodeResult = Result<Box<CodeFrame>, FetchError>;

/// The Workers that one instance has loaded.
pub(super) struct LoadedWorkers {
    loader: Arc<dyn WorkerLoader>,
    live: Mutex<HashMap<u32, Loaded>>,
}

struct Loaded {
    /// The request with which it ends, or 0.
    request: u32,
    worker: Worker,
    /// Taken when the code comes.
    code: Option<oneshot::Sender<Result<LoadedCode, FetchError>>>,
}

impl LoadedWorkers {
    pub(super) fn new(loader: Arc<dyn WorkerLoader>) -> Self {
        Self { loader, live: Mutex::default() }
    }

    /// Adds a Worker whose code will come.
    ///
    /// # Errors
    /// Returns the rule that this breaks.
    pub(super) fn begin(&self, request: u32, number: u32) -> Result<(), &'static str> {
        let (code, receiver) = oneshot::channel();
        let loader = self.loader.clone();
        let started = async move {
            match receiver.await {
                Ok(Ok(code)) => loader.load(code).await,
                Ok(Err(FetchError { name, message })) => {
                    Err(RunError::new(ErrorCode::Exception, name, message))
                }
                Err(_) => {
                    let text = "The Worker that was to be loaded is not wanted any more.";
                    Err(RunError::new(ErrorCode::Exception, "Error", text))
                }
            }
        };
        let mut live = self.live.lock();
        if live.len() >= MAX_LOADED_WORKERS {
            return Err("more loaded Workers at once than the limit");
        }
        if live.contains_key(&number) {
            return Err("the number of a loaded Worker twice");
        }
        let worker = Worker::later(started.boxed());
        live.insert(number, Loaded { request, worker, code: Some(code) });
        Ok(())
    }

    /// Gives a Worker its code. `bindings` are those of the Worker which loads it.
    ///
    /// # Errors
    /// Returns the rule that the code breaks.
    pub(super) fn give(
        &self,
        number: u32,
        code: CodeResult,
        bindings: &FetchBindings,
    ) -> Result<(), &'static str> {
        let code = match code {
            Ok(frame) => Ok(self.code(*frame, bindings)?),
            Err(error) if error.name.len() + error.message.len() > MAX_CODE_BYTES => {
                return Err("an error of a loaded Worker longer than errors are");
            }
            Err(error) => Err(error),
        };
        let mut live = self.live.lock();
        let loaded = live.get_mut(&number).ok_or("code for a Worker that it does not load")?;
        let sender = loaded.code.take().ok_or("the code of a loaded Worker twice")?;
        // The receiver lives as long as the Worker.
        let _ = sender.send(code);
        Ok(())
    }

    fn code(&self, frame: CodeFrame, bindings: &FetchBindings) -> Result<LoadedCode, &'static str> {
        frame.check()?;
        let CodeFrame { vars, bindings: wanted, outbound, .. } = &frame;
        let serde_json::Value::Object(vars) =
            serde_json::from_str(vars).map_err(|_| "variables of a loaded Worker that are not JSON")?
        else {
            return Err("variables of a loaded Worker that are not an object");
        };
        let missing = "a loaded Worker with a binding that it does not have itself";
        let mut given = FetchBindings::default();
        for (name, target) in wanted {
            given.add(name, self.binding(target, bindings, ErrorReader::Other).ok_or(missing)?);
        }
        let network = match outbound {
            Outbound::None => {
                given.close();
                None
            }
            Outbound::Inherited => {
                if bindings.is_closed() {
                    given.close();
                }
                bindings.get(GLOBAL_FETCH)
            }
            Outbound::To(target) => Some(self.binding(target, bindings, ErrorReader::Other).ok_or(missing)?),
        };
        if let Some(network) = network {
            given.add(GLOBAL_FETCH, network);
        }
        let module = |CodeModule { name, kind, content }: CodeModule| Module {
            name,
            kind,
            content: content.0,
            exports: Vec::new(),
            whole_default: true,
            imports: Vec::new(),
            positions: Vec::new(),
        };
        Ok(LoadedCode {
            main: frame.main,
            modules: frame.modules.into_iter().map(module).collect(),
            compatibility_date: frame.date,
            compatibility_flags: frame.flags,
            vars,
            bindings: given,
            cpu_ms: frame.cpu_ms,
            subrequests: frame.subrequests,
        })
    }

    /// Returns the answerer of a target for the Worker which loads.
    pub(super) fn host(&self, target: &FetchTarget, bindings: &FetchBindings) -> Option<Arc<dyn FetchHost>> {
        self.binding(target, bindings, ErrorReader::Loader)
    }

    /// Returns the answerer of a target, as the Worker which loads has it. It keeps only a Worker
    /// that has its code: so a Worker with a binding does not keep another one that is given code
    /// later, nor itself, directly or through others.
    fn binding(
        &self,
        target: &FetchTarget,
        bindings: &FetchBindings,
        reader: ErrorReader,
    ) -> Option<Arc<dyn FetchHost>> {
        let FetchTarget::Loaded { worker, entrypoint } = target else { return bindings.host(target) };
        let (live, entrypoint) = (self.live.lock(), entrypoint.clone());
        let Loaded { worker, code, .. } = live.get(worker)?;
        Some(match code {
            None => Arc::new(WorkerBinding { worker: worker.clone(), entrypoint, reader }),
            Some(_) => Arc::new(WeakBinding { worker: worker.downgrade()?, entrypoint, reader }),
        })
    }

    #[cfg(test)]
    fn worker(&self, number: u32) -> Option<Worker> {
        self.live.lock().get(&number).map(|loaded| loaded.worker.clone())
    }

    /// Forgets a Worker. It ends with its last request.
    ///
    /// # Errors
    /// There is no such Worker.
    pub(super) fn end(&self, number: u32) -> Result<(), &'static str> {
        let ended = self.live.lock().remove(&number);
        ended.map(drop).ok_or("the end of a loaded Worker that it does not have")
    }

    /// Forgets the Workers that were loaded for a request.
    pub(super) fn end_request(&self, request: u32) {
        let ended: Vec<_> = self.live.lock().extract_if(|_, loaded| loaded.request == request).collect();
        drop(ended);
    }

    /// Forgets all Workers.
    pub(super) fn close(&self) {
        let all = std::mem::take(&mut *self.live.lock());
        drop(all);
    }
}
