//! The answer to a request from a response that was kept: all of it, a range, or that it has not
//! changed.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use isolet_runtime::{FetchedBody, FetchedResponse, RequestHead, ResponseHead};

use super::header;
use super::store::Kept;

/// The longest body that is given as a whole, in bytes.
const MAX_WHOLE_BYTES: usize = 64 << 10;

/// Returns the answer to a request.
pub fn answer(request: &RequestHead, kept: &Kept) -> FetchedResponse {
    let mut head = kept.head.clone();
    let mut set = |name: &str, value: String| {
        head.headers.retain(|(found, _)| found != name);
        head.headers.push((name.to_owned(), value));
    };
    set("cf-cache-status", "HIT".to_owned());
    if is_unchanged(request, &kept.head) {
        set("age", age(kept).to_string());
        return FetchedResponse { head: with_status(head, 304, "Not Modified"), body: FetchedBody::Empty };
    }
    let length = kept.body.len();
    let asked = header(request, "range").filter(|_| kept.head.status == 200);
    let range = match asked.map(|range| range_of(range, length)) {
        Some(Asked::One(range)) => Some(range),
        Some(Asked::Unsatisfiable) => {
            head.headers.retain(|(name, _)| name == "cf-cache-status");
            head.headers.push(("content-range".to_owned(), format!("bytes */{length}")));
            return FetchedResponse {
                head: with_status(head, 416, "Range Not Satisfiable"),
                body: FetchedBody::Empty,
            };
        }
        Some(Asked::All) | None => None,
    };
    set("age", age(kept).to_string());
    let body = match range {
        None => {
            set("content-length", length.to_string());
            kept.body.clone()
        }
        Some(Range { start, end }) => {
            set("content-length", (end - start).to_string());
            set("content-range", format!("bytes {start}-{}/{length}", end - 1));
            head = with_status(head, 206, "Partial Content");
            kept.body.slice(start..end)
        }
    };
    let body = match body.len() {
        0 => FetchedBody::Empty,
        1..=MAX_WHOLE_BYTES => FetchedBody::Whole(body),
        _ => FetchedBody::Stream(stream::iter([Ok(body)]).boxed()),
    };
    FetchedResponse { head, body }
}

fn with_status(head: ResponseHead, status: u16, text: &str) -> ResponseHead {
    ResponseHead { status, status_text: text.to_owned(), ..head }
}

/// Returns the age of a response in seconds, with that which it had when it was kept.
fn age(kept: &Kept) -> u64 {
    let here = SystemTime::now().duration_since(kept.since).unwrap_or(Duration::ZERO).as_secs();
    let before = of_response(&kept.head, "age").and_then(|age| age.trim().parse::<u32>().ok()).unwrap_or(0);
    here + u64::from(before)
}

fn of_response<'a>(head: &'a ResponseHead, name: &str) -> Option<&'a str> {
    head.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// Returns `true` if the request names the state that the response has (RFC 9110, section 13.2.2).
fn is_unchanged(request: &RequestHead, response: &ResponseHead) -> bool {
    if let Some(asked) = header(request, "if-none-match") {
        let Some(tag) = of_response(response, "etag") else { return false };
        return asked.trim() == "*" || asked.split(',').any(|asked| opaque(asked) == opaque(tag));
    }
    let time = |text: &str| httpdate::parse_http_date(text).ok();
    let since = header(request, "if-modified-since").and_then(time);
    let modified = of_response(response, "last-modified").and_then(time);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

/// Returns a tag as it is compared: a weak one is the same as a strong one.
fn opaque(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The part of a body that a request asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    All,
    One(Range<usize>),
    Unsatisfiable,
}

/// Reads a `Range`. Several ranges, and what is not valid, mean all: a server may ignore them (RFC
/// 9110, section 14.2).
fn range_of(text: &str, length: usize) -> Asked {
    let Some((unit, range)) = text.split_once('=') else { return Asked::All };
    let Some((first, last)) = range.trim().split_once('-') else { return Asked::All };
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Some(digits.parse::<usize>().unwrap_or(usize::MAX)),
        false => None,
    };
    let (Some(first_number), Some(last_number)) = (number(first), number(last)) else { return Asked::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::All;
    }
    let range = match (first.is_empty(), last.is_empty()) {
        (true, true) => return Asked::All,
        (true, false) => length.saturating_sub(last_number)..length,
        (false, true) => first_number..length,
        (false, false) if last_number < first_number => return Asked::All,
        (false, false) => first_number..last_number.saturating_add(1).min(length),
    };
    if range.start < range.end { Asked::One(range) } else { Asked::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (text, asked) in [
            ("bytes=2-4", Asked::One(2..5)),
            ("bytes=2-", Asked::One(2..10)),
            ("bytes=-3", Asked::One(7..10)),
            ("bytes=-99", Asked::One(0..10)),
            ("Bytes = 8-99", Asked::One(8..10)),
            ("bytes=0-18446744073709551615", Asked::One(0..10)),
            ("bytes=10-", Asked::Unsatisfiable),
            ("bytes=99999999999999999999-", Asked::Unsatisfiable),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=4-2", Asked::All),
            ("bytes=0-1,4-5", Asked::All),
            ("lines=1-2", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("bytes", Asked::All),
        ] {
            assert_eq!(range_of(text, 10), asked, "{text}");
        }
        assert_eq!(range_of("bytes=0-", 0), Asked::Unsatisfiable);
    }
}
