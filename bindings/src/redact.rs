//! Credentials taken out of messages.
//!
//! Servers repeat what they were given: a URL with its token, an environment variable in a stack trace. What the
//! configuration passes to a server is removed from every message about that server.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use crate::config::{Secret, ServerConfig, TransportConfig};

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
    /// The credentials of `config`: every header, and each variable whose name says that it is one. Other variables
    /// are folders and levels, and the messages that name them are the useful ones.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let mut values: Vec<String> = match &config.transport {
            TransportConfig::Stdio(stdio) => stdio
                .env
                .iter()
                .filter(|(name, _)| names_a_credential(name))
                .map(|(_, value)| value.expose().to_owned())
                .collect(),
            TransportConfig::Http(http) => {
                let of_url = http.url.password().map(str::to_owned).into_iter().chain(
                    http.url
                        .query_pairs()
                        .filter(|(name, _)| names_a_credential(name))
                        .map(|(_, value)| value.into_owned()),
                );
                let secret = http.oauth.iter().filter_map(|oauth| oauth.client_secret.as_ref());
                let secret = secret.map(|secret| secret.expose().to_owned());
                http.headers.values().flat_map(header_parts).chain(of_url).chain(secret).collect()
            }
        };
        values.retain(|value| value.len() >= SHORTEST);
        // The longer of two goes first, so that no rest of it stays.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
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

    /// Whether [`redact`](Self::redact) would change `text`.
    pub(crate) fn concerns(&self, text: &str) -> bool {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        self.values.iter().chain(learned.iter()).any(|value| text.contains(value.as_str()))
    }
}

/// A header's value, and what follows its scheme: `Bearer abc` may come back as `abc`.
fn header_parts(value: &Secret) -> impl Iterator<Item = String> {
    let whole = value.expose().to_owned();
    let credential = whole.split_once(' ').map(|(_, credential)| credential.to_owned());
    std::iter::once(whole).chain(credential)
}

fn names_a_credential(name: &str) -> bool {
    const PARTS: [&str; 9] =
        ["KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CRED", "COOKIE", "DSN", "CONNECTION_STRING"];
    let name = name.to_ascii_uppercase();
    PARTS.iter().any(|part| name.contains(part)) || name.ends_with("_URL") || name.ends_with("_URI")
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
