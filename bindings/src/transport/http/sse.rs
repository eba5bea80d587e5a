//! Server-sent events from a stream of bytes, with a size limit.

use sse_stream::Sse;

/// Decodes server-sent events, as the HTML standard describes them (section 9.2.6).
pub(super) struct EventDecoder {
    /// The line being read.
    line: Vec<u8>,
    /// The event being read.
    event: Sse,
    has_fields: bool,
    /// The last line ended with a carriage return. A line feed that follows belongs to it.
    after_return: bool,
    most: usize,
}

/// The error of an event that exceeds the limit.
#[derive(Debug, thiserror::Error)]
#[error("an event is longer than {0} bytes")]
pub(super) struct EventTooLong(usize);

fn empty() -> Sse {
    Sse { event: None, data: None, id: None, retry: None }
}

impl EventDecoder {
    /// Creates a decoder for events of at most `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { line: Vec::new(), event: empty(), has_fields: false, after_return: false, most }
    }

    /// Decodes more bytes, and returns the events that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Sse>, EventTooLong> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let data = self.event.data.as_ref().map_or(0, String::len);
            if data + self.line.len() + end.unwrap_or(bytes.len()) > self.most {
                return Err(EventTooLong(self.most));
            }
            let Some(end) = end else {
                self.line.extend_from_slice(bytes);
                break;
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            if !line.is_empty() {
                self.field(&line);
            } else if std::mem::take(&mut self.has_fields) {
                events.push(std::mem::replace(&mut self.event, empty()));
            }
        }
        Ok(events)
    }

    fn field(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_start_matches('\u{feff}');
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.event.data = Some(value.to_owned()),
            },
            "event" => self.event.event = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok(),
            // A comment, such as a keep-alive, or an unknown field.
            _ => return,
        }
        self.has_fields = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&str]) -> Vec<Sse> {
        let mut decoder = EventDecoder::new(100);
        chunks.iter().flat_map(|chunk| decoder.push(chunk.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn events_do_not_depend_on_chunks_and_line_ends() {
        let text = ": hello\n\nevent: message\r\nid: 7\r\ndata: a: b\r\ndata:c\r\n\r\nretry: 50\rdata\r\rdata: unfinished";
        let whole = decode(&[text]);
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let pieces = decode(&bytes.iter().map(String::as_str).collect::<Vec<_>>());
        for events in [whole, pieces] {
            assert_eq!(events.len(), 2, "{events:?}");
            assert_eq!(events[0].data.as_deref(), Some("a: b\nc"));
            assert_eq!((events[0].event.as_deref(), events[0].id.as_deref()), (Some("message"), Some("7")));
            assert_eq!((events[1].data.as_deref(), events[1].retry), (Some(""), Some(50)));
        }
    }

    #[test]
    fn events_are_bounded() {
        let mut decoder = EventDecoder::new(100);
        assert!(decoder.push(&[b'x'; 101]).is_err());
        let mut decoder = EventDecoder::new(100);
        let lines: Vec<_> = (0..50).map(|_| decoder.push(b"data: 0123456789\n")).collect();
        assert!(lines.iter().any(Result::is_err));
    }
}
