//! V8 without its compilers, in a jail that refuses executable memory.

use std::path::Path;

use crate::harness::confined::*;
use crate::harness::processes::Process;
use crate::harness::*;

/// A script and its result.
type Script = (&'static str, fn() -> Value);

/// Scripts whose code is compiled differently: loops, regular expressions, promises, generators,
/// tools, TypeScript.
const SCRIPTS: &[Script] = &[
    ("let sum = 0; for (let i = 0; i < 300_000; i++) sum = (sum * 31 + i) % 1000003; return sum", || {
        json!((0..300_000_u64).fold(0, |sum, i| (sum * 31 + i) % 1_000_003))
    }),
    (
        r#"const text = "key=value; other=thing ".repeat(2000);
           let count = 0;
           for (const [, key] of text.matchAll(/(?<key>\w+)=(?:\w+)(?=;|\s)/gu)) count += key.length;
           return [count, text.replace(/[aeiou]/g, "").length, /^(a+)+$/.test("aaaaaaaaaaaab"), "ÄÖ".match(/\p{Lu}/gu)]"#,
        || json!([16_000, 32_000, false, ["Ä", "Ö"]]),
    ),
    (
        "const add = async (a: number, b: number): Promise<number> => (await env.demo.add({ a, b })).sum; \
         const sums = await Promise.all(Array.from({ length: 20 }, (_, i) => add(i, 1))); \
         return sums.reduce((a, b) => a + b, 0)",
        || json!(210),
    ),
    (
        "function* numbers() { for (let i = 0; ; i++) yield i } \
         const seen = []; for (const i of numbers()) { if (i > 3) break; seen.push(i) } \
         class Sorted { list = [3, 1, 2]; get sorted() { return this.list.toSorted((a, b) => a - b) } } \
         return { seen, sorted: new Sorted().sorted, parsed: JSON.parse('{\"a\":[1,2]}'), wasm: typeof WebAssembly, \
                  big: String(7n ** 40n), date: new Intl.NumberFormat('de').format(1234.5) }",
        || {
            json!({ "seen": [0, 1, 2, 3], "sorted": [1, 2, 3], "parsed": { "a": [1, 2] }, "wasm": "undefined",
                    "big": "6366805760909027985741435139224001", "date": "1.234,5" })
        },
    ),
];

#[tokio::test]
async fn scripts_have_the_same_results_without_a_compiler() {
    for isolation in ["process", "thread"] {
        let server =
            Daemon::serve_in(Folder::new(), &["--no-jit", "--isolation", isolation]).await_ready().await;
        for (code, wanted) in SCRIPTS {
            assert_eq!(*result(&server.run(code).await), wanted(), "{isolation}: {code}");
        }
        let runtime = server.get("/v1/runtime").await.expect(200).json();
        assert_eq!(runtime["engine"]["jit"], false, "{runtime:#}");
        let report = server.run_with(json!({ "code": "for (;;) {}", "timeout_ms": 500 })).await;
        // A run that has a core for itself reaches both limits at the same moment.
        let code = text(&report["error"]["code"]);
        assert!(["wall_limit", "cpu_limit"].contains(&code), "{report:#}");
        server.assert_works().await;
    }
    let server = Daemon::serve().await_ready().await;
    assert_eq!(server.get("/v1/runtime").await.expect(200).json()["engine"]["jit"], true);
}

#[tokio::test]
async fn no_memory_of_a_runner_can_be_executed_but_its_program() {
    for (args, compiles) in [(&["--no-jit"][..], false), (&[], true)] {
        let server = Daemon::serve_in(Folder::new(), args).await_ready().await;
        let hot = "let sum = 0; for (let i = 0; i < 3e6; i++) sum += /a+b/.test('aab' + (i % 3)) ? i : 1; \
                   await env.demo.wait({ ms: 60000 }); return sum";
        let mut connection = server.connect().await;
        let mut events = connection.events(&json!({ "code": format!("console.log('begun'); {hot}") })).await;
        assert_eq!(events.next().await.expect("a line").name, "log");
        let processes = server.script_processes();
        assert!(processes.len() > server.zygotes().len(), "zygotes and their copies");
        let found: Vec<String> = processes.iter().flat_map(made_at_run_time).collect();
        // With the compiler on, the same check finds executable memory.
        assert_eq!(!found.is_empty(), compiles, "{args:?}: {found:#?}");
    }
}

/// Returns the executable mappings of a process beyond its programs: writable ones, and anonymous
/// ones that are neither the kernel's nor inside the program, whose pages a zygote moves into huge
/// pages.
fn made_at_run_time(process: &Process) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", process.pid)).expect("it is alive");
    let mappings: Vec<(u64, u64, &str, &str)> = maps
        .lines()
        .map(|line| {
            let mut fields = line.split_whitespace();
            let (start, end) = fields.next().and_then(|range| range.split_once('-')).expect("a range");
            let number = |text| u64::from_str_radix(text, 16).expect("an address");
            let permissions = fields.next().expect("permissions");
            (number(start), number(end), permissions, fields.nth(3).unwrap_or_default())
        })
        .collect();
    let program = || mappings.iter().filter(|(.., path)| *path == ISOLET);
    let start = program().map(|(start, ..)| *start).min().expect("the program");
    let end = program().map(|(_, end, ..)| *end).max().expect("the program");
    mappings
        .iter()
        .filter(|(.., permissions, _)| permissions.contains('x'))
        .filter(|(from, to, permissions, path)| {
            let within = start <= *from && *to <= end;
            let own = Path::new(path).is_absolute() || ["[vdso]", "[vsyscall]"].contains(path);
            permissions.contains('w') || !(within || own)
        })
        .map(|mapping| format!("{mapping:x?}"))
        .collect()
}

/// The filter of systemd's `MemoryDenyWriteExecute=`.
fn deny_write_execute() -> Vec<Refused> {
    let (write, execute) = (libc::PROT_WRITE as u64, libc::PROT_EXEC as u64);
    vec![
        refuse(libc::SYS_mmap, EPERM).where_bits(2, write | execute, write | execute),
        refuse(libc::SYS_mprotect, EPERM).where_bits(2, execute, execute),
        refuse(libc::SYS_pkey_mprotect, EPERM).where_bits(2, execute, execute),
    ]
}

#[test]
fn it_runs_where_memory_may_not_become_executable() {
    let run = |args: &[&str]| {
        confined(deny_write_execute(), || {
            isolet(["run", "-", "--no-jit"]).args(args).stdin(SCRIPTS[0].0).output()
        })
    };
    for isolation in ["process", "thread"] {
        assert_eq!(run(&["--isolation", isolation]).exits(0).json(), (SCRIPTS[0].1)());
    }
}

#[tokio::test]
async fn a_service_runs_where_memory_may_not_become_executable() {
    let server =
        confined(deny_write_execute(), || Daemon::serve_in(Folder::new(), &["--no-jit", "--require-jail"]));
    let server = server.await_ready().await;
    for (code, wanted) in SCRIPTS {
        assert_eq!(*result(&server.run(code).await), wanted(), "{code}");
    }
}

#[test]
fn the_settings_can_turn_the_compiler_off() {
    let folder = Folder::new();
    folder.write("slow.toml", "[runtime]\njit = false\n");
    let output = confined(deny_write_execute(), || {
        isolet(["run", "-", "--config", "slow.toml"]).within(folder.path()).stdin("return 1").output()
    });
    assert_eq!(output.exits(0).json(), 1);
}
