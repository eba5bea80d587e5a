//! The credentials of a configuration, and the forms in which a message may repeat them.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::form_urlencoded::byte_serialize;

use super::proxy;
use super::recognition::{looks_like_one, names_a_credential};
use super::user_info::{in_basic_scheme, percent_decoded};
use crate::config::{HttpConfig, Secret, ServerConfig, StdioConfig, TransportConfig};

/// The shortest line of a longer credential, such as a PEM key, that is removed by itself.
const MIN_LINE_BYTES: usize = 16;

/// Returns every text to remove, in every form that is expected.
pub(super) fn of_config(config: &ServerConfig) -> Vec<String> {
    let mut values = match &config.transport {
        TransportConfig::Stdio(stdio) => of_child(stdio),
        TransportConfig::Http(http) => of_endpoint(http),
        TransportConfig::Unusable(_) => Vec::new(),
    };
    // The value of a variable was kept out of the file for a reason, whatever its name.
    values.extend(config.variables.iter().map(exposed));
    values.extend(proxy::credentials(std::env::vars_os()));
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
        values.push(in_basic_scheme(&user, password.as_deref()));
    }
    values.extend(url.password().map(str::to_owned));
    // A user name without a password is a key.
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

/// The value of a header, and its part after the scheme: `Bearer abc` may come back as `abc`, and
/// `Basic …` as the decoded text.
fn of_header(value: &Secret) -> Vec<String> {
    let mut values = vec![exposed(value)];
    if let Some((scheme, credential)) = value.expose().split_once(' ') {
        values.push(credential.to_owned());
        let decoded = BASE64_STANDARD.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if scheme.eq_ignore_ascii_case("basic")
            && let Some((user, password)) = decoded.as_deref().and_then(|pair| pair.split_once(':'))
        {
            values.extend([user.to_owned(), password.to_owned()].into_iter().filter(|part| {
                // `x-token:SECRET` and `SECRET:x` are both in use. A plain user name is not secret.
                part == password || looks_like_one(part)
            }));
        }
    }
    values
}

/// A value in all its forms: unchanged, line by line, in JSON, in JSON inside JSON, and in a URL.
fn forms(value: &str) -> Vec<String> {
    let in_json = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let lines = value.lines().map(str::trim).filter(|line| {
        line.len() >= MIN_LINE_BYTES && line.len() < value.len() && !line.starts_with("-----")
    });
    let mut forms = Vec::new();
    for text in std::iter::once(value).chain(lines) {
        let once = in_json(text);
        forms.extend([text.to_owned(), in_json(&once), once, byte_serialize(text.as_bytes()).collect()]);
    }
    // Paths and queries of URLs are encoded differently.
    if let Ok(url) = url::Url::parse(&format!("http://h/{value}")) {
        forms.push(url.as_str()["http://h/".len()..].to_owned());
    }
    forms.dedup();
    forms
}

/// Returns whether a value is a folder or file of this machine. Messages that name it are useful.
fn is_a_place(value: &str) -> bool {
    Path::new(value).is_absolute() && Path::new(value).exists()
}
