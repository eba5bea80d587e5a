//! Copies of app zygotes: honest ones share nothing that they must not, and one that was taken over
//! makes no process that the broker does not know.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use isolet_runtime::{
    Engine, EngineOptions, Environment, ErrorCode, HttpRequest, Isolation, Limits, Module, NodeFeatures,
    RequestBody, RequestHead, RequestOrigin, ResponseBody, RunError, ToolFuture, ToolHost, ToolRequest,
    WebSocketFeatures, Worker, WorkerIsolation, WorkerJob, ZygoteProcesses,
};

/// A host without tools.
struct NoTools;

impl ToolHost for NoTools {
    fn call(&self, _: ToolRequest) -> ToolFuture {
        Box::pin(async { Ok(b"null".to_vec()) })
    }
}

/// An engine with one zygote, in which Workers may execute native code.
async fn engine() -> Engine {
    let (executable, subcommand) = (env!("CARGO_BIN_EXE_zygote").into(), "native-code".to_owned());
    let isolation = Isolation::Process(ZygoteProcesses { executable, subcommand, count: 1 });
    let options =
        EngineOptions { warm: 1, live: 64, memory: 32 << 20, isolation, ..EngineOptions::default() };
    let engine = Engine::new(options, tokio::runtime::Handle::current());
    assert!(engine.ready(Duration::from_secs(20)).await, "runners start");
    engine
}

async fn worker(engine: &Engine, isolation: WorkerIsolation, code: &str) -> Result<Worker, RunError> {
    idle_worker(engine, isolation, code, None).await
}

async fn idle_worker(
    engine: &Engine,
    isolation: WorkerIsolation,
    code: &str,
    idle_timeout: Option<Duration>,
) -> Result<Worker, RunError> {
    let limits =
        Limits { wall: Duration::from_secs(30), cpu: Duration::from_millis(500), ..Limits::default() };
    limited_worker(engine, isolation, code, idle_timeout, limits).await
}

async fn limited_worker(
    engine: &Engine,
    isolation: WorkerIsolation,
    code: &str,
    idle_timeout: Option<Duration>,
    limits: Limits,
) -> Result<Worker, RunError> {
    let job = WorkerJob {
        allows_eval_at_start: false,
        main: "main.js".into(),
        modules: [Module::es_module("main.js", code)].into(),
        node: NodeFeatures::default(),
        web_sockets: WebSocketFeatures::default(),
        environment: Environment {
            vars: serde_json::Map::new(),
            catalogue: Arc::default(),
            host: Arc::new(NoTools),
        },
        start_limits: limits.clone(),
        limits,
        log: Arc::new(|_, _| ()),
        violated: Arc::new(|_| ()),
        instances: 4,
        idle_timeout,
        isolation,
        fetchers: isolet_runtime::FetchBindings::default(),
        is_service_worker: false,
        has_exports: true,
    };
    engine.worker(job).await
}

