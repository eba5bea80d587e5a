//! Credentials taken out of messages.
//!
//! Servers repeat what they were given: a URL with its token, an environment variable in a stack trace. What the
//! configuration passes to a server is removed from every message about that server.

mod forms;

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use serde_json::Value;

use crate::config::ServerConfig;

/// Shorter values are words like `true` or `info`; removing them would garble messages and protect nothing.
const SHORTEST: usize = 8;
/// Messages that are cut are shorter than this.
const LONGEST_CUT: usize = 64 * 1024;
const REDACTED: &str = "[redacted]";

/// The values to remove from messages about one server.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Of the configuration.
    values: Vec<String>,
    /// Tokens, as they come and go.
    learned: RwLock<VecDeque<String>>,
}

/// Tokens that are remembered; each renewal brings two, and servers may still repeat the last ones.
const MOST_LEARNED: usize = 32;

impl Redactor {
    /// The credentials of `config`: headers, values of variables, and what is called or looks like a credential. Other
    /// values are folders and levels, and the messages that name them are the useful ones.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let mut values = forms::of_config(config);
        values.retain(|value| value.len() >= SHORTEST);
        // The longer of two goes first, so that no rest of it stays.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values, learned: RwLock::default() }
    }

    /// Removes these from now on, too.
    pub(crate) fn learn(&self, values: impl IntoIterator<Item = String>) {
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        for value in values {
            if value.len() >= SHORTEST && !learned.contains(&value) {
                if learned.len() == MOST_LEARNED {
                    learned.pop_front();
                }
                learned.push_back(value);
            }
        }
    }

    /// `text` without them, and without the beginning of one where `text` was cut (at `…` and at its end).
    pub(crate) fn redact(&self, text: impl Into<String>) -> String {
        let mut text = text.into();
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        for value in self.values.iter().chain(learned.iter()) {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), REDACTED);
            }
            if text.len() > LONGEST_CUT {
                continue;
            }
            let cuts: Vec<usize> = text.match_indices('…').map(|(at, _)| at).chain([text.len()]).collect();
            for cut in cuts.into_iter().rev() {
                let kept = &text[..cut];
                let begun = (SHORTEST..value.len())
                    .filter(|length| value.is_char_boundary(*length))
                    .rev()
                    .find(|length| kept.ends_with(&value[..*length]));
                if let Some(length) = begun {
                    text.replace_range(cut - length..cut, REDACTED);
                }
            }
        }
        text
    }

    /// JSON without them, whatever escapes its strings are written with; `None` if there are none in it. Where one was a
    /// number, the rest may be no JSON any more.
    pub(crate) fn redact_json(&self, text: &str) -> Option<String> {
        let mut clean = String::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(start) = text[at..].find('"').map(|found| at + found) {
            at = end_of_string(text, start);
            // Half of a surrogate pair is no text, and is looked at below.
            let Ok(string) = serde_json::from_str::<String>(&text[start..at]) else { continue };
            if self.concerns(&string) {
                clean.push_str(&text[copied..start]);
                clean.push_str(&Value::String(self.redact(string)).to_string());
                copied = at;
            }
        }
        clean.push_str(&text[copied..]);
        if self.concerns(&clean) {
            clean = self.redact(clean);
        }
        (clean != text).then_some(clean)
    }

    /// Whether [`redact`](Self::redact) would change `text`.
    fn concerns(&self, text: &str) -> bool {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        self.values.iter().chain(learned.iter()).any(|value| text.contains(value.as_str()))
    }
}

