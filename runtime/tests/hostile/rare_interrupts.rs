//! Endless loops of calls into V8's own code. The interpreter checks for interrupts only after some
//! thousand rounds of such a loop, and compiled code, which checks in each round, comes later: the
//! longer a call, the later the limit.
//!
//! On a thread such a run ends late. With process isolation its process is killed at the limit.
//! Both give the right error code. `MAX_CPU_PAST_LIMIT` in `mod.rs` is the bound for all other
//! cases.

use super::{Case, fails};
use isolet_runtime::ErrorCode::{CpuLimit, MemoryLimit};

pub fn cases() -> Vec<Case> {
    CASES.iter().map(|(name, code)| fails(name, &[CpuLimit, MemoryLimit], *code).late()).collect()
}

const CASES: &[(&str, &str)] = &[
    ("properties", "const o: any = {}; for (let i = 0; ; i++) o['k' + i] = i"),
    (
        "JSON.stringify again and again",
        "const v = Array.from({ length: 1000 }, (_, i) => ({ i })); for (;;) JSON.stringify(v)",
    ),
    ("sums of typed arrays, again and again", "const v = new Float64Array(1e5); for (;;) v.indexOf(1)"),
    ("hashes of long strings", "const a = 'x'.repeat(1e6); for (;;) a.lastIndexOf('y')"),
    ("normalize", "const t = 'a\\u0300\\u0301'.repeat(1e4); for (;;) t.normalize('NFC')"),
    ("localeCompare", "const t = 'ä'.repeat(1e4); for (;;) t.localeCompare(t + 'b', 'de')"),
    ("toLocaleString", "for (;;) (1.5).toLocaleString('de')"),
    ("new Intl.DateTimeFormat", "for (;;) new Intl.DateTimeFormat('ar-EG-u-ca-islamic').format(0)"),
    (
        "Intl.Segmenter",
        "for (;;) [...new Intl.Segmenter('th', { granularity: 'word' }).segment('ก'.repeat(1000))]",
    ),
    ("encodeURIComponent", "const t = 'ä'.repeat(1e4); for (;;) decodeURIComponent(encodeURIComponent(t))"),
    ("a URL of a megabyte", "const t = 'https://a.example/' + 'a/../'.repeat(2e5); for (;;) new URL(t)"),
    (
        "crypto.subtle.digest",
        "const b = new Uint8Array(1e6); for (;;) await crypto.subtle.digest('SHA-512', b)",
    ),
    (
        "JSON.parse again and again",
        "const t = JSON.stringify(Array.from({ length: 1000 }, (_, i) => ({ i }))); for (;;) JSON.parse(t)",
    ),
    ("a BigInt as text", "for (;;) (1n << 300000n).toString()"),
    ("a BigInt from text", "const t = '9'.repeat(100000); for (;;) BigInt(t)"),
];
