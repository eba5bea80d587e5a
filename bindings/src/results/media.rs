//! Images, audio and files in results, with a size limit for each.
//!
//! A script gets them as the protocol has them, `{type, mimeType, data}` with Base64. An item over
//! the limit is replaced by the same object without its data and with a note: the text beside it is
//! often what the script wants, and a truncated result would not be valid.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::json;
use serde_json::value::RawValue;

type Object<'a> = IndexMap<Cow<'a, str>, &'a RawValue>;

/// Removes the data of each oversized item of the list `key` from `text`, the JSON of a result.
/// Everything else stays unchanged, byte for byte. Returns `None` if nothing is removed.
pub(crate) fn bounded(text: &str, key: &str, most: usize) -> Option<String> {
    if text.len() <= most {
        return None;
    }
    let result: Object<'_> = serde_json::from_str(text).ok()?;
    let items: Vec<&RawValue> = serde_json::from_str(result.get(key)?.get()).ok()?;
    let shorter: Vec<Option<String>> = items.iter().map(|item| shorter(item.get(), most)).collect();
    if shorter.iter().all(Option::is_none) {
        return None;
    }
    let items: Vec<&str> =
        items.iter().zip(&shorter).map(|(item, shorter)| shorter.as_deref().unwrap_or(item.get())).collect();
    let items = format!("[{}]", items.join(","));
    Some(object(&result, |name, raw| if name == key { Cow::Borrowed(&*items) } else { Cow::Borrowed(raw) }))
}

/// Removes the members of a result that only the protocol needs: the type of the result and the
/// name of the server. Returns `None` if there are none.
pub(crate) fn without_envelope(text: &str) -> Option<String> {
    const SERVER_INFO_KEY: &str = "io.modelcontextprotocol/serverInfo";
    if !text.contains("resultType") && !text.contains(SERVER_INFO_KEY) {
        return None;
    }
    let mut result: Object<'_> = serde_json::from_str(text).ok()?;
    let kind = result.shift_remove("resultType");
    let meta: Option<Object<'_>> = result.get("_meta").and_then(|meta| serde_json::from_str(meta.get()).ok());
    let rest = meta.filter(|meta| meta.contains_key(SERVER_INFO_KEY)).map(|mut meta| {
        meta.shift_remove(SERVER_INFO_KEY);
        if meta.is_empty() { String::new() } else { object(&meta, |_, raw| Cow::Borrowed(raw)) }
    });
    if kind.is_none() && rest.is_none() {
        return None;
    }
    if rest.as_ref().is_some_and(String::is_empty) {
        result.shift_remove("_meta");
    }
    Some(object(&result, |name, raw| match &rest {
        Some(rest) if name == "_meta" => Cow::Owned(rest.clone()),
        _ => Cow::Borrowed(raw),
    }))
}

/// Returns an item without its data, if the data is over the limit.
fn shorter(item: &str, most: usize) -> Option<String> {
    if item.len() <= most {
        return None;
    }
    let fields: Object<'_> = serde_json::from_str(item).ok()?;
    if let Some(embedded) = fields.get("resource") {
        let embedded = shorter(embedded.get(), most)?;
        return Some(object(&fields, |name, raw| {
            Cow::Owned(if name == "resource" { embedded.clone() } else { raw.to_owned() })
        }));
    }
    let (key, length) = ["data", "blob"].into_iter().find_map(|key| {
        let raw = fields.get(key)?.get();
        (raw.len() > most).then_some((key, raw.len() - 2))
    })?;
    let why = format!("it has {length} bytes of Base64, and isolet gives scripts {most} at most");
    let mut text = object(&fields, |name, raw| Cow::Borrowed(if name == key { "\"\"" } else { raw }));
    text.pop();
    text.push_str(",\"omitted\":");
    text.push_str(&json!(why).to_string());
    text.push('}');
    Some(text)
}

fn object<'a>(fields: &'a Object<'a>, value: impl Fn(&str, &'a str) -> Cow<'a, str>) -> String {
    let mut text = String::from("{");
    for (index, (name, raw)) in fields.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&json!(name).to_string());
        text.push(':');
        text.push_str(&value(name, raw.get()));
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_oversized_items_lose_their_data() {
        let large = "A".repeat(100);
        let text = format!(
            r#"{{"content":[{{"type":"text","text":"n 1.50"}},{{"type":"image","data":"{large}","mimeType":"image/png"}},{{"type":"image","data":"AAAA","mimeType":"image/png"}}],"x":1.50}}"#
        );
        let bounded_text = bounded(&text, "content", 99).unwrap();
        assert_eq!(
            bounded_text,
            r#"{"content":[{"type":"text","text":"n 1.50"},{"type":"image","data":"","mimeType":"image/png","omitted":"it has 100 bytes of Base64, and isolet gives scripts 99 at most"},{"type":"image","data":"AAAA","mimeType":"image/png"}],"x":1.50}"#
        );
        assert_eq!(bounded(&text, "content", 1000), None);
        // A long text is not media.
        let words = format!(r#"{{"content":[{{"type":"text","text":"{large}"}}]}}"#);
        assert_eq!(bounded(&words, "content", 50), None);
        for odd in ["7", "{", r#"{"content":7}"#, r#"{"content":[7,"x"]}"#] {
            assert_eq!(bounded(odd, "content", 0), None, "{odd}");
        }
    }

    #[test]
    fn embedded_resources_are_limited_too() {
        let large = "A".repeat(100);
        let text = format!(
            r#"{{"content":[{{"type":"resource","resource":{{"uri":"a://b","blob":"{large}"}},"annotations":{{}}}}]}}"#
        );
        let value: serde_json::Value = serde_json::from_str(&bounded(&text, "content", 50).unwrap()).unwrap();
        assert_eq!(value["content"][0]["resource"]["blob"], "");
        assert_eq!(value["content"][0]["resource"]["uri"], "a://b");
        assert!(value["content"][0]["resource"]["omitted"].as_str().unwrap().starts_with("it has 100 bytes"));
        assert_eq!(value["content"][0]["annotations"], serde_json::json!({}));
    }
}
