//! URLs by the WHATWG standard, through the crate `url`.

use std::borrow::Cow;

use ::url::{Position, Url, form_urlencoded, quirks};

use super::*;
use crate::shared_enums::{UrlPart, UrlPosition};

/// The length of a URL in bytes. The parser is linear, but runs where no termination can interrupt
/// it.
const MAX_URL_BYTES: usize = 8 << 20;

/// Returns the positions in `href` at which components begin or end, in the order of
/// [`UrlPosition`].
fn positions(url: &Url) -> impl Iterator<Item = usize> {
    UrlPosition::ALL.iter().map(|position| match position {
        UrlPosition::ProtocolEnd => url[..Position::AfterScheme].len() + 1,
        UrlPosition::HostStart => url[..Position::BeforeHost].len(),
        UrlPosition::HostEnd => url[..Position::AfterHost].len(),
        UrlPosition::PortEnd => url[..Position::AfterPort].len(),
        UrlPosition::PathStart => url[..Position::BeforePath].len(),
        UrlPosition::PathEnd => url[..Position::AfterPath].len(),
        UrlPosition::QueryEnd => url[..Position::AfterQuery].len(),
    })
}

/// Returns `href`, and puts the positions into the buffer at `index`, if there is one. A URL is
/// ASCII.
fn give(scope: &PinScope, arguments: &Arguments, index: i32, url: &Url, result: &mut ReturnValue) {
    with_buffer(arguments, index, |bytes| {
        for (place, position) in bytes.chunks_exact_mut(4).zip(positions(url)) {
            place.copy_from_slice(&(position as u32).to_ne_bytes());
        }
    });
    set_bytes(scope, result, url.as_str().as_bytes());
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

/// Returns a URL as the standard writes it. A text that is not a URL stays as it is.
pub(crate) fn href(text: &str) -> Cow<'_, str> {
    parse(text, None).map_or(Cow::Borrowed(text), |url| Cow::Owned(url.into()))
}

/// `parseUrl(input, base, positions)` returns the `href` of a URL, and puts the [`UrlPosition`]s
/// into the buffer `positions`; undefined if the text is not a valid URL.
pub(crate) fn parse_url(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let base = optional_text(scope, &arguments, 1);
    let url = with_text(scope, &arguments, 0, |input| parse(input, base.as_deref()));
    if let Some(url) = url {
        give(scope, &arguments, 2, &url, &mut result);
    }
}

/// `setUrl(href, part, value, positions)` sets a [`UrlPart`] and returns `href` and the positions:
/// unchanged if the standard ignores the value, undefined if the URL would be too long.
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
        None => Ok(()),
    };
    if url.as_str().len() <= MAX_URL_BYTES {
        give(scope, &arguments, 3, &url, &mut result);
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
    fn a_url_is_ascii_and_its_positions_are_in_order() {
        for input in [
            "https://ü:p@hö.example:8443/ä?ö#ü",
            "data:text/plain,ä",
            "web+demo:/.//not-a-host/",
            "mailto:ä@b",
            "file:///ä?b",
            "x://%ff:80/\u{2028}",
            "http://[::1]:81?#",
        ] {
            let url = parse(input, None).unwrap();
            assert!(url.as_str().is_ascii(), "{url}");
            let found: Vec<usize> = positions(&url).collect();
            assert!(found.is_sorted() && found[6] <= url.as_str().len(), "{url} {found:?}");
            let path = &url.as_str()[found[4]..found[5]];
            assert_eq!(path, quirks::pathname(&url), "{url}");
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
