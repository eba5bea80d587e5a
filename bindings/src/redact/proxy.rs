//! Credentials in the variables that name proxies and registries:
//! `HTTP_PROXY=http://user:password@host`.
//!
//! They belong to the operator. A server gets the address without them, as it gets no other
//! credential that its configuration does not name, and they are removed from messages.

use std::ffi::{OsStr, OsString};
use std::ops::Range;

use super::recognition::looks_like_one;
use super::user_info::{in_basic_scheme, percent_decoded};

/// Returns whether a variable of this name has the address of a proxy.
fn names_a_proxy(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.ends_with("_proxy") && name != "no_proxy"
    })
}

/// Variables with the address of a registry, as package managers read them.
const REGISTRIES: [&str; 5] =
    ["NPM_CONFIG_REGISTRY", "npm_config_registry", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"];

/// Returns whether a variable of this name has the address of a registry.
pub(crate) fn names_a_registry(name: &str) -> bool {
    REGISTRIES.contains(&name)
}

fn names_an_address(name: &OsStr) -> bool {
    names_a_proxy(name) || name.to_str().is_some_and(names_a_registry)
}

/// Returns the position of the credentials in an address, which may lack its scheme.
fn credentials_in(address: &str) -> Option<Range<usize>> {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find(['/', '?', '#']).map_or(address.len(), |at| start + at);
    let at = address[start..end].rfind('@')?;
    Some(start..start + at)
}

/// Returns whether the path or the query of a registry's address contains a value that may be a
/// key.
pub(crate) fn hides_a_key(value: &str) -> bool {
    let address = value.split_once("://").map_or(value, |(_, rest)| rest);
    let path = address.split_once(['/', '?', '#']).map_or("", |(_, path)| path);
    path.split(['/', '?', '&', '=', '#', ':', '@']).any(looks_like_one)
}

/// Returns the value of a variable for a child, and whether credentials were removed from it.
pub(crate) fn for_a_child(name: &OsStr, value: OsString) -> (OsString, bool) {
    if !names_an_address(name) {
        return (value, false);
    }
    let text = value.to_string_lossy();
    match credentials_in(&text) {
        None => (value, false),
        Some(found) => (format!("{}{}", &text[..found.start], &text[found.end + 1..]).into(), true),
    }
}

/// Returns all credentials in these variables, in the forms in which they may come back.
pub(crate) fn credentials(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let mut all = Vec::new();
    for (_, value) in variables.filter(|(name, _)| names_an_address(name)) {
        let text = value.to_string_lossy();
        let Some(found) = credentials_in(&text) else { continue };
        let (user, password) = text[found.clone()]
            .split_once(':')
            .map_or((&text[found], None), |(user, password)| (user, Some(password)));
        all.push(in_basic_scheme(&percent_decoded(user), password.map(percent_decoded).as_deref()));
        // A user name without a password is a key.
        let secret = password.unwrap_or(user);
        all.extend([secret.to_owned(), percent_decoded(secret)]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(name: &str, value: &str) -> String {
        for_a_child(OsStr::new(name), value.into()).0.into_string().unwrap()
    }

    #[test]
    fn children_get_the_address_without_credentials() {
        for (value, expected) in [
            ("http://user:pass@proxy:3128/", "http://proxy:3128/"),
            ("user:p@ss@proxy:3128", "proxy:3128"),
            ("http://key@proxy", "http://proxy"),
            ("http://proxy:3128/a@b", "http://proxy:3128/a@b"),
            ("", ""),
        ] {
            assert_eq!(child("HTTPS_PROXY", value), expected);
            assert_eq!(child("http_proxy", value), expected);
            assert_eq!(child("UV_INDEX_URL", value), expected);
        }
        assert_eq!(child("NO_PROXY", "a@b"), "a@b");
        assert_eq!(child("HOME", "/a:b@c"), "/a:b@c");
    }

    #[test]
    fn keys_in_an_address_are_noticed() {
        for (address, expected) in [
            ("https://npm.example.com/repository/npm-group/", false),
            ("https://nexus.internal:8443/repository/pypi-proxy/simple", false),
            ("https://dl.example.io/4fJ9sK2mQ8xZ7bV1/org/python/simple/", true),
            ("https://example.com/simple?token=4fJ9sK2mQ8xZ7bV1", true),
        ] {
            assert_eq!(hides_a_key(address), expected, "{address}");
        }
    }

    #[test]
    fn credentials_are_found_in_each_form() {
        let variables = [
            ("HTTPS_PROXY", "http://ada:hunter%202@proxy:3128"),
            ("all_proxy", "socks5://lonely-key@proxy"),
            ("NO_PROXY", "not:this@one"),
            ("PATH", "nor:this@one"),
        ];
        let found = credentials(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        // The first is `ada:hunter 2` in base64.
        assert_eq!(found[..3], ["YWRhOmh1bnRlciAy", "hunter%202", "hunter 2"]);
        assert!(found[3..].contains(&"lonely-key".to_owned()));
        assert!(!found.iter().any(|value| value.contains("this")));
    }
}
