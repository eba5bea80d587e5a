//! The responses that are kept, and their lifetimes: as in a shared HTTP cache (RFC 9111), with the
//! rules of Workers for cookies.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_cache_semantics::{CacheOptions, CachePolicy};
use isolet_runtime::ResponseHead;

use crate::workers::heads::{CONNECTION_HEADERS, latin1_bytes};

/// The directive with which a response with cookies is kept, without them.
const PRIVATE_COOKIES: &str = "private=set-cookie";

/// Returns the response as it is kept, and its lifetime; `None` if it is not kept.
pub fn kept(
    url: &str,
    is_authorized: bool,
    mut response: ResponseHead,
    now: SystemTime,
) -> Option<(ResponseHead, Duration)> {
    let control = |(name, value): &(String, String)| {
        name == "cache-control" && value.to_ascii_lowercase().contains(PRIVATE_COOKIES)
    };
    let is_without_cookies = response.headers.iter().any(control);
    if is_without_cookies {
        response.headers.retain(|(name, _)| name != "set-cookie");
    }
    if response.headers.iter().any(|(name, _)| name == "set-cookie") {
        return None;
    }
    let is_of_connection = |name: &str| {
        CONNECTION_HEADERS.iter().any(|header| header.as_str() == name) || name == "cf-cache-status"
    };
    response.headers.retain(|(name, _)| !is_of_connection(name));
    let mut request = Request::new(());
    *request.uri_mut() = url.parse().ok()?;
    if is_authorized {
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static(""));
    }
    let mut answer = Response::new(());
    *answer.status_mut() = http::StatusCode::from_u16(response.status).ok()?;
    *answer.headers_mut() = headers(&response, is_without_cookies);
    let policy = CachePolicy::new_options(&request, &answer, now, CacheOptions::default());
    let lifetime = policy.time_to_live(now);
    (policy.is_storable() && !lifetime.is_zero()).then_some((response, lifetime))
}

/// Returns the headers of a response for the judgement.
fn headers(response: &ResponseHead, is_without_cookies: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        let value = match name.as_str() {
            "cache-control" if is_without_cookies => {
                let directives =
                    value.split(',').filter(|part| !part.trim().eq_ignore_ascii_case(PRIVATE_COOKIES));
                directives.collect::<Vec<_>>().join(",")
            }
            _ => value.clone(),
        };
        let value = latin1_bytes(&value).and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime_of(status: u16, headers: &[(&str, &str)], is_authorized: bool) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let response = ResponseHead { status, status_text: String::new(), headers, encoded: true };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        kept("http://a.example/", is_authorized, response, now).map(|(_, lifetime)| lifetime.as_secs())
    }

    /// The lifetimes are those of `wrangler dev` 4.86.
    #[test]
    fn cache_control_and_expires_decide_the_lifetime() {
        let of = |value: &str| lifetime_of(200, &[("cache-control", value)], false);
        for (control, lifetime) in [
            ("max-age=60", Some(60)),
            ("max-age=60, must-revalidate", Some(60)),
            ("max-age=60, immutable", Some(60)),
            ("s-maxage=60, max-age=0", Some(60)),
            ("public, max-age=60", Some(60)),
            ("max-age=0", None),
            ("s-maxage=0, max-age=60", None),
            ("private, max-age=60", None),
            ("no-store", None),
            ("no-cache, max-age=60", None),
            ("public", None),
            ("private=set-cookie, max-age=60", Some(60)),
        ] {
            assert_eq!(of(control), lifetime, "{control}");
        }
        let of = |name: &str, value: &str| lifetime_of(200, &[(name, value)], false);
        assert_eq!(of("expires", "Fri, 15 Jan 2027 08:01:00 GMT"), Some(60));
        assert_eq!(of("expires", "Thu, 01 Jan 1970 00:00:00 GMT"), None);
        assert_eq!(of("expires", "0"), None);
        assert_eq!(of("etag", "\"x\""), None);
        // A tenth of its age.
        assert_eq!(of("last-modified", "Fri, 15 Jan 2027 07:50:00 GMT"), Some(60));
    }

    #[test]
    fn statuses_cookies_and_credentials_decide_whether_it_is_kept() {
        let fresh = ("cache-control", "max-age=60");
        for (status, is_kept) in
            [(200, true), (404, true), (302, true), (301, true), (201, false), (500, false), (418, false)]
        {
            assert_eq!(lifetime_of(status, &[fresh], false).is_some(), is_kept, "{status}");
        }
        assert_eq!(lifetime_of(200, &[fresh, ("set-cookie", "a=b")], false), None);
        let without = [("cache-control", "max-age=60, private=Set-Cookie"), ("set-cookie", "a=b")];
        assert_eq!(lifetime_of(200, &without, false), Some(60));
        assert_eq!(lifetime_of(200, &[fresh], true), None);
        assert_eq!(lifetime_of(200, &[("cache-control", "public, max-age=60")], true), Some(60));
    }
}
