//! Workers that a Worker loads, whose process its code may have taken over.

use super::*;
use crate::worker::fetch_host::{ExportHost, FetchFuture, FetchRequest};
use crate::worker::protocol::MAX_PROPS_BYTES;

/// A loader that keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<LoadedCode>>);

impl WorkerLoader for Kept {
    fn load(&self, code: LoadedCode) -> BoxFuture<'static, Result<Worker, RunError>> {
        self.0.lock().push(code);
        Box::pin(async { Err(RunError::new(ErrorCode::Exception, "Error", "kept")) })
    }
}

struct Silent;

impl FetchHost for Silent {
    fn fetch(&self, _: FetchRequest) -> FetchFuture {
        Box::pin(std::future::pending())
    }
}

struct Exports;

impl ExportHost for Exports {
    fn fetch(&self, _: Entrypoint, _: FetchRequest) -> FetchFuture {
        Box::pin(std::future::pending())
    }

    fn worker(&self) -> Option<Worker> {
        None
    }
}

fn setup() -> (Arc<Kept>, LoadedWorkers, FetchBindings) {
    let kept = Arc::new(Kept::default());
    let mut bindings = FetchBindings::default();
    bindings.add("API", Arc::new(Silent));
    bindings.add(GLOBAL_FETCH, Arc::new(Silent));
    (kept.clone(), LoadedWorkers::new(kept), bindings)
}

fn frame(change: impl FnOnce(&mut CodeFrame)) -> CodeResult {
    let content = Blob(b"export default {}".to_vec());
    let mut frame = CodeFrame {
        main: "main.js".into(),
        modules: vec![CodeModule { name: "main.js".into(), kind: ModuleKind::EsModule, content }],
        date: "2026-01-01".into(),
        flags: Vec::new(),
        vars: "{}".into(),
        bindings: Vec::new(),
        outbound: Outbound::None,
        cpu_ms: None,
        subrequests: None,
    };
    change(&mut frame);
    Ok(Box::new(frame))
}

fn api() -> FetchTarget {
    FetchTarget::Binding("API".into())
}

#[test]
fn a_worker_that_breaks_the_rules_of_loading_is_noticed() {
    let (_, loaded, mut bindings) = setup();
    bindings.set_exports(Arc::new(Exports));
    let give = |number, code| loaded.give(number, code, &bindings).is_ok();
    assert!(!give(1, frame(|_| ())), "code for no Worker");
    assert!(loaded.begin(7, 1).is_ok() && loaded.begin(7, 1).is_err(), "a number twice");
    let export = |bytes| FetchTarget::Export(Entrypoint { name: String::new(), props: " ".repeat(bytes) });
    let secret = FetchTarget::Binding("SECRET".into());
    let other = FetchTarget::Loaded { worker: 9, entrypoint: Entrypoint::default() };
    for (case, code) in [
        ("a binding that it does not have", frame(|code| code.bindings.push(("A".into(), secret.clone())))),
        ("a Worker that it has not loaded", frame(|code| code.bindings.push(("A".into(), other)))),
        ("a network that it does not have", frame(|code| code.outbound = Outbound::To(secret))),
        ("a network by another way", frame(|code| code.bindings.push((GLOBAL_FETCH.into(), api())))),
        ("a name of isolet's own", frame(|code| code.bindings.push((":caches".into(), api())))),
        ("variables that are not JSON", frame(|code| code.vars = "{".into())),
        ("variables that are not an object", frame(|code| code.vars = "[]".into())),
        (
            "more variables than they have",
            frame(|code| code.vars = format!("{{\"a\":[{}0]}}", "0,".repeat(MAX_VARS_BYTES / 2))),
        ),
        ("too much code", frame(|code| code.modules[0].content = Blob(vec![b' '; MAX_CODE_BYTES]))),
        (
            "too many variables",
            frame(|code| code.vars = format!("{{\"a\":\"{}\"}}", " ".repeat(MAX_CODE_BYTES))),
        ),
        (
            "a binding with long properties",
            frame(|code| code.bindings.push(("A".into(), export(MAX_PROPS_BYTES + 1)))),
        ),
        (
            "a network with long properties",
            frame(|code| code.outbound = Outbound::To(export(MAX_PROPS_BYTES + 1))),
        ),
        (
            "too many properties together",
            frame(|code| code.bindings = vec![("A".into(), export(MAX_PROPS_BYTES)); 8]),
        ),
        ("a long error", Err(FetchError::from(" ".repeat(MAX_CODE_BYTES + 1)))),
    ] {
        assert!(!give(1, code), "{case}");
    }
    assert!(give(1, frame(|_| ())) && !give(1, frame(|_| ())), "code twice");
    assert!(loaded.end(1).is_ok() && loaded.end(1).is_err(), "an end twice");
    for number in 2..2 + MAX_LOADED_WORKERS as u32 {
        assert!(loaded.begin(7, number).is_ok());
    }
    assert!(loaded.begin(7, 1000).is_err(), "too many at once");
    loaded.end_request(7);
    assert!(loaded.live.lock().is_empty());
}

