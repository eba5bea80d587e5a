// The host functions that JavaScript can reach, in the order of the snapshot's external references. This file is
// included by build.rs, which needs the names and their number to make the snapshot, and by `natives`, which has the
// functions: order and number must be the same in both.
pub const NAMES: &[&str] = &[
    "call", "server", "names", "lists", "unknown", "finish", "fail", "log", "now", "wake", "respond", "failFetch",
    "kind", "parseUrl", "setUrl", "formEncode", "formDecode", "encodingName", "decode", "utf8Length", "encodeUtf8", "random",
    "digest", "hmac", "encodeBase64", "decodeBase64",
];
