//! The parts of a run, whole runs, and requests to a Worker: `cargo bench -p isolet-runtime --bench
//! runs`.
//!
//! | module | content |
//! |---|---|
//! | `script` | a script's text, prepared for V8 |
//! | `isolate` | an isolate from the snapshot |
//! | `value` | values of calls between Workers, as bytes |
//! | `run` | runs, by the engine's isolation |
//! | `worker` | requests, and calls of a method, to a Worker on a thread |
//!
//! Whole runs and requests are measured on the clock of their caller. Other threads and processes
//! make the isolates and runners ahead of demand, so with one run after the other their time counts
//! as far as it is longer than the run.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use isolet_runtime::testing::isolates;
use isolet_runtime::{
    Catalogue, Engine, EngineOptions, Entry, Environment, FetchBindings, HttpRequest, Isolation, Job,
    Language, Limits, Module, NodeFeatures, RequestBody, RequestHead, RequestOrigin, ResponseBody,
    ServerTools, ToolFuture, ToolHost, ToolRequest, WebSocketFeatures, Worker, WorkerIsolation, WorkerJob,
    ZygoteProcesses,
};

/// The runtime that drives engines.
static TOKIO: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("a tokio runtime"));

fn main() {
    // Threads from before could not enter isolates.
    isolates::start();
    divan::main();
}

mod script {
    use super::*;

    /// Dense TypeScript, in blocks of about 150 bytes, of which each text has some.
    fn typescript(blocks: usize) -> String {
        let block = |number: usize| {
            format!(
                "const part{number}: Record<string, number> = {{ a: {number}, b: 2 }};\n\
                 const sum{number} = (await env.demo.add(part{number} as {{ a: number; b: number }})).sum satisfies number;\n"
            )
        };
        (0..blocks).map(block).collect::<String>() + "return sum0"
    }

    #[divan::bench(args = [2, 20, 600])]
    fn with_types(bencher: Bencher, blocks: usize) {
        let text = typescript(blocks);
        bencher.counter(BytesCount::of_str(&text)).bench_local(|| isolates::prepare(black_box(&text), true));
    }

    #[divan::bench(args = [2, 20, 600])]
    fn javascript(bencher: Bencher, blocks: usize) {
        let block = |number: usize| {
            format!(
                "const sum{number} = (await env.demo.add({{ a: {number}, b: 2, c: [1, 2, 3], d: 'a text', e: {{ f: true, g: null }} }})).sum;\n"
            )
        };
        let text = (0..blocks).map(block).collect::<String>() + "return sum0";
        bencher.counter(BytesCount::of_str(&text)).bench_local(|| isolates::prepare(black_box(&text), false));
    }

    /// An enum is more than types: the text is parsed twice and rewritten.
    #[divan::bench(args = [2, 20])]
    fn with_an_enum(bencher: Bencher, blocks: usize) {
        let text = format!("enum Kind {{ One = 1, Two }}\n{}", typescript(blocks));
        bencher.counter(BytesCount::of_str(&text)).bench_local(|| isolates::prepare(black_box(&text), true));
    }
}

mod isolate {
    use super::*;

    #[divan::bench]
    fn fresh(bencher: Bencher) {
        bencher.bench_local(isolates::make_isolate);
    }
}

mod value {
    use super::*;

    /// Returns a value in an isolate of its own: arguments of a usual size, a list, bytes.
    fn value(name: &str) -> isolates::SerializedValue {
        isolates::SerializedValue::of(match name {
            "record" => "({ id: 1, name: 'a name', tags: ['a', 'b', 'c'], at: new Date(0) })",
            "100 records" => {
                "Array.from({ length: 100 }, (_, id) => ({ id, name: `row ${id}`, tags: ['a', 'b'] }))"
            }
            _ => "new Uint8Array(100000)",
        })
    }

    #[divan::bench(args = ["record", "100 records", "100 KB"])]
    fn write(bencher: Bencher, name: &str) {
        let mut value = value(name);
        let bytes = value.write().len();
        bencher.counter(BytesCount::new(bytes)).bench_local(|| value.write());
    }

    #[divan::bench(args = ["record", "100 records", "100 KB"])]
    fn read(bencher: Bencher, name: &str) {
        let mut value = value(name);
        let bytes = value.write();
        bencher.counter(BytesCount::new(bytes.len())).bench_local(|| value.read(black_box(&bytes)));
    }
}

/// Tools that all return the same object.
struct ConstantTools;

impl ToolHost for ConstantTools {
    fn call(&self, _: ToolRequest) -> ToolFuture {
        Box::pin(async { Ok(b"{\"sum\":3}".to_vec()) })
    }
}