/// Where the string ends whose opening quote is at `start`.
fn end_of_string(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{McpConfig, Secret, TransportConfig};

    #[test]
    fn credentials_go_and_the_rest_stays() {
        let mut config = ServerConfig::stdio("x", ["y"]);
        let TransportConfig::Stdio(stdio) = &mut config.transport else { panic!("stdio") };
        stdio.env.insert("GITHUB_TOKEN".into(), Secret::new("ghp_0123456789"));
        stdio.env.insert("DATA_FOLDER".into(), Secret::new("/var/lib/data"));
        let redactor = Redactor::new(&config);
        let text = redactor.redact("bad token ghp_0123456789 in /var/lib/data");
        assert_eq!(text, "bad token [redacted] in /var/lib/data");
        // Cut where a message ends.
        assert_eq!(redactor.redact("bad ghp_01234567"), "bad [redacted]");
        assert_eq!(redactor.redact("bad ghp_01234… (7 bytes more)"), "bad [redacted]… (7 bytes more)");
        assert_eq!(redactor.redact("bad ghp_012"), "bad ghp_012");
        assert!(!redactor.concerns("at-0123456789"));
        redactor.learn(["at-0123456789".to_owned(), "short".to_owned()]);
        assert!(redactor.concerns("at-0123456789"));
        assert_eq!(redactor.redact("short at-0123456789"), "short [redacted]");

        let mut config = ServerConfig::http("https://u:passw0rd!@h/?api_key=0123456789".parse().unwrap());
        let TransportConfig::Http(http) = &mut config.transport else { panic!("http") };
        http.headers.insert(http::header::AUTHORIZATION, Secret::new("Bearer abcdefghij"));
        let redactor = Redactor::new(&config);
        assert_eq!(redactor.redact("Bearer abcdefghij, abcdefghij"), "[redacted], [redacted]");
        assert_eq!(
            redactor.redact("https://u:passw0rd!@h/?api_key=0123456789"),
            "https://u:[redacted]@h/?api_key=[redacted]"
        );
    }

    const TOKEN: &str = "tok_0123456789abcdef";
    const PEM: &str = "-----BEGIN KEY-----\nMIIEvQIBADANBg\"kqhkiG9w0\n-----END KEY-----\n";

    fn of(text: &str) -> Redactor {
        let lookup = |name: &str| match name {
            "T" => Some(TOKEN.to_owned()),
            "PEM" => Some(PEM.to_owned()),
            "HERE" => Some("/proc/self".to_owned()),
            _ => None,
        };
        let text = format!("{{\"mcpServers\": {{\"s\": {text}}}}}");
        let config = McpConfig::parse(&text, std::path::Path::new("mcp.json"), &lookup).unwrap();
        Redactor::new(&config.servers["s"])
    }

    #[test]
    fn values_of_variables_go_wherever_they_stand() {
        for server in [
            r#"{"command": "x", "args": ["--as", "me:${T}"]}"#,
            r#"{"command": "x", "env": {"WHATEVER": "${T}"}}"#,
            r#"{"command": "x", "env": {"WHATEVER": "tok_0123456789abcdef"}}"#,
            r#"{"command": "x", "args": ["--token", "tok_0123456789abcdef"]}"#,
            r#"{"command": "x", "args": ["--api-key=tok_0123456789abcdef"]}"#,
            r#"{"url": "https://h/s/${T}/mcp"}"#,
            r#"{"url": "https://h/s/tok_0123456789abcdef/mcp"}"#,
            r#"{"url": "https://u-${T}:p@h/mcp"}"#,
            r#"{"url": "https://h/", "headers": {"x-anything": "${T}"}}"#,
        ] {
            assert_eq!(of(server).redact(format!("bad {TOKEN}!")), "bad [redacted]!", "{server}");
        }
        // Where a program or a folder is, is no secret.
        let places = of(r#"{"command": "${T}", "args": ["${HERE}"], "cwd": "${T}"}"#);
        assert_eq!(places.redact(format!("{TOKEN} /proc/self")), format!("{TOKEN} /proc/self"));
    }

    #[test]
    fn the_credentials_of_a_url_go_as_they_are_sent() {
        use base64::Engine as _;
        let redactor = of(r#"{"url": "https://me:p%40ssw0rd@h/mcp"}"#);
        let sent = base64::prelude::BASE64_STANDARD.encode("me:p@ssw0rd");
        for form in [sent.as_str(), "p@ssw0rd", "p%40ssw0rd"] {
            assert_eq!(redactor.redact(format!("got {form}.")), "got [redacted].");
        }
        let basic =
            of(&format!(r#"{{"url": "https://h/", "headers": {{"authorization": "Basic {sent}"}}}}"#));
        assert_eq!(basic.redact("no p@ssw0rd here"), "no [redacted] here");
    }

    #[test]
    fn credentials_with_lines_and_quotes_go_in_every_form() {
        let redactor = of(r#"{"command": "x", "env": {"WHATEVER": "${PEM}"}}"#);
        let inner = serde_json::json!({ "key": PEM }).to_string();
        for text in [PEM.to_owned(), crate::text::printable(PEM.as_bytes(), 500), inner.clone()] {
            let clean = redactor.redact(text);
            assert!(!clean.contains("MIIE") && clean.contains(REDACTED), "{clean}");
        }
        let outer = serde_json::json!({ "n": 1e300, "text": [inner, PEM] }).to_string();
        let clean = redactor.redact_json(&outer).unwrap();
        assert!(!clean.contains("MIIE"), "{clean}");
        assert!(serde_json::from_str::<Value>(&clean).is_ok(), "{clean}");
    }

    #[test]
    fn json_is_searched_as_its_readers_see_it() {
        let redactor = of(r#"{"command": "x", "env": {"API_KEY": "a/b+c/0123é"}}"#);
        let clean = redactor.redact_json(r#"{"k": 1.50, "t": "is a\/b+c\/0123\u00e9", "h": "\ud800"}"#);
        assert_eq!(clean.unwrap(), r#"{"k": 1.50, "t": "is [redacted]", "h": "\ud800"}"#);
        assert_eq!(redactor.redact_json(r#"{"t": "a\/b", "open": "abc"#), None);
    }
}
