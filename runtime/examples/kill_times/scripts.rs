//! Scripts that run past a limit.

use std::time::Duration;

use isolet_runtime::{ErrorCode, Limits};

/// The limit that a script reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// CPU time. The script computes all the time, so it reaches the limit when that much time has
    /// passed.
    Cpu,
    /// CPU time, in code in which V8 rarely or never checks for interrupts.
    RareInterrupts,
    /// Wall time.
    Wall,
    /// Heap and array buffers.
    Memory,
    /// A limit that is counted. The script decides when it reaches the limit, so the whole run is
    /// measured.
    Count(ErrorCode),
}

/// A script that never ends by itself.
#[derive(Debug)]
pub struct EndlessScript {
    pub name: &'static str,
    pub kind: LimitKind,
    pub code: &'static str,
}

impl LimitKind {
    /// Returns the limits of the run, small where each run takes as long as the limit.
    pub fn limits(self) -> Limits {
        match self {
            Self::Cpu | Self::RareInterrupts => {
                Limits { cpu: Duration::from_millis(100), ..Limits::default() }
            }
            Self::Wall => Limits { wall: Duration::from_millis(100), ..Limits::default() },
            Self::Memory | Self::Count(_) => Limits::default(),
        }
    }

    /// Returns the time from the start at which the limit is reached.
    pub fn limit(self) -> Duration {
        match self {
            Self::Cpu | Self::RareInterrupts => self.limits().cpu,
            Self::Wall => self.limits().wall,
            Self::Memory | Self::Count(_) => Duration::ZERO,
        }
    }

    /// Returns the error code of the run.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Cpu | Self::RareInterrupts => ErrorCode::CpuLimit,
            Self::Wall => ErrorCode::WallLimit,
            Self::Memory => ErrorCode::MemoryLimit,
            Self::Count(code) => code,
        }
    }
}

const fn endless(name: &'static str, kind: LimitKind, code: &'static str) -> EndlessScript {
    EndlessScript { name, kind, code }
}

/// The scripts that are measured.
pub const ENDLESS_SCRIPTS: &[EndlessScript] = &[
    endless("hot loop", LimitKind::Cpu, "for (;;);"),
    endless("microtask loop", LimitKind::Cpu, "for (;;) await null"),
    endless("getter", LimitKind::Cpu, "return ({ get x() { for (;;); } }).x"),
    endless("toJSON of the result", LimitKind::Cpu, "return { toJSON() { for (;;); } }"),
    endless("comparator", LimitKind::Cpu, "[3, 2, 1].sort(() => { for (;;); })"),
    endless("proxy trap", LimitKind::Cpu, "return new Proxy({}, { ownKeys() { for (;;); } })"),
    endless("finally", LimitKind::Cpu, "try { for (;;); } catch { for (;;); } finally { for (;;); }"),
    endless(
        "argument of console.log",
        LimitKind::Cpu,
        "console.log({ get x() { for (;;); }, toString() { for (;;); } }, new Proxy({}, { get() { for (;;); } })); for (;;);",
    ),
    endless("regular expression", LimitKind::Cpu, "/(a+)+$/.test('a'.repeat(50) + 'b')"),
    endless("BigInt, many operations", LimitKind::Cpu, "let a = 3n; for (;;) a = (a * a) % (1n << 20000n)"),
    endless(
        "BigInt, one operation",
        LimitKind::RareInterrupts,
        "let a = 3n ** 4000000n; for (;;) a = a * a % (7n ** 3000000n)",
    ),
    endless(
        "JSON.stringify",
        LimitKind::RareInterrupts,
        "const v = Array.from({ length: 1000 }, (_, i) => ({ i })); for (;;) JSON.stringify(v)",
    ),
    endless(
        "normalize",
        LimitKind::RareInterrupts,
        "const t = 'a\\u0300\\u0301'.repeat(1e4); for (;;) t.normalize('NFC')",
    ),
    endless(
        "localeCompare",
        LimitKind::RareInterrupts,
        "const t = 'ä'.repeat(1e4); for (;;) t.localeCompare(t + 'b', 'de')",
    ),
    endless(
        "encodeURIComponent",
        LimitKind::RareInterrupts,
        "const t = 'ä'.repeat(1e4); for (;;) decodeURIComponent(encodeURIComponent(t))",
    ),
    endless("BigInt to text", LimitKind::RareInterrupts, "for (;;) (1n << 300000n).toString()"),
    endless(
        "a promise that never settles",
        LimitKind::Wall,
        "setTimeout(() => {}, 1e8); await new Promise(() => {})",
    ),
    endless("a tool that takes long", LimitKind::Wall, "await env.demo.wait({ ms: 50000 })"),
    endless("timers", LimitKind::Wall, "for (;;) await new Promise((done) => setTimeout(done, 1))"),
    endless("hot loop under a wall limit", LimitKind::Wall, "for (;;);"),
    endless(
        "array of strings",
        LimitKind::Memory,
        "const a = []; for (let i = 0; ; i++) { a.push('x'.repeat(1000) + i); if (i % 1000 === 0) console.log(i) }",
    ),
    endless(
        "array of objects",
        LimitKind::Memory,
        "const a = []; for (let i = 0; ; i++) { a.push({ a: [1, 2, 3] }); if (i % 10000 === 0) console.log(i) }",
    ),
    endless(
        "array buffers",
        LimitKind::Memory,
        "const a = []; for (let i = 0; ; i++) { a.push(new ArrayBuffer(1 << 20)); console.log(i) }",
    ),
    endless(
        "calls, one after the other",
        LimitKind::Count(ErrorCode::CallLimit),
        "for (;;) await env.demo.add({ a: 1, b: 2 })",
    ),
    endless(
        "calls, all at once",
        LimitKind::Count(ErrorCode::CallLimit),
        "for (;;) env.demo.add({ a: 1, b: 2 })",
    ),
    endless("log lines", LimitKind::Count(ErrorCode::OutputLimit), "for (;;) console.log('x'.repeat(100))"),
    endless("a result of 2 MiB", LimitKind::Count(ErrorCode::OutputLimit), "return 'x'.repeat(2 << 20)"),
];
