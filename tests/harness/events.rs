//! Server-sent events, as they arrive.

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use super::bounded;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The name after `event:`.
    pub name: String,
    /// The JSON after `data:`.
    pub data: Value,
}

/// A stream of events.
pub struct Events {
    /// The id of their run.
    pub id: String,
    body: Incoming,
    text: BytesMut,
}

impl Events {
    /// Reads events from `body`, whose first one has the run's id.
    pub async fn of_run(body: Incoming) -> Self {
        let mut events = Self { id: String::new(), body, text: BytesMut::new() };
        let start = events.next().await.expect("a first event");
        assert_eq!(start.name, "start", "{start:?}");
        events.id = super::text(&start.data["id"]).to_owned();
        events
    }

    /// Returns the next event, or `None` at the end of the stream. Comments are skipped.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block = self.text.split_to(end + 2);
                let block = std::str::from_utf8(&block).expect("events are UTF-8");
                match parse(block) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let frame = bounded("the next event", self.body.frame()).await;
            let Some(frame) = frame else {
                assert!(self.text.is_empty(), "the stream ends inside an event: {:?}", self.text);
                return None;
            };
            let frame = frame.unwrap_or_else(|error| panic!("the stream broke: {error}"));
            if let Ok(data) = frame.into_data() {
                self.text.extend_from_slice(&data);
            }
        }
    }

    /// Returns all events to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(block: &str) -> Option<Event> {
    let (mut name, mut data) = (None, None);
    for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
        let (field, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} is not a field"));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        let slot = match field {
            "event" => &mut name,
            "data" => &mut data,
            _ => continue,
        };
        assert!(slot.replace(value).is_none(), "two fields `{field}` in one event: {block}");
    }
    let data = data?;
    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error} in {data}"));
    Some(Event { name: name.unwrap_or_else(|| "message".to_owned()), data })
}
