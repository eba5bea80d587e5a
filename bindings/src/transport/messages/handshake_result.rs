//! The result of a handshake, read leniently.

use rmcp::model::ServerResult;
use serde_json::{Map, Value, json};

/// Reads the result of `initialize` or `server/discover`. Missing or invalid members are replaced:
/// isolet needs the revision and the kinds of things that the server has.
pub(super) fn handshake_result(text: &str) -> Option<ServerResult> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let result = value.as_object_mut()?;
    if result.contains_key("supportedVersions") {
        if let Some(info) = result.remove("serverInfo") {
            let meta = result.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.entry("io.modelcontextprotocol/serverInfo").or_insert(info);
            }
        }
        let read = |result: &Map<String, Value>| {
            serde_json::from_value(Value::Object(result.clone())).ok().map(ServerResult::DiscoverResult)
        };
        for (key, value) in
            [("resultType", json!("complete")), ("ttlMs", json!(0)), ("cacheScope", json!("private"))]
        {
            result.entry(key).or_insert(value);
        }
        tame(result);
        return read(result).or_else(|| {
            result.insert("ttlMs".to_owned(), json!(0));
            result.insert("cacheScope".to_owned(), json!("private"));
            read(result)
        });
    }
    if !result.contains_key("protocolVersion") {
        return None;
    }
    tame(result);
    let named = result
        .get("serverInfo")
        .is_some_and(|info| serde_json::from_value::<rmcp::model::Implementation>(info.clone()).is_ok());
    if !named {
        let name = result.get("serverInfo").and_then(|info| info.get("name")).and_then(Value::as_str);
        let info = json!({ "name": name.unwrap_or_default(), "version": "" });
        result.insert("serverInfo".to_owned(), info);
    }
    serde_json::from_value(value).ok().map(ServerResult::InitializeResult)
}

/// Replaces invalid members that both results have.
fn tame(result: &mut Map<String, Value>) {
    let readable = |value: &Value| {
        serde_json::from_value::<rmcp::model::ServerCapabilities>(value.clone()).is_ok() && value.is_object()
    };
    if !result.get("capabilities").is_some_and(readable) {
        let offered = result.get("capabilities").and_then(Value::as_object);
        let kinds = ["tools", "resources", "prompts"].into_iter();
        let kinds = kinds.filter(|kind| offered.is_some_and(|offered| offered.contains_key(*kind)));
        let capabilities: Map<_, _> = kinds.map(|kind| (kind.to_owned(), json!({}))).collect();
        result.insert("capabilities".to_owned(), Value::Object(capabilities));
    }
    if !result.get("instructions").is_none_or(Value::is_string) {
        result.remove("instructions");
    }
    if !result.get("_meta").is_none_or(Value::is_object) {
        result.remove("_meta");
    }
}
