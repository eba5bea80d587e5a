//! Removing credentials from messages.
//!
//! Servers repeat what they were given: a URL with its token, an environment variable in a stack
//! trace. The credentials that the configuration gives to a server are removed from every message
//! about that server.
//!
//! | module | one idea |
//! |---|---|
//! | `forms` | the credentials of a configuration, in all their forms |
//! | `recognition` | credentials recognised by name or form |
//! | `proxy` | credentials in the addresses of proxies and registries |
//! | `user_info` | the user name and the password in a URL |

mod forms;
pub(crate) mod proxy;
pub(crate) mod recognition;
mod user_info;

use std::collections::VecDeque;

use parking_lot::RwLock;
use serde_json::Value;

use crate::config::ServerConfig;

/// The shortest value that is removed. Shorter ones are words like `true` or `info`.
const MIN_SECRET_BYTES: usize = 8;
/// The longest message in which the beginnings of credentials are searched; shortened messages are
/// shorter.
const MAX_CUT_SEARCH_BYTES: usize = 64 * 1024;
const REDACTED: &str = "[redacted]";

/// The credentials to remove from messages about one server.
#[derive(Default)]
pub(crate) struct Redactor {
    /// The credentials of the configuration.
    values: Vec<String>,
    /// The last tokens.
    learned: RwLock<VecDeque<String>>,
}

/// The most tokens that are remembered. Each renewal brings two, and servers may still repeat
/// earlier ones.
const MAX_LEARNED: usize = 32;

impl Redactor {
    /// Collects the credentials of `config`: headers, values of variables, and values with the name
    /// or the form of a credential. Other values are folders and levels, which useful messages
    /// name.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let mut values = forms::of_config(config);
        values.retain(|value| value.len() >= MIN_SECRET_BYTES);
        // A longer credential is removed before a shorter one that it contains.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values, learned: RwLock::default() }
    }

    /// Also removes these values from now on.
    pub(crate) fn learn(&self, values: impl IntoIterator<Item = String>) {
        let mut learned = self.learned.write();
        for value in values {
            if value.len() >= MIN_SECRET_BYTES && !learned.contains(&value) {
                if learned.len() == MAX_LEARNED {
                    learned.pop_front();
                }
                learned.push_back(value);
            }
        }
    }

    /// Removes the credentials, and the beginning of one where `text` was shortened (at `…` and at
    /// its end).
    pub(crate) fn redact(&self, text: impl Into<String>) -> String {
        let mut text = text.into();
        let learned = self.learned.read();
        for value in self.values.iter().chain(learned.iter()) {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), REDACTED);
            }
            if text.len() > MAX_CUT_SEARCH_BYTES {
                continue;
            }
            let cuts: Vec<usize> = text.match_indices('…').map(|(at, _)| at).chain([text.len()]).collect();
            for cut in cuts.into_iter().rev() {
                let kept = &text[..cut];
                let begun = (MIN_SECRET_BYTES..value.len())
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

    /// Removes the credentials from JSON, in any escaped form. Returns `None` if there are none. If
    /// a credential was a number, the result may not be valid JSON.
    pub(crate) fn redact_json(&self, text: &str) -> Option<String> {
        let mut clean = String::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(start) = text[at..].find('"').map(|found| at + found) {
            at = end_of_string(text, start);
            // Half of a surrogate pair is not valid text. It is searched below.
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

    /// Returns whether [`redact`](Self::redact) would change `text`.
    fn concerns(&self, text: &str) -> bool {
        let learned = self.learned.read();
        self.values.iter().chain(learned.iter()).any(|value| text.contains(value.as_str()))
    }
}

/// Returns the end of the string that begins with the quote at `start`.
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
    fn credentials_are_removed_and_the_rest_stays() {
        let mut config = ServerConfig::stdio("x", ["y"]);
        let TransportConfig::Stdio(stdio) = &mut config.transport else { panic!("stdio") };
        stdio.env.insert("GITHUB_TOKEN".into(), Secret::new("ghp_0123456789"));
        stdio.env.insert("DATA_FOLDER".into(), Secret::new("/var/lib/data"));
        let redactor = Redactor::new(&config);
        let text = redactor.redact("bad token ghp_0123456789 in /var/lib/data");
        assert_eq!(text, "bad token [redacted] in /var/lib/data");
        // The message ends within the credential.
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
    fn values_of_variables_are_removed_everywhere() {
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
        // The location of a program or a folder is not secret.
        let places = of(r#"{"command": "${T}", "args": ["${HERE}"], "cwd": "${T}"}"#);
        assert_eq!(places.redact(format!("{TOKEN} /proc/self")), format!("{TOKEN} /proc/self"));
    }

    #[test]
    fn credentials_of_a_url_are_removed_in_each_form() {
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
    fn credentials_with_lines_and_quotes_are_removed_in_each_form() {
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
    fn json_is_searched_after_unescaping() {
        let redactor = of(r#"{"command": "x", "env": {"API_KEY": "a/b+c/0123é"}}"#);
        let clean = redactor.redact_json(r#"{"k": 1.50, "t": "is a\/b+c\/0123\u00e9", "h": "\ud800"}"#);
        assert_eq!(clean.unwrap(), r#"{"k": 1.50, "t": "is [redacted]", "h": "\ud800"}"#);
        assert_eq!(redactor.redact_json(r#"{"t": "a\/b", "open": "abc"#), None);
    }
}