#[tokio::test]
async fn a_loaded_worker_has_what_it_was_given_and_no_more() {
    let (kept, loaded, bindings) = setup();
    for (number, outbound) in [(1, Outbound::None), (2, Outbound::Inherited), (3, Outbound::To(api()))] {
        loaded.begin(0, number).unwrap();
        let code = frame(|code| {
            code.outbound = outbound;
            code.bindings = vec![("OTHER".into(), api())];
            code.vars = "{\"A\":1}".into();
        });
        loaded.give(number, code, &bindings).unwrap();
        let worker = loaded.worker(number).unwrap();
        let error = worker.scheduled(1, String::new(), 0.0).await.unwrap_err();
        assert_eq!(error.message, "kept", "it starts with its first request");
    }
    let names: Vec<_> = kept.0.lock().iter().map(|code| code.bindings.names()).collect();
    assert_eq!(names, [vec!["OTHER"], vec!["", "OTHER"], vec!["", "OTHER"]]);
    assert_eq!(kept.0.lock()[0].vars["A"], 1);

    loaded.begin(0, 4).unwrap();
    let worker = loaded.worker(4).unwrap();
    loaded
        .give(4, Err(FetchError { name: "RangeError".into(), message: "no code".into() }), &bindings)
        .unwrap();
    assert_eq!(worker.scheduled(1, String::new(), 0.0).await.unwrap_err().to_string(), "RangeError: no code");
    loaded.begin(0, 5).unwrap();
    let worker = loaded.worker(5).unwrap();
    loaded.close();
    assert!(worker.scheduled(1, String::new(), 0.0).await.unwrap_err().message.contains("not wanted"));
}

/// A loader whose Workers keep what they are given, as those that have started do.
struct Keeping;

impl WorkerLoader for Keeping {
    fn load(&self, code: LoadedCode) -> BoxFuture<'static, Result<Worker, RunError>> {
        let start = async move {
            let _code = code;
            std::future::pending().await
        };
        Box::pin(std::future::ready(Ok(Worker::later(start.boxed()))))
    }
}

#[tokio::test]
async fn workers_that_have_bindings_to_each_other_end() {
    let of = |worker| FetchTarget::Loaded { worker, entrypoint: Default::default() };
    for starts in [false, true] {
        let (host, loaded) = (Arc::new(Silent), LoadedWorkers::new(Arc::new(Keeping)));
        let given = Arc::downgrade(&host);
        let mut bindings = FetchBindings::default();
        bindings.add("API", host);
        loaded.begin(0, 1).unwrap();
        loaded.begin(0, 2).unwrap();
        let early = loaded.host(&of(2), &bindings).unwrap();
        for number in [1, 2] {
            let code = frame(|code| {
                let targets = [("API", api()), ("ONE", of(1)), ("TWO", of(2))];
                code.bindings = targets.map(|(name, target)| (name.into(), target)).into();
            });
            loaded.give(number, code, &bindings).unwrap();
        }
        if starts {
            for worker in [1, 2].map(|number| loaded.worker(number).unwrap()) {
                let start = tokio::time::timeout(std::time::Duration::from_millis(10), worker.started());
                assert!(start.await.is_err(), "it starts, and is not ready");
            }
        }
        drop(bindings);
        assert!(given.upgrade().is_some() && early.destination().is_ok());
        loaded.end(1).unwrap();
        loaded.end(2).unwrap();
        assert!(given.upgrade().is_none(), "{starts}");
        let (head, chain) = Default::default();
        let request = FetchRequest { head, body: crate::worker::RequestBody::Empty, chain };
        let error = early.fetch(request).await.err().unwrap();
        assert_eq!(error.message, "The Worker is not loaded any more.");
    }
}
