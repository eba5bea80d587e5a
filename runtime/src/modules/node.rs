//! The modules of Node.js: `node:buffer` and the like.
//!
//! Their sources are files in `runtime/node`, which are in the program as they are and in no
//! snapshot. V8 compiles one when a Worker first imports it.

use v8::{Local, PinScope};

use super::{ModuleKey, built_in, map};
use crate::{ErrorCode, RunError};

include!(concat!(env!("OUT_DIR"), "/node_sources.rs"));

/// The modules that can be imported, without `node:`: those with a file of their own, and those of
/// `internal/unavailable.js`, whose functions throw.
#[rustfmt::skip]
const MODULES: &[&str] = &[
    "assert", "assert/strict", "async_hooks", "buffer", "console", "constants", "crypto", "diagnostics_channel", "events",
    "http", "https", "module", "os", "path", "path/posix", "path/win32", "perf_hooks", "process", "punycode", "querystring", "stream",
    "stream/consumers", "stream/promises", "stream/web", "string_decoder", "sys", "timers", "timers/promises", "url", "util",
    "util/types", "zlib",
    "child_process", "cluster", "dgram", "dns", "dns/promises", "domain", "fs", "fs/promises", "http2", "inspector",
    "net", "readline", "readline/promises", "repl", "tls", "tty", "v8", "vm", "worker_threads",
];

/// The names of [`MODULES`] with `node:`.
static NAMES: std::sync::LazyLock<Vec<String>> =
    std::sync::LazyLock::new(|| MODULES.iter().map(|name| format!("node:{name}")).collect());

/// Returns the names of the modules.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(String::as_str)
}

/// Returns `true` for the name of a module, with `node:`.
pub(super) fn is_module(name: &str) -> bool {
    name.strip_prefix("node:").is_some_and(|name| MODULES.contains(&name))
}

/// Returns the name of a module with `node:`, whether or not the specifier has it.
pub(super) fn full_name(specifier: &str) -> Option<String> {
    let name = specifier.strip_prefix("node:").unwrap_or(specifier);
    MODULES.contains(&name).then(|| format!("node:{name}"))
}

/// Returns the text of a file in `runtime/node`.
pub(crate) fn source(name: &str) -> Option<&'static str> {
    let at = SOURCES.binary_search_by_key(&name, |(known, _)| known).ok()?;
    SOURCES.get(at).map(|(_, text)| *text)
}

/// Returns what `require()` of a module gives. Evaluates it if it has not been.
pub(super) fn exports<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Option<Local<'s, v8::Value>> {
    built_in::export_of_isolet(scope, name)
}

/// Makes a module as imports see it: the whole as `default`, and its properties.
///
/// # Errors
/// The module cannot be evaluated, for instance because a Worker has replaced what it needs.
pub(super) fn provide<'s>(
    scope: &mut PinScope<'s, '_>,
    key: ModuleKey,
) -> Result<Option<Local<'s, v8::Module>>, RunError> {
    // Its names are known when it has been evaluated. That has no effects that a Worker can see.
    let value = {
        v8::tc_scope!(let scope, scope);
        match exports(scope, &key.name) {
            Some(value) => v8::Global::new(scope, value),
            None => {
                let thrown = scope.exception().map(|thrown| thrown.to_rust_string_lossy(scope));
                let reason = thrown.unwrap_or_else(|| "it was stopped".to_owned());
                let message = format!("{:?} cannot be evaluated: {reason}", key.name);
                return Err(RunError::new(ErrorCode::Exception, "ImportError", message));
            }
        }
    };
    let value = Local::new(scope, value);
    Ok(synthetic(scope, key, value))
}

fn synthetic<'s>(
    scope: &mut PinScope<'s, '_>,
    key: ModuleKey,
    value: Local<'s, v8::Value>,
) -> Option<Local<'s, v8::Module>> {
    let default = v8::String::new(scope, "default")?;
    let mut names = vec![default];
    names.extend(properties(scope, value)?);
    let text = v8::String::new(scope, &key.name)?;
    let module = v8::Module::create_synthetic_module(scope, text, &names, evaluate);
    let global = v8::Global::new(scope, module);
    map(scope).insert(module.get_identity_hash(), global, key);
    Some(module)
}

/// Returns the names of the properties that can be imported.
pub(super) fn properties<'s>(
    scope: &mut PinScope<'s, '_>,
    value: Local<'s, v8::Value>,
) -> Option<Vec<Local<'s, v8::String>>> {
    let object = Local::<v8::Object>::try_from(value).ok()?;
    let all = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    let names = (0..all.length()).filter_map(|index| {
        let name = Local::<v8::String>::try_from(all.get_index(scope, index)?).ok()?;
        (name.to_rust_string_lossy(scope) != "default").then_some(name)
    });
    Some(names.collect())
}

fn evaluate<'s>(
    context: Local<'s, v8::Context>,
    module: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let name = map(scope).key_of(module)?.name.clone();
    let value = exports(scope, &name)?;
    let default = v8::String::new(scope, "default")?;
    module.set_synthetic_module_export(scope, default, value)?;
    let object = Local::<v8::Object>::try_from(value).ok()?;
    // A Worker may have added properties since the module was made. They are not exports.
    for name in properties(scope, value)? {
        v8::tc_scope!(let scope, scope);
        if let Some(value) = object.get(scope, name.into()) {
            let _ = module.set_synthetic_module_export(scope, name, value);
        }
    }
    super::resolved_promise(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_a_source_of_one_byte_characters() {
        let unavailable = source("internal/unavailable").unwrap();
        for name in MODULES {
            let absent = unavailable.contains(&format!("\n  {name}:"))
                || unavailable.contains(&format!("\n  {name:?}:"));
            assert!(source(name).is_some() || absent, "runtime/node/{name}.js is missing");
        }
        for (name, text) in SOURCES {
            assert!(text.is_ascii(), "runtime/node/{name}.js has a character outside of ASCII");
        }
        assert!(SOURCES.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn names_have_a_prefix_or_not() {
        assert_eq!(full_name("buffer").as_deref(), Some("node:buffer"));
        assert_eq!(full_name("node:path/posix").as_deref(), Some("node:path/posix"));
        assert_eq!(full_name("left-pad"), None);
        assert!(is_module("node:fs") && !is_module("fs"));
    }
}
