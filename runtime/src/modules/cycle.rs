//! Cycles of CommonJS and ECMAScript modules.
//!
//! V8 ends the process if it is asked to evaluate a module whose graph has a synthetic module that
//! is being evaluated. A CommonJS module that is imported is one while its code runs.

use std::collections::HashSet;

use v8::{Local, ModuleStatus, PinScope};

use super::map;

/// Returns the name of a module that is running and that the evaluation of `root` would reach.
pub(super) fn running<'s>(scope: &mut PinScope<'s, '_>, root: Local<'s, v8::Module>) -> Option<String> {
    let mut seen = HashSet::new();
    let mut waiting = vec![root];
    while let Some(module) = waiting.pop() {
        let key = map(scope).key_of(module)?.clone();
        match (module.get_status(), module.is_source_text_module()) {
            (ModuleStatus::Evaluating, false) => return Some(key.name),
            // The evaluation goes on to the imports of modules that it has not reached before.
            (ModuleStatus::Instantiated, true) => {}
            _ => continue,
        }
        if !seen.insert(key.clone()) {
            continue;
        }
        let requests = module.get_module_requests();
        for index in 0..requests.length() {
            let Some(request) = requests.get(scope, index) else { continue };
            let request: Local<v8::ModuleRequest> = request.cast();
            let (specifier, attributes) = (request.get_specifier(), request.get_import_attributes());
            waiting.extend(super::imported(scope, &key.name, specifier, attributes));
        }
    }
    None
}

/// Returns the message of the error about a module that cannot be evaluated now.
pub(super) fn message(what: &str, name: &str, running: &str) -> String {
    format!(
        "Cannot {what} {name:?} now: it imports {running:?}, which is running and waits for it. Require it later, \
         within a function, or write both as ECMAScript modules."
    )
}