fn environment() -> Environment {
    let mut catalogue = Catalogue::default();
    catalogue.insert("demo", "demo", ServerTools::new([("add", "add")]));
    Environment {
        vars: serde_json::Map::new(),
        catalogue: Arc::new(catalogue),
        host: Arc::new(ConstantTools),
    }
}

fn engine(isolation: Isolation) -> Engine {
    let engine = Engine::new(EngineOptions { isolation, ..EngineOptions::default() }, TOKIO.handle().clone());
    let ready = TOKIO.block_on(engine.ready(Duration::from_secs(60)));
    assert!(ready, "{:?}", engine.start_failure());
    engine
}

mod run {
    use super::*;

    /// Scripts with their results.
    const SCRIPTS: [(&str, &str); 3] = [
        ("return 1 + 1", "2"),
        ("return (await env.demo.add({ a: 1, b: 2 })).sum", "3"),
        (
            "let sum = 0; for (let i = 0; i < 10; i++) sum += (await env.demo.add({ a: i })).sum; return sum",
            "30",
        ),
    ];

    fn measure(bencher: Bencher, isolation: Isolation, calls: usize) {
        let engine = engine(isolation);
        let environment = environment();
        let (code, result) = SCRIPTS[calls.min(2)];
        bencher.bench_local(|| {
            let job = Job {
                code: code.to_owned(),
                language: Language::TypeScript,
                entry: Entry::Script { input: None },
                environment: environment.clone(),
                limits: Limits::default(),
            };
            let report = TOKIO.block_on(engine.run(job).report());
            assert_eq!(report.result.as_deref(), Ok(result));
        });
    }

    /// The argument is the number of calls.
    #[divan::bench(args = [0, 1, 10])]
    fn on_a_thread(bencher: Bencher, calls: usize) {
        measure(bencher, Isolation::Thread, calls);
    }

    /// The argument is the number of calls.
    #[cfg(target_os = "linux")]
    #[divan::bench(args = [0, 1, 10])]
    fn in_a_jailed_process(bencher: Bencher, calls: usize) {
        let executable = PathBuf::from(env!("CARGO_BIN_EXE_zygote"));
        let processes = ZygoteProcesses { executable, subcommand: "zygote".to_owned(), count: 1 };
        measure(bencher, Isolation::Process(processes), calls);
    }
}

mod worker {
    use super::*;

    /// Answers with the number of calls in the path that it has made of its own entrypoint.
    const CODE: &str = "
        import { WorkerEntrypoint } from 'cloudflare:workers';
        export class Store extends WorkerEntrypoint {
            get(value) { return value; }
        }
        const value = { id: 1, name: 'a name', tags: ['a', 'b', 'c'], at: new Date(0) };
        export default {
            async fetch(request, env, ctx) {
                const count = Number(new URL(request.url).pathname.slice(1));
                let made = 0;
                for (let i = 0; i < count; i++) made += (await ctx.exports.Store.get(value)).id;
                return new Response(String(made));
            }
        }";

    fn start() -> (Engine, Worker) {
        let engine = engine(Isolation::Thread);
        let worker = TOKIO.block_on(engine.worker(WorkerJob {
            main: "main.js".to_owned(),
            modules: [Module::es_module("main.js", CODE)].into(),
            node: NodeFeatures::default(),
            web_sockets: WebSocketFeatures::default(),
            environment: environment(),
            start_limits: Limits::default(),
            limits: Limits::default(),
            log: Arc::new(|_, _| ()),
            violated: Arc::new(|_| ()),
            instances: 1,
            isolation: WorkerIsolation::Isolate,
            idle_timeout: None,
            fetchers: FetchBindings::default(),
            is_service_worker: false,
            has_exports: true,
            allows_eval_at_start: false,
        }));
        (engine, worker.expect("a Worker"))
    }

    /// The argument is the number of calls of a method of the Worker's own entrypoint, each with a
    /// value and its copy back.
    #[divan::bench(args = [0, 1, 100])]
    fn request_with_method_calls(bencher: Bencher, calls: usize) {
        let (_engine, worker) = start();
        bencher.bench_local(|| {
            let url = format!("http://localhost/{calls}");
            let head = RequestHead { method: "GET".to_owned(), url, ..RequestHead::default() };
            let origin = RequestOrigin::default();
            let request = HttpRequest { id: Worker::next_id(), head, body: RequestBody::Empty, origin };
            let response = TOKIO.block_on(worker.fetch(request)).expect("a response");
            let ResponseBody::Whole(body) = response.body else { panic!("{:?}", response.body) };
            assert_eq!(body, calls.to_string().as_bytes());
        });
    }
}
