//! `GET /openapi.json`: a description of the HTTP API for programs. Written by hand in
//! `openapi.json`; a test compares it with real answers.

use std::sync::LazyLock;

use bytes::Bytes;
use isolet_runtime::WarningCode;

/// Returns the document. It is the same for every server of this version.
pub fn document() -> Bytes {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let codes: Vec<String> =
            WarningCode::ALL.iter().map(|code| format!("\"{}\"", code.as_str())).collect();
        let text = include_str!("openapi.json").replacen("VERSION", env!("CARGO_PKG_VERSION"), 1);
        Bytes::from(text.replacen("\"WARNING_CODES\"", &codes.join(", "), 1))
    });
    DOCUMENT.clone()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_has_this_version_and_every_warning() {
        let document: Value = serde_json::from_slice(&document()).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let code = &document["components"]["schemas"]["Warning"]["properties"]["code"]["enum"];
        let all: Vec<&str> = WarningCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(*code, Value::from(all));
    }
}
