//! Credentials taken out of messages.
//!
//! Servers repeat what they were given: a URL with its token, an environment variable in a stack trace. What the
//! configuration passes to a server is removed from every message about that server.

use crate::config::{Secret, ServerConfig, TransportConfig};

/// Shorter values are words like `true` or `info`; removing them would garble messages and protect nothing.
const SHORTEST: usize = 8;

/// The values to remove from messages about one server.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    values: Vec<String>,
}

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
                http.headers.values().flat_map(header_parts).chain(of_url).collect()
            }
        };
        values.retain(|value| value.len() >= SHORTEST);
        // The longer of two goes first, so that no rest of it stays.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// `text` without them.
    pub(crate) fn redact(&self, text: impl Into<String>) -> String {
        let mut text = text.into();
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), "[redacted]");
            }
        }
        text
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
        let text = Redactor::new(&config).redact("bad token ghp_0123456789 in /var/lib/data");
        assert_eq!(text, "bad token [redacted] in /var/lib/data");

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
