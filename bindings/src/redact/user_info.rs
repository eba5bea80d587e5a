//! The user name and the password in a URL.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

/// Returns a user name or password as it was before it was put into the URL. An invalid escape
/// stays.
pub(super) fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns decoded credentials in the form in which the scheme `Basic` of HTTP sends them.
pub(super) fn in_basic_scheme(user: &str, password: Option<&str>) -> String {
    BASE64_STANDARD.encode(format!("{user}:{}", password.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_percent_escapes_stay() {
        assert_eq!(percent_decoded("p%40ss%"), "p@ss%");
    }

    #[test]
    fn basic_credentials_are_encoded_as_one_text() {
        assert_eq!(in_basic_scheme("ada", Some("hunter 2")), "YWRhOmh1bnRlciAy");
        assert_eq!(in_basic_scheme("key", None), "a2V5Og==");
    }
}
