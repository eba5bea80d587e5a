//! The behaviour of WebSockets, by a project's compatibility date and flags.

/// The behaviour of a project's WebSockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebSocketCompat {
    /// Set if messages of bytes are a `Blob` unless `binaryType` says otherwise.
    pub blobs: bool,
    /// Set if `close()` throws for a reason that is too long.
    pub reason_limit: bool,
    /// Set if a close is answered before the event `close`.
    pub automatic_close: bool,
}

impl WebSocketCompat {
    /// Reads the date and the flags. A project without a date has the newest behaviour.
    pub(crate) fn of(date: Option<&str>, flags: &[String]) -> Self {
        let has = |flag: &str| flags.iter().any(|known| known == flag);
        // Dates of this format are in the order of their texts.
        let is_on =
            |on: &str, off: &str, day: &str| has(on) || !has(off) && date.is_none_or(|date| date >= day);
        Self {
            blobs: is_on("websocket_standard_binary_type", "no_websocket_standard_binary_type", "2026-03-17"),
            reason_limit: is_on(
                "websocket_close_reason_byte_limit",
                "no_websocket_close_reason_byte_limit",
                "2026-03-03",
            ),
            automatic_close: is_on(
                "web_socket_auto_reply_to_close",
                "web_socket_manual_reply_to_close",
                "2026-04-07",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(date: Option<&str>, flags: &[&str]) -> [bool; 3] {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let WebSocketCompat { blobs, reason_limit, automatic_close } = WebSocketCompat::of(date, &flags);
        [blobs, reason_limit, automatic_close]
    }

    #[test]
    fn dates_and_flags_decide() {
        assert_eq!(of(None, &[]), [true; 3]);
        assert_eq!(of(Some("2026-03-02"), &[]), [false; 3]);
        assert_eq!(of(Some("2026-03-03"), &[]), [false, true, false]);
        assert_eq!(of(Some("2026-03-17"), &[]), [true, true, false]);
        assert_eq!(of(Some("2026-04-07"), &[]), [true; 3]);
        let on = [
            "websocket_standard_binary_type",
            "websocket_close_reason_byte_limit",
            "web_socket_auto_reply_to_close",
        ];
        assert_eq!(of(Some("2024-01-01"), &on), [true; 3]);
        let off = [
            "no_websocket_standard_binary_type",
            "no_websocket_close_reason_byte_limit",
            "web_socket_manual_reply_to_close",
        ];
        assert_eq!(of(None, &off), [false; 3]);
    }
}
