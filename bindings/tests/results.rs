//! Results of calls, and progress notifications.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::web::Web;
use common::{fixture, start, start_with};
use isolet_bindings::{Progress, UpstreamOptions};
use parking_lot::Mutex;
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn values_have_structured_content_or_content_of_any_kind() {
    let upstreams = start("s", fixture([])).await;
    let link = json!({"type": "resource_link", "uri": "x://1", "name": "one"});
    let embedded = json!({"type": "resource", "resource": {"uri": "x://1", "text": "hi"}});
    let image = json!({"type": "image", "mimeType": "image/png", "data": "AAAA"});
    let audio = json!({"type": "audio", "mimeType": "audio/wav", "data": "AAAA"});
    let all = json!({"content": [{"type": "text", "text": "see"}, link, embedded, image, audio]});
    for (given, expected) in [
        (json!({"content": [], "structuredContent": [1, "a"]}), json!([1, "a"])),
        (json!({"content": [], "structuredContent": "text"}), json!("text")),
        (json!({"content": [], "structuredContent": 7.5}), json!(7.5)),
        (json!({"content": [], "structuredContent": false}), json!(false)),
        (json!({"structuredContent": {"a": null}}), json!({"a": null})),
        (all.clone(), all),
    ] {
        let arguments = json!({"result": given}).to_string();
        let result = upstreams.call_tool("s", "give", &arguments, TIMEOUT).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&result.value_json()).unwrap(), expected);
    }
}

#[tokio::test]
async fn oversized_media_lose_only_their_data() {
    let options = UpstreamOptions { max_media_bytes: 30_000, ..common::options() };
    let upstreams = start_with("s", fixture([]), options).await;
    let image = json!({"type": "image", "mimeType": "image/png", "data": "A".repeat(40_000)});
    let small = json!({"type": "image", "mimeType": "image/png", "data": "AAAA"});
    let given = json!({"content": [image, small, {"type": "text", "text": "a cat"}]});
    let arguments = json!({"result": given}).to_string();
    let result = upstreams.call_tool("s", "give", &arguments, TIMEOUT).await.unwrap();
    let value: Value = serde_json::from_slice(&result.value_json()).unwrap();
    assert_eq!(value["content"][0]["data"], "");
    assert_eq!(value["content"][0]["mimeType"], "image/png");
    assert!(value["content"][0]["omitted"].as_str().unwrap().contains("40000 bytes"), "{value}");
    assert_eq!((&value["content"][1], &value["content"][2]["text"]), (&small, &json!("a cat")));
    // The raw result is available too.
    assert_eq!(serde_json::from_slice::<Value>(&result.raw_json()).unwrap(), given);
    let read = upstreams.read_resource("s", "x://big", TIMEOUT).await.unwrap();
    let read: Value = serde_json::from_slice(&read).unwrap();
    assert_eq!((&read["contents"][0]["blob"], &read["contents"][1]["text"]), (&json!(""), &json!("hi")));
}

#[tokio::test]
async fn progress_is_passed_on_and_never_breaks_a_call() {
    let web = Web::start(&["sse"]);
    for server in [fixture([]), fixture(["modern"]), web.config()] {
        let upstreams = start("s", server).await;
        let heard: Arc<Mutex<Vec<Progress>>> = Arc::default();
        let sink = {
            let heard = heard.clone();
            Arc::new(move |progress| heard.lock().push(progress))
        };
        let result = upstreams.call_tool_reporting("s", "work", "{}", TIMEOUT, Some(sink)).await.unwrap();
        assert_eq!(result.value_json(), br#""worked""#);
        // rmcp starts a task for each notification, so they may come in any order, and those after
        // the answer are dropped. Over HTTP all of them come at once.
        let mut heard = std::mem::take(&mut *heard.lock());
        heard.sort_by(|a, b| a.progress.total_cmp(&b.progress));
        let all = upstreams.statuses()[0].transport == "stdio";
        assert!(heard.len() == 2 || (!all && heard.len() < 2), "{heard:?}");
        if all {
            assert_eq!((heard[1].total, heard[1].message.as_deref()), (Some(5.0), Some("half\u{fffd}[2J")));
        }
        let result = upstreams.call_tool("s", "work", "{}", TIMEOUT).await.unwrap();
        assert_eq!(result.value_json(), br#""worked""#);
    }
}
