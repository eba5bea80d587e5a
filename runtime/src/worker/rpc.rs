//! The values and names of calls between Workers, as they cross isolet's own process.
//!
//! A value is bytes that one isolate's serialiser made and another one's reads: this side carries
//! them and does not look inside. Objects that are passed by reference are numbers beside them,
//! which this side translates: each isolate has numbers of its own for the stubs that it was given.

use serde::{Deserialize, Serialize};

use super::protocol::FetchTarget;
use crate::blob::Blob;

/// The bound on a value with its parts, in bytes, as on Cloudflare. `MAX_VALUE` in js/rpc-values.js
/// is the same number.
pub(crate) const MAX_VALUE_BYTES: usize = 32 << 20;

/// The bound on the objects that one value refers to. `MAX_REFERENCES` in js/rpc-values.js is the
/// same number.
pub(crate) const MAX_REFERENCES: usize = 1000;

/// The bound on the names of one path. `MAX_PATH` in js/rpc-stubs.js is the same number.
pub(crate) const MAX_PATH: usize = 64;

/// The bound on the bytes of one path. `MAX_PATH_TEXT` in js/rpc-stubs.js is a third of it, in
/// characters.
pub(crate) const MAX_PATH_BYTES: usize = 24 << 10;

/// The number of calls of one isolate that have no answer yet.
pub(crate) const MAX_CALLS: usize = 1000;

/// The number of objects of one isolate that others have stubs of, and of stubs that one isolate
/// has. `MAX_OBJECTS` in js/rpc-objects.js is the same number.
pub(crate) const MAX_OBJECTS: usize = 4096;

/// The number of Workers that may call each other in a row.
pub(crate) const MAX_DEPTH: u8 = 16;

/// A value from an isolate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SentValue {
    /// The parts that the serialiser does not know, such as the heads of responses, or nothing.
    pub(crate) items: Blob,
    pub(crate) value: Blob,
    #[serde(deserialize_with = "crate::bounded::list::<MAX_REFERENCES, _, _>")]
    pub(crate) objects: Vec<SentObject>,
}

/// An object that a sender refers to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum SentObject {
    /// One of the sender. The receiver gets a stub of it.
    Own(u32),
    /// The object of a stub that the sender was given.
    Held(u32),
}

/// A value for an isolate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GivenValue {
    pub(crate) items: Blob,
    pub(crate) value: Blob,
    /// The stubs that the receiver has from now on.
    pub(crate) stubs: Vec<u32>,
}

/// The receiver of a call, in the words of the caller.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Callee {
    /// A Worker.
    Target(FetchTarget),
    /// The object of a stub.
    Stub(u32),
    /// The result of an earlier call, which need not have come.
    Result(u32),
}

/// The receiver of a call, in the words of its own isolate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Receiver {
    /// A new instance of an entrypoint. `props` is JSON text.
    Entrypoint { name: String, props: String },
    /// One of its objects.
    Object(u32),
    /// The result of an earlier call.
    Result(u32),
}

/// The path from the receiver to what is called or read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Path(
    #[serde(deserialize_with = "crate::bounded::list::<MAX_PATH, _, _>")] pub(crate) Vec<String>,
);

/// The end of a call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CallEnd {
    /// It returned a value.
    Returned(GivenValue),
    /// It threw a value.
    Threw(GivenValue),
    /// It has no answer, for a reason.
    Failed(String),
}

impl SentValue {
    /// Returns the number of bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        self.items.0.len() + self.value.0.len()
    }
}

impl Path {
    /// Returns the number of bytes of its names.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(String::len).sum()
    }
}
