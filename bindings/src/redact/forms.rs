//! What of a configuration is a credential, and how it may come back.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::form_urlencoded::byte_serialize;

use crate::config::{HttpConfig, Secret, ServerConfig, StdioConfig, TransportConfig};

/// A line of a longer credential, such as a key in PEM, says enough of it from this length on.
const SHORTEST_LINE: usize = 16;
/// What has no telling name and is shorter than this is taken for a word.
const SHORTEST_UNNAMED: usize = 16;
/// Below this, dots and slashes are those of host names and paths.
const SHORTEST_WITH_MARKS: usize = 32;

/// Every text that is to go, in every form that is expected.
pub(super) fn of_config(config: &ServerConfig) -> Vec<String> {
    let mut values = match &config.transport {
        TransportConfig::Stdio(stdio) => of_child(stdio),
        TransportConfig::Http(http) => of_endpoint(http),
    };
    // What comes from a variable was kept out of the file for a reason, whatever it is called there.
    values.extend(config.variables.iter().map(exposed));
    values.retain(|value| !is_a_place(value));
    values.iter().flat_map(|value| forms(value)).collect()
}

fn of_child(stdio: &StdioConfig) -> Vec<String> {
    let of_env = stdio
        .env
        .iter()
        .filter(|(name, value)| names_a_credential(name) || looks_like_one(value.expose()))
        .map(|(_, value)| exposed(value));
    let mut values: Vec<String> = of_env.collect();
    let mut named = false;
    for argument in &stdio.args {
        let flag = argument.starts_with('-');
        match argument.split_once('=') {
            Some((name, value)) if flag && names_a_credential(name) => values.push(value.to_owned()),
            _ if named && !flag => values.push(argument.clone()),
            _ => {}
        }
        named = flag && !argument.contains('=') && names_a_credential(argument);
    }
    values
}

fn of_endpoint(http: &HttpConfig) -> Vec<String> {
    let mut values: Vec<String> = http.headers.values().flat_map(of_header).collect();
    let url = &http.url;
    let (user, password) = (percent_decoded(url.username()), url.password().map(percent_decoded));
    if !user.is_empty() || password.is_some() {
        // This is how they are sent.
        values.push(BASE64_STANDARD.encode(format!("{user}:{}", password.as_deref().unwrap_or_default())));
    }
    values.extend(url.password().map(str::to_owned));
    // A name without a password is a key.
    if password.is_none() || looks_like_one(&user) {
        values.extend([url.username().to_owned(), user]);
    }
    values.extend(password);
    let of_query =
        url.query_pairs().filter(|(name, value)| names_a_credential(name) || looks_like_one(value));
    values.extend(of_query.map(|(_, value)| value.into_owned()));
    let segments = url.path_segments().into_iter().flatten();
    values.extend(segments.filter(|segment| looks_like_one(segment)).map(str::to_owned));
    let secret = http.oauth.iter().filter_map(|oauth| oauth.client_secret.as_ref());
    values.extend(secret.map(exposed));
    values
}

fn exposed(secret: &Secret) -> String {
    secret.expose().to_owned()
}

/// A header's value, and what follows its scheme: `Bearer abc` may come back as `abc`, and `Basic …` as what it encodes.
fn of_header(value: &Secret) -> Vec<String> {
    let mut values = vec![exposed(value)];
    if let Some((scheme, credential)) = value.expose().split_once(' ') {
        values.push(credential.to_owned());
        let decoded = BASE64_STANDARD.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if scheme.eq_ignore_ascii_case("basic")
            && let Some((user, password)) = decoded.as_deref().and_then(|pair| pair.split_once(':'))
        {
            values.extend([user.to_owned(), password.to_owned()].into_iter().filter(|part| {
                // `x-token:SECRET` and `SECRET:x` are both in use; a plain user name is none.
                part == password || looks_like_one(part)
            }));
        }
    }
    values
}

/// A value as it is, by lines, in JSON, in JSON inside JSON, and in a URL.
fn forms(value: &str) -> Vec<String> {
    let in_json = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let lines = value
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST_LINE && line.len() < value.len() && !line.starts_with("-----"));
    let mut forms = Vec::new();
    for text in std::iter::once(value).chain(lines) {
        let once = in_json(text);
        forms.extend([text.to_owned(), in_json(&once), once, byte_serialize(text.as_bytes()).collect()]);
    }
    // A URL's path and query have rules of their own.
    if let Ok(url) = url::Url::parse(&format!("http://h/{value}")) {
        forms.push(url.as_str()["http://h/".len()..].to_owned());
    }
    forms.dedup();
    forms
}

fn names_a_credential(name: &str) -> bool {
    const PARTS: [&str; 10] =
        ["KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CRED", "COOKIE", "DSN", "CONNECTION_STRING", "BEARER"];
    /// Too short to be looked for inside other words.
    const WORDS: [&str; 4] = ["JWT", "PAT", "PWD", "SIG"];
    let name = name.to_ascii_uppercase();
    PARTS.iter().any(|part| name.contains(part))
        || name.split(['_', '-', '.']).any(|word| WORDS.contains(&word))
        || name.ends_with("_URL")
        || name.ends_with("_URI")
}

/// Whether a value without a telling name is more like a key than like a word, a version or a host.
fn looks_like_one(value: &str) -> bool {
    let of_alphabet = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'+' | b'=')
            || (value.len() >= SHORTEST_WITH_MARKS && matches!(byte, b'.' | b'/' | b'~'))
    };
    value.len() >= SHORTEST_UNNAMED
        && !value.starts_with(['/', '.'])
        && value.bytes().all(of_alphabet)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A folder or file of this machine: messages that name it are the useful ones.
fn is_a_place(value: &str) -> bool {
    Path::new(value).is_absolute() && Path::new(value).exists()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped =
            tail.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_looks_of_credentials() {
        for name in ["GITHUB_TOKEN", "GH_PAT", "JWT", "db-pwd", "REDIS_URL", "--api-key"] {
            assert!(names_a_credential(name), "{name}");
        }
        for name in ["PATH", "PATTERN", "LEVEL", "DATA_FOLDER", "DESIGN"] {
            assert!(!names_a_credential(name), "{name}");
        }
        for value in [
            "sk-proj-0123456789abcdef",
            "ghp_0123456789ABCDEFabcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.c2ln",
        ] {
            assert!(looks_like_one(value), "{value}");
        }
        for value in
            ["production", "/var/lib/data/0123456789", "api-2.example.com", "2025-11-25", "in a sentence 123"]
        {
            assert!(!looks_like_one(value), "{value}");
        }
        assert_eq!(percent_decoded("p%40ss%"), "p@ss%");
    }
}
