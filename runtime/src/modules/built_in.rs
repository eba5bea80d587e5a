//! The modules that isolet provides.

use v8::{Local, PinScope};

use super::node;

/// An export of a module that isolet provides.
type Export<'s> = (&'static str, Local<'s, v8::Value>);

/// The modules that isolet provides and their exports, in one table. `isolet.exported` in
/// js/drive.js returns the value of an export.
const BUILT_IN: &[(&str, &[&str])] = &[
    ("cloudflare:workers", &CLOUDFLARE_WORKERS),
    ("cloudflare:node", &["httpServerHandler", "handleAsNodeRequest"]),
    ("isolet:env", &["env"]),
];

const CLOUDFLARE_WORKERS: [&str; 7] =
    ["env", "WorkerEntrypoint", "DurableObject", "RpcTarget", "RpcStub", "RpcPromise", "RpcProperty"];

/// Returns the names of the modules that isolet provides, those of Node.js (`node:buffer`) among
/// them.
pub fn built_in_modules() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).chain(node::names())
}

/// Returns `true` if isolet provides a module to scripts. Those with parts of Node.js are for
/// Workers.
pub(super) fn is_for_scripts(name: &str) -> bool {
    is_built_in(name) && name != "cloudflare:node"
}

/// Returns `true` if isolet provides a module to scripts and Workers.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// The function of the snapshot that returns the value of an export, in a slot of the isolate.
pub(crate) struct BuiltInExports(pub(crate) v8::Global<v8::Function>);

/// Returns the exports of a built-in module with their values, in the order of the table.
pub(super) fn exports<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Option<Vec<Export<'s>>> {
    let names = export_names(name)?;
    names.iter().map(|name| Some((*name, export_of_isolet(scope, name)?))).collect()
}

/// Returns the names of a built-in module's exports, or `None` if isolet does not provide it.
pub(super) fn export_names(name: &str) -> Option<&'static [&'static str]> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, exports)| *exports)
}

pub(super) fn export_of_isolet<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Option<Local<'s, v8::Value>> {
    let exported = scope.get_slot::<BuiltInExports>()?.0.clone();
    let exported = Local::new(scope, exported);
    let key = v8::String::new(scope, name)?;
    let undefined = v8::undefined(scope).into();
    exported.call(scope, undefined, &[key.into()])
}

/// Returns what `require()` of a built-in module gives: an object with its exports.
pub(super) fn required<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Option<Local<'s, v8::Value>> {
    let object = v8::Object::new(scope);
    for (export, value) in exports(scope, name)? {
        let key = v8::String::new(scope, export)?;
        object.create_data_property(scope, key.into(), value)?;
    }
    Some(object.into())
}

#[cfg(test)]
mod tests {
    use super::CLOUDFLARE_WORKERS;

    /// Compares the exports of `cloudflare:workers` with the internals that its files in js/
    /// provide.
    #[test]
    fn a_built_in_module_exports_what_its_files_provide() {
        let files = [include_str!("../../js/worker-entrypoint.js"), include_str!("../../js/rpc-stubs.js")];
        let provided = files.iter().flat_map(|file| {
            let (_, provided) = file.split_once("isolet.lazy([], [").expect("the file calls isolet.lazy");
            provided.split(']').next().unwrap().split(", ").map(|name| name.trim_matches('"'))
        });
        let classes = provided.filter(|name| name.starts_with(char::is_uppercase));
        assert_eq!(CLOUDFLARE_WORKERS[0], "env");
        assert_eq!(CLOUDFLARE_WORKERS[1..], classes.collect::<Vec<_>>());
    }
}
