//! The ways to run past a limit.

use std::time::Duration;

use isolet_runtime::{ErrorCode, Limits};

/// What the clock is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CPU: the script uses it from its first to its last moment, so the limit is reached when as much time has passed.
    Cpu,
    /// The same, in a place where V8 looks seldom or never whether it is to stop.
    Seldom,
    /// Time on the clock.
    Wall,
    /// Heap and array buffers.
    Memory,
    /// Something that is counted. When the limit is reached depends on the script: the whole run is what is timed.
    Count(ErrorCode),
}

/// A script that never ends by itself.
#[derive(Debug)]
pub struct Endless {
    pub name: &'static str,
    pub kind: Kind,
    pub code: &'static str,
}

impl Kind {
    /// What the run may use; small where it is waited for in every run.
    pub fn limits(self) -> Limits {
        match self {
            Self::Cpu | Self::Seldom => Limits { cpu: Duration::from_millis(100), ..Limits::default() },
            Self::Wall => Limits { wall: Duration::from_millis(100), ..Limits::default() },
            Self::Memory | Self::Count(_) => Limits::default(),
        }
    }

    /// When the limit was reached, counted from the start.
    pub fn limit(self) -> Duration {
        match self {
            Self::Cpu | Self::Seldom => self.limits().cpu,
            Self::Wall => self.limits().wall,
            Self::Memory | Self::Count(_) => Duration::ZERO,
        }
    }

    /// What the caller must be told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Cpu | Self::Seldom => ErrorCode::CpuLimit,
            Self::Wall => ErrorCode::WallLimit,
            Self::Memory => ErrorCode::MemoryLimit,
            Self::Count(code) => code,
        }
    }
}

const fn endless(name: &'static str, kind: Kind, code: &'static str) -> Endless {
    Endless { name, kind, code }
}

/// Those of issue 3, then those of docs/security.md that V8 seldom interrupts.
pub const ENDLESS: &[Endless] = &[
    endless("hot loop", Kind::Cpu, "for (;;);"),
    endless("microtask loop", Kind::Cpu, "for (;;) await null"),
    endless("getter", Kind::Cpu, "return ({ get x() { for (;;); } }).x"),
    endless("toJSON of the result", Kind::Cpu, "return { toJSON() { for (;;); } }"),
    endless("comparator", Kind::Cpu, "[3, 2, 1].sort(() => { for (;;); })"),
    endless("proxy trap", Kind::Cpu, "return new Proxy({}, { ownKeys() { for (;;); } })"),
    endless("finally", Kind::Cpu, "try { for (;;); } catch { for (;;); } finally { for (;;); }"),
    endless(
        "argument of console.log",
        Kind::Cpu,
        "console.log({ get x() { for (;;); }, toString() { for (;;); } }, new Proxy({}, { get() { for (;;); } })); for (;;);",
    ),
    endless("regular expression", Kind::Cpu, "/(a+)+$/.test('a'.repeat(50) + 'b')"),
    endless("BigInt, many operations", Kind::Cpu, "let a = 3n; for (;;) a = (a * a) % (1n << 20000n)"),
    endless(
        "BigInt, one operation",
        Kind::Seldom,
        "let a = 3n ** 4000000n; for (;;) a = a * a % (7n ** 3000000n)",
    ),
    endless(
        "JSON.stringify",
        Kind::Seldom,
        "const v = Array.from({ length: 1000 }, (_, i) => ({ i })); for (;;) JSON.stringify(v)",
    ),
    endless(
        "normalize",
        Kind::Seldom,
        "const t = 'a\\u0300\\u0301'.repeat(1e4); for (;;) t.normalize('NFC')",
    ),
    endless(
        "localeCompare",
        Kind::Seldom,
        "const t = 'ä'.repeat(1e4); for (;;) t.localeCompare(t + 'b', 'de')",
    ),
    endless(
        "encodeURIComponent",
        Kind::Seldom,
        "const t = 'ä'.repeat(1e4); for (;;) decodeURIComponent(encodeURIComponent(t))",
    ),
    endless("BigInt to text", Kind::Seldom, "for (;;) (1n << 300000n).toString()"),
    endless(
        "a promise that never settles",
        Kind::Wall,
        "setTimeout(() => {}, 1e8); await new Promise(() => {})",
    ),
    endless("a tool that takes long", Kind::Wall, "await env.demo.wait({ ms: 50000 })"),
    endless("timers", Kind::Wall, "for (;;) await new Promise((done) => setTimeout(done, 1))"),
    endless("hot loop under a wall limit", Kind::Wall, "for (;;);"),
    endless(
        "array of strings",
        Kind::Memory,
        "const a = []; for (let i = 0; ; i++) { a.push('x'.repeat(1000) + i); if (i % 1000 === 0) console.log(i) }",
    ),
    endless(
        "array of objects",
        Kind::Memory,
        "const a = []; for (let i = 0; ; i++) { a.push({ a: [1, 2, 3] }); if (i % 10000 === 0) console.log(i) }",
    ),
    endless(
        "array buffers",
        Kind::Memory,
        "const a = []; for (let i = 0; ; i++) { a.push(new ArrayBuffer(1 << 20)); console.log(i) }",
    ),
    endless(
        "calls, one after the other",
        Kind::Count(ErrorCode::CallLimit),
        "for (;;) await env.demo.add({ a: 1, b: 2 })",
    ),
    endless("calls, all at once", Kind::Count(ErrorCode::CallLimit), "for (;;) env.demo.add({ a: 1, b: 2 })"),
    endless("log lines", Kind::Count(ErrorCode::OutputLimit), "for (;;) console.log('x'.repeat(100))"),
    endless("a result of 2 MiB", Kind::Count(ErrorCode::OutputLimit), "return 'x'.repeat(2 << 20)"),
];