/// Sends a request and returns the body of its answer.
async fn ask(worker: &Worker) -> Result<String, RunError> {
    match fetch(worker).await? {
        ResponseBody::Whole(bytes) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

async fn fetch(worker: &Worker) -> Result<ResponseBody, RunError> {
    let head = RequestHead { method: "GET".into(), url: "http://a/".into(), ..RequestHead::default() };
    let request = HttpRequest {
        id: Worker::next_id(),
        head,
        body: RequestBody::Empty,
        origin: RequestOrigin::default(),
    };
    Ok(worker.fetch(request).await?.body)
}

/// Returns the processes below the zygote, with their process groups. Those that have ended and
/// wait for their zygote do not count.
fn processes(engine: &Engine) -> Vec<(u32, u32)> {
    let zygote = engine.zygotes()[0].pid;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        if fields[1] == zygote.to_string() && fields[0] != "Z" && fields[0] != "X" {
            found.push((pid, fields[2].parse().unwrap()));
        }
    }
    found
}

/// Sends a signal to the app zygote of the only Worker, and returns its process id.
fn signal_app_zygote(engine: &Engine, signal: rustix::process::Signal) -> u32 {
    let leader = processes(engine).into_iter().find(|(pid, group)| pid == group).expect("an app zygote").0;
    rustix::process::kill_process(rustix::process::Pid::from_raw(leader as i32).unwrap(), signal).unwrap();
    leader
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_have_the_modules_and_no_randomness_in_common() {
    let engine = engine().await;
    let code = "let requests = 0; const drawn = Math.random(); const at = Date.now();
        export default { fetch: () => {
            const bytes = crypto.getRandomValues(new Uint32Array(2));
            return Response.json([++requests, drawn, at, Math.random(), crypto.randomUUID(), bytes.join()]);
        } };";
    let worker = worker(&engine, WorkerIsolation::Request, code).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..8 {
        let answer: serde_json::Value = serde_json::from_str(&ask(&worker).await.unwrap()).unwrap();
        assert_eq!(answer[0], 1, "no request was here before");
        answers.push(answer);
    }
    let distinct =
        |index: usize| answers.iter().map(|answer| answer[index].to_string()).collect::<HashSet<_>>().len();
    assert_eq!([1, 2, 3, 4, 5].map(distinct), [1, 1, 8, 8, 8], "{answers:?}");
    // One process has evaluated the modules, and the others are its copies.
    let groups: Vec<u32> = processes(&engine).into_iter().map(|(_, group)| group).collect();
    let family = processes(&engine).into_iter().find(|(pid, group)| pid == group).expect("an app zygote").0;
    assert!(groups.contains(&family));
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_copies_do_not_repeat_a_nonce() {
    let engine = engine().await;
    // A generator that copies had in common would make the same key and the same nonce, from which
    // the first 32 bytes follow.
    let code = "const pair = crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
            .catch((error) => error.message);
        export default { fetch: async () => {
            const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
            const signed = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, new Uint8Array(1));
            return Response.json([await pair, new Uint8Array(signed).slice(0, 32).join()]);
        } };";
    let worker = worker(&engine, WorkerIsolation::Request, code).await.unwrap();
    let mut seen = HashSet::new();
    for _ in 0..4 {
        let answer: serde_json::Value = serde_json::from_str(&ask(&worker).await.unwrap()).unwrap();
        assert!(answer[0].as_str().unwrap().starts_with("Disallowed operation"), "{answer}");
        assert!(seen.insert(answer[1].to_string()), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_modules_cannot_do_at_the_start_fails_with_the_words_of_workerd() {
    let engine = engine().await;
    for operation in [
        "crypto.randomUUID()",
        "crypto.getRandomValues(new Uint8Array(4))",
        "setTimeout(() => {}, 0)",
        "setInterval(() => {}, 1)",
        "AbortSignal.timeout(1)",
        "await scheduler.wait(1)",
        "await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt'])",
    ] {
        let code = format!("{operation};\nexport default {{ fetch: () => new Response('') }};");
        let error = worker(&engine, WorkerIsolation::Isolate, &code).await.err().expect(operation);
        assert!(
            error.message.contains("Disallowed operation called within global scope."),
            "{operation}: {error:?}"
        );
    }
    let code = "await new Promise(() => {}); export default { fetch: () => new Response('') };";
    let error = worker(&engine, WorkerIsolation::Isolate, code).await.err().unwrap();
    assert!(error.message.contains("top-level await"), "{error:?}");
}

/// An app zygote that was taken over leaves no process, whatever it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_family_that_was_taken_over_is_ended_whole() {
    let engine = engine().await;
    for act in ["fork twice", "fork on", "answer itself", "answer before a fork", "guess", "leave", "hide"] {
        let code = format!("//copy:{act}\nexport default {{ fetch: () => new Response('') }};");
        let started =
            tokio::time::timeout(Duration::from_secs(30), worker(&engine, WorkerIsolation::Isolate, &code));
        let error = started.await.expect(act).err().unwrap_or_else(|| panic!("{act}: it started"));
        assert!(matches!(error.code, ErrorCode::Crashed | ErrorCode::Violation), "{act}: {error:?}");
        // The runner that waits has the group of its zygote.
        let until = Instant::now() + Duration::from_secs(10);
        let strays = || {
            let all = processes(&engine);
            let idle = engine.zygotes()[0].warm;
            (all.len() > idle).then_some(all)
        };
        while let Some(left) = strays() {
            assert!(Instant::now() < until, "{act}: {left:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(engine.zygote_restarts(), 0, "its zygote goes on");
    let honest = "export default { fetch: () => new Response('fine') };";
    let worker = worker(&engine, WorkerIsolation::Request, honest).await.unwrap();
    assert_eq!(ask(&worker).await.unwrap(), "fine");
}

/// Without the broker's word no process of a jail forks, nor gets a socket.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_nobody_asked_for_is_a_violation() {
    let engine = engine().await;
    for native in ["fork", "ask for a socket"] {
        let code = format!("//native:{native}\nexport default {{ fetch: () => new Response('') }};");
        let error = worker(&engine, WorkerIsolation::Isolate, &code).await.err().expect(native);
        assert_eq!(error.code, ErrorCode::Violation, "{native}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_go_on_when_their_app_zygote_has_ended() {
    let engine = engine().await;
    let code = "let requests = 0; export default { fetch: () => new Response(`${++requests}`) };";
    let worker = worker(&engine, WorkerIsolation::Isolate, code).await.unwrap();
    assert_eq!(ask(&worker).await.unwrap(), "1");
    signal_app_zygote(&engine, rustix::process::Signal::KILL);
    for count in 2..6 {
        assert_eq!(ask(&worker).await.unwrap(), count.to_string(), "the same process answers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_zygote_that_does_not_fork_is_ended_without_its_copies() {
    let engine = engine().await;
    let code = "export default { async fetch() { await new Promise((done) => setTimeout(done, 20_000)); } };";
    let worker = Arc::new(worker(&engine, WorkerIsolation::Request, code).await.unwrap());
    let request = || {
        let worker = worker.clone();
        tokio::spawn(async move { ask(&worker).await })
    };
    let first = request();
    let leader = signal_app_zygote(&engine, rustix::process::Signal::CONT);
    let family = || processes(&engine).into_iter().filter(|(_, group)| *group == leader).collect::<Vec<_>>();
    let until = Instant::now() + Duration::from_secs(30);
    // Itself, the copy that has the request, and one ahead of the next.
    while family().len() < 3 {
        assert!(Instant::now() < until, "{:?}", family());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal_app_zygote(&engine, rustix::process::Signal::STOP);
    // The copy ahead of a third one is not made.
    let second = request();
    let mut copies = family();
    copies.retain(|(pid, _)| *pid != leader);
    while family().iter().any(|(pid, _)| *pid == leader) {
        assert!(Instant::now() < until, "{:?}", family());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(family(), copies);
    [first, second].iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_not_wait_for_a_zygote_that_has_stopped() {
    let engine = engine().await;
    let zygote = rustix::process::Pid::from_raw(engine.zygotes()[0].pid as i32).unwrap();
    rustix::process::kill_process(zygote, rustix::process::Signal::STOP).unwrap();
    let code = "export default { fetch: () => new Response('fine') };";
    let worker = worker(&engine, WorkerIsolation::Isolate, code).await.unwrap();
    assert_eq!(ask(&worker).await.unwrap(), "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_zygote_is_given_up_also_when_its_last_copy_was_ended() {
    let engine = engine().await;
    let spins = "export default { fetch() { for (;;); } };";
    let idle_timeout = Some(Duration::from_secs(2));
    let worker = idle_worker(&engine, WorkerIsolation::Isolate, spins, idle_timeout).await.unwrap();
    assert_eq!(ask(&worker).await.unwrap_err().code, ErrorCode::CpuLimit);
    let until = Instant::now() + Duration::from_secs(20);
    while processes(&engine).iter().any(|(pid, group)| pid == group) {
        assert!(Instant::now() < until, "{:?}", processes(&engine));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_keep_their_limits_and_leave_no_process() {
    let engine = engine().await;
    let code = "const kept = []; export default { async fetch() {
            for (;;) { kept.push(new Array(10000).fill(0.5)); if (kept.length % 100 === 0) await 0; } } };";
    let eats = worker(&engine, WorkerIsolation::Request, code).await.unwrap();
    let error = ask(&eats).await.unwrap_err();
    assert!(matches!(error.code, ErrorCode::MemoryLimit | ErrorCode::CpuLimit), "{error:?}");
    let spins = "export default { fetch() { for (;;); } };";
    let spins = worker(&engine, WorkerIsolation::Request, spins).await.unwrap();
    assert_eq!(ask(&spins).await.unwrap_err().code, ErrorCode::CpuLimit);
    drop((eats, spins));
    let until = Instant::now() + Duration::from_secs(10);
    while processes(&engine).len() > engine.zygotes()[0].warm {
        assert!(Instant::now() < until, "{:?}", processes(&engine));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A process that uses much memory takes no more requests, and goes on for those that it has. Such
/// processes are bounded too: each has its memory, and its requests may last.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_take_no_more_requests_are_bounded() {
    let engine = engine().await;
    let code = "export default { fetch() {
        const held = [];
        for (let i = 0; i < 27; i++) held.push(new Uint8Array(1 << 20).fill(1));
        return new Response(new ReadableStream({ async pull() {
            await scheduler.wait(60_000);
            held.length = 0; } })); } };";
    let worker = worker(&engine, WorkerIsolation::Isolate, code).await.unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let mut bodies = Vec::new();
    // Four may go on beside the one that takes requests.
    for _ in 0..6 {
        let ResponseBody::Stream(body) = fetch(&worker).await.unwrap() else { panic!("not a stream") };
        bodies.push(body);
        while worker.instances() > 0 {
            assert!(Instant::now() < until, "{:?}", processes(&engine));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let broken = tokio::time::timeout(Duration::from_secs(20), bodies[0].next()).await.expect("its end");
    let broken = broken.expect("an error").expect_err("no bytes");
    assert!(broken.0.contains("ended"), "{broken:?}");
    for body in &mut bodies[2..] {
        let next = tokio::time::timeout(Duration::from_millis(10), body.next()).await;
        assert!(next.is_err(), "{next:?}");
    }
}

/// A request that has a process of its own waits for one as long as the wall limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_does_not_wait_for_a_process_without_an_end() {
    let engine = engine().await;
    let limits = Limits { wall: Duration::from_secs(1), ..Limits::default() };
    let code = "export default { fetch: () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })) };";
    let worker = limited_worker(&engine, WorkerIsolation::Request, code, None, limits).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(fetch(&worker).await.unwrap());
    }
    let refused = fetch(&worker).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::WallLimit, "{refused:?}");
    assert!(refused.message.contains("4 processes were all in use"), "{refused:?}");
    drop(held);
    fetch(&worker).await.unwrap();
}
