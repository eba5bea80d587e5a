//! Workers that a Worker loads.

use serde::Deserialize;

use super::*;
use crate::ModuleKind;
use crate::blob::Blob;
use crate::shared_enums::CodeKind;
use crate::worker::loaded::{CodeFrame, CodeModule, MAX_CODE_BYTES, Outbound};
use crate::worker::protocol::{FetchError, FetchTarget};

/// `beginLoad(endsWithRequest)` announces a Worker to load. Returns its number, or the text of an
/// error.
pub(crate) fn begin_load(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let ends_with_request = arguments.get(0).is_true();
    let request = worker::current_request(scope);
    let Some(state) = state(scope) else { return };
    match state.begin_load(request, ends_with_request) {
        Ok(worker) => result.set_uint32(worker),
        Err(error) => set_text(scope, &mut result, &error),
    }
}

/// The code of a Worker without the contents of its modules, as js/loaders.js writes it.
#[derive(Deserialize)]
struct CodeHead {
    main: String,
    /// Names and kinds.
    modules: Vec<(String, i32)>,
    date: String,
    flags: Vec<String>,
    vars: String,
    bindings: Vec<(String, FetchTarget)>,
    outbound: Outbound,
    cpu_ms: Option<u32>,
    subrequests: Option<u32>,
}

/// `sendCode(worker, headJSON, contents)` gives a Worker its code. `contents` is an array with the
/// text or the bytes of each module. Returns the text of an error if it cannot be sent.
pub(crate) fn send_code(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let number = number(scope, &arguments, 0) as u32;
    let head = match serde_json::from_str::<CodeHead>(&text(scope, &arguments, 1)) {
        Ok(head) => head,
        // The text is that of the runtime's own JavaScript, but names and flags are the script's.
        Err(error) => {
            let text = format!("A name or a text of a loaded Worker is not well-formed Unicode: {error}.");
            return set_text(scope, &mut result, &text);
        }
    };
    let Ok(contents) = v8::Local::<v8::Array>::try_from(arguments.get(2)) else { return };
    let (mut modules, mut size) = (Vec::new(), 0);
    for (index, (name, kind)) in head.modules.into_iter().enumerate() {
        let Some(content) = contents.get_index(scope, index as u32) else { return };
        let content = match v8::Local::<v8::ArrayBufferView>::try_from(content) {
            Ok(view) => worker::view_bytes(view, usize::MAX),
            Err(_) => content.to_rust_string_lossy(scope).into_bytes(),
        };
        let kind = match CodeKind::from_number(f64::from(kind)) {
            Some(CodeKind::EsModule) => ModuleKind::EsModule,
            Some(CodeKind::CommonJs) => ModuleKind::CommonJs,
            Some(CodeKind::Text) => ModuleKind::Text,
            Some(CodeKind::Data) => ModuleKind::Data,
            Some(CodeKind::Json) => ModuleKind::Json,
            Some(CodeKind::Wasm) => ModuleKind::CompiledWasm,
            None => return,
        };
        size += content.len();
        modules.push(CodeModule { name, kind, content: Blob(content) });
        if size > MAX_CODE_BYTES {
            // It is refused without the others.
            break;
        }
    }
    let CodeHead { main, date, flags, vars, bindings, outbound, cpu_ms, subrequests, .. } = head;
    let code = CodeFrame { main, modules, date, flags, vars, bindings, outbound, cpu_ms, subrequests };
    let Some(state) = state(scope) else { return };
    if let Err(error) = state.send_code(number, Ok(Box::new(code))) {
        set_text(scope, &mut result, &error);
    }
}

/// `failCode(worker, name, message)` declares that a Worker will have no code.
pub(crate) fn fail_code(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let number = number(scope, &arguments, 0) as u32;
    let error = FetchError { name: text(scope, &arguments, 1), message: text(scope, &arguments, 2) };
    if let Some(state) = state(scope) {
        // No error is refused.
        let _ = state.send_code(number, Err(error));
    }
}

/// `unload(worker)` forgets a Worker. It ends with its last request.
pub(crate) fn unload(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let number = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.unload(number);
    }
}
