//! Too many log lines, calls and timers, and too large results and arguments.

use super::{CALLS, CPU, Case, EXCEPTION, MEMORY, OUTPUT, WALL, fails, gives};
use isolet_runtime::ErrorCode::{CpuLimit, Exception, MemoryLimit, OutputLimit, ToolError};

pub fn cases() -> Vec<Case> {
    let patient = |case: Case| case.within(|limits| limits.cpu *= 10);
    let mut cases = vec![
        // Log lines.
        fails("lines", OUTPUT, "for (;;) console.log('x'.repeat(1000))"),
        fails("empty lines", &[OutputLimit, CpuLimit], "for (;;) console.log()"),
        fails("lines in a catch-all", OUTPUT, "for (;;) { try { console.log('x'.repeat(1000)) } catch { } }"),
        fails("lines in finally", OUTPUT, "const f = () => { try { console.log('x'.repeat(1000)) } finally { f() } }; f()"),
        fails("lines from microtasks", OUTPUT, "const f = () => { console.error('x'.repeat(1000)); queueMicrotask(f) }; f(); await new Promise(() => { })"),
        fails("lines of every kind", OUTPUT, "for (;;) for (const k of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir']) console[k]('x'.repeat(500))"),
        patient(gives("one line of 16 MB", "1", "console.log('x'.repeat(1 << 24)); return 1")),
        patient(gives("a line of 16 MB of what takes three bytes", "1", "console.log('日'.repeat(1 << 22)); return 1")),
        gives("a line of half characters", "1", "console.log('\\ud800'.repeat(100), '\\udfff'); return 1"),
        gives("a line of control characters", "1", "console.log('\\u0000\\u001b[2J\\u0007\\u2028'); return 1"),
        patient(gives("an object of a million properties", "1", "const o: any = {}; for (let i = 0; i < 1e5; i++) o['k' + i] = i; console.log(o); return 1")),
        patient(gives("an object a million deep", "1", "let o: any = {}; for (let i = 0; i < 1e5; i++) o = { o }; console.log(o); return 1")),
        patient(gives("an array of arrays, all the same", "1", "let o: any = [1]; for (let i = 0; i < 60; i++) o = [o, o, o, o]; console.log(o); return 1")),
        patient(gives("an object with names of a megabyte", "1", "console.log({ ['x'.repeat(1 << 20)]: 1, [Symbol('y'.repeat(1 << 20)) as any]: 2 }); return 1")),
        patient(gives("a class with a name of a megabyte", "1", "const A = { ['x'.repeat(1 << 20)]: class { } }['x'.repeat(1 << 20)]; console.log(A, new A()); return 1")),
        patient(gives("a chain of causes", "1", "let e = new Error('0'); for (let i = 0; i < 1e4; i++) e = new Error('e' + i, { cause: e }); console.log(e); return 1")),
        patient(gives("an aggregate of errors", "1", "console.log(new AggregateError(Array.from({ length: 1e4 }, (_, i) => new Error('e' + i)))); return 1")),
        patient(gives("a format of a thousand objects", "1", "console.log('%o'.repeat(1000), ...Array.from({ length: 1000 }, () => ({ a: [1, 2, 3] }))); return 1").or(OUTPUT)),
        patient(gives("a table of a million cells", "1", "console.table(Array.from({ length: 1000 }, () => new Array(1000).fill(1))); return 1").or(OUTPUT)),
        patient(gives("groups in groups", "1", "for (let i = 0; i < 1e4; i++) console.group(); console.log('a\\nb'); return 1").or(OUTPUT)),
        fails("counters", &[OutputLimit, CpuLimit], "for (let i = 0; ; i++) console.count('label ' + i)"),
        // Results.
        patient(fails("a result over the limit", OUTPUT, "return 'x'.repeat((1 << 20) + 1)").saying("over the limit")),
        patient(fails("a result of 16 MB", &[OutputLimit, MemoryLimit], "return 'x'.repeat(1 << 24)")),
        patient(fails("a result whose escapes are over the limit", OUTPUT, "return '\\u0001'.repeat(1 << 18)")),
        patient(fails("a result whose bytes are over the limit", OUTPUT, "return '日'.repeat(400_000)")),
        patient(fails("a result of many parts, all the same", &[OutputLimit, MemoryLimit, CpuLimit], "let o: any = ['x'.repeat(100)]; for (let i = 0; i < 40; i++) o = [o, o]; return o")),
        fails("a result of long texts, all the same", OUTPUT, "return new Array(5000).fill('x'.repeat(100_000))").saying("24 MiB").within(|limits| limits.cpu *= 20),
        fails("a result of long names, all the same", OUTPUT, "return new Array(5000).fill({ ['x'.repeat(100_000)]: 1 })").saying("24 MiB").within(|limits| limits.cpu *= 20),
        fails("a result of escapes, all the same", &[OutputLimit, MemoryLimit], "return new Array(5000).fill('\\u0001'.repeat(100_000))").within(|limits| limits.cpu *= 20),
        fails("a result of raw numbers, all the same", OUTPUT, "return new Array(5000).fill((JSON as any).rawJSON('1'.repeat(100_000)))").saying("24 MiB").within(|limits| limits.cpu *= 20),
        fails("arguments of long texts, all the same", EXCEPTION, "return await env.demo.echo({ t: new Array(5000).fill('x'.repeat(100_000)) })").saying("24 MiB").within(|limits| limits.cpu *= 20),
        gives("a result of half characters", "\"\\ufffd\"", "return JSON.parse('\"\\\\ud800\"')").or(EXCEPTION),
        patient(fails("a response over the limit", &[OutputLimit, MemoryLimit], "export default { fetch: () => new Response('x'.repeat(1 << 22)) }")),
        patient(fails("a response that streams without end", &[OutputLimit, MemoryLimit, CpuLimit], "export default { fetch: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16)) } })) }")),
        // Calls.
        patient(fails("calls, one after the other", CALLS, "for (;;) await env.demo.add({ a: 1, b: 1 })")),
        patient(fails("calls at once", CALLS, "const a: any[] = []; for (;;) a.push(env.demo.add({ a: 1, b: 1 }))")),
        patient(fails("calls in a catch-all", CALLS, "for (;;) { try { await env.demo.add({ a: 1, b: 1 }) } catch { } }")),
        patient(fails("calls that nobody awaits", CALLS, "const f = () => { env.demo.add({ a: 1, b: 1 }); queueMicrotask(f) }; f(); await new Promise(() => { })")),
        patient(fails("calls that fail", CALLS, "for (;;) await env.demo.fail({}).catch(() => { })")),
        patient(fails("lists of tools", CALLS, "for (;;) await env.demo.$tools()")),
        patient(fails("raw calls", CALLS, "for (;;) await env.demo.$raw('add', { a: 1, b: 1 })")),
        patient(gives("500 calls at once", "500", "return (await Promise.all(Array.from({ length: 500 }, (_, i) => env.demo.echo({ i })))).length")),
        fails("calls of tools that do not exist", CPU, "for (;;) await env.demo.nothing({}).catch(() => { })"),
        fails("calls of servers that do not exist", CPU, "for (;;) { try { env.nothing } catch { } }"),
        patient(fails("a tool with a name of a megabyte", EXCEPTION, "await env.demo['x'.repeat(1 << 20)]({})")),
        patient(fails("a server with a name of a megabyte", EXCEPTION, "await env['x'.repeat(1 << 20)].a({})")),
        fails("a call that is never answered", WALL, "await env.demo.wait({ ms: 1e6 })")
            .within(|limits| limits.wall = std::time::Duration::from_millis(200)),
        fails("calls that are never answered", WALL, "await Promise.all(Array.from({ length: 400 }, () => env.demo.wait({ ms: 1e6 })))")
            .within(|limits| limits.wall = std::time::Duration::from_millis(300)),
        gives("calls left behind", "1", "for (let i = 0; i < 400; i++) env.demo.wait({ ms: 1e6 }); return 1"),
        patient(fails("arguments of 16 MB", MEMORY, "const t = 'x'.repeat(1 << 24); for (;;) env.demo.echo({ t })").saying("memory")),
        patient(fails("arguments of a megabyte, again and again", &[MemoryLimit, isolet_runtime::ErrorCode::CallLimit], "const t = 'x'.repeat(1 << 20); for (;;) env.demo.wait({ t, ms: 1e6 })")),
        patient(gives("arguments of a megabyte", "1048576", "return (await env.demo.echo({ t: 'x'.repeat(1 << 20) })).t.length")),
        // Answers.
        patient(gives("an answer of 4 MB", "4194304", "return (await env.demo.big({ mb: 4 })).length")),
        patient(fails("an answer of 36 MB", MEMORY, "return (await env.demo.big({ mb: 36 })).length")),
        patient(fails("many answers of 4 MB", MEMORY, "return (await Promise.all(Array.from({ length: 12 }, () => env.demo.big({ mb: 4 })))).length")),
        gives("an answer with names of the language", "[\"{\\\"__proto__\\\":{\\\"a\\\":1},\\\"constructor\\\":2,\\\"then\\\":3}\",null]", "const v = await env.demo.answer({ json: '{\"__proto__\":{\"a\":1},\"constructor\":2,\"then\":3}' }); return [JSON.stringify(v), v.a]"),
        fails("an answer that is no JSON", &[Exception, ToolError], "return await env.demo.answer({ json: '{' })"),
        fails("an answer that is nothing", &[Exception, ToolError], "return await env.demo.answer({ json: '' })"),
        patient(gives("an answer a hundred thousand deep", "1", "let v = await env.demo.answer({ json: '['.repeat(1e5) + ']'.repeat(1e5) }); while (v.length) v = v[0]; return 1")),
        // It takes 0.1 s of CPU in a debug build; the case does not test that limit.
        fails("a failure of a megabyte", &[ToolError], "await env.demo.fail({ message: 'x'.repeat(1 << 20), hint: 'y'.repeat(1 << 20) })")
            .within(|limits| limits.cpu *= 10),
        fails("a failure with a result that is no JSON", &[ToolError], "await env.demo.fail({ result: '}{' })"),
        fails("a failure that names an internal field", &[ToolError], "await env.demo.fail({ message: 'm', result: '{\"site\":[1,1],\"unknown\":true}' })").saying("m"),
        // Timers.
        fails("timers", EXCEPTION, "for (;;) setTimeout(() => { }, 1e6)").saying("timers"),
        fails("timers in a catch-all", CPU, "for (;;) { try { setTimeout(() => { }, 1e6) } catch { } }"),
        fails("timers, made and cleared", CPU, "for (;;) clearTimeout(setTimeout(() => { }, 1e6))"),
        fails("timers in descending order", &[CpuLimit, Exception], "for (let i = 1e9; ; i--) setTimeout(() => { }, i)"),
        fails("a timer after the end of time", WALL, "await new Promise((r) => setTimeout(r, 2 ** 31 - 1))")
            .within(|limits| limits.wall = std::time::Duration::from_millis(100)),
        fails("an interval", WALL, "setInterval(() => { }, 1); await new Promise(() => { })")
            .within(|limits| limits.wall = std::time::Duration::from_millis(100)),
        gives("odd delays", "9", "let n = 0; for (const d of [-1, NaN, Infinity, 2 ** 31, 2 ** 53, '1', null, {}, undefined]) setTimeout(() => n++, d as any); await new Promise((r) => setTimeout(r, 40)); return n"),
        // Other values.
        gives("rejections that nobody handles", "1", "for (let i = 0; i < 1000; i++) Promise.reject(new Error('x')); await new Promise((r) => setTimeout(r, 5)); return 1"),
        patient(gives("an abort of many", "1000", "const c = new AbortController(); let n = 0; for (let i = 0; i < 1e3; i++) c.signal.addEventListener('abort', () => n++); c.abort(); return n")),
        patient(gives("random bytes past the quota", "\"QuotaExceededError\"", "try { crypto.getRandomValues(new Uint8Array(1 << 20)); return 0 } catch (e) { return e.name }")),
    ];
    cases.push(patient(
        gives("an input of 4 MB", "4194304", "return input.length")
            .input(format!("\"{}\"", "x".repeat(4 << 20))),
    ));
    cases.push(patient(
        gives("an input a hundred thousand deep", "1", "let v = input; while (v.length) v = v[0]; return 1")
            .input(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
    ));
    cases.push(
        gives(
            "an input with names of the language",
            "[1,null,\"object\"]",
            "return [input.__proto__.a, input.a, typeof input.constructor]",
        )
        .input(r#"{"__proto__":{"a":1},"constructor":{}}"#.into()),
    );
    cases.push(fails("an input that is no JSON", EXCEPTION, "return input").input("{".into()));
    cases
}
