//! Records of other events: refused requests, violations, configurations.

use std::net::SocketAddr;
use std::time::SystemTime;

use serde::Serialize;

use super::clock::rfc3339;
use super::record::{CallerFields, line, name};
use crate::caller::Caller;
use crate::read_file::{ReadFile, Summary};
use crate::text::shortened;

/// The most names and differences in one record.
const MAX_LIST_ITEMS: usize = 200;

/// The longest path, reason or difference in a record.
const MAX_TEXT_BYTES: usize = 512;

/// A request with a missing or wrong token. The token itself is not recorded.
#[derive(Debug)]
pub struct RefusedLogin<'a> {
    /// The time of the request.
    pub at: SystemTime,
    /// The address of the client.
    pub peer: Option<SocketAddr>,
    /// The status of the response: 401 or 403.
    pub status: u16,
    /// The method of the request.
    pub method: &'a str,
    /// The path of the request, without its query.
    pub path: &'a str,
    /// The reason.
    pub why: &'a str,
}

#[derive(Serialize)]
struct RefusedLoginLine<'a> {
    time: String,
    event: &'static str,
    peer: Option<SocketAddr>,
    status: u16,
    #[serde(serialize_with = "name")]
    method: Option<&'a str>,
    path: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct SuppressedLine {
    time: String,
    event: &'static str,
    suppressed: u64,
}

#[derive(Serialize)]
struct ViolationLine<'a> {
    time: String,
    event: &'static str,
    #[serde(flatten)]
    who: CallerFields<'a>,
    what: &'a str,
}

#[derive(Serialize)]
struct ConfigLine<'a> {
    time: String,
    event: &'static str,
    what: &'static str,
    files: Vec<FileLine<'a>>,
    servers: Vec<String>,
    server_count: usize,
}

#[derive(Serialize)]
struct FileLine<'a> {
    path: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    content: &'a Summary,
}

#[derive(Serialize)]
struct DefinitionsLine {
    time: String,
    event: &'static str,
    what: &'static str,
    lock: &'static str,
    differences: Vec<String>,
    difference_count: usize,
}

impl RefusedLogin<'_> {
    pub(super) fn line(&self) -> Vec<u8> {
        line(&RefusedLoginLine {
            time: rfc3339(self.at),
            event: "auth_failed",
            peer: self.peer,
            status: self.status,
            method: Some(self.method),
            path: &shortened(self.path, MAX_TEXT_BYTES),
            why: &shortened(self.why, MAX_TEXT_BYTES),
        })
    }
}

/// Further requests like those before were refused.
pub(super) fn suppressed(suppressed: u64) -> Vec<u8> {
    line(&SuppressedLine { time: rfc3339(SystemTime::now()), event: "auth_failed", suppressed })
}

/// A run made a system call or sent data that no script can cause.
pub(super) fn violation(caller: &Caller, what: &str) -> Vec<u8> {
    let what = &shortened(what, MAX_TEXT_BYTES);
    line(&ViolationLine {
        time: rfc3339(SystemTime::now()),
        event: "violation",
        who: CallerFields::of(caller),
        what,
    })
}

/// The configuration that isolet was started with.
pub(super) fn loaded(files: &[ReadFile], servers: &[&str]) -> Vec<u8> {
    let files = files
        .iter()
        .take(MAX_LIST_ITEMS)
        .map(|file| FileLine { path: file.path.to_string_lossy(), content: &file.content });
    line(&ConfigLine {
        time: rfc3339(SystemTime::now()),
        event: "config",
        what: "loaded",
        files: files.collect(),
        servers: cut(servers.iter().copied()),
        server_count: servers.len(),
    })
}

/// Definitions differ from the approved ones.
pub(super) fn definitions(lock: &'static str, differences: &[String]) -> Vec<u8> {
    line(&DefinitionsLine {
        time: rfc3339(SystemTime::now()),
        event: "config",
        what: "definitions",
        lock,
        differences: cut(differences.iter().map(String::as_str)),
        difference_count: differences.len(),
    })
}

fn cut<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.take(MAX_LIST_ITEMS).map(|text| shortened(text, MAX_TEXT_BYTES).into_owned()).collect()
}
