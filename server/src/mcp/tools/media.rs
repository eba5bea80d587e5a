//! Images, audio and files that a script returns, as content blocks of the tool's result.
//!
//! A script gets them from tools in the form of the protocol: `{ type: "image", data, mimeType }`
//! and the like, alone or in the `content` of a whole result. Wherever the value that the script
//! returns has such a block, the client gets it as a content block, and the value has a note
//! instead of the data. Blocks that no client would accept (invalid Base64, no media type) stay in
//! the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::ContentBlock;
use serde_json::{Map, Value, json};

/// The number of blocks of one result. Further ones stay in the value.
const MAX_BLOCKS: usize = 20;

/// The length of a name or a URI.
const MAX_NAME_BYTES: usize = 2048;

/// A result whose blocks were extracted.
pub struct ExtractedMedia {
    /// The result without the data of the blocks.
    pub json: String,
    /// The blocks, which follow the text.
    pub blocks: Vec<ContentBlock>,
}

/// Extracts images, audio and files from a result; `None` if it has none.
pub fn extract(json: &str) -> Option<ExtractedMedia> {
    // JSON.stringify writes results without white space. Most have no media and are not parsed.
    let kinds =
        [r#""type":"image""#, r#""type":"audio""#, r#""type":"resource""#, r#""type":"resource_link""#];
    if !kinds.iter().any(|kind| json.contains(kind)) {
        return None;
    }
    let mut value: Value = serde_json::from_str(json).ok()?;
    let mut blocks = Vec::new();
    visit(&mut value, &mut blocks);
    (!blocks.is_empty()).then(|| ExtractedMedia { json: value.to_string(), blocks })
}

/// The parser of JSON limits the depth.
fn visit(value: &mut Value, blocks: &mut Vec<ContentBlock>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, blocks)),
        Value::Object(fields) => {
            if blocks.len() < MAX_BLOCKS
                && let Some(block) = block(fields)
            {
                blocks.push(block);
                // The text is the first block.
                replace_data(fields, blocks.len() + 1);
                return;
            }
            fields.values_mut().for_each(|value| visit(value, blocks));
        }
        _ => {}
    }
}

/// Returns the content block that an object is, if clients would accept it.
fn block(fields: &Map<String, Value>) -> Option<ContentBlock> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let kind = text("type")?;
    let is_valid = match kind {
        "image" | "audio" => {
            is_media_type(text("mimeType")?)
                && text("mimeType")?.starts_with(kind)
                && is_base64(text("data")?)
        }
        "resource" => {
            let resource = fields.get("resource")?.as_object()?;
            let text = |name: &str| resource.get(name).and_then(Value::as_str);
            is_uri(text("uri")?)
                && resource.get("mimeType").is_none_or(|kind| kind.as_str().is_some_and(is_media_type))
                && match (text("blob"), text("text")) {
                    (Some(blob), None) => is_base64(blob),
                    (None, Some(_)) => true,
                    _ => false,
                }
        }
        "resource_link" => {
            is_uri(text("uri")?) && text("name").is_some_and(|name| name.len() <= MAX_NAME_BYTES)
        }
        _ => return None,
    };
    if !is_valid {
        return None;
    }
    // Only the fields of the protocol: others are the script's own.
    let mut plain = Map::new();
    let known: &[&str] = match kind {
        "resource" => &["type", "resource"],
        "resource_link" => &["type", "uri", "name", "title", "description", "mimeType", "size"],
        _ => &["type", "data", "mimeType"],
    };
    for name in known {
        if let Some(value) = fields.get(*name) {
            plain.insert((*name).to_owned(), value.clone());
        }
    }
    serde_json::from_value(Value::Object(plain)).ok()
}

/// Replaces the data by a note on the block that has it.
fn replace_data(fields: &mut Map<String, Value>, at: usize) {
    let note = format!("shown as content block {at} of this result");
    let fields = match fields.get("type").and_then(Value::as_str) {
        // A link is short, and the script may use it as data.
        Some("resource_link") => return,
        Some("resource") => match fields.get_mut("resource").and_then(Value::as_object_mut) {
            Some(resource) => resource,
            None => return,
        },
        _ => fields,
    };
    for name in ["data", "blob", "text"] {
        if let Some(value) = fields.get_mut(name) {
            *value = json!(note);
        }
    }
}

fn is_base64(data: &str) -> bool {
    // Data beyond a limit has been replaced by an empty string.
    !data.is_empty() && STANDARD.decode(data).is_ok()
}

fn is_media_type(kind: &str) -> bool {
    kind.len() <= 255 && kind.contains('/') && kind.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

fn is_uri(uri: &str) -> bool {
    !uri.is_empty() && uri.len() <= MAX_NAME_BYTES && !uri.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_extracted_at_any_depth() {
        let image = r#"{"type":"image","data":"AAAA","mimeType":"image/png"}"#;
        let sound = r#"{"type":"audio","data":"AAAA","mimeType":"audio/wav","annotations":{}}"#;
        let file = r#"{"type":"resource","resource":{"uri":"file:///a","mimeType":"application/pdf","blob":"AAAA"}}"#;
        let link = r#"{"type":"resource_link","uri":"file:///b","name":"b"}"#;
        let json = format!(
            r#"{{"note":"n","shots":[{image},{{"content":[{{"type":"text","text":"t"}},{sound}]}}],"f":{file},"l":{link}}}"#
        );
        let shown = extract(&json).unwrap();
        let blocks = serde_json::to_value(&shown.blocks).unwrap();
        let kinds: Vec<&str> =
            blocks.as_array().unwrap().iter().filter_map(|block| block["type"].as_str()).collect();
        assert_eq!(kinds, ["image", "audio", "resource", "resource_link"]);
        assert_eq!(blocks[0]["data"], "AAAA");
        assert_eq!(blocks[2]["resource"]["blob"], "AAAA");
        assert!(!shown.json.contains("AAAA"), "{}", shown.json);
        let value: Value = serde_json::from_str(&shown.json).unwrap();
        assert_eq!(value["note"], "n");
        assert_eq!(value["shots"][0]["data"], "shown as content block 2 of this result");
        assert_eq!(value["f"]["resource"]["blob"], "shown as content block 4 of this result");
        assert_eq!(value["l"]["uri"], "file:///b");
    }

    #[test]
    fn invalid_blocks_stay_in_the_value() {
        for json in [
            r#"{"type":"image","data":"not base64!","mimeType":"image/png"}"#,
            r#"{"type":"image","data":"","mimeType":"image/png","omitted":"too large"}"#,
            r#"{"type":"image","data":"AAAA"}"#,
            r#"{"type":"image","data":"AAAA","mimeType":"text/html"}"#,
            r#"{"type":"resource","resource":{"uri":"a:b"}}"#,
            r#"{"type":"resource","resource":{"uri":7,"text":"x"}}"#,
            r#"{"type":"resource_link","uri":"a:b"}"#,
            r#"{"type":"image"}"#,
            r#""\"type\":\"image\"""#,
            "[1]",
        ] {
            assert!(extract(json).is_none(), "{json}");
        }
        let many =
            format!("[{}]", vec![r#"{"type":"image","data":"AAAA","mimeType":"image/png"}"#; 30].join(","));
        let shown = extract(&many).unwrap();
        assert_eq!((shown.blocks.len(), shown.json.matches("AAAA").count()), (MAX_BLOCKS, 30 - MAX_BLOCKS));
    }
}
