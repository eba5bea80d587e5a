//! URLs by the WHATWG standard, through the crate `url`.

use ::url::{Url, form_urlencoded, quirks};

use super::*;

/// Longer texts are no URL here, nor is what becomes longer. The parser is linear, but it runs where no termination can
/// interrupt it.
const LONGEST: usize = 8 << 20;

/// The components in the order that js/56-url.js reads them. None of them can hold a line break: the parser drops or
/// encodes those, so one text carries all.
fn joined(url: &Url) -> String {
    [
        quirks::href(url),
        &quirks::origin(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ]
    .join("\n")
}

fn parse(input: &str, base: Option<&str>) -> Option<Url> {
    if input.len() > LONGEST || base.is_some_and(|base| base.len() > LONGEST) {
        return None;
    }
    let url = match base {
        None => Url::parse(input).ok(),
        Some(base) => Url::parse(base).ok()?.join(input).ok(),
    };
    url.filter(|url| url.as_str().len() <= LONGEST)
}

/// `parseUrl(input, base)` → the components, one a line, or undefined if it is no URL.
pub(super) fn parse_url(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let input = text(scope, &arguments, 0);
    let base = optional_text(scope, &arguments, 1);
    if let Some(url) = parse(&input, base.as_deref()) {
        set_text(scope, &mut result, &joined(&url));
    }
}

/// `setUrl(href, part, value)` → the components after the part was set; unchanged where the standard ignores the value, and
/// undefined where it would be too long.
/// Parts are numbered as the lines of `parseUrl`.
pub(super) fn set_url(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (href, value) = (text(scope, &arguments, 0), text(scope, &arguments, 2));
    let Some(mut url) = parse(&href, None).filter(|_| value.len() <= LONGEST) else { return };
    let value = value.as_str();
    // The setters' errors mean that nothing changed, which is what the standard wants.
    let _ = match number(scope, &arguments, 1) as u8 {
        2 => quirks::set_protocol(&mut url, value),
        3 => quirks::set_username(&mut url, value),
        4 => quirks::set_password(&mut url, value),
        5 => quirks::set_host(&mut url, value),
        6 => quirks::set_hostname(&mut url, value),
        7 => quirks::set_port(&mut url, value),
        8 => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        9 => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        10 => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
        _ => Ok(()),
    };
    if url.as_str().len() <= LONGEST {
        set_text(scope, &mut result, &joined(&url));
    }
}

/// `formEncode(text)`: one name or value as `application/x-www-form-urlencoded`.
pub(super) fn form_encode(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let encoded: String = form_urlencoded::byte_serialize(text(scope, &arguments, 0).as_bytes()).collect();
    set_text(scope, &mut result, &encoded);
}

/// `formDecode(text)`: the inverse.
pub(super) fn form_decode(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    // A name that is empty, so that `=` in the text belongs to the value; JavaScript has split at `&` before.
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
    fn a_text_past_the_bound_is_no_url() {
        assert!(parse(&format!("https://a/{}", "b".repeat(LONGEST)), None).is_none());
        assert!(parse("b", Some(&format!("https://a/{}/", "b".repeat(LONGEST)))).is_none());
        assert!(parse(&format!("https://a/{}", "é".repeat(LONGEST / 4)), None).is_none(), "six bytes each");
    }
}
