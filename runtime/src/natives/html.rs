//! `HTMLRewriter`: documents that are being rewritten, under numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::host_objects::{HostObjects, Kind};
use super::*;
use crate::html_rewriter::{Edit, Handlers, Rewriter, Token, selector_error};

/// The documents of a run.
pub(crate) type Rewriters = HostObjects<Rewriter>;

/// The documents that are rewritten at once. The state of each is some 10 KiB, and up to 4 MiB for
/// tags of that length.
static REWRITERS: Kind<Rewriter> =
    Kind { max_open: 64, bytes: 64 << 10, table: |state| &mut state.html_rewriters };

/// The handlers of a document. Each selector is matched with every element.
const MAX_HANDLERS: usize = 256;

/// The bytes of a selector.
const MAX_SELECTOR_BYTES: usize = 4096;

/// `checkSelector(selector)` returns why a selector cannot be used, or undefined.
pub(crate) fn check_selector(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let selector = text(scope, &arguments, 0);
    let error = if selector.len() > MAX_SELECTOR_BYTES {
        Some(format!("The selector is longer than {MAX_SELECTOR_BYTES} bytes."))
    } else {
        guarded(|| Ok(selector_error(&selector))).unwrap_or_else(Some)
    };
    if let Some(error) = error {
        set_text(scope, &mut result, &error);
    }
}

/// `openHtml(handlers, encoding, handle)` returns the number of a new document, or the text of an
/// error. `handlers` is JSON text of a list of [`Handlers`].
pub(crate) fn open_html(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (handlers, encoding) = (text(scope, &arguments, 0), text(scope, &arguments, 1));
    let Ok(handle) = v8::Local::<v8::Object>::try_from(arguments.get(2)) else { return };
    let made = guarded(|| {
        let handlers: Vec<Handlers> = serde_json::from_str(&handlers).map_err(|error| error.to_string())?;
        if handlers.len() > MAX_HANDLERS {
            return Err(format!("more than {MAX_HANDLERS} handlers"));
        }
        Rewriter::new(&handlers, &encoding)
    });
    let opened = made.and_then(|rewriter| {
        REWRITERS.open(scope, handle, rewriter).ok_or_else(|| "too many documents at once".to_owned())
    });
    match opened {
        Ok(number) => result.set_uint32(number),
        Err(error) => set_text(scope, &mut result, &error),
    }
}

/// `findHtml(document, bytes)` parses a piece, or the end if `bytes` is undefined. Returns JSON
/// text of a list of [`Token`]s, or of the text of an error.
pub(crate) fn find_html(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Found {
        Tokens(Vec<Token>),
        Error(String),
    }
    let piece = (!arguments.get(1).is_undefined()).then(|| copied(&arguments, 1));
    let Some(rewriter) = REWRITERS.get(scope, &arguments, 0) else { return };
    let found = match guarded(|| rewriter.find(piece)) {
        Ok(tokens) => Found::Tokens(tokens),
        Err(error) => Found::Error(error),
    };
    set_text(scope, &mut result, &serde_json::to_string(&found).unwrap_or_default());
}

/// `applyHtml(document, edits)` applies changes to the piece. `edits` is JSON text of a list of
/// `[token, [edit, …]]`, with the numbers of tokens and [`Edit`]s. Returns the number of bytes that
/// are ready, or the text of an error.
pub(crate) fn apply_html(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let edits = text(scope, &arguments, 1);
    let Some(rewriter) = REWRITERS.get(scope, &arguments, 0) else { return };
    let applied = guarded(|| {
        let edits: Vec<(usize, Vec<Edit>)> =
            serde_json::from_str(&edits).map_err(|error| error.to_string())?;
        rewriter.apply(edits)
    });
    match applied {
        Ok(ready) => result.set_double(ready as f64),
        Err(error) => set_text(scope, &mut result, &error),
    }
}

/// `takeHtml(document, buffer)` fills a buffer with the bytes that are ready.
pub(crate) fn take_html(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let Some(rewriter) = REWRITERS.get(scope, &arguments, 0) else { return };
    let output = rewriter.take_output();
    with_buffer(&arguments, 1, |buffer| {
        let length = buffer.len().min(output.len());
        buffer[..length].copy_from_slice(&output[..length]);
    });
}

/// `closeHtml(document)` frees the state of a document.
pub(crate) fn close_html(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let number = number(scope, &arguments, 0) as u32;
    REWRITERS.close(scope, number);
}

/// Calls the parser. A panic in it is an error like others.
fn guarded<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("the parser failed".to_owned()))
}
