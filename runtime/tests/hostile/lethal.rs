//! Code that V8 cannot interrupt or survive. On a thread such a script would end isolet's process
//! or block its thread without end. With process isolation only the run's own process ends.

use super::{Case, fails};
use isolet_runtime::ErrorCode::{self, CpuLimit, Crashed, Exception, MemoryLimit, WallLimit};

pub fn cases() -> Vec<Case> {
    let dies: &[ErrorCode] = &[Crashed, MemoryLimit];
    let hangs: &[ErrorCode] = &[CpuLimit, WallLimit, Crashed, MemoryLimit];
    let either: &[ErrorCode] = &[Crashed, MemoryLimit, CpuLimit, WallLimit, Exception];
    let mut cases = Vec::new();
    // V8 ends the process if a single allocation does not fit into the limit and the reserve above
    // it.
    cases.extend(
        OVERSIZED.iter().map(|(name, code)| fails(name, dies, *code).within(|limits| limits.cpu *= 25)),
    );
    // Loops in V8's own code that do not check for interrupts.
    cases.extend(UNINTERRUPTIBLE.iter().map(|(name, code)| fails(name, hangs, *code)));
    cases.extend(
        NATIVE.iter().map(|(name, code)| fails(name, hangs, *code).within(|limits| limits.cpu *= 25)),
    );
    // Several limits may end these cases first.
    cases.extend(EITHER.iter().map(|(name, code)| fails(name, either, *code)));
    cases
        .into_iter()
        .map(|case| case.within(|limits| limits.wall = std::time::Duration::from_secs(4)))
        .collect()
}

const OVERSIZED: &[(&str, &str)] = &[
    ("an array of 256 MB in one piece", "return new Array(1 << 25).fill(1.5).length"),
    (
        "a string of 256 MB, flattened",
        "return 'x'.repeat(1 << 28).replace(/y/g, '').charCodeAt(1 << 27) + JSON.stringify(['x'.repeat(1 << 28)]).length",
    ),
    ("an array that doubles", "let a: any[] = [1]; for (;;) a = a.concat(a)"),
    ("a typed array as an array", "return Array.from({ length: 1 << 25 }).length"),
];

const UNINTERRUPTIBLE: &[(&str, &str)] = &[
    ("a search without end", "return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)"),
    ("a search from the end", "return Array.prototype.lastIndexOf.call({ length: 2 ** 53 - 1 }, 1)"),
    ("a product of huge BigInts", "let a = 3n ** 4000000n; for (;;) a = a * a % (7n ** 3000000n)"),
    ("a billion holes", "new Array(1e9).forEach(() => { })"),
    ("a reversal without end", "return Array.prototype.reverse.call({ length: 2 ** 53 - 1 })"),
];

/// V8 does not count the memory that ICU allocates for `Intl`. The broker watches the memory of the
/// process.
const NATIVE: &[(&str, &str)] = &[(
    "Intl objects",
    "const a: any[] = []; for (;;) a.push(new Intl.DateTimeFormat('de', { dateStyle: 'full' }), new Intl.Collator('sv'), new Intl.NumberFormat('ar'))",
)];

const EITHER: &[(&str, &str)] = &[
    ("a million splits", "return 'x'.repeat(1 << 26).split('').length"),
    (
        "a string of every length",
        "const a: any[] = []; for (let i = 0; ; i++) a.push('x'.repeat(1 << 28) + i, [...a.at(-1) ?? ''])",
    ),
    ("a fill without end", "return Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 1)"),
    ("an array of all lengths", "return new Array(2 ** 32 - 1).join('ab').length"),
    ("a sort of four billion holes", "return new Array(2 ** 32 - 1).sort().length"),
    (
        "a Map of 2 ** 24 entries",
        "const m = new Map(); for (let i = 0; i < 2 ** 24; i++) m.set(i, i); return m.size",
    ),
    ("an answer of 70 MB", "return (await env.demo.big({ mb: 70 })).length"),
];
