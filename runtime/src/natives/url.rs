//! URLs by the WHATWG standard, through the crate `url`.

use ::url::{Url, form_urlencoded, quirks};

use super::*;
use crate::shared_enums::UrlPart;

/// The length of a URL in bytes. The parser is linear, but runs where no termination can interrupt
/// it.
const MAX_URL_BYTES: usize = 8 << 20;

/// Returns the components as lines, in the order of [`UrlPart`]. No component contains a line
/// break: the parser drops or encodes them.
fn joined(url: &Url) -> String {
    let origin = quirks::origin(url);
    let part = |part: &UrlPart| match part {
        UrlPart::Href => quirks::href(url),
        UrlPart::Origin => origin.as_str(),
        UrlPart::Protocol => quirks::protocol(url),
        UrlPart::Username => quirks::username(url),
        UrlPart::Password => quirks::password(url),
        UrlPart::Host => quirks::host(url),
        UrlPart::Hostname => quirks::hostname(url),
        UrlPart::Port => quirks::port(url),
        UrlPart::Pathname => quirks::pathname(url),
        UrlPart::Search => quirks::search(url),
        UrlPart::Hash => quirks::hash(url),
    };
    UrlPart::ALL.iter().map(part).collect::<Vec<_>>().join("\n")
}

fn parse(input: &str, base: Option<&str>) -> Option<Url> {
    if input.len() > MAX_URL_BYTES || base.is_some_and(|base| base.len() > MAX_URL_BYTES) {
        return None;
    }
    let url = match base {
        None => Url::parse(input).ok(),
        Some(base) => Url::parse(base).ok()?.join(input).ok(),
    };
    url.filter(|url| url.as_str().len() <= MAX_URL_BYTES)
}

/// `parseUrl(input, base)` returns the components of a URL, one a line, or undefined if the text is
/// not a valid URL.
pub(crate) fn parse_url(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let input = text(scope, &arguments, 0);
    let base = optional_text(scope, &arguments, 1);
    if let Some(url) = parse(&input, base.as_deref()) {
        set_text(scope, &mut result, &joined(&url));
    }
}

/// `setUrl(href, part, value)` sets a [`UrlPart`] and returns the components: unchanged if the
/// standard ignores the value, undefined if the URL would be too long.
pub(crate) fn set_url(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (href, value) = (text(scope, &arguments, 0), text(scope, &arguments, 2));
    let Some(mut url) = parse(&href, None).filter(|_| value.len() <= MAX_URL_BYTES) else { return };
    let value = value.as_str();
    // An error of a setter means that nothing changed, as the standard prescribes.
    let _ = match UrlPart::from_number(number(scope, &arguments, 1)) {
        Some(UrlPart::Protocol) => quirks::set_protocol(&mut url, value),
        Some(UrlPart::Username) => quirks::set_username(&mut url, value),
        Some(UrlPart::Password) => quirks::set_password(&mut url, value),
        Some(UrlPart::Host) => quirks::set_host(&mut url, value),
        Some(UrlPart::Hostname) => quirks::set_hostname(&mut url, value),
        Some(UrlPart::Port) => quirks::set_port(&mut url, value),
        Some(UrlPart::Pathname) => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        Some(UrlPart::Search) => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        Some(UrlPart::Hash) => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
        Some(UrlPart::Href | UrlPart::Origin) | None => Ok(()),
    };
    if url.as_str().len() <= MAX_URL_BYTES {
        set_text(scope, &mut result, &joined(&url));
    }
}

/// `formEncode(text)` encodes a name or value as `application/x-www-form-urlencoded`.
pub(crate) fn form_encode(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let encoded: String = form_urlencoded::byte_serialize(text(scope, &arguments, 0).as_bytes()).collect();
    set_text(scope, &mut result, &encoded);
}

/// `formDecode(text)` decodes a name or value of `application/x-www-form-urlencoded`.
pub(crate) fn form_decode(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    // The name is empty, so that every `=` in the text belongs to the value. JavaScript has split
    // the text at `&`.
    let encoded = format!("={}", text(scope, &arguments, 0));
    if let Some((_, value)) = form_urlencoded::parse(encoded.as_bytes()).next() {
        set_text(scope, &mut result, &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_component_holds_a_line_break() {
        for input in [
            "https://a/\n\r\tb?c\nd#e\nf",
            "data:text/plain,a\nb",
            "https://u\n:p@h/",
            "x:\u{2028}\n",
            "blob:https://a/\nb",
        ] {
            let url = parse(input, None).unwrap();
            assert_eq!(joined(&url).split('\n').count(), 11, "{input:?}");
        }
    }

    #[test]
    fn a_text_past_the_bound_is_not_a_url() {
        assert!(parse(&format!("https://a/{}", "b".repeat(MAX_URL_BYTES)), None).is_none());
        assert!(parse("b", Some(&format!("https://a/{}/", "b".repeat(MAX_URL_BYTES)))).is_none());
        assert!(
            parse(&format!("https://a/{}", "é".repeat(MAX_URL_BYTES / 4)), None).is_none(),
            "six bytes each"
        );
    }
}
